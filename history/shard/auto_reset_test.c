/* auto_reset_test.c - a namespace calls a binary bad: which runs are reset, and what becomes of it
 * over crashes. */
#include "history/shard/shard_fixture.h"

#include "common/store/memory/store_memory.h"
#include "history/engine/reset_points.h"

/* -- which point ------------------------------------------------------------------------------ */

static struct slice bad_binaries(struct arena *arena, const char *checksum)
{
    api_bad_binaries bad = API_BAD_BINARIES_INIT;
    api_bad_binaries_binaries_entry entry = API_BAD_BINARIES_BINARIES_ENTRY_INIT, *list = &entry;
    api_bad_binary_info info = API_BAD_BINARY_INFO_INIT;
    char why[] = "why";

    info.reason = why;
    entry.key = arena_str(arena, slice_str(checksum));
    entry.value = &info;
    bad.binaries = &list;
    bad.n_binaries = 1;
    return proto_encode(arena, &bad);
}

TEST(test_the_first_point_of_a_bad_binary_that_can_be_reset_to)
{
    enum { NOW_S = 1000 };
    static const struct {
        const char *name, *first, *second, *bad;
        bool resettable;
        int64_t expires_s, event_id; /* 0: none is found */
    } cases[] = {
        {"nothing is bad", "a", "b", "c", true, 0, 0},
        {"the first", "a", "b", "a", true, 0, 10},
        {"the second", "a", "b", "b", true, 0, 20},
        {"the first of two", "a", "a", "a", true, 0, 10},
        {"one with children", "a", "b", "a", false, 0, 0},
        {"the next one that had none", "a", "a", "a", false, 0, 20},
        {"the history is gone", "a", "b", "a", true, NOW_S - 1, 0},
        {"it is still there", "a", "b", "a", true, NOW_S, 10},
        {"no checksum at all", "", "b", "", true, 0, 10},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena arena;
        api_reset_points points = API_RESET_POINTS_INIT;
        api_reset_point_info two[2] = {API_RESET_POINT_INFO_INIT, API_RESET_POINT_INFO_INIT};
        api_reset_point_info *list[2] = {&two[0], &two[1]};
        char run_id[] = WORLD_NAMESPACE;
        struct reset_point point;

        arena_init(&arena);
        two[0].binary_checksum = arena_str(&arena, slice_str(cases[i].first));
        two[0].resettable = cases[i].resettable;
        two[0].expire_time =
            cases[i].expires_s ? proto_timestamp(&arena, cases[i].expires_s * NS_PER_S) : NULL;
        two[1].binary_checksum = arena_str(&arena, slice_str(cases[i].second));
        two[1].resettable = true;
        for (size_t k = 0; k < 2; k++) {
            two[k].run_id = run_id;
            two[k].first_workflow_task_completed_id = 10 * (int64_t)(k + 1);
        }
        points.points = list;
        points.n_points = 2;
        struct run *run = run_new();
        bytes_set(&run->reset_points, proto_encode(&arena, &points));
        const bool found = run_bad_reset_point(run, &arena, bad_binaries(&arena, cases[i].bad),
                                               NOW_S * NS_PER_S, &point);
        check_i64(found ? point.event_id : 0, cases[i].event_id);
        if (found) {
            check_str(point.run_id, run_id);
            check_str(point.reason, "why");
        }
        check(!run_bad_reset_point(run, &arena, SLICE_LIT("\xff\xff"), 0, &point));
        run_free(run);
        arena_release(&arena);
    }
}

/* -- in a shard ------------------------------------------------------------------------------- */

struct bad_world {
    struct world w;
    const char *bad; /* NULL: nothing is */
    struct history_namespaces namespaces;
    const char *base;
};

static enum err tell_bad(void *arg, struct slice id, struct arena *arena, struct slice *out)
{
    const struct bad_world *b = arg;

    check_slice(id, SLICE_LIT(WORLD_NAMESPACE));
    *out = b->bad ? bad_binaries(arena, b->bad) : SLICE_EMPTY;
    return ERR_OK;
}

static enum err tell_retention(void *arg, struct slice id, int64_t *retention_s)
{
    UNUSED(arg);
    UNUSED(id);
    *retention_s = 86400;
    return ERR_OK;
}

static enum err signal(struct bad_world *b, bool settle)
{
    struct world *w = &b->w;
    api_signal_workflow_execution_request request = API_SIGNAL_WORKFLOW_EXECUTION_REQUEST_INIT;

    request.workflow_execution = world_execution(w, "wf");
    request.signal_name = world_str(w, "s");
    if (!settle) {
        (void)world_call(w, METHOD_HISTORY_SIGNAL_WORKFLOW,
                         world_api_body(w, &request, SLICE_EMPTY), NS_PER_S);
        return ERR_OK;
    }
    return world_got(w, world_api(w, METHOD_HISTORY_SIGNAL_WORKFLOW, &request, SLICE_EMPTY))->err;
}

/* The task that was offered last: those before it are of runs that have ended. */
static api_poll_workflow_task_queue_response *poll(struct world *w)
{
    struct rpc_task task = {0};

    while (world_offer(w, &task))
        continue;
    const uint64_t call = world_start_task(w, &task, ++w->calls, ERR_OK);
    return world_answer(w, call, &api_poll_workflow_task_queue_response__desc);
}

