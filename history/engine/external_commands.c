/* external_commands.c - what a workflow commands: signal another execution, ask it to cancel.
 *
 * Spec: texts, order of checks and defaults of the reference server. */
#include "history/engine/child_int.h"

static bool valid_run_id(const char *run_id)
{
    uint8_t uuid[16];

    return !run_id[0] || uuid_parse(slice_str(run_id), uuid);
}

static enum err check_pending(struct transition *t, struct command_context *ctx,
                              enum external_kind kind)
{
    const bool signal = kind == EXTERNAL_SIGNAL;
    const uint32_t count = run_external_count(t->run, kind);
    const uint32_t max =
        signal ? t->limits->pending_signals_max : t->limits->pending_cancel_requests_max;

    if (count < max)
        return ERR_OK;
    return command_bad(t, ctx,
                       signal ? WORKFLOW_TASK_FAILED_CAUSE_PENDING_SIGNALS_LIMIT_EXCEEDED
                              : WORKFLOW_TASK_FAILED_CAUSE_PENDING_REQUEST_CANCEL_LIMIT_EXCEEDED,
                       "the number of pending %s, %u, has reached the per-workflow limit of %u",
                       signal ? "signals to external workflows"
                              : "requests to cancel external workflows",
                       count, max);
}

/* The Initiated event is written, the request is on its way: keep the item. */
static void keep_item(struct transition *t, enum external_kind kind, int64_t initiated_id,
                      uint64_t row_seq)
{
    struct external *external = external_new(initiated_id, kind);

    external->row_seq = row_seq;
    run_external_put(t->run, external);
    run_external_changed(t->run, external);
}

static api_common_workflow_execution *execution(struct transition *t, char *workflow_id,
                                                char *run_id)
{
    api_common_workflow_execution *out =
        engine_message(t->arena, &api_common_workflow_execution__desc);

    out->workflow_id = workflow_id;
    out->run_id = run_id;
    return out;
}

/* -- signal ---------------------------------------------------------------------------------- */

static const char *check_signal(struct transition *t,
                                const api_signal_external_workflow_execution_command_attributes *in)
{
    const char *id = in->execution->workflow_id, *run_id = in->execution->run_id;
    const size_t max = t->limits->id_bytes_max;

    if (!id[0])
        return arena_printf(t->arena,
                            "WorkflowId is not set on SignalExternalWorkflowExecutionCommand. "
                            "Namespace=%s RunId=%s SignalName=%s",
                            in->namespace_, run_id, in->signal_name);
    if (strlen(id) > max)
        return arena_printf(t->arena,
                            "WorkflowId on SignalExternalWorkflowExecutionCommand exceeds length "
                            "limit. WorkflowId=%s Length=%zu Limit=%zu Namespace=%s RunId=%s "
                            "SignalName=%s",
                            id, strlen(id), max, in->namespace_, run_id, in->signal_name);
    if (!valid_run_id(run_id))
        return arena_printf(t->arena,
                            "Invalid RunId set on SignalExternalWorkflowExecutionCommand. "
                            "WorkflowId=%s Namespace=%s RunId=%s SignalName=%s",
                            id, in->namespace_, run_id, in->signal_name);
    if (!in->signal_name[0])
        return arena_printf(t->arena,
                            "SignalName is not set on SignalExternalWorkflowExecutionCommand. "
                            "WorkflowId=%s Namespace=%s RunId=%s",
                            id, in->namespace_, run_id);
    return NULL;
}

static void send_signal(struct transition *t, const struct command_context *ctx,
                        const api_signal_external_workflow_execution_command_attributes *in,
                        struct slice namespace_id)
{
    api_history_event *event;
    api_signal_external_workflow_execution_initiated_event_attributes *a =
        engine_event(t, EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED, &event);

    a->workflow_task_completed_event_id = ctx->completed_event_id;
    a->namespace_ = in->namespace_;
    a->namespace_id = transition_str(t, namespace_id);
    a->workflow_execution = execution(t, in->execution->workflow_id, in->execution->run_id);
    a->signal_name = in->signal_name;
    a->input = in->input;
    a->control = in->control;
    a->child_workflow_only = in->child_workflow_only;
    a->header = in->header;
    const int64_t initiated_id = transition_event(t, event);
    keep_item(t, EXTERNAL_SIGNAL, initiated_id, ask_signal(t, initiated_id, a));
}

