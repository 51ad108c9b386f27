/* record_test.c - round trips, versions that differ, and hostile bytes. */
#include "common/pack/record.h"

#include "common/base/rng.h"
#include "tests/lib/test.h"

#include <stdlib.h>

static void write_sample(struct buf *out)
{
    struct rec_writer w;

    rec_begin(&w, out);
    rec_put_u64(&w, 1, UINT64_MAX);
    rec_put_i64(&w, 2, INT64_MIN);
    rec_put_bool(&w, 3, true);
    rec_put_bytes(&w, 4, SLICE_LIT("a\0b"));
    rec_put_str(&w, 5, "text");
    rec_put_str(&w, 6, NULL);
    rec_list(&w, 7, 2);
    rec_item(&w);
    rec_put_u64(&w, 1, 10);
    rec_end(&w);
    rec_item(&w);
    rec_end(&w);
    rec_list(&w, 8, 2);
    rec_elem_bytes(&w, SLICE_LIT("x"));
    rec_elem_bytes(&w, SLICE_EMPTY);
    rec_put_i64(&w, 70000, 5);
    rec_end(&w);
    check(buf_ok(out));
}

TEST(record_round_trip)
{
    struct arena arena;
    struct buf out;
    struct rec r;

    arena_init(&arena);
    buf_init(&out, 0);
    write_sample(&out);
    check_ok(rec_decode(&arena, buf_slice(&out), &r));
    check(rec_u64(&r, 1, 0) == UINT64_MAX);
    check(rec_i64(&r, 2, 0) == INT64_MIN);
    check(rec_bool(&r, 3, false));
    check_slice(rec_bytes(&r, 4), SLICE_LIT("a\0b"));
    check_str(rec_str(&r, &arena, 5), "text");
    check(!rec_has(&r, 6));
    check_i64(rec_list_count(&r, 7), 2);
    struct rec item = rec_list_item(&r, 7, 0);
    check_i64(rec_u64(&item, 1, 0), 10);
    item = rec_list_item(&r, 7, 1);
    check(!rec_has(&item, 1));
    check_i64(rec_list_count(&r, 8), 2);
    check_slice(rec_list_bytes(&r, 8, 0), SLICE_LIT("x"));
    check_slice(rec_list_bytes(&r, 8, 1), SLICE_EMPTY);
    check_i64(rec_i64(&r, 70000, 0), 5);
    check(!r.malformed);
    buf_release(&out);
    arena_release(&arena);
}

TEST(record_absent_keys_give_the_default)
{
    struct arena arena;
    struct rec r;

    arena_init(&arena);
    check_ok(rec_decode(&arena, SLICE_LIT("\x80"), &r));
    check_i64(rec_u64(&r, 1, 42), 42);
    check_i64(rec_i64(&r, 1, -42), -42);
    check(rec_bool(&r, 1, true));
    check_i64(rec_bytes(&r, 1).len, 0);
    check_str(rec_str(&r, &arena, 1), "");
    check_i64(rec_list_count(&r, 1), 0);
    check(!r.malformed);
    arena_release(&arena);
}

TEST(record_wrong_types_count_as_absent_and_are_told)
{
    struct arena arena;
    struct buf out;
    struct rec r;

    arena_init(&arena);
    buf_init(&out, 0);
    write_sample(&out);
    for (uint32_t key = 1; key <= 8; key++) {
        check_ok(rec_decode(&arena, buf_slice(&out), &r));
        if (key != 1) {
            check_i64(rec_u64(&r, key, 7), 7);
            check(r.malformed == rec_has(&r, key));
        }
        if (key == 1) { /* a number past INT64_MAX is no i64 */
            check_i64(rec_i64(&r, key, 7), 7);
            check(r.malformed);
        }
    }
    check_ok(rec_decode(&arena, buf_slice(&out), &r));
    check_str(rec_str(&r, &arena, 4), ""); /* holds a NUL */
    check(r.malformed);
    check_ok(rec_decode(&arena, buf_slice(&out), &r));
    const struct rec item = rec_list_item(&r, 8, 0);
    check(r.malformed && item.count == 0);
    check_ok(rec_decode(&arena, buf_slice(&out), &r));
    check_i64(rec_list_bytes(&r, 7, 0).len, 0);
    check(r.malformed);
    buf_release(&out);
    arena_release(&arena);
}

