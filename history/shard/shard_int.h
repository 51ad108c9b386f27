/* shard_int.h - what the files of a shard share: requests, cached runs, and their verbs.
 *
 * 1. A request is in one place at a time: stepping, waiting on an entry of the cache, parked (for
 *    an event, a query's answer, a read), or in the heap of outputs until its sequence is durable.
 *    Whoever has it answers it once; hs_release() frees it.
 * 2. A run in the cache includes everything that was staged; `seq` of its entry is the highest
 *    sequence that changed it. An entry that is not durable yet is never evicted.
 * 3. When staging fails, the run in memory is ahead of its rows: it is thrown away, and loaded
 *    again once all that it staged before is durable.
 * 4. References across an await are ids (run id, query id, address); entries may be gone. */
#ifndef GNOMON_HISTORY_SHARD_INT_H
#define GNOMON_HISTORY_SHARD_INT_H

#include "common/base/heap.h"
#include "common/rpc/rpc.h"
#include "history/batch/job.h"
#include "history/engine/engine.h"
#include "history/engine/rows.h"
#include "history/engine/update.h"
#include "history/shard/breakers.h"
#include "history/shard/clock.h"
#include "history/shard/shard.h"
#include "history/shard/vis_index.h"

enum {
    HS_REQUESTS_MAX = 100000,       /* in a shard, in whatever state */
    HS_BATCH_BYTES_MAX = 64 * 1024, /* recent events kept with a run */
    HS_QUERY_FAIL_ATTEMPT = 3,      /* from this workflow task attempt on queries fail at once */
    HS_PAGE_EVENTS_MAX = 256,       /* of a history page, as the reference's */
    HS_PAGE_BYTES_MAX = 3 * 1024 * 1024,
    HS_DELIVERIES_MAX = 10000, /* workflow tasks whose delivery is awaited */
    HS_PULL_MAX = 1000,        /* task or deadline rows in one answer */
    HS_LIST_MAX = 1000,        /* visibility rows in one answer */
    HS_REPLY_PARTS = 10,
    HS_UPDATE_WAITERS_MAX = 1000, /* per run: callers who wait for its updates */
};

#define HS_NEAR_NS (2 * NS_PER_S)       /* deadlines that the shard keeps itself */
#define HS_SETTLE_NS (500 * NS_PER_MS)  /* age at which a farther one goes to timers */
#define HS_OVERDUE_NS (1 * NS_PER_S)    /* what timers did not fire by then, the shard does */
#define HS_DELIVERY_NS (60 * NS_PER_S)  /* then its acknowledgement is taken to be lost */
#define HS_LONG_POLL_BUFFER_NS NS_PER_S /* answered that much before the caller's deadline */

struct hs_request;
struct hs_entry;
typedef void (*hs_step_fn)(struct history_shard *shard, struct hs_request *req,
                           struct hs_entry *entry);
typedef void (*hs_request_fn)(struct history_shard *shard, struct hs_request *req);
typedef void (*hs_failed_fn)(struct history_shard *shard, struct hs_request *req, enum err err);

struct hs_reply {
    struct mesh_addr to;
    enum err err;
    struct slice parts[HS_REPLY_PARTS];
    uint32_t count;
    struct slice undelivered;
};

struct hs_operation; /* a row of the dispatch table in requests.c */

struct hs_request {
    struct arena arena;                   /* the request itself is not in it */
    const struct hs_operation *operation; /* NULL: the shard's own */
    struct mesh_addr from;
    int64_t deadline_mono_ns; /* INT64_MAX: none */
    int64_t began_mono_ns;
    struct rpc_api api;
    struct task_token token;
    void *message;                 /* the decoded API request, or the task of a cast */
    void *extra;                   /* what the operation keeps between its steps, in the arena */
    struct hs_update_wait *update; /* updates.c, in the arena; NULL: it waits for none */

    /* The run that it wants, all in the arena; run_id "" means the current one. */
    struct slice namespace_id, workflow_id;
    char run_id[UUID_TEXT_LEN + 1];
    uint8_t tablet;
    bool wants_current; /* run_id is what the current one was when it was looked up ... */
    char ended_run_id[UUID_TEXT_LEN + 1]; /* ... and this one had ended before that */
    hs_step_fn step;
    hs_failed_fn failed;  /* called, instead of an answer, when that run can't be had */
    hs_request_fn resume; /* called again when the current run it waits for is known */

    struct engine_limit limit; /* that its step went past: see hs_ends_for_limit() */
    struct store_op with;      /* a row that joins the commit of its step; no key: none */
    bool makes_work;           /* beside what its operation says */
    bool for_client;           /* its reads and commits count: hs_persistence_used() */

    struct list node;            /* in the waiting list of an entry, or of a run's waiters */
    struct list all;             /* in shard->requests */
    struct map_node parked_node; /* in shard->parked, by address */
    uint8_t parked_key[16];
    bool parked, parked_by_addr;
    struct heap_node expiry; /* in shard->expiries, while parked */
    hs_request_fn expired, canceled;

