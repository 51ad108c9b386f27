/* run.h - the mutable state of one workflow execution ("run"): everything that its next step
 * depends on, and nothing else.
 *
 * Every field is of one of three sorts, named by the comment that groups it:
 *   derived       rebuilt from the events; engine/rebuild.c does it and the tests compare
 *   durable-only  not in the events (attempts, start ids, buffered events, ...): kept in rows
 *   volatile      lost with the process: a speculative workflow task, updates not yet accepted
 *                 (the shard keeps queries and waiters)
 *
 * A run is owned by its shard's thread. Identity lives in the run's arena; what changes during
 * its life is heap memory of its own (struct bytes), so that a long run does not grow.
 * Times are wall-clock nanoseconds of the shard's clock; 0 means none. Spans are nanoseconds. */
#ifndef GNOMON_RUN_H
#define GNOMON_RUN_H

#include "common/base/arena.h"
#include "common/base/heap.h"
#include "common/base/list.h"
#include "common/base/map.h"
#include "common/base/rng.h"

/* Heap bytes with one owner. */
struct bytes {
    uint8_t *ptr;
    size_t len;
};
void bytes_set(struct bytes *bytes, struct slice value); /* copies; frees what was there */
void bytes_clear(struct bytes *bytes);
static inline struct slice bytes_slice(struct bytes bytes)
{
    return slice_of(bytes.ptr, bytes.len);
}

enum execution_kind { EXECUTION_WORKFLOW = 1 };

/* WORKFLOW_EXECUTION_STATUS_* of the API are used as they are. */

/* A started task that has a row is undelivered: it waits to be handed out anew, see unstart.c. */
enum wft_state { WFT_NONE, WFT_SCHEDULED, WFT_STARTED };

struct workflow_task {
    enum wft_state state;
    /* derived */
    int64_t scheduled_event_id, started_event_id; /* of a transient task: ids that they would get */
    int64_t scheduled_ns, started_ns;
    int64_t timeout_ns; /* start to close */
    int32_t attempt;    /* from 1; > 1: transient, its events are not written */
    bool sticky;        /* scheduled on the sticky queue */
    /* durable-only */
    int64_t original_scheduled_ns; /* of the first of a chain of heartbeating tasks */
    uint64_t row_seq;              /* of its task row while it waits for a worker; 0: none */
    bool row_sticky;               /* that row is on the sticky queue */
    bool inline_start;             /* started by the answer to the task before it */
    uint64_t start_id;             /* of the present start; 0 when not started */
    uint64_t poll_id;      /* of the poll that it was started for: starts are idempotent by it */
    int64_t again_ns;      /* when its answer was last found lost, or it was handed out anew
                              since; 0: never */
    struct bytes identity; /* of the worker that has it */
    int64_t history_size_bytes; /* as written into Started */
    bool suggest_continue_as_new;
    uint32_t suggest_reasons; /* enum suggest_reason */
    int64_t start_due_ns; /* of a task that was scheduled for updates: it times out unless started;
                             0: only a sticky one does */
    /* volatile */
    bool speculative; /* scheduled for updates only: neither its events nor a row are written, see
                         wft_speculative.c */
    bool heartbeat;   /* carries only what has come since the task before: that one goes on */
};

enum suggest_reason { SUGGEST_BY_SIZE = 1, SUGGEST_BY_COUNT = 2, SUGGEST_BY_UPDATES = 4 };

enum { COMPLETED_RING = 16 };

struct activity; /* activity.h */
struct update;   /* update_item.h */
struct callback; /* callback.h */
struct child;    /* child.h */
struct timer;    /* timer.h */

struct run {
    struct arena arena; /* identity below */

    /* derived: identity and what the start request fixed */
    enum execution_kind kind;
    uint8_t tablet;
    struct slice namespace_id, namespace_name; /* id in text form */
    struct slice workflow_id;
    char run_id[UUID_TEXT_LEN + 1];
    char first_run_id[UUID_TEXT_LEN + 1];
    struct slice workflow_type, task_queue;
    int64_t execution_timeout_ns, run_timeout_ns, task_timeout_ns;
    bool execution_timeout_told, run_timeout_told; /* by the Started event, be it 0 */
    int64_t start_ns, execution_ns; /* execution_ns: start + first workflow task backoff */
    int64_t run_expires_ns;         /* when the run times out; 0: never */
    int64_t first_task_due_ns;      /* end of the first workflow task's back-off; 0: scheduled */
    int64_t execution_expires_ns;   /* when the whole chain of runs times out; 0: never */
    int32_t attempt;
    struct slice start_links;  /* encoded HistoryEvent with the links of the start alone */
    struct slice retry_policy; /* encoded, may be empty */
    struct slice cron;
    struct slice start_attributes; /* of a run that another may follow: see run_keep_start() */
    struct bytes priority;         /* encoded */
    struct slice user_metadata;    /* encoded */
    bool user_metadata_empty;      /* given, and saying nothing */
    struct slice branches; /* whose nodes hold its history, see branches.h; empty: its own */
    struct slice reset_request_id;           /* of the reset that made it; empty: none did */
    char original_run_id[UUID_TEXT_LEN + 1]; /* of a reset run: that its Started event names */
    int64_t original_start_ns;               /* of a reset run: when that one started */
    int64_t retention_ns;                    /* of the namespace when the run started */
    int64_t retention_jitter_ns;             /* added to it, of a closed run */
    const char *start_request_id;            /* never NULL */
    struct slice start_identity;
    struct slice parent_namespace_id, parent_namespace; /* empty: no parent; so the next three */
    struct slice parent_workflow_id, parent_run_id;
    int64_t parent_initiated_event_id;
    struct slice root_workflow_id, root_run_id; /* empty: the run is its own root */

