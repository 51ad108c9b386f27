/* shutdown_test.c - workers that go, and the polls that they leave behind. */
#include "api.h"
#include "common/proto/wire.h"
#include "matching/matching_int.h"
#include "matching/out_fixture.h"
#include "tests/lib/test.h"

#include <stdio.h>

struct world {
    struct asked asked;
    struct matching *core;
    struct matching_out out;
    struct fake_clock clock;
    struct log log;
    struct metrics *metrics;
    struct arena arena;
    size_t answered; /* with nothing */
    uint64_t last_call;
};

static void count_answer(void *arg, struct mesh_addr to, enum err err, const char *text,
                         struct slice body)
{
    struct world *w = arg;

    UNUSED(to);
    UNUSED(text);
    check_ok(err);
    check_i64(body.len, 0);
    w->answered++;
}

static void world_init(struct world *w)
{
    *w = (struct world){.log = {.level = LOG_ERROR, .fd = 2}};
    fake_clock_init(&w->clock, INT64_C(1795000000) * NS_PER_S);
    w->metrics = metrics_new();
    arena_init(&w->arena);
    w->out = (struct matching_out){.arg = w,
                                   .start = asked_start,
                                   .pull = asked_pull,
                                   .no_sticky_poller = asked_no_sticky,
                                   .reply = count_answer};
    w->core = asked_matching(&w->out, &w->clock.clock, &w->log, w->metrics, NULL);
}

static void world_release(struct world *w)
{
    matching_free(w->core);
    metrics_free(w->metrics);
    arena_release(&w->arena);
}

static void poll_as(struct world *w, enum rpc_task_kind kind, const char *ns, const char *worker)
{
    api_poll_workflow_task_queue_request request = API_POLL_WORKFLOW_TASK_QUEUE_REQUEST_INIT;

    request.worker_instance_key = arena_str(&w->arena, slice_str(worker));
    const struct rpc_poll poll = {.kind = kind,
                                  .namespace_id = slice_str(ns),
                                  .namespace_name = SLICE_LIT("default"),
                                  .task_queue = SLICE_LIT("q"),
                                  .poll_id = ++w->last_call,
                                  .reply_to = {.process = 5, .call = w->last_call},
                                  .identity = slice_str(worker),
                                  .request = proto_encode(&w->arena, &request)};
    matching_poll(w->core, &poll, w->clock.now_ns + 70 * NS_PER_S, w->clock.now_ns);
}

static void goes(struct world *w, const char *worker)
{
    const struct matching_gone gone = {.namespace_id = SLICE_LIT("ns"),
                                       .task_queue = SLICE_LIT("q"),
                                       .worker = slice_str(worker),
                                       .identity = slice_str(worker),
                                       .kinds = {[TASK_WORKFLOW] = true}};

    matching_worker_gone(w->core, &gone, w->clock.now_ns);
}

static size_t pollers(struct world *w, enum rpc_task_kind kind)
{
    return tq_find(w->core, kind, SLICE_LIT("ns"), SLICE_LIT("q"))->pollers.count;
}

TEST(shutdown_ends_the_polls_of_one_worker)
{
    struct world w;

    world_init(&w);
    for (int i = 0; i < 3; i++)
        poll_as(&w, TASK_WORKFLOW, "ns", "mine");
    poll_as(&w, TASK_ACTIVITY, "ns", "mine");
    poll_as(&w, TASK_WORKFLOW, "ns", "other");
    poll_as(&w, TASK_WORKFLOW, "elsewhere", "mine");
    poll_as(&w, TASK_WORKFLOW, "ns", "");
    check_i64(w.answered, 0);
    goes(&w, "mine");
    check_i64(w.answered, 4);
    check_i64(pollers(&w, TASK_WORKFLOW), 2); /* other and the nameless one */
    check_i64(pollers(&w, TASK_ACTIVITY), 1); /* of a kind that was not named */
    goes(&w, "mine");
    goes(&w, "");
    goes(&w, "nobody");
    check_i64(w.answered, 4);
    world_release(&w);
}

TEST(shutdown_holds_no_polls_that_come_late)
{
    struct world w;

    world_init(&w);
    goes(&w, "mine"); /* before there is a queue */
    poll_as(&w, TASK_WORKFLOW, "ns", "mine");
    poll_as(&w, TASK_ACTIVITY, "ns", "mine");
    check_i64(w.answered, 2);
    poll_as(&w, TASK_WORKFLOW, "ns", "other");
    w.clock.now_ns += 29 * NS_PER_S;
    poll_as(&w, TASK_WORKFLOW, "ns", "mine");
    check_i64(w.answered, 3);
    w.clock.now_ns += 2 * NS_PER_S;
    poll_as(&w, TASK_WORKFLOW, "ns", "mine"); /* half a minute later it is forgotten */
    check_i64(w.answered, 3);
    world_release(&w);
}

TEST(shutdown_ends_a_poll_whose_task_was_none)
{
    const struct rpc_task task = {.kind = TASK_WORKFLOW,
                                  .row_seq = 1,
                                  .namespace_id = SLICE_LIT("ns"),
                                  .task_queue = SLICE_LIT("q"),
                                  .workflow_id = SLICE_LIT("wf"),
                                  .run_id = SLICE_LIT("run")};
    struct world w;

    world_init(&w);
    poll_as(&w, TASK_WORKFLOW, "ns", "mine");
    matching_offer(w.core, &task, 1, w.clock.now_ns);
    check_i64(w.asked.match_count, 1);
    goes(&w, "mine");
    check_i64(w.answered, 0); /* the task may be its already */
    matching_on_started(w.core, w.asked.matches[0], ERR_NOT_FOUND, w.clock.now_ns);
    check_i64(w.answered, 1);
    world_release(&w);
}

TEST(shutdown_remembers_so_many_workers)
{
    char name[16];
    struct world w;

    world_init(&w);
    for (int i = 0; i < 10001; i++) {
        snprintf(name, sizeof name, "w%d", i);
        goes(&w, name);
    }
    check_i64(w.core->gone_workers.count, 10000);
    poll_as(&w, TASK_WORKFLOW, "ns", "w0"); /* the oldest went for the last */
    check_i64(w.answered, 0);
    poll_as(&w, TASK_WORKFLOW, "ns", "w1");
    check_i64(w.answered, 1);
    world_release(&w);
}
