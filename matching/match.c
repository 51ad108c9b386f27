/* match.c - tasks in doubt: a start is asked of history until its outcome is known, with the same
 * poll id, or until nobody waits for it any more.
 *
 *   in flight --ERR_OK--> both gone
 *       |  ^ --ERR_STALE--> the task is gone, the poll waits again, first in line
 *       |  '-- retry after a back-off -- outcome unknown
 *       '-- the poll goes: the match ends with the next answer; the task's shard is pulled again */
#include "matching/matching_int.h"

#include <stdlib.h>

static const int64_t backoff_min_ns = 50 * NS_PER_MS;
static const int64_t backoff_max_ns = NS_PER_S;

static void start(struct matching *m, struct match *match)
{
    const struct rpc_start_task request = {
        .task = match->task->rpc,
        .poll = match->poll->rpc,
        .poller_scaling = match->scaling,
        /* what waits beside this one */
        .backlog_count_hint =
            match->task->queue->window_count > 0 ? match->task->queue->window_count - 1 : 0,
    };

    match->in_flight = true;
    m->o.out->start(m->o.out->arg, match->id, &request);
}

void match_begin(struct matching *m, struct poll *poll, struct task *task, int64_t now_ns)
{
    struct match *match = calloc(1, sizeof *match);

    must(match != NULL && poll->queue == task->queue);
    held_unwait(poll);
    window_take(task->queue, task);
    match->poll = poll;
    match->task = task;
    match->id = ++m->last_id;
    match->due.kind = DUE_MATCH;
    poll->match = match;
    task->match = match;
    task->queue->in_doubt_count++;
    tq_rate_add(&task->queue->dispatched[window_priority(&task->rpc)], now_ns);
    match->scaling = scaling_decision(m, task->queue, poll, task, now_ns);
    map_put_u64(&m->matches, match->id, &match->by_id);
    start(m, match);
}

static void match_free(struct matching *m, struct match *match)
{
    must(match->task->match == match);
    match->task->match = NULL;
    if (match->poll)
        match->poll->match = NULL;
    match->task->queue->in_doubt_count--;
    matching_due_off(m, &match->due);
    map_remove(&m->matches, &match->by_id);
    free(match);
}

void match_on_due(struct matching *m, struct match *match)
{
    must(!match->in_flight && match->poll);
    start(m, match);
}

/* The start's outcome is unknown and nobody waits for it: history's rows know. */
static void give_up(struct matching *m, struct match *match, int64_t now_ns)
{
    struct task *task = match->task;

    match_free(m, match);
    if (task->rpc.kind != TASK_QUERY) {
        window_want(task->queue, task->rpc.history_shard);
        window_forget(m, task);
    } else if (now_ns < task->deadline_ns) {
        window_restore(task->queue, task);
        matching_due_at(m, &task->due, task->deadline_ns);
    } else {
        query_end(m, task, ERR_TIMEOUT, NULL);
    }
}

void match_lose_poll(struct matching *m, struct poll *poll, int64_t now_ns)
{
    struct match *match = poll->match;

    poll->match = NULL;
    match->poll = NULL;
    held_free(m, poll);
    if (!match->in_flight)
        give_up(m, match, now_ns);
}

static void started(struct matching *m, struct match *match, int64_t now_ns)
{
    struct task *task = match->task;
    struct poll *poll = match->poll;

    match_free(m, match);
    counter_add(m->poll_success, 1);
    if (poll) {
        tq_saw_poller(m, task->queue, poll->rpc.identity, now_ns);
        held_free(m, poll);
    }
    if (task->rpc.kind == TASK_QUERY)
        query_end(m, task, ERR_OK, NULL);
    else
        window_end(m, task);
}

static void refused(struct matching *m, struct match *match, int64_t now_ns)
{
    struct task *task = match->task;
    struct poll *poll = match->poll;

    match_free(m, match);
    if (task->rpc.kind == TASK_QUERY) {
        query_end(m, task, ERR_NOT_FOUND, NULL);
    } else {
        tq_rate_give_back(task->queue, task);
        window_end(m, task);
    }
    if (poll && (m->draining || shutdown_has(m, &poll->rpc, now_ns)))
        held_end(m, poll, ERR_OK, now_ns);
    else if (poll && poll->queue->lost)
        held_end(m, poll, ERR_NOT_OWNER, now_ns);
    else if (poll)
        held_wait(poll, true);
}

static void unknown(struct matching *m, struct match *match, enum err err, int64_t now_ns)
{
    log_debug(m->o.log, "start not answered", F_ERR(err),
              F_SLICE("task_queue", match->task->queue->name),
              F_U64("row_seq", match->task->rpc.row_seq));
    if (!match->poll) {
        give_up(m, match, now_ns);
        return;
    }
    if (m->draining) { /* the poll's own deadline is all that is left to it */
        match_lose_poll(m, match->poll, now_ns);
        return;
    }
    counter_add(m->starts_retried, 1);
    match->backoff_ns = match->backoff_ns ? match->backoff_ns * 2 : backoff_min_ns;
    if (match->backoff_ns > backoff_max_ns)
        match->backoff_ns = backoff_max_ns;
    matching_due_at(m, &match->due, now_ns + match->backoff_ns);
}

void matching_on_started(struct matching *m, uint64_t match_id, enum err err, int64_t now_ns)
{
    struct map_node *node = map_get_u64(&m->matches, match_id);

    must(node != NULL);
    struct match *match = CONTAINER_OF(node, struct match, by_id);
    struct queue *q = match->task->queue;
    must(match->in_flight);
    match->in_flight = false;
    if (err == ERR_OK) {
        started(m, match, now_ns);
    } else if (err == ERR_STALE || err == ERR_NOT_FOUND) {
        refused(m, match, now_ns);
    } else if (err_may_retry(err) || err == ERR_TIMEOUT || err == ERR_CANCELED || err == ERR_IO) {
        unknown(m, match, err, now_ns);
    } else {
        log_error(m->o.log, "history refused a start", F_ERR(err), F_SLICE("task_queue", q->name),
                  F_SLICE("workflow_id", match->task->rpc.workflow_id));
        refused(m, match, now_ns);
    }
    matching_advance(m, q, now_ns);
}
