/* updates.c - UpdateWorkflowExecution, PollWorkflowExecutionUpdate and ExecuteMultiOperation
 * (update-with-start): checked here, carried out by the history owner of the workflow. */
#include "frontend/handlers.h"
#include "frontend/validate.h"

/* In all, beyond what history lets a call wait: for the owners that are lost meanwhile. The
 * client's own deadline is kept. */
enum { UPDATE_MARGIN_MS = 40000 };

#define OPERATION_IS(which)                                                                        \
    TEMPORAL__API__WORKFLOWSERVICE__V1__EXECUTE_MULTI_OPERATION_REQUEST__OPERATION__OPERATION_##which

typedef api_execute_multi_operation_request_operation operation_type;

static enum err invalid(struct fe_call *fc, const char *text)
{
    return err_fail(&fc->detail, ERR_INVALID, "%s", text);
}

/* A repeat inside is recognised by the update's id, so each has one. Gives whether one was made. */
static bool fill_update_id(struct fe_call *fc, api_meta *meta)
{
    char uuid[UUID_TEXT_LEN + 1];

    if (meta->update_id[0] != '\0')
        return false;
    uuid_v4(&fc->loop->rng, uuid);
    meta->update_id = arena_str(fc->arena, slice_str(uuid));
    return true;
}

static int64_t wait_ms(const struct fe_call *fc)
{
    const int64_t poll_ns =
        dynconf_duration(fc->fe->dynconf, DYNCONF_HISTORY_LONG_POLL, slice_str(fc->ns->name));

    return poll_ns / NS_PER_MS + UPDATE_MARGIN_MS;
}

static enum err denied(struct fe_call *fc, const char *text)
{
    return errdetail_permission_denied(fc->arena, &fc->detail, NULL, "%s", text);
}

static bool is_on(const struct fe_call *fc, enum dynconf_key key)
{
    return dynconf_bool(fc->fe->dynconf, key, slice_str(fc->ns->name));
}

static enum err check_on(struct fe_call *fc)
{
    if (is_on(fc, DYNCONF_FRONTEND_UPDATES))
        return ERR_OK;
    return denied(fc, "UpdateWorkflowExecution operation is disabled on this namespace.");
}

static enum err check_allowed(struct fe_call *fc,
                              const api_update_workflow_execution_request *request)
{
    const uint32_t stage = request->wait_policy ? request->wait_policy->lifecycle_stage : 0;
    const enum err err = check_on(fc);

    if (err != ERR_OK)
        return err;
    if (stage == UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ADMITTED)
        return denied(fc, "UpdateWorkflowExecution issued asynchronously and waiting on update "
                          "admitted is not supported.");
    if (stage == UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED &&
        !is_on(fc, DYNCONF_FRONTEND_UPDATES_ACCEPTED))
        return denied(fc, "UpdateWorkflowExecution issued asynchronously and waiting on update "
                          "accepted is disabled on this namespace.");
    return ERR_OK;
}

static enum err check_update(struct fe_call *fc,
                             const api_update_workflow_execution_request *request, bool *changed)
{
    api_update_request *asked = request->request;
    enum err err = fe_check_execution(fc, request->workflow_execution);

    if (err != ERR_OK)
        return err;
    if (!asked || !asked->meta)
        return invalid(fc, "Update meta is not set on request.");
    if ((err = fe_check_length(fc, "UpdateId", asked->meta->update_id)) != ERR_OK)
        return err;
    *changed = fill_update_id(fc, asked->meta);
    if (!asked->input)
        return invalid(fc, "Update input is not set on request.");
    if (asked->input->name[0] == '\0')
        return invalid(fc, "Update name is not set on request.");
    if ((err = check_allowed(fc, request)) != ERR_OK)
        return err;
    err = fe_check_callbacks(fc, asked->n_completion_callbacks, asked->completion_callbacks);
    if (err != ERR_OK)
        return err;
    if (asked->n_completion_callbacks > 0) { /* Spec: so they stand in the history */
        *changed = true;
        fe_lower_callback_headers(asked->n_completion_callbacks, asked->completion_callbacks);
    }
    return fe_check_links_of(fc, &asked->n_links, asked->links, asked->n_completion_callbacks,
                             asked->completion_callbacks);
}

enum err fe_update_workflow(struct fe_call *fc)
{
    const api_update_workflow_execution_request *request = fc->request;
    bool changed = false;
    const enum err err = check_update(fc, request, &changed);

    if (err != ERR_OK)
        return err;
    return fe_forward_history(
        fc, &(struct fe_to_history){.method = METHOD_HISTORY_UPDATE_WORKFLOW,
                                    .workflow_id = request->workflow_execution->workflow_id,
                                    .request = changed ? proto_encode(fc->arena, request)
                                                       : fc->call->request,
                                    .timeout_ms = wait_ms(fc),
                                    .repeatable = true,
                                    .waits = true});
}

enum err fe_poll_update(struct fe_call *fc)
{
    const api_poll_workflow_execution_update_request *request = fc->request;
    const api_update_ref *ref = request->update_ref;
    uint8_t uuid[16];

