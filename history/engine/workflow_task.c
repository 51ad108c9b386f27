/* workflow_task.c - the life of a workflow task: scheduled, started, failed, timed out.
 *
 *     NONE --schedule--> SCHEDULED --start--> STARTED --complete, fail, time out--> NONE
 *                            '-------schedule-to-start time-out (sticky)------------'
 *
 * A start whose answer reached nobody is taken back in unstart.c; tasks for updates alone, which
 * are speculative, are in wft_speculative.c.
 *
 * 1. Attempt 1 writes its events at once. From attempt 2 on (transient) they are only shown to the
 *    worker, with the ids that they would get, and are written when the task completes.
 * 2. A transient task that something overtakes (its scheduled id is no longer the next one) turns
 *    into a normal one of attempt 1 when it starts.
 * 3. While a task is started, other events wait in the run's buffer; whatever ends the task lets
 *    them into the history before the next Scheduled event. */
#include "history/engine/engine_int.h"

#include "common/proto/wire.h"
#include "history/engine/child.h"
#include "history/engine/pause.h"
#include "history/engine/update_int.h"
#include "history/engine/problems.h"
#include "history/engine/options.h"

static const int64_t RETRY_INITIAL_NS = 5 * NS_PER_S;

/* A worker that keeps failing gets more and more time: the repeats of its time-outs back off. */
static int64_t start_to_close_ns(struct transition *t)
{
    const struct run *run = t->run;
    const int64_t beyond = run->wft.attempt - t->limits->wft_retry_backoff_after_attempt;
    const int64_t max_ns = t->limits->wft_retry_max_ns;
    int64_t delay = RETRY_INITIAL_NS;

    if (beyond <= 0)
        return run->task_timeout_ns;
    for (int64_t i = 1; i < beyond && delay < max_ns; i++)
        delay *= 2;
    if (delay > max_ns)
        delay = max_ns;
    const int64_t jitter = delay / 5;
    return run->task_timeout_ns + delay - jitter + (int64_t)rng_below(t->rng, (uint64_t)jitter + 1);
}

static api_task_queue *current_queue(struct transition *t)
{
    const struct run *run = t->run;
    api_task_queue *queue = engine_message(t->arena, &api_task_queue__desc);

    queue->name = transition_str(t, run->task_queue);
    queue->kind = TASK_QUEUE_KIND_NORMAL;
    if (run->sticky_queue.len > 0) {
        queue->normal_name = queue->name;
        queue->name = transition_str(t, bytes_slice(run->sticky_queue));
        queue->kind = TASK_QUEUE_KIND_STICKY;
    }
    return queue;
}

api_history_event *wft_scheduled_event(struct transition *t, int64_t when_ns)
{
    api_history_event *event;
    api_workflow_task_scheduled_event_attributes *a =
        engine_event(t, EVENT_TYPE_WORKFLOW_TASK_SCHEDULED, &event);

    event->event_time = transition_timestamp(t, when_ns);
    a->task_queue = current_queue(t);
    a->start_to_close_timeout = transition_duration(t, t->run->wft.timeout_ns);
    a->attempt = t->run->wft.attempt;
    return event;
}

/* The request id of a start is made of what identifies it. */
static char *request_id(struct transition *t)
{
    const struct workflow_task *wft = &t->run->wft;
    static char by_completion[] = "request-from-RespondWorkflowTaskCompleted";
    static char nobodys[] = "emptyUuid";
    uint8_t bytes[16];

    if (wft->poll_id == 0 && !wft->inline_start) /* by a reset: nobody polled */
        return nobodys;
    if (wft->inline_start) /* with the answer to the start, or to the task before */
        return wft->poll_id == 0 ? transition_str(t, slice_str(t->run->start_request_id))
                                 : by_completion;
    be64_put(bytes, wft->poll_id);
    be64_put(bytes + 8, wft->start_id);
    char *text = arena_alloc(t->arena, UUID_TEXT_LEN + 1);
    uuid_format(bytes, text);
    return text;
}

