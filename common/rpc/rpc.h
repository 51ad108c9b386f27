/* rpc.h - the bodies of the mesh methods, as records, and the task token.
 *
 * Encoders append to a buf; decoders give slices into the input and refuse what is malformed with
 * ERR_CORRUPT. Keys and their meaning are in rpc.c, next to each other. */
#ifndef GNOMON_RPC_H
#define GNOMON_RPC_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/mesh/addr.h"

/* -- routing -------------------------------------------------------------------------------- */

enum { MATCHING_SHARDS = 4, TIMERS_SHARDS = 4 };

/* The history shard of a workflow id: shards own runs of equally many tablets. */
uint32_t rpc_history_shard(struct slice namespace_id, struct slice workflow_id,
                           uint32_t shard_count);
/* The matching shard of a task queue (its root partition, both types). */
uint32_t rpc_matching_shard(struct slice namespace_id, struct slice task_queue);
/* The matching shard that keeps what the workers of a namespace say of themselves. */
uint32_t rpc_workers_shard(struct slice namespace_id);
/* The timers shard that serves the deadlines of a history shard. */
uint32_t rpc_timers_shard(uint32_t history_shard);

/* -- bodies --------------------------------------------------------------------------------- */

/* An API request on its way to its owner: the client's bytes, untouched, and what only the
 * frontend knows. */
struct rpc_api {
    struct slice namespace_id; /* text form, 36 bytes */
    struct slice namespace_name;
    int64_t retention_s;
    bool for_people;    /* the client is the CLI or the UI: shown is what is recorded */
    bool bad_binary;    /* what answers is a worker whose binary the namespace has marked as bad */
    bool no_followers;  /* the client does not know that the end of a run may name the next one */
    bool first_attempt; /* of a signal with start: no owner can have had it before */
    struct slice token; /* decoded task token's bytes, when the request carries one */
    struct slice request; /* the API message */
};
void rpc_api_encode(const struct rpc_api *api, struct buf *out);
MUST_USE enum err rpc_api_decode(struct arena *arena, struct slice body, struct rpc_api *out);

/* Of every id that a client gives, whatever the settings say: keys of rows are made of them. */
enum { RPC_ID_BYTES_MAX = 1000 };

/* By what tasks of one priority share a queue. */
enum { RPC_FAIRNESS_KEY_MAX = 64 };
struct rpc_fairness {
    struct slice key;
    int32_t weight_milli; /* 0: not said */
};

enum rpc_task_kind { TASK_WORKFLOW = 1, TASK_ACTIVITY = 2, TASK_QUERY = 3 };

/* A dispatchable task: a row of its history shard, or a query. Matching keeps no more than this. */
struct rpc_task {
    enum rpc_task_kind kind;
    bool sticky;
    uint32_t history_shard;
    uint64_t row_seq; /* of the task row; of a query: its query id */
    struct slice namespace_id;
    struct slice task_queue; /* the queue it waits on (the sticky one, when sticky) */
    struct slice workflow_id;
    struct slice run_id; /* text form */
    int64_t scheduled_event_id;
    int32_t attempt;
    int32_t priority; /* 1..5; 3 is the default */
    int64_t created_wall_ns;
    struct rpc_fairness fairness;
};
void rpc_task_encode(const struct rpc_task *task, struct buf *out); /* one record */
/* A body of many: {1: [task...], 2: has_more}. */
void rpc_tasks_encode(const struct rpc_task *tasks, uint32_t count, bool has_more, struct buf *out);
MUST_USE enum err rpc_task_decode(struct arena *arena, struct slice body, struct rpc_task *out);
MUST_USE enum err rpc_tasks_decode(struct arena *arena, struct slice body, struct rpc_task **tasks,
                                   uint32_t *count, bool *has_more);

/* A worker's poll, as it travels from frontend to matching and on to history. */
struct rpc_poll {
    enum rpc_task_kind kind; /* TASK_WORKFLOW or TASK_ACTIVITY */
    struct slice namespace_id, namespace_name;
    struct slice task_queue;
    bool sticky;               /* task_queue is a worker's own queue ... */
    struct slice normal_queue; /* ... whose fall-back is this one */
    uint64_t poll_id;          /* random; starts are idempotent by it */
    struct mesh_addr reply_to; /* where history sends the task; set by matching from the call */
    struct slice identity;
    struct slice request; /* the API message */
};
void rpc_poll_encode(const struct rpc_poll *poll, struct buf *out);
MUST_USE enum err rpc_poll_decode(struct arena *arena, struct slice body, struct rpc_poll *out);

