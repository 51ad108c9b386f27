/* reset.c - ResetWorkflowExecution: checked here, carried out by the workflow's history owner. */
#include "frontend/handlers.h"
#include "frontend/validate.h"

enum err fe_check_post_reset(struct fe_call *fc, api_post_reset_operation *const *operations,
                             size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const api_post_reset_operation *operation = operations[i];

        if (operation->variant_case ==
                TEMPORAL__API__WORKFLOW__V1__POST_RESET_OPERATION__VARIANT_UPDATE_WORKFLOW_OPTIONS &&
            operation->update_workflow_options->workflow_execution_options &&
            operation->update_workflow_options->workflow_execution_options->time_skipping_config)
            return err_fail(&fc->detail, ERR_UNIMPLEMENTED,
                            "The Time-Skipping feature is not enabled for namespace.");
    }
    return ERR_OK;
}

enum err fe_reset_workflow(struct fe_call *fc)
{
    const api_reset_workflow_execution_request *req = fc->request;
    enum err err;

    if (req->request_id[0] == '\0')
        return err_fail(&fc->detail, ERR_INVALID, "RequestId is not set on request.");
    if ((err = fe_check_length(fc, "RequestId", req->request_id)) != ERR_OK ||
        (err = fe_check_execution(fc, req->workflow_execution)) != ERR_OK)
        return err;
    if ((int32_t)req->reset_reapply_type < RESET_REAPPLY_TYPE_UNSPECIFIED ||
        (int32_t)req->reset_reapply_type > RESET_REAPPLY_TYPE_ALL_ELIGIBLE)
        return err_fail(&fc->detail, ERR_INTERNAL, "unknown reset reapply type: %d",
                        (int)req->reset_reapply_type);
    err = fe_check_post_reset(fc, req->post_reset_operations, req->n_post_reset_operations);
    if (err != ERR_OK)
        return err;
    return fe_forward_history(
        fc, &(struct fe_to_history){.method = METHOD_HISTORY_RESET_WORKFLOW,
                                    .workflow_id = req->workflow_execution->workflow_id,
                                    .request = fc->call->request,
                                    .repeatable = true});
}
