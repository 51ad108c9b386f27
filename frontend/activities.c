/* activities.c - what clients do to the pending activities of a workflow: pause, unpause, reset,
 * change their options. All of these may be repeated: the second of two equal ones changes nothing
 * that the first did not. */
#include "frontend/handlers.h"
#include "frontend/validate.h"

static enum err forward(struct fe_call *fc, enum mesh_method method,
                        const api_common_workflow_execution *execution, bool names_activity)
{
    uint8_t uuid[16];

    if (!execution || execution->workflow_id[0] == '\0')
        return err_fail(&fc->detail, ERR_INVALID, "WorkflowId is not set on request.");
    if (!names_activity)
        return err_fail(&fc->detail, ERR_INVALID,
                        "Either Activity.Id or Activity.Type should be set on request.");
    if (execution->run_id[0] != '\0' && !uuid_parse(slice_str(execution->run_id), uuid))
        return err_fail(&fc->detail, ERR_INVALID, "RunId is not valid UUID.");
    return fe_forward_history(fc, &(struct fe_to_history){.method = method,
                                                          .workflow_id = execution->workflow_id,
                                                          .request = fc->call->request,
                                                          .repeatable = true});
}

enum err fe_pause_activity(struct fe_call *fc)
{
    const api_pause_activity_request *req = fc->request;

    return forward(fc, METHOD_HISTORY_PAUSE_ACTIVITY, req->execution, req->activity_case != 0);
}

enum err fe_unpause_activity(struct fe_call *fc)
{
    const api_unpause_activity_request *req = fc->request;

    return forward(fc, METHOD_HISTORY_UNPAUSE_ACTIVITY, req->execution, req->activity_case != 0);
}

enum err fe_reset_activity(struct fe_call *fc)
{
    const api_reset_activity_request *req = fc->request;

    return forward(fc, METHOD_HISTORY_RESET_ACTIVITY, req->execution, req->activity_case != 0);
}

enum err fe_update_activity_options(struct fe_call *fc)
{
    const api_update_activity_options_request *req = fc->request;

    if (req->execution && req->execution->workflow_id[0] != '\0' && req->activity_case != 0) {
        const enum err err =
            fe_check_priority(fc, req->activity_options ? req->activity_options->priority : NULL);

        if (err != ERR_OK)
            return err;
    }
    return forward(fc, METHOD_HISTORY_UPDATE_ACTIVITY_OPTIONS, req->execution,
                   req->activity_case != 0);
}
