/* visibility.c - List and Count over the visibility rows of the shard.
 *
 * A count by status is answered from the counters. What the index knows of a filter names the rows
 * to be tried, in the order of the list (vis_stream.h). Everything else is a scan: the rows of a
 * tablet stand in the order of the list; the pages of all tablets are merged. What
 * was acknowledged before is durable, and a read sees at least what is durable. A long scan is cut
 * into slices, so that other reads have their turn: each slice reads a snapshot of its own, and
 * goes on behind the row at which the one before ended. Whoever does not wait any more ends it. */
#include "history/shard/shard_int.h"

#include "common/base/hash.h"
#include "common/proto/wire.h"
#include "history/shard/vis_stream.h"
#include "history/visibility/bounds.h"
#include "history/visibility/groups.h"
#include "history/visibility/match.h"
#include "history/visibility/plan.h"

#include <stdlib.h>

/* tablet ns-id(16) ~close-ns(8) ~start-ns(8) run-id(16) */
enum {
    PREFIX_LEN = HS_ROW_PREFIX_LEN,
    ORDER_LEN = HS_ORDER_LEN,
    ROW_KEY_LEN = PREFIX_LEN + ORDER_LEN,
};
enum {
    SLICE_ROWS = 20000, /* some 20 ms */
    FETCHED_ROW = 5,    /* a row that the index names costs as much as so many of a scan */
    PROBE_PAGE = 100,   /* a short scan fills no larger one */
};

struct list_row {
    uint8_t order[ORDER_LEN];
    struct slice info; /* in the job's arena */
};

struct list_job {
    struct hs_job job;
    uint8_t namespace_id[16];
    uint8_t after[ORDER_LEN];
    bool has_after, counting, by_status; /* counted by status */
    uint32_t limit;
    uint8_t first_tablet;
    uint32_t tablet_count;
    uint32_t only_tablet; /* the one of the workflow id that the filter names; else UINT32_MAX */
    struct vis_query query;
    struct vis_bounds bounds;
    struct vis_plan plan;
    uint32_t range_max;
    uint32_t probe_range, probe_rows;
    bool probing; /* many rows may be in the ranges of values: then a short scan fills the page */
    int64_t seq;  /* durable before the answer */
    struct arena arena, scratch, index; /* of the job, a row, a read of the index */

    /* where the scan is */
    uint32_t tablet; /* from the first one */
    uint8_t at[ORDER_LEN];
    bool has_at; /* within the tablet: behind this row */
    uint32_t slice_rows;
    bool paused;

    struct list_row *rows; /* the first ones so far, in order */
    uint32_t count;
    uint64_t total;
    struct vis_groups groups;
    bool has_more;
    enum err err;
};

static void insert_row(struct list_job *job, const uint8_t *order, struct slice info)
{
    const bool full = job->count == job->limit;
    struct list_row row = {.info = arena_copy(&job->arena, info)};
    uint32_t at = full ? job->count - 1 : job->count++;

    memcpy(row.order, order, ORDER_LEN);
    for (; at > 0 && memcmp(order, job->rows[at - 1].order, ORDER_LEN) < 0; at--)
        job->rows[at] = job->rows[at - 1];
    job->rows[at] = row;
}

static void count_row(struct list_job *job, const struct vis_execution *execution)
{
    job->total++;
    if (job->query.group_count > 0)
        job->err =
            vis_groups_add(&job->groups, &job->query.group_by[0], execution, 1, &job->scratch);
}

