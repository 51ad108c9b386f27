/* bounds_test.c - filters bound the scan, and never past what they match. */
#include "history/visibility/bounds.h"

#include "api.h"
#include "tests/lib/test.h"

static struct vis_value numbers[2];
static struct vis_value texts[1];

static struct vis_node leaf(const char *name, enum vis_type type, enum vis_op op, int64_t a,
                            int64_t b, struct vis_value *values)
{
    values[0].number = a;
    if (op == VIS_BETWEEN || op == VIS_IN)
        values[1].number = b;
    return (struct vis_node){.kind = VIS_COMPARE,
                             .name = slice_str(name),
                             .type = type,
                             .op = op,
                             .values = values,
                             .value_count = op == VIS_BETWEEN || op == VIS_IN ? 2 : 1};
}

TEST(test_bounds_of_single_comparisons)
{
    enum { RUNNING = WORKFLOW_EXECUTION_STATUS_RUNNING, FAILED = WORKFLOW_EXECUTION_STATUS_FAILED };
    static const struct {
        const char *name;
        enum vis_type type;
        enum vis_op op;
        int64_t a, b, min, max;
    } cases[] = {
        {"ExecutionStatus", VIS_INT, VIS_EQ, RUNNING, 0, INT64_MAX, INT64_MAX},
        {"ExecutionStatus", VIS_INT, VIS_EQ, FAILED, 0, INT64_MIN, INT64_MAX - 1},
        {"ExecutionStatus", VIS_INT, VIS_IN, RUNNING, FAILED, INT64_MIN, INT64_MAX},
        {"ExecutionStatus", VIS_INT, VIS_NE, RUNNING, 0, INT64_MIN, INT64_MAX},
        {"CloseTime", VIS_DATETIME, VIS_GE, 5, 0, 5, INT64_MAX - 1},
        {"CloseTime", VIS_DATETIME, VIS_BETWEEN, 5, 9, 5, 9},
        {"CloseTime", VIS_DATETIME, VIS_IS_NULL, 0, 0, INT64_MAX, INT64_MAX},
        {"StartTime", VIS_DATETIME, VIS_GT, 5, 0, 5, INT64_MAX},
        {"StartTime", VIS_DATETIME, VIS_LT, 5, 0, INT64_MIN, INT64_MAX},
        {"HistoryLength", VIS_INT, VIS_LT, 5, 0, INT64_MIN, INT64_MAX},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct vis_node node =
            leaf(cases[i].name, cases[i].type, cases[i].op, cases[i].a, cases[i].b, numbers);
        const struct vis_bounds bounds = vis_bounds_of(&node);

        check_i64(bounds.close_min, cases[i].min);
        check_i64(bounds.close_max, cases[i].max);
    }
    check_i64(vis_bounds_of(NULL).close_min, INT64_MIN);
}

TEST(test_bounds_of_joined_comparisons)
{
    struct vis_value a[2], b[2];
    struct vis_node after = leaf("CloseTime", VIS_DATETIME, VIS_GE, 5, 0, a);
    struct vis_node before = leaf("CloseTime", VIS_DATETIME, VIS_LE, 9, 0, b);
    struct vis_node open = leaf("CloseTime", VIS_DATETIME, VIS_IS_NULL, 0, 0, numbers);
    struct vis_node named = leaf("WorkflowId", VIS_KEYWORD, VIS_EQ, 0, 0, texts);
    struct vis_node *within[] = {&after, &before}, *or_open[2] = {&after, &open};
    struct vis_node meet = {.kind = VIS_AND, .children = within, .child_count = 2};
    struct vis_node join = {.kind = VIS_OR, .children = or_open, .child_count = 2};
    struct vis_node deny = {.kind = VIS_NOT, .children = or_open, .child_count = 1};
    struct vis_node *outer[] = {&join, &named, &meet};
    struct vis_node all = {.kind = VIS_AND, .children = outer, .child_count = 3};

    texts[0].text = SLICE_LIT("order");
    struct vis_bounds bounds = vis_bounds_of(&meet);
    check_i64(bounds.close_min, 5);
    check_i64(bounds.close_max, 9);
    bounds = vis_bounds_of(&join);
    check_i64(bounds.close_min, 5);
    check_i64(bounds.close_max, INT64_MAX);
    bounds = vis_bounds_of(&deny);
    check_i64(bounds.close_min, INT64_MIN);
    bounds = vis_bounds_of(&all);
    check_i64(bounds.close_min, 5);
    check_i64(bounds.close_max, 9);
    check_slice(bounds.workflow_id, SLICE_LIT("order"));
    outer[0] = &named;
    outer[1] = &after;
    all.kind = VIS_OR; /* one of them names no workflow */
    check_i64((int64_t)vis_bounds_of(&all).workflow_id.len, 0);
}
