/* transition.h - one step of a run: what it may use, and what it asks the shard to do.
 *
 * The engine is sans-I/O: time, randomness and row numbers come in through this struct, events,
 * tasks and replies go out through it. A step that returns an error has changed nothing (checks
 * come first), unless its function says that it commits and answers with `reply_err`. */
#ifndef GNOMON_TRANSITION_H
#define GNOMON_TRANSITION_H

#include "api.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/dynconf/dynconf.h"
#include "common/rpc/effect.h"
#include "common/rpc/rpc.h"
#include "history/engine/attributes.h"
#include "history/engine/run.h"

struct engine_limits {
    uint32_t id_bytes_max;                   /* 1000 */
    size_t blob_bytes_max;                   /* 2 MiB: limit.blobSize.error */
    size_t memo_bytes_max;                   /* 2 MiB */
    uint32_t pending_activities_max;         /* 2000 */
    uint32_t pending_children_max;           /* 2000: limit.numPendingChildExecutions.error */
    uint32_t pending_signals_max;            /* 2000: limit.numPendingSignals.error */
    uint32_t pending_cancel_requests_max;    /* 2000: limit.numPendingCancelRequests.error */
    int64_t signals_max;                     /* 10000: history.maximumSignalsPerExecution */
    int64_t history_events_max;              /* 51200: limit.historyCount.error */
    int64_t history_bytes_max;               /* 50 MiB */
    int64_t suggest_events, suggest_bytes;   /* 4096, 4 MiB: suggest continue-as-new */
    int64_t sticky_poller_ns;                /* 10 s */
    int64_t wft_heartbeat_timeout_ns;        /* 30 min: history.workflowTaskHeartbeatTimeout */
    int64_t wft_retry_backoff_after_attempt; /* from this attempt on retries back off */
    bool reset_with_pending_children;        /* true: history.allowResetWithPendingChildren */
    uint32_t callbacks_max;                  /* 2000: callback.maxPerExecution */
    bool update_callbacks;                   /* false: history.enableUpdateCallbacks */
    bool external_payloads;                  /* true: history.externalPayloadsEnabled */
    uint32_t workflow_update_callbacks_max;  /* 32: system.maxCallbacksPerWorkflow */
    uint32_t update_callbacks_max;           /* 32: system.maxCallbacksPerUpdateID */
    int64_t callback_retry_initial_ns;       /* 1 s: callback.retryPolicy.initialInterval */
    int64_t callback_retry_max_ns;           /* 1 h: callback.retryPolicy.maxInterval */
    bool cross_namespace_commands;           /* false: system.enableCrossNamespaceCommands */
    size_t state_bytes_warn;                 /* 1 MiB: limit.mutableStateSize.warn */
    int64_t history_events_warn, history_bytes_warn; /* 10240, 10 MiB: limit.history*.warn */
    size_t state_bytes_max;                          /* 8 MiB: limit.mutableStateSize.error */
    size_t activity_failure_bytes_max;  /* 4 KiB: limit.mutableStateActivityFailureSize.error */
    bool eager_activities, eager_start; /* true: system.enable...Eager... */
    size_t transaction_bytes_max;       /* 4 MiB: system.transactionSizeLimit */
    uint32_t buffered_events_max;       /* 100: history.maximumBufferedEventsBatch */
    size_t buffered_bytes_max;          /* 2 MiB: history.maximumBufferedEventsSizeInBytes */
    int64_t task_timeout_ns;            /* 10 s: history.defaultWorkflowTaskTimeout */
    int64_t wft_retry_max_ns;           /* 10 min: history.workflowTaskRetryMaxInterval */
    int64_t retention_jitter_ns;        /* 30 min: history.retentionTimerJitterDuration */
    struct dynconf_retry activity_retry, workflow_retry; /* history.default...RetryPolicy */
    uint32_t search_attributes_max;                      /* 100 */
    size_t search_attribute_bytes_max;                   /* 2 KiB */
    size_t search_attributes_bytes_max;                  /* 40 KiB */
    /* 1 s: history.workflowIdReuseMinimalInterval, between a run and the one that it continues as
     * ...; between starts of one id; 0: off, as it is by default */
    int64_t run_interval_min_ns, id_reuse_interval_ns;
    uint32_t updates_in_flight_max;     /* 10: history.maxInFlightUpdates; 0: no limit */
    size_t updates_in_flight_bytes_max; /* 20 MiB: history.maxInFlightUpdatePayloads; 0 */
    uint32_t updates_max;               /* 2000: history.maxTotalUpdates; 0: no limit */
    double updates_suggest_share; /* 0.9: history.maxTotalUpdates.suggestContinueAsNewThreshold */
    int64_t discard_speculative_events_max; /* 10: history.discardSpeculativeWorkflowTask... */
    /* 5: system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute; 0: never */
    int32_t task_problems_to_report;
};
extern const struct engine_limits engine_limits_default;