static bool visit(void *arg, struct slice key, struct slice value)
{
    struct list_job *job = arg;
    struct vis_execution execution;
    struct slice info;

    if (key.len != ROW_KEY_LEN)
        return true;
    const uint8_t *order = key.ptr + PREFIX_LEN;
    if (job->has_at && memcmp(order, job->at, ORDER_LEN) <= 0)
        return true;
    if (job->slice_rows++ == (job->probing ? job->probe_rows : SLICE_ROWS)) {
        job->paused = true;
        return false;
    }
    memcpy(job->at, order, ORDER_LEN);
    job->has_at = true;
    const bool full = !job->counting && job->count == job->limit;
    const bool behind = full && memcmp(order, job->rows[job->count - 1].order, ORDER_LEN) >= 0;
    if (behind && job->has_more)
        return false;
    arena_reset(&job->scratch);
    job->err = row_visibility_decode(&job->scratch, value, &info);
    if (job->err == ERR_OK && !vis_execution_read(info, &execution))
        job->err = ERR_CORRUPT;
    if (job->err != ERR_OK)
        return false;
    if (!vis_matches(job->query.where, &execution, &job->scratch))
        return true;
    if (job->counting) {
        count_row(job, &execution);
        return job->err == ERR_OK;
    }
    job->has_more = job->has_more || full;
    if (behind)
        return false;
    insert_row(job, order, info);
    return true;
}

/* The part of a tablet that may hold matches, behind what was seen of it. false: there is none. */
static bool range_of(const struct list_job *job, uint8_t *from, size_t *from_len, uint8_t *to,
                     size_t *to_len)
{
    if (job->bounds.close_min > job->bounds.close_max || job->bounds.close_max < 0)
        return false;
    from[0] = (uint8_t)(job->first_tablet + job->tablet);
    memcpy(from + 1, job->namespace_id, sizeof job->namespace_id);
    memcpy(to, from, PREFIX_LEN);
    be64_put(from + PREFIX_LEN, ~(uint64_t)job->bounds.close_max);
    *from_len = PREFIX_LEN + 8;
    if (job->has_at &&
        slice_cmp(slice_of(job->at, ORDER_LEN), slice_of(from + PREFIX_LEN, 8)) > 0) {
        memcpy(from + PREFIX_LEN, job->at, ORDER_LEN);
        *from_len = ROW_KEY_LEN;
    }
    be64_put(to + PREFIX_LEN, ~(uint64_t)(job->bounds.close_min > 0 ? job->bounds.close_min : 0));
    *to_len = hs_prefix_end(to, PREFIX_LEN + 8);
    return true;
}

static bool is_wanted(const struct list_job *job)
{
    return job->only_tablet == UINT32_MAX || job->only_tablet == job->first_tablet + job->tablet;
}

/* A row that the index names. false: that is all. */
static bool visit_named(struct list_job *job, struct store_snapshot *snapshot, const uint8_t *order,
                        uint8_t tablet)
{
    uint8_t key[ROW_KEY_LEN];
    struct vis_execution execution;
    struct slice value, info;
    bool found;

    if (!job->counting && job->count == job->limit && job->has_more)
        return false;
    arena_reset(&job->scratch);
    key[0] = tablet;
    memcpy(key + 1, job->namespace_id, sizeof job->namespace_id);
    memcpy(key + PREFIX_LEN, order, ORDER_LEN);
    job->err = store_get(snapshot, STORE_VISIBILITY, slice_of(key, sizeof key), &job->scratch,
                         &value, &found);
    if (job->err == ERR_OK && !found)
        job->err = ERR_CORRUPT;
    if (job->err == ERR_OK)
        job->err = row_visibility_decode(&job->scratch, value, &info);
    if (job->err == ERR_OK && !vis_execution_read(info, &execution))
        job->err = ERR_CORRUPT;
    if (job->err != ERR_OK || !vis_matches(job->query.where, &execution, &job->scratch))
        return job->err == ERR_OK;
    if (job->counting) {
        count_row(job, &execution);
        return job->err == ERR_OK;
    }
    job->has_more = job->count == job->limit;
    if (!job->has_more)
        insert_row(job, order, info);
    return !job->has_more;
}

