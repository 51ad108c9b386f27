/* progress_test.c - a peer whose engine thread is stuck is told apart from one that is idle, and a
 * peer that takes no answers gets no calls served. */
#include "common/base/buf.h"
#include "common/mesh/mesh_fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <nng/nng.h>
#include <nng/protocol/pipeline0/push.h>
#include <sys/socket.h>

#define AGE "gnomon_mesh_peer_progress_age_milliseconds{role=\"history\",peer=\"0\"}"

static void wait_for(const struct world *world, bool (*done)(const struct world *world))
{
    const int64_t deadline_ns = clock_mono_ns(&clock_real) + WATCHDOG_MS * NS_PER_MS;

    while (!done(world) && clock_mono_ns(&clock_real) < deadline_ns)
        mesh_beat(world->nodes[0].mesh);
    check(done(world));
}

static bool is_hung(const struct world *world)
{
    return node_metric(&world->nodes[0], AGE) >= 300;
}

static bool is_well(const struct world *world)
{
    return node_metric(&world->nodes[0], AGE) == 0 && !is_hung(world);
}

static bool zero_up(const struct world *world)
{
    return world->nodes[0].ups >= 1;
}

TEST(mesh_stuck_engine_thread_shows)
{
    struct world world;

    world_open(&world);
    node_open(&world, 0, ROLE_FRONTEND);
    world.other = loop_new("stuck");
    node_open(&world, 1, ROLE_HISTORY);
    run_until(&world, zero_up);
    pthread_mutex_lock(&world.nodes[0].mesh->mutex);
    world.nodes[0].mesh->hung_ms = 300;
    pthread_mutex_unlock(&world.nodes[0].mesh->mutex);
    wait_for(&world, is_hung); /* the loop of the history node is not running: nothing is done */
    loop_start(world.other);
    wait_for(&world, is_well);
    loop_stop(world.other);
    loop_join(world.other);

    mesh_port_free(world.nodes[1].port);
    loop_post_fn(world.other, (loop_fn)loop_stop, world.other);
    loop_run(world.other); /* what was posted to the port runs */
    mesh_close(world.nodes[1].mesh);
    world.nodes[1].mesh = NULL;
    metrics_free(world.nodes[1].metrics);
    loop_free(world.other);
    world_close(&world);
}

static struct mesh_progress progress_of(const struct node *of, const struct node *node)
{
    struct mesh_peer *peer = mesh_peer_get(of->mesh, mesh_self(node->mesh), false);

    must(peer != NULL);
    pthread_mutex_lock(&of->mesh->mutex);
    const struct mesh_progress progress = peer->progress;
    pthread_mutex_unlock(&of->mesh->mutex);
    mesh_peer_unref(peer);
    return progress;
}

static bool has_turned(const struct world *world)
{
    return progress_of(&world->nodes[0], &world->nodes[1]).turns > 0;
}

TEST(mesh_progress_of_an_idle_peer_counts_and_hostile_bytes_do_not)
{
    uint8_t bytes[MESH_PROGRESS_BYTES_MAX + MESH_PROGRESS_ENTRY_BYTES] = {0};
    struct world world;

    world_open(&world);
    node_open(&world, 0, ROLE_FRONTEND);
    world.other = loop_new("idle");
    node_open(&world, 1, ROLE_HISTORY);
    run_until(&world, zero_up);
    loop_start(world.other);
    wait_for(&world, has_turned);
    const uint64_t self = mesh_self(world.nodes[1].mesh);
    const uint64_t turns = progress_of(&world.nodes[0], &world.nodes[1]).turns;
    memset(bytes, 0xff, sizeof bytes);
    mesh_progress_read(world.nodes[0].mesh, self, slice_of(bytes, sizeof bytes));
    mesh_progress_read(world.nodes[0].mesh, self, slice_of(bytes, 11));
    check(progress_of(&world.nodes[0], &world.nodes[1]).turns < turns + 1000000);
    mesh_progress_read(world.nodes[0].mesh, self, slice_of(bytes, 12));
    check(progress_of(&world.nodes[0], &world.nodes[1]).age_ms == UINT32_MAX);
    mesh_progress_read(world.nodes[0].mesh, 12345, slice_of(bytes, 12)); /* nobody */
    loop_stop(world.other);
    loop_join(world.other);

    mesh_port_free(world.nodes[1].port);
    loop_post_fn(world.other, (loop_fn)loop_stop, world.other);
    loop_run(world.other);
    mesh_close(world.nodes[1].mesh);
    world.nodes[1].mesh = NULL;
    metrics_free(world.nodes[1].metrics);
    loop_free(world.other);
    world_close(&world);
}

