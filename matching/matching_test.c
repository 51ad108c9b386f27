/* matching_test.c - the core against a history that is played by the test, on a fake clock. */
#include "matching/matching.h"
#include "common/proto/wire.h"
#include "tests/lib/test.h"
#include "api.h"

#include <stdio.h>

enum { LOG_MAX = 4096 };
#define NS "0b7fa9a5-91c6-4a39-8a6b-4b8d5a5f5c11"
#define SEC NS_PER_S

/* What the core asked for, in order. */
struct asked_start {
    uint64_t id, row_seq, poll_id;
    enum rpc_task_kind kind;
    struct mesh_addr reply_to;
};
struct asked_pull {
    uint64_t id;
    uint32_t shard, limit;
};
struct answered {
    struct mesh_addr to;
    enum err err;
};

struct world {
    struct matching *core;
    struct matching_out out;
    struct matching_limits limits;
    struct fake_clock clock;
    struct log log;
    struct metrics *metrics;
    struct asked_start starts[LOG_MAX];
    struct asked_pull pulls[LOG_MAX];
    struct answered answers[LOG_MAX];
    uint64_t no_sticky[LOG_MAX];
    size_t start_count, pull_count, answer_count, no_sticky_count;
};

static void fake_start(void *arg, uint64_t match_id, const struct rpc_start_task *start)
{
    struct world *w = arg;

    must(w->start_count < LOG_MAX);
    w->starts[w->start_count++] = (struct asked_start){.id = match_id,
                                                       .row_seq = start->task.row_seq,
                                                       .poll_id = start->poll.poll_id,
                                                       .kind = start->task.kind,
                                                       .reply_to = start->poll.reply_to};
}

static void fake_pull(void *arg, uint64_t pull_id, uint32_t history_shard,
                      const struct rpc_pull_tasks *pull)
{
    struct world *w = arg;

    must(w->pull_count < LOG_MAX);
    w->pulls[w->pull_count++] = (struct asked_pull){pull_id, history_shard, pull->limit};
}

static void fake_no_sticky(void *arg, const struct rpc_task *task)
{
    struct world *w = arg;

    w->no_sticky[w->no_sticky_count++] = task->row_seq;
}

static void fake_reply(void *arg, struct mesh_addr to, enum err err, const char *text,
                       struct slice body)
{
    struct world *w = arg;

    UNUSED(text);
    must(w->answer_count < LOG_MAX && body.len == 0);
    w->answers[w->answer_count++] = (struct answered){to, err};
}

static struct world *world_new(uint32_t history_shards)
{
    static struct world w;

    w = (struct world){.limits = matching_limits_default, .log = {.level = LOG_ERROR, .fd = 2}};
    fake_clock_init(&w.clock, INT64_C(1795000000) * SEC);
    w.metrics = metrics_new();
    w.out = (struct matching_out){.arg = &w,
                                  .start = fake_start,
                                  .pull = fake_pull,
                                  .no_sticky_poller = fake_no_sticky,
                                  .reply = fake_reply};
    w.limits.window_tasks = 8;
    const struct matching_options options = {.out = &w.out,
                                             .limits = &w.limits,
                                             .history_shards = history_shards,
                                             .clock = &w.clock.clock,
                                             .log = &w.log,
                                             .metrics = w.metrics,
                                             .seed = 7};
    w.core = matching_new(&options);
    return &w;
}

static void world_free(struct world *w)
{
    matching_free(w->core);
    metrics_free(w->metrics);
}

static int64_t now(const struct world *w)
{
    return w->clock.now_ns;
}

static void pass(struct world *w, int64_t ns)
{
    const int64_t end = now(w) + ns;

    while (matching_next_due_ns(w->core) <= end) {
        if (matching_next_due_ns(w->core) > now(w))
            w->clock.now_ns = matching_next_due_ns(w->core);
        matching_run_due(w->core, now(w));
    }
    w->clock.now_ns = end;
}

