/* shard_test.c - a shard by hand: no thread, a fake clock, the memory store; the test plays
 * everyone else. What is not stepped is not durable, which shows the release rule. */
#include "history/shard/shard_fixture.h"

#define DIR_NAME "history-shard-test"

/* Event types: 1 started, 2 completed, 5 6 7 workflow task scheduled, started, completed,
 * 8 timed out, 17 18 timer started, fired, 26 signaled. */

TEST(test_history_shard_hello_world)
{
    WITH_WORLD(w);
    world_start(w, "hello");
    const api_poll_workflow_task_queue_response *task = world_poll_workflow(w);

    check_i64(task->history->n_events, 3);
    check_i64(task->started_event_id, 3);
    check_i64(task->attempt, 1);
    check_str(task->workflow_execution->workflow_id, "hello");
    world_complete(w, world_token(task), world_complete_command(w));
    check_str(world_history(w, "hello", 256), "1 5 6 7 2");
    check_str(world_history(w, "hello", 1), "1 5 6 7 2");
    check_str(world_history(w, "hello", 2), "1 5 6 7 2");
    END_WORLD(w);
}

TEST(test_history_shard_answers_only_when_durable)
{
    WITH_WORLD(w);
    const uint64_t call =
        world_call(w, METHOD_HISTORY_START_WORKFLOW,
                   world_api_body(w, world_start_request(w, "hello", "r1"), SLICE_EMPTY), NS_PER_S);

    check(store_step(w->store)); /* the read of the current run */
    check(world_reply(w, call) == NULL);
    check(world_take(w, METHOD_MATCHING_OFFER_TASKS) == NULL);
    world_settle(w);
    check(world_reply(w, call) != NULL);
    check(world_take(w, METHOD_MATCHING_OFFER_TASKS) != NULL);
    END_WORLD(w);
}

TEST(test_history_shard_starts_of_one_id_stand_in_line)
{
    WITH_WORLD(w);
    const struct slice first = world_api_body(w, world_start_request(w, "one", "r1"), SLICE_EMPTY);
    const struct slice second = world_api_body(w, world_start_request(w, "one", "r2"), SLICE_EMPTY);
    const uint64_t a = world_call(w, METHOD_HISTORY_START_WORKFLOW, first, NS_PER_S);
    const uint64_t b = world_call(w, METHOD_HISTORY_START_WORKFLOW, second, NS_PER_S);
    const uint64_t again = world_call(w, METHOD_HISTORY_START_WORKFLOW, first, NS_PER_S);

    world_settle(w);
    const api_start_workflow_execution_response *started =
        world_answer(w, a, &api_start_workflow_execution_response__desc);
    const api_start_workflow_execution_response *repeated =
        world_answer(w, again, &api_start_workflow_execution_response__desc);
    check_str(repeated->run_id, started->run_id);
    check(repeated->started);
    check_err(world_got(w, b)->err, ERR_EXISTS);
    END_WORLD(w);
}

TEST(test_history_shard_start_can_replace_a_running_one)
{
    WITH_WORLD(w);
    api_start_workflow_execution_request *request = world_start_request(w, "one", "r2");
    const char *old = world_start(w, "one");

    request->workflow_id_conflict_policy = WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING;
    const uint64_t call = world_api(w, METHOD_HISTORY_START_WORKFLOW, request, SLICE_EMPTY);
    const api_start_workflow_execution_response *started =
        world_answer(w, call, &api_start_workflow_execution_response__desc);
    check(strcmp(started->run_id, old) != 0);
    check_str(world_history(w, "one", 256), "1 5");

    api_get_workflow_execution_history_request history =
        API_GET_WORKFLOW_EXECUTION_HISTORY_REQUEST_INIT;
    history.execution = world_execution(w, "one");
    history.execution->run_id = world_str(w, old);
    const api_get_workflow_execution_history_response *ended = world_get_history(w, &history);
    check_i64(ended->history->n_events, 3);
    check_i64(ended->history->events[2]->event_type, EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED);
    END_WORLD(w);
}

