/* reset.h - ResetWorkflowExecution: a new run begins with what another had before one of its
 * events, the fork, and goes on from there.
 *
 * The shard reads the history of the base run: what stands before the fork is rebuilt into the new
 * run (rebuild.h), of what stands behind, and of the runs that the base continued as, some events
 * come again. Then all of it is one record: the new run, the end of the current one, and a note in
 * the base. Spec: the reference's workflow resetter. */
#ifndef GNOMON_RESET_H
#define GNOMON_RESET_H

#include "history/engine/rebuild.h"
#include "history/engine/transition.h"

#define RESETTER_IDENTITY "history-resetter" /* of the event that ends the current run */

/* What the request leaves out of the events that come again: a set of RESET_REAPPLY_EXCLUDE_TYPE_*,
 * one bit each. */
uint32_t reset_excluded(const api_reset_workflow_execution_request *request);
/* All of them: then the history behind the fork need not be read. */
bool reset_excludes_all(uint32_t excluded);
/* Does an event of the base run behind the fork come again in the new one? */
bool reset_event_returns(const api_history_event *event, uint32_t excluded);

/* Can a run be reset to that? `detail` says why not: ERR_INVALID. `request` as it came, of a base
 * run with `next_event_id`; then the run that was rebuilt of its events before the fork. */
MUST_USE enum err reset_check_request(const api_reset_workflow_execution_request *request,
                                      int64_t next_event_id, struct err_detail *detail);
MUST_USE enum err reset_check_run(struct rebuilding *rebuilding, int64_t fork_event_id,
                                  const struct engine_limits *limits, struct err_detail *detail);

/* The current run makes room: terminated, with what was pending; its children and its parent are
 * not told. For the reason see the request. ERR_NOT_FOUND: it is closed. */
MUST_USE enum err engine_terminate_for_reset(struct transition *t, char *reason);
/* The base run, open or closed, learns of the run that was made of it. Before it is terminated. */
void engine_note_reset(struct transition *t, const char *reset_run_id);

struct engine_reset {
    const api_reset_workflow_execution_request *request;
    const struct run *base;              /* whose events it shares */
    const struct run *current;           /* NULL: there is none */
    const struct rebuilding *rebuilding; /* which made t->run of the events before the fork */
    int64_t fork_event_id;
    int64_t history_size_bytes; /* of these events */
    struct slice returning;     /* events that come again: repeated field 1 of History */
};
/* t->run was checked with reset_check_run(): writes what the reset adds to its history.
 * ERR_PRECONDITION: too many branches; ERR_CORRUPT. Sets t->reply. */
MUST_USE enum err engine_reset(struct transition *t, const struct engine_reset *reset);

#endif
