/* queue.c - a partition's identity, its recent pollers and its rates. */
#include "matching/matching_int.h"

#include "common/proto/wire.h"

#include <math.h>
#include <stdlib.h>

static const int64_t idle_ns = 300 * NS_PER_S;
static const int64_t poller_ttl_ns = 300 * NS_PER_S;
static const int64_t sticky_window_ns = 10 * NS_PER_S;
static const double rate_default = 100000; /* Spec: PollerInfo.rate_per_second */

/* kind, namespace id, NUL, name */
static size_t key_write(uint8_t *key, enum rpc_task_kind kind, struct slice namespace_id,
                        struct slice name)
{
    size_t len = 0;

    key[len++] = (uint8_t)kind;
    if (namespace_id.len)
        memcpy(key + len, namespace_id.ptr, namespace_id.len);
    len += namespace_id.len;
    key[len++] = 0;
    if (name.len)
        memcpy(key + len, name.ptr, name.len);
    return len + name.len;
}

enum { KEY_STACK = 2 + 64 + 1024 };

struct queue *tq_find(struct matching *m, enum rpc_task_kind kind, struct slice namespace_id,
                      struct slice name)
{
    uint8_t key[KEY_STACK];

    if (namespace_id.len > 64 || name.len > 1024)
        return NULL;
    const size_t len = key_write(key, kind, namespace_id, name);
    struct map_node *node = map_get(&m->queues, slice_of(key, len));
    return node ? CONTAINER_OF(node, struct queue, by_name) : NULL;
}

static void read_config(struct matching *m, struct queue *q, int64_t now_ns)
{
    struct arena arena;

    if (q->sticky || !m->o.out->config)
        return;
    arena_init(&arena);
    tq_set_config(q, m->o.out->config(m->o.out->arg, &arena, q->namespace_id, q->name), now_ns);
    arena_release(&arena);
}

bool matching_poll_needs_config(struct matching *m, const struct rpc_poll *poll)
{
    const struct queue *q = tq_find(m, poll->kind, poll->namespace_id, poll->task_queue);

    return !poll->sticky && (!q || q->lost);
}

struct queue *tq_get(struct matching *m, const struct tq_spec *spec, int64_t now_ns)
{
    struct queue *q = tq_find(m, spec->kind, spec->namespace_id, spec->name);

    if (q) {
        if (q->lost) {
            q->lost = false;
            window_want_all(m, q);
            read_config(m, q, now_ns);
        }
        return q;
    }
    if (m->queues.count >= m->limits.queues || spec->namespace_id.len > 64 || spec->name.len > 1024)
        return NULL;

    q = calloc(1, sizeof *q + 2 + spec->namespace_id.len + spec->name.len);
    must(q != NULL);
    q->key_len = key_write(q->key, spec->kind, spec->namespace_id, spec->name);
    q->namespace_id = slice_of(q->key + 1, spec->namespace_id.len);
    q->name = slice_of(q->key + 2 + spec->namespace_id.len, spec->name.len);
    q->kind = spec->kind;
    q->sticky = spec->sticky;
    q->matching_shard = rpc_matching_shard(q->namespace_id, q->name);
    q->last_poll_ns = INT64_MIN;
    q->last_used_ns = now_ns;
    for (int i = PRIORITY_BEST; i <= PRIORITY_WORST; i++)
        q->added[i].since_ns = q->dispatched[i].since_ns = now_ns;
    q->pull_due.kind = DUE_PULL;
    q->limit = (struct limit){.api_rps = -1, .worker_rps = -1, .key_rps = -1, .due.kind = DUE_RATE};
    map_init(&q->limit.keys, m->o.seed);
    list_init(&q->limit.keys_by_use);
    q->limit.ready_ns = now_ns - NS_PER_S;
    q->held_back.since_ns = now_ns;
    q->scaling = (struct scaling){.tokens = HUGE_VAL, .filled_ns = now_ns};
    list_init(&q->polls);
    list_init(&q->pull_node);
    list_init(&q->pollers_by_age);
    heap_init(&q->tasks);
    map_init(&q->pollers, m->o.seed);
    q->shards = calloc(m->o.history_shards, sizeof *q->shards);
    must(q->shards != NULL);
    for (uint32_t s = 0; s < m->o.history_shards; s++) {
        q->shards[s].rows_from = q->shards[s].missed_from = ROWS_NONE;
        list_init(&q->shards[s].ended);
    }
    map_put(&m->queues, slice_of(q->key, q->key_len), &q->by_name);
    gauge_set(m->queue_count, (int64_t)m->queues.count);
    window_want_all(m, q);
    read_config(m, q, now_ns);
    return q;
}

