/* unpause_forgets.c - defect: a workflow that goes on after a pause is not given a task. */
#include "tests/sim/defects/defect.h"

#include "history/engine/engine.h"

enum err __real_engine_unpause_workflow(struct transition *t,
                                        const api_unpause_workflow_execution_request *request);
enum err __wrap_engine_unpause_workflow(struct transition *t,
                                        const api_unpause_workflow_execution_request *request);
void __real_transition_need_workflow_task(struct transition *t);
void __wrap_transition_need_workflow_task(struct transition *t);

static bool unpausing;

enum err __wrap_engine_unpause_workflow(struct transition *t,
                                        const api_unpause_workflow_execution_request *request)
{
    unpausing = true;
    const enum err err = __real_engine_unpause_workflow(t, request);
    unpausing = false;
    return err;
}

void __wrap_transition_need_workflow_task(struct transition *t)
{
    if (!unpausing)
        __real_transition_need_workflow_task(t);
}
