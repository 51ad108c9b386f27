/* close.c - a run ends: what was pending goes with it. */
#include "history/engine/engine_int.h"

#include "history/engine/callback.h"
#include "history/engine/activity.h"
#include "history/engine/child.h"
#include "history/engine/failure.h"
#include "history/engine/pause.h"
#include "history/engine/rows.h"
#include "history/engine/timer.h"
#include "history/engine/update_int.h"

#define STATE_LIMIT_REASON "Workflow mutable state size exceeds limit."

void run_close(struct transition *t, int32_t status)
{
    struct run *run = t->run;

    must(run_is_open(run) && status != WORKFLOW_EXECUTION_STATUS_RUNNING);
    wft_drop_row(t);
    wft_clear_sticky(run);
    bytes_clear(&run->wft.identity);
    /* Spec: the reference shows a task that nobody started as pending beyond the end. */
    if (run->wft.state == WFT_SCHEDULED)
        run->wft.sticky = false;
    else
        run->wft = (struct workflow_task){.state = WFT_NONE, .attempt = 1};
    bytes_clear(&run->buffered);
    run->buffered_count = 0;
    run->first_task_due_ns = 0;
    run->close_attempted = false;
    engine_withdraw_activities(t);
    engine_drop_timers(t);
    run_close_relations(t);
    run->status = status;
    run->close_ns = t->now_ns;
    run->continued = event_continues(t->last_event);
    run->completion_event_batch_id = t->first_event_id;
    run_callbacks_closed(t);
    run->dirty = true;
    t->closed = true;
    t->visibility_changed = true;
    if (!t->commands_running) /* else when the messages of the answer are carried out, too */
        updates_close(t);
}

/* A worker that has the task learns that it is gone: its task fails first. */
static void fail_started_task(struct transition *t)
{
    const struct wft_failure failure = {.cause = WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,
                                        .identity = ENGINE_IDENTITY};

    wft_forget_unstarted_speculative(t);
    if (t->run->wft.state != WFT_STARTED)
        return;
    wft_fail(t, &failure);
    wft_flush_buffered(t);
}

void run_terminate(struct transition *t, const char *reason, api_payloads *details,
                   const char *identity, size_t link_count, api_common_link **links)
{
    api_history_event *event;

    fail_started_task(t);
    api_workflow_execution_terminated_event_attributes *a =
        engine_event(t, EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED, &event);
    a->reason = transition_str(t, slice_str(reason));
    a->details = details;
    a->identity = transition_str(t, slice_str(identity));
    event->n_links = link_count;
    event->links = links;
    transition_event(t, event);
    run_close(t, WORKFLOW_EXECUTION_STATUS_TERMINATED);
}

void run_time_out(struct transition *t)
{
    api_history_event *event;
    api_failure_failure *failure =
        failure_timeout(t->arena, "workflow timeout", TIMEOUT_TYPE_START_TO_CLOSE);
    const int64_t execution_ns = t->run->execution_expires_ns;
    struct chain_next next = {.retry_state = RETRY_STATE_TIMEOUT};

    if (execution_ns == 0 || execution_ns > t->now_ns)
        next = chain_decide(t, failure);
    fail_started_task(t);
    api_workflow_execution_timed_out_event_attributes *a =
        engine_event(t, EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT, &event);
    a->retry_state = (Temporal__Api__Enums__V1__RetryState)next.retry_state;
    a->new_execution_run_id = transition_str(t, slice_str(next.run_id));
    transition_event(t, event);
    run_close(t, WORKFLOW_EXECUTION_STATUS_TIMED_OUT);
    chain_follow(t, &next, NULL, failure);
}

/* What the run keeps beside its history, as the reference counts it: without what is in the history
 * as well. */