static void poller_free(struct queue *q, struct poller *poller)
{
    map_remove(&q->pollers, &poller->by_identity);
    list_remove(&poller->node);
    free(poller->version);
    free(poller);
}

void tq_forget_pollers(struct queue *q)
{
    while (!list_empty(&q->pollers_by_age))
        poller_free(q, CONTAINER_OF(q->pollers_by_age.next, struct poller, node));
    q->last_poll_ns = INT64_MIN;
}

void tq_forget_poller(struct queue *q, struct slice identity)
{
    struct map_node *node = map_get(&q->pollers, identity);

    if (node)
        poller_free(q, CONTAINER_OF(node, struct poller, by_identity));
}

void tq_free(struct matching *m, struct queue *q)
{
    must(list_empty(&q->polls) && q->in_doubt_count == 0 && q->pulling_count == 0);
    for (struct task *task = window_first(q); task; task = window_first(q)) {
        if (task->rpc.kind == TASK_QUERY)
            query_end(m, task, ERR_UNAVAILABLE, NULL);
        else
            window_forget(m, task);
    }
    for (uint32_t s = 0; s < m->o.history_shards; s++)
        window_forget_ended(m, &q->shards[s]);
    tq_forget_pollers(q);
    map_release(&q->pollers);
    fairness_forget(q);
    map_release(&q->limit.keys);
    heap_release(&q->tasks);
    list_remove(&q->pull_node);
    matching_due_off(m, &q->pull_due);
    matching_due_off(m, &q->limit.due);
    free(q->config);
    map_remove(&m->queues, &q->by_name);
    gauge_set(m->queue_count, (int64_t)m->queues.count);
    free(q->shards);
    free(q);
}

bool tq_is_idle(const struct queue *q, int64_t now_ns)
{
    return list_empty(&q->polls) && q->in_doubt_count == 0 && q->pulling_count == 0 &&
           now_ns - q->last_used_ns >= idle_ns;
}

bool tq_has_recent_poller(const struct queue *q, int64_t now_ns)
{
    if (q->poll_count || q->in_doubt_count)
        return true;
    if (list_empty(&q->pollers_by_age))
        return false;
    const struct poller *newest = CONTAINER_OF(q->pollers_by_age.prev, struct poller, node);
    return now_ns - newest->last_access_ns < sticky_window_ns;
}

void tq_expire_pollers(struct queue *q, int64_t now_ns)
{
    while (!list_empty(&q->pollers_by_age)) {
        struct poller *oldest = CONTAINER_OF(q->pollers_by_age.next, struct poller, node);

        if (q->pollers.count <= POLLERS_MAX && now_ns - oldest->last_access_ns < poller_ttl_ns)
            break;
        poller_free(q, oldest);
    }
}

void tq_saw_poller(struct matching *m, struct queue *q, struct slice identity, int64_t now_ns)
{
    struct map_node *node = map_get(&q->pollers, identity);
    struct poller *poller;

    q->last_used_ns = now_ns;
    if (node) {
        poller = CONTAINER_OF(node, struct poller, by_identity);
        list_remove(&poller->node);
    } else {
        poller = calloc(1, sizeof *poller + identity.len);
        must(poller != NULL);
        poller->rate_per_second = rate_default;
        if (identity.len)
            memcpy(poller->identity, identity.ptr, identity.len);
        map_put(&q->pollers, slice_of(poller->identity, identity.len), &poller->by_identity);
    }
    poller->last_access_ns = now_ns;
    poller->last_access_wall_ns = clock_wall_ns(m->o.clock);
    list_push_back(&q->pollers_by_age, &poller->node);
    tq_expire_pollers(q, now_ns);
}

