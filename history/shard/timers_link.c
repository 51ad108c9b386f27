/* timers_link.c - the shard and the timers process that serves it: assignment, windows, fires. */
#include "history/shard/shard_int.h"

#include <stdlib.h>

static struct mesh_target timers_of(const struct history_shard *shard)
{
    return MESH_SHARD(ROLE_TIMERS, rpc_timers_shard(shard->options.shard_id));
}

#define ASSIGN_AGAIN_NS NS_PER_S

static void cast_assign(struct history_shard *shard)
{
    struct hs_deadlines *d = &shard->deadlines;
    struct buf body;

    d->assign_again_mono_ns = hs_mono_ns(shard) + ASSIGN_AGAIN_NS;
    const struct rpc_assign assign = {
        .history_shard = shard->options.shard_id,
        .epoch = d->epoch,
        .process = shard->net->process,
    };
    buf_init(&body, 0);
    rpc_assign_encode(&assign, &body);
    (void)shard->net->cast(shard->net->self, timers_of(shard), METHOD_TIMERS_ASSIGN,
                           buf_slice(&body));
    buf_release(&body);
}

void hs_timers_assign(struct history_shard *shard)
{
    struct hs_deadlines *d = &shard->deadlines;
    const bool was_served = d->pulled_until_ns != 0;

    do
        d->epoch = rng_u64(&shard->rng);
    while (d->epoch == 0);
    d->number = 0;
    d->pulled_until_ns = 0;
    cast_assign(shard);
    if (was_served) /* what is due before the first page is there */
        hs_deadlines_check(shard);
}

void hs_timers_lost(struct history_shard *shard)
{
    shard->deadlines.pulled_until_ns = 0;
    hs_deadlines_check(shard);
}

/* A timers process that does not know yet that it is the one refuses, and so does none. */
int64_t hs_timers_assign_mono_ns(struct history_shard *shard)
{
    const struct hs_deadlines *d = &shard->deadlines;

    if (d->pulled_until_ns || !shard->net->alive(shard->net->self, ROLE_TIMERS))
        return INT64_MAX;
    return d->assign_again_mono_ns;
}

void hs_timers_assign_again(struct history_shard *shard)
{
    if (hs_timers_assign_mono_ns(shard) <= hs_mono_ns(shard))
        cast_assign(shard);
}

void hs_timers_tell(struct history_shard *shard, const struct rpc_deadline *items, uint32_t count)
{
    struct hs_deadlines *d = &shard->deadlines;
    struct rpc_deadline *copy = calloc(count, sizeof *copy);
    struct buf body;

    must(copy != NULL);
    memcpy(copy, items, count * sizeof *copy);
    const struct rpc_deadlines list = {
        .history_shard = shard->options.shard_id,
        .epoch = d->epoch,
        .number = ++d->number,
        .items = copy,
        .count = count,
    };
    buf_init(&body, 0);
    rpc_deadlines_encode(&list, &body);
    /* Dropped: the next number shows the gap, or the shard fires the rows itself when overdue. */
    (void)shard->net->cast(shard->net->self, timers_of(shard), METHOD_TIMERS_DEADLINES,
                           buf_slice(&body));
    buf_release(&body);
    free(copy);
}

/* -- windows -------------------------------------------------------------------------------- */

/* tablet 'D' due-ns(8) run-id(16) */
enum { DEADLINE_KEY_LEN = 26, RUN_ID_LEN = 16 };

struct window_row {
    int64_t at_ns;
    uint8_t run_id[RUN_ID_LEN];
    uint8_t tablet;
};

struct window_job {
    struct hs_job job;
    struct rpc_assign pull;
    int64_t now_ns, until_ns;
    uint8_t after_run[RUN_ID_LEN];
    bool has_after_run;
    uint8_t first_tablet;
    uint32_t tablet_count;
    struct window_row *rows; /* the first ones so far, in order */
    uint32_t count;
    bool has_more;
};

static bool row_before(const struct window_row *a, const struct window_row *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns
                                : memcmp(a->run_id, b->run_id, RUN_ID_LEN) < 0;
}

