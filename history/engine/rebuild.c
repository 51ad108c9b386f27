/* rebuild.c - a run's derived fields, made anew from its events.
 *
 * Also a check of the history itself: dense ids, an order that the state machines allow, nothing
 * after the end. */
#include "history/engine/rebuild.h"

#include "common/proto/wire.h"
#include "history/engine/activity_int.h"
#include "history/engine/callback.h"
#include "history/engine/child.h"
#include "history/engine/external_payloads.h"
#include "history/engine/pause.h"
#include "history/engine/options.h"
#include "history/engine/reset_points.h"
#include "history/engine/timer.h"
#include "history/engine/versioning.h"
#include "history/engine/update_item.h"

#include <stdlib.h>

enum { INITIATED_SEED = 0x171 };

/* A timer whose id came into use again while its TimerFired was in the buffer: that event is yet to
 * come. (Activities have ids of their own: two of one activity id can stand side by side.) */
struct superseded {
    struct superseded *next;
    int64_t started_event_id;
};

/* The event that asked another execution for something that is pending. */
struct initiated {
    struct map_node node; /* in `initiated`, by its id */
    struct bytes event;   /* encoded HistoryEvent */
};

struct rebuilding {
    struct superseded *superseded; /* in the run's arena */
    struct run *run;
    char run_id[UUID_TEXT_LEN + 1]; /* of the run to be made; "": that of the Started event */
    struct bytes request_id;        /* of the start */
    bool task_failed;               /* the last workflow task did not complete */
    bool keep_initiated;
    struct map initiated;
    struct arena *arena;
    const api_history_event *event;
    int64_t now_ns; /* of the event */
    const char *why;
};

static bool wrong(struct rebuilding *r, const char *what)
{
    if (!r->why)
        r->why = arena_printf(r->arena, "event %lld (type %d): %s", (long long)r->event->event_id,
                              (int)r->event->event_type, what);
    return false;
}

static struct slice keep(struct rebuilding *r, const char *text)
{
    return arena_copy(&r->run->arena, slice_str(text));
}

static struct slice keep_message(struct rebuilding *r, const void *message)
{
    return message ? proto_encode(&r->run->arena, message) : SLICE_EMPTY;
}

static bool text_id(char out[UUID_TEXT_LEN + 1], const char *id)
{
    if (strlen(id) != UUID_TEXT_LEN)
        return false;
    memcpy(out, id, UUID_TEXT_LEN + 1);
    return true;
}

static struct slice keep_links(struct rebuilding *r)
{
    api_history_event links = API_HISTORY_EVENT_INIT;

    links.n_links = r->event->n_links;
    links.links = r->event->links;
    return links.n_links > 0 ? keep_message(r, &links) : SLICE_EMPTY;
}

static void keep_relations(struct rebuilding *r,
                           const api_workflow_execution_started_event_attributes *a)
{
    struct run *run = r->run;

    run->parent_namespace_id = keep(r, a->parent_workflow_namespace_id);
    run->parent_namespace = keep(r, a->parent_workflow_namespace);
    if (a->parent_workflow_execution) {
        run->parent_workflow_id = keep(r, a->parent_workflow_execution->workflow_id);
        run->parent_run_id = keep(r, a->parent_workflow_execution->run_id);
    }
    run->parent_initiated_event_id = a->parent_initiated_event_id;
    if (a->root_workflow_execution) {
        run->root_workflow_id = keep(r, a->root_workflow_execution->workflow_id);
        run->root_run_id = keep(r, a->root_workflow_execution->run_id);
    }
}

/* -- the run --------------------------------------------------------------------------------- */

