/* pause.c - a workflow execution is paused and unpaused; what its search attribute says of it.
 *
 * 1. What waited for a worker when the workflow was paused has no task row until it is unpaused:
 *    activities are `held`, a workflow task fails.
 * 2. No workflow task is scheduled for a paused run (transition_need_workflow_task). */
#include "history/engine/pause.h"

#include "common/proto/errdetail.h"
#include "history/engine/activity_int.h"
#include "history/engine/reset_points.h"

#include <stdlib.h>

enum { PAUSE_ENTRIES_BYTES_MAX = 16 * 1024 };

/* -- the search attribute -------------------------------------------------------------------- */

static void add_entry(struct buf *out, const char *prefix, struct arena *arena, struct slice text)
{
    const size_t before = out->len;

    if (out->len > 1)
        buf_append_slice(out, SLICE_LIT(","));
    run_json_text(out, prefix, arena_str(arena, text));
    if (out->len > PAUSE_ENTRIES_BYTES_MAX)
        out->len = before;
}

static void add_activity_types(struct transition *t, struct buf *out)
{
    const struct map *activities = &t->run->activities;
    const struct activity **paused =
        ARENA_ARRAY(t->arena, const struct activity *, activities->count + 1);
    struct map seen;
    struct map_node *nodes = ARENA_ARRAY(t->arena, struct map_node, activities->count + 1);
    size_t count = 0;

    for (struct map_node *it = map_next(activities, NULL); it; it = map_next(activities, it)) {
        const struct activity *activity = CONTAINER_OF(it, struct activity, node);

        if (activity->paused_ns != 0)
            paused[count++] = activity;
    }
    if (count == 0)
        return;
    qsort(paused, count, sizeof *paused, activity_by_event_id);
    map_init(&seen, 0);
    for (size_t i = 0; i < count; i++) {
        const struct slice type = bytes_slice(paused[i]->activity_type);

        if (map_get(&seen, type))
            continue;
        map_put(&seen, type, &nodes[i]);
        add_entry(out, "property:activityType=", t->arena, type);
    }
    map_release(&seen);
}

void run_show_pauses(struct transition *t)
{
    struct run *run = t->run;
    struct buf entries;

    buf_init(&entries, 0);
    buf_append_slice(&entries, SLICE_LIT("["));
    if (run_is_paused(run)) {
        add_entry(&entries, "Workflow:", t->arena, run->workflow_id);
        if (run->pause_reason.len > 0)
            add_entry(&entries, "Reason:", t->arena, bytes_slice(run->pause_reason));
    }
    add_activity_types(t, &entries);
    buf_append_slice(&entries, SLICE_LIT("]"));
    must(buf_ok(&entries));
    const struct slice shown = entries.len > 2 ? buf_slice(&entries) : SLICE_EMPTY;
    if (!slice_eq(bytes_slice(run->shown_pauses), shown)) {
        bytes_set(&run->shown_pauses, shown);
        t->visibility_changed = true;
        run->dirty = true;
    }
    buf_release(&entries);
}

/* -- pause ----------------------------------------------------------------------------------- */

void run_set_paused(struct run *run, int64_t at_ns,
                    const api_workflow_execution_paused_event_attributes *paused)
{
    run->status = WORKFLOW_EXECUTION_STATUS_PAUSED;
    run->paused_ns = at_ns;
    bytes_set(&run->pause_identity, slice_str(paused->identity));
    bytes_set(&run->pause_reason, slice_str(paused->reason));
    bytes_set(&run->pause_request_id, slice_str(paused->request_id));
    run->dirty = true;
}

void run_set_unpaused(struct run *run)
{
    run->status = WORKFLOW_EXECUTION_STATUS_RUNNING;
    run->paused_ns = 0;
    bytes_clear(&run->pause_identity);
    bytes_clear(&run->pause_reason);
    bytes_clear(&run->pause_request_id);
    run->dirty = true;
}