static struct rpc_task task_row(const char *queue, uint64_t row_seq)
{
    return (struct rpc_task){.kind = TASK_WORKFLOW,
                             .row_seq = row_seq,
                             .namespace_id = SLICE_LIT(NS),
                             .task_queue = slice_str(queue),
                             .workflow_id = SLICE_LIT("wf"),
                             .run_id = SLICE_LIT("run"),
                             .priority = 3,
                             .created_wall_ns = (int64_t)row_seq * NS_PER_MS};
}

static void offer(struct world *w, const struct rpc_task task)
{
    matching_offer(w->core, &task, 1, now(w));
}

static struct mesh_addr addr(uint64_t call)
{
    return (struct mesh_addr){.process = 77, .call = call};
}

static struct rpc_poll poll_of(const char *queue, uint64_t call)
{
    return (struct rpc_poll){.kind = TASK_WORKFLOW,
                             .namespace_id = SLICE_LIT(NS),
                             .namespace_name = SLICE_LIT("default"),
                             .task_queue = slice_str(queue),
                             .poll_id = call + 1000,
                             .reply_to = addr(call),
                             .identity = SLICE_LIT("worker"),
                             .request = SLICE_LIT("request")};
}

static void poll_for(struct world *w, const char *queue, uint64_t call)
{
    const struct rpc_poll poll = poll_of(queue, call);

    matching_poll(w->core, &poll, now(w) + 70 * SEC, now(w));
}

static void sticky_poll(struct world *w, const char *queue, uint64_t call)
{
    struct rpc_poll poll = poll_of(queue, call);

    poll.sticky = true;
    poll.normal_queue = SLICE_LIT("normal");
    matching_poll(w->core, &poll, now(w) + 70 * SEC, now(w));
}

static void answer_start(struct world *w, size_t index, enum err err)
{
    matching_on_started(w->core, w->starts[index].id, err, now(w));
}

/* Answer every pull that is open with an empty page. */
static size_t answer_pulls(struct world *w, size_t from)
{
    for (; from < w->pull_count; from++)
        matching_on_pulled(w->core, w->pulls[from].id, ERR_OK, NULL, 0, false, now(w));
    return from;
}

TEST(test_matching_a_task_meets_a_waiting_poll)
{
    struct world *w = world_new(2);

    poll_for(w, "q", 1);
    check_i64(w->pull_count, 2); /* a queue is pulled once from every history shard */
    answer_pulls(w, 0);
    offer(w, task_row("q", 5));
    check_i64(w->start_count, 1);
    check_i64(w->starts[0].row_seq, 5);
    check_i64(w->starts[0].poll_id, 1001);
    check_i64(w->starts[0].reply_to.call, 1);
    answer_start(w, 0, ERR_OK);
    check_i64(w->answer_count, 0); /* history answers the poller */
    pass(w, 100 * SEC);
    check_i64(w->answer_count, 0);
    check_i64(w->pull_count, 2);
    world_free(w);
}

TEST(test_matching_a_poll_meets_the_oldest_of_the_best_priority)
{
    struct world *w = world_new(1);
    struct rpc_task urgent = task_row("q", 9);

    urgent.priority = 1;
    offer(w, task_row("q", 7));
    offer(w, task_row("q", 6));
    offer(w, urgent);
    poll_for(w, "q", 1);
    poll_for(w, "q", 2);
    poll_for(w, "q", 3);
    check_i64(w->start_count, 3);
    check_i64(w->starts[0].row_seq, 9);
    check_i64(w->starts[1].row_seq, 6);
    check_i64(w->starts[2].row_seq, 7);
    check_i64(w->starts[0].reply_to.call, 1); /* polls in order of arrival */
    world_free(w);
}

