/* polls.c - workers' long polls: handed to matching, which alone expires them; answered by history
 * with the task, or by matching with an empty message. */
#include "frontend/handlers.h"
#include "frontend/namespaces.h"
#include "frontend/validate.h"

/* As long as matching holds a poll, and the second that it keeps for its answer's way. */
static int64_t poll_ms(const struct fe_call *fc, const struct rpc_poll *poll)
{
    const struct dynconf_where where = {.namespace_name = poll->namespace_name,
                                        .task_queue = poll->task_queue,
                                        .task_type = poll->kind == TASK_ACTIVITY ? 2 : 1};

    return dynconf_duration_at(fc->fe->dynconf, DYNCONF_MATCHING_LONG_POLL, &where) / NS_PER_MS +
           1000;
}

/* Each registration is a poll of its own: a start for one that was given up must not be taken for
 * a start for its successor. */
static struct slice poll_body(struct fe_call *fc, void *arg)
{
    struct rpc_poll *poll = arg;
    struct buf body;

    poll->poll_id = rng_u64(&fc->loop->rng) | 1;
    buf_init(&body, MESH_BODY_MAX);
    rpc_poll_encode(poll, &body);
    must(buf_ok(&body)); /* the request is bounded well below it */
    const struct slice copy = arena_copy(fc->arena, buf_slice(&body));
    buf_release(&body);
    return copy;
}

static enum err forward_poll(struct fe_call *fc, enum rpc_task_kind kind,
                             const api_task_queue *queue, const char *identity)
{
    const bool sticky = queue->kind == TASK_QUEUE_KIND_STICKY;
    struct rpc_poll *poll = ARENA_NEW(fc->arena, struct rpc_poll);

    *poll = (struct rpc_poll){.kind = kind,
                              .namespace_id = slice_str(fc->ns->id),
                              .namespace_name = slice_str(fc->ns->name),
                              .task_queue = slice_str(queue->name),
                              .sticky = sticky,
                              .normal_queue = slice_str(sticky ? queue->normal_name : ""),
                              .identity = slice_str(identity),
                              .request = fc->call->request};
    const uint32_t shard = rpc_matching_shard(poll->namespace_id, poll->task_queue);
    return fe_forward(
        fc, &(struct fe_target){.to = MESH_SHARD(ROLE_MATCHING, shard),
                                .method = METHOD_MATCHING_POLL,
                                .body = poll_body(fc, poll),
                                .timeout_ms = poll_ms(fc, poll),
                                .repeatable = true,
                                .long_poll = true,
                                .answers_poll = true,
                                .shows = kind == TASK_WORKFLOW ? FE_SHOWN_TASK : FE_SHOWN_ALL,
                                .renew = poll_body,
                                .renew_arg = poll});
}

enum err fe_poll_workflow_task(struct fe_call *fc)
{
    const api_poll_workflow_task_queue_request *req = fc->request;
    enum err err = fe_check_long_poll(fc);

    if (err != ERR_OK || (err = fe_check_identity(fc, req->identity)) != ERR_OK ||
        (err = fe_check_task_queue(fc, req->task_queue, false)) != ERR_OK)
        return err;
    if (fe_is_bad_binary(fc, req->binary_checksum))
        return err_fail(&fc->detail, ERR_INVALID, "Binary %.200s already marked as bad deployment.",
                        req->binary_checksum);
    return forward_poll(fc, TASK_WORKFLOW, req->task_queue, req->identity);
}

enum err fe_poll_activity_task(struct fe_call *fc)
{
    const api_poll_activity_task_queue_request *req = fc->request;
    enum err err = fe_check_long_poll(fc);

    if (err != ERR_OK || (err = fe_check_identity(fc, req->identity)) != ERR_OK ||
        (err = fe_check_task_queue(fc, req->task_queue, false)) != ERR_OK)
        return err;
    return forward_poll(fc, TASK_ACTIVITY, req->task_queue, req->identity);
}
