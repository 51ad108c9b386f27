/* deliveries_test.c - answers to polls that reached nobody, and frontends that die with them. By
 * hand, as in shard_test.c. */
#include "history/shard/shard_fixture.h"

#include <stdlib.h>

#define DIR_NAME "history-deliveries-test"
enum { FRONTEND = 5 }; /* the process of the fixture's polls */

static void cast(struct world *w, enum mesh_method method, struct slice body)
{
    const struct mesh_request request = {.method = method, .from = {FRONTEND, 0}, .body = body};

    history_shard_request(w->shard, &request);
    world_settle(w);
}

/* A counter without labels. */
static int64_t metric(struct world *w, const char *name)
{
    struct buf text;

    buf_init(&text, 0);
    metrics_render(w->metrics, &text);
    buf_append(&text, "", 1);
    const char *line = strstr((const char *)text.ptr, arena_printf(&w->arena, "\n%s ", name));
    const int64_t value = line ? strtoll(strchr(line + 1, ' '), NULL, 10) : -1;
    buf_release(&text);
    return value;
}

/* Start the offered workflow task; gives the poll's call. */
static uint64_t start_offered(struct world *w, struct rpc_task *task)
{
    must(world_offer(w, task));
    check_i64(task->kind, TASK_WORKFLOW);
    check_i64(task->attempt, 1);
    return world_start_task(w, task, ++w->calls, ERR_OK);
}

static struct slice token_of(struct world *w, uint64_t poll)
{
    return world_token(world_answer(w, poll, &api_poll_workflow_task_queue_response__desc));
}

/* All tasks that were offered since the last look. */
static int64_t offered_count(struct world *w)
{
    int64_t total = 0;

    for (struct sent *sent; (sent = world_take(w, METHOD_MATCHING_OFFER_TASKS));) {
        struct rpc_task *tasks;
        uint32_t count;
        bool has_more;

        check_ok(rpc_tasks_decode(&w->arena, sent->bytes, &tasks, &count, &has_more));
        total += count;
    }
    return total;
}

static void acknowledge(struct world *w, struct slice token)
{
    static struct rpc_delivered delivered;
    struct task_token decoded;
    struct buf body;

    check_ok(task_token_decode(&w->arena, token, &decoded));
    delivered.count = 1;
    delivered.start_ids[0] = decoded.start_id;
    buf_init(&body, 0);
    rpc_delivered_encode(&delivered, &body);
    cast(w, METHOD_HISTORY_DELIVERED, buf_slice(&body));
    buf_release(&body);
}

static enum err completed(struct world *w, struct slice token)
{
    const uint64_t call = world_api(w, METHOD_HISTORY_RESPOND_WORKFLOW_TASK_COMPLETED,
                                    world_completion(w, world_complete_command(w)), token);

    return world_got(w, call)->err;
}

TEST(test_history_offers_an_undelivered_workflow_task_at_once)
{
    WITH_WORLD(w);
    struct rpc_task task, again, none;

    world_start(w, "hello");
    const uint64_t poll = start_offered(w, &task);
    const struct slice first = token_of(w, poll);
    check_slice(world_got(w, poll)->back, first);
    cast(w, METHOD_NOT_DELIVERED, first);
    cast(w, METHOD_NOT_DELIVERED, first); /* said twice */
    const uint64_t second_poll = start_offered(w, &again);
    check(again.row_seq != task.row_seq);
    const struct slice second = token_of(w, second_poll);
    check(!world_offer(w, &none));
    cast(w, METHOD_NOT_DELIVERED, first); /* of a start that is over */
    check(!world_offer(w, &none));
    check_err(completed(w, first), ERR_NOT_FOUND);
    check_ok(completed(w, second));
    check_str(world_history(w, "hello", 256), "1 5 6 7 2");
    check_i64(metric(w, "gnomon_history_undelivered_tasks"), 1);
    END_WORLD(w);
}

TEST(test_history_keeps_an_undelivered_task_over_a_restart)
{
    WITH_WORLD(w);
    struct rpc_task task, offered;

    world_start(w, "hello");
    cast(w, METHOD_NOT_DELIVERED, token_of(w, start_offered(w, &task)));
    must(world_offer(w, &offered));
    world_reopen(w, true);
    const uint64_t poll = world_start_task(w, &offered, ++w->calls, ERR_OK);
    check_ok(completed(w, token_of(w, poll)));
    check_str(world_history(w, "hello", 1), "1 5 6 7 2");
    END_WORLD(w);
}

