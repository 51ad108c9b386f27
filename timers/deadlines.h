/* deadlines.h - windows of the history shards' deadline rows, and the firing of what is due;
 * without sockets or clocks.
 *
 * A history shard assigns itself to us under an epoch. Its near future is pulled in pages by key,
 * later commits come as numbered casts; a hole in the numbers means pulling again. Everything here
 * is a copy of rows: what is lost is pulled again, what is fired twice is harmless, and what we
 * never fire history fires by itself a second late.
 *
 * Threads: one thread uses a struct deadlines. Time: `now_ns` is the monotonic (boot-time) clock;
 * deadlines_run_due() is to be called at deadlines_next_due_ns(). Never early: a row is due
 * when its remaining time has passed since its arrival, rounded up.
 * Spec: ARCHITECTURE.md, "Timers". */
#ifndef GNOMON_TIMERS_DEADLINES_H
#define GNOMON_TIMERS_DEADLINES_H

#include "common/log/log.h"
#include "common/metrics/metrics.h"
#include "common/rpc/rpc.h"

struct deadlines;

/* No function may call back before it returns; what arguments point to lives during the call. */
struct deadlines_out {
    void *arg;
    /* Ask the process that owns the shard for a page; deadlines_on_pulled() brings the answer,
     * exactly once. */
    void (*pull)(void *arg, uint64_t pull_id, uint64_t process, const struct rpc_assign *pull);
    /* Tell it what is due. false: not sent, try again later. */
    bool (*fire)(void *arg, uint64_t process, const struct rpc_deadlines *due);
};

struct deadlines_limits {
    uint32_t items; /* of one history shard */
    uint32_t total; /* of all together; shared equally, but a shard may always have 500 */
    uint32_t page;  /* rows of one pull */
    uint32_t batch; /* rows fired in one call of deadlines_run_due() */
};
extern const struct deadlines_limits deadlines_limits_default;

struct deadlines_options {
    const struct deadlines_out *out;
    const struct deadlines_limits *limits;
    const struct log *log;
    struct metrics *metrics;
    uint64_t seed;
};

/* Keeps what `options` points to. */
struct deadlines *deadlines_new(const struct deadlines_options *options);
void deadlines_free(struct deadlines *d);

/* The owner (`assign->process`) hands us its shard; what we had of it is forgotten. */
void deadlines_assign(struct deadlines *d, const struct rpc_assign *assign, int64_t now_ns);
/* Rows of later commits. */
void deadlines_add(struct deadlines *d, const struct rpc_deadlines *cast, int64_t now_ns);
/* `page` is looked at when `err` is ERR_OK only. */
void deadlines_on_pulled(struct deadlines *d, uint64_t pull_id, enum err err,
                         const struct rpc_deadlines *page, int64_t now_ns);

/* The process is gone: its shards are forgotten until somebody assigns them. */
void deadlines_process_lost(struct deadlines *d, uint64_t process);
/* Messages of the process may be lost: its shards are pulled again. */
void deadlines_process_reset(struct deadlines *d, uint64_t process, int64_t now_ns);
/* The history shards that `timers_shard` serves are no longer ours. */
void deadlines_shard_lost(struct deadlines *d, uint32_t timers_shard);

int64_t deadlines_next_due_ns(const struct deadlines *d); /* INT64_MAX: never */
/* Bounded: what is left over is due at once. */
void deadlines_run_due(struct deadlines *d, int64_t now_ns);

#endif
