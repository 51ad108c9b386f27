/* scaling_test.c - what polls are told about how many of them there should be, on a fake clock; the
 * test plays history, which takes every start at once. */
#include "matching/matching.h"
#include "matching/out_fixture.h"
#include "tests/lib/test.h"

#define MS NS_PER_MS

struct world {
    struct asked asked;
    struct matching *core;
    struct matching_out out;
    struct fake_clock clock;
    struct log log;
    struct metrics *metrics;
    struct dynconf *dynconf;
    uint64_t last_call, last_row;
    uint32_t rows; /* that the next page has */
};

static struct rpc_task task_row(struct world *w)
{
    return (struct rpc_task){
        .kind = TASK_ACTIVITY,
        .row_seq = ++w->last_row,
        .namespace_id = SLICE_LIT("0b7fa9a5-91c6-4a39-8a6b-4b8d5a5f5c11"),
        .task_queue = SLICE_LIT("q"),
        .workflow_id = SLICE_LIT("wf"),
        .run_id = SLICE_LIT("run"),
        .created_wall_ns = clock_wall_ns(&w->clock.clock),
    };
}

/* Answer whatever the core has asked. */
static void settle(struct world *w)
{
    while (w->asked.match_count || w->asked.pull_count) {
        if (w->asked.pull_count) {
            struct rpc_task rows[ASKED_MAX];
            const uint32_t count = w->rows;

            for (uint32_t i = 0; i < count; i++)
                rows[i] = task_row(w);
            w->rows = 0;
            matching_on_pulled(w->core, w->asked.pulls[--w->asked.pull_count], ERR_OK, rows, count,
                               false, w->clock.now_ns);
        } else {
            matching_on_started(w->core, w->asked.matches[--w->asked.match_count], ERR_OK,
                                w->clock.now_ns);
        }
    }
}

static void pass(struct world *w, int64_t ns)
{
    const int64_t end = w->clock.now_ns + ns;

    while (matching_next_due_ns(w->core) <= end) {
        if (matching_next_due_ns(w->core) > w->clock.now_ns)
            w->clock.now_ns = matching_next_due_ns(w->core);
        matching_run_due(w->core, w->clock.now_ns);
        settle(w);
    }
    w->clock.now_ns = end;
}

static void poll_as(struct world *w, const char *identity)
{
    const struct rpc_poll poll = {
        .kind = TASK_ACTIVITY,
        .namespace_id = SLICE_LIT("0b7fa9a5-91c6-4a39-8a6b-4b8d5a5f5c11"),
        .namespace_name = SLICE_LIT("default"),
        .task_queue = SLICE_LIT("q"),
        .poll_id = ++w->last_call,
        .reply_to = {.process = 1, .call = w->last_call},
        .identity = slice_str(identity),
    };

    w->asked.scaling = INT32_MIN; /* none started */
    matching_poll(w->core, &poll, w->clock.now_ns + 30 * NS_PER_S, w->clock.now_ns);
    settle(w);
}

static void offer(struct world *w, uint32_t count)
{
    struct rpc_task tasks[ASKED_MAX];

    for (uint32_t i = 0; i < count; i++)
        tasks[i] = task_row(w);
    matching_offer(w->core, tasks, count, w->clock.now_ns);
    settle(w);
}

/* The queue is known, and its rows are: none. Then a while passes. */
static struct world *world_new(const char *settings)
{
    static struct world w;
    struct buf warnings;

    w = (struct world){.log = {.level = LOG_ERROR, .fd = 2}};
    fake_clock_init(&w.clock, INT64_C(1795000000) * NS_PER_S);
    w.metrics = metrics_new();
    w.dynconf = dynconf_new();
    buf_init(&warnings, 0);
    check_ok(dynconf_load(w.dynconf, slice_str(settings), &warnings, NULL));
    check_i64((int64_t)buf_slice(&warnings).len, 0);
    buf_release(&warnings);
    w.out = (struct matching_out){.arg = &w,
                                  .start = asked_start,
                                  .pull = asked_pull,
                                  .no_sticky_poller = asked_no_sticky,
                                  .reply = asked_reply};
    w.core = asked_matching(&w.out, &w.clock.clock, &w.log, w.metrics, w.dynconf);
    offer(&w, 1);
    poll_as(&w, "worker");
    pass(&w, 40 * NS_PER_S);
    return &w;
}

static void world_free(struct world *w)
{
    matching_free(w->core);
    dynconf_free(w->dynconf);
    metrics_free(w->metrics);
}

