/* matching_random_test.c - the core under random schedules: history is a set of rows that answers
 * late, loses requests and replies, resets; polls come, go and expire. Whatever happens, every
 * task is delivered exactly once to a poll that waits. Seeded: a failure names its seed. */
#include "common/base/rng.h"
#include "matching/matching.h"
#include "tests/lib/test.h"

#include <stdio.h>

enum {
    ROWS = 600,
    CALLS = 20000,
    OPEN = 512,
    SHARDS = 3,
    QUEUES = 2,
    SEEDS = 200,
    STEPS = 1500,
    QUIET = 60
};
#define NS "0b7fa9a5-91c6-4a39-8a6b-4b8d5a5f5c11"
static const char *const queue_names[QUEUES] = {"q", "r"};

struct row {
    unsigned queue, shard;
    uint64_t seq; /* 0: there is no row now */
    int32_t priority;
    uint64_t started_by; /* poll id */
    unsigned delivered;
};

enum call_state { CALL_NONE, CALL_WAITS, CALL_ANSWERED, CALL_GONE };

struct open_start {
    uint64_t id, seq, call;
};
struct open_pull {
    uint64_t id;
    unsigned shard, queue;
    uint32_t limit;
    bool seen; /* the page was read, but not sent */
    uint32_t count;
    bool has_more;
    uint64_t seqs[64];
};

struct world {
    struct matching *core;
    struct matching_out out;
    struct fake_clock clock;
    struct rng rng;
    struct row rows[ROWS];
    unsigned row_count;
    uint64_t last_seq, last_call;
    uint8_t calls[CALLS];
    struct open_start starts[OPEN];
    struct open_pull pulls[OPEN];
    unsigned start_count, pull_count;
    bool lossy; /* offers get lost, history resets */
    bool lost_offers, wrong_answer;
};

static bool chance(struct world *w, unsigned percent)
{
    return rng_below(&w->rng, 100) < percent;
}

static int64_t now(const struct world *w)
{
    return w->clock.now_ns;
}

static struct row *row_by_seq(struct world *w, uint64_t seq)
{
    for (unsigned i = 0; i < w->row_count; i++)
        if (w->rows[i].seq == seq)
            return &w->rows[i];
    return NULL;
}

static struct rpc_task task_of(const struct row *row)
{
    return (struct rpc_task){.kind = TASK_WORKFLOW,
                             .history_shard = row->shard,
                             .row_seq = row->seq,
                             .namespace_id = SLICE_LIT(NS),
                             .task_queue = slice_str(queue_names[row->queue]),
                             .workflow_id = SLICE_LIT("wf"),
                             .run_id = SLICE_LIT("run"),
                             .priority = row->priority,
                             .created_wall_ns = (int64_t)row->seq * NS_PER_MS};
}

/* -- the outside ---------------------------------------------------------------------------- */

static void fake_start(void *arg, uint64_t match_id, const struct rpc_start_task *start)
{
    struct world *w = arg;

    must(w->start_count < OPEN);
    w->starts[w->start_count++] =
        (struct open_start){match_id, start->task.row_seq, start->poll.reply_to.call};
}

static void fake_pull(void *arg, uint64_t pull_id, uint32_t history_shard,
                      const struct rpc_pull_tasks *pull)
{
    struct world *w = arg;

    must(w->pull_count < OPEN);
    w->pulls[w->pull_count++] =
        (struct open_pull){.id = pull_id,
                           .shard = history_shard,
                           .queue = slice_eq(pull->task_queue, slice_str(queue_names[0])) ? 0 : 1,
                           .limit = pull->limit};
}

static void fake_no_sticky(void *arg, const struct rpc_task *task)
{
    UNUSED(arg);
    must(task->sticky);
}

static void fake_reply(void *arg, struct mesh_addr to, enum err err, const char *text,
                       struct slice body)
{
    struct world *w = arg;

    UNUSED(text);
    UNUSED(body);
    w->wrong_answer = w->wrong_answer || w->calls[to.call] != CALL_WAITS || err != ERR_OK;
    w->calls[to.call] = CALL_ANSWERED;
}

/* -- history -------------------------------------------------------------------------------- */

