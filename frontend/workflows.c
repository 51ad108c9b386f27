/* workflows.c - start, signal, cancel, terminate, describe, read and query one workflow execution:
 * checked here, carried out by its history owner. */
#include "common/cron/cron.h"
#include "common/proto/search_attributes.h"
#include "common/proto/signal_with_start.h"
#include "frontend/handlers.h"
#include "frontend/validate.h"

static enum err check_start(struct fe_call *fc, const api_start_workflow_execution_request *req)
{
    enum err err;

    if ((err = fe_check_workflow_id(fc, req->workflow_id)) != ERR_OK ||
        (err = fe_check_retry_policy(fc, req->retry_policy)) != ERR_OK)
        return err;
    if (req->cron_schedule[0] != '\0' && req->workflow_start_delay)
        return err_fail(&fc->detail, ERR_INVALID,
                        "CronSchedule and WorkflowStartDelay may not be used together.");
    err = fe_check_duration(fc, "An invalid WorkflowStartDelaySeconds is set on request.",
                            req->workflow_start_delay);
    if (err != ERR_OK)
        return err;
    const char *fault = cron_fault(slice_str(req->cron_schedule), clock_wall_ns(fc->fe->clock));
    if (fault)
        return err_fail(&fc->detail, ERR_INVALID, "%s", fault);
    if (!req->workflow_type || req->workflow_type->name[0] == '\0')
        return err_fail(&fc->detail, ERR_INVALID, "WorkflowType is not set on request.");
    if ((err = fe_check_length(fc, "WorkflowType", req->workflow_type->name)) != ERR_OK ||
        (err = fe_check_task_queue(fc, req->task_queue, true)) != ERR_OK ||
        (err =
             fe_check_duration(fc, "An invalid WorkflowExecutionTimeoutSeconds is set on request.",
                               req->workflow_execution_timeout)) != ERR_OK ||
        (err = fe_check_duration(fc, "An invalid WorkflowRunTimeoutSeconds is set on request.",
                                 req->workflow_run_timeout)) != ERR_OK ||
        (err = fe_check_duration(fc, "An invalid WorkflowTaskTimeoutSeconds is set on request.",
                                 req->workflow_task_timeout)) != ERR_OK ||
        (err = fe_check_length(fc, "RequestId", req->request_id)) != ERR_OK ||
        (err = fe_check_priority(fc, req->priority)) != ERR_OK)
        return err;
    return ERR_OK;
}

static enum err check_id_policies(struct fe_call *fc,
                                  const api_start_workflow_execution_request *req)
{
    if (req->workflow_id_conflict_policy != WORKFLOW_ID_CONFLICT_POLICY_UNSPECIFIED &&
        req->workflow_id_reuse_policy == WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING)
        return err_fail(&fc->detail, ERR_INVALID,
                        "Invalid WorkflowIDReusePolicy: "
                        "WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING cannot be used together "
                        "with a WorkflowIDConflictPolicy");
    if (req->workflow_id_conflict_policy == WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING &&
        req->workflow_id_reuse_policy == WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE)
        return err_fail(&fc->detail, ERR_INVALID,
                        "Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE "
                        "cannot be used together with WorkflowIdConflictPolicy "
                        "WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING");
    return ERR_OK;
}

/* What a start may ask for and this server does not do is refused: taking the request and leaving
 * the wish out would be a silent lie. */
static enum err check_start_supported(struct fe_call *fc,
                                      const api_start_workflow_execution_request *req)
{
    if (req->time_skipping_config)
        return err_fail(&fc->detail, ERR_UNIMPLEMENTED,
                        "The Time-Skipping feature is not enabled for namespace.");
    return ERR_OK;
}

