/* matching.c - the core's surface: offers, cancellations, resets, deadlines. */
#include "matching/matching_int.h"

#include <stdlib.h>

enum { ID_MAX = 1024 };
static const int64_t sweep_ns = 60 * NS_PER_S;

const struct matching_limits matching_limits_default = {
    .window_tasks = 1000,
    .total_tasks = 100000,
    .polls = 100000,
    .queries = 10000,
    .queues = 100000,
    .pulls = 64,
};

/* Resets that follow one another share a round of pulls: else, where messages are being lost, each
 * round makes losses, each loss a reset, and each reset another round. */
static const int64_t reset_apart_ns = 50 * NS_PER_MS;

struct matching *matching_new(const struct matching_options *options)
{
    struct matching *m = calloc(1, sizeof *m);

    must(m != NULL && options->history_shards > 0);
    m->o = *options;
    m->limits = *options->limits;
    m->reset_ns = INT64_MIN / 2;
    map_init(&m->queues, options->seed);
    map_init(&m->polls, options->seed);
    map_init(&m->queries, options->seed);
    map_init(&m->tasks_by_key, options->seed);
    map_init(&m->matches, options->seed);
    map_init(&m->pulls, options->seed);
    heap_init(&m->due);
    list_init(&m->pull_queues);
    m->sweep.kind = DUE_SWEEP;
    struct metrics *metrics = options->metrics;
    m->poll_success = metrics_counter(metrics, "poll_success", "");
    m->poll_timeouts = metrics_counter(metrics, "poll_timeouts", "");
    m->polls_canceled = metrics_counter(metrics, "gnomon_matching_polls_canceled", "");
    m->starts_retried = metrics_counter(metrics, "gnomon_matching_starts_retried", "");
    m->refused = metrics_counter(metrics, "gnomon_matching_offers_refused", "");
    m->held_polls = metrics_gauge(metrics, "gnomon_matching_held_polls", "");
    m->window_tasks = metrics_gauge(metrics, "gnomon_matching_window_tasks", "");
    m->queue_count = metrics_gauge(metrics, "gnomon_matching_queues", "");
    scaling_init(m);
    shutdown_init(m);
    return m;
}

/* Everything that refers to a queue goes before it; answers to nobody. */
static void free_matches_and_polls(struct matching *m)
{
    for (struct map_node *node; (node = map_next(&m->matches, NULL));) {
        struct match *match = CONTAINER_OF(node, struct match, by_id);

        match->task->queue->in_doubt_count--;
        match->task->match = NULL;
        if (match->poll)
            match->poll->match = NULL;
        window_forget(m, match->task);
        matching_due_off(m, &match->due);
        map_remove(&m->matches, node);
        free(match);
    }
    for (struct map_node *node; (node = map_next(&m->polls, NULL));) {
        struct poll *poll = CONTAINER_OF(node, struct poll, by_addr);

        if (poll->node.next != &poll->node)
            held_unwait(poll);
        held_free(m, poll);
    }
    for (struct map_node *node; (node = map_next(&m->queries, NULL));)
        window_forget(m, CONTAINER_OF(node, struct task, by_addr));
    for (struct map_node *node; (node = map_next(&m->pulls, NULL));) {
        struct pull *pull = CONTAINER_OF(node, struct pull, by_id);

        pull->queue->pulling_count--;
        map_remove(&m->pulls, node);
        free(pull);
    }
}

void matching_free(struct matching *m)
{
    if (!m)
        return;
    free_matches_and_polls(m);
    for (struct map_node *node; (node = map_next(&m->queues, NULL));)
        tq_free(m, CONTAINER_OF(node, struct queue, by_name));
    map_release(&m->queues);
    map_release(&m->polls);
    map_release(&m->queries);
    map_release(&m->tasks_by_key);
    map_release(&m->matches);
    map_release(&m->pulls);
    shutdown_release(m);
    heap_release(&m->due);
    free(m);
}

struct slice matching_addr_key(const struct mesh_addr *addr)
{
    _Static_assert(sizeof *addr == 16, "no padding: the bytes are the key");
    return slice_of(addr, sizeof *addr);
}