    /* the answer */
    struct err_detail detail;
    struct hs_reply replies[2];
    uint32_t reply_count;
    struct heap_node output; /* in shard->outputs, by sequence */
};

/* Events of one commit, kept with their run. */
struct hs_batch {
    struct list node;
    int64_t first_event_id, next_event_id;
    int64_t seq;
    size_t len;
    uint8_t bytes[]; /* repeated field 1 of History */
};

struct hs_entry {
    struct map_node node; /* in shard->runs, by run_id */
    struct list lru;
    char run_id[UUID_TEXT_LEN + 1];
    uint8_t tablet;
    struct run *run; /* NULL: being loaded, or waiting to be */
    bool loading;
    struct list waiting; /* requests */
    int64_t seq;
    struct list batches; /* contiguous, the last one ends at run->next_event_id; oldest first */
    size_t batch_bytes;
    size_t bytes; /* as counted in shard->cached_bytes */
    int64_t used_mono_ns;
};

/* What the shard knows of a workflow id. */
struct hs_current {
    struct map_node node; /* in shard->currents, by key */
    struct list lru;
    bool loading, exists;
    bool superseded; /* became known by a commit while it was loading */
    struct current_run run;
    int64_t seq;
    uint8_t tablet;
    struct list waiting;
    struct bytes request_id;                /* run.start_request_id, with its NUL */
    struct slice namespace_id, workflow_id; /* into key */
    size_t bytes;
    uint8_t key[];
};

enum { HS_OPERATIONS_MAX = 96 };

struct hs_metrics {
    struct counter *requests[HS_OPERATIONS_MAX], *errors[HS_OPERATIONS_MAX];
    struct histogram *latency[HS_OPERATIONS_MAX];
    struct counter *workflow_success, *workflow_failed, *workflow_timeout, *workflow_terminate,
        *workflow_cancel, *state_transitions, *cache_miss, *cache_requests, *offers_dropped,
        *undelivered, *deliveries_untracked, *answers_stale, *answers_repeated;
    struct counter *effects_sent, *effects_answered, *effects_repeated, *effects_failed;
    struct gauge *effects_outstanding;
    struct counter *runs_deleted;
    struct counter *callbacks_sent, *callbacks_delivered, *callbacks_failed;
    struct counter *batch_success, *batch_failures, *batches_failed;
};

/* Requests of our runs to other executions: outgoing.c. */
struct hs_lane; /* to one history shard */
struct hs_outgoing {
    struct hs_lane *lanes;        /* by history shard */
    struct map by_seq;            /* struct hs_out by row_seq: all that are in memory */
    struct map flows;             /* struct hs_flow by (source run, target) */
    struct list staged, answered; /* struct hs_out; not durable yet, in order; to be recorded */
    struct list done;             /* whose row's end is staged, in order */
    struct heap waits;            /* struct hs_out that is sent again later, by monotonic time */
    int64_t look_again_ns;        /* a look at the rows failed: monotonic; INT64_MAX: none did */
    bool opened, pumping;
};

/* What other executions asked of our runs: effects.c. */
struct hs_effects {
    struct map kept;       /* struct hs_kept by row key: outcomes, and what is being carried out */
    struct list lru;       /* of them, those that stand still; oldest first */
    struct map gone;       /* struct hs_gone: what was forgotten lately */
    struct list gone_list; /* oldest first */
    int64_t *leases;       /* the highest seen, by source shard */
    struct hs_settle *settling;
    int64_t settle_at_ns; /* monotonic */
};

struct hs_deadlines {
    struct heap near;     /* struct hs_deadline by due time of the shard's clock */
    struct map by_run;    /* the same, by run id */
    struct list settling; /* struct hs_settling, oldest first */
    int64_t check_ns;     /* shard time of the next look at the rows; INT64_MAX: no row */
    int64_t checked_mono_ns;
    bool checking, check_again;
    uint64_t epoch, number;  /* of the assignment to timers */
    int64_t pulled_until_ns; /* timers know the rows up to there; 0: nobody serves the shard */
    int64_t assign_again_mono_ns;
};

enum { HS_DEAD_FRONTENDS = 16 };

/* Workflow tasks on their way through frontend processes. */
struct hs_deliveries {
    struct map by_start;              /* struct hs_delivery by start id */
    struct list oldest;               /* the same, oldest first */
    uint64_t dead[HS_DEAD_FRONTENDS]; /* the last processes that went away, a ring */
    uint32_t dead_next;
    bool lost; /* some are with a dead process */
};

/* Closed runs whose retention has passed: retention.c. */
struct hs_retention {
    struct list running; /* struct hs_deletion */
    uint32_t count;      /* of them */
    int64_t look_ns;     /* shard time of the next look at the rows; INT64_MAX: no row */
    bool looking, running_now;
};

