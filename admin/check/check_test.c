/* check_test.c - what is said of rows that belong to nothing, on a store in memory. The runs of
 * every integration test are checked at its end (tests/integration/harness.py). */
#include "admin/check/check.h"

#include "common/store/memory/store_memory.h"
#include "history/engine/rows.h"
#include "tests/lib/test.h"

#include <stdio.h>

#define DIR_NAME "admin-check"

enum { TABLET = 7, RUNS = CHECK_LINES_MAX + 50 };

struct bed {
    struct fake_clock clock;
    struct log log;
    struct store *store;
    struct store_shard *shard;
};

static void ignore_durable(void *arg, int64_t seq)
{
    UNUSED(arg);
    UNUSED(seq);
}

static void ignore_lost(void *arg, enum err err)
{
    UNUSED(arg);
    UNUSED(err);
}

static void bed_open(struct bed *bed)
{
    const struct store_shard_callbacks callbacks = {.durable = ignore_durable, .lost = ignore_lost};
    struct err_detail detail = {0};

    *bed = (struct bed){.log = {.level = LOG_ERROR + 1, .fd = 2}};
    fake_clock_init(&bed->clock, NS_PER_S);
    store_memory_wipe(DIR_NAME);
    const struct store_options options = {.backend = "memory",
                                          .dir = DIR_NAME,
                                          .service = "history",
                                          .clock = &bed->clock.clock,
                                          .log = &bed->log,
                                          .commit_threads = 1,
                                          .manual = true};
    check_ok(store_open(&options, &bed->store, &detail));
    check_ok(store_shard_open(bed->store, 0, NULL, &callbacks, &bed->shard, &detail));
}

static void bed_close(struct bed *bed)
{
    store_shard_close(bed->shard, true);
    store_close(bed->store);
    store_memory_wipe(DIR_NAME);
}

static void put(struct bed *bed, const struct row_key *key, struct slice value)
{
    const struct store_op op = {.kind = STORE_PUT, .key = row_key_slice(key), .value = value};
    int64_t seq;

    check_ok(store_stage(bed->shard, &op, 1, false, &seq));
}

TEST(check_of_an_empty_shard_finds_nothing)
{
    struct check_report report;
    struct bed bed;

    bed_open(&bed);
    check_report_init(&report);
    check_ok(check_history_shard(bed.shard, 0, &report));
    check(report.runs == 0 && report.problems == 0 && report.text.len == 0);
    check_report_release(&report);
    bed_close(&bed);
}

TEST(check_counts_every_row_without_a_run_and_bounds_what_it_says)
{
    struct check_report report;
    struct row_key key;
    struct bed bed;
    char run_id[UUID_TEXT_LEN + 1];

    bed_open(&bed);
    for (int i = 0; i < RUNS; i++) {
        snprintf(run_id, sizeof run_id, "01890000-0000-7000-8000-%012x", (unsigned)i);
        row_key_node(&key, TABLET, run_id, 1);
        put(&bed, &key, SLICE_LIT("x"));
    }
    row_key_current(&key, TABLET, EXECUTION_WORKFLOW,
                    SLICE_LIT("01890000-0000-7000-8000-000000000000"), SLICE_LIT("some id"));
    put(&bed, &key, SLICE_LIT("no record"));
    while (store_durable_seq(bed.shard) < store_staged_seq(bed.shard))
        check(store_step(bed.store));

    check_report_init(&report);
    check_ok(check_history_shard(bed.shard, 0, &report));
    check_i64((int64_t)report.problems, RUNS + 1);
    int lines = 0;
    for (size_t i = 0; i < report.text.len; i++)
        lines += report.text.ptr[i] == '\n';
    check(lines > 0 && lines <= CHECK_LINES_MAX);
    check_report_release(&report);
    bed_close(&bed);
}
