/* rpc_test.c - every body survives a round trip, and no bytes at all make a decoder misbehave. */
#include "common/base/rng.h"
#include "common/rpc/effect.h"
#include "common/rpc/rpc.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>

#define NS "0197f5d2-1111-7abc-8def-0123456789ab"
#define RUN "0197f5d2-2222-7abc-8def-0123456789ab"

static struct arena arena;

static struct rpc_task sample_task(void)
{
    return (struct rpc_task){
        .kind = TASK_ACTIVITY,
        .sticky = true,
        .history_shard = 3,
        .row_seq = UINT64_MAX,
        .namespace_id = SLICE_LIT(NS),
        .task_queue = SLICE_LIT("queue"),
        .workflow_id = SLICE_LIT("workflow"),
        .run_id = SLICE_LIT(RUN),
        .scheduled_event_id = 5,
        .attempt = 2,
        .priority = 3,
        .created_wall_ns = INT64_MAX,
        .fairness = {.key = SLICE_LIT("tenant"), .weight_milli = 1500},
    };
}

static struct rpc_poll sample_poll(void)
{
    return (struct rpc_poll){
        .kind = TASK_WORKFLOW,
        .namespace_id = SLICE_LIT(NS),
        .namespace_name = SLICE_LIT("default"),
        .task_queue = SLICE_LIT("queue"),
        .sticky = true,
        .normal_queue = SLICE_LIT("normal"),
        .poll_id = UINT64_C(0xfedcba9876543210),
        .reply_to = {.process = UINT64_MAX, .call = 7},
        .identity = SLICE_LIT("me@host"),
        .request = SLICE_LIT("\x0a\x00\xff"),
    };
}

static void check_task(const struct rpc_task *got, const struct rpc_task *want)
{
    check_i64(got->kind, want->kind);
    check_i64(got->sticky, want->sticky);
    check_i64(got->history_shard, want->history_shard);
    check(got->row_seq == want->row_seq);
    check_slice(got->namespace_id, want->namespace_id);
    check_slice(got->task_queue, want->task_queue);
    check_slice(got->workflow_id, want->workflow_id);
    check_slice(got->run_id, want->run_id);
    check_i64(got->scheduled_event_id, want->scheduled_event_id);
    check_i64(got->attempt, want->attempt);
    check_i64(got->priority, want->priority);
    check_i64(got->created_wall_ns, want->created_wall_ns);
    check_slice(got->fairness.key, want->fairness.key);
    check_i64(got->fairness.weight_milli, want->fairness.weight_milli);
}

static void check_poll(const struct rpc_poll *got, const struct rpc_poll *want)
{
    check_i64(got->kind, want->kind);
    check_slice(got->namespace_id, want->namespace_id);
    check_slice(got->namespace_name, want->namespace_name);
    check_slice(got->task_queue, want->task_queue);
    check_i64(got->sticky, want->sticky);
    check_slice(got->normal_queue, want->normal_queue);
    check(got->poll_id == want->poll_id);
    check(got->reply_to.process == want->reply_to.process);
    check(got->reply_to.call == want->reply_to.call);
    check_slice(got->identity, want->identity);
    check_slice(got->request, want->request);
}

TEST(rpc_routing_is_even_and_in_range)
{
    for (uint32_t shards = 1; shards <= 256; shards *= 2) {
        uint32_t seen[256] = {0};

        for (uint32_t i = 0; i < 20000; i++) {
            char id[16];
            const struct slice name =
                slice_of(id, (size_t)snprintf(id, sizeof id, "wf-%u", (unsigned)i));
            const uint32_t shard = rpc_history_shard(SLICE_LIT(NS), name, shards);

            check(shard < shards);
            seen[shard % 256]++;
            check(rpc_matching_shard(SLICE_LIT(NS), name) < MATCHING_SHARDS);
        }
        for (uint32_t i = 0; i < shards; i++)
            check(seen[i] > 20000 / shards / 4);
    }
    check_i64(rpc_timers_shard(6), 2);
}

