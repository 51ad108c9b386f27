/* batches.c - batch jobs: started, stopped, shown, kept for their retention, taken up again.
 *
 * 1. A job has two rows (history/batch/job.h); the one that changes is put whole.
 * 2. What runs is in memory, at most HS_BATCHES_MAX; what has ended is in its rows alone, but stays
 *    in memory while a read is under way that may have seen it running.
 * 3. At open, and when the retention of a job passes, the shard looks through all its jobs. */
#include "history/shard/batches_int.h"

#include "common/base/hash.h"
#include "common/proto/errdetail.h"
#include "common/proto/wire.h"

#include <stdlib.h>

enum { LOOK_MAX = 64, STATE_KEY_MIN = 20 };
#define LOOK_AGAIN_NS NS_PER_S

void hs_batches_init(struct history_shard *shard)
{
    list_init(&shard->batches.jobs);
    shard->batches.look_ns = INT64_MAX;
}

static struct hs_batch_job *find(struct history_shard *shard, struct slice namespace_id,
                                 struct slice job_id)
{
    LIST_EACH(it, &shard->batches.jobs)
    {
        struct hs_batch_job *job = CONTAINER_OF(it, struct hs_batch_job, node);

        if (slice_eq(job->start.job_id, job_id) && slice_eq(job->start.namespace_id, namespace_id))
            return job;
    }
    return NULL;
}

static void job_free(struct hs_batch_job *job)
{
    struct history_shard *shard = job->shard;

    hs_batch_cancel(job);
    list_remove(&job->node);
    must(shard->batches.count > 0);
    shard->batches.count--;
    for (uint32_t i = 0; i < HS_BATCH_CALLS_MAX; i++)
        arena_release(&job->slots[i].arena);
    for (struct map_node *it; (it = map_next(&job->seen, NULL));) {
        map_remove(&job->seen, it);
        free(CONTAINER_OF(it, struct hs_batch_seen, node));
    }
    map_release(&job->seen);
    arena_release(&job->page_arena);
    arena_release(&job->arena);
    free(job->asks);
    free(job->found);
    free(job);
}

void hs_batches_release(struct history_shard *shard)
{
    LIST_EACH_SAFE(it, tmp, &shard->batches.jobs)
    {
        job_free(CONTAINER_OF(it, struct hs_batch_job, node));
    }
}

/* NULL: the request inside can't be read. */
static struct hs_batch_job *job_new(struct history_shard *shard,
                                    const struct rpc_batch_start *start,
                                    const struct batch_state *state)
{
    struct hs_batch_job *job = calloc(1, sizeof *job);

    must(job != NULL);
    arena_init(&job->arena);
    job->start = (struct rpc_batch_start){
        .namespace_id = arena_copy(&job->arena, start->namespace_id),
        .namespace_name = arena_copy(&job->arena, start->namespace_name),
        .retention_s = start->retention_s,
        .job_id = arena_copy(&job->arena, start->job_id),
        .start_id = arena_copy(&job->arena, start->start_id),
        .run_id = arena_copy(&job->arena, start->run_id),
        .request = arena_copy(&job->arena, start->request),
        .query = arena_copy(&job->arena, start->query),
    };
    if (!uuid_parse(job->start.namespace_id, job->namespace_id) ||
        proto_decode(&job->arena, &api_start_batch_operation_request__desc, job->start.request,
                     &job->request, NULL) != ERR_OK ||
        batch_operation_type(job->request) == BATCH_OPERATION_TYPE_UNSPECIFIED) {
        arena_release(&job->arena);
        free(job);
        return NULL;
    }
    job->shard = shard;
    job->tablet = hash_tablet(job->start.namespace_id, job->start.job_id);
    job->state = *state;
    job->phase = state->counted ? HS_BATCH_LIST : HS_BATCH_COUNT;
    job->page_size = HS_BATCH_PAGE;
    arena_init(&job->page_arena);
    map_init(&job->seen, rng_u64(&shard->rng));
    job->asks = calloc(shard->options.shard_count, sizeof *job->asks);
    must(job->asks != NULL);
    for (uint32_t i = 0; i < shard->options.shard_count; i++)
        job->asks[i].job = job;
    for (uint32_t i = 0; i < HS_BATCH_CALLS_MAX; i++) {
        job->slots[i].job = job;
        arena_init(&job->slots[i].arena);
    }
    list_push_back(&shard->batches.jobs, &job->node);
    shard->batches.count++;
    return job;
}

