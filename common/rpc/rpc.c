/* rpc.c - the bodies of the mesh methods as records: their keys, encoders and decoders.
 *
 * 1. A key is never reused and never changes its type: versions N and N-1 read each other.
 * 2. A decoder gives nothing when it fails, and never allocates more than a multiple of its input.
 */
#include "common/rpc/rpc.h"

#include "common/base/hash.h"
#include "common/pack/record.h"

enum { TABLETS = 256 };

enum api_key {
    API_NAMESPACE_ID = 1,
    API_NAMESPACE_NAME = 2,
    API_RETENTION_S = 3,
    API_TOKEN = 4,
    API_REQUEST = 5,
    API_FOR_PEOPLE = 6,
    API_BAD_BINARY = 7,
    API_FIRST_ATTEMPT = 8,
    API_NO_FOLLOWERS = 9,
};

enum task_key {
    TASK_KIND = 1,
    TASK_STICKY = 2,
    TASK_HISTORY_SHARD = 3,
    TASK_ROW_SEQ = 4,
    TASK_NAMESPACE_ID = 5,
    TASK_QUEUE = 6,
    TASK_WORKFLOW_ID = 7,
    TASK_RUN_ID = 8,
    TASK_SCHEDULED_EVENT_ID = 9,
    TASK_ATTEMPT = 10,
    TASK_PRIORITY = 11,
    TASK_CREATED_WALL_NS = 12,
    TASK_FAIRNESS_KEY = 13,
    TASK_FAIRNESS_WEIGHT = 14,
};

/* Bodies of many: tasks and list answers. */
enum many_key { MANY_ITEMS = 1, MANY_HAS_MORE = 2 };

enum poll_key {
    POLL_KIND = 1,
    POLL_NAMESPACE_ID = 2,
    POLL_NAMESPACE_NAME = 3,
    POLL_TASK_QUEUE = 4,
    POLL_STICKY = 5,
    POLL_NORMAL_QUEUE = 6,
    POLL_ID = 7,
    POLL_REPLY_PROCESS = 8,
    POLL_REPLY_CALL = 9,
    POLL_IDENTITY = 10,
    POLL_REQUEST = 11,
};

/* The task and the poll are lists of one record. */
enum start_key { START_TASK = 1, START_POLL = 2, START_BACKLOG_HINT = 3, START_POLLER_SCALING = 4 };

enum pull_key { PULL_KIND = 1, PULL_NAMESPACE_ID = 2, PULL_TASK_QUEUE = 3, PULL_LIMIT = 4 };

enum deadlines_key {
    DEADLINES_HISTORY_SHARD = 1,
    DEADLINES_EPOCH = 2,
    DEADLINES_NUMBER = 3,
    DEADLINES_HAS_MORE = 4,
    DEADLINES_HORIZON_MS = 5,
    DEADLINES_ITEMS = 6,
};

enum deadline_key {
    DEADLINE_AT_WALL_NS = 1,
    DEADLINE_REMAINING_MS = 2,
    DEADLINE_TABLET = 3,
    DEADLINE_RUN_ID = 4,
};

enum assign_key {
    ASSIGN_HISTORY_SHARD = 1,
    ASSIGN_EPOCH = 2,
    ASSIGN_PROCESS = 3,
    ASSIGN_AFTER_WALL_NS = 4,
    ASSIGN_AFTER_RUN_ID = 5,
    ASSIGN_HORIZON_MS = 6,
    ASSIGN_LIMIT = 7,
};

enum list_key { LIST_NAMESPACE_ID = 1, LIST_PAGE_SIZE = 2, LIST_AFTER = 3, LIST_QUERY = 4 };
enum list_item_key { LIST_ITEM_ORDER_KEY = 1, LIST_ITEM_INFO = 2 };

/* -- routing -------------------------------------------------------------------------------- */

uint32_t rpc_history_shard(struct slice namespace_id, struct slice workflow_id,
                           uint32_t shard_count)
{
    must(shard_count > 0 && shard_count <= TABLETS);
    return hash_tablet(namespace_id, workflow_id) * shard_count / TABLETS;
}

uint32_t rpc_matching_shard(struct slice namespace_id, struct slice task_queue)
{
    return hash_tablet(namespace_id, task_queue) * (uint32_t)MATCHING_SHARDS / TABLETS;
}

uint32_t rpc_workers_shard(struct slice namespace_id)
{
    return rpc_matching_shard(namespace_id, SLICE_EMPTY);
}

