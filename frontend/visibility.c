/* visibility.c - list and count executions: every history shard is asked, the pages are merged.
 *
 * The page token is the order key of the last execution shown: no shard numbers, no offsets, so
 * that it survives a change of shards. */
#include "frontend/handlers.h"
#include "frontend/validate.h"

#include <stdlib.h>

enum { PAGE_MAX = 1000, ORDER_KEY_BYTES = 32 };

struct fan_out {
    struct fe_call *fc;
    uint32_t shards, waiting;
    uint32_t page_size;
    bool counting;
    uint64_t *calls; /* per shard; 0: answered */
    enum err err;    /* the first failure */
    int64_t total;
    struct rpc_list_item *items; /* of all shards */
    uint32_t count, cap;
    bool more; /* a shard has rows beyond its page */
};

struct shard_call {
    struct fan_out *fan;
    uint32_t shard;
};

static int by_order_key(const void *a, const void *b)
{
    return slice_cmp(((const struct rpc_list_item *)a)->order_key,
                     ((const struct rpc_list_item *)b)->order_key);
}

static void reply_list(struct fan_out *fan)
{
    struct fe_call *fc = fan->fc;
    struct buf out;

    if (fan->count)
        qsort(fan->items, fan->count, sizeof fan->items[0], by_order_key);
    const uint32_t shown = fan->count < fan->page_size ? fan->count : fan->page_size;
    buf_init(&out, MESH_BODY_MAX);
    for (uint32_t i = 0; i < shown; i++)
        wire_put_bytes(&out, 1, fan->items[i].info); /* executions */
    if (shown > 0 && (fan->more || shown < fan->count))
        wire_put_bytes(&out, 2, fan->items[shown - 1].order_key); /* next_page_token */
    if (!buf_ok(&out)) {
        buf_release(&out);
        (void)err_fail(&fc->detail, ERR_BUSY, "the page is too large, ask for a smaller one");
        fe_fail(fc, ERR_BUSY, &fc->detail);
        return;
    }
    const struct slice message = arena_copy(fc->arena, buf_slice(&out));
    buf_release(&out);
    fe_reply(fc, message);
}

static void reply_count(struct fan_out *fan)
{
    api_count_workflow_executions_response response = API_COUNT_WORKFLOW_EXECUTIONS_RESPONSE_INIT;

    response.count = fan->total;
    fe_reply_message(fan->fc, &response);
}

static void all_answered(struct fan_out *fan)
{
    grpc_call_on_cancel(fan->fc->call, NULL, NULL);
    if (fan->err != ERR_OK)
        fe_fail(fan->fc, fan->err, &fan->fc->detail);
    else if (fan->counting)
        reply_count(fan);
    else
        reply_list(fan);
}

static enum err take_items(struct fan_out *fan, struct slice body)
{
    struct arena *arena = fan->fc->arena;
    struct rpc_list_item *items;
    uint32_t count;
    bool more;
    const enum err err =
        rpc_list_items_decode(arena, arena_copy(arena, body), &items, &count, &more);

    if (err != ERR_OK)
        return err;
    if (count > fan->page_size)
        return ERR_CORRUPT;
    must(fan->count + count <= fan->cap);
    memcpy(fan->items + fan->count, items, count * sizeof *items);
    fan->count += count;
    fan->more |= more;
    return ERR_OK;
}

static enum err take_count(struct fan_out *fan, struct slice body)
{
    api_count_workflow_executions_response *counted;
    const enum err err = proto_decode(fan->fc->arena, &api_count_workflow_executions_response__desc,
                                      body, &counted, NULL);

    if (err == ERR_OK)
        fan->total += counted->count;
    return err;
}

static void shard_answered(void *arg, enum err err, const struct err_detail *detail,
                           struct slice body)
{
    struct shard_call *from = arg;
    struct fan_out *fan = from->fan;

