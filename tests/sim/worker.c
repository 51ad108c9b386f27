/* worker.c - workers: they poll both kinds of tasks, play the scripts, keep a cache of runs when
 * they are sticky, are slow, and vanish. */
#include "tests/sim/script.h"

#include <stdio.h>
#include <stdlib.h>

enum { WORKFLOW_POLLS = 2, ACTIVITY_POLLS = 3, POLLS_MAX = WORKFLOW_POLLS + ACTIVITY_POLLS + 1 };
enum { ACTIVITY_BITS = SCRIPT_STEPS * STEP_ACTIVITIES, TIMER_BITS = SCRIPT_STEPS * STEP_TIMERS };

struct view { /* what a worker knows of a run, from its events */
    struct map_node node;
    char run_id[UUID_TEXT_LEN + 1];
    int64_t last_event_id;
    uint32_t generation, carried, signals;
    int64_t scheduled[ACTIVITY_BITS]; /* event ids; 0: not */
    bool ended[ACTIVITY_BITS];
    bool timer_started[TIMER_BITS], timer_fired[TIMER_BITS];
    bool cancel_requested;
    bool child_initiated, child_started, child_ended;
    uint32_t signals_initiated, signals_answered; /* to the child */
    bool unsure; /* of what was seen last: the task that showed it is not known to be completed */
};

struct poll {
    struct sim_worker *worker;
    enum rpc_task_kind kind;
    bool sticky;
    struct gateway_call *call;
    struct sim_timer give_up;
};

struct sim_worker {
    struct list node;
    struct sim *sim;
    bool alive, sticky;
    const char *identity, *sticky_queue;
    struct map views;
    struct poll polls[POLLS_MAX];
    uint32_t poll_count;
};

static void poll_start(void *arg);

static void poll_later(struct poll *poll, int64_t delay_ns)
{
    if (poll->worker->alive)
        sim_later(poll->worker->sim, delay_ns, poll_start, poll);
}

/* -- what events say --------------------------------------------------------------------------- */

static int activity_bit(const char *id)
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
    const struct fact *asked = fact_get(sim, "timer %s %s", view->run_id, timer_id);
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

static void view_event(struct sim *sim, struct view *view, const struct sim_script *script,
                       const api_history_event *event)
{
    int bit;

    switch (event->event_type) {
    case EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
        if (sscanf(sim_payload_text(sim, event->workflow_execution_started_event_attributes->input),
                   "%u %u", &view->generation, &view->carried) != 2)
            sim_fail(sim, "histories are legal", "run %s: strange input", view->run_id);
        break;
    case EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
        bit = activity_bit(event->activity_task_scheduled_event_attributes->activity_id);
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
    case EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
        view->signals++;
        break;
    case EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
        view->cancel_requested = true;
        break;
    default:
        (void)view_child_event(sim, view, script, event);
        break;
    }
}

/* NULL: the history begins in the middle, and the cache has not what comes before. */
static struct view *view_of(struct sim_worker *worker, const struct sim_script *script,
                            const api_poll_workflow_task_queue_response *task)
{
    struct sim *sim = worker->sim;
    const char *run_id = task->workflow_execution->run_id;
    struct map_node *node = map_get(&worker->views, slice_str(run_id));
    struct view *view = node ? CONTAINER_OF(node, struct view, node) : NULL;
    const api_history *history = task->history;
    const int64_t first = history && history->n_events ? history->events[0]->event_id : 0;

    if (view && (first == 1 || view->unsure)) {
        map_remove(&worker->views, &view->node);
        view = NULL;
    }
    if (!view) {
        if (first != 1)
            return NULL;
        view = ARENA_NEW(&sim->arena, struct view);
        snprintf(view->run_id, sizeof view->run_id, "%s", run_id);
        map_put(&worker->views, slice_str(view->run_id), &view->node);
    }
    for (size_t i = 0; history && i < history->n_events; i++) {
        const api_history_event *event = history->events[i];

        if (event->event_id <= view->last_event_id)
            continue; /* known */
        if (event->event_id != view->last_event_id + 1) {
            sim_fail(sim, "histories are dense", "run %s: event %lld after %lld", run_id,
                     (long long)event->event_id, (long long)view->last_event_id);
            break;
        }
        view_event(sim, view, script, event);
        view->last_event_id = event->event_id;
    }
    view->unsure = true;
    return view;
}

