/* admin.c - what an operator's tool asks of a shard: flushes, backups, figures. All but the figures
 * run on threads that the reads of clients do not wait for; the shard goes on meanwhile. */
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

/* The end of a request: its answer, of the flush or the copy. */
static void finish(struct history_shard *shard, struct admin_job *job, enum err err)
{
    struct hs_request *req = job->job.req;
    const struct rpc_number numbers[] = {{"seq", job->backup.seq},
                                         {"range_id", job->backup.range_id}};

    if (err == ERR_OK)
        err = job->err;
    store_backup_end(shard->store, &job->backup);
    if (err == ERR_OK) {
        answer(shard, req, numbers, COUNT_OF(numbers));
    } else {
        if (err == ERR_CANCELED) /* which leaves nothing behind: ask its next owner */
            err = err_fail(&job->detail, ERR_NOT_OWNER, "the shard moves to another process");
        req->detail = job->detail;
        hs_answer(shard, req, err, SLICE_EMPTY, 0);
    }
    free(job);
}

static void admin_done(struct history_shard *shard, struct hs_job *arg, enum err err)
{
    finish(shard, CONTAINER_OF(arg, struct admin_job, job), err);
}

static struct admin_job *job_new(struct history_shard *shard, struct hs_request *req)
{
    struct admin_job *job = calloc(1, sizeof *job);

    must(job != NULL);
    job->store = shard->store;
    job->job.req = req;
    job->job.lane = STORE_LANE_FLUSH;
    job->job.done = admin_done;
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
    struct admin_job *job = job_new(shard, req);

    job->job.read = flush_read;
    hs_read(shard, &job->job);
}

/* -- backup: the moments of all shards are near each other, their copies follow one by one ------
 */

static enum err copy_read(struct store_snapshot *snapshot, struct hs_job *arg)
{
    struct admin_job *job = CONTAINER_OF(arg, struct admin_job, job);

    UNUSED(snapshot);
    job->err = store_backup_copy(job->store, &job->backup, job->path, &job->detail);
    return ERR_OK;
}

static enum err begin_read(struct store_snapshot *snapshot, struct hs_job *arg)
{
    struct admin_job *job = CONTAINER_OF(arg, struct admin_job, job);

    UNUSED(snapshot);
    job->err = store_backup_begin(job->store, &job->backup, &job->detail);
    return ERR_OK;
}

static void begin_done(struct history_shard *shard, struct hs_job *arg, enum err err)
{
    struct admin_job *job = CONTAINER_OF(arg, struct admin_job, job);

    if (err != ERR_OK || job->err != ERR_OK) {
        finish(shard, job, err);
        return;
    }
    job->job.lane = STORE_LANE_COPY;
    job->job.read = copy_read;
    job->job.done = admin_done;
    hs_read(shard, &job->job);
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
    struct admin_job *job = job_new(shard, req);
    memcpy(job->path, path.ptr, path.len);
    job->job.read = begin_read;
    job->job.done = begin_done;
    hs_read(shard, &job->job);
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