/* Start this task for that poll. */
struct rpc_start_task {
    struct rpc_task task;
    struct rpc_poll poll;
    int64_t backlog_count_hint;
    int32_t poller_scaling; /* how many polls more the worker should hold */
};
void rpc_start_task_encode(const struct rpc_start_task *start, struct buf *out);
MUST_USE enum err rpc_start_task_decode(struct arena *arena, struct slice body,
                                        struct rpc_start_task *out);

/* A page of a queue's task rows in one history shard, oldest first. */
struct rpc_pull_tasks {
    enum rpc_task_kind kind;
    struct slice namespace_id, task_queue;
    uint32_t limit;
};
void rpc_pull_tasks_encode(const struct rpc_pull_tasks *pull, struct buf *out);
MUST_USE enum err rpc_pull_tasks_decode(struct arena *arena, struct slice body,
                                        struct rpc_pull_tasks *out);

/* Workflow tasks whose answers were handed to their workers' streams. */
enum { RPC_DELIVERED_MAX = 1000 };
struct rpc_delivered {
    uint64_t start_ids[RPC_DELIVERED_MAX];
    uint32_t count;
};
void rpc_delivered_encode(const struct rpc_delivered *delivered, struct buf *out);
MUST_USE enum err rpc_delivered_decode(struct arena *arena, struct slice body,
                                       struct rpc_delivered *out);

/* The deadline row of one run: fires once `remaining_ms` have passed at the sender. */
struct rpc_deadline {
    int64_t at_wall_ns;   /* the row's key, by the history shard's clock */
    int64_t remaining_ms; /* until then, when it was sent; may be negative */
    uint8_t tablet;
    struct slice run_id; /* text form */
};
struct rpc_deadlines {
    uint32_t history_shard;
    uint64_t epoch;  /* of the assignment: an answer to an old one is dropped */
    uint64_t number; /* of the cast within the epoch, from 1; a gap means: pull again */
    bool has_more;
    int64_t horizon_ms; /* PULL answers: the window pulled reaches that far */
    struct rpc_deadline *items;
    uint32_t count;
};
void rpc_deadlines_encode(const struct rpc_deadlines *list, struct buf *out);
MUST_USE enum err rpc_deadlines_decode(struct arena *arena, struct slice body,
                                       struct rpc_deadlines *out);

/* TIMERS_ASSIGN and HISTORY_PULL_DEADLINES. */
struct rpc_assign {
    uint32_t history_shard;
    uint64_t epoch;        /* drawn by history at each (re)assignment */
    uint64_t process;      /* of the history owner */
    int64_t after_wall_ns; /* pull: rows at or after this key ... */
    struct slice after_run_id;
    int64_t horizon_ms; /* ... and due within this span */
    uint32_t limit;
};
void rpc_assign_encode(const struct rpc_assign *assign, struct buf *out);
MUST_USE enum err rpc_assign_decode(struct arena *arena, struct slice body, struct rpc_assign *out);

/* List or count executions of one history shard, in the default order: open ones first, then by
 * close time, each by start time, newest first. */
struct rpc_list {
    struct slice namespace_id;
    uint32_t page_size;
    struct slice after; /* order key of the last one of the page before; empty: from the start */
    struct slice query; /* vis_query_encode(); empty: all executions of the namespace */
};
struct rpc_list_item {
    struct slice order_key; /* 8 bytes ~close, 8 bytes ~start, 16 bytes run id */
    struct slice info;      /* temporal.api.workflow.v1.WorkflowExecutionInfo, encoded */
};
void rpc_list_encode(const struct rpc_list *list, struct buf *out);
MUST_USE enum err rpc_list_decode(struct arena *arena, struct slice body, struct rpc_list *out);
void rpc_list_items_encode(const struct rpc_list_item *items, uint32_t count, bool has_more,
                           struct buf *out);
MUST_USE enum err rpc_list_items_decode(struct arena *arena, struct slice body,
                                        struct rpc_list_item **items, uint32_t *count,
                                        bool *has_more);

/* -- the task token that workers hand back -------------------------------------------------- */

struct task_token {
    enum rpc_task_kind kind;
    struct slice namespace_id;
    uint32_t execution_kind; /* 1 workflow; room for activities and Nexus operations */
    struct slice workflow_id, run_id;
    int64_t scheduled_event_id;
    int64_t started_event_id; /* workflow tasks */
    int32_t attempt;
    uint64_t start_id;        /* of queries: the query id */
    struct slice activity_id; /* activities */
};
void task_token_encode(const struct task_token *token, struct buf *out);
/* ERR_INVALID: not a token of ours (any bytes may come). */
MUST_USE enum err task_token_decode(struct arena *arena, struct slice bytes,
                                    struct task_token *out);

#endif
