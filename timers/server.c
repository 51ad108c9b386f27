/* server.c - see server.h. */
#include "timers/server.h"

#include "common/base/rng.h"
#include "timers/deadlines.h"

#include <stdlib.h>

enum { PULL_TIMEOUT_MS = 10000 };

struct timers_server {
    struct timers_server_options o;
    struct deadlines_out out;
    struct deadlines *core;
    struct mesh_port *port;
    struct mesh_follow follow;
    struct arena arena; /* of the request in hand */
    struct buf body;
    struct loop_msg turn_end;
    struct loop_timer timer;
    int64_t armed_ns; /* INT64_MAX: the timer stands still */
};

struct asked {
    struct timers_server *server;
    uint64_t id;
};

static int64_t now_ns(const struct timers_server *server)
{
    return clock_mono_ns(server->o.clock);
}

static void touch(struct timers_server *server)
{
    loop_at_turn_end(server->o.loop, &server->turn_end);
}

static void on_turn_end(void *arg)
{
    struct timers_server *server = arg;
    const int64_t next_ns = deadlines_next_due_ns(server->core);

    if (next_ns == server->armed_ns)
        return;
    server->armed_ns = next_ns;
    if (next_ns == INT64_MAX) {
        loop_timer_stop(server->o.loop, &server->timer);
        return;
    }
    const int64_t wait_ns = next_ns - now_ns(server);
    loop_timer_start(server->o.loop, &server->timer,
                     wait_ns <= 0 ? 0 : (wait_ns + NS_PER_MS - 1) / NS_PER_MS);
}

static void on_timer(void *arg)
{
    struct timers_server *server = arg;

    server->armed_ns = INT64_MAX;
    deadlines_run_due(server->core, now_ns(server));
    touch(server);
}

/* -- out ------------------------------------------------------------------------------------ */

static struct mesh_target owner(uint64_t process, uint32_t history_shard)
{
    return (struct mesh_target){.role = ROLE_HISTORY, .shard = history_shard, .process = process};
}

static void on_pulled(void *arg, enum err err, const struct err_detail *detail, struct slice body)
{
    struct asked *asked = arg;
    struct timers_server *server = asked->server;
    struct rpc_deadlines page = {0};
    struct arena arena;

    UNUSED(detail);
    arena_init(&arena);
    if (err == ERR_OK)
        err = rpc_deadlines_decode(&arena, body, &page);
    if (err == ERR_CORRUPT)
        log_error(server->o.log, "malformed page of deadlines");
    deadlines_on_pulled(server->core, asked->id, err, &page, now_ns(server));
    arena_release(&arena);
    free(asked);
    touch(server);
}

static void out_pull(void *arg, uint64_t pull_id, uint64_t process, const struct rpc_assign *pull)
{
    struct timers_server *server = arg;
    struct asked *asked = calloc(1, sizeof *asked);

    must(asked != NULL);
    asked->server = server;
    asked->id = pull_id;
    rpc_assign_encode(pull, &server->body);
    must(buf_ok(&server->body));
    const struct slice body = buf_slice(&server->body);
    mesh_call(server->port, owner(process, pull->history_shard), METHOD_HISTORY_PULL_DEADLINES,
              &body, 1, PULL_TIMEOUT_MS, on_pulled, asked);
    buf_clear(&server->body);
}

static bool out_fire(void *arg, uint64_t process, const struct rpc_deadlines *due)
{
    struct timers_server *server = arg;

    rpc_deadlines_encode(due, &server->body);
    must(buf_ok(&server->body));
    const struct slice body = buf_slice(&server->body);
    const bool sent = mesh_cast(server->port, owner(process, due->history_shard),
                                METHOD_HISTORY_FIRE_DEADLINES, &body, 1);
    buf_clear(&server->body);
    return sent;
}

/* -- in ------------------------------------------------------------------------------------- */

