/* activity_commands.c - what a workflow commands: schedule an activity, request its cancellation.
 *
 * Spec: texts, order of checks and defaults of the reference server. */
#include "common/proto/wire.h"
#include "history/engine/activity_int.h"
#include "history/engine/command_checks.h"
#include "history/engine/pause.h"

/* -- schedule ------------------------------------------------------------------------------- */

struct timeouts {
    int64_t schedule_to_close_ns, schedule_to_start_ns, start_to_close_ns, heartbeat_ns;
};

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static const char *timeouts_read(struct arena *arena,
                                 const api_schedule_activity_task_command_attributes *a,
                                 struct timeouts *out)
{
    const struct {
        const char *name;
        const pb_duration *given;
        int64_t *ns;
    } spans[] = {
        {"ScheduleToCloseTimeout", a->schedule_to_close_timeout, &out->schedule_to_close_ns},
        {"ScheduleToStartTimeout", a->schedule_to_start_timeout, &out->schedule_to_start_ns},
        {"StartToCloseTimeout", a->start_to_close_timeout, &out->start_to_close_ns},
        {"HeartbeatTimeout", a->heartbeat_timeout, &out->heartbeat_ns},
    };

    for (size_t i = 0; i < COUNT_OF(spans); i++) {
        const char *wrong = check_duration(spans[i].given, spans[i].ns);

        if (wrong)
            return arena_printf(arena, "invalid %s: %s", spans[i].name, wrong);
    }
    return NULL;
}

/* Fill in the time-outs that follow from the others; none is longer than the run's (0: no limit).
 * false: neither schedule-to-close nor start-to-close is given. */
static bool timeouts_complete(struct timeouts *s, int64_t run_ns)
{
    if (s->schedule_to_close_ns > 0) {
        s->schedule_to_start_ns = s->schedule_to_start_ns > 0
                                      ? lesser(s->schedule_to_start_ns, s->schedule_to_close_ns)
                                      : s->schedule_to_close_ns;
        s->start_to_close_ns = s->start_to_close_ns > 0
                                   ? lesser(s->start_to_close_ns, s->schedule_to_close_ns)
                                   : s->schedule_to_close_ns;
    } else if (s->start_to_close_ns > 0) {
        s->schedule_to_close_ns = run_ns;
        if (s->schedule_to_start_ns == 0)
            s->schedule_to_start_ns = run_ns;
    } else {
        return false;
    }
    if (run_ns > 0) {
        s->schedule_to_close_ns = lesser(s->schedule_to_close_ns, run_ns);
        s->schedule_to_start_ns = lesser(s->schedule_to_start_ns, run_ns);
        s->start_to_close_ns = lesser(s->start_to_close_ns, run_ns);
        s->heartbeat_ns = lesser(s->heartbeat_ns, run_ns);
    }
    s->heartbeat_ns = lesser(s->heartbeat_ns, s->start_to_close_ns);
    return true;
}

/* NULL, or what is wrong. */
static const char *schedule_check(struct transition *t,
                                  const api_schedule_activity_task_command_attributes *a,
                                  struct timeouts *timeouts, api_retry_policy **policy)
{
    const size_t max = t->limits->id_bytes_max;
    const char *wrong = check_task_queue(t->arena, a->task_queue, t->run->task_queue, max);
    const char *type = a->activity_type ? a->activity_type->name : "";

    if (wrong)
        return wrong;
    if (a->activity_id[0] == '\0')
        return "activityId is not set";
    if (type[0] == '\0')
        return "activityType is not set";
    *policy = retry_policy_with_defaults(t->arena, a->retry_policy, &t->limits->activity_retry);
    wrong = check_retry_policy(t->arena, *policy);
    if (wrong)
        return wrong;
    if (strlen(a->activity_id) > max)
        return arena_printf(t->arena, "activityId exceeds length limit. Length=%zu Limit=%zu",
                            strlen(a->activity_id), max);
    if (strlen(type) > max)
        return arena_printf(t->arena, "activityType exceeds length limit. Length=%zu Limit=%zu",
                            strlen(type), max);
    wrong = check_priority(a->priority);
    if (wrong)
        return wrong;
    wrong = timeouts_read(t->arena, a, timeouts);
    if (wrong)
        return wrong;
    if (!timeouts_complete(timeouts, t->run->run_timeout_ns))
        return arena_printf(t->arena,
                            "a valid StartToCloseTimeout or ScheduleToCloseTimeout must be set on "
                            "the activity. ActivityId=%s ActivityType=%s",
                            a->activity_id, type);
    return NULL;
}

