/* match.h - does an execution satisfy a filter? Pure; any thread. */
#ifndef GNOMON_HISTORY_VISIBILITY_MATCH_H
#define GNOMON_HISTORY_VISIBILITY_MATCH_H

#include "history/visibility/execution.h"

/* `where` NULL: all. `arena` for what must be decoded on the way. */
bool vis_matches(const struct vis_node *where, const struct vis_execution *execution,
                 struct arena *arena);

/* The value as a comparison of that type reads it. false: it has another type, and counts as
 * absent. */
bool vis_read_as(enum vis_type type, struct vis_datum *datum);

#endif