static void hold_activities(struct transition *t)
{
    const struct map *activities = &t->run->activities;

    for (struct map_node *it = map_next(activities, NULL); it; it = map_next(activities, it)) {
        struct activity *activity = CONTAINER_OF(it, struct activity, node);

        if (activity->state == ACTIVITY_STARTED)
            continue;
        activity_task_drop(t, activity);
        activity->held = true;
        run_activity_changed(t->run, activity);
    }
}

enum err engine_pause_workflow(struct transition *t,
                               const api_pause_workflow_execution_request *request)
{
    struct run *run = t->run;
    api_history_event *event;
    if (!run_is_open(run))
        return activity_run_closed(t);
    t->reply =
        transition_pack(t, engine_message(t->arena, &api_pause_workflow_execution_response__desc));
    if (run_is_paused(run)) {
        if (request->request_id[0] &&
            slice_eq(bytes_slice(run->pause_request_id), slice_str(request->request_id)))
            return ERR_OK;
        return err_fail(t->detail, ERR_PRECONDITION, "workflow is already paused.");
    }

    api_workflow_execution_paused_event_attributes *a =
        engine_event(t, EVENT_TYPE_WORKFLOW_EXECUTION_PAUSED, &event);
    a->identity = request->identity;
    a->reason = request->reason;
    a->request_id = request->request_id;
    event->worker_may_ignore = true;
    run_set_paused(run, t->now_ns, a);
    hold_activities(t);
    wft_make_normal(t);
    if (run->wft.state == WFT_SCHEDULED)
        wft_fail(
            t, &(struct wft_failure){
                   .cause = WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_PAUSE_REQUESTED_BEFORE_TASK_STARTED,
                   .identity = ENGINE_IDENTITY,
                   .binary_checksum = ""});
    (void)transition_event_or_buffer(t, event);
    run_show_pauses(t);
    t->visibility_changed = t->paused = true;
    return ERR_OK;
}

/* -- unpause --------------------------------------------------------------------------------- */

static void let_activities_go(struct transition *t)
{
    const struct map *activities = &t->run->activities;
    struct activity **held = ARENA_ARRAY(t->arena, struct activity *, activities->count + 1);
    size_t count = 0;

    for (struct map_node *it = map_next(activities, NULL); it; it = map_next(activities, it)) {
        struct activity *activity = CONTAINER_OF(it, struct activity, node);

        if (activity->held)
            held[count++] = activity;
    }
    if (count > 0)
        qsort(held, count, sizeof *held, activity_by_event_id);
    for (size_t i = 0; i < count; i++) {
        held[i]->held = false;
        if (held[i]->state == ACTIVITY_STARTED || held[i]->paused_ns != 0 ||
            held[i]->scheduled_ns > t->now_ns)
            run_activity_changed(t->run, held[i]);
        else
            activity_task_add(t, held[i]);
    }
}

enum err engine_unpause_workflow(struct transition *t,
                                 const api_unpause_workflow_execution_request *request)
{
    struct run *run = t->run;
    api_history_event *event;
    if (!run_is_open(run))
        return activity_run_closed(t);
    if (!run_is_paused(run))
        return err_fail(t->detail, ERR_PRECONDITION, "workflow is not paused.");

    t->reply = transition_pack(
        t, engine_message(t->arena, &api_unpause_workflow_execution_response__desc));
    api_workflow_execution_unpaused_event_attributes *a =
        engine_event(t, EVENT_TYPE_WORKFLOW_EXECUTION_UNPAUSED, &event);
    a->identity = request->identity;
    a->reason = request->reason;
    a->request_id = request->request_id;
    event->worker_may_ignore = true;
    (void)transition_event_or_buffer(t, event);
    run_set_unpaused(run);
    if (run->wft.state == WFT_NONE)
        run->wft.attempt = 1; /* Spec: events stand between a task that failed and the next one */
    let_activities_go(t);
    run_show_pauses(t);
    t->visibility_changed = t->paused = true;
    transition_need_workflow_task(t);
    return ERR_OK;
}