enum { HS_CALL_BUCKETS = 64 };

/* Callbacks of closed runs on their way out: calls.c. */
struct hs_calls {
    struct map by_seq;                   /* struct hs_call by row_seq */
    struct list waiting;                 /* of them, those that nobody is busy with; oldest first */
    uint32_t under_way;                  /* the others ... */
    uint32_t by_bucket[HS_CALL_BUCKETS]; /* ... by a hash of their destination */
    bool more;                           /* rows that are not in memory */
    bool looking, running, again;
    int64_t look_ns; /* monotonic time of the next look at the rows; INT64_MAX: none is wanted */
    struct hs_breakers breakers;
};

/* Batch jobs of this shard: batches.c. */
struct hs_batch_key {
    uint8_t bytes[BATCH_KEY_MAX];
    size_t len;
};
enum { HS_BATCH_FORGET_MAX = 16 };

struct hs_batches {
    struct list jobs; /* struct hs_batch_job */
    uint32_t count;   /* of them */
    uint32_t readers; /* reads that may see a job as it was: what has ended stays till then */
    int64_t look_ns;  /* shard time of the next look at the rows; INT64_MAX: none is wanted */
    bool looking;
};

struct history_shard {
    struct history_shard_options options;
    const struct history_net *net;
    struct store_shard *store;
    struct hs_clock clock;
    struct rng rng;
    uint64_t row_seq;
    uint8_t first_tablet;
    uint32_t tablet_count;
    int64_t durable;
    bool draining, lost, closing;
    uint32_t reads; /* jobs on reader threads */

    struct list requests; /* all that exist */
    uint32_t request_count;

    struct map runs, currents;
    struct list lru_runs, lru_currents; /* loaded ones, oldest first */
    struct list discarded;              /* entries that wait to be loaded again */
    size_t cached_bytes;

    struct heap outputs;    /* requests that wait for durability */
    struct list offers;     /* struct hs_offer, by sequence */
    int64_t offer_again_ns; /* monotonic; INT64_MAX: nothing was refused */
    struct list wakes;      /* struct hs_wake, by sequence */

    struct map parked;
    struct heap expiries;      /* requests, by monotonic time */
    struct map waiters;        /* struct hs_waiters by run id */
    struct map queries;        /* struct hs_query by id */
    struct map run_queries;    /* struct hs_run_queries by run id */
    struct map run_updates;    /* struct hs_run_updates by run id */
    struct list updates_again; /* requests that are asked anew when the callback ends */
    struct map limits;         /* by name of the namespace: limits.c */
    int64_t warned_ns;         /* when a warning about a size was last logged, monotonic */

    struct hs_deliveries deliveries;
    struct hs_deadlines deadlines;
    struct hs_outgoing outgoing;
    struct hs_effects effects;
    struct hs_retention retention;
    struct hs_calls calls;
    struct hs_batches batches;
    struct hs_index index;
    struct list resets; /* struct hs_reset: under way */
    uint32_t reset_count;
    struct list auto_resets; /* struct hs_auto_reset: about to begin */
    uint32_t auto_reset_count;
    struct list sweeps; /* requests of sweep.c that wait for what was staged before them */
    struct hs_metrics metrics;
    struct loop_timer timer;
    int64_t timer_at_ns; /* monotonic; INT64_MAX: not armed */
};

/* -- requests (requests.c, operations.c) ---------------------------------------------------- */

/* Count the request and its latency. */
void hs_operation_done(struct history_shard *shard, struct hs_request *req);
/* The request changed nothing: a worker's answer was given before. */
void hs_count_repeated(struct history_shard *shard, const struct hs_request *req);
/* A start of a task counts by the task's kind. */
void hs_operation_of_task(struct hs_request *req, enum rpc_task_kind kind);
/* Does it make work (start, signal), or end some? */
bool hs_operation_makes_work(const struct hs_request *req);

/* NULL: too many. The caller fills in the rest. */
struct hs_request *hs_request_new(struct history_shard *shard, struct mesh_addr from);
void hs_request_free(struct history_shard *shard, struct hs_request *req);
/* The shard closes: answer ERR_UNAVAILABLE, outcome unknown, and free. */
void hs_request_abandon(struct history_shard *shard, struct hs_request *req);

/* Answer with `err` and a body (in the request's arena) once `seq` is durable, and free it. */
void hs_answer(struct history_shard *shard, struct hs_request *req, enum err err, struct slice body,
               int64_t seq);
/* Let out the replies that are set, once `seq` is durable, and free the request. */
void hs_release(struct history_shard *shard, struct hs_request *req, int64_t seq);
/* Another reply, to be filled in. */
struct hs_reply *hs_add_reply(struct hs_request *req, struct mesh_addr to, enum err err);
/* Everything that the durable sequence lets out. */
void hs_let_out(struct history_shard *shard);

