/* batches_list.c - ListBatchOperations: a page of the shard's jobs, read from their rows. */
#include "history/shard/batches_int.h"

#include <stdlib.h>

struct list_row {
    uint8_t order[BATCH_CURSOR_BYTES];
    struct slice info;
};

struct list_job {
    struct hs_job job;
    struct arena arena;
    uint8_t namespace_id[16], after[BATCH_CURSOR_BYTES];
    bool has_after, has_more;
    uint8_t first_tablet;
    uint32_t tablet_count, limit, count;
    struct list_row *rows; /* the first ones, in order */
    enum err err;
};

static bool visit_listed(void *arg, struct slice key, struct slice value)
{
    struct list_job *list = arg;
    const struct slice job_id = slice_of(key.ptr + 19, key.len - 19);
    uint8_t order[BATCH_CURSOR_BYTES];
    struct batch_state state;
    struct arena scratch;

    arena_init(&scratch);
    list->err = batch_state_row_decode(&scratch, value, &state);
    arena_release(&scratch);
    if (list->err != ERR_OK)
        return false;
    batch_order_key(&state, job_id, order);
    if (list->has_after && memcmp(order, list->after, sizeof order) <= 0)
        return true;
    const bool full = list->count == list->limit;
    list->has_more = list->has_more || full;
    if (full && memcmp(order, list->rows[list->count - 1].order, sizeof order) >= 0)
        return true;
    uint32_t at = full ? list->count - 1 : list->count++;
    for (; at > 0 && memcmp(order, list->rows[at - 1].order, sizeof order) < 0; at--)
        list->rows[at] = list->rows[at - 1];
    memcpy(list->rows[at].order, order, sizeof order);
    list->rows[at].info = batch_info(&list->arena, &state, job_id);
    return true;
}

static enum err read_listed(struct store_snapshot *snapshot, struct hs_job *arg)
{
    struct list_job *list = CONTAINER_OF(arg, struct list_job, job);

    for (uint32_t i = 0; i < list->tablet_count; i++) {
        uint8_t from[BATCH_KEY_MAX], to[BATCH_KEY_MAX];
        const size_t len = batch_row_key(from, (uint8_t)(list->first_tablet + i), BATCH_ROW_STATE,
                                         list->namespace_id, SLICE_EMPTY);

        memcpy(to, from, len);
        const enum err err =
            store_scan(snapshot, STORE_MAIN, slice_of(from, len),
                       slice_of(to, hs_prefix_end(to, len)), false, visit_listed, list);
        if (err != ERR_OK || list->err != ERR_OK)
            return err != ERR_OK ? err : list->err;
    }
    return ERR_OK;
}

static void listed(struct history_shard *shard, struct hs_job *arg, enum err err)
{
    struct list_job *list = CONTAINER_OF(arg, struct list_job, job);
    struct hs_request *req = list->job.req;
    struct slice reply = SLICE_EMPTY;
    struct rpc_list_item *items =
        ARENA_ARRAY(&req->arena, struct rpc_list_item, list->count ? list->count : 1);
    struct buf body;

    buf_init(&body, 0);
    for (uint32_t i = 0; i < list->count; i++)
        items[i] = (struct rpc_list_item){slice_of(list->rows[i].order, BATCH_CURSOR_BYTES),
                                          list->rows[i].info};
    rpc_list_items_encode(items, list->count, list->has_more, &body);
    must(buf_ok(&body)); /* a thousand ids of a thousand bytes fit */
    reply = arena_copy(&req->arena, buf_slice(&body));
    buf_release(&body);
    arena_release(&list->arena);
    free(list->rows);
    free(list);
    hs_answer(shard, req, err == ERR_CANCELED ? ERR_UNAVAILABLE : err, reply,
              err == ERR_OK ? store_staged_seq(shard->store) : 0);
}

void hs_list_batches(struct history_shard *shard, struct hs_request *req)
{
    struct rpc_list wanted;
    uint8_t namespace_id[16];

    if (rpc_list_decode(&req->arena, req->api.request, &wanted) != ERR_OK ||
        !uuid_parse(wanted.namespace_id, namespace_id) ||
        (wanted.after.len != 0 && wanted.after.len != BATCH_CURSOR_BYTES)) {
        hs_answer(shard, req, err_fail(&req->detail, ERR_INVALID, "malformed list request"),
                  SLICE_EMPTY, 0);
        return;
    }
    struct list_job *list = calloc(1, sizeof *list);
    must(list != NULL);
    arena_init(&list->arena);
    memcpy(list->namespace_id, namespace_id, sizeof namespace_id);
    list->has_after = wanted.after.len > 0;
    if (list->has_after)
        memcpy(list->after, wanted.after.ptr, sizeof list->after);
    list->limit =
        wanted.page_size && wanted.page_size < HS_LIST_MAX ? wanted.page_size : HS_LIST_MAX;
    list->rows = calloc(list->limit, sizeof *list->rows);
    must(list->rows != NULL);
    list->first_tablet = shard->first_tablet;
    list->tablet_count = shard->tablet_count;
    list->job.req = req;
    list->job.read = read_listed;
    list->job.done = listed;
    hs_read(shard, &list->job);
}
