/* client.c - clients: they start, signal, cancel, terminate, and wait for the end. What they were
 * told is what the laws hold the cluster to. */
#include "tests/sim/script.h"

enum {
    CHILD_WAIT_S = 30, /* so long after the end of all faults a child's start is waited for */
    QUERY_WAIT_S = 65, /* and by then no poll of a dead worker is held any more */
};

#define MULTI_FAILED "Update-with-Start could not be executed." /* the same again is in vain */

/* -- asking again ------------------------------------------------------------------------------ */

struct retry {
    struct sim *sim;
    const bool *alive;
    struct sim_ask ask;
    gateway_fn done;
    void *arg;
    uint32_t attempts;
};

bool user_retries(enum err err)
{
    return err == ERR_TIMEOUT || err == ERR_IO || err_may_retry(err);
}

static void ask_again(void *arg);

static void on_answer(void *arg, enum err err, const char *text, struct slice body)
{
    struct retry *retry = arg;

    if (retry->alive && !*retry->alive)
        return;
    retry->sim->refused += err == ERR_DISK_FULL;
    if (!user_retries(err) || strcmp(text, MULTI_FAILED) == 0) {
        retry->done(retry->arg, err, text, body);
        return;
    }
    const int64_t most_ns =
        (INT64_C(20) << (retry->attempts < 5 ? retry->attempts : 5)) * NS_PER_MS;
    retry->attempts++;
    sim_later(retry->sim, sim_between(retry->sim, most_ns / 2, most_ns), ask_again, retry);
}

static void ask_again(void *arg)
{
    struct retry *retry = arg;

    if (!retry->alive || *retry->alive)
        gateway_ask(retry->sim, &retry->ask, on_answer, retry);
}

void user_ask(struct sim *sim, const bool *alive, const struct sim_ask *ask, gateway_fn done,
              void *arg)
{
    struct retry *retry = ARENA_NEW(&sim->arena, struct retry);

    *retry = (struct retry){.sim = sim, .alive = alive, .ask = *ask, .done = done, .arg = arg};
    ask_again(retry);
}

/* -- starts ------------------------------------------------------------------------------------ */

static void wait_for_end(void *arg);
static void send_signals(struct sim_script *script);

#define MULTI_OPERATION(which)                                                                     \
    TEMPORAL__API__WORKFLOWSERVICE__V1__EXECUTE_MULTI_OPERATION_REQUEST__OPERATION__OPERATION_##which

static Google__Protobuf__Duration *delay_of(const struct sim_script *script)
{
    return script->delay_ns ? proto_duration(&script->sim->arena, script->delay_ns) : NULL;
}

static api_start_workflow_execution_request *start_request(struct sim_script *script,
                                                           const char *request_id)
{
    struct sim *sim = script->sim;
    api_start_workflow_execution_request *request =
        sim_message(sim, &api_start_workflow_execution_request__desc);

    request->workflow_id = sim_str(sim, script->workflow_id);
    request->request_id = sim_str(sim, request_id);
    request->workflow_type = sim_message(sim, &api_workflow_type__desc);
    request->workflow_type->name = sim_str(sim, "Scripted");
    request->task_queue = sim_task_queue(sim, SIM_QUEUE, NULL);
    request->input = sim_payloads(sim, "1 0");
    request->workflow_task_timeout = proto_duration(&sim->arena, 3 * NS_PER_S);
    request->workflow_id_reuse_policy = WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE;
    request->identity = sim_str(sim, "client");
    request->retry_policy = script_retry_policy(script);
    request->cron_schedule = script_cron(script);
    request->workflow_run_timeout = proto_duration(&sim->arena, script->run_timeout_ns);
    request->workflow_execution_timeout = proto_duration(&sim->arena, script->execution_timeout_ns);
    request->workflow_start_delay = delay_of(script);
    return request;
}

static void ask_start(struct sim_script *script, const char *request_id, gateway_fn done)
{
    user_ask(script->sim, NULL,
             &(struct sim_ask){.method = METHOD_HISTORY_START_WORKFLOW,
                               .workflow_id = script->workflow_id,
                               .message = start_request(script, request_id)},
             done, script);
}

