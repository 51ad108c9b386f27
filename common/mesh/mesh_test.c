/* mesh_test.c - meshes on one loop and a child process that is killed: the three verbs, placement,
 * loss, bounds, rubbish. No sleeps: the loop runs until a condition holds or the watchdog fires. */
#include "common/base/rng.h"
#include "common/mesh/envelope.h"
#include "common/mesh/mesh_fixture.h"

#include <dirent.h>
#include <nng/nng.h>
#include <nng/protocol/pipeline0/push.h>
#include <signal.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define CHILD_ENV "GNOMON_MESH_TEST_CHILD"

TEST(mesh_call_is_answered)
{
    struct world world;

    world_pair(&world);
    ask(&world, &world.nodes[0], ROLE_HISTORY, 2, 10000);
    run_until(&world, one_reply);
    check_i64(world.errs[ERR_OK], 1);
    check_slice(buf_slice(&world.body), SLICE_LIT("hello there"));
    check(mesh_role_alive(world.nodes[0].mesh, ROLE_HISTORY));
    check(!mesh_role_alive(world.nodes[0].mesh, ROLE_TIMERS));
    check(mesh_owner(world.nodes[0].mesh, ROLE_HISTORY, 0) == mesh_self(world.nodes[1].mesh));
    check(mesh_is_ours(world.nodes[1].mesh, 3));
    world_close(&world);
}

TEST(mesh_call_at_once_from_a_process_just_seen)
{
    struct world world;

    world_open(&world);
    node_open(&world, 1, ROLE_HISTORY);
    node_open(&world, 0, ROLE_FRONTEND); /* knows the other when it opens */
    ask(&world, &world.nodes[0], ROLE_HISTORY, 0, 10000);
    run_until(&world, one_reply);
    check_i64(world.errs[ERR_OK], 1);
    world_close(&world);
}

TEST(mesh_calls_to_ourselves)
{
    struct world world;

    world_open(&world);
    node_open(&world, 0, ROLE_HISTORY);
    ask(&world, &world.nodes[0], ROLE_HISTORY, 0, 10000);
    check_i64(world.replies, 0);
    run_until(&world, one_reply);
    check_i64(world.errs[ERR_OK], 1);
    check_slice(buf_slice(&world.body), SLICE_LIT("hello there"));
    world_close(&world);
}

TEST(mesh_call_without_an_owner_fails_later)
{
    struct world world;

    world_open(&world);
    node_open(&world, 0, ROLE_FRONTEND);
    ask(&world, &world.nodes[0], ROLE_HISTORY, 0, 10000);
    check_i64(world.replies, 0);
    run_until(&world, one_reply);
    check_i64(world.errs[ERR_UNAVAILABLE], 1);
    const uint64_t id = ask(&world, &world.nodes[0], ROLE_HISTORY, 0, 10000);
    mesh_cancel(world.nodes[0].port, id);
    ask(&world, &world.nodes[0], ROLE_HISTORY, 0, 10000);
    world.replies = 0;
    run_until(&world, one_reply);
    check_i64(world.errs[ERR_UNAVAILABLE], 2);
    world_close(&world);
}

TEST(mesh_shard_that_nobody_bound_is_not_owned)
{
    struct world world;

    world_pair(&world);
    mesh_unbind(world.nodes[1].port, 1);
    ask(&world, &world.nodes[0], ROLE_HISTORY, 1, 10000);
    run_until(&world, one_reply);
    check_i64(world.errs[ERR_NOT_OWNER], 1);
    world_close(&world);
}

TEST(mesh_error_travels_with_its_detail)
{
    struct world world;
    const struct err_detail detail = {"no such thing", "temporal.api.errordetails.v1.NotFound",
                                      SLICE_LIT("\x0a\x00")};
    const struct mesh_answer answer = {.err = ERR_NOT_FOUND, .detail = &detail, .shard = 0};

    world_pair(&world);
    world.nodes[1].silent = true;
    const uint64_t id = ask(&world, &world.nodes[0], ROLE_HISTORY, 0, 10000);
    /* Anyone who knows the address may answer: here the history node without having been asked. */
    mesh_reply(world.nodes[1].port, mesh_call_addr(world.nodes[0].port, id), &answer);
    run_until(&world, one_reply);
    check_i64(world.errs[ERR_NOT_FOUND], 1);
    check_str(world.detail.text, "no such thing");
    check_str(world.detail.type, "temporal.api.errordetails.v1.NotFound");
    world_close(&world);
}