void matching_due_at(struct matching *m, struct due *due, int64_t at_ns)
{
    must(due->kind != DUE_ILLEGAL);
    heap_remove(&m->due, &due->node);
    heap_add(&m->due, &due->node, at_ns);
}

void matching_due_off(struct matching *m, struct due *due)
{
    heap_remove(&m->due, &due->node);
}

void matching_advance(struct matching *m, struct queue *q, int64_t now_ns)
{
    struct task *task;

    while (!list_empty(&q->polls) && (task = tq_rate_take(m, q, now_ns)))
        match_begin(m, CONTAINER_OF(q->polls.next, struct poll, node), task, now_ns);
    q->advances++;
    window_schedule_pulls(m, q, now_ns);
    window_run_pulls(m, now_ns);
    if (m->sweep.node.index == 0)
        matching_due_at(m, &m->sweep, now_ns + sweep_ns);
}

/* -- offers --------------------------------------------------------------------------------- */

static bool task_ok(const struct matching *m, const struct rpc_task *task)
{
    return (task->kind == TASK_WORKFLOW || task->kind == TASK_ACTIVITY) &&
           task->history_shard < m->o.history_shards && task->workflow_id.len <= ID_MAX &&
           task->run_id.len <= ID_MAX;
}

static struct queue *offer_one(struct matching *m, const struct rpc_task *task, int64_t now_ns)
{
    const struct tq_spec spec = {task->kind, task->sticky, task->namespace_id, task->task_queue};
    struct queue *q = tq_find(m, task->kind, task->namespace_id, task->task_queue);

    if (task->sticky && (!q || !tq_has_recent_poller(q, now_ns))) {
        m->o.out->no_sticky_poller(m->o.out->arg, task);
        return NULL;
    }
    q = tq_get(m, &spec, now_ns);
    if (!q)
        return NULL; /* its row stands: the first poll pulls it */
    tq_rate_add(&q->added[window_priority(task)], now_ns);
    window_add(m, q, task, false);
    return q;
}

void matching_offer(struct matching *m, const struct rpc_task *tasks, uint32_t count,
                    int64_t now_ns)
{
    struct queue *last = NULL;

    if (m->draining)
        return;
    for (uint32_t i = 0; i < count; i++) {
        if (!task_ok(m, &tasks[i])) {
            log_warn(m->o.log, "offered task out of bounds",
                     F_U64("history_shard", tasks[i].history_shard));
            continue;
        }
        struct queue *q = offer_one(m, &tasks[i], now_ns);
        if (last && q != last)
            matching_advance(m, last, now_ns);
        last = q;
    }
    if (last)
        matching_advance(m, last, now_ns);
}

/* -- what ends held calls ------------------------------------------------------------------- */

static void poll_gone(struct matching *m, struct poll *poll, int64_t now_ns)
{
    tq_saw_poller(m, poll->queue, poll->rpc.identity, now_ns);
    if (poll->match) {
        match_lose_poll(m, poll, now_ns);
    } else {
        held_unwait(poll);
        held_free(m, poll);
    }
}

void matching_cancel(struct matching *m, struct mesh_addr from, int64_t now_ns)
{
    struct map_node *node = map_get(&m->polls, matching_addr_key(&from));

    if (node) {
        struct poll *poll = CONTAINER_OF(node, struct poll, by_addr);
        struct queue *q = poll->queue;

        counter_add(m->polls_canceled, 1);
        poll_gone(m, poll, now_ns);
        matching_advance(m, q, now_ns);
        return;
    }
    node = map_get(&m->queries, matching_addr_key(&from));
    if (node) {
        struct task *query = CONTAINER_OF(node, struct task, by_addr);

        if (!query->match)
            window_forget(m, query);
    }
}

void matching_process_lost(struct matching *m, uint64_t process, int64_t now_ns)
{
    for (struct map_node *node = map_next(&m->polls, NULL), *next; node; node = next) {
        struct poll *poll = CONTAINER_OF(node, struct poll, by_addr);

        next = map_next(&m->polls, node);
        if (poll->rpc.reply_to.process == process) {
            struct queue *q = poll->queue;

            poll_gone(m, poll, now_ns);
            matching_advance(m, q, now_ns);
        }
    }
    for (struct map_node *node = map_next(&m->queries, NULL), *next; node; node = next) {
        struct task *query = CONTAINER_OF(node, struct task, by_addr);

        next = map_next(&m->queries, node);
        if (query->from.process == process && !query->match)
            window_forget(m, query);
    }
}

