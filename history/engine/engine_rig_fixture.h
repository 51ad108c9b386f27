/* engine_rig_fixture.h - what the rig of the engine's tests drives: a run with its store and its
 * clock, the tasks that it has offered, and what is checked after every step. See engine_rig.h. */
#ifndef GNOMON_ENGINE_RIG_FIXTURE_H
#define GNOMON_ENGINE_RIG_FIXTURE_H

#include "common/store/memory/store_memory.h"
#include "history/engine/engine_int.h"
#include "history/engine/rebuild.h"
#include "history/engine/rows.h"
#include "history/engine/run_codec.h"
#include "history/engine/update.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define RIG_NAMESPACE "01020304-0506-4708-890a-0b0c0d0e0f10"
#define RIG_STICKY "sticky-of-worker"

enum { RIG_TASKS_MAX = 512, RIG_TOKENS = 2 };

struct rig {
    const char *name; /* of the scenario, for messages */
    struct fake_clock clock;
    struct log log;
    struct metrics *metrics;
    struct store *store;
    struct store_shard *shard;
    char dir[256];
    struct rng rng;
    uint64_t row_seq;
    struct engine_limits limits;
    struct arena arena; /* of the whole scenario */
    struct run *run;
    struct run *ended; /* the run before, which continued as `run` */
    struct slice ended_history;
    size_t runs_ended;
    struct buf history;
    struct slice shared; /* of the history of the run that follows: the events before its own */
    struct task_change tasks[RIG_TASKS_MAX]; /* dispatchable now, oldest first */
    size_t task_count;
    struct rpc_effect out[RIG_TASKS_MAX]; /* requests to other executions, oldest first */
    size_t out_count;
    struct rpc_effect last_answered;
    bool last_failed;
    const struct engine_namespaces *namespaces; /* NULL: only the run's own */
    struct rpc_effect_outcome outcome;          /* of what another execution did to the run */
    struct task_token tokens[RIG_TOKENS];       /* of workflow tasks: the last, the one before */
    struct task_token answered;                 /* the one of the last answer */
    struct task_token activity_token;
    struct err_detail detail;
    uint64_t poll_id;
    int64_t now_ns;
    const char *told;  /* what became of updates, so far */
    char *pending[64]; /* ids of updates that are not over */
    size_t pending_count;
    struct update_answer answer; /* to the last request for an update */
    /* of the last step */
    struct started_workflow_task *started;
    struct slice reply;
    bool wft_completed, wft_failed, started_rides;
    enum err err;
    bool (*more)(struct rig *rig, const char *word, const char *verb, const char *args);
    int64_t extra_from; /* first id of the transient events that were handed out */
};

static void rig_durable(void *arg, int64_t seq)
{
    UNUSED(arg);
    UNUSED(seq);
}

static void rig_lost(void *arg, enum err err)
{
    UNUSED(arg);
    check_ok(err);
}

static void rig_init(struct rig *rig, const char *name)
{
    static const struct store_shard_callbacks callbacks = {rig_durable, rig_lost, NULL};
    struct err_detail detail = {.text = ""};

    memset(rig, 0, sizeof(*rig));
    rig->name = name;
    rig->told = "";
    rig->now_ns = 1700000000 * NS_PER_S + 123456789;
    fake_clock_init(&rig->clock, NS_PER_S);
    rig->log = (struct log){.level = LOG_ERROR + 1, .fd = 2};
    rig->metrics = metrics_new();
    snprintf(rig->dir, sizeof(rig->dir), "/tmp/gnomon-engine-test-%d", (int)getpid());
    store_memory_wipe(rig->dir);
    const struct store_options options = {.backend = "memory",
                                          .dir = rig->dir,
                                          .service = "test",
                                          .clock = &rig->clock.clock,
                                          .log = &rig->log,
                                          .metrics = rig->metrics,
                                          .commit_threads = 1,
                                          .manual = true};
    must(store_open(&options, &rig->store, &detail) == ERR_OK);
    must(store_shard_open(rig->store, 1, NULL, &callbacks, &rig->shard, &detail) == ERR_OK);
    rng_seed(&rig->rng, 42);
    rig->limits = engine_limits_default;
    arena_init(&rig->arena);
    buf_init(&rig->history, 0);
}