TEST(scaling_goes_by_how_long_poll_and_task_have_waited)
{
    static const struct {
        const char *name, *settings;
        int64_t poll_waits_ns, task_waits_ns;
        int32_t want;
    } cases[] = {
        {"met at once", "", 0, 0, 0},
        {"a poll that waited", "", 999 * MS, 0, 0},
        {"an idle poll", "", 1000 * MS, 0, -1},
        {"a task that waited", "", 0, 200 * MS, 0},
        {"a backlog", "", 0, 201 * MS, 1},
        {"idle later", "matching.pollerScalingWaitTime: [{value: 2s}]", 1999 * MS, 0, 0},
        {"idle, said so", "matching.pollerScalingWaitTime: [{value: 2s}]", 2000 * MS, 0, -1},
        {"sooner", "matching.pollerScalingMinimumBacklog: [{value: 50ms}]", 0, 51 * MS, 1},
        {"never up", "matching.pollerScalingDecisionsPerSecond: [{value: 0}]", 0, NS_PER_S, 0},
        {"still down", "matching.pollerScalingDecisionsPerSecond: [{value: 0}]", NS_PER_S, 0, -1},
        {"another queue's",
         "matching.pollerScalingWaitTime: [{value: 9s, constraints: {taskQueueName: other}}]",
         NS_PER_S, 0, -1},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct world *w = world_new(cases[i].settings);

        if (cases[i].poll_waits_ns) {
            poll_as(w, "worker");
            pass(w, cases[i].poll_waits_ns);
            offer(w, 1);
        } else {
            offer(w, 1);
            pass(w, cases[i].task_waits_ns);
            poll_as(w, "worker");
        }
        if (w->asked.scaling != cases[i].want)
            test_failed(__FILE__, __LINE__, "%s: %d", cases[i].name, w->asked.scaling);
        world_free(w);
    }
}

TEST(scaling_blames_no_poll_for_a_row_that_came_late)
{
    struct world *w = world_new("");

    poll_as(w, "worker");
    pass(w, 3 * NS_PER_S);
    w->rows = 1;
    matching_history_reset(w->core, w->clock.now_ns);
    settle(w);
    check_i64(w->asked.scaling, 0);
    world_free(w);
}

TEST(scaling_advises_up_so_often_a_second_and_poller)
{
    struct world *w = world_new("");

    offer(w, 50);
    pass(w, NS_PER_S);
    for (int i = 0; i < 10; i++) {
        poll_as(w, "worker");
        check_i64(w->asked.scaling, 1);
    }
    poll_as(w, "worker");
    check_i64(w->asked.scaling, 0);
    poll_as(w, "second"); /* two pollers: each decision costs half */
    check_i64(w->asked.scaling, 0);
    pass(w, 50 * MS);
    poll_as(w, "second");
    check_i64(w->asked.scaling, 1);
    poll_as(w, "worker");
    check_i64(w->asked.scaling, 0);
    world_free(w);
}

TEST(scaling_advises_up_where_tasks_come_faster_than_they_go)
{
    struct world *w = world_new("");
    int ups = 0;

    offer(w, 11); /* fresh */
    for (int i = 0; i < 11; i++) {
        poll_as(w, "worker");
        check(w->asked.scaling == 0 || w->asked.scaling == 1);
        ups += w->asked.scaling;
    }
    check_i64(ups, 9); /* eleven came: above 1.2 times what has gone up to the ninth */
    check_i64(w->asked.scaling, 0);
    world_free(w);
}

TEST(scaling_says_nothing_while_a_rate_holds_the_tasks_back)
{
    struct world *w = world_new("matching.enablePollerScalingDecisionMetrics: [{value: true}]");
    /* PollActivityTaskQueueRequest.task_queue_metadata.max_tasks_per_second = 1 */
    static const uint8_t one_a_second[] = {0x22, 0x0b, 0x0a, 0x09, 0x09, 0,   0,
                                           0,    0,    0,    0,    0xf0, 0x3f};
    struct rpc_poll poll = {
        .kind = TASK_ACTIVITY,
        .namespace_id = SLICE_LIT("0b7fa9a5-91c6-4a39-8a6b-4b8d5a5f5c11"),
        .namespace_name = SLICE_LIT("default"),
        .task_queue = SLICE_LIT("q"),
        .identity = SLICE_LIT("worker"),
        .request = slice_of(one_a_second, sizeof one_a_second),
    };
    struct buf text;

    offer(w, 6);
    pass(w, 500 * MS);
    for (uint64_t i = 0; i < 4; i++) {
        poll.poll_id = ++w->last_call;
        poll.reply_to = (struct mesh_addr){.process = 1, .call = w->last_call};
        matching_poll(w->core, &poll, w->clock.now_ns + 30 * NS_PER_S, w->clock.now_ns);
        settle(w);
    }
    w->asked.scaling = INT32_MIN;
    pass(w, 2 * NS_PER_S);
    check_i64(w->asked.scaling, 0);

    buf_init(&text, 0);
    metrics_render(w->metrics, &text);
    buf_append(&text, "", 1);
    check(strstr((const char *)buf_slice(&text).ptr,
                 "poller_scale_decision{decision=\"hold\",reason=\"task_queue_rate_limited\"} ") !=
          NULL);
    buf_release(&text);
    world_free(w);
}