/* Keep the request while it waits: `expired` is called at `until_mono_ns`, `canceled` when its
 * caller gives up; both unpark it before. */
void hs_park(struct history_shard *shard, struct hs_request *req, int64_t until_mono_ns,
             hs_request_fn expired, hs_request_fn canceled);
void hs_unpark(struct history_shard *shard, struct hs_request *req);
void hs_expire(struct history_shard *shard, int64_t mono_ns);

/* -- the cache (cache.c) -------------------------------------------------------------------- */

void hs_cache_init(struct history_shard *shard);
void hs_cache_release(struct history_shard *shard);

/* Find the run that the request wants and call its step, at once or when it is loaded; answer
 * NOT_FOUND when there is none. */
void hs_with_run(struct history_shard *shard, struct hs_request *req);
/* What the shard knows of a workflow id; while it is `loading`, wait with hs_current_wait():
 * `resume` is called afterwards. */
struct hs_current *hs_current_get(struct history_shard *shard, struct hs_request *req);
void hs_current_wait(struct hs_current *current, struct hs_request *req, hs_request_fn resume);
/* The run was started, or closed: refresh what is known of its workflow id. */
void hs_current_update(struct history_shard *shard, struct hs_request *req, const struct run *run,
                       bool make_current, int64_t seq);
/* Its run is deleted, and no other takes its place. It is not loading. */
void hs_current_gone(struct hs_current *current, int64_t seq);
/* In the cache and loaded; or NULL. */
struct hs_entry *hs_entry_find(struct history_shard *shard, const char *run_id);
/* A fresh entry that takes `run`. */
struct hs_entry *hs_entry_add(struct history_shard *shard, struct run *run);
/* Throw the run in memory away; see invariant 3. */
void hs_entry_discard(struct history_shard *shard, struct hs_entry *entry);
/* Load again what was discarded and has become durable. */
void hs_cache_durable(struct history_shard *shard);
/* A read or a commit, counted if it is for a client; and ERR_BUSY with its detail while there were
 * too many (limits.c). What is under way goes on. What timers, requests of other shards and the
 * shard's own work ask for is neither counted nor refused, so that it can't shut clients out. */
void hs_persistence_used(struct history_shard *shard, const struct hs_request *req);
MUST_USE enum err hs_persistence_check(struct history_shard *shard, struct hs_request *req);

/* The entry changed: count it again. */
void hs_cache_touch(struct history_shard *shard, struct hs_entry *entry);
/* Evict what is too much, or unused since long; and when there is more to evict. */
void hs_cache_trim(struct history_shard *shard);
int64_t hs_cache_next_mono_ns(const struct history_shard *shard);
/* The events of a commit join the run's recent ones. */
void hs_entry_events(struct hs_entry *entry, const struct transition *t, int64_t seq,
                     int64_t durable);

/* -- steps (commit.c) ----------------------------------------------------------------------- */

void hs_begin(struct history_shard *shard, struct hs_request *req, struct run *run,
              struct transition *t);

struct hs_change {
    struct hs_entry *entry;
    struct transition *t;
    bool make_current;
};
/* Stage the effects of transitions in one record and tell everyone concerned. On failure (the
 * request's detail says why) the entries are discarded; new ones (`make_current`) are gone. */
MUST_USE enum err hs_commit(struct history_shard *shard, struct hs_request *req,
                            const struct hs_change *changes, uint32_t count);
/* Has a step taken its run past a limit? Then nothing of it is written: `t` is released, the run
 * is read again and terminated, and the request is answered with the limit. Before the commit. */
MUST_USE bool hs_ends_for_limit(struct history_shard *shard, struct hs_request *req,
                                struct hs_entry *entry, struct transition *t);
/* The same for a step that has more to do than to answer: `step` is called with the run as it was
 * before. It takes the limit, first of all, and ends the run by it before anything else. */
MUST_USE bool hs_steps_again_for_limit(struct history_shard *shard, struct hs_request *req,
                                       struct hs_entry *entry, struct transition *t,
                                       hs_step_fn step);
/* The limit that the step went past when it was tried before; reason NULL: none. */
struct engine_limit hs_take_limit(struct hs_request *req);
/* End the run, if there is a limit that it went past and it is still open. */
void hs_end_for_limit(struct transition *t, const struct engine_limit *limit);
/* The same for one step of one run, with the run that it continues as, if any. */
MUST_USE enum err hs_commit_step(struct history_shard *shard, struct hs_request *req,
                                 struct hs_entry *entry, struct transition *t);
/* The end of a plain step: commit (when err is ERR_OK), answer, release the transition. */
void hs_end(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry,
            struct transition *t, enum err err);

/* -- limits (limits.c) ----------------------------------------------------------------------- */

void hs_limits_init(struct history_shard *shard);
void hs_limits_release(struct history_shard *shard);
/* Those of a namespace as the dynamic configuration has them; the shard's. */
const struct engine_limits *hs_limits_of(struct history_shard *shard, struct slice namespace_name);
/* After a commit: warn of what has become large, count what was refused. */
void hs_note_limits(struct history_shard *shard, const struct hs_entry *entry,
                    const struct transition *t);
