/* rows_test.c - keys sort as they should; stored bytes that are damaged are refused. */
#include "history/engine/engine_rig.h"

static void key_task(struct row_key *key, int32_t priority, uint64_t seq)
{
    row_key_task(key, 7, SLICE_LIT(RIG_NAMESPACE), SLICE_LIT("q"), TASK_WORKFLOW, false, priority,
                 seq);
}

TEST(test_rows_tasks_sort_by_priority_then_age)
{
    struct row_key prefix, a, b, c;

    row_key_queue(&prefix, 7, SLICE_LIT(RIG_NAMESPACE), SLICE_LIT("q"), TASK_WORKFLOW);
    key_task(&a, 1, 900);
    key_task(&b, 3, 5);
    key_task(&c, 3, 256);
    check(slice_starts_with(row_key_slice(&a), row_key_slice(&prefix)));
    check(slice_cmp(row_key_slice(&a), row_key_slice(&b)) < 0);
    check(slice_cmp(row_key_slice(&b), row_key_slice(&c)) < 0);
}

TEST(test_rows_visibility_shows_open_runs_first_then_the_latest)
{
    static const struct {
        int64_t close_ns, start_ns;
    } order[] = {{0, 200}, {0, 100}, {500, 50}, {400, 90}, {400, 80}};
    struct row_key keys[COUNT_OF(order)];

    for (size_t i = 0; i < COUNT_OF(order); i++)
        row_key_visibility(&keys[i], 7, SLICE_LIT(RIG_NAMESPACE), order[i].close_ns,
                           order[i].start_ns, "11111111-1111-4111-8111-111111111111");
    for (size_t i = 1; i < COUNT_OF(order); i++)
        check(slice_cmp(row_key_slice(&keys[i - 1]), row_key_slice(&keys[i])) < 0);
}

/* Whatever the bytes: an error or a run, never a crash. */
static void decode_damaged(struct slice row, struct rng *rng)
{
    struct arena arena;
    uint8_t copy[4096];
    struct run *run = run_new();
    struct rpc_task task;
    struct current_run current;

    arena_init(&arena);
    must(row.len <= sizeof(copy));
    memcpy(copy, row.ptr, row.len);
    for (int i = 0; i < 3; i++)
        copy[rng_below(rng, row.len)] = (uint8_t)rng_u64(rng);
    const struct slice damaged =
        slice_of(copy, row.len - rng_below(rng, 2) * rng_below(rng, row.len));
    if (run_decode(&arena, damaged, run) == ERR_OK)
        check(run->wft.attempt >= 1 && run->next_event_id >= 1);
    if (row_task_decode(&arena, damaged, &task) == ERR_OK)
        check(task.row_seq != 0);
    if (row_current_decode(&arena, damaged, &current) == ERR_OK)
        check_i64((int64_t)strlen(current.run_id), UUID_TEXT_LEN);
    run_free(run);
    arena_release(&arena);
}

TEST(test_rows_damaged_bytes_are_refused)
{
    struct rig rig;
    struct buf buf;

    rig_init(&rig, "damage");
    rig_run(&rig, "start poll sdone:act=a,timer=t/5 signal=s");
    buf_init(&buf, 0);
    run_encode(rig.run, &buf);
    for (int i = 0; i < 3000; i++)
        decode_damaged(buf_slice(&buf), &rig.rng);
    buf_release(&buf);
    rig_release(&rig);
}
