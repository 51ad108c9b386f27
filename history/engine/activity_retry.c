/* activity_retry.c - whether a failed attempt is followed by another one, and when.
 *
 * Spec: the reference server's order of checks: policy, cancellation, time-outs of the schedule,
 * kind of failure, attempts, back-off, and last the schedule-to-close time-out. */
#include "common/proto/wire.h"
#include "history/engine/activity_int.h"

#include <math.h>

int64_t activity_backoff_ns(const struct activity *activity)
{
    const double ns = (double)activity->retry_initial_ns *
                      pow(activity->retry_coefficient, activity->attempt - 1);

    if (ns >= (double)INT64_MAX)
        return INT64_MAX;
    return ns > 0 ? (int64_t)ns : 0;
}

/* The worker's own wish for the next attempt; NULL: it has none. */
static const pb_duration *requested_delay(const api_failure_failure *failure)
{
    if (!failure || failure->failure_info_case != API_FAILURE_FAILURE_INFO_APPLICATION_FAILURE_INFO)
        return NULL;
    return failure->application_failure_info->next_retry_delay;
}

/* RETRY_STATE_IN_PROGRESS: *at_ns is when the next attempt is to be scheduled. A delay that the
 * worker asks for is not held to the policy's maximum interval. */
static int32_t next_attempt_at(const struct activity *activity, const api_failure_failure *failure,
                               int64_t now_ns, int64_t *at_ns)
{
    const pb_duration *delay = requested_delay(failure);
    const int64_t max_ns = delay ? proto_duration_ns_clip(delay) : activity->retry_max_interval_ns;
    int64_t interval_ns = delay ? max_ns : activity_backoff_ns(activity);
    const int64_t expires_ns = activity->retry_expires_ns;

    if (activity->retry_max_attempts > 0 && activity->attempt >= activity->retry_max_attempts)
        return RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED;
    if (max_ns == 0 && interval_ns <= 0)
        return RETRY_STATE_TIMEOUT;
    if (max_ns != 0 && (interval_ns <= 0 || interval_ns > max_ns))
        interval_ns = max_ns;
    if (__builtin_add_overflow(now_ns, interval_ns, at_ns))
        *at_ns = INT64_MAX;
    if (expires_ns != 0 && *at_ns > expires_ns)
        return RETRY_STATE_TIMEOUT;
    return RETRY_STATE_IN_PROGRESS;
}

void activity_begin_afresh(struct activity *activity)
{
    if (activity->reset_heartbeat) {
        bytes_clear(&activity->heartbeat_details);
        activity->details_empty = false;
        activity->last_heartbeat_ns = 0;
    }
    activity->reset = activity->reset_heartbeat = activity->held = false;
}

static void back_off(struct transition *t, struct activity *activity,
                     const api_failure_failure *failure, int64_t at_ns)
{
    activity_task_drop(t, activity);
    activity->state = ACTIVITY_BACKING_OFF;
    activity->attempt++;
    activity->scheduled_ns = at_ns;
    activity->started_ns = 0;
    activity->start_id = activity->poll_id = 0;
    bytes_set(&activity->last_identity, bytes_slice(activity->identity));
    bytes_set(&activity->last_failure,
              failure_for_storage(t->arena, failure, t->limits->activity_failure_bytes_max));
    activity_begin_afresh(activity);
    run_activity_changed(t->run, activity);
}

/* Spec: whatever its policy says of attempts and time, a paused activity waits for its next
 * attempt, which begins when it is not paused any more. */
static void wait_paused(struct transition *t, struct activity *activity,
                        const api_failure_failure *failure)
{
    activity->state = ACTIVITY_SCHEDULED;
    activity->attempt++;
    activity->started_ns = 0;
    activity->start_id = activity->poll_id = 0;
    bytes_set(&activity->last_failure,
              failure_for_storage(t->arena, failure, t->limits->activity_failure_bytes_max));
    run_activity_changed(t->run, activity);
}

int32_t activity_retry(struct transition *t, struct activity *activity,
                       const api_failure_failure *failure)
{
    int64_t at_ns = 0;

    if (!activity->has_retry)
        return RETRY_STATE_RETRY_POLICY_NOT_SET;
    if (activity->cancel_requested_event_id != 0)
        return RETRY_STATE_CANCEL_REQUESTED;
    if (failure && failure->failure_info_case == API_FAILURE_FAILURE_INFO_TIMEOUT_FAILURE_INFO) {
        const int32_t type = (int32_t)failure->timeout_failure_info->timeout_type;

        if (type == TIMEOUT_TYPE_SCHEDULE_TO_START || type == TIMEOUT_TYPE_SCHEDULE_TO_CLOSE)
            return RETRY_STATE_TIMEOUT;
    }
    if (!failure_is_retryable(failure, activity_retry_policy(t->arena, activity)))
        return RETRY_STATE_NON_RETRYABLE_FAILURE;
    if (activity->paused_ns != 0) {
        wait_paused(t, activity, failure);
        return RETRY_STATE_IN_PROGRESS;
    }
    const int32_t state = next_attempt_at(activity, failure, t->now_ns, &at_ns);
    if (state == RETRY_STATE_IN_PROGRESS)
        back_off(t, activity, failure, at_ns);
    return state;
}
