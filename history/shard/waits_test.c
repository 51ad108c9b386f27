/* waits_test.c - what waits in a shard: long polls, queries, deadlines, timers' windows. By hand,
 * as in shard_test.c. */
#include "history/shard/shard_fixture.h"

#define DIR_NAME "history-waits-test"

/* -- long polls ----------------------------------------------------------------------------- */

static uint64_t wait_for_close(struct world *w, const char *workflow_id, int64_t timeout_ns)
{
    api_get_workflow_execution_history_request request =
        API_GET_WORKFLOW_EXECUTION_HISTORY_REQUEST_INIT;

    request.execution = world_execution(w, workflow_id);
    request.wait_new_event = true;
    request.history_event_filter_type = HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT;
    const uint64_t call = world_call(w, METHOD_HISTORY_GET_HISTORY,
                                     world_api_body(w, &request, SLICE_EMPTY), timeout_ns);
    world_settle(w);
    return call;
}

TEST(test_history_waits_for_the_close_event)
{
    WITH_WORLD(w);
    world_start(w, "hello");
    const api_poll_workflow_task_queue_response *task = world_poll_workflow(w);
    const uint64_t call = wait_for_close(w, "hello", 60 * NS_PER_S);

    check(world_reply(w, call) == NULL);
    world_complete(w, world_token(task), world_complete_command(w));
    const api_get_workflow_execution_history_response *response =
        world_answer(w, call, &api_get_workflow_execution_history_response__desc);
    check_i64(response->history->n_events, 1);
    check_i64(response->history->events[0]->event_type, EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED);
    check_i64(response->next_page_token.len, 0);
    END_WORLD(w);
}

TEST(test_history_wait_ends_with_an_empty_page)
{
    WITH_WORLD(w);
    static const struct {
        int64_t timeout_ns, answered_ns;
    } cases[] = {{60 * NS_PER_S, 20 * NS_PER_S}, {5 * NS_PER_S, 4 * NS_PER_S}};

    world_start(w, "hello");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const uint64_t call = wait_for_close(w, "hello", cases[i].timeout_ns);

        world_pass(w, cases[i].answered_ns - NS_PER_MS);
        check(world_reply(w, call) == NULL);
        world_pass(w, NS_PER_MS);
        const api_get_workflow_execution_history_response *response =
            world_answer(w, call, &api_get_workflow_execution_history_response__desc);
        check_i64(response->history->n_events, 0);
        check(response->next_page_token.len > 0);
    }
    END_WORLD(w);
}

TEST(test_history_wait_follows_new_events)
{
    WITH_WORLD(w);
    api_get_workflow_execution_history_request request =
        API_GET_WORKFLOW_EXECUTION_HISTORY_REQUEST_INIT;

    world_start(w, "hello");
    request.execution = world_execution(w, "hello");
    request.wait_new_event = true;
    const api_get_workflow_execution_history_response *page = world_get_history(w, &request);
    check_i64(page->history->n_events, 2);
    check(page->next_page_token.len > 0);

    request.next_page_token = page->next_page_token;
    const uint64_t call = world_api(w, METHOD_HISTORY_GET_HISTORY, &request, SLICE_EMPTY);
    check(world_reply(w, call) == NULL);
    const api_poll_workflow_task_queue_response *task = world_poll_workflow(w);
    page = world_answer(w, call, &api_get_workflow_execution_history_response__desc);
    check_i64(page->history->n_events, 1);
    check_i64(page->history->events[0]->event_id, 3);

    request.next_page_token = page->next_page_token;
    world_complete(w, world_token(task), world_complete_command(w));
    page = world_get_history(w, &request);
    check_i64(page->history->n_events, 2);
    check_i64(page->next_page_token.len, 0);
    END_WORLD(w);
}

TEST(test_history_wait_is_forgotten_when_its_caller_is_gone)
{
    WITH_WORLD(w);
    world_start(w, "hello");
    const uint64_t call = wait_for_close(w, "hello", 60 * NS_PER_S);

    history_shard_canceled(w->shard, (struct mesh_addr){.process = 5, .call = call});
    world_complete(w, world_token(world_poll_workflow(w)), world_complete_command(w));
    check(world_reply(w, call) == NULL);
    END_WORLD(w);
}

TEST(test_history_bad_page_tokens_are_refused)
{
    WITH_WORLD(w);
    static uint8_t rubbish[] = {1, 2, 3};
    api_get_workflow_execution_history_request request =
        API_GET_WORKFLOW_EXECUTION_HISTORY_REQUEST_INIT;

    world_start(w, "hello");
    request.execution = world_execution(w, "hello");
    request.next_page_token.data = rubbish;
    request.next_page_token.len = sizeof rubbish;
    const uint64_t call = world_api(w, METHOD_HISTORY_GET_HISTORY, &request, SLICE_EMPTY);
    check_err(world_got(w, call)->err, ERR_INVALID);
    check_str(world_got(w, call)->text, "Invalid NextPageToken.");
    END_WORLD(w);
}

