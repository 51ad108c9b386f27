/* unstart.c - a workflow task was started, and its answer reached no worker: it is offered again at
 * once, as the same attempt.
 *
 * 1. A task of attempt 1 stays started. Its Started event stands in the history, where readers,
 *    page tokens and event ids may have seen it, and serves the next start as well; what comes
 *    meanwhile goes on waiting in the buffer behind it. Only a row makes it dispatchable again
 *    (run_task_is_undelivered()). When nobody takes it within its start-to-close time-out, counted
 *    from here, it times out as any started task.
 * 2. A transient task has no events: it is scheduled again, and what was buffered is written. So
 *    has a speculative one, behind which nothing is buffered.
 * 3. The start id of case 1 stays good until the next start draws another: a worker that did get
 *    the task, although that was not known, may still answer it.
 *
 * Spec: the reference leaves such a task to its start-to-close time-out. */
#include "history/engine/engine_int.h"

static void unstart_unwritten(struct transition *t)
{
    struct workflow_task *wft = &t->run->wft;

    wft->state = WFT_SCHEDULED;
    wft->started_event_id = wft->started_ns = 0;
    wft->start_id = wft->poll_id = 0;
    wft->again_ns = 0;
    wft->inline_start = wft->heartbeat = false;
    wft->history_size_bytes = 0;
    wft->suggest_continue_as_new = false;
    wft->suggest_reasons = 0;
    bytes_clear(&wft->identity);
    t->run->dirty |= !wft->speculative;
    wft_flush_buffered(t);
}

enum err engine_unstart_workflow_task(struct transition *t, const struct task_token *token)
{
    struct run *run = t->run;
    struct workflow_task *wft = &run->wft;

    if (!wft_token_matches(run, token) || run_task_is_undelivered(run))
        return ERR_STALE;
    if (wft->speculative) {
        unstart_unwritten(t);
        wft_offer_speculative_anew(t);
        return ERR_OK;
    }
    if (wft->attempt > 1) {
        unstart_unwritten(t);
    } else {
        wft->again_ns = t->now_ns;
        if (!wft->inline_start) /* by which a repeated answer to the task before knows it */
            wft->poll_id = 0;
    }
    wft_offer(t, run->sticky_queue.len > 0);
    return ERR_OK;
}

void wft_hand_out_anew(struct transition *t, const struct wft_start *start)
{
    struct run *run = t->run;
    struct workflow_task *wft = &run->wft;
    const uint64_t lost = wft->start_id;

    must(wft->state == WFT_STARTED && wft->row_seq == 0);
    bytes_set(&wft->identity, start->identity);
    wft->poll_id = start->poll_id;
    wft->inline_start = start->by_completion;
    wft->heartbeat = false; /* it may be another worker: it gets all that is open */
    wft->again_ns = t->now_ns;
    do {
        wft->start_id = rng_u64(t->rng);
    } while (wft->start_id == 0 || wft->start_id == lost);
    run->dirty = true;
}

bool wft_leave_sticky_queue(struct transition *t)
{
    struct run *run = t->run;

    if (!run_task_is_undelivered(run) || !run->wft.row_sticky)
        return false;
    wft_drop_row(t);
    run->wft.again_ns = t->now_ns;
    wft_offer(t, false);
    return true;
}