/* The first run of a chain beside another run: the chain counts. */
TEST(test_history_shard_ends_the_current_run_of_a_named_chain)
{
    WITH_WORLD(w);
    api_start_workflow_execution_request *again = world_start_request(w, "one", "r2");
    api_request_cancel_workflow_execution_request cancel =
        API_REQUEST_CANCEL_WORKFLOW_EXECUTION_REQUEST_INIT;
    api_terminate_workflow_execution_request end = API_TERMINATE_WORKFLOW_EXECUTION_REQUEST_INIT;
    const char *old = world_start(w, "one");

    again->workflow_id_conflict_policy = WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING;
    const uint64_t start = world_api(w, METHOD_HISTORY_START_WORKFLOW, again, SLICE_EMPTY);
    const api_start_workflow_execution_response *started =
        world_answer(w, start, &api_start_workflow_execution_response__desc);

    cancel.workflow_execution = end.workflow_execution = world_execution(w, "one");
    cancel.workflow_execution->run_id = world_str(w, old);
    const uint64_t of_run = world_api(w, METHOD_HISTORY_REQUEST_CANCEL, &cancel, SLICE_EMPTY);
    check_ok(world_got(w, of_run)->err);
    check_str(world_history(w, "one", 256), "1 5"); /* the old one's end is the cancel's too */
    cancel.first_execution_run_id = world_str(w, started->run_id);
    const uint64_t of_chain = world_api(w, METHOD_HISTORY_REQUEST_CANCEL, &cancel, SLICE_EMPTY);
    check_ok(world_got(w, of_chain)->err);
    check_str(world_history(w, "one", 256), "1 5 20");

    check_err(world_got(w, world_api(w, METHOD_HISTORY_TERMINATE, &end, SLICE_EMPTY))->err,
              ERR_NOT_FOUND);
    end.first_execution_run_id = world_str(w, old);
    check_err(world_got(w, world_api(w, METHOD_HISTORY_TERMINATE, &end, SLICE_EMPTY))->err,
              ERR_NOT_FOUND);
    end.first_execution_run_id = world_str(w, started->run_id);
    check_ok(world_got(w, world_api(w, METHOD_HISTORY_TERMINATE, &end, SLICE_EMPTY))->err);
    check_str(world_history(w, "one", 256), "1 5 20 27");
    END_WORLD(w);
}

TEST(test_history_shard_unknown_workflows_are_not_found)
{
    WITH_WORLD(w);
    api_describe_workflow_execution_request request = API_DESCRIBE_WORKFLOW_EXECUTION_REQUEST_INIT;

    request.execution = world_execution(w, "nobody");
    const uint64_t by_id = world_api(w, METHOD_HISTORY_DESCRIBE, &request, SLICE_EMPTY);
    check_err(world_got(w, by_id)->err, ERR_NOT_FOUND);
    check_str(world_got(w, by_id)->text, "workflow not found for ID: nobody");
    request.execution->run_id = world_str(w, "0190c1f2-0000-7000-8000-000000000001");
    const uint64_t by_run = world_api(w, METHOD_HISTORY_DESCRIBE, &request, SLICE_EMPTY);
    check_err(world_got(w, by_run)->err, ERR_NOT_FOUND);
    request.execution->run_id = world_str(w, "no uuid");
    const uint64_t bad = world_api(w, METHOD_HISTORY_DESCRIBE, &request, SLICE_EMPTY);
    check_err(world_got(w, bad)->err, ERR_INVALID);
    END_WORLD(w);
}

TEST(test_history_shard_refuses_a_task_that_is_gone)
{
    WITH_WORLD(w);
    struct rpc_task task;

    world_start(w, "hello");
    check(world_offer(w, &task));
    const uint64_t poll = world_start_task(w, &task, 41, ERR_OK);
    const uint64_t other = world_start_task(w, &task, 42, ERR_STALE);
    check(world_reply(w, other) == NULL);
    /* The same poll asks again after a lost answer: the same task. */
    const uint64_t repeated = world_start_task(w, &task, 41, ERR_OK);
    const api_poll_workflow_task_queue_response
        *first = world_answer(w, poll, &api_poll_workflow_task_queue_response__desc),
        *second = world_answer(w, repeated, &api_poll_workflow_task_queue_response__desc);
    check_slice(world_token(second), world_token(first));
    check_i64(second->history->n_events, 3);
    END_WORLD(w);
}

TEST(test_history_shard_survives_a_crash)
{
    for (int flush = 0; flush < 2; flush++) {
        WITH_WORLD(w);
        struct rpc_task task;

        world_start(w, "hello");
        check(world_offer(w, &task)); /* lost with matching */
        world_reopen(w, flush);

        const struct rpc_pull_tasks pull = {.kind = TASK_WORKFLOW,
                                            .namespace_id = SLICE_LIT(WORLD_NAMESPACE),
                                            .task_queue = SLICE_LIT("queue"),
                                            .limit = 10};
        struct rpc_task *tasks;
        uint32_t count;
        bool has_more;
        struct buf body;
        buf_init(&body, 0);
        rpc_pull_tasks_encode(&pull, &body);
        const uint64_t call = world_call(w, METHOD_HISTORY_PULL_TASKS, buf_slice(&body), NS_PER_S);
        buf_release(&body);
        world_settle(w);
        check_ok(rpc_tasks_decode(&w->arena, world_got(w, call)->bytes, &tasks, &count, &has_more));
        check_i64(count, 1);
        check(!has_more);
        const uint64_t poll = world_start_task(w, &tasks[0], 9, ERR_OK);
        const api_poll_workflow_task_queue_response *polled =
            world_answer(w, poll, &api_poll_workflow_task_queue_response__desc);
        check_i64(polled->history->n_events, 3);
        world_reopen(w, flush);
        world_complete(w, world_token(polled), world_complete_command(w));
        check_str(world_history(w, "hello", 2), "1 5 6 7 2");
        END_WORLD(w);
    }
}

