/* task_counts_test.c - rows of a queue are counted, whatever happened before. */
#include "common/rpc/task_counts.h"
#include "history/shard/shard_fixture.h"

#include <stdio.h>
#define DIR_NAME "history-shard-task-counts"
static struct rpc_task_counts count(struct world *w, const char *queue, enum rpc_task_kind kind)
{
    const struct rpc_pull_tasks pull = {
        .kind = kind, .namespace_id = SLICE_LIT(WORLD_NAMESPACE), .task_queue = slice_str(queue)};
    struct rpc_task_counts counts = {0};
    struct buf body;

    buf_init(&body, 0);
    rpc_pull_tasks_encode(&pull, &body);
    const uint64_t call = world_call(w, METHOD_HISTORY_COUNT_TASKS, buf_slice(&body), NS_PER_S);
    buf_release(&body);
    world_settle(w);
    check_ok(rpc_task_counts_decode(&w->arena, world_got(w, call)->bytes, &counts));
    return counts;
}

static uint64_t total(const struct rpc_task_counts *counts)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < RPC_PRIORITIES; i++)
        sum += counts->at[i].count;
    return sum;
}

TEST(test_task_counts_are_those_of_the_rows)
{
    for (int flush = 0; flush < 2; flush++) {
        WITH_WORLD(w);
        struct rpc_task task = {0};
        char id[16];

        struct rpc_task_counts counts = count(w, "queue", TASK_WORKFLOW);
        check_i64(total(&counts), 0);
        for (int i = 0; i < 5; i++) {
            snprintf(id, sizeof id, "hello-%d", i);
            world_start(w, id);
            if (i == 0)
                check(world_offer(w, &task));
        }
        counts = count(w, "queue", TASK_WORKFLOW);
        check_i64(counts.at[3].count, 5);
        check_i64(total(&counts), 5);
        check_i64(counts.at[3].oldest_wall_ns, task.created_wall_ns);
        counts = count(w, "queue", TASK_ACTIVITY);
        check_i64(total(&counts), 0);
        counts = count(w, "another", TASK_WORKFLOW);
        check_i64(total(&counts), 0);
        world_reopen(w, flush);
        counts = count(w, "queue", TASK_WORKFLOW);
        check_i64(total(&counts), 5);
        (void)world_start_task(w, &task, 9, ERR_OK); /* its row goes */
        counts = count(w, "queue", TASK_WORKFLOW);
        check_i64(total(&counts), 4);
        END_WORLD(w);
    }
}

TEST(test_task_counts_add_up)
{
    struct rpc_task_counts sum = {.at[3] = {2, 50}}, decoded;
    const struct rpc_task_counts more = {.at[3] = {1, 40}, .at[5] = {7, 60}};
    struct arena arena;
    struct buf body;

    arena_init(&arena);
    buf_init(&body, 0);
    rpc_task_counts_encode(&more, &body);
    check_ok(rpc_task_counts_decode(&arena, buf_slice(&body), &decoded));
    rpc_task_counts_add(&sum, &decoded);
    check_i64(sum.at[3].count, 3);
    check_i64(sum.at[3].oldest_wall_ns, 40);
    check_i64(sum.at[5].count, 7);
    check_i64(sum.at[5].oldest_wall_ns, 60);
    for (size_t len = 0; len < buf_slice(&body).len; len++)
        check_err(rpc_task_counts_decode(&arena, slice_of(buf_slice(&body).ptr, len), &decoded),
                  ERR_CORRUPT);
    buf_release(&body);
    arena_release(&arena);
}
