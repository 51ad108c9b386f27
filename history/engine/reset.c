/* reset.c - see reset.h: what a reset adds to the history of the new run.
 *
 * In this order: the workflow task that was pending at the fork starts, if it had not, and fails;
 * the events of the base run that come again; the next workflow task. */
#include "history/engine/pause.h"
#include "history/engine/reset.h"

#include "common/proto/wire.h"
#include "history/engine/activity_int.h"
#include "history/engine/branches.h"
#include "history/engine/callback.h"
#include "history/engine/child.h"
#include "history/engine/options.h"
#include "history/engine/reset_int.h"
#include "history/engine/timer.h"
#include "history/engine/update.h"

#include <stdlib.h>

/* -- the request ----------------------------------------------------------------------------- */

enum {
    EXCLUDE_SIGNAL = 1 << RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL,
    EXCLUDE_UPDATE = 1 << RESET_REAPPLY_EXCLUDE_TYPE_UPDATE,
    EXCLUDE_ALL = EXCLUDE_SIGNAL | EXCLUDE_UPDATE | 1 << RESET_REAPPLY_EXCLUDE_TYPE_NEXUS |
                  1 << RESET_REAPPLY_EXCLUDE_TYPE_CANCEL_REQUEST,
};

uint32_t reset_excluded(const api_reset_workflow_execution_request *request)
{
    uint32_t excluded = 0;

    if (request->reset_reapply_type == RESET_REAPPLY_TYPE_SIGNAL)
        excluded = EXCLUDE_UPDATE;
    else if (request->reset_reapply_type == RESET_REAPPLY_TYPE_NONE)
        excluded = EXCLUDE_SIGNAL | EXCLUDE_UPDATE;
    for (size_t i = 0; i < request->n_reset_reapply_exclude_types; i++) {
        const int32_t type = (int32_t)request->reset_reapply_exclude_types[i];

        if (type > 0 && type <= RESET_REAPPLY_EXCLUDE_TYPE_CANCEL_REQUEST)
            excluded |= 1U << type;
    }
    return excluded;
}

bool reset_excludes_all(uint32_t excluded)
{
    return (excluded & EXCLUDE_ALL) == EXCLUDE_ALL;
}

bool reset_event_returns(const api_history_event *event, uint32_t excluded)
{
    switch ((int32_t)event->event_type) {
    case EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
        return !(excluded & EXCLUDE_SIGNAL);
    case EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED:
    case EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
        return !(excluded & EXCLUDE_UPDATE);
    case EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED:
    case EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED:
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED:
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED:
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED:
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED:
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT:
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED:
        return true;
    default:
        return false;
    }
}

enum err reset_check_request(const api_reset_workflow_execution_request *request,
                             int64_t next_event_id, struct err_detail *detail)
{
    const int64_t fork = request->workflow_task_finish_event_id;

    if (fork <= 1 || fork >= next_event_id)
        return err_fail(detail, ERR_INVALID,
                        "Workflow task finish ID must be > 1 && <= workflow last event ID.");
    return ERR_OK;
}

enum err reset_check_run(struct rebuilding *rebuilding, int64_t fork_event_id,
                         const struct engine_limits *limits, struct err_detail *detail)
{
    const struct run *rebuilt = rebuild_run(rebuilding);

    if (!limits->reset_with_pending_children && rebuilt->children.count > 0)
        return err_fail(detail, ERR_INVALID,
                        "WorkflowResetter encountered pending child workflows.");
    if (!run_is_open(rebuilt) ||
        (rebuilt->wft.state == WFT_NONE && !rebuild_task_failed(rebuilding)))
        return err_fail(detail, ERR_INVALID,
                        "Can only reset workflow to event ID in range [WorkflowTaskScheduled +1, "
                        "WorkflowTaskStarted + 1]: %lld",
                        (long long)fork_event_id);
    return ERR_OK;
}

/* -- the other runs -------------------------------------------------------------------------- */

enum err engine_terminate_for_reset(struct transition *t, char *reason)
{
    if (!run_is_open(t->run))
        return err_fail(t->detail, ERR_NOT_FOUND, "workflow execution already completed");
    run_terminate(t, reason, NULL, RESETTER_IDENTITY, 0, NULL);
    return ERR_OK;
}

void engine_note_reset(struct transition *t, const char *reset_run_id)
{
    struct run *run = t->run;

    must(strlen(reset_run_id) == UUID_TEXT_LEN);
    memcpy(run->reset_run_id, reset_run_id, sizeof run->reset_run_id);
    run->dirty = true;
}

/* -- the new run ----------------------------------------------------------------------------- */

