/* numbers_test.c - lists of numbers there and back, and bytes that are none. */
#include "common/rpc/numbers.h"

#include "tests/lib/test.h"

TEST(test_numbers_come_back_as_they_were)
{
    static const struct rpc_number sent[] = {{"seq", 7}, {"least", INT64_MIN}, {"none", 0}};
    struct rpc_number *got;
    struct arena arena;
    struct buf body;
    uint32_t count;

    arena_init(&arena);
    buf_init(&body, 0);
    rpc_numbers_encode(sent, COUNT_OF(sent), &body);
    check_ok(rpc_numbers_decode(&arena, buf_slice(&body), &got, &count));
    check_i64(count, 3);
    check_i64(rpc_number(got, count, "seq", -1), 7);
    check_i64(rpc_number(got, count, "least", -1), INT64_MIN);
    check_i64(rpc_number(got, count, "none", -1), 0);
    check_i64(rpc_number(got, count, "other", -1), -1);
    for (size_t len = 0; len < body.len; len++)
        check_err(rpc_numbers_decode(&arena, slice_of(body.ptr, len), &got, &count), ERR_CORRUPT);
    buf_release(&body);
    arena_release(&arena);
}
