/* pause_hears.c - defect: a signal wakes a paused workflow. */
#include "tests/sim/defects/defect.h"

#include "history/engine/engine.h"

enum err __real_engine_signal(struct transition *t,
                              const api_signal_workflow_execution_request *request);
enum err __wrap_engine_signal(struct transition *t,
                              const api_signal_workflow_execution_request *request);

enum err __wrap_engine_signal(struct transition *t,
                              const api_signal_workflow_execution_request *request)
{
    const int32_t status = t->run->status;

    if (status == WORKFLOW_EXECUTION_STATUS_PAUSED)
        t->run->status = WORKFLOW_EXECUTION_STATUS_RUNNING;
    const enum err err = __real_engine_signal(t, request);
    t->run->status = status;
    return err;
}
