/* retention_test.c - closed runs are deleted when their retention has passed, or on demand: wholly,
 * in bounded records, whatever crash comes between. */
#include "history/shard/shard_fixture.h"

#include "common/store/fault/store_fault.h"
#include "history/shard/shard_int.h"

#define DAY_NS (INT64_C(86400) * NS_PER_S)

struct counts {
    uint32_t by_kind[256], visible, all;
};

static bool count_main(void *arg, struct slice key, struct slice value)
{
    struct counts *counts = arg;

    UNUSED(value);
    must(key.len >= 2);
    counts->by_kind[key.ptr[1]]++;
    counts->all += key.ptr[1] != 'K';
    return true;
}

static bool count_visible(void *arg, struct slice key, struct slice value)
{
    struct counts *counts = arg;

    UNUSED(value);
    if (key.len == HS_FORMAT_KEY_LEN) /* stays */
        return true;
    counts->visible++;
    counts->all++;
    return true;
}

static enum err count(struct store_snapshot *snapshot, void *arg)
{
    const enum err err =
        store_scan(snapshot, STORE_MAIN, SLICE_LIT("\0"), SLICE_EMPTY, false, count_main, arg);

    return err != ERR_OK ? err
                         : store_scan(snapshot, STORE_VISIBILITY, SLICE_LIT("\0"), SLICE_EMPTY,
                                      false, count_visible, arg);
}

/* The rows of the shard but for its clock. */
static struct counts rows_of(struct world *w)
{
    struct counts counts = {0};

    check_ok(store_read_now(w->shard->store, count, &counts));
    return counts;
}

static void signal(struct world *w, const char *workflow_id)
{
    api_signal_workflow_execution_request request = API_SIGNAL_WORKFLOW_EXECUTION_REQUEST_INIT;

    request.workflow_execution = world_execution(w, workflow_id);
    request.signal_name = world_str(w, "s");
    request.request_id = arena_printf(&w->arena, "r-%llu", (unsigned long long)w->calls);
    const uint64_t call = world_api(w, METHOD_HISTORY_SIGNAL_WORKFLOW, &request, SLICE_EMPTY);
    check_err(world_got(w, call)->err, ERR_OK);
    w->sent_count = 0;
}

static void terminate(struct world *w, const char *workflow_id)
{
    api_terminate_workflow_execution_request request =
        API_TERMINATE_WORKFLOW_EXECUTION_REQUEST_INIT;

    request.workflow_execution = world_execution(w, workflow_id);
    const uint64_t call = world_api(w, METHOD_HISTORY_TERMINATE, &request, SLICE_EMPTY);
    check_err(world_got(w, call)->err, ERR_OK);
}

static enum err describe(struct world *w, const char *workflow_id, const char *run_id)
{
    api_describe_workflow_execution_request request = API_DESCRIBE_WORKFLOW_EXECUTION_REQUEST_INIT;

    request.execution = world_execution(w, workflow_id);
    if (run_id)
        request.execution->run_id = world_str(w, run_id);
    return world_got(w, world_api(w, METHOD_HISTORY_DESCRIBE, &request, SLICE_EMPTY))->err;
}

static enum err delete_run(struct world *w, const char *workflow_id, const char *run_id)
{
    api_delete_workflow_execution_request request = API_DELETE_WORKFLOW_EXECUTION_REQUEST_INIT;

    request.workflow_execution = world_execution(w, workflow_id);
    if (run_id)
        request.workflow_execution->run_id = world_str(w, run_id);
    return world_got(w, world_api(w, METHOD_HISTORY_DELETE_WORKFLOW, &request, SLICE_EMPTY))->err;
}

/* One completed run, and `signals` history nodes and items more. */
static void run_one(struct world *w, const char *workflow_id, uint32_t signals)
{
    (void)world_start(w, workflow_id);
    for (uint32_t i = 0; i < signals; i++)
        signal(w, workflow_id);
    terminate(w, workflow_id);
}

/* The second task that is offered. */
static api_poll_workflow_task_queue_response *poll_second(struct world *w)
{
    struct rpc_task task;

    must(world_offer(w, &task));
    return world_poll_workflow(w);
}

TEST(test_retention_has_a_jitter)
{
    enum { RUNS = 40 };
    struct world w;
    struct counts counts;

    world_init(&w, "jitter");
    w.limits.retention_jitter_ns = 1000 * NS_PER_S;
    for (uint32_t i = 0; i < RUNS; i++)
        run_one(&w, arena_printf(&w.arena, "wf-%u", i), 0);
    world_reopen(&w, true); /* the jitter is the run's, and lasts */
    world_pass(&w, DAY_NS - NS_PER_S);
    counts = rows_of(&w);
    check_i64(counts.by_kind['R'], RUNS);
    check_i64(counts.by_kind['C'], RUNS);
    world_pass(&w, 501 * NS_PER_S);
    counts = rows_of(&w);
    check(counts.by_kind['R'] > RUNS / 8 && counts.by_kind['R'] < RUNS - RUNS / 8);
    check_i64(counts.by_kind['C'], counts.by_kind['R']);
    world_pass(&w, 501 * NS_PER_S);
    counts = rows_of(&w);
    check_i64(counts.by_kind['R'], 0);
    check_i64(counts.by_kind['C'], 0);
    check_i64(counts.visible, 0);
    world_release(&w);
}