static enum err check_search_attributes(struct fe_call *fc,
                                        const api_start_workflow_execution_request *req)
{
    const size_t count = fe_limit(fc, DYNCONF_FRONTEND_SEARCH_ATTRIBUTES);
    const char *fault = search_attributes_fault(fc->arena, &fc->fe->search,
                                                slice_str(req->namespace_), req->search_attributes,
                                                count > UINT32_MAX ? UINT32_MAX : (uint32_t)count);

    if (!fault)
        fault = search_attributes_size_fault(fc->arena, req->search_attributes,
                                             fe_limit(fc, DYNCONF_FRONTEND_SEARCH_ATTRIBUTE_SIZE),
                                             fe_limit(fc, DYNCONF_FRONTEND_SEARCH_ATTRIBUTES_SIZE));
    return fault ? err_fail(&fc->detail, ERR_INVALID, "%s", fault) : ERR_OK;
}

/* Of the request itself nothing is changed: history leaves out what comes twice. */
static enum err check_start_links(struct fe_call *fc,
                                  const api_start_workflow_execution_request *req)
{
    size_t count = req->n_links;
    api_common_link **links = ARENA_ARRAY(fc->arena, api_common_link *, count + 1);

    if (count > 0)
        memcpy(links, req->links, count * sizeof *links);
    return fe_check_links_of(fc, &count, links, req->n_completion_callbacks,
                             req->completion_callbacks);
}

enum err fe_check_start(struct fe_call *fc, const api_start_workflow_execution_request *req)
{
    enum err err = check_start(fc, req);

    if (err != ERR_OK || (err = check_id_policies(fc, req)) != ERR_OK ||
        (err = fe_check_on_conflict(fc, req->on_conflict_options)) != ERR_OK ||
        (err = check_search_attributes(fc, req)) != ERR_OK ||
        (err = fe_check_callbacks(fc, req->n_completion_callbacks, req->completion_callbacks)) !=
            ERR_OK ||
        (err = check_start_links(fc, req)) != ERR_OK ||
        (err = fe_check_blob(fc, req->input)) != ERR_OK)
        return err;
    if ((err = fe_check_memo(fc, req->memo)) != ERR_OK)
        return err;
    return check_start_supported(fc, req);
}

enum err fe_start_workflow(struct fe_call *fc)
{
    const api_start_workflow_execution_request *req = fc->request;
    const enum err err = fe_check_start(fc, req);

    if (err != ERR_OK)
        return err;
    return fe_forward_history(
        fc, &(struct fe_to_history){.method = METHOD_HISTORY_START_WORKFLOW,
                                    .workflow_id = req->workflow_id,
                                    .request = fe_with_request_id(fc, req->request_id),
                                    .answers_with_task = req->request_eager_execution ? 2 : 0,
                                    .repeatable = true});
}

/* Longer than an id may be; the text is that of the reference's shared validator. */
static enum err check_bounded(struct fe_call *fc, const char *what, const char *text)
{
    const size_t len = strlen(text);

    if (len > fe_id_bytes_max(fc))
        return err_fail(&fc->detail, ERR_INVALID, "%s exceeds maximum allowed length (%zu/%zu)",
                        what, len, fe_id_bytes_max(fc));
    return ERR_OK;
}

static enum err check_signal_with_start(struct fe_call *fc,
                                        const api_start_workflow_execution_request *start,
                                        const char *signal_name)
{
    const char *type = start->workflow_type ? start->workflow_type->name : "";
    enum err err = fe_check_workflow_id(fc, start->workflow_id);

    if (err != ERR_OK)
        return err;
    if (signal_name[0] == '\0')
        return err_fail(&fc->detail, ERR_INVALID, "signal not set");
    if ((err = check_bounded(fc, "signal name", signal_name)) != ERR_OK)
        return err;
    if (type[0] == '\0')
        return err_fail(&fc->detail, ERR_INVALID, "workflow type not set");
    if ((err = check_bounded(fc, "workflow type name", type)) != ERR_OK ||
        (err = fe_check_task_queue(fc, start->task_queue, true)) != ERR_OK ||
        (err = check_bounded(fc, "Request ID", start->request_id)) != ERR_OK)
        return err;
    return check_start(fc, start); /* what is left: time-outs, retry policy, delay, priority */
}

enum err fe_signal_with_start(struct fe_call *fc)
{
    const api_signal_with_start_workflow_execution_request *req = fc->request;
    const api_start_workflow_execution_request *start = signal_with_start_start(fc->arena, req);
    api_start_workflow_execution_request asked = *start;
    enum err err = check_signal_with_start(fc, start, req->signal_name);

