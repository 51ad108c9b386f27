/* wire_test.c - the scan against hostile bytes, splicing against protobuf-c, times at their edges.
 */
#include "common/proto/wire.h"

#include "api.h"
#include "common/base/rng.h"
#include "tests/lib/test.h"

#include <stdlib.h>

/* A Failure whose cause has a cause ... `levels` messages in all; at the end of `room`. */
static struct slice nested_failure(uint8_t *room, size_t size, size_t levels)
{
    enum { CAUSE = 4 };
    uint8_t *at = room + size;

    for (size_t i = 1; i < levels; i++) {
        uint8_t head[15];
        const size_t inner = (size_t)(room + size - at);
        const size_t n = wire_head(head, CAUSE, inner);

        if ((size_t)(at - room) < n)
            break;
        at -= n;
        memcpy(at, head, n);
    }
    return slice_of(at, (size_t)(room + size - at));
}

TEST(test_wire_nesting_is_bounded)
{
    enum { ROOM = 5 * 1024 * 1024 };
    static const struct {
        size_t levels;
        enum err err;
    } cases[] = {
        {1, ERR_OK}, {2, ERR_OK}, {100, ERR_OK}, {101, ERR_INTERNAL}, {1000000, ERR_INTERNAL}};
    uint8_t *room = malloc(ROOM);
    struct arena arena;

    must(room != NULL);
    arena_init(&arena);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct slice bytes = nested_failure(room, ROOM, cases[i].levels);
        struct err_detail detail = {0};
        api_failure_failure *failure = NULL;

        check_err(proto_decode(&arena, &api_failure_failure__desc, bytes, &failure, &detail),
                  cases[i].err);
        if (cases[i].err != ERR_OK)
            check_str(detail.text, "grpc: error unmarshalling request: proto: "
                                   "exceeded maximum recursion depth");
        arena_reset(&arena);
    }
    arena_release(&arena);
    free(room);
}

TEST(test_wire_scan_refuses_what_protobuf_c_would_take)
{
    static const struct {
        const char *name, *bytes;
        size_t len;
        enum err err;
        const char *text;
    } cases[] = {
        {"empty", "", 0, ERR_OK, ""},
        {"plain", "\x0a\x02hi", 4, ERR_OK, ""},
        {"utf-8", "\x0a\x02\xc3\xa9", 4, ERR_OK, ""},
        {"unknown field", "\xf8\x07\x01", 3, ERR_OK, ""},
        {"bad utf-8", "\x0a\x02\xc3\x28", 4, ERR_INTERNAL,
         "grpc: error unmarshalling request: string field contains invalid UTF-8"},
        {"surrogate", "\x0a\x03\xed\xa0\x80", 5, ERR_INTERNAL, NULL},
        {"overlong", "\x0a\x02\xc0\xaf", 4, ERR_INTERNAL, NULL},
        {"NUL",
         "\x0a\x03"
         "a\0b",
         5, ERR_INVALID, "field temporal.api.failure.v1.Failure.message contains a NUL byte"},
        {"cut tag", "\xff", 1, ERR_INTERNAL,
         "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data"},
        {"cut length", "\x0a\x05hi", 4, ERR_INTERNAL, NULL},
        {"field 0", "\x02\x00", 2, ERR_INTERNAL, NULL},
        {"group", "\x0b\x0c", 2, ERR_INTERNAL, NULL},
        {"wire type 7", "\x0f", 1, ERR_INTERNAL, NULL},
        {"varint of 11 bytes", "\xf8\x07\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 13,
         ERR_INTERNAL, NULL},
        {"a cause twice", "\x22\x00\x22\x00", 4, ERR_INTERNAL, NULL},
        {"text as varint", "\x08\x01", 2, ERR_INTERNAL, NULL},
    };
    struct arena arena;

    arena_init(&arena);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err_detail detail = {0};
        api_failure_failure *failure = NULL;
        const enum err err =
            proto_decode(&arena, &api_failure_failure__desc, slice_of(cases[i].bytes, cases[i].len),
                         &failure, &detail);

        if (err != cases[i].err)
            test_failed(__FILE__, __LINE__, "%s: %s", cases[i].name, err_name(err));
        check((failure != NULL) == (err == ERR_OK));
        if (cases[i].text)
            check_str(detail.text, cases[i].text);
    }
    arena_release(&arena);
}