static bool apply_started(struct rebuilding *r)
{
    const api_workflow_execution_started_event_attributes *a = engine_event_attributes(r->event);
    struct run *run = r->run;
    int64_t delay_ns;

    if (r->event->event_id != 1 || !a->workflow_type || !a->task_queue)
        return wrong(r, "a run starts once, with its type and task queue");
    if (!text_id(run->run_id, a->original_execution_run_id) ||
        !text_id(run->first_run_id, a->first_execution_run_id))
        return wrong(r, "no run id");
    if (r->run_id[0] && strcmp(r->run_id, run->run_id) != 0) {
        memcpy(run->original_run_id, run->run_id, sizeof run->original_run_id);
        memcpy(run->run_id, r->run_id, sizeof run->run_id);
    }
    run->workflow_id = keep(r, a->workflow_id);
    run->workflow_type = keep(r, a->workflow_type->name);
    run->task_queue = keep(r, a->task_queue->name);
    if (proto_duration_ns(a->workflow_execution_timeout, &run->execution_timeout_ns) != ERR_OK ||
        proto_duration_ns(a->workflow_run_timeout, &run->run_timeout_ns) != ERR_OK ||
        proto_duration_ns(a->workflow_task_timeout, &run->task_timeout_ns) != ERR_OK ||
        proto_duration_ns(a->first_workflow_task_backoff, &delay_ns) != ERR_OK)
        return wrong(r, "a duration out of range");
    run->execution_timeout_told = a->workflow_execution_timeout != NULL;
    run->run_timeout_told = a->workflow_run_timeout != NULL;
    run->start_ns = r->now_ns;
    run->execution_ns = r->now_ns + delay_ns;
    run->first_task_due_ns = delay_ns > 0 ? run->execution_ns : 0;
    if (proto_timestamp_ns(a->workflow_execution_expiration_time, &run->execution_expires_ns) !=
        ERR_OK)
        return wrong(r, "an expiration out of range");
    run->run_expires_ns = run_expiry_ns(run);
    run->start_links = keep_links(r);
    if (a->prev_auto_reset_points)
        bytes_set(&run->reset_points, proto_encode(r->arena, a->prev_auto_reset_points));
    run->attempt = a->attempt;
    run->retry_policy = keep_message(r, a->retry_policy);
    run->cron = keep(r, a->cron_schedule);
    run_keep_start(run, r->arena, a);
    run_merge_memo(run, r->arena, a->memo);
    run_merge_search_attributes(run, r->arena, a->search_attributes);
    bytes_set(&run->priority, priority_kept(r->arena, a->priority));
    run->user_metadata = keep_message(r, r->event->user_metadata);
    run->user_metadata_empty = r->event->user_metadata && run->user_metadata.len == 0;
    run->start_identity = keep(r, a->identity);
    keep_relations(r, a);
    run_set_versioning_override(run, r->arena, a->versioning_override);
    run_callbacks_add(run, r->arena, r->event, arena_str(r->arena, bytes_slice(r->request_id)),
                      a->n_completion_callbacks, a->completion_callbacks);
    run->status = WORKFLOW_EXECUTION_STATUS_RUNNING;
    return true;
}

static void clear_task(struct run *run, int32_t attempt)
{
    run->wft = (struct workflow_task){.state = WFT_NONE, .attempt = attempt};
}

static void forget_activity(struct run *run, struct activity *activity)
{
    run_activity_remove(run, activity);
    activity_free(activity);
}

static void forget_timer(struct run *run, struct timer *timer)
{
    run_timer_remove(run, timer);
    timer_free(timer);
}

static bool apply_closed(struct rebuilding *r, int32_t status)
{
    struct run *run = r->run;

    if (run->wft.state == WFT_STARTED && run->wft.attempt == 1)
        return wrong(r, "the run ends while a workflow task is started");
    if (run->wft.state != WFT_SCHEDULED || run->wft.attempt > 1)
        clear_task(run, 1);
    run->wft.sticky = false;
    run->first_task_due_ns = 0;
    for (struct map_node *it; (it = map_next(&run->timers, NULL)) != NULL;)
        forget_timer(run, CONTAINER_OF(it, struct timer, node));
    for (struct map_node *it; (it = map_next(&run->externals, NULL)) != NULL;)
        run_external_remove(run, CONTAINER_OF(it, struct external, node));
    run->status = status;
    run->close_ns = r->now_ns;
    run->continued = event_continues(r->event);
    return true;
}

/* -- workflow tasks -------------------------------------------------------------------------- */

