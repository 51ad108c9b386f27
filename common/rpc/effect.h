/* effect.h - what one execution does to another: the body of HISTORY_EFFECT, which is also the
 * value of the row that keeps it until it is answered.
 *
 * The protocol, exactly once whatever is lost or repeated:
 *   1. The source's transition writes a row (key: target tablet, row_seq) beside its Initiated
 *      event. Once that is durable its shard sends the effect until it is answered.
 *   2. The target's shard carries it out and keeps the outcome in a row by (target workflow id,
 *      source run, initiated event id) in the same record; a repeat gets the kept outcome. An
 *      effect from a lower lease of the source shard than was seen before is refused.
 *   3. The source records the outcome and drops its row in one record; when that is durable its
 *      shard casts HISTORY_FORGET_EFFECTS, and the target drops the outcome.
 *   4. An outcome whose forget was lost is settled by asking the source (HISTORY_EFFECT_PENDING).
 * CHILD_CLOSED and PARENT_CLOSED need no kept outcome: carrying them out twice changes nothing. */
#ifndef GNOMON_EFFECT_H
#define GNOMON_EFFECT_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"

enum rpc_effect_kind {
    EFFECT_START_CHILD = 1,   /* payload: StartWorkflowExecutionRequest */
    EFFECT_SIGNAL = 2,        /* payload: SignalWorkflowExecutionRequest */
    EFFECT_CANCEL = 3,        /* payload: RequestCancelWorkflowExecutionRequest */
    EFFECT_CHILD_CLOSED = 4,  /* payload: the child's closing HistoryEvent */
    EFFECT_PARENT_CLOSED = 5, /* payload: TerminateWorkflowExecutionRequest or, by `cancel`,
                                 RequestCancelWorkflowExecutionRequest */
};

struct rpc_effect {
    enum rpc_effect_kind kind;
    uint64_t row_seq;      /* of the row at the source */
    uint32_t source_shard; /* with `source_lease`: set by the shard when it sends */
    uint64_t source_lease; /* range id */
    struct slice source_namespace_id, source_namespace, source_workflow_id, source_run_id;
    int64_t initiated_event_id; /* of the source; of CHILD_CLOSED: of the parent (the target) */
    struct slice target_namespace_id, target_namespace, target_workflow_id;
    struct slice target_run_id;  /* text; empty: the current run */
    bool child_only;             /* the target must be a child of the source */
    bool cancel;                 /* PARENT_CLOSED: ask the child to cancel, do not terminate it */
    int32_t parent_close_policy; /* START_CHILD: what becomes of it when the source closes */
    struct slice root_workflow_id, root_run_id; /* START_CHILD: of the tree of executions */
    struct slice heir_of; /* START_CHILD of a run that came of a reset: the runs whose history it
                             shares, run ids one after the other; a child of theirs is its own */
    struct slice payload;
};
void rpc_effect_encode(const struct rpc_effect *effect, struct buf *out);
/* Gives slices into `body`. ERR_CORRUPT. */
MUST_USE enum err rpc_effect_decode(struct arena *arena, struct slice body, struct rpc_effect *out);

/* HISTORY_FORGET_EFFECTS: effects without payload. The decoder gives an array in the arena. */
enum { RPC_EFFECTS_MAX = 1000 };
void rpc_effects_encode(const struct rpc_effect *effects, uint32_t count, struct buf *out);
MUST_USE enum err rpc_effects_decode(struct arena *arena, struct slice body,
                                     struct rpc_effect **effects, uint32_t *count);

struct rpc_effect_outcome {
    bool failed;
    int32_t cause;       /* failed: of the API's enum for this kind (START_CHILD:
                            StartChildWorkflowExecutionFailedCause, SIGNAL: SignalExternal..., CANCEL:
                            CancelExternalWorkflowExecutionFailedCause) */
    struct slice run_id; /* START_CHILD: of the run that was started */
};
void rpc_effect_outcome_encode(const struct rpc_effect_outcome *outcome, struct buf *out);
MUST_USE enum err rpc_effect_outcome_decode(struct arena *arena, struct slice body,
                                            struct rpc_effect_outcome *out);

#endif
