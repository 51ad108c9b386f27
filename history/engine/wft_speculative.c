/* wft_speculative.c - workflow tasks that exist in memory only: an update that a worker rejects is
 * to leave no trace.
 *
 * 1. A speculative task is of attempt 1, has the event ids that come next, and is offered without a
 *    row. The worker sees its Scheduled and Started events as if they stood in the history.
 * 2. Whatever is written while it is pending makes it a normal one first (wft_make_normal()): by
 *    transition_event() when an event comes, by rows_of_transition() when only state changes.
 * 3. A worker's answer that brings nothing but rejections drops it (wft_is_droppable()); any other
 *    answer, its failure and its time-out write its events before their own.
 * 4. It times out when nobody starts it, on the normal queue too: its offer may be lost, and so may
 *    the task itself, with the process. What follows then is a normal task, which has a row. */
#include "history/engine/engine_int.h"

#include "history/engine/update_int.h"

static const int64_t START_WITHIN_NS = 5 * NS_PER_S;

/* When it times out unless it is started. */
static int64_t start_due_ns(const struct transition *t)
{
    const struct run *run = t->run;

    return t->now_ns + (run->sticky_queue.len > 0 && run->sticky_schedule_to_start_ns > 0
                            ? run->sticky_schedule_to_start_ns
                            : START_WITHIN_NS);
}

void wft_schedule_speculative(struct transition *t, bool offer_it)
{
    struct run *run = t->run;
    struct workflow_task *wft = &run->wft;

    must(run_is_open(run) && wft->state == WFT_NONE && wft->row_seq == 0);
    must(wft->attempt == 1 && run->buffered_count == 0);
    wft->speculative = true;
    t->keeps_speculative = true;
    wft->timeout_ns = run->task_timeout_ns;
    wft->sticky = run->sticky_queue.len > 0;
    wft->scheduled_ns = wft->original_scheduled_ns = t->now_ns;
    wft->scheduled_event_id = run->next_event_id;
    wft->started_event_id = wft->started_ns = 0;
    wft->state = WFT_SCHEDULED;
    if (!offer_it)
        return;
    wft->start_due_ns = start_due_ns(t);
    wft_offer(t, wft->sticky);
}

void wft_offer_speculative_anew(struct transition *t)
{
    must(t->run->wft.speculative && t->run->wft.state == WFT_SCHEDULED);
    t->keeps_speculative = true;
    t->run->wft.start_due_ns = start_due_ns(t);
    wft_offer(t, t->run->sticky_queue.len > 0);
}

void wft_write_scheduled(struct transition *t)
{
    struct run *run = t->run;
    struct workflow_task *wft = &run->wft;

    wft->speculative = false;
    wft->sticky = run->sticky_queue.len > 0; /* as the event says */
    run->first_task_due_ns = 0;
    run->dirty = true;
    wft->scheduled_event_id = transition_event(t, wft_scheduled_event(t, wft->scheduled_ns));
}

void wft_write_transient(struct transition *t, const char *identity,
                         api_worker_version_stamp *stamp)
{
    struct workflow_task *wft = &t->run->wft;

    must(wft->state == WFT_STARTED && (wft->attempt > 1 || wft->speculative));
    wft_write_scheduled(t);
    wft->started_event_id = t->run->next_event_id;
    transition_event(t, wft_started_event(t, identity, stamp));
}

/* Its offer is out; what it lacks is the row, which says the same. */
static void give_row(struct transition *t)
{
    const struct run *run = t->run;
    const struct workflow_task *wft = &run->wft;

    for (size_t i = 0; i < t->change_count; i++)
        if (t->changes[i].add && t->changes[i].row_seq == wft->row_seq) {
            t->changes[i].speculative = false; /* it came in this very step */
            return;
        }
    const struct task_change change = {
        .add = true,
        .kind = TASK_WORKFLOW,
        .sticky = wft->row_sticky,
        .row_seq = wft->row_seq,
        .task_queue = wft->row_sticky ? bytes_slice(run->sticky_queue) : run->task_queue,
        .scheduled_event_id = wft->scheduled_event_id,
        .attempt = wft->attempt,
        .priority = run_priority(run),
        .fairness = run_fairness(run, t->arena),
    };
    transition_task_add(t, &change);
}

void wft_make_normal(struct transition *t)
{
    struct workflow_task *wft = &t->run->wft;
    static const char nobody[] = ""; /* Spec: as the reference has it */

    if (!wft->speculative)
        return;
    const int64_t scheduled_id = wft->scheduled_event_id;
    if (wft->state == WFT_STARTED) {
        wft_write_transient(t, nobody, NULL);
    } else {
        must(wft->state == WFT_SCHEDULED && wft->row_seq != 0);
        wft_write_scheduled(t);
        give_row(t);
    }
    must(wft->scheduled_event_id == scheduled_id);
}

void wft_forget_unstarted_speculative(struct transition *t)
{
    struct run *run = t->run;

    if (!run->wft.speculative || run->wft.state != WFT_SCHEDULED)
        return;
    wft_drop_row(t);
    run->wft = (struct workflow_task){.state = WFT_NONE, .attempt = 1};
}

/* Spec: a worker that can go back over events it has seen gets them again with the next task;
 * others must keep what they were shown. */
bool wft_is_droppable(const struct transition *t,
                      const api_respond_workflow_task_completed_request *request)
{
    const struct run *run = t->run;
    /* The Started and Completed events of the last task are the newest: nothing else was shown. */
    int64_t newest = run->last_started_event_id + 2;

    if (!run->wft.speculative || request->n_commands > 0 || request->force_create_new_workflow_task)
        return false;
    if (request->capabilities &&
        request->capabilities->discard_speculative_workflow_task_with_events)
        newest += t->limits->discard_speculative_events_max;
    if (run->next_event_id > newest)
        return false;
    for (size_t i = 0; i < request->n_messages; i++)
        if (!update_message_is_rejection(request->messages[i]))
            return false;
    return true;
}
