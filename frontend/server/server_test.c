/* server_test.c - the listener on loopback, its loops on threads, clients on this thread. Waits
 * have deadlines; nothing sleeps. */
#include "frontend/server/server.h"

#include "common/grpc/client.h"
#include "common/grpc/health.h"
#include "tests/lib/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MS = 10000, BIG_BYTES = 3000000 };

struct fixture {
    struct loop *loops[2];
    struct grpc_router *router;
    struct grpc_health *health;
    struct grpc_server *server;
    atomic_int cancels, polls;
    sem_t drained;
};

struct peer {
    int fd;
    struct grpc_client *client;
    struct buf out;
    bool closed; /* by the server */
};

struct got {
    int replies;
    enum grpc_status status;
    size_t bytes;
    bool lost;
};

/* ---- handlers ---- */

static void echo(void *ctx, struct grpc_call *call)
{
    UNUSED(ctx);
    grpc_call_reply(call, call->request);
}

static void big(void *ctx, struct grpc_call *call)
{
    UNUSED(ctx);
    grpc_call_reply(call, slice_of(arena_zalloc(&call->arena, BIG_BYTES), BIG_BYTES));
}

static void canceled(void *arg, struct grpc_call *call, enum grpc_cancel why)
{
    struct fixture *fixture = arg;

    UNUSED(why);
    atomic_fetch_add(&fixture->cancels, 1);
    grpc_call_fail(call, ERR_CANCELED, NULL);
}

static void poll_task(void *ctx, struct grpc_call *call)
{
    struct fixture *fixture = ctx;

    grpc_call_on_cancel(call, canceled, fixture);
    atomic_fetch_add(&fixture->polls, 1);
}

/* ---- the server ---- */

static void fixture_open(struct fixture *fixture, struct grpc_server_options options)
{
    struct err_detail detail = {0};

    memset(fixture, 0, sizeof *fixture);
    must(sem_init(&fixture->drained, 0, 0) == 0);
    fixture->router = grpc_router_new();
    grpc_router_add(fixture->router, "/t.S/Echo", GRPC_UNARY, echo, fixture);
    grpc_router_add(fixture->router, "/t.S/Big", GRPC_UNARY, big, fixture);
    grpc_router_add(fixture->router, "/t.S/Poll", GRPC_UNARY, poll_task, fixture);
    fixture->health = grpc_health_new();
    grpc_health_register(fixture->health, fixture->router);
    fixture->loops[0] = loop_new("test-a");
    fixture->loops[1] = loop_new("test-b");
    options.address = "127.0.0.1";
    options.loops = fixture->loops;
    options.loop_count = 2;
    options.router = fixture->router;
    check_ok(grpc_server_open(&options, &fixture->server, &detail));
    must(fixture->server != NULL);
    loop_start(fixture->loops[0]);
    loop_start(fixture->loops[1]);
}

static void on_drained(void *arg)
{
    must(sem_post(arg) == 0);
}

static void fixture_drain(struct fixture *fixture, int64_t grace_ms)
{
    grpc_server_drain(fixture->server, grace_ms, on_drained, &fixture->drained);
}

static void fixture_close(struct fixture *fixture)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_MS / 1000;
    check(sem_timedwait(&fixture->drained, &until) == 0);
    for (size_t i = 0; i < 2; i++) {
        loop_stop(fixture->loops[i]);
        loop_join(fixture->loops[i]);
    }
    check_i64(grpc_server_connection_count(fixture->server), 0);
    grpc_server_free(fixture->server);
    grpc_health_free(fixture->health);
    grpc_router_free(fixture->router);
    loop_free(fixture->loops[0]);
    loop_free(fixture->loops[1]);
    sem_destroy(&fixture->drained);
}

/* ---- a client ---- */

