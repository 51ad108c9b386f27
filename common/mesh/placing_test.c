/* placing_test.c - several meshes of one process over one cluster store: one map, served by all.
 * No sleeps: the loop runs until a condition holds or the watchdog fires. */
#include "common/mesh/follow.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { NODES = 3, SHARDS = 4, WATCHDOG_MS = 20000 };

struct node {
    struct world *world;
    struct cluster *cluster;
    struct metrics *metrics;
    struct mesh *mesh;
    struct mesh_follow follow;
    size_t looks, lost, placed;
};

struct world {
    struct loop *loop;
    struct loop_timer watchdog;
    char dir[64];
    struct log log;
    struct node nodes[NODES];
    bool (*done)(const struct world *world);
    bool timed_out;
};

static void poke(struct world *world)
{
    if (world->done && world->done(world))
        loop_stop(world->loop);
}

static void on_watchdog(void *arg)
{
    struct world *world = arg;

    world->timed_out = true;
    loop_stop(world->loop);
}

static void run_until(struct world *world, bool (*done)(const struct world *world))
{
    world->done = done;
    if (!done(world)) {
        loop_timer_start(world->loop, &world->watchdog, WATCHDOG_MS);
        loop_run(world->loop);
        loop_timer_stop(world->loop, &world->watchdog);
    }
    world->done = NULL;
    check(!world->timed_out);
}

static void on_placed(void *arg)
{
    struct node *node = arg;

    node->looks++;
    mesh_follow(&node->follow);
    poke(node->world);
}

static void on_lost(void *arg, uint32_t shard)
{
    struct node *node = arg;

    check(shard < SHARDS && !mesh_is_ours(node->mesh, shard));
    node->lost++;
}

static void on_first(void *arg)
{
    struct node *node = arg;

    node->placed++;
}

static void world_open(struct world *world)
{
    *world = (struct world){.loop = loop_new("placing-test"),
                            .log = {.level = LOG_ERROR, .fd = 2, .service = "test"}};
    snprintf(world->dir, sizeof world->dir, "/tmp/gnomon-placing-XXXXXX");
    must(mkdtemp(world->dir) != NULL);
    world->watchdog = (struct loop_timer){.fire = on_watchdog, .arg = world};
}

static void node_open(struct world *world, size_t index, enum mesh_role role)
{
    struct node *node = &world->nodes[index];
    const struct mesh_handlers handlers = {.placed = on_placed, .arg = node};
    struct err_detail detail = {0};

    *node = (struct node){.world = world, .metrics = metrics_new()};
    check_ok(cluster_open(world->dir, &clock_real, &world->log, &node->cluster, &detail));
    const struct mesh_options options = {
        .role = role,
        .run_dir = world->dir,
        .shard_count = {[ROLE_FRONTEND] = 1,
                        [ROLE_HISTORY] = SHARDS,
                        [ROLE_MATCHING] = SHARDS,
                        [ROLE_TIMERS] = SHARDS},
        .clock = &clock_real,
        .log = &world->log,
        .metrics = node->metrics,
        .cluster = node->cluster,
    };
    check_ok(mesh_open(&options, &node->mesh, &detail));
    node->follow = (struct mesh_follow){.mesh = node->mesh,
                                        .port = mesh_port_new(node->mesh, world->loop, &handlers),
                                        .count = SHARDS,
                                        .lost = on_lost,
                                        .placed = on_first,
                                        .arg = node};
}

static void node_close(struct node *node)
{
    if (!node->mesh)
        return;
    mesh_port_free(node->follow.port);
    mesh_close(node->mesh);
    cluster_close(node->cluster);
    metrics_free(node->metrics);
    *node = (struct node){.world = node->world};
}

static void world_close(struct world *world)
{
    static const char *const files[] = {"/cluster.db", "/cluster.db-wal", "/cluster.db-shm", ""};
    char path[128];

    for (size_t i = 0; i < NODES; i++)
        node_close(&world->nodes[i]);
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        snprintf(path, sizeof path, "%s%s", world->dir, files[i]);
        remove(path);
    }
    loop_free(world->loop);
}

static uint32_t share(const struct node *node)
{
    uint32_t count = 0;

    for (uint32_t shard = 0; shard < SHARDS; shard++)
        count += node->follow.ours[shard];
    return count;
}

/* All live nodes are of one role here, serve from the same version, and differ by one at most. */
static bool is_even(const struct world *world)
{
    uint32_t sum = 0, least = SHARDS, most = 0;
    int64_t version = 0;

    for (size_t i = 0; i < NODES; i++) {
        const struct node *node = &world->nodes[i];

        if (!node->mesh)
            continue;
        if (version && mesh_map_version(node->mesh) != version)
            return false;
        version = mesh_map_version(node->mesh);
        sum += share(node);
        least = share(node) < least ? share(node) : least;
        most = share(node) > most ? share(node) : most;
    }
    return version > 0 && sum == SHARDS && most <= least + 1;
}