/* -- rows ------------------------------------------------------------------------------------ */

static struct store_op put(uint8_t key[BATCH_KEY_MAX], const struct hs_batch_job *job,
                           enum batch_row row, const struct buf *value)
{
    const size_t len = batch_row_key(key, job->tablet, row, job->namespace_id, job->start.job_id);

    return (struct store_op){.kind = STORE_PUT,
                             .family = STORE_MAIN,
                             .key = slice_of(key, len),
                             .value = buf_slice(value)};
}

static enum err stage(struct hs_batch_job *job, const struct batch_state *state, bool with_request)
{
    uint8_t keys[2][BATCH_KEY_MAX];
    struct store_op ops[2];
    struct buf values[2];
    size_t count = 1;

    buf_init(&values[0], 0);
    buf_init(&values[1], 0);
    batch_state_row(state, &values[0]);
    ops[0] = put(keys[0], job, BATCH_ROW_STATE, &values[0]);
    if (with_request) {
        batch_start_row(&job->start, &values[1]);
        ops[count++] = put(keys[1], job, BATCH_ROW_REQUEST, &values[1]);
    }
    must(buf_ok(&values[0]) && buf_ok(&values[1]));
    const enum err err = store_stage(job->shard->store, ops, count, true, &job->seq);
    buf_release(&values[0]);
    buf_release(&values[1]);
    if (err == ERR_OK)
        job->state = *state;
    return err;
}

enum err hs_batch_stage(struct hs_batch_job *job, const struct batch_state *state)
{
    const enum err err = stage(job, state, false);
    const int64_t due_ns = batch_due_ns(state);

    if (err == ERR_OK && due_ns < job->shard->batches.look_ns)
        job->shard->batches.look_ns = due_ns;
    return err;
}

/* A job's rows, read for a request. */
struct job_rows {
    struct hs_job job;
    struct arena arena;
    uint8_t tablet, namespace_id[16];
    struct slice job_id;
    bool found;
    struct batch_state state;
    struct slice request_row;
    hs_request_fn then; /* with req->extra being this; frees nothing of it */
};

static enum err get_row(struct store_snapshot *snapshot, struct job_rows *rows, enum batch_row row,
                        struct slice *value, bool *found)
{
    uint8_t key[BATCH_KEY_MAX];
    const size_t len = batch_row_key(key, rows->tablet, row, rows->namespace_id, rows->job_id);

    return store_get(snapshot, STORE_MAIN, slice_of(key, len), &rows->arena, value, found);
}

static enum err read_rows(struct store_snapshot *snapshot, struct hs_job *arg)
{
    struct job_rows *rows = CONTAINER_OF(arg, struct job_rows, job);
    struct slice value;
    bool there = false;
    enum err err = get_row(snapshot, rows, BATCH_ROW_STATE, &value, &rows->found);

    if (err != ERR_OK || !rows->found)
        return err;
    err = batch_state_row_decode(&rows->arena, value, &rows->state);
    if (err == ERR_OK)
        err = get_row(snapshot, rows, BATCH_ROW_REQUEST, &rows->request_row, &there);
    return err == ERR_OK && !there ? ERR_CORRUPT : err;
}

