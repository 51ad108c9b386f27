/* window.c - the bounded window of a partition's tasks, and the pages that fill it again.
 *
 * The order is priority, then age; a query goes before the tasks of its priority. A full window
 * gives up its worst task for a better one. What is refused stays a row: the shard's level
 * remembers from which priority on its rows are not here, until a page has brought them. */
#include "matching/matching_int.h"

#include <stdlib.h>

enum { PRIORITY_DEFAULT = 3, PAGE_MAX = 500 };
static const int64_t backoff_min_ns = 100 * NS_PER_MS;
static const int64_t backoff_max_ns = 2 * NS_PER_S;

uint8_t window_priority(const struct rpc_task *rpc)
{
    if (rpc->priority <= 0)
        return PRIORITY_DEFAULT;
    return rpc->priority > PRIORITY_WORST ? PRIORITY_WORST : (uint8_t)rpc->priority;
}

static int64_t order_of(const struct rpc_task *rpc)
{
    const int64_t age_us = rpc->created_wall_ns > 0 ? rpc->created_wall_ns / 1000 : 0;

    return (int64_t)window_priority(rpc) << 56 | (rpc->kind == TASK_QUERY ? 0 : age_us);
}

enum { ENDED_MAX = 1000 }; /* beyond them a page may bring a task back, which a start refuses */

static void key_write(const struct rpc_task *rpc, uint8_t key[KEY_BYTES])
{
    memset(key, 0, KEY_BYTES);
    memcpy(key, &rpc->row_seq, 8);
    memcpy(key + 8, &rpc->history_shard, 4);
    key[12] = (uint8_t)rpc->kind;
}

static void level_down(uint8_t *level, uint8_t priority)
{
    if (priority < *level)
        *level = priority;
}

/* Rows of `shard` from this priority on are not in the window. */
static void left_in_rows(struct queue *q, uint32_t shard, uint8_t priority)
{
    struct queue_shard *s = &q->shards[shard];

    level_down(&s->rows_from, priority);
    if (s->pulling)
        level_down(&s->missed_from, priority);
    q->behind = true;
}

static struct task *task_new(struct matching *m, struct queue *q, const struct rpc_task *rpc,
                             bool from_page)
{
    const struct slice ids[] = {rpc->workflow_id, rpc->run_id, rpc->fairness.key};
    struct slice *kept[COUNT_OF(ids)];
    struct task *task = calloc(1, sizeof *task + ids[0].len + ids[1].len + ids[2].len);

    must(task != NULL);
    task->rpc = *rpc;
    task->rpc.namespace_id = q->namespace_id;
    task->rpc.task_queue = q->name;
    kept[0] = &task->rpc.workflow_id;
    kept[1] = &task->rpc.run_id;
    kept[2] = &task->rpc.fairness.key;
    uint8_t *at = task->bytes;
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        if (ids[i].len)
            memcpy(at, ids[i].ptr, ids[i].len);
        *kept[i] = slice_of(at, ids[i].len);
        at += ids[i].len;
    }
    task->queue = q;
    task->came_at = from_page ? UINT64_MAX : q->advances;
    task->due.kind = DUE_QUERY;
    key_write(rpc, task->key);
    map_put(&m->tasks_by_key, slice_of(task->key, KEY_BYTES), &task->by_key);
    window_restore(q, task);
    return task;
}

/* The waiting task that would be handed out last; only called when the window is full. */
static struct task *worst_task(const struct queue *q)
{
    struct task *worst = NULL;

    for (size_t i = 0; i < q->tasks.count; i++) {
        struct task *task = CONTAINER_OF(q->tasks.nodes[i], struct task, order);

        if (task->rpc.kind != TASK_QUERY && (!worst || task->order.at > worst->order.at))
            worst = task;
    }
    return worst;
}

/* Is there room for a task of this priority, if need be by giving up a worse one? */
static bool make_room(struct matching *m, struct queue *q, uint8_t priority)
{
    const bool full = q->window_count >= m->limits.window_tasks ||
                      (m->task_count >= m->limits.total_tasks && q->poll_count == 0);
    bool worse = false;

    if (!full)
        return true;
    for (uint32_t p = priority + 1u; p <= PRIORITY_WORST; p++)
        worse = worse || q->waiting_at[p] != 0;
    if (!worse)
        return false;
    struct task *victim = worst_task(q);
    if (!victim)
        return false;
    left_in_rows(q, victim->rpc.history_shard, window_priority(&victim->rpc));
    window_forget(m, victim);
    return true;
}

static void ended_free(struct matching *m, struct queue_shard *s, struct task *task)
{
    map_remove(&m->tasks_by_key, &task->by_key);
    list_remove(&task->ended);
    s->ended_count--;
    free(task);
}

