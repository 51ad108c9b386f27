/* vis_index_test.c - filters give the same with the index as by a scan, counters count the rows,
 * after crashes and deletions and where the index had to be made; no posting is left over. */
#include "common/base/hash.h"
#include "common/visibility/query.h"
#include "history/shard/shard_fixture.h"
#include "history/shard/shard_int.h"

#include "common/store/memory/store_memory.h"

#include <stdlib.h>

#define DIR_NAME "history-index-test"

/* -- executions ---------------------------------------------------------------------------------
 */

static api_payload *payload_of(struct world *w, const char *type, const char *json)
{
    api_payload *payload = ARENA_NEW(&w->arena, api_payload);
    api_payload_metadata_entry *entry = ARENA_NEW(&w->arena, api_payload_metadata_entry);

    *payload = (api_payload)API_PAYLOAD_INIT;
    protobuf_c_message_init(&api_payload_metadata_entry__desc, entry);
    entry->key = world_str(w, "type");
    entry->value.data = (uint8_t *)world_str(w, type);
    entry->value.len = strlen(type);
    payload->metadata = ARENA_ARRAY(&w->arena, api_payload_metadata_entry *, 1);
    payload->metadata[payload->n_metadata++] = entry;
    payload->data.data = (uint8_t *)world_str(w, json);
    payload->data.len = strlen(json);
    return payload;
}

static void put_attribute(struct world *w, api_search_attributes *all, const char *name,
                          const char *type, const char *json)
{
    api_search_attributes_indexed_fields_entry *entry =
        ARENA_NEW(&w->arena, api_search_attributes_indexed_fields_entry);

    protobuf_c_message_init(&api_search_attributes_indexed_fields_entry__desc, entry);
    entry->key = world_str(w, name);
    entry->value = payload_of(w, type, json);
    all->indexed_fields[all->n_indexed_fields++] = entry;
}

static void start_one(struct world *w, struct rng *rng, uint32_t number)
{
    static const char *const types[] = {"Hello", "Other", "Rare"};
    static const char *const tags[] = {"[\"red\",\"green\",\"red\"]", "[\"green\"]", "[]"};
    char *id = arena_printf(&w->arena, "a-rather-long-workflow-id-%u", number % 200);
    api_start_workflow_execution_request *request =
        world_start_request(w, id, arena_printf(&w->arena, "r-%u", number));
    api_search_attributes *all = ARENA_NEW(&w->arena, api_search_attributes);

    *all = (api_search_attributes)API_SEARCH_ATTRIBUTES_INIT;
    all->indexed_fields = ARENA_ARRAY(&w->arena, api_search_attributes_indexed_fields_entry *, 8);
    put_attribute(w, all, "Int", "Int",
                  arena_printf(&w->arena, "%d", (int)rng_below(rng, 21) - 10));
    put_attribute(w, all, "Real", "Double",
                  arena_printf(&w->arena, "%d.5", (int)rng_below(rng, 7) - 3));
    put_attribute(w, all, "Sure", "Bool", rng_below(rng, 2) ? "true" : "false");
    put_attribute(w, all, "Tags", "KeywordList", tags[rng_below(rng, 3)]);
    put_attribute(
        w, all, "Word", "Keyword",
        arena_printf(&w->arena, "\"a-long-common-beginning-%u\"", (unsigned)rng_below(rng, 5)));
    put_attribute(w, all, "Words", "Text", "\"some words\"");
    if (rng_below(rng, 10) == 0)
        put_attribute(w, all, "TemporalNamespaceDivision", "Keyword", "\"other\"");
    request->workflow_type->name = world_str(w, types[rng_below(rng, 20) < 17 ? 0
                                                      : rng_below(rng, 4) < 3 ? 1
                                                                              : 2]);
    request->search_attributes = all;
    (void)world_call(w, METHOD_HISTORY_START_WORKFLOW, world_api_body(w, request, SLICE_EMPTY),
                     NS_PER_S);
}

static void end_one(struct world *w, uint32_t number, bool deletes)
{
    char *id = arena_printf(&w->arena, "a-rather-long-workflow-id-%u", number % 200);
    api_terminate_workflow_execution_request end = API_TERMINATE_WORKFLOW_EXECUTION_REQUEST_INIT;
    api_delete_workflow_execution_request gone = API_DELETE_WORKFLOW_EXECUTION_REQUEST_INIT;

    end.workflow_execution = gone.workflow_execution = world_execution(w, id);
    if (deletes)
        (void)world_call(w, METHOD_HISTORY_DELETE_WORKFLOW, world_api_body(w, &gone, SLICE_EMPTY),
                         NS_PER_S);
    else
        (void)world_call(w, METHOD_HISTORY_TERMINATE, world_api_body(w, &end, SLICE_EMPTY),
                         NS_PER_S);
}