api_history_event *wft_started_event(struct transition *t, const char *identity,
                                     api_worker_version_stamp *stamp)
{
    const struct workflow_task *wft = &t->run->wft;
    api_history_event *event;
    api_workflow_task_started_event_attributes *a =
        engine_event(t, EVENT_TYPE_WORKFLOW_TASK_STARTED, &event);

    event->event_time = transition_timestamp(t, wft->started_ns);
    a->scheduled_event_id = wft->scheduled_event_id;
    a->identity = transition_str(t, slice_str(identity));
    a->request_id = request_id(t);
    a->suggest_continue_as_new = wft->suggest_continue_as_new;
    if (wft->suggest_continue_as_new) {
        a->suggest_continue_as_new_reasons =
            ARENA_ARRAY(t->arena, Temporal__Api__Enums__V1__SuggestContinueAsNewReason, 3);
        if (wft->suggest_reasons & SUGGEST_BY_SIZE)
            a->suggest_continue_as_new_reasons[a->n_suggest_continue_as_new_reasons++] =
                SUGGEST_CONTINUE_AS_NEW_REASON_HISTORY_SIZE_TOO_LARGE;
        if (wft->suggest_reasons & SUGGEST_BY_COUNT)
            a->suggest_continue_as_new_reasons[a->n_suggest_continue_as_new_reasons++] =
                SUGGEST_CONTINUE_AS_NEW_REASON_TOO_MANY_HISTORY_EVENTS;
        if (wft->suggest_reasons & SUGGEST_BY_UPDATES)
            a->suggest_continue_as_new_reasons[a->n_suggest_continue_as_new_reasons++] =
                SUGGEST_CONTINUE_AS_NEW_REASON_TOO_MANY_UPDATES;
    }
    a->history_size_bytes = wft->history_size_bytes;
    a->worker_version = stamp;
    return event;
}

/* -- rows ------------------------------------------------------------------------------------ */

void wft_offer(struct transition *t, bool sticky)
{
    struct run *run = t->run;
    const struct task_change change = {
        .add = true,
        .speculative = run->wft.speculative,
        .kind = TASK_WORKFLOW,
        .sticky = sticky,
        .row_seq = ++*t->row_seq,
        .task_queue = sticky ? bytes_slice(run->sticky_queue) : run->task_queue,
        .scheduled_event_id = run->wft.scheduled_event_id,
        .attempt = run->wft.attempt,
        .priority = run_priority(run),
        .fairness = run_fairness(run, t->arena),
    };

    run->wft.row_seq = change.row_seq;
    run->wft.row_sticky = sticky;
    run->dirty |= !run->wft.speculative;
    transition_task_add(t, &change);
}

void wft_drop_row(struct transition *t)
{
    struct run *run = t->run;

    if (run->wft.row_seq == 0)
        return;
    if (run->wft.speculative) {
        transition_task_withdraw(t, run->wft.row_seq);
        run->wft.row_seq = 0;
        run->wft.row_sticky = false;
        return;
    }
    transition_task_drop(t, TASK_WORKFLOW, run->wft.row_sticky, run->wft.row_seq,
                         run->wft.row_sticky ? bytes_slice(run->sticky_queue) : run->task_queue,
                         run_priority(run));
    run->wft.row_seq = 0;
    run->wft.row_sticky = false;
    run->dirty = true;
}

void wft_clear_sticky(struct run *run)
{
    must(run->wft.row_seq == 0 || !run->wft.row_sticky); /* the row is keyed by that queue */
    if (run->sticky_queue.len == 0)
        return;
    bytes_clear(&run->sticky_queue);
    run->sticky_schedule_to_start_ns = 0;
    run->dirty = true;
}

/* -- buffered events ------------------------------------------------------------------------- */

static bool is_close_of_item(const api_history_event *event)
{
    return event->event_type == EVENT_TYPE_ACTIVITY_TASK_COMPLETED ||
           event->event_type == EVENT_TYPE_ACTIVITY_TASK_FAILED ||
           event->event_type == EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT ||
           event->event_type == EVENT_TYPE_ACTIVITY_TASK_CANCELED ||
           event->event_type == EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED ||
           event->event_type == EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED ||
           event->event_type == EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED ||
           event->event_type == EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT ||
           event->event_type == EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED;
}

struct started_pair {
    int64_t scheduled_id, started_id;
};

