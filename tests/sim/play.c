/* play.c - see play.h. */
#include "tests/sim/play.h"

#include <stdio.h>

/* -- what events say --------------------------------------------------------------------------- */

int play_activity_bit(const char *id)
{
    uint32_t step, k;

    if (sscanf(id, "a%u.%u", &step, &k) != 2 || step >= SCRIPT_STEPS || k >= STEP_ACTIVITIES)
        return -1;
    return (int)(step * STEP_ACTIVITIES + k);
}

static int timer_bit(const char *id)
{
    uint32_t step, k;

    if (sscanf(id, "t%u.%u", &step, &k) != 2 || step >= SCRIPT_STEPS || k >= STEP_TIMERS)
        return -1;
    return (int)(step * STEP_TIMERS + k);
}

static void activity_ended(struct sim *sim, struct view *view, int64_t scheduled_id)
{
    for (uint32_t i = 0; i < ACTIVITY_BITS; i++)
        if (scheduled_id > 0 && view->scheduled[i] == scheduled_id) {
            if (view->ended[i])
                sim_fail(sim, "an activity ends once", "run %s, scheduled event %lld", view->run_id,
                         (long long)scheduled_id);
            view->ended[i] = true;
            return;
        }
    sim_fail(sim, "histories are legal", "run %s: an end of unknown activity %lld", view->run_id,
             (long long)scheduled_id);
}

/* By virtual time, where wall clocks do not jump. A shard's clock may run a hundredth fast, and
 * fact->count is the number of shards opened when the timer was asked for. */
static void timer_fired(struct sim *sim, struct view *view, const struct sim_script *script,
                        const char *timer_id)
{
    const int bit = timer_bit(timer_id);

    if (bit < 0 || !view->timer_started[bit] || view->timer_fired[bit]) {
        sim_fail(sim, "a timer fires once", "run %s timer %s", view->run_id, timer_id);
        return;
    }
    view->timer_fired[bit] = true;
    const int64_t span_ns = script->steps[bit / STEP_TIMERS].timer_ns[bit % STEP_TIMERS];
    struct fact *asked = fact_get(sim, "timer %s %s", view->run_id, timer_id);
    if (asked->count == 0) /* by the run that this one was reset from */
        asked = fact_get(sim, "timer of %s %s", script->workflow_id, timer_id);
    const int64_t waited_ns = sim->now_ns - asked->first_ns;
    /* A shard that is taken over at once may begin ahead by what separates two clock rows. */
    const int64_t ahead_ns = (int64_t)(sim->opens - asked->count) * 100 * NS_PER_MS;
    if (!sim->faults.jump_ns && waited_ns + ahead_ns < span_ns - span_ns / 50 - NS_PER_MS)
        sim_fail(sim, "a timer is never early", "run %s timer %s: %lld ms of %lld", view->run_id,
                 timer_id, (long long)(waited_ns / NS_PER_MS), (long long)(span_ns / NS_PER_MS));
}

static bool once(struct sim *sim, const struct view *view, bool *flag, const char *what)
{
    if (*flag)
        sim_fail(sim, "effects on others happen once", "run %s: %s twice", view->run_id, what);
    *flag = true;
    return true;
}

/* What becomes of a child and of signals to it; false: an event of another sort. */
static bool view_child_event(struct sim *sim, struct view *view, const struct sim_script *script,
                             const api_history_event *event)
{
    switch (event->event_type) {
    case EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
        return once(sim, view, &view->child_initiated, "a child's start");
    case EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED:
        sim_fail(sim, "a child starts", "run %s: it is said to exist", view->run_id);
        return true;
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED:
        (void)fact_get(sim, "child started %s", script->child->workflow_id);
        return once(sim, view, &view->child_started, "child started");
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED:
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED:
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED:
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED:
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT:
        return once(sim, view, &view->child_ended, "a child's end");
    case EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
        view->signals_initiated++;
        return true;
    case EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED:
        if (++view->signals_answered > view->signals_initiated)
            sim_fail(sim, "effects on others happen once", "run %s: signals", view->run_id);
        return true;
    case EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED:
        sim_fail(sim, "a signal finds its workflow", "run %s: its child waits for it",
                 view->run_id);
        return true;
    default:
        return false;
    }
}

