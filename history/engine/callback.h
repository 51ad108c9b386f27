/* callback.h - what a client wants to be told when a run ends: its completion callbacks, and the
 * request ids that were attached to a running workflow.
 *
 * A callback waits in STANDBY until the run ends without another that takes it over; then it is
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

    /* derived: from the Started or OptionsUpdated event that brought it */
    struct bytes id;         /* "<request id>-<index in the request>" */
    struct bytes request_id; /* of the start, or attached */
    uint32_t number;         /* in the order of their coming, from 1 */
    struct bytes spec;       /* encoded Callback, its Nexus variant */
    int64_t registered_ns;

    /* durable-only */
    int32_t state; /* CALLBACK_STATE_* */
    int32_t attempt;
    int64_t last_attempt_ns;   /* when it was answered */
    int64_t next_attempt_ns;   /* of one that is backing off */
    struct bytes last_failure; /* text; empty: it did not fail */
    uint64_t row_seq;          /* of one that is scheduled */
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
void run_callback_put(struct run *run, struct callback *callback); /* takes it */
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
    const char *attached_request_id; /* NULL: it came with the start */
    int64_t start_ns, close_event_id;
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
/* The run has closed with t->last_event. */
void run_callbacks_closed(struct transition *t);
/* Time: those that backed off long enough are scheduled again. */
void run_callbacks_fire(struct transition *t);
int64_t run_callbacks_deadline_ns(const struct run *run);
void run_callbacks_describe(const struct run *run, struct arena *arena,
                            api_describe_workflow_execution_response *out);

void run_request_attached(struct run *run, struct slice request_id, int64_t event_id);

#endif
