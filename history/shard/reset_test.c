/* reset_test.c - runs that share a history: made while others write, deleted in any order, whatever
 * crash comes between. */
#include "history/shard/shard_fixture.h"

#include "common/store/memory/store_memory.h"
#include "history/shard/shard_int.h"

enum { RUNS = 4, TYPES_MAX = 2000 };

struct family {
    struct world w;
    const char *run[RUNS]; /* the base, then a reset of each */
    const char *types[RUNS];
};

static void signal(struct world *w, const char *name, bool settle)
{
    api_signal_workflow_execution_request request = API_SIGNAL_WORKFLOW_EXECUTION_REQUEST_INIT;

    request.workflow_execution = world_execution(w, "wf");
    request.signal_name = world_str(w, name);
    if (!settle) {
        (void)world_call(w, METHOD_HISTORY_SIGNAL_WORKFLOW,
                         world_api_body(w, &request, SLICE_EMPTY), NS_PER_S);
        return;
    }
    const uint64_t call = world_api(w, METHOD_HISTORY_SIGNAL_WORKFLOW, &request, SLICE_EMPTY);
    check_err(world_got(w, call)->err, ERR_OK);
    w->sent_count = 0;
}

static api_reset_workflow_execution_request *reset_request(struct world *w, const char *run_id,
                                                           int64_t fork, const char *request_id)
{
    api_reset_workflow_execution_request *request =
        ARENA_NEW(&w->arena, api_reset_workflow_execution_request);

    *request = (api_reset_workflow_execution_request)API_RESET_WORKFLOW_EXECUTION_REQUEST_INIT;
    request->workflow_execution = world_execution(w, "wf");
    request->workflow_execution->run_id = world_str(w, run_id);
    request->workflow_task_finish_event_id = fork;
    request->request_id = world_str(w, request_id);
    return request;
}

static const char *reset(struct world *w, const char *run_id, int64_t fork, const char *request_id)
{
    const uint64_t call = world_api(w, METHOD_HISTORY_RESET_WORKFLOW,
                                    reset_request(w, run_id, fork, request_id), SLICE_EMPTY);
    const api_reset_workflow_execution_response *response =
        world_answer(w, call, &api_reset_workflow_execution_response__desc);

    w->sent_count = 0;
    return arena_str(&w->arena, slice_str(response->run_id));
}

static const char *types_of(struct world *w, const char *run_id, int32_t page)
{
    api_get_workflow_execution_history_request request =
        API_GET_WORKFLOW_EXECUTION_HISTORY_REQUEST_INIT;
    const char *types = "";

    request.execution = world_execution(w, "wf");
    request.execution->run_id = world_str(w, run_id);
    request.maximum_page_size = page;
    do {
        const api_get_workflow_execution_history_response *response =
            world_get_history(w, &request);

        for (size_t i = 0; i < response->history->n_events; i++)
            types = arena_printf(&w->arena, "%s %d", types,
                                 (int)response->history->events[i]->event_type);
        request.next_page_token = response->next_page_token;
        w->sent_count = 0;
    } while (request.next_page_token.len > 0);
    return types;
}

static enum err describe(struct world *w, const char *run_id)
{
    api_describe_workflow_execution_request request = API_DESCRIBE_WORKFLOW_EXECUTION_REQUEST_INIT;

    request.execution = world_execution(w, "wf");
    request.execution->run_id = world_str(w, run_id);
    const enum err err =
        world_got(w, world_api(w, METHOD_HISTORY_DESCRIBE, &request, SLICE_EMPTY))->err;
    w->sent_count = 0;
    return err;
}

static void delete_run(struct world *w, const char *run_id)
{
    api_delete_workflow_execution_request request = API_DELETE_WORKFLOW_EXECUTION_REQUEST_INIT;

    request.workflow_execution = world_execution(w, "wf");
    request.workflow_execution->run_id = world_str(w, run_id);
    (void)world_call(w, METHOD_HISTORY_DELETE_WORKFLOW, world_api_body(w, &request, SLICE_EMPTY),
                     NS_PER_S);
}

static bool count_row(void *arg, struct slice key, struct slice value)
{
    UNUSED(value);
    *(uint32_t *)arg += key.ptr[1] != 'K' && key.ptr[1] != 'L';
    return true;
}

static enum err count(struct store_snapshot *snapshot, void *arg)
{
    return store_scan(snapshot, STORE_MAIN, SLICE_LIT("\0"), SLICE_EMPTY, false, count_row, arg);
}

static uint32_t rows_of(struct world *w)
{
    uint32_t rows = 0;

    check_ok(store_read_now(w->shard->store, count, &rows));
    return rows;
}

static void begin(struct world *w, const char *dir)
{
    store_memory_wipe(dir);
    world_init(w, dir);
}

/* A run of one completed task and a signal, and three resets: of the base, of that one behind its
 * own fork, and of the last one before it. */
static void family_init(struct family *f, const char *dir)
{
    struct world *w = &f->w;

    begin(w, dir);
    f->run[0] = world_start(w, "wf");
    (void)world_poll_workflow(w); /* event 3: the task is started */
    signal(w, "one", true);       /* waits for its end */
    f->run[1] = reset(w, f->run[0], 3, "first");
    signal(w, "two", true);
    signal(w, "three", true);
    f->run[2] = reset(w, f->run[1], 8, "second"); /* between two signals; a task is pending */
    signal(w, "four", true);
    f->run[3] = reset(w, f->run[2], 3, "third");
    for (int i = 0; i < RUNS; i++)
        f->types[i] = types_of(w, f->run[i], 100);
}

