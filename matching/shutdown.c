/* shutdown.c - workers that go: their polls end, and polls of theirs that come late are not held.
 *
 * 1. A worker is known by its namespace and its instance key, the same for all of its polls.
 * 2. Which workers are gone is remembered for REMEMBER_NS, of at most WORKERS_MAX of them: a poll
 *    that was sent before the worker said so may come after it. */
#include "matching/matching_int.h"

#include "common/proto/wire.h"

#include <stdlib.h>

enum { POLL_WORKER_KEY = 8 /* of both poll requests */, KEY_MAX = 1024, WORKERS_MAX = 10000 };
#define REMEMBER_NS (30 * NS_PER_S)

struct gone_worker {
    struct map_node by_key;
    struct list node; /* in m->gone_by_age */
    int64_t until_ns;
    uint8_t key[]; /* namespace id, NUL, instance key */
};

static struct slice key_of(uint8_t *out, struct slice namespace_id, struct slice worker)
{
    memcpy(out, namespace_id.ptr, namespace_id.len);
    out[namespace_id.len] = 0;
    memcpy(out + namespace_id.len + 1, worker.ptr, worker.len);
    return slice_of(out, namespace_id.len + 1 + worker.len);
}

static bool is_key(struct slice namespace_id, struct slice worker)
{
    return worker.len > 0 && namespace_id.len > 0 && namespace_id.len + worker.len < KEY_MAX;
}

static void forget(struct matching *m, struct gone_worker *worker)
{
    map_remove(&m->gone_workers, &worker->by_key);
    list_remove(&worker->node);
    free(worker);
}

static struct gone_worker *oldest(const struct matching *m)
{
    return CONTAINER_OF(m->gone_by_age.next, struct gone_worker, node);
}

void shutdown_init(struct matching *m)
{
    map_init(&m->gone_workers, m->o.seed);
    list_init(&m->gone_by_age);
}

void shutdown_release(struct matching *m)
{
    while (!list_empty(&m->gone_by_age))
        forget(m, oldest(m));
    map_release(&m->gone_workers);
}

static void remember(struct matching *m, struct slice namespace_id, struct slice name,
                     int64_t now_ns)
{
    uint8_t bytes[KEY_MAX + 1];
    const struct slice key = key_of(bytes, namespace_id, name);
    struct map_node *node = map_get(&m->gone_workers, key);
    struct gone_worker *worker = node ? CONTAINER_OF(node, struct gone_worker, by_key) : NULL;

    while (!list_empty(&m->gone_by_age) &&
           (oldest(m)->until_ns <= now_ns || m->gone_workers.count >= WORKERS_MAX)) {
        if (oldest(m) == worker)
            worker = NULL;
        forget(m, oldest(m));
    }
    if (worker) {
        list_remove(&worker->node);
    } else {
        worker = malloc(sizeof *worker + key.len);
        must(worker != NULL);
        memcpy(worker->key, key.ptr, key.len);
        map_put(&m->gone_workers, slice_of(worker->key, key.len), &worker->by_key);
    }
    worker->until_ns = now_ns + REMEMBER_NS;
    list_push_back(&m->gone_by_age, &worker->node);
}

bool shutdown_has(struct matching *m, const struct rpc_poll *poll, int64_t now_ns)
{
    uint8_t bytes[KEY_MAX + 1];

    if (m->gone_workers.count == 0)
        return false;
    const struct slice name = wire_find_bytes(poll->request, POLL_WORKER_KEY);
    if (!is_key(poll->namespace_id, name))
        return false;
    const struct map_node *node =
        map_get(&m->gone_workers, key_of(bytes, poll->namespace_id, name));
    return node &&
           CONTAINER_OF((void *)(uintptr_t)node, struct gone_worker, by_key)->until_ns > now_ns;
}

static void end_polls(struct matching *m, struct queue *q, struct slice worker, int64_t now_ns)
{
    LIST_EACH_SAFE(it, tmp, &q->polls)
    {
        struct poll *poll = CONTAINER_OF(it, struct poll, node);

        if (slice_eq(wire_find_bytes(poll->rpc.request, POLL_WORKER_KEY), worker))
            held_end(m, poll, ERR_OK, now_ns);
    }
}

void matching_worker_gone(struct matching *m, const struct matching_gone *gone, int64_t now_ns)
{
    if (!is_key(gone->namespace_id, gone->worker))
        return;
    remember(m, gone->namespace_id, gone->worker, now_ns);
    for (enum rpc_task_kind kind = TASK_WORKFLOW; kind <= TASK_ACTIVITY; kind++) {
        struct queue *q = tq_find(m, kind, gone->namespace_id, gone->task_queue);

        if (!q)
            continue;
        end_polls(m, q, gone->worker, now_ns);
        if (gone->kinds[kind])
            tq_forget_poller(q, gone->identity);
    }
}