/* Its row stays where it is, and shows another status. */
static void pause_one(struct world *w, uint32_t number, bool pauses)
{
    api_pause_workflow_execution_request pause = API_PAUSE_WORKFLOW_EXECUTION_REQUEST_INIT;
    api_unpause_workflow_execution_request unpause = API_UNPAUSE_WORKFLOW_EXECUTION_REQUEST_INIT;

    pause.namespace_ = unpause.namespace_ = world_str(w, "default");
    pause.workflow_id = unpause.workflow_id =
        arena_printf(&w->arena, "a-rather-long-workflow-id-%u", number % 200);
    pause.request_id = unpause.request_id = arena_printf(&w->arena, "p-%u", number);
    if (pauses)
        (void)world_call(w, METHOD_HISTORY_PAUSE_WORKFLOW, world_api_body(w, &pause, SLICE_EMPTY),
                         NS_PER_S);
    else
        (void)world_call(w, METHOD_HISTORY_UNPAUSE_WORKFLOW,
                         world_api_body(w, &unpause, SLICE_EMPTY), NS_PER_S);
}

/* `settled`: each step is over before the next one begins. */
static void play(struct world *w, struct rng *rng, uint32_t steps, bool settled)
{
    for (uint32_t i = 0; i < steps; i++) {
        const uint32_t number = (uint32_t)rng_below(rng, 1000000);

        w->clock.now_ns += NS_PER_MS * (int64_t)(1 + rng_below(rng, 900));
        if (rng_below(rng, 3) == 0)
            end_one(w, number, rng_below(rng, 3) == 0);
        else if (rng_below(rng, 4) == 0)
            pause_one(w, number, rng_below(rng, 3) > 0);
        else
            start_one(w, rng, number);
        for (uint32_t more = (uint32_t)rng_below(rng, 6); !settled && more > 0; more--) {
            (void)store_step(w->store);
            (void)history_shard_run_due(w->shard);
        }
        if (settled)
            world_settle(w);
        if (w->sent_count > WORLD_MESSAGES_MAX / 2)
            w->sent_count = 0;
    }
}

/* -- filters -------------------------------------------------------------------------------------
 */

static struct vis_node *leaf_of(struct arena *arena, const char *name, enum vis_type type,
                                enum vis_op op, bool custom)
{
    struct vis_node *node = ARENA_NEW(arena, struct vis_node);

    *node = (struct vis_node){.kind = VIS_COMPARE,
                              .name = slice_str(name),
                              .type = type,
                              .op = op,
                              .is_custom = custom,
                              .values = ARENA_ARRAY(arena, struct vis_value, 2)};
    return node;
}

static char known_run[UUID_TEXT_LEN + 1]; /* that a list has shown */

static struct vis_node *random_leaf(struct arena *arena, struct rng *rng, int64_t now_ns)
{
    static const struct {
        const char *name;
        enum vis_type type;
        bool custom;
    } names[] = {
        {"WorkflowType", VIS_KEYWORD, false},
        {"WorkflowId", VIS_KEYWORD, false},
        {"ExecutionStatus", VIS_INT, false},
        {"RootWorkflowId", VIS_KEYWORD, false},
        {"StartTime", VIS_DATETIME, false},
        {"ExecutionTime", VIS_DATETIME, false},
        {"CloseTime", VIS_DATETIME, false},
        {"Int", VIS_INT, true},
        {"Real", VIS_DOUBLE, true},
        {"Sure", VIS_BOOL, true},
        {"Tags", VIS_KEYWORD_LIST, true},
        {"Word", VIS_KEYWORD, true},
        {"Words", VIS_TEXT, true},
        {"Int", VIS_DOUBLE, true},
        {"RunId", VIS_KEYWORD, false},
    };
    static const enum vis_op equals[] = {VIS_EQ, VIS_IN, VIS_NE, VIS_NOT_IN};
    static const enum vis_op ranges[] = {VIS_LT,      VIS_LE,          VIS_GT, VIS_GE,
                                         VIS_BETWEEN, VIS_NOT_BETWEEN, VIS_EQ, VIS_IN};
    static const enum vis_op texts[] = {VIS_STARTS_WITH, VIS_NOT_STARTS_WITH, VIS_IS_NULL,
                                        VIS_IS_NOT_NULL};
    static const char *const words[] = {"Hello", "Rare", "red", "green", "a-long-", "some words"};
    const size_t which = rng_below(rng, COUNT_OF(names));
    struct vis_node *node =
        leaf_of(arena, names[which].name, names[which].type, VIS_EQ, names[which].custom);
    const bool text = node->type == VIS_KEYWORD || node->type == VIS_KEYWORD_LIST;