static void rows_read(struct history_shard *shard, struct hs_job *arg, enum err err)
{
    struct job_rows *rows = CONTAINER_OF(arg, struct job_rows, job);
    struct hs_request *req = rows->job.req;

    must(shard->batches.readers > 0);
    shard->batches.readers--;
    if (err == ERR_OK) {
        req->extra = rows;
        rows->then(shard, req);
    } else {
        hs_answer(shard, req, err == ERR_CANCELED ? ERR_UNAVAILABLE : err, SLICE_EMPTY, 0);
    }
    arena_release(&rows->arena);
    free(rows);
    hs_batches_run(shard);
}

static void with_rows(struct history_shard *shard, struct hs_request *req,
                      struct slice namespace_id, struct slice job_id, hs_request_fn then)
{
    struct job_rows *rows = calloc(1, sizeof *rows);

    must(rows != NULL);
    arena_init(&rows->arena);
    rows->tablet = hash_tablet(namespace_id, job_id);
    rows->job_id = job_id;
    rows->then = then;
    rows->job.req = req;
    rows->job.read = read_rows;
    rows->job.done = rows_read;
    must(uuid_parse(namespace_id, rows->namespace_id));
    shard->batches.readers++;
    hs_read(shard, &rows->job);
}

/* Is it a job of this shard? If not, the request is answered. */
static bool is_ours(struct history_shard *shard, struct hs_request *req, struct slice namespace_id,
                    struct slice job_id)
{
    uint8_t uuid[16];
    enum err err = ERR_OK;

    if (!uuid_parse(namespace_id, uuid) || job_id.len == 0 || job_id.len > RPC_ID_BYTES_MAX)
        err = err_fail(&req->detail, ERR_INVALID, "malformed batch request");
    else if (!hs_owns_tablet(shard, hash_tablet(namespace_id, job_id)))
        err = err_fail(&req->detail, ERR_NOT_OWNER, "the batch job is of another shard");
    if (err != ERR_OK)
        hs_answer(shard, req, err, SLICE_EMPTY, 0);
    return err == ERR_OK;
}

/* -- StartBatchOperation --------------------------------------------------------------------- */

static void refuse_start(struct history_shard *shard, struct hs_request *req,
                         const struct rpc_batch_start *there, bool runs, int64_t seq)
{
    const char *start_id = arena_str(&req->arena, there->start_id);
    const char *run_id = arena_str(&req->arena, there->run_id);
    const struct slice id = there->job_id;
    const enum err err =
        runs ? errdetail_workflow_already_started(
                   &req->arena, &req->detail, start_id, run_id, run_id,
                   "Workflow execution is already running. WorkflowId: %.*s, RunId: %s.",
                   (int)id.len, (const char *)id.ptr, run_id)
             : errdetail_workflow_already_started(
                   &req->arena, &req->detail, start_id, run_id, run_id,
                   "Workflow execution already finished. WorkflowId: %.*s, RunId: %s. Workflow Id "
                   "reuse policy: reject duplicate workflow Id.",
                   (int)id.len, (const char *)id.ptr, run_id);

    hs_answer(shard, req, err, SLICE_EMPTY, seq);
}

/* A job of that id is known. A repeat of the start that made it is answered as that was. */
static void answer_known(struct history_shard *shard, struct hs_request *req,
                         const struct rpc_batch_start *there, bool runs, int64_t seq)
{
    const struct rpc_batch_start *start = req->message;

    if (slice_eq(there->start_id, start->start_id))
        hs_answer(shard, req, ERR_OK, SLICE_EMPTY, seq);
    else
        refuse_start(shard, req, there, runs, seq);
}