/* An update that starts the workflow in one step, where there is none. */
static void ask_update_with_start(struct sim_script *script, const char *request_id,
                                  gateway_fn done)
{
    struct sim *sim = script->sim;
    api_execute_multi_operation_request *request =
        sim_message(sim, &api_execute_multi_operation_request__desc);
    api_execute_multi_operation_request_operation *operations[2];

    for (uint32_t i = 0; i < COUNT_OF(operations); i++)
        operations[i] = sim_message(sim, &api_execute_multi_operation_request_operation__desc);
    operations[0]->operation_case = MULTI_OPERATION(START_WORKFLOW);
    operations[0]->start_workflow = start_request(script, request_id);
    operations[0]->start_workflow->workflow_id_conflict_policy =
        WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING;
    operations[1]->operation_case = MULTI_OPERATION(UPDATE_WORKFLOW);
    operations[1]->update_workflow = user_update_of_start(script);
    request->operations = ARENA_ARRAY(&sim->arena, api_execute_multi_operation_request_operation *,
                                      COUNT_OF(operations));
    memcpy(request->operations, operations, sizeof operations);
    request->n_operations = COUNT_OF(operations);
    user_ask(sim, NULL,
             &(struct sim_ask){.method = METHOD_HISTORY_MULTI_OPERATION,
                               .workflow_id = script->workflow_id,
                               .message = request,
                               .timeout_ms = 25000},
             done, script);
}

/* A signal that starts the workflow in one step, where there is none. */
static void signal_with_start(struct sim_script *script, const char *request_id, uint32_t index,
                              gateway_fn done, void *arg)
{
    struct sim *sim = script->sim;
    api_signal_with_start_workflow_execution_request *request =
        sim_message(sim, &api_signal_with_start_workflow_execution_request__desc);

    request->workflow_id = sim_str(sim, script->workflow_id);
    request->request_id = sim_str(sim, request_id);
    request->workflow_type = sim_message(sim, &api_workflow_type__desc);
    request->workflow_type->name = sim_str(sim, "Scripted");
    request->task_queue = sim_task_queue(sim, SIM_QUEUE, NULL);
    request->input = sim_payloads(sim, "1 0");
    request->workflow_task_timeout = proto_duration(&sim->arena, 3 * NS_PER_S);
    request->workflow_id_reuse_policy = WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE;
    request->signal_name = sim_str(sim, "signal");
    request->signal_input = sim_payloads(sim, arena_printf(&sim->arena, "%u", index));
    request->retry_policy = script_retry_policy(script);
    request->cron_schedule = script_cron(script);
    request->workflow_run_timeout = proto_duration(&sim->arena, script->run_timeout_ns);
    request->workflow_execution_timeout = proto_duration(&sim->arena, script->execution_timeout_ns);
    request->workflow_start_delay = delay_of(script);
    user_ask(sim, NULL,
             &(struct sim_ask){.method = METHOD_HISTORY_SIGNAL_WITH_START,
                               .workflow_id = script->workflow_id,
                               .message = request},
             done, arg);
}

/* The first signal comes with the start. */
static void ask_signal_with_start(struct sim_script *script, const char *request_id,
                                  gateway_fn done)
{
    signal_with_start(script, request_id, 0, done, script);
}

/* The run id is field 1 of both answers. */
static const char *started_run(struct sim *sim, struct slice body)
{
    return arena_str(&sim->arena, wire_find_bytes(body, 1));
}

static void repeat_answered(void *arg, enum err err, const char *text, struct slice body)
{
    struct sim_script *script = arg;
    struct sim *sim = script->sim;

    if (err == ERR_EXISTS && script->generations > 1)
        return; /* only the current run's request id is remembered */
    if (err != ERR_OK)
        sim_fail(sim, "a repeated start is answered as the first", "%s: %s %s", script->workflow_id,
                 err_name(err), text);
    else if (strcmp(started_run(sim, body), script->run_id) != 0 &&
             !(script->starts_with_signal && script->generations > 1) &&
             script->resets == 0) /* then the present run's */
        sim_fail(sim, "a start happens once", "%s: the repeat got another run",
                 script->workflow_id);
}

