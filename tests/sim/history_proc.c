/* history_proc.c - a simulated history process: a store in manual mode, and the shards that the
 * placement gives it. It learns late of what it has lost: until then the lease keeps owners apart.
 */
#include "history/shard/shard.h"
#include "tests/sim/sim.h"

#include <stdlib.h>

#define RETRY_NS (100 * NS_PER_MS)
#define DRAIN_MAX_NS (3 * NS_PER_S)

struct history_proc;

struct slot {
    struct history_proc *proc;
    uint32_t id;
    struct history_shard *shard; /* NULL: closed */
    bool lost, draining;
    uint64_t timers_owner; /* as the placement had it last */
    int64_t not_before_ns; /* of the next try to open */
    int64_t drain_until_ns;
    int64_t blind_until_ns; /* it does not know yet that the shard is another's; 0: it does */
};

struct history_proc {
    struct sim_proc base;
    struct store *store;
    struct history_net net;
    struct slot slots[SIM_SHARDS];
    struct sim_timer step;
    bool failing;
};

/* -- its net ----------------------------------------------------------------------------------- */

static void on_net_reply(void *self, struct mesh_addr to, const struct mesh_answer *answer)
{
    net_reply(self, to, answer);
}

static uint64_t on_net_call(void *self, struct mesh_target to, enum mesh_method method,
                            struct slice body, int64_t timeout_ms, mesh_reply_fn reply, void *arg)
{
    return net_call(self, to, method, body, timeout_ms, reply, arg);
}

static void on_net_cancel(void *self, uint64_t call)
{
    net_cancel(self, call);
}

static bool on_net_cast(void *self, struct mesh_target to, enum mesh_method method,
                        struct slice body)
{
    return net_cast(self, to, method, body);
}

static bool on_net_alive(void *self, enum mesh_role role)
{
    const struct sim_proc *proc = self;

    return net_role_alive(proc->sim, role);
}

/* -- its store --------------------------------------------------------------------------------- */

static void arm_step(struct history_proc *p)
{
    struct sim *sim = p->base.sim;
    int64_t at_ns = store_next_step_ns(p->store);

    if (at_ns == INT64_MAX || !p->base.alive)
        return;
    if (at_ns < sim->now_ns)
        at_ns = sim->now_ns;
    at_ns += sim_between(sim, 20 * NS_PER_US, sim->faults.slow_disk ? 5 * NS_PER_MS : NS_PER_MS);
    if (sim_faulty(sim, 2000))
        at_ns += sim_between(sim, NS_PER_MS, 800 * NS_PER_MS);
    if (p->step.node.index && p->step.node.at <= at_ns)
        return;
    sim_arm(sim, &p->step, at_ns);
}

static void on_step(void *arg)
{
    struct history_proc *p = arg;

    if (!p->base.alive)
        return;
    const bool stepped = store_step(p->store);

    sim_note(p->base.sim, "step", p->base.slot, stepped);
    arm_step(p);
    proc_wake(&p->base, p->base.sim->now_ns);
}

/* -- shards ------------------------------------------------------------------------------------ */

static bool is_ours(const struct slot *slot)
{
    const struct sim_proc *proc = &slot->proc->base;

    return proc->sim->owner[ROLE_HISTORY][slot->id] == proc->id;
}

static void on_lost(void *arg, enum err err)
{
    struct slot *slot = arg;
    struct history_proc *p = slot->proc;

    sim_note(p->base.sim, "shard lost", slot->id, err);
    p->base.sim->lost_shards++;
    slot->lost = true;
    if (err != ERR_FENCED && !p->failing) {
        p->failing = true;
        proc_crash_soon(&p->base);
    }
}

static uint64_t timers_owner(const struct slot *slot)
{
    return slot->proc->base.sim->owner[ROLE_TIMERS][rpc_timers_shard(slot->id)];
}