uint32_t rpc_timers_shard(uint32_t history_shard)
{
    return history_shard % TIMERS_SHARDS;
}

/* -- reading numbers of a given size -------------------------------------------------------- */

static uint32_t get_u32(struct rec *r, uint32_t key)
{
    const uint64_t value = rec_u64(r, key, 0);

    if (value > UINT32_MAX) {
        r->malformed = true;
        return 0;
    }
    return (uint32_t)value;
}

static int32_t get_i32(struct rec *r, uint32_t key)
{
    const int64_t value = rec_i64(r, key, 0);

    if (value < INT32_MIN || value > INT32_MAX) {
        r->malformed = true;
        return 0;
    }
    return (int32_t)value;
}

static enum rpc_task_kind get_kind(struct rec *r, uint32_t key)
{
    switch (rec_u64(r, key, 0)) {
    case TASK_WORKFLOW:
        return TASK_WORKFLOW;
    case TASK_ACTIVITY:
        return TASK_ACTIVITY;
    case TASK_QUERY:
        return TASK_QUERY;
    default:
        r->malformed = true;
        return TASK_WORKFLOW;
    }
}

/* -- API requests --------------------------------------------------------------------------- */

void rpc_api_encode(const struct rpc_api *api, struct buf *out)
{
    struct rec_writer w;

    rec_begin(&w, out);
    rec_put_bytes(&w, API_NAMESPACE_ID, api->namespace_id);
    rec_put_bytes(&w, API_NAMESPACE_NAME, api->namespace_name);
    rec_put_i64(&w, API_RETENTION_S, api->retention_s);
    if (api->token.len)
        rec_put_bytes(&w, API_TOKEN, api->token);
    rec_put_bytes(&w, API_REQUEST, api->request);
    if (api->for_people)
        rec_put_bool(&w, API_FOR_PEOPLE, true);
    if (api->bad_binary)
        rec_put_bool(&w, API_BAD_BINARY, true);
    if (api->first_attempt)
        rec_put_bool(&w, API_FIRST_ATTEMPT, true);
    if (api->no_followers)
        rec_put_bool(&w, API_NO_FOLLOWERS, true);
    rec_end(&w);
}

enum err rpc_api_decode(struct arena *arena, struct slice body, struct rpc_api *out)
{
    struct rec r;
    const enum err err = rec_decode(arena, body, &r);

    if (err != ERR_OK)
        return err;
    const struct rpc_api api = {
        .namespace_id = rec_bytes(&r, API_NAMESPACE_ID),
        .namespace_name = rec_bytes(&r, API_NAMESPACE_NAME),
        .retention_s = rec_i64(&r, API_RETENTION_S, 0),
        .token = rec_bytes(&r, API_TOKEN),
        .request = rec_bytes(&r, API_REQUEST),
        .for_people = rec_bool(&r, API_FOR_PEOPLE, false),
        .bad_binary = rec_bool(&r, API_BAD_BINARY, false),
        .first_attempt = rec_bool(&r, API_FIRST_ATTEMPT, false),
        .no_followers = rec_bool(&r, API_NO_FOLLOWERS, false),
    };
    if (r.malformed)
        return ERR_CORRUPT;
    *out = api;
    return ERR_OK;
}

/* -- tasks ---------------------------------------------------------------------------------- */

static void task_fields(struct rec_writer *w, const struct rpc_task *task)
{
    rec_put_u64(w, TASK_KIND, task->kind);
    rec_put_bool(w, TASK_STICKY, task->sticky);
    rec_put_u64(w, TASK_HISTORY_SHARD, task->history_shard);
    rec_put_u64(w, TASK_ROW_SEQ, task->row_seq);
    rec_put_bytes(w, TASK_NAMESPACE_ID, task->namespace_id);
    rec_put_bytes(w, TASK_QUEUE, task->task_queue);
    rec_put_bytes(w, TASK_WORKFLOW_ID, task->workflow_id);
    rec_put_bytes(w, TASK_RUN_ID, task->run_id);
    rec_put_i64(w, TASK_SCHEDULED_EVENT_ID, task->scheduled_event_id);
    rec_put_i64(w, TASK_ATTEMPT, task->attempt);
    rec_put_i64(w, TASK_PRIORITY, task->priority);
    rec_put_i64(w, TASK_CREATED_WALL_NS, task->created_wall_ns);
    if (task->fairness.key.len)
        rec_put_bytes(w, TASK_FAIRNESS_KEY, task->fairness.key);
    if (task->fairness.weight_milli)
        rec_put_i64(w, TASK_FAIRNESS_WEIGHT, task->fairness.weight_milli);
}

