/* shutdown.c - ShutdownWorker: a worker says that it goes. */
#include "frontend/handlers.h"
#include "frontend/validate.h"

enum { GONE_MS = 2000 };

/* What waits on its sticky queue need not wait for its time-out. */
static enum err shut_sticky_queue(struct fe_call *fc)
{
    const api_shutdown_worker_request *req = fc->request;

    if (req->sticky_task_queue[0] == '\0') {
        fe_reply(fc, SLICE_EMPTY);
        return ERR_OK;
    }
    return fe_forward_matching(
        fc, METHOD_MATCHING_SHUTDOWN_WORKER,
        rpc_matching_shard(slice_str(fc->ns->id), slice_str(req->sticky_task_queue)));
}

/* Spec: whether its polls could be ended is no matter to the worker. */
static void polls_ended(void *arg, enum err err, const struct err_detail *detail, struct slice body)
{
    struct fe_call *fc = arg;

    UNUSED(detail);
    UNUSED(body);
    if (err != ERR_OK)
        log_warn(fc->fe->log, "polls of a worker that goes not ended", F_ERR(err),
                 F_STR("namespace", fc->ns->name));
    err = shut_sticky_queue(fc);
    if (err != ERR_OK)
        fe_fail(fc, err, &fc->detail);
}

static bool ends_polls(struct fe_call *fc)
{
    const api_shutdown_worker_request *req = fc->request;

    return req->worker_instance_key[0] != '\0' && req->task_queue[0] != '\0' &&
           dynconf_bool(fc->fe->dynconf, DYNCONF_FRONTEND_CANCEL_POLLS, slice_str(fc->ns->name)) &&
           strlen(req->task_queue) <= fe_id_bytes_max(fc);
}

enum err fe_shutdown_worker(struct fe_call *fc)
{
    const api_shutdown_worker_request *req = fc->request;
    const enum err err = fe_check_length(fc, "StickyTaskQueue", req->sticky_task_queue);

    fe_tell_last_heartbeat(fc);
    if (err != ERR_OK)
        return err;
    if (!ends_polls(fc))
        return shut_sticky_queue(fc);
    const struct slice body = fe_api_body(fc, fc->call->request);
    const int64_t left_ms = fe_remaining_ms(fc, GONE_MS);
    (void)mesh_call(fc->loop->port,
                    MESH_SHARD(ROLE_MATCHING, rpc_matching_shard(slice_str(fc->ns->id),
                                                                 slice_str(req->task_queue))),
                    METHOD_MATCHING_WORKER_GONE, &body, 1, left_ms > 0 ? left_ms : 1, polls_ended,
                    fc);
    return ERR_OK;
}
