/* mesh_dropped_test.c - what finds no room: posting never blocks, reading never stops, calls are
 * refused at once, and whoever lost a cast is told when it would be taken. */
#include "common/mesh/mesh_fixture.h"

#include <semaphore.h>
#include <time.h>

enum { MANY = 100 * 1000 };

static int64_t mono_ms(void)
{
    return clock_mono_ns(&clock_real) / NS_PER_MS;
}

static struct slice big_body(size_t bytes)
{
    uint8_t *body = calloc(1, bytes);

    must(body != NULL);
    return slice_of(body, bytes);
}

static bool many_replies(const struct world *world)
{
    return world->replies >= MANY + 1;
}

TEST(mesh_hundred_thousand_calls_at_once)
{
    struct world world;

    world_pair(&world);
    const int64_t begin_ms = mono_ms();
    for (uint32_t i = 0; i < MANY + 1; i++)
        ask(&world, &world.nodes[0], ROLE_HISTORY, i % SHARDS, 20000);
    check(mono_ms() - begin_ms < 10000); /* nobody reads the answers meanwhile */
    run_until(&world, many_replies);
    check_i64(world.errs[ERR_OK], MANY);
    check_i64(world.errs[ERR_BUSY], 1);
    world_close(&world);
}

static bool heard_again(const struct world *world)
{
    return world->nodes[0].ups >= 2 && world->nodes[1].ups >= 2;
}

/* The loop that takes the casts does not turn: its queue fills, the rest is dropped, the sender is
 * never kept waiting. When it turns again both sides derive anew. */
TEST(mesh_stopped_reader_drops_casts_and_tells_when_it_goes_on)
{
    struct world world;
    const struct slice body = big_body(100 * 1000);

    world_pair(&world);
    world.nodes[1].port->queue_bytes_max = 1000 * 1000;
    for (uint32_t i = 0; i < 100; i++)
        check(mesh_cast(world.nodes[0].port, MESH_SHARD(ROLE_HISTORY, i % SHARDS),
                        METHOD_HISTORY_NO_STICKY_POLLER, &body, 1));
    const int64_t deadline_ms = mono_ms() + WATCHDOG_MS;
    while (node_metric(&world.nodes[1], "gnomon_mesh_casts_dropped") < 91 &&
           mono_ms() < deadline_ms)
        sched_yield();
    run_until(&world, heard_again);
    check_i64(world.nodes[1].casts, 9);
    check_i64(node_metric(&world.nodes[1], "gnomon_mesh_casts_dropped"), 91);
    check_i64(world.nodes[0].ups, 2);
    check_i64(node_metric(&world.nodes[0], "gnomon_mesh_dirty_peers"), 1);
    check_i64(node_metric(&world.nodes[0], "gnomon_mesh_peer_resets"), 0);
    free((void *)(uintptr_t)body.ptr);
    world_close(&world);
}

static bool all_answered(const struct world *world)
{
    return world->replies >= 100;
}

TEST(mesh_stopped_reader_refuses_calls_at_once)
{
    struct world world;
    const struct slice body = big_body(100 * 1000);

    world_pair(&world);
    world.nodes[1].port->queue_bytes_max = 1000 * 1000;
    for (uint32_t i = 0; i < 100; i++)
        mesh_call(world.nodes[0].port, MESH_SHARD(ROLE_HISTORY, i % SHARDS),
                  METHOD_HISTORY_DESCRIBE, &body, 1, 60000, on_reply, &world);
    const int64_t deadline_ms = mono_ms() + WATCHDOG_MS;
    while (mesh_port_queued_bytes(world.nodes[0].port) == 0 && mono_ms() < deadline_ms)
        sched_yield(); /* the first refusal is here before anything was served */
    check(mesh_port_queued_bytes(world.nodes[0].port) > 0);
    check_i64(world.nodes[1].requests, 0);
    run_until(&world, all_answered);
    check_i64(world.errs[ERR_OK] + world.errs[ERR_BUSY], 100);
    check(world.errs[ERR_OK] >= 9 && world.errs[ERR_BUSY] >= 1);
    free((void *)(uintptr_t)body.ptr);
    world_close(&world);
}

static bool told_again(const struct world *world)
{
    return world->nodes[0].ups >= 2;
}

static bool came(const struct world *world)
{
    return world->nodes[1].requests >= 1;
}

/* The receiver is to own the shard but has not bound it yet. */
TEST(mesh_cast_that_came_before_the_shard_was_bound)
{
    struct world world;
    const struct slice body = SLICE_LIT("x");

    world_pair(&world);
    mesh_unbind(world.nodes[1].port, 2);
    check(mesh_cast(world.nodes[0].port, MESH_SHARD(ROLE_HISTORY, 2),
                    METHOD_HISTORY_NO_STICKY_POLLER, &body, 1));
    ask(&world, &world.nodes[0], ROLE_HISTORY, 1, 20000); /* comes after it */
    run_until(&world, came);
    check_i64(world.nodes[1].casts, 0);
    check_i64(world.nodes[0].ups, 1);
    mesh_bind(world.nodes[1].port, 2);
    run_until(&world, told_again);
    mesh_unbind(world.nodes[1].port, 2);
    mesh_bind(world.nodes[1].port, 2); /* told once */
    world.replies = 0;
    ask(&world, &world.nodes[0], ROLE_HISTORY, 2, 20000);
    run_until(&world, one_reply);
    check_i64(world.nodes[0].ups, 2);
    world_close(&world);
}

