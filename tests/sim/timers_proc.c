/* timers_proc.c - a simulated timers process: the core, and what timers/server.c does. */
#include "tests/sim/sim.h"
#include "timers/deadlines.h"

enum { PULL_TIMEOUT_MS = 10000 };

struct timers_proc {
    struct sim_proc base;
    struct deadlines_out out;
    struct deadlines_limits limits;
    struct deadlines *core;
    bool ours[TIMERS_SHARDS];
};

struct asked {
    struct timers_proc *proc;
    uint64_t id;
};

static int64_t now_ns(const struct timers_proc *p)
{
    return p->base.sim->now_ns;
}

static struct mesh_target owner(uint64_t process, uint32_t history_shard)
{
    return (struct mesh_target){.role = ROLE_HISTORY, .shard = history_shard, .process = process};
}

static void on_pulled(void *arg, enum err err, const struct err_detail *detail, struct slice body)
{
    const struct asked *asked = arg;
    struct timers_proc *p = asked->proc;
    struct rpc_deadlines page = {0};

    UNUSED(detail);
    if (err == ERR_OK)
        err = rpc_deadlines_decode(&p->base.sim->scratch, body, &page);
    must(err != ERR_CORRUPT);
    deadlines_on_pulled(p->core, asked->id, err, &page, now_ns(p));
}

static void out_pull(void *arg, uint64_t pull_id, uint64_t process, const struct rpc_assign *pull)
{
    struct timers_proc *p = arg;
    struct asked *asked = ARENA_NEW(&p->base.sim->arena, struct asked);
    struct buf body;

    asked->proc = p;
    asked->id = pull_id;
    buf_init(&body, 0);
    rpc_assign_encode(pull, &body);
    net_call(&p->base, owner(process, pull->history_shard), METHOD_HISTORY_PULL_DEADLINES,
             buf_slice(&body), PULL_TIMEOUT_MS, on_pulled, asked);
    buf_release(&body);
}

static bool out_fire(void *arg, uint64_t process, const struct rpc_deadlines *due)
{
    struct timers_proc *p = arg;
    struct buf body;

    buf_init(&body, 0);
    rpc_deadlines_encode(due, &body);
    const bool sent = net_cast(&p->base, owner(process, due->history_shard),
                               METHOD_HISTORY_FIRE_DEADLINES, buf_slice(&body));
    buf_release(&body);
    return sent;
}

static void follow(struct timers_proc *p)
{
    const struct sim *sim = p->base.sim;

    for (uint32_t shard = 0; shard < TIMERS_SHARDS; shard++) {
        const bool ours = sim->owner[ROLE_TIMERS][shard] == p->base.id;

        if (!ours && p->ours[shard])
            deadlines_shard_lost(p->core, shard);
        p->ours[shard] = ours;
    }
}

static void on_request(struct sim_proc *proc, const struct mesh_request *request)
{
    struct timers_proc *p = CONTAINER_OF(proc, struct timers_proc, base);
    struct arena *arena = &proc->sim->scratch;
    struct rpc_assign assign;
    struct rpc_deadlines rows;

    follow(p);
    if (request->method == METHOD_TIMERS_ASSIGN) {
        must(rpc_assign_decode(arena, request->body, &assign) == ERR_OK);
        if (p->ours[rpc_timers_shard(assign.history_shard)])
            deadlines_assign(p->core, &assign, now_ns(p));
    } else if (request->method == METHOD_TIMERS_DEADLINES) {
        must(rpc_deadlines_decode(arena, request->body, &rows) == ERR_OK);
        deadlines_add(p->core, &rows, now_ns(p));
    }
}

static void on_peer(struct sim_proc *proc, enum mesh_role role, uint64_t process, bool up)
{
    struct timers_proc *p = CONTAINER_OF(proc, struct timers_proc, base);

    follow(p);
    if (role == ROLE_HISTORY && up)
        deadlines_process_reset(p->core, process, now_ns(p));
    else if (role == ROLE_HISTORY)
        deadlines_process_lost(p->core, process);
}

static void on_run(struct sim_proc *proc)
{
    struct timers_proc *p = CONTAINER_OF(proc, struct timers_proc, base);

    follow(p);
    if (deadlines_next_due_ns(p->core) <= now_ns(p))
        deadlines_run_due(p->core, now_ns(p));
    const int64_t next_ns = deadlines_next_due_ns(p->core);
    if (next_ns != INT64_MAX)
        proc_wake(proc, next_ns);
}

static void on_die(struct sim_proc *proc)
{
    struct timers_proc *p = CONTAINER_OF(proc, struct timers_proc, base);

    deadlines_free(p->core);
    p->core = NULL;
}

struct sim_proc *timers_proc_new(struct sim *sim, uint32_t slot)
{
    static const struct sim_handlers handlers = {
        .request = on_request, .peer = on_peer, .run = on_run, .die = on_die};
    struct timers_proc *p = ARENA_NEW(&sim->arena, struct timers_proc);

    proc_init(&p->base, sim, ROLE_TIMERS, slot, &handlers);
    p->limits = deadlines_limits_default;
    if (sim->faults.small_windows) {
        p->limits.items = 3;
        p->limits.page = 2;
        p->limits.batch = 2;
    }
    p->out = (struct deadlines_out){.arg = p, .pull = out_pull, .fire = out_fire};
    const struct deadlines_options options = {.out = &p->out,
                                              .limits = &p->limits,
                                              .log = &sim->log,
                                              .metrics = sim->metrics,
                                              .seed = rng_u64(&sim->rng) | 1};
    p->core = deadlines_new(&options);
    return &p->base;
}