TEST(rpc_api_round_trip)
{
    const struct rpc_api api = {.namespace_id = SLICE_LIT(NS),
                                .first_attempt = true,
                                .no_followers = true,
                                .namespace_name = SLICE_LIT("default"),
                                .retention_s = 86400,
                                .token = SLICE_LIT("\x81\x01"),
                                .request = SLICE_LIT("\x0a\x03\x00")};
    struct rpc_api got;
    struct buf buf;

    buf_init(&buf, 0);
    rpc_api_encode(&api, &buf);
    check_ok(rpc_api_decode(&arena, buf_slice(&buf), &got));
    check(got.first_attempt && got.no_followers && !got.for_people);
    check_slice(got.namespace_id, api.namespace_id);
    check_slice(got.namespace_name, api.namespace_name);
    check_i64(got.retention_s, api.retention_s);
    check_slice(got.token, api.token);
    check_slice(got.request, api.request);
    buf_release(&buf);
    arena_release(&arena);
}

TEST(rpc_tasks_round_trip)
{
    struct rpc_task tasks[3] = {sample_task(), sample_task(), sample_task()}, one, *got;
    uint32_t count;
    bool more;
    struct buf buf;

    tasks[1].kind = TASK_QUERY;
    tasks[1].attempt = 0;
    tasks[2].workflow_id = SLICE_EMPTY;
    tasks[2].sticky = false;
    buf_init(&buf, 0);
    rpc_tasks_encode(tasks, 3, true, &buf);
    check_ok(rpc_tasks_decode(&arena, buf_slice(&buf), &got, &count, &more));
    check_i64(count, 3);
    check(more);
    for (uint32_t i = 0; i < 3; i++)
        check_task(&got[i], &tasks[i]);

    buf_clear(&buf);
    rpc_tasks_encode(NULL, 0, false, &buf);
    check_ok(rpc_tasks_decode(&arena, buf_slice(&buf), &got, &count, &more));
    check_i64(count, 0);
    check(!more);

    buf_clear(&buf);
    rpc_task_encode(&tasks[1], &buf);
    check_ok(rpc_task_decode(&arena, buf_slice(&buf), &one));
    check_task(&one, &tasks[1]);
    buf_release(&buf);
    arena_release(&arena);
}

TEST(rpc_start_task_round_trip)
{
    const struct rpc_start_task start = {.task = sample_task(),
                                         .poll = sample_poll(),
                                         .backlog_count_hint = 12,
                                         .poller_scaling = -1};
    struct rpc_start_task got;
    struct rpc_poll poll;
    struct buf buf;

    buf_init(&buf, 0);
    rpc_start_task_encode(&start, &buf);
    check_ok(rpc_start_task_decode(&arena, buf_slice(&buf), &got));
    check_task(&got.task, &start.task);
    check_poll(&got.poll, &start.poll);
    check_i64(got.backlog_count_hint, 12);
    check_i64(got.poller_scaling, -1);

    buf_clear(&buf);
    rpc_poll_encode(&start.poll, &buf);
    check_ok(rpc_poll_decode(&arena, buf_slice(&buf), &poll));
    check_poll(&poll, &start.poll);
    check_err(rpc_start_task_decode(&arena, buf_slice(&buf), &got), ERR_CORRUPT);
    buf_release(&buf);
    arena_release(&arena);
}

TEST(rpc_pull_tasks_round_trip)
{
    const struct rpc_pull_tasks pull = {.kind = TASK_ACTIVITY,
                                        .namespace_id = SLICE_LIT(NS),
                                        .task_queue = SLICE_LIT("queue"),
                                        .limit = 100};
    struct rpc_pull_tasks got;
    struct buf buf;

    buf_init(&buf, 0);
    rpc_pull_tasks_encode(&pull, &buf);
    check_ok(rpc_pull_tasks_decode(&arena, buf_slice(&buf), &got));
    check_i64(got.kind, TASK_ACTIVITY);
    check_slice(got.namespace_id, pull.namespace_id);
    check_slice(got.task_queue, pull.task_queue);
    check_i64(got.limit, 100);
    buf_release(&buf);
    arena_release(&arena);
}

