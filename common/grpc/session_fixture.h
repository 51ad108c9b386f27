/* session_fixture.h - for tests: a client and a session back to back in memory, on a clock that the
 * test moves, and handlers of every kind. */
#ifndef GNOMON_SESSION_FIXTURE_H
#define GNOMON_SESSION_FIXTURE_H

#include "common/grpc/session.h"

#include "api.h"
#include "common/base/rng.h"
#include "common/grpc/client.h"
#include "common/grpc/health.h"
#include "common/grpc/reflection.h"
#include "common/proto/wire.h"
#include "tests/lib/test.h"

#include <malloc.h>
#include <stdlib.h>

enum { HELD_MAX = 5000, MESSAGE_MAX = 4 * 1024 * 1024 };

/* What came back for one call. */
struct got {
    int replies;
    struct grpc_client_reply reply; /* its slices are copied into `arena` */
    int messages;
};

struct pair {
    struct fake_clock clock;
    struct grpc_router *router;
    struct grpc_health *health;
    struct grpc_session *session;
    struct grpc_client *client;
    struct arena arena;
    struct grpc_call *held[HELD_MAX];
    size_t held_count;
    int cancels[GRPC_CANCEL_SHUTDOWN + 1];
    int frees;
    int sent[GRPC_NOT_SENT + 1];
    int wants_writes;
};

/* ---- handlers ---- */

static inline void echo(void *ctx, struct grpc_call *call)
{
    UNUSED(ctx);
    grpc_call_reply(call, call->request);
}

static inline void in_parts(void *ctx, struct grpc_call *call)
{
    const struct slice parts[] = {SLICE_LIT("one "), SLICE_EMPTY, call->request, SLICE_LIT(" end")};

    UNUSED(ctx);
    grpc_call_header(call, "x-test", SLICE_LIT("yes"));
    grpc_call_reply_parts(call, parts, COUNT_OF(parts));
}

static inline void fails(void *ctx, struct grpc_call *call)
{
    const struct err_detail detail = {.text = "caf\xc3\xa9 100%\n",
                                      .type = "temporal.api.errordetails.v1.NotFoundFailure",
                                      .payload = SLICE_LIT("\x0a\x01x")};

    UNUSED(ctx);
    grpc_call_fail(call, ERR_NOT_FOUND, &detail);
}

static inline void hold(void *ctx, struct grpc_call *call)
{
    struct pair *pair = ctx;

    must(pair->held_count < HELD_MAX);
    pair->held[pair->held_count++] = call;
}

static inline void canceled(void *arg, struct grpc_call *call, enum grpc_cancel why)
{
    struct pair *pair = arg;

    pair->cancels[why]++;
    grpc_call_fail(call, ERR_CANCELED, NULL);
}

static inline void count_free(void *arg)
{
    ((struct pair *)arg)->frees++;
}

static inline void on_sent(void *arg, enum grpc_sent sent)
{
    ((struct pair *)arg)->sent[sent]++;
}

static inline void poll_task(void *ctx, struct grpc_call *call)
{
    grpc_call_at_free(call, count_free, ctx);
    grpc_call_on_cancel(call, canceled, ctx);
    hold(ctx, call);
}

static inline void big(void *ctx, struct grpc_call *call)
{
    enum { SIZE = 3000000 };
    uint8_t *bytes = arena_alloc(&call->arena, SIZE);

    UNUSED(ctx);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (uint8_t)(i * 31);
    grpc_call_reply(call, slice_of(bytes, SIZE));
}

static inline void count_to(void *ctx, struct grpc_call *call)
{
    UNUSED(ctx);
    for (size_t i = 0; i < call->request.len; i++)
        check(grpc_call_send(call, slice_of(call->request.ptr, i)));
    grpc_call_finish(call);
}

static inline void chat_message(void *arg, struct grpc_call *call, struct slice message, bool end)
{
    UNUSED(arg);
    if (end)
        grpc_call_finish(call);
    else
        check(grpc_call_send(call, message));
}

static inline void chat(void *ctx, struct grpc_call *call)
{
    grpc_call_on_cancel(call, canceled, ctx);
    grpc_call_on_message(call, chat_message, NULL);
}

