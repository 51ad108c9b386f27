/* load.h - the load: one-activity workflows, their starter and their worker in one.
 *
 * start -> workflow task -> ScheduleActivityTask -> activity -> workflow task ->
 * CompleteWorkflowExecution; the starter waits for the close event through
 * GetWorkflowExecutionHistory and compares the result, which is unique. */
#ifndef GNOMON_BENCH_LOAD_H
#define GNOMON_BENCH_LOAD_H

#include "tests/bench/link.h"

#include <stdint.h>

struct load;

struct load_options {
    struct links *links; /* one half is the starter's, the other the worker's; at least 2 */
    unsigned link_count;
    const char *namespace_name;
    unsigned pollers;       /* of each kind */
    unsigned payload_bytes; /* of the input */
    uint64_t seed;          /* of the names */
};

struct load_result {
    int64_t *latency_ns; /* of those that closed well, in no order */
    uint32_t count, failed;
    int64_t wall_ns;
    uint64_t rpc_errors; /* answers that were neither OK nor expected */
};

/* Keeps what `options` points to. Begins to poll. */
struct load *load_new(const struct load_options *options);
void load_free(struct load *load);

/* Run `count` workflows, `concurrency` of them at a time, calling `tick` now and then. Gives
 * false when the connection is lost or nothing closes for half a minute: *result tells how far it
 * came. The result's array is to be freed. */
bool load_run(struct load *load, uint32_t count, uint32_t concurrency, void (*tick)(void *arg),
              void *arg, struct load_result *result);
/* Go on polling for that long. */
bool load_rest(struct load *load, int64_t ms);

#endif
