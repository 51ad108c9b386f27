/* activity_describe.c - pending activities as DescribeWorkflowExecution shows them. */
#include "common/proto/wire.h"
#include "history/engine/activity_int.h"

#include <stdlib.h>

static int32_t pending_state(const struct activity *activity)
{
    if (activity->cancel_requested_event_id != 0)
        return PENDING_ACTIVITY_STATE_CANCEL_REQUESTED;
    if (activity->paused_ns != 0)
        return activity->state == ACTIVITY_STARTED ? PENDING_ACTIVITY_STATE_PAUSE_REQUESTED
                                                   : PENDING_ACTIVITY_STATE_PAUSED;
    return activity->state == ACTIVITY_STARTED ? PENDING_ACTIVITY_STATE_STARTED
                                               : PENDING_ACTIVITY_STATE_SCHEDULED;
}

static pb_timestamp *timestamp_or_null(struct arena *arena, int64_t ns)
{
    return ns ? proto_timestamp(arena, ns) : NULL;
}

static api_activity_options *describe_options(struct arena *arena, const struct activity *activity)
{
    api_activity_options *options = engine_message(arena, &api_activity_options__desc);
    api_task_queue *queue = engine_message(arena, &api_task_queue__desc);
    api_retry_policy *policy = activity_retry_policy(arena, activity);

    queue->name = arena_str(arena, bytes_slice(activity->task_queue));
    queue->normal_name = queue->name;
    if (policy)
        policy->n_non_retryable_error_types = 0; /* Spec: the reference leaves them out here */
    options->task_queue = queue;
    options->retry_policy = policy;
    options->schedule_to_close_timeout = proto_duration(arena, activity->schedule_to_close_ns);
    options->schedule_to_start_timeout = proto_duration(arena, activity->schedule_to_start_ns);
    options->start_to_close_timeout = proto_duration(arena, activity->start_to_close_ns);
    options->heartbeat_timeout = proto_duration(arena, activity->heartbeat_ns);
    options->priority = activity_priority(arena, bytes_slice(activity->priority));
    return options;
}

static void describe_retry(struct arena *arena, const struct activity *activity, int64_t now_ns,
                           api_pending_activity_info *out)
{
    out->maximum_attempts = activity->retry_max_attempts;
    out->expiration_time = timestamp_or_null(arena, activity->retry_expires_ns);
    message_splice(arena, &out->base, FIELD_PENDING_LAST_FAILURE,
                   bytes_slice(activity->last_failure));
    if (activity->cancel_requested_event_id != 0 || activity->state == ACTIVITY_STARTED ||
        activity->scheduled_ns <= now_ns || activity->paused_ns != 0)
        return;
    out->next_attempt_schedule_time = proto_timestamp(arena, activity->scheduled_ns);
    if (activity->last_attempt_complete_ns != 0)
        out->current_retry_interval =
            proto_duration(arena, activity->scheduled_ns - activity->last_attempt_complete_ns);
}

static void describe_pause(struct arena *arena, const struct activity *activity,
                           api_pending_activity_info *out)
{
    api_pending_activity_info_pause_info *info =
        engine_message(arena, &api_pending_activity_info_pause_info__desc);

    out->paused = true;
    out->pause_info = info;
    info->pause_time = proto_timestamp(arena, activity->paused_ns);
    info->paused_by_case = API_PENDING_ACTIVITY_INFO_PAUSE_INFO_PAUSED_BY_MANUAL;
    info->manual = engine_message(arena, &api_pending_activity_info_pause_info_manual__desc);
    info->manual->identity = arena_str(arena, bytes_slice(activity->pause_identity));
    info->manual->reason = arena_str(arena, bytes_slice(activity->pause_reason));
}

static api_pending_activity_info *describe_activity(struct arena *arena,
                                                    const struct activity *activity, int64_t now_ns)
{
    api_pending_activity_info *out = engine_message(arena, &api_pending_activity_info__desc);
    const struct bytes identity =
        activity->identity.len ? activity->identity : activity->last_identity;

    out->activity_id = arena_str(arena, bytes_slice(activity->activity_id));
    out->activity_type = engine_message(arena, &api_activity_type__desc);
    out->activity_type->name = arena_str(arena, bytes_slice(activity->activity_type));
    out->state = (unsigned)pending_state(activity);
    out->attempt = activity->attempt;
    out->scheduled_time = timestamp_or_null(arena, activity->scheduled_ns);
    out->last_started_time = timestamp_or_null(arena, activity->started_ns);
    out->last_attempt_complete_time = timestamp_or_null(arena, activity->last_attempt_complete_ns);
    out->last_worker_identity = arena_str(arena, bytes_slice(identity));
    out->priority = activity_priority(arena, bytes_slice(activity->priority));
    out->activity_options = describe_options(arena, activity);
    if (activity->last_heartbeat_ns != 0) {
        out->last_heartbeat_time = proto_timestamp(arena, activity->last_heartbeat_ns);
        activity_splice_details(activity, arena, &out->base, FIELD_PENDING_HEARTBEAT_DETAILS);
    }
    if (activity->has_retry)
        describe_retry(arena, activity, now_ns, out);
    if (activity->paused_ns != 0)
        describe_pause(arena, activity, out);
    return out;
}

void engine_describe_activities(struct run *run, struct arena *arena, int64_t now_ns,
                                api_describe_workflow_execution_response *out)
{
    const size_t count = run->activities.count;
    const struct activity **sorted = ARENA_ARRAY(arena, const struct activity *, count + 1);
    size_t n = 0;

    for (struct map_node *node = map_next(&run->activities, NULL); node;
         node = map_next(&run->activities, node))
        sorted[n++] = CONTAINER_OF(node, struct activity, node);
    must(n == count);
    qsort(sorted, n, sizeof *sorted, activity_by_event_id);

    out->n_pending_activities = n;
    out->pending_activities = ARENA_ARRAY(arena, api_pending_activity_info *, n + 1);
    for (size_t i = 0; i < n; i++)
        out->pending_activities[i] = describe_activity(arena, sorted[i], now_ns);
}
