/* session_test.c - what a session answers, and when: see session_fixture.h. */
#include "common/grpc/session_fixture.h"

TEST(test_session_answers_with_messages_and_statuses)
{
    struct pair pair;

    pair_open(&pair);
    struct got got = call(
        &pair, (struct grpc_client_request){.path = "/t.S/Echo", .message = SLICE_LIT("hello")});
    check_reply(&got, GRPC_STATUS_OK, "");
    check_slice(got.reply.message, SLICE_LIT("hello"));
    check_i64(got.reply.http_status, 200);
    got = call(&pair, (struct grpc_client_request){.path = "/t.S/Echo"});
    check_reply(&got, GRPC_STATUS_OK, "");
    check_i64(got.reply.message_count, 1);
    check_i64(got.reply.message.len, 0);
    got = call(&pair,
               (struct grpc_client_request){.path = "/t.S/Parts", .message = SLICE_LIT("two")});
    check_slice(got.reply.message, SLICE_LIT("one two end"));

    got = call(&pair, (struct grpc_client_request){.path = "/t.S/Fails"});
    check_reply(&got, GRPC_STATUS_NOT_FOUND, "caf\xc3\xa9 100%\n");
    rpc_status *status = NULL;
    check_ok(proto_decode(&pair.arena, &rpc_status__desc, got.reply.details, &status, NULL));
    must(status != NULL && status->n_details == 1);
    check_i64(status->code, GRPC_STATUS_NOT_FOUND);
    check_str(status->message, "caf\xc3\xa9 100%\n");
    check_str(status->details[0]->type_url,
              "type.googleapis.com/temporal.api.errordetails.v1.NotFoundFailure");
    check_slice(slice_of(status->details[0]->value.data, status->details[0]->value.len),
                SLICE_LIT("\x0a\x01x"));
    pair_close(&pair);
}

static void fails_at_length(void *ctx, struct grpc_call *call)
{
    struct err_detail detail = {.text = "long",
                                .type = "temporal.api.errordetails.v1.QueryFailedFailure"};

    UNUSED(ctx);
    detail.payload = slice_of(arena_zalloc(&call->arena, 40000), 40000);
    grpc_call_fail(call, ERR_INVALID, &detail);
}

static void fails_with_headers(void *ctx, struct grpc_call *call)
{
    const struct err_detail detail = {.text = "not so fast"};

    UNUSED(ctx);
    grpc_call_header(call, "x-why", SLICE_LIT("RpsLimit"));
    grpc_call_fail(call, ERR_BUSY, &detail);
}

TEST(test_session_failures_may_have_headers)
{
    struct pair pair;

    pair_open(&pair);
    grpc_router_add(pair.router, "/t.S/Headers", GRPC_UNARY, fails_with_headers, NULL);
    const struct got got = call(&pair, (struct grpc_client_request){.path = "/t.S/Headers"});
    check_reply(&got, GRPC_STATUS_RESOURCE_EXHAUSTED, "not so fast");
    check_i64(got.reply.message_count, 0);
    pair_close(&pair);
}

static void fails_without_a_word(void *ctx, struct grpc_call *call)
{
    const struct err_detail detail = {.type = "temporal.api.errordetails.v1.QueryFailedFailure"};

    UNUSED(ctx);
    grpc_call_fail(call, ERR_INVALID, &detail);
}

TEST(test_session_a_typed_failure_may_have_no_text)
{
    struct pair pair;

    pair_open(&pair);
    grpc_router_add(pair.router, "/t.S/Silent", GRPC_UNARY, fails_without_a_word, NULL);
    const struct got got = call(&pair, (struct grpc_client_request){.path = "/t.S/Silent"});
    check_reply(&got, GRPC_STATUS_INVALID_ARGUMENT, "");
    check(got.reply.details.len > 0);
    pair_close(&pair);
}

TEST(test_session_long_details_arrive)
{
    struct pair pair;

    pair_open(&pair);
    grpc_router_add(pair.router, "/t.S/Long", GRPC_UNARY, fails_at_length, NULL);
    const struct got got = call(&pair, (struct grpc_client_request){.path = "/t.S/Long"});
    check_reply(&got, GRPC_STATUS_INVALID_ARGUMENT, "long");
    check(got.reply.details.len > 40000);
    pair_close(&pair);
}