/* history.longPollExpirationInterval */
int64_t hs_long_poll_ns(const struct history_shard *shard, struct slice namespace_name);

/* -- namespaces (namespaces.c) ---------------------------------------------------------------- */

/* ERR_NOT_FOUND: there is none (any more), or it is being deleted. Where nobody can tell: ERR_OK,
 * and *retention_s stays. */
MUST_USE enum err hs_namespace_retention(const struct history_shard *shard, struct slice id,
                                         int64_t *retention_s);
bool hs_namespace_is_gone(const struct history_shard *shard, struct slice id);
/* In a namespace that is being deleted nothing begins: a shard that was swept stays empty. Asked
 * when a run or a job is made, since its request may have waited before. */
MUST_USE enum err hs_check_namespace(const struct history_shard *shard, struct hs_request *req,
                                     struct slice id, struct slice name);

/* -- start (start_workflow.c), tasks (start_task.c) ------------------------------------------- */

void hs_start_workflow(struct history_shard *shard, struct hs_request *req);
void hs_signal_with_start(struct history_shard *shard, struct hs_request *req);
void hs_start_with_update(struct history_shard *shard, struct hs_request *req);

void hs_start_task(struct history_shard *shard, struct hs_request *req);
void hs_step_no_sticky_poller(struct history_shard *shard, struct hs_request *req,
                              struct hs_entry *entry);
/* Answer with `reply` and, as its field `field`, the workflow task that was started in the step. */
void hs_answer_with_task(struct history_shard *shard, struct hs_request *req,
                         struct hs_entry *entry, struct slice reply, uint32_t field,
                         struct started_workflow_task *task, int64_t seq);
void hs_step_workflow_task_completed(struct history_shard *shard, struct hs_request *req,
                                     struct hs_entry *entry);

/* -- deliveries (deliveries.c) --------------------------------------------------------------- */

void hs_deliveries_init(struct history_shard *shard);
void hs_deliveries_release(struct history_shard *shard);
/* A workflow task goes to a frontend process, which will say that it is delivered, or not. */
void hs_delivery_expect(struct history_shard *shard, uint64_t process, struct slice token_bytes,
                        uint64_t start_id);
/* The frontend process is gone, and with it what it did not deliver. */
void hs_deliveries_lost(struct history_shard *shard, uint64_t process);
void hs_deliveries_run(struct history_shard *shard);
void hs_delivered(struct history_shard *shard, struct hs_request *req);
void hs_step_not_delivered(struct history_shard *shard, struct hs_request *req,
                           struct hs_entry *entry);

/* -- offers (offers.c) ---------------------------------------------------------------------- */

void hs_pull_tasks(struct history_shard *shard, struct hs_request *req);
void hs_count_tasks(struct history_shard *shard, struct hs_request *req); /* task_counts.c */
void hs_flush(struct history_shard *shard, struct hs_request *req);       /* admin.c */
void hs_backup(struct history_shard *shard, struct hs_request *req);
void hs_describe_shard(struct history_shard *shard, struct hs_request *req);
/* Offer a task that was staged with `seq` to matching once it is durable. */
void hs_offer(struct history_shard *shard, const struct run *run, const struct task_change *change,
              int64_t now_ns, int64_t seq);
void hs_offers_out(struct history_shard *shard);
void hs_offers_release(struct history_shard *shard);

/* -- history (history_read.c, nodes.c) ------------------------------------------------------ */

/* Events [from, to) of a run, as repeated field 1 of History: at most `events_max` and, but for
 * the first one, `bytes_max`. With `batches_max`, what was written together is told apart, and
 * at most so many of these batches come; `whole_batch`: `from` becomes the first event of its
 * batch. `done` is called with the entry's run id still known but the entry
 * maybe gone; at once when the events are in memory. */
struct hs_events {
    int64_t from, to;
    uint32_t events_max;
    size_t bytes_max;
    uint32_t batches_max; /* at most HS_PAGE_EVENTS_MAX; 0: all the same */
    bool whole_batch;
    /* out */
    struct slice parts[3];                   /* one, where batches are told apart */
    size_t batch_starts[HS_PAGE_EVENTS_MAX]; /* where each begins in it */
    uint32_t batch_count;
    uint32_t part_count;
    size_t bytes;
    int64_t next; /* the first event that is not in the parts */
};
typedef void (*hs_events_fn)(struct history_shard *shard, struct hs_request *req, enum err err,
                             struct hs_events *events);
/* close_event.c: `history` (a History, encoded) whose last event is the end of a run, as clients
 * see it that follow a chain by ContinuedAsNew only. In the arena, or `history` itself. */