    /* derived: progress */
    int32_t status; /* WORKFLOW_EXECUTION_STATUS_RUNNING, ... */
    int64_t close_ns;
    bool continued;                /* closed, and another run follows it */
    int64_t next_event_id;         /* of the next event to be written */
    int64_t last_started_event_id; /* Started event of the last completed workflow task; 0: none */
    int64_t last_completed_ns;
    int64_t completion_event_batch_id;
    bool cancel_requested;
    struct bytes cancel_request_id;
    int64_t signal_count;
    struct bytes memo;              /* encoded Memo, of the start and modified */
    struct bytes search_attributes; /* encoded SearchAttributes, of the start and upserted */
    struct bytes deployment, used_versions; /* of workers: see versioning.h */
    struct bytes used_builds;               /* of unversioned ones: see reset_points.c */
    struct bytes reset_points;              /* encoded ResetPoints, see reset_points.h */
    int64_t paused_ns;                      /* when it was paused; 0: it was not, or is unpaused */
    struct bytes pause_identity, pause_reason, pause_request_id;
    struct workflow_task wft;     /* of a closed run: the task that was scheduled when it ended */
    struct map activities;        /* struct activity by scheduled event id */
    struct map timers;            /* struct timer by timer id */
    struct map children;          /* struct child by initiated event id; a closed run keeps them */
    struct map externals;         /* struct external by initiated event id */
    struct map updates;           /* struct update by update id, see update_item.h */
    int64_t updates_completed;    /* of them */
    struct map callbacks;         /* struct callback by id; a closed run keeps them */
    struct map attached_requests; /* struct attached_request by request id; kept as well */
    struct bytes versioning_override; /* encoded VersioningOverride: options.h */
    bool override_known; /* there is or was an override: a description has room for one */

    /* durable-only */
    char reset_run_id[UUID_TEXT_LEN + 1]; /* the newest run that was made of it by a reset */
    int64_t history_size_bytes;
    int64_t external_payload_count, external_payload_bytes; /* external_payloads.h */
    int64_t state_transition_count;
    struct bytes sticky_queue; /* empty: not sticky */
    int64_t sticky_schedule_to_start_ns;
    int32_t problem_count;               /* failed or timed out attempts since the last success */
    int32_t last_problem, shown_problem; /* problems.c; 0: none */
    bool close_attempted;         /* the last task failed to close the run: UNHANDLED_COMMAND */
    struct bytes worker_identity; /* of the last completed workflow task */
    struct bytes worker_version_stamp; /* encoded WorkerVersionStamp of the same */
    struct bytes buffered;             /* events that wait for the task's end: repeated field 1 of
                                          History, their ids still 0 */
    uint32_t buffered_count;
    struct bytes shown_pauses; /* the value of TemporalPauseInfo, JSON; empty: there is none */
    uint64_t completed_start_ids[COMPLETED_RING]; /* answers repeated after a lost reply */
    uint32_t completed_next;
    struct map signal_request_ids;  /* struct signal_request by request id */
    int64_t deadline_row_ns;        /* key of the run's deadline row; 0: it has none */
    int64_t visibility_order_ns[2]; /* close and start time in the key of its visibility row; both
                                       0: it has none */

    /* volatile, or follows from the above */
    struct list active_updates; /* struct update: in flight, oldest first */
    uint32_t active_update_count;
    size_t active_update_bytes;  /* ids and requests of these */
    uint64_t dropped_start_id;   /* of the last speculative task that left no trace */
    int64_t dropped_to_event_id; /* where its worker had to go back to */

    /* bookkeeping of one transition, empty between two */
    bool dirty;                /* the execution row must be written */
    struct list dropped_items; /* struct dropped_item: rows of ended activities, timers */
    struct list dirty_updates; /* struct update */
    struct list changed_activities, changed_timers, changed_signals; /* their rows likewise */
    struct list changed_children, changed_externals, changed_callbacks, changed_attached;

    /* found without looking at all: memory of the items above */
    struct map activity_ids; /* struct activity by activity id */
    struct heap activity_deadlines, timer_deadlines, callback_deadlines;
    size_t activities_bytes; /* that the activities hold, about */
    size_t relations_bytes;  /* children, callbacks, attached and signals' request ids likewise */
    uint32_t external_counts[3]; /* by enum external_kind */
};

struct signal_request {
    struct map_node node; /* key: the request id that follows */
    struct slice id;
    int64_t at_ns;       /* when the signal came */
    struct list changed; /* in run->changed_signals: its row is to be written */
};

struct run *run_new(void);
void run_free(struct run *run);
/* About what it holds in memory: for the cache's bound. */
size_t run_bytes(const struct run *run);

static inline bool run_is_open(const struct run *run)
{
    return run->close_ns == 0;
}

/* Its workflow task was started, but reached no worker: it waits to be handed out anew. */
static inline bool run_task_is_undelivered(const struct run *run)
{
    return run->wft.state == WFT_STARTED && run->wft.row_seq != 0;
}

#endif