    node->op = node->type == VIS_TEXT           ? equals[rng_below(rng, 4)]
               : text && rng_below(rng, 3) == 0 ? texts[rng_below(rng, 4)]
               : which == 2                     ? equals[rng_below(rng, 4)]
                                                : ranges[rng_below(rng, 8)];
    node->value_count = node->op == VIS_IS_NULL || node->op == VIS_IS_NOT_NULL ? 0
                        : node->op == VIS_BETWEEN || node->op == VIS_NOT_BETWEEN ||
                                node->op == VIS_IN || node->op == VIS_NOT_IN
                            ? 2
                            : 1;
    for (uint32_t i = 0; i < node->value_count; i++) {
        struct vis_value *value = &node->values[i];

        value->number = which == 2                 ? 1 + (int64_t)rng_below(rng, 5)
                        : which >= 4 && which <= 6 ? now_ns - (int64_t)rng_below(rng, 60) * NS_PER_S
                        : which == 9               ? (int64_t)rng_below(rng, 2)
                                                   : (int64_t)rng_below(rng, 23) - 11;
        value->real = (double)value->number / 2;
        value->text = slice_str(words[rng_below(rng, COUNT_OF(words))]);
        if (which == 1 || which == 3)
            value->text = slice_str(
                arena_printf(arena, "a-rather-long-workflow-id-%u", (unsigned)rng_below(rng, 220)));
        else if (which == COUNT_OF(names) - 1)
            value->text = rng_below(rng, 4) ? slice_str(arena_printf(arena, "%s", known_run))
                                            : SLICE_LIT("nobody");
        else if (which == 11)
            value->text = slice_str(
                arena_printf(arena, "a-long-common-beginning-%u", (unsigned)rng_below(rng, 6)));
    }
    return node;
}

static struct vis_node *group_of(struct arena *arena, enum vis_kind kind, struct vis_node *first,
                                 struct vis_node *second)
{
    struct vis_node *node = ARENA_NEW(arena, struct vis_node);

    node->kind = kind;
    node->children = ARENA_ARRAY(arena, struct vis_node *, 2);
    node->children[0] = first;
    node->children[1] = second;
    node->child_count = kind == VIS_NOT ? 1 : 2;
    return node;
}

/* Several lists, whose intersection is the answer. */
static struct vis_node *exact_filter(struct arena *arena, struct rng *rng)
{
    static const struct {
        const char *name, *text;
        enum vis_type type;
        int64_t number;
        bool custom;
    } leaves[] = {
        {"WorkflowType", "Hello", VIS_KEYWORD, 0, false},
        {"WorkflowType", "Other", VIS_KEYWORD, 0, false},
        {"ExecutionStatus", NULL, VIS_INT, WORKFLOW_EXECUTION_STATUS_TERMINATED, false},
        {"Sure", NULL, VIS_BOOL, 1, true},
        {"Tags", "green", VIS_KEYWORD_LIST, 0, true},
        {"Word", "a-long-common-beginning-3", VIS_KEYWORD, 0, true},
    };
    struct vis_node *node =
        leaf_of(arena, "TemporalNamespaceDivision", VIS_KEYWORD, VIS_IS_NULL, false);

    for (int i = 0; i < 3; i++) {
        const size_t which = rng_below(rng, COUNT_OF(leaves));
        struct vis_node *leaf =
            leaf_of(arena, leaves[which].name, leaves[which].type, VIS_EQ, leaves[which].custom);

        leaf->value_count = 1;
        leaf->values[0].text = slice_str(leaves[which].text);
        leaf->values[0].number = leaves[which].number;
        node = group_of(arena, VIS_AND, node, leaf);
    }
    /* The division comes first, whatever follows it. */
    return group_of(arena, VIS_AND,
                    leaf_of(arena, "TemporalNamespaceDivision", VIS_KEYWORD, VIS_IS_NULL, false),
                    node);
}

static struct vis_node *random_filter(struct arena *arena, struct rng *rng, int64_t now_ns)
{
    if (rng_below(rng, 3) == 0)
        return exact_filter(arena, rng);
    struct vis_node *node = random_leaf(arena, rng, now_ns);
    for (uint32_t more = (uint32_t)rng_below(rng, 4); more > 0; more--) {
        static const enum vis_kind kinds[] = {VIS_AND, VIS_AND, VIS_OR, VIS_NOT};

        node = group_of(arena, kinds[rng_below(rng, 4)], node, random_leaf(arena, rng, now_ns));
    }
    if (rng_below(rng, 10) == 0)
        return node;
    return group_of(arena, VIS_AND,
                    leaf_of(arena, "TemporalNamespaceDivision", VIS_KEYWORD, VIS_IS_NULL, false),
                    node);
}

