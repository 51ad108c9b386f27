/* signal_with_start_twice.c - defect: the request id of a signal with start is not kept when the
 * workflow is there already. */
#include "tests/sim/defects/defect.h"

#include "history/engine/engine.h"

enum err __real_engine_signal_at_once(struct transition *t,
                                      const api_signal_workflow_execution_request *request);
enum err __wrap_engine_signal_at_once(struct transition *t,
                                      const api_signal_workflow_execution_request *request);

enum err __wrap_engine_signal_at_once(struct transition *t,
                                      const api_signal_workflow_execution_request *request)
{
    static char none[] = "";
    api_signal_workflow_execution_request forgotten = *request;

    forgotten.request_id = none;
    return __real_engine_signal_at_once(t, &forgotten);
}
