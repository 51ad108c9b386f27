/* reset_relations.c - a reset run and other executions: children that go on with it, what is asked
 * of others once more, and what was learned of children since the fork. */
#include "history/engine/reset_int.h"

#include "common/proto/wire.h"
#include "history/engine/branches.h"
#include "history/engine/child_int.h"

#include <stdlib.h>

/* -- what is asked again --------------------------------------------------------------------- */

static api_history_event *initiated_event(struct transition *t, const struct rebuilding *rebuilding,
                                          int64_t event_id)
{
    const struct slice bytes = rebuild_initiated(rebuilding, event_id);
    api_history_event *event =
        bytes.len ? engine_decode(t->arena, &api_history_event__desc, bytes) : NULL;

    return event && engine_event_attributes(event) ? event : NULL;
}

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
    effect->target_workflow_id = slice_str(execution->workflow_id);
    effect->target_run_id = slice_str(execution->run_id);
}

static char identity[] = ENGINE_IDENTITY;

static bool signal_again(struct transition *t, const api_history_event *event,
                         struct rpc_effect *effect)
{
    const api_signal_external_workflow_execution_initiated_event_attributes *a =
        event->signal_external_workflow_execution_initiated_event_attributes;
    api_signal_workflow_execution_request *request =
        engine_message(t->arena, &api_signal_workflow_execution_request__desc);

    if (!a->workflow_execution)
        return false;
    target(t, effect, a->namespace_id, a->namespace_, a->workflow_execution);
    effect->child_only = a->child_workflow_only;
    request->namespace_ = transition_str(t, effect->target_namespace);
    request->workflow_execution = a->workflow_execution;
    request->signal_name = a->signal_name;
    request->input = a->input;
    request->identity = identity;
    request->request_id = new_request_id(t);
    request->control = a->control;
    request->header = a->header;
    effect->payload = transition_pack(t, request);
    return true;
}

static bool cancel_again(struct transition *t, const api_history_event *event,
                         struct rpc_effect *effect)
{
    const api_request_cancel_external_workflow_execution_initiated_event_attributes *a =
        event->request_cancel_external_workflow_execution_initiated_event_attributes;
    api_request_cancel_workflow_execution_request *request =
        engine_message(t->arena, &api_request_cancel_workflow_execution_request__desc);

    if (!a->workflow_execution)
        return false;
    target(t, effect, a->namespace_id, a->namespace_, a->workflow_execution);
    effect->child_only = a->child_workflow_only;
    request->namespace_ = transition_str(t, effect->target_namespace);
    request->workflow_execution = a->workflow_execution;
    request->identity = identity;
    request->request_id = new_request_id(t);
    request->reason = a->reason;
    effect->payload = transition_pack(t, request);
    return true;
}

enum err reset_externals(struct transition *t, const struct rebuilding *rebuilding)
{
    for (struct map_node *it = map_next(&t->run->externals, NULL); it;
         it = map_next(&t->run->externals, it)) {
        struct external *external = CONTAINER_OF(it, struct external, node);
        const bool signal = external->kind == EXTERNAL_SIGNAL;
        const api_history_event *event =
            initiated_event(t, rebuilding, external->initiated_event_id);
        struct rpc_effect effect =
            effect_of_run(t, signal ? EFFECT_SIGNAL : EFFECT_CANCEL, external->initiated_event_id);

        if (!event || !(signal ? signal_again(t, event, &effect) : cancel_again(t, event, &effect)))
            return ERR_CORRUPT;
        external->row_seq = transition_outgoing_add(t, &effect);
        run_external_changed(t->run, external);
    }
    return ERR_OK;
}

static struct slice sharing_runs(struct transition *t)
{
    struct branches branches;
    const bool ok = branches_decode(t->run->branches, &branches);

    must(ok); /* encoded in this step */
    uint8_t *text = arena_alloc(t->arena, (size_t)branches.count * UUID_TEXT_LEN);
    for (uint32_t i = 0; i < branches.count; i++)
        memcpy(text + (size_t)i * UUID_TEXT_LEN, branches.list[i].run_id, UUID_TEXT_LEN);
    return slice_of(text, (size_t)branches.count * UUID_TEXT_LEN);
}