static void check_readable(struct family *f, uint32_t gone)
{
    for (int i = 0; i < RUNS; i++) {
        if (gone & 1U << i) {
            check_err(describe(&f->w, f->run[i]), ERR_NOT_FOUND);
            continue;
        }
        check_str(types_of(&f->w, f->run[i], 100), f->types[i]);
        check_str(types_of(&f->w, f->run[i], 1), f->types[i]);
    }
}

TEST(test_runs_that_share_a_history_read_as_if_it_were_their_own)
{
    struct family f;

    family_init(&f, "reset-read");
    check_str(f.types[1], " 1 5 6 9 26 5 26 26 27");
    check_str(f.types[2], " 1 5 6 9 26 5 26 6 9 26 5 26 27");
    check_readable(&f, 0);
    world_reopen(&f.w, true);
    check_readable(&f, 0);
    f.w.cache_bytes = 1; /* nothing stays in memory */
    world_reopen(&f.w, false);
    check_readable(&f, 0);
    check_str(reset(&f.w, f.run[0], 3, "third"), f.run[3]); /* a repeat */
    const char *last = reset(&f.w, f.run[1], 3, "fourth");
    check_str(types_of(&f.w, last, 3), " 1 5 6 9 26 26 26 5");
    world_release(&f.w);
}

static void permute(const int *order)
{
    for (int steps = 0; steps < 12; steps += 3) { /* a crash comes after that many */
        struct family f;
        uint32_t gone = 0;

        family_init(&f, "reset-delete");
        for (int i = 0; i < RUNS; i++) {
            delete_run(&f.w, f.run[order[i]]);
            for (int step = 0; step < steps; step++) {
                (void)history_shard_run_due(f.w.shard);
                (void)store_step(f.w.store);
            }
            if (steps > 0)
                world_reopen(&f.w, false);
            world_pass(&f.w, 3 * NS_PER_S);
            f.w.sent_count = 0;
            if (steps > 0 && describe(&f.w, f.run[order[i]]) == ERR_OK) {
                delete_run(&f.w, f.run[order[i]]); /* the crash came before it was durable */
                world_pass(&f.w, 3 * NS_PER_S);
                f.w.sent_count = 0;
            }
            gone |= 1U << order[i];
            check_readable(&f, gone);
        }
        check_i64(rows_of(&f.w), 0);
        world_release(&f.w);
    }
}

TEST(test_they_are_deleted_in_any_order)
{
    for (int a = 0; a < RUNS; a++)
        for (int b = 0; b < RUNS; b++)
            for (int c = 0; c < RUNS; c++) {
                const int order[RUNS] = {a, b, c, 6 - a - b - c};

                if (a != b && b != c && a != c)
                    permute(order);
            }
}

TEST(test_their_retention_passes)
{
    struct family f;

    family_init(&f, "reset-retention");
    world_pass(&f.w, INT64_C(86400) * NS_PER_S + NS_PER_S);
    f.w.sent_count = 0;
    check_readable(&f, 7); /* the last one is open */
    delete_run(&f.w, f.run[3]);
    world_pass(&f.w, 3 * NS_PER_S);
    check_i64(rows_of(&f.w), 0);
    world_release(&f.w);
}

TEST(test_a_reset_is_whole_after_a_crash_at_any_step)
{
    bool before = false, after = false;

    for (int steps = 0; steps < 12; steps++) {
        struct world w;

        begin(&w, "reset-crash");
        const char *base = world_start(&w, "wf");
        (void)world_poll_workflow(&w);
        signal(&w, "one", true);
        (void)world_call(&w, METHOD_HISTORY_RESET_WORKFLOW,
                         world_api_body(&w, reset_request(&w, base, 3, "once"), SLICE_EMPTY),
                         NS_PER_S);
        for (int i = 0; i < steps; i++) {
            (void)history_shard_run_due(w.shard);
            (void)store_step(w.store);
        }
        world_reopen(&w, false);
        w.sent_count = 0;
        const char *types = types_of(&w, base, 100);
        const bool ended = strcmp(types, " 1 5 6 9 26 27") == 0;
        check(ended || strcmp(types, " 1 5 6") == 0);
        const char *made = reset(&w, base, 3, "once");
        check_str(types_of(&w, made, 100), " 1 5 6 9 26 5");
        check_str(reset(&w, "", 3, "once"), made);
        before |= !ended;
        after |= ended;
        world_release(&w);
    }
    check(before && after);
}

TEST(test_what_comes_while_the_history_is_read_is_not_lost)
{
    for (int steps = 0; steps < 6; steps++) {
        struct world w;

        begin(&w, "reset-meanwhile");
        const char *base = world_start(&w, "wf");
        (void)world_poll_workflow(&w);
        const uint64_t call = world_call(
            &w, METHOD_HISTORY_RESET_WORKFLOW,
            world_api_body(&w, reset_request(&w, base, 3, "once"), SLICE_EMPTY), NS_PER_S);
        for (int i = 0; i < steps; i++) {
            signal(&w, arena_printf(&w.arena, "s%d", i), false);
            (void)history_shard_run_due(w.shard);
            (void)store_step(w.store);
        }
        world_settle(&w);
        check_err(world_got(&w, call)->err, ERR_OK);
        w.sent_count = 0;
        const char *types = types_of(&w, "", 100);
        uint32_t signals = 0;
        for (const char *at = types; (at = strstr(at, " 26")) != NULL; at++)
            signals++;
        check_i64(signals, (int64_t)steps); /* before the reset or after it */
        world_release(&w);
    }
}
