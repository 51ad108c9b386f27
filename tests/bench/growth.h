/* growth.h - does a step of a workflow become dearer as the workflow grows?
 *
 * Five workflows, one call at a time: one that gets 10,000 signals, one whose history grows to
 * 50,000 events, one with 2,000 pending activities, one with 1,900 updates, one with 1,900 pending
 * children. In its last tenth each takes turns with a fresh one, and the server's CPU time and the
 * latency of a step are told for both ("first" is the fresh one); the one with activities, which
 * shrinks, is measured in its first and its last tenth. */
#ifndef GNOMON_BENCH_GROWTH_H
#define GNOMON_BENCH_GROWTH_H

#include "tests/bench/link.h"
#include "tests/bench/procs.h"

/* Prints `growth.<what>.<figure> value` lines. false: a call failed (told on stderr). */
bool growth_run(struct links *links, const struct procs *procs, const char *namespace_name,
                uint64_t seed);

#endif
