/* task_counts.c - how many task rows a queue has, for who describes it: counted when asked, so that
 * it holds whatever happened before. Keys are counted; of each priority the first row is read,
 * which is the oldest. */
#include "common/rpc/task_counts.h"
#include "history/shard/shard_int.h"

#include <stdlib.h>

/* Of a task row's key, behind the prefix of its queue: route, priority, pass, sequence. */
enum { PRIORITY_AT = 1, GROUP_BYTES = 10, KEY_REST_BYTES = 18 };

struct count_job {
    struct hs_job job;
    struct rpc_pull_tasks queue;
    uint8_t first_tablet;
    uint32_t tablet_count;
    struct arena arena;
    struct rpc_task_counts counts;
    size_t prefix_len;
    uint8_t group[64]; /* of the row before: all but its sequence */
    size_t group_len;
    enum err err;
};

static enum err read_first(struct count_job *job, struct slice value, uint8_t priority)
{
    struct rpc_task_counts one = {0};
    struct rpc_task task;

    arena_reset(&job->arena);
    const enum err err = row_task_decode(&job->arena, value, &task);
    if (err != ERR_OK)
        return err;
    one.at[priority].count = 1;
    one.at[priority].oldest_wall_ns = task.created_wall_ns;
    rpc_task_counts_add(&job->counts, &one);
    return ERR_OK;
}

static bool visit_row(void *arg, struct slice key, struct slice value)
{
    struct count_job *job = arg;
    const size_t group_len = job->prefix_len + GROUP_BYTES;

    if (key.len != job->prefix_len + KEY_REST_BYTES ||
        key.ptr[job->prefix_len + PRIORITY_AT] >= RPC_PRIORITIES) {
        job->err = ERR_CORRUPT;
        return false;
    }
    const uint8_t priority = key.ptr[job->prefix_len + PRIORITY_AT];
    if (job->group_len == group_len && memcmp(job->group, key.ptr, group_len) == 0) {
        job->counts.at[priority].count++;
        return true;
    }
    must(group_len <= sizeof job->group);
    memcpy(job->group, key.ptr, group_len);
    job->group_len = group_len;
    job->err = read_first(job, value, priority);
    return job->err == ERR_OK;
}

static enum err count_read(struct store_snapshot *snapshot, struct hs_job *arg)
{
    struct count_job *job = CONTAINER_OF(arg, struct count_job, job);

    for (uint32_t i = 0; i < job->tablet_count && job->err == ERR_OK; i++) {
        struct row_key from, to;

        row_key_queue(&from, (uint8_t)(job->first_tablet + i), job->queue.namespace_id,
                      job->queue.task_queue, job->queue.kind);
        to = from;
        to.len = hs_prefix_end(to.bytes, to.len);
        job->prefix_len = from.len;
        job->group_len = 0;
        const enum err err = store_scan(snapshot, STORE_MAIN, row_key_slice(&from),
                                        row_key_slice(&to), false, visit_row, job);
        if (err != ERR_OK)
            return err;
    }
    return job->err;
}

static void count_done(struct history_shard *shard, struct hs_job *arg, enum err err)
{
    struct count_job *job = CONTAINER_OF(arg, struct count_job, job);
    struct hs_request *req = job->job.req;
    struct slice reply = SLICE_EMPTY;

    if (err == ERR_OK) {
        struct buf body;

        buf_init(&body, 0);
        rpc_task_counts_encode(&job->counts, &body);
        reply = arena_copy(&req->arena, buf_slice(&body));
        buf_release(&body);
    } else if (err == ERR_CANCELED) {
        err = ERR_UNAVAILABLE;
    }
    arena_release(&job->arena);
    free(job);
    hs_answer(shard, req, err, reply, 0);
}

void hs_count_tasks(struct history_shard *shard, struct hs_request *req)
{
    struct count_job *job = calloc(1, sizeof *job);

    must(job != NULL);
    const enum err err = rpc_pull_tasks_decode(&req->arena, req->api.request, &job->queue);
    if (err != ERR_OK) {
        free(job);
        hs_answer(shard, req, err, SLICE_EMPTY, 0);
        return;
    }
    arena_init(&job->arena);
    job->first_tablet = shard->first_tablet;
    job->tablet_count = shard->tablet_count;
    job->job.req = req;
    job->job.read = count_read;
    job->job.done = count_done;
    hs_read(shard, &job->job);
}