/* Namespaces by name: commands may name another one than the run's. NULL where there are none
 * (then only the run's own is known). */
struct engine_namespaces {
    /* The id (text form) in `arena`. ERR_NOT_FOUND. */
    enum err (*id_of)(void *arg, struct slice name, struct arena *arena, struct slice *id);
    void *arg;
    struct search_registry search; /* their search attributes */
};

/* A task that became dispatchable (row to be written, then offered) or ceased to be. */
struct task_change {
    bool add;
    bool speculative; /* has no row: only to be offered; may come again, with a row */
    enum rpc_task_kind kind;
    bool sticky;
    uint64_t row_seq;
    struct slice task_queue; /* in the transition's arena */
    int64_t scheduled_event_id;
    int32_t attempt, priority;
    struct rpc_fairness fairness;
};

/* A request to another execution that came to be (row to be written, then sent until answered), or
 * whose answer is recorded. The row's key is (run's tablet, target tablet, row_seq). */
struct outgoing_change {
    bool add;
    uint8_t target_tablet;
    uint64_t row_seq;
    struct rpc_effect effect; /* add: in the transition's arena; source_shard, source_lease unset */
};

/* A workflow task handed to a worker: the poll response without history, queries and page token,
 * which the shard adds. */
struct started_workflow_task {
    api_poll_workflow_task_queue_response *response; /* in the transition's arena */
    int64_t history_from, history_to; /* events [from, to) come from the stored history */
    struct slice extra_events;        /* then these (transient Scheduled and Started): repeated
                                         field 1 of History */
};

/* Why a run is to be ended: what its Terminated event says, and the caller is told. */
struct engine_limit {
    const char *reason; /* NULL: none */
    const char *text;   /* the event's details, and the answer; NULL: that is the reason */
};

struct update_change;   /* update.h */
struct update_undo;     /* update_messages.c */
struct callback_change; /* callback.h */

/* What the visibility row of a run says, of which the run itself keeps no more than what it is now.
 */
struct transition_shown {
    int64_t close_ns, start_ns; /* of the row's key; start 0: there is no row */
    int32_t status;
    struct slice attributes; /* encoded SearchAttributes */
};

struct transition {
    /* in */
    struct run *run;
    struct transition_shown shown_before; /* the shard's own */
    struct arena *arena; /* memory of everything below; lives until the effects are carried out */
    int64_t now_ns;
    struct rng *rng;
    uint64_t *row_seq; /* the shard's counter of task rows: ++*row_seq is a fresh one */
    uint32_t history_shard;
    const struct engine_limits *limits;
    const struct engine_namespaces *namespaces; /* may be NULL */
    struct err_detail *detail;
    bool bad_binary; /* the answering worker's binary is marked as bad: its task fails */

