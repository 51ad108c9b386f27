/* offers.c - task rows on their way to matching: offers once durable, and pages when it asks. */
#include "history/shard/shard_int.h"

#include <stdlib.h>

enum { OFFERS_MAX = 256 }; /* tasks in one cast */
#define OFFER_AGAIN_NS (50 * NS_PER_MS)

/* A task whose row was staged. */
struct hs_offer {
    struct list node; /* in shard->offers */
    int64_t seq;
    struct rpc_task task; /* its slices are in `bytes` */
    uint8_t bytes[];
};

static struct slice put(uint8_t **at, struct slice bytes)
{
    uint8_t *start = *at;

    if (bytes.len)
        memcpy(start, bytes.ptr, bytes.len);
    *at += bytes.len;
    return slice_of(start, bytes.len);
}

/* By sequence: what is durable already goes before what is not yet. */
static void line_up(struct history_shard *shard, struct hs_offer *offer)
{
    struct list *before = &shard->offers;

    while (before->prev != &shard->offers &&
           CONTAINER_OF(before->prev, struct hs_offer, node)->seq > offer->seq)
        before = before->prev;
    list_insert_before(before, &offer->node);
}

void hs_offer(struct history_shard *shard, const struct run *run, const struct task_change *change,
              int64_t now_ns, int64_t seq)
{
    const size_t len = run->namespace_id.len + change->task_queue.len + run->workflow_id.len +
                       strlen(run->run_id) + change->fairness.key.len;
    struct hs_offer *offer = malloc(sizeof *offer + len);
    must(offer != NULL);
    uint8_t *at = offer->bytes;

    offer->seq = seq;
    offer->task = (struct rpc_task){
        .kind = change->kind,
        .sticky = change->sticky,
        .history_shard = shard->options.shard_id,
        .row_seq = change->row_seq,
        .namespace_id = put(&at, run->namespace_id),
        .task_queue = put(&at, change->task_queue),
        .workflow_id = put(&at, run->workflow_id),
        .run_id = put(&at, slice_str(run->run_id)),
        .scheduled_event_id = change->scheduled_event_id,
        .attempt = change->attempt,
        .priority = change->priority,
        .created_wall_ns = now_ns,
        .fairness = {.key = put(&at, change->fairness.key),
                     .weight_milli = change->fairness.weight_milli},
    };
    line_up(shard, offer);
}

static bool same_queue(const struct rpc_task *a, const struct rpc_task *b)
{
    return a->kind == b->kind && slice_eq(a->task_queue, b->task_queue) &&
           slice_eq(a->namespace_id, b->namespace_id);
}

/* The first offer and all of its queue that may go. Gives false when matching takes nothing now:
 * they are offered again a little later. Where no matching is alive they may be forgotten: one that
 * comes pulls the rows of the queues that it gets to own. */
static bool cast_queue(struct history_shard *shard)
{
    struct rpc_task tasks[OFFERS_MAX];
    uint32_t count = 0;
    struct list gone;
    struct buf body;

    list_init(&gone);
    buf_init(&body, 0);
    LIST_EACH_SAFE(it, tmp, &shard->offers)
    {
        struct hs_offer *offer = CONTAINER_OF(it, struct hs_offer, node);

        if (offer->seq > shard->durable || count == OFFERS_MAX)
            break;
        if (count && !same_queue(&tasks[0], &offer->task))
            continue;
        tasks[count++] = offer->task;
        list_remove(it);
        list_push_back(&gone, it);
    }
    must(count > 0);
    rpc_tasks_encode(tasks, count, false, &body);
    const uint32_t to = rpc_matching_shard(tasks[0].namespace_id, tasks[0].task_queue);
    const bool went = shard->net->cast(shard->net->self, MESH_SHARD(ROLE_MATCHING, to),
                                       METHOD_MATCHING_OFFER_TASKS, buf_slice(&body));
    const bool again = !went && shard->net->alive(shard->net->self, ROLE_MATCHING);
    buf_release(&body);
    if (!went && !again)
        counter_add(shard->metrics.offers_dropped, count);
    for (struct list *node; (node = list_pop_front(&gone));) {
        struct hs_offer *offer = CONTAINER_OF(node, struct hs_offer, node);

        if (again)
            list_push_front(&shard->offers, &offer->node);
        else
            free(offer);
    }
    return !again;
}