/* As history/slot.c: matching looks at the rows of a shard that opens. */
static void slot_opened(struct slot *slot)
{
    slot->timers_owner = timers_owner(slot);
    history_shard_begin(slot->shard);
    for (uint32_t shard = 0; shard < MATCHING_SHARDS; shard++)
        (void)net_cast(&slot->proc->base, MESH_SHARD(ROLE_MATCHING, shard),
                       METHOD_MATCHING_LOOK_AGAIN, SLICE_EMPTY);
}

static void slot_open(struct slot *slot)
{
    struct history_proc *p = slot->proc;
    struct sim *sim = p->base.sim;
    const struct history_shard_options options = {
        .shard_id = slot->id,
        .shard_count = SIM_SHARDS,
        .store = p->store,
        .net = &p->net,
        .clock = &sim->clock,
        .log = &sim->log,
        .metrics = sim->metrics,
        .limits = &engine_limits_default,
        .cache_bytes = sim->faults.small_cache ? 20000 : 8 * 1024 * 1024,
        .seed = rng_u64(&sim->rng) | 1,
        .lost = on_lost,
        .arg = slot,
    };
    struct err_detail detail = {0};
    p->net.process = p->base.id;
    const enum err err = history_shard_load(&options, &slot->shard, &detail);

    sim_note(sim, "open", (uint64_t)p->base.slot << 8 | slot->id, err);
    slot->lost = slot->draining = false;
    sim->opens++;
    if (err == ERR_OK) {
        slot_opened(slot);
    } else if (err == ERR_FENCED) {
        slot->not_before_ns = sim->now_ns + RETRY_NS;
    } else if (err == ERR_CORRUPT) {
        sim_fail(sim, "a shard opens", "shard %u: %s", slot->id, detail.text);
    } else if (err != ERR_OK && !p->failing) {
        p->failing = true;
        proc_crash_soon(&p->base);
    }
    arm_step(p);
}

static void slot_close(struct slot *slot, bool flush)
{
    struct sim *sim = slot->proc->base.sim;
    /* A fenced owner waits for a placement that gives it the shard anew. */
    const int64_t wait_ns = slot->lost ? sim_between(sim, NS_PER_MS, 500 * NS_PER_MS) : 0;

    sim_note(sim, "close", slot->id, flush);
    history_shard_close(slot->shard, flush);
    slot->shard = NULL;
    slot->not_before_ns = sim->now_ns + wait_ns;
    slot->blind_until_ns = 0;
}

static void slot_follow(struct slot *slot)
{
    struct sim *sim = slot->proc->base.sim;

    if (!slot->shard) {
        if (is_ours(slot) && !slot->proc->failing && sim->now_ns >= slot->not_before_ns)
            slot_open(slot);
        return;
    }
    const uint64_t timers = timers_owner(slot);
    if (!slot->draining && !slot->lost && timers != slot->timers_owner) {
        slot->timers_owner = timers;
        history_shard_peer(slot->shard, ROLE_TIMERS, timers, timers != 0);
    }
    if (is_ours(slot))
        slot->blind_until_ns = 0;
    else if (slot->blind_until_ns == 0)
        slot->blind_until_ns =
            sim->now_ns + (sim_faulty(sim, 300000) ? sim_between(sim, 0, 2 * NS_PER_S) : 0);
    const bool knows = !is_ours(slot) && sim->now_ns >= slot->blind_until_ns;
    if (!slot->draining && (slot->lost || knows)) {
        slot->draining = true;
        slot->drain_until_ns = sim->now_ns + DRAIN_MAX_NS;
        if (!slot->lost)
            history_shard_drain(slot->shard);
    }
    if (slot->draining &&
        (slot->lost || history_shard_is_idle(slot->shard) || sim->now_ns >= slot->drain_until_ns))
        slot_close(slot, !slot->lost);
}