void run_begin_anew(struct run *run, int64_t now_ns)
{
    if (run->original_start_ns == 0)
        run->original_start_ns = run->start_ns;
    run->execution_ns = now_ns + (run->execution_ns - run->start_ns);
    run->start_ns = now_ns;
    /* Spec: the time of the whole chain begins anew as well; the run's without its first delay. */
    if (run->execution_timeout_ns > 0)
        run->execution_expires_ns = now_ns + run->execution_timeout_ns;
    if (run->run_timeout_ns > 0) {
        run->run_expires_ns = now_ns + run->run_timeout_ns;
        if (run->execution_timeout_ns > 0 && run->run_expires_ns > run->execution_expires_ns)
            run->run_expires_ns = run->execution_expires_ns;
    }
    for (struct map_node *it = map_next(&run->activities, NULL); it;
         it = map_next(&run->activities, it))
        CONTAINER_OF(it, struct activity, node)->first_scheduled_ns = now_ns;
}

/* What is not in the events. */
static enum err adopt(struct transition *t, const struct engine_reset *reset)
{
    struct run *run = t->run;
    const struct run *base = reset->base;
    struct branches of_base, branches;

    if (!branches_decode(base->branches, &of_base))
        return ERR_CORRUPT;
    if (!branches_fork(&of_base, base->run_id, reset->fork_event_id, &branches))
        return err_fail(t->detail, ERR_PRECONDITION,
                        "the workflow was reset %d times, each run behind the end of the one "
                        "before: no more",
                        BRANCHES_MAX);
    run->branches = branches_encode(&run->arena, &branches);
    run->kind = base->kind;
    run->tablet = base->tablet;
    run->namespace_id = arena_copy(&run->arena, base->namespace_id);
    run->namespace_name = arena_copy(&run->arena, base->namespace_name);
    run->retention_ns = base->retention_ns;
    run->reset_request_id = arena_copy(&run->arena, slice_str(reset->request->request_id));
    run->start_request_id = arena_str(&run->arena, slice_str(base->start_request_id));
    run->history_size_bytes = reset->history_size_bytes;
    if (!t->limits->external_payloads)
        run->external_payload_count = run->external_payload_bytes = 0;
    run_signal_requests_carry(reset->current ? reset->current : base, run, t->now_ns);
    run->state_transition_count = 1; /* Spec: making it anew is a step of its own */
    run->dirty = true;
    return ERR_OK;
}

#define ALL_CHANGED(map, type, changed)                                                            \
    for (struct map_node *it = map_next(&run->map, NULL); it; it = map_next(&run->map, it))        \
    changed(run, CONTAINER_OF(it, struct type, node))

static void store_items(struct run *run)
{
    for (struct map_node *it = map_next(&run->activities, NULL); it;
         it = map_next(&run->activities, it)) {
        struct activity *activity = CONTAINER_OF(it, struct activity, node);

        activity->input_changed = true;
        run_activity_changed(run, activity);
    }
    for (struct map_node *it = map_next(&run->timers, NULL); it; it = map_next(&run->timers, it))
        list_push_back(&run->changed_timers, &CONTAINER_OF(it, struct timer, node)->changed);
    ALL_CHANGED(callbacks, callback, run_callback_changed);
    ALL_CHANGED(attached_requests, attached_request, run_attached_changed);
    ALL_CHANGED(children, child, run_child_changed);
    ALL_CHANGED(externals, external, run_external_changed);
}

static void fail_task(struct transition *t, const struct engine_reset *reset)
{
    api_failure_failure *failure = engine_message(t->arena, &api_failure_failure__desc);

    /* Spec: the further attempt of a task that failed before the fork is written as a first one. */
    if (t->run->wft.state == WFT_NONE) {
        t->run->wft.attempt = 1;
        wft_schedule(t, false, 0);
    }
    if (t->run->wft.state == WFT_SCHEDULED)
        wft_start(t, &(struct wft_start){.identity = SLICE_LIT(ENGINE_IDENTITY)});
    failure->message = reset->request->reason;
    failure->failure_info_case = API_FAILURE_FAILURE_INFO_RESET_WORKFLOW_FAILURE_INFO;
    failure->reset_workflow_failure_info =
        engine_message(t->arena, &api_reset_workflow_failure_info__desc);
    wft_fail(t, &(struct wft_failure){.cause = WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW,
                                      .failure = failure,
                                      .identity = ENGINE_IDENTITY,
                                      .base_run_id = reset->base->run_id,
                                      .new_run_id = t->run->run_id});
}

