/* visibility.c - list and count executions: every history shard is asked, the pages are merged.
 *
 * The page token is the order key of the last execution shown: no shard numbers, no offsets, so
 * that it survives a change of shards. */
#include "common/visibility/parse.h"
#include "frontend/fan_out.h"
#include "frontend/handlers.h"
#include "frontend/shown.h"
#include "frontend/validate.h"

#include <stdlib.h>

enum {
    PAGE_MAX = 1000,
    ARCHIVED_PAGE_MAX = 10000,
    ORDER_KEY_BYTES = 32,
    GROUPS_MAX = 10000,
    QUERY_MAX = 64 * 1024
};

#define LIST_OPEN(filter)                                                                          \
    TEMPORAL__API__WORKFLOWSERVICE__V1__LIST_OPEN_WORKFLOW_EXECUTIONS_REQUEST__FILTERS_##filter
#define LIST_CLOSED(filter)                                                                        \
    TEMPORAL__API__WORKFLOWSERVICE__V1__LIST_CLOSED_WORKFLOW_EXECUTIONS_REQUEST__FILTERS_##filter

struct group {
    api_count_workflow_executions_response_aggregation_group *group;
    struct slice key; /* the bytes of its value */
    int64_t rank;     /* of a status: its number */
};

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
    bool more;            /* a shard has rows beyond its page */
    struct group *groups; /* of a count */
    uint32_t group_count, group_cap;
    fe_items_fn then; /* NULL: they are the answer */
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
    struct fe_own_attributes own = {.fc = fc};
    struct buf out;

    if (fan->count)
        qsort(fan->items, fan->count, sizeof fan->items[0], by_order_key);
    const uint32_t shown = fan->count < fan->page_size ? fan->count : fan->page_size;
    buf_init(&out, MESH_BODY_MAX);
    for (uint32_t i = 0; i < shown; i++)
        wire_put_bytes(&out, 1, fe_shown(&own, FE_SHOWN_INFO, fan->items[i].info)); /* executions */
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

/* Groups of one value, whichever shard they come from, in the order of `rank`. */
static int by_rank(const void *a, const void *b)
{
    const struct group *left = a, *right = b;

    if (left->rank != right->rank)
        return left->rank < right->rank ? -1 : 1;
    return slice_cmp(left->key, right->key);
}

static void reply_count(struct fan_out *fan)
{
    typedef api_count_workflow_executions_response_aggregation_group group_type;
    api_count_workflow_executions_response response = API_COUNT_WORKFLOW_EXECUTIONS_RESPONSE_INIT;

    response.count = fan->total;
    if (fan->group_count) {
        qsort(fan->groups, fan->group_count, sizeof fan->groups[0], by_rank);
        response.groups = ARENA_ARRAY(fan->fc->arena, group_type *, fan->group_count);
        for (uint32_t i = 0; i < fan->group_count; i++)
            response.groups[response.n_groups++] = fan->groups[i].group;
    }
    fe_reply_message(fan->fc, &response);
}