static struct slice asked(struct world *w, enum mesh_method method, const struct vis_query *query,
                          struct slice after, uint32_t page_size)
{
    struct rpc_list list = {
        .namespace_id = SLICE_LIT(WORLD_NAMESPACE), .page_size = page_size, .after = after};
    struct buf encoded, body;

    buf_init(&encoded, 0);
    buf_init(&body, 0);
    vis_query_encode(query, &encoded);
    list.query = buf_slice(&encoded);
    rpc_list_encode(&list, &body);
    const uint64_t call = world_call(w, method, buf_slice(&body), NS_PER_S);
    buf_release(&encoded);
    buf_release(&body);
    world_settle(w);
    const struct sent *sent = world_got(w, call);
    check_err(sent->err, ERR_OK);
    const struct slice bytes = arena_copy(&w->arena, sent->bytes);
    w->sent_count = 0;
    return bytes;
}

static const char *listed(struct world *w, const struct vis_query *query)
{
    const char *seen = "";
    struct slice after = SLICE_EMPTY;
    bool has_more = true;

    while (has_more) {
        struct rpc_list_item *items;
        uint32_t count;

        check_ok(rpc_list_items_decode(&w->arena,
                                       asked(w, METHOD_HISTORY_LIST_WORKFLOWS, query, after, 7),
                                       &items, &count, &has_more));
        for (uint32_t i = 0; i < count; i++) {
            char run_id[UUID_TEXT_LEN + 1];

            uuid_format(items[i].order_key.ptr + 16, run_id);
            seen = arena_printf(&w->arena, "%s %s", seen, run_id);
            after = items[i].order_key;
        }
    }
    return seen;
}

static struct slice counted(struct world *w, const struct vis_query *query)
{
    return asked(w, METHOD_HISTORY_COUNT_WORKFLOWS, query, SLICE_EMPTY, 0);
}

/* Of counts by group, which come in any order. */
static uint64_t sum_of(struct world *w, struct slice reply)
{
    const api_count_workflow_executions_response *counts;
    uint64_t sum = 0;

    check_ok(proto_decode(&w->arena, &api_count_workflow_executions_response__desc, reply, &counts,
                          NULL));
    for (size_t i = 0; i < counts->n_groups; i++) {
        const ProtobufCBinaryData json = counts->groups[i]->group_values[0]->data;

        sum += (uint64_t)counts->groups[i]->count * hash_bytes(slice_of(json.data, json.len), 0);
    }
    return sum + (uint64_t)counts->count;
}

/* -- the laws ------------------------------------------------------------------------------------
 */

static void check_filters(struct world *w, struct rng *rng, uint32_t times)
{
    struct hs_index *index = &w->shard->index;

    check(index->ready);
    for (uint32_t i = 0; i < times; i++) {
        struct arena arena;

        arena_init(&arena);
        const struct vis_query query = {.where = random_filter(&arena, rng, w->clock.now_ns)};
        struct vis_query by_status = query;

        by_status.group_by[by_status.group_count++] =
            (struct vis_group){.name = SLICE_LIT("ExecutionStatus"), .type = VIS_INT};
        index->range_of_page = i % 3 == 0 ? 10 : 8000; /* more: a scan */
        index->range_of_count = i % 3 == 0 ? 20 : 8000;
        index->probe_range = i % 2 == 0 ? 3 : 3000;
        index->probe_rows = i % 4 == 0 ? 5 : 200;
        const char *by_index = listed(w, &query);
        const struct slice count_by_index = counted(w, &query);
        const uint64_t sum_by_index = sum_of(w, counted(w, &by_status));

        if (strlen(by_index) > UUID_TEXT_LEN)
            memcpy(known_run, by_index + 1, UUID_TEXT_LEN);
        index->ready = false;
        check_str(by_index, listed(w, &query));
        check_slice(count_by_index, counted(w, &query));
        check_i64(sum_by_index, sum_of(w, counted(w, &by_status)));
        index->ready = true;
        arena_release(&arena);
    }
}

struct rows {
    struct arena arena;
    uint64_t postings, wanted, visible, counters;
};