static size_t state_bytes(const struct run *run)
{
    size_t bytes = run->updates.count * sizeof(struct update) + run->memo.len +
                   run->search_attributes.len + run->buffered.len + run->reset_points.len;

    for (struct map_node *it = map_next(&run->activities, NULL); it;
         it = map_next(&run->activities, it)) {
        const struct activity *activity = CONTAINER_OF(it, struct activity, node);

        bytes += activity_bytes(activity) - activity->input.len - activity->header.len;
    }
    for (struct map_node *it = map_next(&run->callbacks, NULL); it;
         it = map_next(&run->callbacks, it))
        bytes += callback_bytes(CONTAINER_OF(it, struct callback, node));
    bytes += run->attached_requests.count * sizeof(struct attached_request);
    bytes += run->children.count * sizeof(struct child);
    bytes += run->externals.count * sizeof(struct external);
    bytes += run->timers.count * sizeof(struct timer);
    bytes += run->signal_request_ids.count * sizeof(struct signal_request);
    return bytes;
}

void engine_end_for_limit(struct transition *t, const struct engine_limit *limit)
{
    const char *text = limit->text ? limit->text : limit->reason;

    run_terminate(t, limit->reason, limit->text ? engine_payloads_of_text(t->arena, text) : NULL,
                  ENGINE_IDENTITY, 0, NULL);
    t->reply_err = err_fail(t->detail, ERR_INVALID, "%s", text);
}

bool run_end_for_limit(struct transition *t, const char *reason)
{
    engine_end_for_limit(t, &(struct engine_limit){.reason = reason});
    return true;
}

const char *run_past_limits(const struct transition *t, int64_t events)
{
    if (!run_is_open(t->run))
        return NULL;
    /* Spec: the step that exceeds the size is still carried out, the next one meets the end. */
    if (t->history_bytes_before > t->limits->history_bytes_max)
        return "Workflow history size exceeds limit.";
    if (t->counted_next_id - 1 + events > t->limits->history_events_max)
        return "Workflow history count exceeds limit.";
    return NULL;
}

static bool is_past_state_limit(const struct transition *t, size_t run_memory_bytes)
{
    return run_memory_bytes > t->limits->state_bytes_max &&
           state_bytes(t->run) > t->limits->state_bytes_max;
}

const char *run_past_state_limit(const struct transition *t, size_t run_memory_bytes)
{
    return run_is_open(t->run) && is_past_state_limit(t, run_memory_bytes) ? STATE_LIMIT_REASON
                                                                           : NULL;
}

bool run_meets_limits(struct transition *t, int64_t events)
{
    const char *reason = run_past_limits(t, events);

    return reason && run_end_for_limit(t, reason);
}

bool run_meets_limits_by(struct transition *t, int64_t events)
{
    const struct run *run = t->run;
    const bool task =
        run->wft.state == WFT_NONE && run->first_task_due_ns == 0 && !run_is_paused(run);

    return run_meets_limits(t, task ? events + 1 : 0);
}

bool run_meets_limits_by_task(struct transition *t)
{
    const struct run *run = t->run;
    const int64_t own = run->wft.speculative ? 3 : run->wft.attempt == 1 ? 1 : 0;

    return run_meets_limits(t, own + (run->buffered_count > 0 ? run->buffered_count + 1 : 0));
}

bool run_enforce_limits(struct transition *t)
{
    return run_meets_limits(t, 0);
}

bool engine_check_limits(struct transition *t, size_t run_memory_bytes, struct engine_limit *limit)
{
    *limit = t->past_limit;
    if (!limit->reason)
        limit->reason = run_past_limits(t, 0);
    if (!limit->reason)
        limit->reason = run_past_state_limit(t, run_memory_bytes);
    /* Spec: a step that ends the run is carried out, but its caller is told as well. */
    if (!limit->reason && t->closed && !t->next && t->reply_err == ERR_OK &&
        is_past_state_limit(t, run_memory_bytes))
        t->reply_err = err_fail(t->detail, ERR_INVALID, "%s", STATE_LIMIT_REASON);
    return limit->reason != NULL;
}