TEST(mesh_call_times_out)
{
    struct world world;

    world_pair(&world);
    world.nodes[1].silent = true;
    ask(&world, &world.nodes[0], ROLE_HISTORY, 0, 20);
    run_until(&world, one_reply);
    check_i64(world.errs[ERR_TIMEOUT], 1);
    world_close(&world);
}

static bool canceled(const struct world *world)
{
    return world->nodes[1].cancels >= 1;
}

static bool bounced(const struct world *world)
{
    return world->nodes[1].undelivered >= 1;
}

TEST(mesh_cancel_is_told_and_a_late_answer_comes_back)
{
    struct world world;

    world_pair(&world);
    world.nodes[1].silent = true;
    const uint64_t id = ask(&world, &world.nodes[0], ROLE_HISTORY, 3, 10000);
    run_until(&world, asked);
    mesh_cancel(world.nodes[0].port, id);
    mesh_cancel(world.nodes[0].port, id);
    run_until(&world, canceled);

    const struct mesh_answer answer = {.undelivered = SLICE_LIT("start 7"), .shard = 3};
    mesh_reply(world.nodes[1].port, world.nodes[1].last_from, &answer);
    run_until(&world, bounced);
    check_i64(world.nodes[1].last_byte, '7');
    check_i64(world.replies, 0);

    /* The same for an answer to a process that never was. */
    world.nodes[1].undelivered = 0;
    mesh_reply(world.nodes[1].port, (struct mesh_addr){.process = 99, .call = 1}, &answer);
    run_until(&world, bounced);
    world_close(&world);
}

static bool thousand(const struct world *world)
{
    return world->replies >= 1000;
}

static struct outbox_counts counts_of(const struct node *from, const struct node *to)
{
    struct mesh_peer *peer = mesh_peer_get(from->mesh, mesh_self(to->mesh), false);

    must(peer != NULL);
    const struct outbox_counts counts = mesh_outbox_counts(peer->outbox);
    mesh_peer_unref(peer);
    return counts;
}

static bool ten(const struct world *world)
{
    return world->replies >= 10;
}

TEST(mesh_posts_of_one_turn_share_a_message)
{
    struct world world;

    world_pair(&world);
    for (int round = 0; round < 2; round++) {
        const struct outbox_counts before = counts_of(&world.nodes[0], &world.nodes[1]);

        world.replies = 0;
        for (uint32_t i = 0; i < 10; i++)
            ask(&world, &world.nodes[0], ROLE_HISTORY, i % SHARDS, 10000);
        run_until(&world, ten);
        const struct outbox_counts after = counts_of(&world.nodes[0], &world.nodes[1]);
        const uint64_t beats = after.envelopes - before.envelopes - 10;
        check(after.messages - before.messages <= 1 + beats);
    }
    world_close(&world);
}

TEST(mesh_bursts_share_messages)
{
    struct world world;

    world_pair(&world);
    for (uint32_t i = 0; i < 1000; i++)
        ask(&world, &world.nodes[0], ROLE_HISTORY, i % SHARDS, 10000);
    run_until(&world, thousand);
    check_i64(world.errs[ERR_OK], 1000);
    check(counts_of(&world.nodes[0], &world.nodes[1]).messages < 50);
    world_close(&world);
}