TEST(test_history_takes_back_what_a_dead_frontend_did_not_deliver)
{
    WITH_WORLD(w);
    struct slice tokens[6];
    struct rpc_task task;

    for (int i = 0; i < 6; i++) {
        world_start(w, arena_printf(&w->arena, "wf-%d", i));
        tokens[i] = token_of(w, start_offered(w, &task));
    }
    acknowledge(w, tokens[0]);
    acknowledge(w, tokens[3]);
    check_ok(completed(w, tokens[5])); /* answered, not acknowledged */
    history_shard_peer(w->shard, ROLE_FRONTEND, FRONTEND + 1, false);
    world_settle(w);
    check(!world_offer(w, &task));
    history_shard_peer(w->shard, ROLE_FRONTEND, FRONTEND, false);
    world_settle(w);
    check_i64(offered_count(w), 3);
    /* Tasks for its polls may still be matched: they come back, too. */
    w->sent_count = 0;
    world_start(w, "late");
    (void)start_offered(w, &task);
    must(world_offer(w, &task));
    check_slice(task.workflow_id, SLICE_LIT("late"));
    END_WORLD(w);
}

TEST(test_history_bounds_the_deliveries_that_it_awaits)
{
    WITH_WORLD(w);
    struct rpc_task task;

    world_start(w, "hello");
    (void)start_offered(w, &task);
    world_pass(w, 61 * NS_PER_S); /* its acknowledgement was lost; it has timed out, too */
    check(world_offer(w, &task));
    world_start(w, "other");
    (void)start_offered(w, &task);
    check_i64(metric(w, "gnomon_history_deliveries_untracked"), 1);
    END_WORLD(w);
}

TEST(test_history_asks_another_worker_when_a_query_reached_none)
{
    WITH_WORLD(w);
    api_query_workflow_request request = API_QUERY_WORKFLOW_REQUEST_INIT;
    api_respond_query_task_completed_request answer = API_RESPOND_QUERY_TASK_COMPLETED_REQUEST_INIT;
    api_workflow_query query = API_WORKFLOW_QUERY_INIT;
    struct rpc_task task;
    struct slice token = SLICE_EMPTY;

    world_start(w, "hello");
    world_complete(w, world_token(world_poll_workflow(w)),
                   world_timer_command(w, "t", 3600 * NS_PER_S));
    query.query_type = world_str(w, "state");
    request.execution = world_execution(w, "hello");
    request.query = &query;
    const uint64_t call = world_api(w, METHOD_HISTORY_QUERY, &request, SLICE_EMPTY);
    for (int i = 0; i < 2; i++) {
        struct sent *dispatch = world_take(w, METHOD_MATCHING_DISPATCH_QUERY);

        must(dispatch != NULL);
        check_ok(rpc_task_decode(&w->arena, dispatch->bytes, &task));
        const uint64_t poll = world_start_task(w, &task, ++w->calls, ERR_OK);
        dispatch->reply(dispatch->arg, ERR_OK, NULL, SLICE_EMPTY);
        token = token_of(w, poll);
        check_slice(world_got(w, poll)->back, token);
        if (i == 0)
            cast(w, METHOD_NOT_DELIVERED, token);
    }
    answer.completed_type = QUERY_RESULT_TYPE_ANSWERED;
    world_api(w, METHOD_HISTORY_RESPOND_QUERY_TASK_COMPLETED, &answer, token);
    (void)world_answer(w, call, &api_query_workflow_response__desc);
    cast(w, METHOD_NOT_DELIVERED, token); /* it is over */
    check(world_take(w, METHOD_MATCHING_DISPATCH_QUERY) == NULL);
    END_WORLD(w);
}

TEST(test_history_takes_any_bytes_for_a_delivery)
{
    static const char *const bodies[] = {"", "x",
                                         "\x81\x01\xc4\x03"
                                         "abc",
                                         "\xff\xff\xff\xff"};
    WITH_WORLD(w);
    struct rpc_task task;

    world_start(w, "hello");
    const struct slice token = token_of(w, start_offered(w, &task));
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        cast(w, METHOD_HISTORY_DELIVERED, slice_str(bodies[i]));
        cast(w, METHOD_NOT_DELIVERED, slice_str(bodies[i]));
    }
    check(!world_offer(w, &task));
    check_ok(completed(w, token));
    END_WORLD(w);
}
