/* fairness.c - the rate of each fairness key of a queue, which operators set; a key's weight scales
 * it.
 *
 * The same bucket as that of the queue, a key at a time, for the keys seen last. Tasks whose key is
 * ready go before those in order whose key is not.
 * Spec: the reference's service/matching/ratelimit_manager.go and matcher_data.go; there a rate of
 * zero holds nothing back, unlike that of the queue. */
#include "matching/matching_int.h"

#include "common/proto/wire.h"

#include <stdlib.h>

#define BURST_NS NS_PER_S
#define WEIGHT_LEAST 0.001
#define RATE_LEAST 1e-9
#define LONGEST_NS (INT64_MAX / 4)

struct fair_key {
    struct map_node by_key;
    struct list node; /* in limit.keys_by_use */
    int64_t ready_ns; /* the next task may go from then on */
    size_t len;
    uint8_t key[];
};

static float float_of(uint64_t bits)
{
    const uint32_t narrow = (uint32_t)bits;
    float value;

    memcpy(&value, &narrow, sizeof value);
    return value;
}

/* What operators set for the key goes before what the task says. */
static double weight_of(const struct queue *q, const struct rpc_fairness *fairness)
{
    enum { OVERRIDES = 3, KEY = 1, VALUE = 2 };
    struct wire_reader reader = wire_reader(slice_of(q->config, q->config_len));
    struct wire_field field;
    double weight = (double)fairness->weight_milli / 1000;

    while (wire_next(&reader, &field))
        if (field.number == OVERRIDES && field.type == WIRE_BYTES &&
            slice_eq(wire_find_bytes(field.bytes, KEY), fairness->key))
            weight = (double)float_of(wire_find_number(field.bytes, VALUE));
    if (!(weight > 0))
        return 1;
    return weight > WEIGHT_LEAST ? weight : WEIGHT_LEAST;
}

static int64_t interval_ns(const struct queue *q, double weight)
{
    const double span = (double)NS_PER_S / q->limit.key_rps / weight;

    return span < (double)LONGEST_NS ? (int64_t)span : LONGEST_NS;
}

static struct fair_key *find(const struct queue *q, const struct rpc_fairness *fairness)
{
    struct map_node *node = map_get(&q->limit.keys, fairness->key);

    return node ? CONTAINER_OF(node, struct fair_key, by_key) : NULL;
}

static void forget(struct queue *q, struct fair_key *key)
{
    map_remove(&q->limit.keys, &key->by_key);
    list_remove(&key->node);
    free(key);
}

void fairness_forget(struct queue *q)
{
    while (!list_empty(&q->limit.keys_by_use))
        forget(q, CONTAINER_OF(q->limit.keys_by_use.next, struct fair_key, node));
}

static struct fair_key *get(struct queue *q, const struct rpc_fairness *fairness, int64_t now_ns)
{
    struct fair_key *key = find(q, fairness);

    if (key) {
        list_remove(&key->node);
    } else {
        while (q->limit.keys.count >= FAIRNESS_KEYS_MAX)
            forget(q, CONTAINER_OF(q->limit.keys_by_use.next, struct fair_key, node));
        key = calloc(1, sizeof *key + fairness->key.len);
        must(key != NULL);
        key->ready_ns = now_ns - BURST_NS;
        key->len = fairness->key.len;
        if (key->len)
            memcpy(key->key, fairness->key.ptr, key->len);
        map_put(&q->limit.keys, slice_of(key->key, key->len), &key->by_key);
    }
    list_push_back(&q->limit.keys_by_use, &key->node);
    return key;
}

static int64_t ready_ns(const struct queue *q, const struct task *task)
{
    const struct fair_key *key = task->rpc.kind == TASK_QUERY ? NULL : find(q, &task->rpc.fairness);

    return key ? key->ready_ns : INT64_MIN;
}

struct task *fairness_first(const struct queue *q, int64_t now_ns, int64_t *next_ns)
{
    struct task *first = window_first(q);

    *next_ns = INT64_MAX;
    if (!first || q->limit.key_rps <= 0 || ready_ns(q, first) <= now_ns)
        return first;
    first = NULL;
    for (size_t i = 0; i < q->tasks.count; i++) {
        struct task *task = CONTAINER_OF(q->tasks.nodes[i], struct task, order);
        const int64_t at_ns = ready_ns(q, task);

        if (at_ns <= now_ns && (!first || task->order.at < first->order.at))
            first = task;
        if (at_ns > now_ns && at_ns < *next_ns)
            *next_ns = at_ns;
    }
    return first;
}

void fairness_take(struct queue *q, const struct task *task, int64_t now_ns)
{
    const struct rpc_fairness *fairness = &task->rpc.fairness;

    if (q->limit.key_rps <= 0)
        return;
    struct fair_key *key = get(q, fairness, now_ns);
    if (key->ready_ns < now_ns - BURST_NS)
        key->ready_ns = now_ns - BURST_NS;
    key->ready_ns += interval_ns(q, weight_of(q, fairness));
}

void fairness_give_back(struct queue *q, const struct task *task)
{
    const struct rpc_fairness *fairness = &task->rpc.fairness;
    struct fair_key *key = q->limit.key_rps <= 0 ? NULL : find(q, fairness);

    if (key)
        key->ready_ns -= interval_ns(q, weight_of(q, fairness));
}

void fairness_set_rate(struct queue *q, double rps, int64_t now_ns)
{
    q->limit.key_rps = rps > RATE_LEAST ? rps : 0;
    if (rps <= RATE_LEAST) {
        fairness_forget(q);
        return;
    }
    /* a faster rate is felt at once */
    const int64_t latest_ns = now_ns + interval_ns(q, 1);
    for (struct list *it = q->limit.keys_by_use.next; it != &q->limit.keys_by_use; it = it->next) {
        struct fair_key *key = CONTAINER_OF(it, struct fair_key, node);

        if (key->ready_ns > latest_ns)
            key->ready_ns = latest_ns;
    }
}
