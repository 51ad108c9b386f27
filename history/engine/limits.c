/* limits.c - see limits.h; one line a limit. */
#include "history/engine/limits.h"

/* Spec: a count that is not above zero means that there is no limit. */
static uint32_t count_of(int64_t value)
{
    return value <= 0 || value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

/* Nobody can exceed a limit that does not fit, and nothing is within a negative one. */
static uint32_t clip_u32(int64_t value)
{
    return value < 0 ? 0 : value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static size_t clip_size(int64_t value)
{
    return value < 0 ? 0 : (size_t)value;
}

void engine_limits_fill(struct engine_limits *limits, const struct dynconf *dc, struct slice ns)
{
#define U32(member, key) limits->member = clip_u32(dynconf_int(dc, DYNCONF_##key, ns))
#define COUNT(member, key) limits->member = count_of(dynconf_int(dc, DYNCONF_##key, ns))
#define SIZE(member, key) limits->member = clip_size(dynconf_int(dc, DYNCONF_##key, ns))
#define I64(member, key) limits->member = dynconf_int(dc, DYNCONF_##key, ns)
#define NS(member, key) limits->member = dynconf_duration(dc, DYNCONF_##key, ns)
#define RETRY(member, key)                                                                         \
    limits->member =                                                                               \
        dynconf_retry_at(dc, DYNCONF_##key, &(struct dynconf_where){.namespace_name = ns})
#define BOOL(member, key) limits->member = dynconf_bool(dc, DYNCONF_##key, ns)
    *limits = engine_limits_default;
    U32(id_bytes_max, LIMIT_MAX_ID_LENGTH);
    if (limits->id_bytes_max > RPC_ID_BYTES_MAX)
        limits->id_bytes_max = RPC_ID_BYTES_MAX;
    SIZE(blob_bytes_max, LIMIT_BLOB_SIZE_ERROR);
    SIZE(memo_bytes_max, LIMIT_MEMO_SIZE_ERROR);
    COUNT(pending_activities_max, LIMIT_PENDING_ACTIVITIES);
    COUNT(pending_children_max, LIMIT_PENDING_CHILDREN);
    COUNT(pending_signals_max, LIMIT_PENDING_SIGNALS);
    COUNT(pending_cancel_requests_max, LIMIT_PENDING_CANCEL_REQUESTS);
    I64(signals_max, HISTORY_MAXIMUM_SIGNALS);
    I64(history_events_max, LIMIT_HISTORY_COUNT_ERROR);
    I64(history_bytes_max, LIMIT_HISTORY_SIZE_ERROR);
    I64(suggest_events, LIMIT_HISTORY_COUNT_SUGGEST);
    I64(suggest_bytes, LIMIT_HISTORY_SIZE_SUGGEST);
    U32(updates_in_flight_max, HISTORY_MAX_UPDATES_IN_FLIGHT);
    SIZE(updates_in_flight_bytes_max, HISTORY_MAX_UPDATE_BYTES_IN_FLIGHT);
    U32(updates_max, HISTORY_MAX_UPDATES);
    limits->updates_suggest_share = dynconf_float(dc, DYNCONF_HISTORY_MAX_UPDATES_SUGGEST, ns);
    I64(discard_speculative_events_max, HISTORY_DISCARD_SPECULATIVE_EVENTS);
    NS(wft_heartbeat_timeout_ns, HISTORY_WFT_HEARTBEAT_TIMEOUT);
    BOOL(reset_with_pending_children, HISTORY_RESET_WITH_PENDING_CHILDREN);
    limits->task_problems_to_report =
        (int32_t)clip_u32(dynconf_int(dc, DYNCONF_SYSTEM_TASK_PROBLEMS, ns)) & INT32_MAX;
    U32(callbacks_max, CALLBACK_MAX_PER_EXECUTION);
    BOOL(update_callbacks, HISTORY_UPDATE_CALLBACKS);
    BOOL(external_payloads, HISTORY_EXTERNAL_PAYLOADS);
    U32(workflow_update_callbacks_max, SYSTEM_MAX_CALLBACKS_PER_WORKFLOW);
    U32(update_callbacks_max, SYSTEM_MAX_CALLBACKS_PER_UPDATE);
    NS(callback_retry_initial_ns, CALLBACK_RETRY_INITIAL);
    NS(callback_retry_max_ns, CALLBACK_RETRY_MAX);
    BOOL(cross_namespace_commands, SYSTEM_CROSS_NAMESPACE_COMMANDS);
    SIZE(activity_failure_bytes_max, LIMIT_ACTIVITY_FAILURE_ERROR);
    BOOL(eager_activities, SYSTEM_EAGER_ACTIVITIES);
    BOOL(eager_start, SYSTEM_EAGER_START);
    SIZE(transaction_bytes_max, SYSTEM_TRANSACTION_SIZE);
    SIZE(state_bytes_max, LIMIT_MUTABLE_STATE_SIZE_ERROR);
    SIZE(state_bytes_warn, LIMIT_MUTABLE_STATE_SIZE_WARN);
    I64(history_events_warn, LIMIT_HISTORY_COUNT_WARN);
    I64(history_bytes_warn, LIMIT_HISTORY_SIZE_WARN);
    U32(buffered_events_max, HISTORY_BUFFERED_EVENTS);
    SIZE(buffered_bytes_max, HISTORY_BUFFERED_BYTES);
    NS(task_timeout_ns, HISTORY_DEFAULT_TASK_TIMEOUT);
    NS(wft_retry_max_ns, HISTORY_TASK_RETRY_MAX_INTERVAL);
    RETRY(activity_retry, HISTORY_DEFAULT_ACTIVITY_RETRY);
    RETRY(workflow_retry, HISTORY_DEFAULT_WORKFLOW_RETRY);
    U32(search_attributes_max, FRONTEND_SEARCH_ATTRIBUTES);
    SIZE(search_attribute_bytes_max, FRONTEND_SEARCH_ATTRIBUTE_SIZE);
    SIZE(search_attributes_bytes_max, FRONTEND_SEARCH_ATTRIBUTES_SIZE);
    NS(retention_jitter_ns, HISTORY_RETENTION_JITTER);
    NS(run_interval_min_ns, HISTORY_ID_REUSE_INTERVAL);
    if (dynconf_bool(dc, DYNCONF_HISTORY_ID_REUSE_CHECK, ns))
        limits->id_reuse_interval_ns = limits->run_interval_min_ns;
#undef U32
#undef COUNT
#undef SIZE
#undef I64
#undef NS
#undef RETRY
#undef BOOL
}
