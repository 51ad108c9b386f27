/* base_test.c - arenas, buffers, slices, ids, errors and clocks at their edges. */
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/hash.h"
#include "common/base/list.h"
#include "common/base/rng.h"

#include "tests/lib/test.h"

#include <stdlib.h>

TEST(arena_gives_aligned_memory_of_any_size)
{
    struct arena arena;
    size_t total = 0;

    arena_init(&arena);
    for (size_t bytes = 0; bytes < 5000; bytes += 7) {
        uint8_t *p = arena_alloc(&arena, bytes);

        check((uintptr_t)p % 16 == 0);
        memset(p, 0xaa, bytes);
        total += bytes;
    }
    uint8_t *huge = arena_zalloc(&arena, 3 * 1024 * 1024);
    check(huge[0] == 0 && huge[3 * 1024 * 1024 - 1] == 0);
    check(arena.used_bytes >= total);
    arena_reset(&arena);
    check_i64(arena.used_bytes, 0);
    check_str(arena_str(&arena, SLICE_LIT("abc")), "abc");
    check_str(arena_str(&arena, SLICE_EMPTY), "");
    check_str(arena_printf(&arena, "%d-%s", 7, "x"), "7-x");
    check_slice(arena_copy(&arena, SLICE_LIT("a\0b")), SLICE_LIT("a\0b"));
    check_i64(arena_copy(&arena, SLICE_EMPTY).len, 0);
    arena_release(&arena);
    arena_reset(&arena); /* of nothing */
    arena_release(&arena);
}

TEST(buf_stops_at_its_cap_and_says_so)
{
    struct buf buf;

    buf_init(&buf, 10);
    buf_append(&buf, "12345678", 8);
    check(buf_ok(&buf));
    buf_append(&buf, "abc", 3);
    check(!buf_ok(&buf));
    buf_append(&buf, "x", 1); /* dropped too: the failure stays */
    check_slice(buf_slice(&buf), SLICE_LIT("12345678"));
    buf_clear(&buf);
    check(buf_ok(&buf));
    buf_printf(&buf, "%s", "0123456789");
    check(!buf_ok(&buf)); /* no room for the NUL */
    buf_clear(&buf);
    buf_append(&buf, "abcdef", 6);
    buf_drop_front(&buf, 2);
    check_slice(buf_slice(&buf), SLICE_LIT("cdef"));
    buf_drop_front(&buf, 4);
    check_i64(buf.len, 0);
    buf_release(&buf);
}

TEST(slice_order_is_that_of_keys)
{
    const struct {
        struct slice a, b;
        int order;
    } cases[] = {
        {SLICE_LIT(""), SLICE_LIT(""), 0},      {SLICE_LIT(""), SLICE_LIT("a"), -1},
        {SLICE_LIT("a"), SLICE_LIT("ab"), -1},  {SLICE_LIT("b"), SLICE_LIT("ab"), 1},
        {SLICE_LIT("\xff"), SLICE_LIT("a"), 1}, {SLICE_LIT("a\0b"), SLICE_LIT("a\0c"), -1},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const int got = slice_cmp(cases[i].a, cases[i].b);

        check_i64((got > 0) - (got < 0), cases[i].order);
        check_i64(slice_eq(cases[i].a, cases[i].b), cases[i].order == 0);
    }
    check(slice_starts_with(SLICE_LIT("abc"), SLICE_LIT("ab")));
    check(slice_starts_with(SLICE_LIT("abc"), SLICE_EMPTY));
    check(!slice_starts_with(SLICE_LIT("a"), SLICE_LIT("ab")));
}

TEST(slice_big_endian_round_trip)
{
    static const uint64_t values[] = {0, 1, 0xff, 0x0102030405060708, UINT64_MAX};
    uint8_t bytes[8];

    for (size_t i = 0; i < COUNT_OF(values); i++) {
        be64_put(bytes, values[i]);
        check(be64_get(bytes) == values[i]);
        be32_put(bytes, (uint32_t)values[i]);
        check(be32_get(bytes) == (uint32_t)values[i]);
    }
    be32_put(bytes, 0x01020304);
    check_slice(slice_of(bytes, 4), SLICE_LIT("\x01\x02\x03\x04"));
}

TEST(rng_repeats_from_a_seed_and_stays_in_bounds)
{
    struct rng a, b;

    rng_seed(&a, 42);
    rng_seed(&b, 42);
    for (int i = 0; i < 1000; i++) {
        check(rng_u64(&a) == rng_u64(&b));
        check(rng_below(&a, 7) < 7);
        check(rng_below(&b, 7) < 7);
    }
    check_i64(rng_below(&a, 1), 0);
    rng_seed_from_kernel(&a);
    rng_seed_from_kernel(&b);
    check(rng_u64(&a) != rng_u64(&b));
}