TEST(test_wire_decoded_size_is_bounded)
{
    enum { COUNT = 2 * 1024 * 1024 };
    uint8_t *bytes = malloc(2 * COUNT);
    struct err_detail detail = {0};

    must(bytes != NULL);
    for (size_t i = 0; i < COUNT; i++) { /* two bytes each, a whole HistoryEvent when decoded */
        bytes[2 * i] = 1 << 3 | WIRE_BYTES;
        bytes[2 * i + 1] = 0;
    }
    check_err(proto_scan(&api_history__desc, slice_of(bytes, 2 * COUNT), &detail), ERR_BUSY);
    check_ok(proto_scan(&api_history__desc, slice_of(bytes, 2000), &detail));
    free(bytes);
}

TEST(test_wire_splice_gives_what_protobuf_c_gives)
{
    struct arena arena;
    struct buf spliced;

    arena_init(&arena);
    buf_init(&spliced, 0);
    api_history_event event = API_HISTORY_EVENT_INIT;
    event.event_id = 77;
    event.event_type = (Temporal__Api__Enums__V1__EventType)EVENT_TYPE_TIMER_STARTED;
    event.event_time = proto_timestamp(&arena, INT64_C(1700000000123456789));
    api_history_event *events[2] = {&event, &event};
    api_history history = API_HISTORY_INIT;
    history.n_events = 2;
    history.events = events;
    const struct slice one = proto_encode(&arena, &event);
    wire_put_bytes(&spliced, 1, one);
    proto_put(&spliced, 1, &event);
    check_slice(buf_slice(&spliced), proto_encode(&arena, &history));

    buf_clear(&spliced);
    wire_put_varint(&spliced, 1, 77);
    wire_put_timestamp(&spliced, 2, INT64_C(1700000000123456789));
    wire_put_varint(&spliced, 3, EVENT_TYPE_TIMER_STARTED);
    check_slice(buf_slice(&spliced), one);
    check_i64(wire_find_number(one, 1), 77);
    check_i64(wire_find_number(one, 99), 0);
    check_i64(wire_find_number(wire_find_bytes(one, 2), 1), 1700000000);

    struct wire_reader reader = wire_reader(one);
    struct wire_field field;
    size_t raw = 0;
    while (wire_next(&reader, &field))
        raw += field.raw.len;
    check(!reader.failed);
    check_i64(raw, one.len);
    buf_release(&spliced);
    arena_release(&arena);
}

TEST(test_wire_all_field_kinds_are_read_back)
{
    static const uint64_t values[] = {0, 1, 127, 128, 300, UINT32_MAX, INT64_MAX, UINT64_MAX};
    struct wire_field field;
    struct buf buf;

    buf_init(&buf, 0);
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        wire_put_varint(&buf, 5, values[i]);
        wire_put_fixed64(&buf, 536870911, values[i]);
        wire_put_fixed32(&buf, 7, (uint32_t)values[i]);
    }
    struct wire_reader reader = wire_reader(buf_slice(&buf));
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        check(wire_next(&reader, &field) && field.value == values[i] && field.number == 5);
        check(wire_next(&reader, &field) && field.value == values[i] && field.number == 536870911);
        check(wire_next(&reader, &field) && field.value == (uint32_t)values[i]);
    }
    check(!wire_next(&reader, &field) && !reader.failed);
    buf_release(&buf);
}