TEST(test_matching_the_same_row_is_offered_twice_and_started_once)
{
    struct world *w = world_new(1);

    offer(w, task_row("q", 5));
    offer(w, task_row("q", 5));
    poll_for(w, "q", 1);
    poll_for(w, "q", 2);
    offer(w, task_row("q", 5)); /* in doubt: still known */
    check_i64(w->start_count, 1);
    world_free(w);
}

TEST(test_matching_a_refused_start_gives_the_poll_back_first_in_line)
{
    struct world *w = world_new(1);

    poll_for(w, "q", 1);
    poll_for(w, "q", 2);
    offer(w, task_row("q", 5));
    answer_start(w, 0, ERR_STALE);
    offer(w, task_row("q", 6));
    check_i64(w->start_count, 2);
    check_i64(w->starts[1].reply_to.call, 1);
    world_free(w);
}

TEST(test_matching_an_unknown_outcome_is_asked_again_with_the_same_poll)
{
    struct world *w = world_new(1);

    poll_for(w, "q", 1);
    offer(w, task_row("q", 5));
    answer_start(w, 0, ERR_PEER_RESET);
    check_i64(w->start_count, 1);
    pass(w, SEC);
    check_i64(w->start_count, 2);
    check_i64(w->starts[1].poll_id, 1001);
    check_i64(w->starts[1].row_seq, 5);
    answer_start(w, 1, ERR_OK);
    pass(w, 100 * SEC);
    check_i64(w->answer_count, 0);
    world_free(w);
}

TEST(test_matching_gives_up_a_start_at_the_polls_deadline)
{
    struct world *w = world_new(1);
    size_t pulls;

    poll_for(w, "q", 1);
    pulls = answer_pulls(w, 0);
    offer(w, task_row("q", 5));
    for (int64_t end = now(w) + 80 * SEC; now(w) < end; pass(w, SEC / 10))
        for (size_t i = w->start_count - 1; i < w->start_count && w->starts[i].id; i++) {
            answer_start(w, i, ERR_UNAVAILABLE);
            w->starts[i].id = 0;
            w->starts[i].kind = TASK_QUERY; /* seen */
            break;
        }
    check_i64(w->answer_count, 0);
    pulls = answer_pulls(w, pulls);
    check(pulls > 1); /* the rows know whether it was started: its shard is pulled again */
    poll_for(w, "q", 2);
    offer(w, task_row("q", 5));
    check_i64(w->starts[w->start_count - 1].reply_to.call, 2);
    world_free(w);
}

TEST(test_matching_polls_expire_by_their_deadline_or_after_a_minute)
{
    struct world *w = world_new(1);
    const struct rpc_poll hasty = poll_of("q", 2);

    poll_for(w, "q", 1);
    matching_poll(w->core, &hasty, now(w) + 5 * SEC, now(w));
    pass(w, 4 * SEC - 1);
    check_i64(w->answer_count, 0);
    pass(w, 1);
    check_i64(w->answer_count, 1);
    check_i64(w->answers[0].to.call, 2);
    check_err(w->answers[0].err, ERR_OK);
    pass(w, 56 * SEC - 1);
    check_i64(w->answer_count, 1);
    pass(w, 1);
    check_i64(w->answer_count, 2);
    check_i64(w->answers[1].to.call, 1);
    world_free(w);
}

TEST(test_matching_a_canceled_poll_gets_no_task)
{
    struct world *w = world_new(1);

    poll_for(w, "q", 1);
    matching_cancel(w->core, addr(1), now(w));
    offer(w, task_row("q", 5));
    check_i64(w->start_count, 0);
    poll_for(w, "q", 2);
    check_i64(w->start_count, 1);
    matching_cancel(w->core, addr(2), now(w)); /* in doubt: the answer ends it */
    answer_start(w, 0, ERR_OK);
    check_i64(w->answer_count, 0);
    world_free(w);
}

