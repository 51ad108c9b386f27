/* admin.c - what an operator's tool asks of a shard: flushes, backups, figures. All but the figures
 * run on a reader thread, where they may block; the shard goes on meanwhile. */
#include "common/rpc/numbers.h"
#include "common/store/backup.h"
#include "history/shard/shard_int.h"

#include <limits.h>
#include <stdlib.h>

struct admin_job {
    struct hs_job job;
    struct store_shard *store;
    char path[PATH_MAX];
    struct store_backup backup;
    enum err err; /* its own: an error of a read would lose the shard */
    struct err_detail detail;
};

static void answer(struct history_shard *shard, struct hs_request *req,
                   const struct rpc_number *numbers, uint32_t count)
{
    struct buf body;

    buf_init(&body, 0);
    rpc_numbers_encode(numbers, count, &body);
    const struct slice reply = arena_copy(&req->arena, buf_slice(&body));
    buf_release(&body);
    hs_answer(shard, req, ERR_OK, reply, 0);
}

static void admin_done(struct history_shard *shard, struct hs_job *arg, enum err err)
{
    struct admin_job *job = CONTAINER_OF(arg, struct admin_job, job);
    struct hs_request *req = job->job.req;
    const struct rpc_number numbers[] = {{"seq", job->backup.seq},
                                         {"range_id", job->backup.range_id}};

    if (err == ERR_OK)
        err = job->err;
    if (err == ERR_OK) {
        answer(shard, req, numbers, COUNT_OF(numbers));
    } else {
        if (err == ERR_CANCELED)
            err = err_fail(&job->detail, ERR_UNAVAILABLE, "the shard closes");
        req->detail = job->detail;
        hs_answer(shard, req, err, SLICE_EMPTY, 0);
    }
    free(job);
}

static void run(struct history_shard *shard, struct hs_request *req, struct admin_job *job,
                enum err (*read)(struct store_snapshot *, struct hs_job *))
{
    job->store = shard->store;
    job->job.req = req;
    job->job.read = read;
    job->job.done = admin_done;
    hs_read(shard, &job->job);
}

static struct admin_job *job_new(void)
{
    struct admin_job *job = calloc(1, sizeof *job);

    must(job != NULL);
    return job;
}

static enum err flush_read(struct store_snapshot *snapshot, struct hs_job *arg)
{
    struct admin_job *job = CONTAINER_OF(arg, struct admin_job, job);

    UNUSED(snapshot);
    job->backup.seq = store_staged_seq(job->store);
    job->backup.range_id = store_lease(job->store);
    job->err = store_shard_flush(job->store);
    return ERR_OK;
}

void hs_flush(struct history_shard *shard, struct hs_request *req)
{
    run(shard, req, job_new(), flush_read);
}

static enum err backup_read(struct store_snapshot *snapshot, struct hs_job *arg)
{
    struct admin_job *job = CONTAINER_OF(arg, struct admin_job, job);

    UNUSED(snapshot);
    job->err = store_shard_backup(job->store, job->path, &job->backup, &job->detail);
    return ERR_OK;
}

void hs_backup(struct history_shard *shard, struct hs_request *req)
{
    const struct slice path = req->api.request;

    if (path.len == 0 || path.len >= PATH_MAX || path.ptr[0] != '/' ||
        memchr(path.ptr, '\0', path.len)) {
        hs_answer(shard, req, err_fail(&req->detail, ERR_INVALID, "not an absolute file name"),
                  SLICE_EMPTY, 0);
        return;
    }
    struct admin_job *job = job_new();
    memcpy(job->path, path.ptr, path.len);
    run(shard, req, job, backup_read);
}

void hs_describe_shard(struct history_shard *shard, struct hs_request *req)
{
    struct store_stats stats;

    store_shard_stats(shard->store, &stats);
    const struct rpc_number numbers[] = {
        {"range_id", stats.range_id},
        {"first_tablet", shard->first_tablet},
        {"tablet_count", shard->tablet_count},
        {"staged_seq", stats.staged_seq},
        {"durable_seq", stats.durable_seq},
        {"applied_seq", stats.applied_seq},
        {"truncated_seq", stats.truncated_seq},
        {"tail_bytes", stats.tail_bytes},
        {"frozen_memtables", stats.frozen},
        {"main_memtable_bytes", (int64_t)stats.memtable_bytes[STORE_MAIN]},
        {"visibility_memtable_bytes", (int64_t)stats.memtable_bytes[STORE_VISIBILITY]},
        {"requests", shard->request_count},
        {"reads", shard->reads},
        {"runs_in_memory", (int64_t)shard->runs.count},
        {"workflow_ids_in_memory", (int64_t)shard->currents.count},
        {"cached_bytes", (int64_t)shard->cached_bytes},
        {"deadlines_in_memory", (int64_t)shard->deadlines.by_run.count},
        {"effects_in_memory", (int64_t)shard->outgoing.by_seq.count},
        {"callbacks_in_memory", (int64_t)shard->calls.by_seq.count},
        {"clock_wall_ns", hs_now_ns(shard)},
    };
    _Static_assert(COUNT_OF(numbers) <= RPC_NUMBERS_MAX, "they fit");
    answer(shard, req, numbers, COUNT_OF(numbers));
}
