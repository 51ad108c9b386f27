/* activity_respond.c - what a worker says about an activity: completed, failed, canceled, alive. */
#include "common/proto/errdetail.h"
#include "common/proto/wire.h"
#include "history/engine/activity_int.h"

/* -- whose answer is it --------------------------------------------------------------------- */

static enum err not_found(struct transition *t)
{
    return errdetail_not_found(t->arena, t->detail,
                               "invalid activityID or activity already timed out or invoking "
                               "workflow is completed");
}

/* The activity that a token names: by its start, or (scheduled_event_id 0) by its activity id.
 * `any_state`: an id also names an activity that is not started. */
static enum err find_activity(struct transition *t, const struct task_token *token, bool any_state,
                              struct activity **out)
{
    const bool by_id = token->scheduled_event_id == 0;
    struct activity *activity = NULL;

    if (!run_is_open(t->run))
        return errdetail_not_found(t->arena, t->detail, "workflow execution already completed");
    if (by_id && token->activity_id.len == 0)
        return err_fail(t->detail, ERR_INVALID, "activityID cannot be empty");
    if (by_id) {
        activity = run_activity_by_id(t->run, token->activity_id);
        if (!activity)
            return errdetail_not_found(t->arena, t->detail,
                                       "cannot find pending activity with ActivityID " SLICE_FMT
                                       ", check workflow execution history for more details",
                                       SLICE_ARG(token->activity_id));
        if (activity->state != ACTIVITY_STARTED && !any_state)
            return not_found(t);
    } else {
        activity = run_activity(t->run, token->scheduled_event_id);
        if (!activity || activity->state != ACTIVITY_STARTED ||
            activity->attempt != token->attempt || activity->start_id != token->start_id)
            return not_found(t);
    }
    *out = activity;
    return ERR_OK;
}

/* ERR_OK with *out NULL: the same answer came before, its reply was lost. */
static enum err find_answered(struct transition *t, const struct task_token *token, bool any_state,
                              struct activity **out)
{
    *out = NULL;
    if (token->scheduled_event_id != 0 && wft_token_answered(t->run, token))
        return ERR_OK;
    return find_activity(t, token, any_state, out);
}

/* -- progress ------------------------------------------------------------------------------- */

static void progress(struct transition *t, struct activity *activity, const api_payloads *details,
                     const char *identity)
{
    activity_set_details(activity, t->arena, details);
    if (identity && identity[0])
        bytes_set(&activity->last_identity, slice_str(identity));
    activity->last_heartbeat_ns = t->now_ns;
    run_activity_changed(t->run, activity);
}

enum err engine_record_heartbeat(struct transition *t, const struct task_token *token,
                                 const api_record_activity_task_heartbeat_request *request)
{
    api_record_activity_task_heartbeat_response response =
        API_RECORD_ACTIVITY_TASK_HEARTBEAT_RESPONSE_INIT;
    struct activity *activity = NULL;

    const enum err err = find_activity(t, token, false, &activity);
    if (err != ERR_OK)
        return err;
    progress(t, activity, request->details, request->identity);
    response.cancel_requested = activity->cancel_requested_event_id != 0;
    response.activity_paused = activity->paused_ns != 0;
    response.activity_reset = activity->reset;
    t->reply = transition_pack(t, &response);
    return ERR_OK;
}

/* -- the end -------------------------------------------------------------------------------- */

enum { ENDING_EVENTS = 2 }; /* Started, and how it ended */

/* The close event is written: forget the activity, tell the workflow. */
static void close_activity(struct transition *t, struct activity *activity)
{
    wft_remember_answer(t->run, activity->start_id);
    activity_end(t, activity);
    transition_need_workflow_task(t);
    t->reply = SLICE_EMPTY;
}

/* A worker that completes by id an activity which has not started is its first and last starter. */
static void start_for_completion(struct transition *t, struct activity *activity,
                                 const char *identity)
{
    if (activity->state == ACTIVITY_STARTED)
        return;
    activity_task_drop(t, activity);
    activity->state = ACTIVITY_STARTED;
    activity->started_ns = t->now_ns;
    bytes_set(&activity->identity, slice_str(identity));
    run_activity_changed(t->run, activity);
}

enum err
engine_respond_activity_completed(struct transition *t, const struct task_token *token,
                                  const api_respond_activity_task_completed_request *request)
{
    struct activity *activity = NULL;

    const enum err err = find_answered(t, token, true, &activity);
    if (err != ERR_OK || !activity)
        return err;

    if (run_meets_limits_by(t, ENDING_EVENTS))
        return ERR_OK;
    start_for_completion(t, activity, request->identity);
    api_history_event *event = NULL;
    api_activity_task_completed_event_attributes *a =
        engine_event(t, EVENT_TYPE_ACTIVITY_TASK_COMPLETED, &event);
    a->started_event_id = activity_write_started(t, activity, request->worker_version);
    a->scheduled_event_id = activity->scheduled_event_id;
    a->result = request->result;
    a->identity = request->identity;
    (void)transition_event_or_buffer(t, event);
    close_activity(t, activity);
    return ERR_OK;
}

static void write_failed(struct transition *t, struct activity *activity, int32_t retry_state,
                         const api_respond_activity_task_failed_request *request)
{
    api_history_event *event = NULL;
    api_activity_task_failed_event_attributes *a =
        engine_event(t, EVENT_TYPE_ACTIVITY_TASK_FAILED, &event);

    a->started_event_id = activity_write_started(t, activity, request->worker_version);
    a->scheduled_event_id = activity->scheduled_event_id;
    a->failure = request->failure;
    a->identity = request->identity;
    a->retry_state = (unsigned)retry_state;
    (void)transition_event_or_buffer(t, event);
}

enum err engine_respond_activity_failed(struct transition *t, const struct task_token *token,
                                        const api_respond_activity_task_failed_request *request)
{
    struct activity *activity = NULL;

    const enum err err = find_answered(t, token, false, &activity);
    if (err != ERR_OK || !activity)
        return err;

    const uint64_t start_id = activity->start_id;
    if (request->last_heartbeat_details)
        progress(t, activity, request->last_heartbeat_details, request->identity);
    activity->last_attempt_complete_ns = t->now_ns;
    const int32_t retry_state = activity_retry(t, activity, request->failure);
    if (retry_state == RETRY_STATE_IN_PROGRESS) {
        wft_remember_answer(t->run, start_id);
        t->reply = SLICE_EMPTY;
        return ERR_OK;
    }
    if (run_meets_limits_by(t, ENDING_EVENTS))
        return ERR_OK;
    write_failed(t, activity, retry_state, request);
    close_activity(t, activity);
    return ERR_OK;
}

enum err engine_respond_activity_canceled(struct transition *t, const struct task_token *token,
                                          const api_respond_activity_task_canceled_request *request)
{
    struct activity *activity = NULL;

    const enum err err = find_answered(t, token, false, &activity);
    if (err != ERR_OK || !activity)
        return err;
    if (activity->cancel_requested_event_id == 0)
        return err_fail(t->detail, ERR_INVALID,
                        "unable to mark activity as canceled without activity being request "
                        "canceled first");

    if (run_meets_limits_by(t, ENDING_EVENTS))
        return ERR_OK;
    activity_write_canceled(t, activity, request->details, request->identity);
    close_activity(t, activity);
    return ERR_OK;
}