TEST(test_matching_a_lost_frontend_takes_its_polls_with_it)
{
    struct world *w = world_new(1);
    struct rpc_poll other = poll_of("q", 3);

    poll_for(w, "q", 1);
    poll_for(w, "q", 2);
    other.reply_to.process = 78;
    matching_poll(w->core, &other, now(w) + 70 * SEC, now(w));
    matching_process_lost(w->core, 77, now(w));
    offer(w, task_row("q", 5));
    offer(w, task_row("q", 6));
    check_i64(w->start_count, 1);
    check_i64(w->starts[0].reply_to.process, 78);
    world_free(w);
}

/* The rows of one history shard, as the test's history has them. */
static size_t page(struct world *w, size_t pull, uint64_t first, uint64_t last)
{
    struct rpc_task tasks[256];
    uint32_t count = 0;

    for (uint64_t seq = first; seq <= last && count < w->pulls[pull].limit && count < 256; seq++)
        tasks[count++] = task_row("q", seq);
    matching_on_pulled(w->core, w->pulls[pull].id, ERR_OK, tasks, count, first + count <= last,
                       now(w));
    return count;
}

TEST(test_matching_a_page_read_before_brings_no_task_back_that_has_ended)
{
    struct world *w = world_new(1);

    poll_for(w, "q", 1);
    check_i64(w->pull_count, 1); /* its page is on its way */
    offer(w, task_row("q", 5));
    answer_start(w, 0, ERR_OK);
    poll_for(w, "q", 2);
    page(w, 0, 5, 5);
    check_i64(w->start_count, 1);
    check_i64(w->pull_count, 2); /* it may be back: the rows are asked again */
    page(w, 1, 5, 5);
    check_i64(w->start_count, 2);
    check_i64(w->starts[1].reply_to.call, 2);
    world_free(w);
}

TEST(test_matching_an_offer_brings_a_task_back_while_a_page_is_on_its_way)
{
    struct world *w = world_new(1);

    poll_for(w, "q", 1);
    offer(w, task_row("q", 5));
    answer_start(w, 0, ERR_STALE);
    offer(w, task_row("q", 5));
    check_i64(w->start_count, 2);
    world_free(w);
}

TEST(test_matching_a_window_is_bounded_and_nothing_is_lost)
{
    struct world *w = world_new(1);
    bool started[101] = {false};
    size_t pulled = 0, done = 0;
    uint64_t first = 1; /* the oldest row that stands */

    poll_for(w, "q", 1);
    pulled = answer_pulls(w, 0);
    matching_cancel(w->core, addr(1), now(w));
    for (uint64_t seq = 1; seq <= 100; seq++)
        offer(w, task_row("q", seq));
    for (uint64_t call = 2; call < 500 && first <= 100; call++) {
        poll_for(w, "q", call);
        for (; done < w->start_count; done++) {
            const uint64_t seq = w->starts[done].row_seq;

            check(!started[seq] && seq == first); /* once, and in order */
            started[seq] = true;
            first = seq + 1;
            answer_start(w, done, ERR_OK);
        }
        while (pulled < w->pull_count) {
            check(w->pulls[pulled].limit <= 16);
            page(w, pulled++, first, 100);
        }
    }
    check_i64(first, 101);
    world_free(w);
}

TEST(test_matching_a_full_window_gives_up_its_worst_task_for_a_better_one)
{
    struct world *w = world_new(1);
    struct rpc_task urgent = task_row("q", 50);

    for (uint64_t seq = 1; seq <= 8; seq++)
        offer(w, task_row("q", seq));
    urgent.priority = 1;
    offer(w, urgent);
    for (uint64_t call = 1; call <= 8; call++)
        poll_for(w, "q", call);
    check_i64(w->starts[0].row_seq, 50);
    check_i64(w->starts[7].row_seq, 7);
    world_free(w);
}

