/* procs.c - simulated processes come, crash and go; shards are placed; what goes wrong besides. */
#include "common/store/fault/store_fault.h"
#include "tests/sim/sim.h"

void proc_init(struct sim_proc *proc, struct sim *sim, enum mesh_role role, uint32_t slot,
               const struct sim_handlers *handlers)
{
    proc->sim = sim;
    proc->handlers = handlers;
    proc->role = role;
    proc->slot = slot;
    proc->slow = sim->faults.slow_processes && sim_chance(sim, 300000);
    map_init(&proc->calls, 1);
}

static void run_proc(void *arg)
{
    struct sim_proc *proc = arg;

    if (proc->alive)
        proc->handlers->run(proc);
}

void proc_wake(struct sim_proc *proc, int64_t at_ns)
{
    struct sim *sim = proc->sim;

    if (!proc->alive)
        return;
    if (at_ns < sim->now_ns)
        at_ns = sim->now_ns;
    at_ns += sim_between(sim, NS_PER_US, 100 * NS_PER_US);
    if (proc->slow && !sim->calm)
        at_ns += sim_between(sim, 0, 20 * NS_PER_MS);
    if (proc->wake.node.index && proc->wake.node.at <= at_ns)
        return;
    proc->wake.fire = run_proc;
    proc->wake.arg = proc;
    sim_arm(sim, &proc->wake, at_ns);
}

/* -- placement --------------------------------------------------------------------------------- */

static uint64_t pick(struct sim *sim, enum mesh_role role)
{
    uint64_t ids[SIM_SLOTS_PER_ROLE] = {0};
    uint32_t count = 0;

    for (uint32_t i = 0; i < SIM_SLOTS_PER_ROLE; i++) {
        const struct sim_proc *proc = sim->procs[role * SIM_SLOTS_PER_ROLE + i];

        if (proc && proc->alive && !proc->leaving)
            ids[count++] = proc->id;
    }
    return count ? ids[rng_below(&sim->rng, count)] : 0;
}

void procs_assign(struct sim *sim, enum mesh_role role)
{
    for (uint32_t shard = 0; shard < SIM_SHARDS; shard++) {
        uint64_t *owner = &sim->owner[role][shard];
        const struct sim_proc *proc = proc_find(sim, *owner);

        if (!proc || proc->leaving || (!sim->calm && sim_chance(sim, 300000)))
            *owner = pick(sim, role);
        sim_note(sim, "owner", (uint64_t)role << 8 | shard, *owner);
    }
}

static void settle_history(void *arg)
{
    struct sim *sim = arg;

    /* Those who were told of a change before it was made look again. */
    for (uint32_t i = 0; i < SIM_SLOTS; i++)
        if (sim->procs[i] && sim->procs[i]->alive)
            proc_wake(sim->procs[i], sim->now_ns);
}

/* -- coming and going -------------------------------------------------------------------------- */

struct sim_proc *proc_start(struct sim *sim, uint32_t slot)
{
    static struct sim_proc *(*const make[ROLE_COUNT])(struct sim *, uint32_t) = {
        [ROLE_FRONTEND] = gateway_new,
        [ROLE_HISTORY] = history_proc_new,
        [ROLE_MATCHING] = matching_proc_new,
        [ROLE_TIMERS] = timers_proc_new,
    };
    const enum mesh_role role = (enum mesh_role)(slot / SIM_SLOTS_PER_ROLE);

    must(sim->procs[slot] == NULL);
    struct sim_proc *proc = make[role](sim, slot);
    sim->procs[slot] = proc;
    net_join(proc);
    sim_note(sim, "start", slot, proc->id);
    procs_assign(sim, role);
    for (uint32_t i = 0; i < SIM_SLOTS; i++) /* a fresh port is told of all who are there */
        if (proc->handlers->peer && sim->procs[i] && sim->procs[i]->alive && i != slot)
            proc->handlers->peer(proc, sim->procs[i]->role, sim->procs[i]->id, true);
    settle_history(sim);
    proc_wake(proc, sim->now_ns);
    return proc;
}

static void restart(void *arg)
{
    const struct sim_proc *dead = arg; /* its memory lives as long as the simulation */

    if (!dead->sim->stopping && !dead->sim->procs[dead->slot])
        proc_start(dead->sim, dead->slot);
}

static void gone(struct sim_proc *proc)
{
    struct sim *sim = proc->sim;

    net_leave(proc);
    proc->handlers->die(proc);
    net_forget(proc);
    sim->procs[proc->slot] = NULL;
    procs_assign(sim, proc->role);
}

void proc_crash(struct sim_proc *proc)
{
    struct sim *sim = proc->sim;

    if (!proc->alive)
        return;
    sim_note(sim, "crash", proc->slot, proc->id);
    sim->crashes++;
    gone(proc);
    settle_history(sim);
    sim_later(sim, sim_between(sim, 5 * NS_PER_MS, 2 * NS_PER_S), restart, proc);
}

static void crash(void *arg)
{
    proc_crash(arg);
}