TEST(test_wire_times_are_range_checked)
{
    static const struct {
        int64_t seconds;
        int32_t nanos;
        enum err timestamp, duration;
        int64_t clipped;
    } cases[] = {
        {0, 0, ERR_OK, ERR_OK, 0},
        {1, 5, ERR_OK, ERR_OK, 1000000005},
        {-1, 5, ERR_OK, ERR_INVALID, -999999995},
        {-1, -5, ERR_INVALID, ERR_OK, -1000000005},
        {0, 1000000000, ERR_INVALID, ERR_INVALID, 1000000000},
        {9223372036, 854775807, ERR_OK, ERR_OK, INT64_MAX},
        {9223372036, 854775808, ERR_INVALID, ERR_INVALID, INT64_MAX},
        {INT64_MAX, 0, ERR_INVALID, ERR_INVALID, INT64_MAX},
        {INT64_MIN, 0, ERR_INVALID, ERR_INVALID, INT64_MIN},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        pb_timestamp timestamp = PB_TIMESTAMP_INIT;
        pb_duration duration = PB_DURATION_INIT;
        int64_t ns = -7;

        timestamp.seconds = duration.seconds = cases[i].seconds;
        timestamp.nanos = duration.nanos = cases[i].nanos;
        check_err(proto_timestamp_ns(&timestamp, &ns), cases[i].timestamp);
        check_err(proto_duration_ns(&duration, &ns), cases[i].duration);
        check_i64(proto_duration_ns_clip(&duration), cases[i].clipped);
    }
    struct arena arena;
    arena_init(&arena);
    static const int64_t round[] = {0,           1,         -1,       1700000000123456789,
                                    -5000000000, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < COUNT_OF(round); i++) {
        int64_t ns = 0;

        check_ok(proto_duration_ns(proto_duration(&arena, round[i]), &ns));
        check_i64(ns, round[i]);
        if (round[i] != INT64_MIN) /* its seconds, rounded down, are out of range */
            check_ok(proto_timestamp_ns(proto_timestamp(&arena, round[i]), &ns));
        check_i64(ns, round[i]);
    }
    arena_release(&arena);
}

/* A random message of real shape: every mutation of it must be refused or decoded, never crash. */
static struct slice sample(struct arena *arena)
{
    api_payload payload = API_PAYLOAD_INIT;
    api_payload *list[1] = {&payload};
    api_payloads payloads = API_PAYLOADS_INIT;
    api_workflow_type type = API_WORKFLOW_TYPE_INIT;
    api_start_workflow_execution_request request = API_START_WORKFLOW_EXECUTION_REQUEST_INIT;
    static char name[] = "Greeting", queue[] = "q\xc3\xa9";
    static uint8_t data[] = "\"hello\"";

    payload.data = (ProtobufCBinaryData){.data = data, .len = sizeof data - 1};
    payloads.n_payloads = 1;
    payloads.payloads = list;
    type.name = name;
    request.namespace_ = name;
    request.workflow_id = queue;
    request.workflow_type = &type;
    request.input = &payloads;
    request.workflow_run_timeout = proto_duration(arena, 5 * NS_PER_S);
    return proto_encode(arena, &request);
}

TEST(test_wire_mutated_messages_never_crash)
{
    struct arena arena, scratch;
    struct rng rng;
    int decoded = 0;

    arena_init(&arena);
    arena_init(&scratch);
    rng_seed(&rng, 20260101);
    const struct slice good = sample(&arena);
    uint8_t *bytes = malloc(good.len * 2);
    must(bytes != NULL);
    for (int round = 0; round < 20000; round++) {
        api_start_workflow_execution_request *request;
        const size_t len = round % 4 ? good.len : rng_below(&rng, good.len + 1);
        uint8_t *exact = malloc(len ? len : 1); /* exact, so that the sanitizer sees its end */

        must(exact != NULL);
        memcpy(exact, good.ptr, len);
        for (uint64_t hits = rng_below(&rng, 6); hits > 0 && len > 0; hits--)
            exact[rng_below(&rng, len)] = (uint8_t)rng_u64(&rng);
        if (proto_decode(&scratch, &api_start_workflow_execution_request__desc,
                         slice_of(exact, len), &request, NULL) == ERR_OK) {
            check(proto_encode(&scratch, request).len < 1000000);
            decoded++;
        }
        arena_reset(&scratch);
        free(exact);
    }
    check(decoded > 4000);
    for (int round = 0; round < 20000; round++) {
        api_history *history;
        const size_t len = rng_below(&rng, good.len * 2);

        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)rng_u64(&rng);
        if (proto_decode(&scratch, &api_history__desc, slice_of(bytes, len), &history, NULL) ==
            ERR_OK)
            check(proto_encode(&scratch, history).len < 1000000);
        arena_reset(&scratch);
    }
    free(bytes);
    arena_release(&arena);
    arena_release(&scratch);
}
