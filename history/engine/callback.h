/* callback.h - what a client wants to be told when a run or an update of it ends: completion
 * callbacks, and the request ids that were attached to a running workflow.
 *
 * A callback waits in STANDBY until the run ends without another that takes it over, or the update
 * that it came with is completed, rejected, or left behind by a run that ends; then it is
 * SCHEDULED, which means that it has a row (its row_seq) and the shard delivers it. What failed and
 * may be tried again is BACKING_OFF until the run's deadline fires; FAILED and SUCCEEDED are the
 * end:
 *
 *     STANDBY -close-> SCHEDULED -answer-> SUCCEEDED | FAILED | BACKING_OFF -fire-> SCHEDULED
 *
 * Spec: the reference's callbacks: delivered at least once, tried again without end. */
#ifndef GNOMON_CALLBACK_H
#define GNOMON_CALLBACK_H

#include "history/engine/transition.h"

struct callback {
    struct map_node node;      /* in run->callbacks, by id */
    struct list changed;       /* in run->changed_callbacks: its row is to be written */
    struct heap_node deadline; /* in run->callback_deadlines, while it backs off */
    size_t counted_bytes;      /* of it in run->relations_bytes */

    /* derived: from the event that brought it: Started, OptionsUpdated, UpdateAdmitted or -Accepted
     */
    struct bytes id;         /* "<request id>-<index>", or of an update's: a zero byte, number(4) */
    struct bytes update_id;  /* empty: it tells of the run's end */
    struct bytes request_id; /* of the start or the update, or attached */
    uint32_t index;          /* in that request */
    uint32_t number;         /* in the order of their coming, from 1; updates' for themselves */
    struct bytes spec;       /* encoded Callback, its Nexus variant */
    int64_t registered_ns;

    /* durable-only */
    int32_t state; /* CALLBACK_STATE_* */
    int32_t attempt;
    int64_t last_attempt_ns;   /* when it was answered */
    int64_t next_attempt_ns;   /* of one that is backing off */
    struct bytes last_failure; /* text; empty: it did not fail */
    bool rejected;             /* its update was, after a reset had admitted it ... */
    struct bytes rejection;    /* ... with this Failure, encoded */
    uint64_t row_seq;          /* of one that is scheduled */

    bool blocked; /* volatile: its destination was, when Describe last asked */
};

/* A request id that is not the start's. */
struct attached_request {
    struct map_node node; /* in run->attached_requests, by id */
    struct list changed;  /* in run->changed_attached: its row is to be written */
    struct bytes id;
    int64_t event_id; /* derived: of the OptionsUpdated event; 0: that is in the buffer */
};

/* A callback has a row from now on, or its row goes; the shard delivers what has one. */
struct callback_change {
    bool add;
    uint64_t row_seq;
    struct slice id;      /* of the callback, in the transition's arena */
    uint64_t destination; /* hash of where it goes: scheme, host and port */
};

struct callback *callback_new(struct slice id);
struct callback *run_callback(const struct run *run, struct slice id); /* or NULL */
void callback_free(struct callback *callback);
size_t callback_bytes(const struct callback *callback);
void callback_encode(const struct callback *callback, struct buf *out);
MUST_USE enum err callback_decode(struct arena *scratch, struct slice bytes, struct callback **out);
void run_callback_put(struct run *run, struct callback *callback);    /* takes it */
void run_callback_remove(struct run *run, struct callback *callback); /* frees it */
/* Its fields were changed: its row is to be written, its deadline may have moved. */
void run_callback_changed(struct run *run, struct callback *callback);

bool run_has_attached(const struct run *run, struct slice request_id);
void attached_request_free(struct attached_request *attached);
void attached_request_encode(const struct attached_request *attached, struct buf *out);
MUST_USE enum err attached_request_decode(struct arena *scratch, struct slice bytes,
                                          struct attached_request **out);
void run_attached_put(struct run *run, struct attached_request *attached); /* takes it */
void run_attached_changed(struct run *run, struct attached_request *attached);