static bool knows_both(const struct world *world)
{
    return world->nodes[0].ups >= 1 && world->nodes[1].ups >= 1;
}

static bool bounced_on(const struct world *world)
{
    return world->nodes[1].undelivered >= 1;
}

/* An answer comes back to a process that has lost the shard meanwhile. */
TEST(mesh_undelivered_answer_follows_the_shard)
{
    struct world world;
    const struct envelope back = {
        .kind = ENVELOPE_CAST, .method = METHOD_NOT_DELIVERED, .reserved = true};
    const struct slice bytes = SLICE_LIT("start 7");
    uint32_t shard = 0;

    world_open(&world);
    node_open(&world, 0, ROLE_HISTORY);
    node_open(&world, 1, ROLE_HISTORY);
    run_until(&world, knows_both);
    while (shard < SHARDS && !mesh_is_ours(world.nodes[1].mesh, shard))
        shard++;
    if (shard < SHARDS) {
        struct envelope envelope = back;

        envelope.shard = shard;
        mesh_unbind(world.nodes[0].port, shard);
        mesh_refuse(world.nodes[0].mesh, mesh_self(world.nodes[1].mesh),
                    &(struct envelope){.kind = ENVELOPE_CAST,
                                       .method = METHOD_NOT_DELIVERED,
                                       .shard = shard,
                                       .body = bytes},
                    ERR_NOT_OWNER);
        run_until(&world, bounced_on);
        check_i64(world.nodes[1].last_byte, '7');
        /* Not a second time. */
        envelope.call = 1;
        mesh_unbind(world.nodes[1].port, shard);
        check_ok(
            mesh_post(world.nodes[0].mesh, mesh_self(world.nodes[1].mesh), &envelope, &bytes, 1));
        const int64_t deadline_ms = mono_ms() + WATCHDOG_MS;
        while (node_metric(&world.nodes[1], "gnomon_mesh_casts_dropped") < 1 &&
               mono_ms() < deadline_ms)
            sched_yield();
        check_i64(node_metric(&world.nodes[1], "gnomon_mesh_casts_dropped"), 1);
    }
    world_close(&world);
}

/* -- an outbox whose peer does not read ----------------------------------------------------- */

static int64_t no_version(void *arg)
{
    UNUSED(arg);
    return 0;
}

static void on_room(void *arg, uint64_t to)
{
    check_i64(to, 9);
    sem_post(arg);
}

static void on_message(void *arg, struct mesh_inmsg *msg)
{
    UNUSED(msg);
    sem_post(arg);
}

static bool comes(sem_t *what)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WATCHDOG_MS / 1000;
    return sem_timedwait(what, &until) == 0;
}

TEST(outbox_full_tells_when_there_is_room)
{
    char dir[] = "/tmp/gnomon-outbox-XXXXXX", url[80];
    struct err_detail detail = {{0}, NULL, {0}};
    const struct slice body = big_body(1000 * 1000);
    struct mesh_outbox *outbox;
    struct mesh_inbox *inbox;
    sem_t room, arrived;

    must(mkdtemp(dir) != NULL);
    snprintf(url, sizeof url, "ipc://%s/s", dir);
    must(sem_init(&room, 0, 0) == 0 && sem_init(&arrived, 0, 0) == 0);
    const struct outbox_options options = {
        .process = 7, .to = 9, .metadata_version = no_version, .room = on_room, .arg = &room};
    check_ok(mesh_outbox_open(&options, url, &outbox, &detail));
    const struct envelope cast = {.kind = ENVELOPE_CAST};
    const struct envelope reply = {.kind = ENVELOPE_REPLY, .call = 1};
    size_t taken = 0;
    const int64_t begin_ms = mono_ms();
    while (taken < 1000 && mesh_outbox_post(outbox, &cast, &body, 1))
        taken++;
    check(mono_ms() - begin_ms < 10000);
    check(taken >= 60 && taken <= 70);
    check(mesh_outbox_post(outbox, &reply, &body, 1)); /* answers have room of their own */
    check(sem_trywait(&room) != 0);

    check_ok(mesh_inbox_open(url, 2000 * 1000, on_message, &arrived, &inbox, &detail));
    mesh_inbox_start(inbox);
    check(comes(&room));
    check(mesh_outbox_post(outbox, &cast, &body, 1));
    for (size_t i = 0; i < taken + 2; i++) /* each too large to share a message */
        check(comes(&arrived));
    check(mesh_outbox_close(outbox));
    check(sem_trywait(&room) != 0); /* once */
    check(mesh_inbox_close(inbox));
    sem_destroy(&room);
    sem_destroy(&arrived);
    free((void *)(uintptr_t)body.ptr);
    rmdir(dir);
}
