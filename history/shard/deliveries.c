/* deliveries.c - workflow tasks on their way through frontend processes to their workers.
 *
 * An answer that finds nobody comes back as NOT_DELIVERED: the mesh sends it when no call waits for
 * it, the frontend when the client's stream ended before it took the bytes. What went out is
 * acknowledged (HISTORY_DELIVERED); when a frontend process dies, the workflow tasks that it did
 * not acknowledge are handed out anew. Activities are left to their time-outs: one that did reach
 * its worker would be done twice.
 *
 * 1. The table is a copy, lost with the process: an entry that is missing costs the task's
 *    time-out; one too many costs nothing, because taking a task back checks its start id.
 * 2. A task that is taken back although its worker has it may still be answered, until the next
 *    worker starts it (engine/unstart.c): so acknowledgements may be late and in batches. */
#include "history/shard/shard_int.h"

#include <stdlib.h>

struct hs_delivery {
    struct map_node node; /* in deliveries.by_start */
    struct list age;      /* in deliveries.oldest */
    uint64_t process;
    int64_t since_mono_ns;
    size_t token_len;
    uint8_t token[];
};

void hs_deliveries_init(struct history_shard *shard)
{
    map_init(&shard->deliveries.by_start, rng_u64(&shard->rng));
    list_init(&shard->deliveries.oldest);
}

static void forget(struct hs_deliveries *d, struct hs_delivery *delivery)
{
    map_remove(&d->by_start, &delivery->node);
    list_remove(&delivery->age);
    free(delivery);
}

void hs_deliveries_release(struct history_shard *shard)
{
    struct hs_deliveries *d = &shard->deliveries;

    while (!list_empty(&d->oldest))
        forget(d, CONTAINER_OF(d->oldest.next, struct hs_delivery, age));
    map_release(&d->by_start);
}

static struct hs_delivery *find(const struct hs_deliveries *d, uint64_t start_id)
{
    struct map_node *node = map_get_u64(&d->by_start, start_id);

    return node ? CONTAINER_OF(node, struct hs_delivery, node) : NULL;
}

/* -- what goes out -------------------------------------------------------------------------- */

static bool is_dead(const struct hs_deliveries *d, uint64_t process)
{
    for (uint32_t i = 0; i < HS_DEAD_FRONTENDS; i++)
        if (d->dead[i] == process)
            return true;
    return false;
}

/* The table is full of the unacknowledged, or its oldest were never acknowledged. */
static void make_room(struct history_shard *shard, int64_t now_ns)
{
    struct hs_deliveries *d = &shard->deliveries;

    while (!list_empty(&d->oldest)) {
        struct hs_delivery *first = CONTAINER_OF(d->oldest.next, struct hs_delivery, age);

        if (d->by_start.count < HS_DELIVERIES_MAX && now_ns - first->since_mono_ns < HS_DELIVERY_NS)
            return;
        counter_add(shard->metrics.deliveries_untracked, 1);
        forget(d, first);
    }
}

void hs_delivery_expect(struct history_shard *shard, uint64_t process, struct slice token_bytes,
                        uint64_t start_id)
{
    struct hs_deliveries *d = &shard->deliveries;
    const int64_t now_ns = hs_mono_ns(shard);
    struct hs_delivery *repeated = find(d, start_id);

    must(start_id != 0);
    if (process == 0)
        return;
    if (repeated)
        forget(d, repeated);
    make_room(shard, now_ns);
    struct hs_delivery *delivery = malloc(sizeof *delivery + token_bytes.len);
    must(delivery != NULL);
    *delivery = (struct hs_delivery){
        .process = process, .since_mono_ns = now_ns, .token_len = token_bytes.len};
    memcpy(delivery->token, token_bytes.ptr, token_bytes.len);
    map_put_u64(&d->by_start, start_id, &delivery->node);
    list_init(&delivery->age);
    list_push_back(&d->oldest, &delivery->age);
    if (is_dead(d, process)) /* it died before its poll's task was there */
        d->lost = true;
}

/* -- what was lost -------------------------------------------------------------------------- */

static void take_back(struct history_shard *shard, struct slice token)
{
    const struct mesh_request request = {
        .method = METHOD_NOT_DELIVERED, .shard = shard->options.shard_id, .body = token};

    history_shard_request(shard, &request);
}

void hs_deliveries_run(struct history_shard *shard)
{
    struct hs_deliveries *d = &shard->deliveries;
    struct list lost, *node;

    if (!d->lost)
        return;
    d->lost = false;
    list_init(&lost);
    LIST_EACH_SAFE(it, tmp, &d->oldest)
    {
        struct hs_delivery *delivery = CONTAINER_OF(it, struct hs_delivery, age);

        if (!is_dead(d, delivery->process))
            continue;
        map_remove(&d->by_start, &delivery->node);
        list_remove(it);
        list_push_back(&lost, it);
    }
    while ((node = list_pop_front(&lost))) {
        struct hs_delivery *delivery = CONTAINER_OF(node, struct hs_delivery, age);

        take_back(shard, slice_of(delivery->token, delivery->token_len));
        free(delivery);
    }
}

void hs_deliveries_lost(struct history_shard *shard, uint64_t process)
{
    struct hs_deliveries *d = &shard->deliveries;

    d->dead[d->dead_next] = process;
    d->dead_next = (d->dead_next + 1) % HS_DEAD_FRONTENDS;
    d->lost = true;
    hs_deliveries_run(shard);
}

/* -- what frontends and the mesh tell ------------------------------------------------------- */

void hs_delivered(struct history_shard *shard, struct hs_request *req)
{
    struct rpc_delivered *delivered = ARENA_NEW(&req->arena, struct rpc_delivered);
    const enum err err = rpc_delivered_decode(&req->arena, req->api.request, delivered);

    for (uint32_t i = 0; err == ERR_OK && i < delivered->count; i++) {
        struct hs_delivery *delivery = find(&shard->deliveries, delivered->start_ids[i]);

        if (delivery)
            forget(&shard->deliveries, delivery);
    }
    hs_answer(shard, req, err, SLICE_EMPTY, 0);
}

static enum err unstart(struct history_shard *shard, struct transition *t,
                        const struct task_token *token)
{
    switch (token->kind) {
    case TASK_WORKFLOW:
        return engine_unstart_workflow_task(t, token);
    case TASK_ACTIVITY:
        return engine_unstart_activity_task(t, token);
    case TASK_QUERY:
        hs_query_not_delivered(shard, token->start_id, t->run);
        return ERR_OK;
    }
    return ERR_INVALID;
}

void hs_step_not_delivered(struct history_shard *shard, struct hs_request *req,
                           struct hs_entry *entry)
{
    struct hs_delivery *delivery = find(&shard->deliveries, req->token.start_id);
    struct transition t;

    if (delivery)
        forget(&shard->deliveries, delivery);
    hs_begin(shard, req, entry->run, &t);
    const enum err err = unstart(shard, &t, &req->token);
    if (err == ERR_OK)
        counter_add(shard->metrics.undelivered, 1);
    hs_end(shard, req, entry, &t, err);
}