const char *activity_options_check(struct transition *t, api_activity_options *options,
                                   const struct activity *activity)
{
    const api_schedule_activity_task_command_attributes given = {
        .schedule_to_close_timeout = options->schedule_to_close_timeout,
        .schedule_to_start_timeout = options->schedule_to_start_timeout,
        .start_to_close_timeout = options->start_to_close_timeout,
        .heartbeat_timeout = options->heartbeat_timeout,
    };
    struct timeouts timeouts = {0};
    const char *wrong = check_task_queue(t->arena, options->task_queue, t->run->task_queue,
                                         t->limits->id_bytes_max);

    if (!wrong)
        wrong = timeouts_read(t->arena, &given, &timeouts);
    if (wrong)
        return wrong;
    if (!timeouts_complete(&timeouts, 0))
        return arena_printf(t->arena,
                            "a valid StartToCloseTimeout or ScheduleToCloseTimeout must be set on "
                            "the activity. ActivityId=" SLICE_FMT " ActivityType=" SLICE_FMT,
                            SLICE_ARG(bytes_slice(activity->activity_id)),
                            SLICE_ARG(bytes_slice(activity->activity_type)));
    if (options->task_queue->kind == TASK_QUEUE_KIND_UNSPECIFIED)
        options->task_queue->kind = TASK_QUEUE_KIND_NORMAL;
    options->schedule_to_close_timeout = proto_duration(t->arena, timeouts.schedule_to_close_ns);
    options->schedule_to_start_timeout = proto_duration(t->arena, timeouts.schedule_to_start_ns);
    options->start_to_close_timeout = proto_duration(t->arena, timeouts.start_to_close_ns);
    options->heartbeat_timeout = proto_duration(t->arena, timeouts.heartbeat_ns);
    return NULL;
}

static int64_t write_scheduled(struct transition *t, const struct command_context *ctx,
                               const api_schedule_activity_task_command_attributes *c,
                               const struct timeouts *timeouts, api_retry_policy *policy)
{
    api_history_event *event = NULL;
    api_activity_task_scheduled_event_attributes *a =
        engine_event(t, EVENT_TYPE_ACTIVITY_TASK_SCHEDULED, &event);

    a->activity_id = c->activity_id;
    a->activity_type = c->activity_type;
    a->task_queue = ARENA_NEW(t->arena, api_task_queue);
    *a->task_queue = *c->task_queue;
    if (a->task_queue->kind == TASK_QUEUE_KIND_UNSPECIFIED)
        a->task_queue->kind = TASK_QUEUE_KIND_NORMAL;
    a->header = c->header;
    a->input = c->input;
    a->schedule_to_close_timeout = proto_duration(t->arena, timeouts->schedule_to_close_ns);
    a->schedule_to_start_timeout = proto_duration(t->arena, timeouts->schedule_to_start_ns);
    a->start_to_close_timeout = proto_duration(t->arena, timeouts->start_to_close_ns);
    a->heartbeat_timeout = proto_duration(t->arena, timeouts->heartbeat_ns);
    a->workflow_task_completed_event_id = ctx->completed_event_id;
    a->retry_policy = policy;
    a->use_workflow_build_id = c->use_workflow_build_id;
    a->priority = c->priority;
    return transition_event(t, event);
}

enum err command_schedule_activity(struct transition *t, struct command_context *ctx,
                                   const api_command *command)
{
    const int32_t bad = WORKFLOW_TASK_FAILED_CAUSE_BAD_SCHEDULE_ACTIVITY_ATTRIBUTES;
    const api_schedule_activity_task_command_attributes *c =
        command->attributes_case == API_COMMAND_ATTRIBUTES_SCHEDULE_ACTIVITY_TASK_COMMAND_ATTRIBUTES
            ? command->schedule_activity_task_command_attributes
            : NULL;
    struct timeouts timeouts = {0};
    api_retry_policy *policy = NULL;

    if (!c)
        return command_bad(t, ctx, bad,
                           "ScheduleActivityTaskCommandAttributes is not set on "
                           "ScheduleActivityTaskCommand.");
    const char *wrong = schedule_check(t, c, &timeouts, &policy);
    if (wrong)
        return command_bad(t, ctx, bad, "%s", wrong);
    if (c->use_workflow_build_id && !slice_eq(slice_str(c->task_queue->name), t->run->task_queue))
        return command_bad(
            t, ctx, bad, "Activity with UseCompatibleVersion cannot run on different task queue.");
    if (c->input && protobuf_c_message_get_packed_size(&c->input->base) > t->limits->blob_bytes_max)
        return command_too_large(t, ctx, bad,
                                 "ScheduleActivityTaskCommandAttributes.Input exceeds size limit.");
    if (t->run->activities.count >= t->limits->pending_activities_max)
        return command_bad(t, ctx, WORKFLOW_TASK_FAILED_CAUSE_PENDING_ACTIVITIES_LIMIT_EXCEEDED,
                           "the number of pending activities, %zu, has reached the per-workflow "
                           "limit of %u",
                           t->run->activities.count, t->limits->pending_activities_max);
    if (run_activity_by_id(t->run, slice_str(c->activity_id)))
        return command_bad(t, ctx, WORKFLOW_TASK_FAILED_CAUSE_SCHEDULE_ACTIVITY_DUPLICATE_ID,
                           "invalid history builder state for action: "
                           "add-activitytask-scheduled-event, ActivityID: %s",
                           c->activity_id);

    struct activity *activity = activity_new(write_scheduled(t, ctx, c, &timeouts, policy));
    bytes_set(&activity->activity_id, slice_str(c->activity_id));
    bytes_set(&activity->activity_type, slice_str(c->activity_type->name));
    bytes_set(&activity->task_queue, slice_str(c->task_queue->name));
    activity->schedule_to_close_ns = timeouts.schedule_to_close_ns;
    activity->schedule_to_start_ns = timeouts.schedule_to_start_ns;
    activity->start_to_close_ns = timeouts.start_to_close_ns;
    activity->heartbeat_ns = timeouts.heartbeat_ns;
    activity_set_retry_policy(activity, t->arena, policy);
    activity_set_input(activity, t->arena, c->input, c->header);
    bytes_set(&activity->priority, priority_kept(t->arena, c->priority));
    activity->first_scheduled_ns = activity->scheduled_ns = t->now_ns;
    activity->retry_expires_ns = activity_timeout_due_ns(activity, TIMEOUT_TYPE_SCHEDULE_TO_CLOSE);
    activity->input_changed = true;
    activity->held = run_is_paused(t->run);
    run_activity_put(t->run, activity);
    run_activity_changed(t->run, activity);
    const bool eager = c->request_eager_execution && t->limits->eager_activities;
    t->eager_asked |= eager;
    if (!eager && !activity->held)
        /* an eager one is started by engine_start_eager_activities() */
        activity_task_add(t, activity);
    return ERR_OK;
}