    if (!ref)
        return invalid(fc, "UpdateRef is not set on request.");
    const enum err err = check_on(fc);
    if (err != ERR_OK)
        return err;
    const api_common_workflow_execution *execution = ref->workflow_execution;
    if (!execution || execution->workflow_id[0] == '\0')
        return invalid(fc, "Can't load workflow execution.  WorkflowId not set.");
    if (execution->run_id[0] != '\0' && !uuid_parse(slice_str(execution->run_id), uuid))
        return invalid(fc, "RunId is not valid UUID.");
    return fe_forward_history(fc, &(struct fe_to_history){.method = METHOD_HISTORY_POLL_UPDATE,
                                                          .workflow_id = execution->workflow_id,
                                                          .request = fc->call->request,
                                                          .timeout_ms = wait_ms(fc),
                                                          .repeatable = true,
                                                          .waits = true});
}

/* -- update-with-start ------------------------------------------------------------------------ */

static enum err check_namespace(struct fe_call *fc, const char *name)
{
    if (name[0] != '\0' && strcmp(name, fc->ns->name) != 0)
        return invalid(fc, "Operation namespace did not match request's namespace.");
    return ERR_OK;
}

static enum err check_start_of(struct fe_call *fc, api_start_workflow_execution_request *start)
{
    char uuid[UUID_TEXT_LEN + 1];
    enum err err = check_namespace(fc, start->namespace_);

    if (err != ERR_OK || (err = fe_check_start(fc, start)) != ERR_OK)
        return err;
    if (start->cron_schedule[0] != '\0')
        return invalid(fc, "CronSchedule is not allowed.");
    if (start->request_eager_execution)
        return invalid(fc, "RequestEagerExecution is not supported.");
    if (proto_duration_ns_clip(start->workflow_start_delay) > 0)
        return invalid(fc, "WorkflowStartDelay is not supported.");
    if (start->request_id[0] == '\0') {
        uuid_v4(&fc->loop->rng, uuid);
        start->request_id = arena_str(fc->arena, slice_str(uuid));
    }
    return ERR_OK;
}

static enum err check_update_of(struct fe_call *fc,
                                const api_update_workflow_execution_request *update,
                                const char *workflow_id)
{
    bool changed;
    enum err err = check_namespace(fc, update->namespace_);

    if (err != ERR_OK || (err = check_update(fc, update, &changed)) != ERR_OK)
        return err;
    if (update->first_execution_run_id[0] != '\0')
        return invalid(fc, "FirstExecutionRunId is not allowed.");
    if (update->workflow_execution->run_id[0] != '\0')
        return invalid(fc, "RunId is not allowed.");
    if (workflow_id && strcmp(update->workflow_execution->workflow_id, workflow_id) != 0)
        return invalid(fc, "WorkflowId is not consistent with previous operation(s).");
    return ERR_OK;
}

/* Each operation has its own status, the good one beside a bad one as well. */
static enum err check_operations(struct fe_call *fc, operation_type *const *operations)
{
    enum { START, UPDATE, COUNT };
    struct errdetail_operation statuses[COUNT] = {{ERR_OK, NULL}, {ERR_OK, NULL}};
    struct err_detail *details = ARENA_ARRAY(fc->arena, struct err_detail, COUNT);
    api_start_workflow_execution_request *start = operations[START]->start_workflow;
    bool good = true;

    for (int i = 0; i < COUNT; i++) {
        fc->detail = (struct err_detail){0};
        enum err err =
            i == START
                ? check_start_of(fc, start)
                : check_update_of(fc, operations[UPDATE]->update_workflow,
                                  statuses[START].err == ERR_ABORTED ? start->workflow_id : NULL);
        good = good && err == ERR_OK;
        if (err == ERR_OK)
            err = errdetail_multi_operation_aborted(fc->arena, &fc->detail);
        else
            errdetail_complete(fc->arena, err, &fc->detail);
        details[i] = fc->detail;
        statuses[i] = (struct errdetail_operation){err, &details[i]};
    }
    fc->detail = (struct err_detail){0};
    if (good)
        return ERR_OK;
    return errdetail_multi_operation(fc->arena, &fc->detail, statuses, COUNT,
                                     "Update-with-Start could not be executed.");
}

enum err fe_execute_multi_operation(struct fe_call *fc)
{
    const api_execute_multi_operation_request *request = fc->request;

    if (request->n_operations != 2 ||
        request->operations[0]->operation_case != OPERATION_IS(START_WORKFLOW) ||
        request->operations[1]->operation_case != OPERATION_IS(UPDATE_WORKFLOW))
        return invalid(fc, "Operations have to be exactly [Start, Update].");
    const enum err err = check_operations(fc, request->operations);
    if (err != ERR_OK)
        return err;
    return fe_forward_history(
        fc,
        &(struct fe_to_history){.method = METHOD_HISTORY_MULTI_OPERATION,
                                .workflow_id = request->operations[0]->start_workflow->workflow_id,
                                .request = proto_encode(fc->arena, request),
                                .timeout_ms = wait_ms(fc),
                                .repeatable = true,
                                .waits = true});
}
