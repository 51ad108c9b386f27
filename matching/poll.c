/* poll.c - held calls: the polls of workers and the queries that wait for one. Matching alone
 * ends them when their time is up. */
#include "matching/matching_int.h"

#include <stdlib.h>

enum { REQUEST_MAX = 256 * 1024, IDENTITY_MAX = 1024 };
static const int64_t answer_budget_ns = NS_PER_S;    /* before the client's deadline */
static const int64_t doubt_extra_ns = 10 * NS_PER_S; /* of calls without a deadline */
static const int64_t query_hold_ns = 10 * NS_PER_S;
static const int64_t no_poller_ns = 20 * NS_PER_S; /* Spec: matching.queryPollerUnavailableWindow */

static int64_t hold_max_ns(const struct matching *m, const struct rpc_poll *rpc)
{
    const struct dynconf_where where = {.namespace_name = rpc->namespace_name,
                                        .task_queue = rpc->task_queue,
                                        .task_type = rpc->kind == TASK_ACTIVITY ? 2 : 1};

    return dynconf_duration_at(m->o.dynconf, DYNCONF_MATCHING_LONG_POLL, &where);
}

static void reply(struct matching *m, struct mesh_addr to, enum err err, const char *text)
{
    m->o.out->reply(m->o.out->arg, to, err, text, SLICE_EMPTY);
}

static struct slice copy_into(uint8_t **at, struct slice bytes)
{
    uint8_t *start = *at;

    if (bytes.len)
        memcpy(start, bytes.ptr, bytes.len);
    *at += bytes.len;
    return slice_of(start, bytes.len);
}

static struct poll *poll_new(struct matching *m, struct queue *q, const struct rpc_poll *rpc)
{
    struct poll *poll = calloc(1, sizeof *poll + rpc->namespace_name.len + rpc->normal_queue.len +
                                      rpc->identity.len + rpc->request.len);

    must(poll != NULL);
    uint8_t *at = poll->bytes;
    poll->rpc = *rpc;
    poll->rpc.namespace_id = q->namespace_id;
    poll->rpc.task_queue = q->name;
    poll->rpc.namespace_name = copy_into(&at, rpc->namespace_name);
    poll->rpc.normal_queue = copy_into(&at, rpc->normal_queue);
    poll->rpc.identity = copy_into(&at, rpc->identity);
    poll->rpc.request = copy_into(&at, rpc->request);
    poll->queue = q;
    poll->due.kind = DUE_POLL;
    list_init(&poll->node);
    map_put(&m->polls, matching_addr_key(&poll->rpc.reply_to), &poll->by_addr);
    gauge_set(m->held_polls, (int64_t)m->polls.count);
    return poll;
}

void held_wait(struct poll *poll, bool at_front)
{
    if (at_front)
        list_push_front(&poll->queue->polls, &poll->node);
    else
        list_push_back(&poll->queue->polls, &poll->node);
    poll->queue->poll_count++;
}

void held_unwait(struct poll *poll)
{
    must(poll->node.next != &poll->node && poll->queue->poll_count > 0);
    list_remove(&poll->node);
    poll->queue->poll_count--;
}

void held_free(struct matching *m, struct poll *poll)
{
    must(poll->node.next == &poll->node && poll->match == NULL);
    matching_due_off(m, &poll->due);
    map_remove(&m->polls, &poll->by_addr);
    gauge_set(m->held_polls, (int64_t)m->polls.count);
    free(poll);
}

void held_end(struct matching *m, struct poll *poll, enum err err, int64_t now_ns)
{
    tq_saw_poller(m, poll->queue, poll->rpc.identity, now_ns);
    reply(m, poll->rpc.reply_to, err, NULL);
    if (poll->node.next != &poll->node)
        held_unwait(poll);
    held_free(m, poll);
}

void held_on_due(struct matching *m, struct poll *poll, int64_t now_ns)
{
    struct queue *q = poll->queue;

    if (!poll->match) {
        counter_add(m->poll_timeouts, 1);
        held_end(m, poll, ERR_OK, now_ns);
    } else if (now_ns < poll->deadline_ns) { /* history may have answered it already */
        matching_due_at(m, &poll->due, poll->deadline_ns);
    } else {
        tq_saw_poller(m, q, poll->rpc.identity, now_ns);
        match_lose_poll(m, poll, now_ns);
    }
}