static void start_now(struct history_shard *shard, struct hs_request *req)
{
    const struct rpc_batch_start *start = req->message;
    struct batch_state state = {.state = BATCH_OPERATION_STATE_RUNNING,
                                .start_ns = hs_now_ns(shard),
                                .retention_s = start->retention_s};

    if (shard->batches.count >= HS_BATCHES_MAX) {
        hs_answer(shard, req, err_fail(&req->detail, ERR_BUSY, "too many batch jobs run"),
                  SLICE_EMPTY, 0);
        return;
    }
    const enum err gone =
        hs_check_namespace(shard, req, start->namespace_id, start->namespace_name);
    if (gone != ERR_OK) {
        hs_answer(shard, req, gone, SLICE_EMPTY, 0);
        return;
    }
    struct hs_batch_job *job = job_new(shard, start, &state);
    if (!job) {
        hs_answer(shard, req, err_fail(&req->detail, ERR_INVALID, "malformed batch request"),
                  SLICE_EMPTY, 0);
        return;
    }
    state.type = batch_operation_type(job->request);
    const enum err err = stage(job, &state, true);
    const int64_t seq = job->seq;
    if (err != ERR_OK)
        job_free(job);
    hs_answer(shard, req, err, SLICE_EMPTY, seq);
}

static void start_with_rows(struct history_shard *shard, struct hs_request *req)
{
    const struct rpc_batch_start *start = req->message;
    struct job_rows *rows = req->extra;
    struct rpc_batch_start there;
    const struct hs_batch_job *job = find(shard, start->namespace_id, start->job_id);

    if (job)
        answer_known(shard, req, &job->start, job->state.close_ns == 0, job->seq);
    else if (!rows->found)
        start_now(shard, req);
    else if (batch_start_row_decode(&rows->arena, rows->request_row, &there) != ERR_OK)
        hs_answer(shard, req, ERR_CORRUPT, SLICE_EMPTY, 0);
    else
        answer_known(shard, req, &there, rows->state.close_ns == 0, store_staged_seq(shard->store));
}

void hs_start_batch(struct history_shard *shard, struct hs_request *req)
{
    struct rpc_batch_start *start = ARENA_NEW(&req->arena, struct rpc_batch_start);

    if (rpc_batch_start_decode(&req->arena, req->api.request, start) != ERR_OK) {
        hs_answer(shard, req, err_fail(&req->detail, ERR_INVALID, "malformed batch request"),
                  SLICE_EMPTY, 0);
        return;
    }
    if (!is_ours(shard, req, start->namespace_id, start->job_id))
        return;
    req->message = start;
    with_rows(shard, req, start->namespace_id, start->job_id, start_with_rows);
}

/* -- StopBatchOperation ---------------------------------------------------------------------- */

static void not_found(struct history_shard *shard, struct hs_request *req, const char *job_id)
{
    hs_answer(
        shard, req,
        errdetail_not_found(&req->arena, &req->detail, "workflow not found for ID: %s", job_id),
        SLICE_EMPTY, store_staged_seq(shard->store));
}

static void over(struct history_shard *shard, struct hs_request *req, int64_t seq)
{
    hs_answer(
        shard, req,
        errdetail_not_found(&req->arena, &req->detail, "workflow execution already completed"),
        SLICE_EMPTY, seq);
}

static void stop_with_rows(struct history_shard *shard, struct hs_request *req)
{
    const api_stop_batch_operation_request *request = req->message;
    const struct job_rows *rows = req->extra;

    if (!rows->found)
        not_found(shard, req, request->job_id);
    else if (rows->state.close_ns == 0) /* not taken up yet, or just ended: ask again */
        hs_answer(shard, req, ERR_UNAVAILABLE, SLICE_EMPTY, 0);
    else
        over(shard, req, store_staged_seq(shard->store));
}

void hs_stop_batch(struct history_shard *shard, struct hs_request *req)
{
    const api_stop_batch_operation_request *request = req->message;
    const struct slice id = slice_str(request->job_id);

    if (!is_ours(shard, req, req->api.namespace_id, id))
        return;
    struct hs_batch_job *job = find(shard, req->api.namespace_id, id);
    if (!job) {
        with_rows(shard, req, req->api.namespace_id, id, stop_with_rows);
        return;
    }
    if (job->state.close_ns != 0) {
        over(shard, req, job->seq);
        return;
    }
    struct batch_state state = hs_batch_progress(job);
    state.state = BATCH_OPERATION_STATE_FAILED; /* Spec: a job that is stopped has failed */
    state.close_ns = hs_now_ns(shard);
    const enum err err = hs_batch_stage(job, &state);
    if (err == ERR_OK) {
        hs_batch_cancel(job);
        job->phase = HS_BATCH_ENDED;
        job->wake_ns = INT64_MAX;
    }
    hs_answer(shard, req, err, SLICE_EMPTY, job->seq);
}