static void on_run(struct sim_proc *proc)
{
    struct history_proc *p = CONTAINER_OF(proc, struct history_proc, base);
    const int64_t now_ns = proc->sim->now_ns;
    int64_t next_ns = INT64_MAX;

    for (uint32_t i = 0; i < SIM_SHARDS; i++) {
        struct slot *slot = &p->slots[i];
        int64_t at_ns = INT64_MAX;

        if (slot->shard && !slot->lost)
            at_ns = history_shard_run_due(slot->shard);
        slot_follow(slot);
        if (slot->shard && slot->draining)
            at_ns = now_ns + 5 * NS_PER_MS;
        else if (slot->shard && slot->blind_until_ns && slot->blind_until_ns < at_ns)
            at_ns = slot->blind_until_ns;
        else if (!slot->shard && is_ours(slot) && !p->failing)
            at_ns = slot->not_before_ns;
        next_ns = at_ns < next_ns ? at_ns : next_ns;
    }
    arm_step(p);
    if (next_ns != INT64_MAX)
        proc_wake(proc, next_ns);
}

/* -- what the network brings ------------------------------------------------------------------- */

static void on_request(struct sim_proc *proc, const struct mesh_request *request)
{
    struct history_proc *p = CONTAINER_OF(proc, struct history_proc, base);
    struct slot *slot = request->shard < SIM_SHARDS ? &p->slots[request->shard] : NULL;
    const struct mesh_answer answer = {.err = ERR_NOT_OWNER, .shard = request->shard};

    if (slot && slot->shard && !slot->draining)
        history_shard_request(slot->shard, request);
    else if (request->from.call)
        net_reply(proc, request->from, &answer);
    else
        net_dropped(proc, request);
    arm_step(p);
}

static void on_canceled(struct sim_proc *proc, uint32_t shard, struct mesh_addr from)
{
    struct history_proc *p = CONTAINER_OF(proc, struct history_proc, base);

    if (shard < SIM_SHARDS && p->slots[shard].shard && !p->slots[shard].draining)
        history_shard_canceled(p->slots[shard].shard, from);
}

static void on_peer(struct sim_proc *proc, enum mesh_role role, uint64_t process, bool up)
{
    struct history_proc *p = CONTAINER_OF(proc, struct history_proc, base);

    for (uint32_t i = 0; i < SIM_SHARDS; i++)
        if (p->slots[i].shard && !p->slots[i].draining &&
            (role != ROLE_TIMERS || process == p->slots[i].timers_owner))
            history_shard_peer(p->slots[i].shard, role, process, up);
}

static void on_die(struct sim_proc *proc)
{
    struct history_proc *p = CONTAINER_OF(proc, struct history_proc, base);

    for (uint32_t i = 0; i < SIM_SHARDS; i++)
        if (p->slots[i].shard)
            slot_close(&p->slots[i], false);
    sim_stop(proc->sim, &p->step);
    store_close(p->store);
    p->store = NULL;
}

struct sim_proc *history_proc_new(struct sim *sim, uint32_t slot)
{
    static const struct sim_handlers handlers = {.request = on_request,
                                                 .canceled = on_canceled,
                                                 .peer = on_peer,
                                                 .run = on_run,
                                                 .die = on_die};
    struct history_proc *p = ARENA_NEW(&sim->arena, struct history_proc);
    const struct store_options options = {
        .backend = "fault",
        .dir = sim->dir,
        .service = "history",
        .clock = &sim->clock,
        .log = &sim->log,
        .metrics = sim->metrics,
        .commit_threads = 1,
        .manual = true,
        .seed = rng_u64(&sim->rng) | 1,
    };
    struct err_detail detail = {0};

    proc_init(&p->base, sim, ROLE_HISTORY, slot, &handlers);
    must(store_open(&options, &p->store, &detail) == ERR_OK);
    p->net = (struct history_net){.reply = on_net_reply,
                                  .call = on_net_call,
                                  .cancel = on_net_cancel,
                                  .cast = on_net_cast,
                                  .alive = on_net_alive,
                                  .self = &p->base};
    p->step.fire = on_step;
    p->step.arg = p;
    for (uint32_t i = 0; i < SIM_SHARDS; i++)
        p->slots[i] = (struct slot){.proc = p, .id = i};
    return &p->base;
}