/* ---- the pair ---- */

static inline void wants_write(void *arg)
{
    ((struct pair *)arg)->wants_writes++;
}

static inline void pair_open(struct pair *pair)
{
    static const struct {
        const char *path;
        enum grpc_kind kind;
        grpc_handler_fn handle;
    } routes[] = {{"/t.S/Echo", GRPC_UNARY, echo},
                  {"/t.S/Parts", GRPC_UNARY, in_parts},
                  {"/t.S/Fails", GRPC_UNARY, fails},
                  {"/t.S/Hold", GRPC_UNARY, hold},
                  {"/t.S/Poll", GRPC_UNARY, poll_task},
                  {"/t.S/Big", GRPC_UNARY, big},
                  {"/t.S/Count", GRPC_SERVER_STREAM, count_to},
                  {"/t.S/Chat", GRPC_BIDI, chat}};

    memset(pair, 0, sizeof *pair);
    arena_init(&pair->arena);
    fake_clock_init(&pair->clock, 1000 * NS_PER_S);
    pair->router = grpc_router_new();
    for (size_t i = 0; i < COUNT_OF(routes); i++)
        grpc_router_add(pair->router, routes[i].path, routes[i].kind, routes[i].handle, pair);
    pair->health = grpc_health_new();
    grpc_health_add(pair->health, "known");
    grpc_health_register(pair->health, pair->router);
    grpc_reflection_register(pair->router);
    const struct grpc_session_options options = {.router = pair->router,
                                                 .clock = &pair->clock.clock,
                                                 .streams_max = HELD_MAX,
                                                 .message_bytes_max = MESSAGE_MAX,
                                                 .wants_write = wants_write,
                                                 .arg = pair};
    pair->session = grpc_session_new(&options);
    pair->client = grpc_client_new();
}

static inline void pair_close(struct pair *pair)
{
    grpc_client_free(pair->client);
    grpc_session_free(pair->session);
    grpc_health_free(pair->health);
    grpc_router_free(pair->router);
    arena_release(&pair->arena);
}

/* Carry bytes both ways until nothing moves. */
static inline void pump(struct pair *pair)
{
    struct buf wire;
    size_t moved;

    buf_init(&wire, 0);
    do {
        buf_clear(&wire);
        grpc_client_send(pair->client, &wire);
        moved = wire.len;
        check_ok(grpc_session_recv(pair->session, buf_slice(&wire)));
        bool more = true;
        while (more) {
            buf_clear(&wire);
            more = grpc_session_send(pair->session, &wire, 64 * 1024);
            moved += wire.len;
            check_ok(grpc_client_recv(pair->client, buf_slice(&wire)));
        }
    } while (moved > 0);
    buf_release(&wire);
}

struct got_arg {
    struct pair *pair;
    struct got *got;
};

static inline void on_reply(void *arg, const struct grpc_client_reply *reply)
{
    struct got_arg *to = arg;
    struct arena *arena = &to->pair->arena;
    struct got *got = to->got;

    got->replies++;
    got->reply = *reply;
    got->reply.message = arena_copy(arena, reply->message);
    got->reply.text = arena_copy(arena, reply->text);
    got->reply.details = arena_copy(arena, reply->details);
}

static inline void on_message(void *arg, struct slice message)
{
    UNUSED(message);
    ((struct got_arg *)arg)->got->messages++;
}

static inline int32_t start(struct pair *pair, struct grpc_client_request request, struct got *got)
{
    struct got_arg *arg = ARENA_NEW(&pair->arena, struct got_arg);

    *arg = (struct got_arg){pair, got};
    *got = (struct got){0};
    request.on_message = on_message;
    return grpc_client_call(pair->client, &request, on_reply, arg);
}

static inline struct got call(struct pair *pair, struct grpc_client_request request)
{
    struct got got;

    check(start(pair, request, &got) > 0);
    pump(pair);
    return got;
}

static inline void check_reply(const struct got *got, enum grpc_status status, const char *text)
{
    check_i64(got->replies, 1);
    check_i64(got->reply.status, status);
    check_slice(got->reply.text, slice_str(text));
}

#endif
