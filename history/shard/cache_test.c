/* cache_test.c - how many runs a shard keeps in memory, and for how long. */
#include "history/shard/shard_fixture.h"

#include "history/shard/shard_int.h"

#define HOUR_NS (INT64_C(3600) * NS_PER_S)

static void set(struct dynconf *dc, const char *text)
{
    struct err_detail detail = {0};
    struct buf warnings;

    buf_init(&warnings, 0);
    check_ok(dynconf_load(dc, slice_str(text), &warnings, &detail));
    check_i64(warnings.len, 0);
    buf_release(&warnings);
}

static struct dynconf *with_settings(struct world *w, const char *text)
{
    struct dynconf *dc = dynconf_new();

    set(dc, text);
    w->dynconf = dc;
    world_reopen(w, true);
    return dc;
}

static void start_many(struct world *w, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        (void)world_start(w, arena_printf(&w->arena, "wf-%u", i));
}

TEST(test_a_shard_keeps_as_many_runs_as_it_is_told)
{
    struct world w;

    world_init(&w, "cache-count");
    struct dynconf *dc = with_settings(&w, "history.hostLevelCacheMaxSize: [{value: 5}]");
    start_many(&w, 5);
    check_i64(w.shard->runs.count, 5);
    check_i64(w.shard->currents.count, 5);
    start_many(&w, 20);
    check_i64(w.shard->runs.count, 5);
    check_i64(w.shard->currents.count, 5);
    set(dc, "history.hostLevelCacheMaxSize: [{value: 0}]"); /* one at least */
    (void)world_start(&w, "one more");
    check_i64(w.shard->runs.count, 1);
    set(dc, "history.hostLevelCacheMaxSize: [{value: 7}]"); /* while it runs */
    for (uint32_t i = 0; i < 20; i++)
        check_str(world_history(&w, arena_printf(&w.arena, "wf-%u", i), 256), "1 5");
    check_i64(w.shard->runs.count, 7);
    world_release(&w);
    dynconf_free(dc);
}

TEST(test_a_run_that_nobody_asks_for_leaves_the_memory)
{
    struct world w;

    world_init(&w, "cache-ttl");
    start_many(&w, 100);
    world_pass(&w, HOUR_NS / 2);
    check_str(world_history(&w, "wf-7", 256), "1 5");
    world_pass(&w, HOUR_NS / 2 - NS_PER_S);
    check_i64(w.shard->runs.count, 100);
    world_pass(&w, 2 * NS_PER_S); /* nobody asks for anything */
    check_i64(w.shard->runs.count, 1);
    check(hs_cache_next_mono_ns(w.shard) > hs_mono_ns(w.shard));
    world_pass(&w, HOUR_NS);
    check_i64(w.shard->runs.count, 0);
    check_i64(hs_cache_next_mono_ns(w.shard), INT64_MAX);
    check_str(world_history(&w, "wf-7", 256), "1 5");

    struct dynconf *dc = with_settings(&w, "history.cacheTTL: [{value: 0}]");
    check_str(world_history(&w, "wf-8", 256), "1 5");
    world_pass(&w, 100 * HOUR_NS);
    check_i64(w.shard->runs.count, 1);
    set(dc, "history.cacheTTL: [{value: 1ns}]");
    check_str(world_history(&w, "wf-9", 256), "1 5");
    check_i64(w.shard->runs.count, 1); /* the other one is old */
    world_pass(&w, 100 * NS_PER_MS);
    check_i64(w.shard->runs.count, 0);
    world_release(&w);
    dynconf_free(dc);
}