/* Which run of the chain it is, and the signals that those before it had. */
static void view_started(struct sim *sim, struct view *view, const struct sim_script *script,
                         const api_workflow_execution_started_event_attributes *a)
{
    const api_payloads *from = a->input;

    if (script->chain == CHAIN_CRON && a->last_completion_result)
        from = a->last_completion_result;
    if (sscanf(sim_payload_text(sim, from), "%u %u", &view->generation, &view->carried) != 2)
        sim_fail(sim, "histories are legal", "run %s: strange input", view->run_id);
    if (script->chain == CHAIN_CRON && a->last_completion_result)
        view->generation++;
    if (script->chain == CHAIN_RETRIES)
        view->generation = (uint32_t)a->attempt;
    if (view->generation > script->generations)
        sim_fail(sim, "a chain has the runs that are foreseen", "run %s: number %u of %u",
                 view->run_id, view->generation, script->generations);
}

void play_event(struct sim *sim, struct view *view, const struct sim_script *script,
                const api_history_event *event)
{
    int bit;

    switch (event->event_type) {
    case EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
        view_started(sim, view, script, event->workflow_execution_started_event_attributes);
        break;
    case EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
        bit = play_activity_bit(event->activity_task_scheduled_event_attributes->activity_id);
        if (bit < 0 || view->scheduled[bit])
            sim_fail(sim, "a command is carried out once", "run %s activity %d", view->run_id, bit);
        else
            view->scheduled[bit] = event->event_id;
        break;
    case EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
        activity_ended(sim, view,
                       event->activity_task_completed_event_attributes->scheduled_event_id);
        break;
    case EVENT_TYPE_ACTIVITY_TASK_FAILED:
        activity_ended(sim, view, event->activity_task_failed_event_attributes->scheduled_event_id);
        break;
    case EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
        activity_ended(sim, view,
                       event->activity_task_timed_out_event_attributes->scheduled_event_id);
        break;
    case EVENT_TYPE_TIMER_STARTED:
        bit = timer_bit(event->timer_started_event_attributes->timer_id);
        if (bit < 0 || view->timer_started[bit])
            sim_fail(sim, "a command is carried out once", "run %s timer %d", view->run_id, bit);
        else
            view->timer_started[bit] = true;
        break;
    case EVENT_TYPE_TIMER_FIRED:
        timer_fired(sim, view, script, event->timer_fired_event_attributes->timer_id);
        break;
    case EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
        view->completed_event_id = event->event_id;
        break;
    case EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
        view->signals++;
        break;
    case EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
        view->cancel_requested = true;
        break;
    default:
        (void)(user_updates_event(sim, view, script, event) ||
               view_child_event(sim, view, script, event));
        break;
    }
}

/* -- what a script does next ------------------------------------------------------------------- */

static api_command *command(struct sim *sim, struct decision *d, int type, int attributes_case)
{
    api_command *c = sim_message(sim, &api_command__desc);

    c->command_type = (Temporal__Api__Enums__V1__CommandType)type;
    c->attributes_case = (Temporal__Api__Command__V1__Command__AttributesCase)attributes_case;
    d->commands[d->count++] = c;
    return c;
}

static void begin_activity(struct sim *sim, struct decision *d, const struct script_activity *what,
                           const char *id)
{
    api_command *c = command(sim, d, COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK,
                             API_COMMAND_ATTRIBUTES_SCHEDULE_ACTIVITY_TASK_COMMAND_ATTRIBUTES);
    api_schedule_activity_task_command_attributes *a =
        sim_message(sim, &api_schedule_activity_task_command_attributes__desc);

    a->activity_id = sim_str(sim, id);
    a->activity_type = sim_message(sim, &api_activity_type__desc);
    a->activity_type->name = sim_str(sim, "Scripted");
    a->task_queue = sim_task_queue(sim, SIM_QUEUE, NULL);
    a->schedule_to_close_timeout = proto_duration(&sim->arena, 400 * NS_PER_S);
    a->start_to_close_timeout = proto_duration(&sim->arena, 3 * NS_PER_S);
    if (what->heartbeat)
        a->heartbeat_timeout = proto_duration(&sim->arena, NS_PER_S);
    a->retry_policy = sim_message(sim, &api_retry_policy__desc);
    a->retry_policy->initial_interval = proto_duration(&sim->arena, 200 * NS_PER_MS);
    a->retry_policy->maximum_interval = proto_duration(&sim->arena, 2 * NS_PER_S);
    a->retry_policy->backoff_coefficient = 1.5;
    a->retry_policy->maximum_attempts = what->attempts_max;
    c->schedule_activity_task_command_attributes = a;
}