    asked.workflow_id_conflict_policy = req->workflow_id_conflict_policy; /* before the default */
    if (err != ERR_OK || (err = check_id_policies(fc, &asked)) != ERR_OK)
        return err;
    if (req->workflow_id_conflict_policy == WORKFLOW_ID_CONFLICT_POLICY_FAIL)
        return err_fail(&fc->detail, ERR_INVALID,
                        "Invalid WorkflowIDConflictPolicy: WORKFLOW_ID_CONFLICT_POLICY_FAIL is not "
                        "supported for this operation.");
    if ((err = check_search_attributes(fc, start)) != ERR_OK ||
        (err = fe_check_links(fc, req->n_links, req->links)) != ERR_OK ||
        (err = fe_check_blob(fc, req->input)) != ERR_OK ||
        (err = fe_check_blob(fc, req->signal_input)) != ERR_OK)
        return err;
    if ((err = fe_check_memo(fc, req->memo)) != ERR_OK)
        return err;
    if ((err = check_start_supported(fc, start)) != ERR_OK)
        return err;
    return fe_forward_history(
        fc, &(struct fe_to_history){.method = METHOD_HISTORY_SIGNAL_WITH_START,
                                    .workflow_id = req->workflow_id,
                                    .request = fe_with_request_id(fc, req->request_id),
                                    .repeatable = true,
                                    .tells_first_attempt = true});
}

enum err fe_signal_workflow(struct fe_call *fc)
{
    const api_signal_workflow_execution_request *req = fc->request;
    enum err err = fe_check_execution(fc, req->workflow_execution);

    if (err != ERR_OK)
        return err;
    if (req->signal_name[0] == '\0')
        return err_fail(&fc->detail, ERR_INVALID, "SignalName is not set on request.");
    if ((err = fe_check_length(fc, "SignalName", req->signal_name)) != ERR_OK ||
        (err = fe_check_length(fc, "RequestId", req->request_id)) != ERR_OK ||
        (err = fe_check_blob(fc, req->input)) != ERR_OK ||
        (err = fe_check_links(fc, req->n_links, req->links)) != ERR_OK)
        return err;
    return fe_forward_history(
        fc, &(struct fe_to_history){.method = METHOD_HISTORY_SIGNAL_WORKFLOW,
                                    .workflow_id = req->workflow_execution->workflow_id,
                                    .request = fe_with_request_id(fc, req->request_id),
                                    .repeatable = true});
}

enum err fe_request_cancel(struct fe_call *fc)
{
    const api_request_cancel_workflow_execution_request *req = fc->request;
    enum err err = fe_check_execution(fc, req->workflow_execution);

    if (err != ERR_OK || (err = fe_check_links(fc, req->n_links, req->links)) != ERR_OK)
        return err;
    return fe_forward_history(
        fc, &(struct fe_to_history){.method = METHOD_HISTORY_REQUEST_CANCEL,
                                    .workflow_id = req->workflow_execution->workflow_id,
                                    .request = fe_with_request_id(fc, req->request_id),
                                    .repeatable = true});
}

enum err fe_terminate_workflow(struct fe_call *fc)
{
    const api_terminate_workflow_execution_request *req = fc->request;
    enum err err = fe_check_execution(fc, req->workflow_execution);

    /* Spec: the size of the details is not looked at. */
    if (err != ERR_OK || (err = fe_check_links(fc, req->n_links, req->links)) != ERR_OK)
        return err;
    /* Not repeatable: it carries no request id, and a second one is an error. */
    return fe_forward_history(
        fc, &(struct fe_to_history){.method = METHOD_HISTORY_TERMINATE,
                                    .workflow_id = req->workflow_execution->workflow_id,
                                    .request = fc->call->request});
}

enum err fe_delete_workflow(struct fe_call *fc)
{
    const api_delete_workflow_execution_request *req = fc->request;
    const enum err err = fe_check_execution(fc, req->workflow_execution);

