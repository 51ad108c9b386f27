/* rows.h - a run's rows: their keys, and what one transition writes.
 *
 * Keys (big-endian integers; the first byte is the tablet, so that a tablet is one range):
 *   C  tablet 'C' kind ns-id(16) workflow-id         current run of a workflow id
 *   X  tablet 'X' run-id(16)                         execution: the mutable state
 *   P  tablet 'P' run-id(16) item-kind id            pending item; its id is for an activity the
 *      scheduled event id (8) (so for its input), for a timer the timer id, for a signal request
 *      the request id, for a child or another execution the initiated event id (8), for an update
 *      its id
 *   N  tablet 'N' run-id(16) first-event-id(8)       history node: repeated field 1 of History
 *   T  tablet 'T' queue-hash(8) task-kind route priority pass(8) row-seq(8)   task row
 *   D  tablet 'D' due-ns(8) run-id(16)               deadline row
 *   R  tablet 'R' due-ns(8) run-id(16)               closed run: when its retention passes; its
 *      value names the branches of the run. With one byte more, 'b': a run that is gone and shared
 *      its nodes with another that has ended: are any of them needed still?
 *   B  tablet 'B' run-id(16) heir-run-id(16)         the heir's history goes on from that run's
 *      nodes, of which it needs those before the event that the value names
 *   O  tablet 'O' target-tablet row-seq(8)           request to another execution, see effect.h
 *   H  tablet 'H' row-seq(8)                         callback that is to be delivered
 *   J  tablet 'J' ...                               batch job: history/batch/job.h
 *   E  tablet 'E' source-run-id(16) initiated-id(8) ns-id(16) workflow-id   outcome of an effect;
 *      of the workflow id at most its first EFFECT_ID_MAX bytes
 * Visibility family: tablet ns-id(16) ~close-ns(8) ~start-ns(8) run-id(16); beside them the index,
 * whose keys are in history/shard/vis_index.h.
 * Values start with a version; they are records (common/pack/record.h) but for N. */
#ifndef GNOMON_ROWS_H
#define GNOMON_ROWS_H

#include "common/store/store.h"
#include "history/engine/branches.h"
#include "history/engine/transition.h"
#include "history/engine/engine.h"

enum { ROW_KEY_MAX = 1100, EFFECT_ID_MAX = 900 };
enum row_item {
    ITEM_ACTIVITY = 1,
    ITEM_TIMER = 2,
    ITEM_SIGNAL_REQUEST = 3,
    ITEM_CHILD = 4,
    ITEM_EXTERNAL = 5,
    ITEM_UPDATE = 6,
    ITEM_CALLBACK = 7,        /* its id begins with CALLBACK_ITEM or ATTACHED_ITEM: callback.h */
    ITEM_ACTIVITY_INPUT = 10, /* after ITEM_ACTIVITY in the order of keys */
};

/* A row that ended in this transition. */
struct dropped_item {
    struct list node;
    enum row_item kind;
    struct slice id; /* in the transition's arena */
};
void run_drop_item(struct transition *t, enum row_item kind, struct slice id);

struct row_key {
    uint8_t bytes[ROW_KEY_MAX];
    size_t len;
};
static inline struct slice row_key_slice(const struct row_key *key)
{
    return slice_of(key->bytes, key->len);
}
void row_key_current(struct row_key *key, uint8_t tablet, enum execution_kind kind,
                     struct slice namespace_id, struct slice workflow_id);
void row_key_execution(struct row_key *key, uint8_t tablet, const char *run_id);
void row_key_items(struct row_key *key, uint8_t tablet, const char *run_id); /* prefix of all */
void row_key_nodes(struct row_key *key, uint8_t tablet, const char *run_id); /* prefix of all */
void row_key_node(struct row_key *key, uint8_t tablet, const char *run_id, int64_t event_id);
/* Prefix of a queue's task rows in a tablet; and one task's row. */
void row_key_queue(struct row_key *key, uint8_t tablet, struct slice namespace_id,
                   struct slice task_queue, enum rpc_task_kind kind);
void row_key_task(struct row_key *key, uint8_t tablet, struct slice namespace_id,
                  struct slice task_queue, enum rpc_task_kind kind, bool sticky, int32_t priority,
                  uint64_t row_seq);
void row_key_deadline(struct row_key *key, uint8_t tablet, int64_t due_ns, const char *run_id);
void row_key_retention(struct row_key *key, uint8_t tablet, int64_t due_ns, const char *run_id);
void row_key_branch(struct row_key *key, uint8_t tablet, const char *run_id, const char *heir_id);
void row_key_branches(struct row_key *key, uint8_t tablet, const char *run_id); /* prefix of all */
/* The row that has a run that is gone looked at again, see retention.c. */
void row_key_leftover(struct row_key *key, uint8_t tablet, int64_t due_ns, const char *run_id);
/* The value of a retention row, and the branches that it names. false: malformed. */
struct slice row_retention(const struct run *run, struct arena *arena);
MUST_USE bool row_retention_decode(struct slice value, struct branches *out);
/* Up to which event the heir of a branch row needs the nodes. 0: malformed. */
int64_t row_branch_to(struct slice value);
/* Of a closed run: when its retention passes, and its retention row is due. */
int64_t run_retention_due_ns(const struct run *run);
void row_key_visibility(struct row_key *key, uint8_t tablet, struct slice namespace_id,
                        int64_t close_ns, int64_t start_ns, const char *run_id);
void row_key_outgoing(struct row_key *key, uint8_t tablet, uint8_t target_tablet, uint64_t row_seq);
void row_key_effect(struct row_key *key, uint8_t tablet, const struct rpc_effect *effect);
void row_key_call(struct row_key *key, uint8_t tablet, uint64_t row_seq);
/* The run and the callback that such a row stands for; bytes point into `value`. */
struct call_row {
    char run_id[UUID_TEXT_LEN + 1];
    struct slice callback_id;
    uint64_t destination; /* hash of the URL's host: those of one share their turns */
};
MUST_USE enum err row_call_decode(struct arena *arena, struct slice value, struct call_row *out);
/* The task that a task row stands for. */
MUST_USE enum err row_task_decode(struct arena *arena, struct slice value, struct rpc_task *out);

/* All row operations of a finished transition, in t->arena: node, items, execution, current run
 * (`make_current`: this start makes it so), tasks, deadline, visibility. Clears dirty marks, moves
 * run->deadline_row_ns lazily: a later deadline leaves the row where it is. */
void rows_of_transition(struct transition *t, bool make_current, struct store_op **ops,
                        size_t *count);

/* The current-run row. */
MUST_USE enum err row_current_decode(struct arena *arena, struct slice value,
                                     struct current_run *out);

/* A visibility row's WorkflowExecutionInfo, encoded. */
MUST_USE enum err row_visibility_decode(struct arena *arena, struct slice value,
                                        struct slice *info);

/* Read one run whole (execution row and items). An empty `namespace_id` stands for any.
 * ERR_NOT_FOUND; ERR_CORRUPT. On a reader thread. */
MUST_USE enum err run_load(struct store_snapshot *snapshot, uint8_t tablet,
                           struct slice namespace_id, const char *run_id, struct run **out);

#endif