static enum err start_child(struct transition *t, struct child *child,
                            const api_history_event *event)
{
    const api_start_child_workflow_execution_initiated_event_attributes *a =
        event->start_child_workflow_execution_initiated_event_attributes;
    api_start_workflow_execution_request *request =
        engine_message(t->arena, &api_start_workflow_execution_request__desc);
    const struct run *run = t->run;
    struct rpc_effect effect = effect_of_run(t, EFFECT_START_CHILD, child->initiated_event_id);

    effect.target_namespace_id = arena_copy(t->arena, bytes_slice(child->namespace_id));
    effect.target_namespace = arena_copy(t->arena, bytes_slice(child->namespace_name));
    effect.target_workflow_id = arena_copy(t->arena, bytes_slice(child->workflow_id));
    effect.parent_close_policy = child->parent_close_policy;
    effect.heir_of = sharing_runs(t);
    const bool root = run->root_workflow_id.len == 0;
    effect.root_workflow_id =
        root ? effect.source_workflow_id : arena_copy(t->arena, run->root_workflow_id);
    effect.root_run_id = root ? effect.source_run_id : arena_copy(t->arena, run->root_run_id);
    request->namespace_ = transition_str(t, effect.target_namespace);
    request->request_id =
        arena_printf(t->arena, "%s:%lld:0", run->run_id, (long long)child->initiated_event_id);
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
    request->user_metadata = event->user_metadata;
    effect.payload = transition_pack(t, request);
    child->row_seq = transition_outgoing_add(t, &effect);
    run_child_changed(t->run, child);
    return ERR_OK;
}

enum err reset_children(struct transition *t, const struct rebuilding *rebuilding)
{
    for (struct map_node *it = map_next(&t->run->children, NULL); it;
         it = map_next(&t->run->children, it)) {
        struct child *child = CONTAINER_OF(it, struct child, node);

        if (child->started)
            continue;
        const api_history_event *event = initiated_event(t, rebuilding, child->initiated_event_id);
        if (!event || start_child(t, child, event) != ERR_OK)
            return ERR_CORRUPT;
    }
    return ERR_OK;
}

/* -- what was learned of children ------------------------------------------------------------ */

/* The child that an event is about; *started_id: where the event keeps the id of its Started. */
static struct child *child_of(const struct run *run, api_history_event *event, int64_t **started_id)
{
#define OF(member)                                                                                 \
    do {                                                                                           \
        *started_id =                                                                              \
            &event->child_workflow_execution_##member##_event_attributes->started_event_id;        \
        return run_child(                                                                          \
            run, event->child_workflow_execution_##member##_event_attributes->initiated_event_id); \
    } while (0)
    *started_id = NULL;
    switch ((int32_t)event->event_type) {
    case EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED:
        return run_child(
            run, event->start_child_workflow_execution_failed_event_attributes->initiated_event_id);
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED:
        return run_child(
            run, event->child_workflow_execution_started_event_attributes->initiated_event_id);
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED:
        OF(completed);
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED:
        OF(failed);
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED:
        OF(canceled);
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT:
        OF(timed_out);
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED:
        OF(terminated);
    default:
        return NULL;
    }
#undef OF
}

static bool is_start(const api_history_event *event)
{
    return event->event_type == EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED ||
           event->event_type == EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED;
}

bool reset_child_returns(struct transition *t, api_history_event *event)
{
    int64_t *started_id;
    const struct child *child = child_of(t->run, event, &started_id);

    if (!child || child->started == is_start(event))
        return false;
    if (event->event_type == EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED &&
        !event->child_workflow_execution_started_event_attributes->workflow_execution)
        return false;
    if (started_id)
        *started_id = child->started_event_id;
    return true;
}

void reset_child_returned(struct transition *t, const api_history_event *event, int64_t event_id)
{
    int64_t *unused;
    /* Only looked at: the event is written. */
    struct child *child = child_of(t->run, (api_history_event *)(uintptr_t)event, &unused);

    if (!child)
        return;
    if (event->event_type != EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED) {
        child_end(t, child);
        return;
    }
    const api_common_workflow_execution *execution =
        event->child_workflow_execution_started_event_attributes->workflow_execution;
    must(execution != NULL);
    child->started = true;
    child->started_event_id = event_id;
    bytes_set(&child->run_id, slice_str(execution->run_id));
    run_child_changed(t->run, child);
}
