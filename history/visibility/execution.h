/* execution.h - an execution as filters see it: the attributes that its visibility row holds.
 *
 * A view over the encoded WorkflowExecutionInfo: nothing is decoded before it is asked for, so that
 * a scan costs a walk over a few hundred bytes per row. */
#ifndef GNOMON_HISTORY_VISIBILITY_EXECUTION_H
#define GNOMON_HISTORY_VISIBILITY_EXECUTION_H

#include "common/base/arena.h"
#include "common/visibility/query.h"

enum vis_shape { VIS_SHAPE_STRING = 1, VIS_SHAPE_INTEGER, VIS_SHAPE_REAL, VIS_SHAPE_BOOL };

struct vis_datum {
    enum vis_shape shape;
    struct slice text; /* STRING */
    int64_t number;    /* INTEGER, BOOL; of system attributes also times */
    double real;       /* REAL; of an INTEGER the same */
};

struct vis_relation {
    struct slice workflow_id, run_id;
};

struct vis_execution {
    struct vis_relation self, parent, root;
    struct slice workflow_type, task_queue;
    int64_t start_ns, close_ns, execution_ns, duration_ns;
    int64_t history_length, history_bytes, transitions;
    int32_t status;
    struct slice attributes; /* SearchAttributes, encoded */
};

/* false: malformed. Shares `info`. */
MUST_USE bool vis_execution_read(struct slice info, struct vis_execution *out);

/* The value of a system attribute. false: it has none (or there is no such attribute). */
bool vis_system_value(const struct vis_execution *execution, struct slice name,
                      struct vis_datum *out);

/* A search attribute: JSON, the type that its payload names (0: none). false: it has none. */
struct vis_attribute_value {
    struct slice name, json;
    enum vis_type type;
};
bool vis_attribute_find(const struct vis_execution *execution, struct slice name,
                        struct vis_attribute_value *out);
/* All of them, one after the other; an entry may be overridden by a later one of the same name.
 * Begin with *rest = execution->attributes. */
bool vis_attribute_next(struct slice *rest, struct vis_attribute_value *out);

/* The elements of a JSON value: one, or those of a list; what is no scalar ends the walk. Texts
 * with escapes are decoded into the arena. Begin with a zeroed walk and `rest` the JSON. */
struct vis_elements {
    struct slice rest;
    bool begun, in_list, over;
};
bool vis_element_next(struct vis_elements *walk, struct arena *arena, struct vis_datum *out);

/* "Keyword", as the metadata of a payload names a type. */
const char *vis_type_shown(enum vis_type type);

/* RFC 3339, years 1678 to 2261. */
bool vis_time_parse(struct slice text, int64_t *out_ns);

#endif
