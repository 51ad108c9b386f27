/* activity_options.c - the options of a pending activity: changed under a field mask, restored.
 *
 * What the activity was scheduled with is kept from the first change on (original_options), so that
 * it can be restored, and so that the rebuild check knows what the event says.
 * Spec: merging, defaults, texts and answers are the reference server's. */
#include "common/proto/field_mask.h"
#include "common/proto/wire.h"
#include "history/engine/activity_int.h"
#include "history/engine/activity_operations.h"
#include "history/engine/command_checks.h"

static void *copy_of(struct arena *arena, const void *message,
                     const ProtobufCMessageDescriptor *desc)
{
    void *copy = engine_message(arena, desc);

    if (message)
        memcpy(copy, message, desc->sizeof_message);
    return copy;
}

/* NULL, or what is wrong. */
static const char *merge(struct arena *arena, const pb_field_mask *mask,
                         const api_activity_options *from, api_activity_options *into)
{
#define NAMED(path) proto_mask_names(arena, mask, path)
    if (NAMED("taskQueue.name")) {
        if (!from->task_queue)
            return "TaskQueue is not provided";
        into->task_queue->name = from->task_queue->name;
    }
    if (NAMED("scheduleToCloseTimeout"))
        into->schedule_to_close_timeout = from->schedule_to_close_timeout;
    if (NAMED("scheduleToStartTimeout"))
        into->schedule_to_start_timeout = from->schedule_to_start_timeout;
    if (NAMED("startToCloseTimeout"))
        into->start_to_close_timeout = from->start_to_close_timeout;
    if (NAMED("heartbeatTimeout"))
        into->heartbeat_timeout = from->heartbeat_timeout;
    if (NAMED("priority"))
        into->priority = from->priority;
    if (proto_mask_names_part_of(arena, mask, "priority.")) {
        if ((NAMED("priority.priorityKey") || NAMED("priority.fairnessKey") ||
             NAMED("priority.fairnessWeight")) &&
            !from->priority)
            return "Priority is not provided";
        api_priority *priority = copy_of(arena, into->priority, &api_priority__desc);
        if (NAMED("priority.priorityKey"))
            priority->priority_key = from->priority->priority_key;
        if (NAMED("priority.fairnessKey"))
            priority->fairness_key = from->priority->fairness_key;
        if (NAMED("priority.fairnessWeight"))
            priority->fairness_weight = from->priority->fairness_weight;
        if (from->priority)
            into->priority = priority;
    }
    const bool initial = NAMED("retryPolicy.initialInterval"),
               coefficient = NAMED("retryPolicy.backoffCoefficient"),
               maximum = NAMED("retryPolicy.maximumInterval"),
               attempts = NAMED("retryPolicy.maximumAttempts"), whole = NAMED("retryPolicy");
    if ((initial || coefficient || maximum || attempts || whole) && !from->retry_policy)
        return "RetryPolicy is not provided";
    api_retry_policy *policy =
        copy_of(arena, whole ? from->retry_policy : into->retry_policy, &api_retry_policy__desc);
    if (initial)
        policy->initial_interval = from->retry_policy->initial_interval;
    if (coefficient)
        policy->backoff_coefficient = from->retry_policy->backoff_coefficient;
    if (maximum)
        policy->maximum_interval = from->retry_policy->maximum_interval;
    if (attempts)
        policy->maximum_attempts = from->retry_policy->maximum_attempts;
    into->retry_policy = policy;
    return NULL;
#undef NAMED
}

/* -- the options of an activity ------------------------------------------------------------- */

/* As they are; with all of its policy for `original`, else without the types that it does not
 * retry, which nobody changes. */
static api_activity_options *present_options(struct arena *arena, const struct activity *activity,
                                             bool original)
{
    api_activity_options *options = engine_message(arena, &api_activity_options__desc);

    options->task_queue = engine_message(arena, &api_task_queue__desc);
    options->task_queue->name = arena_str(arena, bytes_slice(activity->task_queue));
    options->schedule_to_close_timeout = proto_duration(arena, activity->schedule_to_close_ns);
    options->schedule_to_start_timeout = proto_duration(arena, activity->schedule_to_start_ns);
    options->start_to_close_timeout = proto_duration(arena, activity->start_to_close_ns);
    options->heartbeat_timeout = proto_duration(arena, activity->heartbeat_ns);
    options->priority = activity_priority(arena, bytes_slice(activity->priority));
    options->retry_policy = activity_retry_policy(arena, activity);
    if (!options->retry_policy)
        options->retry_policy = engine_message(arena, &api_retry_policy__desc);
    if (!original)
        options->retry_policy->n_non_retryable_error_types = 0;
    return options;
}

struct slice activity_scheduled_options(struct arena *arena, const struct activity *activity)
{
    return activity->original_options.len > 0
               ? bytes_slice(activity->original_options)
               : proto_encode(arena, present_options(arena, activity, true));
}

api_activity_options *activity_event_options(struct arena *arena, const struct activity *activity)
{
    if (activity->original_options.len == 0)
        return present_options(arena, activity, true);
    api_activity_options *options =
        engine_decode(arena, &api_activity_options__desc, bytes_slice(activity->original_options));

    must(options != NULL && options->task_queue != NULL && options->retry_policy != NULL);
    return options;
}

/* The policy as it is to be, with the types that the activity does not retry as they are. */
static void set_policy(struct transition *t, struct activity *activity,
                       const api_retry_policy *policy)
{
    api_retry_policy *merged = copy_of(t->arena, policy, &api_retry_policy__desc);
    const api_retry_policy *before = activity_retry_policy(t->arena, activity);

    merged->n_non_retryable_error_types = before ? before->n_non_retryable_error_types : 0;
    merged->non_retryable_error_types = before ? before->non_retryable_error_types : NULL;
    activity_set_retry_policy(activity, t->arena, merged);
}

