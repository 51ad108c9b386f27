/* activity_int.h - what the activity_*.c files share. Nobody else includes it. */
#ifndef GNOMON_ACTIVITY_INT_H
#define GNOMON_ACTIVITY_INT_H

#include "history/engine/activity.h"
#include "history/engine/engine_int.h"
#include "history/engine/failure.h"
#include "history/engine/message_splice.h"
#include "history/engine/rows.h"

/* Field numbers of messages that take stored bytes as they are. */
enum {
    FIELD_POLL_HEADER = 7,
    FIELD_POLL_INPUT = 8,
    FIELD_POLL_HEARTBEAT_DETAILS = 9,
    FIELD_STARTED_LAST_FAILURE = 5,
    FIELD_TIMEOUT_INFO_HEARTBEAT_DETAILS = 2,
    FIELD_FAILURE_CAUSE = 4,
    FIELD_PENDING_HEARTBEAT_DETAILS = 4,
    FIELD_PENDING_LAST_FAILURE = 11,
};

/* -- activity.c ---------------------------------------------------------------------------- */

/* Keep a policy whose defaults are filled in, and what follows from it. */
void activity_set_retry_policy(struct activity *activity, struct arena *scratch,
                               const api_retry_policy *policy);
/* A stored message in `arena`; NULL for empty bytes. Stored bytes were checked when they came. */
api_retry_policy *activity_retry_policy(struct arena *arena, const struct activity *activity);
api_priority *activity_priority(struct arena *arena, struct slice encoded);
/* The activity's priority over its workflow's, field by field; NULL: neither has one. */
api_priority *activity_effective_priority(struct arena *arena, const struct run *run,
                                          const struct activity *activity);

/* When its time-outs are due; 0: that one does not run at present. */
int64_t activity_timeout_due_ns(const struct activity *activity, int32_t timeout_type);

/* Make the activity dispatchable: a task row of its own. */
void activity_task_add(struct transition *t, struct activity *activity);
/* When its back-off ends and it is to be dispatched; 0: it is not backing off. */
int64_t activity_backoff_end_ns(const struct activity *activity);
void activity_task_drop(struct transition *t, struct activity *activity);
/* Before the run's own priority changes, by which activities wait that have none: their tasks are
 * dropped, as their keys are of it; arena: how many and which, for activity_tasks_offer() after. */
struct activity **activity_tasks_hold(struct transition *t, size_t *count);
void activity_tasks_offer(struct transition *t, struct activity **held, size_t count);
/* The activity is over: drop its row and task, free it. */
void activity_end(struct transition *t, struct activity *activity);
/* Write the Started event that was held back; gives its id (0: not started, or buffered). `stamp`:
 * of the worker that ends it, if one does; may be NULL. */
int64_t activity_write_started(struct transition *t, struct activity *activity,
                               api_worker_version_stamp *stamp);
/* Write Started, if it was held back, and Canceled. `identity` may be NULL. */
void activity_write_canceled(struct transition *t, struct activity *activity, api_payloads *details,
                             char *identity);

/* -- activity_pause.c ---------------------------------------------------------------------- */

struct activity_filter {
    const char *id;   /* that one, or ... */
    const char *type; /* ... all of a type, or ... */
    bool all;
};
struct activity_list {
    struct activity **items; /* in the order of their events */
    size_t count;
};
struct activity_list activity_select(struct transition *t, const struct activity_filter *filter);
enum err activity_not_found(struct transition *t);
enum err activity_run_closed(struct transition *t);
/* The present attempt begins anew at that moment: of the attempt before, no failure is left. It has
 * no task row. */
void activity_reschedule(struct transition *t, struct activity *activity, int64_t at_ns);

/* -- activity_options.c -------------------------------------------------------------------- */

/* What it was scheduled with, encoded ActivityOptions. */
struct slice activity_scheduled_options(struct arena *arena, const struct activity *activity);
api_activity_options *activity_event_options(struct arena *arena, const struct activity *activity);
/* Back to that; it has no task row. */
void activity_restore_options(struct transition *t, struct activity *activity, bool with_priority);

/* -- activity_commands.c ------------------------------------------------------------------- */

/* NULL, or what is wrong; fills in the time-outs that follow from others. */
const char *activity_options_check(struct transition *t, api_activity_options *options,
                                   const struct activity *activity);

/* -- activity_retry.c ---------------------------------------------------------------------- */

/* initial * coefficient ^ (attempt - 1), at most what an int64 holds. */
int64_t activity_backoff_ns(const struct activity *activity);
/* What a reset leaves for the next attempt is done: it begins. */
void activity_begin_afresh(struct activity *activity);
/* What becomes of a failed or timed out attempt. RETRY_STATE_IN_PROGRESS: it is backing off, with
 * the next attempt's state; any other value: nothing changed, the activity is to be closed. */
int32_t activity_retry(struct transition *t, struct activity *activity,
                       const api_failure_failure *failure);

/* -- activity.c ---------------------------------------------------------------------------- */

/* What its Scheduled event has; NULL: none. */
void activity_set_input(struct activity *activity, struct arena *arena, const api_payloads *input,
                        const api_header *header);
/* The last heartbeat's; NULL: none. */
void activity_set_details(struct activity *activity, struct arena *arena,
                          const api_payloads *details);
/* Make the last heartbeat's details field `number` of a message. */
void activity_splice_details(const struct activity *activity, struct arena *arena,
                             ProtobufCMessage *message, uint32_t number);

#endif