TEST(test_matching_offers_behind_rows_wait_for_their_page)
{
    struct world *w = world_new(1);

    poll_for(w, "q", 1);
    page(w, 0, 1, 40); /* has more: 8 of 40 */
    check_i64(w->start_count, 1);
    offer(w, task_row("q", 41)); /* younger than the rows: refused */
    for (uint64_t call = 2; call <= 8; call++)
        poll_for(w, "q", call);
    check_i64(w->start_count, 8);
    check_i64(w->starts[7].row_seq, 8);
    world_free(w);
}

TEST(test_matching_a_failed_pull_is_tried_again_with_back_off)
{
    struct world *w = world_new(1);
    size_t seen = 0;

    poll_for(w, "q", 1);
    for (int i = 0; i < 300 && seen < w->pull_count; i++) {
        matching_on_pulled(w->core, w->pulls[seen++].id, ERR_UNAVAILABLE, NULL, 0, false, now(w));
        pass(w, SEC / 10);
        if (seen == w->pull_count)
            pass(w, 2 * SEC);
    }
    check(seen > 10);
    check(seen <= 310);
    poll_for(w, "q", 2);
    offer(w, task_row("q", 5)); /* offers are taken meanwhile */
    check_i64(w->start_count, 1);
    world_free(w);
}

TEST(test_matching_a_reset_of_history_pulls_every_window_again)
{
    struct world *w = world_new(2);
    size_t seen;

    poll_for(w, "q", 1);
    seen = answer_pulls(w, 0);
    check_i64(seen, 2);
    matching_history_reset(w->core, now(w));
    check_i64(w->pull_count, 4);
    const struct rpc_task row = task_row("q", 5);
    matching_on_pulled(w->core, w->pulls[seen].id, ERR_OK, &row, 1, false, now(w));
    check_i64(w->start_count, 1);
    world_free(w);
}

TEST(test_matching_resets_in_a_row_share_a_round_of_pulls)
{
    struct world *w = world_new(2);
    size_t seen;

    poll_for(w, "q", 1);
    seen = answer_pulls(w, 0);
    for (int i = 0; i < 100; i++) { /* every answer is lost, and shows as a reset */
        while (seen < w->pull_count)
            matching_on_pulled(w->core, w->pulls[seen++].id, ERR_PEER_RESET, NULL, 0, false,
                               now(w));
        matching_history_reset(w->core, now(w));
        pass(w, SEC / 1000);
    }
    check(seen > 4 && seen < 20);
    pass(w, SEC / 10);
    check(seen < w->pull_count); /* what was wanted last is pulled all the same */
    world_free(w);
}

TEST(test_matching_a_sticky_task_needs_a_recent_poller)
{
    struct world *w = world_new(1);
    struct rpc_task task = task_row("sticky", 5);

    task.sticky = true;
    offer(w, task);
    check_i64(w->no_sticky_count, 1);
    sticky_poll(w, "sticky", 1);
    task.row_seq = 6;
    offer(w, task);
    check_i64(w->start_count, 1);
    answer_start(w, 0, ERR_OK);
    pass(w, 9 * SEC);
    task.row_seq = 7;
    offer(w, task); /* the poller was there nine seconds ago: it waits */
    check_i64(w->no_sticky_count, 1);
    pass(w, SEC);
    task.row_seq = 8;
    offer(w, task);
    check_i64(w->no_sticky_count, 2);
    check_i64(w->no_sticky[1], 8);
    world_free(w);
}

static void query(struct world *w, const char *queue, bool sticky, uint64_t call)
{
    struct rpc_task task = task_row(queue, 900 + call);

    task.kind = TASK_QUERY;
    task.sticky = sticky;
    matching_query(w->core, &task, addr(call), now(w) + 10 * SEC, now(w));
}

