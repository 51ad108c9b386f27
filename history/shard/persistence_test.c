/* persistence_test.c - clients are refused while the store is asked too much. */
#include "history/shard/shard_fixture.h"

#include "history/shard/shard_int.h"

static enum err start(struct world *w, const char *workflow_id)
{
    const uint64_t call = world_api(w, METHOD_HISTORY_START_WORKFLOW,
                                    world_start_request(w, workflow_id, workflow_id), SLICE_EMPTY);

    return world_got(w, call)->err;
}

static struct dynconf *dc;
static struct bucket bucket;

static void set(struct slice file)
{
    struct err_detail detail = {0};
    struct buf warnings;

    buf_init(&warnings, 0);
    check_ok(dynconf_load(dc, file, &warnings, &detail));
    buf_release(&warnings);
}

static void limited_init(struct world *w)
{
    dc = dynconf_new();
    bucket = (struct bucket){0};
    set(SLICE_LIT("history.persistenceMaxQPS: [{value: 10}]"));
    world_init(w, "persistence");
    w->dynconf = dc;
    w->persistence = &bucket;
    world_reopen(w, true);
    world_pass(w, 10 * NS_PER_S);
}

static void limited_release(struct world *w)
{
    world_release(w);
    dynconf_free(dc);
}

TEST(test_the_limit_refuses_and_time_lets_in)
{
    struct world w;
    uint32_t granted = 0;

    limited_init(&w);
    while (granted < 100 && start(&w, arena_printf(&w.arena, "wf-%u", granted)) == ERR_OK)
        granted++;
    check(granted >= 4 && granted <= 10); /* each start reads and commits, at most once each */
    check_err(start(&w, "refused"), ERR_BUSY);
    world_pass(&w, NS_PER_S);
    check_err(start(&w, "let in"), ERR_OK);
    set(SLICE_LIT("history.persistenceMaxQPS: [{value: 0}]"));
    for (uint32_t i = 0; i < 100; i++)
        check_err(start(&w, arena_printf(&w.arena, "free-%u", i)), ERR_OK);
    limited_release(&w);
}

/* What clients did not ask for leaves them what they may have. */
TEST(test_deadlines_are_not_counted)
{
    struct world w;

    limited_init(&w);
    check_ok(start(&w, "wf"));
    (void)world_poll_workflow(&w); /* the start of its task is, and is never refused */
    const int64_t used = atomic_load(&bucket.full_at_ns);
    const int64_t events = store_staged_seq(w.shard->store);
    world_pass(&w, 30 * NS_PER_S); /* its task times out */
    check(store_staged_seq(w.shard->store) > events);
    check_i64(atomic_load(&bucket.full_at_ns), used);
    limited_release(&w);
}
