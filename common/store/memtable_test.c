/* memtable_test.c - order, versions and elision; and a writer with readers beside it. */
#include "common/store/memtable.h"

#include "common/base/rng.h"
#include "tests/lib/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

static void check_walk(const struct memtable *m, const char *from, bool reverse, int64_t seq,
                       const char *want)
{
    struct memtable_iter it;
    struct buf text;

    buf_init(&text, 0);
    memtable_iter_seek(&it, m, slice_str(from), reverse, seq);
    for (; memtable_iter_valid(&it); memtable_iter_next(&it))
        buf_printf(&text, SLICE_FMT "%s" SLICE_FMT " ", SLICE_ARG(it.row.key),
                   it.row.deleted ? "!" : "=", SLICE_ARG(it.row.value));
    check_slice(buf_slice(&text), slice_str(want));
    buf_release(&text);
}

TEST(memtable_gives_each_sequence_its_version)
{
    struct memtable *m = memtable_new();
    struct memtable_row row;

    memtable_apply(m, 1, STORE_PUT, SLICE_LIT("b"), SLICE_LIT("1"));
    memtable_apply(m, 2, STORE_PUT, SLICE_LIT("a"), SLICE_LIT("2"));
    memtable_apply(m, 3, STORE_DELETE, SLICE_LIT("b"), SLICE_EMPTY);
    memtable_apply(m, 3, STORE_PUT, SLICE_LIT("b"), SLICE_LIT("3"));
    memtable_apply(m, 4, STORE_DELETE, SLICE_LIT("a"), SLICE_EMPTY);
    check_walk(m, "", false, 0, "");
    check_walk(m, "", false, 1, "b=1 ");
    check_walk(m, "", false, 2, "a=2 b=1 ");
    check_walk(m, "", true, 3, "b=3 a=2 ");
    check_walk(m, "", false, 4, "a! b=3 ");
    check_walk(m, "a", false, 4, "a! b=3 ");
    check_walk(m, "aa", false, 4, "b=3 ");
    check_walk(m, "b", true, 4, "a! ");
    check_walk(m, "a", true, 4, "");
    check(memtable_get(m, SLICE_LIT("a"), 3, &row));
    check(!row.deleted);
    check(memtable_get(m, SLICE_LIT("a"), 4, &row));
    check(row.deleted && !row.elidable);
    check(!memtable_get(m, SLICE_LIT("a"), 1, &row));
    check(!memtable_get(m, SLICE_LIT("c"), 9, &row));
    check_i64(memtable_count(m), 2);
    memtable_unref(m);
}

TEST(memtable_elides_only_what_began_with_an_insert)
{
    struct memtable *m = memtable_new();
    struct memtable_row row;

    memtable_apply(m, 1, STORE_INSERT, SLICE_LIT("born"), SLICE_LIT("1"));
    memtable_apply(m, 2, STORE_DELETE, SLICE_LIT("born"), SLICE_EMPTY);
    memtable_apply(m, 1, STORE_DELETE, SLICE_LIT("old"), SLICE_EMPTY);
    memtable_apply(m, 2, STORE_INSERT, SLICE_LIT("old"), SLICE_LIT("1"));
    memtable_apply(m, 3, STORE_DELETE, SLICE_LIT("old"), SLICE_EMPTY);
    check(memtable_get(m, SLICE_LIT("born"), 9, &row));
    check(row.elidable);
    check(memtable_get(m, SLICE_LIT("old"), 9, &row));
    check(!row.elidable);
    memtable_unref(m);
}

TEST(memtable_orders_keys_of_any_length)
{
    enum { KEYS = 2000 };
    struct memtable *m = memtable_new();
    struct memtable_iter it;
    struct rng rng;
    uint8_t before[16];
    size_t before_len = 0, count = 0;

    rng_seed(&rng, 7);
    for (int i = 0; i < KEYS; i++) {
        uint8_t key[16];
        const size_t len = 1 + rng_below(&rng, sizeof key);

        for (size_t k = 0; k < len; k++)
            key[k] = (uint8_t)(rng_below(&rng, 3) * 127);
        memtable_apply(m, 1, STORE_PUT, slice_of(key, len), SLICE_EMPTY);
    }
    memtable_iter_seek(&it, m, SLICE_EMPTY, false, 1);
    for (; memtable_iter_valid(&it); memtable_iter_next(&it), count++) {
        check(count == 0 || slice_cmp(slice_of(before, before_len), it.row.key) < 0);
        before_len = it.row.key.len;
        memcpy(before, it.row.key.ptr, before_len);
    }
    check_i64(count, memtable_count(m));
    memtable_unref(m);
}

/* Each sequence writes the same number to two keys: a reader of any sequence sees them alike. */
enum { ROUNDS = 20000 };

struct shared {
    struct memtable *m;
    _Atomic int64_t durable;
    atomic_int differ;
};

static void *read_pairs(void *arg)
{
    struct shared *s = arg;
    int64_t seq = 0;

    while (seq < ROUNDS) {
        struct memtable_row a, z;

        seq = atomic_load(&s->durable);
        const bool has_a = memtable_get(s->m, SLICE_LIT("a"), seq, &a);
        const bool has_z = memtable_get(s->m, SLICE_LIT("z"), seq, &z);
        if (has_a != has_z || has_a != (seq > 0) || (has_a && !slice_eq(a.value, z.value)))
            atomic_fetch_add(&s->differ, 1);
    }
    return NULL;
}

TEST(memtable_is_read_while_it_is_written)
{
    struct shared shared = {.m = memtable_new()};
    pthread_t threads[2];

    for (size_t i = 0; i < COUNT_OF(threads); i++)
        must(pthread_create(&threads[i], NULL, read_pairs, &shared) == 0);
    for (int64_t seq = 1; seq <= ROUNDS; seq++) {
        char key[24];
        const int len = snprintf(key, sizeof key, "k%lld", (long long)(seq * 7919 % ROUNDS));

        memtable_apply(shared.m, seq, STORE_PUT, SLICE_LIT("a"), slice_of(&seq, sizeof seq));
        memtable_apply(shared.m, seq, STORE_INSERT, slice_of(key, (size_t)len), SLICE_EMPTY);
        memtable_apply(shared.m, seq, STORE_PUT, SLICE_LIT("z"), slice_of(&seq, sizeof seq));
        atomic_store(&shared.durable, seq);
    }
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        pthread_join(threads[i], NULL);
    check_i64(atomic_load(&shared.differ), 0);
    memtable_unref(shared.m);
}
