/* activity.h - one activity that is not closed: scheduled, backing off, started, cancel requested.
 *
 * The state is pure data; transitions are in activity_*.c. Its events: Scheduled at once; Started
 * only together with its close (retries are not history). Rows: one pending item per activity. */
#ifndef GNOMON_ACTIVITY_H
#define GNOMON_ACTIVITY_H

#include "common/base/heap.h"
#include "common/pack/record.h"
#include "history/engine/run.h"

enum activity_state { ACTIVITY_SCHEDULED, ACTIVITY_BACKING_OFF, ACTIVITY_STARTED };

struct activity {
    struct map_node node;      /* in run->activities, by scheduled_event_id */
    struct map_node id_node;   /* in run->activity_ids, by activity_id */
    struct heap_node deadline; /* in run->activity_deadlines, while anything of it is due once */
    struct list changed;       /* in run->changed_activities: its row is to be written */
    struct list due;           /* while a step collects what is due */
    size_t counted_bytes;      /* of it in run->activities_bytes */
    bool id_known;             /* id_node is in the map */
    bool input_changed;        /* so is its input's row */

    /* derived: from the ActivityTaskScheduled event; those of the options (task queue, time-outs,
     * policy, priority) until they are changed from outside, then `original_options` is */
    int64_t scheduled_event_id;
    struct bytes activity_id, activity_type, task_queue;
    int64_t schedule_to_close_ns, schedule_to_start_ns; /* 0: none; so with the next two */
    int64_t start_to_close_ns, heartbeat_ns;
    int64_t retry_initial_ns, retry_max_interval_ns; /* the policy, defaults filled in */
    double retry_coefficient;
    int32_t retry_max_attempts; /* 0: no bound */
    bool has_retry;
    struct bytes retry_policy;      /* encoded RetryPolicy as written into the event */
    struct bytes input, header;     /* encoded Payloads, Header: what a poll response needs */
    bool input_empty, header_empty; /* there, and nothing in it: it is passed on like that */
    struct bytes priority;
    int64_t first_scheduled_ns;        /* event time */
    int64_t retry_expires_ns;          /* no attempt begins after that; 0: no bound */
    int64_t cancel_requested_event_id; /* 0: not requested */

    /* durable-only */
    enum activity_state state;
    int32_t attempt;      /* from 1 */
    int64_t scheduled_ns; /* of this attempt (end of its back-off) */
    int64_t started_ns, last_heartbeat_ns, last_attempt_complete_ns;
    uint64_t row_seq; /* of its task row while dispatchable; 0: none. A task of another is stale */
    uint64_t start_id, poll_id; /* of the present start */
    struct bytes identity;      /* of the worker that has it */
    struct bytes last_identity;
    struct bytes heartbeat_details; /* encoded Payloads */
    bool details_empty;             /* there, and nothing in them */
    struct bytes last_failure;      /* encoded Failure */
    struct bytes original_options;  /* encoded ActivityOptions of the event; empty: unchanged */
    int64_t paused_ns;              /* when it was paused; 0: it is not */
    struct bytes pause_identity, pause_reason, pause_request_id;
    bool held;            /* not dispatched because the workflow was paused */
    bool reset;           /* the present attempt is to know that it was reset */
    bool reset_heartbeat; /* the next attempt begins without the heartbeats of this one */
};

struct activity *activity_new(int64_t scheduled_event_id);
void activity_free(struct activity *activity);
/* The run takes the activity, or lets it go; its event id and activity id are set for good. */
void run_activity_put(struct run *run, struct activity *activity);
void run_activity_remove(struct run *run, struct activity *activity);
/* Its fields were changed: its row is to be written, its deadline may have moved. */
void run_activity_changed(struct run *run, struct activity *activity);
/* It holds more or less than before. */
void run_activity_count(struct run *run, struct activity *activity);
struct activity *run_activity(const struct run *run, int64_t scheduled_event_id); /* or NULL */
struct activity *run_activity_by_id(const struct run *run, struct slice activity_id);
size_t activity_bytes(const struct activity *activity);
/* For qsort() of pointers to activities: in the order of their events. */
int activity_by_event_id(const void *left, const void *right);

/* The next moment at which something of this activity is due: time-out, end of back-off; 0: none.
 */
int64_t activity_deadline_ns(const struct activity *activity);

/* The stored form of a pending item. Input and header, which never change, have a row of their own
 * (ITEM_ACTIVITY_INPUT, where there are any), so that a heartbeat does not write them again. */
void activity_encode(const struct activity *activity, struct buf *out);
MUST_USE enum err activity_decode(struct arena *scratch, struct slice bytes, struct activity **out);
bool activity_has_input(const struct activity *activity);
void activity_encode_input(const struct activity *activity, struct buf *out);
MUST_USE enum err activity_decode_input(struct arena *scratch, struct slice bytes,
                                        struct activity *activity);

#endif