TEST(test_session_refuses_unknown_methods_as_grpc_go_does)
{
    static const struct {
        const char *path, *text;
    } cases[] = {
        {"/t.S/Nope", "unknown method Nope for service t.S"},
        {"/a.b/C", "unknown service a.b"},
        {"/nothing", "malformed method name: \"/nothing\""},
        {"/", "malformed method name: \"/\""},
    };
    struct pair pair;

    pair_open(&pair);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct got got = call(&pair, (struct grpc_client_request){.path = cases[i].path});

        check_reply(&got, GRPC_STATUS_UNIMPLEMENTED, cases[i].text);
    }
    pair_close(&pair);
}

TEST(test_session_serves_many_streams_in_any_order)
{
    enum { COUNT = 1000 };
    struct got *got = calloc(COUNT, sizeof *got);
    struct pair pair;

    must(got != NULL);
    pair_open(&pair);
    for (size_t i = 0; i < COUNT; i++) {
        uint8_t number[8];

        be64_put(number, i);
        start(&pair,
              (struct grpc_client_request){.path = "/t.S/Hold", .message = slice_of(number, 8)},
              &got[i]);
    }
    pump(&pair);
    check_i64(pair.held_count, COUNT);
    check_i64(grpc_session_stream_count(pair.session), COUNT);
    while (pair.held_count > 0) {
        struct grpc_call *held = pair.held[--pair.held_count];

        grpc_call_reply(held, held->request);
    }
    pump(&pair);
    for (size_t i = 0; i < COUNT; i++) {
        check_reply(&got[i], GRPC_STATUS_OK, "");
        check(got[i].reply.message.len == 8 && be64_get(got[i].reply.message.ptr) == i);
    }
    check_i64(grpc_session_stream_count(pair.session), 0);
    pair_close(&pair);
    free(got);
}

TEST(test_session_a_held_poll_is_cheap)
{
    enum { COUNT = 2000, BYTES_MAX = 15000 };
    const struct grpc_client_header headers[] = {
        {"client-name", SLICE_LIT("temporal-python")},
        {"client-version", SLICE_LIT("1.35.0")},
        {"supported-server-versions", SLICE_LIT(">=1.0.0 <2.0.0")},
        {"user-agent", SLICE_LIT("tonic/0.13.1")},
        {"temporal-namespace", SLICE_LIT("default")},
    };
    uint8_t request[500] = {0};
    static struct got got[COUNT];
    struct pair pair;
    struct buf wire;

    pair_open(&pair);
    buf_init(&wire, 0);
    for (size_t i = 0; i < COUNT; i++)
        start(&pair,
              (struct grpc_client_request){.path = "/t.S/Poll",
                                           .message = slice_of(request, sizeof request),
                                           .timeout = "70S",
                                           .headers = headers,
                                           .header_count = COUNT_OF(headers)},
              &got[i]);
    /* The client sends no more than 100 requests before it has seen our settings. */
    check(grpc_session_send(pair.session, &wire, 1000) == false);
    check_ok(grpc_client_recv(pair.client, buf_slice(&wire)));
    buf_clear(&wire);
    grpc_client_send(pair.client, &wire);
    const size_t before = mallinfo2().uordblks;
    check_ok(grpc_session_recv(pair.session, buf_slice(&wire)));
    check_i64(pair.held_count, COUNT);
    const size_t after = mallinfo2().uordblks;
    if (after - before > (size_t)COUNT * BYTES_MAX)
        test_failed(__FILE__, __LINE__, "a held poll takes %zu bytes", (after - before) / COUNT);
    buf_release(&wire);
    pair_close(&pair);
    check_i64(pair.cancels[GRPC_CANCEL_CLIENT], COUNT);
    check_i64(pair.frees, COUNT);
}

TEST(test_session_sends_a_large_reply_through_flow_control)
{
    struct got got[4];
    struct pair pair;

    pair_open(&pair);
    for (size_t i = 0; i < COUNT_OF(got); i++)
        start(&pair, (struct grpc_client_request){.path = "/t.S/Big"}, &got[i]);
    pump(&pair);
    for (size_t i = 0; i < COUNT_OF(got); i++) {
        bool same = got[i].reply.message.len == 3000000;

        check_reply(&got[i], GRPC_STATUS_OK, "");
        for (size_t k = 0; same && k < 3000000; k++)
            same = got[i].reply.message.ptr[k] == (uint8_t)(k * 31);
        check(same);
    }
    pair_close(&pair);
}