static void offer(struct world *w, const struct row *row)
{
    const struct rpc_task task = task_of(row);

    if (w->lossy && chance(w, 10))
        w->lost_offers = true; /* the loss is noticed, later */
    else
        matching_offer(w->core, &task, 1, now(w));
}

static void commit_row(struct world *w)
{
    if (w->row_count == ROWS)
        return;
    struct row *row = &w->rows[w->row_count++];
    *row = (struct row){.queue = (unsigned)rng_below(&w->rng, QUEUES),
                        .shard = (unsigned)rng_below(&w->rng, SHARDS),
                        .seq = ++w->last_seq,
                        .priority = (int32_t)rng_below(&w->rng, 5) + 1};
    offer(w, row);
}

/* The start as history carries it out, once or again. */
static enum err carry_out(struct world *w, const struct open_start *start)
{
    struct row *row = row_by_seq(w, start->seq);

    if (!row)
        return ERR_STALE;
    if (row->started_by)
        return row->started_by == start->call ? ERR_OK : ERR_STALE;
    row->started_by = start->call;
    if (w->calls[start->call] == CALL_WAITS) {
        w->calls[start->call] = CALL_ANSWERED;
        row->delivered++;
    } else { /* not delivered: a new row */
        row->started_by = 0;
        row->seq = ++w->last_seq;
        offer(w, row);
    }
    return ERR_OK;
}

static void settle_start(struct world *w, bool well)
{
    if (w->start_count == 0)
        return;
    const unsigned i = (unsigned)rng_below(&w->rng, w->start_count);
    const struct open_start start = w->starts[i];
    enum err err = ERR_PEER_RESET;

    w->starts[i] = w->starts[--w->start_count];
    if (well || chance(w, 70))
        err = carry_out(w, &start);
    if (!well && chance(w, 15))
        err = ERR_TIMEOUT; /* the reply is lost */
    matching_on_started(w->core, start.id, err, now(w));
}

static void read_page(struct world *w, struct open_pull *pull)
{
    pull->seen = true;
    for (int32_t priority = 1; priority <= 5; priority++)
        for (unsigned i = 0; i < w->row_count; i++) {
            const struct row *row = &w->rows[i];

            if (row->started_by || row->queue != pull->queue || row->shard != pull->shard ||
                row->priority != priority)
                continue;
            if (pull->count == pull->limit || pull->count == COUNT_OF(pull->seqs)) {
                pull->has_more = true;
                return;
            }
            pull->seqs[pull->count++] = row->seq;
        }
}

static void settle_pull(struct world *w, bool well)
{
    struct rpc_task tasks[COUNT_OF(w->pulls[0].seqs)];

    if (w->pull_count == 0)
        return;
    const unsigned i = (unsigned)rng_below(&w->rng, w->pull_count);
    if (!w->pulls[i].seen)
        read_page(w, &w->pulls[i]);
    if (!well && chance(w, 40))
        return; /* it travels still */
    const struct open_pull pull = w->pulls[i];
    w->pulls[i] = w->pulls[--w->pull_count];
    uint32_t count = 0;
    for (uint32_t j = 0; j < pull.count; j++) {
        struct row row = {
            .queue = pull.queue, .shard = pull.shard, .seq = pull.seqs[j], .priority = 3};
        const struct row *now_row = row_by_seq(w, row.seq);

        tasks[count++] = task_of(now_row ? now_row : &row); /* may be started or renamed by now */
    }
    const enum err err = well || chance(w, 80) ? ERR_OK : ERR_UNAVAILABLE;
    matching_on_pulled(w->core, pull.id, err, tasks, count, pull.has_more, now(w));
}

/* -- workers -------------------------------------------------------------------------------- */

static void poll_once(struct world *w, unsigned queue, int64_t timeout_ns)
{
    const uint64_t call = ++w->last_call;

    must(call < CALLS);
    w->calls[call] = CALL_WAITS;
    const struct rpc_poll poll = {.kind = TASK_WORKFLOW,
                                  .namespace_id = SLICE_LIT(NS),
                                  .task_queue = slice_str(queue_names[queue]),
                                  .poll_id = call,
                                  .reply_to = {.process = 1 + call % 2, .call = call}};
    matching_poll(w->core, &poll, now(w) + timeout_ns, now(w));
}

