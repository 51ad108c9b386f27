/* deliveries.c - did a task reach its worker's stream? History is told of both.
 *
 * 1. Workflow tasks that went out are acknowledged, in batches: what this process did not
 *    acknowledge when it dies is handed out anew. A late acknowledgement costs at most a task that
 *    two workers look at, of which one may answer.
 * 2. A task that can't have gone out is sent back at once. Where that is not certain a workflow
 *    task is, too (its worker may still answer it), an activity is left to its time-outs. */
#include "frontend/frontend.h"

#include <stdlib.h>

enum { ACKNOWLEDGE_MS = 20 };

struct acknowledgement {
    uint32_t shard;
    uint64_t start_id;
};

struct fe_deliveries {
    struct frontend *fe;
    struct fe_loop *loop;
    struct loop_timer timer;
    struct acknowledgement due[RPC_DELIVERED_MAX];
    uint32_t due_count;
    struct rpc_delivered batch; /* while it is sent */
};

/* A task on its way; in its call's arena. */
struct delivery {
    struct fe_deliveries *in;
    uint32_t shard;
    enum rpc_task_kind kind;
    uint64_t start_id;
    struct slice token;
};

/* All of the first one's shard, which leave the array. */
static void send_batch(struct fe_deliveries *d)
{
    const uint32_t shard = d->due[0].shard;
    uint32_t left = 0;
    struct buf body;

    d->batch.count = 0;
    for (uint32_t i = 0; i < d->due_count; i++) {
        if (d->due[i].shard == shard)
            d->batch.start_ids[d->batch.count++] = d->due[i].start_id;
        else
            d->due[left++] = d->due[i];
    }
    d->due_count = left;
    buf_init(&body, 0);
    rpc_delivered_encode(&d->batch, &body);
    must(buf_ok(&body));
    const struct slice bytes = buf_slice(&body);
    (void)mesh_cast(d->loop->port, MESH_SHARD(ROLE_HISTORY, shard), METHOD_HISTORY_DELIVERED,
                    &bytes, 1);
    buf_release(&body);
}

static void flush(void *arg)
{
    struct fe_deliveries *d = arg;

    loop_timer_stop(d->loop->loop, &d->timer);
    while (d->due_count > 0)
        send_batch(d);
}

static void acknowledge(struct fe_deliveries *d, const struct delivery *delivery)
{
    if (delivery->kind != TASK_WORKFLOW)
        return;
    if (d->due_count == 0)
        loop_timer_start(d->loop->loop, &d->timer, ACKNOWLEDGE_MS);
    d->due[d->due_count++] = (struct acknowledgement){delivery->shard, delivery->start_id};
    if (d->due_count == RPC_DELIVERED_MAX)
        flush(d);
}

static void send_back(struct fe_deliveries *d, const struct delivery *delivery)
{
    counter_add(d->fe->undelivered, 1);
    (void)mesh_cast(d->loop->port, MESH_SHARD(ROLE_HISTORY, delivery->shard), METHOD_NOT_DELIVERED,
                    &delivery->token, 1);
}

static void on_sent(void *arg, enum grpc_sent sent)
{
    const struct delivery *delivery = arg;

    switch (sent) {
    case GRPC_SENT:
        acknowledge(delivery->in, delivery);
        break;
    case GRPC_MAYBE_SENT:
        if (delivery->kind == TASK_WORKFLOW)
            send_back(delivery->in, delivery);
        break;
    case GRPC_NOT_SENT:
        send_back(delivery->in, delivery);
        break;
    }
}

void fe_deliver(struct fe_call *fc, struct slice task)
{
    struct delivery *delivery = ARENA_NEW(fc->arena, struct delivery);
    const struct slice bytes = wire_find_bytes(task, 1); /* task_token, in both responses */
    struct task_token token;

    /* No task; or a token of a later version, whose delivery nobody can name. */
    if (bytes.len == 0 || task_token_decode(fc->arena, bytes, &token) != ERR_OK)
        return;
    *delivery =
        (struct delivery){.in = fc->loop->deliveries,
                          .shard = rpc_history_shard(token.namespace_id, token.workflow_id,
                                                     (uint32_t)fc->fe->config->history_shards),
                          .kind = token.kind,
                          .start_id = token.start_id,
                          .token = bytes};
    grpc_call_on_sent(fc->call, on_sent, delivery);
}

struct fe_deliveries *fe_deliveries_new(struct frontend *fe, struct fe_loop *loop)
{
    struct fe_deliveries *d = calloc(1, sizeof *d);

    must(d != NULL);
    d->fe = fe;
    d->loop = loop;
    d->timer = (struct loop_timer){.fire = flush, .arg = d};
    return d;
}

void fe_deliveries_free(struct fe_deliveries *d)
{
    flush(d);
    free(d);
}