TEST(test_session_takes_requests_up_to_the_limit)
{
    uint8_t *bytes = calloc(1, MESSAGE_MAX + 1);
    struct pair pair;

    must(bytes != NULL);
    pair_open(&pair);
    struct got got = call(&pair, (struct grpc_client_request){
                                     .path = "/t.S/Echo", .message = slice_of(bytes, MESSAGE_MAX)});
    check_reply(&got, GRPC_STATUS_OK, "");
    check_i64(got.reply.message.len, MESSAGE_MAX);
    got = call(&pair, (struct grpc_client_request){.path = "/t.S/Echo",
                                                   .message = slice_of(bytes, MESSAGE_MAX + 1)});
    check_reply(&got, GRPC_STATUS_RESOURCE_EXHAUSTED,
                "grpc: received message larger than max (4194305 vs. 4194304)");
    got = call(&pair, (struct grpc_client_request){.path = "/t.S/Echo",
                                                   .message = slice_of(bytes, MESSAGE_MAX + 1),
                                                   .gzip = true});
    check_reply(&got, GRPC_STATUS_RESOURCE_EXHAUSTED,
                "grpc: received message after decompression larger than max 4194304");
    got = call(&pair, (struct grpc_client_request){.path = "/t.S/Echo"});
    check_reply(&got, GRPC_STATUS_OK, "");
    pair_close(&pair);
    free(bytes);
}

TEST(test_session_answers_in_gzip_who_asks_in_gzip)
{
    uint8_t *bytes = calloc(1, 100000);
    struct pair pair;

    must(bytes != NULL);
    pair_open(&pair);
    struct got got =
        call(&pair, (struct grpc_client_request){
                        .path = "/t.S/Echo", .message = slice_of(bytes, 100000), .gzip = true});
    check_reply(&got, GRPC_STATUS_OK, "");
    check(got.reply.was_gzip && slice_eq(got.reply.message, slice_of(bytes, 100000)));
    got = call(&pair, (struct grpc_client_request){
                          .path = "/t.S/Echo", .message = SLICE_LIT("short"), .gzip = true});
    check(!got.reply.was_gzip);
    check_slice(got.reply.message, SLICE_LIT("short"));
    pair_close(&pair);
    free(bytes);
}

TEST(test_session_refuses_malformed_framing)
{
    static const struct {
        const char *name, *bytes;
        size_t len;
        enum grpc_status status;
    } cases[] = {
        {"no message", "", 0, GRPC_STATUS_INTERNAL},
        {"cut prefix", "\0\0\0", 3, GRPC_STATUS_INTERNAL},
        {"cut message", "\0\0\0\0\5abc", 8, GRPC_STATUS_INTERNAL},
        {"two messages", "\0\0\0\0\1a\0\0\0\0\1b", 12, GRPC_STATUS_INTERNAL},
        {"flag 2", "\2\0\0\0\1a", 6, GRPC_STATUS_INTERNAL},
        {"gzip without encoding", "\1\0\0\0\1a", 6, GRPC_STATUS_INTERNAL},
        {"4 GB", "\0\xff\xff\xff\xff", 5, GRPC_STATUS_RESOURCE_EXHAUSTED},
    };
    struct pair pair;

    pair_open(&pair);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct got got = call(
            &pair, (struct grpc_client_request){.path = "/t.S/Echo",
                                                .message = slice_of(cases[i].bytes, cases[i].len),
                                                .framed = true});

        if (got.replies != 1 || got.reply.status != cases[i].status)
            test_failed(__FILE__, __LINE__, "%s: %d", cases[i].name, got.reply.status);
    }
    const struct grpc_client_header zip = {"grpc-encoding", SLICE_LIT("snappy")};
    const struct got got =
        call(&pair, (struct grpc_client_request){.path = "/t.S/Echo",
                                                 .message = SLICE_LIT("\1\0\0\0\1a"),
                                                 .framed = true,
                                                 .headers = &zip,
                                                 .header_count = 1});
    check_reply(&got, GRPC_STATUS_UNIMPLEMENTED,
                "grpc: Decompressor is not installed for grpc-encoding \"snappy\"");
    const struct got late =
        call(&pair, (struct grpc_client_request){.path = "/t.S/Echo", .timeout = "5x"});
    check_reply(&late, GRPC_STATUS_INTERNAL,
                "malformed grpc-timeout: transport: timeout unit is not recognized: \"5x\"");
    pair_close(&pair);
}