/* -- queries -------------------------------------------------------------------------------- */

static uint64_t ask(struct world *w, const char *workflow_id)
{
    api_query_workflow_request request = API_QUERY_WORKFLOW_REQUEST_INIT;
    api_workflow_query query = API_WORKFLOW_QUERY_INIT;

    query.query_type = world_str(w, "state");
    request.execution = world_execution(w, workflow_id);
    request.query = &query;
    return world_api(w, METHOD_HISTORY_QUERY, &request, SLICE_EMPTY);
}

static void answer_query_task(struct world *w, struct slice token)
{
    api_respond_query_task_completed_request request =
        API_RESPOND_QUERY_TASK_COMPLETED_REQUEST_INIT;

    request.completed_type = QUERY_RESULT_TYPE_ANSWERED;
    const uint64_t call =
        world_api(w, METHOD_HISTORY_RESPOND_QUERY_TASK_COMPLETED, &request, token);
    check_ok(world_got(w, call)->err);
}

TEST(test_history_query_goes_directly_to_an_idle_workflow)
{
    WITH_WORLD(w);
    struct rpc_task task;

    world_start(w, "hello");
    world_complete(w, world_token(world_poll_workflow(w)),
                   world_timer_command(w, "t", 3600 * NS_PER_S));
    const uint64_t call = ask(w, "hello");
    struct sent *dispatch = world_take(w, METHOD_MATCHING_DISPATCH_QUERY);
    must(dispatch != NULL);
    check_ok(rpc_task_decode(&w->arena, dispatch->bytes, &task));
    check_i64(task.kind, TASK_QUERY);
    const uint64_t poll = world_start_task(w, &task, 9, ERR_OK);
    dispatch->reply(dispatch->arg, ERR_OK, NULL, SLICE_EMPTY);
    const api_poll_workflow_task_queue_response *polled =
        world_answer(w, poll, &api_poll_workflow_task_queue_response__desc);
    must(polled->query != NULL);
    check_str(polled->query->query_type, "state");
    check_i64(polled->history->n_events, 5);
    check(world_reply(w, call) == NULL);
    answer_query_task(w, world_token(polled));
    (void)world_answer(w, call, &api_query_workflow_response__desc);
    /* Nothing of it is history, and a second answer finds nobody. */
    check_str(world_history(w, "hello", 256), "1 5 6 7 17");
    api_respond_query_task_completed_request again = API_RESPOND_QUERY_TASK_COMPLETED_REQUEST_INIT;
    const uint64_t late =
        world_api(w, METHOD_HISTORY_RESPOND_QUERY_TASK_COMPLETED, &again, world_token(polled));
    check_err(world_got(w, late)->err, ERR_NOT_FOUND);
    END_WORLD(w);
}

TEST(test_history_query_waits_for_the_pending_task)
{
    WITH_WORLD(w);
    world_start(w, "hello");
    const uint64_t call = ask(w, "hello"), second = ask(w, "hello");

    check(world_reply(w, call) == NULL);
    check_err(world_got(w, second)->err, ERR_BUSY); /* the buffer holds one */
    const api_poll_workflow_task_queue_response *task = world_poll_workflow(w);
    check_i64(task->n_queries, 1);

    api_respond_workflow_task_completed_request *done =
        world_completion(w, world_timer_command(w, "t", 3600 * NS_PER_S));
    api_respond_workflow_task_completed_request_query_results_entry
        entry = API_RESPOND_WORKFLOW_TASK_COMPLETED_REQUEST_QUERY_RESULTS_ENTRY_INIT,
        *entries = &entry;
    api_workflow_query_result result = API_WORKFLOW_QUERY_RESULT_INIT;
    result.result_type = QUERY_RESULT_TYPE_FAILED;
    result.error_message = world_str(w, "no such query");
    entry.key = task->queries[0]->key;
    entry.value = &result;
    done->query_results = &entries;
    done->n_query_results = 1;
    world_api(w, METHOD_HISTORY_RESPOND_WORKFLOW_TASK_COMPLETED, done, world_token(task));
    check_err(world_got(w, call)->err, ERR_INVALID);
    check_str(world_got(w, call)->text, "no such query");
    END_WORLD(w);
}