static void complete(struct bad_world *b, const char *checksum)
{
    struct world *w = &b->w;
    api_respond_workflow_task_completed_request *request = world_completion(w, NULL);
    const api_poll_workflow_task_queue_response *task = poll(w);

    request->binary_checksum = world_str(w, checksum);
    const uint64_t call =
        world_api(w, METHOD_HISTORY_RESPOND_WORKFLOW_TASK_COMPLETED, request, world_token(task));
    check_err(world_got(w, call)->err, ERR_OK);
}

/* The types of the events of the current run; *run_id: which that is. */
static const char *current(struct bad_world *b, const char **run_id)
{
    struct world *w = &b->w;
    api_describe_workflow_execution_request request = API_DESCRIBE_WORKFLOW_EXECUTION_REQUEST_INIT;
    api_get_workflow_execution_history_request history =
        API_GET_WORKFLOW_EXECUTION_HISTORY_REQUEST_INIT;
    const char *types = "";

    request.execution = history.execution = world_execution(w, "wf");
    history.maximum_page_size = 100;
    const api_describe_workflow_execution_response *described =
        world_answer(w, world_api(w, METHOD_HISTORY_DESCRIBE, &request, SLICE_EMPTY),
                     &api_describe_workflow_execution_response__desc);
    *run_id = world_str(w, described->workflow_execution_info->execution->run_id);
    const api_get_workflow_execution_history_response *page = world_get_history(w, &history);
    for (size_t i = 0; i < page->history->n_events; i++)
        types = arena_printf(&w->arena, "%s %d", types, (int)page->history->events[i]->event_type);
    return types;
}

/* A run that "good" and then "bad" went on with: 1 5 6 7, 26 5 6 7. */
static void begin(struct bad_world *b, const char *dir)
{
    *b = (struct bad_world){.bad = NULL};
    store_memory_wipe(dir);
    world_init(&b->w, dir);
    b->namespaces = (struct history_namespaces){
        .engine = {.arg = b}, .retention_of = tell_retention, .bad_binaries_of = tell_bad};
    b->w.namespaces = &b->namespaces;
    world_reopen(&b->w, true);
    b->base = world_start(&b->w, "wf");
    complete(b, "good");
    check_ok(signal(b, true));
    complete(b, "bad");
}

TEST(test_a_run_is_reset_with_its_next_step_and_once)
{
    struct bad_world b;
    const char *run_id;

    begin(&b, "auto-reset-once");
    b.bad = "other";
    check_ok(signal(&b, true));
    check_str(current(&b, &run_id), " 1 5 6 7 26 5 6 7 26 5");
    b.bad = "bad";
    world_settle(&b.w); /* nothing happens by itself */
    check_str(current(&b, &run_id), " 1 5 6 7 26 5 6 7 26 5");
    check_str(run_id, b.base);
    check_ok(signal(&b, true));
    world_settle(&b.w);
    check_str(current(&b, &run_id), " 1 5 6 7 26 5 6 9 26 26 5");
    check(strcmp(run_id, b.base) != 0);
    const char *heir = run_id;
    check_ok(signal(&b, true));
    world_settle(&b.w);
    check_str(current(&b, &run_id), " 1 5 6 7 26 5 6 9 26 26 5 26");
    check_str(run_id, heir);
    complete(&b, "bad"); /* that nobody refused: its frontend did not know yet */
    world_settle(&b.w);
    check_str(current(&b, &run_id), " 1 5 6 7 26 5 6 9 26 26 5 26 6 9 5");
    world_release(&b.w);
}

/* Whatever a crash cuts off, the run goes on, and is reset with its next step at the latest. */
TEST(test_a_crash_at_any_moment_delays_it_at_most)
{
    bool before = false, after = false;

    for (int steps = 0; steps < 12; steps++) {
        struct bad_world b;
        const char *run_id;

        begin(&b, "auto-reset-crash");
        b.bad = "bad";
        (void)signal(&b, false);
        for (int i = 0; i < steps; i++) {
            (void)history_shard_run_due(b.w.shard);
            (void)store_step(b.w.store);
        }
        world_reopen(&b.w, false);
        b.w.sent_count = 0;
        (void)current(&b, &run_id);
        before |= strcmp(run_id, b.base) == 0;
        after |= strcmp(run_id, b.base) != 0;
        check_ok(signal(&b, true));
        world_settle(&b.w);
        const char *types = current(&b, &run_id);
        check(strcmp(run_id, b.base) != 0);
        check(strstr(types, " 1 5 6 7 26 5 6 9 26") == types);
        world_release(&b.w);
    }
    check(before && after);
}

TEST(test_a_workflow_that_began_anew_meanwhile_is_left_alone)
{
    struct bad_world b;
    const char *run_id;
    api_terminate_workflow_execution_request end = API_TERMINATE_WORKFLOW_EXECUTION_REQUEST_INIT;

    begin(&b, "auto-reset-stale");
    b.bad = "bad";
    (void)signal(&b, false); /* its reset waits until it is durable */
    end.workflow_execution = world_execution(&b.w, "wf");
    (void)world_call(&b.w, METHOD_HISTORY_TERMINATE, world_api_body(&b.w, &end, SLICE_EMPTY),
                     NS_PER_S);
    const api_start_workflow_execution_response *other =
        world_answer(&b.w,
                     world_api(&b.w, METHOD_HISTORY_START_WORKFLOW,
                               world_start_request(&b.w, "wf", "again"), SLICE_EMPTY),
                     &api_start_workflow_execution_response__desc);
    check_str(current(&b, &run_id), " 1 5");
    check_str(run_id, other->run_id);
    world_release(&b.w);
}