struct slice hs_close_event_to_follow(struct arena *arena, struct slice history);
/* The events of a page by the setting `key`: 1 .. HS_PAGE_EVENTS_MAX. */
uint32_t hs_page_events_max(const struct history_shard *shard, enum dynconf_key key,
                            struct slice namespace_name);
void hs_events_read(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry,
                    const struct hs_events *want, hs_events_fn done);

/* Rows of a run's history, from its own nodes and those that it shares. */
struct hs_nodes {
    char run_id[UUID_TEXT_LEN + 1];
    uint8_t tablet;
    struct branches branches;
    int64_t from, to; /* events */
};
void hs_nodes_of(const struct hs_entry *entry, int64_t from, int64_t to, struct hs_nodes *out);
/* A node: its first event (it may come before `from`), and where its branch ends: its events from
 * there on are none of the run's. false: enough. */
typedef bool (*hs_node_fn)(void *arg, int64_t first, int64_t to, struct slice batch);
/* On a reader thread. ERR_CORRUPT: nodes are missing. */
MUST_USE enum err hs_nodes_scan(struct store_snapshot *snapshot, const struct hs_nodes *nodes,
                                hs_node_fn visit, void *arg);
/* The first event that is in memory; the run's next event when none is. */
int64_t hs_memory_from(struct hs_entry *entry);

void hs_get_history(struct history_shard *shard, struct hs_request *req);
void hs_get_history_reverse(struct history_shard *shard, struct hs_request *req);
/* The token that continues a poll's history in GetWorkflowExecutionHistory. */
struct slice hs_history_token(struct arena *arena, const char *run_id, int64_t next, int64_t end,
                              bool running, struct slice extra_events, bool is_poll);
/* The run has events or an end that its waiters may wait for. */
void hs_wake_later(struct history_shard *shard, const struct run *run, int64_t seq);
void hs_wakes_out(struct history_shard *shard);
void hs_waiters_release(struct history_shard *shard);

/* -- queries (queries.c) -------------------------------------------------------------------- */

void hs_step_query(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry);
void hs_respond_query(struct history_shard *shard, struct hs_request *req);
/* Put the run's waiting queries into a poll response. */
void hs_queries_attach(struct history_shard *shard, struct hs_request *req, const struct run *run,
                       api_poll_workflow_task_queue_response *response);
/* A workflow task completed, or the run closed: answer what has a result, dispatch the others when
 * no workflow task is pending. */
void hs_queries_completed(struct history_shard *shard, struct hs_entry *entry,
                          const struct transition *t);
/* The question of a query that waits for an answer of this run, borrowed; NULL: nobody waits. */
api_workflow_query *hs_query_message(struct history_shard *shard, uint64_t query_id,
                                     const char *run_id);
/* The worker that a query was sent to did not get it: another one is asked. */
void hs_query_not_delivered(struct history_shard *shard, uint64_t query_id, const struct run *run);
void hs_queries_release(struct history_shard *shard);

/* -- updates (updates.c) -------------------------------------------------------------------- */

void hs_updates_init(struct history_shard *shard);
void hs_updates_release(struct history_shard *shard);
void hs_step_update(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry);
void hs_step_poll_update(struct history_shard *shard, struct hs_request *req,
                         struct hs_entry *entry);
/* A step of the run moved updates: tell those who wait, once `seq` is durable. */
void hs_updates_changed(struct history_shard *shard, struct hs_entry *entry,
                        const struct transition *t, int64_t seq);
/* The run leaves memory, and with it every update that is not accepted. Their requests are made
 * anew when the callback ends (`ask_anew`), or hear ERR_UNAVAILABLE. */
void hs_updates_lost(struct history_shard *shard, const char *run_id, bool ask_anew);
/* Ask anew what is to be. At the end of a callback, never inside a step. */
void hs_updates_pump(struct history_shard *shard);

/* The request starts a workflow and brings an update for it (start_workflow.c). */
void hs_update_of_start(struct hs_request *req,
                        const api_update_workflow_execution_request *request);
/* The current run may serve the update itself: it knows it, or the start may use the run
 * (`use_existing`). Gives false when it does not: then the start decides. */
bool hs_update_existing(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry,
                        bool use_existing);
/* The run was started with its update admitted, and is committed. */
void hs_update_started(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry,
                       const struct update_answer *answer, struct slice start_reply);
/* The start of an update is decided again, on whatever run is current then. */
void hs_start_with_update_again(struct history_shard *shard, struct hs_request *req);
/* Answer with a status per operation; req->detail is of the one at fault. */
enum hs_multi_fault {
    HS_FAULT_START,
    HS_FAULT_NOT_STARTED, /* its request did so before, and that run can't serve the update */
    HS_FAULT_UPDATE,
    HS_FAULT_UPDATE_AFTER_START
};
void hs_multi_operation_failed(struct history_shard *shard, struct hs_request *req,
                               enum hs_multi_fault fault, enum err err, int64_t seq);

