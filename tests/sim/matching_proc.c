/* matching_proc.c - a simulated matching process: the core, and what matching/server.c does. */
#include "matching/matching_int.h"
#include "tests/sim/sim.h"

enum { START_TIMEOUT_MS = 5000, PULL_TIMEOUT_MS = 10000 };

struct matching_proc {
    struct sim_proc base;
    struct matching_out out;
    struct matching_limits limits;
    struct matching *core;
    bool ours[MATCHING_SHARDS];
};

struct asked {
    struct matching_proc *proc;
    uint64_t id;
};

static int64_t now_ns(const struct matching_proc *p)
{
    return p->base.sim->now_ns;
}

static struct asked *asked_new(struct matching_proc *p, uint64_t id)
{
    struct asked *asked = ARENA_NEW(&p->base.sim->arena, struct asked);

    asked->proc = p;
    asked->id = id;
    return asked;
}

static void on_started(void *arg, enum err err, const struct err_detail *detail, struct slice body)
{
    const struct asked *asked = arg;

    UNUSED(detail);
    UNUSED(body);
    matching_on_started(asked->proc->core, asked->id, err, now_ns(asked->proc));
}

static void out_start(void *arg, uint64_t match_id, const struct rpc_start_task *start)
{
    struct matching_proc *p = arg;
    struct buf body;

    buf_init(&body, 0);
    rpc_start_task_encode(start, &body);
    net_call(&p->base, MESH_SHARD(ROLE_HISTORY, start->task.history_shard),
             METHOD_HISTORY_START_TASK, buf_slice(&body), START_TIMEOUT_MS, on_started,
             asked_new(p, match_id));
    buf_release(&body);
}

static void on_pulled(void *arg, enum err err, const struct err_detail *detail, struct slice body)
{
    const struct asked *asked = arg;
    struct matching_proc *p = asked->proc;
    struct rpc_task *tasks = NULL;
    uint32_t count = 0;
    bool has_more = false;

    UNUSED(detail);
    if (err == ERR_OK)
        err = rpc_tasks_decode(&p->base.sim->scratch, body, &tasks, &count, &has_more);
    must(err != ERR_CORRUPT);
    matching_on_pulled(p->core, asked->id, err, tasks, count, has_more, now_ns(p));
}

static void out_pull(void *arg, uint64_t pull_id, uint32_t history_shard,
                     const struct rpc_pull_tasks *pull)
{
    struct matching_proc *p = arg;
    struct buf body;

    buf_init(&body, 0);
    rpc_pull_tasks_encode(pull, &body);
    net_call(&p->base, MESH_SHARD(ROLE_HISTORY, history_shard), METHOD_HISTORY_PULL_TASKS,
             buf_slice(&body), PULL_TIMEOUT_MS, on_pulled, asked_new(p, pull_id));
    buf_release(&body);
}

static void out_no_sticky_poller(void *arg, const struct rpc_task *task)
{
    struct matching_proc *p = arg;
    struct buf body;

    buf_init(&body, 0);
    rpc_task_encode(task, &body);
    (void)net_cast(&p->base, MESH_SHARD(ROLE_HISTORY, task->history_shard),
                   METHOD_HISTORY_NO_STICKY_POLLER, buf_slice(&body));
    buf_release(&body);
}

static void out_reply(void *arg, struct mesh_addr to, enum err err, const char *text,
                      struct slice body)
{
    struct matching_proc *p = arg;
    struct err_detail detail = {0};
    const struct mesh_answer answer = {
        .err = err, .detail = text ? &detail : NULL, .parts = &body, .count = 1};

    if (text)
        (void)err_fail(&detail, err, "%s", text);
    net_reply(&p->base, to, &answer);
}

/* -- what the network brings ------------------------------------------------------------------- */

static enum err take(struct matching_proc *p, const struct mesh_request *request)
{
    struct arena *arena = &p->base.sim->scratch;
    struct rpc_task *tasks, query;
    struct rpc_poll poll;
    uint32_t count;
    bool has_more;
    enum err err = ERR_UNIMPLEMENTED;

