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

/* What an execution lacks compares as in SQL: neither equal nor unequal, only IS NULL. */
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

struct buf;
void vis_query_encode(const struct vis_query *query, struct buf *out);
/* ERR_INVALID: not such a record, or past a bound. Shares `body`, which must outlive the arena's
 * use. */
MUST_USE enum err vis_query_decode(struct arena *arena, struct slice body, struct vis_query *out);

#endif
