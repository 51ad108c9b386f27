/* sim.c - virtual time and the scheduler; see sim.h. */
#include "tests/sim/sim.h"

#include "common/base/hash.h"
#include "common/store/fault/store_fault.h"
#include "common/store/memory/store_memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FAULTS_FOR_NS (30 * NS_PER_S)
#define SETTLE_NS (900 * NS_PER_S)
#define QUIET_NS (20 * NS_PER_S) /* after the last workflow closed: windows empty, flushes done */
enum { STEPS_MAX = 2000000 };

static int64_t read_wall(void *self)
{
    const struct sim *sim = self;

    return SIM_WALL_START_NS + sim->now_ns + sim->wall_ahead_ns;
}

static int64_t read_mono(void *self)
{
    const struct sim *sim = self;

    return sim->now_ns;
}

/* -- the heap --------------------------------------------------------------------------------- */

void sim_arm(struct sim *sim, struct sim_timer *timer, int64_t at_ns)
{
    heap_remove(&sim->due, &timer->node);
    heap_add(&sim->due, &timer->node, at_ns > sim->now_ns ? at_ns : sim->now_ns);
}

void sim_stop(struct sim *sim, struct sim_timer *timer)
{
    heap_remove(&sim->due, &timer->node);
}

void sim_later(struct sim *sim, int64_t delay_ns, sim_fn fire, void *arg)
{
    struct sim_timer *timer = ARENA_NEW(&sim->arena, struct sim_timer);

    timer->fire = fire;
    timer->arg = arg;
    sim_arm(sim, timer, sim->now_ns + delay_ns);
}

/* Until `until_ns`, a broken law, or `enough`. */
static void run_until(struct sim *sim, int64_t until_ns, bool (*enough)(struct sim *sim))
{
    struct heap_node *first;

    while (!sim->broken && (first = heap_first(&sim->due)) && first->at <= until_ns) {
        struct sim_timer *timer = CONTAINER_OF(first, struct sim_timer, node);

        if (enough && enough(sim))
            return;
        if (sim->steps++ >= STEPS_MAX) {
            sim_fail(sim, "it settles", "%d steps, and no end", STEPS_MAX);
            return;
        }
        must(first->at >= sim->now_ns);
        sim->now_ns = first->at;
        heap_remove(&sim->due, first);
        timer->fire(timer->arg);
        arena_reset(&sim->scratch);
    }
    if (!sim->broken && (!enough || !enough(sim)) && sim->now_ns < until_ns)
        sim->now_ns = until_ns;
}

/* -- chance and trace ------------------------------------------------------------------------- */

bool sim_chance(struct sim *sim, uint32_t ppm)
{
    return rng_below(&sim->rng, 1000000) < ppm;
}

int64_t sim_between(struct sim *sim, int64_t low, int64_t high)
{
    return low + (int64_t)rng_below(&sim->rng, (uint64_t)(high - low) + 1);
}

static void print_time(const struct sim *sim)
{
    printf("%10.6f ", (double)sim->now_ns / (double)NS_PER_S);
}

void sim_note(struct sim *sim, const char *what, uint64_t a, uint64_t b)
{
    const uint64_t words[] = {sim->trace, (uint64_t)sim->now_ns, a, b};

    sim->trace = hash_bytes(slice_of(words, sizeof words), 0);
    if (!sim->verbose)
        return;
    print_time(sim);
    printf("%s %llu %llu\n", what, (unsigned long long)a, (unsigned long long)b);
}

void sim_note_text(struct sim *sim, const char *format, ...)
{
    va_list args;

    if (!sim->verbose)
        return;
    print_time(sim);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
}

void sim_fail(struct sim *sim, const char *law, const char *format, ...)
{
    va_list args;

    if (sim->broken)
        return;
    sim->broken = law;
    va_start(args, format);
    vsnprintf(sim->why, sizeof sim->why, format, args);
    va_end(args);
    sim_note_text(sim, "BROKEN %s: %s", law, sim->why);
}

/* -- a seed ----------------------------------------------------------------------------------- */

static int64_t sometimes(struct sim *sim, uint32_t percent, int64_t mean_ns)
{
    return sim_chance(sim, percent * 10000) ? mean_ns : 0;
}