static bool apply_task_scheduled(struct rebuilding *r)
{
    const api_workflow_task_scheduled_event_attributes *a = engine_event_attributes(r->event);
    struct workflow_task *wft = &r->run->wft;

    if (wft->state != WFT_NONE)
        return wrong(r, "a workflow task is pending already");
    wft->state = WFT_SCHEDULED;
    wft->scheduled_event_id = r->event->event_id;
    wft->scheduled_ns = r->now_ns;
    wft->attempt = 1;
    wft->sticky = a->task_queue && a->task_queue->kind == TASK_QUEUE_KIND_STICKY;
    if (proto_duration_ns(a->start_to_close_timeout, &wft->timeout_ns) != ERR_OK)
        return wrong(r, "a duration out of range");
    r->run->first_task_due_ns = 0;
    return true;
}

static uint32_t reason_bit(Temporal__Api__Enums__V1__SuggestContinueAsNewReason reason)
{
    switch ((int)reason) {
    case SUGGEST_CONTINUE_AS_NEW_REASON_HISTORY_SIZE_TOO_LARGE:
        return SUGGEST_BY_SIZE;
    case SUGGEST_CONTINUE_AS_NEW_REASON_TOO_MANY_HISTORY_EVENTS:
        return SUGGEST_BY_COUNT;
    case SUGGEST_CONTINUE_AS_NEW_REASON_TOO_MANY_UPDATES:
        return SUGGEST_BY_UPDATES;
    default:
        return 0;
    }
}

static bool apply_task_started(struct rebuilding *r)
{
    const api_workflow_task_started_event_attributes *a = engine_event_attributes(r->event);
    struct workflow_task *wft = &r->run->wft;

    if (wft->state != WFT_SCHEDULED || a->scheduled_event_id != wft->scheduled_event_id)
        return wrong(r, "no such workflow task is scheduled");
    wft->state = WFT_STARTED;
    wft->started_event_id = r->event->event_id;
    wft->started_ns = r->now_ns;
    wft->history_size_bytes = a->history_size_bytes;
    wft->suggest_continue_as_new = a->suggest_continue_as_new;
    wft->suggest_reasons = 0;
    for (size_t i = 0; i < a->n_suggest_continue_as_new_reasons; i++)
        wft->suggest_reasons |= reason_bit(a->suggest_continue_as_new_reasons[i]);
    return true;
}

static bool apply_task_completed(struct rebuilding *r)
{
    const api_workflow_task_completed_event_attributes *a = engine_event_attributes(r->event);
    struct run *run = r->run;

    if (run->wft.state != WFT_STARTED || a->scheduled_event_id != run->wft.scheduled_event_id ||
        a->started_event_id != run->wft.started_event_id)
        return wrong(r, "no such workflow task is started");
    if (r->event->event_id != a->started_event_id + 1)
        return wrong(r, "something stands between the start of a task and its completion");
    run->last_started_event_id = a->started_event_id;
    run->last_completed_ns = r->now_ns;
    (void)run_note_deployment(run, r->arena, a);
    (void)run_add_reset_point(run, r->arena, a, r->event->event_id, r->now_ns);
    bytes_set(&run->worker_identity, slice_str(a->identity));
    bytes_set(&run->worker_version_stamp,
              a->worker_version ? proto_encode(r->arena, a->worker_version) : SLICE_EMPTY);
    r->task_failed = false;
    run->problem_count = 0;
    clear_task(run, 1);
    return true;
}

static bool apply_task_failed(struct rebuilding *r)
{
    const api_workflow_task_failed_event_attributes *a = engine_event_attributes(r->event);
    struct run *run = r->run;

    const bool unstarted = /* a worker may give the same cause */
        a->cause == WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_PAUSE_REQUESTED_BEFORE_TASK_STARTED &&
        a->started_event_id == 0;
    if (run->wft.state != (unstarted ? WFT_SCHEDULED : WFT_STARTED) ||
        a->started_event_id != run->wft.started_event_id)
        return wrong(r, "no such workflow task is started");
    clear_task(run, run->wft.sticky || unstarted || !wft_cause_counts((int32_t)a->cause) ? 1 : 2);
    run->problem_count++; /* Spec: in what a reset begins with, whatever the cause */
    r->task_failed = true;
    if (a->new_run_id[0]) /* by a reset: a worker may give its cause, but names no run */
        run_begin_anew(run, r->now_ns);
    return true;
}