void proc_crash_soon(struct sim_proc *proc)
{
    sim_later(proc->sim, 0, crash, proc);
}

void procs_start(struct sim *sim)
{
    static const uint32_t least[ROLE_COUNT] = {1, 1, 1, 1};

    for (uint32_t role = 0; role < ROLE_COUNT; role++) {
        const uint32_t want = least[role] + (uint32_t)rng_below(&sim->rng, 2);

        for (uint32_t i = 0; i < want; i++)
            if (!sim->procs[role * SIM_SLOTS_PER_ROLE + i])
                proc_start(sim, role * SIM_SLOTS_PER_ROLE + i);
    }
}

void procs_stop(struct sim *sim)
{
    for (uint32_t i = 0; i < SIM_SLOTS; i++)
        if (sim->procs[i])
            gone(sim->procs[i]);
}

/* -- faults ------------------------------------------------------------------------------------ */

static void again(struct sim *sim, int64_t mean_ns, sim_fn fault)
{
    if (mean_ns && !sim->calm)
        sim_later(sim, sim_between(sim, mean_ns / 10, mean_ns * 2), fault, sim);
}

static struct sim_proc *any_proc(struct sim *sim)
{
    return sim->procs[rng_below(&sim->rng, SIM_SLOTS)];
}

static void fault_crash(void *arg)
{
    struct sim *sim = arg;
    struct sim_proc *proc = sim->calm ? NULL : any_proc(sim);

    if (proc)
        proc_crash(proc);
    again(sim, proc ? sim->faults.crash_ns : sim->faults.crash_ns / 8, fault_crash);
}

static void fault_cut(void *arg)
{
    struct sim *sim = arg;
    const struct sim_proc *a = any_proc(sim), *b = any_proc(sim);

    if (a && b && a != b && !sim->calm)
        net_cut(sim, a->slot, b->slot, sim_between(sim, 10 * NS_PER_MS, 4 * NS_PER_S));
    again(sim, sim->faults.cut_ns, fault_cut);
}

static void fault_jump(void *arg)
{
    struct sim *sim = arg;

    if (!sim->calm) {
        sim->wall_ahead_ns += sim_between(sim, -20 * NS_PER_S, 20 * NS_PER_S);
        sim_note(sim, "wall clock", (uint64_t)sim->wall_ahead_ns, 0);
    }
    again(sim, sim->faults.jump_ns, fault_jump);
}

static void fault_disk(void *arg)
{
    static const enum fault_kind kinds[] = {
        FAULT_IO,           FAULT_FENCED,          FAULT_BUSY,         FAULT_DISK_FULL,
        FAULT_UNKNOWN_DONE, FAULT_UNKNOWN_DROPPED, FAULT_CRASH_BEFORE, FAULT_CRASH_AFTER};
    struct sim *sim = arg;
    const struct fault_plan plan = {
        .kind = kinds[rng_below(&sim->rng, COUNT_OF(kinds))],
        .at = 1 + rng_below(&sim->rng, 30),
        .times = sim_chance(sim, 700000) ? 1 : 1 + rng_below(&sim->rng, 20),
        .appends_only = sim_chance(sim, 500000),
    };

    if (!sim->calm) {
        sim_note(sim, "disk", plan.kind, plan.at);
        store_fault_set(sim->dir, &plan);
    }
    again(sim, sim->faults.disk_ns, fault_disk);
}

static void room_again(void *arg)
{
    struct sim *sim = arg;
    const struct fault_plan none = {.kind = FAULT_NONE};

    sim_note(sim, "disk has room", store_fault_hit(sim->dir), 0);
    if (!sim->calm)
        store_fault_set(sim->dir, &none);
}

/* Nothing can be written for a while, in the middle of whatever is being written. */
static void fault_full(void *arg)
{
    struct sim *sim = arg;
    const struct fault_plan plan = {.kind = FAULT_DISK_FULL,
                                    .at = 1 + rng_below(&sim->rng, 10),
                                    .times = UINT64_MAX / 2,
                                    .appends_only = sim_chance(sim, 300000)};

    if (!sim->calm) {
        sim_note(sim, "disk full", plan.at, plan.appends_only);
        store_fault_set(sim->dir, &plan);
        sim_later(sim, sim_between(sim, 50 * NS_PER_MS, 4 * NS_PER_S), room_again, sim);
    }
    again(sim, sim->faults.full_ns, fault_full);
}

static void fault_join(void *arg)
{
    struct sim *sim = arg;
    const uint32_t slot = (uint32_t)rng_below(&sim->rng, SIM_SLOTS);

    if (!sim->calm && !sim->procs[slot])
        proc_start(sim, slot);
    again(sim, sim->faults.join_ns, fault_join);
}

void faults_start(struct sim *sim)
{
    again(sim, sim->faults.crash_ns, fault_crash);
    again(sim, sim->faults.cut_ns, fault_cut);
    again(sim, sim->faults.jump_ns, fault_jump);
    again(sim, sim->faults.disk_ns, fault_disk);
    again(sim, sim->faults.join_ns, fault_join);
    again(sim, sim->faults.full_ns, fault_full);
}