/* Spec: the last poll counts for the queue, also when it says nothing. */
void tq_set_poller_rate(struct queue *q, const struct rpc_poll *rpc, int64_t now_ns)
{
    enum { METADATA = 4, MAX_TASKS_PER_SECOND = 1, VALUE = 1 };
    const struct slice metadata =
        rpc->kind == TASK_ACTIVITY ? wire_find_bytes(rpc->request, METADATA) : SLICE_EMPTY;
    struct wire_reader reader = wire_reader(metadata);
    struct wire_field field;
    struct map_node *node = map_get(&q->pollers, rpc->identity);
    double rate = -1;

    while (wire_next(&reader, &field)) {
        if (field.number != MAX_TASKS_PER_SECOND || field.type != WIRE_BYTES)
            continue;
        const uint64_t bits = wire_find_number(field.bytes, VALUE);
        memcpy(&rate, &bits, sizeof rate);
        rate = rate >= 0 ? rate : 0; /* what is no number neither */
    }
    if (rpc->kind == TASK_ACTIVITY)
        tq_rate_of_worker(q, rate, now_ns);
    if (node)
        CONTAINER_OF(node, struct poller, by_identity)->rate_per_second =
            rate >= 0 ? rate : rate_default;
}

void tq_note_poller_version(struct queue *q, const struct rpc_poll *rpc)
{
    enum { POLL_CAPABILITIES = 5, POLL_OPTIONS = 6, INFO_CAPABILITIES = 4, INFO_OPTIONS = 5 };
    enum { VERSION_BYTES_MAX = 4096 };
    struct map_node *node = map_get(&q->pollers, rpc->identity);
    struct wire_reader reader = wire_reader(rpc->request);
    struct wire_field field;
    struct buf told;

    if (!node)
        return;
    buf_init(&told, 0);
    while (wire_next(&reader, &field))
        if (field.type == WIRE_BYTES && field.number == POLL_CAPABILITIES)
            wire_put_bytes(&told, INFO_CAPABILITIES, field.bytes);
        else if (field.type == WIRE_BYTES && field.number == POLL_OPTIONS)
            wire_put_bytes(&told, INFO_OPTIONS, field.bytes);
    must(buf_ok(&told));
    struct poller *poller = CONTAINER_OF(node, struct poller, by_identity);
    const struct slice version = told.len <= VERSION_BYTES_MAX ? buf_slice(&told) : SLICE_EMPTY;
    if (!slice_eq(version, slice_of(poller->version, poller->version_len))) {
        free(poller->version);
        poller->version = NULL;
        poller->version_len = version.len;
        if (version.len > 0) {
            poller->version = malloc(version.len);
            must(poller->version != NULL);
            memcpy(poller->version, version.ptr, version.len);
        }
    }
    buf_release(&told);
}

static int64_t rate_slot(int64_t now_ns)
{
    return now_ns / (RATE_SLOT_S * NS_PER_S);
}

static uint32_t *rate_at(struct rate *rate, int64_t slot)
{
    return &rate->slots[(uint64_t)slot % RATE_SLOTS];
}

void tq_rate_add(struct rate *rate, int64_t now_ns)
{
    const int64_t slot = rate_slot(now_ns);

    if (slot - rate->newest_slot >= RATE_SLOTS) {
        memset(rate->slots, 0, sizeof rate->slots);
        rate->newest_slot = slot;
    }
    while (rate->newest_slot < slot)
        *rate_at(rate, ++rate->newest_slot) = 0;
    ++*rate_at(rate, slot);
}

double tq_rate_per_second(const struct rate *rate, int64_t now_ns)
{
    const int64_t oldest = rate_slot(now_ns) - RATE_SLOTS + 1;
    double span_s = (double)(now_ns - rate->since_ns) / NS_PER_S;
    uint64_t sum = 0;

    for (int64_t slot = rate->newest_slot; slot >= 0 && slot >= oldest; slot--)
        sum += rate->slots[(uint64_t)slot % RATE_SLOTS];
    if (span_s > RATE_SLOTS * RATE_SLOT_S)
        span_s = RATE_SLOTS * RATE_SLOT_S;
    return (double)sum / (span_s < 1 ? 1 : span_s);
}

double tq_rates_per_second(const struct rate *rates, int priority, int64_t now_ns)
{
    double sum = 0;

    for (int i = PRIORITY_BEST; i <= PRIORITY_WORST; i++)
        if (priority < 0 || priority == i)
            sum += tq_rate_per_second(&rates[i], now_ns);
    return sum;
}