static bool visit_row(void *arg, struct slice key, struct slice value)
{
    struct rows *rows = arg;
    struct vis_execution execution;
    struct vis_posting *postings;
    struct slice info;
    uint32_t count;

    if (key.len == HS_COUNTERS_KEY_LEN) {
        uint64_t counts[HS_STATUSES];

        check(hs_counters_decode(value, counts));
        for (int status = 0; status < HS_STATUSES; status++)
            rows->counters += counts[status];
    }
    rows->postings += key.len > HS_ROW_PREFIX_LEN + HS_ORDER_LEN;
    if (key.len != HS_ROW_PREFIX_LEN + HS_ORDER_LEN)
        return true;
    check_ok(row_visibility_decode(&rows->arena, value, &info));
    check(vis_execution_read(info, &execution));
    if (!vis_is_indexed(&execution, &rows->arena))
        return true;
    vis_postings_of(&execution, &rows->arena, &postings, &count);
    rows->wanted += count;
    rows->visible++;
    return true;
}

static enum err read_rows(struct store_snapshot *snapshot, void *arg)
{
    return store_scan(snapshot, STORE_VISIBILITY, SLICE_LIT("\0"), SLICE_EMPTY, false, visit_row,
                      arg);
}

static void check_rows(struct world *w)
{
    struct rows rows = {0};

    arena_init(&rows.arena);
    check_ok(store_read_now(w->shard->store, read_rows, &rows));
    check(rows.visible > 0);
    check_i64(rows.postings, rows.wanted);
    check_i64(rows.counters, rows.visible);
    arena_release(&rows.arena);
}

/* As a store was before there was an index. */
struct keys {
    struct arena arena;
    struct store_op ops[20000];
    size_t count;
};

static bool visit_index(void *arg, struct slice key, struct slice value)
{
    struct keys *keys = arg;

    UNUSED(value);
    if (key.len == HS_ROW_PREFIX_LEN + HS_ORDER_LEN)
        return true;
    must(keys->count < COUNT_OF(keys->ops));
    keys->ops[keys->count++] = (struct store_op){
        .kind = STORE_DELETE, .family = STORE_VISIBILITY, .key = arena_copy(&keys->arena, key)};
    return true;
}

static enum err read_index(struct store_snapshot *snapshot, void *arg)
{
    return store_scan(snapshot, STORE_VISIBILITY, SLICE_LIT("\0"), SLICE_EMPTY, false, visit_index,
                      arg);
}

static void drop_index(struct world *w)
{
    struct keys *keys = calloc(1, sizeof *keys);
    int64_t seq;

    must(keys != NULL);
    arena_init(&keys->arena);
    check_ok(store_read_now(w->shard->store, read_index, keys));
    check(keys->count > 0);
    check_ok(store_stage(w->shard->store, keys->ops, keys->count, true, &seq));
    world_settle(w);
    arena_release(&keys->arena);
    free(keys);
}

TEST(test_the_index_says_what_the_rows_say)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct world *w = calloc(1, sizeof *w);
        struct rng rng;

        must(w != NULL);
        store_memory_wipe(DIR_NAME);
        world_init(w, DIR_NAME);
        rng_seed(&rng, seed);
        for (int round = 0; round < 4; round++) {
            play(w, &rng, 60, true);
            check_filters(w, &rng, 60);
            check_rows(w);
            world_reopen(w, round % 2 == 0);
        }
        check_rows(w);
        world_release(w);
        free(w);
    }
}

/* The walk begins while the shard is at work. */
static void make_index(struct world *w)
{
    struct hs_index *index = &w->shard->index;

    hs_index_release(w->shard);
    hs_index_init(w->shard);
    index->ready = false;
    index->slice_rows = 20;
    hs_index_open(w->shard);
}

TEST(test_an_index_is_made_where_there_is_none)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct world *w = calloc(1, sizeof *w);
        struct rng rng;

        must(w != NULL);
        store_memory_wipe(DIR_NAME);
        world_init(w, DIR_NAME);
        rng_seed(&rng, seed);
        play(w, &rng, 1200, true);
        drop_index(w);
        if (seed % 3 == 0) {
            world_reopen(w, seed % 2 == 0);
        } else {
            make_index(w);
            play(w, &rng, seed % 3 == 1 ? 20 : 5, false);
            check(!w->shard->index.ready);
            if (seed % 2 == 0) { /* cut short: it begins anew */
                world_reopen(w, false);
            }
            world_settle(w);
        }
        check(w->shard->index.ready);
        check_rows(w);
        check_filters(w, &rng, 50);
        play(w, &rng, 60, true);
        check_rows(w);
        world_release(w);
        free(w);
    }
}