TEST(test_history_query_without_result_is_dispatched_afterwards)
{
    WITH_WORLD(w);
    world_start(w, "hello");
    const uint64_t call = ask(w, "hello");

    world_complete(w, world_token(world_poll_workflow(w)),
                   world_timer_command(w, "t", 3600 * NS_PER_S));
    check(world_take(w, METHOD_MATCHING_DISPATCH_QUERY) != NULL);
    check(world_reply(w, call) == NULL);
    world_pass(w, 10 * NS_PER_S);
    check_err(world_got(w, call)->err, ERR_TIMEOUT);
    END_WORLD(w);
}

TEST(test_history_query_of_a_closed_workflow_can_be_rejected)
{
    WITH_WORLD(w);
    api_query_workflow_request request = API_QUERY_WORKFLOW_REQUEST_INIT;
    api_workflow_query query = API_WORKFLOW_QUERY_INIT;

    world_start(w, "hello");
    world_complete(w, world_token(world_poll_workflow(w)), world_complete_command(w));
    request.execution = world_execution(w, "hello");
    request.query = &query;
    request.query_reject_condition = QUERY_REJECT_CONDITION_NOT_OPEN;
    const uint64_t call = world_api(w, METHOD_HISTORY_QUERY, &request, SLICE_EMPTY);
    const api_query_workflow_response *response =
        world_answer(w, call, &api_query_workflow_response__desc);
    must(response->query_rejected != NULL);
    check_i64(response->query_rejected->status, WORKFLOW_EXECUTION_STATUS_COMPLETED);
    END_WORLD(w);
}

/* -- deadlines ------------------------------------------------------------------------------ */

static void start_timer(struct world *w, int64_t ns)
{
    world_start(w, "timer");
    world_complete(w, world_token(world_poll_workflow(w)), world_timer_command(w, "t", ns));
}

TEST(test_history_near_timers_fire_on_time_and_never_early)
{
    WITH_WORLD(w);
    start_timer(w, NS_PER_S);
    world_pass(w, NS_PER_S - 1);
    check_str(world_history(w, "timer", 256), "1 5 6 7 17");
    world_pass(w, 1);
    check_str(world_history(w, "timer", 256), "1 5 6 7 17 18 5");
    END_WORLD(w);
}

TEST(test_history_fires_itself_without_timers)
{
    for (int reopen = 0; reopen < 2; reopen++) {
        WITH_WORLD(w);
        start_timer(w, 30 * NS_PER_S);
        if (reopen)
            world_reopen(w, false);
        world_pass(w, 30 * NS_PER_S - 1);
        check_str(world_history(w, "timer", 256), "1 5 6 7 17");
        world_pass(w, 1);
        check_str(world_history(w, "timer", 256), "1 5 6 7 17 18 5");
        END_WORLD(w);
    }
}

static struct rpc_assign assigned(struct world *w)
{
    struct sent *sent = world_take(w, METHOD_TIMERS_ASSIGN);
    struct rpc_assign assign;

    must(sent != NULL);
    check_ok(rpc_assign_decode(&w->arena, sent->bytes, &assign));
    return assign;
}

static struct rpc_deadlines pull(struct world *w, uint64_t epoch, int64_t horizon_ms)
{
    const struct rpc_assign assign = {.epoch = epoch, .horizon_ms = horizon_ms, .limit = 100};
    struct rpc_deadlines list = {0};
    struct buf body;

    buf_init(&body, 0);
    rpc_assign_encode(&assign, &body);
    const uint64_t call = world_call(w, METHOD_HISTORY_PULL_DEADLINES, buf_slice(&body), NS_PER_S);
    buf_release(&body);
    world_settle(w);
    check_ok(world_got(w, call)->err);
    check_ok(rpc_deadlines_decode(&w->arena, world_got(w, call)->bytes, &list));
    return list;
}

static void fire(struct world *w, const struct rpc_deadlines *list)
{
    const struct mesh_request cast = {.method = METHOD_HISTORY_FIRE_DEADLINES};
    struct mesh_request request = cast;
    struct buf body;

    buf_init(&body, 0);
    rpc_deadlines_encode(list, &body);
    request.body = buf_slice(&body);
    history_shard_request(w->shard, &request);
    buf_release(&body);
    world_settle(w);
}

