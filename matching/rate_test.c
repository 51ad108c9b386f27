/* rate_test.c - what a queue's limit lets through, on a fake clock; starts are taken at once. */
#include "api.h"
#include "common/proto/wire.h"
#include "common/rpc/queue_config.h"
#include "matching/matching_int.h"
#include "matching/out_fixture.h"
#include "tests/lib/test.h"

struct world {
    struct asked asked;
    struct matching *core;
    struct matching_out out;
    struct fake_clock clock;
    struct log log;
    struct metrics *metrics;
    struct arena arena;
    size_t started, polled;
    uint64_t last_call, last_row;
    float stored_rate; /* of the cluster store; below 0: none */
};

static struct slice rate_config(struct world *w, float rate)
{
    api_rate_limit limit = API_RATE_LIMIT_INIT;
    api_rate_limit_config queue = API_RATE_LIMIT_CONFIG_INIT;
    api_task_queue_config config = API_TASK_QUEUE_CONFIG_INIT;
    struct buf data;

    buf_init(&data, 0);
    limit.requests_per_second = rate;
    queue.rate_limit = rate < 0 ? NULL : &limit;
    config.queue_rate_limit = &queue;
    queue_config_replace(SLICE_EMPTY, TASK_QUEUE_TYPE_ACTIVITY, proto_encode(&w->arena, &config),
                         &data);
    const struct slice copy = arena_copy(&w->arena, buf_slice(&data));
    buf_release(&data);
    return copy;
}

static struct slice fake_config(void *arg, struct arena *arena, struct slice namespace_id,
                                struct slice name)
{
    struct world *w = arg;

    UNUSED(namespace_id);
    UNUSED(name);
    return w->stored_rate < 0 ? SLICE_EMPTY : arena_copy(arena, rate_config(w, w->stored_rate));
}

/* Answer whatever the core has asked. */
static void settle(struct world *w)
{
    while (w->asked.match_count || w->asked.pull_count) {
        if (w->asked.pull_count) {
            matching_on_pulled(w->core, w->asked.pulls[--w->asked.pull_count], ERR_OK, NULL, 0,
                               false, w->clock.now_ns);
        } else {
            w->started++;
            matching_on_started(w->core, w->asked.matches[--w->asked.match_count], ERR_OK,
                                w->clock.now_ns);
        }
    }
}

static void pass_ms(struct world *w, int64_t ms)
{
    const int64_t end = w->clock.now_ns + ms * NS_PER_MS;

    while (matching_next_due_ns(w->core) <= end) {
        if (matching_next_due_ns(w->core) > w->clock.now_ns)
            w->clock.now_ns = matching_next_due_ns(w->core);
        matching_run_due(w->core, w->clock.now_ns);
        settle(w);
    }
    w->clock.now_ns = end;
}

static void world_init(struct world *w, float stored_rate)
{
    *w = (struct world){.log = {.level = LOG_ERROR, .fd = 2}, .stored_rate = stored_rate};
    fake_clock_init(&w->clock, INT64_C(1795000000) * NS_PER_S);
    w->metrics = metrics_new();
    arena_init(&w->arena);
    w->out = (struct matching_out){.arg = w,
                                   .start = asked_start,
                                   .pull = asked_pull,
                                   .no_sticky_poller = asked_no_sticky,
                                   .config = fake_config,
                                   .reply = asked_reply};
    w->core = asked_matching(&w->out, &w->clock.clock, &w->log, w->metrics, NULL);
}

static void world_release(struct world *w)
{
    matching_free(w->core);
    metrics_free(w->metrics);
    arena_release(&w->arena);
}

static void offer(struct world *w, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct rpc_task task = {.kind = TASK_ACTIVITY,
                                      .row_seq = ++w->last_row,
                                      .namespace_id = SLICE_LIT("ns"),
                                      .task_queue = SLICE_LIT("q"),
                                      .workflow_id = SLICE_LIT("wf"),
                                      .run_id = SLICE_LIT("run"),
                                      .created_wall_ns = (int64_t)w->last_row};

        matching_offer(w->core, &task, 1, w->clock.now_ns);
    }
    settle(w);
}

