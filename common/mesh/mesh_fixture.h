/* mesh_fixture.h - for tests: up to four meshes of one process on one loop, in a run folder of
 * their own. No sleeps: the loop runs until a condition holds or the watchdog fires. */
#ifndef GNOMON_MESH_FIXTURE_H
#define GNOMON_MESH_FIXTURE_H

#include "common/mesh/mesh_int.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { NODES_MAX = 4, WATCHDOG_MS = 20000, SHARDS = 4 };

struct node {
    struct world *world;
    struct mesh *mesh;
    struct mesh_port *port;
    struct metrics *metrics;
    size_t ups, downs, requests, casts, cancels, undelivered;
    size_t body_bytes;
    struct mesh_addr last_from;
    struct slice undelivered_bytes; /* sent with each answer */
    bool silent;                    /* do not answer */
    uint8_t last_byte;
};

struct world {
    struct loop *loop;
    struct loop_timer watchdog;
    char dir[64];
    struct loop *other; /* of nodes opened from now on, when not NULL: they call nobody back */
    const char *listen; /* of nodes opened from now on; NULL: socket files */
    struct log log;
    struct node nodes[NODES_MAX];
    bool (*done)(const struct world *world);
    bool timed_out, turned;
    /* of replies */
    size_t replies, errs[ERR_COUNT];
    struct err_detail detail;
    char type[64];
    struct buf body;
};

static inline void poke(struct world *world)
{
    if (world->done && world->done(world))
        loop_stop(world->loop);
}

static inline void on_watchdog(void *arg)
{
    struct world *world = arg;

    world->timed_out = true;
    loop_stop(world->loop);
}

static inline void run_until(struct world *world, bool (*done)(const struct world *world))
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

static inline void on_request(void *arg, const struct mesh_request *request)
{
    struct node *node = arg;

    node->body_bytes += request->body.len;
    if (request->body.len)
        node->last_byte = request->body.ptr[request->body.len - 1];
    node->last_from = request->from;
    if (request->method == METHOD_NOT_DELIVERED) {
        node->undelivered++;
    } else if (request->from.call == 0) {
        node->casts++;
    } else {
        node->requests++;
        check(request->deadline_mono_ns > 0);
        if (!node->silent) {
            const struct mesh_answer answer = {.err = ERR_OK,
                                               .parts = &request->body,
                                               .count = 1,
                                               .undelivered = node->undelivered_bytes,
                                               .shard = request->shard};
            mesh_reply(node->port, request->from, &answer);
        }
    }
    poke(node->world);
}

static inline void on_canceled(void *arg, uint32_t shard, struct mesh_addr from)
{
    struct node *node = arg;

    check(shard < SHARDS);
    check(from.call == node->last_from.call && from.process == node->last_from.process);
    node->cancels++;
    poke(node->world);
}

static inline void on_peer(void *arg, enum mesh_role role, uint64_t process, bool up)
{
    struct node *node = arg;

    check(role <= ROLE_TOOL && process != 0);
    if (up)
        node->ups++;
    else
        node->downs++;
    poke(node->world);
}

static inline void on_reply(void *arg, enum err err, const struct err_detail *detail,
                            struct slice body)
{
    struct world *world = arg;

    world->replies++;
    world->errs[err]++;
    world->detail = *detail;
    if (detail->type) {
        snprintf(world->type, sizeof world->type, "%s", detail->type);
        world->detail.type = world->type;
    }
    buf_clear(&world->body);
    buf_append_slice(&world->body, body);
    poke(world);
}

static inline void world_open(struct world *world)
{
    *world = (struct world){.loop = loop_new("mesh-test"),
                            .log = {.level = LOG_ERROR, .fd = 2, .service = "test"}};
    snprintf(world->dir, sizeof world->dir, "/tmp/gnomon-mesh-XXXXXX");
    must(mkdtemp(world->dir) != NULL);
    world->watchdog = (struct loop_timer){.fire = on_watchdog, .arg = world};
    buf_init(&world->body, 0);
}

static inline struct node *node_open(struct world *world, size_t index, enum mesh_role role)
{
    struct node *node = &world->nodes[index];
    const struct mesh_handlers handlers = {
        .request = on_request, .canceled = on_canceled, .peer = on_peer, .arg = node};
    struct err_detail detail = {{0}, NULL, {0}};

    *node = (struct node){.world = world, .metrics = metrics_new()};
    const struct mesh_options options = {.role = role,
                                         .run_dir = world->dir,
                                         .shard_count = {1, SHARDS, SHARDS, SHARDS},
                                         .transport = {.listen = world->listen},
                                         .clock = &clock_real,
                                         .log = &world->log,
                                         .metrics = node->metrics};
    check_ok(mesh_open(&options, &node->mesh, &detail));
    must(node->mesh != NULL);
    node->port = world->other ? mesh_port_new(node->mesh, world->other, &(struct mesh_handlers){0})
                              : mesh_port_new(node->mesh, world->loop, &handlers);
    if (role != ROLE_FRONTEND)
        for (uint32_t shard = 0; shard < SHARDS; shard++)
            mesh_bind(node->port, shard);
    return node;
}

static inline void on_turned(void *arg)
{
    struct world *world = arg;

    world->turned = true;
    poke(world);
}

static inline bool turned(const struct world *world)
{
    return world->turned;
}

static inline void node_close(struct node *node)
{
    if (!node->mesh)
        return;
    mesh_port_free(node->port);
    node->world->turned = false;
    loop_post_fn(node->world->loop, on_turned, node->world);
    run_until(node->world, turned);
    mesh_close(node->mesh);
    metrics_free(node->metrics);
    node->mesh = NULL;
}

static inline void world_close(struct world *world)
{
    for (size_t i = 0; i < NODES_MAX; i++)
        node_close(&world->nodes[i]);
    loop_free(world->loop);
    buf_release(&world->body);
    check_i64(rmdir(world->dir), 0); /* nothing is left behind */
}

static inline uint64_t ask(struct world *world, struct node *node, enum mesh_role role,
                           uint32_t shard, int64_t timeout_ms)
{
    const struct slice parts[] = {SLICE_LIT("hello "), SLICE_LIT("there")};

    return mesh_call(node->port, MESH_SHARD(role, shard), METHOD_HISTORY_DESCRIBE, parts, 2,
                     timeout_ms, on_reply, world);
}

static inline bool one_reply(const struct world *world)
{
    return world->replies >= 1;
}

static inline bool both_up(const struct world *world)
{
    return world->nodes[0].ups >= 1 && world->nodes[1].ups >= 1;
}

/* Frontend 0 and history 1, who know each other. */
static inline void world_pair(struct world *world)
{
    world_open(world);
    node_open(world, 0, ROLE_FRONTEND);
    node_open(world, 1, ROLE_HISTORY);
    run_until(world, both_up);
}

static inline bool asked(const struct world *world)
{
    return world->nodes[1].requests >= 1;
}

/* The value of a metric without labels, or with them written in `name`; -1: there is none. */
static inline int64_t node_metric(const struct node *node, const char *name)
{
    char line[128];
    struct buf text;

    snprintf(line, sizeof line, "\n%s ", name);
    buf_init(&text, 0);
    metrics_render(node->metrics, &text);
    buf_append(&text, "", 1);
    const char *at = strstr((const char *)text.ptr, line);
    const int64_t value = at ? strtoll(at + strlen(line), NULL, 10) : -1;
    buf_release(&text);
    return value;
}

#endif