static enum err task_read(struct rec *r, struct rpc_task *out)
{
    const struct rpc_task task = {
        .kind = get_kind(r, TASK_KIND),
        .sticky = rec_bool(r, TASK_STICKY, false),
        .history_shard = get_u32(r, TASK_HISTORY_SHARD),
        .row_seq = rec_u64(r, TASK_ROW_SEQ, 0),
        .namespace_id = rec_bytes(r, TASK_NAMESPACE_ID),
        .task_queue = rec_bytes(r, TASK_QUEUE),
        .workflow_id = rec_bytes(r, TASK_WORKFLOW_ID),
        .run_id = rec_bytes(r, TASK_RUN_ID),
        .scheduled_event_id = rec_i64(r, TASK_SCHEDULED_EVENT_ID, 0),
        .attempt = get_i32(r, TASK_ATTEMPT),
        .priority = get_i32(r, TASK_PRIORITY),
        .created_wall_ns = rec_i64(r, TASK_CREATED_WALL_NS, 0),
        .fairness = {.key = rec_bytes(r, TASK_FAIRNESS_KEY),
                     .weight_milli = get_i32(r, TASK_FAIRNESS_WEIGHT)},
    };

    if (r->malformed || task.fairness.key.len > RPC_FAIRNESS_KEY_MAX)
        return ERR_CORRUPT;
    *out = task;
    return ERR_OK;
}

void rpc_task_encode(const struct rpc_task *task, struct buf *out)
{
    struct rec_writer w;

    rec_begin(&w, out);
    task_fields(&w, task);
    rec_end(&w);
}

enum err rpc_task_decode(struct arena *arena, struct slice body, struct rpc_task *out)
{
    struct rec r;
    const enum err err = rec_decode(arena, body, &r);

    return err != ERR_OK ? err : task_read(&r, out);
}

void rpc_tasks_encode(const struct rpc_task *tasks, uint32_t count, bool has_more, struct buf *out)
{
    struct rec_writer w;

    rec_begin(&w, out);
    rec_list(&w, MANY_ITEMS, count);
    for (uint32_t i = 0; i < count; i++) {
        rec_item(&w);
        task_fields(&w, &tasks[i]);
        rec_end(&w);
    }
    rec_put_bool(&w, MANY_HAS_MORE, has_more);
    rec_end(&w);
}

enum err rpc_tasks_decode(struct arena *arena, struct slice body, struct rpc_task **tasks,
                          uint32_t *count, bool *has_more)
{
    struct rec r;
    enum err err = rec_decode(arena, body, &r);

    if (err != ERR_OK)
        return err;
    const uint32_t n = rec_list_count(&r, MANY_ITEMS);
    const bool more = rec_bool(&r, MANY_HAS_MORE, false);
    struct rpc_task *items = ARENA_ARRAY(arena, struct rpc_task, n);
    for (uint32_t i = 0; i < n; i++) {
        struct rec item = rec_list_item(&r, MANY_ITEMS, i);

        err = task_read(&item, &items[i]);
        if (err != ERR_OK)
            return err;
    }
    if (r.malformed)
        return ERR_CORRUPT;
    *tasks = items;
    *count = n;
    *has_more = more;
    return ERR_OK;
}

/* -- polls and starts ----------------------------------------------------------------------- */

static void poll_fields(struct rec_writer *w, const struct rpc_poll *poll)
{
    rec_put_u64(w, POLL_KIND, poll->kind);
    rec_put_bytes(w, POLL_NAMESPACE_ID, poll->namespace_id);
    rec_put_bytes(w, POLL_NAMESPACE_NAME, poll->namespace_name);
    rec_put_bytes(w, POLL_TASK_QUEUE, poll->task_queue);
    rec_put_bool(w, POLL_STICKY, poll->sticky);
    rec_put_bytes(w, POLL_NORMAL_QUEUE, poll->normal_queue);
    rec_put_u64(w, POLL_ID, poll->poll_id);
    rec_put_u64(w, POLL_REPLY_PROCESS, poll->reply_to.process);
    rec_put_u64(w, POLL_REPLY_CALL, poll->reply_to.call);
    rec_put_bytes(w, POLL_IDENTITY, poll->identity);
    rec_put_bytes(w, POLL_REQUEST, poll->request);
}