/* Does the index say all that a count asks for? Then the row need not be read. */
static bool count_named(struct list_job *job, const struct hs_stream_row *row, bool certain)
{
    const struct vis_execution execution = {.status = row->status};
    const bool of_status = job->by_status && row->status != 0;

    if (!job->counting || !certain || (job->query.group_count > 0 && !of_status))
        return false;
    arena_reset(&job->scratch);
    count_row(job, &execution);
    return true;
}

/* *used false: a scan is better. */
static enum err index_read(struct store_snapshot *snapshot, struct list_job *job, bool *used)
{
    uint8_t from[ORDER_LEN], to[8];
    struct hs_stream stream = {.snapshot = snapshot,
                               .arena = &job->index,
                               .first_tablet = job->first_tablet,
                               .tablet_count = job->tablet_count,
                               .namespace_id = job->namespace_id,
                               .range = {.from = slice_of(from, 8)},
                               .range_max = job->probing ? job->probe_range : job->range_max};
    bool found = true, certain;

    be64_put(from, ~(uint64_t)job->bounds.close_max);
    if (job->has_at && slice_cmp(slice_of(job->at, ORDER_LEN), stream.range.from) > 0) {
        stream.range.from = slice_of(job->at, ORDER_LEN);
        stream.range.after = true;
    }
    be64_put(to, ~(uint64_t)(job->bounds.close_min > 0 ? job->bounds.close_min : 0));
    stream.range.to = slice_of(to, hs_prefix_end(to, sizeof to));
    arena_reset(&job->index);
    enum err err = hs_stream_open(&stream, &job->plan);
    *used = err != ERR_OK || stream.count > 0;
    while (err == ERR_OK && *used && found && job->slice_rows < SLICE_ROWS) {
        struct hs_stream_row row;

        err = hs_stream_next(&stream, &row, &certain, &found);
        if (err != ERR_OK || !found)
            break;
        memcpy(job->at, row.order, ORDER_LEN);
        job->has_at = true;
        const bool counted = count_named(job, &row, certain);
        job->slice_rows += counted ? 1 : FETCHED_ROW;
        if (!counted && !visit_named(job, snapshot, row.order, row.tablet))
            found = false;
        err = job->err;
    }
    job->paused = *used && found && err == ERR_OK;
    return err;
}

static enum err scan_tablets(struct store_snapshot *snapshot, struct list_job *job)
{
    uint8_t from[ROW_KEY_LEN], to[ROW_KEY_LEN];
    size_t from_len, to_len;

    while (job->tablet < job->tablet_count) {
        if (is_wanted(job) && range_of(job, from, &from_len, to, &to_len)) {
            const enum err err = store_scan(snapshot, STORE_VISIBILITY, slice_of(from, from_len),
                                            slice_of(to, to_len), false, visit, job);
            if (err != ERR_OK || job->err != ERR_OK)
                return err != ERR_OK ? err : job->err;
            if (job->paused)
                return ERR_OK;
        }
        job->tablet++;
        job->has_at = job->has_after;
        memcpy(job->at, job->after, ORDER_LEN);
    }
    return ERR_OK;
}

/* Where it does not fill the page, all begins anew, by the index. */
static enum err probe(struct store_snapshot *snapshot, struct list_job *job)
{
    const enum err err = scan_tablets(snapshot, job);

    if (err != ERR_OK || !job->paused)
        return err;
    job->probing = false;
    job->count = job->tablet = 0;
    job->has_more = false;
    job->has_at = job->has_after;
    memcpy(job->at, job->after, ORDER_LEN);
    return ERR_OK;
}

static enum err list_read(struct store_snapshot *snapshot, struct hs_job *arg)
{
    struct list_job *job = CONTAINER_OF(arg, struct list_job, job);

    job->slice_rows = 0;
    job->paused = false;
    if (job->plan.count > 0 && job->bounds.close_min <= job->bounds.close_max &&
        job->bounds.close_max >= 0) {
        bool used;
        const enum err err = index_read(snapshot, job, &used);

        if (used)
            return err;
        if (job->probing)
            return probe(snapshot, job);
        job->plan.count = 0;
        job->has_after = job->has_at; /* a slice before may have used the index */
        memcpy(job->after, job->at, ORDER_LEN);
    }
    return scan_tablets(snapshot, job);
}