TEST(mesh_large_bodies_arrive_whole_and_too_large_ones_are_refused)
{
    struct world world;
    uint8_t *bytes = malloc(MESH_BODY_MAX);
    const struct slice largest = slice_of(bytes, MESH_BODY_MAX);
    const struct slice beyond[] = {largest, SLICE_LIT("x")};

    must(bytes != NULL);
    memset(bytes, 'm', MESH_BODY_MAX);
    world_pair(&world);
    mesh_call(world.nodes[0].port, MESH_SHARD(ROLE_HISTORY, 0), METHOD_HISTORY_DESCRIBE, &largest,
              1, 20000, on_reply, &world);
    run_until(&world, one_reply);
    check_i64(world.errs[ERR_OK], 1);
    check(slice_eq(buf_slice(&world.body), largest));

    world.replies = 0;
    mesh_call(world.nodes[0].port, MESH_SHARD(ROLE_HISTORY, 0), METHOD_HISTORY_DESCRIBE, beyond, 2,
              20000, on_reply, &world);
    run_until(&world, one_reply);
    check_i64(world.errs[ERR_BUSY], 1);
    check(!mesh_cast(world.nodes[0].port, MESH_SHARD(ROLE_HISTORY, 0), METHOD_HISTORY_DESCRIBE,
                     beyond, 2));
    free(bytes);
    world_close(&world);
}

static bool cast_came(const struct world *world)
{
    return world->nodes[1].casts >= 100;
}

TEST(mesh_casts_arrive)
{
    struct world world;
    const struct slice body = SLICE_LIT("x");

    world_pair(&world);
    for (uint32_t i = 0; i < 100; i++)
        check(mesh_cast(world.nodes[0].port, MESH_SHARD(ROLE_HISTORY, i % SHARDS),
                        METHOD_HISTORY_NO_STICKY_POLLER, &body, 1));
    run_until(&world, cast_came);
    check_i64(world.nodes[1].body_bytes, 100);
    check(!mesh_cast(world.nodes[0].port, MESH_SHARD(ROLE_TIMERS, 0), METHOD_TIMERS_ASSIGN, &body,
                     1));
    world_close(&world);
}

static bool three_up(const struct world *world)
{
    return world->nodes[0].ups >= 2 && world->nodes[1].ups >= 2 && world->nodes[2].ups >= 2;
}

static bool all_held(const struct world *world)
{
    return world->nodes[1].requests + world->nodes[2].requests == SHARDS;
}

static bool one_down(const struct world *world)
{
    return world->nodes[0].downs >= 1 && world->nodes[2].downs >= 1;
}

TEST(mesh_leaving_moves_shards_and_fails_calls)
{
    struct world world;
    size_t of_one = 0;

    world_open(&world);
    node_open(&world, 0, ROLE_FRONTEND);
    node_open(&world, 1, ROLE_HISTORY);
    node_open(&world, 2, ROLE_HISTORY);
    run_until(&world, three_up);
    for (uint32_t shard = 0; shard < SHARDS; shard++) {
        const uint64_t owner = mesh_owner(world.nodes[0].mesh, ROLE_HISTORY, shard);

        check(owner == mesh_owner(world.nodes[1].mesh, ROLE_HISTORY, shard));
        check(mesh_is_ours(world.nodes[1].mesh, shard) != mesh_is_ours(world.nodes[2].mesh, shard));
        of_one += owner == mesh_self(world.nodes[1].mesh);
    }
    world.nodes[1].silent = world.nodes[2].silent = true;
    for (uint32_t shard = 0; shard < SHARDS; shard++)
        ask(&world, &world.nodes[0], ROLE_HISTORY, shard, 20000);
    run_until(&world, all_held);
    node_close(&world.nodes[1]);
    run_until(&world, one_down);
    check_i64(world.errs[ERR_PEER_RESET], of_one);
    for (uint32_t shard = 0; shard < SHARDS; shard++)
        check(mesh_is_ours(world.nodes[2].mesh, shard));
    world_close(&world);
}

/* -- a message that is missing -------------------------------------------------------------- */

static void find_address(const struct world *world, const struct node *node, char out[160])
{
    snprintf(out, 160, "ipc://%s/1-%016llx.sock", world->dir,
             (unsigned long long)mesh_self(node->mesh));
}

