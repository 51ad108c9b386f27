/* rate.c - how fast a queue may hand out tasks: what operators set, else what the last poll asked.
 *
 * A bucket of one second's tasks, kept as the time from which on the next task may go. Queries are
 * not held back.
 * Spec: the reference's service/matching/ratelimit_manager.go; its limit of the system, which is
 * the number of its partitions times a setting, is far away here and not enforced. */
#include "common/rpc/queue_config.h"
#include "matching/matching_int.h"

#include "api.h"

#include <math.h>
#include <stdlib.h>

#define BURST_NS NS_PER_S

double tq_rate_limit(const struct queue *q, enum rate_source *source)
{
    const double limit = q->limit.api_rps >= 0      ? q->limit.api_rps
                         : q->limit.worker_rps >= 0 ? q->limit.worker_rps
                                                    : RATE_OF_SYSTEM;

    *source = limit >= RATE_OF_SYSTEM ? RATE_FROM_SYSTEM
              : q->limit.api_rps >= 0 ? RATE_FROM_API
                                      : RATE_FROM_WORKER;
    return limit < RATE_OF_SYSTEM ? limit : RATE_OF_SYSTEM;
}

/* 0: no limit; INT64_MAX: nothing goes. */
static int64_t interval_ns(const struct queue *q)
{
    enum rate_source source;
    const double limit = tq_rate_limit(q, &source);

    if (source == RATE_FROM_SYSTEM)
        return 0;
    if (limit <= 0 || (double)NS_PER_S / limit >= (double)(INT64_MAX / 4))
        return INT64_MAX;
    return (int64_t)((double)NS_PER_S / limit);
}

bool tq_rate_was_up(const struct queue *q, int64_t now_ns)
{
    return tq_rate_per_second(&q->held_back, now_ns) > 0;
}

static int64_t queue_ready_ns(const struct queue *q, int64_t interval)
{
    if (interval == 0)
        return INT64_MIN;
    return interval == INT64_MAX ? INT64_MAX : q->limit.ready_ns;
}

struct task *tq_rate_take(struct matching *m, struct queue *q, int64_t now_ns)
{
    const int64_t interval = interval_ns(q);
    struct task *task = window_first(q);
    int64_t ready_ns = queue_ready_ns(q, interval);

    if (!task || task->rpc.kind == TASK_QUERY)
        return task;
    task = ready_ns <= now_ns ? fairness_first(q, now_ns, &ready_ns) : NULL;
    if (!task) {
        tq_rate_add(&q->held_back, now_ns);
        if (ready_ns != INT64_MAX)
            matching_due_at(m, &q->limit.due, ready_ns);
        return NULL;
    }
    if (task->rpc.kind == TASK_QUERY)
        return task;
    fairness_take(q, task, now_ns);
    if (interval == 0)
        return task;
    if (q->limit.ready_ns < now_ns - BURST_NS)
        q->limit.ready_ns = now_ns - BURST_NS;
    q->limit.ready_ns += interval;
    return task;
}

void tq_rate_give_back(struct queue *q, const struct task *task)
{
    const int64_t interval = interval_ns(q);

    fairness_give_back(q, task);
    if (interval != 0 && interval != INT64_MAX)
        q->limit.ready_ns -= interval;
}

/* A faster rate is felt at once. */
static void changed(struct queue *q, int64_t now_ns)
{
    const int64_t interval = interval_ns(q);

    if (interval != INT64_MAX && q->limit.ready_ns > now_ns + interval)
        q->limit.ready_ns = now_ns + interval;
}

void tq_rate_of_worker(struct queue *q, double rps, int64_t now_ns)
{
    q->limit.worker_rps = rps;
    changed(q, now_ns);
}

/* Of a RateLimitConfig; below 0: none is set. */
static double rate_in(struct slice config)
{
    enum { RATE_LIMIT = 1, REQUESTS_PER_SECOND = 1 };
    struct wire_reader reader = wire_reader(config);
    struct wire_field field;
    double rate = -1;

    while (wire_next(&reader, &field)) {
        if (field.number != RATE_LIMIT || field.type != WIRE_BYTES)
            continue;
        const uint32_t bits = (uint32_t)wire_find_number(field.bytes, REQUESTS_PER_SECOND);
        float rps;

        memcpy(&rps, &bits, sizeof rps);
        rate = isfinite(rps) && rps > 0 ? (double)rps : 0;
    }
    return rate;
}

void tq_set_config(struct queue *q, struct slice data, int64_t now_ns)
{
    enum { QUEUE_RATE = 1, KEYS_RATE = 2 };
    const uint32_t type =
        q->kind == TASK_ACTIVITY ? TASK_QUEUE_TYPE_ACTIVITY : TASK_QUEUE_TYPE_WORKFLOW;
    struct slice config = SLICE_EMPTY;

    free(q->config);
    q->config = NULL;
    q->config_len = 0;
    q->has_config = queue_config_find(data, type, &config);
    if (config.len) {
        q->config = malloc(config.len);
        must(q->config != NULL);
        memcpy(q->config, config.ptr, config.len);
        q->config_len = config.len;
    }
    q->limit.api_rps = rate_in(wire_find_bytes(config, QUEUE_RATE));
    fairness_set_rate(q, rate_in(wire_find_bytes(config, KEYS_RATE)), now_ns);
    changed(q, now_ns);
}

void matching_config_changed(struct matching *m, struct slice namespace_id, struct slice name,
                             struct slice data, int64_t now_ns)
{
    static const enum rpc_task_kind kinds[] = {TASK_WORKFLOW, TASK_ACTIVITY};

    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct queue *q = tq_find(m, kinds[i], namespace_id, name);

        if (!q || q->sticky)
            continue;
        tq_set_config(q, data, now_ns);
        matching_advance(m, q, now_ns);
    }
}
