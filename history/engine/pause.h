/* pause.h - a workflow execution that is paused: it goes on accepting what comes, and hands out
 * neither workflow tasks nor the activities that wait, until it is unpaused.
 *
 * Spec: PauseWorkflowExecution, UnpauseWorkflowExecution. A workflow task that is with a worker may
 * be completed, activities that are with a worker go on, and are tried again when they fail. */
#ifndef GNOMON_PAUSE_H
#define GNOMON_PAUSE_H

#include "history/engine/transition.h"

static inline bool run_is_paused(const struct run *run)
{
    return run->status == WORKFLOW_EXECUTION_STATUS_PAUSED;
}

/* ERR_NOT_FOUND: closed; ERR_PRECONDITION: paused by another request, or not paused; ERR_INVALID: a
 * text that is too long. */
MUST_USE enum err engine_pause_workflow(struct transition *t,
                                        const api_pause_workflow_execution_request *request);
MUST_USE enum err engine_unpause_workflow(struct transition *t,
                                          const api_unpause_workflow_execution_request *request);

/* What the events Paused and Unpaused mean for a run. */
void run_set_paused(struct run *run, int64_t at_ns,
                    const api_workflow_execution_paused_event_attributes *paused);
void run_set_unpaused(struct run *run);

/* Something of the run was paused or unpaused: what the search attribute TemporalPauseInfo shows of
 * it. Spec: an activity that ends while it is paused leaves the attribute as it is. */
void run_show_pauses(struct transition *t);

#endif