void window_forget_ended(struct matching *m, struct queue_shard *s)
{
    while (!list_empty(&s->ended))
        ended_free(m, s, CONTAINER_OF(s->ended.next, struct task, ended));
}

void window_add(struct matching *m, struct queue *q, const struct rpc_task *rpc, bool from_page)
{
    struct queue_shard *s = &q->shards[rpc->history_shard];
    const uint8_t priority = window_priority(rpc);
    uint8_t key[KEY_BYTES];

    key_write(rpc, key);
    struct map_node *known = map_get(&m->tasks_by_key, slice_of(key, KEY_BYTES));
    if (known && !CONTAINER_OF(known, struct task, by_key)->has_ended)
        return;
    if (known && from_page) { /* read before it ended, or it is back: the next page knows */
        s->wanted = true;
        q->behind = true;
        return;
    }
    if (known)
        ended_free(m, s, CONTAINER_OF(known, struct task, by_key));
    if ((!from_page && priority >= s->rows_from) || !make_room(m, q, priority)) {
        left_in_rows(q, rpc->history_shard, priority);
        counter_add(m->refused, 1);
        return;
    }
    task_new(m, q, rpc, from_page);
    s->held++;
    q->window_count++;
    m->task_count++;
    gauge_set(m->window_tasks, m->task_count);
}

struct task *window_add_query(struct matching *m, struct queue *q, const struct rpc_task *rpc)
{
    uint8_t key[KEY_BYTES];

    key_write(rpc, key);
    if (map_get(&m->tasks_by_key, slice_of(key, KEY_BYTES)))
        return NULL;
    return task_new(m, q, rpc, false);
}

struct task *window_first(const struct queue *q)
{
    struct heap_node *node = heap_first(&q->tasks);

    return node ? CONTAINER_OF(node, struct task, order) : NULL;
}

void window_take(struct queue *q, struct task *task)
{
    must(task->order.index != 0);
    heap_remove(&q->tasks, &task->order);
    if (task->rpc.kind != TASK_QUERY)
        q->waiting_at[window_priority(&task->rpc)]--;
}

void window_restore(struct queue *q, struct task *task)
{
    must(task->order.index == 0);
    heap_add(&q->tasks, &task->order, order_of(&task->rpc));
    if (task->rpc.kind != TASK_QUERY)
        q->waiting_at[window_priority(&task->rpc)]++;
}

/* Out of the order and the counts; known by its key still. */
static void leave(struct matching *m, struct task *task)
{
    struct queue *q = task->queue;

    must(task->match == NULL);
    if (task->order.index != 0)
        window_take(q, task);
    matching_due_off(m, &task->due);
    if (task->rpc.kind == TASK_QUERY) {
        map_remove(&m->queries, &task->by_addr);
    } else {
        must(q->shards[task->rpc.history_shard].held > 0 && q->window_count > 0);
        q->shards[task->rpc.history_shard].held--;
        q->window_count--;
        m->task_count--;
        gauge_set(m->window_tasks, m->task_count);
    }
}

void window_forget(struct matching *m, struct task *task)
{
    leave(m, task);
    map_remove(&m->tasks_by_key, &task->by_key);
    free(task);
}

void window_end(struct matching *m, struct task *task)
{
    struct queue_shard *s = &task->queue->shards[task->rpc.history_shard];

    if (!s->pulling || s->ended_count == ENDED_MAX) {
        window_forget(m, task);
        return;
    }
    leave(m, task);
    task->has_ended = true;
    list_push_back(&s->ended, &task->ended);
    s->ended_count++;
}

void window_want(struct queue *q, uint32_t shard)
{
    q->shards[shard].wanted = true;
    q->behind = true;
}

void window_want_all(struct matching *m, struct queue *q)
{
    for (uint32_t s = 0; s < m->o.history_shards; s++)
        window_want(q, s);
    q->pull_backoff_ns = 0;
    q->pull_not_before_ns = 0;
}

static bool low(const struct matching *m, const struct queue *q)
{
    return q->window_count <= m->limits.window_tasks / 4 &&
           (m->task_count < m->limits.total_tasks || q->poll_count > 0);
}

static bool shard_due(const struct matching *m, const struct queue *q, const struct queue_shard *s)
{
    return !s->pulling && (s->wanted || (s->rows_from != ROWS_NONE && low(m, q)));
}

static uint32_t due_count(const struct matching *m, const struct queue *q)
{
    uint32_t count = 0;

    for (uint32_t s = 0; s < m->o.history_shards; s++)
        count += shard_due(m, q, &q->shards[s]);
    return count;
}