static enum err poll_read(struct rec *r, struct rpc_poll *out)
{
    const struct rpc_poll poll = {
        .kind = get_kind(r, POLL_KIND),
        .namespace_id = rec_bytes(r, POLL_NAMESPACE_ID),
        .namespace_name = rec_bytes(r, POLL_NAMESPACE_NAME),
        .task_queue = rec_bytes(r, POLL_TASK_QUEUE),
        .sticky = rec_bool(r, POLL_STICKY, false),
        .normal_queue = rec_bytes(r, POLL_NORMAL_QUEUE),
        .poll_id = rec_u64(r, POLL_ID, 0),
        .reply_to = {.process = rec_u64(r, POLL_REPLY_PROCESS, 0),
                     .call = rec_u64(r, POLL_REPLY_CALL, 0)},
        .identity = rec_bytes(r, POLL_IDENTITY),
        .request = rec_bytes(r, POLL_REQUEST),
    };

    if (r->malformed || poll.kind == TASK_QUERY)
        return ERR_CORRUPT;
    *out = poll;
    return ERR_OK;
}

void rpc_poll_encode(const struct rpc_poll *poll, struct buf *out)
{
    struct rec_writer w;

    rec_begin(&w, out);
    poll_fields(&w, poll);
    rec_end(&w);
}

enum err rpc_poll_decode(struct arena *arena, struct slice body, struct rpc_poll *out)
{
    struct rec r;
    const enum err err = rec_decode(arena, body, &r);

    return err != ERR_OK ? err : poll_read(&r, out);
}

void rpc_start_task_encode(const struct rpc_start_task *start, struct buf *out)
{
    struct rec_writer w;

    rec_begin(&w, out);
    rec_list(&w, START_TASK, 1);
    rec_item(&w);
    task_fields(&w, &start->task);
    rec_end(&w);
    rec_list(&w, START_POLL, 1);
    rec_item(&w);
    poll_fields(&w, &start->poll);
    rec_end(&w);
    rec_put_i64(&w, START_BACKLOG_HINT, start->backlog_count_hint);
    rec_put_i64(&w, START_POLLER_SCALING, start->poller_scaling);
    rec_end(&w);
}

enum err rpc_start_task_decode(struct arena *arena, struct slice body, struct rpc_start_task *out)
{
    struct rpc_start_task start = {0};
    struct rec r;
    enum err err = rec_decode(arena, body, &r);

    if (err != ERR_OK)
        return err;
    if (rec_list_count(&r, START_TASK) != 1 || rec_list_count(&r, START_POLL) != 1)
        return ERR_CORRUPT;
    struct rec task = rec_list_item(&r, START_TASK, 0);
    struct rec poll = rec_list_item(&r, START_POLL, 0);
    start.backlog_count_hint = rec_i64(&r, START_BACKLOG_HINT, 0);
    start.poller_scaling = get_i32(&r, START_POLLER_SCALING);
    if (r.malformed)
        return ERR_CORRUPT;
    err = task_read(&task, &start.task);
    if (err == ERR_OK)
        err = poll_read(&poll, &start.poll);
    if (err == ERR_OK)
        *out = start;
    return err;
}

void rpc_pull_tasks_encode(const struct rpc_pull_tasks *pull, struct buf *out)
{
    struct rec_writer w;

    rec_begin(&w, out);
    rec_put_u64(&w, PULL_KIND, pull->kind);
    rec_put_bytes(&w, PULL_NAMESPACE_ID, pull->namespace_id);
    rec_put_bytes(&w, PULL_TASK_QUEUE, pull->task_queue);
    rec_put_u64(&w, PULL_LIMIT, pull->limit);
    rec_end(&w);
}

enum err rpc_pull_tasks_decode(struct arena *arena, struct slice body, struct rpc_pull_tasks *out)
{
    struct rec r;
    const enum err err = rec_decode(arena, body, &r);

    if (err != ERR_OK)
        return err;
    const struct rpc_pull_tasks pull = {
        .kind = get_kind(&r, PULL_KIND),
        .namespace_id = rec_bytes(&r, PULL_NAMESPACE_ID),
        .task_queue = rec_bytes(&r, PULL_TASK_QUEUE),
        .limit = get_u32(&r, PULL_LIMIT),
    };
    if (r.malformed)
        return ERR_CORRUPT;
    *out = pull;
    return ERR_OK;
}

/* -- deliveries ----------------------------------------------------------------------------- */

enum { DELIVERED_START_IDS = 1 }; /* 8 bytes each, big-endian */

