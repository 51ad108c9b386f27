/* resets.c - clients that reset a workflow to one of its completed workflow tasks; and what they
 * hold the cluster to: it happens once, and the new run has what the old one was told. */
#include "tests/sim/script.h"

#define RESETTER "history-resetter"

struct reset {
    struct sim_script *script;
    uint32_t index;
    const char *run_id; /* that is reset */
};

static void ask_history(void *arg);

/* One after the other, each of the run that is current: what others were told does not come again.
 */
static void next_reset(struct reset *reset)
{
    struct sim *sim = reset->script->sim;

    if (reset->script->resets_open > 0)
        sim_later(sim, sim_between(sim, 0, 12 * NS_PER_S), ask_history, reset);
}

static void over(struct reset *reset)
{
    must(reset->script->resets_open > 0);
    reset->script->resets_open--;
    reset->index++;
    next_reset(reset);
}

static void reset_answered(void *arg, enum err err, const char *text, struct slice body)
{
    struct reset *reset = arg;
    struct sim_script *script = reset->script;
    struct sim *sim = script->sim;

    sim_note(sim, "reset", reset->index, err);
    if (err != ERR_OK)
        sim_fail(sim, "a reset is answered", "%s: %s %s", script->workflow_id, err_name(err), text);
    const char *run_id = arena_str(&sim->arena, wire_find_bytes(body, 1));
    sim_note_text(sim, "%s reset to %s", script->workflow_id, run_id);
    script->reset_run_id = run_id;
    sim->reset_count++;
    over(reset);
}

/* To any of its workflow tasks that were completed, as far as the first page tells. */
static void history_answered(void *arg, enum err err, const char *text, struct slice body)
{
    struct reset *reset = arg;
    struct sim_script *script = reset->script;
    struct sim *sim = script->sim;
    int64_t completed[64];
    uint32_t count = 0;

    UNUSED(text);
    if (err == ERR_OK) {
        const api_get_workflow_execution_history_response *response =
            sim_decode(sim, &api_get_workflow_execution_history_response__desc, body);
        const api_history *history = response->history;
        for (size_t i = 0; history && i < history->n_events && count < COUNT_OF(completed); i++)
            if (history->events[i]->event_type == EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
                completed[count++] = history->events[i]->event_id;
    }
    if (count == 0) {
        over(reset);
        return;
    }
    api_reset_workflow_execution_request *request =
        sim_message(sim, &api_reset_workflow_execution_request__desc);
    request->workflow_execution = sim_execution(sim, script->workflow_id, reset->run_id);
    request->reason = sim_str(sim, "scripted");
    request->workflow_task_finish_event_id = completed[rng_below(&sim->rng, count)];
    request->request_id =
        arena_printf(&sim->arena, "reset-%s-%u", script->workflow_id, reset->index);
    user_ask(sim, NULL,
             &(struct sim_ask){.method = METHOD_HISTORY_RESET_WORKFLOW,
                               .workflow_id = script->workflow_id,
                               .message = request},
             reset_answered, reset);
}

static void ask_history(void *arg)
{
    struct reset *reset = arg;
    struct sim *sim = reset->script->sim;
    api_get_workflow_execution_history_request *request =
        sim_message(sim, &api_get_workflow_execution_history_request__desc);

    reset->run_id =
        reset->script->reset_run_id ? reset->script->reset_run_id : reset->script->run_id;
    request->execution = sim_execution(sim, reset->script->workflow_id, reset->run_id);
    user_ask(sim, NULL,
             &(struct sim_ask){.method = METHOD_HISTORY_GET_HISTORY,
                               .workflow_id = reset->script->workflow_id,
                               .message = request},
             history_answered, reset);
}

void user_resets_begin(struct sim_script *script)
{
    struct reset *reset = ARENA_NEW(&script->sim->arena, struct reset);

    reset->script = script;
    script->resets_open = script->resets;
    next_reset(reset);
}

bool user_reset_ended(const api_history_event *event)
{
    return event->event_type == EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED &&
           strcmp(event->workflow_execution_terminated_event_attributes->identity, RESETTER) == 0;
}