void window_schedule_pulls(struct matching *m, struct queue *q, int64_t now_ns)
{
    if (!q->behind || q->lost || m->draining || q->pull_node.next != &q->pull_node)
        return;
    if (due_count(m, q) == 0) {
        bool behind = false;

        for (uint32_t s = 0; s < m->o.history_shards; s++)
            behind = behind || q->shards[s].pulling || q->shards[s].rows_from != ROWS_NONE;
        q->behind = behind;
        return;
    }
    if (now_ns < q->pull_not_before_ns)
        matching_due_at(m, &q->pull_due, q->pull_not_before_ns);
    else
        list_push_back(&m->pull_queues, &q->pull_node);
}

static void pull_begin(struct matching *m, struct queue *q, uint32_t shard, uint32_t room)
{
    struct queue_shard *s = &q->shards[shard];
    struct pull *pull = calloc(1, sizeof *pull);

    must(pull != NULL);
    pull->queue = q;
    pull->shard = shard;
    s->pulling = true;
    s->wanted = false;
    s->missed_from = ROWS_NONE;
    q->pulling_count++;
    const uint64_t id = ++m->last_id;
    map_put_u64(&m->pulls, id, &pull->by_id);

    const struct rpc_pull_tasks request = {
        .kind = q->kind,
        .namespace_id = q->namespace_id,
        .task_queue = q->name,
        .limit = s->held + room, /* what is held comes first in the page: its rows still stand */
    };
    m->o.out->pull(m->o.out->arg, id, shard, &request);
}

void window_run_pulls(struct matching *m, int64_t now_ns)
{
    while (!list_empty(&m->pull_queues) && m->pulls.count < m->limits.pulls) {
        struct queue *q = CONTAINER_OF(m->pull_queues.next, struct queue, pull_node);
        const uint32_t count = due_count(m, q);
        const uint32_t window = m->limits.window_tasks;
        const uint32_t space = window > q->window_count ? window - q->window_count : 0;
        uint32_t room = count ? space / count : 0;

        room = room == 0 ? 1 : room > PAGE_MAX ? PAGE_MAX : room;
        for (uint32_t s = 0; s < m->o.history_shards && m->pulls.count < m->limits.pulls; s++)
            if (shard_due(m, q, &q->shards[s]))
                pull_begin(m, q, s, room);
        list_remove(&q->pull_node);
        if (due_count(m, q) > 0)
            window_schedule_pulls(m, q, now_ns);
    }
}

static void pull_failed(struct queue *q, uint32_t shard, int64_t now_ns)
{
    window_want(q, shard);
    q->pull_backoff_ns = q->pull_backoff_ns ? q->pull_backoff_ns * 2 : backoff_min_ns;
    if (q->pull_backoff_ns > backoff_max_ns)
        q->pull_backoff_ns = backoff_max_ns;
    q->pull_not_before_ns = now_ns + q->pull_backoff_ns;
}

static bool fits(const struct matching *m, const struct queue *q, const struct pull *pull,
                 const struct rpc_task *task)
{
    UNUSED(m);
    return task->kind == q->kind && task->history_shard == pull->shard &&
           slice_eq(task->namespace_id, q->namespace_id) && slice_eq(task->task_queue, q->name);
}

void matching_on_pulled(struct matching *m, uint64_t pull_id, enum err err,
                        const struct rpc_task *tasks, uint32_t count, bool has_more, int64_t now_ns)
{
    struct map_node *node = map_get_u64(&m->pulls, pull_id);

    must(node != NULL);
    struct pull *pull = CONTAINER_OF(node, struct pull, by_id);
    struct queue *q = pull->queue;
    struct queue_shard *s = &q->shards[pull->shard];
    const uint32_t held_before = s->held;

    map_remove(&m->pulls, &pull->by_id);
    s->pulling = false;
    q->pulling_count--;
    if (err != ERR_OK) {
        pull_failed(q, pull->shard, now_ns);
    } else if (!q->lost) {
        s->rows_from = s->missed_from;
        if (has_more)
            level_down(&s->rows_from,
                       count ? window_priority(&tasks[count - 1]) : (uint8_t)PRIORITY_BEST);
        for (uint32_t i = 0; i < count; i++) {
            if (fits(m, q, pull, &tasks[i]))
                window_add(m, q, &tasks[i], true);
            else
                log_warn(m->o.log, "task of another queue in a page",
                         F_U64("history_shard", pull->shard));
        }
        q->pull_backoff_ns = 0;
        q->pull_not_before_ns = 0;
        if (has_more && s->held == held_before) {
            pull_failed(q, pull->shard, now_ns); /* no progress: not at once again */
            s->wanted = false;
        }
    }
    window_forget_ended(m, s);
    free(pull);
    matching_advance(m, q, now_ns);
}
