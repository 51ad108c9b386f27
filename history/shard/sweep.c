/* sweep.c - the runs of a namespace that is deleted: found by their visibility rows, ended,
 * deleted; and its batch jobs.
 *
 * 1. One request ends and deletes at most SWEEP_RUNS of them and is answered when that is durable.
 *    Whoever drives the deletion asks until none is found; to ask twice does no harm.
 * 2. A run's deletion is that of retention.c: what was cut short is taken up again there.
 * 3. Nothing begins in the namespace meanwhile (hs_check_namespace), and what was staged before the
 *    request came is durable when the rows are read; so one answer without a run is the last: other
 *    runs come of runs that are there. A request that comes before the process has read of the
 *    deletion is refused. */
#include "history/shard/shard_int.h"

#include "history/shard/vis_index.h"

#include "common/rpc/sweep.h"

enum {
    SWEEP_RUNS = 64,
    SWEEP_JOBS = HS_BATCH_FORGET_MAX,
    ROW_KEY_LEN = HS_ROW_PREFIX_LEN + HS_ORDER_LEN
};

/* In the arena of the request that asked. */
struct sweep {
    struct hs_request *req;
    struct hs_job job;
    int64_t staged; /* durable before the rows are read */
    uint8_t namespace_id[16];
    uint8_t first_tablet;
    uint32_t tablet_count;
    struct {
        uint8_t tablet;
        char run_id[UUID_TEXT_LEN + 1];
    } runs[SWEEP_RUNS];
    uint32_t found, left; /* runs; those that are under way */
    struct hs_batch_key jobs[SWEEP_JOBS];
    uint32_t job_count;
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
    rpc_swept_encode(&(struct rpc_swept){sweep->found + sweep->job_count}, &body);
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
    struct sweep *sweep = arg;

    UNUSED(value);
    if (key.len != ROW_KEY_LEN)
        return true;
    sweep->runs[sweep->found].tablet = key.ptr[0];
    uuid_format(key.ptr + ROW_KEY_LEN - 16, sweep->runs[sweep->found++].run_id);
    return sweep->found < SWEEP_RUNS;
}

static bool visit_job(void *arg, struct slice key, struct slice value)
{
    struct sweep *sweep = arg;
    struct hs_batch_key *job = &sweep->jobs[sweep->job_count];

    UNUSED(value);
    if (key.len > sizeof job->bytes)
        return true;
    memcpy(job->bytes, key.ptr, key.len);
    job->len = key.len;
    return ++sweep->job_count < SWEEP_JOBS;
}

static enum err find(struct store_snapshot *snapshot, struct hs_job *arg)
{
    struct sweep *sweep = CONTAINER_OF(arg, struct sweep, job);

    for (uint32_t i = 0; i < sweep->tablet_count && sweep->found < SWEEP_RUNS; i++) {
        uint8_t from[HS_ROW_PREFIX_LEN + 1], to[HS_ROW_PREFIX_LEN];

        from[0] = (uint8_t)(sweep->first_tablet + i);
        memcpy(from + 1, sweep->namespace_id, sizeof sweep->namespace_id);
        memcpy(to, from, sizeof to);
        from[HS_ROW_PREFIX_LEN] = HS_ORDER_FIRST; /* the postings come before */
        const enum err err =
            store_scan(snapshot, STORE_VISIBILITY, slice_of(from, sizeof from),
                       slice_of(to, hs_prefix_end(to, sizeof to)), false, visit_row, sweep);
        if (err != ERR_OK)
            return err;
    }
    for (uint32_t i = 0; i < sweep->tablet_count && sweep->job_count < SWEEP_JOBS; i++) {
        uint8_t from[BATCH_KEY_MAX], to[BATCH_KEY_MAX];
        const size_t len = batch_row_key(from, (uint8_t)(sweep->first_tablet + i), BATCH_ROW_STATE,
                                         sweep->namespace_id, SLICE_EMPTY);

        memcpy(to, from, len);
        const enum err err =
            store_scan(snapshot, STORE_MAIN, slice_of(from, len),
                       slice_of(to, hs_prefix_end(to, len)), false, visit_job, sweep);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

static void found(struct history_shard *shard, struct hs_job *arg, enum err err)
{
    struct sweep *sweep = CONTAINER_OF(arg, struct sweep, job);
    int64_t seq = 0;

    sweep->left = 1;
    if (err == ERR_OK && sweep->job_count > 0)
        err = hs_batches_forget(shard, sweep->jobs, sweep->job_count, &seq);
    for (uint32_t i = 0; err == ERR_OK && i < sweep->found; i++)
        begin_run(shard, sweep, sweep->runs[i].run_id, sweep->runs[i].tablet);
    settle(shard, sweep, err == ERR_CANCELED ? ERR_UNAVAILABLE : err, seq);
}

/* Only of a namespace that nothing begins in any more. */
static enum err check_deleted(struct history_shard *shard, struct hs_request *req, struct slice id)
{
    int64_t retention_s;

    if (!shard->options.namespaces)
        return ERR_OK;
    const enum err err = hs_namespace_retention(shard, id, &retention_s);
    if (err == ERR_NOT_FOUND)
        return ERR_OK;
    return err != ERR_OK ? err
                         : err_fail(&req->detail, ERR_UNAVAILABLE,
                                    "the namespace is not known to be deleted");
}

void hs_sweep(struct history_shard *shard, struct hs_request *req)
{
    struct sweep *sweep = ARENA_NEW(&req->arena, struct sweep);
    struct rpc_api api;

    *sweep = (struct sweep){.req = req,
                            .job = {.req = req, .read = find, .done = found},
                            .staged = store_staged_seq(shard->store),
                            .first_tablet = shard->first_tablet,
                            .tablet_count = shard->tablet_count};
    enum err err = rpc_api_decode(&req->arena, req->api.request, &api);
    if (err == ERR_OK && !uuid_parse(api.namespace_id, sweep->namespace_id))
        err = ERR_INVALID;
    if (err == ERR_OK)
        err = check_deleted(shard, req, api.namespace_id);
    if (err != ERR_OK) {
        hs_answer(shard, req, err, SLICE_EMPTY, 0);
        return;
    }
    req->extra = sweep;
    list_push_back(&shard->sweeps, &req->node);
    hs_sweeps_run(shard);
}

void hs_sweeps_run(struct history_shard *shard)
{
    LIST_EACH_SAFE(it, tmp, &shard->sweeps)
    {
        struct hs_request *req = CONTAINER_OF(it, struct hs_request, node);
        struct sweep *sweep = req->extra;

        if (sweep->staged > shard->durable)
            return; /* and so do those behind it */
        list_remove(&req->node);
        hs_read(shard, &sweep->job);
    }
}