TEST(test_matching_a_worker_that_goes_leaves_nothing_waiting_on_its_queue)
{
    struct world *w = world_new(1);
    struct rpc_task task = task_row("sticky", 5);
    const struct rpc_poll poll = poll_of("sticky", 1);

    sticky_poll(w, "sticky", 1);
    matching_worker_shutdown(w->core, poll.namespace_id, SLICE_LIT("sticky"), now(w));
    check_i64(w->answer_count, 1); /* its poll ended, empty */
    check_err(w->answers[0].err, ERR_OK);
    task.sticky = true;
    offer(w, task); /* and it does not count as a poller any more */
    check_i64(w->no_sticky_count, 1);

    sticky_poll(w, "sticky", 2); /* it came back, took a task, */
    task.row_seq = 6;
    offer(w, task);
    answer_start(w, 0, ERR_OK);
    task.row_seq = 7;
    offer(w, task); /* and has the next one and a query to come */
    query(w, "sticky", true, 50);
    matching_worker_shutdown(w->core, poll.namespace_id, SLICE_LIT("sticky"), now(w));
    check_i64(w->no_sticky_count, 2);
    check_i64(w->no_sticky[1], 7);
    check_i64(w->answer_count, 2);
    check_i64(w->answers[1].to.call, 50);
    check_err(w->answers[1].err, ERR_STALE);
    world_free(w);
}

TEST(test_matching_a_query_goes_before_tasks_and_its_caller_hears_of_its_start)
{
    struct world *w = world_new(1);

    offer(w, task_row("q", 5));
    query(w, "q", false, 50);
    poll_for(w, "q", 1);
    check_i64(w->start_count, 1);
    check_i64(w->starts[0].kind, TASK_QUERY);
    check_i64(w->starts[0].row_seq, 950);
    check_i64(w->answer_count, 0);
    answer_start(w, 0, ERR_OK);
    check_i64(w->answer_count, 1);
    check_i64(w->answers[0].to.call, 50);
    check_err(w->answers[0].err, ERR_OK);
    world_free(w);
}

TEST(test_matching_a_query_nobody_can_answer_ends)
{
    struct world *w = world_new(1);

    query(w, "sticky", true, 50);
    check_i64(w->answer_count, 1);
    check_err(w->answers[0].err, ERR_STALE);
    query(w, "q", false, 51);
    pass(w, 9 * SEC);
    check_i64(w->answer_count, 2);
    check_err(w->answers[1].err, ERR_PRECONDITION);
    query(w, "q", false, 52);
    matching_cancel(w->core, addr(52), now(w));
    poll_for(w, "q", 1);
    check_i64(w->start_count, 0);
    matching_cancel(w->core, addr(1), now(w));
    query(w, "q", false, 53); /* a worker was there: it waits to its deadline */
    pass(w, 10 * SEC);
    check_i64(w->answer_count, 3);
    check_err(w->answers[2].err, ERR_TIMEOUT);
    world_free(w);
}

TEST(test_matching_a_drain_answers_all_polls_and_lets_starts_end)
{
    struct world *w = world_new(1);

    poll_for(w, "q", 1);
    poll_for(w, "q", 2);
    offer(w, task_row("q", 5));
    matching_drain(w->core, now(w));
    check_i64(w->answer_count, 1);
    check_i64(w->answers[0].to.call, 2);
    check(!matching_drained(w->core));
    poll_for(w, "q", 3);
    check_i64(w->answer_count, 2);
    answer_start(w, 0, ERR_OK);
    check(matching_drained(w->core));
    world_free(w);
}

TEST(test_matching_a_lost_shard_sends_its_polls_to_the_new_owner)
{
    struct world *w = world_new(1);

    poll_for(w, "q", 1);
    offer(w, task_row("q", 5));
    poll_for(w, "q", 2);
    for (uint32_t shard = 0; shard < MATCHING_SHARDS; shard++)
        matching_shard_lost(w->core, shard, now(w));
    check_i64(w->answer_count, 1);
    check_err(w->answers[0].err, ERR_NOT_OWNER);
    answer_start(w, 0, ERR_STALE);
    check_i64(w->answer_count, 2);
    check_err(w->answers[1].err, ERR_NOT_OWNER);
    world_free(w);
}

