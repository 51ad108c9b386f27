/* sweep_test.c - the runs of a namespace that is deleted go, wholly, whatever crash comes between;
 * those of others stay. */
#include "common/rpc/sweep.h"
#include "common/store/memory/store_memory.h"
#include "history/shard/shard_fixture.h"

#include "history/shard/shard_int.h"

#include <stdio.h>

#define DIR_NAME "history-shard-sweep"
#define OTHER_NAMESPACE "99999999-9999-4999-8999-999999999999"

static bool count_row(void *arg, struct slice key, struct slice value)
{
    uint32_t *count = arg;

    UNUSED(value);
    *count += key.len < 2 || key.ptr[1] != 'K';
    return true;
}

static bool count_visible(void *arg, struct slice key, struct slice value)
{
    uint32_t *count = arg;

    UNUSED(value);
    *count += key.len != HS_FORMAT_KEY_LEN;
    return true;
}

static enum err count_rows(struct store_snapshot *snapshot, void *arg)
{
    const enum err err =
        store_scan(snapshot, STORE_MAIN, SLICE_LIT("\0"), SLICE_EMPTY, false, count_row, arg);

    return err != ERR_OK ? err
                         : store_scan(snapshot, STORE_VISIBILITY, SLICE_LIT("\0"), SLICE_EMPTY,
                                      false, count_visible, arg);
}

/* Of the shard but for its clock and the format of its index. */
static uint32_t rows_of(struct world *w)
{
    uint32_t count = 0;

    check_ok(store_read_now(w->shard->store, count_rows, &count));
    return count;
}

static uint64_t ask(struct world *w, struct slice namespace_id)
{
    const struct rpc_api api = {.namespace_id = namespace_id};
    struct buf body;

    buf_init(&body, 0);
    rpc_api_encode(&api, &body);
    const uint64_t call =
        world_call(w, METHOD_HISTORY_SWEEP_NAMESPACE, buf_slice(&body), 10 * NS_PER_S);
    buf_release(&body);
    return call;
}

/* How many runs it found. */
static uint32_t sweep(struct world *w, struct slice namespace_id)
{
    struct rpc_swept swept = {0};
    const uint64_t call = ask(w, namespace_id);

    world_settle(w);
    const struct sent *reply = world_got(w, call);
    check_ok(reply->err);
    check_ok(rpc_swept_decode(&w->arena, reply->bytes, &swept));
    w->sent_count = 0;
    return swept.found;
}

static void sweep_all(struct world *w)
{
    for (int i = 0; sweep(w, SLICE_LIT(WORLD_NAMESPACE)) > 0; i++)
        must(i < 100);
    world_pass(w, 5 * NS_PER_S);
}

static void start_in(struct world *w, const char *namespace_id, const char *workflow_id)
{
    const struct rpc_api api = {
        .namespace_id = slice_str(namespace_id),
        .namespace_name = SLICE_LIT("some"),
        .retention_s = 86400,
        .request = proto_encode(&w->arena, world_start_request(w, workflow_id, workflow_id))};
    struct buf body;

    buf_init(&body, 0);
    rpc_api_encode(&api, &body);
    const uint64_t call =
        world_call(w, METHOD_HISTORY_START_WORKFLOW, buf_slice(&body), 10 * NS_PER_S);
    buf_release(&body);
    world_settle(w);
    check_ok(world_got(w, call)->err);
    w->sent_count = 0;
}

static void terminate(struct world *w, const char *workflow_id)
{
    api_terminate_workflow_execution_request request =
        API_TERMINATE_WORKFLOW_EXECUTION_REQUEST_INIT;

    request.workflow_execution = world_execution(w, workflow_id);
    check_ok(world_got(w, world_api(w, METHOD_HISTORY_TERMINATE, &request, SLICE_EMPTY))->err);
    w->sent_count = 0;
}

TEST(test_a_namespace_goes_in_bounded_steps_and_others_stay)
{
    enum { RUNS = 150 };
    struct world *w = world_new(DIR_NAME);
    char id[16];

    check_i64(sweep(w, SLICE_LIT(WORLD_NAMESPACE)), 0);
    start_in(w, OTHER_NAMESPACE, "kept");
    const uint32_t kept = rows_of(w);
    for (int i = 0; i < RUNS; i++) {
        snprintf(id, sizeof id, "wf-%d", i);
        start_in(w, WORLD_NAMESPACE, id);
        if (i % 3 == 0)
            terminate(w, id);
    }
    check_i64(sweep(w, SLICE_LIT(WORLD_NAMESPACE)), 64);
    world_reopen(w, true);
    check_i64(sweep(w, SLICE_LIT(WORLD_NAMESPACE)), 64);
    check_i64(sweep(w, SLICE_LIT(WORLD_NAMESPACE)), RUNS - 128);
    check_i64(sweep(w, SLICE_LIT(WORLD_NAMESPACE)), 0);
    world_pass(w, 5 * NS_PER_S);
    check_i64(rows_of(w), kept);
    check_i64(sweep(w, SLICE_LIT(OTHER_NAMESPACE)), 1);
    world_pass(w, 5 * NS_PER_S);
    check_i64(rows_of(w), 0);
    world_free(w);
}