static void repeat_start(void *arg)
{
    struct sim_script *script = arg;

    const char *request_id = arena_printf(&script->sim->arena, "start-%s", script->workflow_id);

    if (script->starts_with_signal)
        ask_signal_with_start(script, request_id, repeat_answered);
    else
        ask_start(script, request_id, repeat_answered);
}

static void rival_answered(void *arg, enum err err, const char *text, struct slice body)
{
    const struct sim_script *script = arg;

    UNUSED(text);
    UNUSED(body);
    if (err == ERR_OK)
        sim_fail(script->sim, "a start happens once", "%s: a rival with another request id started",
                 script->workflow_id);
    else if (err != ERR_EXISTS)
        sim_fail(script->sim, "a start is answered", "%s: %s %s", script->workflow_id,
                 err_name(err), text);
}

static void rival_start(void *arg)
{
    struct sim_script *script = arg;

    ask_start(script, arena_printf(&script->sim->arena, "rival-%s", script->workflow_id),
              rival_answered);
}

static void start_answered(void *arg, enum err err, const char *text, struct slice body)
{
    struct sim_script *script = arg;
    struct sim *sim = script->sim;

    if (err == ERR_EXISTS && script->generations > 1) {
        script->waited_run_id = ""; /* it has continued as new before its answer came through */
    } else if (err != ERR_OK) {
        sim_fail(sim, "a start is answered", "%s: %s %s", script->workflow_id, err_name(err), text);
        return;
    } else {
        script->run_id = script->waited_run_id = started_run(sim, body);
    }
    sim_note_text(sim, "started %s %s", script->workflow_id, script->waited_run_id);
    if (script->run_id && sim_chance(sim, 200000))
        sim_later(sim, sim_between(sim, 0, 5 * NS_PER_S), repeat_start, script);
    if (sim_chance(sim, 200000))
        sim_later(sim, sim_between(sim, 0, 5 * NS_PER_S), rival_start, script);
    send_signals(script);
    wait_for_end(script);
}

static void start(void *arg);

/* Of a start that came with an update, which may have been answered late or in vain. */
static void update_with_start_answered(void *arg, enum err err, const char *text, struct slice body)
{
    struct sim_script *script = arg;
    struct sim *sim = script->sim;

    sim_note(sim, "update with start", (uint64_t)(script - sim->scripts), err);
    if (err == ERR_PRECONDITION) { /* it is paused, or its task failed */
        sim_later(sim, sim_between(sim, 10 * NS_PER_MS, 300 * NS_PER_MS), start, script);
        return;
    }
    if (err == ERR_EXISTS || err == ERR_NOT_FOUND || user_retries(err)) {
        /* Spec: it was started and has closed without the update, or runs and has let go of it. */
        script->waited_run_id = "";
    } else if (err != ERR_OK) {
        sim_fail(sim, "a start is answered", "%s: %s %s", script->workflow_id, err_name(err), text);
        return;
    } else {
        const api_execute_multi_operation_response *response =
            sim_decode(sim, &api_execute_multi_operation_response__desc, body);
        must(response->n_responses == 2);
        script->waited_run_id = sim_str(sim, response->responses[0]->start_workflow->run_id);
        if (script->generations == 1)
            script->run_id = script->waited_run_id;
    }
    sim_note_text(sim, "started with an update %s %s", script->workflow_id, script->waited_run_id);
    send_signals(script);
    wait_for_end(script);
}

static void start(void *arg)
{
    struct sim_script *script = arg;

    const char *request_id = arena_printf(&script->sim->arena, "start-%s", script->workflow_id);

    if (script->starts_with_signal)
        ask_signal_with_start(script, request_id, start_answered);
    else if (script->starts_with_update)
        ask_update_with_start(script, request_id, update_with_start_answered);
    else
        ask_start(script, request_id, start_answered);
}

/* -- signals, cancels, terminations ------------------------------------------------------------ */

struct signal {
    struct sim_script *script;
    uint32_t index;
    bool repeat;
    bool with_start; /* of a workflow that is there */
};

