/* activity_pause.c - pending activities are paused, unpaused, reset.
 *
 *     scheduled, backing off --pause--> waits without a task row, no time-out runs
 *     started ---------------pause--> goes on; its worker hears of it with its next heartbeat;
 *                                     when it fails, its next attempt waits
 *     paused, not started ---unpause--> scheduled anew, at once or within the jitter
 *
 * Spec: order of checks, texts and what each leaves of attempt, heartbeats and failure are the
 * reference server's. */
#include "common/proto/errdetail.h"
#include "common/proto/wire.h"
#include "history/engine/activity_int.h"
#include "history/engine/activity_operations.h"
#include "history/engine/pause.h"

#include <stdlib.h>

enum err activity_not_found(struct transition *t)
{
    return errdetail_not_found(t->arena, t->detail,
                               "Can't find pending activity with such ID. Invalid activityID or "
                               "activity already completed");
}

enum err activity_run_closed(struct transition *t)
{
    return errdetail_not_found(t->arena, t->detail, "workflow execution already completed");
}

struct activity_list activity_select(struct transition *t, const struct activity_filter *filter)
{
    const struct run *run = t->run;
    struct activity_list list = {0};

    if (filter->id) {
        struct activity *activity = run_activity_by_id(run, slice_str(filter->id));

        list.items = ARENA_ARRAY(t->arena, struct activity *, 1);
        if (activity)
            list.items[list.count++] = activity;
        return list;
    }
    list.items = ARENA_ARRAY(t->arena, struct activity *, run->activities.count + 1);
    for (struct map_node *node = map_next(&run->activities, NULL); node;
         node = map_next(&run->activities, node)) {
        struct activity *activity = CONTAINER_OF(node, struct activity, node);

        if (filter->all || slice_eq(bytes_slice(activity->activity_type), slice_str(filter->type)))
            list.items[list.count++] = activity;
    }
    if (list.count > 0)
        qsort(list.items, list.count, sizeof *list.items, activity_by_event_id);
    return list;
}

/* A closed run knows the activities that were pending when it ended. */
static enum err select_open(struct transition *t, const struct activity_filter *filter,
                            struct activity_list *list)
{
    *list = activity_select(t, filter);
    if (!run_is_open(t->run) && (filter->id || list->count > 0))
        return activity_run_closed(t);
    return list->count == 0 ? activity_not_found(t) : ERR_OK;
}

static void reply(struct transition *t, const ProtobufCMessageDescriptor *desc)
{
    t->reply = transition_pack(t, engine_message(t->arena, desc));
}

void activity_reschedule(struct transition *t, struct activity *activity, int64_t at_ns)
{
    must(activity->state != ACTIVITY_STARTED && activity->row_seq == 0);
    activity->scheduled_ns = at_ns;
    activity->started_ns = 0;
    bytes_set(&activity->last_identity, bytes_slice(activity->identity));
    bytes_clear(&activity->last_failure);
    activity_begin_afresh(activity);
    activity->state = at_ns > t->now_ns ? ACTIVITY_BACKING_OFF : ACTIVITY_SCHEDULED;
    if (activity->state == ACTIVITY_SCHEDULED && activity->paused_ns == 0)
        activity_task_add(t, activity);
    else
        run_activity_changed(t->run, activity);
}

/* At once, or at some moment within the jitter. */
static int64_t soon_ns(struct transition *t, const pb_duration *jitter)
{
    const int64_t span_ns = jitter ? proto_duration_ns_clip(jitter) : 0;
    int64_t at_ns;

    if (span_ns <= 0)
        return t->now_ns;
    return __builtin_add_overflow(t->now_ns, (int64_t)rng_below(t->rng, (uint64_t)span_ns), &at_ns)
               ? INT64_MAX
               : at_ns;
}

static void unpause(struct activity *activity)
{
    activity->paused_ns = 0;
    bytes_clear(&activity->pause_identity);
    bytes_clear(&activity->pause_reason);
    bytes_clear(&activity->pause_request_id);
}

static void clear_heartbeat(struct activity *activity)
{
    bytes_clear(&activity->heartbeat_details);
    activity->details_empty = false;
    activity->last_heartbeat_ns = 0;
}

/* -- pause ---------------------------------------------------------------------------------- */

enum err engine_pause_activity(struct transition *t, const api_pause_activity_request *request)
{
    const bool by_id = request->activity_case == API_PAUSE_ACTIVITY_REQUEST_ACTIVITY_ID;
    const struct activity_filter filter = {
        .id = by_id ? request->id : NULL,
        .type = by_id ? NULL : request->type,
    };
    struct activity_list list;
    bool changed = false;
    const enum err err = select_open(t, &filter, &list);

    if (err != ERR_OK)
        return err;
    for (size_t i = 0; i < list.count; i++)
        if (list.items[i]->paused_ns != 0 &&
            !slice_eq(bytes_slice(list.items[i]->pause_request_id), slice_str(request->request_id)))
            return err_fail(t->detail, ERR_PRECONDITION, "activity is already paused");