    fan->calls[from->shard] = 0;
    if (err == ERR_OK)
        err = fan->counting ? take_count(fan, body) : take_items(fan, body);
    else if (fan->err == ERR_OK && detail)
        (void)err_fail(&fan->fc->detail, err, "%s", detail->text);
    if (fan->err == ERR_OK)
        fan->err = err;
    must(fan->waiting > 0);
    if (--fan->waiting == 0)
        all_answered(fan);
}

static void client_gone(void *arg, struct grpc_call *call, enum grpc_cancel why)
{
    struct fan_out *fan = arg;

    UNUSED(call);
    for (uint32_t i = 0; i < fan->shards; i++)
        if (fan->calls[i])
            mesh_cancel(fan->fc->loop->port, fan->calls[i]);
    fe_fail(fan->fc, why == GRPC_CANCEL_DEADLINE ? ERR_TIMEOUT : ERR_CANCELED, NULL);
}

static enum err ask_all(struct fe_call *fc, enum mesh_method method, const struct rpc_list *list,
                        bool counting)
{
    struct fan_out *fan = ARENA_NEW(fc->arena, struct fan_out);
    struct buf body;

    buf_init(&body, MESH_BODY_MAX);
    rpc_list_encode(list, &body);
    must(buf_ok(&body));
    const struct slice part = arena_copy(fc->arena, buf_slice(&body));
    buf_release(&body);

    fan->fc = fc;
    fan->shards = fan->waiting = (uint32_t)fc->fe->config->history_shards;
    fan->page_size = list->page_size;
    fan->counting = counting;
    fan->calls = ARENA_ARRAY(fc->arena, uint64_t, fan->shards);
    fan->cap = counting ? 0 : fan->shards * list->page_size;
    fan->items = ARENA_ARRAY(fc->arena, struct rpc_list_item, fan->cap);
    struct shard_call *calls = ARENA_ARRAY(fc->arena, struct shard_call, fan->shards);
    const int64_t timeout_ms = fe_remaining_ms(fc, FE_TIMEOUT_MS);
    for (uint32_t i = 0; i < fan->shards; i++) {
        calls[i] = (struct shard_call){fan, i};
        fan->calls[i] = mesh_call(fc->loop->port, MESH_SHARD(ROLE_HISTORY, i), method, &part, 1,
                                  timeout_ms > 0 ? timeout_ms : 1, shard_answered, &calls[i]);
    }
    grpc_call_on_cancel(fc->call, client_gone, fan);
    return ERR_OK;
}

static enum err refuse_query(struct fe_call *fc, const char *query)
{
    if (query[0] == '\0')
        return ERR_OK;
    return err_fail(&fc->detail, ERR_INVALID,
                    "invalid query: filters are not supported by this server yet: %.200s", query);
}

enum err fe_list_workflows(struct fe_call *fc)
{
    const api_list_workflow_executions_request *req = fc->request;
    const struct slice after = slice_of(req->next_page_token.data, req->next_page_token.len);
    const enum err err = refuse_query(fc, req->query);

    if (err != ERR_OK)
        return err;
    if (after.len != 0 && after.len != ORDER_KEY_BYTES)
        return err_fail(&fc->detail, ERR_INVALID, "Invalid NextPageToken.");
    const size_t wanted = fe_limit(fc, DYNCONF_FRONTEND_VISIBILITY_PAGE);
    const uint32_t most = wanted > 0 && wanted < PAGE_MAX ? (uint32_t)wanted : PAGE_MAX;
    const bool sized = req->page_size > 0 && (uint32_t)req->page_size <= most;
    const struct rpc_list list = {.namespace_id = slice_str(fc->ns->id),
                                  .page_size = sized ? (uint32_t)req->page_size : most,
                                  .after = after};
    return ask_all(fc, METHOD_HISTORY_LIST_WORKFLOWS, &list, false);
}

enum err fe_count_workflows(struct fe_call *fc)
{
    const api_count_workflow_executions_request *req = fc->request;
    const enum err err = refuse_query(fc, req->query);
    const struct rpc_list list = {.namespace_id = slice_str(fc->ns->id)};

    if (err != ERR_OK)
        return err;
    return ask_all(fc, METHOD_HISTORY_COUNT_WORKFLOWS, &list, true);
}