TEST(test_matching_idle_queues_are_dropped)
{
    struct world *w = world_new(1);
    size_t seen = 0;

    for (uint64_t i = 0; i < 500; i++) {
        char name[32];

        snprintf(name, sizeof name, "queue-%u", (unsigned)i);
        offer(w, task_row(name, i + 1));
        seen = answer_pulls(w, seen);
    }
    pass(w, 400 * SEC);
    check(matching_next_due_ns(w->core) == INT64_MAX); /* nothing is left: no wake-ups */
    poll_for(w, "queue-7", 1);
    check_i64(w->pull_count, seen + 1); /* and its rows are found again */
    world_free(w);
}

TEST(test_matching_limits_are_told_to_the_poller)
{
    struct world *w = world_new(1);

    matching_free(w->core);
    w->limits.polls = 2;
    const struct matching_options options = {.out = &w->out,
                                             .limits = &w->limits,
                                             .history_shards = 1,
                                             .clock = &w->clock.clock,
                                             .log = &w->log,
                                             .metrics = w->metrics};
    w->core = matching_new(&options);
    poll_for(w, "q", 1);
    poll_for(w, "q", 2);
    poll_for(w, "q", 3);
    check_i64(w->answer_count, 1);
    check_err(w->answers[0].err, ERR_BUSY);
    world_free(w);
}

static api_describe_task_queue_response *describe(struct world *w, struct arena *arena,
                                                  api_describe_task_queue_request *request)
{
    char name[] = "q";
    api_task_queue queue = API_TASK_QUEUE_INIT;
    api_describe_task_queue_response *response = NULL;
    struct slice bytes = SLICE_EMPTY;
    struct err_detail detail;

    queue.name = name;
    request->task_queue = &queue;
    const struct rpc_api api = {.namespace_id = SLICE_LIT(NS),
                                .request = proto_encode(arena, request)};
    check_ok(matching_describe(w->core, arena, &api, NULL, now(w), &bytes, &detail));
    check_ok(
        proto_decode(arena, &api_describe_task_queue_response__desc, bytes, &response, &detail));
    must(response != NULL);
    return response;
}

TEST(test_matching_describe_tells_pollers_and_backlog)
{
    struct world *w = world_new(1);
    struct arena arena;
    api_describe_task_queue_request request = API_DESCRIBE_TASK_QUEUE_REQUEST_INIT;

    arena_init(&arena);
    poll_for(w, "q", 1);
    matching_cancel(w->core, addr(1), now(w));
    for (uint64_t seq = 1; seq <= 3; seq++)
        offer(w, task_row("q", seq));
    request.report_stats = true;
    request.include_task_queue_status = true;
    api_describe_task_queue_response *response = describe(w, &arena, &request);
    check_i64(response->n_pollers, 1);
    check_str(response->pollers[0]->identity, "worker");
    check_i64(response->pollers[0]->last_access_time->seconds, 1795000000);
    check(response->pollers[0]->rate_per_second > 99999);
    check_i64(response->stats->approximate_backlog_count, 3);
    check_str(response->versioning_info->current_version, "__unversioned__");
    check_i64(response->versioning_info->update_time->seconds, INT64_C(-62135596800));
    check_i64(response->task_queue_status->backlog_count_hint, 3);

    request.api_mode = DESCRIBE_TASK_QUEUE_MODE_ENHANCED;
    request.report_pollers = true;
    response = describe(w, &arena, &request);
    check_i64(response->n_versions_info, 1);
    check_i64(response->versions_info[0]->value->n_types_info, 2);
    check_i64(response->versions_info[0]->value->types_info[0]->value->n_pollers, 1);
    pass(w, 301 * SEC);
    request = (api_describe_task_queue_request)API_DESCRIBE_TASK_QUEUE_REQUEST_INIT;
    check_i64(describe(w, &arena, &request)->n_pollers, 0);
    arena_release(&arena);
    world_free(w);
}