/* -- DescribeBatchOperation ------------------------------------------------------------------ */

static void describe_with_rows(struct history_shard *shard, struct hs_request *req)
{
    const api_describe_batch_operation_request *request = req->message;
    struct job_rows *rows = req->extra;
    api_start_batch_operation_request *of;
    struct rpc_batch_start start;

    if (!rows->found) {
        not_found(shard, req, request->job_id);
        return;
    }
    enum err err = batch_start_row_decode(&rows->arena, rows->request_row, &start);
    if (err == ERR_OK)
        err = proto_decode(&rows->arena, &api_start_batch_operation_request__desc, start.request,
                           &of, &req->detail);
    hs_answer(shard, req, err,
              err == ERR_OK ? batch_description(&req->arena, &rows->state, of) : SLICE_EMPTY,
              store_staged_seq(shard->store));
}

void hs_describe_batch(struct history_shard *shard, struct hs_request *req)
{
    const api_describe_batch_operation_request *request = req->message;
    const struct slice id = slice_str(request->job_id);

    if (!is_ours(shard, req, req->api.namespace_id, id))
        return;
    const struct hs_batch_job *job = find(shard, req->api.namespace_id, id);
    if (!job) {
        with_rows(shard, req, req->api.namespace_id, id, describe_with_rows);
        return;
    }
    const struct batch_state state = hs_batch_progress(job);
    hs_answer(shard, req, ERR_OK, batch_description(&req->arena, &state, job->request), job->seq);
}

/* -- looking at the rows: what runs is taken up, what is over goes --------------------------- */

struct look_job {
    struct hs_job job;
    struct arena arena;
    int64_t until_ns, next_ns;
    uint8_t first_tablet;
    uint32_t tablet_count;
    struct {
        struct slice key, request_row;
        struct batch_state state;
    } rows[LOOK_MAX]; /* those that run, or are due */
    uint32_t count;
    bool more;
    enum err err;
};

static bool visit_job(void *arg, struct slice key, struct slice value)
{
    struct look_job *look = arg;
    struct batch_state state;
    struct arena scratch;

    if (key.len < STATE_KEY_MIN || key.len > BATCH_KEY_MAX)
        look->err = ERR_CORRUPT;
    arena_init(&scratch);
    if (look->err == ERR_OK)
        look->err = batch_state_row_decode(&scratch, value, &state);
    arena_release(&scratch);
    if (look->err != ERR_OK)
        return false;
    const int64_t due_ns = batch_due_ns(&state);
    if (state.close_ns != 0 && due_ns > look->until_ns) {
        if (due_ns < look->next_ns)
            look->next_ns = due_ns;
        return true;
    }
    if (look->count == LOOK_MAX) {
        look->more = true;
        return true; /* the others' times count */
    }
    look->rows[look->count].key = arena_copy(&look->arena, key);
    look->rows[look->count++].state = state;
    return true;
}

/* What the jobs that run were asked for. */
static enum err read_requests(struct store_snapshot *snapshot, struct look_job *look)
{
    for (uint32_t i = 0; i < look->count; i++) {
        uint8_t key[BATCH_KEY_MAX];
        const size_t len = look->rows[i].key.len;
        bool found;

        if (look->rows[i].state.close_ns != 0)
            continue;
        memcpy(key, look->rows[i].key.ptr, len);
        key[2] = BATCH_ROW_REQUEST;
        const enum err err = store_get(snapshot, STORE_MAIN, slice_of(key, len), &look->arena,
                                       &look->rows[i].request_row, &found);
        if (err != ERR_OK || !found)
            return err != ERR_OK ? err : ERR_CORRUPT;
    }
    return ERR_OK;
}