TEST(rpc_delivered_round_trip)
{
    static struct rpc_delivered delivered, got;
    struct buf buf;

    buf_init(&buf, 0);
    for (uint32_t count = 0; count <= RPC_DELIVERED_MAX; count += RPC_DELIVERED_MAX / 2) {
        delivered.count = count;
        for (uint32_t i = 0; i < count; i++)
            delivered.start_ids[i] = UINT64_MAX - i;
        buf_clear(&buf);
        rpc_delivered_encode(&delivered, &buf);
        check_ok(rpc_delivered_decode(&arena, buf_slice(&buf), &got));
        check_i64(got.count, count);
        check(memcmp(got.start_ids, delivered.start_ids, count * sizeof got.start_ids[0]) == 0);
    }
    buf_release(&buf);
    arena_reset(&arena);
}

TEST(rpc_deadlines_round_trip)
{
    struct rpc_deadline items[] = {
        {.at_wall_ns = 17, .remaining_ms = -5, .tablet = 255, .run_id = SLICE_LIT(RUN)},
        {.at_wall_ns = INT64_MAX, .remaining_ms = 0, .tablet = 0, .run_id = SLICE_LIT(RUN)},
    };
    const struct rpc_deadlines list = {.history_shard = 2,
                                       .epoch = UINT64_MAX,
                                       .number = 9,
                                       .has_more = true,
                                       .horizon_ms = 30000,
                                       .items = items,
                                       .count = 2};
    const struct rpc_assign assign = {.history_shard = 1,
                                      .epoch = 3,
                                      .process = UINT64_MAX,
                                      .after_wall_ns = -1,
                                      .after_run_id = SLICE_LIT(RUN),
                                      .horizon_ms = 60000,
                                      .limit = 1000};
    struct rpc_deadlines got;
    struct rpc_assign got_assign;
    struct buf buf;

    buf_init(&buf, 0);
    rpc_deadlines_encode(&list, &buf);
    check_ok(rpc_deadlines_decode(&arena, buf_slice(&buf), &got));
    check_i64(got.history_shard, 2);
    check(got.epoch == UINT64_MAX && got.number == 9 && got.has_more);
    check_i64(got.horizon_ms, 30000);
    check_i64(got.count, 2);
    for (uint32_t i = 0; i < got.count; i++) {
        check_i64(got.items[i].at_wall_ns, items[i].at_wall_ns);
        check_i64(got.items[i].remaining_ms, items[i].remaining_ms);
        check_i64(got.items[i].tablet, items[i].tablet);
        check_slice(got.items[i].run_id, items[i].run_id);
    }

    buf_clear(&buf);
    rpc_assign_encode(&assign, &buf);
    check_ok(rpc_assign_decode(&arena, buf_slice(&buf), &got_assign));
    check_i64(got_assign.history_shard, 1);
    check(got_assign.epoch == 3 && got_assign.process == UINT64_MAX);
    check_i64(got_assign.after_wall_ns, -1);
    check_slice(got_assign.after_run_id, assign.after_run_id);
    check_i64(got_assign.horizon_ms, 60000);
    check_i64(got_assign.limit, 1000);
    buf_release(&buf);
    arena_release(&arena);
}