/* A signal and the end of the run it finds, at once, in a shard that knows nothing yet. */
static void signal_amid_a_continuation(bool signal_first, uint32_t steps)
{
    WITH_WORLD(w);
    api_continue_as_new_workflow_execution_command_attributes attributes =
        API_CONTINUE_AS_NEW_WORKFLOW_EXECUTION_COMMAND_ATTRIBUTES_INIT;
    api_command command = API_COMMAND_INIT;
    api_signal_workflow_execution_request signal = API_SIGNAL_WORKFLOW_EXECUTION_REQUEST_INIT;

    command.command_type = COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION;
    command.attributes_case =
        API_COMMAND_ATTRIBUTES_CONTINUE_AS_NEW_WORKFLOW_EXECUTION_COMMAND_ATTRIBUTES;
    command.continue_as_new_workflow_execution_command_attributes = &attributes;
    signal.workflow_execution = world_execution(w, "hello");
    signal.signal_name = world_str(w, "go on");
    world_start(w, "hello");
    const struct slice token = world_token(world_poll_workflow(w));
    world_reopen(w, true);

    const struct slice bodies[] = {
        world_api_body(w, world_completion(w, &command), token),
        world_api_body(w, &signal, SLICE_EMPTY),
    };
    const enum mesh_method methods[] = {METHOD_HISTORY_RESPOND_WORKFLOW_TASK_COMPLETED,
                                        METHOD_HISTORY_SIGNAL_WORKFLOW};
    uint64_t calls[2];
    calls[0] = world_call(w, methods[signal_first], bodies[signal_first], 10 * NS_PER_S);
    for (uint32_t i = 0; i < steps; i++)
        if (i % 2 == 0)
            (void)store_step(w->store);
        else
            (void)history_shard_run_due(w->shard);
    calls[1] = world_call(w, methods[!signal_first], bodies[!signal_first], 10 * NS_PER_S);
    world_settle(w);
    const struct sent *ended = world_got(w, calls[signal_first]);
    check_ok(world_got(w, calls[!signal_first])->err);
    if (ended->err == ERR_OK) /* else the signal came first: an unhandled command */
        check_str(world_history(w, "hello", 5), "1 26");
    END_WORLD(w);
}

TEST(test_history_shard_signals_the_run_that_is_current_then)
{
    for (uint32_t steps = 0; steps < 16; steps++) {
        signal_amid_a_continuation(true, steps);
        signal_amid_a_continuation(false, steps);
    }
}

TEST(test_history_shard_unstarts_only_a_first_answer)
{
    WITH_WORLD(w);
    pb_duration timeout = PB_DURATION_INIT;
    api_activity_type type = API_ACTIVITY_TYPE_INIT;
    api_task_queue queue = API_TASK_QUEUE_INIT;
    api_schedule_activity_task_command_attributes attributes =
        API_SCHEDULE_ACTIVITY_TASK_COMMAND_ATTRIBUTES_INIT;
    api_command command = API_COMMAND_INIT;
    struct rpc_task task;

    timeout.seconds = 60;
    type.name = world_str(w, "activity");
    queue.name = world_str(w, "queue");
    attributes.activity_id = world_str(w, "1");
    attributes.activity_type = &type;
    attributes.task_queue = &queue;
    attributes.start_to_close_timeout = &timeout;
    command.command_type = COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK;
    command.attributes_case = API_COMMAND_ATTRIBUTES_SCHEDULE_ACTIVITY_TASK_COMMAND_ATTRIBUTES;
    command.schedule_activity_task_command_attributes = &attributes;
    world_start(w, "hello");
    world_complete(w, world_token(world_poll_workflow(w)), &command);
    must(world_offer(w, &task));
    check_i64(task.kind, TASK_ACTIVITY);
    const uint64_t first = world_start_task(w, &task, 41, ERR_OK);
    check(world_got(w, first)->undelivered);
    const uint64_t again = world_start_task(w, &task, 41, ERR_OK);
    check(!world_got(w, again)->undelivered);
    END_WORLD(w);
}