static int connect_to(const struct fixture *fixture)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(grpc_server_port(fixture->server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    union {
        struct sockaddr_in *in;
        struct sockaddr *any;
    } to = {.in = &address};

    must(fd >= 0 && connect(fd, to.any, sizeof address) == 0);
    return fd;
}

static void peer_open(struct peer *peer, const struct fixture *fixture)
{
    *peer = (struct peer){.fd = connect_to(fixture), .client = grpc_client_new()};
    buf_init(&peer->out, 0);
}

static void peer_close(struct peer *peer)
{
    close(peer->fd);
    grpc_client_free(peer->client);
    buf_release(&peer->out);
}

static void peer_send(struct peer *peer)
{
    buf_clear(&peer->out);
    grpc_client_send(peer->client, &peer->out);
    for (size_t at = 0; at < peer->out.len && !peer->closed;) {
        const ssize_t n = send(peer->fd, peer->out.ptr + at, peer->out.len - at, MSG_NOSIGNAL);

        if (n < 0)
            peer->closed = true;
        else
            at += (size_t)n;
    }
}

/* One read, if something comes in time. */
static void peer_receive(struct peer *peer, int timeout_ms)
{
    struct pollfd ready = {.fd = peer->fd, .events = POLLIN};
    static uint8_t bytes[65536];

    if (peer->closed || poll(&ready, 1, timeout_ms) <= 0)
        return;
    const ssize_t n = recv(peer->fd, bytes, sizeof bytes, 0);

    if (n <= 0)
        peer->closed = true;
    else
        check_ok(grpc_client_recv(peer->client, slice_of(bytes, (size_t)n)));
}

static void on_reply(void *arg, const struct grpc_client_reply *reply)
{
    struct got *got = arg;

    got->replies++;
    got->status = reply->status;
    got->bytes = reply->message.len;
    got->lost = reply->reset;
}

static void start(struct peer *peer, const char *path, struct slice message, struct got *got)
{
    const struct grpc_client_request request = {.path = path, .message = message};

    *got = (struct got){0};
    check(grpc_client_call(peer->client, &request, on_reply, got) > 0);
}

static int64_t until_ms(void)
{
    return clock_mono_ms(&clock_real) + WAIT_MS;
}

/* Run until no call is open. */
static void finish(struct peer *peer)
{
    const int64_t until = until_ms();

    do {
        peer_send(peer);
        if (grpc_client_open_count(peer->client) > 0)
            peer_receive(peer, 100);
    } while (grpc_client_open_count(peer->client) > 0 && !peer->closed &&
             clock_mono_ms(&clock_real) < until);
}

static void wait_closed(struct peer *peer)
{
    const int64_t until = until_ms();

    while (!peer->closed && clock_mono_ms(&clock_real) < until) {
        peer_send(peer);
        peer_receive(peer, 100);
    }
    check(peer->closed);
}

static bool wait_count(atomic_int *count, int wanted)
{
    const int64_t until = until_ms();
    struct pollfd none = {.fd = -1};

    while (atomic_load(count) != wanted && clock_mono_ms(&clock_real) < until)
        poll(&none, 1, 1);
    return atomic_load(count) == wanted;
}

/* ---- tests ---- */

TEST(test_server_serves_connections_on_all_loops)
{
    enum { PEERS = 8, CALLS = 200 };
    static struct got got[PEERS][CALLS];
    struct fixture fixture;
    struct peer peers[PEERS];

    fixture_open(&fixture, (struct grpc_server_options){0});
    for (size_t p = 0; p < PEERS; p++) {
        peer_open(&peers[p], &fixture);
        for (size_t i = 0; i < CALLS; i++)
            start(&peers[p], "/t.S/Echo", SLICE_LIT("hello"), &got[p][i]);
        peer_send(&peers[p]);
    }
    for (size_t p = 0; p < PEERS; p++) {
        finish(&peers[p]);
        for (size_t i = 0; i < CALLS; i++)
            check(got[p][i].replies == 1 && got[p][i].status == GRPC_STATUS_OK &&
                  got[p][i].bytes == 5);
        peer_close(&peers[p]);
    }
    fixture_drain(&fixture, 1000);
    fixture_close(&fixture);
}

TEST(test_server_a_taken_port_is_an_error)
{
    struct grpc_server_options options = {.address = "127.0.0.1", .loop_count = 1};
    struct grpc_server *second;
    struct err_detail detail = {0};
    struct fixture fixture;
    char text[200];

    fixture_open(&fixture, (struct grpc_server_options){0});
    options.loops = fixture.loops;
    options.router = fixture.router;
    options.port = grpc_server_port(fixture.server);
    check_err(grpc_server_open(&options, &second, &detail), ERR_EXISTS);
    snprintf(text, sizeof text,
             "cannot listen on 127.0.0.1:%u: the port is in use by another process", options.port);
    check_str(detail.text, text);
    check(second == NULL);
    options.address = "localhost";
    check_err(grpc_server_open(&options, &second, &detail), ERR_INVALID);
    check_str(detail.text, "\"localhost\" is not an IP address");
    fixture_drain(&fixture, 1000);
    fixture_close(&fixture);
}

TEST(test_server_a_client_that_disappears_releases_its_polls)
{
    enum { POLLS = 50 };
    static struct got got[POLLS];
    struct fixture fixture;
    struct peer peer;

    fixture_open(&fixture, (struct grpc_server_options){0});
    peer_open(&peer, &fixture);
    for (size_t i = 0; i < POLLS; i++)
        start(&peer, "/t.S/Poll", SLICE_EMPTY, &got[i]);
    peer_send(&peer);
    check(wait_count(&fixture.polls, POLLS));
    peer_close(&peer);
    check(wait_count(&fixture.cancels, POLLS));
    fixture_drain(&fixture, 1000);
    fixture_close(&fixture);
}

TEST(test_server_waits_for_a_slow_reader)
{
    enum { CALLS = 12 };
    static struct got got[CALLS];
    struct fixture fixture;
    struct peer slow, quick;
    struct got answer;

    fixture_open(&fixture, (struct grpc_server_options){0});
    peer_open(&slow, &fixture);
    peer_open(&quick, &fixture);
    for (size_t i = 0; i < CALLS; i++)
        start(&slow, "/t.S/Big", SLICE_EMPTY, &got[i]);
    peer_send(&slow); /* and read nothing */
    for (int i = 0; i < 100; i++) {
        start(&quick, "/t.S/Echo", SLICE_LIT("x"), &answer);
        finish(&quick);
        check_i64(answer.replies, 1);
    }
    finish(&slow);
    for (size_t i = 0; i < CALLS; i++)
        check(got[i].replies == 1 && got[i].bytes == BIG_BYTES);
    peer_close(&slow);
    peer_close(&quick);
    fixture_drain(&fixture, 1000);
    fixture_close(&fixture);
}

TEST(test_server_closes_who_takes_nothing)
{
    enum { CALLS = 4 };
    static struct got got[CALLS];
    struct fixture fixture;
    struct peer peer;

    fixture_open(&fixture, (struct grpc_server_options){.keepalive_idle_ms = 50,
                                                        .keepalive_timeout_ms = 50,
                                                        .slow_peer_ms = 100});
    peer_open(&peer, &fixture);
    for (size_t i = 0; i < CALLS; i++)
        start(&peer, "/t.S/Big", SLICE_EMPTY, &got[i]);
    peer_send(&peer);
    peer_receive(&peer, WAIT_MS); /* the first bytes: it is connected */
    const int64_t until = until_ms();
    struct pollfd none = {.fd = -1};
    while (grpc_server_connection_count(fixture.server) > 0 && clock_mono_ms(&clock_real) < until)
        poll(&none, 1, 1);
    check_i64(grpc_server_connection_count(fixture.server), 0);
    peer_close(&peer);
    fixture_drain(&fixture, 1000);
    fixture_close(&fixture);
}

TEST(test_server_idle_and_old_connections_are_told_to_go)
{
    static const struct {
        const char *name;
        struct grpc_server_options options;
    } cases[] = {
        {"idle", {.connection_idle_ms = 50}},
        {"old", {.connection_age_ms = 1000, .connection_idle_ms = -1}},
        {"silent", {.keepalive_idle_ms = 50, .keepalive_timeout_ms = 60}},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fixture fixture;
        struct peer peer;
        struct got got;

        fixture_open(&fixture, cases[i].options);
        peer_open(&peer, &fixture);
        if (i < 2) {
            start(&peer, "/t.S/Echo", SLICE_LIT("x"), &got);
            finish(&peer);
            wait_closed(&peer);
            check(grpc_client_got_goaway(peer.client));
        } else { /* connects, and never says a word */
            const int64_t until = until_ms();

            while (!peer.closed && clock_mono_ms(&clock_real) < until)
                peer_receive(&peer, 100);
            check(peer.closed);
        }
        peer_close(&peer);
        fixture_drain(&fixture, 1000);
        fixture_close(&fixture);
    }
}

TEST(test_server_drains)
{
    struct got poll_got, echo_got;
    struct fixture fixture;
    struct peer poller, other;

    fixture_open(&fixture, (struct grpc_server_options){0});
    peer_open(&poller, &fixture);
    peer_open(&other, &fixture);
    start(&poller, "/t.S/Poll", SLICE_EMPTY, &poll_got);
    start(&other, "/t.S/Echo", SLICE_LIT("x"), &echo_got);
    finish(&other);
    peer_send(&poller);
    check(wait_count(&fixture.polls, 1));
    fixture_drain(&fixture, 200);
    wait_closed(&other);
    wait_closed(&poller);
    check_i64(poll_got.replies, 1);
    check_i64(poll_got.status, GRPC_STATUS_UNAVAILABLE);
    check_i64(atomic_load(&fixture.cancels), 1);
    peer_close(&poller);
    peer_close(&other);
    fixture_close(&fixture);
}

TEST(test_server_bounds_the_connections)
{
    struct fixture fixture;
    struct peer first, second;
    struct got got;

    fixture_open(&fixture, (struct grpc_server_options){.connections_max = 1});
    peer_open(&first, &fixture);
    start(&first, "/t.S/Echo", SLICE_LIT("x"), &got);
    finish(&first);
    check_i64(got.replies, 1);
    peer_open(&second, &fixture);
    wait_closed(&second);
    start(&first, "/t.S/Echo", SLICE_LIT("x"), &got);
    finish(&first);
    check_i64(got.replies, 1);
    peer_close(&first);
    peer_close(&second);
    fixture_drain(&fixture, 1000);
    fixture_close(&fixture);
}

TEST(test_server_garbage_closes_only_its_connection)
{
    static const char *const garbage[] = {"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                                          "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnot a frame at all....",
                                          "\x16\x03\x01\x02"};
    struct fixture fixture;
    struct peer good;
    struct got got;

    fixture_open(&fixture, (struct grpc_server_options){.keepalive_idle_ms = 500,
                                                        .keepalive_timeout_ms = 500});
    peer_open(&good, &fixture);
    for (size_t i = 0; i < COUNT_OF(garbage); i++) {
        struct peer bad;

        peer_open(&bad, &fixture);
        check(send(bad.fd, garbage[i], strlen(garbage[i]), MSG_NOSIGNAL) > 0);
        const int64_t until = until_ms();
        while (!bad.closed && clock_mono_ms(&clock_real) < until)
            peer_receive(&bad, 100);
        check(bad.closed);
        peer_close(&bad);
        start(&good, "/t.S/Echo", SLICE_LIT("x"), &got);
        finish(&good);
        check_i64(got.replies, 1);
    }
    peer_close(&good);
    fixture_drain(&fixture, 1000);
    fixture_close(&fixture);
}
