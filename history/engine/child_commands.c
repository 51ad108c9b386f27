/* child_commands.c - what a workflow commands: start a child workflow.
 *
 * Spec: texts, order of checks and defaults of the reference server. */
#include "common/cron/cron.h"
#include "common/proto/errdetail.h"
#include "common/proto/search_attributes.h"
#include "common/proto/wire.h"
#include "history/engine/attributes.h"
#include "history/engine/child_int.h"
#include "history/engine/command_checks.h"

static const int64_t TASK_TIMEOUT_MAX_NS = 120 * NS_PER_S;

struct starting {
    const api_start_child_workflow_execution_command_attributes *in;
    struct slice namespace_id, namespace_name;
    const char *ns;   /* as the texts show it */
    const char *type; /* "": not set */
    int64_t execution_ns, run_ns, task_ns;
    api_retry_policy *retry_policy;
    api_task_queue *task_queue;
};

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

struct rpc_effect effect_of_run(struct transition *t, enum rpc_effect_kind kind,
                                int64_t initiated_event_id)
{
    const struct run *run = t->run;

    return (struct rpc_effect){
        .kind = kind,
        .source_namespace_id = arena_copy(t->arena, run->namespace_id),
        .source_namespace = arena_copy(t->arena, run->namespace_name),
        .source_workflow_id = arena_copy(t->arena, run->workflow_id),
        .source_run_id = arena_copy(t->arena, slice_str(run->run_id)),
        .initiated_event_id = initiated_event_id,
    };
}

enum err command_namespace(struct transition *t, const char *name, struct slice *id,
                           struct slice *full_name)
{
    const struct run *run = t->run;

    *id = arena_copy(t->arena, run->namespace_id);
    *full_name = arena_copy(t->arena, run->namespace_name);
    if (!name[0] || slice_eq(slice_str(name), run->namespace_name))
        return ERR_OK;
    *full_name = slice_str(name);
    if (t->namespaces) {
        const enum err err = t->namespaces->id_of(t->namespaces->arg, *full_name, t->arena, id);
        if (err != ERR_NOT_FOUND)
            return err;
    }
    return errdetail_namespace_not_found(t->arena, t->detail, name);
}

const char *check_cross_namespace(const struct transition *t, struct slice target_namespace_id)
{
    if (slice_eq(t->run->namespace_id, target_namespace_id) || t->limits->cross_namespace_commands)
        return NULL;
    return "cross namespace commands are not allowed";
}

static const char *check_names(struct transition *t, const struct starting *s)
{
    const size_t max = t->limits->id_bytes_max, id_len = strlen(s->in->workflow_id);
    struct arena *arena = t->arena;

    if (id_len == 0)
        return arena_printf(arena,
                            "Required field WorkflowId is not set on StartChildWorkflowExecution"
                            "Command. WorkflowType=%s Namespace=%s",
                            s->type, s->ns);
    if (!s->type[0])
        return arena_printf(arena,
                            "Required field WorkflowType is not set on StartChildWorkflowExecution"
                            "Command. WorkflowId=%s Namespace=%s",
                            s->in->workflow_id, s->ns);
    if (id_len > max)
        return arena_printf(arena,
                            "WorkflowId on StartChildWorkflowExecutionCommand exceeds length "
                            "limit. WorkflowId=%s Length=%zu Limit=%zu WorkflowType=%s "
                            "Namespace=%s",
                            s->in->workflow_id, id_len, max, s->type, s->ns);
    if (strlen(s->type) > max)
        return arena_printf(arena,
                            "WorkflowType on StartChildWorkflowExecutionCommand exceeds length "
                            "limit. WorkflowId=%s WorkflowType=%s Length=%zu Limit=%zu "
                            "Namespace=%s",
                            s->in->workflow_id, s->type, strlen(s->type), max, s->ns);
    return NULL;
}