TEST(test_history_shard_works_with_a_cache_of_nothing)
{
    WITH_WORLD(w);
    w->cache_bytes = 1;
    world_reopen(w, true);
    for (int i = 0; i < 20; i++) {
        const char *id = arena_printf(&w->arena, "wf-%d", i);

        world_start(w, id);
        world_complete(w, world_token(world_poll_workflow(w)), world_complete_command(w));
    }
    check_str(world_history(w, "wf-3", 256), "1 5 6 7 2");
    END_WORLD(w);
}

TEST(test_history_shard_lists_and_counts)
{
    WITH_WORLD(w);
    for (int i = 0; i < 7; i++) {
        w->clock.now_ns += NS_PER_S;
        world_start(w, arena_printf(&w->arena, "wf-%d", i));
    }
    struct rpc_list list = {.namespace_id = SLICE_LIT(WORLD_NAMESPACE), .page_size = 3};
    uint32_t pages;
    const char *seen = world_listed(w, list, &pages);

    check_i64(pages, 3);
    check_str(seen, " wf-6 wf-5 wf-4 wf-3 wf-2 wf-1 wf-0");

    struct buf body;
    list = (struct rpc_list){.namespace_id = SLICE_LIT(WORLD_NAMESPACE)};
    buf_init(&body, 0);
    rpc_list_encode(&list, &body);
    const uint64_t call = world_call(w, METHOD_HISTORY_COUNT_WORKFLOWS, buf_slice(&body), NS_PER_S);
    buf_release(&body);
    world_settle(w);
    const api_count_workflow_executions_response *counted =
        world_answer(w, call, &api_count_workflow_executions_response__desc);
    check_i64(counted->count, 7);
    END_WORLD(w);
}

TEST(test_history_shard_offers_again_what_matching_refused)
{
    WITH_WORLD(w);
    struct rpc_task task;

    w->casts_refused = true;
    world_start(w, "hello");
    world_pass(w, NS_PER_S);
    check(!world_offer(w, &task));
    w->casts_refused = false;
    world_pass(w, 100 * NS_PER_MS);
    check(world_offer(w, &task));
    check(!world_offer(w, &task));
    END_WORLD(w);
}

static uint64_t signal_unsettled(struct world *w, const char *workflow_id, size_t bytes)
{
    api_signal_workflow_execution_request request = API_SIGNAL_WORKFLOW_EXECUTION_REQUEST_INIT;
    api_payloads payloads = API_PAYLOADS_INIT;
    api_payload payload = API_PAYLOAD_INIT, *one = &payload;

    payload.data.data = arena_zalloc(&w->arena, bytes);
    payload.data.len = bytes;
    payloads.payloads = &one;
    payloads.n_payloads = 1;
    request.workflow_execution = world_execution(w, workflow_id);
    request.signal_name = world_str(w, "s");
    request.input = &payloads;
    return world_call(w, METHOD_HISTORY_SIGNAL_WORKFLOW, world_api_body(w, &request, SLICE_EMPTY),
                      10 * NS_PER_S);
}

/* A full log refuses a step whose effects are in memory already: that run is read again, and holds
 * exactly what was answered OK. */
TEST(test_history_shard_forgets_what_it_could_not_store)
{
    enum { SIGNALS = 24 };
    WITH_WORLD(w);
    uint64_t calls[SIGNALS];
    int64_t stored = 0, refused = 0;
    const char *want = "1 5";

    world_start(w, "hello");
    for (size_t i = 0; i < SIGNALS; i++)
        calls[i] = signal_unsettled(w, "hello", 1000 * 1000);
    world_settle(w);
    for (size_t i = 0; i < SIGNALS; i++) {
        const struct sent *reply = world_got(w, calls[i]);

        stored += reply->err == ERR_OK;
        refused += reply->err == ERR_BUSY;
        if (reply->err == ERR_OK)
            want = arena_printf(&w->arena, "%s 26", want);
    }
    check(stored > 0);
    check(refused > 0);
    check_i64(stored + refused, SIGNALS);
    check_str(world_history(w, "hello", 256), want);
    const uint64_t after = signal_unsettled(w, "hello", 10);
    world_settle(w);
    check_ok(world_got(w, after)->err);
    END_WORLD(w);
}

TEST(test_history_shard_takes_rubbish)
{
    WITH_WORLD(w);
    struct rng rng;

    rng_seed(&rng, 3);
    for (int method = 0; method < 70; method++)
        for (int i = 0; i < 30; i++) {
            uint8_t bytes[64];
            const size_t len = rng_below(&rng, sizeof bytes);

            for (size_t at = 0; at < len; at++)
                bytes[at] = (uint8_t)rng_u64(&rng);
            w->sent_count = 0;
            world_call(w, (enum mesh_method)method, slice_of(bytes, len), NS_PER_S);
            world_settle(w);
        }
    END_WORLD(w);
}