static bool visit_window(void *arg, struct slice key, struct slice value)
{
    struct window_job *job = arg;
    struct window_row row;

    UNUSED(value);
    if (key.len != DEADLINE_KEY_LEN)
        return true;
    row.at_ns = (int64_t)be64_get(key.ptr + 2);
    row.tablet = key.ptr[0];
    memcpy(row.run_id, key.ptr + 10, RUN_ID_LEN);
    if (row.at_ns > job->until_ns)
        return false;
    if (job->has_after_run && row.at_ns == job->pull.after_wall_ns &&
        memcmp(row.run_id, job->after_run, RUN_ID_LEN) < 0)
        return true;
    const bool full = job->count == job->pull.limit;
    job->has_more = job->has_more || full;
    if (full && !row_before(&row, &job->rows[job->count - 1]))
        return false;
    uint32_t at = full ? job->count - 1 : job->count++;
    for (; at > 0 && row_before(&row, &job->rows[at - 1]); at--)
        job->rows[at] = job->rows[at - 1];
    job->rows[at] = row;
    return true;
}

static enum err window_read(struct store_snapshot *snapshot, struct hs_job *arg)
{
    struct window_job *job = CONTAINER_OF(arg, struct window_job, job);

    for (uint32_t i = 0; i < job->tablet_count; i++) {
        uint8_t from[10] = {(uint8_t)(job->first_tablet + i), 'D'};
        const uint8_t to[2] = {from[0], 'D' + 1};

        be64_put(from + 2, (uint64_t)job->pull.after_wall_ns);
        const enum err err = store_scan(snapshot, STORE_MAIN, slice_of(from, sizeof from),
                                        slice_of(to, 2), false, visit_window, job);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

static struct slice encode_window(struct history_shard *shard, struct hs_request *req,
                                  const struct window_job *job)
{
    struct rpc_deadline *items =
        ARENA_ARRAY(&req->arena, struct rpc_deadline, job->count ? job->count : 1);
    struct buf body;

    for (uint32_t i = 0; i < job->count; i++) {
        char run_id[UUID_TEXT_LEN + 1];

        uuid_format(job->rows[i].run_id, run_id);
        items[i].at_wall_ns = job->rows[i].at_ns;
        /* Rounded up: timers may not be early. */
        items[i].remaining_ms = (job->rows[i].at_ns - job->now_ns + NS_PER_MS - 1) / NS_PER_MS;
        items[i].tablet = job->rows[i].tablet;
        items[i].run_id = arena_copy(&req->arena, slice_str(run_id));
    }
    const struct rpc_deadlines list = {
        .history_shard = shard->options.shard_id,
        .epoch = job->pull.epoch,
        .number = shard->deadlines.number,
        .has_more = job->has_more,
        .horizon_ms = job->pull.horizon_ms,
        .items = items,
        .count = job->count,
    };
    buf_init(&body, 0);
    rpc_deadlines_encode(&list, &body);
    const struct slice bytes = arena_copy(&req->arena, buf_slice(&body));
    buf_release(&body);
    return bytes;
}

static void window_done(struct history_shard *shard, struct hs_job *arg, enum err err)
{
    struct window_job *job = CONTAINER_OF(arg, struct window_job, job);
    struct hs_request *req = job->job.req;
    struct slice reply = SLICE_EMPTY;

    if (err == ERR_OK && job->pull.epoch != shard->deadlines.epoch)
        err = ERR_STALE;
    if (err == ERR_CANCELED)
        err = ERR_UNAVAILABLE;
    if (err == ERR_OK) {
        job->now_ns = hs_now_ns(shard);
        reply = encode_window(shard, req, job);
    }
    free(job->rows);
    free(job);
    hs_answer(shard, req, err, reply, 0);
}

void hs_pull_deadlines(struct history_shard *shard, struct hs_request *req)
{
    struct hs_deadlines *d = &shard->deadlines;
    struct rpc_assign pull;
    enum err err = rpc_assign_decode(&req->arena, req->api.request, &pull);
    const int64_t horizon_max_ms = 24 * 3600 * INT64_C(1000);

    if (err == ERR_OK && pull.epoch != d->epoch)
        err = ERR_STALE;
    if (err == ERR_OK &&
        (pull.horizon_ms < 0 || pull.horizon_ms > horizon_max_ms || pull.after_wall_ns < 0))
        err = ERR_INVALID;
    if (err != ERR_OK) {
        hs_answer(shard, req, err, SLICE_EMPTY, 0);
        return;
    }
    struct window_job *job = calloc(1, sizeof *job);
    must(job != NULL);
    job->pull = pull;
    if (job->pull.limit == 0 || job->pull.limit > HS_PULL_MAX)
        job->pull.limit = HS_PULL_MAX;
    job->rows = calloc(job->pull.limit, sizeof *job->rows);
    must(job->rows != NULL);
    job->has_after_run = uuid_parse(pull.after_run_id, job->after_run);
    job->until_ns = hs_now_ns(shard) + pull.horizon_ms * NS_PER_MS;
    /* From here on, rows up to there that commit later are told. */
    if (job->until_ns > d->pulled_until_ns)
        d->pulled_until_ns = job->until_ns;
    job->first_tablet = shard->first_tablet;
    job->tablet_count = shard->tablet_count;
    job->job.req = req;
    job->job.read = window_read;
    job->job.done = window_done;
    hs_read(shard, &job->job);
}

/* -- fires ---------------------------------------------------------------------------------- */

struct fired_row {
    struct row_key key;
    char run_id[UUID_TEXT_LEN + 1];
    int64_t at_ns;
    uint8_t tablet;
    bool exists;
};

struct fire_job {
    struct hs_job job;
    struct fired_row *rows; /* of runs that are not in memory */
    uint32_t count;
};

static enum err fire_read(struct store_snapshot *snapshot, struct hs_job *arg)
{
    struct fire_job *job = CONTAINER_OF(arg, struct fire_job, job);
    struct arena arena;
    enum err err = ERR_OK;

    arena_init(&arena);
    for (uint32_t i = 0; i < job->count && err == ERR_OK; i++) {
        struct slice value;

        err = store_get(snapshot, STORE_MAIN, row_key_slice(&job->rows[i].key), &arena, &value,
                        &job->rows[i].exists);
        arena_reset(&arena);
    }
    arena_release(&arena);
    return err;
}

static void fire_done(struct history_shard *shard, struct hs_job *arg, enum err err)
{
    struct fire_job *job = CONTAINER_OF(arg, struct fire_job, job);
    struct hs_request *req = job->job.req;

    for (uint32_t i = 0; err == ERR_OK && i < job->count; i++)
        if (job->rows[i].exists)
            hs_deadline_near(shard, job->rows[i].run_id, job->rows[i].tablet, job->rows[i].at_ns);
    free(job->rows);
    free(job);
    hs_request_free(shard, req);
    hs_deadlines_run(shard);
}

static void fire_one(struct history_shard *shard, const struct rpc_deadline *item,
                     struct fire_job *job)
{
    uint8_t uuid[16];
    char run_id[UUID_TEXT_LEN + 1];

    if (!uuid_parse(item->run_id, uuid) || !hs_owns_tablet(shard, item->tablet) ||
        item->at_wall_ns <= 0)
        return;
    uuid_format(uuid, run_id);
    const struct hs_entry *entry = hs_entry_find(shard, run_id);
    if (entry) {
        if (entry->run->deadline_row_ns == item->at_wall_ns)
            hs_deadline_near(shard, run_id, item->tablet, item->at_wall_ns);
        return;
    }
    struct fired_row *row = &job->rows[job->count++];
    row_key_deadline(&row->key, item->tablet, item->at_wall_ns, run_id);
    memcpy(row->run_id, run_id, sizeof row->run_id);
    row->at_ns = item->at_wall_ns;
    row->tablet = item->tablet;
}

/* Only what has a row costs a load; only the shard's clock says that it is due. */
void hs_fire_deadlines(struct history_shard *shard, struct hs_request *req)
{
    struct rpc_deadlines list;

    if (rpc_deadlines_decode(&req->arena, req->api.request, &list) != ERR_OK || list.count == 0 ||
        list.history_shard != shard->options.shard_id) {
        hs_request_free(shard, req);
        return;
    }
    struct fire_job *job = calloc(1, sizeof *job);
    must(job != NULL);
    job->rows = calloc(list.count, sizeof *job->rows);
    must(job->rows != NULL);
    for (uint32_t i = 0; i < list.count; i++)
        fire_one(shard, &list.items[i], job);
    if (job->count) {
        job->job.req = req;
        job->job.read = fire_read;
        job->job.done = fire_done;
        hs_read(shard, &job->job);
        return;
    }
    free(job->rows);
    free(job);
    hs_request_free(shard, req);
    hs_deadlines_run(shard);
}