/* `rate` below 0: the worker says nothing. */
static void poll_for(struct world *w, size_t count, double rate)
{
    api_poll_activity_task_queue_request request = API_POLL_ACTIVITY_TASK_QUEUE_REQUEST_INIT;
    api_task_queue_metadata metadata = API_TASK_QUEUE_METADATA_INIT;
    pb_double_value value = PB_DOUBLE_VALUE_INIT;

    value.value = rate;
    metadata.max_tasks_per_second = &value;
    if (rate >= 0)
        request.task_queue_metadata = &metadata;
    for (size_t i = 0; i < count; i++) {
        const struct rpc_poll poll = {.kind = TASK_ACTIVITY,
                                      .namespace_id = SLICE_LIT("ns"),
                                      .namespace_name = SLICE_LIT("ns"),
                                      .task_queue = SLICE_LIT("q"),
                                      .poll_id = ++w->last_call,
                                      .reply_to = {.process = 7, .call = w->last_call},
                                      .identity = SLICE_LIT("worker"),
                                      .request = proto_encode(&w->arena, &request)};

        matching_poll(w->core, &poll, w->clock.now_ns + 3600 * NS_PER_S, w->clock.now_ns);
        settle(w);
    }
}

TEST(rate_of_the_store_holds_tasks_back)
{
    struct world w;

    world_init(&w, 5);
    poll_for(&w, 40, -1);
    offer(&w, 40);
    check_i64(w.started, 6); /* a second's worth, and the one that is due */
    pass_ms(&w, 1000);
    check_i64(w.started, 11);
    pass_ms(&w, 2000);
    check_i64(w.started, 21);
    world_release(&w);
}

TEST(rate_that_changes_is_felt_at_once)
{
    struct world w;

    world_init(&w, 0);
    poll_for(&w, 30, -1);
    offer(&w, 30);
    pass_ms(&w, 10000);
    check_i64(w.started, 0); /* zero: nothing goes */
    matching_config_changed(w.core, SLICE_LIT("ns"), SLICE_LIT("q"), rate_config(&w, 1),
                            w.clock.now_ns);
    settle(&w);
    const size_t first = w.started;
    check(first >= 1 && first <= 2);
    pass_ms(&w, 3000);
    check_i64(w.started, first + 3);
    matching_config_changed(w.core, SLICE_LIT("ns"), SLICE_LIT("q"), rate_config(&w, -1),
                            w.clock.now_ns);
    settle(&w);
    check_i64(w.started, 30);
    world_release(&w);
}

TEST(rate_of_the_last_poll_counts_where_none_is_set)
{
    struct world w;

    world_init(&w, -1);
    poll_for(&w, 39, 2);
    offer(&w, 30);
    check_i64(w.started, 3);
    pass_ms(&w, 1000);
    check_i64(w.started, 5);
    poll_for(&w, 1, -1); /* says nothing: no limit */
    check_i64(w.started, 30);
    world_release(&w);
}

TEST(rate_of_the_store_goes_before_that_of_a_poll)
{
    struct world w;
    struct slice body;
    struct err_detail detail = {0};
    api_describe_task_queue_request request = API_DESCRIBE_TASK_QUEUE_REQUEST_INIT;
    api_describe_task_queue_response *response;
    api_task_queue queue = API_TASK_QUEUE_INIT;

    world_init(&w, 1);
    poll_for(&w, 10, 100);
    offer(&w, 10);
    check_i64(w.started, 2);
    queue.name = (char *)(uintptr_t) "q";
    request.task_queue = &queue;
    request.task_queue_type = TASK_QUEUE_TYPE_ACTIVITY;
    request.report_config = request.report_stats = true;
    const struct rpc_api api = {.namespace_id = SLICE_LIT("ns"),
                                .request = proto_encode(&w.arena, &request)};
    check_ok(matching_describe(w.core, &w.arena, &api, NULL, w.clock.now_ns, &body, &detail));
    check_ok(
        proto_decode(&w.arena, &api_describe_task_queue_response__desc, body, &response, &detail));
    check(response->effective_rate_limit->requests_per_second == 1.0f);
    check_i64(response->effective_rate_limit->rate_limit_source, RATE_LIMIT_SOURCE_API);
    check(response->config->queue_rate_limit->rate_limit->requests_per_second == 1.0f);
    check(response->stats->rate_limiting_active);
    check_i64(response->stats->approximate_backlog_count, 8);
    check(response->pollers[0]->rate_per_second == 100);
    world_release(&w);
}

/* -- fairness keys --------------------------------------------------------------------------- */

