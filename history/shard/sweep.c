/* sweep.c - the runs of a namespace that is deleted: found by their visibility rows, ended,
 * deleted.
 *
 * 1. One request ends and deletes at most SWEEP_RUNS of them and is answered when that is durable.
 *    Whoever drives the deletion asks until none is found; to ask twice does no harm.
 * 2. A run's deletion is that of retention.c: what was cut short is taken up again there.
 * 3. Nothing begins in the namespace meanwhile (check_namespace() of start_workflow.c), so that one
 *    answer without a run is the last: other runs come of runs that are there. A request that comes
 *    before the process has read of the deletion is refused. */
#include "history/shard/shard_int.h"

#include "common/rpc/sweep.h"

#include <stdlib.h>

enum { SWEEP_RUNS = 64, ROW_KEY_LEN = 49 };

struct sweep_job {
    struct hs_job job;
    uint8_t namespace_id[16];
    uint8_t first_tablet;
    uint32_t tablet_count;
    struct {
        uint8_t tablet;
        char run_id[UUID_TEXT_LEN + 1];
    } runs[SWEEP_RUNS];
    uint32_t count;
};

/* In the arena of the request that asked. */
struct sweep {
    struct hs_request *req;
    uint32_t found, left; /* runs; those that are under way */
    int64_t seq;
    enum err err;
};

static void settle(struct history_shard *shard, struct sweep *sweep, enum err err, int64_t seq)
{
    struct hs_request *req = sweep->req;
    struct buf body;

    if (err != ERR_OK && sweep->err == ERR_OK)
        sweep->err = err;
    if (seq > sweep->seq)
        sweep->seq = seq;
    if (--sweep->left > 0)
        return;
    buf_init(&body, 0);
    rpc_swept_encode(&(struct rpc_swept){sweep->found}, &body);
    const struct slice reply = arena_copy(&req->arena, buf_slice(&body));
    buf_release(&body);
    hs_answer(shard, req, sweep->err, sweep->err == ERR_OK ? reply : SLICE_EMPTY, sweep->seq);
}

static void step_sweep(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry)
{
    struct sweep *sweep = req->extra;
    enum err err;
    int64_t seq;

    if (!hs_delete_run(shard, req, entry, &err, &seq))
        return;
    hs_answer(shard, req, err, SLICE_EMPTY, seq);
    settle(shard, sweep, err, seq);
}

static void sweep_failed(struct history_shard *shard, struct hs_request *req, enum err err)
{
    struct sweep *sweep = req->extra;

    hs_answer(shard, req, err, SLICE_EMPTY, 0);
    /* Somebody else has deleted it since it was found. */
    settle(shard, sweep, err == ERR_NOT_FOUND ? ERR_OK : err, 0);
}

static void begin_run(struct history_shard *shard, struct sweep *sweep, const char *run_id,
                      uint8_t tablet)
{
    struct hs_request *req = hs_request_new(shard, (struct mesh_addr){0});

    sweep->left++;
    if (!req) {
        settle(shard, sweep, ERR_BUSY, 0);
        return;
    }
    memcpy(req->run_id, run_id, sizeof req->run_id);
    req->tablet = tablet;
    req->extra = sweep;
    req->step = step_sweep;
    req->failed = sweep_failed;
    hs_with_run(shard, req);
}

static bool visit_row(void *arg, struct slice key, struct slice value)
{
    struct sweep_job *job = arg;

    UNUSED(value);
    if (key.len != ROW_KEY_LEN)
        return true;
    job->runs[job->count].tablet = key.ptr[0];
    uuid_format(key.ptr + ROW_KEY_LEN - 16, job->runs[job->count++].run_id);
    return job->count < SWEEP_RUNS;
}

static enum err find_runs(struct store_snapshot *snapshot, struct hs_job *arg)
{
    struct sweep_job *job = CONTAINER_OF(arg, struct sweep_job, job);

    for (uint32_t i = 0; i < job->tablet_count && job->count < SWEEP_RUNS; i++) {
        uint8_t from[17], to[17];

        from[0] = (uint8_t)(job->first_tablet + i);
        memcpy(from + 1, job->namespace_id, sizeof job->namespace_id);
        memcpy(to, from, sizeof to);
        const enum err err =
            store_scan(snapshot, STORE_VISIBILITY, slice_of(from, sizeof from),
                       slice_of(to, hs_prefix_end(to, sizeof to)), false, visit_row, job);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

static void runs_found(struct history_shard *shard, struct hs_job *arg, enum err err)
{
    struct sweep_job *job = CONTAINER_OF(arg, struct sweep_job, job);
    struct hs_request *req = job->job.req;
    struct sweep *sweep = ARENA_NEW(&req->arena, struct sweep);

    *sweep = (struct sweep){.req = req, .found = job->count, .left = 1};
    for (uint32_t i = 0; err == ERR_OK && i < job->count; i++)
        begin_run(shard, sweep, job->runs[i].run_id, job->runs[i].tablet);
    free(job);
    settle(shard, sweep, err == ERR_CANCELED ? ERR_UNAVAILABLE : err, 0);
}

/* Only of a namespace that nothing begins in any more. */
static enum err check_deleted(struct history_shard *shard, struct hs_request *req, struct slice id)
{
    const struct history_namespaces *namespaces = shard->options.namespaces;
    int64_t retention_s;

    if (!namespaces)
        return ERR_OK;
    const enum err err = namespaces->retention_of(namespaces->engine.arg, id, &retention_s);
    if (err == ERR_NOT_FOUND)
        return ERR_OK;
    return err != ERR_OK ? err
                         : err_fail(&req->detail, ERR_UNAVAILABLE,
                                    "the namespace is not known to be deleted");
}

void hs_sweep(struct history_shard *shard, struct hs_request *req)
{
    struct sweep_job *job = calloc(1, sizeof *job);
    struct rpc_api api;

    must(job != NULL);
    enum err err = rpc_api_decode(&req->arena, req->api.request, &api);
    if (err == ERR_OK && !uuid_parse(api.namespace_id, job->namespace_id))
        err = ERR_INVALID;
    if (err == ERR_OK)
        err = check_deleted(shard, req, api.namespace_id);
    if (err != ERR_OK) {
        free(job);
        hs_answer(shard, req, err, SLICE_EMPTY, 0);
        return;
    }
    job->first_tablet = shard->first_tablet;
    job->tablet_count = shard->tablet_count;
    job->job.req = req;
    job->job.read = find_runs;
    job->job.done = runs_found;
    hs_read(shard, &job->job);
}