TEST(rpc_list_round_trip)
{
    const struct rpc_list list = {.namespace_id = SLICE_LIT(NS),
                                  .page_size = 20,
                                  .after = SLICE_LIT("key"),
                                  .query = SLICE_LIT("q")};
    const struct rpc_list_item items[] = {{SLICE_LIT("a"), SLICE_LIT("info-a")},
                                          {SLICE_LIT("b"), SLICE_EMPTY}};
    struct rpc_list got_list;
    struct rpc_list_item *got;
    uint32_t count;
    bool more;
    struct buf buf;

    buf_init(&buf, 0);
    rpc_list_encode(&list, &buf);
    check_ok(rpc_list_decode(&arena, buf_slice(&buf), &got_list));
    check_slice(got_list.namespace_id, list.namespace_id);
    check_i64(got_list.page_size, 20);
    check_slice(got_list.after, list.after);
    check_slice(got_list.query, list.query);

    buf_clear(&buf);
    rpc_list_items_encode(items, 2, false, &buf);
    check_ok(rpc_list_items_decode(&arena, buf_slice(&buf), &got, &count, &more));
    check_i64(count, 2);
    check(!more);
    check_slice(got[0].order_key, items[0].order_key);
    check_slice(got[0].info, items[0].info);
    check_slice(got[1].info, items[1].info);
    buf_release(&buf);
    arena_release(&arena);
}

static struct task_token sample_token(void)
{
    return (struct task_token){.kind = TASK_ACTIVITY,
                               .namespace_id = SLICE_LIT(NS),
                               .execution_kind = 1,
                               .workflow_id = SLICE_LIT("workflow"),
                               .run_id = SLICE_LIT(RUN),
                               .scheduled_event_id = 5,
                               .started_event_id = 6,
                               .attempt = 2,
                               .start_id = UINT64_MAX,
                               .activity_id = SLICE_LIT("act")};
}

TEST(rpc_token_round_trip)
{
    const struct task_token token = sample_token();
    struct task_token got;
    struct buf buf;

    buf_init(&buf, 0);
    task_token_encode(&token, &buf);
    check_ok(task_token_decode(&arena, buf_slice(&buf), &got));
    check_i64(got.kind, token.kind);
    check_slice(got.namespace_id, token.namespace_id);
    check_i64(got.execution_kind, 1);
    check_slice(got.workflow_id, token.workflow_id);
    check_slice(got.run_id, token.run_id);
    check_i64(got.scheduled_event_id, 5);
    check_i64(got.started_event_id, 6);
    check_i64(got.attempt, 2);
    check(got.start_id == UINT64_MAX);
    check_slice(got.activity_id, token.activity_id);
    buf_release(&buf);
    arena_release(&arena);
}

TEST(rpc_token_refuses_damaged_ones)
{
    const struct task_token token = sample_token();
    struct task_token got;
    struct buf buf;

    buf_init(&buf, 0);
    task_token_encode(&token, &buf);
    for (size_t len = 0; len < buf.len; len++)
        check_err(task_token_decode(&arena, slice_of(buf.ptr, len), &got), ERR_INVALID);
    for (size_t bit = 0; bit < buf.len * 8; bit++) {
        buf.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
        check_err(task_token_decode(&arena, buf_slice(&buf), &got), ERR_INVALID);
        buf.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    check_ok(task_token_decode(&arena, buf_slice(&buf), &got));
    buf_append(&buf, "", 1);
    check_err(task_token_decode(&arena, buf_slice(&buf), &got), ERR_INVALID);
    buf_release(&buf);
    arena_release(&arena);
}

TEST(rpc_token_refuses_what_is_not_ours)
{
    const struct slice bad[] = {
        {NULL, 0},
        SLICE_LIT("garbage"),
        SLICE_LIT("\x80"),
        SLICE_LIT("\xdf\xff\xff\xff\xff"),
        SLICE_LIT("\xdd\x10\x00\x00\x00"),
        SLICE_LIT("\x81\x01\x01"),
    };
    struct task_token got, token = sample_token();
    struct buf buf;

    for (size_t i = 0; i < COUNT_OF(bad); i++)
        check_err(task_token_decode(&arena, bad[i], &got), ERR_INVALID);

    buf_init(&buf, 0);
    token.run_id = SLICE_LIT("short");
    task_token_encode(&token, &buf);
    check_err(task_token_decode(&arena, buf_slice(&buf), &got), ERR_INVALID);

    token = sample_token();
    token.execution_kind = 3;
    buf_clear(&buf);
    task_token_encode(&token, &buf);
    check_err(task_token_decode(&arena, buf_slice(&buf), &got), ERR_INVALID);

    static const char *const ids[] = {"01234567-89AB-7cde-8f01-23456789abcd",
                                      "0123456789ab-7cde-8f01-23456789abcd-",
                                      "g1234567-89ab-7cde-8f01-23456789abcd"};
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        token = sample_token();
        token.run_id = slice_str(ids[i]);
        buf_clear(&buf);
        task_token_encode(&token, &buf);
        check_err(task_token_decode(&arena, buf_slice(&buf), &got), ERR_INVALID);
    }
    buf_clear(&buf);
    token = sample_token();
    token.workflow_id = SLICE_EMPTY;
    task_token_encode(&token, &buf);
    check_err(task_token_decode(&arena, buf_slice(&buf), &got), ERR_INVALID);
    buf_release(&buf);
    arena_release(&arena);
}