/* Its task row is dropped before: it is keyed by queue and priority. */
static void set_options(struct transition *t, struct activity *activity,
                        const api_activity_options *options, bool with_priority)
{
    must(activity->row_seq == 0);
    if (activity->original_options.len == 0)
        bytes_set(&activity->original_options, activity_scheduled_options(t->arena, activity));
    bytes_set(&activity->task_queue, slice_str(options->task_queue->name));
    activity->schedule_to_close_ns = proto_duration_ns_clip(options->schedule_to_close_timeout);
    activity->schedule_to_start_ns = proto_duration_ns_clip(options->schedule_to_start_timeout);
    activity->start_to_close_ns = proto_duration_ns_clip(options->start_to_close_timeout);
    activity->heartbeat_ns = proto_duration_ns_clip(options->heartbeat_timeout);
    if (with_priority)
        bytes_set(&activity->priority,
                  options->priority ? proto_encode(t->arena, options->priority) : SLICE_EMPTY);
    set_policy(t, activity, options->retry_policy);
    run_activity_changed(t->run, activity);
}

void activity_restore_options(struct transition *t, struct activity *activity, bool with_priority)
{
    set_options(t, activity, activity_event_options(t->arena, activity), with_priority);
}

/* When the present attempt is to be scheduled under the options as they are. */
static int64_t attempt_due_ns(const struct activity *activity)
{
    const int64_t max_ns = activity->retry_max_interval_ns;
    int64_t interval_ns, at_ns;

    if (activity->attempt <= 1)
        return activity->scheduled_ns;
    interval_ns = activity_backoff_ns(activity);
    if (max_ns != 0 && (interval_ns <= 0 || interval_ns > max_ns))
        interval_ns = max_ns;
    if (interval_ns <= 0)
        return activity->scheduled_ns;
    return __builtin_add_overflow(activity->last_attempt_complete_ns, interval_ns, &at_ns)
               ? INT64_MAX
               : at_ns;
}

static void change_options(struct transition *t, struct activity *activity,
                           const api_activity_options *options)
{
    activity_task_drop(t, activity);
    set_options(t, activity, options, true);
    if (activity->state != ACTIVITY_STARTED)
        activity_reschedule(t, activity, attempt_due_ns(activity));
}

/* -- UpdateActivityOptions ------------------------------------------------------------------ */

/* The activity's options after the change; NULL: they are no good, t->detail says why. */
static api_activity_options *changed_options(struct transition *t, const struct activity *activity,
                                             const api_update_activity_options_request *request)
{
    struct arena *arena = t->arena;
    api_activity_options *options = present_options(arena, activity, false);
    const char *wrong = merge(arena, request->update_mask, request->activity_options, options);

    if (!wrong && proto_mask_names_part_of(arena, request->update_mask, "retryPolicy."))
        wrong = check_retry_policy(arena, options->retry_policy);
    if (!wrong)
        wrong = activity_options_check(t, options, activity);
    if (!wrong)
        return options;
    (void)err_fail(t->detail, ERR_INVALID, "%s", wrong);
    return NULL;
}

static enum err update(struct transition *t, const struct activity_list *list,
                       const api_update_activity_options_request *request,
                       api_activity_options **last)
{
    api_activity_options **options = ARENA_ARRAY(t->arena, api_activity_options *, list->count);

    for (size_t i = 0; i < list->count; i++)
        if (!(options[i] = changed_options(t, list->items[i], request)))
            return ERR_INVALID;
    for (size_t i = 0; i < list->count; i++)
        change_options(t, list->items[i], options[i]);
    *last = options[list->count - 1];
    return ERR_OK;
}

static void restore(struct transition *t, const struct activity_list *list,
                    api_activity_options **last)
{
    for (size_t i = 0; i < list->count; i++) {
        *last = activity_event_options(t->arena, list->items[i]);
        if (run_is_open(t->run)) /* Spec: of a closed run they are only told */
            change_options(t, list->items[i], *last);
    }
}

enum err engine_update_activity_options(struct transition *t,
                                        const api_update_activity_options_request *request)
{
    const struct activity_filter filter = {
        .id = request->activity_case == API_UPDATE_ACTIVITY_OPTIONS_REQUEST_ACTIVITY_ID
                  ? request->id
                  : NULL,
        .type = request->activity_case == API_UPDATE_ACTIVITY_OPTIONS_REQUEST_ACTIVITY_TYPE
                    ? request->type
                    : NULL,
        .all = request->activity_case == API_UPDATE_ACTIVITY_OPTIONS_REQUEST_ACTIVITY_MATCH_ALL,
    };
    const pb_field_mask *mask = request->update_mask;
    api_update_activity_options_response *response =
        engine_message(t->arena, &api_update_activity_options_response__desc);

    if (request->restore_original && mask && mask->n_paths > 0)
        return err_fail(t->detail, ERR_INVALID, "Both UpdateMask and RestoreOriginal are provided");
    if (!request->restore_original && !run_is_open(t->run))
        return activity_run_closed(t);
    if (!request->restore_original && !request->activity_options)
        return err_fail(t->detail, ERR_INVALID, "ActivityOptions are not provided");
    const struct activity_list list = activity_select(t, &filter);
    if (list.count == 0)
        return activity_not_found(t);
    if (request->restore_original) {
        restore(t, &list, &response->activity_options);
    } else {
        if (!mask)
            return err_fail(t->detail, ERR_INVALID, "UpdateMask is not provided");
        const enum err err = update(t, &list, request, &response->activity_options);
        if (err != ERR_OK)
            return err;
    }
    t->reply = transition_pack(t, response);
    return ERR_OK;
}
