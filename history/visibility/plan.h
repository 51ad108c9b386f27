/* plan.h - which rows a filter need be tried on, as lists of the index. Pure; any thread. */
#ifndef GNOMON_HISTORY_VISIBILITY_PLAN_H
#define GNOMON_HISTORY_VISIBILITY_PLAN_H

#include "history/visibility/postings.h"

enum { VIS_LISTS_MAX = 8, VIS_TERMS_MAX = 64 };

/* What matches stands in every list; it stands in a list when it has one of its terms. Of a span,
 * what is open stands there whatever its status, and even if it is in a division. */
struct vis_list {
    struct vis_term *terms;
    uint32_t count;
    bool exact; /* whoever is closed and stands in it satisfies this part of the filter */
};

struct vis_plan {
    struct vis_list lists[VIS_LISTS_MAX];
    uint32_t count;  /* 0: the index says nothing of this filter */
    bool exact;      /* whoever is closed and stands in all lists satisfies the filter */
    bool open_exact; /* so does whoever is open: there is no span */
};

/* `where` may be NULL. The plan is in `arena`, and shares the tree. A filter that does not begin
 * with the default division (query.h) has no lists: what is in a division is not in the index. */
struct vis_plan vis_plan_of(const struct vis_node *where, struct arena *arena);

/* Does every list ask for a range of values, so that all have to be collected? */
bool vis_plan_is_of_ranges(const struct vis_plan *plan);

/* Is it of the default division only? */
bool vis_is_default(const struct vis_node *where);

/* Does the filter ask for the status only, within the default division? Then counters answer. */
bool vis_is_of_status(const struct vis_node *where);

/* May an execution with this status match? false: no; what is asked of the status alone says so. */
bool vis_may_have_status(const struct vis_node *where, int32_t status, struct arena *scratch);

#endif