/* All decoders on the same bytes, which are a copy of their own length: ASan sees overreads. */
static void decode_all(struct slice bytes)
{
    union {
        struct rpc_api api;
        struct rpc_task task;
        struct rpc_poll poll;
        struct rpc_start_task start;
        struct rpc_pull_tasks pull;
        struct rpc_delivered delivered;
        struct rpc_deadlines deadlines;
        struct rpc_assign assign;
        struct rpc_list list;
        struct task_token token;
    } out;
    struct rpc_task *tasks;
    struct rpc_list_item *items;
    uint32_t count;
    bool more;
    uint8_t *copy = malloc(bytes.len ? bytes.len : 1);

    must(copy != NULL);
    if (bytes.len)
        memcpy(copy, bytes.ptr, bytes.len);
    const struct slice in = slice_of(copy, bytes.len);
    const enum err errs[] = {
        rpc_api_decode(&arena, in, &out.api),
        rpc_task_decode(&arena, in, &out.task),
        rpc_tasks_decode(&arena, in, &tasks, &count, &more),
        rpc_poll_decode(&arena, in, &out.poll),
        rpc_start_task_decode(&arena, in, &out.start),
        rpc_pull_tasks_decode(&arena, in, &out.pull),
        rpc_delivered_decode(&arena, in, &out.delivered),
        rpc_deadlines_decode(&arena, in, &out.deadlines),
        rpc_assign_decode(&arena, in, &out.assign),
        rpc_list_decode(&arena, in, &out.list),
        rpc_list_items_decode(&arena, in, &items, &count, &more),
        task_token_decode(&arena, in, &out.token),
    };
    for (size_t i = 0; i < COUNT_OF(errs); i++)
        check(errs[i] == ERR_OK || errs[i] == ERR_CORRUPT || errs[i] == ERR_INVALID ||
              errs[i] == ERR_NO_MEMORY);
    arena_reset(&arena);
    free(copy);
}

TEST(rpc_decoders_take_hostile_bytes)
{
    const struct rpc_start_task start = {.task = sample_task(), .poll = sample_poll()};
    struct rpc_task tasks[2] = {sample_task(), sample_task()};
    const struct task_token token = sample_token();
    struct rng rng;
    struct buf seeds[3];

    rng_seed(&rng, 42);
    for (size_t i = 0; i < COUNT_OF(seeds); i++)
        buf_init(&seeds[i], 0);
    rpc_start_task_encode(&start, &seeds[0]);
    rpc_tasks_encode(tasks, 2, true, &seeds[1]);
    task_token_encode(&token, &seeds[2]);

    for (size_t s = 0; s < COUNT_OF(seeds); s++) {
        for (size_t len = 0; len < seeds[s].len; len++)
            decode_all(slice_of(seeds[s].ptr, len));
        for (int i = 0; i < 5000; i++) {
            uint8_t bytes[1024];

            must(seeds[s].len <= sizeof bytes);
            memcpy(bytes, seeds[s].ptr, seeds[s].len);
            for (uint64_t n = 1 + rng_below(&rng, 4); n > 0; n--)
                bytes[rng_below(&rng, seeds[s].len)] = (uint8_t)rng_u64(&rng);
            decode_all(slice_of(bytes, seeds[s].len));
        }
    }
    for (int i = 0; i < 5000; i++) {
        uint8_t bytes[64];

        for (size_t j = 0; j < sizeof bytes; j++)
            bytes[j] = (uint8_t)rng_u64(&rng);
        decode_all(slice_of(bytes, rng_below(&rng, sizeof bytes)));
    }
    for (size_t i = 0; i < COUNT_OF(seeds); i++)
        buf_release(&seeds[i]);
    arena_release(&arena);
}