    if (err != ERR_OK)
        return err;
    /* Not repeatable: what is gone is not found the second time. */
    return fe_forward_history(
        fc, &(struct fe_to_history){.method = METHOD_HISTORY_DELETE_WORKFLOW,
                                    .workflow_id = req->workflow_execution->workflow_id,
                                    .request = fc->call->request});
}

enum err fe_describe_workflow(struct fe_call *fc)
{
    const api_describe_workflow_execution_request *req = fc->request;
    const enum err err = fe_check_execution(fc, req->execution);

    if (err != ERR_OK)
        return err;
    return fe_forward_history(fc,
                              &(struct fe_to_history){.method = METHOD_HISTORY_DESCRIBE,
                                                      .shows = FE_SHOWN_DESCRIBED,
                                                      .workflow_id = req->execution->workflow_id,
                                                      .request = fc->call->request,
                                                      .repeatable = true});
}

/* A long poll ends, empty, when history lets it; the client's own deadline is kept. */
static int64_t history_poll_ms(const struct fe_call *fc)
{
    const int64_t poll_ns =
        dynconf_duration(fc->fe->dynconf, DYNCONF_HISTORY_LONG_POLL, slice_str(fc->ns->name));

    return poll_ns / NS_PER_MS + 10000;
}

enum err fe_get_history(struct fe_call *fc)
{
    const api_get_workflow_execution_history_request *req = fc->request;
    const enum err err = fe_check_execution(fc, req->execution);

    if (err != ERR_OK)
        return err;
    return fe_forward_history(
        fc, &(struct fe_to_history){.method = METHOD_HISTORY_GET_HISTORY,
                                    .shows = FE_SHOWN_EVENTS,
                                    .workflow_id = req->execution->workflow_id,
                                    .request = fc->call->request,
                                    .timeout_ms = req->wait_new_event ? history_poll_ms(fc) : 0,
                                    .repeatable = true});
}

enum err fe_get_history_reverse(struct fe_call *fc)
{
    const api_get_workflow_execution_history_reverse_request *req = fc->request;
    const enum err err = fe_check_execution(fc, req->execution);

    if (err != ERR_OK)
        return err;
    return fe_forward_history(fc,
                              &(struct fe_to_history){.method = METHOD_HISTORY_GET_HISTORY_REVERSE,
                                                      .shows = FE_SHOWN_REVERSED,
                                                      .workflow_id = req->execution->workflow_id,
                                                      .request = fc->call->request,
                                                      .repeatable = true});
}

enum err fe_query_workflow(struct fe_call *fc)
{
    const api_query_workflow_request *req = fc->request;

    if (dynconf_bool(fc->fe->dynconf, DYNCONF_SYSTEM_DISALLOW_QUERY, slice_str(fc->ns->name)))
        return err_fail(&fc->detail, ERR_INVALID,
                        "Namespace is not allowed to query, please contact temporal team to "
                        "re-enable queries.");
    enum err err = fe_check_execution(fc, req->execution);

    if (err != ERR_OK)
        return err;
    if (!req->query)
        return err_fail(&fc->detail, ERR_INVALID, "WorkflowQuery is not set on request.");
    if (req->query->query_type[0] == '\0')
        return err_fail(&fc->detail, ERR_INVALID, "QueryType is not set on request.");
    if ((err = fe_check_blob(fc, req->query->query_args)) != ERR_OK)
        return err;
    return fe_forward_history(
        fc,
        &(struct fe_to_history){.method = METHOD_HISTORY_QUERY,
                                .workflow_id = req->execution->workflow_id,
                                .request = fc->call->request,
                                .repeatable = true,
                                .late_text = "query timed out before a worker could process it"});
}

enum err fe_reset_sticky(struct fe_call *fc)
{
    const api_reset_sticky_task_queue_request *req = fc->request;
    const enum err err = fe_check_execution(fc, req->execution);

    if (err != ERR_OK)
        return err;
    return fe_forward_history(fc,
                              &(struct fe_to_history){.method = METHOD_HISTORY_RESET_STICKY,
                                                      .workflow_id = req->execution->workflow_id,
                                                      .request = fc->call->request,
                                                      .repeatable = true});
}
