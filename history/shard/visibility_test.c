/* visibility_test.c - filtered lists and counts of a shard, page by page, as runs open and close.
 */
#include "common/visibility/query.h"
#include "history/shard/shard_fixture.h"

#define DIR_NAME "history-visibility-test"

static struct vis_value value;
static struct vis_node leaf;

/* What the frontend asks with this filter. */
static struct rpc_list request_of(struct world *w, const struct vis_query *query,
                                  uint32_t page_size)
{
    struct rpc_list list = {.namespace_id = SLICE_LIT(WORLD_NAMESPACE), .page_size = page_size};
    struct buf encoded;

    buf_init(&encoded, 0);
    vis_query_encode(query, &encoded);
    list.query = arena_copy(&w->arena, buf_slice(&encoded));
    buf_release(&encoded);
    return list;
}

static struct vis_query query_of(const char *name, enum vis_type type, enum vis_op op,
                                 const char *text, int64_t number)
{
    value = (struct vis_value){.text = slice_str(text), .number = number};
    leaf = (struct vis_node){.kind = VIS_COMPARE,
                             .name = slice_str(name),
                             .type = type,
                             .op = op,
                             .values = &value,
                             .value_count = 1};
    return (struct vis_query){.where = &leaf};
}

static const char *listed(struct world *w, const struct vis_query *query, uint32_t page_size,
                          uint32_t *pages)
{
    return world_listed(w, request_of(w, query, page_size), pages);
}

static const api_count_workflow_executions_response *counted(struct world *w,
                                                             const struct vis_query *query)
{
    const struct rpc_list list = request_of(w, query, 0);
    struct buf body;

    buf_init(&body, 0);
    rpc_list_encode(&list, &body);
    const uint64_t call = world_call(w, METHOD_HISTORY_COUNT_WORKFLOWS, buf_slice(&body), NS_PER_S);
    buf_release(&body);
    world_settle(w);
    return world_answer(w, call, &api_count_workflow_executions_response__desc);
}

static void start_seven(struct world *w)
{
    for (int i = 0; i < 7; i++) {
        w->clock.now_ns += NS_PER_S;
        world_start(w, arena_printf(&w->arena, i % 2 ? "odd-%d" : "even-%d", i));
    }
}

TEST(test_visibility_filters_pages_and_counts)
{
    WITH_WORLD(w);
    start_seven(w);
    uint32_t pages;
    struct vis_query query = query_of("WorkflowId", VIS_KEYWORD, VIS_STARTS_WITH, "odd-", 0);

    check_str(listed(w, &query, 2, &pages), " odd-5 odd-3 odd-1");
    check_i64(pages, 2);
    check_str(listed(w, &query, 3, &pages), " odd-5 odd-3 odd-1");
    check_i64(pages, 1); /* there is no more that matches */
    check_i64(counted(w, &query)->count, 3);
    query = query_of("WorkflowId", VIS_KEYWORD, VIS_EQ, "even-4", 0);
    check_str(listed(w, &query, 2, &pages), " even-4");
    check_i64(counted(w, &query)->count, 1);
    query = query_of("ExecutionStatus", VIS_INT, VIS_EQ, NULL, WORKFLOW_EXECUTION_STATUS_RUNNING);
    check_i64(counted(w, &query)->count, 7);
    query = query_of("ExecutionStatus", VIS_INT, VIS_EQ, NULL, WORKFLOW_EXECUTION_STATUS_FAILED);
    check_i64(counted(w, &query)->count, 0);
    check_str(listed(w, &query, 2, &pages), "");
    query = query_of("StartTime", VIS_DATETIME, VIS_GT, NULL, w->clock.now_ns - 2 * NS_PER_S);
    check_str(listed(w, &query, 5, &pages), " even-6 odd-5");
    END_WORLD(w);
}

TEST(test_visibility_counts_groups)
{
    WITH_WORLD(w);
    start_seven(w);
    struct vis_query query = {
        .group_by = {{.name = SLICE_LIT("ExecutionStatus"), .type = VIS_KEYWORD}},
        .group_count = 1,
    };
    const api_count_workflow_executions_response *answer = counted(w, &query);

    check_i64(answer->count, 7);
    check_i64((int64_t)answer->n_groups, 1);
    check_i64(answer->groups[0]->count, 7);
    check_slice(slice_of(answer->groups[0]->group_values[0]->data.data,
                         answer->groups[0]->group_values[0]->data.len),
                SLICE_LIT("\"Running\""));
    query.group_by[0] =
        (struct vis_group){.name = SLICE_LIT("Color"), .type = VIS_KEYWORD, .is_custom = true};
    answer = counted(w, &query);
    check_i64((int64_t)answer->n_groups, 1);
    check_i64((int64_t)answer->groups[0]->group_values[0]->data.len, 0);
    END_WORLD(w);
}
