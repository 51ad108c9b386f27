/* options.h - options of a running workflow: what a client changes, or attaches to it. */
#ifndef GNOMON_OPTIONS_H
#define GNOMON_OPTIONS_H

#include "history/engine/transition.h"

/* UpdateWorkflowExecutionOptions: WorkflowExecutionOptionsUpdated unless nothing changes.
 * ERR_NOT_FOUND: the run has closed; ERR_INVALID, ERR_PRECONDITION. */
MUST_USE enum err
engine_update_options(struct transition *t,
                      const api_update_workflow_execution_options_request *request);

/* A start that meets this open run (START_USE_EXISTING) attaches what its on_conflict_options say.
 * ERR_INVALID, ERR_PRECONDITION. Sets t->reply. */
MUST_USE enum err engine_attach(struct transition *t,
                                const api_start_workflow_execution_request *request);
/* The answer to a start whose request id is attached to the run. */
struct slice engine_attached_reply(const struct run *run, struct arena *arena,
                                   const char *request_id);

/* -- inside the engine ----------------------------------------------------------------------- */

/* An override as events have it and runs keep it: deprecated forms are translated. In the arena;
 * NULL: none. */
api_versioning_override *versioning_override_kept(struct arena *arena,
                                                  const api_versioning_override *in);
MUST_USE enum err check_versioning_override(struct transition *t, const api_versioning_override *in,
                                            const char *queue);
void run_set_versioning_override(struct run *run, struct arena *arena,
                                 const api_versioning_override *in);
/* What a WorkflowExecutionOptionsUpdated event changes; its id 0: it joined the buffer. Callbacks
 * that it attaches to updates are kept only `with_updates`. */
void run_options_apply(struct run *run, struct arena *arena, const api_history_event *event,
                       bool with_updates);
/* Whether the updates of such an event may have the callbacks that it attaches to them. */
MUST_USE enum err options_check_updates(struct transition *t, const api_history_event *event);
/* The event that attaches callbacks to an update: not written yet; or written and applied. */
api_history_event *options_event_of_update(struct transition *t, struct slice update_id,
                                           const api_update_request *request);
void options_of_update(struct transition *t, struct slice update_id,
                       const api_update_request *request);
/* Such an event left the buffer: it has an id. */
void run_options_flushed(struct run *run, const api_history_event *event);

#endif
