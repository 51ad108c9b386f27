/* id_policy.c - what a start means for the run that has its workflow id already. */
#include "history/engine/engine_int.h"

#include "common/proto/errdetail.h"

/* "<begin> WorkflowId: ..., RunId: ....<end>" */
static enum start_decision refuse(const char *begin, const char *end,
                                  const struct current_run *current, struct arena *arena,
                                  struct err_detail *detail)
{
    const char *first = current->first_run_id[0] ? current->first_run_id : NULL;

    (void)errdetail_workflow_already_started(arena, detail, current->start_request_id,
                                             current->run_id, first, "%s, RunId: %s.%s", begin,
                                             current->run_id, end);
    return START_REFUSE;
}

static bool ended_badly(int32_t status)
{
    return status == WORKFLOW_EXECUTION_STATUS_FAILED ||
           status == WORKFLOW_EXECUTION_STATUS_CANCELED ||
           status == WORKFLOW_EXECUTION_STATUS_TERMINATED ||
           status == WORKFLOW_EXECUTION_STATUS_TIMED_OUT;
}

enum start_decision engine_start_policy(const api_start_workflow_execution_request *request,
                                        const struct current_run *current, int64_t now_ns,
                                        struct arena *arena, struct err_detail *detail)
{
    const bool terminate =
        request->workflow_id_reuse_policy == WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING ||
        request->workflow_id_conflict_policy == WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING;

    UNUSED(now_ns);
    if (request->request_id[0] && strcmp(request->request_id, current->start_request_id) == 0)
        return START_SAME_REQUEST;
    if (current->status == WORKFLOW_EXECUTION_STATUS_RUNNING ||
        current->status == WORKFLOW_EXECUTION_STATUS_PAUSED) {
        if (terminate)
            return START_TERMINATE_EXISTING;
        if (request->workflow_id_conflict_policy == WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING)
            return START_USE_EXISTING;
        return refuse(arena_printf(arena, "Workflow execution is already running. WorkflowId: %s",
                                   request->workflow_id),
                      "", current, arena, detail);
    }
    if (request->workflow_id_reuse_policy == WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE)
        return refuse(arena_printf(arena, "Workflow execution already finished. WorkflowId: %s",
                                   request->workflow_id),
                      " Workflow Id reuse policy: reject duplicate workflow Id.", current, arena,
                      detail);
    if (request->workflow_id_reuse_policy == WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY &&
        !ended_badly(current->status))
        return refuse(
            arena_printf(arena, "Workflow execution already finished successfully. WorkflowId: %s",
                         request->workflow_id),
            " Workflow Id reuse policy: allow duplicate workflow Id if last run failed.", current,
            arena, detail);
    return START_NEW;
}

bool engine_start_too_soon(const struct engine_limits *limits, const struct current_run *current,
                           const struct start_again *again, struct arena *arena,
                           struct err_detail *detail)
{
    const int64_t since_ns = again->now_ns - current->start_ns;
    const bool restart = again->decision == START_TERMINATE_EXISTING;

    if ((!restart && again->decision != START_NEW) || limits->id_reuse_interval_ns <= 0 ||
        limits->id_reuse_interval_ns < since_ns)
        return false;
    (void)errdetail_resource_exhausted(
        arena, detail, RESOURCE_EXHAUSTED_CAUSE_BUSY_WORKFLOW, RESOURCE_EXHAUSTED_SCOPE_NAMESPACE,
        "Too many %s for workflow %s. Time since last start: %lld ms",
        restart ? "restarts" : "starts", again->workflow_id, (long long)(since_ns / NS_PER_MS));
    return true;
}
