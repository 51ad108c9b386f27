/* chain.c - the run that follows one which completed, failed or timed out: retry policy and cron.
 *
 * Spec: a failure or time-out is first held against the retry policy; what that does not try again
 * goes by the cron schedule, as a completion does. The next run begins as the first did: with the
 * attributes of the Started event, which a run with a policy or a schedule keeps. */
#include "history/engine/engine_int.h"

#include "common/cron/cron.h"
#include "common/proto/wire.h"
#include "history/engine/failure.h"

#include <math.h>

void run_keep_start(struct run *run, struct arena *arena,
                    const api_workflow_execution_started_event_attributes *started)
{
    api_workflow_execution_started_event_attributes kept = *started;

    if (run->retry_policy.len == 0 && run->cron.len == 0)
        return;
    kept.prev_auto_reset_points = NULL; /* kept by the run */
    kept.continued_failure = NULL;      /* of no use to the next run */
    kept.n_completion_callbacks = 0;    /* the run has them */
    run->start_attributes = arena_copy(&run->arena, proto_encode(arena, &kept));
}

/* initial * coefficient ^ (attempt - 1), at most what an int64 holds. */
static int64_t exponential_ns(const api_retry_policy *policy, int32_t attempt)
{
    const double ns = (double)proto_duration_ns_clip(policy->initial_interval) *
                      pow(policy->backoff_coefficient, attempt - 1);

    if (ns >= (double)INT64_MAX)
        return INT64_MAX;
    return ns > 0 ? (int64_t)ns : 0;
}

/* The workflow's own wish for the next attempt; NULL: it has none. */
static const pb_duration *requested_delay(const api_failure_failure *failure)
{
    if (failure->failure_info_case != API_FAILURE_FAILURE_INFO_APPLICATION_FAILURE_INFO)
        return NULL;
    return failure->application_failure_info->next_retry_delay;
}

static int32_t retry(struct transition *t, const api_failure_failure *failure, int64_t *backoff_ns)
{
    const struct run *run = t->run;
    int64_t at_ns;

    if (run->retry_policy.len == 0)
        return RETRY_STATE_RETRY_POLICY_NOT_SET;
    const api_retry_policy *policy =
        engine_decode(t->arena, &api_retry_policy__desc, run->retry_policy);
    must(policy != NULL);
    if (!failure_is_retryable(failure, policy))
        return RETRY_STATE_NON_RETRYABLE_FAILURE;
    if (policy->maximum_attempts > 0 && run->attempt >= policy->maximum_attempts)
        return RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED;
    const pb_duration *delay = requested_delay(failure);
    const int64_t max_ns = proto_duration_ns_clip(policy->maximum_interval);
    int64_t interval_ns =
        delay ? proto_duration_ns_clip(delay) : exponential_ns(policy, run->attempt);
    if (max_ns == 0 && interval_ns <= 0)
        return RETRY_STATE_TIMEOUT;
    if (max_ns != 0 && (interval_ns <= 0 || interval_ns > max_ns))
        interval_ns = max_ns;
    if (__builtin_add_overflow(t->now_ns, interval_ns, &at_ns) ||
        (run->execution_expires_ns != 0 && at_ns > run->execution_expires_ns))
        return RETRY_STATE_TIMEOUT;
    *backoff_ns = interval_ns;
    return RETRY_STATE_IN_PROGRESS;
}

struct chain_next chain_decide(struct transition *t, const api_failure_failure *failure)
{
    const struct run *run = t->run;
    struct chain_next next = {0};

    if (failure) {
        next.retry_state = retry(t, failure, &next.backoff_ns);
        if (next.retry_state == RETRY_STATE_IN_PROGRESS)
            next.initiator = CONTINUE_AS_NEW_INITIATOR_RETRY;
    }
    if (next.initiator == CONTINUE_AS_NEW_INITIATOR_UNSPECIFIED) {
        next.backoff_ns = cron_backoff_ns(run->cron, run->execution_ns, t->now_ns);
        if (next.backoff_ns >= 0)
            next.initiator = CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE;
    }
    if (next.initiator != CONTINUE_AS_NEW_INITIATOR_UNSPECIFIED)
        uuid_v7(t->rng, t->now_ns / NS_PER_MS, next.run_id);
    return next;
}

void chain_follow(struct transition *t, const struct chain_next *next, api_payloads *result,
                  api_failure_failure *failure)
{
    const struct run *run = t->run;

    if (next->initiator == CONTINUE_AS_NEW_INITIATOR_UNSPECIFIED)
        return;
    const api_workflow_execution_started_event_attributes *start = engine_decode(
        t->arena, &api_workflow_execution_started_event_attributes__desc, run->start_attributes);
    must(start != NULL); /* kept by every run with a policy or a schedule */
    api_continue_as_new_workflow_execution_command_attributes *in =
        engine_message(t->arena, &api_continue_as_new_workflow_execution_command_attributes__desc);

    in->input = start->input;
    in->header = start->header;
    in->memo = start->memo;
    in->search_attributes = start->search_attributes;
    in->retry_policy = start->retry_policy;
    in->cron_schedule = start->cron_schedule;
    in->initiator = (Temporal__Api__Enums__V1__ContinueAsNewInitiator)next->initiator;
    in->failure = failure;
    in->last_completion_result = result;
    /* Spec: a workflow that fails and is tried again loses the last result; a time-out does not. */
    if (failure && (next->initiator == CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE ||
                    run->status == WORKFLOW_EXECUTION_STATUS_TIMED_OUT))
        in->last_completion_result = start->last_completion_result;
    in->backoff_start_interval = transition_duration(t, next->backoff_ns);

    struct continuing c = {.in = in,
                           .type = start->workflow_type,
                           .task_queue = start->task_queue,
                           .run_timeout_ns = run->run_timeout_ns,
                           .task_timeout_ns = run->task_timeout_ns,
                           .backoff_ns = next->backoff_ns,
                           .follows = true,
                           .priority = priority_kept(t->arena, start->priority),
                           .no_run_timeout = !start->workflow_run_timeout};
    memcpy(c.run_id, next->run_id, sizeof c.run_id);
    run_begin_next(t, &c);
}
