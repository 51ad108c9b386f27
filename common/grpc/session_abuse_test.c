/* session_abuse_test.c - what a session bears of its client: pings without need, bytes that are no
 * protocol. */
#include "common/grpc/session_fixture.h"

/* ---- pings ---- */

enum { PING_EVERY_MS = 10000 };

static void replace_session(struct pair *pair, bool idle_pings_refused)
{
    const struct grpc_session_options options = {.router = pair->router,
                                                 .clock = &pair->clock.clock,
                                                 .streams_max = HELD_MAX,
                                                 .message_bytes_max = MESSAGE_MAX,
                                                 .ping_interval_min_ms = PING_EVERY_MS,
                                                 .idle_pings_refused = idle_pings_refused,
                                                 .wants_write = wants_write,
                                                 .arg = pair};

    grpc_session_free(pair->session);
    pair->session = grpc_session_new(&options);
    pump(pair);
}

static void ping(struct pair *pair, int64_t after_ms)
{
    static const uint8_t frame[] = {0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8};

    pair->clock.now_ns += after_ms * NS_PER_MS;
    check_ok(grpc_session_recv(pair->session, slice_of(frame, sizeof frame)));
    pump(pair);
}

TEST(test_session_sends_away_who_pings_too_often)
{
    struct pair pair;

    pair_open(&pair);
    replace_session(&pair, false);
    for (int i = 0; i < 5; i++)
        ping(&pair, PING_EVERY_MS);
    ping(&pair, PING_EVERY_MS - 1);
    ping(&pair, PING_EVERY_MS - 1);
    check(!grpc_client_got_goaway(pair.client));
    const struct got got =
        call(&pair, (struct grpc_client_request){.path = "/t.S/Echo", .message = SLICE_LIT("x")});
    check_reply(&got, GRPC_STATUS_OK, "");
    ping(&pair, 1); /* an answer was sent since the last one: all is forgiven */
    ping(&pair, 1);
    ping(&pair, 1);
    check(!grpc_client_got_goaway(pair.client) && !grpc_session_is_done(pair.session));
    ping(&pair, 1);
    check(grpc_client_got_goaway(pair.client) && grpc_session_is_done(pair.session));
    pair_close(&pair);
}

TEST(test_session_may_refuse_pings_without_calls)
{
    struct pair pair;
    struct got got;

    pair_open(&pair);
    replace_session(&pair, true);
    start(&pair, (struct grpc_client_request){.path = "/t.S/Hold"}, &got);
    pump(&pair);
    for (int i = 0; i < 5; i++)
        ping(&pair, PING_EVERY_MS); /* a call is open */
    grpc_call_reply(pair.held[0], SLICE_LIT("done"));
    pump(&pair);
    for (int i = 0; i < 3; i++)
        ping(&pair, PING_EVERY_MS); /* the first one is forgiven */
    check(!grpc_session_is_done(pair.session));
    ping(&pair, PING_EVERY_MS);
    check(grpc_client_got_goaway(pair.client) && grpc_session_is_done(pair.session));
    pair_close(&pair);
}

/* ---- hostile bytes ---- */

static void record_traffic(struct buf *out)
{
    struct got got[8];
    struct pair pair;

    pair_open(&pair);
    start(&pair,
          (struct grpc_client_request){
              .path = "/t.S/Echo", .message = SLICE_LIT("hello"), .gzip = true},
          &got[0]);
    start(&pair, (struct grpc_client_request){.path = "/t.S/Poll", .timeout = "1S"}, &got[1]);
    start(&pair, (struct grpc_client_request){.path = "/t.S/Nope"}, &got[2]);
    start(&pair, (struct grpc_client_request){.path = "/t.S/Chat", .message = SLICE_LIT("x")},
          &got[3]);
    const int32_t id = start(&pair, (struct grpc_client_request){.path = "/t.S/Poll"}, &got[4]);
    start(&pair, (struct grpc_client_request){.path = "/t.S/Big"}, &got[5]);
    grpc_client_send(pair.client, out);
    grpc_client_cancel(pair.client, id);
    start(&pair, (struct grpc_client_request){.path = "/t.S/Echo", .message = SLICE_LIT("again")},
          &got[6]);
    grpc_client_send(pair.client, out);
    pair_close(&pair);
}

TEST(test_session_survives_mutated_traffic)
{
    enum { ROUNDS = 3000, PREFACE_BYTES = 24 };
    struct buf good, out;
    struct rng rng;

    buf_init(&good, 0);
    buf_init(&out, 0);
    rng_seed(&rng, 20260102);
    record_traffic(&good);
    for (int round = 0; round < ROUNDS; round++) {
        struct pair pair;
        uint8_t *bytes = malloc(good.len);
        size_t at = 0;

        must(bytes != NULL);
        memcpy(bytes, good.ptr, good.len);
        for (uint64_t hits = rng_below(&rng, 8); hits > 0; hits--)
            bytes[PREFACE_BYTES + rng_below(&rng, good.len - PREFACE_BYTES)] =
                (uint8_t)rng_u64(&rng);
        if (round % 3 == 0) /* garbage after a good beginning */
            for (size_t i = good.len / 2; i < good.len; i++)
                bytes[i] = (uint8_t)rng_u64(&rng);
        pair_open(&pair);
        while (at < good.len) {
            size_t n = 1 + rng_below(&rng, 200);

            n = n < good.len - at ? n : good.len - at;
            if (grpc_session_recv(pair.session, slice_of(bytes + at, n)) != ERR_OK)
                break;
            at += n;
            buf_clear(&out);
            if (grpc_session_send(pair.session, &out, 16 * 1024))
                buf_clear(&out);
            pair.clock.now_ns += (int64_t)rng_below(&rng, (uint64_t)NS_PER_S);
            grpc_session_expire(pair.session);
        }
        free(bytes);
        pair_close(&pair);
    }
    buf_release(&good);
    buf_release(&out);
}
