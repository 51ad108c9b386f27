/* retry_policy.c - see retry_policy.h. */
#include "common/proto/retry_policy.h"

#include "common/proto/wire.h"

static bool unset(const pb_duration *duration)
{
    return !duration || (duration->seconds == 0 && duration->nanos == 0);
}

api_retry_policy *retry_policy_with_defaults(struct arena *arena, const api_retry_policy *given,
                                             const struct dynconf_retry *defaults)
{
    api_retry_policy *policy = ARENA_NEW(arena, api_retry_policy);

    *policy = given ? *given : (api_retry_policy)API_RETRY_POLICY_INIT;
    if (policy->maximum_attempts == 0)
        policy->maximum_attempts = defaults->maximum_attempts;
    if (unset(policy->initial_interval))
        policy->initial_interval = proto_duration(arena, defaults->initial_interval_ns);
    if (unset(policy->maximum_interval)) {
        const int64_t initial_ns = proto_duration_ns_clip(policy->initial_interval);
        const double max_ns = (double)initial_ns * defaults->maximum_interval_coefficient;

        policy->maximum_interval = proto_duration(arena, max_ns >= 9.2e18 ? INT64_MAX
                                                         : max_ns <= 0    ? 0
                                                                          : (int64_t)max_ns);
    }
    if (!(policy->backoff_coefficient < 0 || policy->backoff_coefficient > 0))
        policy->backoff_coefficient = defaults->backoff_coefficient;
    return policy;
}