static void rig_release(struct rig *rig)
{
    run_free(rig->run);
    run_free(rig->ended);
    store_shard_close(rig->shard, false);
    store_close(rig->store);
    store_memory_wipe(rig->dir);
    metrics_free(rig->metrics);
    arena_release(&rig->arena);
    buf_release(&rig->history);
}

static void rig_failed(const struct rig *rig, const char *word, const char *what, const char *more)
{
    test_failed(__FILE__, __LINE__, "%s: at \"%s\": %s %s", rig->name, word, what, more);
}

/* -- after a step ---------------------------------------------------------------------------- */

struct rig_load {
    struct rig *rig;
    struct run *run;
    size_t task_rows, deadline_rows, visible_rows, outgoing_rows;
};

#include "history/engine/engine_rig_effects.h"
#include "history/engine/engine_rig_operations.h"

/* A task row stands for a dispatchable task, and the other way round. */
static bool rig_visit_task(void *arg, struct slice key, struct slice value)
{
    struct rig_load *load = arg;
    struct rpc_task task;
    struct row_key want;
    size_t at = 0;

    load->task_rows++;
    check_ok(row_task_decode(&load->rig->arena, value, &task));
    while (at < load->rig->task_count && load->rig->tasks[at].row_seq != task.row_seq)
        at++;
    check(at < load->rig->task_count);
    if (at == load->rig->task_count)
        return true;
    const struct task_change *change = &load->rig->tasks[at];
    check_i64(task.kind, change->kind);
    check_i64(task.scheduled_event_id, change->scheduled_event_id);
    check_i64(task.attempt, change->attempt);
    check_slice(task.workflow_id, load->rig->run->workflow_id);
    check_slice(task.run_id, slice_str(load->rig->run->run_id));
    row_key_task(&want, load->rig->run->tablet, task.namespace_id, task.task_queue, task.kind,
                 task.sticky, task.priority, task.row_seq);
    check_slice(key, row_key_slice(&want));
    return true;
}

static bool rig_visit_deadline(void *arg, struct slice key, struct slice value)
{
    struct rig_load *load = arg;
    struct row_key want;

    UNUSED(value);
    load->deadline_rows++;
    row_key_deadline(&want, load->rig->run->tablet, load->rig->run->deadline_row_ns,
                     load->rig->run->run_id);
    check_slice(key, row_key_slice(&want));
    return true;
}

static bool rig_visit_visible(void *arg, struct slice key, struct slice value)
{
    struct rig_load *load = arg;
    struct slice info;

    UNUSED(key);
    load->visible_rows++;
    check_ok(row_visibility_decode(&load->rig->arena, value, &info));
    api_workflow_execution_info *decoded =
        engine_decode(&load->rig->arena, &api_workflow_execution_info__desc, info);
    check(decoded != NULL && decoded->execution != NULL);
    if (!decoded || !decoded->execution)
        return true;
    const char *run_id = decoded->execution->run_id;
    if (strcmp(run_id, load->rig->run->run_id) == 0)
        check_i64((int32_t)decoded->status, load->rig->run->status);
    else if (strcmp(run_id, load->rig->ended->run_id) == 0)
        check_i64((int32_t)decoded->status, load->rig->ended->status);
    else
        check(decoded->status != WORKFLOW_EXECUTION_STATUS_RUNNING);
    return true;
}

static void rig_scan(struct store_snapshot *snapshot, struct rig_load *load, char family,
                     store_visit_fn visit)
{
    const uint8_t from[] = {load->rig->run->tablet, (uint8_t)family};
    const uint8_t to[] = {load->rig->run->tablet, (uint8_t)(family + 1)};

    check_ok(
        store_scan(snapshot, STORE_MAIN, slice_of(from, 2), slice_of(to, 2), false, visit, load));
}

static void rig_check_current(struct store_snapshot *snapshot, struct rig *rig)
{
    struct row_key key;
    struct slice row;
    bool found = false;
    struct current_run current;

    row_key_current(&key, rig->run->tablet, EXECUTION_WORKFLOW, SLICE_LIT(RIG_NAMESPACE),
                    rig->run->workflow_id);
    check_ok(store_get(snapshot, STORE_MAIN, row_key_slice(&key), &rig->arena, &row, &found));
    check(found);
    if (!found || row_current_decode(&rig->arena, row, &current) != ERR_OK) {
        rig_failed(rig, "", "no readable row of the current run", "");
        return;
    }
    check_str(current.run_id, rig->run->run_id);
    check_str(current.first_run_id, rig->run->first_run_id);
    check_str(current.start_request_id, rig->run->start_request_id);
    check_i64(current.status, rig->run->status);
    check_i64(current.close_ns, rig->run->close_ns);
}