TEST(test_a_sweep_is_carried_on_after_a_crash_at_any_step)
{
    for (int steps = 0; steps < 30; steps++) {
        struct world *w = world_new(DIR_NAME);

        start_in(w, WORLD_NAMESPACE, "open");
        start_in(w, WORLD_NAMESPACE, "closed");
        terminate(w, "closed");
        (void)ask(w, SLICE_LIT(WORLD_NAMESPACE));
        for (int i = 0; i < steps; i++) {
            (void)store_step(w->store);
            (void)history_shard_run_due(w->shard);
        }
        world_reopen(w, false);
        sweep_all(w);
        check_i64(rows_of(w), 0);
        world_free(w);
    }
}

TEST(test_two_sweeps_at_once_do_no_harm)
{
    struct world *w = world_new(DIR_NAME);
    char id[16];

    for (int i = 0; i < 20; i++) {
        snprintf(id, sizeof id, "wf-%d", i);
        start_in(w, WORLD_NAMESPACE, id);
    }
    const uint64_t first = ask(w, SLICE_LIT(WORLD_NAMESPACE));
    const uint64_t second = ask(w, SLICE_LIT(WORLD_NAMESPACE));
    world_settle(w);
    check_ok(world_got(w, first)->err);
    check_ok(world_got(w, second)->err);
    sweep_all(w);
    check_i64(rows_of(w), 0);
    world_free(w);
}

static enum err nobody(void *arg, struct slice id, int64_t *retention_s)
{
    const bool *deleted = arg;

    UNUSED(id);
    *retention_s = 86400;
    return *deleted ? ERR_NOT_FOUND : ERR_OK;
}

TEST(test_only_what_is_deleted_is_swept_and_then_nothing_starts)
{
    struct world *w = world_new(DIR_NAME);
    bool deleted = false;
    struct history_namespaces namespaces = {.engine = {.arg = &deleted}, .retention_of = nobody};

    w->shard->options.namespaces = &namespaces;
    start_in(w, WORLD_NAMESPACE, "wf");
    uint64_t call = ask(w, SLICE_LIT(WORLD_NAMESPACE));
    world_settle(w);
    check_err(world_got(w, call)->err, ERR_UNAVAILABLE);
    deleted = true;
    call = world_api(w, METHOD_HISTORY_START_WORKFLOW, world_start_request(w, "late", "late"),
                     SLICE_EMPTY);
    check_err(world_got(w, call)->err, ERR_NOT_FOUND);
    check_i64(sweep(w, SLICE_LIT(WORLD_NAMESPACE)), 1);
    sweep_all(w);
    check_i64(rows_of(w), 0);
    call = world_call(w, METHOD_HISTORY_SWEEP_NAMESPACE, SLICE_LIT("rubbish"), NS_PER_S);
    world_settle(w);
    check(world_got(w, call)->err != ERR_OK);
    world_free(w);
}

/* The namespace is deleted at any moment of a start: it is refused, or its run is found. */
TEST(test_a_start_that_is_under_way_is_refused_or_swept)
{
    int refused = 0, found = 0;

    for (int steps = 0; steps < 12; steps++) {
        struct world *w = world_new(DIR_NAME);
        bool deleted = false;
        struct history_namespaces namespaces = {.engine = {.arg = &deleted},
                                                .retention_of = nobody};
        const struct rpc_api api = {
            .namespace_id = SLICE_LIT(WORLD_NAMESPACE),
            .namespace_name = SLICE_LIT("some"),
            .retention_s = 86400,
            .request = proto_encode(&w->arena, world_start_request(w, "wf", "wf"))};
        struct rpc_swept swept = {0};
        struct buf body;

        w->shard->options.namespaces = &namespaces;
        buf_init(&body, 0);
        rpc_api_encode(&api, &body);
        const uint64_t start =
            world_call(w, METHOD_HISTORY_START_WORKFLOW, buf_slice(&body), 10 * NS_PER_S);
        buf_release(&body);
        for (int i = 0; i < steps; i++)
            (void)store_step(w->store);
        deleted = true;
        const uint64_t call = ask(w, SLICE_LIT(WORLD_NAMESPACE));
        world_settle(w);
        check_ok(rpc_swept_decode(&w->arena, world_got(w, call)->bytes, &swept));
        const enum err err = world_got(w, start)->err;
        check(err == ERR_OK || err == ERR_NOT_FOUND);
        check_i64(swept.found, err == ERR_OK);
        refused += err != ERR_OK;
        found += err == ERR_OK;
        w->sent_count = 0;
        sweep_all(w);
        check_i64(rows_of(w), 0);
        world_free(w);
    }
    check(refused > 0);
    check(found > 0);
}