static const char *check_times(struct transition *t, struct starting *s)
{
    const struct {
        const pb_duration *span;
        int64_t *ns;
        const char *name;
    } spans[] = {
        {s->in->workflow_execution_timeout, &s->execution_ns, "WorkflowExecutionTimeout"},
        {s->in->workflow_run_timeout, &s->run_ns, "WorkflowRunTimeout"},
        {s->in->workflow_task_timeout, &s->task_ns, "WorkflowTaskTimeout"},
    };

    for (size_t i = 0; i < COUNT_OF(spans); i++) {
        const char *bad = check_duration(spans[i].span, spans[i].ns);
        if (bad)
            return arena_printf(t->arena,
                                "Invalid %s on StartChildWorkflowExecutionCommand: %s. "
                                "WorkflowId=%s WorkflowType=%s Namespace=%s",
                                spans[i].name, bad, s->in->workflow_id, s->type, s->ns);
    }
    if (s->execution_ns > 0)
        s->run_ns = s->run_ns > 0 ? lesser(s->run_ns, s->execution_ns) : s->execution_ns;
    if (s->task_ns == 0)
        s->task_ns = t->limits->task_timeout_ns;
    s->task_ns = lesser(s->task_ns, TASK_TIMEOUT_MAX_NS);
    if (s->run_ns > 0)
        s->task_ns = lesser(s->task_ns, s->run_ns);
    return NULL;
}

static const char *check_cron(struct transition *t, const struct starting *s)
{
    const char *bad = cron_fault(slice_str(s->in->cron_schedule), t->now_ns);

    return bad ? arena_printf(t->arena,
                              "invalid CronSchedule on StartChildWorkflowExecutionCommand: %s. "
                              "WorkflowId=%s WorkflowType=%s Namespace=%s",
                              bad, s->in->workflow_id, s->type, s->ns)
               : NULL;
}

static const char *check_retry(struct transition *t, struct starting *s)
{
    if (!s->in->retry_policy)
        return NULL;
    s->retry_policy =
        retry_policy_with_defaults(t->arena, s->in->retry_policy, &t->limits->workflow_retry);
    const char *bad = check_retry_policy(t->arena, s->retry_policy);
    return bad ? arena_printf(t->arena,
                              "invalid WorkflowRetryPolicy on StartChildWorkflowExecutionCommand: "
                              "%s. WorkflowId=%s WorkflowType=%s Namespace=%s",
                              bad, s->in->workflow_id, s->type, s->ns)
               : NULL;
}

static const char *check_queue(struct transition *t, struct starting *s)
{
    s->task_queue = engine_message(t->arena, &api_task_queue__desc);
    if (s->in->task_queue)
        *s->task_queue = *s->in->task_queue;
    if (!s->task_queue->name[0])
        s->task_queue->name = arena_str(t->arena, t->run->task_queue);
    if (s->task_queue->kind == TASK_QUEUE_KIND_UNSPECIFIED)
        s->task_queue->kind = TASK_QUEUE_KIND_NORMAL;
    const char *bad =
        check_task_queue(t->arena, s->task_queue, t->run->task_queue, t->limits->id_bytes_max);
    return bad ? arena_printf(t->arena,
                              "invalid TaskQueue on StartChildWorkflowExecutionCommand: %s. "
                              "WorkflowId=%s WorkflowType=%s Namespace=%s "
                              "TaskQueue=name:\"%s\" kind:%s",
                              bad, s->in->workflow_id, s->type, s->ns, s->task_queue->name,
                              s->task_queue->kind == TASK_QUEUE_KIND_STICKY
                                  ? "TASK_QUEUE_KIND_STICKY"
                                  : "TASK_QUEUE_KIND_NORMAL")
               : NULL;
}

