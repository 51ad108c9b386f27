/* persistence_test.c - clients are refused while the store is asked too much. */
#include "history/shard/shard_fixture.h"

#include "history/shard/shard_int.h"

static enum err start(struct world *w, const char *workflow_id)
{
    const uint64_t call = world_api(w, METHOD_HISTORY_START_WORKFLOW,
                                    world_start_request(w, workflow_id, workflow_id), SLICE_EMPTY);

    return world_got(w, call)->err;
}

TEST(test_the_limit_refuses_and_time_lets_in)
{
    struct err_detail detail = {0};
    struct dynconf *dc = dynconf_new();
    struct buf warnings;
    struct bucket bucket = {0};
    struct world w;
    uint32_t granted = 0;

    buf_init(&warnings, 0);
    check_ok(dynconf_load(dc, SLICE_LIT("history.persistenceMaxQPS: [{value: 10}]"), &warnings,
                          &detail));
    world_init(&w, "persistence");
    w.dynconf = dc;
    w.persistence = &bucket;
    world_reopen(&w, true);
    world_pass(&w, 10 * NS_PER_S);
    while (granted < 100 && start(&w, arena_printf(&w.arena, "wf-%u", granted)) == ERR_OK)
        granted++;
    check(granted >= 4 && granted <= 10); /* each start reads and commits, at most once each */
    check_err(start(&w, "refused"), ERR_BUSY);
    world_pass(&w, NS_PER_S);
    check_err(start(&w, "let in"), ERR_OK);
    check_ok(
        dynconf_load(dc, SLICE_LIT("history.persistenceMaxQPS: [{value: 0}]"), &warnings, &detail));
    for (uint32_t i = 0; i < 100; i++)
        check_err(start(&w, arena_printf(&w.arena, "free-%u", i)), ERR_OK);
    world_release(&w);
    buf_release(&warnings);
    dynconf_free(dc);
}