static enum err take_assign(struct timers_server *server, struct slice body)
{
    struct rpc_assign assign;
    const enum err err = rpc_assign_decode(&server->arena, body, &assign);

    if (err != ERR_OK)
        return err;
    if (!server->follow.ours[rpc_timers_shard(assign.history_shard)])
        return ERR_NOT_OWNER;
    deadlines_assign(server->core, &assign, now_ns(server));
    return ERR_OK;
}

static enum err take_rows(struct timers_server *server, struct slice body)
{
    struct rpc_deadlines rows;
    const enum err err = rpc_deadlines_decode(&server->arena, body, &rows);

    if (err == ERR_OK)
        deadlines_add(server->core, &rows, now_ns(server));
    return err;
}

static void on_request(void *arg, const struct mesh_request *request)
{
    struct timers_server *server = arg;
    enum err err = ERR_UNIMPLEMENTED;

    arena_reset(&server->arena);
    if (request->method == METHOD_TIMERS_ASSIGN)
        err = take_assign(server, request->body);
    else if (request->method == METHOD_TIMERS_DEADLINES)
        err = take_rows(server, request->body);

    if (request->from.call != 0) {
        const struct mesh_answer answer = {.err = err};
        mesh_reply(server->port, request->from, &answer);
    } else if (err != ERR_OK) {
        log_warn(server->o.log, "cast refused", F_ERR(err),
                 F_STR("method", mesh_method_name(request->method)));
    }
    touch(server);
}

static void on_shard_lost(void *arg, uint32_t shard)
{
    struct timers_server *server = arg;

    deadlines_shard_lost(server->core, shard);
}

static void on_placed(void *arg)
{
    struct timers_server *server = arg;

    mesh_follow(&server->follow);
    touch(server);
}

static void on_first_placed(void *arg)
{
    const struct timers_server *server = arg;

    if (server->o.ready)
        server->o.ready(server->o.arg);
}

static void on_peer(void *arg, enum mesh_role role, uint64_t process, bool up)
{
    struct timers_server *server = arg;

    if (role == ROLE_HISTORY && up)
        deadlines_process_reset(server->core, process, now_ns(server));
    else if (role == ROLE_HISTORY)
        deadlines_process_lost(server->core, process);
    touch(server);
}

/* -- life ----------------------------------------------------------------------------------- */

struct timers_server *timers_server_new(const struct timers_server_options *options)
{
    struct timers_server *server = calloc(1, sizeof *server);
    struct rng rng;

    must(server != NULL);
    rng_seed_from_kernel(&rng);
    server->o = *options;
    arena_init(&server->arena);
    buf_init(&server->body, MESH_BODY_MAX);
    server->turn_end = (struct loop_msg){.run = on_turn_end, .arg = server};
    server->timer = (struct loop_timer){.fire = on_timer, .arg = server};
    server->armed_ns = INT64_MAX;
    server->out = (struct deadlines_out){.arg = server, .pull = out_pull, .fire = out_fire};
    const struct deadlines_options core = {.out = &server->out,
                                           .limits = &deadlines_limits_default,
                                           .log = options->log,
                                           .metrics = options->metrics,
                                           .seed = rng_u64(&rng)};
    server->core = deadlines_new(&core);
    const struct mesh_handlers handlers = {
        .request = on_request, .peer = on_peer, .placed = on_placed, .arg = server};
    server->port = mesh_port_new(options->mesh, options->loop, &handlers);
    server->follow = (struct mesh_follow){.mesh = options->mesh,
                                          .port = server->port,
                                          .count = TIMERS_SHARDS,
                                          .lost = on_shard_lost,
                                          .placed = on_first_placed,
                                          .arg = server};
    return server;
}

void timers_server_free(struct timers_server *server)
{
    if (!server)
        return;
    mesh_port_free(server->port);
    loop_timer_stop(server->o.loop, &server->timer);
    deadlines_free(server->core);
    buf_release(&server->body);
    arena_release(&server->arena);
    free(server);
}