static void send_signal(void *arg);

static void signal_answered(void *arg, enum err err, const char *text, struct slice body)
{
    struct signal *signal = arg;
    struct sim_script *script = signal->script;
    struct sim *sim = script->sim;

    UNUSED(text);
    UNUSED(body);
    if (err == ERR_EXISTS && signal->with_start)
        return; /* it has closed, perhaps with this signal, of which the answer was lost */
    if (err != ERR_OK && err != ERR_NOT_FOUND)
        sim_fail(sim, "a signal is answered", "%s: %s %s", script->workflow_id, err_name(err),
                 text);
    if (err == ERR_NOT_FOUND && !signal->repeat && !script->cancel_ns && !script->terminate_ns &&
        !script->times_out && script->chain != CHAIN_RETRIES)
        sim_fail(sim, "a signal finds its workflow", "%s waits for signal %u: %s",
                 script->workflow_id, signal->index, text);
    if (err != ERR_OK)
        return;
    script->signaled[signal->index] = true;
    if (!signal->repeat && sim_chance(sim, 200000)) {
        signal->repeat = true;
        sim_later(sim, sim_between(sim, 0, 3 * NS_PER_S), send_signal, signal);
    }
}

static void send_signal(void *arg)
{
    struct signal *signal = arg;
    struct sim_script *script = signal->script;
    struct sim *sim = script->sim;
    const char *request_id =
        arena_printf(&sim->arena, "signal-%s-%u", script->workflow_id, signal->index);
    api_signal_workflow_execution_request *request =
        sim_message(sim, &api_signal_workflow_execution_request__desc);

    if (signal->with_start) {
        signal_with_start(script, request_id, signal->index, signal_answered, signal);
        return;
    }
    request->workflow_execution = sim_execution(sim, script->workflow_id, "");
    request->signal_name = sim_str(sim, "signal");
    request->input = sim_payloads(sim, arena_printf(&sim->arena, "%u", signal->index));
    request->request_id = sim_str(sim, request_id);
    user_ask(sim, NULL,
             &(struct sim_ask){.method = METHOD_HISTORY_SIGNAL_WORKFLOW,
                               .workflow_id = script->workflow_id,
                               .message = request},
             signal_answered, signal);
}

static void end_answered(void *arg, enum err err, const char *text, struct slice body)
{
    const struct sim_script *script = arg;

    UNUSED(body);
    if (err != ERR_OK && err != ERR_NOT_FOUND)
        sim_fail(script->sim, "a cancel is answered", "%s: %s %s", script->workflow_id,
                 err_name(err), text);
}

static void send_cancel(void *arg)
{
    struct sim_script *script = arg;
    struct sim *sim = script->sim;
    api_request_cancel_workflow_execution_request *request =
        sim_message(sim, &api_request_cancel_workflow_execution_request__desc);

    request->workflow_execution = sim_execution(sim, script->workflow_id, "");
    request->request_id = arena_printf(&sim->arena, "cancel-%s", script->workflow_id);
    script->cancel_sent = true;
    user_ask(sim, NULL,
             &(struct sim_ask){.method = METHOD_HISTORY_REQUEST_CANCEL,
                               .workflow_id = script->workflow_id,
                               .message = request},
             end_answered, script);
}

static void send_terminate(void *arg)
{
    struct sim_script *script = arg;
    struct sim *sim = script->sim;
    api_terminate_workflow_execution_request *request =
        sim_message(sim, &api_terminate_workflow_execution_request__desc);

    request->workflow_execution = sim_execution(sim, script->workflow_id, "");
    request->reason = sim_str(sim, "scripted");
    script->terminate_sent = true;
    user_ask(sim, NULL,
             &(struct sim_ask){.method = METHOD_HISTORY_TERMINATE,
                               .workflow_id = script->workflow_id,
                               .message = request},
             end_answered, script);
}

static void query_later(struct sim_script *script, int64_t delay_ns);

