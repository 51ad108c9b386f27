/* visibility.c - List and Count over the visibility rows of the shard.
 *
 * The rows of a tablet stand in the order of the list; the pages of all tablets are merged. What
 * was acknowledged before is durable, and a read sees at least what is durable. */
#include "history/shard/shard_int.h"

#include "common/proto/wire.h"
#include "common/visibility/query.h"

#include <stdlib.h>

/* tablet ns-id(16) ~close-ns(8) ~start-ns(8) run-id(16) */
enum { PREFIX_LEN = 17, ORDER_LEN = 32, ROW_KEY_LEN = PREFIX_LEN + ORDER_LEN };

struct list_row {
    uint8_t order[ORDER_LEN];
    struct slice info; /* in the job's arena */
};

struct list_job {
    struct hs_job job;
    uint8_t namespace_id[16];
    uint8_t after[ORDER_LEN];
    bool has_after, counting;
    uint32_t limit;
    uint8_t first_tablet;
    uint32_t tablet_count;
    struct arena arena;
    struct list_row *rows; /* the first ones so far, in order */
    uint32_t count;
    uint64_t total;
    bool has_more;
    enum err err;
};

static bool visit(void *arg, struct slice key, struct slice value)
{
    struct list_job *job = arg;

    if (key.len != ROW_KEY_LEN)
        return true;
    if (job->counting) {
        job->total++;
        return true;
    }
    const uint8_t *order = key.ptr + PREFIX_LEN;
    if (job->has_after && memcmp(order, job->after, ORDER_LEN) <= 0)
        return true;
    const bool full = job->count == job->limit;
    job->has_more = job->has_more || full;
    if (full && memcmp(order, job->rows[job->count - 1].order, ORDER_LEN) >= 0)
        return false;
    struct list_row row;
    memcpy(row.order, order, ORDER_LEN);
    job->err = row_visibility_decode(&job->arena, arena_copy(&job->arena, value), &row.info);
    if (job->err != ERR_OK)
        return false;
    uint32_t at = full ? job->count - 1 : job->count++;
    for (; at > 0 && memcmp(order, job->rows[at - 1].order, ORDER_LEN) < 0; at--)
        job->rows[at] = job->rows[at - 1];
    job->rows[at] = row;
    return true;
}

static enum err list_read(struct store_snapshot *snapshot, struct hs_job *arg)
{
    struct list_job *job = CONTAINER_OF(arg, struct list_job, job);

    for (uint32_t i = 0; i < job->tablet_count && job->err == ERR_OK; i++) {
        uint8_t from[ROW_KEY_LEN], to[PREFIX_LEN];
        size_t from_len = PREFIX_LEN;

        from[0] = (uint8_t)(job->first_tablet + i);
        memcpy(from + 1, job->namespace_id, sizeof job->namespace_id);
        memcpy(to, from, PREFIX_LEN);
        const size_t to_len = hs_prefix_end(to, sizeof to);
        if (job->has_after) {
            memcpy(from + PREFIX_LEN, job->after, ORDER_LEN);
            from_len = ROW_KEY_LEN;
        }
        const enum err err = store_scan(snapshot, STORE_VISIBILITY, slice_of(from, from_len),
                                        slice_of(to, to_len), false, visit, job);
        if (err != ERR_OK)
            return err;
    }
    return job->err;
}

static void list_done(struct history_shard *shard, struct hs_job *arg, enum err err)
{
    struct list_job *job = CONTAINER_OF(arg, struct list_job, job);
    struct hs_request *req = job->job.req;
    struct slice reply = SLICE_EMPTY;

    if (err == ERR_CANCELED)
        err = ERR_UNAVAILABLE;
    if (err == ERR_OK && job->counting) {
        api_count_workflow_executions_response response =
            API_COUNT_WORKFLOW_EXECUTIONS_RESPONSE_INIT;

        response.count = (int64_t)job->total;
        reply = proto_encode(&req->arena, &response);
    } else if (err == ERR_OK) {
        struct rpc_list_item *items =
            ARENA_ARRAY(&req->arena, struct rpc_list_item, job->count ? job->count : 1);
        struct buf body;

        for (uint32_t i = 0; i < job->count; i++)
            items[i] = (struct rpc_list_item){.order_key = slice_of(job->rows[i].order, ORDER_LEN),
                                              .info = job->rows[i].info};
        buf_init(&body, 0);
        rpc_list_items_encode(items, job->count, job->has_more, &body);
        if (buf_ok(&body))
            reply = arena_copy(&req->arena, buf_slice(&body));
        else
            err = err_fail(&req->detail, ERR_BUSY, "the page is too large");
        buf_release(&body);
    }
    arena_release(&job->arena);
    free(job->rows);
    free(job);
    hs_answer(shard, req, err, reply, 0);
}

/* No filter but the one that every list has. */
static bool is_plain(struct arena *arena, struct slice query)
{
    struct vis_query decoded;

    return vis_query_decode(arena, query, &decoded) == ERR_OK && decoded.group_count == 0 &&
           (!decoded.where || vis_is_default_division(decoded.where));
}

static void start(struct history_shard *shard, struct hs_request *req, bool counting)
{
    struct rpc_list list;
    struct list_job *job;
    uint8_t namespace_id[16];

    if (rpc_list_decode(&req->arena, req->api.request, &list) != ERR_OK ||
        !uuid_parse(list.namespace_id, namespace_id) ||
        (list.after.len != 0 && list.after.len != ORDER_LEN)) {
        hs_answer(shard, req, err_fail(&req->detail, ERR_INVALID, "malformed list request"),
                  SLICE_EMPTY, 0);
        return;
    }
    if (!is_plain(&req->arena, list.query)) {
        hs_answer(shard, req,
                  err_fail(&req->detail, ERR_UNIMPLEMENTED, "filters are not evaluated here"),
                  SLICE_EMPTY, 0);
        return;
    }
    job = calloc(1, sizeof *job);
    must(job != NULL);
    memcpy(job->namespace_id, namespace_id, sizeof job->namespace_id);
    job->has_after = list.after.len != 0;
    if (job->has_after)
        memcpy(job->after, list.after.ptr, ORDER_LEN);
    job->counting = counting;
    job->limit = list.page_size && list.page_size < HS_LIST_MAX ? list.page_size : HS_LIST_MAX;
    job->rows = calloc(job->limit, sizeof *job->rows);
    must(job->rows != NULL);
    arena_init(&job->arena);
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
