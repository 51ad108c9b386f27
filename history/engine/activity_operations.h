/* activity_operations.h - what clients may do to pending activities: pause, unpause, reset, change
 * their options.
 *
 * Each names activities by id, by type, or all of them; either all that are named are changed or,
 * with an error, none. Nothing of it is in the history: the fields are durable-only.
 * Errors: ERR_NOT_FOUND no such activity, or the run has closed; ERR_PRECONDITION paused already;
 * ERR_INVALID options that are no good.
 * Spec: PauseActivity, UnpauseActivity, ResetActivity, UpdateActivityOptions. */
#ifndef GNOMON_ACTIVITY_OPERATIONS_H
#define GNOMON_ACTIVITY_OPERATIONS_H

#include "history/engine/transition.h"

MUST_USE enum err engine_pause_activity(struct transition *t,
                                        const api_pause_activity_request *request);
MUST_USE enum err engine_unpause_activity(struct transition *t,
                                          const api_unpause_activity_request *request);
MUST_USE enum err engine_reset_activity(struct transition *t,
                                        const api_reset_activity_request *request);
MUST_USE enum err
engine_update_activity_options(struct transition *t,
                               const api_update_activity_options_request *request);

#endif
