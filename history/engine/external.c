/* external.c - what comes from outside: signal, request to cancel, terminate. */
#include "history/engine/engine_int.h"

#include "common/proto/errdetail.h"
#include "common/proto/wire.h"

static enum err already_completed(struct transition *t)
{
    return errdetail_not_found(t->arena, t->detail, "workflow execution already completed");
}

static enum err check_first_run(struct transition *t, const char *first_run_id)
{
    if (first_run_id[0] && strcmp(first_run_id, t->run->first_run_id) != 0)
        return errdetail_not_found(t->arena, t->detail, "workflow execution not found");
    return ERR_OK;
}

static enum err check_signal(struct transition *t,
                             const api_signal_workflow_execution_request *request)
{
    const struct run *run = t->run;

    if (!run_is_open(run))
        return already_completed(t);
    if (request->input &&
        protobuf_c_message_get_packed_size(&request->input->base) > t->limits->blob_bytes_max)
        return err_fail(t->detail, ERR_INVALID, "Blob data size exceeds limit.");
    if (strlen(request->request_id) > t->limits->id_bytes_max)
        return err_fail(t->detail, ERR_INVALID, "RequestId length exceeds limit.");
    if (t->limits->signals_max > 0 && run->signal_count >= t->limits->signals_max)
        return err_fail(t->detail, ERR_INVALID,
                        "exceeded workflow execution limit for signal events");
    if (run->close_attempted && run->wft.state == WFT_STARTED)
        return errdetail_resource_exhausted(
            t->arena, t->detail, RESOURCE_EXHAUSTED_CAUSE_BUSY_WORKFLOW,
            RESOURCE_EXHAUSTED_SCOPE_NAMESPACE,
            "workflow operation can not be applied because workflow is closing");
    return ERR_OK;
}

static void signal_reply(struct transition *t, const char *request_id)
{
    api_signal_workflow_execution_response *reply =
        engine_message(t->arena, &api_signal_workflow_execution_response__desc);

    reply->link = engine_link_to_request(t, request_id, EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED);
    t->reply = transition_pack(t, reply);
}

enum err run_signal(struct transition *t, const api_signal_workflow_execution_request *request,
                    api_common_workflow_execution *source)
{
    struct run *run = t->run;
    const struct slice request_id = slice_str(request->request_id);
    api_history_event *event;

    signal_reply(t, request->request_id);
    if (request_id.len > 0 && map_get(&run->signal_request_ids, request_id))
        return ERR_OK;
    const enum err err = check_signal(t, request);
    if (err != ERR_OK)
        return err;

    /* Spec: the reference looks at what is written before the signal, which counts with a task. */
    if (run_meets_limits_by(t, 1))
        return ERR_OK;

    if (request_id.len > 0 && !source) /* of another execution: the shard keeps its outcome */
        run_signal_request_add(run, request_id, t->now_ns, true);
    api_workflow_execution_signaled_event_attributes *a =
        engine_event(t, EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED, &event);
    a->signal_name = request->signal_name;
    a->input = request->input;
    a->identity = request->identity;
    a->header = request->header;
    a->request_id = request->request_id;
    a->external_workflow_execution = source;
    event->n_links = request->n_links;
    event->links = request->links;
    transition_event_or_buffer(t, event);
    run->signal_count++;
    if (run->first_task_due_ns == 0) /* a delayed start is not hastened */
        transition_need_workflow_task(t);
    (void)run_enforce_limits(t);
    return ERR_OK;
}

enum err engine_signal(struct transition *t, const api_signal_workflow_execution_request *request)
{
    return run_signal(t, request, NULL);
}

enum err engine_signal_at_once(struct transition *t,
                               const api_signal_workflow_execution_request *request)
{
    const int64_t before = t->run->signal_count;
    const enum err err = engine_signal(t, request);

    if (err == ERR_OK && t->run->signal_count != before)
        transition_need_workflow_task(t);
    return err;
}

enum err run_request_cancel(struct transition *t,
                            const api_request_cancel_workflow_execution_request *request,
                            api_common_workflow_execution *source, int64_t initiated_id)
{
    struct run *run = t->run;
    api_history_event *event;

    if (!run_is_open(run))
        return ERR_OK; /* what is to be canceled has ended: so be it */
    const enum err err = check_first_run(t, request->first_execution_run_id);
    if (err != ERR_OK)
        return err;
    if (run->cancel_requested || run_meets_limits_by(t, 1))
        return ERR_OK;

    api_workflow_execution_cancel_requested_event_attributes *a =
        engine_event(t, EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED, &event);
    a->cause = request->reason;
    a->identity = request->identity;
    a->external_workflow_execution = source;
    a->external_initiated_event_id = initiated_id;
    event->n_links = request->n_links;
    event->links = request->links;
    transition_event_or_buffer(t, event);
    run->cancel_requested = true;
    bytes_set(&run->cancel_request_id, slice_str(request->request_id));
    transition_need_workflow_task(t);
    return ERR_OK;
}

enum err engine_request_cancel(struct transition *t,
                               const api_request_cancel_workflow_execution_request *request)
{
    return run_request_cancel(t, request, NULL, 0);
}

enum err engine_terminate(struct transition *t,
                          const api_terminate_workflow_execution_request *request)
{
    if (!run_is_open(t->run))
        return already_completed(t);
    const enum err err = check_first_run(t, request->first_execution_run_id);
    if (err != ERR_OK)
        return err;
    run_terminate(t, request->reason[0] ? request->reason : "terminated by user via frontend",
                  request->details, request->identity[0] ? request->identity : "frontend-service",
                  request->n_links, request->links);
    return ERR_OK;
}

enum err engine_terminate_for_new_run(struct transition *t, const char *new_run_id)
{
    char *text = arena_printf(t->arena, "terminated by new runID: %s", new_run_id);

    if (!run_is_open(t->run))
        return already_completed(t);
    run_terminate(t, "TerminateIfRunning WorkflowIdReusePolicy",
                  engine_payloads_of_text(t->arena, text), ENGINE_IDENTITY, 0, NULL);
    return ERR_OK;
}

enum err engine_terminate_for_deletion(struct transition *t)
{
    if (!run_is_open(t->run))
        return already_completed(t);
    run_terminate(t, "Delete workflow execution", NULL, ENGINE_IDENTITY, 0, NULL);
    return ERR_OK;
}