static nng_socket raw_push(const struct world *world, const struct node *node)
{
    char url[160];
    nng_socket socket;

    find_address(world, node, url);
    must(nng_push0_open(&socket) == 0);
    must(nng_socket_set_ms(socket, NNG_OPT_SENDTIMEO, 10000) == 0);
    must(nng_dial(socket, url, NULL, 0) == 0);
    return socket;
}

static bool ups_again(const struct world *world)
{
    return world->nodes[0].ups >= 2 && world->nodes[1].ups >= 2;
}

TEST(mesh_gap_is_a_peer_reset)
{
    struct world world;
    uint8_t bytes[MESH_HEADER_BYTES];

    world_pair(&world);
    world.nodes[1].silent = true;
    ask(&world, &world.nodes[0], ROLE_HISTORY, 0, 20000);
    run_until(&world, asked);
    /* A message as of the frontend, far ahead in number. */
    const struct mesh_header header = {.version = MESH_WIRE_VERSION,
                                       .process = mesh_self(world.nodes[0].mesh),
                                       .role = ROLE_FRONTEND,
                                       .number = 1000};
    mesh_header_write(bytes, &header);
    nng_socket socket = raw_push(&world, &world.nodes[1]);
    must(nng_send(socket, bytes, sizeof bytes, 0) == 0);
    run_until(&world, ups_again);
    check_i64(world.errs[ERR_PEER_RESET], 1);
    nng_close(socket);
    world_close(&world);
}

static void lose_one(const struct node *from, const struct node *to)
{
    struct mesh_peer *peer = mesh_peer_get(from->mesh, mesh_self(to->mesh), false);

    must(peer != NULL);
    mesh_outbox_lose_one(peer->outbox);
    mesh_peer_unref(peer);
}

static bool ups_of_asker(const struct world *world)
{
    return world->nodes[0].ups >= 2;
}

/* Nothing more is said after the loss: only a heartbeat can tell, and long before the deadline. */
TEST(mesh_lost_tail_is_noticed_by_heartbeats)
{
    for (int direction = 0; direction < 2; direction++) {
        struct world world;

        world_pair(&world);
        world.nodes[1].silent = true;
        ask(&world, &world.nodes[0], ROLE_HISTORY, 0, 60000);
        run_until(&world, asked);
        lose_one(&world.nodes[direction], &world.nodes[1 - direction]);
        run_until(&world, one_reply);
        check_i64(world.errs[ERR_PEER_RESET], 1);
        run_until(&world, ups_of_asker);
        world_close(&world);
    }
}

static bool teller_told_again(const struct world *world)
{
    return world->nodes[0].ups >= 2;
}

TEST(mesh_lost_cast_is_noticed_though_nobody_waits)
{
    struct world world;
    const struct slice body = SLICE_LIT("x");

    world_pair(&world);
    lose_one(&world.nodes[0], &world.nodes[1]);
    world.nodes[1].casts = 99; /* so that cast_came() means the next one */
    check(mesh_cast(world.nodes[0].port, MESH_SHARD(ROLE_HISTORY, 0),
                    METHOD_HISTORY_NO_STICKY_POLLER, &body, 1));
    run_until(&world, cast_came);
    run_until(&world, teller_told_again);
    lose_one(&world.nodes[1], &world.nodes[0]);
    world.nodes[0].ups = 1;
    check(mesh_cast(world.nodes[0].port, MESH_SHARD(ROLE_HISTORY, 0),
                    METHOD_HISTORY_NO_STICKY_POLLER, &body, 1));
    run_until(&world, teller_told_again); /* by the heartbeat's answer */
    world_close(&world);
}

static int64_t malformed(const struct node *node)
{
    return node_metric(node, "gnomon_mesh_malformed");
}

