/* batches_int.h - a batch job while it runs: what batches.c (its rows and its requests) and
 * batch_run.c (its way over the executions) share. */
#ifndef GNOMON_HISTORY_SHARD_BATCHES_INT_H
#define GNOMON_HISTORY_SHARD_BATCHES_INT_H

#include "history/batch/job.h"
#include "history/batch/walk.h"
#include "history/shard/shard_int.h"

enum {
    HS_BATCH_PAGE = 250,      /* executions between two records of a job */
    HS_BATCH_CALLS_MAX = 100, /* of a job at a time, whatever the setting says */
    HS_BATCHES_MAX = 256,     /* jobs of a shard that run */
    HS_BATCH_CALL_MS = 10000,
    HS_BATCH_SEEN_MAX = 100000,
};
#define HS_BATCH_AGAIN_NS (500 * NS_PER_MS) /* after a full log, or shards that don't answer */

enum hs_batch_phase {
    HS_BATCH_COUNT = 1, /* every shard is asked how many executions there are */
    HS_BATCH_LIST,      /* ... and for its next ones */
    HS_BATCH_WORK,      /* calls to the owners of the page's executions */
    HS_BATCH_SAVE,      /* the page is done: the cursor moves, or the job ends */
    HS_BATCH_ENDED
};

struct hs_batch_ask { /* to one shard, of all */
    struct hs_batch_job *job;
    uint64_t call; /* 0: none */
};

struct hs_batch_slot { /* a call for one execution */
    struct hs_batch_job *job;
    struct batch_item *item; /* NULL: free */
    uint64_t call;
    bool looking_up;
    struct arena arena;
};

struct hs_batch_found {
    uint8_t order[BATCH_CURSOR_BYTES];
    struct slice workflow_id, run_id;
};

struct hs_batch_seen {    /* a run that a reset found open */
    struct map_node node; /* in job->seen, by run_id */
    uint8_t run_id[16];
};

struct hs_batch_job {
    struct list node; /* in shard->batches.jobs */
    struct history_shard *shard;
    uint8_t tablet, namespace_id[16];
    struct arena arena;
    struct rpc_batch_start start;
    api_start_batch_operation_request *request;
    struct batch_state state; /* as it was last staged */
    int64_t seq;              /* of that; nothing is done before it is durable */
    enum hs_batch_phase phase;
    int64_t wake_ns; /* monotonic: there is something to do then; INT64_MAX: when an answer comes */

    struct hs_batch_ask *asks; /* by shard */
    uint32_t asked;            /* that have not answered */
    enum err ask_err;          /* the worst answer */
    int64_t counted;
    uint32_t page_size;
    struct hs_batch_found *found;
    uint32_t found_count, found_cap;
    bool more;       /* executions behind this page */
    struct map seen; /* struct hs_batch_seen, at most HS_BATCH_SEEN_MAX */

    struct arena page_arena;
    struct batch_page page;
    struct batch_rate rate;
    struct hs_batch_slot slots[HS_BATCH_CALLS_MAX];
    uint32_t busy;
};

/* batches.c. Stage the job's state; ERR_OK: it is job->state. */
MUST_USE enum err hs_batch_stage(struct hs_batch_job *job, const struct batch_state *state);

/* batch_run.c. Do what can be done now. */
void hs_batch_run(struct hs_batch_job *job);
/* Forget every call. */
void hs_batch_cancel(struct hs_batch_job *job);
/* The state with what has been done of the page. */
struct batch_state hs_batch_progress(const struct hs_batch_job *job);

#endif