static void wire_started(api_history_event *event, const struct started_pair *pairs, size_t count)
{
    int64_t *started_id;
    int64_t scheduled_id;

#define WIRE(member, asked)                                                                        \
    (scheduled_id = event->member##_event_attributes->asked,                                       \
     started_id = &event->member##_event_attributes->started_event_id)
#define WIRE_CHILD(member) WIRE(child_workflow_execution_##member, initiated_event_id)
    switch ((int32_t)event->event_type) {
    case EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
        WIRE(activity_task_completed, scheduled_event_id);
        break;
    case EVENT_TYPE_ACTIVITY_TASK_FAILED:
        WIRE(activity_task_failed, scheduled_event_id);
        break;
    case EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
        WIRE(activity_task_timed_out, scheduled_event_id);
        break;
    case EVENT_TYPE_ACTIVITY_TASK_CANCELED:
        WIRE(activity_task_canceled, scheduled_event_id);
        break;
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED:
        WIRE_CHILD(completed);
        break;
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED:
        WIRE_CHILD(failed);
        break;
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED:
        WIRE_CHILD(canceled);
        break;
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT:
        WIRE_CHILD(timed_out);
        break;
    default:
        WIRE_CHILD(terminated);
        break;
    }
#undef WIRE_CHILD
#undef WIRE
    for (size_t i = 0; i < count; i++)
        if (pairs[i].scheduled_id == scheduled_id)
            *started_id = pairs[i].started_id;
}

/* The child, if it has not ended in the same buffer, learns the id of its Started event. */
static struct started_pair child_started_as(struct run *run, const api_history_event *event,
                                            int64_t event_id)
{
    const int64_t initiated_id =
        event->child_workflow_execution_started_event_attributes->initiated_event_id;
    struct child *child = run_child(run, initiated_id);

    if (child) {
        child->started_event_id = event_id;
        run_child_changed(run, child);
    }
    return (struct started_pair){initiated_id, event_id};
}

/* Ends of activities and children come last, so that every Started event stands before its end. */
void wft_flush_buffered(struct transition *t)
{
    struct run *run = t->run;
    size_t count, pair_count = 0;

    if (run->buffered_count == 0)
        return;
    api_history_event **events = engine_decode_events(t->arena, bytes_slice(run->buffered), &count);
    must(events != NULL && count == run->buffered_count);
    bytes_clear(&run->buffered);
    run->buffered_count = 0;
    struct started_pair *pairs = ARENA_ARRAY(t->arena, struct started_pair, count);
    for (size_t i = 0; i < count; i++) {
        if (is_close_of_item(events[i]))
            continue;
        const int64_t id = transition_event(t, events[i]);
        if (events[i]->event_type == EVENT_TYPE_ACTIVITY_TASK_STARTED)
            pairs[pair_count++] = (struct started_pair){
                events[i]->activity_task_started_event_attributes->scheduled_event_id, id};
        else if (events[i]->event_type == EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED)
            pairs[pair_count++] = child_started_as(run, events[i], id);
        else if (events[i]->event_type == EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED)
            run_options_flushed(run, events[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_close_of_item(events[i]))
            continue;
        wire_started(events[i], pairs, pair_count);
        transition_event(t, events[i]);
    }
}

/* -- schedule and start ---------------------------------------------------------------------- */

void wft_schedule(struct transition *t, bool offer_it, int64_t original_ns)
{
    struct run *run = t->run;
    struct workflow_task *wft = &run->wft;

    must(run_is_open(run) && wft->state == WFT_NONE && wft->row_seq == 0);
    if (run->buffered_count > 0) {
        wft->attempt = 1;
        wft_flush_buffered(t);
    }
    wft->timeout_ns = start_to_close_ns(t);
    wft->sticky = run->sticky_queue.len > 0;
    wft->scheduled_ns = t->now_ns;
    wft->original_scheduled_ns = original_ns ? original_ns : t->now_ns;
    wft->started_event_id = 0;
    wft->started_ns = 0;
    wft->scheduled_event_id = wft->attempt == 1
                                  ? transition_event(t, wft_scheduled_event(t, t->now_ns))
                                  : run->next_event_id;
    wft->state = WFT_SCHEDULED;
    run->first_task_due_ns = 0;
    run->dirty = true;
    if (offer_it)
        wft_offer(t, wft->sticky);
}

void wft_start(struct transition *t, const struct wft_start *start)
{
    struct run *run = t->run;
    struct workflow_task *wft = &run->wft;

    must(wft->state == WFT_SCHEDULED);
    wft_drop_row(t);
    bytes_set(&wft->identity, start->identity);
    wft->started_ns = t->now_ns;
    wft->poll_id = start->poll_id;
    wft->inline_start = start->by_completion;
    do {
        wft->start_id = rng_u64(t->rng);
    } while (wft->start_id == 0);
    wft->start_due_ns = 0;
    /* Spec: of an eager start the reference does not know it yet. */
    wft->history_size_bytes =
        start->by_completion && start->poll_id == 0 ? 0 : run->history_size_bytes;
    if (wft->attempt > 1 && wft->scheduled_event_id != run->next_event_id) {
        wft->attempt = 1;
        wft->scheduled_ns = t->now_ns;
        wft->scheduled_event_id = transition_event(t, wft_scheduled_event(t, t->now_ns));
    }
    const bool written = wft->attempt == 1 && !wft->speculative;
    wft->started_event_id = written ? run->next_event_id : wft->scheduled_event_id + 1;
    wft->suggest_reasons =
        (run->history_size_bytes >= t->limits->suggest_bytes ? SUGGEST_BY_SIZE : 0U) |
        (run->next_event_id >= t->limits->suggest_events ? SUGGEST_BY_COUNT : 0U) |
        (updates_suggest_continue(t) ? SUGGEST_BY_UPDATES : 0U);
    wft->suggest_continue_as_new = wft->suggest_reasons != 0;
    if (written)
        transition_event(t, wft_started_event(t, transition_str(t, start->identity), start->stamp));
    wft->state = WFT_STARTED;
    run->dirty |= !wft->speculative;
}

/* -- the end without completion -------------------------------------------------------------- */

/* Ready for the next try: on the normal queue. Unless it was sticky, the end may be a problem to
 * report, and the next try a next attempt. */
static void end_attempt(struct transition *t, bool problem, bool next_attempt)
{
    struct run *run = t->run;
    struct workflow_task *wft = &run->wft;

    wft_drop_row(t);
    if (run->sticky_queue.len > 0) {
        problem = next_attempt = false;
        wft_clear_sticky(run);
    }
    if (problem)
        run_count_problem(t);
    wft->attempt = next_attempt ? wft->attempt + 1 : 1;
    wft->state = WFT_NONE;
    wft->scheduled_event_id = wft->started_event_id = 0;
    wft->scheduled_ns = wft->started_ns = wft->original_scheduled_ns = 0;
    wft->timeout_ns = 0;
    wft->sticky = false;
    wft->start_id = wft->poll_id = 0;
    wft->again_ns = 0;
    wft->inline_start = wft->heartbeat = false;
    wft->history_size_bytes = 0;
    wft->suggest_continue_as_new = false;
    wft->suggest_reasons = 0;
    wft->start_due_ns = 0;
    bytes_clear(&wft->identity);
    run->close_attempted = false;
    run->dirty = true;
    t->wft_failed = true;
}

bool wft_cause_counts(int32_t cause)
{
    return cause != WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW &&
           cause != WORKFLOW_TASK_FAILED_CAUSE_FAILOVER_CLOSE_COMMAND;
}

void wft_fail(struct transition *t, const struct wft_failure *failure)
{
    struct workflow_task *wft = &t->run->wft;
    const bool unstarted = wft->state == WFT_SCHEDULED;

    must(wft->state == WFT_STARTED || (unstarted && run_is_paused(t->run)));
    if (wft->speculative)
        wft_write_transient(t, failure->identity ? failure->identity : "", NULL);
    if (wft->attempt == 1) {
        api_history_event *event;
        api_workflow_task_failed_event_attributes *a =
            engine_event(t, EVENT_TYPE_WORKFLOW_TASK_FAILED, &event);
        a->scheduled_event_id = wft->scheduled_event_id;
        a->started_event_id = wft->started_event_id;
        a->cause = (Temporal__Api__Enums__V1__WorkflowTaskFailedCause)failure->cause;
        a->failure = failure->failure;
        a->identity = transition_str(t, slice_str(failure->identity));
        a->binary_checksum = transition_str(t, slice_str(failure->binary_checksum));
        a->base_run_id = transition_str(t, slice_str(failure->base_run_id));
        a->new_run_id = transition_str(t, slice_str(failure->new_run_id));
        transition_event(t, event);
        run_note_task_failed(t->run, failure->cause);
    }
    end_attempt(t, true, !unstarted && wft_cause_counts(failure->cause));
}

void wft_time_out(struct transition *t, int32_t timeout_type)
{
    struct workflow_task *wft = &t->run->wft;
    const bool of_start = timeout_type == TIMEOUT_TYPE_SCHEDULE_TO_START;

    must(wft->state == (of_start ? WFT_SCHEDULED : WFT_STARTED));
    if (wft->speculative && of_start) {
        wft_drop_row(t);
        wft_write_scheduled(t);
    } else if (wft->speculative) {
        wft_write_transient(t, "", NULL);
    }
    if (of_start || wft->attempt == 1) {
        api_history_event *event;
        api_workflow_task_timed_out_event_attributes *a =
            engine_event(t, EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT, &event);
        a->scheduled_event_id = wft->scheduled_event_id;
        a->started_event_id = of_start ? 0 : wft->started_event_id;
        a->timeout_type = (Temporal__Api__Enums__V1__TimeoutType)timeout_type;
        transition_event(t, event);
        if (!of_start)
            run_note_task_timed_out(t->run, timeout_type);
    }
    end_attempt(t, !of_start, !of_start);
}

int64_t wft_deadline_ns(const struct run *run)
{
    const struct workflow_task *wft = &run->wft;

    if (run_task_is_undelivered(run) && wft->row_sticky && run->sticky_schedule_to_start_ns > 0 &&
        run->sticky_schedule_to_start_ns < wft->timeout_ns)
        return wft->again_ns + run->sticky_schedule_to_start_ns;
    if (wft->state == WFT_STARTED)
        return (wft->again_ns ? wft->again_ns : wft->started_ns) + wft->timeout_ns;
    if (wft->state == WFT_SCHEDULED && wft->start_due_ns != 0)
        return wft->start_due_ns;
    if (wft->state == WFT_SCHEDULED && wft->sticky && run->sticky_queue.len > 0 &&
        run->sticky_schedule_to_start_ns > 0)
        return wft->scheduled_ns + run->sticky_schedule_to_start_ns;
    return 0;
}

/* -- what other steps ask for ---------------------------------------------------------------- */

/* The buffer is written before the next task is scheduled: that one stays a second attempt. */
static void fail_overflow(struct transition *t)
{
    const struct wft_failure overflow = {.cause = WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,
                                         .identity = ENGINE_IDENTITY};

    wft_fail(t, &overflow);
    wft_flush_buffered(t);
}

void transition_need_workflow_task(struct transition *t)
{
    struct run *run = t->run;

    if (!run_is_open(run))
        return;
    if (t->commands_running) {
        t->workflow_task_needed = true;
        return;
    }
    if (run->wft.state == WFT_STARTED && (run->buffered_count > t->limits->buffered_events_max ||
                                          run->buffered.len > t->limits->buffered_bytes_max))
        fail_overflow(t);
    if (run->wft.state != WFT_NONE)
        return;
    if (run_is_paused(run))
        wft_flush_buffered(t); /* and no task follows until it is unpaused */
    else
        wft_schedule(t, true, 0);
}

enum err engine_no_sticky_poller(struct transition *t, const struct rpc_task *task)
{
    struct workflow_task *wft = &t->run->wft;

    if (!run_is_open(t->run) || wft->state == WFT_NONE || !wft->row_sticky ||
        wft->row_seq != task->row_seq)
        return ERR_STALE;
    /* The run stays sticky until somebody else starts the task: the worker may come back. */
    t->keeps_speculative = true;
    t->uncounted = true;
    wft_drop_row(t);
    wft_offer(t, false);
    return ERR_OK;
}

enum err engine_reset_sticky(struct transition *t)
{
    struct run *run = t->run;

    if (!run_is_open(run))
        return err_fail(t->detail, ERR_NOT_FOUND, "workflow execution already completed");
    /* Spec: a task that is scheduled keeps its time-out. */
    if (run->wft.state == WFT_SCHEDULED && run->wft.start_due_ns == 0)
        run->wft.start_due_ns = wft_deadline_ns(run);
    if (run->wft.state != WFT_NONE && run->wft.row_sticky) {
        wft_drop_row(t);
        wft_offer(t, false);
    }
    wft_clear_sticky(run);
    t->uncounted = true;
    return ERR_OK;
}
