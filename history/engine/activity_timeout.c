/* activity_timeout.c - what becomes due for activities: four time-outs, and ends of back-offs. */
#include "history/engine/activity_int.h"

#include <stdlib.h>

enum { BACKOFF_END = TIMEOUT_TYPE_UNSPECIFIED };

struct due {
    int64_t at_ns;
    int64_t scheduled_event_id;
    int32_t timeout_type; /* or BACKOFF_END */
    int32_t attempt;
};

/* At one time, what counts from the schedule comes before what counts from the start: an activity
 * that starts with the step that schedules it, eagerly, still is older than its attempt. */
static int due_rank(int32_t timeout_type)
{
    return timeout_type == TIMEOUT_TYPE_START_TO_CLOSE ? 2 * TIMEOUT_TYPE_SCHEDULE_TO_CLOSE + 1
                                                       : 2 * timeout_type;
}

/* By time, then activity, then type. */
static int due_cmp(const void *left, const void *right)
{
    const struct due *a = left, *b = right;

    if (a->at_ns != b->at_ns)
        return a->at_ns < b->at_ns ? -1 : 1;
    if (a->scheduled_event_id != b->scheduled_event_id)
        return a->scheduled_event_id < b->scheduled_event_id ? -1 : 1;
    return due_rank(a->timeout_type) - due_rank(b->timeout_type);
}

struct due_list {
    struct due *items;
    size_t count, cap;
};

static void add_due(struct transition *t, struct due_list *list, struct due due)
{
    if (list->count == list->cap) {
        struct due *more = ARENA_ARRAY(t->arena, struct due, list->cap = 2 * list->cap + 16);

        if (list->count > 0)
            memcpy(more, list->items, list->count * sizeof(*more));
        list->items = more;
    }
    list->items[list->count++] = due;
}

static void add_dues_of(struct transition *t, struct due_list *list,
                        const struct activity *activity)
{
    const int64_t backoff_end_ns = activity_backoff_end_ns(activity);

    t->items_seen++;

    for (int32_t type = TIMEOUT_TYPE_START_TO_CLOSE; type <= TIMEOUT_TYPE_HEARTBEAT; type++) {
        const int64_t at_ns = activity_timeout_due_ns(activity, type);

        if (at_ns != 0 && at_ns <= t->now_ns)
            add_due(t, list,
                    (struct due){at_ns, activity->scheduled_event_id, type, activity->attempt});
    }
    if (backoff_end_ns != 0 && backoff_end_ns <= t->now_ns)
        add_due(t, list,
                (struct due){backoff_end_ns, activity->scheduled_event_id, BACKOFF_END,
                             activity->attempt});
}

static struct due_list collect_due(struct transition *t)
{
    struct heap *heap = &t->run->activity_deadlines;
    struct due_list list = {0};
    struct list looked_at;

    list_init(&looked_at);
    for (struct heap_node *first; (first = heap_first(heap)) && first->at <= t->now_ns;) {
        struct activity *activity = CONTAINER_OF(first, struct activity, deadline);

        heap_remove(heap, first);
        add_dues_of(t, &list, activity);
        list_push_back(&looked_at, &activity->due);
    }
    for (struct list *it; (it = list_pop_front(&looked_at));) {
        struct activity *activity = CONTAINER_OF(it, struct activity, due);

        heap_add(heap, &activity->deadline, activity->deadline.at);
    }
    if (list.count > 0)
        qsort(list.items, list.count, sizeof *list.items, due_cmp);
    return list;
}

static void write_timed_out(struct transition *t, struct activity *activity,
                            api_failure_failure *failure, int32_t retry_state)
{
    api_history_event *event = NULL;
    api_activity_task_timed_out_event_attributes *a =
        engine_event(t, EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT, &event);

    activity_splice_details(activity, t->arena, &failure->timeout_failure_info->base,
                            FIELD_TIMEOUT_INFO_HEARTBEAT_DETAILS);
    message_splice(t->arena, &failure->base, FIELD_FAILURE_CAUSE,
                   bytes_slice(activity->last_failure));
    a->started_event_id = activity_write_started(t, activity, NULL);
    a->scheduled_event_id = activity->scheduled_event_id;
    a->failure = failure;
    a->retry_state = (unsigned)retry_state;
    (void)transition_event_or_buffer(t, event);
}

/* true: the activity is closed. */
static bool time_out(struct transition *t, struct activity *activity, int32_t type)
{
    const char *message =
        arena_printf(t->arena, "activity %s timeout", failure_timeout_type_name(type));
    api_failure_failure *failure = failure_timeout(t->arena, message, type);

    if (activity->state == ACTIVITY_STARTED)
        activity->last_attempt_complete_ns = t->now_ns;
    const int32_t retry_state = activity_retry(t, activity, failure);
    if (retry_state == RETRY_STATE_IN_PROGRESS)
        return false;
    /* No time for another attempt: it is the schedule-to-close time-out that ends the activity. */
    if (retry_state == RETRY_STATE_TIMEOUT && type != TIMEOUT_TYPE_SCHEDULE_TO_START)
        failure = failure_timeout(t->arena,
                                  "Not enough time to schedule next retry before activity "
                                  "ScheduleToClose timeout, giving up retrying",
                                  TIMEOUT_TYPE_SCHEDULE_TO_CLOSE);
    if (run_meets_limits_by(t, activity->state == ACTIVITY_STARTED ? 2 : 1))
        return false;
    write_timed_out(t, activity, failure, retry_state);
    activity_end(t, activity);
    return true;
}

void engine_fire_activities(struct transition *t)
{
    bool closed = false;
    const struct due_list list = collect_due(t);
    const struct due *due = list.items;

    /* Time-outs first: what they close needs no task. */
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < list.count; i++) {
            struct activity *activity = run_activity(t->run, due[i].scheduled_event_id);
            const bool backoff_end = due[i].timeout_type == BACKOFF_END;

            /* an earlier one of this round may have closed it, or begun another attempt */
            if (!activity || activity->attempt != due[i].attempt || backoff_end != (pass == 1))
                continue;
            if (backoff_end) {
                activity_task_add(t, activity);
                t->uncounted = true;
            } else {
                closed |= time_out(t, activity, due[i].timeout_type);
            }
        }
    }
    if (closed)
        transition_need_workflow_task(t);
}