static void send_signals(struct sim_script *script)
{
    struct sim *sim = script->sim;

    if (script->starts_with_signal)
        script->signaled[0] = true;
    for (uint32_t i = script->starts_with_signal; i < script->signals; i++) {
        struct signal *signal = ARENA_NEW(&sim->arena, struct signal);

        signal->script = script;
        signal->index = i;
        signal->with_start = sim_chance(sim, 200000);
        script->hastened |= signal->with_start;
        sim_later(sim, sim_between(sim, 0, 8 * NS_PER_S), send_signal, signal);
    }
    user_updates_begin(script);
    user_resets_begin(script);
    user_operators_begin(script);
    for (uint64_t i = rng_below(&sim->rng, 3); i > 0; i--)
        query_later(script, sim_between(sim, 0, 20 * NS_PER_S));
    if (script->cancel_ns)
        sim_later(sim, script->cancel_ns, send_cancel, script);
    if (script->terminate_ns)
        sim_later(sim, script->terminate_ns, send_terminate, script);
}

/* -- queries ----------------------------------------------------------------------------------- */

struct query {
    struct sim_script *script;
    int64_t asked_ns;
};

static void query_answered(void *arg, enum err err, const char *text, struct slice body)
{
    const struct query *query = arg;
    const struct sim_script *script = query->script;
    struct sim *sim = script->sim;
    const char *want = arena_printf(&sim->scratch, "answer of %s", script->workflow_id);

    sim_note(sim, "query", (uint64_t)(script - sim->scripts), err);
    if (err == ERR_OK) {
        const api_query_workflow_response *response =
            sim_decode(sim, &api_query_workflow_response__desc, body);

        if (response->query_rejected && script->pauses)
            return; /* it is paused */
        sim->queries++;
        if (strcmp(sim_payload_text(sim, response->query_result), want) != 0)
            sim_fail(sim, "a query gets its own answer", "%s", script->workflow_id);
    } else if (sim->calm_ns && query->asked_ns > sim->calm_ns + QUERY_WAIT_S * NS_PER_S) {
        sim_fail(sim, "a query is answered when all is well", "%s: %s %s", script->workflow_id,
                 err_name(err), text);
    }
}

static void send_query(void *arg)
{
    struct query *query = arg;
    struct sim *sim = query->script->sim;
    api_query_workflow_request *request = sim_message(sim, &api_query_workflow_request__desc);

    query->asked_ns = sim->now_ns;
    request->execution = sim_execution(sim, query->script->workflow_id, "");
    request->query = sim_message(sim, &api_workflow_query__desc);
    request->query->query_type = sim_str(sim, "state");
    gateway_ask(sim,
                &(struct sim_ask){.method = METHOD_HISTORY_QUERY,
                                  .workflow_id = query->script->workflow_id,
                                  .message = request},
                query_answered, query);
}

static void query_later(struct sim_script *script, int64_t delay_ns)
{
    struct query *query = ARENA_NEW(&script->sim->arena, struct query);

    query->script = script;
    sim_later(script->sim, delay_ns, send_query, query);
}

/* -- the end ----------------------------------------------------------------------------------- */

static void be_closed(struct sim_script *script)
{
    struct sim *sim = script->sim;

    must(!script->closed && sim->scripts_open > 0);
    script->closed = true;
    sim->scripts_open--;
    if (script->child) { /* from here on it is looked after */
        script->child->waited_run_id = "";
        wait_for_end(script->child);
    }
}

/* Did the end of its parent end it? */
static bool ended_with_parent(const struct sim_script *script, int32_t type)
{
    const struct sim_script *parent = script->parent;

    if (!parent || (parent->child_waited && !parent->cancel_sent && !parent->terminate_sent &&
                    !parent->times_out))
        return false;
    if (type == EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED)
        return parent->child_policy == PARENT_CLOSE_POLICY_TERMINATE;
    return parent->child_policy == PARENT_CLOSE_POLICY_REQUEST_CANCEL && script->obeys_cancel;
}

