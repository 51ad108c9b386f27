/* main.c - the simulator's command line: seeds from one on, a line for each that breaks a law.
 *
 * usage: sim [--seeds N] [--seed FIRST] [--verbose] [--first] [--twice] [--name NAME] */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    uint64_t seeds, seed;
    bool verbose, first; /* stop at the first broken law */
    bool twice;          /* each seed again: the traces must be equal */
    const char *name;
};

static bool parse(int argc, char **argv, struct options *o)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc)
            o->seeds = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            o->seed = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--name") == 0 && i + 1 < argc)
            o->name = argv[++i];
        else if (strcmp(argv[i], "--verbose") == 0)
            o->verbose = true;
        else if (strcmp(argv[i], "--first") == 0)
            o->first = true;
        else if (strcmp(argv[i], "--twice") == 0)
            o->twice = true;
        else
            return false;
    }
    return true;
}

struct totals {
    uint64_t passed, failed, steps, crashes, resets, lost_shards, workflows, queries, updates,
        reset_count, operations, refused, virtual_s;
};

static uint64_t run_seed(const struct options *o, struct metrics *metrics, uint64_t seed,
                         struct totals *totals, bool *sound)
{
    struct sim *sim = sim_new(seed, metrics, o->verbose);

    *sound = sim_run(sim);
    const uint64_t trace = sim->trace;
    totals->steps += sim->steps;
    totals->crashes += sim->crashes;
    totals->resets += sim->resets;
    totals->lost_shards += sim->lost_shards;
    totals->workflows += sim->script_count;
    totals->queries += sim->queries;
    totals->updates += sim->updates;
    totals->reset_count += sim->reset_count;
    totals->operations += sim->operations;
    totals->refused += sim->refused;
    totals->virtual_s += (uint64_t)(sim->now_ns / NS_PER_S);
    if (!*sound)
        printf("seed %llu: %s: %s\n", (unsigned long long)seed, sim->broken, sim->why);
    sim_free(sim);
    return trace;
}

int main(int argc, char **argv)
{
    struct options o = {.seeds = 300, .seed = 1, .name = "sim"};
    struct totals t = {0};

    if (!parse(argc, argv, &o)) {
        fprintf(stderr, "usage: %s [--seeds N] [--seed FIRST] [--verbose] [--first] [--twice]\n",
                argv[0]);
        return 2;
    }
    struct metrics *metrics = metrics_new();
    for (uint64_t seed = o.seed; seed < o.seed + o.seeds; seed++) {
        bool sound, again;
        const uint64_t trace = run_seed(&o, metrics, seed, &t, &sound);

        if (o.twice && run_seed(&o, metrics, seed, &t, &again) != trace) {
            printf("seed %llu: it does not replay\n", (unsigned long long)seed);
            sound = false;
        }
        t.passed += sound;
        t.failed += !sound;
        if (o.seeds == 1)
            printf("trace %016llx\n", (unsigned long long)trace);
        if (!sound && o.first)
            break;
    }
    printf("%llu workflows, %llu resets of them, %llu queries, %llu updates, %llu of operators, "
           "%llu events, "
           "%llu crashes, %llu peer resets, %llu shards lost, %llu requests refused by a full "
           "disk, %llu virtual minutes\n",
           (unsigned long long)t.workflows, (unsigned long long)t.reset_count,
           (unsigned long long)t.queries, (unsigned long long)t.updates,
           (unsigned long long)t.operations, (unsigned long long)t.steps,
           (unsigned long long)t.crashes, (unsigned long long)t.resets,
           (unsigned long long)t.lost_shards, (unsigned long long)t.refused,
           (unsigned long long)(t.virtual_s / 60));
    printf("%s: %llu passed, %llu failed\n", o.name, (unsigned long long)t.passed,
           (unsigned long long)t.failed);
    metrics_free(metrics);
    return t.failed > 0;
}