TEST(test_session_bounds_the_headers)
{
    static char value[70000];
    struct grpc_client_header header = {"x-large", slice_of(value, 30000)};
    struct pair pair;

    memset(value, 'v', sizeof value);
    pair_open(&pair);
    struct got got = call(&pair, (struct grpc_client_request){
                                     .path = "/t.S/Echo", .headers = &header, .header_count = 1});
    check_reply(&got, GRPC_STATUS_OK, "");
    struct grpc_client_header many[3] = {header, header, header};
    got =
        call(&pair,
             (struct grpc_client_request){.path = "/t.S/Echo", .headers = many, .header_count = 3});
    check_i64(got.replies, 1);
    check(got.reply.status == GRPC_STATUS_RESOURCE_EXHAUSTED || got.reply.reset);
    pair_close(&pair);
}

TEST(test_session_deadlines_end_calls)
{
    struct got got, unfinished, forever;
    struct pair pair;

    pair_open(&pair);
    start(&pair, (struct grpc_client_request){.path = "/t.S/Poll", .timeout = "500m"}, &got);
    start(&pair, (struct grpc_client_request){.path = "/t.S/Poll"}, &forever);
    start(&pair,
          (struct grpc_client_request){.path = "/t.S/Echo", .framed = true, .stay_open = true},
          &unfinished);
    pump(&pair);
    check_i64(pair.held_count, 2);
    check_i64(pair.held[0]->deadline_mono_ns, 1000 * NS_PER_S + 500 * NS_PER_MS);
    check_i64(grpc_session_next_expiry_ns(pair.session), pair.held[0]->deadline_mono_ns);
    pair.clock.now_ns += 499 * NS_PER_MS;
    grpc_session_expire(pair.session);
    check_i64(pair.cancels[GRPC_CANCEL_DEADLINE], 0);
    pair.clock.now_ns += NS_PER_MS;
    grpc_session_expire(pair.session);
    check_i64(pair.cancels[GRPC_CANCEL_DEADLINE], 1);
    pump(&pair);
    check_reply(&got, GRPC_STATUS_DEADLINE_EXCEEDED, "context deadline exceeded");
    check_i64(unfinished.replies, 0);
    pair.clock.now_ns += 60 * NS_PER_S;
    grpc_session_expire(pair.session);
    pump(&pair);
    check_reply(&unfinished, GRPC_STATUS_CANCELLED, "the request did not arrive in time");
    check_i64(forever.replies, 0);
    check_i64(grpc_session_next_expiry_ns(pair.session), INT64_MAX);
    pair_close(&pair);
    check_i64(pair.cancels[GRPC_CANCEL_CLIENT], 1);
    check_i64(pair.frees, 2);
}

TEST(test_session_a_reset_cancels_the_call)
{
    struct got got, plain;
    struct pair pair;

    pair_open(&pair);
    const int32_t id = start(&pair, (struct grpc_client_request){.path = "/t.S/Poll"}, &got);
    const int32_t plain_id =
        start(&pair, (struct grpc_client_request){.path = "/t.S/Hold"}, &plain);
    pump(&pair);
    check_i64(pair.held_count, 2);
    grpc_client_cancel(pair.client, id);
    grpc_client_cancel(pair.client, plain_id);
    pump(&pair);
    check_i64(pair.cancels[GRPC_CANCEL_CLIENT], 1);
    check_i64(pair.frees, 1);
    check(got.reply.reset);
    /* Without on_cancel the call waits for its answer, which nobody hears. */
    check_i64(grpc_call_canceled(pair.held[1]), GRPC_CANCEL_CLIENT);
    grpc_call_reply(pair.held[1], SLICE_LIT("late"));
    pump(&pair);
    check_i64(grpc_session_stream_count(pair.session), 0);
    pair_close(&pair);
}

TEST(test_session_calls_outlive_a_lost_connection)
{
    struct got got[3];
    struct pair pair;

    pair_open(&pair);
    start(&pair, (struct grpc_client_request){.path = "/t.S/Hold"}, &got[0]);
    start(&pair, (struct grpc_client_request){.path = "/t.S/Poll"}, &got[1]);
    start(&pair, (struct grpc_client_request){.path = "/t.S/Hold"}, &got[2]);
    pump(&pair);
    grpc_session_free(pair.session);
    pair.session = NULL;
    check_i64(pair.cancels[GRPC_CANCEL_CLIENT], 1);
    grpc_call_on_cancel(pair.held[0], canceled, &pair); /* too late: runs at once */
    check_i64(pair.cancels[GRPC_CANCEL_CLIENT], 2);
    grpc_call_fail(pair.held[2], ERR_UNAVAILABLE, NULL);
    pair_close(&pair);
}