void rpc_delivered_encode(const struct rpc_delivered *delivered, struct buf *out)
{
    uint8_t bytes[8 * RPC_DELIVERED_MAX];
    struct rec_writer w;

    must(delivered->count <= RPC_DELIVERED_MAX);
    for (uint32_t i = 0; i < delivered->count; i++)
        be64_put(bytes + 8 * i, delivered->start_ids[i]);
    rec_begin(&w, out);
    rec_put_bytes(&w, DELIVERED_START_IDS, slice_of(bytes, 8 * (size_t)delivered->count));
    rec_end(&w);
}

enum err rpc_delivered_decode(struct arena *arena, struct slice body, struct rpc_delivered *out)
{
    struct rec r;

    if (rec_decode(arena, body, &r) != ERR_OK)
        return ERR_CORRUPT;
    const struct slice bytes = rec_bytes(&r, DELIVERED_START_IDS);
    if (r.malformed || bytes.len % 8 != 0 || bytes.len > 8 * RPC_DELIVERED_MAX)
        return ERR_CORRUPT;
    out->count = (uint32_t)(bytes.len / 8);
    for (uint32_t i = 0; i < out->count; i++)
        out->start_ids[i] = be64_get(bytes.ptr + 8 * (size_t)i);
    return ERR_OK;
}

/* -- deadlines ------------------------------------------------------------------------------ */

void rpc_deadlines_encode(const struct rpc_deadlines *list, struct buf *out)
{
    struct rec_writer w;

    rec_begin(&w, out);
    rec_put_u64(&w, DEADLINES_HISTORY_SHARD, list->history_shard);
    rec_put_u64(&w, DEADLINES_EPOCH, list->epoch);
    rec_put_u64(&w, DEADLINES_NUMBER, list->number);
    rec_put_bool(&w, DEADLINES_HAS_MORE, list->has_more);
    rec_put_i64(&w, DEADLINES_HORIZON_MS, list->horizon_ms);
    rec_list(&w, DEADLINES_ITEMS, list->count);
    for (uint32_t i = 0; i < list->count; i++) {
        const struct rpc_deadline *item = &list->items[i];

        rec_item(&w);
        rec_put_i64(&w, DEADLINE_AT_WALL_NS, item->at_wall_ns);
        rec_put_i64(&w, DEADLINE_REMAINING_MS, item->remaining_ms);
        rec_put_u64(&w, DEADLINE_TABLET, item->tablet);
        rec_put_bytes(&w, DEADLINE_RUN_ID, item->run_id);
        rec_end(&w);
    }
    rec_end(&w);
}

static enum err deadline_read(struct rec *r, struct rpc_deadline *out)
{
    const uint32_t tablet = get_u32(r, DEADLINE_TABLET);

    *out = (struct rpc_deadline){
        .at_wall_ns = rec_i64(r, DEADLINE_AT_WALL_NS, 0),
        .remaining_ms = rec_i64(r, DEADLINE_REMAINING_MS, 0),
        .tablet = (uint8_t)tablet,
        .run_id = rec_bytes(r, DEADLINE_RUN_ID),
    };
    return r->malformed || tablet >= TABLETS ? ERR_CORRUPT : ERR_OK;
}

enum err rpc_deadlines_decode(struct arena *arena, struct slice body, struct rpc_deadlines *out)
{
    struct rec r;
    enum err err = rec_decode(arena, body, &r);

    if (err != ERR_OK)
        return err;
    struct rpc_deadlines list = {
        .history_shard = get_u32(&r, DEADLINES_HISTORY_SHARD),
        .epoch = rec_u64(&r, DEADLINES_EPOCH, 0),
        .number = rec_u64(&r, DEADLINES_NUMBER, 0),
        .has_more = rec_bool(&r, DEADLINES_HAS_MORE, false),
        .horizon_ms = rec_i64(&r, DEADLINES_HORIZON_MS, 0),
        .count = rec_list_count(&r, DEADLINES_ITEMS),
    };
    list.items = ARENA_ARRAY(arena, struct rpc_deadline, list.count);
    for (uint32_t i = 0; i < list.count; i++) {
        struct rec item = rec_list_item(&r, DEADLINES_ITEMS, i);

        err = deadline_read(&item, &list.items[i]);
        if (err != ERR_OK)
            return err;
    }
    if (r.malformed)
        return ERR_CORRUPT;
    *out = list;
    return ERR_OK;
}