void hs_offers_out(struct history_shard *shard)
{
    shard->offer_again_ns = INT64_MAX;
    while (!list_empty(&shard->offers) &&
           CONTAINER_OF(shard->offers.next, struct hs_offer, node)->seq <= shard->durable)
        if (!cast_queue(shard)) {
            shard->offer_again_ns = hs_mono_ns(shard) + OFFER_AGAIN_NS;
            return;
        }
}

void hs_offers_release(struct history_shard *shard)
{
    for (struct list *node; (node = list_pop_front(&shard->offers));)
        free(CONTAINER_OF(node, struct hs_offer, node));
}

/* -- pages of rows -------------------------------------------------------------------------- */

struct pull_job {
    struct hs_job job;
    struct rpc_pull_tasks pull;
    uint8_t first_tablet;
    uint32_t tablet_count;
    struct arena arena;
    struct rpc_task *tasks; /* the best so far, in order */
    uint32_t count;
    bool has_more;
    enum err err;
};

static bool task_before(const struct rpc_task *a, const struct rpc_task *b)
{
    return a->priority != b->priority ? a->priority < b->priority : a->row_seq < b->row_seq;
}

/* Rows of one tablet come in order: the first one that is worse than a full page ends its scan. */
static bool visit_task(void *arg, struct slice key, struct slice value)
{
    struct pull_job *job = arg;
    struct rpc_task task;

    UNUSED(key);
    const bool full = job->count == job->pull.limit;
    job->err = row_task_decode(&job->arena, arena_copy(&job->arena, value), &task);
    if (job->err != ERR_OK)
        return false;
    if (task.kind != job->pull.kind || !slice_eq(task.task_queue, job->pull.task_queue) ||
        !slice_eq(task.namespace_id, job->pull.namespace_id))
        return true; /* another queue with the same hash */
    job->has_more = job->has_more || full;
    if (full && !task_before(&task, &job->tasks[job->count - 1]))
        return false;
    uint32_t at = full ? job->count - 1 : job->count++;
    for (; at > 0 && task_before(&task, &job->tasks[at - 1]); at--)
        job->tasks[at] = job->tasks[at - 1];
    job->tasks[at] = task;
    return true;
}

static enum err pull_read(struct store_snapshot *snapshot, struct hs_job *arg)
{
    struct pull_job *job = CONTAINER_OF(arg, struct pull_job, job);

    for (uint32_t i = 0; i < job->tablet_count && job->err == ERR_OK; i++) {
        struct row_key from, to;

        row_key_queue(&from, (uint8_t)(job->first_tablet + i), job->pull.namespace_id,
                      job->pull.task_queue, job->pull.kind);
        to = from;
        to.len = hs_prefix_end(to.bytes, to.len);
        const enum err err = store_scan(snapshot, STORE_MAIN, row_key_slice(&from),
                                        row_key_slice(&to), false, visit_task, job);
        if (err != ERR_OK)
            return err;
    }
    return job->err;
}

static void pull_done(struct history_shard *shard, struct hs_job *arg, enum err err)
{
    struct pull_job *job = CONTAINER_OF(arg, struct pull_job, job);
    struct hs_request *req = job->job.req;
    struct slice reply = SLICE_EMPTY;

    if (err == ERR_OK) {
        struct buf body;

        buf_init(&body, 0);
        for (uint32_t i = 0; i < job->count; i++)
            job->tasks[i].history_shard = shard->options.shard_id;
        rpc_tasks_encode(job->tasks, job->count, job->has_more, &body);
        reply = arena_copy(&req->arena, buf_slice(&body));
        buf_release(&body);
    } else if (err == ERR_CANCELED) {
        err = ERR_UNAVAILABLE;
    }
    arena_release(&job->arena);
    free(job->tasks);
    free(job);
    hs_answer(shard, req, err, reply, 0);
}

void hs_pull_tasks(struct history_shard *shard, struct hs_request *req)
{
    struct pull_job *job = calloc(1, sizeof *job);

    must(job != NULL);
    const enum err err = rpc_pull_tasks_decode(&req->arena, req->api.request, &job->pull);
    if (err != ERR_OK) {
        free(job);
        hs_answer(shard, req, err, SLICE_EMPTY, 0);
        return;
    }
    if (job->pull.limit == 0 || job->pull.limit > HS_PULL_MAX)
        job->pull.limit = HS_PULL_MAX;
    job->tasks = calloc(job->pull.limit, sizeof *job->tasks);
    must(job->tasks != NULL);
    arena_init(&job->arena);
    job->first_tablet = shard->first_tablet;
    job->tablet_count = shard->tablet_count;
    job->job.req = req;
    job->job.read = pull_read;
    job->job.done = pull_done;
    hs_read(shard, &job->job);
}
