/* map_test.c - spread, minimal moves, throttling, and hostile bytes; no clock, no store. */
#include "common/placement/map.h"

#include "common/base/rng.h"
#include "tests/lib/test.h"

#include <stdlib.h>

enum { HISTORY = 1, MATCHING = 2, TIMERS = 3 };
static const uint32_t small[PLACEMENT_ROLES] = {0, 4, 4, 4};

struct world {
    struct placement_map map;
    struct placement_member live[PLACEMENT_MEMBERS_MAX];
    uint32_t count;
    const uint32_t *shards;
};

static void join(struct world *w, uint64_t process, uint32_t role)
{
    w->live[w->count++] = (struct placement_member){.process = process, .role = role};
}

static void lose(struct world *w, uint64_t process)
{
    for (uint32_t i = 0; i < w->count; i++)
        if (w->live[i].process == process)
            w->live[i] = w->live[--w->count];
}

static uint32_t owned(const struct world *w, uint32_t role, uint64_t process)
{
    uint32_t count = 0;

    for (uint32_t shard = 0; shard < w->map.shard_count[role]; shard++)
        count += placement_owner(&w->map, role, shard) == process;
    return count;
}

/* Publish the next map; gives the number of shards of the role that changed their owner. */
static uint32_t publish(struct world *w, uint32_t role, bool may_move, enum placement_need want)
{
    struct placement_map next;
    uint32_t moved = 0;

    check_i64(placement_plan(&w->map, w->live, w->count, w->shards, may_move, &next), want);
    check_i64(next.version, w->map.version + 1);
    for (uint32_t shard = 0; shard < w->shards[role]; shard++)
        moved += w->map.owners[role][shard] != next.owners[role][shard];
    w->map = next;
    return moved;
}

/* Until nothing more is to do; gives the number of moves. */
static uint32_t settle(struct world *w, uint32_t role)
{
    struct placement_map next;
    uint32_t moved = 0;

    while (placement_plan(&w->map, w->live, w->count, w->shards, true, &next) !=
           PLACEMENT_SETTLED) {
        for (uint32_t shard = 0; shard < w->shards[role]; shard++)
            moved += w->map.owners[role][shard] != next.owners[role][shard];
        w->map = next;
        check(w->map.version < 1000);
        if (w->map.version >= 1000)
            break;
    }
    return moved;
}

TEST(placement_first_member_of_a_role_gets_all_at_once)
{
    struct world w = {.shards = small};

    check_i64(publish(&w, HISTORY, true, PLACEMENT_URGENT), 0); /* the counts alone */
    check_i64(publish(&w, HISTORY, true, PLACEMENT_SETTLED), 0);
    join(&w, 10, HISTORY);
    check_i64(publish(&w, HISTORY, false, PLACEMENT_URGENT), 4);
    check_i64(owned(&w, HISTORY, 10), 4);
    check(placement_has_member(&w.map, 10) && !placement_has_member(&w.map, 11));
    check_i64(publish(&w, HISTORY, true, PLACEMENT_SETTLED), 0);
    check(placement_owner(&w.map, MATCHING, 0) == 0);
    check(placement_owner(&w.map, HISTORY, 4) == 0);
}

TEST(placement_a_later_member_gets_its_share_one_by_one)
{
    struct world w = {.shards = small};

    join(&w, 10, MATCHING);
    settle(&w, MATCHING);
    join(&w, 11, MATCHING);
    check_i64(publish(&w, MATCHING, false, PLACEMENT_URGENT), 0);
    check_i64(publish(&w, MATCHING, true, PLACEMENT_UNEVEN), 1);
    check_i64(publish(&w, MATCHING, false, PLACEMENT_UNEVEN), 0);
    check_i64(publish(&w, MATCHING, true, PLACEMENT_UNEVEN), 1);
    check_i64(publish(&w, MATCHING, true, PLACEMENT_SETTLED), 0);
    check_i64(owned(&w, MATCHING, 10), 2);
    check_i64(owned(&w, MATCHING, 11), 2);
    check_i64(owned(&w, HISTORY, 10), 0);
}

TEST(placement_death_moves_only_the_shards_of_the_dead_and_at_once)
{
    struct world w = {.shards = small};

    for (uint64_t process = 10; process < 14; process++)
        join(&w, process, HISTORY);
    settle(&w, HISTORY);
    for (uint64_t process = 10; process < 14; process++)
        check_i64(owned(&w, HISTORY, process), 1);
    lose(&w, 12);
    check_i64(publish(&w, HISTORY, false, PLACEMENT_URGENT), 1);
    lose(&w, 10);
    lose(&w, 11);
    lose(&w, 13);
    check_i64(publish(&w, HISTORY, false, PLACEMENT_URGENT), 4);
    check(placement_owner(&w.map, HISTORY, 0) == 0);
    check_i64(w.map.member_count, 0);
}

TEST(placement_who_leaves_is_given_nothing)
{
    struct world w = {.shards = small};

    join(&w, 10, TIMERS);
    join(&w, 11, TIMERS);
    settle(&w, TIMERS);
    w.live[0].leaving = true;
    check_i64(publish(&w, TIMERS, false, PLACEMENT_URGENT), 2);
    check_i64(owned(&w, TIMERS, 11), 4);
    check(!placement_has_member(&w.map, 10));
    lose(&w, 10);
    check_i64(publish(&w, TIMERS, true, PLACEMENT_SETTLED), 0);
}