TEST(record_refuses_what_is_not_one_record)
{
    const struct slice bad[] = {
        {NULL, 0},
        SLICE_LIT("\x00"),                     /* a number */
        SLICE_LIT("\x90"),                     /* a list */
        SLICE_LIT("\x81"),                     /* cut */
        SLICE_LIT("\x81\xa1x\x01"),            /* a text key */
        SLICE_LIT("\x81\xff\x01"),             /* a negative key */
        SLICE_LIT("\x80\x80"),                 /* bytes behind it */
        SLICE_LIT("\xdf\xff\xff\xff\xff\x01"), /* four thousand million entries */
        SLICE_LIT("\x81\x01\xdd\xff\xff\xff\xff"),
        SLICE_LIT("\x81\x01\xc6\xff\xff\xff\xff"),
        SLICE_LIT("\xc1"),
    };
    struct arena arena;
    struct rec r;

    arena_init(&arena);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        check_err(rec_decode(&arena, bad[i], &r), ERR_CORRUPT);
    check(arena.used_bytes < 1024 * 1024);
    arena_release(&arena);
}

TEST(record_depth_is_bounded)
{
    struct arena arena;
    uint8_t *deep = malloc(1000001);
    struct rec r;

    arena_init(&arena);
    for (size_t i = 0; i < 1000000; i += 2) { /* {1: {1: {1: ... */
        deep[i] = 0x81;
        deep[i + 1] = 0x01;
    }
    deep[1000000] = 0x80;
    check_err(rec_decode(&arena, slice_of(deep, 1000001), &r), ERR_CORRUPT);
    memset(deep + 2, 0x91, 999998); /* {1: [[[[ ... */
    check_err(rec_decode(&arena, slice_of(deep, 1000001), &r), ERR_CORRUPT);
    free(deep);
    arena_release(&arena);
}

/* Reads every way there is; what matters is that sanitizers stay quiet. */
static void read_all(struct arena *arena, struct rec *r, int depth)
{
    for (uint32_t key = 0; key < 10; key++) {
        UNUSED(rec_u64(r, key, 0));
        UNUSED(rec_i64(r, key, 0));
        UNUSED(rec_bool(r, key, false));
        const struct slice bytes = rec_bytes(r, key);
        check(bytes.len < 100000);
        check(strlen(rec_str(r, arena, key)) < 100000);
        const uint32_t count = rec_list_count(r, key);
        for (uint32_t i = 0; i < count && i < 100; i++) {
            struct rec item = rec_list_item(r, key, i);

            UNUSED(rec_list_bytes(r, key, i));
            if (depth < 3)
                read_all(arena, &item, depth + 1);
        }
    }
}

TEST(record_survives_hostile_bytes)
{
    struct arena arena;
    struct buf out;
    struct rng rng;
    struct rec r;
    int decoded = 0;

    arena_init(&arena);
    buf_init(&out, 0);
    write_sample(&out);
    rng_seed(&rng, 11);
    uint8_t *bytes = malloc(out.len);            /* of the exact size, for the sanitizer */
    for (size_t len = 0; len < out.len; len++) { /* every cut */
        uint8_t *cut = malloc(len + 1);

        memcpy(cut, out.ptr, len);
        check_err(rec_decode(&arena, slice_of(cut, len), &r), ERR_CORRUPT);
        free(cut);
        arena_reset(&arena);
    }
    for (int round = 0; round < 30000; round++) {
        memcpy(bytes, out.ptr, out.len);
        for (uint64_t flips = 1 + rng_below(&rng, 4); flips > 0; flips--)
            bytes[rng_below(&rng, out.len)] = (uint8_t)rng_u64(&rng);
        if (rec_decode(&arena, slice_of(bytes, out.len), &r) == ERR_OK) {
            read_all(&arena, &r, 0);
            decoded++;
        }
        check(arena.used_bytes < 64 * 1024 * 1024);
        arena_reset(&arena);
    }
    check(decoded > 100);
    free(bytes);
    buf_release(&out);
    arena_release(&arena);
}

TEST(record_writer_keeps_the_failure_of_its_buffer)
{
    struct buf out;
    struct rec_writer w;

    buf_init(&out, 16);
    rec_begin(&w, &out);
    for (int i = 0; i < 100; i++)
        rec_put_u64(&w, 1, UINT64_MAX);
    rec_list(&w, 2, 1);
    rec_item(&w);
    rec_end(&w);
    rec_end(&w);
    check(!buf_ok(&out));
    buf_release(&out);
}