    if (request->shard >= MATCHING_SHARDS || !p->ours[request->shard])
        return ERR_NOT_OWNER;
    if (request->method == METHOD_MATCHING_POLL) {
        err = rpc_poll_decode(arena, request->body, &poll);
        must(err == ERR_OK);
        poll.reply_to = request->from;
        matching_poll(p->core, &poll, request->deadline_mono_ns, now_ns(p));
    } else if (request->method == METHOD_MATCHING_OFFER_TASKS) {
        err = rpc_tasks_decode(arena, request->body, &tasks, &count, &has_more);
        must(err == ERR_OK);
        matching_offer(p->core, tasks, count, now_ns(p));
    } else if (request->method == METHOD_MATCHING_DISPATCH_QUERY) {
        err = rpc_task_decode(arena, request->body, &query);
        must(err == ERR_OK);
        matching_query(p->core, &query, request->from, request->deadline_mono_ns, now_ns(p));
    } else if (request->method == METHOD_MATCHING_LOOK_AGAIN) {
        err = ERR_OK;
        matching_history_reset(p->core, now_ns(p));
    }
    return err;
}

static void on_request(struct sim_proc *proc, const struct mesh_request *request)
{
    struct matching_proc *p = CONTAINER_OF(proc, struct matching_proc, base);
    const struct mesh_answer answer = {.err = take(p, request), .shard = request->shard};

    if (answer.err != ERR_OK && request->from.call)
        net_reply(proc, request->from, &answer);
    else if (answer.err != ERR_OK)
        net_dropped(proc, request);
    matching_proc_check(proc);
}

static void on_canceled(struct sim_proc *proc, uint32_t shard, struct mesh_addr from)
{
    struct matching_proc *p = CONTAINER_OF(proc, struct matching_proc, base);

    UNUSED(shard);
    matching_cancel(p->core, from, now_ns(p));
}

static void follow(struct matching_proc *p)
{
    const struct sim *sim = p->base.sim;

    for (uint32_t shard = 0; shard < MATCHING_SHARDS; shard++) {
        const bool ours = sim->owner[ROLE_MATCHING][shard] == p->base.id;

        if (!ours && p->ours[shard])
            matching_shard_lost(p->core, shard, now_ns(p));
        p->ours[shard] = ours;
    }
}

static void on_peer(struct sim_proc *proc, enum mesh_role role, uint64_t process, bool up)
{
    struct matching_proc *p = CONTAINER_OF(proc, struct matching_proc, base);

    if (!up)
        matching_process_lost(p->core, process, now_ns(p));
    if (role == ROLE_HISTORY)
        matching_history_reset(p->core, now_ns(p));
}

static void on_run(struct sim_proc *proc)
{
    struct matching_proc *p = CONTAINER_OF(proc, struct matching_proc, base);

    follow(p);
    if (matching_next_due_ns(p->core) <= now_ns(p))
        matching_run_due(p->core, now_ns(p));
    matching_proc_check(proc);
    const int64_t next_ns = matching_next_due_ns(p->core);
    if (next_ns != INT64_MAX)
        proc_wake(proc, next_ns);
}

void matching_proc_check(struct sim_proc *proc)
{
    const struct matching_proc *p = CONTAINER_OF(proc, struct matching_proc, base);
    const struct matching *core = p->core;

    if (core->task_count > p->limits.total_tasks + core->queues.count ||
        core->polls.count > p->limits.polls || core->queues.count > p->limits.queues)
        sim_fail(proc->sim, "matching's memory is bounded", "%u tasks, %zu polls, %zu queues",
                 core->task_count, core->polls.count, core->queues.count);
}

static void on_die(struct sim_proc *proc)
{
    struct matching_proc *p = CONTAINER_OF(proc, struct matching_proc, base);

    matching_free(p->core);
    p->core = NULL;
}

struct sim_proc *matching_proc_new(struct sim *sim, uint32_t slot)
{
    static const struct sim_handlers handlers = {.request = on_request,
                                                 .canceled = on_canceled,
                                                 .peer = on_peer,
                                                 .run = on_run,
                                                 .die = on_die};
    struct matching_proc *p = ARENA_NEW(&sim->arena, struct matching_proc);

    proc_init(&p->base, sim, ROLE_MATCHING, slot, &handlers);
    p->limits = matching_limits_default;
    if (sim->faults.small_windows) {
        p->limits.window_tasks = 2;
        p->limits.total_tasks = 4;
        p->limits.pulls = 2;
    }
    p->out = (struct matching_out){.arg = p,
                                   .start = out_start,
                                   .pull = out_pull,
                                   .no_sticky_poller = out_no_sticky_poller,
                                   .reply = out_reply};
    const struct matching_options options = {.out = &p->out,
                                             .limits = &p->limits,
                                             .history_shards = SIM_SHARDS,
                                             .clock = &sim->clock,
                                             .log = &sim->log,
                                             .metrics = sim->metrics,
                                             .seed = rng_u64(&sim->rng) | 1};
    p->core = matching_new(&options);
    return &p->base;
}