/* An activity is tried from its beginning: its attempts and its worker were the base run's. */
static void offer_activities(struct transition *t)
{
    const struct map *map = &t->run->activities;
    struct activity **list = ARENA_ARRAY(t->arena, struct activity *, map->count + 1);
    size_t count = 0;

    for (struct map_node *it = map_next(map, NULL); it; it = map_next(map, it))
        list[count++] = CONTAINER_OF(it, struct activity, node);
    qsort(list, count, sizeof(struct activity *), activity_by_event_id);
    for (size_t i = 0; i < count; i++) {
        list[i]->scheduled_ns = t->now_ns;
        list[i]->held = run_is_paused(t->run);
        if (list[i]->held)
            run_activity_changed(t->run, list[i]);
        else
            activity_task_add(t, list[i]);
    }
}

/* -- events that come again ------------------------------------------------------------------ */

static void signal_again(struct transition *t, api_history_event *event)
{
    event->workflow_execution_signaled_event_attributes->external_workflow_execution = NULL;
    t->run->signal_count++;
}

/* Callbacks come once for each request. */
static enum err options_again(struct transition *t, api_history_event *event)
{
    struct run *run = t->run;
    const api_workflow_execution_options_updated_event_attributes *a =
        event->workflow_execution_options_updated_event_attributes;
    const struct slice request_id = slice_str(a->attached_request_id);

    if (a->n_attached_completion_callbacks > 0 && request_id.len > 0 &&
        (run_has_attached(run, request_id) ||
         slice_eq(request_id, slice_str(run->start_request_id))))
        return ERR_OK;
    const enum err err = options_check_updates(t, event);
    if (err != ERR_OK)
        return err;
    transition_event(t, event);
    run_options_apply(run, t->arena, event, t->limits->update_callbacks);
    return ERR_OK;
}

/* The event as a new one, if the run can still use it. */
static bool returns(struct transition *t, api_history_event *event)
{
    switch ((int32_t)event->event_type) {
    case EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
        signal_again(t, event);
        return true;
    default:
        return reset_child_returns(t, event);
    }
}

static enum err return_events(struct transition *t, struct slice events)
{
    size_t count;
    api_history_event **list = engine_decode_events(t->arena, events, &count);

    enum err err = ERR_OK;

    if (!list)
        return ERR_CORRUPT;
    for (size_t i = 0; i < count && err == ERR_OK; i++) {
        api_history_event *event = list[i];

        if (!engine_event_attributes(event))
            return ERR_CORRUPT;
        event->event_time = NULL;
        if (event->event_type == EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED ||
            event->event_type == EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED)
            err = run_update_reapply(t, event);
        else if (event->event_type == EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED)
            err = options_again(t, event);
        else if (returns(t, event))
            reset_child_returned(t, event, transition_event(t, event));
    }
    return err;
}

/* Spec: of the operations that a client may want after the reset only this one is there. */
static enum err change_options(struct transition *t,
                               const api_reset_workflow_execution_request *request)
{
    enum err err = ERR_OK;

    for (size_t i = 0; i < request->n_post_reset_operations && err == ERR_OK; i++) {
        const api_post_reset_operation_update_workflow_options *wish =
            request->post_reset_operations[i]->update_workflow_options;
        api_update_workflow_execution_options_request *update =
            engine_message(t->arena, &api_update_workflow_execution_options_request__desc);

        update->workflow_execution_options =
            wish->workflow_execution_options
                ? wish->workflow_execution_options
                : engine_message(t->arena, &api_workflow_execution_options__desc);
        update->update_mask =
            wish->update_mask ? wish->update_mask : engine_message(t->arena, &pb_field_mask__desc);
        err = engine_update_options(t, update);
    }
    return err;
}

enum err engine_reset(struct transition *t, const struct engine_reset *reset)
{
    struct run *run = t->run;

    must(run->next_event_id == reset->fork_event_id);
    enum err err = adopt(t, reset);
    if (err != ERR_OK)
        return err;
    fail_task(t, reset);
    run_begin_anew(run, t->now_ns);
    update_callbacks_reset(t);
    store_items(run);
    offer_activities(t);
    err = reset_externals(t, reset->rebuilding);
    if (err == ERR_OK)
        err = return_events(t, reset->returning);
    if (err == ERR_OK)
        err = reset_children(t, reset->rebuilding);
    if (err == ERR_OK)
        err = change_options(t, reset->request);
    if (err != ERR_OK)
        return err;
    transition_need_workflow_task(t);
    t->visibility_changed = true;
    api_reset_workflow_execution_response *reply =
        engine_message(t->arena, &api_reset_workflow_execution_response__desc);
    reply->run_id = transition_str(t, slice_str(run->run_id));
    t->reply = transition_pack(t, reply);
    return ERR_OK;
}