static enum err check_sizes(struct transition *t, struct command_context *ctx,
                            const api_start_child_workflow_execution_command_attributes *in)
{
    const int32_t bad = WORKFLOW_TASK_FAILED_CAUSE_BAD_START_CHILD_EXECUTION_ATTRIBUTES;

    if (in->input &&
        protobuf_c_message_get_packed_size(&in->input->base) > t->limits->blob_bytes_max)
        return command_too_large(
            t, ctx, bad, "StartChildWorkflowExecutionCommandAttributes. Input exceeds size limit.");
    if (in->memo && protobuf_c_message_get_packed_size(&in->memo->base) > t->limits->memo_bytes_max)
        return command_too_large(
            t, ctx, bad, "StartChildWorkflowExecutionCommandAttributes.Memo exceeds size limit.");
    const enum err err = command_search_sizes(t, ctx, bad, in->search_attributes);
    if (err != ERR_OK)
        return err;
    if (t->run->children.count >= t->limits->pending_children_max)
        return command_bad(t, ctx,
                           WORKFLOW_TASK_FAILED_CAUSE_PENDING_CHILD_WORKFLOWS_LIMIT_EXCEEDED,
                           "the number of pending child workflow executions, %zu, has reached the "
                           "per-workflow limit of %u",
                           t->run->children.count, t->limits->pending_children_max);
    return ERR_OK;
}

static enum err check(struct transition *t, struct command_context *ctx, struct starting *s)
{
    const int32_t bad = WORKFLOW_TASK_FAILED_CAUSE_BAD_START_CHILD_EXECUTION_ATTRIBUTES;
    const char *fault = check_cross_namespace(t, s->namespace_id);

    if (!fault)
        fault = check_names(t, s);
    if (!fault)
        fault = check_times(t, s);
    if (!fault)
        fault = check_retry(t, s);
    if (!fault)
        fault = check_cron(t, s);
    if (fault)
        return command_bad(t, ctx, bad, "%s", fault);
    fault = search_attributes_unknown(t->arena, transition_search(t), s->namespace_name,
                                      s->in->search_attributes);
    if (fault)
        return command_bad(t, ctx, WORKFLOW_TASK_FAILED_CAUSE_BAD_SEARCH_ATTRIBUTES, "%s", fault);
    fault = search_attributes_fault(t->arena, transition_search(t), s->namespace_name,
                                    s->in->search_attributes, t->limits->search_attributes_max);
    if (fault)
        return command_bad(t, ctx, WORKFLOW_TASK_FAILED_CAUSE_BAD_SEARCH_ATTRIBUTES,
                           "invalid SearchAttributes on StartChildWorkflowCommand: %s. "
                           "WorkflowId=%s WorkflowType=%s Namespace=%s",
                           fault, s->in->workflow_id, s->type, s->ns);
    fault = check_priority(s->in->priority);
    if (fault) /* Spec: here it stands without the words before it */
        return command_bad(t, ctx, bad, "%s", fault + strlen("invalid priorities: "));
    fault = check_queue(t, s);
    if (!fault && s->in->inherit_build_id &&
        !slice_eq(slice_str(s->task_queue->name), t->run->task_queue))
        fault = "StartChildWorkflowExecution with UseCompatibleVersion cannot run on different "
                "task queue.";
    if (fault)
        return command_bad(t, ctx, bad, "%s", fault);
    return check_sizes(t, ctx, s->in);
}

static int32_t close_policy(const api_start_child_workflow_execution_command_attributes *in)
{
    return in->parent_close_policy == PARENT_CLOSE_POLICY_UNSPECIFIED
               ? PARENT_CLOSE_POLICY_TERMINATE
               : (int32_t)in->parent_close_policy;
}