/* -- a caller that takes no answers --------------------------------------------------------- */

enum { CALLS = 40, BODY_BYTES = 4 * 1000 * 1000 };
#define FAKE UINT64_C(0x1234567890abcdef)

static void no_change(void *arg, const struct member *member, bool up)
{
    UNUSED(arg);
    UNUSED(member);
    UNUSED(up);
}

static size_t sent; /* calls of the one who takes no answers */

static bool refused_or_served(const struct world *world)
{
    const int64_t refused = node_metric(&world->nodes[1], "gnomon_mesh_calls_refused");

    return (int64_t)world->nodes[1].requests + refused >= (int64_t)sent;
}

/* A metric is no event of the loop: it is looked at now and then. */
struct look {
    struct loop_timer timer;
    struct world *world;
};

static void on_look(void *arg)
{
    struct look *look = arg;

    poke(look->world);
    loop_timer_start(look->world->loop, &look->timer, 5);
}

static bool one_up(const struct world *world)
{
    return world->nodes[1].ups >= 1;
}

TEST(mesh_caller_that_reads_no_answers_is_refused)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct err_detail detail = {{0}, NULL, {0}};
    uint8_t *bytes = calloc(1, BODY_BYTES);
    socklen_t len = sizeof here;
    struct members *members;
    struct world world;
    char url[160];
    nng_socket push;
    struct look look = {.timer = {.fire = on_look, .arg = &look}, .world = &world};

    must(bytes != NULL);
    world_open(&world);
    node_open(&world, 1, ROLE_HISTORY);
    const int deaf = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* connections wait for ever */
    must(bind(deaf, (const struct sockaddr *)&here, sizeof here) == 0 && listen(deaf, 5) == 0);
    must(getsockname(deaf, (struct sockaddr *)&here, &len) == 0);
    struct members_options options = {.run_dir = world.dir,
                                      .self = {.process = FAKE, .role = ROLE_FRONTEND},
                                      .log = &world.log,
                                      .changed = no_change};
    snprintf(options.self.address, sizeof options.self.address, "tcp://127.0.0.1:%u",
             (unsigned)ntohs(here.sin_port));
    check_ok(members_open(&options, &members, &detail));
    run_until(&world, one_up);
    loop_timer_start(world.loop, &look.timer, 5);

    snprintf(url, sizeof url, "ipc://%s/1-%016llx.sock", world.dir,
             (unsigned long long)mesh_self(world.nodes[1].mesh));
    must(nng_push0_open(&push) == 0);
    must(nng_socket_set_ms(push, NNG_OPT_SENDTIMEO, 10000) == 0);
    must(nng_dial(push, url, NULL, 0) == 0);
    const struct slice body = slice_of(bytes, BODY_BYTES);
    for (uint32_t i = 1; i <= CALLS; i++) {
        const struct mesh_header header = {
            .version = 1, .process = FAKE, .role = ROLE_FRONTEND, .number = i};
        const struct envelope call = {.kind = ENVELOPE_CALL,
                                      .call = i,
                                      .method = METHOD_HISTORY_DESCRIBE,
                                      .remaining_ms = 1000};
        uint8_t head[MESH_HEADER_BYTES];
        struct buf out;

        mesh_header_write(head, &header);
        buf_init(&out, 0);
        buf_append(&out, head, sizeof head);
        envelope_write(&out, &call, &body, 1);
        must(nng_send(push, out.ptr, out.len, 0) == 0);
        buf_release(&out);
        sent = i;
        if (i <= CALLS / 2) /* one by one: answers pile up */
            run_until(&world, refused_or_served);
    }
    run_until(&world, refused_or_served);
    check(node_metric(&world.nodes[1], "gnomon_mesh_calls_refused") >= 1);
    check(world.nodes[1].requests < CALLS);
    loop_timer_stop(world.loop, &look.timer);
    nng_close(push);
    members_close(members);
    close(deaf);
    free(bytes);
    world_close(&world);
}