/* -- what a script does next ------------------------------------------------------------------- */

struct decision {
    api_command *commands[STEP_ACTIVITIES + STEP_TIMERS + SCRIPT_SIGNALS + 1];
    size_t count;
};

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
                       const struct script_step *step, uint32_t index)
{
    char id[16];

    for (uint32_t k = 0; k < step->activity_count; k++) {
        snprintf(id, sizeof id, "a%u.%u", index, k);
        begin_activity(sim, d, &step->activities[k], id);
    }
    for (uint32_t k = 0; k < step->timer_count; k++) {
        snprintf(id, sizeof id, "t%u.%u", index, k);
        struct fact *asked = fact_get(sim, "timer %s %s", view->run_id, id);
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

static void end_run(struct sim *sim, struct decision *d, const struct view *view,
                    const struct sim_script *script)
{
    const uint32_t signals = view->carried + view->signals;

    if (view->generation < script->generations) {
        api_command *c =
            command(sim, d, COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION,
                    API_COMMAND_ATTRIBUTES_CONTINUE_AS_NEW_WORKFLOW_EXECUTION_COMMAND_ATTRIBUTES);
        api_continue_as_new_workflow_execution_command_attributes *a =
            sim_message(sim, &api_continue_as_new_workflow_execution_command_attributes__desc);

        a->input =
            sim_payloads(sim, arena_printf(&sim->arena, "%u %u", view->generation + 1, signals));
        c->continue_as_new_workflow_execution_command_attributes = a;
    } else if (script->fails) {
        api_command *c = command(sim, d, COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION,
                                 API_COMMAND_ATTRIBUTES_FAIL_WORKFLOW_EXECUTION_COMMAND_ATTRIBUTES);
        api_fail_workflow_execution_command_attributes *a =
            sim_message(sim, &api_fail_workflow_execution_command_attributes__desc);

        a->failure = sim_message(sim, &api_failure_failure__desc);
        a->failure->message = sim_str(sim, "scripted");
        c->fail_workflow_execution_command_attributes = a;
    } else {
        api_command *c =
            command(sim, d, COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION,
                    API_COMMAND_ATTRIBUTES_COMPLETE_WORKFLOW_EXECUTION_COMMAND_ATTRIBUTES);
        api_complete_workflow_execution_command_attributes *a =
            sim_message(sim, &api_complete_workflow_execution_command_attributes__desc);

        a->result = sim_payloads(sim, arena_printf(&sim->arena, "ok %u", signals));
        c->complete_workflow_execution_command_attributes = a;
    }
}

static void decide(struct sim *sim, struct decision *d, const struct view *view,
                   const struct sim_script *script)
{
    if (view->cancel_requested && script->obeys_cancel) {
        api_command *c =
            command(sim, d, COMMAND_TYPE_CANCEL_WORKFLOW_EXECUTION,
                    API_COMMAND_ATTRIBUTES_CANCEL_WORKFLOW_EXECUTION_COMMAND_ATTRIBUTES);
        c->cancel_workflow_execution_command_attributes =
            sim_message(sim, &api_cancel_workflow_execution_command_attributes__desc);
        return;
    }
    for (uint32_t i = 0; i < script->step_count; i++) {
        const struct script_step *step = &script->steps[i];

        const bool child = has_child(script, i);

        if (child ? !view->child_initiated : !step_begun(view, step, i)) {
            begin_step(sim, d, view, step, i);
            if (child)
                begin_child(sim, d, script);
            return;
        }
        if (child && view->child_started && view->signals_initiated == 0)
            signal_child(sim, d, script);
        if (!step_over(view, step, i) || (child && !child_over(view, script)))
            return;
    }
    end_run(sim, d, view, script);
}

/* -- workflow tasks ---------------------------------------------------------------------------- */

struct answer { /* of a task, on its way after the work */
    struct poll *poll;
    struct sim_ask ask;
    struct fact *acked; /* counted when the answer is accepted */
    struct sim_worker *worker;
    struct view *view; /* of a workflow task that is completed */
    int64_t beat_ns;   /* heartbeats until then */
    struct slice token;
    const char *workflow_id;
};

static void answer_answered(void *arg, enum err err, const char *text, struct slice body)
{
    struct answer *answer = arg;

    UNUSED(text);
    UNUSED(body);
    sim_note(answer->worker->sim, "answered", answer->ask.method, err);
    if (err == ERR_OK && answer->acked)
        answer->acked->count++;
    if (err == ERR_OK && answer->view)
        answer->view->unsure = false;
    poll_later(answer->poll, 0);
}

static void answer_send(void *arg)
{
    struct answer *answer = arg;
    struct sim_worker *worker = answer->worker;

    if (worker->alive)
        user_ask(worker->sim, &worker->alive, &answer->ask, answer_answered, answer);
}

static struct answer *answer_new(struct poll *poll, const char *workflow_id, struct slice token)
{
    struct sim *sim = poll->worker->sim;
    struct answer *answer = ARENA_NEW(&sim->arena, struct answer);

    answer->poll = poll;
    answer->worker = poll->worker;
    answer->token = arena_copy(&sim->arena, token);
    answer->workflow_id = sim_str(sim, workflow_id);
    answer->ask.workflow_id = answer->workflow_id;
    answer->ask.token = answer->token;
    return answer;
}

static void fail_task(struct answer *answer, int cause)
{
    struct sim *sim = answer->worker->sim;
    api_respond_workflow_task_failed_request *request =
        sim_message(sim, &api_respond_workflow_task_failed_request__desc);

    request->cause = (Temporal__Api__Enums__V1__WorkflowTaskFailedCause)cause;
    request->identity = sim_str(sim, answer->worker->identity);
    answer->ask.method = METHOD_HISTORY_RESPOND_WORKFLOW_TASK_FAILED;
    answer->ask.message = request;
}

static void answer_queries(struct sim *sim, api_respond_workflow_task_completed_request *request,
                           const api_poll_workflow_task_queue_response *task);

static void complete_task(struct answer *answer, const struct decision *d,
                          const api_poll_workflow_task_queue_response *task)
{
    struct sim *sim = answer->worker->sim;
    api_respond_workflow_task_completed_request *request =
        sim_message(sim, &api_respond_workflow_task_completed_request__desc);

    request->identity = sim_str(sim, answer->worker->identity);
    answer_queries(sim, request, task);
    request->n_commands = d->count;
    request->commands = ARENA_ARRAY(&sim->arena, api_command *, d->count + 1);
    memcpy(request->commands, d->commands, d->count * sizeof *request->commands);
    if (answer->worker->sticky) {
        request->sticky_attributes = sim_message(sim, &api_sticky_execution_attributes__desc);
        request->sticky_attributes->worker_task_queue =
            sim_task_queue(sim, answer->worker->sticky_queue, SIM_QUEUE);
        request->sticky_attributes->schedule_to_start_timeout =
            proto_duration(&sim->arena, 2 * NS_PER_S);
    }
    answer->ask.method = METHOD_HISTORY_RESPOND_WORKFLOW_TASK_COMPLETED;
    answer->ask.message = request;
}

/* -- queries ----------------------------------------------------------------------------------- */

static api_payloads *query_result(struct sim *sim, const char *workflow_id)
{
    return sim_payloads(sim, arena_printf(&sim->arena, "answer of %s", workflow_id));
}

static void answer_query(struct answer *answer)
{
    struct sim *sim = answer->worker->sim;
    api_respond_query_task_completed_request *request =
        sim_message(sim, &api_respond_query_task_completed_request__desc);

    request->completed_type = QUERY_RESULT_TYPE_ANSWERED;
    request->query_result = query_result(sim, answer->workflow_id);
    answer->ask.method = METHOD_HISTORY_RESPOND_QUERY_TASK_COMPLETED;
    answer->ask.message = request;
}

/* The queries that came with a workflow task. */
static void answer_queries(struct sim *sim, api_respond_workflow_task_completed_request *request,
                           const api_poll_workflow_task_queue_response *task)
{
    request->query_results =
        (void *)ARENA_ARRAY(&sim->arena, ProtobufCMessage *, task->n_queries + 1);
    for (size_t i = 0; i < task->n_queries; i++) {
        api_respond_workflow_task_completed_request_query_results_entry *entry = sim_message(
            sim, &api_respond_workflow_task_completed_request_query_results_entry__desc);

        entry->key = sim_str(sim, task->queries[i]->key);
        entry->value = sim_message(sim, &api_workflow_query_result__desc);
        entry->value->result_type = QUERY_RESULT_TYPE_ANSWERED;
        entry->value->answer = query_result(sim, task->workflow_execution->workflow_id);
        request->query_results[request->n_query_results++] = entry;
    }
}

static void on_workflow_task(struct poll *poll, struct slice body)
{
    struct sim_worker *worker = poll->worker;
    struct sim *sim = worker->sim;
    const api_poll_workflow_task_queue_response *task =
        sim_decode(sim, &api_poll_workflow_task_queue_response__desc, body);
    const char *workflow_id = task->workflow_execution->workflow_id;
    const struct sim_script *script = script_find(sim, workflow_id);
    struct decision d = {.count = 0};

    must(script != NULL);
    sim_note_text(sim, "%s: workflow task %s attempt %d, started event %lld", worker->identity,
                  workflow_id, task->attempt, (long long)task->started_event_id);
    if (task->next_page_token.len)
        sim_fail(sim, "scripts are short", "%s has more than one page", workflow_id);
    if (sim_faulty(sim, sim->faults.vanish_ppm)) { /* the worker's thread hangs */
        poll_later(poll, NS_PER_S);
        return;
    }
    struct answer *answer =
        answer_new(poll, workflow_id, slice_of(task->task_token.data, task->task_token.len));
    if (task->query) {
        answer_query(answer);
        sim_later(sim, sim_between(sim, 0, 3 * NS_PER_MS), answer_send, answer);
        return;
    }
    struct view *view = view_of(worker, script, task);
    if (!view) {
        fail_task(answer, WORKFLOW_TASK_FAILED_CAUSE_RESET_STICKY_TASK_QUEUE);
    } else if (sim_faulty(sim, sim->faults.worker_slow_ppm / 4)) {
        fail_task(answer, WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE);
    } else {
        decide(sim, &d, view, script);
        answer->view = view;
        complete_task(answer, &d, task);
        sim_note_text(sim, "  %zu commands, first of type %d; knows event %lld, %u signals",
                      d.count, d.count ? (int)d.commands[0]->command_type : 0,
                      (long long)view->last_event_id, view->carried + view->signals);
    }
    const int64_t work_ns = sim_faulty(sim, sim->faults.worker_slow_ppm)
                                ? sim_between(sim, NS_PER_S, 5 * NS_PER_S)
                                : sim_between(sim, 0, 3 * NS_PER_MS);
    sim_later(sim, work_ns, answer_send, answer);
}

/* -- activity tasks ---------------------------------------------------------------------------- */

static void beat_answered(void *arg, enum err err, const char *text, struct slice body)
{
    UNUSED(arg);
    UNUSED(err);
    UNUSED(text);
    UNUSED(body);
}

static void beat(void *arg)
{
    struct answer *answer = arg;
    struct sim_worker *worker = answer->worker;
    struct sim *sim = worker->sim;
    api_record_activity_task_heartbeat_request *request;

    if (!worker->alive || sim->now_ns >= answer->beat_ns)
        return;
    request = sim_message(sim, &api_record_activity_task_heartbeat_request__desc);
    request->details = sim_payloads(sim, "beat");
    gateway_ask(sim,
                &(struct sim_ask){.method = METHOD_HISTORY_RECORD_HEARTBEAT,
                                  .workflow_id = answer->workflow_id,
                                  .token = answer->token,
                                  .message = request},
                beat_answered, answer);
    sim_later(sim, 300 * NS_PER_MS, beat, answer);
}

static void complete_activity(struct answer *answer, const char *result)
{
    struct sim *sim = answer->worker->sim;
    api_respond_activity_task_completed_request *request =
        sim_message(sim, &api_respond_activity_task_completed_request__desc);

    request->result = sim_payloads(sim, result);
    request->identity = sim_str(sim, answer->worker->identity);
    answer->ask.method = METHOD_HISTORY_RESPOND_ACTIVITY_TASK_COMPLETED;
    answer->ask.message = request;
}

static void fail_activity(struct answer *answer)
{
    struct sim *sim = answer->worker->sim;
    api_respond_activity_task_failed_request *request =
        sim_message(sim, &api_respond_activity_task_failed_request__desc);

    request->failure = sim_message(sim, &api_failure_failure__desc);
    request->failure->message = sim_str(sim, "scripted");
    request->failure->failure_info_case = API_FAILURE_FAILURE_INFO_APPLICATION_FAILURE_INFO;
    request->failure->application_failure_info =
        sim_message(sim, &api_application_failure_info__desc);
    request->failure->application_failure_info->type = sim_str(sim, "Scripted");
    request->identity = sim_str(sim, answer->worker->identity);
    answer->ask.method = METHOD_HISTORY_RESPOND_ACTIVITY_TASK_FAILED;
    answer->ask.message = request;
}

static void on_activity_task(struct poll *poll, struct slice body)
{
    struct sim_worker *worker = poll->worker;
    struct sim *sim = worker->sim;
    const api_poll_activity_task_queue_response *task =
        sim_decode(sim, &api_poll_activity_task_queue_response__desc, body);
    const char *workflow_id = task->workflow_execution->workflow_id;
    const char *run_id = task->workflow_execution->run_id;
    const struct sim_script *script = script_find(sim, workflow_id);
    const int bit = activity_bit(task->activity_id);

    must(script != NULL && bit >= 0);
    const struct script_activity *what =
        &script->steps[bit / STEP_ACTIVITIES].activities[bit % STEP_ACTIVITIES];
    sim_note_text(sim, "%s: activity task %s %s %s attempt %d", worker->identity, workflow_id,
                  run_id, task->activity_id, task->attempt);
    struct fact *handed =
        fact_get(sim, "handed out %s %s %d", run_id, task->activity_id, task->attempt);
    if (handed->count++)
        sim_fail(sim, "an activity's attempt is handed out once", "%s run %s %s attempt %d",
                 workflow_id, run_id, task->activity_id, task->attempt);
    if (what->attempts_max && task->attempt > what->attempts_max)
        sim_fail(sim, "attempts are bounded", "%s run %s %s attempt %d of %d", workflow_id, run_id,
                 task->activity_id, task->attempt, what->attempts_max);
    if (sim_faulty(sim, sim->faults.vanish_ppm)) {
        poll_later(poll, NS_PER_S);
        return;
    }
    struct answer *answer =
        answer_new(poll, workflow_id, slice_of(task->task_token.data, task->task_token.len));
    if (task->attempt <= what->fails) {
        fail_activity(answer);
    } else {
        complete_activity(answer,
                          arena_printf(&sim->arena, "%s %d", task->activity_id, task->attempt));
        answer->acked =
            fact_get(sim, "completed %s %s %d", run_id, task->activity_id, task->attempt);
    }
    const int64_t work_ns = sim_faulty(sim, sim->faults.worker_slow_ppm)
                                ? sim_between(sim, NS_PER_S, 6 * NS_PER_S)
                                : what->work_ns;
    answer->beat_ns = sim->now_ns + work_ns;
    if (what->heartbeat)
        sim_later(sim, 200 * NS_PER_MS, beat, answer);
    sim_later(sim, work_ns, answer_send, answer);
}

/* -- polls ------------------------------------------------------------------------------------- */

static void poll_answered(void *arg, enum err err, const char *text, struct slice body)
{
    struct poll *poll = arg;
    struct sim *sim = poll->worker->sim;

    poll->call = NULL;
    sim_stop(sim, &poll->give_up);
    if (!poll->worker->alive)
        return; /* it vanished with the task in the pipe */
    if (err != ERR_OK) {
        if (!user_retries(err))
            sim_fail(sim, "a poll is answered", "%s %s", err_name(err), text);
        poll_later(poll, sim_between(sim, 20 * NS_PER_MS, 500 * NS_PER_MS));
    } else if (body.len == 0) {
        poll_later(poll, sim_between(sim, 0, NS_PER_MS));
    } else if (poll->kind == TASK_WORKFLOW) {
        on_workflow_task(poll, body);
    } else {
        on_activity_task(poll, body);
    }
}

/* The stream is reset, as by a worker that is told to poll less, and polls again. */
static void poll_give_up(void *arg)
{
    struct poll *poll = arg;

    if (!poll->call || !poll->worker->alive)
        return;
    gateway_abandon(poll->call);
    poll->call = NULL;
    poll_later(poll, sim_between(poll->worker->sim, 0, 10 * NS_PER_MS));
}

static void poll_start(void *arg)
{
    struct poll *poll = arg;
    struct sim_worker *worker = poll->worker;
    struct sim *sim = worker->sim;
    const char *queue = poll->sticky ? worker->sticky_queue : SIM_QUEUE;
    const struct rpc_poll rpc = {.kind = poll->kind,
                                 .namespace_id = SLICE_LIT(SIM_NAMESPACE),
                                 .namespace_name = SLICE_LIT("default"),
                                 .task_queue = slice_str(queue),
                                 .sticky = poll->sticky,
                                 .normal_queue = slice_str(poll->sticky ? SIM_QUEUE : ""),
                                 .identity = slice_str(worker->identity)};
    void *message;

    if (!worker->alive || sim->stopping)
        return;
    if (poll->kind == TASK_WORKFLOW) {
        api_poll_workflow_task_queue_request *request =
            sim_message(sim, &api_poll_workflow_task_queue_request__desc);
        request->task_queue = sim_task_queue(sim, queue, poll->sticky ? SIM_QUEUE : NULL);
        request->identity = sim_str(sim, worker->identity);
        message = request;
    } else {
        api_poll_activity_task_queue_request *request =
            sim_message(sim, &api_poll_activity_task_queue_request__desc);
        request->task_queue = sim_task_queue(sim, queue, NULL);
        request->identity = sim_str(sim, worker->identity);
        message = request;
    }
    poll->call = gateway_ask(
        sim,
        &(struct sim_ask){
            .method = METHOD_MATCHING_POLL, .message = message, .poll = &rpc, .long_poll = true},
        poll_answered, poll);
    poll->give_up.fire = poll_give_up;
    poll->give_up.arg = poll;
    if (sim_faulty(sim, sim->faults.give_up_ppm))
        sim_arm(sim, &poll->give_up, sim->now_ns + sim_between(sim, NS_PER_MS, NS_PER_S));
}

/* -- life -------------------------------------------------------------------------------------- */

static void worker_new(struct sim *sim)
{
    struct sim_worker *worker = ARENA_NEW(&sim->arena, struct sim_worker);
    const uint64_t number = sim->workers_made++;

    worker->sim = sim;
    worker->alive = true;
    worker->sticky = sim_chance(sim, 600000);
    worker->identity = arena_printf(&sim->arena, "worker-%llu", (unsigned long long)number);
    worker->sticky_queue = arena_printf(&sim->arena, "sticky-%llu", (unsigned long long)number);
    map_init(&worker->views, 1);
    list_push_back(&sim->workers, &worker->node);
    const uint32_t polls = worker->sticky ? POLLS_MAX : POLLS_MAX - 1;
    for (uint32_t i = 0; i < polls; i++) {
        struct poll *poll = &worker->polls[worker->poll_count++];

        poll->worker = worker;
        poll->sticky = i == POLLS_MAX - 1;
        poll->kind = i < WORKFLOW_POLLS || poll->sticky ? TASK_WORKFLOW : TASK_ACTIVITY;
        poll_later(poll, sim_between(sim, 0, 5 * NS_PER_MS));
    }
}

static void come_back(void *arg)
{
    struct sim *sim = arg;

    if (!sim->stopping)
        worker_new(sim);
}

void worker_vanish(struct sim *sim, struct sim_worker *worker)
{
    const bool without_a_word = sim_chance(sim, 300000);

    sim_note_text(sim, "%s vanishes", worker->identity);
    worker->alive = false;
    for (uint32_t i = 0; i < worker->poll_count; i++)
        if (worker->polls[i].call && !without_a_word)
            gateway_abandon(worker->polls[i].call);
    list_remove(&worker->node);
    map_release(&worker->views);
    map_init(&worker->views, 1);
    sim_later(sim, sim_between(sim, 0, 2 * NS_PER_S), come_back, sim);
}

static void fault_worker(void *arg)
{
    struct sim *sim = arg;

    if (sim->calm)
        return;
    if (!list_empty(&sim->workers))
        worker_vanish(sim, CONTAINER_OF(sim->workers.next, struct sim_worker, node));
    sim_later(sim, sim_between(sim, NS_PER_MS, 2 * sim->faults.worker_ns), fault_worker, sim);
}

void workers_start(struct sim *sim)
{
    const uint32_t count = 1 + (uint32_t)rng_below(&sim->rng, 3);

    for (uint32_t i = 0; i < count; i++)
        worker_new(sim);
    if (sim->faults.worker_ns)
        sim_later(sim, sim_between(sim, NS_PER_MS, 2 * sim->faults.worker_ns), fault_worker, sim);
}

void workers_stop(struct sim *sim)
{
    LIST_EACH(it, &sim->workers)
    {
        struct sim_worker *worker = CONTAINER_OF(it, struct sim_worker, node);

        worker->alive = false;
        map_release(&worker->views);
        map_init(&worker->views, 1);
    }
}
