/* gateway.c - a simulated frontend: what forward.c, polls.c and deliveries.c of frontend/ do, and
 * the way to it.
 *
 * A request is sent again with the same body while an owner is being placed; a poll draws a new
 * poll id for each registration. A stream that its user resets is cancelled; when the gateway
 * dies, its users see their streams end. */
#include "tests/sim/sim.h"

#include "common/proto/wire.h"

enum { TIMEOUT_MS = 10000, RETRY_MS = 5000, NOBODY_MS = 800, POLL_MS = 61000 };
#define HOP_NS (200 * NS_PER_US) /* between a user and its gateway */

struct gateway {
    struct sim_proc base;
    struct list calls; /* struct gateway_call */
};

struct gateway_call {
    struct list node;
    struct sim *sim;
    struct gateway *gateway; /* NULL: ended */
    struct sim_ask ask;
    struct mesh_target to;
    struct slice body;
    struct rpc_poll poll;
    gateway_fn done; /* NULL: nobody waits */
    void *arg;
    uint64_t mesh_call;
    struct sim_timer again;
    int64_t first_ns, end_ns;
    uint32_t attempts;
    enum err err;
    const char *text;
    struct slice answer;
    uint64_t served_by; /* the gateway that had it */
};

/* -- deliveries -------------------------------------------------------------------------------- */

struct delivery {
    struct sim *sim;
    uint64_t gateway;
    uint32_t shard;
    enum rpc_task_kind kind;
    uint64_t start_id;
};

static void acknowledge(void *arg)
{
    const struct delivery *delivery = arg;
    struct sim_proc *proc = proc_find(delivery->sim, delivery->gateway);
    struct rpc_delivered delivered = {.start_ids = {delivery->start_id}, .count = 1};
    struct buf body;

    if (!proc)
        return;
    buf_init(&body, 0);
    rpc_delivered_encode(&delivered, &body);
    (void)net_cast(proc, MESH_SHARD(ROLE_HISTORY, delivery->shard), METHOD_HISTORY_DELIVERED,
                   buf_slice(&body));
    buf_release(&body);
}

/* A poll is answered with a task: did its stream take it? History is told of both. */
static void deliver(const struct gateway_call *call, bool taken)
{
    struct sim *sim = call->sim;
    struct sim_proc *proc = proc_find(sim, call->served_by);
    const struct slice bytes = wire_find_bytes(call->answer, 1); /* task_token */
    struct delivery *delivery;
    struct task_token token;

    if (!proc || bytes.len == 0)
        return;
    must(task_token_decode(&sim->scratch, bytes, &token) == ERR_OK);
    const uint32_t shard = rpc_history_shard(token.namespace_id, token.workflow_id, SIM_SHARDS);
    if (!taken) {
        (void)net_cast(proc, MESH_SHARD(ROLE_HISTORY, shard), METHOD_NOT_DELIVERED, bytes);
    } else if (token.kind == TASK_WORKFLOW) {
        delivery = ARENA_NEW(&sim->arena, struct delivery);
        *delivery = (struct delivery){sim, proc->id, shard, token.kind, token.start_id};
        sim_later(sim, sim_between(sim, 0, 20 * NS_PER_MS), acknowledge, delivery);
    }
}

/* -- to the user ------------------------------------------------------------------------------- */

static void tell(void *arg)
{
    struct gateway_call *call = arg;
    const gateway_fn done = call->done;

    call->done = NULL;
    if (call->ask.poll && call->err == ERR_OK)
        deliver(call, done != NULL);
    if (done)
        done(call->arg, call->err, call->text, call->answer);
}

static void end(struct gateway_call *call, enum err err, const char *text, struct slice body)
{
    struct sim *sim = call->sim;

    list_remove(&call->node);
    call->gateway = NULL;
    sim_stop(sim, &call->again);
    call->err = err;
    call->text = arena_str(&sim->arena, slice_str(text ? text : ""));
    call->answer = arena_copy(&sim->arena, body);
    sim_later(sim, sim_between(sim, HOP_NS / 4, HOP_NS), tell, call);
}

/* -- to the owners ----------------------------------------------------------------------------- */

static void send(void *arg);

static bool try_again(struct gateway_call *call, enum err err)
{
    struct sim *sim = call->sim;
    const bool unknown = err == ERR_PEER_RESET || err == ERR_UNKNOWN;
    const bool not_done = err == ERR_UNAVAILABLE || err == ERR_NOT_OWNER || err == ERR_FENCED;
    int64_t patience_ms = call->ask.long_poll ? INT64_MAX : RETRY_MS;

    if (err == ERR_UNAVAILABLE && !net_role_alive(sim, call->to.role) && !call->ask.long_poll)
        patience_ms = NOBODY_MS;
    if ((!not_done && !unknown) || sim->now_ns >= call->end_ns ||
        (sim->now_ns - call->first_ns) / NS_PER_MS >= patience_ms)
        return false;
    const int64_t base_ns = (INT64_C(10) << (call->attempts < 5 ? call->attempts : 5)) * NS_PER_MS;
    call->again.fire = send;
    call->again.arg = call;
    sim_arm(sim, &call->again, sim->now_ns + sim_between(sim, base_ns, 2 * base_ns));
    return true;
}

