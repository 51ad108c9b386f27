/* bounds.c - see bounds.h. What is not understood bounds nothing: the rows are looked at anyway.
 *
 * A run closes no earlier than it starts, so that StartTime bounds the close time from below. */
#include "history/visibility/bounds.h"

#include "api.h"

enum { LEVELS_MAX = 4 }; /* of nested AND and OR that are looked into */

static const struct vis_bounds everything = {.close_min = INT64_MIN, .close_max = INT64_MAX};

static bool is_open_status(int64_t status)
{
    return status == WORKFLOW_EXECUTION_STATUS_RUNNING ||
           status == WORKFLOW_EXECUTION_STATUS_PAUSED;
}

static struct vis_bounds of_status(const struct vis_node *leaf)
{
    struct vis_bounds bounds = everything;
    uint32_t open = 0;

    if (leaf->op != VIS_EQ && leaf->op != VIS_IN)
        return bounds;
    for (uint32_t i = 0; i < leaf->value_count; i++)
        open += is_open_status(leaf->values[i].number);
    if (open == leaf->value_count)
        bounds.close_min = VIS_CLOSE_OPEN;
    else if (open == 0)
        bounds.close_max = VIS_CLOSE_OPEN - 1;
    return bounds;
}

static struct vis_bounds of_close_time(const struct vis_node *leaf)
{
    struct vis_bounds bounds = {.close_min = INT64_MIN, .close_max = VIS_CLOSE_OPEN - 1};
    const struct vis_value *values = leaf->values;

    switch (leaf->op) {
    case VIS_IS_NULL:
        bounds.close_min = bounds.close_max = VIS_CLOSE_OPEN;
        break;
    case VIS_EQ:
        bounds.close_min = bounds.close_max = values[0].number;
        break;
    case VIS_LT:
    case VIS_LE:
        bounds.close_max = values[0].number;
        break;
    case VIS_GT:
    case VIS_GE:
        bounds.close_min = values[0].number;
        break;
    case VIS_BETWEEN:
        bounds.close_min = values[0].number;
        bounds.close_max = values[1].number;
        break;
    case VIS_NE:
    case VIS_IN:
    case VIS_NOT_IN:
    case VIS_NOT_BETWEEN:
    case VIS_STARTS_WITH:
    case VIS_NOT_STARTS_WITH:
    case VIS_IS_NOT_NULL:
        break;
    }
    return bounds;
}

static struct vis_bounds of_start_time(const struct vis_node *leaf)
{
    struct vis_bounds bounds = everything;

    if (leaf->op == VIS_EQ || leaf->op == VIS_GT || leaf->op == VIS_GE || leaf->op == VIS_BETWEEN)
        bounds.close_min = leaf->values[0].number;
    return bounds;
}

static struct vis_bounds of_leaf(const struct vis_node *leaf)
{
    struct vis_bounds bounds = everything;

    if (leaf->is_custom)
        return bounds;
    if (slice_eq(leaf->name, SLICE_LIT("ExecutionStatus")) && leaf->type == VIS_INT)
        return of_status(leaf);
    if (slice_eq(leaf->name, SLICE_LIT("CloseTime")) && leaf->type == VIS_DATETIME)
        return of_close_time(leaf);
    if (slice_eq(leaf->name, SLICE_LIT("StartTime")) && leaf->type == VIS_DATETIME)
        return of_start_time(leaf);
    if (slice_eq(leaf->name, SLICE_LIT("WorkflowId")) && leaf->type == VIS_KEYWORD &&
        leaf->op == VIS_EQ)
        bounds.workflow_id = leaf->values[0].text;
    return bounds;
}

static bool is_empty(const struct vis_bounds *b)
{
    return b->close_min > b->close_max;
}

static struct vis_bounds both(struct vis_bounds a, const struct vis_bounds *b)
{
    if (b->close_min > a.close_min)
        a.close_min = b->close_min;
    if (b->close_max < a.close_max)
        a.close_max = b->close_max;
    if (a.workflow_id.len == 0)
        a.workflow_id = b->workflow_id;
    return a;
}

static struct vis_bounds either(struct vis_bounds a, const struct vis_bounds *b)
{
    if (is_empty(&a))
        return *b;
    if (is_empty(b))
        return a;
    if (b->close_min < a.close_min)
        a.close_min = b->close_min;
    if (b->close_max > a.close_max)
        a.close_max = b->close_max;
    if (!slice_eq(a.workflow_id, b->workflow_id))
        a.workflow_id = SLICE_EMPTY;
    return a;
}

struct level {
    const struct vis_node *node;
    uint32_t next; /* child */
    struct vis_bounds so_far;
};

struct vis_bounds vis_bounds_of(const struct vis_node *where)
{
    struct level path[LEVELS_MAX];
    uint32_t depth = 0;
    const struct vis_node *node = where;

    if (!where)
        return everything;
    for (;;) {
        struct vis_bounds bounds = node->kind == VIS_COMPARE ? of_leaf(node) : everything;

        if ((node->kind == VIS_AND || node->kind == VIS_OR) && depth < LEVELS_MAX) {
            path[depth] = (struct level){.node = node, .so_far = everything};
            if (node->kind == VIS_OR) /* nothing, before its first child */
                path[depth].so_far = (struct vis_bounds){.close_min = 1, .close_max = 0};
            depth++;
        } else {
            if (depth == 0)
                return bounds;
            struct level *level = &path[depth - 1];
            level->so_far = level->node->kind == VIS_AND ? both(level->so_far, &bounds)
                                                         : either(level->so_far, &bounds);
        }
        while (path[depth - 1].next == path[depth - 1].node->child_count) {
            bounds = path[--depth].so_far;
            if (depth == 0)
                return bounds;
            struct level *level = &path[depth - 1];
            level->so_far = level->node->kind == VIS_AND ? both(level->so_far, &bounds)
                                                         : either(level->so_far, &bounds);
        }
        node = path[depth - 1].node->children[path[depth - 1].next++];
    }
}