static void all_answered(struct fan_out *fan)
{
    grpc_call_on_cancel(fan->fc->call, NULL, NULL);
    if (fan->err == ERR_OK && fan->then)
        fan->err = fan->then(fan->fc, fan->items, fan->count);
    if (fan->err != ERR_OK)
        fe_fail(fan->fc, fan->err, &fan->fc->detail);
    else if (fan->then)
        return; /* it has arranged for the answer */
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

/* A status is shown as "Running" with its quotes. */
static int64_t rank_of(struct slice shown)
{
    int64_t status;

    if (shown.len > 2 && shown.ptr[0] == '"' &&
        vis_status_parse(slice_of(shown.ptr + 1, shown.len - 2), &status))
        return status;
    return shown.len ? INT64_MAX : -1;
}

static void take_group(struct fan_out *fan,
                       api_count_workflow_executions_response_aggregation_group *from)
{
    const api_payload *value = from->n_group_values ? from->group_values[0] : NULL;
    const struct slice key = value ? slice_of(value->data.data, value->data.len) : SLICE_EMPTY;

    for (uint32_t i = 0; i < fan->group_count; i++)
        if (slice_eq(fan->groups[i].key, key)) {
            fan->groups[i].group->count += from->count;
            return;
        }
    if (fan->group_count == fan->group_cap) {
        struct group *old = fan->groups;

        fan->group_cap = fan->group_cap ? fan->group_cap * 2 : 16;
        fan->groups = ARENA_ARRAY(fan->fc->arena, struct group, fan->group_cap);
        if (fan->group_count)
            memcpy(fan->groups, old, fan->group_count * sizeof *old);
    }
    fan->groups[fan->group_count++] = (struct group){from, key, rank_of(key)};
}

static enum err take_count(struct fan_out *fan, struct slice body)
{
    struct arena *arena = fan->fc->arena;
    api_count_workflow_executions_response *counted;
    const enum err err = proto_decode(arena, &api_count_workflow_executions_response__desc,
                                      arena_copy(arena, body), &counted, NULL);

    if (err != ERR_OK)
        return err;
    fan->total += counted->count;
    for (size_t i = 0; i < counted->n_groups && fan->group_count < GROUPS_MAX; i++)
        take_group(fan, counted->groups[i]);
    return ERR_OK;
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
                        bool counting, fe_items_fn then)
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
    fan->then = then;
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

enum err fe_list_of_shards(struct fe_call *fc, enum mesh_method method, int32_t page_size,
                           struct slice after, fe_items_fn then)
{
    struct rpc_list list = {.namespace_id = slice_str(fc->ns->id), .after = after};
    const size_t wanted = fe_limit(fc, DYNCONF_FRONTEND_VISIBILITY_PAGE);
    const uint32_t most = wanted > 0 && wanted < PAGE_MAX ? (uint32_t)wanted : PAGE_MAX;

    if (after.len != 0 && after.len != ORDER_KEY_BYTES)
        return err_fail(&fc->detail, ERR_INVALID, "Invalid NextPageToken.");
    list.page_size = page_size > 0 && (uint32_t)page_size <= most ? (uint32_t)page_size : most;
    return ask_all(fc, method, &list, false, then);
}

/* -- what is asked for ---------------------------------------------------------------------- */

static bool type_of_own(void *arg, struct slice name, enum vis_type *type)
{
    struct fe_call *fc = arg;
    const char *own = search_custom_type(fc->ns->config, name);

    if (!own && !vis_attribute_of(name)) /* it may have been added since */
        own = fc->fe->search.type_of(fc->fe->search.arg, slice_str(fc->ns->name),
                                     arena_str(fc->arena, name));

    for (int i = VIS_TEXT; own && i <= VIS_KEYWORD_LIST; i++)
        if (strcmp(vis_type_name((enum vis_type)i), own) == 0) {
            *type = (enum vis_type)i;
            return true;
        }
    return false;
}

enum err fe_visibility_query(struct fe_call *fc, const char *text, bool counting, struct slice *out)
{
    const struct vis_custom own = {type_of_own, fc};
    struct vis_query query;
    struct buf body;
    const enum err err = vis_parse(fc->arena, slice_str(text), &own, &query, &fc->detail);

    if (err != ERR_OK)
        return err;
    if (query.group_count && !counting)
        return err_fail(&fc->detail, ERR_INVALID,
                        "invalid query: operation is not supported: 'GROUP BY' clause");
    buf_init(&body, MESH_BODY_MAX / 2);
    vis_query_encode(&query, &body);
    const bool fits = buf_ok(&body);
    if (fits)
        *out = arena_copy(fc->arena, buf_slice(&body));
    buf_release(&body);
    return fits ? ERR_OK : err_fail(&fc->detail, ERR_INVALID, "invalid query: too long");
}

static enum err list_page(struct fe_call *fc, const char *query, int32_t page_size,
                          struct slice after)
{
    struct rpc_list list = {.namespace_id = slice_str(fc->ns->id), .after = after};
    const size_t wanted = fe_limit(fc, DYNCONF_FRONTEND_VISIBILITY_PAGE);
    const uint32_t most = wanted > 0 && wanted < PAGE_MAX ? (uint32_t)wanted : PAGE_MAX;

    if (after.len != 0 && after.len != ORDER_KEY_BYTES)
        return err_fail(&fc->detail, ERR_INVALID, "Invalid NextPageToken.");
    list.page_size = page_size > 0 && (uint32_t)page_size <= most ? (uint32_t)page_size : most;
    const enum err err = fe_visibility_query(fc, query, false, &list.query);
    return err == ERR_OK ? ask_all(fc, METHOD_HISTORY_LIST_WORKFLOWS, &list, false, NULL) : err;
}

enum err fe_list_workflows(struct fe_call *fc)
{
    const api_list_workflow_executions_request *req = fc->request;

    return list_page(fc, req->query, req->page_size,
                     slice_of(req->next_page_token.data, req->next_page_token.len));
}

enum err fe_scan_workflows(struct fe_call *fc)
{
    const api_scan_workflow_executions_request *req = fc->request;

    return list_page(fc, req->query, req->page_size,
                     slice_of(req->next_page_token.data, req->next_page_token.len));
}

enum err fe_count_workflows(struct fe_call *fc)
{
    const api_count_workflow_executions_request *req = fc->request;
    struct rpc_list list = {.namespace_id = slice_str(fc->ns->id)};
    const enum err err = fe_visibility_query(fc, req->query, true, &list.query);

    return err == ERR_OK ? ask_all(fc, METHOD_HISTORY_COUNT_WORKFLOWS, &list, true, NULL) : err;
}

/* -- lists with fixed filters --------------------------------------------------------------- */

static int64_t ns_of(const pb_timestamp *at)
{
    int64_t ns;

    if (__builtin_mul_overflow(at->seconds, (int64_t)1000000000, &ns) ||
        __builtin_add_overflow(ns, (int64_t)at->nanos, &ns))
        return at->seconds < 0 ? -INT64_MAX : INT64_MAX;
    return ns;
}

static enum err add_times(struct fe_call *fc, const api_start_time_filter *filter, const char *name,
                          struct buf *query)
{
    const pb_timestamp *from = filter ? filter->earliest_time : NULL;
    const pb_timestamp *to = filter ? filter->latest_time : NULL;

    if (from && to && ns_of(from) > ns_of(to))
        return err_fail(&fc->detail, ERR_INVALID,
                        "EarliestTime in StartTimeFilter should not be larger than LatestTime.");
    if (from)
        buf_printf(query, " AND %s >= %lld", name, (long long)ns_of(from));
    if (to)
        buf_printf(query, " AND %s <= %lld", name, (long long)ns_of(to));
    return ERR_OK;
}

static void add_equal(struct buf *query, const char *name, const char *value)
{
    buf_printf(query, " AND %s = '", name);
    for (const char *c = value; *c; c++) {
        if (*c == '\'' || *c == '\\')
            buf_append(query, "\\", 1);
        buf_append(query, c, 1);
    }
    buf_append(query, "'", 1);
}

/* Ends `query`. */
static enum err list_filtered(struct fe_call *fc, struct buf *query, int32_t page_size,
                              ProtobufCBinaryData after)
{
    const char *text = arena_str(fc->arena, buf_slice(query));
    const bool fits = buf_ok(query);

    buf_release(query);
    if (!fits)
        return err_fail(&fc->detail, ERR_INVALID, "invalid query: too long");
    return list_page(fc, text, page_size, slice_of(after.data, after.len));
}

/* ERR_DENIED: an operator has switched the filters of these two lists off. */
static enum err check_filters(struct fe_call *fc, bool filtered)
{
    if (!filtered ||
        !dynconf_bool(fc->fe->dynconf, DYNCONF_FRONTEND_LIST_FILTERS_OFF, slice_str(fc->ns->name)))
        return ERR_OK;
    return errdetail_permission_denied(fc->arena, &fc->detail, "",
                                       "List is disabled on this namespace.");
}

enum err fe_list_open(struct fe_call *fc)
{
    const api_list_open_workflow_executions_request *req = fc->request;
    struct buf query;

    buf_init(&query, QUERY_MAX);
    buf_printf(&query, "ExecutionStatus = 'Running'");
    enum err err = add_times(fc, req->start_time_filter, "StartTime", &query);
    if (err == ERR_OK)
        err = check_filters(fc, req->filters_case != LIST_OPEN(_NOT_SET));
    if (err != ERR_OK) {
        buf_release(&query);
        return err;
    }
    if (req->filters_case == LIST_OPEN(EXECUTION_FILTER))
        add_equal(&query, "WorkflowId", req->execution_filter->workflow_id);
    else if (req->filters_case == LIST_OPEN(TYPE_FILTER))
        add_equal(&query, "WorkflowType", req->type_filter->name);
    return list_filtered(fc, &query, req->maximum_page_size, req->next_page_token);
}

enum err fe_list_closed(struct fe_call *fc)
{
    const api_list_closed_workflow_executions_request *req = fc->request;
    struct buf query;

    buf_init(&query, QUERY_MAX);
    buf_printf(&query, "ExecutionStatus != 'Running'");
    enum err err = add_times(fc, req->start_time_filter, "CloseTime", &query);
    if (err == ERR_OK)
        err = check_filters(fc, req->filters_case != LIST_CLOSED(_NOT_SET));
    if (err == ERR_OK && req->filters_case == LIST_CLOSED(STATUS_FILTER)) {
        const int status = (int)req->status_filter->status;

        if (status == WORKFLOW_EXECUTION_STATUS_UNSPECIFIED ||
            status == WORKFLOW_EXECUTION_STATUS_RUNNING)
            err = err_fail(&fc->detail, ERR_INVALID,
                           "StatusFilter must be specified and must be not Running.");
        else
            buf_printf(&query, " AND ExecutionStatus = %d", status);
    }
    if (err != ERR_OK) {
        buf_release(&query);
        return err;
    }
    if (req->filters_case == LIST_CLOSED(EXECUTION_FILTER))
        add_equal(&query, "WorkflowId", req->execution_filter->workflow_id);
    else if (req->filters_case == LIST_CLOSED(TYPE_FILTER))
        add_equal(&query, "WorkflowType", req->type_filter->name);
    return list_filtered(fc, &query, req->maximum_page_size, req->next_page_token);
}

enum err fe_list_archived(struct fe_call *fc)
{
    const api_list_archived_workflow_executions_request *req = fc->request;

    if (req->page_size > ARCHIVED_PAGE_MAX)
        return err_fail(&fc->detail, ERR_INVALID, "PageSize is larger than allowed %d.",
                        ARCHIVED_PAGE_MAX);
    return err_fail(&fc->detail, ERR_INVALID, "Cluster is not configured for visibility archival.");
}