/* A speculative task has none. */
static size_t rig_row_count(const struct rig *rig)
{
    size_t count = 0;

    for (size_t i = 0; i < rig->task_count; i++)
        count += !rig->tasks[i].speculative;
    return count;
}

static enum err rig_read(struct store_snapshot *snapshot, void *arg)
{
    struct rig_load *load = arg;

    rig_scan(snapshot, load, 'T', rig_visit_task);
    rig_scan(snapshot, load, 'D', rig_visit_deadline);
    rig_scan(snapshot, load, 'O', rig_visit_outgoing);
    check_i64((int64_t)load->outgoing_rows, (int64_t)load->rig->out_count);
    check_ok(store_scan(snapshot, STORE_VISIBILITY, SLICE_EMPTY, SLICE_EMPTY, false,
                        rig_visit_visible, load));
    check_i64((int64_t)load->task_rows, (int64_t)rig_row_count(load->rig));
    check_i64((int64_t)load->deadline_rows, load->rig->run->deadline_row_ns ? 1 : 0);
    check_i64((int64_t)load->visible_rows, (int64_t)load->rig->runs_ended + 1);
    rig_check_current(snapshot, load->rig);
    return run_load(snapshot, load->rig->run->tablet, SLICE_LIT(RIG_NAMESPACE),
                    load->rig->run->run_id, &load->run);
}

static void rig_check_stored(struct rig *rig, const char *word)
{
    struct rig_load load = {.rig = rig};
    struct buf diff;

    if (store_read_now(rig->shard, rig_read, &load) != ERR_OK) {
        rig_failed(rig, word, "does not load", "");
        return;
    }
    buf_init(&diff, 0);
    if (!run_compare(rig->run, load.run, RUN_FIELDS_ALL, &diff)) {
        buf_append(&diff, "", 1);
        rig_failed(rig, word, "state and rows differ:", (const char *)diff.ptr);
    }
    buf_release(&diff);
    run_free(load.run);
}

static void rig_check_rebuilt(struct rig *rig, const char *word)
{
    struct run *rebuilt;
    const char *why;
    struct buf diff;
    struct arena arena;

    arena_init(&arena);
    buf_init(&diff, 0);
    if (run_rebuild(&arena, buf_slice(&rig->history), bytes_slice(rig->run->buffered), &rebuilt,
                    &why) != ERR_OK) {
        rig_failed(rig, word, "illegal history:", why);
    } else {
        if (!run_compare(rig->run, rebuilt, RUN_FIELDS_DERIVED, &diff)) {
            buf_append(&diff, "", 1);
            rig_failed(rig, word, "state and rebuild differ:", (const char *)diff.ptr);
        }
        run_free(rebuilt);
    }
    buf_release(&diff);
    arena_release(&arena);
}

static void rig_remove_task(struct rig *rig, size_t at)
{
    memmove(&rig->tasks[at], &rig->tasks[at + 1],
            (rig->task_count - at - 1) * sizeof(rig->tasks[0]));
    rig->task_count--;
}

/* Offers of speculative tasks that are void, or were replaced by one with a row. */
static void rig_forget_speculative(struct rig *rig)
{
    const struct workflow_task *wft = &rig->run->wft;

    for (size_t i = rig->task_count; i-- > 0;)
        if (rig->tasks[i].speculative &&
            (!wft->speculative || rig->tasks[i].row_seq != wft->row_seq))
            rig_remove_task(rig, i);
}

static void rig_keep_tasks(struct rig *rig, const struct transition *t)
{
    rig_forget_speculative(rig);
    for (size_t i = 0; i < t->change_count; i++) {
        const struct task_change *change = &t->changes[i];
        if (change->add) {
            must(rig->task_count < RIG_TASKS_MAX);
            rig->tasks[rig->task_count] = *change;
            rig->tasks[rig->task_count++].task_queue = arena_copy(&rig->arena, change->task_queue);
            continue;
        }
        size_t at = 0;
        while (at < rig->task_count && rig->tasks[at].row_seq != change->row_seq)
            at++;
        check(at < rig->task_count); /* only what was there can be dropped */
        if (at == rig->task_count)
            continue;
        check_slice(change->task_queue, rig->tasks[at].task_queue);
        check_i64(change->sticky, rig->tasks[at].sticky);
        check_i64(change->priority, rig->tasks[at].priority);
        rig_remove_task(rig, at);
    }
}

