/* signal_twice.c - defect: request ids of signals are not kept, so that a repeat is a new one. */
#include "tests/sim/defects/defect.h"

#include "history/engine/engine.h"

enum err __real_engine_signal(struct transition *t,
                              const api_signal_workflow_execution_request *request);
enum err __wrap_engine_signal(struct transition *t,
                              const api_signal_workflow_execution_request *request);

enum err __wrap_engine_signal(struct transition *t,
                              const api_signal_workflow_execution_request *request)
{
    static char none[] = "";
    api_signal_workflow_execution_request forgotten = *request;

    forgotten.request_id = none;
    return __real_engine_signal(t, &forgotten);
}