static enum err look_read(struct store_snapshot *snapshot, struct hs_job *arg)
{
    struct look_job *look = CONTAINER_OF(arg, struct look_job, job);

    for (uint32_t i = 0; i < look->tablet_count; i++) {
        const uint8_t tablet = (uint8_t)(look->first_tablet + i);
        const uint8_t from[3] = {tablet, 'J', BATCH_ROW_STATE};
        const uint8_t to[3] = {tablet, 'J', BATCH_ROW_STATE + 1};
        const enum err err = store_scan(snapshot, STORE_MAIN, slice_of(from, 3), slice_of(to, 3),
                                        false, visit_job, look);

        if (err != ERR_OK || look->err != ERR_OK)
            return err != ERR_OK ? err : look->err;
    }
    return read_requests(snapshot, look);
}

static void take_up(struct history_shard *shard, struct look_job *look, uint32_t i)
{
    const struct slice key = look->rows[i].key;
    struct rpc_batch_start start;

    if (batch_start_row_decode(&look->arena, look->rows[i].request_row, &start) != ERR_OK ||
        !slice_eq(start.job_id, slice_of(key.ptr + 19, key.len - 19))) {
        log_error(shard->options.log, "the row of a batch job can't be read",
                  F_U64("shard_id", shard->options.shard_id));
        return;
    }
    if (find(shard, start.namespace_id, start.job_id) ||
        hs_namespace_is_gone(shard, start.namespace_id))
        return; /* the sweep deletes its rows, maybe since this look has read them */
    if (shard->batches.count >= HS_BATCHES_MAX) {
        look->more = true;
        return;
    }
    if (!job_new(shard, &start, &look->rows[i].state))
        log_error(shard->options.log, "a batch job can't be taken up",
                  F_SLICE("job_id", start.job_id));
}

static enum err delete_due(struct history_shard *shard, const struct look_job *look)
{
    uint8_t request_keys[LOOK_MAX][BATCH_KEY_MAX];
    struct store_op ops[2 * LOOK_MAX];
    size_t count = 0;
    int64_t seq;

    for (uint32_t i = 0; i < look->count; i++) {
        const struct slice key = look->rows[i].key;

        if (look->rows[i].state.close_ns == 0)
            continue;
        memcpy(request_keys[i], key.ptr, key.len);
        request_keys[i][2] = BATCH_ROW_REQUEST;
        ops[count++] = (struct store_op){STORE_DELETE, STORE_MAIN, key, SLICE_EMPTY};
        ops[count++] = (struct store_op){STORE_DELETE, STORE_MAIN,
                                         slice_of(request_keys[i], key.len), SLICE_EMPTY};
    }
    return count > 0 ? store_stage(shard->store, ops, count, true, &seq) : ERR_OK;
}

static void look_done(struct history_shard *shard, struct hs_job *arg, enum err err)
{
    struct look_job *look = CONTAINER_OF(arg, struct look_job, job);
    struct hs_batches *b = &shard->batches;
    int64_t next_ns = look->next_ns;

    b->looking = false;
    must(b->readers > 0);
    b->readers--;
    for (uint32_t i = 0; err == ERR_OK && i < look->count; i++)
        if (look->rows[i].state.close_ns == 0)
            take_up(shard, look, i);
    if (err == ERR_OK)
        err = delete_due(shard, look);
    if ((err != ERR_OK || look->more) && hs_now_ns(shard) + LOOK_AGAIN_NS < next_ns)
        next_ns = hs_now_ns(shard) + LOOK_AGAIN_NS;
    if (next_ns < b->look_ns)
        b->look_ns = next_ns;
    arena_release(&look->arena);
    free(look);
    if (err != ERR_CANCELED)
        hs_batches_run(shard);
}