static void answered(void *arg, enum err err, const struct err_detail *detail, struct slice body)
{
    struct gateway_call *call = arg;

    call->mesh_call = 0;
    if (err != ERR_OK && try_again(call, err))
        return;
    if (call->ask.long_poll && (err == ERR_TIMEOUT || err == ERR_UNAVAILABLE))
        end(call, ERR_OK, "", SLICE_EMPTY);
    else
        end(call, err, detail ? detail->text : "", err == ERR_OK ? body : SLICE_EMPTY);
}

static void new_poll(struct gateway_call *call)
{
    struct buf body;

    call->poll.poll_id = rng_u64(&call->sim->rng) | 1;
    buf_init(&body, 0);
    rpc_poll_encode(&call->poll, &body);
    call->body = arena_copy(&call->sim->arena, buf_slice(&body));
    buf_release(&body);
}

static void send(void *arg)
{
    struct gateway_call *call = arg;
    const int64_t left_ms = (call->end_ns - call->sim->now_ns) / NS_PER_MS;

    if (!call->gateway)
        return;
    if (call->ask.poll)
        new_poll(call);
    call->attempts++;
    call->mesh_call = net_call(&call->gateway->base, call->to, call->ask.method, call->body,
                               left_ms > 0 ? left_ms : 1, answered, call);
}

void gateway_abandon(struct gateway_call *call)
{
    call->done = NULL;
    if (!call->gateway)
        return;
    if (call->mesh_call)
        net_cancel(&call->gateway->base, call->mesh_call);
    sim_stop(call->sim, &call->again);
    list_remove(&call->node);
    call->gateway = NULL;
}

/* -- from the user ----------------------------------------------------------------------------- */

static void prepare(struct gateway_call *call, const struct sim_ask *ask)
{
    struct sim *sim = call->sim;
    struct slice request = ask->message ? proto_encode(&sim->arena, ask->message) : SLICE_EMPTY;
    struct buf body;

    if (ask->poll) {
        call->poll = *ask->poll;
        call->poll.request = request;
        call->to = MESH_SHARD(ROLE_MATCHING,
                              rpc_matching_shard(call->poll.namespace_id, call->poll.task_queue));
        return;
    }
    const struct rpc_api api = {.namespace_id = SLICE_LIT(SIM_NAMESPACE),
                                .namespace_name = SLICE_LIT("default"),
                                .retention_s = 86400,
                                .token = ask->token,
                                .request = request};
    buf_init(&body, 0);
    rpc_api_encode(&api, &body);
    call->body = arena_copy(&sim->arena, buf_slice(&body));
    buf_release(&body);
    call->to = MESH_SHARD(ROLE_HISTORY, rpc_history_shard(SLICE_LIT(SIM_NAMESPACE),
                                                          slice_str(ask->workflow_id), SIM_SHARDS));
}

static void arrive(void *arg)
{
    struct gateway_call *call = arg;
    struct sim *sim = call->sim;
    struct gateway *up[SIM_SLOTS_PER_ROLE];
    uint32_t count = 0;

    if (!call->done)
        return; /* given up on the way */
    for (uint32_t i = 0; i < SIM_SLOTS_PER_ROLE; i++) {
        struct sim_proc *proc = sim->procs[ROLE_FRONTEND * SIM_SLOTS_PER_ROLE + i];

        if (proc && proc->alive)
            up[count++] = CONTAINER_OF(proc, struct gateway, base);
    }
    if (count == 0) {
        call->err = ERR_UNAVAILABLE;
        call->text = "no gateway";
        tell(call);
        return;
    }
    call->gateway = up[rng_below(&sim->rng, count)];
    call->served_by = call->gateway->base.id;
    list_push_back(&call->gateway->calls, &call->node);
    call->first_ns = sim->now_ns;
    call->end_ns = sim->now_ns + call->ask.timeout_ms * NS_PER_MS;
    send(call);
}

struct gateway_call *gateway_ask(struct sim *sim, const struct sim_ask *ask, gateway_fn done,
                                 void *arg)
{
    struct gateway_call *call = ARENA_NEW(&sim->arena, struct gateway_call);

    call->sim = sim;
    call->ask = *ask;
    if (!call->ask.timeout_ms)
        call->ask.timeout_ms = ask->poll ? POLL_MS : TIMEOUT_MS;
    call->done = done;
    call->arg = arg;
    list_init(&call->node);
    call->ask.poll = ask->poll ? &call->poll : NULL;
    prepare(call, ask);
    sim_later(sim, sim_between(sim, HOP_NS / 4, HOP_NS), arrive, call);
    return call;
}

/* -- the process ------------------------------------------------------------------------------- */

static void on_run(struct sim_proc *proc)
{
    UNUSED(proc);
}

static void on_die(struct sim_proc *proc)
{
    struct gateway *gateway = CONTAINER_OF(proc, struct gateway, base);

    while (!list_empty(&gateway->calls)) {
        struct gateway_call *call = CONTAINER_OF(gateway->calls.next, struct gateway_call, node);

        end(call, ERR_UNAVAILABLE, "the connection was lost", SLICE_EMPTY);
    }
}

struct sim_proc *gateway_new(struct sim *sim, uint32_t slot)
{
    static const struct sim_handlers handlers = {.run = on_run, .die = on_die};
    struct gateway *gateway = ARENA_NEW(&sim->arena, struct gateway);

    proc_init(&gateway->base, sim, ROLE_FRONTEND, slot, &handlers);
    list_init(&gateway->calls);
    return &gateway->base;
}