TEST(uuid_versions_order_and_round_trip)
{
    struct rng rng;
    char early[UUID_TEXT_LEN + 1], late[UUID_TEXT_LEN + 1], again[UUID_TEXT_LEN + 1];
    uint8_t bytes[16];

    rng_seed(&rng, 1);
    uuid_v7(&rng, 1700000000000, early);
    uuid_v7(&rng, 1700000000001, late);
    check(strcmp(early, late) < 0);
    check(early[14] == '7');
    check(strchr("89ab", early[19]) != NULL);
    uuid_v4(&rng, late);
    check(late[14] == '4');
    check(strchr("89ab", late[19]) != NULL);
    check(uuid_parse(slice_str(early), bytes));
    uuid_format(bytes, again);
    check_str(again, early);
    check(uuid_parse(SLICE_LIT("0189ABCD-0000-7000-8000-00000000FFff"), bytes));
    check(bytes[1] == 0x89 && bytes[15] == 0xff);
}

TEST(uuid_parse_refuses_what_is_none)
{
    static const char *const bad[] = {
        "",
        "0189abcd-0000-7000-8000-00000000fff",
        "0189abcd-0000-7000-8000-00000000fffff",
        "0189abcd00000-7000-8000-00000000ffff",
        "0189abcd-0000-7000-8000-00000000fffg",
        "0189abcd-0000-7000-8000_00000000ffff",
        "{189abcd-0000-7000-8000-00000000ffff",
    };
    uint8_t bytes[16];

    for (size_t i = 0; i < COUNT_OF(bad); i++)
        check(!uuid_parse(slice_str(bad[i]), bytes));
    check(!uuid_parse(slice_of("0189abcd-0000-7000-8000-00000000\0fff", 36), bytes));
}

TEST(err_table_is_whole)
{
    for (int i = 0; i < ERR_COUNT; i++) {
        const enum err err = (enum err)i;

        check(err_name(err) != NULL && err_name(err)[0]);
        check(err_text(err) != NULL && err_text(err)[0]);
        check((err_grpc_status(err) == GRPC_STATUS_OK) == (err == ERR_OK));
    }
    check(!err_may_retry(ERR_INVALID));
    check(err_may_retry(ERR_UNAVAILABLE));
}

TEST(err_fail_cuts_and_takes_no_detail)
{
    struct err_detail detail = {0};
    char huge[sizeof detail.text + 100];

    memset(huge, 'x', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    check_err(err_fail(&detail, ERR_BUSY, "%s", huge), ERR_BUSY);
    check_i64(strlen(detail.text), sizeof detail.text - 1);
    check_err(err_fail(NULL, ERR_IO, "%d", 1), ERR_IO);
}

TEST(hash_tablet_is_part_of_the_stored_format)
{
    /* XXH64 of nothing, seed 0, is published with the algorithm. */
    check(hash_bytes(SLICE_EMPTY, 0) == 0xef46db3751d8e999);
    check(hash_bytes(SLICE_LIT("a"), 0) == 0xd24ec4f1a98c6e5b);
    check(hash_tablet(SLICE_LIT("a"), SLICE_LIT("b")) ==
          (uint8_t)(hash_bytes(SLICE_LIT("a\0b"), 0) >> 56));
    /* The NUL keeps the two apart. */
    check(hash_bytes(SLICE_LIT("a\0bc"), 0) != hash_bytes(SLICE_LIT("ab\0c"), 0));
}

TEST(hash_tablet_of_long_names)
{
    uint8_t joined[36 + 1 + 1000], name[1000];
    static const char id[] = "0189abcd-0000-7000-8000-00000000ffff";

    for (size_t i = 0; i < sizeof name; i++)
        name[i] = (uint8_t)('a' + i % 26);
    memcpy(joined, id, 36);
    joined[36] = 0;
    memcpy(joined + 37, name, sizeof name);
    check(hash_tablet(SLICE_LIT(id), slice_of(name, sizeof name)) ==
          (uint8_t)(hash_bytes(slice_of(joined, sizeof joined), 0) >> 56));
}

struct item {
    struct list node;
    int number;
};

TEST(list_keeps_order_and_survives_removal)
{
    struct list head;
    struct item items[4];
    int sum = 0;

    list_init(&head);
    check(list_empty(&head) && list_pop_front(&head) == NULL);
    for (int i = 0; i < 4; i++) {
        items[i].number = i + 1;
        list_push_back(&head, &items[i].node);
    }
    list_remove(&items[1].node);
    list_remove(&items[1].node); /* harmless */
    list_push_front(&head, &items[1].node);
    LIST_EACH_SAFE(it, next, &head)
    {
        sum = sum * 10 + CONTAINER_OF(it, struct item, node)->number;
        list_remove(it);
    }
    check_i64(sum, 2134);
    check(list_empty(&head));
}

TEST(clock_fake_stands_still)
{
    struct fake_clock fake;

    fake_clock_init(&fake, 5 * NS_PER_MS);
    check_i64(clock_wall_ns(&fake.clock), 5 * NS_PER_MS);
    check_i64(clock_mono_ms(&fake.clock), 5);
    fake.now_ns += NS_PER_S;
    check_i64(clock_mono_ms(&fake.clock), 1005);
    const int64_t a = clock_mono_ns(&clock_real), b = clock_mono_ns(&clock_real);
    check(b >= a);
    check(clock_wall_ns(&clock_real) > INT64_C(1600000000) * NS_PER_S);
}
