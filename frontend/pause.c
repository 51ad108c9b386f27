/* pause.c - a workflow is paused and unpaused. Whether one may be paused is a setting; one that is
 * paused may always be unpaused. */
#include "frontend/handlers.h"
#include "frontend/validate.h"

static enum err check_texts(struct fe_call *fc, const char *reason, const char *request_id,
                            const char *identity)
{
    const struct {
        const char *name, *text;
    } texts[] = {{"reason", reason}, {"request id", request_id}, {"identity", identity}};

    for (size_t i = 0; i < COUNT_OF(texts); i++)
        if (strlen(texts[i].text) > fe_id_bytes_max(fc))
            return err_fail(&fc->detail, ERR_INVALID, "%s is too long.", texts[i].name);
    return ERR_OK;
}

static enum err forward(struct fe_call *fc, enum mesh_method method, const char *workflow_id,
                        const char *run_id)
{
    uint8_t uuid[16];

    if (!workflow_id[0])
        return err_fail(&fc->detail, ERR_INVALID,
                        "Can't load workflow execution.  WorkflowId not set.");
    if (run_id[0] && !uuid_parse(slice_str(run_id), uuid))
        return err_fail(&fc->detail, ERR_INVALID, "RunId is not valid UUID.");
    /* Not repeatable: of two equal ones without a request id the second is refused. */
    return fe_forward_history(fc, &(struct fe_to_history){.method = method,
                                                          .workflow_id = workflow_id,
                                                          .request = fc->call->request});
}

enum err fe_pause_workflow(struct fe_call *fc)
{
    const api_pause_workflow_execution_request *req = fc->request;

    if (!dynconf_bool(fc->fe->dynconf, DYNCONF_FRONTEND_WORKFLOW_PAUSE_ENABLED,
                      slice_str(req->namespace_)))
        return err_fail(&fc->detail, ERR_UNIMPLEMENTED,
                        "workflow pause is not enabled for namespace: %s", req->namespace_);
    const enum err err = check_texts(fc, req->reason, req->request_id, req->identity);
    if (err != ERR_OK)
        return err;
    return forward(fc, METHOD_HISTORY_PAUSE_WORKFLOW, req->workflow_id, req->run_id);
}

enum err fe_unpause_workflow(struct fe_call *fc)
{
    const api_unpause_workflow_execution_request *req = fc->request;

    const enum err err = check_texts(fc, req->reason, req->request_id, req->identity);
    if (err != ERR_OK)
        return err;
    return forward(fc, METHOD_HISTORY_UNPAUSE_WORKFLOW, req->workflow_id, req->run_id);
}