static void begin_timer(struct sim *sim, struct decision *d, int64_t ns, const char *id)
{
    api_command *c = command(sim, d, COMMAND_TYPE_START_TIMER,
                             API_COMMAND_ATTRIBUTES_START_TIMER_COMMAND_ATTRIBUTES);
    api_start_timer_command_attributes *a =
        sim_message(sim, &api_start_timer_command_attributes__desc);

    a->timer_id = sim_str(sim, id);
    a->start_to_fire_timeout = proto_duration(&sim->arena, ns);
    c->start_timer_command_attributes = a;
}

static void begin_child(struct sim *sim, struct decision *d, const struct sim_script *script)
{
    api_command *c =
        command(sim, d, COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION,
                API_COMMAND_ATTRIBUTES_START_CHILD_WORKFLOW_EXECUTION_COMMAND_ATTRIBUTES);
    api_start_child_workflow_execution_command_attributes *a =
        sim_message(sim, &api_start_child_workflow_execution_command_attributes__desc);

    a->workflow_id = sim_str(sim, script->child->workflow_id);
    a->workflow_type = sim_message(sim, &api_workflow_type__desc);
    a->workflow_type->name = sim_str(sim, "Scripted");
    a->task_queue = sim_task_queue(sim, SIM_QUEUE, NULL);
    a->input = sim_payloads(sim, "1 0");
    a->workflow_task_timeout = proto_duration(&sim->arena, 3 * NS_PER_S);
    a->workflow_run_timeout = proto_duration(&sim->arena, script->child->run_timeout_ns);
    a->workflow_execution_timeout =
        proto_duration(&sim->arena, script->child->execution_timeout_ns);
    a->retry_policy = script_retry_policy(script->child);
    a->cron_schedule = script_cron(script->child);
    a->parent_close_policy = (Temporal__Api__Enums__V1__ParentClosePolicy)script->child_policy;
    c->start_child_workflow_execution_command_attributes = a;
}

static void signal_child(struct sim *sim, struct decision *d, const struct sim_script *script)
{
    for (uint32_t i = 0; i < script->child->signals; i++) {
        api_command *c =
            command(sim, d, COMMAND_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION,
                    API_COMMAND_ATTRIBUTES_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_COMMAND_ATTRIBUTES);
        api_signal_external_workflow_execution_command_attributes *a =
            sim_message(sim, &api_signal_external_workflow_execution_command_attributes__desc);

        a->execution = sim_execution(sim, script->child->workflow_id, "");
        a->signal_name = sim_str(sim, "signal");
        a->input = sim_payloads(sim, arena_printf(&sim->arena, "%u", i));
        c->signal_external_workflow_execution_command_attributes = a;
    }
}

static bool has_child(const struct sim_script *script, uint32_t step)
{
    return script->child && script->child_step == step;
}

static bool child_over(const struct view *view, const struct sim_script *script)
{
    return view->child_started && view->signals_answered == script->child->signals &&
           (view->child_ended || !script->child_waited);
}

static void begin_step(struct sim *sim, struct decision *d, const struct view *view,
                       const struct sim_script *script, uint32_t index)
{
    const struct script_step *step = &script->steps[index];
    char id[32];

    for (uint32_t k = 0; k < step->activity_count; k++) {
        snprintf(id, sizeof id, "a%u.%u", index, k);
        begin_activity(sim, d, &step->activities[k], id);
    }
    for (uint32_t k = 0; k < step->timer_count; k++) {
        snprintf(id, sizeof id, "t%u.%u", index, k);
        struct fact *asked = fact_get(sim, "timer %s %s", view->run_id, id);
        if (asked->first_ns == sim->now_ns)
            asked->count = sim->opens;
        asked = fact_get(sim, "timer of %s %s", script->workflow_id, id);
        if (asked->first_ns == sim->now_ns)
            asked->count = sim->opens;
        begin_timer(sim, d, step->timer_ns[k], id);
    }
}

static bool step_begun(const struct view *view, const struct script_step *step, uint32_t index)
{
    if (step->activity_count)
        return view->scheduled[index * STEP_ACTIVITIES] != 0;
    return step->timer_count == 0 || view->timer_started[index * STEP_TIMERS];
}