TEST(test_a_closed_run_goes_when_its_retention_has_passed)
{
    struct world w;

    world_init(&w, "retention");
    const char *open = world_start(&w, "open");
    const struct counts before = rows_of(&w);
    const char *first = world_start(&w, "wf");
    world_complete(&w, world_token(poll_second(&w)), world_complete_command(&w));
    check_i64(rows_of(&w).by_kind['R'], 1);
    world_pass(&w, DAY_NS - NS_PER_S);
    check_err(describe(&w, "wf", NULL), ERR_OK);
    const uint64_t call = world_api(&w, METHOD_HISTORY_START_WORKFLOW,
                                    world_start_request(&w, "wf", "another"), SLICE_EMPTY);
    const api_start_workflow_execution_response *started =
        world_answer(&w, call, &api_start_workflow_execution_response__desc);
    const char *second = started->run_id; /* the current run from now on */
    world_pass(&w, 2 * NS_PER_S);
    check_err(describe(&w, "wf", first), ERR_NOT_FOUND);
    check_err(describe(&w, "wf", NULL), ERR_OK);
    check_err(describe(&w, "wf", second), ERR_OK);
    check_i64(rows_of(&w).by_kind['C'], 2);
    check_i64(rows_of(&w).by_kind['R'], 0);
    terminate(&w, "wf");
    world_reopen(&w, true);
    world_pass(&w, DAY_NS + NS_PER_S);
    check_err(describe(&w, "wf", NULL), ERR_NOT_FOUND);
    check_err(describe(&w, "open", open), ERR_OK);
    check_i64(rows_of(&w).all, before.all);
    check_i64(history_shard_run_due(w.shard) > w.clock.now_ns, 1);
    (void)world_start(&w, "wf"); /* as if it had never been */
    world_release(&w);
}

static enum err retention_now(void *arg, struct slice id, int64_t *retention_s)
{
    UNUSED(id);
    *retention_s = *(const int64_t *)arg;
    return *retention_s > 0 ? ERR_OK : ERR_NOT_FOUND;
}

/* Rows of type R that are left when a run that timed out an hour ago was started with a day. */
static uint32_t left_an_hour_after_a_timeout(int64_t retention_s)
{
    struct history_namespaces namespaces = {.engine = {.arg = &retention_s},
                                            .retention_of = retention_now};
    pb_duration timeout = PB_DURATION_INIT;
    struct world w;
    uint32_t left;

    timeout.seconds = 10;
    world_init(&w, "retention-timeout");
    w.shard->options.namespaces = &namespaces;
    api_start_workflow_execution_request *request = world_start_request(&w, "wf", "wf");
    request->workflow_run_timeout = &timeout;
    const int64_t at_close = retention_s;
    retention_s = 86400;
    const uint64_t call = world_api(&w, METHOD_HISTORY_START_WORKFLOW, request, SLICE_EMPTY);
    check_err(world_got(&w, call)->err, ERR_OK);
    retention_s = at_close;
    world_pass(&w, 20 * NS_PER_S);
    check_i64(rows_of(&w).by_kind['R'], 1);
    world_pass(&w, 3600 * NS_PER_S);
    left = rows_of(&w).by_kind['R'];
    world_release(&w);
    return left;
}

/* No request brings the retention along then; without the namespace that of the start holds. */
TEST(test_the_retention_is_that_of_the_close_when_a_deadline_closes)
{
    check_i64(left_an_hour_after_a_timeout(600), 0);
    check_i64(left_an_hour_after_a_timeout(2 * 86400), 1);
    check_i64(left_an_hour_after_a_timeout(0), 1);
}

TEST(test_a_deletion_is_carried_on_after_a_crash_at_any_step)
{
    for (int steps = 0; steps < 40; steps++) {
        struct world w;

        world_init(&w, "retention-crash");
        run_one(&w, "long", 300);
        run_one(&w, "short", 2);
        w.clock.now_ns += DAY_NS + NS_PER_S;
        for (int i = 0; i < steps; i++) {
            (void)history_shard_run_due(w.shard);
            (void)store_step(w.store);
        }
        world_reopen(&w, false);
        world_pass(&w, 5 * NS_PER_S);
        check_err(describe(&w, "long", NULL), ERR_NOT_FOUND);
        check_err(describe(&w, "short", NULL), ERR_NOT_FOUND);
        check_i64(rows_of(&w).all, 0);
        world_release(&w);
    }
}