/* -- request cancellation ------------------------------------------------------------------- */

/* The activity that an event closes; 0: it closes none. */
static int64_t closed_activity(const api_history_event *event)
{
    switch ((int32_t)event->event_type) {
    case EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
        return event->activity_task_completed_event_attributes->scheduled_event_id;
    case EVENT_TYPE_ACTIVITY_TASK_FAILED:
        return event->activity_task_failed_event_attributes->scheduled_event_id;
    case EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
        return event->activity_task_timed_out_event_attributes->scheduled_event_id;
    case EVENT_TYPE_ACTIVITY_TASK_CANCELED:
        return event->activity_task_canceled_event_attributes->scheduled_event_id;
    default:
        return 0;
    }
}

/* Whether the activity's close event is written, but not yet seen by the workflow: in the buffer,
 * or in this very step. */
static bool close_event_unseen(struct transition *t, int64_t scheduled_event_id)
{
    const struct slice places[] = {bytes_slice(t->run->buffered), buf_slice(&t->events)};

    for (size_t p = 0; p < COUNT_OF(places); p++) {
        size_t count = 0;
        api_history_event **events = engine_decode_events(t->arena, places[p], &count);

        must(events != NULL);
        for (size_t i = 0; i < count; i++)
            if (closed_activity(events[i]) == scheduled_event_id)
                return true;
    }
    return false;
}

static int64_t write_cancel_requested(struct transition *t, const struct command_context *ctx,
                                      int64_t scheduled_event_id)
{
    api_history_event *event = NULL;
    api_activity_task_cancel_requested_event_attributes *a =
        engine_event(t, EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED, &event);

    a->scheduled_event_id = scheduled_event_id;
    a->workflow_task_completed_event_id = ctx->completed_event_id;
    return transition_event(t, event);
}

enum err command_request_cancel_activity(struct transition *t, struct command_context *ctx,
                                         const api_command *command)
{
    const int32_t bad = WORKFLOW_TASK_FAILED_CAUSE_BAD_REQUEST_CANCEL_ACTIVITY_ATTRIBUTES;
    const api_request_cancel_activity_task_command_attributes *c =
        command->attributes_case ==
                API_COMMAND_ATTRIBUTES_REQUEST_CANCEL_ACTIVITY_TASK_COMMAND_ATTRIBUTES
            ? command->request_cancel_activity_task_command_attributes
            : NULL;

    if (!c)
        return command_bad(t, ctx, bad,
                           "RequestCancelActivityTaskCommandAttributes is not set on "
                           "RequestCancelActivityTaskCommand.");
    const int64_t id = c->scheduled_event_id;
    if (id <= 0)
        return command_bad(t, ctx, bad,
                           "ScheduledEventId is not set on RequestCancelActivityTaskCommand.");
    struct activity *activity = run_activity(t->run, id);
    if (activity ? activity->cancel_requested_event_id != 0 : !close_event_unseen(t, id))
        return command_bad(t, ctx, bad,
                           "invalid history builder state for action: "
                           "add-activitytask-cancel-requested-event, ScheduledEventID: %lld",
                           (long long)id);

    const int64_t requested_id = write_cancel_requested(t, ctx, id);
    if (!activity)
        return ERR_OK;
    activity->cancel_requested_event_id = requested_id;
    run_activity_changed(t->run, activity);
    if (activity->state == ACTIVITY_STARTED) /* its worker learns of it by the next heartbeat */
        return ERR_OK;
    activity_write_canceled(t, activity,
                            engine_payloads_of_text(t->arena, "ACTIVITY_ID_NOT_STARTED"),
                            transition_str(t, slice_str(ctx->identity)));
    activity_end(t, activity);
    transition_need_workflow_task(t);
    return ERR_OK;
}
