/* query.h - a filter on executions, parsed: what the frontend makes of the text of a List or Count
 * and what every shard evaluates.
 *
 * The frontend parses (names and types need the namespace), the tree travels as a record
 * (vis_query_encode), a shard decodes it with bounds. Everything lives in an arena; immutable once
 * made, so any thread may read it. */
#ifndef GNOMON_VISIBILITY_QUERY_H
#define GNOMON_VISIBILITY_QUERY_H

#include "common/base/arena.h"
#include "common/base/err.h"

/* Numbers of temporal.api.enums.v1.IndexedValueType; part of the mesh format. */
enum vis_type {
    VIS_TEXT = 1, /* words */
    VIS_KEYWORD = 2,
    VIS_INT = 3,
    VIS_DOUBLE = 4,
    VIS_BOOL = 5,
    VIS_DATETIME = 6, /* ns since 1970 */
    VIS_KEYWORD_LIST = 7,
};

struct vis_value {     /* its kind is that of the comparison's `type` */
    struct slice text; /* TEXT, KEYWORD, KEYWORD_LIST */
    int64_t number;    /* INT, BOOL (0, 1), DATETIME; ExecutionStatus: the number of the status */
    double real;       /* DOUBLE */
};

enum vis_op {
    VIS_EQ = 1,
    VIS_NE,
    VIS_LT,
    VIS_LE,
    VIS_GT,
    VIS_GE,
    VIS_IN,
    VIS_NOT_IN,
    VIS_BETWEEN, /* values[0] <= x <= values[1] */
    VIS_NOT_BETWEEN,
    VIS_STARTS_WITH,
    VIS_NOT_STARTS_WITH,
    VIS_IS_NULL,
    VIS_IS_NOT_NULL,
};

enum vis_kind { VIS_AND = 1, VIS_OR, VIS_NOT, VIS_COMPARE };

/* What an execution lacks compares as in SQL: neither equal nor unequal (nor does NOT of that
 * hold), only IS NULL. What the reference reads differently the parser has spelled out:
 * - of a KEYWORD_LIST or TEXT, `!=` and NOT IN also hold where it is lacking: OR with IS NULL;
 * - a running execution's CloseTime is at the end of the year 9999;
 * - unless TemporalNamespaceDivision is named, the tree is "it IS NULL", or an AND whose first
 * child is that (vis_is_default_division()).
 *
 * KEYWORD compares as bytes. Of a KEYWORD_LIST, EQ and IN hold when one element equals one value,
 * NE and NOT IN when none does. Of a TEXT (only EQ, NE, IN, NOT_IN), a value is a phrase: its words
 * stand in the text one after the other; words are runs of letters and digits, without regard to
 * case. EQ and IN hold when one of the phrases is there, NE and NOT IN when none is.
 * values: BETWEEN two, IN one or more, IS NULL none, else one. An empty range (BETWEEN 1 AND 0) may
 * stand for "never". */
struct vis_node {
    enum vis_kind kind;
    /* AND, OR: two or more; NOT: one. */
    struct vis_node **children;
    uint32_t child_count;
    /* COMPARE. `name` is as the execution's row has it: "WorkflowType", "ExecutionStatus" (compared
     * as INT), or the name of a custom attribute. */
    struct slice name;
    enum vis_type type;
    bool is_custom;
    enum vis_op op;
    struct vis_value *values;
    uint32_t value_count;
};

enum { VIS_DEPTH_MAX = 64, VIS_NODES_MAX = 4096, VIS_VALUES_MAX = 10000, VIS_GROUPS_MAX = 1 };

struct vis_group {
    struct slice name;
    enum vis_type type;
    bool is_custom;
};

struct vis_query {
    struct vis_node *where;                    /* NULL: all */
    struct vis_group group_by[VIS_GROUPS_MAX]; /* of a count */
    uint32_t group_count;
};

/* The answer to a count with groups is CountWorkflowExecutionsResponse: of every group one payload,
 * encoded as the attribute is shown ("json/plain", with its "type"); an execution without the
 * attribute has an empty group: a payload "binary/null". */

static inline bool vis_is_default_division(const struct vis_node *node)
{
    return node->kind == VIS_COMPARE && node->op == VIS_IS_NULL && !node->is_custom &&
           slice_eq(node->name, SLICE_LIT("TemporalNamespaceDivision"));
}

struct buf;
void vis_query_encode(const struct vis_query *query, struct buf *out);
/* An empty body is the query for all. ERR_INVALID: not such a record, or past a bound. Shares
 * `body`, which must outlive the arena's use. */
MUST_USE enum err vis_query_decode(struct arena *arena, struct slice body, struct vis_query *out);

#endif