enum err command_signal_external(struct transition *t, struct command_context *ctx,
                                 const api_command *command)
{
    const int32_t bad = WORKFLOW_TASK_FAILED_CAUSE_BAD_SIGNAL_WORKFLOW_EXECUTION_ATTRIBUTES;
    const api_signal_external_workflow_execution_command_attributes *in =
        command->signal_external_workflow_execution_command_attributes;
    struct slice namespace_id, namespace_name;

    if (!in)
        return command_bad(t, ctx, bad,
                           "SignalExternalWorkflowExecutionCommandAttributes is not set on "
                           "SignalExternalWorkflowExecutionCommand.");
    enum err err = command_namespace(t, in->namespace_, &namespace_id, &namespace_name);
    if (err != ERR_OK)
        return err;
    if (!in->execution)
        return command_bad(t, ctx, bad,
                           "Execution is not set on SignalExternalWorkflowExecutionCommand.");
    const char *fault = check_cross_namespace(t, namespace_id);
    if (!fault)
        fault = check_signal(t, in);
    if (fault)
        return command_bad(t, ctx, bad, "%s", fault);
    err = check_pending(t, ctx, EXTERNAL_SIGNAL);
    if (err != ERR_OK)
        return err;
    if (in->input &&
        protobuf_c_message_get_packed_size(&in->input->base) > t->limits->blob_bytes_max)
        return command_too_large(
            t, ctx, bad,
            "SignalExternalWorkflowExecutionCommandAttributes.Input exceeds size limit.");

    send_signal(t, ctx, in, namespace_id);
    return ERR_OK;
}

/* -- request to cancel ----------------------------------------------------------------------- */

static bool started_in_this_task(const struct run *run, const struct command_context *ctx,
                                 struct slice workflow_id)
{
    for (struct map_node *it = map_next(&run->children, NULL); it;
         it = map_next(&run->children, it)) {
        const struct child *child = CONTAINER_OF(it, struct child, node);

        if (child->initiated_event_id > ctx->completed_event_id &&
            slice_eq(bytes_slice(child->workflow_id), workflow_id))
            return true;
    }
    return false;
}

static const char *
check_cancel(struct transition *t, const struct command_context *ctx,
             const api_request_cancel_external_workflow_execution_command_attributes *in)
{
    const size_t max = t->limits->id_bytes_max;

    if (!in->workflow_id[0])
        return arena_printf(t->arena,
                            "WorkflowId is not set on RequestCancelExternalWorkflowExecution"
                            "Command. Namespace=%s RunId=%s",
                            in->namespace_, in->run_id);
    if (strlen(in->workflow_id) > max)
        return arena_printf(t->arena,
                            "WorkflowId on RequestCancelExternalWorkflowExecutionCommand exceeds "
                            "length limit. WorkflowId=%s Length=%zu Limit=%zu RunId=%s "
                            "Namespace=%s",
                            in->workflow_id, strlen(in->workflow_id), max, in->run_id,
                            in->namespace_);
    if (!valid_run_id(in->run_id))
        return arena_printf(t->arena,
                            "Invalid RunId set on RequestCancelExternalWorkflowExecutionCommand. "
                            "WorkflowId=%s RunId=%s Namespace=%s",
                            in->workflow_id, in->run_id, in->namespace_);
    if (started_in_this_task(t->run, ctx, slice_str(in->workflow_id)))
        return arena_printf(t->arena,
                            "Start and RequestCancel for child workflow is not allowed in same "
                            "workflow task. WorkflowId=%s RunId=%s Namespace=%s",
                            in->workflow_id, in->run_id, in->namespace_);
    return NULL;
}

static void send_cancel(struct transition *t, const struct command_context *ctx,
                        const api_request_cancel_external_workflow_execution_command_attributes *in,
                        struct slice namespace_id)
{
    api_history_event *event;
    api_request_cancel_external_workflow_execution_initiated_event_attributes *a =
        engine_event(t, EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED, &event);

    a->workflow_task_completed_event_id = ctx->completed_event_id;
    a->namespace_ = in->namespace_;
    a->namespace_id = transition_str(t, namespace_id);
    a->workflow_execution = execution(t, in->workflow_id, in->run_id);
    a->control = in->control;
    a->child_workflow_only = in->child_workflow_only;
    a->reason = in->reason;
    const int64_t initiated_id = transition_event(t, event);
    keep_item(t, EXTERNAL_CANCEL, initiated_id, ask_cancel(t, initiated_id, a));
}

enum err command_request_cancel_external(struct transition *t, struct command_context *ctx,
                                         const api_command *command)
{
    const int32_t bad =
        WORKFLOW_TASK_FAILED_CAUSE_BAD_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_ATTRIBUTES;
    const api_request_cancel_external_workflow_execution_command_attributes *in =
        command->request_cancel_external_workflow_execution_command_attributes;
    struct slice namespace_id, namespace_name;

    if (!in)
        return command_bad(t, ctx, bad,
                           "RequestCancelExternalWorkflowExecutionCommandAttributes is not set on "
                           "RequestCancelExternalWorkflowExecutionCommand.");
    enum err err = command_namespace(t, in->namespace_, &namespace_id, &namespace_name);
    if (err != ERR_OK)
        return err;
    const char *fault = check_cross_namespace(t, namespace_id);
    if (!fault)
        fault = check_cancel(t, ctx, in);
    if (fault)
        return command_bad(t, ctx, bad, "%s", fault);
    err = check_pending(t, ctx, EXTERNAL_CANCEL);
    if (err != ERR_OK)
        return err;

    send_cancel(t, ctx, in, namespace_id);
    return ERR_OK;
}
