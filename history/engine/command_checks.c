/* command_checks.c - see command_checks.h. */
#include "history/engine/command_checks.h"

#include "common/proto/wire.h"
#include "history/engine/failure.h"

#include <math.h>

#define TIMEOUT_TYPE_PREFIX "TemporalTimeout:"
#define SYSTEM_QUEUE_PREFIX "temporal-sys-per-ns-tq"
#define RESERVED_QUEUE_PREFIX "/_sys/"

enum { FAIRNESS_KEY_BYTES_MAX = 64 };

const char *check_duration(const pb_duration *duration, int64_t *ns)
{
    const int64_t max_s = INT64_C(100) * 365 * 24 * 3600;

    *ns = 0;
    if (!duration)
        return NULL;
    if ((duration->seconds > 0 && duration->nanos < 0) ||
        (duration->seconds < 0 && duration->nanos > 0))
        return "duration has seconds and nanos with different signs";
    if (duration->seconds < 0 || duration->nanos < 0)
        return "negative duration";
    if (duration->seconds >= max_s) {
        *ns = max_s * NS_PER_S;
        return NULL;
    }
    *ns = duration->seconds * NS_PER_S + duration->nanos;
    if (*ns > max_s * NS_PER_S)
        *ns = max_s * NS_PER_S;
    return NULL;
}

static bool system_queue(struct slice name)
{
    return slice_starts_with(name, SLICE_LIT(SYSTEM_QUEUE_PREFIX));
}

const char *check_task_queue(struct arena *arena, const api_task_queue *queue,
                             struct slice workflow_queue, size_t id_bytes_max)
{
    if (!queue)
        return "taskQueue is not set";
    const struct slice name = slice_str(queue->name);
    if (name.len == 0)
        return "missing task queue name";
    if (name.len > id_bytes_max)
        return "taskQueue length exceeds limit";
    if (slice_starts_with(name, SLICE_LIT(RESERVED_QUEUE_PREFIX)))
        return "task queue name cannot start with reserved prefix " RESERVED_QUEUE_PREFIX;
    if (system_queue(name) && !system_queue(workflow_queue))
        return arena_printf(arena,
                            "cannot use internal per-namespace task queue:%s (in parent component "
                            "task queue: " SLICE_FMT ")",
                            queue->name, SLICE_ARG(workflow_queue));
    return NULL;
}

const char *check_priority(const api_priority *priority)
{
    if (!priority)
        return NULL;
    if (priority->priority_key < 0)
        return "invalid priorities: priority key can't be negative";
    if (strlen(priority->fairness_key) > FAIRNESS_KEY_BYTES_MAX)
        return "invalid priorities: fairness key length exceeds limit";
    if (priority->fairness_weight < 0)
        return "invalid priorities: must be greater than zero";
    return NULL;
}

const char *check_retry_policy(struct arena *arena, api_retry_policy *policy)
{
    int64_t initial_ns = 0, max_ns = 0;
    const size_t prefix_len = sizeof TIMEOUT_TYPE_PREFIX - 1;

    if (policy->maximum_attempts == 1) /* no retries: the rest does not matter */
        return NULL;
    const char *wrong = check_duration(policy->initial_interval, &initial_ns);
    if (wrong)
        return arena_printf(arena, "invalid InitialInterval set on retry policy: %s", wrong);
    if (policy->backoff_coefficient < 1 || isnan(policy->backoff_coefficient))
        return "BackoffCoefficient cannot be less than 1 on retry policy.";
    wrong = check_duration(policy->maximum_interval, &max_ns);
    if (wrong)
        return arena_printf(arena, "invalid MaximumInterval set on retry policy: %s", wrong);
    if (max_ns > 0 && max_ns < initial_ns)
        return "MaximumInterval cannot be less than InitialInterval on retry policy.";
    if (policy->maximum_attempts < 0)
        return "MaximumAttempts cannot be negative on retry policy.";
    for (size_t i = 0; i < policy->n_non_retryable_error_types; i++) {
        const char *type = policy->non_retryable_error_types[i];

        if (strncmp(type, TIMEOUT_TYPE_PREFIX, prefix_len) == 0 &&
            failure_timeout_type_of(type + prefix_len) == TIMEOUT_TYPE_UNSPECIFIED)
            return arena_printf(arena, "Invalid timeout type value: %s.", type + prefix_len);
    }
    policy->initial_interval = proto_duration(arena, initial_ns);
    policy->maximum_interval = proto_duration(arena, max_ns);
    return NULL;
}
