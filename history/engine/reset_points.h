/* reset_points.h - the points to which a run can be reset: the first workflow task that each worker
 * build completed. What Describe shows as auto_reset_points, and the search attributes of it. */
#ifndef GNOMON_RESET_POINTS_H
#define GNOMON_RESET_POINTS_H

#include "api.h"
#include "common/base/buf.h"
#include "history/engine/run.h"

/* As many as `history.maxAutoResetPoints` of the reference; then the oldest goes. */
enum { RESET_POINTS_MAX = 20 };

/* A task was completed: true when the run has a new point. `arena` is scratch. */
bool run_add_reset_point(struct run *run, struct arena *arena,
                         const api_workflow_task_completed_event_attributes *completed,
                         int64_t event_id, int64_t now_ns);

/* Two encoded ResetPoints, whether they can be reset to set aside: a child that ended while a task
 * was at work was no longer pending, but its end stands behind that task in the history. */
bool run_same_reset_points(struct slice a, struct slice b);

/* Encoded ResetPoints as they are shown: of a run that continued as a new one they expire with it.
 * The new run goes on with these. */
struct slice run_shown_reset_points(const struct run *run, struct arena *arena);

/* Where a reset of the run is to fork. */
struct reset_point {
    char run_id[UUID_TEXT_LEN + 1];
    int64_t event_id;   /* the completion of the binary's first workflow task */
    const char *reason; /* why the binary is bad; in the arena */
};
/* The first point of a binary that is in `bad` (encoded BadBinaries), if the run can still be reset
 * to it. false: there is none. */
bool run_bad_reset_point(const struct run *run, struct arena *arena, struct slice bad,
                         int64_t now_ns, struct reset_point *out);

/* What counts for the size of the search attributes: those that are shown, also the server's own,
 * and what is added, which wins. */
api_search_attributes *run_counted_search_attributes(const struct run *run, struct arena *arena,
                                                     const api_search_attributes *added);
/* Set, replace or (with an empty value) remove search attributes; NULL: none. */
void run_merge_search_attributes(struct run *run, struct arena *arena,
                                 const api_search_attributes *added);

/* A JSON string: `prefix` and `text`. */
void run_json_text(struct buf *out, const char *prefix, const char *text);

/* The run's search attributes as they are shown: its own, BuildIds, BinaryChecksums,
 * TemporalReportedProblems and TemporalPauseInfo. Encoded SearchAttributes, empty when there are
 * none. */
struct slice run_shown_search_attributes(const struct run *run, struct arena *arena);

#endif
