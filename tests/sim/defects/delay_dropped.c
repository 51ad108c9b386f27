/* delay_dropped.c - defect: a start that asks for a delay begins at once. */
#include "tests/sim/defects/defect.h"

#include "history/engine/engine.h"

enum err __real_engine_start(struct transition *t, const struct engine_start *start);
enum err __wrap_engine_start(struct transition *t, const struct engine_start *start);

enum err __wrap_engine_start(struct transition *t, const struct engine_start *start)
{
    api_start_workflow_execution_request request = *start->request;
    struct engine_start at_once = *start;

    request.workflow_start_delay = NULL;
    at_once.request = &request;
    return __real_engine_start(t, &at_once);
}
