/* explore.h - an explicit-state model checker: breadth-first over every reachable state.
 *
 * A model is a fixed-size state of plain bytes (zero the padding), a function that emits every
 * successor and one that names what is broken in a state. The first broken state ends the search;
 * breadth-first makes its trace one of the shortest. Single-threaded; memory is bounded by
 * `states_max`. */
#ifndef GNOMON_EXPLORE_H
#define GNOMON_EXPLORE_H

#include "common/base/base.h"

#include <stdbool.h>
#include <stdio.h>

struct explore; /* a search under way */

struct explore_model {
    size_t state_bytes;
    const void *initial;
    /* Calls explore_emit() for each successor of `state`. */
    void (*next)(struct explore *search, const void *state, const void *arg);
    /* NULL: the state is fine; else the invariant that it breaks. */
    const char *(*broken)(const void *state, const void *arg);
    const void *arg;
    size_t states_max; /* more than that and the result is `cut`: a failure of the model's size */
};

struct explore_result {
    size_t states, transitions;
    uint32_t depth;     /* steps of the longest shortest path, or of the counter-example */
    const char *broken; /* NULL: every reachable state is fine */
    bool cut;
};

/* `label` is a literal: it names the step in a trace. */
void explore_emit(struct explore *search, const void *state, const char *label);

/* Searches everything; on a broken state writes its trace to `trace` unless that is NULL. */
struct explore_result explore_run(const struct explore_model *model, FILE *trace);

/* A protocol's test: every configuration is fine with all laws on, and each law is needed: some
 * configuration breaks without it. */
struct explore_suite {
    const char *name;
    size_t config_count;
    const char *(*config_name)(size_t config);
    uint32_t law_count;
    const char *const *law_names;
    /* Search the configuration with the laws of the set `laws_off` (1u << law) switched off. */
    struct explore_result (*search)(size_t config, uint32_t laws_off, FILE *trace);
};

/* Runs it and prints a line for each configuration and law; what main() returns. */
int explore_main(const struct explore_suite *suite);

#endif