void matching_history_reset(struct matching *m, int64_t now_ns)
{
    const bool again = now_ns - m->reset_ns < reset_apart_ns;

    if (!again)
        m->reset_ns = now_ns;
    for (struct map_node *node = map_next(&m->queues, NULL); node;
         node = map_next(&m->queues, node)) {
        struct queue *q = CONTAINER_OF(node, struct queue, by_name);

        window_want_all(m, q);
        if (again)
            q->pull_not_before_ns = m->reset_ns + reset_apart_ns;
        matching_advance(m, q, now_ns);
    }
}

static void lose_queue(struct matching *m, struct queue *q, enum err err, int64_t now_ns)
{
    while (!list_empty(&q->polls))
        held_end(m, CONTAINER_OF(q->polls.next, struct poll, node), err, now_ns);
    for (struct task *task = window_first(q); task; task = window_first(q)) {
        if (task->rpc.kind == TASK_QUERY)
            query_end(m, task, ERR_NOT_OWNER, NULL);
        else
            window_forget(m, task);
    }
}

void matching_shard_lost(struct matching *m, uint32_t shard, int64_t now_ns)
{
    for (struct map_node *node = map_next(&m->queues, NULL); node;
         node = map_next(&m->queues, node)) {
        struct queue *q = CONTAINER_OF(node, struct queue, by_name);

        if (q->matching_shard != shard)
            continue;
        q->lost = true;
        lose_queue(m, q, ERR_NOT_OWNER, now_ns);
    }
}

void matching_drain(struct matching *m, int64_t now_ns)
{
    m->draining = true;
    for (struct map_node *node = map_next(&m->queues, NULL); node;
         node = map_next(&m->queues, node))
        lose_queue(m, CONTAINER_OF(node, struct queue, by_name), ERR_OK, now_ns);
}

bool matching_drained(const struct matching *m)
{
    return m->matches.count == 0;
}

/* -- time ----------------------------------------------------------------------------------- */

int64_t matching_next_due_ns(const struct matching *m)
{
    const struct heap_node *first = heap_first(&m->due);

    return first ? first->at : INT64_MAX;
}

static void sweep(struct matching *m, int64_t now_ns)
{
    for (struct map_node *node = map_next(&m->queues, NULL), *next; node; node = next) {
        struct queue *q = CONTAINER_OF(node, struct queue, by_name);

        next = map_next(&m->queues, node);
        if (tq_is_idle(q, now_ns))
            tq_free(m, q);
    }
    if (m->queues.count > 0)
        matching_due_at(m, &m->sweep, now_ns + sweep_ns);
}

static struct queue *run_one(struct matching *m, struct due *due, int64_t now_ns)
{
    struct queue *q = NULL;

    switch (due->kind) {
    case DUE_POLL: {
        struct poll *poll = CONTAINER_OF(due, struct poll, due);
        q = poll->queue;
        held_on_due(m, poll, now_ns);
        break;
    }
    case DUE_QUERY: {
        struct task *query = CONTAINER_OF(due, struct task, due);
        query_on_due(m, query, now_ns);
        break;
    }
    case DUE_MATCH:
        match_on_due(m, CONTAINER_OF(due, struct match, due));
        break;
    case DUE_PULL:
        q = CONTAINER_OF(due, struct queue, pull_due);
        break;
    case DUE_RATE:
        q = CONTAINER_OF(due, struct queue, limit.due);
        break;
    case DUE_SWEEP:
        sweep(m, now_ns);
        break;
    case DUE_ILLEGAL:
        must(due->kind != DUE_ILLEGAL);
    }
    return q;
}

void matching_run_due(struct matching *m, int64_t now_ns)
{
    struct heap_node *node;

    while ((node = heap_first(&m->due)) && node->at <= now_ns) {
        struct due *due = CONTAINER_OF(node, struct due, node);

        heap_remove(&m->due, node);
        struct queue *q = run_one(m, due, now_ns);
        if (q)
            matching_advance(m, q, now_ns);
    }
}
