/* taskqueues.c - what matching knows of a task queue. */
#include "frontend/handlers.h"
#include "frontend/partition_name.h"
#include "frontend/validate.h"

struct slice fe_api_body(struct fe_call *fc, struct slice request)
{
    const struct rpc_api api = {.namespace_id = slice_str(fc->ns->id),
                                .namespace_name = slice_str(fc->ns->name),
                                .retention_s = fc->ns->retention_s,
                                .request = request};
    struct buf body;

    buf_init(&body, MESH_BODY_MAX);
    rpc_api_encode(&api, &body);
    must(buf_ok(&body));
    const struct slice copy = arena_copy(fc->arena, buf_slice(&body));
    buf_release(&body);
    return copy;
}

enum err fe_forward_matching(struct fe_call *fc, enum mesh_method method, uint32_t shard)
{
    return fe_forward(fc, &(struct fe_target){.to = MESH_SHARD(ROLE_MATCHING, shard),
                                              .method = method,
                                              .body = fe_api_body(fc, fc->call->request),
                                              .repeatable = true});
}

/* Send the request on to the matching owner of a queue. */
static enum err forward_to_queue(struct fe_call *fc, enum mesh_method method, const char *queue)
{
    return fe_forward_matching(fc, method,
                               rpc_matching_shard(slice_str(fc->ns->id), slice_str(queue)));
}

/* Spec: the legacy mode describes a partition, too. All that waits here is in the first one, which
 * is called as its queue; what has another name is a queue that nobody can poll. */
static enum err check_partition(struct fe_call *fc, const api_describe_task_queue_request *req)
{
    const api_task_queue *queue = req->task_queue;
    const bool is_sticky = queue && queue->kind == TASK_QUEUE_KIND_STICKY;
    struct slice base;
    bool is_first;
    enum err err = fe_check_partition(fc, queue);

    if (err == ERR_OK)
        err = partition_name_parse(slice_str(queue->name), &base, &is_first, &fc->detail);
    if (err != ERR_OK)
        return err;
    if (queue->normal_name[0] != '\0' && !is_sticky)
        return err_fail(&fc->detail, ERR_INVALID,
                        "only sticky queues can have normal name. tq: %.*s, normal name: %s",
                        (int)base.len, (const char *)base.ptr, queue->normal_name);
    if (req->report_stats && !is_first)
        return err_fail(&fc->detail, ERR_INVALID,
                        "DescribeTaskQueue stats are only supported for the root partition");
    return ERR_OK;
}

enum err fe_describe_task_queue(struct fe_call *fc)
{
    const api_describe_task_queue_request *req = fc->request;
    const enum err err = req->api_mode == DESCRIBE_TASK_QUEUE_MODE_UNSPECIFIED
                             ? check_partition(fc, req)
                             : fe_check_task_queue(fc, req->task_queue, false);

    if (err != ERR_OK)
        return err;
    if (req->api_mode == DESCRIBE_TASK_QUEUE_MODE_ENHANCED &&
        req->task_queue->kind == TASK_QUEUE_KIND_STICKY)
        return err_fail(&fc->detail, ERR_INVALID,
                        "Enhanced DescribeTaskQueue is not valid for a sticky queue, use "
                        "api_mode=UNSPECIFIED or a normal queue.");
    return forward_to_queue(fc, METHOD_MATCHING_DESCRIBE_TASK_QUEUE, req->task_queue->name);
}

enum err fe_list_task_queue_partitions(struct fe_call *fc)
{
    const api_list_task_queue_partitions_request *req = fc->request;
    const enum err err = fe_check_task_queue(fc, req->task_queue, false);

    if (err != ERR_OK)
        return err;
    return forward_to_queue(fc, METHOD_MATCHING_LIST_PARTITIONS, req->task_queue->name);
}