static void closed(struct sim_script *script, const api_history_event *event)
{
    struct sim *sim = script->sim;
    const int32_t type = (int32_t)event->event_type;
    const char *want = arena_printf(&sim->scratch, "ok %u", script->signals);
    bool right = false;

    if (type == EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED) {
        const char *got =
            sim_payload_text(sim, event->workflow_execution_completed_event_attributes->result);
        right = !script->fails && !script->times_out && script->chain != CHAIN_CRON &&
                (strcmp(got, want) == 0 || script->chain == CHAIN_RETRIES);
        if (!right)
            sim_note_text(sim, "%s got \"%s\"", script->workflow_id, got);
    } else if (type == EVENT_TYPE_WORKFLOW_EXECUTION_FAILED) {
        right = script->fails && !script->times_out;
    } else if (type == EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED) {
        right = (script->cancel_sent && script->obeys_cancel) || ended_with_parent(script, type) ||
                script->chain == CHAIN_CRON;
    } else if (type == EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED) {
        right = script->terminate_sent || ended_with_parent(script, type);
    } else if (type == EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT) {
        right = script->times_out;
    }
    sim_note(sim, "closed", (uint64_t)(script - sim->scripts), (uint64_t)type);
    if (!right)
        sim_fail(sim, "a workflow ends as foreseen", "%s closed with event type %d",
                 script->workflow_id, type);
    script->close_type = type;
    query_later(script, sim_between(sim, 0, 10 * NS_PER_S));
    be_closed(script);
}

/* What the run that closes with this event is followed by; "": nothing. */
static const char *next_run(const api_history_event *event)
{
    switch (event->event_type) {
    case EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
        return event->workflow_execution_continued_as_new_event_attributes->new_execution_run_id;
    case EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
        return event->workflow_execution_completed_event_attributes->new_execution_run_id;
    case EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
        return event->workflow_execution_failed_event_attributes->new_execution_run_id;
    case EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
        return event->workflow_execution_timed_out_event_attributes->new_execution_run_id;
    default:
        return "";
    }
}

static void history_answered(void *arg, enum err err, const char *text, struct slice body)
{
    struct sim_script *script = arg;
    struct sim *sim = script->sim;

    if (err == ERR_NOT_FOUND && script->parent && *script->waited_run_id == '\0') {
        /* Its parent ended before it came to start it; or the start is on its way. */
        if (sim->calm && ++script->asked_in_vain > CHILD_WAIT_S)
            be_closed(script);
        else
            sim_later(sim, NS_PER_S, wait_for_end, script);
        return;
    }
    if (err != ERR_OK) {
        sim_fail(sim, "an acknowledged start is kept", "%s run %s: %s %s", script->workflow_id,
                 script->waited_run_id, err_name(err), text);
        return;
    }
    const api_get_workflow_execution_history_response *response =
        sim_decode(sim, &api_get_workflow_execution_history_response__desc, body);
    if (!response->history || response->history->n_events == 0) {
        sim_later(sim, 10 * NS_PER_MS, wait_for_end, script);
        return;
    }
    const api_history_event *event = response->history->events[response->history->n_events - 1];
    const char *next = next_run(event);
    if (*next) {
        script->waited_run_id = sim_str(sim, next);
        wait_for_end(script);
    } else if (user_reset_ended(event) || script->resets_open > 0) {
        script->waited_run_id = ""; /* the one that is current by then */
        sim_later(sim, user_reset_ended(event) ? 0 : NS_PER_S, wait_for_end, script);
    } else {
        closed(script, event);
    }
}

static void wait_for_end(void *arg)
{
    struct sim_script *script = arg;
    struct sim *sim = script->sim;
    api_get_workflow_execution_history_request *request =
        sim_message(sim, &api_get_workflow_execution_history_request__desc);

    request->execution = sim_execution(sim, script->workflow_id, script->waited_run_id);
    request->wait_new_event = true;
    request->history_event_filter_type = HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT;
    user_ask(sim, NULL,
             &(struct sim_ask){.method = METHOD_HISTORY_GET_HISTORY,
                               .workflow_id = script->workflow_id,
                               .message = request,
                               .timeout_ms = 25000,
                               .long_poll = true},
             history_answered, script);
}

void clients_start(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->script_count && !sim->scripts[i].parent; i++)
        sim_later(sim, sim->scripts[i].start_ns, start, &sim->scripts[i]);
}
