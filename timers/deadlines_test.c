/* deadlines_test.c - windows and firing against a history that is played by the test, on a fake
 * clock. */
#include "timers/deadlines.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROWS_MAX = 4096, EPOCH = 11, PROCESS = 77 };
#define SEC NS_PER_S

/* A history shard: rows by key, and what it saw of us. */
struct row {
    int64_t at_ms; /* by history's clock, which is also the test's */
    unsigned run;
    bool fired, in_time;
};

struct world {
    struct deadlines *core;
    struct deadlines_out out;
    struct deadlines_limits limits;
    struct log log;
    struct metrics *metrics;
    int64_t now_ns;
    struct row rows[ROWS_MAX];
    size_t row_count;
    uint64_t open_pull; /* 0: none */
    struct rpc_assign pull;
    uint8_t after_run[64];
    unsigned pull_count, fire_count, early_count, twice_count;
    bool refuse_fires;
};

static void fake_pull(void *arg, uint64_t pull_id, uint64_t process, const struct rpc_assign *pull)
{
    struct world *w = arg;

    must(w->open_pull == 0 && process == PROCESS);
    w->open_pull = pull_id;
    w->pull = *pull;
    if (pull->after_run_id.len)
        memcpy(w->after_run, pull->after_run_id.ptr, pull->after_run_id.len);
    w->pull.after_run_id.ptr = w->after_run;
    w->pull_count++;
}

static bool fake_fire(void *arg, uint64_t process, const struct rpc_deadlines *due)
{
    struct world *w = arg;

    must(process == PROCESS && due->count > 0);
    if (w->refuse_fires)
        return false;
    for (uint32_t i = 0; i < due->count; i++) {
        const unsigned run =
            (unsigned)strtoul((const char *)due->items[i].run_id.ptr + 4, NULL, 10);

        must(run < w->row_count);
        struct row *row = &w->rows[run];
        check_i64(due->items[i].at_wall_ns, row->at_ms * NS_PER_MS);
        w->early_count += w->now_ns < row->at_ms * NS_PER_MS;
        w->twice_count += row->fired;
        row->fired = true;
        row->in_time = w->now_ns <= (row->at_ms + 5) * NS_PER_MS;
    }
    w->fire_count++;
    return true;
}

static struct world *world_new(void)
{
    static struct world w;

    w = (struct world){.limits = deadlines_limits_default, .log = {.level = LOG_ERROR, .fd = 2}};
    w.now_ns = 1000 * SEC;
    w.metrics = metrics_new();
    w.out = (struct deadlines_out){.arg = &w, .pull = fake_pull, .fire = fake_fire};
    return &w;
}

static void start(struct world *w)
{
    const struct deadlines_options options = {
        .out = &w->out, .limits = &w->limits, .log = &w->log, .metrics = w->metrics, .seed = 3};
    const struct rpc_assign assign = {.epoch = EPOCH, .process = PROCESS};

    w->core = deadlines_new(&options);
    deadlines_assign(w->core, &assign, w->now_ns);
}

static void world_free(struct world *w)
{
    deadlines_free(w->core);
    metrics_free(w->metrics);
}

static int64_t now_ms(const struct world *w)
{
    return w->now_ns / NS_PER_MS;
}

static unsigned add_row(struct world *w, int64_t in_ms)
{
    must(w->row_count < ROWS_MAX);
    w->rows[w->row_count] = (struct row){.at_ms = now_ms(w) + in_ms, .run = (unsigned)w->row_count};
    return (unsigned)w->row_count++;
}

static int by_key(const void *a, const void *b)
{
    const struct row *const *x = a, *const *y = b;

    if ((*x)->at_ms != (*y)->at_ms)
        return (*x)->at_ms < (*y)->at_ms ? -1 : 1;
    return (*x)->run < (*y)->run ? -1 : 1;
}

static char names[ROWS_MAX][16];

static struct rpc_deadline row_out(struct world *w, const struct row *row)
{
    snprintf(names[row->run], sizeof names[0], "run-%04u", row->run);
    return (struct rpc_deadline){.at_wall_ns = row->at_ms * NS_PER_MS,
                                 .remaining_ms = row->at_ms - now_ms(w),
                                 .run_id = slice_str(names[row->run])};
}