    /* out */
    struct buf events;      /* the new events: repeated field 1 of History; a heap buffer */
    int64_t first_event_id; /* of `events`; 0: none */
    const api_history_event *last_event; /* the newest of `events`, while it lives */
    uint32_t event_count;
    struct task_change *changes;
    size_t change_count, change_cap;
    struct outgoing_change *outgoing;
    size_t outgoing_count, outgoing_cap;
    struct update_change *updates; /* updates that moved, or ended without an outcome */
    size_t update_count, update_cap;
    struct update_undo *undo; /* updates that messages have moved, while the answer is tried */
    bool keeps_speculative;   /* a speculative task stays one although something is written: what
                                 this step did to it is all there is */
    bool visibility_changed;  /* started, closed, or an attribute that List shows */
    struct callback_change *callbacks; /* callbacks that are to be delivered, or are no more */
    size_t callback_count, callback_cap;
    bool uncounted; /* no state transition where no event is written: Spec, Describe */
    bool attached;  /* the first request id was attached to the run */
    bool closed;
    bool paused;        /* or unpaused: the current run's row shows that too */
    struct slice reply; /* the encoded API response */
    enum err reply_err; /* the step commits, and the caller gets this error (and *detail) */
    struct engine_limit past_limit;        /* the step went past it: see engine_check_limits() */
    struct started_workflow_task *started; /* a workflow task started in this step */
    api_poll_activity_task_queue_response *started_activity;
    bool wft_completed; /* a workflow task completed: `query_results` answers queries */
    bool wft_failed;    /* a workflow task failed or timed out: its queries wait again */
    api_respond_workflow_task_completed_request *completed_request; /* for query_results */
    struct transition *next; /* the run continues as this new one: to be committed in one record
                                with it. Its run is ended with the transition unless `next_taken` */
    bool next_taken;
    bool commands_running; /* needs for a workflow task are collected, not served at once */
    struct slice deferred; /* events of these commands that come after all commands' events, as in
                              run.buffered; gone when a command closes the run */
    uint32_t deferred_count;
    bool workflow_task_needed;
    const api_command *command; /* its metadata goes into the first event that it makes */
    bool eager_asked;           /* a command asked for an activity to be started at once */
    size_t items_seen; /* pending activities, timers and signals that the step looked at, for what
                          is due and for its rows: what it changes, however many there are */
    int32_t bad_cause; /* a command was refused with this cause, for the counters */
    bool too_large;    /* a command's payload was past its limit */
    int64_t history_bytes_before; /* of the run's history, when the step began */
    int64_t counted_next_id; /* the run's next event id without the last events that could have been
                                buffered: what limit.historyCount.error looks at */
    bool started_rides;      /* only a workflow task's Started was recorded: exempt from waiting
                                (design section 5, release rule) */
};

/* The search attributes that namespaces have of their own; NULL: none. */
static inline const struct search_registry *transition_search(const struct transition *t)
{
    return t->namespaces ? &t->namespaces->search : NULL;
}

/* Those of the run's namespace. */
static inline struct attributes_of attributes_of_run(const struct transition *t)
{
    return (struct attributes_of){transition_search(t), t->run->namespace_name};
}

void transition_init(struct transition *t, struct run *run, struct arena *arena);
void transition_release(struct transition *t); /* the heap buffer */

/* Write one event: gives it the next id, the time and the namespace's version, packs it into
 * t->events. `event` and all it points to may live in t->arena or shorter. Gives the event id. */
int64_t transition_event(struct transition *t, api_history_event *event);

/* The same for an event that comes from outside while a workflow task may be started: then it
 * joins the run's buffered events (id 0 is given) until the task ends. While commands run it is
 * deferred until all of them are carried out. */
int64_t transition_event_or_buffer(struct transition *t, api_history_event *event);
/* All commands are carried out: what was deferred joins the run's buffered events. */
void transition_buffer_deferred(struct transition *t);

/* An empty event of a type in t->arena; its attributes are the caller's to set. */
api_history_event *transition_event_new(struct transition *t, int32_t type);

void transition_task_add(struct transition *t, const struct task_change *change);
void transition_task_drop(struct transition *t, enum rpc_task_kind kind, bool sticky,
                          uint64_t row_seq, struct slice task_queue, int32_t priority);

/* The offer of a task without a row is void. */
void transition_task_withdraw(struct transition *t, uint64_t row_seq);

/* Another execution is asked for something: draws effect->row_seq, keeps what `effect` points to
 * (all in t->arena or longer). Gives the row_seq. */
uint64_t transition_outgoing_add(struct transition *t, const struct rpc_effect *effect);
void transition_outgoing_drop(struct transition *t, uint8_t target_tablet, uint64_t row_seq);

/* A timer that is canceled while its TimerFired waits in the buffer: take that event out again.
 * false: there is none. */
bool transition_unbuffer_timer_fired(struct transition *t, struct slice timer_id);

/* There is something for the worker to see: schedule a workflow task unless one is pending (or the
 * run is closed). Events of the step come before. Implemented in workflow_task.c. */
void transition_need_workflow_task(struct transition *t);

/* An API message of the transition's arena <-> bytes. */
struct slice transition_pack(struct transition *t, const void *message);
pb_timestamp *transition_timestamp(struct transition *t, int64_t ns); /* NULL for 0 */
pb_duration *transition_duration(struct transition *t, int64_t ns);
char *transition_str(struct transition *t, struct slice text);

#endif
