/* task_counts.h - how many task rows a queue has in a history shard, and how old they are: the
 * answer of HISTORY_COUNT_TASKS, whose request is a struct rpc_pull_tasks. */
#ifndef GNOMON_RPC_TASK_COUNTS_H
#define GNOMON_RPC_TASK_COUNTS_H

#include "common/rpc/rpc.h"

enum { RPC_PRIORITIES = 8 }; /* 0 is never stored */

struct rpc_task_counts {
    struct {
        uint64_t count;
        int64_t oldest_wall_ns; /* 0: none */
    } at[RPC_PRIORITIES];
};
void rpc_task_counts_encode(const struct rpc_task_counts *counts, struct buf *out);
MUST_USE enum err rpc_task_counts_decode(struct arena *arena, struct slice body,
                                         struct rpc_task_counts *out);
/* Add what another shard has. */
void rpc_task_counts_add(struct rpc_task_counts *sum, const struct rpc_task_counts *more);

#endif