static bool apply_task_timed_out(struct rebuilding *r)
{
    const api_workflow_task_timed_out_event_attributes *a = engine_event_attributes(r->event);
    struct run *run = r->run;
    const bool of_start = a->timeout_type == TIMEOUT_TYPE_SCHEDULE_TO_START;

    if (run->wft.state != (of_start ? WFT_SCHEDULED : WFT_STARTED) ||
        a->scheduled_event_id != run->wft.scheduled_event_id)
        return wrong(r, "no such workflow task is pending");
    clear_task(run, of_start || run->wft.sticky ? 1 : 2);
    run->problem_count += !of_start;
    r->task_failed = true;
    return true;
}

/* -- activities and timers ------------------------------------------------------------------- */

static bool apply_activity_scheduled(struct rebuilding *r)
{
    const api_activity_task_scheduled_event_attributes *a = engine_event_attributes(r->event);

    if (!a->activity_type || !a->task_queue)
        return wrong(r, "an activity without type or task queue");
    struct activity *activity = activity_new(r->event->event_id);
    bytes_set(&activity->activity_id, slice_str(a->activity_id));
    run_activity_put(r->run, activity);
    bytes_set(&activity->activity_type, slice_str(a->activity_type->name));
    bytes_set(&activity->task_queue, slice_str(a->task_queue->name));
    if (proto_duration_ns(a->schedule_to_close_timeout, &activity->schedule_to_close_ns) ||
        proto_duration_ns(a->schedule_to_start_timeout, &activity->schedule_to_start_ns) ||
        proto_duration_ns(a->start_to_close_timeout, &activity->start_to_close_ns) ||
        proto_duration_ns(a->heartbeat_timeout, &activity->heartbeat_ns))
        return wrong(r, "a duration out of range");
    if (a->retry_policy)
        activity_set_retry_policy(activity, r->arena, a->retry_policy);
    activity_set_input(activity, r->arena, a->input, a->header);
    bytes_set(&activity->priority, priority_kept(r->arena, a->priority));
    activity->first_scheduled_ns = r->now_ns;
    activity->retry_expires_ns = activity_timeout_due_ns(activity, TIMEOUT_TYPE_SCHEDULE_TO_CLOSE);
    return true;
}

static bool apply_activity_cancel_requested(struct rebuilding *r)
{
    const api_activity_task_cancel_requested_event_attributes *a =
        engine_event_attributes(r->event);
    struct activity *activity = run_activity(r->run, a->scheduled_event_id);

    if (activity) /* else its end waits in the buffer */
        activity->cancel_requested_event_id = r->event->event_id;
    return true;
}

static bool apply_activity_closed(struct rebuilding *r, int64_t scheduled_event_id)
{
    struct activity *activity = run_activity(r->run, scheduled_event_id);

    if (!activity)
        return wrong(r, "no such activity is pending");
    forget_activity(r->run, activity);
    return true;
}

static bool apply_timer_started(struct rebuilding *r)
{
    const api_timer_started_event_attributes *a = engine_event_attributes(r->event);
    int64_t span_ns;

    struct timer *before = run_timer(r->run, slice_str(a->timer_id));
    if (before) {
        struct superseded *superseded = ARENA_NEW(&r->run->arena, struct superseded);
        superseded->started_event_id = before->started_event_id;
        superseded->next = r->superseded;
        r->superseded = superseded;
        forget_timer(r->run, before);
    }
    if (proto_duration_ns(a->start_to_fire_timeout, &span_ns) != ERR_OK)
        return wrong(r, "a duration out of range");
    struct timer *timer = timer_new(slice_str(a->timer_id));
    timer->started_event_id = r->event->event_id;
    if (__builtin_add_overflow(r->now_ns, span_ns, &timer->fire_ns))
        timer->fire_ns = INT64_MAX;
    run_timer_put(r->run, timer);
    return true;
}