TEST(mesh_rubbish_is_not_listened_to)
{
    struct world world;
    struct rng rng;

    world_pair(&world);
    rng_seed(&rng, 3);
    nng_socket socket = raw_push(&world, &world.nodes[1]);
    for (int i = 0; i < 2000; i++) {
        uint8_t bytes[256];
        const size_t len = rng_below(&rng, sizeof bytes);

        for (size_t j = 0; j < len; j++)
            bytes[j] = (uint8_t)rng_u64(&rng);
        if (len > MESH_HEADER_BYTES && i % 2) {
            /* A stranger's header, or that of a member: then the rest is read. */
            const struct mesh_header header = {
                .version = MESH_WIRE_VERSION,
                .process = i % 4 == 1 ? 12345 : mesh_self(world.nodes[0].mesh),
                .role = ROLE_FRONTEND,
                .number = 1000000 + (uint64_t)i};
            mesh_header_write(bytes, &header);
        }
        must(nng_send(socket, bytes, len, 0) == 0);
    }
    nng_close(socket);
    /* The real frontend, whose name was taken in vain: after the resets it is heard again. */
    world.nodes[1].requests = 0;
    for (int i = 0; i < 100 && !world.errs[ERR_OK]; i++) {
        const size_t before = world.replies;

        ask(&world, &world.nodes[0], ROLE_HISTORY, 0, 20000);
        world.replies = 0;
        run_until(&world, one_reply);
        world.replies += before;
    }
    check_i64(world.errs[ERR_OK], 1);
    check(malformed(&world.nodes[1]) >= 1000);
    world_close(&world);
}

/* What comes before the envelope that can't be read is served, and the rest is known to be lost:
 * nobody waits for its deadline. */
TEST(mesh_unreadable_envelope_is_a_peer_reset)
{
    static const char too_long[MESH_DETAIL_TYPE_MAX + 2] = {0};
    struct world world;

    world_pair(&world);
    world.nodes[1].silent = true;
    ask(&world, &world.nodes[0], ROLE_HISTORY, 0, 60000);
    run_until(&world, asked);
    const struct envelope bad = {
        .kind = ENVELOPE_CAST, .shard = 0, .detail_type = slice_of(too_long, sizeof too_long)};
    check_ok(mesh_post(world.nodes[0].mesh, mesh_self(world.nodes[1].mesh), &bad, NULL, 0));
    run_until(&world, one_reply);
    check_i64(world.errs[ERR_PEER_RESET], 1);
    check_i64(malformed(&world.nodes[1]), 1);
    world_close(&world);
}

TEST(mesh_socket_and_member_file_are_private)
{
    struct world world;
    size_t files = 0;

    world_open(&world);
    node_open(&world, 0, ROLE_HISTORY);
    DIR *dir = opendir(world.dir);
    const struct dirent *entry;
    must(dir != NULL);
    while ((entry = readdir(dir)) != NULL) {
        char path[512];
        struct stat stat_buf;

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", world.dir, entry->d_name);
        must(stat(path, &stat_buf) == 0);
        check_i64(stat_buf.st_mode & 0777, 0600);
        files++;
    }
    closedir(dir);
    check_i64(files, 2);
    world_close(&world);
}

TEST(mesh_run_dir_that_is_too_long_is_one_clear_error)
{
    struct world world;
    struct err_detail detail = {{0}, NULL, {0}};
    struct mesh *mesh;
    char dir[200];

    world_open(&world);
    snprintf(dir, sizeof dir, "%s/%0100d", world.dir, 0);
    struct metrics *metrics = metrics_new();
    const struct mesh_options options = {.role = ROLE_TIMERS,
                                         .run_dir = dir,
                                         .clock = &clock_real,
                                         .log = &world.log,
                                         .metrics = metrics};
    check_err(mesh_open(&options, &mesh, &detail), ERR_INVALID);
    check(strstr(detail.text, "too long") != NULL);
    rmdir(dir);
    metrics_free(metrics);
    world_close(&world);
}

/* -- a process that dies -------------------------------------------------------------------- */

extern char **environ;

