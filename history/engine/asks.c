/* asks.c - what a run asks of other executions, made of the Initiated event that says it: by the
 * command that wrote the event, and again by a reset. */
#include "history/engine/child_int.h"

static char identity[] = ENGINE_IDENTITY;

static char *new_request_id(struct transition *t)
{
    char text[UUID_TEXT_LEN + 1];

    uuid_v7(t->rng, t->now_ns / NS_PER_MS, text);
    return transition_str(t, slice_str(text));
}

/* The namespace that an Initiated event names: the run's own where it names none. */
static void target(struct transition *t, struct rpc_effect *effect, const char *namespace_id,
                   const char *namespace_name, const api_common_workflow_execution *execution)
{
    const struct run *run = t->run;

    effect->target_namespace_id =
        arena_copy(t->arena, namespace_id[0] ? slice_str(namespace_id) : run->namespace_id);
    effect->target_namespace =
        arena_copy(t->arena, namespace_name[0] ? slice_str(namespace_name) : run->namespace_name);
    effect->target_workflow_id = arena_copy(t->arena, slice_str(execution->workflow_id));
    effect->target_run_id = arena_copy(t->arena, slice_str(execution->run_id));
}

uint64_t ask_signal(struct transition *t, int64_t initiated_id,
                    const api_signal_external_workflow_execution_initiated_event_attributes *a)
{
    struct rpc_effect effect = effect_of_run(t, EFFECT_SIGNAL, initiated_id);
    api_signal_workflow_execution_request *request =
        engine_message(t->arena, &api_signal_workflow_execution_request__desc);

    target(t, &effect, a->namespace_id, a->namespace_, a->workflow_execution);
    effect.child_only = a->child_workflow_only;
    request->namespace_ = transition_str(t, effect.target_namespace);
    request->workflow_execution = a->workflow_execution;
    request->signal_name = a->signal_name;
    request->input = a->input;
    request->identity = identity;
    request->request_id = new_request_id(t);
    request->control = a->control;
    request->header = a->header;
    effect.payload = transition_pack(t, request);
    return transition_outgoing_add(t, &effect);
}

uint64_t
ask_cancel(struct transition *t, int64_t initiated_id,
           const api_request_cancel_external_workflow_execution_initiated_event_attributes *a)
{
    struct rpc_effect effect = effect_of_run(t, EFFECT_CANCEL, initiated_id);
    api_request_cancel_workflow_execution_request *request =
        engine_message(t->arena, &api_request_cancel_workflow_execution_request__desc);

    target(t, &effect, a->namespace_id, a->namespace_, a->workflow_execution);
    effect.child_only = a->child_workflow_only;
    request->namespace_ = transition_str(t, effect.target_namespace);
    request->workflow_execution = a->workflow_execution;
    request->identity = identity;
    request->request_id = new_request_id(t);
    request->reason = a->reason;
    effect.payload = transition_pack(t, request);
    return transition_outgoing_add(t, &effect);
}

api_start_workflow_execution_request *
ask_start_request(struct transition *t,
                  const api_start_child_workflow_execution_initiated_event_attributes *a)
{
    api_start_workflow_execution_request *request =
        engine_message(t->arena, &api_start_workflow_execution_request__desc);

    request->workflow_id = a->workflow_id;
    request->workflow_type = a->workflow_type;
    request->task_queue = a->task_queue;
    request->input = a->input;
    request->header = a->header;
    request->workflow_execution_timeout = a->workflow_execution_timeout;
    request->workflow_run_timeout = a->workflow_run_timeout;
    request->workflow_task_timeout = a->workflow_task_timeout;
    request->workflow_id_reuse_policy = a->workflow_id_reuse_policy;
    request->workflow_id_conflict_policy = WORKFLOW_ID_CONFLICT_POLICY_FAIL;
    request->retry_policy = a->retry_policy;
    request->cron_schedule = a->cron_schedule;
    request->memo = a->memo;
    request->search_attributes = a->search_attributes;
    request->priority = child_priority(t, a->priority);
    request->versioning_override = a->versioning_override;
    return request;
}

uint64_t ask_start(struct transition *t, const struct child *child,
                   api_start_workflow_execution_request *request, struct slice heir_of)
{
    const struct run *run = t->run;
    struct rpc_effect effect = effect_of_run(t, EFFECT_START_CHILD, child->initiated_event_id);

    effect.target_namespace_id = arena_copy(t->arena, bytes_slice(child->namespace_id));
    effect.target_namespace = arena_copy(t->arena, bytes_slice(child->namespace_name));
    effect.target_workflow_id = arena_copy(t->arena, bytes_slice(child->workflow_id));
    effect.parent_close_policy = child->parent_close_policy;
    effect.heir_of = heir_of;
    const bool root = run->root_workflow_id.len == 0;
    effect.root_workflow_id =
        root ? effect.source_workflow_id : arena_copy(t->arena, run->root_workflow_id);
    effect.root_run_id = root ? effect.source_run_id : arena_copy(t->arena, run->root_run_id);
    request->namespace_ = transition_str(t, effect.target_namespace);
    request->request_id =
        arena_printf(t->arena, "%s:%lld:0", run->run_id, (long long)child->initiated_event_id);
    effect.payload = transition_pack(t, request);
    return transition_outgoing_add(t, &effect);
}