static void draw_faults(struct sim *sim)
{
    static const uint32_t drops[] = {0, 0, 1000, 5000, 20000};
    static const uint32_t slows[] = {0, 1000, 10000, 50000};
    struct sim_faults *f = &sim->faults;

    f->drop_ppm = drops[rng_below(&sim->rng, COUNT_OF(drops))];
    f->slow_ppm = slows[rng_below(&sim->rng, COUNT_OF(slows))];
    f->refuse_ppm = (uint32_t)sometimes(sim, 30, 10000);
    f->crash_ns = sometimes(sim, 60, 8 * NS_PER_S);
    f->cut_ns = sometimes(sim, 30, 10 * NS_PER_S);
    f->jump_ns = sometimes(sim, 30, 5 * NS_PER_S);
    f->disk_ns = sometimes(sim, 50, 4 * NS_PER_S);
    f->join_ns = sometimes(sim, 40, 8 * NS_PER_S);
    f->slow_disk = sim_chance(sim, 300000);
    f->slow_processes = sim_chance(sim, 200000);
    f->small_cache = sim_chance(sim, 300000);
    f->small_windows = sim_chance(sim, 300000);
    f->vanish_ppm = (uint32_t)sometimes(sim, 50, 30000);
    f->worker_slow_ppm = (uint32_t)sometimes(sim, 50, 50000);
    f->give_up_ppm = (uint32_t)sometimes(sim, 40, 500000);
    f->worker_ns = sometimes(sim, 40, 6 * NS_PER_S);
    f->full_ns = sometimes(sim, 25, 8 * NS_PER_S);
}

struct sim *sim_new(uint64_t seed, struct metrics *metrics, bool verbose)
{
    struct sim *sim = calloc(1, sizeof *sim);

    must(sim != NULL);
    sim->seed = seed;
    rng_seed(&sim->rng, seed);
    sim->clock = (struct clock){.wall_ns = read_wall, .mono_ns = read_mono, .self = sim};
    sim->now_ns = NS_PER_S;
    heap_init(&sim->due);
    arena_init(&sim->arena);
    arena_init(&sim->scratch);
    sim->verbose = verbose;
    sim->log = (struct log){.level = verbose ? LOG_INFO : (enum log_level)(LOG_ERROR + 1), .fd = 1};
    sim->metrics = metrics;
    snprintf(sim->dir, sizeof sim->dir, "sim");
    store_fault_wipe(sim->dir);
    list_init(&sim->workers);
    map_init(&sim->done_work, 1);
    map_init(&sim->facts, 1);
    draw_faults(sim);
    net_init(sim);
    return sim;
}

static bool all_closed(struct sim *sim)
{
    return sim->scripts_open == 0;
}

bool sim_run(struct sim *sim)
{
    const struct fault_plan none = {.kind = FAULT_NONE};

    scripts_new(sim);
    procs_start(sim);
    workers_start(sim);
    clients_start(sim);
    faults_start(sim);
    run_until(sim, sim->now_ns + FAULTS_FOR_NS, NULL);
    sim->calm = true;
    sim->calm_ns = sim->now_ns;
    sim_note(sim, "calm", sim->crashes, sim->resets);
    store_fault_set(sim->dir, &none);
    for (uint32_t a = 0; a < SIM_SLOTS; a++)
        for (uint32_t b = 0; b < SIM_SLOTS; b++)
            sim->links[a][b].cut_until_ns = 0;
    procs_start(sim);
    run_until(sim, sim->now_ns + SETTLE_NS, all_closed);
    if (!sim->broken && !all_closed(sim))
        sim_fail(sim, "every workflow closes", "%u of %u are open after %d s of calm",
                 sim->scripts_open, sim->script_count, (int)(SETTLE_NS / NS_PER_S));
    run_until(sim, sim->now_ns + QUIET_NS, NULL);
    if (!sim->broken)
        check_end(sim);
    return !sim->broken;
}

void sim_free(struct sim *sim)
{
    sim->stopping = true;
    workers_stop(sim);
    procs_stop(sim);
    store_fault_wipe(sim->dir);
    map_release(&sim->done_work);
    map_release(&sim->facts);
    heap_release(&sim->due);
    arena_release(&sim->scratch);
    arena_release(&sim->arena);
    free(sim);
}