static void rig_begin(struct rig *rig, struct transition *t)
{
    memset(&rig->detail, 0, sizeof(rig->detail));
    transition_init(t, rig->run, &rig->arena);
    t->now_ns = rig->now_ns;
    t->rng = &rig->rng;
    t->row_seq = &rig->row_seq;
    t->limits = &rig->limits;
    t->namespaces = rig->namespaces;
    t->detail = &rig->detail;
}

static void rig_keep_started(struct rig *rig, const struct transition *t)
{
    rig->started = t->started;
    if (!t->started)
        return;
    const ProtobufCBinaryData bytes = t->started->response->task_token;
    rig->tokens[1] = rig->tokens[0];
    check_ok(task_token_decode(&rig->arena, slice_of(bytes.data, bytes.len), &rig->tokens[0]));
    if (t->started->extra_events.len > 0) {
        size_t count;
        api_history_event **events =
            engine_decode_events(&rig->arena, t->started->extra_events, &count);
        must(events != NULL && count == 2);
        rig->extra_from = events[0]->event_id;
        check_i64(events[0]->event_id, rig->run->next_event_id);
        check_i64(events[1]->event_id, t->started->response->started_event_id);
    }
}

/* The run continued as a new one, which the rig goes on with. Its rows join `ops`. */
static void rig_follow(struct rig *rig, struct transition *t, const char *word,
                       struct store_op **ops, size_t *count)
{
    struct transition *next = t->next;
    struct store_op *more;
    size_t more_count;

    rig_check_rebuilt(rig, word);
    run_free(rig->ended);
    rig->ended = rig->run;
    rig->runs_ended++;
    rig->ended_history = arena_copy(&rig->arena, buf_slice(&rig->history));
    rig->run = next->run;
    t->next_taken = true;
    buf_clear(&rig->history);
    buf_append_slice(&rig->history, rig->shared);
    buf_append_slice(&rig->history, buf_slice(&next->events));
    rig->shared = SLICE_EMPTY;
    rig_keep_tasks(rig, next);
    rig_keep_outgoing(rig, next);
    rows_of_transition(next, true, &more, &more_count);
    struct store_op *all = ARENA_ARRAY(&rig->arena, struct store_op, *count + more_count);
    memcpy(all, *ops, *count * sizeof(*all));
    memcpy(all + *count, more, more_count * sizeof(*all));
    *ops = all;
    *count += more_count;
}

static void rig_keep_updates(struct rig *rig, const struct transition *t);
static void rig_check_updates(struct rig *rig, const char *word);

static void rig_end(struct rig *rig, struct transition *t, const char *word, enum err err)
{
    struct store_op *ops;
    size_t count;
    int64_t seq;

    rig->err = err != ERR_OK ? err : t->reply_err;
    rig->reply = t->reply;
    rig->wft_completed = t->wft_completed;
    rig->wft_failed = t->wft_failed;
    rig->started_rides = t->started_rides;
    if (err != ERR_OK) {
        if (t->events.len != 0 || t->change_count != 0 || t->outgoing_count != 0)
            rig_failed(rig, word, "an error that changed something", err_name(err));
        transition_release(t);
        return;
    }
    rows_of_transition(t, t->first_event_id == 1, &ops, &count);
    rig_keep_tasks(rig, t);
    rig_keep_outgoing(rig, t);
    rig_keep_started(rig, t);
    buf_append_slice(&rig->history, buf_slice(&t->events));
    rig_keep_updates(rig, t);
    if (t->next)
        rig_follow(rig, t, word, &ops, &count);
    if (count > 0) {
        check_ok(store_stage(rig->shard, ops, count, true, &seq));
        for (int i = 0; store_step(rig->store); i++)
            must(i < 100000);
    }
    transition_release(t);
    rig_check_stored(rig, word);
    rig_check_rebuilt(rig, word);
    rig_check_updates(rig, word);
}

#endif