static bool apply_timer_ended(struct rebuilding *r, const char *timer_id, int64_t started_id,
                              bool fired)
{
    struct timer *timer = run_timer(r->run, slice_str(timer_id));

    for (struct superseded **it = &r->superseded; *it; it = &(*it)->next)
        if ((*it)->started_event_id == started_id && fired) {
            *it = (*it)->next;
            return true;
        }
    if (!timer || timer->started_event_id != started_id)
        return wrong(r, "no such timer is pending");
    if (fired && r->now_ns < timer->fire_ns)
        return wrong(r, "a timer fires early");
    forget_timer(r->run, timer);
    return true;
}

/* -- other executions ------------------------------------------------------------------------- */

static void keep_initiated(struct rebuilding *r)
{
    if (!r->keep_initiated)
        return;
    struct initiated *kept = calloc(1, sizeof *kept);
    must(kept != NULL);
    bytes_set(&kept->event, proto_encode(r->arena, r->event));
    map_put_u64(&r->initiated, (uint64_t)r->event->event_id, &kept->node);
}

static void initiated_free(struct rebuilding *r, struct map_node *node)
{
    struct initiated *kept = CONTAINER_OF(node, struct initiated, node);

    map_remove(&r->initiated, node);
    bytes_clear(&kept->event);
    free(kept);
}

static void drop_initiated(struct rebuilding *r, int64_t initiated_id)
{
    struct map_node *node = map_get_u64(&r->initiated, (uint64_t)initiated_id);

    if (node)
        initiated_free(r, node);
}

static bool apply_child_initiated(struct rebuilding *r)
{
    const api_start_child_workflow_execution_initiated_event_attributes *a =
        engine_event_attributes(r->event);

    if (r->event->event_id <= 0 || !a->workflow_id[0] || !a->workflow_type)
        return wrong(r, "a child without id or type");
    struct child *child = child_new(r->event->event_id);
    bytes_set(&child->namespace_id, slice_str(a->namespace_id));
    bytes_set(&child->namespace_name, slice_str(a->namespace_));
    bytes_set(&child->workflow_id, slice_str(a->workflow_id));
    bytes_set(&child->workflow_type, slice_str(a->workflow_type->name));
    bytes_set(&child->control, slice_str(a->control));
    child->parent_close_policy = (int32_t)a->parent_close_policy;
    run_child_put(r->run, child);
    keep_initiated(r);
    return true;
}

static bool apply_child_started(struct rebuilding *r)
{
    const api_child_workflow_execution_started_event_attributes *a =
        engine_event_attributes(r->event);
    struct child *child = run_child(r->run, a->initiated_event_id);

    if (!child || child->started || !a->workflow_execution || !a->workflow_execution->run_id[0])
        return wrong(r, "no such child is to be started");
    child->started = true;
    child->started_event_id = r->event->event_id;
    bytes_set(&child->run_id, slice_str(a->workflow_execution->run_id));
    run_child_changed(r->run, child);
    return true;
}

static bool apply_child_ended(struct rebuilding *r, int64_t initiated_id, bool started)
{
    struct child *child = run_child(r->run, initiated_id);

    if (!child || child->started != started)
        return wrong(r, "no such child is pending");
    run_child_remove(r->run, child);
    drop_initiated(r, initiated_id);
    return true;
}

static bool apply_external_initiated(struct rebuilding *r, enum external_kind kind)
{
    if (r->event->event_id <= 0)
        return wrong(r, "a command's event in the buffer");
    run_external_put(r->run, external_new(r->event->event_id, kind));
    keep_initiated(r);
    return true;
}

static bool apply_external_ended(struct rebuilding *r, int64_t initiated_id,
                                 enum external_kind kind)
{
    struct external *external = run_external(r->run, initiated_id);

    if (!external || external->kind != kind)
        return wrong(r, "no such request to another execution is pending");
    run_external_remove(r->run, external);
    drop_initiated(r, initiated_id);
    return true;
}

