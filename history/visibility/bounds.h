/* bounds.h - which part of the list order a filter can be true in. */
#ifndef GNOMON_HISTORY_VISIBILITY_BOUNDS_H
#define GNOMON_HISTORY_VISIBILITY_BOUNDS_H

#include "common/visibility/query.h"

#define VIS_CLOSE_OPEN INT64_MAX /* the close time of what is open, in the order of the list */

struct vis_bounds {
    int64_t close_min, close_max; /* min > max: nothing can match */
    struct slice workflow_id;     /* when not empty: no other one can match */
};

/* `where` NULL: everything. Borrows the tree's texts. */
struct vis_bounds vis_bounds_of(const struct vis_node *where);

#endif
