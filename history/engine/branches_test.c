/* branches_test.c - whose nodes hold what, after resets of resets. */
#include "history/engine/branches.h"
#include "tests/lib/test.h"

#define RUN_A "aaaaaaaa-0506-4708-890a-0b0c0d0e0f10"
#define RUN_B "bbbbbbbb-0506-4708-890a-0b0c0d0e0f10"
#define RUN_C "cccccccc-0506-4708-890a-0b0c0d0e0f10"

static void check_owner(const struct branches *branches, const char *self, int64_t event_id,
                        const char *owner, int64_t to)
{
    int64_t end;

    check_str(branches_owner(branches, self, event_id, &end), owner);
    check_i64(end, to);
}

TEST(test_branches_of_a_reset_of_a_reset)
{
    struct branches none = {.count = 0}, b, c, early, at;

    check(branches_fork(&none, RUN_A, 10, &b)); /* B: A up to 10 */
    check_owner(&b, RUN_B, 1, RUN_A, 10);
    check_owner(&b, RUN_B, 9, RUN_A, 10);
    check_owner(&b, RUN_B, 10, RUN_B, INT64_MAX);
    check(branches_fork(&b, RUN_B, 20, &c)); /* C: A up to 10, B up to 20 */
    check_i64(c.count, 2);
    check_owner(&c, RUN_C, 9, RUN_A, 10);
    check_owner(&c, RUN_C, 10, RUN_B, 20);
    check_owner(&c, RUN_C, 20, RUN_C, INT64_MAX);
    check(branches_fork(&c, RUN_C, 4, &early)); /* before all of B's and C's own events */
    check_i64(early.count, 1);
    check_owner(&early, RUN_B, 3, RUN_A, 4);
    check_owner(&early, RUN_B, 4, RUN_B, INT64_MAX);
    check(branches_fork(&b, RUN_B, 10, &at)); /* B has nothing to share */
    check_i64(at.count, 1);
}

TEST(test_branches_are_stored)
{
    struct branches none = {.count = 0}, b, c, read;
    struct arena arena;

    arena_init(&arena);
    check(branches_fork(&none, RUN_A, 10, &b) && branches_fork(&b, RUN_B, 20, &c));
    const struct slice bytes = branches_encode(&arena, &c);
    check(branches_decode(bytes, &read));
    check_i64(read.count, 2);
    check_str(read.list[1].run_id, RUN_B);
    check_i64(read.list[1].to, 20);
    check_i64((int64_t)branches_encode(&arena, &none).len, 0);
    check(branches_decode(SLICE_EMPTY, &read));
    check_i64(read.count, 0);
    for (size_t len = 1; len < bytes.len; len++)
        check(branches_decode(slice_of(bytes.ptr, len), &read) == (len % 24 == 1));
    uint8_t *bad = arena_alloc(&arena, bytes.len);
    memcpy(bad, bytes.ptr, bytes.len);
    be64_put(bad + bytes.len - 8, 10); /* not behind the branch before */
    check(!branches_decode(slice_of(bad, bytes.len), &read));
    arena_release(&arena);
}

TEST(test_branches_have_a_bound)
{
    struct branches branches = {.count = 0}, next;

    for (int64_t i = 0; i < BRANCHES_MAX; i++) {
        check(branches_fork(&branches, RUN_A, 2 + i, &next));
        branches = next;
    }
    check_i64(branches.count, BRANCHES_MAX);
    check(!branches_fork(&branches, RUN_A, 1000, &next));
    check(branches_fork(&branches, RUN_A, 50, &next)); /* an earlier fork is always possible */
}