void matching_poll(struct matching *m, const struct rpc_poll *rpc, int64_t deadline_ns,
                   int64_t now_ns)
{
    const struct tq_spec spec = {rpc->kind, rpc->sticky, rpc->namespace_id, rpc->task_queue};

    if ((rpc->kind != TASK_WORKFLOW && rpc->kind != TASK_ACTIVITY) || rpc->reply_to.process == 0 ||
        rpc->request.len > REQUEST_MAX || rpc->identity.len > IDENTITY_MAX ||
        rpc->normal_queue.len > IDENTITY_MAX || rpc->namespace_name.len > IDENTITY_MAX) {
        reply(m, rpc->reply_to, ERR_INVALID, "poll request out of bounds");
        return;
    }
    if (m->draining || shutdown_has(m, rpc, now_ns)) {
        reply(m, rpc->reply_to, ERR_OK, NULL);
        return;
    }
    if (map_get(&m->polls, matching_addr_key(&rpc->reply_to)))
        return; /* the same call twice: it is held already */
    struct queue *q = m->polls.count < m->limits.polls ? tq_get(m, &spec, now_ns) : NULL;
    if (!q) {
        reply(m, rpc->reply_to, ERR_BUSY, "too many polls or task queues");
        return;
    }

    struct poll *poll = poll_new(m, q, rpc);
    int64_t expires_ns = now_ns + hold_max_ns(m, rpc);
    poll->since_ns = now_ns;
    poll->deadline_ns = deadline_ns > 0 ? deadline_ns : expires_ns + doubt_extra_ns;
    if (poll->deadline_ns - answer_budget_ns < expires_ns)
        expires_ns = poll->deadline_ns - answer_budget_ns;
    matching_due_at(m, &poll->due, expires_ns);
    tq_saw_poller(m, q, rpc->identity, now_ns);
    tq_set_poller_rate(q, rpc, now_ns);
    tq_note_poller_version(q, rpc);
    q->last_poll_ns = now_ns;
    held_wait(poll, false);
    matching_advance(m, q, now_ns);
}

/* -- queries -------------------------------------------------------------------------------- */

void query_end(struct matching *m, struct task *query, enum err err, const char *text)
{
    must(query->rpc.kind == TASK_QUERY);
    reply(m, query->from, err, text);
    window_forget(m, query);
}

void query_on_due(struct matching *m, struct task *query, int64_t now_ns)
{
    const struct queue *q = query->queue;
    const bool seen = q->last_poll_ns != INT64_MIN && now_ns - q->last_poll_ns <= no_poller_ns;

    if (query->match) /* history has it: the start's answer settles it */
        return;
    if (now_ns >= query->deadline_ns)
        query_end(m, query, ERR_TIMEOUT, NULL);
    else if (!seen && q->poll_count == 0)
        query_end(m, query, ERR_PRECONDITION,
                  "no poller seen for task queue recently, worker may be down");
    else
        matching_due_at(m, &query->due, query->deadline_ns);
}

void matching_query(struct matching *m, const struct rpc_task *rpc, struct mesh_addr from,
                    int64_t deadline_ns, int64_t now_ns)
{
    const struct tq_spec spec = {TASK_WORKFLOW, rpc->sticky, rpc->namespace_id, rpc->task_queue};
    struct queue *q = tq_find(m, TASK_WORKFLOW, rpc->namespace_id, rpc->task_queue);

    if (rpc->kind != TASK_QUERY || rpc->workflow_id.len > IDENTITY_MAX ||
        rpc->run_id.len > IDENTITY_MAX || rpc->history_shard >= m->o.history_shards) {
        reply(m, from, ERR_INVALID, "query task out of bounds");
        return;
    }
    if (rpc->sticky && (!q || !tq_has_recent_poller(q, now_ns))) {
        reply(m, from, ERR_STALE, "no sticky poller");
        return;
    }
    if (m->draining || m->queries.count >= m->limits.queries ||
        map_get(&m->queries, matching_addr_key(&from)) || !(q = tq_get(m, &spec, now_ns))) {
        reply(m, from, m->draining ? ERR_UNAVAILABLE : ERR_BUSY, NULL);
        return;
    }
    struct task *query = window_add_query(m, q, rpc);
    if (!query) {
        reply(m, from, ERR_BUSY, "the query is waiting already");
        return;
    }
    query->from = from;
    query->deadline_ns = deadline_ns > 0 ? deadline_ns : now_ns + query_hold_ns;
    map_put(&m->queries, matching_addr_key(&query->from), &query->by_addr);
    matching_due_at(m, &query->due, query->deadline_ns - answer_budget_ns);
    q->last_used_ns = now_ns;
    tq_rate_add(&q->added[window_priority(rpc)], now_ns);
    matching_advance(m, q, now_ns);
}

/* -- a worker that goes ---------------------------------------------------------------------- */

void matching_worker_shutdown(struct matching *m, struct slice namespace_id,
                              struct slice sticky_queue, int64_t now_ns)
{
    struct queue *q = tq_find(m, TASK_WORKFLOW, namespace_id, sticky_queue);

    if (!q || !q->sticky)
        return;
    while (!list_empty(&q->polls))
        held_end(m, CONTAINER_OF(q->polls.next, struct poll, node), ERR_OK, now_ns);
    tq_forget_pollers(q);
    for (struct task *task = window_first(q); task; task = window_first(q)) {
        if (task->rpc.kind == TASK_QUERY) {
            query_end(m, task, ERR_STALE, "no sticky poller");
        } else {
            m->o.out->no_sticky_poller(m->o.out->arg, &task->rpc);
            window_forget(m, task);
        }
    }
}