#define ENDED(name, started)                                                                       \
    apply_child_ended(r, e->name##_event_attributes->initiated_event_id, started)
#define ANSWERED(name, kind)                                                                       \
    apply_external_ended(r, e->name##_event_attributes->initiated_event_id, kind)
static bool apply_relation(struct rebuilding *r)
{
    const api_history_event *e = r->event;

    switch ((int32_t)e->event_type) {
    case EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
        return apply_child_initiated(r);
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED:
        return apply_child_started(r);
    case EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED:
        return ENDED(start_child_workflow_execution_failed, false);
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED:
        return ENDED(child_workflow_execution_completed, true);
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED:
        return ENDED(child_workflow_execution_failed, true);
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED:
        return ENDED(child_workflow_execution_canceled, true);
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT:
        return ENDED(child_workflow_execution_timed_out, true);
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED:
        return ENDED(child_workflow_execution_terminated, true);
    case EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
        return apply_external_initiated(r, EXTERNAL_SIGNAL);
    case EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED:
        return ANSWERED(signal_external_workflow_execution_failed, EXTERNAL_SIGNAL);
    case EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED:
        return ANSWERED(external_workflow_execution_signaled, EXTERNAL_SIGNAL);
    case EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
        return apply_external_initiated(r, EXTERNAL_CANCEL);
    case EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED:
        return ANSWERED(request_cancel_external_workflow_execution_failed, EXTERNAL_CANCEL);
    case EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
        return ANSWERED(external_workflow_execution_cancel_requested, EXTERNAL_CANCEL);
    default:
        return wrong(r, "an unknown type");
    }
}
#undef ENDED
#undef ANSWERED

/* -- updates ---------------------------------------------------------------------------------- */

/* All that the history tells of: the run has only those that were allowed at the time. */
static void add_update_callbacks(struct rebuilding *r, const char *id,
                                 const api_update_request *request)
{
    update_callbacks_add(r->run, r->arena, r->event, id, request->request_id,
                         request->n_completion_callbacks, request->completion_callbacks);
}

static bool apply_update_admitted(struct rebuilding *r)
{
    const api_workflow_execution_update_admitted_event_attributes *a =
        engine_event_attributes(r->event);

    if (!a->request || !a->request->meta || !a->request->meta->update_id[0])
        return wrong(r, "an update without id");
    if (run_update(r->run, slice_str(a->request->meta->update_id)))
        return wrong(r, "an update is admitted twice");
    struct update *update = update_new(slice_str(a->request->meta->update_id));
    update->admitted_event_id = r->event->event_id;
    bytes_set(&update->request_id, slice_str(a->request->request_id));
    run_update_put(r->run, update);
    run_update_dirty(r->run, update);
    add_update_callbacks(r, a->request->meta->update_id, a->request);
    return true;
}

static bool apply_update_accepted(struct rebuilding *r)
{
    const api_workflow_execution_update_accepted_event_attributes *a =
        engine_event_attributes(r->event);
    const struct slice id = slice_str(a->protocol_instance_id);

    if (id.len == 0)
        return wrong(r, "an update without id");
    struct update *update = run_update(r->run, id);
    if (!update) {
        update = update_new(id);
        if (a->accepted_request)
            bytes_set(&update->request_id, slice_str(a->accepted_request->request_id));
        run_update_put(r->run, update);
    }
    if (update->accepted_event_id != 0)
        return wrong(r, "an update is accepted twice");
    update->accepted_event_id = r->event->event_id;
    update->state = UPDATE_ACCEPTED;
    run_update_dirty(r->run, update);
    if (a->accepted_request)
        add_update_callbacks(r, a->protocol_instance_id, a->accepted_request);
    return true;
}

static bool apply_update_completed(struct rebuilding *r)
{
    const api_workflow_execution_update_completed_event_attributes *a =
        engine_event_attributes(r->event);
    struct update *update = a->meta ? run_update(r->run, slice_str(a->meta->update_id)) : NULL;

    if (!update || update->accepted_event_id == 0 || update->completed_event_id != 0 ||
        update->accepted_event_id != a->accepted_event_id || !a->outcome)
        return wrong(r, "no such update is accepted");
    update->completed_event_id = r->event->event_id;
    update->state = UPDATE_COMPLETED;
    r->run->updates_completed++;
    run_update_deactivate(r->run, update);
    run_update_dirty(r->run, update);
    return true;
}

/* -- dispatch -------------------------------------------------------------------------------- */

static bool apply_run_event(struct rebuilding *r)
{
    switch ((int32_t)r->event->event_type) {
    case EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
        return apply_started(r);
    case EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
        return apply_closed(r, WORKFLOW_EXECUTION_STATUS_COMPLETED);
    case EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
        return apply_closed(r, WORKFLOW_EXECUTION_STATUS_FAILED);
    case EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED:
        return apply_closed(r, WORKFLOW_EXECUTION_STATUS_CANCELED);
    case EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED:
        return apply_closed(r, WORKFLOW_EXECUTION_STATUS_TERMINATED);
    case EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
        return apply_closed(r, WORKFLOW_EXECUTION_STATUS_TIMED_OUT);
    case EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
        return apply_closed(r, WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW);
    case EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
        r->run->signal_count++;
        return true;
    case EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
        r->run->cancel_requested = true;
        return true;
    case EVENT_TYPE_WORKFLOW_EXECUTION_PAUSED:
        run_set_paused(r->run, r->now_ns, r->event->workflow_execution_paused_event_attributes);
        return true;
    case EVENT_TYPE_WORKFLOW_EXECUTION_UNPAUSED:
        run_set_unpaused(r->run);
        return true;
    case EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED:
        run_options_apply(r->run, r->arena, r->event, true);
        return true;
    case EVENT_TYPE_WORKFLOW_TASK_SCHEDULED:
        return apply_task_scheduled(r);
    case EVENT_TYPE_WORKFLOW_TASK_STARTED:
        return apply_task_started(r);
    case EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
        return apply_task_completed(r);
    case EVENT_TYPE_WORKFLOW_TASK_FAILED:
        return apply_task_failed(r);
    case EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT:
        return apply_task_timed_out(r);
    case EVENT_TYPE_MARKER_RECORDED:
        return true;
    case EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED:
        return apply_update_admitted(r);
    case EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
        return apply_update_accepted(r);
    case EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED:
        return apply_update_completed(r);
    case EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
        run_merge_search_attributes(
            r->run, r->arena,
            r->event->upsert_workflow_search_attributes_event_attributes->search_attributes);
        return true;
    case EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED:
        run_merge_memo(r->run, r->arena,
                       r->event->workflow_properties_modified_event_attributes->upserted_memo);
        return true;
    default:
        return apply_relation(r);
    }
}

static bool apply(struct rebuilding *r)
{
    const api_history_event *e = r->event;

    if (!engine_event_attributes(e))
        return wrong(r, "no attributes");
    switch ((int32_t)e->event_type) {
    case EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
        return apply_activity_scheduled(r);
    case EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED:
        return apply_activity_cancel_requested(r);
    case EVENT_TYPE_ACTIVITY_TASK_STARTED:
        return run_activity(r->run, e->activity_task_started_event_attributes->scheduled_event_id)
                   ? true
                   : wrong(r, "no such activity is pending");
    case EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
        return apply_activity_closed(
            r, e->activity_task_completed_event_attributes->scheduled_event_id);
    case EVENT_TYPE_ACTIVITY_TASK_FAILED:
        return apply_activity_closed(r,
                                     e->activity_task_failed_event_attributes->scheduled_event_id);
    case EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
        return apply_activity_closed(
            r, e->activity_task_timed_out_event_attributes->scheduled_event_id);
    case EVENT_TYPE_ACTIVITY_TASK_CANCELED:
        return apply_activity_closed(
            r, e->activity_task_canceled_event_attributes->scheduled_event_id);
    case EVENT_TYPE_TIMER_STARTED:
        return apply_timer_started(r);
    case EVENT_TYPE_TIMER_FIRED:
        return apply_timer_ended(r, e->timer_fired_event_attributes->timer_id,
                                 e->timer_fired_event_attributes->started_event_id, true);
    case EVENT_TYPE_TIMER_CANCELED:
        return apply_timer_ended(r, e->timer_canceled_event_attributes->timer_id,
                                 e->timer_canceled_event_attributes->started_event_id, false);
    default:
        return apply_run_event(r);
    }
}

static bool apply_all(struct rebuilding *r, struct slice bytes, bool buffered)
{
    size_t count;
    api_history_event **events = engine_decode_events(r->arena, bytes, &count);
    static const api_history_event none = API_HISTORY_EVENT_INIT;

    r->event = &none;
    if (!events)
        return wrong(r, "malformed bytes");
    if (buffered) {
        r->run->buffered_count += (uint32_t)count;
    } else {
        r->run->history_size_bytes += (int64_t)bytes.len;
        external_payloads_count(r->run, bytes);
    }
    for (size_t i = 0; i < count; i++) {
        r->event = events[i];
        if (!run_is_open(r->run))
            return wrong(r, "an event after the end");
        if (r->event->event_id != (buffered ? 0 : r->run->next_event_id))
            return wrong(r, "ids are not dense");
        if (!buffered)
            r->run->next_event_id++;
        if (proto_timestamp_ns(r->event->event_time, &r->now_ns) != ERR_OK || r->now_ns == 0)
            return wrong(r, "no time");
        if (!apply(r))
            return false;
    }
    return true;
}

struct rebuilding *rebuild_new(const char *run_id, const char *request_id, bool keep_initiated)
{
    struct rebuilding *r = calloc(1, sizeof *r);

    must(r != NULL);
    r->run = run_new();
    r->keep_initiated = keep_initiated;
    bytes_set(&r->request_id, slice_str(request_id));
    map_init(&r->initiated, INITIATED_SEED);
    if (run_id) {
        must(strlen(run_id) == UUID_TEXT_LEN);
        memcpy(r->run_id, run_id, sizeof r->run_id);
    }
    return r;
}

void rebuild_free(struct rebuilding *r)
{
    if (!r)
        return;
    for (struct map_node *it; (it = map_next(&r->initiated, NULL)) != NULL;)
        initiated_free(r, it);
    map_release(&r->initiated);
    bytes_clear(&r->request_id);
    run_free(r->run);
    free(r);
}

enum err rebuild_add(struct rebuilding *r, struct arena *scratch, struct slice events,
                     const char **why)
{
    r->arena = scratch;
    r->why = NULL;
    const bool ok = apply_all(r, events, false);
    *why = r->why;
    return ok ? ERR_OK : ERR_CORRUPT;
}

struct run *rebuild_run(struct rebuilding *r)
{
    return r->run;
}

struct run *rebuild_take(struct rebuilding *r)
{
    struct run *run = r->run;

    r->run = NULL;
    return run;
}

bool rebuild_task_failed(const struct rebuilding *r)
{
    return r->task_failed && r->run->wft.state == WFT_NONE;
}

struct slice rebuild_initiated(const struct rebuilding *r, int64_t initiated_event_id)
{
    struct map_node *node = map_get_u64(&r->initiated, (uint64_t)initiated_event_id);

    return node ? bytes_slice(CONTAINER_OF(node, struct initiated, node)->event) : SLICE_EMPTY;
}

/* A reset run's id is in the event of its reset, the last one in its history. */
static const char *reset_run_id(struct arena *arena, struct slice history)
{
    size_t count = 0;
    api_history_event **events = engine_decode_events(arena, history, &count);

    for (size_t i = events ? count : 0; i-- > 0;) {
        if (events[i]->event_type != EVENT_TYPE_WORKFLOW_TASK_FAILED ||
            !engine_event_attributes(events[i]))
            continue;
        const api_workflow_task_failed_event_attributes *a =
            events[i]->workflow_task_failed_event_attributes;
        if (strlen(a->new_run_id) == UUID_TEXT_LEN)
            return a->new_run_id;
    }
    return NULL;
}

enum err run_rebuild(struct arena *arena, struct slice history, struct slice buffered,
                     struct run **out, const char **why)
{
    struct rebuilding *r = rebuild_new(reset_run_id(arena, history), NULL, false);
    enum err err = ERR_OK;

    *out = NULL;
    *why = NULL;
    r->arena = arena;
    if (!apply_all(r, history, false) || !apply_all(r, buffered, true) ||
        (r->superseded && run_is_open(r->run) && !wrong(r, "a timer id was used twice"))) {
        *why = r->why;
        err = ERR_CORRUPT;
    } else {
        *out = rebuild_take(r);
    }
    rebuild_free(r);
    return err;
}
