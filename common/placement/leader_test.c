/* leader_test.c - several processes, one row, a clock that the test moves: who publishes when.
 * The row is a fake cluster store: a compare-and-swap that can fail, lie or be slow. */
#include "common/placement/leader.h"

#include "common/base/rng.h"
#include "tests/lib/test.h"

enum { NODES = 6, HISTORY = 1 };
static const uint32_t shards[PLACEMENT_ROLES] = {0, 4, 4, 4};

struct world {
    struct placement_leader nodes[NODES];
    bool up[NODES], silent[NODES], leaving[NODES], deaf[NODES];
    struct placement_map row;
    int64_t now_ns;
    uint32_t writes, reads, refused;
    enum err store; /* what it answers; ERR_OK: it works */
};

static uint64_t id_of(size_t node)
{
    return 100 + node;
}

static void tell_members(struct world *w)
{
    struct placement_member live[NODES];
    uint32_t count = 0;

    for (size_t i = 0; i < NODES; i++)
        if (w->up[i])
            live[count++] = (struct placement_member){
                .process = id_of(i), .role = (uint32_t)(i % 3) + HISTORY, .leaving = w->leaving[i]};
    for (size_t i = 0; i < NODES; i++)
        if (w->up[i])
            placement_members(&w->nodes[i], live, count);
}

static void start(struct world *w, size_t node)
{
    placement_leader_init(&w->nodes[node], id_of(node), shards);
    w->up[node] = true;
    w->silent[node] = w->leaving[node] = false;
    tell_members(w);
}

static void stop(struct world *w, size_t node)
{
    w->up[node] = false;
    tell_members(w);
}

static enum err swap(struct world *w, const struct placement_map *next)
{
    if (w->store != ERR_OK)
        return w->store;
    if (w->row.version != next->version - 1) {
        w->refused++;
        return ERR_ABORTED;
    }
    w->row = *next;
    w->writes++;
    return ERR_OK;
}

static void tell_map(struct world *w, const struct placement_map *map)
{
    for (size_t i = 0; i < NODES; i++)
        if (w->up[i] && !w->deaf[i])
            (void)placement_learn(&w->nodes[i], map);
}

/* One step of one node; false: it waits, *until_ns is lowered to its time. */
static bool step(struct world *w, size_t node, int64_t *until_ns)
{
    struct placement_leader *leader = &w->nodes[node];
    struct placement_map next;
    int64_t until;

    switch (placement_step(leader, w->now_ns, &next, &until)) {
    case PLACEMENT_IDLE:
        if (until < *until_ns)
            *until_ns = until;
        return false;
    case PLACEMENT_READ:
        w->reads++;
        placement_was_read(leader, w->store, &w->row, w->now_ns);
        return true;
    case PLACEMENT_PUBLISH:
        if (placement_was_published(leader, swap(w, &next), &next, w->now_ns))
            tell_map(w, &next);
        return true;
    }
    return false;
}

/* Until nobody has anything to do at this moment; gives when somebody has. */
static int64_t run(struct world *w)
{
    int64_t until_ns;
    bool busy;

    do {
        busy = false;
        until_ns = INT64_MAX;
        for (size_t i = 0; i < NODES; i++)
            if (w->up[i] && !w->silent[i])
                busy = step(w, i, &until_ns) || busy;
    } while (busy);
    check(until_ns > w->now_ns);
    return until_ns;
}

static void settle(struct world *w)
{
    int64_t until_ns;

    for (int turns = 0; (until_ns = run(w)) != INT64_MAX; turns++) {
        check(turns < 1000);
        if (turns >= 1000)
            return;
        w->now_ns = until_ns;
    }
}

static size_t leader_of(const struct world *w)
{
    return (size_t)(w->row.leader - 100);
}

static void begin(struct world *w, size_t nodes)
{
    *w = (struct world){.now_ns = NS_PER_S};
    for (size_t i = 0; i < nodes; i++) {
        start(w, i);
        run(w);
    }
    settle(w);
    check(leader_of(w) < nodes);
}

TEST(placement_settled_means_no_write_no_read_no_timer)
{
    struct world w;

    begin(&w, NODES);
    const uint32_t writes = w.writes, reads = w.reads;
    for (int i = 0; i < 100; i++) {
        w.now_ns += NS_PER_S;
        check(run(&w) == INT64_MAX);
    }
    check_i64(w.writes, writes);
    check_i64(w.reads, reads);
    for (size_t i = 0; i < NODES; i++)
        check_i64(w.nodes[i].map.version, w.row.version);
}

TEST(placement_dead_leader_is_replaced_at_once)
{
    struct world w;

    begin(&w, NODES);
    const size_t old = leader_of(&w);
    const int64_t now_ns = w.now_ns, term = w.row.term;
    stop(&w, old);
    run(&w);
    check_i64(w.now_ns, now_ns);
    check(leader_of(&w) != old);
    check_i64(w.row.term, term + 1);
    check(!placement_has_member(&w.row, id_of(old)));
}

TEST(placement_silent_leader_is_deposed_after_a_second)
{
    struct world w;

    begin(&w, 3);
    const size_t old = leader_of(&w);
    w.silent[old] = true;
    start(&w, 3);
    const int64_t until_ns = run(&w);
    check_i64(until_ns, w.now_ns + PLACEMENT_SILENCE_NS);
    check(leader_of(&w) == old);
    w.now_ns = until_ns - 1;
    check_i64(run(&w), until_ns);
    check(leader_of(&w) == old);
    w.now_ns = until_ns;
    run(&w);
    check(leader_of(&w) != old);
    check(placement_has_member(&w.row, id_of(3)));
    /* It wakes up, and is no leader any more. */
    w.silent[old] = false;
    settle(&w);
    check(leader_of(&w) != old);
}

