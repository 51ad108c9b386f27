/* rebuild.h - a run's derived fields, made anew from its events: what the checker compares. */
#ifndef GNOMON_REBUILD_H
#define GNOMON_REBUILD_H

#include "common/base/err.h"
#include "history/engine/run.h"

/* Page by page: a run that is being rebuilt. */
struct rebuilding;

/* `run_id`: of the run to be made; NULL: that of its Started event. `request_id`: of its start,
 * which is not in the events; may be NULL. With `keep_initiated` the events that ask other
 * executions for something are kept while they are pending. Ended by rebuild_free(). */
struct rebuilding *rebuild_new(const char *run_id, const char *request_id, bool keep_initiated);
void rebuild_free(struct rebuilding *r); /* with its run, unless that was taken */

/* The next events: repeated field 1 of History. `scratch` may be reset between two calls.
 * ERR_CORRUPT: they are not legal; *why (in `scratch`) says which. */
MUST_USE enum err rebuild_add(struct rebuilding *r, struct arena *scratch, struct slice events,
                              const char **why);
/* What came of them so far, borrowed; or owned by the caller from now on. */
struct run *rebuild_run(struct rebuilding *r);
struct run *rebuild_take(struct rebuilding *r);
/* Its last workflow task failed or timed out, and the next one is not in the history yet. */
bool rebuild_task_failed(const struct rebuilding *r);
/* The kept event that asked for what is pending since; NULL: none. Borrowed from `r`. */
struct slice rebuild_initiated(const struct rebuilding *r, int64_t initiated_event_id);

/* `history` and `buffered` are events as the store keeps them: repeated field 1 of History. Only
 * DERIVED fields of run_fields.def and the derived ones of items are filled. Gives *out, ended by
 * run_free(). ERR_CORRUPT: not a legal history: ids with gaps, an event after the end, an event
 * that its predecessors do not allow; *why says which. */
MUST_USE enum err run_rebuild(struct arena *arena, struct slice history, struct slice buffered,
                              struct run **out, const char **why);

#endif
