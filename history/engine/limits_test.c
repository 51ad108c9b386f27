/* limits_test.c - what the file says becomes the limits of a namespace. */
#include "history/engine/limits.h"
#include "tests/lib/test.h"

#define SAME(member) check_i64(filled.member, engine_limits_default.member)

TEST(test_limits_without_a_file_are_the_engines_own)
{
    struct engine_limits filled;

    engine_limits_fill(&filled, NULL, SLICE_LIT("any"));
    SAME(id_bytes_max);
    SAME(blob_bytes_max);
    SAME(memo_bytes_max);
    SAME(pending_activities_max);
    SAME(pending_children_max);
    SAME(pending_signals_max);
    SAME(pending_cancel_requests_max);
    SAME(signals_max);
    SAME(history_events_max);
    SAME(history_bytes_max);
    SAME(suggest_events);
    SAME(suggest_bytes);
    SAME(sticky_poller_ns);
    SAME(updates_in_flight_max);
    SAME(updates_in_flight_bytes_max);
    SAME(updates_max);
    check(filled.updates_suggest_share == engine_limits_default.updates_suggest_share);
    SAME(discard_speculative_events_max);
    SAME(wft_heartbeat_timeout_ns);
    SAME(wft_retry_backoff_after_attempt);
    SAME(reset_with_pending_children);
    SAME(external_payloads);
    SAME(cross_namespace_commands);
    SAME(state_bytes_max);
    SAME(state_bytes_warn);
    SAME(history_events_warn);
    SAME(history_bytes_warn);
    SAME(buffered_events_max);
    SAME(buffered_bytes_max);
    SAME(task_timeout_ns);
    SAME(wft_retry_max_ns);
    SAME(retention_jitter_ns);
    SAME(activity_retry.initial_interval_ns);
    SAME(activity_retry.maximum_interval_coefficient);
    SAME(activity_retry.backoff_coefficient);
    SAME(activity_retry.maximum_attempts);
    SAME(workflow_retry.initial_interval_ns);
    SAME(workflow_retry.maximum_interval_coefficient);
    SAME(workflow_retry.backoff_coefficient);
    SAME(workflow_retry.maximum_attempts);
    SAME(search_attributes_max);
    SAME(search_attribute_bytes_max);
    SAME(search_attributes_bytes_max);
    SAME(run_interval_min_ns);
    SAME(transaction_bytes_max);
    SAME(activity_failure_bytes_max);
    SAME(eager_activities);
    SAME(eager_start);
    SAME(id_reuse_interval_ns);
}

TEST(test_limits_of_a_namespace_win_and_are_clipped)
{
    static const char file[] = "limit.numPendingActivities.error:\n"
                               "  - value: 7\n"
                               "  - value: -1\n"
                               "    constraints: {namespace: strict}\n"
                               "limit.blobSize.error: [{value: 1000}]\n";
    struct dynconf *dc = dynconf_new();
    struct engine_limits limits;
    struct err_detail detail = {0};
    struct buf warnings;

    buf_init(&warnings, 0);
    check_ok(dynconf_load(dc, slice_str(file), &warnings, &detail));
    check_i64(warnings.len, 0);
    engine_limits_fill(&limits, dc, SLICE_LIT("default"));
    check_i64(limits.pending_activities_max, 7);
    check_i64(limits.blob_bytes_max, 1000);
    check_i64(limits.pending_children_max, 2000);
    engine_limits_fill(&limits, dc, SLICE_LIT("strict"));
    check_i64(limits.pending_activities_max, UINT32_MAX); /* no limit */
    check_i64(limits.blob_bytes_max, 1000);
    buf_release(&warnings);
    dynconf_free(dc);
}