TEST(placement_two_leaders_cannot_both_publish)
{
    struct world w;
    struct placement_map a, b;
    int64_t until;

    begin(&w, 3);
    const size_t old = leader_of(&w), other = (old + 1) % 3;
    start(&w, 4);
    (void)placement_step(&w.nodes[other], w.now_ns, &b, &until); /* begins to wait */
    w.now_ns += PLACEMENT_SILENCE_NS;
    check_i64(placement_step(&w.nodes[old], w.now_ns, &a, &until), PLACEMENT_PUBLISH);
    check_i64(placement_step(&w.nodes[other], w.now_ns, &b, &until), PLACEMENT_PUBLISH);
    check_i64(a.version, b.version);
    check(placement_was_published(&w.nodes[old], swap(&w, &a), &a, w.now_ns));
    check(!placement_was_published(&w.nodes[other], swap(&w, &b), &b, w.now_ns));
    check_i64(w.refused, 1);
    check(leader_of(&w) == old);
    settle(&w);
    check_i64(w.nodes[other].map.version, w.row.version);
}

TEST(placement_lower_versions_are_ignored)
{
    struct world w;
    struct placement_map old;

    begin(&w, 2);
    old = w.row;
    start(&w, 2);
    settle(&w);
    check(w.row.version > old.version);
    check(!placement_learn(&w.nodes[0], &old));
    check_i64(w.nodes[0].map.version, w.row.version);
}

TEST(placement_who_was_not_told_finds_out)
{
    struct world w;

    begin(&w, 3);
    const size_t deaf = (leader_of(&w) + 1) % 3;
    w.deaf[deaf] = true;
    start(&w, 3);
    settle(&w); /* its swap is refused, it reads */
    check_i64(w.nodes[deaf].map.version, w.row.version);
}

TEST(placement_leaving_leader_hands_over)
{
    struct world w;

    begin(&w, 3);
    const size_t old = leader_of(&w);
    const int64_t now_ns = w.now_ns;
    w.leaving[old] = true;
    tell_members(&w);
    run(&w);
    check_i64(w.now_ns, now_ns);
    check(leader_of(&w) != old);
    check(!placement_has_member(&w.row, id_of(old)));
    const uint32_t writes = w.writes;
    stop(&w, old);
    settle(&w);
    check_i64(w.writes, writes);
}

TEST(placement_last_who_leaves_writes_nothing)
{
    struct world w;

    begin(&w, 1);
    const uint32_t writes = w.writes;
    w.leaving[0] = true;
    tell_members(&w);
    check(run(&w) == INT64_MAX);
    check_i64(w.writes, writes);
}

TEST(placement_fenced_owner_gets_a_higher_version)
{
    struct world w;

    begin(&w, 3);
    const struct placement_map before = w.row;
    const size_t leader = leader_of(&w);
    placement_want_above(&w.nodes[leader], before.version + 5); /* of the future: nonsense */
    check(run(&w) == INT64_MAX);
    placement_want_above(&w.nodes[leader], before.version);
    check(run(&w) == INT64_MAX);
    check_i64(w.row.version, before.version + 1);
    check(memcmp(w.row.owners, before.owners, sizeof before.owners) == 0);
    placement_want_above(&w.nodes[leader], before.version); /* has been answered */
    check(run(&w) == INT64_MAX);
    check_i64(w.row.version, before.version + 1);
}

TEST(placement_store_that_fails_is_tried_again_a_little_later)
{
    struct world w;

    begin(&w, 2);
    start(&w, 2);
    w.store = ERR_UNAVAILABLE;
    const int64_t until_ns = run(&w);
    check_i64(until_ns, w.now_ns + PLACEMENT_RETRY_NS);
    w.now_ns = until_ns;
    w.store = ERR_OK;
    settle(&w);
    check(placement_has_member(&w.row, id_of(2)));
}

/* Whatever comes, goes, hangs or is not told: in the end all agree, and no version had two. */
TEST(placement_all_agree_in_the_end)
{
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct world w;
        struct rng rng;

        rng_seed(&rng, seed);
        begin(&w, 3);
        for (int turn = 0; turn < 60; turn++) {
            const size_t node = (size_t)rng_below(&rng, NODES);

            switch (rng_below(&rng, 6)) {
            case 0:
                if (!w.up[node])
                    start(&w, node);
                break;
            case 1:
                if (w.up[node])
                    stop(&w, node);
                break;
            case 2:
                w.silent[node] = !w.silent[node];
                break;
            case 3:
                w.deaf[node] = !w.deaf[node];
                break;
            case 4:
                w.store = rng_below(&rng, 3) ? ERR_OK : ERR_UNAVAILABLE;
                break;
            default: {
                const int64_t until_ns = run(&w);
                if (until_ns != INT64_MAX)
                    w.now_ns = until_ns;
                break;
            }
            }
        }
        w.store = ERR_OK;
        for (size_t i = 0; i < NODES; i++)
            w.silent[i] = w.deaf[i] = false;
        start(&w, rng_below(&rng, NODES)); /* a fresh one: somebody has come */
        settle(&w);
        check_i64(w.row.version, w.writes);
        for (size_t i = 0; i < NODES; i++) {
            if (!w.up[i])
                continue;
            check_i64(w.nodes[i].map.version, w.row.version);
            check(placement_has_member(&w.row, id_of(i)));
        }
    }
}