static bool step_over(const struct view *view, const struct script_step *step, uint32_t index)
{
    for (uint32_t k = 0; k < step->activity_count; k++)
        if (!view->ended[index * STEP_ACTIVITIES + k])
            return false;
    for (uint32_t k = 0; k < step->timer_count; k++)
        if (!view->timer_fired[index * STEP_TIMERS + k])
            return false;
    return view->carried + view->signals >= step->signals;
}

static void cancel_run(struct sim *sim, struct decision *d)
{
    api_command *c = command(sim, d, COMMAND_TYPE_CANCEL_WORKFLOW_EXECUTION,
                             API_COMMAND_ATTRIBUTES_CANCEL_WORKFLOW_EXECUTION_COMMAND_ATTRIBUTES);

    c->cancel_workflow_execution_command_attributes =
        sim_message(sim, &api_cancel_workflow_execution_command_attributes__desc);
}

static void continue_run(struct sim *sim, struct decision *d, const char *input)
{
    api_command *c =
        command(sim, d, COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION,
                API_COMMAND_ATTRIBUTES_CONTINUE_AS_NEW_WORKFLOW_EXECUTION_COMMAND_ATTRIBUTES);
    api_continue_as_new_workflow_execution_command_attributes *a =
        sim_message(sim, &api_continue_as_new_workflow_execution_command_attributes__desc);

    a->input = sim_payloads(sim, input);
    c->continue_as_new_workflow_execution_command_attributes = a;
}

static void fail_run(struct sim *sim, struct decision *d)
{
    api_command *c = command(sim, d, COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION,
                             API_COMMAND_ATTRIBUTES_FAIL_WORKFLOW_EXECUTION_COMMAND_ATTRIBUTES);
    api_fail_workflow_execution_command_attributes *a =
        sim_message(sim, &api_fail_workflow_execution_command_attributes__desc);

    a->failure = sim_message(sim, &api_failure_failure__desc);
    a->failure->message = sim_str(sim, "scripted");
    c->fail_workflow_execution_command_attributes = a;
}

static void complete_run(struct sim *sim, struct decision *d, const char *result)
{
    api_command *c = command(sim, d, COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION,
                             API_COMMAND_ATTRIBUTES_COMPLETE_WORKFLOW_EXECUTION_COMMAND_ATTRIBUTES);
    api_complete_workflow_execution_command_attributes *a =
        sim_message(sim, &api_complete_workflow_execution_command_attributes__desc);

    a->result = sim_payloads(sim, result);
    c->complete_workflow_execution_command_attributes = a;
}

static void end_run(struct sim *sim, struct decision *d, const struct view *view,
                    const struct sim_script *script)
{
    const uint32_t signals = view->carried + view->signals;
    const bool last = view->generation >= script->generations;

    if (!last && script->chain == CHAIN_CONTINUES)
        continue_run(sim, d, arena_printf(&sim->arena, "%u %u", view->generation + 1, signals));
    else if (!last && script->chain == CHAIN_CRON)
        complete_run(sim, d, arena_printf(&sim->arena, "%u %u", view->generation, signals));
    else if (last && script->chain == CHAIN_CRON)
        cancel_run(sim, d);
    else if (!last || script->fails)
        fail_run(sim, d);
    else
        complete_run(sim, d, arena_printf(&sim->arena, "ok %u", signals));
}

void play_decide(struct sim *sim, struct decision *d, const struct view *view,
                 const struct sim_script *script)
{
    if (view->cancel_requested && script->obeys_cancel) {
        cancel_run(sim, d);
        return;
    }
    for (uint32_t i = 0; i < script->step_count; i++) {
        const struct script_step *step = &script->steps[i];

        const bool child = has_child(script, i);

        if (child ? !view->child_initiated : !step_begun(view, step, i)) {
            begin_step(sim, d, view, script, i);
            if (child)
                begin_child(sim, d, script);
            return;
        }
        if (child && view->child_started && view->signals_initiated == 0)
            signal_child(sim, d, script);
        if (!step_over(view, step, i) || (child && !child_over(view, script)))
            return;
    }
    if (!script->times_out ||
        (script->chain == CHAIN_CONTINUES && view->generation < script->generations))
        end_run(sim, d, view, script);
}
