/* signal_with_start.c - see signal_with_start.h. */
#include "common/proto/signal_with_start.h"

api_start_workflow_execution_request *
signal_with_start_start(struct arena *arena,
                        const api_signal_with_start_workflow_execution_request *request)
{
    api_start_workflow_execution_request *start =
        ARENA_NEW(arena, api_start_workflow_execution_request);

    *start = (api_start_workflow_execution_request)API_START_WORKFLOW_EXECUTION_REQUEST_INIT;
    start->namespace_ = request->namespace_;
    start->workflow_id = request->workflow_id;
    start->workflow_type = request->workflow_type;
    start->task_queue = request->task_queue;
    start->input = request->input;
    start->workflow_execution_timeout = request->workflow_execution_timeout;
    start->workflow_run_timeout = request->workflow_run_timeout;
    start->workflow_task_timeout = request->workflow_task_timeout;
    start->identity = request->identity;
    start->request_id = request->request_id;
    start->workflow_id_reuse_policy = request->workflow_id_reuse_policy;
    start->workflow_id_conflict_policy = request->workflow_id_conflict_policy;
    start->retry_policy = request->retry_policy;
    start->cron_schedule = request->cron_schedule;
    start->memo = request->memo;
    start->search_attributes = request->search_attributes;
    start->header = request->header;
    start->workflow_start_delay = request->workflow_start_delay;
    start->user_metadata = request->user_metadata;
    start->n_links = request->n_links;
    start->links = request->links;
    start->versioning_override = request->versioning_override;
    start->priority = request->priority;
    start->time_skipping_config = request->time_skipping_config;
    if (start->workflow_id_conflict_policy == WORKFLOW_ID_CONFLICT_POLICY_UNSPECIFIED &&
        start->workflow_id_reuse_policy != WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING)
        start->workflow_id_conflict_policy = WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING;
    return start;
}

api_signal_workflow_execution_request *
signal_with_start_signal(struct arena *arena,
                         const api_signal_with_start_workflow_execution_request *request)
{
    api_signal_workflow_execution_request *signal =
        ARENA_NEW(arena, api_signal_workflow_execution_request);

    *signal = (api_signal_workflow_execution_request)API_SIGNAL_WORKFLOW_EXECUTION_REQUEST_INIT;
    signal->namespace_ = request->namespace_;
    signal->signal_name = request->signal_name;
    signal->input = request->signal_input;
    signal->identity = request->identity;
    signal->request_id = request->request_id;
    signal->header = request->header;
    signal->n_links = request->n_links;
    signal->links = request->links;
    return signal;
}