static struct slice items_of(struct list_job *job, struct hs_request *req, enum err *err)
{
    struct rpc_list_item *items =
        ARENA_ARRAY(&req->arena, struct rpc_list_item, job->count ? job->count : 1);
    struct slice reply = SLICE_EMPTY;
    struct buf body;

    for (uint32_t i = 0; i < job->count; i++)
        items[i] = (struct rpc_list_item){.order_key = slice_of(job->rows[i].order, ORDER_LEN),
                                          .info = job->rows[i].info};
    buf_init(&body, 0);
    rpc_list_items_encode(items, job->count, job->has_more, &body);
    if (buf_ok(&body))
        reply = arena_copy(&req->arena, buf_slice(&body));
    else
        *err = err_fail(&req->detail, ERR_BUSY, "the page is too large");
    buf_release(&body);
    return reply;
}

static struct slice count_of(struct list_job *job, struct hs_request *req)
{
    api_count_workflow_executions_response response = API_COUNT_WORKFLOW_EXECUTIONS_RESPONSE_INIT;

    response.count = (int64_t)job->total;
    if (job->query.group_count > 0)
        vis_groups_show(&job->groups, &req->arena, &response);
    return proto_encode(&req->arena, &response);
}

static void list_done(struct history_shard *shard, struct hs_job *arg, enum err err)
{
    struct list_job *job = CONTAINER_OF(arg, struct list_job, job);
    struct hs_request *req = job->job.req;
    struct slice reply = SLICE_EMPTY;
    const int64_t seq = job->seq;

    if (err == ERR_OK && job->paused) {
        if (hs_mono_ns(shard) < req->deadline_mono_ns) {
            hs_read(shard, &job->job);
            return;
        }
        err = ERR_TIMEOUT;
    }
    if (err == ERR_CANCELED)
        err = ERR_UNAVAILABLE;
    if (err == ERR_BUSY)
        (void)err_fail(&req->detail, ERR_BUSY, "too many groups");
    if (err == ERR_OK)
        reply = job->counting ? count_of(job, req) : items_of(job, req, &err);
    vis_groups_release(&job->groups);
    arena_release(&job->arena);
    arena_release(&job->scratch);
    arena_release(&job->index);
    free(job->rows);
    free(job);
    hs_answer(shard, req, err, reply, seq);
}

static bool is_grouped_by_status(const struct vis_query *query)
{
    return query->group_count == 1 && !query->group_by[0].is_custom &&
           slice_eq(query->group_by[0].name, SLICE_LIT("ExecutionStatus"));
}

/* Counted already? Then this answers. */
static bool count_by_status(struct history_shard *shard, struct hs_request *req,
                            const uint8_t *namespace_id, const struct vis_query *query)
{
    api_count_workflow_executions_response response = API_COUNT_WORKFLOW_EXECUTIONS_RESPONSE_INIT;
    const bool grouped = query->group_count > 0;
    struct vis_groups groups;
    struct arena scratch;
    enum err err = ERR_OK;

    if (!shard->index.ready || !vis_is_of_status(query->where) ||
        (grouped && !is_grouped_by_status(query)))
        return false;
    arena_init(&scratch);
    vis_groups_init(&groups, rng_u64(&shard->rng));
    for (int32_t status = 0; status < HS_STATUSES && err == ERR_OK; status++) {
        const struct vis_execution execution = {.status = status};
        const uint64_t count = hs_index_count(shard, namespace_id, status);

        arena_reset(&scratch);
        if (count == 0 || !vis_matches(query->where, &execution, &scratch))
            continue;
        response.count += (int64_t)count;
        if (grouped)
            err = vis_groups_add(&groups, &query->group_by[0], &execution, count, &scratch);
    }
    if (err == ERR_OK && grouped)
        vis_groups_show(&groups, &req->arena, &response);
    const struct slice reply = err == ERR_OK ? proto_encode(&req->arena, &response) : SLICE_EMPTY;
    vis_groups_release(&groups);
    arena_release(&scratch);
    hs_answer(shard, req, err, reply, shard->index.seq);
    return true;
}

