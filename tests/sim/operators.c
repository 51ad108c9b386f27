/* operators.c - operators: they pause workflows and their activities, let them go on, and begin
 * attempts anew. What they hold up, they let go once all faults are over. */
#include "tests/sim/script.h"

enum { AGAIN_S = 5 };

struct operator
{
    struct sim_script *script;
    uint32_t left; /* things to do; of a workflow a pause and its end are one */
    bool of_activities;
    bool paused;
    uint32_t asked;
};

static void act(void *arg);

static void answered(void *arg, enum err err, const char *text, struct slice body)
{
    struct operator* operator= arg;
    const struct sim_script *script = operator->script;
    struct sim *sim = script->sim;

    UNUSED(body);
    sim_note(sim, operator->of_activities ? "activities" : "pause",
             (uint64_t)(script - sim->scripts), err);
    /* It has closed, has none that runs, is paused already or not at all: a late request of the
     * same operator may have come after its answer was given up. */
    if (err != ERR_OK && err != ERR_NOT_FOUND && err != ERR_PRECONDITION) {
        sim_fail(sim, "an operator is answered", "%s: %s %s", script->workflow_id, err_name(err),
                 text);
        return;
    }
    sim->operations += err == ERR_OK;
    if (script->closed)
        return;
    if (operator->left> 0)
        sim_later(sim, sim_between(sim, 0, 4 * NS_PER_S), act, operator);
    else
        sim_later(sim, AGAIN_S * NS_PER_S, act, operator);
}

static void ask(struct operator* operator, enum mesh_method method, const void *message)
{
    user_ask(operator->script->sim, NULL,
             &(struct sim_ask){.method = method,
                               .workflow_id = operator->script->workflow_id,
                               .message = message},
             answered, operator);
}

static void pause_workflow(struct operator* operator)
{
    struct sim *sim = operator->script->sim;
    api_pause_workflow_execution_request *request =
        sim_message(sim, &api_pause_workflow_execution_request__desc);

    request->workflow_id = sim_str(sim, operator->script->workflow_id);
    request->reason = sim_str(sim, "scripted");
    request->request_id =
        arena_printf(&sim->arena, "pause-%s-%u", operator->script->workflow_id, operator->asked++);
    ask(operator, METHOD_HISTORY_PAUSE_WORKFLOW, request);
}

static void unpause_workflow(struct operator* operator)
{
    struct sim *sim = operator->script->sim;
    api_unpause_workflow_execution_request *request =
        sim_message(sim, &api_unpause_workflow_execution_request__desc);

    request->workflow_id = sim_str(sim, operator->script->workflow_id);
    request->request_id = arena_printf(
        &sim->arena, "unpause-%s-%u", operator->script->workflow_id, operator->asked++);
    ask(operator, METHOD_HISTORY_UNPAUSE_WORKFLOW, request);
}

static void pause_activities(struct operator* operator)
{
    struct sim *sim = operator->script->sim;
    api_pause_activity_request *request = sim_message(sim, &api_pause_activity_request__desc);

    request->execution = sim_execution(sim, operator->script->workflow_id, "");
    request->activity_case =
        TEMPORAL__API__WORKFLOWSERVICE__V1__PAUSE_ACTIVITY_REQUEST__ACTIVITY_TYPE;
    request->type = sim_str(sim, "Scripted");
    request->reason = sim_str(sim, "scripted");
    ask(operator, METHOD_HISTORY_PAUSE_ACTIVITY, request);
}

static void unpause_activities(struct operator* operator)
{
    struct sim *sim = operator->script->sim;
    api_unpause_activity_request *request = sim_message(sim, &api_unpause_activity_request__desc);

    request->execution = sim_execution(sim, operator->script->workflow_id, "");
    request->activity_case =
        TEMPORAL__API__WORKFLOWSERVICE__V1__UNPAUSE_ACTIVITY_REQUEST__ACTIVITY_UNPAUSE_ALL;
    request->unpause_all = true;
    request->reset_attempts = operator->script->resets_activities && sim_chance(sim, 300000);
    ask(operator, METHOD_HISTORY_UNPAUSE_ACTIVITY, request);
}

static void reset_activities(struct operator* operator)
{
    struct sim *sim = operator->script->sim;
    api_reset_activity_request *request = sim_message(sim, &api_reset_activity_request__desc);

    request->execution = sim_execution(sim, operator->script->workflow_id, "");
    request->activity_case =
        TEMPORAL__API__WORKFLOWSERVICE__V1__RESET_ACTIVITY_REQUEST__ACTIVITY_MATCH_ALL;
    request->match_all = true;
    request->keep_paused = sim_chance(sim, 500000);
    request->reset_heartbeat = sim_chance(sim, 500000);
    ask(operator, METHOD_HISTORY_RESET_ACTIVITY, request);
}

/* The next thing; with nothing left or faults over, what is paused goes on, again and again until
 * the workflow has closed. */
static void act(void *arg)
{
    struct operator* operator= arg;
    struct sim *sim = operator->script->sim;

    if (operator->script->closed || sim->stopping)
        return;
    if (sim->calm)
        operator->left = 0;
    const bool more = operator->left> 0 && !operator->paused;
    operator->left -= more;
    if (operator->of_activities && operator->script->resets_activities && more &&
        sim_chance(sim, 400000)) {
        reset_activities(operator);
        return;
    }
    operator->paused = more;
    if (operator->of_activities && more)
        pause_activities(operator);
    else if (operator->of_activities)
        unpause_activities(operator);
    else if (more)
        pause_workflow(operator);
    else
        unpause_workflow(operator);
}

static void begin(struct sim_script *script, uint32_t count, bool of_activities)
{
    struct sim *sim = script->sim;
    struct operator* operator= ARENA_NEW(&sim->arena, struct operator);

    if (count == 0)
        return;
    *operator=(struct operator){.script = script, .left = count, .of_activities = of_activities};
    sim_later(sim, sim_between(sim, 0, 6 * NS_PER_S), act, operator);
}

void user_operators_begin(struct sim_script *script)
{
    begin(script, script->pauses, false);
    begin(script, script->operations, true);
}