static void cancel_one(struct world *w)
{
    const uint64_t call = w->last_call ? rng_below(&w->rng, w->last_call) + 1 : 0;

    if (w->calls[call] != CALL_WAITS)
        return;
    w->calls[call] = CALL_GONE;
    matching_cancel(w->core, (struct mesh_addr){1 + call % 2, call}, now(w));
}

static void lose_frontend(struct world *w)
{
    const uint64_t process = 1 + rng_below(&w->rng, 2);

    for (uint64_t call = 1; call <= w->last_call; call++)
        if (w->calls[call] == CALL_WAITS && 1 + call % 2 == process)
            w->calls[call] = CALL_GONE;
    matching_process_lost(w->core, process, now(w));
}

static void pass(struct world *w, int64_t ns)
{
    w->clock.now_ns += ns;
    matching_run_due(w->core, now(w));
}

static void step(struct world *w)
{
    const unsigned what = (unsigned)rng_below(&w->rng, 100);

    if (what < 25)
        commit_row(w);
    else if (what < 45)
        poll_once(w, (unsigned)rng_below(&w->rng, QUEUES),
                  (int64_t)rng_below(&w->rng, 20) * NS_PER_S);
    else if (what < 65)
        settle_start(w, false);
    else if (what < 80)
        settle_pull(w, false);
    else if (what < 95)
        pass(w, (int64_t)rng_below(&w->rng, 500) * NS_PER_MS);
    else if (what < 98)
        cancel_one(w);
    else if (what == 98)
        lose_frontend(w);
    else if (w->lossy)
        matching_history_reset(w->core, now(w));
}

static unsigned standing(const struct world *w, unsigned queue)
{
    unsigned count = 0;

    for (unsigned i = 0; i < w->row_count; i++)
        count += w->rows[i].queue == queue && w->rows[i].delivered == 0;
    return count;
}

/* Everything answers from here on: all that stands must go out. */
static bool quiesce(struct world *w)
{
    if (w->lost_offers)
        matching_history_reset(w->core, now(w));
    for (unsigned round = 0; round < 4000; round++) {
        bool left = false;

        if (w->lost_offers && round % 50 == 0)
            matching_history_reset(w->core, now(w)); /* un-starts are offered, and may be lost */
        for (unsigned queue = 0; queue < QUEUES; queue++)
            if (standing(w, queue)) {
                left = true;
                if (w->last_call + 1 < CALLS)
                    poll_once(w, queue, 30 * NS_PER_S);
            }
        while (w->pull_count || w->start_count) {
            settle_pull(w, true);
            settle_start(w, true);
        }
        if (!left)
            return true;
        pass(w, 300 * NS_PER_MS);
    }
    return false;
}

static bool run(uint64_t seed)
{
    static struct world w;
    struct matching_limits limits = matching_limits_default;
    const struct log log = {.level = LOG_ERROR, .fd = 2};
    struct metrics *metrics = metrics_new();
    bool good = true;

    w = (struct world){.lossy = seed % 2 == 0};
    rng_seed(&w.rng, seed);
    fake_clock_init(&w.clock, INT64_C(1795000000) * NS_PER_S);
    w.out = (struct matching_out){.arg = &w,
                                  .start = fake_start,
                                  .pull = fake_pull,
                                  .no_sticky_poller = fake_no_sticky,
                                  .reply = fake_reply};
    limits.window_tasks = 4 + (uint32_t)(seed % 40);
    limits.total_tasks = limits.window_tasks + (uint32_t)(seed % 7);
    limits.pulls = 1 + (uint32_t)(seed % 5);
    const struct matching_options options = {.out = &w.out,
                                             .limits = &limits,
                                             .history_shards = SHARDS,
                                             .clock = &w.clock.clock,
                                             .log = &log,
                                             .metrics = metrics,
                                             .seed = seed};
    w.core = matching_new(&options);
    for (unsigned i = 1; i <= STEPS && good; i++) {
        step(&w);
        if (i % QUIET == 0)
            good = quiesce(&w) && !w.wrong_answer;
    }
    for (unsigned i = 0; i < w.row_count; i++)
        good = good && w.rows[i].delivered == 1;
    matching_free(w.core);
    metrics_free(metrics);
    return good;
}

TEST(test_matching_delivers_every_task_once_whatever_happens)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        if (!run(seed)) {
            fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
            check(!"a task was lost or delivered twice");
            return;
        }
}
