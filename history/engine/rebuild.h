/* rebuild.h - a run's derived fields, made anew from its events: what the checker compares. */
#ifndef GNOMON_REBUILD_H
#define GNOMON_REBUILD_H

#include "common/base/err.h"
#include "history/engine/run.h"

/* `history` and `buffered` are events as the store keeps them: repeated field 1 of History. Only
 * DERIVED fields of run_fields.def and the derived ones of items are filled. Gives *out, ended by
 * run_free(). ERR_CORRUPT: not a legal history: ids with gaps, an event after the end, an event
 * that its predecessors do not allow; *why says which. */
MUST_USE enum err run_rebuild(struct arena *arena, struct slice history, struct slice buffered,
                              struct run **out, const char **why);

#endif