static api_start_child_workflow_execution_initiated_event_attributes *
initiated(struct transition *t, const struct command_context *ctx, const struct starting *s,
          int32_t reuse, api_history_event **event)
{
    const api_start_child_workflow_execution_command_attributes *in = s->in;
    api_start_child_workflow_execution_initiated_event_attributes *a =
        engine_event(t, EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED, event);

    a->namespace_ = transition_str(t, s->namespace_name);
    a->namespace_id = transition_str(t, s->namespace_id);
    a->workflow_id = in->workflow_id;
    a->workflow_type = in->workflow_type;
    a->task_queue = s->task_queue;
    a->input = in->input;
    a->header = in->header;
    if (in->workflow_execution_timeout)
        a->workflow_execution_timeout = transition_duration(t, s->execution_ns);
    a->workflow_run_timeout = transition_duration(t, s->run_ns);
    a->workflow_task_timeout = transition_duration(t, s->task_ns);
    a->parent_close_policy = (Temporal__Api__Enums__V1__ParentClosePolicy)close_policy(in);
    a->control = in->control;
    a->workflow_task_completed_event_id = ctx->completed_event_id;
    a->workflow_id_reuse_policy = (Temporal__Api__Enums__V1__WorkflowIdReusePolicy)reuse;
    a->retry_policy = s->retry_policy;
    a->cron_schedule = in->cron_schedule;
    a->memo = memo_without_nil(t->arena, in->memo);
    a->search_attributes =
        attributes_typed(t->arena, (struct attributes_of){transition_search(t), s->namespace_name},
                         in->search_attributes, false);
    a->inherit_build_id = in->inherit_build_id;
    a->priority = in->priority;
    return a;
}

api_priority *child_priority(struct transition *t, const api_priority *given)
{
    api_priority *merged;

    if (t->run->priority.len == 0) {
        if (!given)
            return NULL;
        merged = engine_message(t->arena, &api_priority__desc);
        *merged = *given;
        return merged;
    }
    merged = engine_decode(t->arena, &api_priority__desc, bytes_slice(t->run->priority));
    must(merged != NULL);
    if (!given)
        return merged;
    if (given->priority_key != 0)
        merged->priority_key = given->priority_key;
    if (given->fairness_key[0])
        merged->fairness_key = given->fairness_key;
    if (given->fairness_weight > 0 || given->fairness_weight < 0)
        merged->fairness_weight = given->fairness_weight;
    return merged;
}

enum err command_start_child(struct transition *t, struct command_context *ctx,
                             const api_command *command)
{
    const int32_t bad = WORKFLOW_TASK_FAILED_CAUSE_BAD_START_CHILD_EXECUTION_ATTRIBUTES;
    struct starting s = {.in = command->start_child_workflow_execution_command_attributes};
    enum err err;

    if (!s.in)
        return command_bad(t, ctx, bad,
                           "StartChildWorkflowExecutionCommandAttributes is not set on "
                           "StartChildWorkflowExecutionCommand.");
    err = command_namespace(t, s.in->namespace_, &s.namespace_id, &s.namespace_name);
    if (err != ERR_OK)
        return err;
    s.ns = transition_str(t, s.namespace_name);
    s.type = s.in->workflow_type ? s.in->workflow_type->name : "";
    err = check(t, ctx, &s);
    if (err != ERR_OK)
        return err;
    const int32_t reuse = s.in->workflow_id_reuse_policy == WORKFLOW_ID_REUSE_POLICY_UNSPECIFIED
                              ? WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
                              : (int32_t)s.in->workflow_id_reuse_policy;
    api_history_event *event;
    const api_start_child_workflow_execution_initiated_event_attributes *a =
        initiated(t, ctx, &s, reuse, &event);
    api_start_workflow_execution_request *request = ask_start_request(t, a);
    request->memo = s.in->memo; /* the event has no empty values, and types */
    request->search_attributes = s.in->search_attributes;
    request->versioning_override = s.in->versioning_override;
    request->user_metadata = command->user_metadata;
    struct child *child = child_new(transition_event(t, event));
    bytes_set(&child->namespace_id, s.namespace_id);
    bytes_set(&child->namespace_name, s.namespace_name);
    bytes_set(&child->workflow_id, slice_str(s.in->workflow_id));
    bytes_set(&child->workflow_type, slice_str(s.type));
    bytes_set(&child->control, slice_str(s.in->control));
    child->parent_close_policy = (int32_t)a->parent_close_policy;
    child->row_seq = ask_start(t, child, request, SLICE_EMPTY);
    run_child_put(t->run, child);
    run_child_changed(t->run, child);
    return ERR_OK;
}
