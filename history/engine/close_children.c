/* close_children.c - a run with a parent or with children ends: who is told.
 *
 * Spec: the parent learns of the end of the chain of runs, not of a run that continues as another;
 * the children learn of the end of each run. A child whose start is asked for in the step that ends
 * the run never starts; one whose start is under way is dealt with when it has started. */
#include "history/engine/child_int.h"

#include "common/proto/wire.h"
#include "history/engine/reset.h"

static char identity[] = ENGINE_IDENTITY;
static char reason[] = "by parent close policy";

static api_common_workflow_execution *execution(struct transition *t, struct slice workflow_id)
{
    api_common_workflow_execution *out =
        engine_message(t->arena, &api_common_workflow_execution__desc);

    out->workflow_id = transition_str(t, workflow_id);
    return out;
}

static struct slice cancel_request(struct transition *t, const struct child *child,
                                   struct slice first_run_id)
{
    api_request_cancel_workflow_execution_request *request =
        engine_message(t->arena, &api_request_cancel_workflow_execution_request__desc);

    request->namespace_ = transition_str(t, bytes_slice(child->namespace_name));
    request->workflow_execution = execution(t, bytes_slice(child->workflow_id));
    request->identity = identity;
    request->first_execution_run_id = transition_str(t, first_run_id);
    return transition_pack(t, request);
}

static struct slice terminate_request(struct transition *t, const struct child *child,
                                      struct slice first_run_id)
{
    api_terminate_workflow_execution_request *request =
        engine_message(t->arena, &api_terminate_workflow_execution_request__desc);

    request->namespace_ = transition_str(t, bytes_slice(child->namespace_name));
    request->workflow_execution = execution(t, bytes_slice(child->workflow_id));
    request->reason = reason;
    request->identity = identity;
    request->first_execution_run_id = transition_str(t, first_run_id);
    return transition_pack(t, request);
}

void run_close_child(struct transition *t, const struct child *child, struct slice first_run_id)
{
    struct rpc_effect effect = effect_of_run(t, EFFECT_PARENT_CLOSED, child->initiated_event_id);

    if (child->parent_close_policy == PARENT_CLOSE_POLICY_TERMINATE)
        effect.payload = terminate_request(t, child, first_run_id);
    else if (child->parent_close_policy == PARENT_CLOSE_POLICY_REQUEST_CANCEL)
        effect.payload = cancel_request(t, child, first_run_id);
    else
        return;
    effect.cancel = child->parent_close_policy == PARENT_CLOSE_POLICY_REQUEST_CANCEL;
    effect.target_namespace_id = arena_copy(t->arena, bytes_slice(child->namespace_id));
    effect.target_namespace = arena_copy(t->arena, bytes_slice(child->namespace_name));
    effect.target_workflow_id = arena_copy(t->arena, bytes_slice(child->workflow_id));
    (void)transition_outgoing_add(t, &effect);
}

/* What is asked of others in the very step that ends the run is never asked. */
static bool take_back(struct transition *t, uint64_t row_seq)
{
    for (size_t i = 0; row_seq != 0 && i < t->outgoing_count; i++)
        if (t->outgoing[i].add && t->outgoing[i].row_seq == row_seq) {
            transition_outgoing_drop(t, t->outgoing[i].target_tablet, row_seq);
            return true;
        }
    return false;
}

static void close_children(struct transition *t)
{
    for (struct map_node *it = map_next(&t->run->children, NULL); it;
         it = map_next(&t->run->children, it)) {
        struct child *child = CONTAINER_OF(it, struct child, node);

        if (child->started) {
            run_close_child(t, child, bytes_slice(child->run_id));
        } else if (take_back(t, child->row_seq)) {
            child->row_seq = 0;
            run_child_changed(t->run, child);
        }
    }
}

static void drop_externals(struct transition *t)
{
    for (struct map_node *it = map_next(&t->run->externals, NULL), *next; it; it = next) {
        struct external *external = CONTAINER_OF(it, struct external, node);

        next = map_next(&t->run->externals, it);
        (void)take_back(t, external->row_seq); /* a row of an earlier step dies with its answer */
        external_end(t, external);
    }
}

bool event_continues(const api_history_event *closing)
{
    switch ((int32_t)closing->event_type) {
    case EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
        return true;
    case EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
        return closing->workflow_execution_completed_event_attributes->new_execution_run_id[0];
    case EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
        return closing->workflow_execution_failed_event_attributes->new_execution_run_id[0];
    case EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
        return closing->workflow_execution_timed_out_event_attributes->new_execution_run_id[0];
    default:
        return false;
    }
}

static void tell_parent(struct transition *t)
{
    const struct run *run = t->run;

    if (run->parent_workflow_id.len == 0 || event_continues(t->last_event))
        return;
    struct rpc_effect effect =
        effect_of_run(t, EFFECT_CHILD_CLOSED, run->parent_initiated_event_id);
    effect.target_namespace_id = arena_copy(t->arena, run->parent_namespace_id);
    effect.target_namespace = arena_copy(t->arena, run->parent_namespace);
    effect.target_workflow_id = arena_copy(t->arena, run->parent_workflow_id);
    effect.target_run_id = arena_copy(t->arena, run->parent_run_id);
    effect.payload = transition_pack(t, t->last_event);
    (void)transition_outgoing_add(t, &effect);
}

/* Spec: the workflow goes on as the run of the reset, and its children with it. */
static bool ended_by_reset(const struct transition *t)
{
    const api_history_event *event = t->last_event;

    return event->event_type == EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED &&
           strcmp(event->workflow_execution_terminated_event_attributes->identity,
                  RESETTER_IDENTITY) == 0;
}

void run_close_relations(struct transition *t)
{
    const bool by_reset = ended_by_reset(t);

    if (!by_reset)
        tell_parent(t);
    if (!by_reset || !t->run->reset_run_id[0] || !t->limits->reset_with_pending_children)
        close_children(t);
    drop_externals(t);
}