/* What is open comes first, and there may be much of it: not when no status that it has is asked
 * for. Counters tell of the default division only. */
static void pass_over_open(struct list_job *job, const struct history_shard *shard)
{
    static const int32_t open[] = {WORKFLOW_EXECUTION_STATUS_RUNNING,
                                   WORKFLOW_EXECUTION_STATUS_PAUSED};
    const struct vis_node *where = job->query.where;

    if (!shard->index.ready || !vis_is_default(where))
        return;
    for (size_t i = 0; i < COUNT_OF(open); i++)
        if (hs_index_count(shard, job->namespace_id, open[i]) > 0 &&
            vis_may_have_status(where, open[i], &job->scratch))
            return;
    if (job->bounds.close_max == VIS_CLOSE_OPEN)
        job->bounds.close_max--;
    job->seq = shard->index.seq;
}

static void start(struct history_shard *shard, struct hs_request *req, bool counting)
{
    struct rpc_list list;
    struct list_job *job;
    uint8_t namespace_id[16];
    struct vis_query query;

    if (rpc_list_decode(&req->arena, req->api.request, &list) != ERR_OK ||
        !uuid_parse(list.namespace_id, namespace_id) ||
        (list.after.len != 0 && list.after.len != ORDER_LEN) ||
        vis_query_decode(&req->arena, list.query, &query) != ERR_OK) {
        hs_answer(shard, req, err_fail(&req->detail, ERR_INVALID, "malformed list request"),
                  SLICE_EMPTY, 0);
        return;
    }
    if (counting && count_by_status(shard, req, namespace_id, &query))
        return;
    job = calloc(1, sizeof *job);
    must(job != NULL);
    memcpy(job->namespace_id, namespace_id, sizeof job->namespace_id);
    job->has_after = job->has_at = list.after.len != 0;
    if (job->has_after) {
        memcpy(job->after, list.after.ptr, ORDER_LEN);
        memcpy(job->at, list.after.ptr, ORDER_LEN);
    }
    job->counting = counting;
    job->by_status = is_grouped_by_status(&query);
    job->query = query;
    job->bounds = vis_bounds_of(query.where);
    job->only_tablet = job->bounds.workflow_id.len > 0
                           ? hash_tablet(list.namespace_id, job->bounds.workflow_id)
                           : UINT32_MAX;
    job->limit = list.page_size && list.page_size < HS_LIST_MAX ? list.page_size : HS_LIST_MAX;
    job->rows = calloc(job->limit, sizeof *job->rows);
    must(job->rows != NULL);
    arena_init(&job->arena);
    arena_init(&job->scratch);
    arena_init(&job->index);
    if (shard->index.ready)
        job->plan = vis_plan_of(query.where, &job->arena);
    pass_over_open(job, shard);
    vis_groups_init(&job->groups, (uint64_t)(uintptr_t)job);
    job->range_max = counting ? shard->index.range_of_count : shard->index.range_of_page;
    job->probe_range = shard->index.probe_range;
    job->probe_rows = shard->index.probe_rows;
    job->probing = !counting && job->limit <= PROBE_PAGE && vis_plan_is_of_ranges(&job->plan);
    job->first_tablet = shard->first_tablet;
    job->tablet_count = shard->tablet_count;
    job->job.req = req;
    job->job.read = list_read;
    job->job.done = list_done;
    hs_read(shard, &job->job);
}

void hs_list(struct history_shard *shard, struct hs_request *req)
{
    start(shard, req, false);
}

void hs_count(struct history_shard *shard, struct hs_request *req)
{
    start(shard, req, true);
}