    reply(t, &api_pause_activity_response__desc);
    t->run->dirty = true; /* Spec: a state transition even where all are paused already */
    for (size_t i = 0; i < list.count; i++) {
        struct activity *activity = list.items[i];

        if (activity->paused_ns != 0)
            continue;
        activity_task_drop(t, activity);
        activity->paused_ns = t->now_ns;
        bytes_set(&activity->pause_identity, slice_str(request->identity));
        bytes_set(&activity->pause_reason, slice_str(request->reason));
        bytes_set(&activity->pause_request_id, slice_str(request->request_id));
        run_activity_changed(t->run, activity);
        changed = true;
    }
    if (changed)
        run_show_pauses(t);
    return ERR_OK;
}

/* -- unpause -------------------------------------------------------------------------------- */

enum err engine_unpause_activity(struct transition *t, const api_unpause_activity_request *request)
{
    const struct activity_filter filter = {
        .id =
            request->activity_case == API_UNPAUSE_ACTIVITY_REQUEST_ACTIVITY_ID ? request->id : NULL,
        .type = request->activity_case == API_UNPAUSE_ACTIVITY_REQUEST_ACTIVITY_TYPE ? request->type
                                                                                     : NULL,
        .all = request->activity_case == API_UNPAUSE_ACTIVITY_REQUEST_ACTIVITY_UNPAUSE_ALL,
    };
    bool changed = false;

    if (!run_is_open(t->run))
        return activity_run_closed(t);
    const struct activity_list list = activity_select(t, &filter);
    if (list.count == 0)
        return activity_not_found(t);

    reply(t, &api_unpause_activity_response__desc);
    t->run->dirty = true; /* Spec: a state transition even where none is paused */
    for (size_t i = 0; i < list.count; i++) {
        struct activity *activity = list.items[i];

        if (activity->paused_ns == 0)
            continue;
        unpause(activity);
        if (request->reset_attempts)
            activity->attempt = 1;
        if (request->reset_heartbeat)
            clear_heartbeat(activity);
        if (activity->state != ACTIVITY_STARTED)
            activity_reschedule(t, activity, soon_ns(t, request->jitter));
        run_activity_changed(t->run, activity);
        changed = true;
    }
    if (changed)
        run_show_pauses(t);
    return ERR_OK;
}

/* -- reset ---------------------------------------------------------------------------------- */

/* Is it tried anew, at a moment within the jitter? */
static bool reset_reschedules(const struct activity *activity,
                              const api_reset_activity_request *request)
{
    return activity->state != ACTIVITY_STARTED &&
           (activity->paused_ns == 0 || !request->keep_paused);
}

/* Spec: the reference fails where it would draw from such a jitter, in words that hide why. */
static enum err check_jitter(struct transition *t, const struct activity_list *list,
                             const api_reset_activity_request *request)
{
    if (!request->jitter || proto_duration_ns_clip(request->jitter) >= 0)
        return ERR_OK;
    for (size_t i = 0; i < list->count; i++)
        if (reset_reschedules(list->items[i], request))
            return err_fail(t->detail, ERR_INTERNAL,
                            "something went wrong, please retry (8e538c5c)");
    return ERR_OK;
}

static void reset(struct transition *t, struct activity *activity,
                  const api_reset_activity_request *request)
{
    activity_task_drop(t, activity); /* its key is made of what changes here */
    activity->attempt = 1;
    activity->reset = true;
    activity->reset_heartbeat |= request->reset_heartbeat;
    if (request->restore_original_options)
        activity_restore_options(t, activity, false);
    const bool again = reset_reschedules(activity, request);
    if (!request->keep_paused)
        unpause(activity);
    if (again) {
        if (request->reset_heartbeat)
            clear_heartbeat(activity);
        activity_reschedule(t, activity, soon_ns(t, request->jitter));
    }
    run_activity_changed(t->run, activity);
}

enum err engine_reset_activity(struct transition *t, const api_reset_activity_request *request)
{
    const struct activity_filter filter = {
        .id = request->activity_case == API_RESET_ACTIVITY_REQUEST_ACTIVITY_ID ? request->id : NULL,
        .type = request->activity_case == API_RESET_ACTIVITY_REQUEST_ACTIVITY_TYPE ? request->type
                                                                                   : NULL,
        .all = request->activity_case == API_RESET_ACTIVITY_REQUEST_ACTIVITY_MATCH_ALL,
    };
    struct activity_list list;
    bool unpaused = false;
    enum err err = select_open(t, &filter, &list);

    if (err == ERR_OK)
        err = check_jitter(t, &list, request);
    if (err != ERR_OK)
        return err;
    reply(t, &api_reset_activity_response__desc);
    for (size_t i = 0; i < list.count; i++) {
        unpaused |= list.items[i]->paused_ns != 0 && !request->keep_paused;
        reset(t, list.items[i], request);
    }
    if (unpaused)
        run_show_pauses(t);
    return ERR_OK;
}