TEST(test_a_huge_history_goes_in_bounded_records)
{
    enum { SIGNALS = 9000 };
    struct world w;
    uint32_t left, records = 0;

    world_init(&w, "retention-huge");
    run_one(&w, "huge", SIGNALS);
    left = rows_of(&w).all;
    check(left > 2 * SIGNALS); /* a node and an item each */
    w.clock.now_ns += DAY_NS + NS_PER_S;
    for (uint32_t i = 0; i < 10000 && left > 0; i++) {
        (void)history_shard_run_due(w.shard);
        if (!store_step(w.store))
            continue;
        const uint32_t now = rows_of(&w).all;
        check(now <= left && left - now <= 256);
        records += now < left;
        left = now;
    }
    check_i64(left, 0);
    check(records > 2 * SIGNALS / 256);
    world_release(&w);
}

TEST(test_many_runs_go_at_once)
{
    enum { RUNS = 200 };
    struct world w;

    world_init(&w, "retention-many");
    for (uint32_t i = 0; i < RUNS; i++) {
        run_one(&w, arena_printf(&w.arena, "wf-%u", i), 1);
        w.sent_count = 0;
    }
    check_i64(rows_of(&w).by_kind['R'], RUNS);
    w.cache_bytes = 1024 * 1024;
    world_reopen(&w, false);
    world_pass(&w, DAY_NS + NS_PER_S);
    check_i64(rows_of(&w).all, 0);
    world_release(&w);
}

TEST(test_a_run_is_deleted_on_demand)
{
    struct world w;

    world_init(&w, "delete");
    check_err(delete_run(&w, "nobody", NULL), ERR_NOT_FOUND);
    run_one(&w, "closed", 600);
    check_err(delete_run(&w, "closed", NULL), ERR_OK);
    check_err(describe(&w, "closed", NULL), ERR_NOT_FOUND);
    check_err(delete_run(&w, "closed", NULL), ERR_NOT_FOUND);
    check_i64(rows_of(&w).all, 0);

    const char *run_id = world_start(&w, "open"); /* is terminated first */
    signal(&w, "open");
    check_err(delete_run(&w, "open", run_id), ERR_OK);
    check_err(describe(&w, "open", run_id), ERR_NOT_FOUND);
    check_i64(rows_of(&w).all, 0);

    const char *again = world_start(&w, "open");
    check_err(describe(&w, "open", again), ERR_OK);
    world_release(&w);
}

TEST(test_whoever_waits_for_a_deleted_run_is_told)
{
    struct world w;
    api_get_workflow_execution_history_request request =
        API_GET_WORKFLOW_EXECUTION_HISTORY_REQUEST_INIT;

    world_init(&w, "delete-waiters");
    (void)world_start(&w, "wf");
    request.execution = world_execution(&w, "wf");
    request.wait_new_event = true;
    request.history_event_filter_type = HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT;
    const uint64_t call = world_call(&w, METHOD_HISTORY_GET_HISTORY,
                                     world_api_body(&w, &request, SLICE_EMPTY), 30 * NS_PER_S);
    world_settle(&w);
    check(world_reply(&w, call) == NULL);
    check_err(delete_run(&w, "wf", NULL), ERR_OK);
    check(world_reply(&w, call) != NULL);
    world_release(&w);
}

TEST(test_a_deletion_outlives_a_failing_store)
{
    static const char dir[] = "retention-fault";
    static const struct fault_plan calm = {.kind = FAULT_NONE};

    for (int kind = FAULT_IO; kind < FAULT_KIND_COUNT; kind++)
        for (uint64_t at = 1; at <= 10; at++) { /* each record of the deletion, and none */
            struct world w;

            store_fault_wipe(dir);
            world_init_on(&w, "fault", dir);
            run_one(&w, "long", 300);
            run_one(&w, "short", 2);
            w.clock.now_ns += DAY_NS + NS_PER_S;
            w.may_be_lost = true;
            store_fault_set(dir, &(struct fault_plan){.kind = (enum fault_kind)kind,
                                                      .at = at,
                                                      .times = 1,
                                                      .appends_only = true});
            for (int i = 0; i < 60; i++) {
                (void)history_shard_run_due(w.shard);
                (void)store_step(w.store);
            }
            store_fault_set(dir, &calm);
            world_reopen(&w, false);
            world_pass(&w, 5 * NS_PER_S);
            check_err(describe(&w, "long", NULL), ERR_NOT_FOUND);
            check_err(describe(&w, "short", NULL), ERR_NOT_FOUND);
            check_i64(rows_of(&w).all, 0);
            world_release(&w);
        }
    store_fault_wipe(dir);
}
