/* worker.c - workers: they poll both kinds of tasks, play the scripts, keep a cache of runs when
 * they are sticky, are slow, and vanish. */
#include "tests/sim/play.h"

#include <stdio.h>
#include <stdlib.h>

enum { WORKFLOW_POLLS = 2, ACTIVITY_POLLS = 3, POLLS_MAX = WORKFLOW_POLLS + ACTIVITY_POLLS + 1 };
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
        play_event(sim, view, script, event);
        view->last_event_id = event->event_id;
    }
    view->unsure = true;
    return view;
}

/* -- workflow tasks ---------------------------------------------------------------------------- */

struct answer { /* of a task, on its way after the work */
    struct poll *poll;
    struct sim_ask ask;
    struct fact *acked; /* counted when the answer is accepted */
    struct sim_worker *worker;
    struct view *view;        /* of a workflow task that is completed */
    int64_t started_event_id; /* of that task */
    int64_t beat_ns;          /* heartbeats until then */
    struct slice token;
    const char *workflow_id;
};

/* The task itself may leave no events after all, when nobody needed it: those before it stay. */
static void task_completed(const struct answer *answer, struct slice body)
{
    struct sim *sim = answer->worker->sim;
    const api_respond_workflow_task_completed_response *response =
        sim_decode(sim, &api_respond_workflow_task_completed_response__desc, body);
    struct view *view = answer->view;

    view->unsure = false;
    if (response->reset_history_event_id == 0)
        return;
    if (response->reset_history_event_id > answer->started_event_id - 2)
        sim_fail(sim, "a discarded task takes its own events only", "run %s: back to %lld of %lld",
                 view->run_id, (long long)response->reset_history_event_id,
                 (long long)answer->started_event_id);
    view->last_event_id = answer->started_event_id - 2;
}

static void answer_answered(void *arg, enum err err, const char *text, struct slice body)
{
    struct answer *answer = arg;

    UNUSED(text);
    sim_note(answer->worker->sim, "answered", answer->ask.method, err);
    if (err == ERR_OK && answer->acked)
        answer->acked->count++;
    if (err == ERR_OK && answer->view)
        task_completed(answer, body);
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
    request->capabilities =
        sim_message(sim, &api_respond_workflow_task_completed_request_capabilities__desc);
    request->capabilities->discard_speculative_workflow_task_with_events = true;
    answer_queries(sim, request, task);
    request->n_commands = d->count;
    request->commands = ARENA_ARRAY(&sim->arena, api_command *, d->count + 1);
    memcpy(request->commands, d->commands, d->count * sizeof *request->commands);
    request->n_messages = d->message_count;
    request->messages = ARENA_ARRAY(&sim->arena, api_message *, d->message_count + 1);
    memcpy(request->messages, d->messages, d->message_count * sizeof *request->messages);
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

/* -- a history of several pages ---------------------------------------------------------------- */

static void on_workflow_task(struct poll *poll, struct slice body);

struct paging {
    struct poll *poll;
    struct slice body; /* of the task, so far */
};

/* The task with the events of one more page. */
static struct slice merge_page(struct sim *sim, struct slice task, struct slice page)
{
    struct wire_reader reader = wire_reader(task);
    struct wire_field field;
    struct buf body, events;

    buf_init(&body, 0);
    buf_init(&events, 0);
    while (wire_next(&reader, &field))
        if (field.number != 8 && field.number != 9)
            buf_append_slice(&body, field.raw);
    buf_append_slice(&events, wire_find_bytes(task, 8));
    buf_append_slice(&events, wire_find_bytes(page, 1));
    wire_put_bytes(&body, 8, buf_slice(&events));       /* history */
    wire_put_bytes(&body, 9, wire_find_bytes(page, 3)); /* next_page_token */
    const struct slice merged = arena_copy(&sim->arena, buf_slice(&body));
    buf_release(&body);
    buf_release(&events);
    return merged;
}

static void page_answered(void *arg, enum err err, const char *text, struct slice page)
{
    struct paging *paging = arg;

    UNUSED(text);
    if (err != ERR_OK) /* the task is another's by now */
        poll_later(paging->poll, 0);
    else
        on_workflow_task(paging->poll, merge_page(paging->poll->worker->sim, paging->body, page));
}

static void ask_page(struct poll *poll, struct slice body,
                     const api_poll_workflow_task_queue_response *task)
{
    struct sim_worker *worker = poll->worker;
    struct sim *sim = worker->sim;
    struct paging *paging = ARENA_NEW(&sim->arena, struct paging);
    api_get_workflow_execution_history_request *request =
        sim_message(sim, &api_get_workflow_execution_history_request__desc);

    paging->poll = poll;
    paging->body = arena_copy(&sim->arena, body);
    request->execution =
        sim_execution(sim, task->workflow_execution->workflow_id, task->workflow_execution->run_id);
    const struct slice token =
        arena_copy(&sim->arena, slice_of(task->next_page_token.data, task->next_page_token.len));
    request->next_page_token.data = (uint8_t *)(uintptr_t)token.ptr;
    request->next_page_token.len = token.len;
    user_ask(sim, &worker->alive,
             &(struct sim_ask){.method = METHOD_HISTORY_GET_HISTORY,
                               .workflow_id = request->execution->workflow_id,
                               .message = request},
             page_answered, paging);
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
    if (task->next_page_token.len) {
        ask_page(poll, body, task);
        return;
    }
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
        user_updates_answer(sim, &d, view, script, task);
        play_decide(sim, &d, view, script);
        answer->view = view;
        answer->started_event_id = task->started_event_id;
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
    const int bit = play_activity_bit(task->activity_id);

    must(script != NULL && bit >= 0);
    const struct script_activity *what =
        &script->steps[bit / STEP_ACTIVITIES].activities[bit % STEP_ACTIVITIES];
    sim_note_text(sim, "%s: activity task %s %s %s attempt %d", worker->identity, workflow_id,
                  run_id, task->activity_id, task->attempt);
    struct fact *handed =
        fact_get(sim, "handed out %s %s %d", run_id, task->activity_id, task->attempt);
    if (handed->count++ && !script->resets_activities)
        sim_fail(sim, "an activity's attempt is handed out once", "%s run %s %s attempt %d",
                 workflow_id, run_id, task->activity_id, task->attempt);
    /* An attempt that ends while its activity is paused is followed by one more. */
    if (what->attempts_max && script->operations == 0 && task->attempt > what->attempts_max)
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