/* Answer the open pull from the rows that stand. */
static void answer_pull(struct world *w)
{
    static const struct row *sorted[ROWS_MAX];
    static struct rpc_deadline items[ROWS_MAX];
    struct rpc_deadlines page = {.epoch = EPOCH, .horizon_ms = w->pull.horizon_ms, .items = items};
    const int64_t end_ms = now_ms(w) + w->pull.horizon_ms;

    for (size_t i = 0; i < w->row_count; i++)
        sorted[i] = &w->rows[i];
    qsort(sorted, w->row_count, sizeof(struct row *), by_key);
    for (size_t i = 0; i < w->row_count; i++) {
        const struct rpc_deadline item = row_out(w, sorted[i]);

        if (sorted[i]->fired || sorted[i]->at_ms > end_ms ||
            item.at_wall_ns < w->pull.after_wall_ns ||
            (item.at_wall_ns == w->pull.after_wall_ns &&
             slice_cmp(item.run_id, w->pull.after_run_id) < 0))
            continue;
        if (page.count == w->pull.limit) {
            page.has_more = true;
            break;
        }
        items[page.count++] = item;
    }
    const uint64_t id = w->open_pull;
    w->open_pull = 0;
    deadlines_on_pulled(w->core, id, ERR_OK, &page, w->now_ns);
}

static void pass(struct world *w, int64_t ms)
{
    const int64_t end = w->now_ns + ms * NS_PER_MS;

    for (;;) {
        while (w->open_pull)
            answer_pull(w);
        const int64_t next = deadlines_next_due_ns(w->core);
        if (next > end)
            break;
        if (next > w->now_ns)
            w->now_ns = next;
        deadlines_run_due(w->core, w->now_ns);
    }
    w->now_ns = end;
}

static void check_all_fired(struct world *w)
{
    unsigned missed = 0, late = 0;

    for (size_t i = 0; i < w->row_count; i++) {
        missed += !w->rows[i].fired;
        late += w->rows[i].fired && !w->rows[i].in_time;
    }
    check_i64(missed, 0);
    check_i64(late, 0);
    check_i64(w->early_count, 0);
    check_i64(w->twice_count, 0);
}

static void cast(struct world *w, uint64_t number, unsigned run)
{
    struct rpc_deadline item = row_out(w, &w->rows[run]);
    const struct rpc_deadlines list = {
        .epoch = EPOCH, .number = number, .items = &item, .count = 1};

    deadlines_add(w->core, &list, w->now_ns);
}

TEST(test_deadlines_fire_in_time_and_never_early)
{
    struct world *w = world_new();
    static const int64_t in_ms[] = {-5000, 0, 1, 999, 1000, 59999, 60000, 60001, 300000, 7200000};

    for (size_t i = 0; i < COUNT_OF(in_ms); i++)
        add_row(w, in_ms[i]);
    start(w);
    pass(w, 7200 * 1000 + 10);
    w->rows[0].in_time = true; /* it was late before we came */
    check_all_fired(w);
    world_free(w);
}

TEST(test_deadlines_are_pulled_in_bounded_pages)
{
    struct world *w = world_new();

    w->limits = (struct deadlines_limits){.items = 64, .total = 100000, .page = 16, .batch = 10};
    for (int i = 0; i < 3000; i++)
        add_row(w, (i * 7919) % 200000 + 100);
    start(w);
    pass(w, 201 * 1000);
    check_all_fired(w);
    check(w->pull_count >= 3000 / 32);
    check(w->pull_count < 1000);
    world_free(w);
}

TEST(test_deadlines_a_crowd_at_one_moment_is_fired_in_batches)
{
    struct world *w = world_new();

    for (int i = 0; i < ROWS_MAX; i++)
        add_row(w, 5000);
    start(w);
    pass(w, 5100);
    check_all_fired(w);
    check(w->fire_count >= ROWS_MAX / 500);
    world_free(w);
}

TEST(test_deadlines_later_commits_come_as_casts)
{
    struct world *w = world_new();

    start(w);
    pass(w, 100);
    cast(w, 1, add_row(w, 2000));
    cast(w, 2, add_row(w, 1000));
    const unsigned pulls = w->pull_count;
    pass(w, 3000);
    check_all_fired(w);
    check_i64(w->pull_count, pulls);
    world_free(w);
}

