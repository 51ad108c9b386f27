/* child_int.h - what the files about other executions share. Nobody else includes it. */
#ifndef GNOMON_CHILD_INT_H
#define GNOMON_CHILD_INT_H

#include "history/engine/child.h"
#include "history/engine/engine_int.h"

/* The item is over: drop its row, free it. */
void child_end(struct transition *t, struct child *child);
void external_end(struct transition *t, struct external *external);

/* An effect of this run, without target and payload. */
struct rpc_effect effect_of_run(struct transition *t, enum rpc_effect_kind kind,
                                int64_t initiated_event_id);

/* The parent's priority, but for what the command sets; NULL: neither has one. */
api_priority *child_priority(struct transition *t, const api_priority *given);

/* Requests as their Initiated events, which have a target, say them (asks.c); they give the numbers
 * of their rows. */
uint64_t ask_signal(struct transition *t, int64_t initiated_id,
                    const api_signal_external_workflow_execution_initiated_event_attributes *a);
uint64_t
ask_cancel(struct transition *t, int64_t initiated_id,
           const api_request_cancel_external_workflow_execution_initiated_event_attributes *a);
/* The start of a child, but for what only the child knows: namespace and request id. */
api_start_workflow_execution_request *
ask_start_request(struct transition *t,
                  const api_start_child_workflow_execution_initiated_event_attributes *a);
/* `heir_of`: see effect.h; empty unless the run is made by a reset. */
uint64_t ask_start(struct transition *t, const struct child *child,
                   api_start_workflow_execution_request *request, struct slice heir_of);

/* The namespace that a command names; an empty name is the run's own. ERR_NOT_FOUND with detail. */
enum err command_namespace(struct transition *t, const char *name, struct slice *id,
                           struct slice *full_name);
/* Commands may act beyond the run's own namespace only where that is switched on. */
const char *check_cross_namespace(const struct transition *t, struct slice target_namespace_id);

#endif