static void fair_rate(struct world *w, float rate, const char *key, float weight)
{
    api_rate_limit limit = API_RATE_LIMIT_INIT;
    api_rate_limit_config keys = API_RATE_LIMIT_CONFIG_INIT;
    api_task_queue_config config = API_TASK_QUEUE_CONFIG_INIT;
    api_task_queue_config_fairness_weight_overrides_entry
        entry = API_TASK_QUEUE_CONFIG_FAIRNESS_WEIGHT_OVERRIDES_ENTRY_INIT,
        *entries[] = {&entry};
    struct buf data;

    limit.requests_per_second = rate;
    keys.rate_limit = rate < 0 ? NULL : &limit;
    config.fairness_keys_rate_limit_default = &keys;
    entry.key = (char *)(uintptr_t)key;
    entry.value = weight;
    config.fairness_weight_overrides = entries;
    config.n_fairness_weight_overrides = key ? 1 : 0;
    buf_init(&data, 0);
    queue_config_replace(SLICE_EMPTY, TASK_QUEUE_TYPE_ACTIVITY, proto_encode(&w->arena, &config),
                         &data);
    matching_config_changed(w->core, SLICE_LIT("ns"), SLICE_LIT("q"), buf_slice(&data),
                            w->clock.now_ns);
    buf_release(&data);
    settle(w);
}

static void offer_of(struct world *w, const char *key, int32_t weight_milli, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct rpc_task task = {
            .kind = TASK_ACTIVITY,
            .row_seq = ++w->last_row,
            .namespace_id = SLICE_LIT("ns"),
            .task_queue = SLICE_LIT("q"),
            .workflow_id = SLICE_LIT("wf"),
            .run_id = SLICE_LIT("run"),
            .created_wall_ns = (int64_t)w->last_row * 1000,
            .fairness = {.key = slice_str(key), .weight_milli = weight_milli}};

        matching_offer(w->core, &task, 1, w->clock.now_ns);
    }
    settle(w);
}

TEST(rate_of_fairness_keys_holds_each_back)
{
    struct world w;

    world_init(&w, -1);
    poll_for(&w, 40, -1);
    fair_rate(&w, 5, NULL, 0);
    offer_of(&w, "a", 0, 10);
    check_i64(w.started, 6); /* a second's worth, and the one that is due */
    offer_of(&w, "b", 0, 10);
    check_i64(w.started, 12); /* they overtake those of the other key */
    pass_ms(&w, 200);
    check_i64(w.started, 14);
    pass_ms(&w, 400);
    check_i64(w.started, 18);
    pass_ms(&w, 200);
    check_i64(w.started, 20);
    world_release(&w);
}

TEST(rate_of_a_fairness_key_is_scaled_by_its_weight)
{
    struct world w;

    world_init(&w, -1);
    poll_for(&w, 60, -1);
    fair_rate(&w, 5, "set", 3);
    offer_of(&w, "own", 2000, 20);
    check_i64(w.started, 11);
    pass_ms(&w, 900);
    check_i64(w.started, 20);
    offer_of(&w, "set", 2000, 20);
    check_i64(w.started, 36); /* what operators set goes before */
    fair_rate(&w, -1, NULL, 0);
    check_i64(w.started, 40);
    world_release(&w);
}

TEST(rate_of_fairness_keys_holds_what_has_no_key_and_none_where_it_is_zero)
{
    struct world w;

    world_init(&w, -1);
    poll_for(&w, 20, -1);
    fair_rate(&w, 2, NULL, 0);
    offer_of(&w, "", 0, 10);
    check_i64(w.started, 3); /* what has no key shares one */
    pass_ms(&w, 500);
    check_i64(w.started, 4);
    fair_rate(&w, 0, NULL, 0);
    check_i64(w.started, 10);
    world_release(&w);
}

TEST(rates_of_so_many_fairness_keys_are_known)
{
    struct world w;

    world_init(&w, -1);
    poll_for(&w, 1, -1);
    fair_rate(&w, 0.01f, NULL, 0);
    for (int i = 0; i < FAIRNESS_KEYS_MAX + 100; i++) {
        offer_of(&w, arena_printf(&w.arena, "key-%d", i), 0, 1);
        poll_for(&w, 1, -1);
    }
    check_i64(w.started, FAIRNESS_KEYS_MAX + 100);
    const struct queue *q = tq_find(w.core, TASK_ACTIVITY, SLICE_LIT("ns"), SLICE_LIT("q"));
    check_i64(q->limit.keys.count, FAIRNESS_KEYS_MAX);
    world_release(&w);
}