TEST(test_deadlines_a_gap_means_pulling_again)
{
    struct world *w = world_new();

    start(w);
    pass(w, 100);
    add_row(w, 1500); /* cast 1 is lost */
    cast(w, 2, add_row(w, 2000));
    check(w->open_pull != 0);
    check_i64(w->pull.after_wall_ns, 0);
    pass(w, 3000);
    check_all_fired(w);
    cast(w, 2, add_row(w, 2000)); /* a repeated one adds nothing */
    check(w->open_pull == 0);
    w->row_count--;
    pass(w, 3000);
    check_all_fired(w);
    world_free(w);
}

TEST(test_deadlines_a_full_window_gives_up_its_far_end_only)
{
    struct world *w = world_new();

    w->limits = (struct deadlines_limits){.items = 100, .total = 100000, .page = 40, .batch = 100};
    start(w);
    pass(w, 10);
    for (unsigned i = 0; i < 1000; i++)
        cast(w, i + 1, add_row(w, (int64_t)(i * 7919) % 50000 + 500));
    pass(w, 60 * 1000);
    check_all_fired(w);
    world_free(w);
}

TEST(test_deadlines_an_idle_shard_is_hardly_asked)
{
    struct world *w = world_new();

    start(w);
    pass(w, 24 * 3600 * 1000);
    check(w->pull_count < 40);
    check_i64(w->fire_count, 0);
    world_free(w);
}

TEST(test_deadlines_what_could_not_be_sent_is_fired_later)
{
    struct world *w = world_new();

    add_row(w, 1000);
    start(w);
    w->refuse_fires = true;
    pass(w, 1050);
    check(!w->rows[0].fired);
    w->refuse_fires = false;
    pass(w, 200);
    check(w->rows[0].fired);
    world_free(w);
}

TEST(test_deadlines_a_failed_pull_is_tried_again_with_back_off)
{
    struct world *w = world_new();
    unsigned tries = 0;

    add_row(w, 120 * 1000);
    start(w);
    for (int64_t end = w->now_ns + 60 * SEC; w->now_ns < end;) {
        if (w->open_pull) {
            const uint64_t id = w->open_pull;
            const struct rpc_deadlines none = {0};

            w->open_pull = 0;
            tries++;
            deadlines_on_pulled(w->core, id, ERR_UNAVAILABLE, &none, w->now_ns);
        }
        w->now_ns = deadlines_next_due_ns(w->core);
        deadlines_run_due(w->core, w->now_ns);
    }
    check(tries > 10 && tries < 30);
    pass(w, 61 * 1000);
    check_all_fired(w);
    world_free(w);
}

TEST(test_deadlines_are_forgotten_with_their_owner)
{
    struct world *w = world_new();

    add_row(w, 1000);
    start(w);
    pass(w, 10);
    deadlines_process_lost(w->core, PROCESS);
    check(deadlines_next_due_ns(w->core) == INT64_MAX);
    pass(w, 2000);
    check_i64(w->fire_count, 0);
    world_free(w);
}

TEST(test_deadlines_answers_of_an_old_epoch_do_not_count)
{
    struct world *w = world_new();
    const struct rpc_assign next = {.epoch = EPOCH + 1, .process = PROCESS};
    const struct rpc_deadlines none = {0};

    add_row(w, 1000);
    start(w);
    const uint64_t old = w->open_pull;
    w->open_pull = 0;
    deadlines_assign(w->core, &next, w->now_ns);
    check(w->open_pull != 0);
    deadlines_on_pulled(w->core, old, ERR_STALE, &none, w->now_ns);
    pass(w, 1100);
    check_all_fired(w);
    world_free(w);
}

TEST(test_deadlines_a_reset_pulls_from_the_first_row)
{
    struct world *w = world_new();

    add_row(w, 30000);
    start(w);
    pass(w, 10);
    add_row(w, 1000); /* its cast is lost, and nothing follows it */
    deadlines_process_reset(w->core, PROCESS, w->now_ns);
    check_i64(w->pull.after_wall_ns, 0);
    pass(w, 31000);
    check_all_fired(w);
    deadlines_shard_lost(w->core, rpc_timers_shard(0));
    check(deadlines_next_due_ns(w->core) == INT64_MAX);
    world_free(w);
}
