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

static bool signal_again(struct transition *t, const api_history_event *event,
                         struct external *external)
{
    const api_signal_external_workflow_execution_initiated_event_attributes *a =
        event->signal_external_workflow_execution_initiated_event_attributes;

    if (!a->workflow_execution)
        return false;
    external->row_seq = ask_signal(t, external->initiated_event_id, a);
    return true;
}

static bool cancel_again(struct transition *t, const api_history_event *event,
                         struct external *external)
{
    const api_request_cancel_external_workflow_execution_initiated_event_attributes *a =
        event->request_cancel_external_workflow_execution_initiated_event_attributes;

    if (!a->workflow_execution)
        return false;
    external->row_seq = ask_cancel(t, external->initiated_event_id, a);
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

        if (!event ||
            !(signal ? signal_again(t, event, external) : cancel_again(t, event, external)))
            return ERR_CORRUPT;
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

static void start_child(struct transition *t, struct child *child, const api_history_event *event)
{
    api_start_workflow_execution_request *request =
        ask_start_request(t, event->start_child_workflow_execution_initiated_event_attributes);

    request->user_metadata = event->user_metadata;
    child->row_seq = ask_start(t, child, request, sharing_runs(t));
    run_child_changed(t->run, child);
}

enum err reset_children(struct transition *t, const struct rebuilding *rebuilding)
{
    for (struct map_node *it = map_next(&t->run->children, NULL); it;
         it = map_next(&t->run->children, it)) {
        struct child *child = CONTAINER_OF(it, struct child, node);

        if (child->started)
            continue;
        const api_history_event *event = initiated_event(t, rebuilding, child->initiated_event_id);
        if (!event)
            return ERR_CORRUPT;
        start_child(t, child, event);
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