void rpc_assign_encode(const struct rpc_assign *assign, struct buf *out)
{
    struct rec_writer w;

    rec_begin(&w, out);
    rec_put_u64(&w, ASSIGN_HISTORY_SHARD, assign->history_shard);
    rec_put_u64(&w, ASSIGN_EPOCH, assign->epoch);
    rec_put_u64(&w, ASSIGN_PROCESS, assign->process);
    rec_put_i64(&w, ASSIGN_AFTER_WALL_NS, assign->after_wall_ns);
    rec_put_bytes(&w, ASSIGN_AFTER_RUN_ID, assign->after_run_id);
    rec_put_i64(&w, ASSIGN_HORIZON_MS, assign->horizon_ms);
    rec_put_u64(&w, ASSIGN_LIMIT, assign->limit);
    rec_end(&w);
}

enum err rpc_assign_decode(struct arena *arena, struct slice body, struct rpc_assign *out)
{
    struct rec r;
    const enum err err = rec_decode(arena, body, &r);

    if (err != ERR_OK)
        return err;
    const struct rpc_assign assign = {
        .history_shard = get_u32(&r, ASSIGN_HISTORY_SHARD),
        .epoch = rec_u64(&r, ASSIGN_EPOCH, 0),
        .process = rec_u64(&r, ASSIGN_PROCESS, 0),
        .after_wall_ns = rec_i64(&r, ASSIGN_AFTER_WALL_NS, 0),
        .after_run_id = rec_bytes(&r, ASSIGN_AFTER_RUN_ID),
        .horizon_ms = rec_i64(&r, ASSIGN_HORIZON_MS, 0),
        .limit = get_u32(&r, ASSIGN_LIMIT),
    };
    if (r.malformed)
        return ERR_CORRUPT;
    *out = assign;
    return ERR_OK;
}

/* -- lists ---------------------------------------------------------------------------------- */

void rpc_list_encode(const struct rpc_list *list, struct buf *out)
{
    struct rec_writer w;

    rec_begin(&w, out);
    rec_put_bytes(&w, LIST_NAMESPACE_ID, list->namespace_id);
    rec_put_u64(&w, LIST_PAGE_SIZE, list->page_size);
    rec_put_bytes(&w, LIST_AFTER, list->after);
    if (list->query.len)
        rec_put_bytes(&w, LIST_QUERY, list->query);
    rec_end(&w);
}

enum err rpc_list_decode(struct arena *arena, struct slice body, struct rpc_list *out)
{
    struct rec r;
    const enum err err = rec_decode(arena, body, &r);

    if (err != ERR_OK)
        return err;
    const struct rpc_list list = {
        .namespace_id = rec_bytes(&r, LIST_NAMESPACE_ID),
        .page_size = get_u32(&r, LIST_PAGE_SIZE),
        .after = rec_bytes(&r, LIST_AFTER),
        .query = rec_bytes(&r, LIST_QUERY),
    };
    if (r.malformed)
        return ERR_CORRUPT;
    *out = list;
    return ERR_OK;
}

void rpc_list_items_encode(const struct rpc_list_item *items, uint32_t count, bool has_more,
                           struct buf *out)
{
    struct rec_writer w;

    rec_begin(&w, out);
    rec_list(&w, MANY_ITEMS, count);
    for (uint32_t i = 0; i < count; i++) {
        rec_item(&w);
        rec_put_bytes(&w, LIST_ITEM_ORDER_KEY, items[i].order_key);
        rec_put_bytes(&w, LIST_ITEM_INFO, items[i].info);
        rec_end(&w);
    }
    rec_put_bool(&w, MANY_HAS_MORE, has_more);
    rec_end(&w);
}

enum err rpc_list_items_decode(struct arena *arena, struct slice body, struct rpc_list_item **items,
                               uint32_t *count, bool *has_more)
{
    struct rec r;
    const enum err err = rec_decode(arena, body, &r);

    if (err != ERR_OK)
        return err;
    const uint32_t n = rec_list_count(&r, MANY_ITEMS);
    const bool more = rec_bool(&r, MANY_HAS_MORE, false);
    struct rpc_list_item *list = ARENA_ARRAY(arena, struct rpc_list_item, n);
    for (uint32_t i = 0; i < n; i++) {
        struct rec item = rec_list_item(&r, MANY_ITEMS, i);

        list[i].order_key = rec_bytes(&item, LIST_ITEM_ORDER_KEY);
        list[i].info = rec_bytes(&item, LIST_ITEM_INFO);
        if (item.malformed)
            return ERR_CORRUPT;
    }
    if (r.malformed)
        return ERR_CORRUPT;
    *items = list;
    *count = n;
    *has_more = more;
    return ERR_OK;
}
