/* admin_test.c - what an operator's tool asks of a shard, on a store in memory. */
#include "common/rpc/numbers.h"
#include "common/store/memory/store_memory.h"
#include "history/shard/shard_fixture.h"

#include <stdlib.h>

#define DIR_NAME "history-shard-admin"

static const struct sent *ask(struct world *w, enum mesh_method method, const char *body)
{
    const uint64_t call = world_call(w, method, slice_str(body), NS_PER_S);

    world_settle(w);
    return world_got(w, call);
}

static int64_t number(struct world *w, const struct sent *reply, const char *name)
{
    struct rpc_number *numbers;
    uint32_t count;

    check_ok(rpc_numbers_decode(&w->arena, reply->bytes, &numbers, &count));
    return rpc_number(numbers, count, name, -1);
}

TEST(test_admin_flush_leaves_nothing_in_memory_only)
{
    struct world *w = calloc(1, sizeof *w);

    must(w != NULL);
    store_memory_wipe(DIR_NAME);
    world_init(w, DIR_NAME);
    world_start(w, "hello");
    const struct sent *before = ask(w, METHOD_HISTORY_DESCRIBE_SHARD, "");
    const int64_t staged = number(w, before, "staged_seq");
    check(staged > 0 && number(w, before, "tail_bytes") > 0);
    check_i64(number(w, before, "runs_in_memory"), 1);

    check(number(w, ask(w, METHOD_HISTORY_FLUSH, ""), "seq") >= staged);
    const struct sent *after = ask(w, METHOD_HISTORY_DESCRIBE_SHARD, "");
    check_i64(number(w, after, "tail_bytes"), 0);
    check(number(w, after, "applied_seq") >= staged);
    check_i64(number(w, after, "main_memtable_bytes"), 0);
    check_i64(number(w, after, "no such number"), -1);
    world_release(w);
    free(w);
}

TEST(test_admin_backup_names_a_file_and_wants_files)
{
    struct world *w = calloc(1, sizeof *w);

    must(w != NULL);
    store_memory_wipe(DIR_NAME);
    world_init(w, DIR_NAME);
    check_err(ask(w, METHOD_HISTORY_BACKUP, "")->err, ERR_INVALID);
    check_err(ask(w, METHOD_HISTORY_BACKUP, "no/absolute/name")->err, ERR_INVALID);
    check_err(ask(w, METHOD_HISTORY_BACKUP, "/tmp/gnomon-never-made")->err, ERR_UNIMPLEMENTED);
    world_start(w, "the shard goes on");
    world_release(w);
    free(w);
}