static void look(struct history_shard *shard)
{
    struct look_job *look = calloc(1, sizeof *look);

    must(look != NULL);
    arena_init(&look->arena);
    look->until_ns = hs_now_ns(shard);
    look->next_ns = INT64_MAX;
    look->first_tablet = shard->first_tablet;
    look->tablet_count = shard->tablet_count;
    look->job.read = look_read;
    look->job.done = look_done;
    shard->batches.looking = true;
    shard->batches.readers++;
    shard->batches.look_ns = INT64_MAX; /* jobs that end from now on lower it again */
    hs_read(shard, &look->job);
}

void hs_batches_open(struct history_shard *shard)
{
    shard->batches.look_ns = 0;
    hs_batches_run(shard);
}

/* -- a namespace that is deleted ------------------------------------------------------------- */

static struct hs_batch_job *find_by_key(struct history_shard *shard, const struct hs_batch_key *key)
{
    LIST_EACH(it, &shard->batches.jobs)
    {
        struct hs_batch_job *job = CONTAINER_OF(it, struct hs_batch_job, node);
        uint8_t bytes[BATCH_KEY_MAX];
        const size_t len = batch_row_key(bytes, job->tablet, BATCH_ROW_STATE, job->namespace_id,
                                         job->start.job_id);

        if (slice_eq(slice_of(bytes, len), slice_of(key->bytes, key->len)))
            return job;
    }
    return NULL;
}

enum err hs_batches_forget(struct history_shard *shard, const struct hs_batch_key *keys,
                           size_t count, int64_t *seq)
{
    uint8_t request_keys[HS_BATCH_FORGET_MAX][BATCH_KEY_MAX];
    struct store_op ops[2 * HS_BATCH_FORGET_MAX];

    must(count > 0 && count <= HS_BATCH_FORGET_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct slice key = slice_of(keys[i].bytes, keys[i].len);

        memcpy(request_keys[i], key.ptr, key.len);
        request_keys[i][2] = BATCH_ROW_REQUEST;
        ops[2 * i] = (struct store_op){STORE_DELETE, STORE_MAIN, key, SLICE_EMPTY};
        ops[2 * i + 1] = (struct store_op){STORE_DELETE, STORE_MAIN,
                                           slice_of(request_keys[i], key.len), SLICE_EMPTY};
    }
    const enum err err = store_stage(shard->store, ops, 2 * count, true, seq);
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        struct hs_batch_job *job = find_by_key(shard, &keys[i]);

        if (!job)
            continue;
        hs_batch_cancel(job); /* hs_batches_run() frees it */
        job->state.close_ns = hs_now_ns(shard);
        job->phase = HS_BATCH_ENDED;
        job->seq = *seq;
    }
    return err;
}

/* -- going on -------------------------------------------------------------------------------- */

void hs_batches_run(struct history_shard *shard)
{
    struct hs_batches *b = &shard->batches;

    if (shard->draining || shard->closing || shard->lost)
        return;
    LIST_EACH_SAFE(it, tmp, &b->jobs)
    {
        struct hs_batch_job *job = CONTAINER_OF(it, struct hs_batch_job, node);

        hs_batch_run(job);
        if (job->state.close_ns != 0 && job->seq <= shard->durable && b->readers == 0)
            job_free(job);
    }
    if (!b->looking && b->look_ns <= hs_now_ns(shard))
        look(shard);
}

int64_t hs_batches_next_mono_ns(struct history_shard *shard)
{
    const struct hs_batches *b = &shard->batches;
    int64_t next_ns = INT64_MAX;

    if (shard->draining)
        return INT64_MAX;
    LIST_EACH(it, &b->jobs)
    {
        const struct hs_batch_job *job = CONTAINER_OF(it, struct hs_batch_job, node);

        /* One that waits for durability goes on when that comes. */
        if (job->state.close_ns == 0 && job->seq <= shard->durable && job->wake_ns < next_ns)
            next_ns = job->wake_ns;
    }
    const int64_t look_ns = b->looking ? INT64_MAX : hs_mono_of(shard, b->look_ns);
    return look_ns < next_ns ? look_ns : next_ns;
}