TEST(test_session_tells_what_became_of_an_answer)
{
    struct got got[4];
    struct pair pair;
    struct buf wire;

    pair_open(&pair);
    for (int i = 0; i < 4; i++) {
        const int32_t id = start(&pair, (struct grpc_client_request){.path = "/t.S/Hold"}, &got[i]);

        pump(&pair);
        grpc_call_on_sent(pair.held[i], on_sent, &pair);
        if (i == 1) { /* the answer comes too late */
            grpc_client_cancel(pair.client, id);
            pump(&pair);
            grpc_call_reply(pair.held[i], SLICE_LIT("x"));
            check_i64(pair.sent[GRPC_NOT_SENT], 1);
            continue;
        }
        grpc_call_reply(pair.held[i], SLICE_LIT("x"));
        if (i == 2) { /* the client takes nothing more */
            grpc_client_cancel(pair.client, id);
            pump(&pair);
            check_i64(pair.sent[GRPC_NOT_SENT], 2);
        }
        if (i == 3)
            break; /* the connection is lost while it is written */
        pump(&pair);
        grpc_session_written(pair.session);
        check_i64(pair.sent[GRPC_SENT], 1);
    }
    buf_init(&wire, 0);
    check(!grpc_session_send(pair.session, &wire, 64 * 1024));
    buf_release(&wire);
    check_i64(pair.sent[GRPC_SENT] + pair.sent[GRPC_MAYBE_SENT], 1);
    pair_close(&pair);
    check_i64(pair.sent[GRPC_MAYBE_SENT], 1);
    check_i64(pair.sent[GRPC_NOT_SENT], 2);
}

TEST(test_session_drains_without_losing_a_call)
{
    struct got got, late;
    struct pair pair;

    pair_open(&pair);
    start(&pair, (struct grpc_client_request){.path = "/t.S/Hold"}, &got);
    pump(&pair);
    grpc_session_drain(pair.session, true);
    check(!grpc_client_got_goaway(pair.client));
    /* A call that was under way when the notice was sent is still served. */
    start(&pair, (struct grpc_client_request){.path = "/t.S/Echo", .message = SLICE_LIT("x")},
          &late);
    pump(&pair);
    check(grpc_client_got_goaway(pair.client));
    check_reply(&late, GRPC_STATUS_OK, "");
    check(!grpc_session_is_done(pair.session));
    grpc_call_reply(pair.held[0], SLICE_LIT("done"));
    pump(&pair);
    check_reply(&got, GRPC_STATUS_OK, "");
    check(grpc_session_is_done(pair.session));
    pair_close(&pair);
}

TEST(test_session_aborts_what_does_not_end)
{
    struct got got, watch, chatting;
    struct pair pair;

    pair_open(&pair);
    start(&pair, (struct grpc_client_request){.path = "/t.S/Poll"}, &got);
    start(&pair, (struct grpc_client_request){.path = "/grpc.health.v1.Health/Watch"}, &watch);
    start(&pair, (struct grpc_client_request){.path = "/t.S/Chat", .stay_open = true}, &chatting);
    pump(&pair);
    check_i64(watch.messages, 1);
    grpc_session_drain(pair.session, true); /* ends the streams, not the call */
    pump(&pair);
    check_i64(watch.replies + chatting.replies, 2);
    check_i64(got.replies, 0);
    grpc_session_abort(pair.session);
    pump(&pair);
    check_reply(&got, GRPC_STATUS_UNAVAILABLE, "the server is shutting down");
    check_i64(pair.cancels[GRPC_CANCEL_SHUTDOWN], 2);
    check(grpc_session_is_done(pair.session));
    pair_close(&pair);
}