TEST(test_history_hands_far_deadlines_to_timers)
{
    for (int in_memory = 0; in_memory < 2; in_memory++) {
        WITH_WORLD(w);
        w->timers_alive = true;
        const struct rpc_assign assign = assigned(w);
        check_i64(assign.process, 77);
        check_i64(pull(w, assign.epoch, 60000).count, 0);

        start_timer(w, 5 * NS_PER_S);
        check(world_take(w, METHOD_TIMERS_DEADLINES) == NULL); /* it may go at once */
        world_pass(w, 500 * NS_PER_MS);
        struct sent *sent = world_take(w, METHOD_TIMERS_DEADLINES);
        must(sent != NULL);
        struct rpc_deadlines told;
        check_ok(rpc_deadlines_decode(&w->arena, sent->bytes, &told));
        check_i64(told.number, 1);
        check_i64(told.epoch, assign.epoch);
        check_i64(told.count, 1);

        struct rpc_assign later = assign;
        if (!in_memory) {
            world_reopen(w, true);
            later = assigned(w);
        }
        const struct rpc_deadlines window = pull(w, later.epoch, 60000);
        check_i64(window.count, 1);
        check_i64(window.items[0].at_wall_ns, told.items[0].at_wall_ns);

        world_pass(w, told.items[0].at_wall_ns - w->clock.now_ns - 1);
        fire(w, &window); /* early by a nanosecond: the shard knows better */
        check_str(world_history(w, "timer", 256), "1 5 6 7 17");
        world_pass(w, 1);
        check_str(world_history(w, "timer", 256), "1 5 6 7 17 18 5");
        fire(w, &window); /* again: nothing */
        check_str(world_history(w, "timer", 256), "1 5 6 7 17 18 5");
        END_WORLD(w);
    }
}

TEST(test_history_assigns_until_its_rows_are_pulled)
{
    WITH_WORLD(w);
    const struct rpc_assign first = assigned(w);

    world_pass(w, 5 * NS_PER_S);
    check(world_take(w, METHOD_TIMERS_ASSIGN) == NULL); /* nobody is there */
    w->timers_alive = true;
    world_pass(w, 3 * NS_PER_S);
    for (int i = 0; i < 4; i++) /* at once, then each second */
        check(assigned(w).epoch == first.epoch);
    check_i64(pull(w, first.epoch, 60000).count, 0);
    world_pass(w, 5 * NS_PER_S);
    check(world_take(w, METHOD_TIMERS_ASSIGN) == NULL);
    /* Its process dies, another one is there: the shard looks after its rows until that one pulls.
     */
    start_timer(w, 10 * NS_PER_S);
    history_shard_peer(w->shard, ROLE_TIMERS, 99, false);
    world_pass(w, 10 * NS_PER_S);
    check_str(world_history(w, "timer", 256), "1 5 6 7 17 18 5");
    check(assigned(w).epoch == first.epoch);
    END_WORLD(w);
}

TEST(test_history_looks_at_once_when_another_timers_process_takes_over)
{
    WITH_WORLD(w);
    w->timers_alive = true;
    check_i64(pull(w, assigned(w).epoch, 60000).count, 0);
    world_start(w, "forgotten");
    world_complete(w, world_token(world_poll_workflow(w)),
                   world_timer_command(w, "t", 30 * NS_PER_S));
    world_start(w, "next");
    world_complete(w, world_token(world_poll_workflow(w)),
                   world_timer_command(w, "t", 31300 * NS_PER_MS));
    world_pass(w, 31100 * NS_PER_MS); /* the first was overdue a moment ago */
    check_str(world_history(w, "forgotten", 256), "1 5 6 7 17 18 5");
    history_shard_peer(w->shard, ROLE_TIMERS, 99, true);
    world_pass(w, 200 * NS_PER_MS - 1);
    check_str(world_history(w, "next", 256), "1 5 6 7 17");
    world_pass(w, 1);
    check_str(world_history(w, "next", 256), "1 5 6 7 17 18 5");
    END_WORLD(w);
}

TEST(test_history_fires_what_timers_forgot)
{
    WITH_WORLD(w);
    w->timers_alive = true;
    const struct rpc_assign assign = assigned(w);

    check_i64(pull(w, assign.epoch, 60000).count, 0);
    start_timer(w, 30 * NS_PER_S);
    world_pass(w, 31 * NS_PER_S);
    world_pass(w, NS_PER_S);
    check_str(world_history(w, "timer", 256), "1 5 6 7 17 18 5");
    END_WORLD(w);
}

TEST(test_history_workflow_task_times_out)
{
    WITH_WORLD(w);
    world_start(w, "hello");
    (void)world_poll_workflow(w);
    world_pass(w, 10 * NS_PER_S);
    check_str(world_history(w, "hello", 256), "1 5 6 8 5");
    const api_poll_workflow_task_queue_response *task = world_poll_workflow(w);
    check_i64(task->attempt, 2);
    check_i64(task->history->n_events, 6); /* the last two are not written yet */
    world_complete(w, world_token(task), world_complete_command(w));
    check_str(world_history(w, "hello", 256), "1 5 6 8 5 6 7 2");
    END_WORLD(w);
}