TEST(placing_shares_shards_among_those_who_come)
{
    struct world world;

    world_open(&world);
    node_open(&world, 0, ROLE_MATCHING);
    run_until(&world, is_even);
    check_i64(share(&world.nodes[0]), SHARDS);
    check(mesh_is_placed(world.nodes[0].mesh));
    check_i64(world.nodes[0].placed, 1);
    for (size_t i = 1; i < NODES; i++) {
        node_open(&world, i, ROLE_MATCHING);
        run_until(&world, is_even);
        check_i64(world.nodes[i].placed, 1);
    }
    check_i64(world.nodes[0].lost, SHARDS - share(&world.nodes[0]));
    for (uint32_t shard = 0; shard < SHARDS; shard++) {
        const uint64_t owner = mesh_owner(world.nodes[0].mesh, ROLE_MATCHING, shard);

        check(owner != 0);
        for (size_t i = 0; i < NODES; i++) {
            check(mesh_owner(world.nodes[i].mesh, ROLE_MATCHING, shard) == owner);
            check(mesh_is_ours(world.nodes[i].mesh, shard) ==
                  (mesh_self(world.nodes[i].mesh) == owner));
        }
        check(mesh_owner(world.nodes[0].mesh, ROLE_HISTORY, shard) == 0);
    }
    world_close(&world);
}

static bool first_has_none(const struct world *world)
{
    return share(&world->nodes[0]) == 0 && share(&world->nodes[1]) == SHARDS;
}

static bool second_has_all(const struct world *world)
{
    return share(&world->nodes[1]) == SHARDS;
}

TEST(placing_who_leaves_gives_all_away_and_who_dies_is_inherited)
{
    struct world world;

    world_open(&world);
    node_open(&world, 0, ROLE_TIMERS);
    node_open(&world, 1, ROLE_TIMERS);
    run_until(&world, is_even);
    mesh_leaving(world.nodes[0].mesh);
    run_until(&world, first_has_none);
    check(!mesh_is_placed(world.nodes[0].mesh));
    node_close(&world.nodes[0]);

    node_open(&world, 0, ROLE_TIMERS);
    run_until(&world, is_even);
    node_close(&world.nodes[0]); /* without a word */
    run_until(&world, second_has_all);
    world_close(&world);
}

static size_t looks_before;

static bool has_looked(const struct world *world)
{
    return world->nodes[1].looks > looks_before;
}

TEST(placing_next_owner_hears_of_a_release)
{
    struct world world;

    world_open(&world);
    node_open(&world, 0, ROLE_HISTORY);
    node_open(&world, 1, ROLE_HISTORY);
    run_until(&world, is_even);
    const int64_t version = mesh_map_version(world.nodes[1].mesh);
    for (uint32_t shard = 0; shard < SHARDS; shard++) {
        looks_before = world.nodes[1].looks;
        mesh_freed(world.nodes[0].mesh, shard); /* ours: says nothing */
        if (mesh_is_ours(world.nodes[1].mesh, shard))
            run_until(&world, has_looked);
    }
    check_i64(mesh_map_version(world.nodes[1].mesh), version);
    world_close(&world);
}

static int64_t version_before;

static bool both_above(const struct world *world)
{
    return mesh_map_version(world->nodes[0].mesh) > version_before &&
           mesh_map_version(world->nodes[1].mesh) > version_before;
}

TEST(placing_fenced_owner_is_given_a_higher_version)
{
    struct world world;

    world_open(&world);
    node_open(&world, 0, ROLE_HISTORY);
    node_open(&world, 1, ROLE_HISTORY);
    run_until(&world, is_even);
    for (size_t i = 0; i < 2; i++) { /* the leader is one of them */
        version_before = mesh_map_version(world.nodes[i].mesh);
        mesh_want_map_above(world.nodes[i].mesh, version_before);
        run_until(&world, both_above);
    }
    check(is_even(&world));
    world_close(&world);
}

/* Nothing is outstanding between them, so that nothing else would be said. */
TEST(placing_a_write_into_the_store_is_told_to_all)
{
    const struct timespec pause = {.tv_nsec = NS_PER_MS};
    const struct namespace_info ns = {.id = "11111111-1111-4111-8111-111111111111",
                                      .name = "told",
                                      .info = SLICE_LIT("info"),
                                      .config = SLICE_EMPTY};
    struct world world;

    world_open(&world);
    for (size_t i = 0; i < NODES; i++)
        node_open(&world, i, ROLE_MATCHING);
    run_until(&world, is_even);
    check_ok(cluster_namespace_create(world.nodes[0].cluster, &ns));
    const int64_t version = cluster_version(world.nodes[0].cluster);
    mesh_tell_version(world.nodes[0].mesh);
    for (size_t i = 1; i < NODES; i++) {
        const int64_t end_ms = clock_mono_ms(&clock_real) + WATCHDOG_MS;

        while (cluster_version(world.nodes[i].cluster) < version &&
               clock_mono_ms(&clock_real) < end_ms)
            nanosleep(&pause, NULL);
        check(cluster_version(world.nodes[i].cluster) >= version);
    }
    world_close(&world);
}