/* -- time (deadlines.c, timers_link.c) ------------------------------------------------------ */

void hs_deadlines_init(struct history_shard *shard);
void hs_deadlines_release(struct history_shard *shard);
/* The run's deadline or its row may have changed in a commit with `seq`. */
void hs_deadline_changed(struct history_shard *shard, const struct run *run, int64_t row_before_ns,
                         int64_t seq);
/* Fire the run's due deadlines soon: it is known to have some. */
void hs_deadline_near(struct history_shard *shard, const char *run_id, uint8_t tablet,
                      int64_t at_ns);
void hs_deadlines_run(struct history_shard *shard);
int64_t hs_deadlines_next_mono_ns(struct history_shard *shard);
/* Look at the deadline rows now. */
void hs_deadlines_check(struct history_shard *shard);

void hs_timers_assign(struct history_shard *shard);
/* Nobody serves the shard: until a timers process pulls, it looks after its rows by itself. */
void hs_timers_lost(struct history_shard *shard);
/* An assignment is repeated until its rows are pulled; when: INT64_MAX, they are. */
int64_t hs_timers_assign_mono_ns(struct history_shard *shard);
void hs_timers_assign_again(struct history_shard *shard);
void hs_timers_tell(struct history_shard *shard, const struct rpc_deadline *items, uint32_t count);
void hs_pull_deadlines(struct history_shard *shard, struct hs_request *req);
void hs_fire_deadlines(struct history_shard *shard, struct hs_request *req);

/* -- other executions (outgoing.c, effects.c; common/rpc/effect.h) ---------------------------- */

void hs_outgoing_init(struct history_shard *shard);
void hs_outgoing_release(struct history_shard *shard);
/* The shard is open: look for the rows of its predecessor. */
void hs_outgoing_open(struct history_shard *shard);
/* A transition was staged with `seq`. */
void hs_outgoing_changed(struct history_shard *shard, const struct transition *t, int64_t seq);
/* Send, record, forget: whatever can be done now. At the end of a callback, never inside a step. */
void hs_outgoing_pump(struct history_shard *shard);
int64_t hs_outgoing_next_mono_ns(const struct history_shard *shard);
/* A history process came: what it owns may be asked at once. */
void hs_outgoing_hasten(struct history_shard *shard);
/* The mesh method: is the row of this effect there? */
void hs_effect_pending(struct history_shard *shard, struct hs_request *req);

void hs_effects_init(struct history_shard *shard);
void hs_effects_release(struct history_shard *shard);
/* Read the leases; before anything else is asked of the shard. */
MUST_USE enum err hs_effects_open(struct history_shard *shard);
/* The mesh methods. */
void hs_effect(struct history_shard *shard, struct hs_request *req);
void hs_forget_effects(struct history_shard *shard, struct hs_request *req);
void hs_effects_run(struct history_shard *shard);
int64_t hs_effects_next_mono_ns(const struct history_shard *shard);
/* For start_workflow.c. The request's outcome joins the commit that follows ... */
void hs_effect_keep(struct history_shard *shard, struct hs_request *req,
                    const struct rpc_effect_outcome *outcome);
/* ... and is answered (of an error, none), once `seq` is durable. */
void hs_effect_done(struct history_shard *shard, struct hs_request *req, enum err err,
                    const struct rpc_effect_outcome *outcome, int64_t seq);
/* Both, where no run changes; `seq` is the highest sequence that was seen. */
void hs_effect_settle(struct history_shard *shard, struct hs_request *req,
                      const struct rpc_effect_outcome *outcome, int64_t seq);
/* The effect was forgotten while it waited: then the request has ended. */
bool hs_effect_was_forgotten(struct history_shard *shard, struct hs_request *req);
/* Carry out an EFFECT_START_CHILD: start_workflow.c. */
void hs_start_child(struct history_shard *shard, struct hs_request *req,
                    const struct rpc_effect *effect);

/* -- completion callbacks (calls.c) ---------------------------------------------------------- */

void hs_calls_init(struct history_shard *shard);
void hs_calls_release(struct history_shard *shard);
/* The shard is open: look for the rows of its predecessor. */
void hs_calls_open(struct history_shard *shard);
/* A transition was staged with `seq`. */
void hs_calls_changed(struct history_shard *shard, const struct transition *t, int64_t seq);
/* Post, record: whatever can be done now. At the end of a callback, never inside a step. */
void hs_calls_run(struct history_shard *shard);
/* Marks the callbacks of a run that is to be described. */
void hs_calls_look(struct history_shard *shard, struct run *run, struct arena *arena);
int64_t hs_calls_next_mono_ns(struct history_shard *shard);
enum { HS_CALLS_DROP_MAX = 256 };
/* The deletions of the rows of a run that is deleted, in the arena: of HS_CALLS_DROP_MAX at most,
 * what is beyond goes at its next attempt. */