/* Runs in the child only: a history process that never answers, until it is killed. */
TEST(mesh_child_serves_in_silence)
{
    const char *dir = getenv(CHILD_ENV);
    struct world world = {.log = {.level = LOG_ERROR, .fd = 2, .service = "child"}};

    if (!dir)
        return;
    world.loop = loop_new("mesh-child");
    snprintf(world.dir, sizeof world.dir, "%s", dir);
    world.watchdog = (struct loop_timer){.fire = on_watchdog, .arg = &world};
    node_open(&world, 1, ROLE_HISTORY)->silent = true;
    loop_timer_start(world.loop, &world.watchdog, WATCHDOG_MS);
    loop_run(world.loop);
    node_close(&world.nodes[1]);
    loop_free(world.loop);
}

static pid_t child_start(const char *dir)
{
    char program[] = "/proc/self/exe", filter[] = "mesh_child_serves_in_silence";
    char *argv[] = {program, filter, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;

    must(setenv(CHILD_ENV, dir, 1) == 0);
    must(posix_spawn_file_actions_init(&actions) == 0);
    must(posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0) == 0);
    must(posix_spawn(&pid, program, &actions, NULL, argv, environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    must(unsetenv(CHILD_ENV) == 0);
    return pid;
}

static bool child_up(const struct world *world)
{
    return world->nodes[0].ups >= 1;
}

static bool child_down(const struct world *world)
{
    return world->nodes[0].downs >= 1;
}

TEST(mesh_killed_process_is_noticed_at_once)
{
    struct world world;
    int status;

    if (getenv(CHILD_ENV))
        return;
    world_open(&world);
    node_open(&world, 0, ROLE_FRONTEND);
    const pid_t pid = child_start(world.dir);
    run_until(&world, child_up);
    for (uint32_t shard = 0; shard < SHARDS; shard++)
        ask(&world, &world.nodes[0], ROLE_HISTORY, shard, 20000);
    const int64_t killed_ns = clock_mono_ns(&clock_real);
    must(kill(pid, SIGKILL) == 0);
    run_until(&world, child_down);
    check(clock_mono_ns(&clock_real) - killed_ns < 5 * NS_PER_S);
    check_i64(world.errs[ERR_PEER_RESET], SHARDS);
    check(!mesh_role_alive(world.nodes[0].mesh, ROLE_HISTORY));
    must(waitpid(pid, &status, 0) == pid);
    check(WIFSIGNALED(status));
    world_close(&world); /* also: the dead one's files are gone */
}

static bool third_is_known(const struct world *world)
{
    return world->nodes[1].ups >= 2 && world->nodes[2].ups >= 2;
}

TEST(mesh_a_tool_asks_a_process_and_is_no_part_of_the_cluster)
{
    struct world world;
    const struct slice body = SLICE_LIT("hello there");

    world_pair(&world);
    struct node *tool = node_open(&world, 2, ROLE_TOOL);
    run_until(&world, third_is_known);
    check_i64(mesh_role_count(world.nodes[1].mesh, ROLE_FRONTEND), 1);
    check_i64(mesh_role_count(world.nodes[1].mesh, ROLE_HISTORY), 1);
    check(mesh_owner(world.nodes[1].mesh, ROLE_TOOL, 0) == 0);
    check_str(mesh_role_name(ROLE_TOOL), "tool");
    struct mesh_member members[MESH_MEMBERS_MAX];
    check_i64((int64_t)mesh_members(tool->mesh, members), 2);
    check(members[0].role == ROLE_FRONTEND && members[1].role == ROLE_HISTORY);
    check(members[1].process == mesh_self(world.nodes[1].mesh) && !members[1].leaving);
    check(strncmp(members[1].address, "ipc://", 6) == 0);
    check_i64((int64_t)mesh_members(world.nodes[1].mesh, members), 2);
    check(members[1].role == ROLE_TOOL);
    const struct mesh_target to = {
        .role = ROLE_HISTORY, .shard = 1, .process = mesh_self(world.nodes[1].mesh)};
    mesh_call(tool->port, to, METHOD_HISTORY_DESCRIBE, &body, 1, 5000, on_reply, &world);
    run_until(&world, asked);
    check(world.nodes[1].last_from.process == mesh_self(tool->mesh));
    world_close(&world);
}