TEST(placement_is_even_and_moves_no_more_than_it_must)
{
    static const uint32_t shards[PLACEMENT_ROLES] = {0, 256, 0, 0};
    struct rng rng;

    rng_seed(&rng, 42);
    for (uint32_t round = 0; round < 50; round++) {
        struct world w = {.shards = shards};
        uint32_t processes = 0;

        for (uint32_t step = 0; step < 20; step++) {
            if (processes == 0 || rng_below(&rng, 2)) {
                join(&w, rng_u64(&rng) | 1, HISTORY);
                processes++;
                const uint32_t moved = settle(&w, HISTORY);
                check(moved <= 256 / processes + 1);
            } else {
                const uint64_t gone = w.live[rng_below(&rng, w.count)].process;
                const uint32_t had = owned(&w, HISTORY, gone);

                lose(&w, gone);
                processes--;
                check(settle(&w, HISTORY) <= had + processes);
            }
            for (uint32_t i = 0; i < w.count; i++) {
                const uint32_t has = owned(&w, HISTORY, w.live[i].process);
                check(has >= 256 / processes - 1 && has <= 256 / processes + 1);
            }
        }
    }
}

TEST(placement_throttles_moves_of_many_shards)
{
    static const uint32_t shards[PLACEMENT_ROLES] = {0, 256, 0, 0};
    struct world w = {.shards = shards};

    join(&w, 1, HISTORY);
    settle(&w, HISTORY);
    join(&w, 2, HISTORY);
    check_i64(publish(&w, HISTORY, true, PLACEMENT_URGENT), 16);
    check_i64(publish(&w, HISTORY, true, PLACEMENT_UNEVEN), 16);
}

TEST(placement_does_not_depend_on_the_order_of_members)
{
    struct world a = {.shards = small}, b = {.shards = small};

    for (uint64_t i = 0; i < 6; i++) {
        join(&a, 100 + i, HISTORY + (uint32_t)(i % 3));
        join(&b, 105 - i, HISTORY + (uint32_t)((5 - i) % 3));
    }
    settle(&a, HISTORY);
    settle(&b, HISTORY);
    check(memcmp(a.map.owners, b.map.owners, sizeof a.map.owners) == 0);
}

TEST(placement_follows_a_changed_count_of_shards)
{
    static const uint32_t more[PLACEMENT_ROLES] = {0, 8, 4, 4},
                          fewer[PLACEMENT_ROLES] = {0, 2, 4, 4};
    struct world w = {.shards = small};

    join(&w, 10, HISTORY);
    settle(&w, HISTORY);
    w.shards = more;
    settle(&w, HISTORY);
    check_i64(owned(&w, HISTORY, 10), 8);
    w.shards = fewer;
    settle(&w, HISTORY);
    check_i64(owned(&w, HISTORY, 10), 2);
    check(w.map.owners[HISTORY][2] == 0);
}

static void sample(struct placement_map *map)
{
    struct world w = {.shards = small};

    join(&w, 10, HISTORY);
    join(&w, UINT64_MAX, HISTORY);
    join(&w, 12, MATCHING);
    settle(&w, HISTORY);
    *map = w.map;
    map->leader = 77;
    map->term = 3;
}

TEST(placement_record_round_trip)
{
    struct placement_map map, back;
    struct buf out;

    sample(&map);
    buf_init(&out, 0);
    placement_encode(&map, &out);
    check(buf_ok(&out));
    check_ok(placement_decode(buf_slice(&out), &back));
    check(memcmp(&map, &back, sizeof map) == 0);
    buf_release(&out);
}

TEST(placement_decode_takes_hostile_bytes)
{
    struct placement_map map, back;
    struct buf out;
    struct rng rng;

    rng_seed(&rng, 1);
    sample(&map);
    buf_init(&out, 0);
    placement_encode(&map, &out);
    for (size_t len = 0; len < out.len; len++) { /* cut anywhere: the block ends there */
        uint8_t *cut = malloc(len ? len : 1);

        check(cut != NULL);
        memcpy(cut, out.ptr, len);
        check_err(placement_decode(slice_of(cut, len), &back), ERR_CORRUPT);
        free(cut);
    }
    for (uint32_t i = 0; i < 20000; i++) {
        const size_t at = (size_t)rng_below(&rng, out.len);
        const uint8_t was = out.ptr[at];

        out.ptr[at] = (uint8_t)rng_u64(&rng);
        if (placement_decode(buf_slice(&out), &back) == ERR_OK) {
            check(back.version > 0 && back.term >= 0);
            check(back.member_count <= PLACEMENT_MEMBERS_MAX);
            for (uint32_t role = 0; role < PLACEMENT_ROLES; role++)
                check(back.shard_count[role] <= PLACEMENT_SHARDS_MAX);
        } else {
            check_i64(back.version, 0);
        }
        out.ptr[at] = was;
    }
    buf_release(&out);
}