/* The id of their rows among the run's items (kind ITEM_CALLBACK). */
enum { CALLBACK_ITEM = 'C', ATTACHED_ITEM = 'R' };

/* -- steps ----------------------------------------------------------------------------------- */

/* What the shard needs to deliver a callback; all in the arena. */
struct callback_call {
    struct slice spec; /* encoded Callback */
    struct slice namespace_name, workflow_id;
    bool of_update;
    /* The request that brought it and the event of that; NULL: the start, or it is not known. */
    const char *request_id, *request_event;
    int64_t start_ns;
    int64_t event_id;           /* of the event that tells the end; 0: there is none */
    api_failure_failure *ended; /* the end itself, where that event does not tell it; or NULL */
};
/* ERR_STALE: it is not scheduled with that row. */
MUST_USE enum err engine_callback_call(const struct run *run, struct slice id, uint64_t row_seq,
                                       struct arena *arena, struct callback_call *out);

enum callback_outcome { CALLBACK_DELIVERED, CALLBACK_TRY_AGAIN, CALLBACK_REFUSED };
/* The answer of the attempt with that row: ERR_STALE when it is not the present one. */
MUST_USE enum err engine_callback_answered(struct transition *t, struct slice id, uint64_t row_seq,
                                           enum callback_outcome outcome, const char *failure);

/* The callbacks of a start request, header names in lower case; *out in the arena. */
MUST_USE enum err callbacks_check(struct transition *t, size_t count,
                                  api_callback *const *callbacks, api_callback ***out);
/* The event that was written (or joined the buffer) brings them. */
void run_callbacks_add(struct run *run, struct arena *arena, const api_history_event *event,
                       const char *request_id, size_t count, api_callback *const *callbacks);
/* Those that another run takes over: as in its Started event. */
size_t run_callbacks_waiting(const struct run *run, struct arena *arena, api_callback ***out);
/* The run has closed with t->last_event. Those of its updates: update_callbacks_closed(). */
void run_callbacks_closed(struct transition *t);
/* Time: those that backed off long enough are scheduled again. */
void run_callbacks_fire(struct transition *t);
int64_t run_callbacks_deadline_ns(const struct run *run);
/* Before run_callbacks_describe(): are destinations (as in callback_change) left alone just now? */
typedef bool (*callback_blocked_fn)(void *arg, uint64_t destination);
void run_callbacks_look(struct run *run, struct arena *arena, callback_blocked_fn blocked,
                        void *arg);
void run_callbacks_describe(const struct run *run, struct arena *arena,
                            api_describe_workflow_execution_response *out);

void run_request_attached(struct run *run, struct slice request_id, int64_t event_id);
/* Whether an event of the run has that request id: its start, what was attached, its updates. */
bool run_has_request(const struct run *run, struct slice request_id);

/* -- those of updates ------------------------------------------------------------------------ */

/* May the update have `count` more, of which the step holds `coming` ready, `own` of them for it?
 * ERR_PRECONDITION, ERR_INVALID; never while updates' callbacks are off. */
MUST_USE enum err update_callbacks_check(struct transition *t, struct slice update_id,
                                         size_t coming, size_t own, size_t count,
                                         api_callback *const *callbacks);
void update_callbacks_add(struct run *run, struct arena *arena, const api_history_event *event,
                          const char *update_id, const char *request_id, size_t count,
                          api_callback *const *callbacks);
/* The update is completed, or rejected for `why` (may be NULL): they are due. */
void update_callbacks_ended(struct transition *t, struct slice update_id);
void update_callbacks_rejected(struct transition *t, struct slice update_id,
                               const api_failure_failure *why);
/* The run has closed: the rest are due, unless a run that it was reset to has them. */
void update_callbacks_closed(struct transition *t);
/* The run was made by a reset: its events are another's, its callbacks are its own. */
void update_callbacks_reset(struct transition *t);

#endif
