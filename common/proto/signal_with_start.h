/* signal_with_start.h - SignalWithStartWorkflowExecution as the two requests that it stands for. */
#ifndef GNOMON_SIGNAL_WITH_START_H
#define GNOMON_SIGNAL_WITH_START_H

#include "api.h"
#include "common/base/arena.h"

/* The start that it makes where no run is open: with the id policies' defaults filled in, a running
 * workflow being used. In `arena`; keeps the members of `request`. */
api_start_workflow_execution_request *
signal_with_start_start(struct arena *arena,
                        const api_signal_with_start_workflow_execution_request *request);

/* The signal that it sends to the run that is open, or to the new one. Likewise. */
api_signal_workflow_execution_request *
signal_with_start_signal(struct arena *arena,
                         const api_signal_with_start_workflow_execution_request *request);

#endif