size_t hs_calls_drop(const struct run *run, struct arena *arena, struct store_op **ops);
/* They are staged, the run is still in memory: what is under way ends by itself. */
void hs_calls_dropped(struct history_shard *shard, const struct run *run);

/* -- deletion (retention.c) ------------------------------------------------------------------ */

void hs_retention_init(struct history_shard *shard);
void hs_retention_release(struct history_shard *shard);
void hs_retention_open(struct history_shard *shard);
/* The run closed. */
void hs_retention_closed(struct history_shard *shard, const struct run *run);
void hs_retention_run(struct history_shard *shard);
int64_t hs_retention_next_mono_ns(struct history_shard *shard);
void hs_step_delete(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry);
/* End the run if it is open, and begin its deletion. false: the request waits, and its step is
 * called again; else *err says how it went, once *seq is durable. */
MUST_USE bool hs_delete_run(struct history_shard *shard, struct hs_request *req,
                            struct hs_entry *entry, enum err *err, int64_t *seq);
/* The mesh method: some runs of a namespace that is deleted (sweep.c). */
void hs_sweep(struct history_shard *shard, struct hs_request *req);
/* Something has become durable. */
void hs_sweeps_run(struct history_shard *shard);

/* -- reset (reset.c) ------------------------------------------------------------------------- */

void hs_resets_init(struct history_shard *shard);
void hs_resets_release(struct history_shard *shard);
/* A reset of this workflow is under way: its runs stay in memory. */
bool hs_reset_holds(const struct history_shard *shard, struct slice namespace_id,
                    struct slice workflow_id);
/* Of a request of the shard's own, `extra` is the run id that is to be the workflow's current one:
 * if it is not, nothing happens. */
void hs_step_reset(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry);

/* -- bad binaries (auto_reset.c) -------------------------------------------------------------- */

void hs_auto_resets_init(struct history_shard *shard);
void hs_auto_resets_release(struct history_shard *shard);
/* A step of the run was staged with `seq`: has it gone on with a binary that is bad? */
void hs_auto_reset_look(struct history_shard *shard, struct hs_request *req,
                        const struct hs_entry *entry, int64_t seq);
/* Something has become durable, or a reset has ended. Never inside a step. */
void hs_auto_resets_run(struct history_shard *shard);

/* -- batch jobs (batches.c, batch_run.c) ------------------------------------------------------ */

void hs_batches_init(struct history_shard *shard);
void hs_batches_release(struct history_shard *shard);
/* The shard is open: go on with what its predecessor left. */
void hs_batches_open(struct history_shard *shard);
/* Whatever can be done now. At the end of a callback, never inside a step. */
void hs_batches_run(struct history_shard *shard);
/* Stop and delete the jobs of these state rows, at most HS_BATCH_FORGET_MAX. `seq`: when that is
 * durable. */
MUST_USE enum err hs_batches_forget(struct history_shard *shard, const struct hs_batch_key *keys,
                                    size_t count, int64_t *seq);
int64_t hs_batches_next_mono_ns(struct history_shard *shard);
/* The mesh methods. */
void hs_start_batch(struct history_shard *shard, struct hs_request *req);
void hs_stop_batch(struct history_shard *shard, struct hs_request *req);
void hs_describe_batch(struct history_shard *shard, struct hs_request *req);
void hs_list_batches(struct history_shard *shard, struct hs_request *req);

/* -- the rest ------------------------------------------------------------------------------- */

void hs_list(struct history_shard *shard, struct hs_request *req);
void hs_count(struct history_shard *shard, struct hs_request *req);
void hs_metrics_init(struct history_shard *shard);

/* A read job whose callback finds the shard; counted in shard->reads. */
struct hs_job {
    struct store_read_job job;
    struct history_shard *shard;
    struct hs_request *req; /* may be NULL */
    enum store_lane lane;   /* zero: reads */
    enum err (*read)(struct store_snapshot *snapshot, struct hs_job *job);
    void (*done)(struct history_shard *shard, struct hs_job *job, enum err err);
};
void hs_read(struct history_shard *shard, struct hs_job *job);

/* Make a prefix the first key behind all that begin with it; gives its new length. */
static inline size_t hs_prefix_end(uint8_t *prefix, size_t len)
{
    while (len > 0 && prefix[len - 1] == 0xff)
        len--;
    if (len > 0)
        prefix[len - 1]++;
    return len;
}

int64_t hs_now_ns(struct history_shard *shard); /* shard time */
int64_t hs_mono_ns(const struct history_shard *shard);
/* The monotonic moment at which the shard's clock is there; INT64_MAX for that. */
int64_t hs_mono_of(struct history_shard *shard, int64_t shard_time_ns);
void hs_rearm(struct history_shard *shard);
static inline bool hs_owns_tablet(const struct history_shard *shard, uint8_t tablet)
{
    return tablet >= shard->first_tablet && tablet < shard->first_tablet + shard->tablet_count;
}

#endif