TEST(test_session_streams)
{
    struct got got;
    struct pair pair;

    pair_open(&pair);
    got = call(&pair,
               (struct grpc_client_request){.path = "/t.S/Count", .message = SLICE_LIT("12345")});
    check_reply(&got, GRPC_STATUS_OK, "");
    check_i64(got.messages, 5);
    check_slice(got.reply.message, SLICE_LIT("1234"));
    got =
        call(&pair,
             (struct grpc_client_request){.path = "/t.S/Chat",
                                          .message = SLICE_LIT("\0\0\0\0\1a\0\0\0\0\0\0\0\0\0\2bc"),
                                          .framed = true});
    check_reply(&got, GRPC_STATUS_OK, "");
    check_i64(got.messages, 3);
    check_slice(got.reply.message, SLICE_LIT("bc"));
    pair_close(&pair);
}

TEST(test_session_health)
{
    struct pair pair;

    pair_open(&pair);
    struct got got =
        call(&pair, (struct grpc_client_request){.path = "/grpc.health.v1.Health/Check"});
    check_slice(got.reply.message, SLICE_LIT("\x08\x01"));
    grpc_health_set_serving(pair.health, false);
    got = call(&pair, (struct grpc_client_request){.path = "/grpc.health.v1.Health/List"});
    check_slice(got.reply.message, SLICE_LIT("\x0a\x06\x0a\x00\x12\x02\x08\x02"
                                             "\x0a\x0b\x0a\x05known\x12\x02\x08\x02"));
    got = call(&pair, (struct grpc_client_request){.path = "/grpc.health.v1.Health/Check",
                                                   .message = SLICE_LIT("\x0a\x05known")});
    check_slice(got.reply.message, SLICE_LIT("\x08\x02"));
    got = call(&pair, (struct grpc_client_request){.path = "/grpc.health.v1.Health/Check",
                                                   .message = SLICE_LIT("\x0a\x07unknown")});
    check_reply(&got, GRPC_STATUS_NOT_FOUND, "unknown service");
    check_i64(got.reply.details.len, 0);
    pair_close(&pair);
}

/* Ask the reflection service for one field; gives the reply's field `answer`. */
static struct slice reflect(struct pair *pair, uint32_t ask, const char *text, uint32_t answer)
{
    struct buf request;

    buf_init(&request, 0);
    wire_put_bytes(&request, ask, slice_str(text));
    const struct got got =
        call(pair, (struct grpc_client_request){.path = "/grpc.reflection.v1.ServerReflection/"
                                                        "ServerReflectionInfo",
                                                .message = buf_slice(&request)});
    buf_release(&request);
    check_reply(&got, GRPC_STATUS_OK, "");
    check_i64(got.messages, 1);
    return wire_find_bytes(got.reply.message, answer);
}

/* The name of the first file of a FileDescriptorResponse. */
static struct slice first_file(struct slice response)
{
    struct wire_reader reader = wire_reader(response);
    struct wire_field field;

    return wire_next(&reader, &field) ? wire_find_bytes(field.bytes, 1) : SLICE_EMPTY;
}

TEST(test_session_reflection)
{
    enum { FILE_NAME = 3, SYMBOL = 4, SERVICES = 7, FILES = 4, LIST = 6, ERROR = 7 };
    static const struct {
        const char *symbol, *file;
    } cases[] = {
        {"temporal.api.workflowservice.v1.WorkflowService",
         "temporal/api/workflowservice/v1/service.proto"},
        {"temporal.api.workflowservice.v1.WorkflowService.StartWorkflowExecution",
         "temporal/api/workflowservice/v1/service.proto"},
        {"temporal.api.common.v1.Payload", "temporal/api/common/v1/message.proto"},
        {"temporal.api.common.v1.Payload.data", "temporal/api/common/v1/message.proto"},
        {"temporal.api.common.v1.Callback.Nexus.url", "temporal/api/common/v1/message.proto"},
        {"temporal.api.enums.v1.EventType", "temporal/api/enums/v1/event_type.proto"},
        {"temporal.api.common.v1.Payload.nope", ""},
        {"temporal.api.common.v1", ""},
        {"", ""},
    };
    struct pair pair;

    pair_open(&pair);
    check(reflect(&pair, SERVICES, "", LIST).len > 20);
    check_slice(first_file(reflect(&pair, FILE_NAME, "google/protobuf/any.proto", FILES)),
                SLICE_LIT("google/protobuf/any.proto"));
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_slice(first_file(reflect(&pair, SYMBOL, cases[i].symbol, FILES)),
                    slice_str(cases[i].file));
    check_i64(wire_find_number(reflect(&pair, SYMBOL, "nope", ERROR), 1), GRPC_STATUS_NOT_FOUND);
    pair_close(&pair);
}
