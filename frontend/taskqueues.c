/* taskqueues.c - what matching knows of a task queue. */
#include "frontend/handlers.h"
#include "frontend/validate.h"

enum err fe_describe_task_queue(struct fe_call *fc)
{
    const api_describe_task_queue_request *req = fc->request;
    const enum err err = fe_check_task_queue(fc, req->task_queue, false);
    struct buf body;

    if (err != ERR_OK)
        return err;
    if (req->api_mode == DESCRIBE_TASK_QUEUE_MODE_ENHANCED &&
        req->task_queue->kind == TASK_QUEUE_KIND_STICKY)
        return err_fail(&fc->detail, ERR_INVALID,
                        "Enhanced DescribeTaskQueue is not valid for a sticky queue, use "
                        "api_mode=UNSPECIFIED or a normal queue.");
    const struct rpc_api api = {.namespace_id = slice_str(fc->ns->id),
                                .namespace_name = slice_str(fc->ns->name),
                                .retention_s = fc->ns->retention_s,
                                .request = fc->call->request};
    buf_init(&body, MESH_BODY_MAX);
    rpc_api_encode(&api, &body);
    must(buf_ok(&body));
    const struct slice copy = arena_copy(fc->arena, buf_slice(&body));
    buf_release(&body);

    const uint32_t shard = rpc_matching_shard(api.namespace_id, slice_str(req->task_queue->name));
    return fe_forward(fc, &(struct fe_target){.to = MESH_SHARD(ROLE_MATCHING, shard),
                                              .method = METHOD_MATCHING_DESCRIBE_TASK_QUEUE,
                                              .body = copy,
                                              .repeatable = true});
}