TEST(effect_round_trip)
{
    const struct rpc_effect want = {
        .kind = EFFECT_START_CHILD,
        .row_seq = UINT64_MAX,
        .source_shard = 3,
        .source_lease = 9,
        .source_namespace_id = SLICE_LIT(NS),
        .source_namespace = SLICE_LIT("default"),
        .source_workflow_id = SLICE_LIT("parent"),
        .source_run_id = SLICE_LIT(RUN),
        .initiated_event_id = 5,
        .target_namespace_id = SLICE_LIT(NS),
        .target_namespace = SLICE_LIT("default"),
        .target_workflow_id = SLICE_LIT("child"),
        .child_only = true,
        .parent_close_policy = 2,
        .root_workflow_id = SLICE_LIT("root"),
        .root_run_id = SLICE_LIT(RUN),
        .payload = SLICE_LIT("\x0a\x00"),
    };
    const struct rpc_effect_outcome answer = {.failed = true, .cause = 1};
    struct rpc_effect got;
    struct rpc_effect_outcome outcome;
    struct buf out;

    buf_init(&out, 0);
    rpc_effect_encode(&want, &out);
    check_ok(rpc_effect_decode(&arena, buf_slice(&out), &got));
    check_i64(got.kind, want.kind);
    check(got.row_seq == want.row_seq && got.source_lease == 9 && got.source_shard == 3);
    check_slice(got.source_run_id, want.source_run_id);
    check_i64(got.initiated_event_id, 5);
    check_slice(got.target_workflow_id, want.target_workflow_id);
    check_slice(got.target_run_id, SLICE_EMPTY);
    check(got.child_only && !got.cancel && got.parent_close_policy == 2);
    check_slice(got.root_workflow_id, want.root_workflow_id);
    check_slice(got.payload, want.payload);
    for (size_t len = 0; len < out.len; len++) /* cut anywhere */
        check_err(rpc_effect_decode(&arena, slice_of(out.ptr, len), &got), ERR_CORRUPT);
    buf_clear(&out);
    rpc_effect_outcome_encode(&answer, &out);
    check_ok(rpc_effect_outcome_decode(&arena, buf_slice(&out), &outcome));
    check(outcome.failed && outcome.cause == 1 && outcome.run_id.len == 0);
    buf_release(&out);
    arena_release(&arena);
}

TEST(effect_list_round_trip)
{
    const struct rpc_effect want[] = {
        {.kind = EFFECT_SIGNAL, .row_seq = 1, .source_run_id = SLICE_LIT(RUN)},
        {.kind = EFFECT_CANCEL, .row_seq = 2, .target_workflow_id = SLICE_LIT("child")},
    };
    struct rpc_effect *got;
    uint32_t count;
    struct buf out;

    buf_init(&out, 0);
    rpc_effects_encode(want, COUNT_OF(want), &out);
    check_ok(rpc_effects_decode(&arena, buf_slice(&out), &got, &count));
    check_i64(count, 2);
    check(got[0].kind == EFFECT_SIGNAL && got[1].row_seq == 2);
    check_slice(got[0].source_run_id, want[0].source_run_id);
    check_slice(got[1].target_workflow_id, want[1].target_workflow_id);
    for (size_t len = 0; len < out.len; len++)
        check_err(rpc_effects_decode(&arena, slice_of(out.ptr, len), &got, &count), ERR_CORRUPT);
    buf_release(&out);
    arena_release(&arena);
}
