/* signal_hastens.c - defect: a signal does not let a run wait for its time, be it the back-off of a
 * retry or a schedule. */
#include "tests/sim/defects/defect.h"

#include "history/engine/engine.h"

enum err __wrap_engine_signal(struct transition *t,
                              const api_signal_workflow_execution_request *request);

enum err __wrap_engine_signal(struct transition *t,
                              const api_signal_workflow_execution_request *request)
{
    return engine_signal_at_once(t, request);
}
