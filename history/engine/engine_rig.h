/* engine_rig.h - drives one run through a scenario on a fake clock; for the engine's tests.
 *
 * A scenario is a script of words. After every step the rig applies the step's rows to a memory
 * store, loads the run anew and compares the two; it rebuilds the run from its history and
 * compares again. So each scenario also checks that state equals its stored form and its rebuild.
 *
 *   start[:delay=5,run=60,...]     a new run; seconds (memo=1: with a memo)
 *   poll, spoll                    a workflow task starts, from the normal or a sticky queue
 *   done:cmd,cmd...                the task is completed; sdone: with sticky attributes;
 *                                  ndone: wants the next task inline; hdone: a heartbeat, too
 *     act=ID  timer=ID/SEC  mark=NAME  untimer=ID  unact=EVENT  complete  fail  cancel  can  nomark
 *     attr=NAME  unattr=NAME  badattr        search attributes set, unset, unknown
 *   wfail[=CAUSE]                  the worker fails the task, a WORKFLOW_TASK_FAILED_CAUSE_ by
 * number again                          the last answer once more;  old: the token before the last
 *   signal=NAME[/REQUEST]  stop  term  nosticky  resetsticky
 *   unstart, oldunstart            the last start (the one before) reached nobody
 *   apoll  adone  afail            activities, oldest task first
 *   answer, closed, xsignal, ...   other executions: see engine_rig_effects.h
 *   upd, reapply                   updates: see engine_rig_updates.h
 *   apause, wpause, ...            operations: see engine_rig_operations.h
 *   reset                          to an event: see engine_rig_reset.h
 *   wait=SEC                       the clock moves on, stopping at every deadline
 *   whatever rig->more knows       words of one test
 *   a word ends with !CODE         the caller gets that error: !NOT_FOUND
 */
#ifndef GNOMON_ENGINE_RIG_H
#define GNOMON_ENGINE_RIG_H

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

/* -- steps ----------------------------------------------------------------------------------- */

static pb_duration *rig_seconds(struct rig *rig, int64_t seconds)
{
    pb_duration *d = engine_message(&rig->arena, &pb_duration__desc);

    d->seconds = seconds;
    return d;
}

static int64_t rig_option(const char *args, const char *name)
{
    const char *at = args ? strstr(args, name) : NULL;

    return at ? strtoll(at + strlen(name), NULL, 10) : 0;
}

/* Intervals of 1, 2, 4, 5, 5 ... seconds; "Fatal" and heartbeats are not tried again. */
static api_retry_policy *rig_retry_policy(struct rig *rig, int32_t attempts)
{
    static char fatal[] = "Fatal", *types[] = {fatal};
    api_retry_policy *policy = engine_message(&rig->arena, &api_retry_policy__desc);

    policy->maximum_attempts = attempts;
    policy->initial_interval = rig_seconds(rig, 1);
    policy->maximum_interval = rig_seconds(rig, 5);
    policy->non_retryable_error_types = types;
    policy->n_non_retryable_error_types = COUNT_OF(types);
    return policy;
}

/* "Type", or "delay/7": the worker wants the next attempt in 7 s. */
static api_failure_failure *rig_app_failure(struct rig *rig, char *arg)
{
    api_failure_failure *failure = engine_message(&rig->arena, &api_failure_failure__desc);

    if (!arg)
        return failure;
    failure->failure_info_case = API_FAILURE_FAILURE_INFO_APPLICATION_FAILURE_INFO;
    failure->application_failure_info =
        engine_message(&rig->arena, &api_application_failure_info__desc);
    failure->application_failure_info->type = arg;
    if (strncmp(arg, "delay/", 6) == 0)
        failure->application_failure_info->next_retry_delay =
            rig_seconds(rig, strtoll(arg + 6, NULL, 10));
    return failure;
}

static api_start_workflow_execution_request *rig_start_request(struct rig *rig, const char *args)
{
    api_start_workflow_execution_request *r =
        engine_message(&rig->arena, &api_start_workflow_execution_request__desc);
    static char id[] = "wf", type[] = "Type", queue[] = "q", request[] = "req-1", me[] = "client";

    r->workflow_id = id;
    r->request_id = request;
    r->identity = me;
    r->workflow_type = engine_message(&rig->arena, &api_workflow_type__desc);
    r->workflow_type->name = type;
    r->task_queue = engine_message(&rig->arena, &api_task_queue__desc);
    r->task_queue->name = queue;
    if (rig_option(args, "delay="))
        r->workflow_start_delay = rig_seconds(rig, rig_option(args, "delay="));
    if (rig_option(args, "run="))
        r->workflow_run_timeout = rig_seconds(rig, rig_option(args, "run="));
    if (rig_option(args, "exec="))
        r->workflow_execution_timeout = rig_seconds(rig, rig_option(args, "exec="));
    if (rig_option(args, "task="))
        r->workflow_task_timeout = rig_seconds(rig, rig_option(args, "task="));
    if (rig_option(args, "retry="))
        r->retry_policy = rig_retry_policy(rig, (int32_t)rig_option(args, "retry="));
    r->request_eager_execution = rig_option(args, "eager=") != 0;
    if (rig_option(args, "every="))
        r->cron_schedule = arena_printf(&rig->arena, "@every %ds", (int)rig_option(args, "every="));
    r->input = engine_payloads_of_text(&rig->arena, "hello");
    r->memo = engine_message(&rig->arena, &api_memo__desc);
    if (rig_option(args, "memo=")) {
        r->memo->n_fields = 1;
        r->memo->fields = ARENA_ARRAY(&rig->arena, api_memo_fields_entry *, 1);
        r->memo->fields[0] = engine_message(&rig->arena, &api_memo_fields_entry__desc);
        r->memo->fields[0]->value = r->input->payloads[0];
    }
    r->user_metadata = engine_message(&rig->arena, &api_user_metadata__desc);
    r->user_metadata->summary = r->input->payloads[0];
    return r;
}

static void rig_start(struct rig *rig, const char *word, const char *args)
{
    struct transition t;
    char run_id[UUID_TEXT_LEN + 1];

    uuid_v7(&rig->rng, rig->now_ns / NS_PER_MS, run_id);
    rig->run = run_new();
    rig_begin(rig, &t);
    const struct rpc_effect parent = rig_effect(rig, EFFECT_START_CHILD);
    const struct engine_start start = {.request = rig_start_request(rig, args),
                                       .namespace_id = SLICE_LIT(RIG_NAMESPACE),
                                       .namespace_name = SLICE_LIT("default"),
                                       .retention_s = 86400,
                                       .run_id = run_id,
                                       .parent = rig_option(args, "parent=") ? &parent : NULL};
    rig_end(rig, &t, word, engine_start(&t, &start));
}

/* The oldest dispatchable task of a kind; NULL: none. */
static const struct task_change *rig_task(const struct rig *rig, enum rpc_task_kind kind)
{
    for (size_t i = 0; i < rig->task_count; i++)
        if (rig->tasks[i].kind == kind)
            return &rig->tasks[i];
    return NULL;
}

static void rig_task_of(struct rig *rig, const struct task_change *change, struct rpc_task *task,
                        struct rpc_poll *poll)
{
    static const struct task_change none = {.row_seq = 999999, .kind = TASK_WORKFLOW};

    if (!change)
        change = &none;
    *task = (struct rpc_task){.kind = change->kind,
                              .sticky = change->sticky,
                              .row_seq = change->row_seq,
                              .namespace_id = SLICE_LIT(RIG_NAMESPACE),
                              .task_queue = change->task_queue,
                              .workflow_id = rig->run->workflow_id,
                              .run_id = slice_str(rig->run->run_id),
                              .scheduled_event_id = change->scheduled_event_id,
                              .attempt = change->attempt,
                              .priority = change->priority};
    *poll = (struct rpc_poll){.kind = change->kind,
                              .namespace_id = SLICE_LIT(RIG_NAMESPACE),
                              .namespace_name = SLICE_LIT("default"),
                              .task_queue = change->task_queue,
                              .poll_id = ++rig->poll_id,
                              .identity = SLICE_LIT("worker")};
}

static void rig_poll(struct rig *rig, const char *word, bool sticky, bool repeat)
{
    struct transition t;
    struct rpc_task task;
    struct rpc_poll poll;
    api_poll_workflow_task_queue_request *request =
        engine_message(&rig->arena, &api_poll_workflow_task_queue_request__desc);

    rig_task_of(rig, rig_task(rig, TASK_WORKFLOW), &task, &poll);
    if (repeat)
        poll.poll_id = --rig->poll_id;
    poll.sticky = sticky;
    poll.task_queue = sticky ? SLICE_LIT(RIG_STICKY) : SLICE_LIT("q");
    rig_begin(rig, &t);
    rig_end(rig, &t, word, engine_start_workflow_task(&t, &task, &poll, request));
}

#include "history/engine/engine_rig_updates.h"

/* A search attribute with its name as its value; "[]" unsets it. */
static api_search_attributes *rig_attribute(struct arena *a, char *name, bool set)
{
    static char unset[] = "[]";
    typedef api_search_attributes_indexed_fields_entry entry;
    api_search_attributes *attributes = engine_message(a, &api_search_attributes__desc);
    entry *field = engine_message(a, &api_search_attributes_indexed_fields_entry__desc);
    char *json = set ? arena_printf(a, "[\"%s\"]", name) : unset;

    field->key = name;
    field->value = engine_payloads_of_text(a, "")->payloads[0]; /* JSON, by its metadata */
    field->value->data = (ProtobufCBinaryData){strlen(json), (uint8_t *)json};
    attributes->n_indexed_fields = 1;
    attributes->indexed_fields = ARENA_ARRAY(a, entry *, 1);
    attributes->indexed_fields[0] = field;
    return attributes;
}

static api_command *rig_command(struct rig *rig, const char *text)
{
    struct arena *a = &rig->arena;
    api_command *c = engine_message(a, &api_command__desc);
    const char *value = strchr(text, '=');
    char *arg = value ? arena_str(a, slice_str(value + 1)) : NULL;
    const size_t len = value ? (size_t)(value - text) : strlen(text);

#define RIG_CASE(word) (len == sizeof(word) - 1 && memcmp(text, word, len) == 0)
#define RIG_ATTRS(TYPE, member)                                                                    \
    (c->command_type = COMMAND_TYPE_##TYPE,                                                        \
     c->attributes_case =                                                                          \
         TEMPORAL__API__COMMAND__V1__COMMAND__ATTRIBUTES_##TYPE##_COMMAND_ATTRIBUTES,              \
     c->member##_command_attributes = engine_message(a, &api_##member##_command_attributes__desc))
    if (rig_effect_command(rig, c, slice_of(text, len), arg))
        return c;
    if (RIG_CASE("act")) {
        RIG_ATTRS(SCHEDULE_ACTIVITY_TASK, schedule_activity_task);
        static char type[] = "Act", queue[] = "q";
        api_schedule_activity_task_command_attributes *s =
            c->schedule_activity_task_command_attributes;
        s->activity_id = arg;
        s->activity_type = engine_message(a, &api_activity_type__desc);
        s->activity_type->name = type;
        s->task_queue = engine_message(a, &api_task_queue__desc);
        s->task_queue->name = queue;
        s->start_to_close_timeout = rig_seconds(rig, 30);
        s->input = engine_payloads_of_text(a, "in");
    } else if (RIG_CASE("timer")) {
        RIG_ATTRS(START_TIMER, start_timer);
        char *slash = strchr(arg, '/');
        must(slash != NULL);
        *slash = '\0';
        c->start_timer_command_attributes->timer_id = arg;
        c->start_timer_command_attributes->start_to_fire_timeout =
            rig_seconds(rig, strtoll(slash + 1, NULL, 10));
    } else if (RIG_CASE("untimer")) {
        RIG_ATTRS(CANCEL_TIMER, cancel_timer)->timer_id = arg;
    } else if (RIG_CASE("unact")) {
        RIG_ATTRS(REQUEST_CANCEL_ACTIVITY_TASK, request_cancel_activity_task)->scheduled_event_id =
            strtoll(arg, NULL, 10);
    } else if (RIG_CASE("mark")) {
        RIG_ATTRS(RECORD_MARKER, record_marker)->marker_name = arg;
    } else if (RIG_CASE("attr") || RIG_CASE("unattr")) {
        RIG_ATTRS(UPSERT_WORKFLOW_SEARCH_ATTRIBUTES, upsert_workflow_search_attributes)
            ->search_attributes = rig_attribute(a, arg, text[0] == 'a');
    } else if (RIG_CASE("badattr")) {
        static char unknown[] = "Nobody";
        RIG_ATTRS(UPSERT_WORKFLOW_SEARCH_ATTRIBUTES, upsert_workflow_search_attributes)
            ->search_attributes = rig_attribute(a, unknown, true);
    } else if (RIG_CASE("nomark")) {
        RIG_ATTRS(RECORD_MARKER, record_marker);
    } else if (RIG_CASE("complete")) {
        RIG_ATTRS(COMPLETE_WORKFLOW_EXECUTION, complete_workflow_execution)->result =
            engine_payloads_of_text(a, "out");
    } else if (RIG_CASE("fail")) {
        RIG_ATTRS(FAIL_WORKFLOW_EXECUTION, fail_workflow_execution)->failure =
            rig_app_failure(rig, arg);
    } else if (RIG_CASE("cancel")) {
        RIG_ATTRS(CANCEL_WORKFLOW_EXECUTION, cancel_workflow_execution);
    } else {
        must(RIG_CASE("can") || RIG_CASE("badcan"));
        api_continue_as_new_workflow_execution_command_attributes *n =
            RIG_ATTRS(CONTINUE_AS_NEW_WORKFLOW_EXECUTION, continue_as_new_workflow_execution);
        if (text[0] == 'b')
            n->workflow_run_timeout = rig_seconds(rig, -1);
        n->input = engine_payloads_of_text(a, "state");
        if (arg)
            n->backoff_start_interval = rig_seconds(rig, strtoll(arg, NULL, 10));
    }
#undef RIG_CASE
#undef RIG_ATTRS
    return c;
}

static void rig_commands(struct rig *rig, api_respond_workflow_task_completed_request *request,
                         const char *args)
{
    request->commands = ARENA_ARRAY(&rig->arena, api_command *, 256);
    char *list = arena_str(&rig->arena, slice_str(args)), *save = NULL;

    for (char *it = strtok_r(list, ",", &save); it; it = strtok_r(NULL, ",", &save)) {
        must(request->n_commands < 256);
        if (rig_update_message(rig, request, it))
            continue;
        request->commands[request->n_commands++] = rig_command(rig, it);
    }
}

static void rig_done(struct rig *rig, const char *word, char kind, const char *args,
                     struct task_token token)
{
    struct transition t;
    api_respond_workflow_task_completed_request *request =
        engine_message(&rig->arena, &api_respond_workflow_task_completed_request__desc);
    static char worker[] = "worker", sticky[] = RIG_STICKY;

    request->identity = worker;
    if (kind == 's' || kind == 'h') {
        request->sticky_attributes =
            engine_message(&rig->arena, &api_sticky_execution_attributes__desc);
        request->sticky_attributes->worker_task_queue =
            engine_message(&rig->arena, &api_task_queue__desc);
        request->sticky_attributes->worker_task_queue->name = sticky;
        request->sticky_attributes->schedule_to_start_timeout = rig_seconds(rig, 5);
    }
    request->return_new_workflow_task = kind == 'n' || kind == 'h';
    request->force_create_new_workflow_task = kind == 'h';
    if (args)
        rig_commands(rig, request, args);
    rig_begin(rig, &t);
    rig_end(rig, &t, word, engine_respond_workflow_task_completed(&t, &token, request));
    rig->answered = token;
}

static void rig_wfail(struct rig *rig, const char *word, const char *cause)
{
    struct transition t;
    api_respond_workflow_task_failed_request *request =
        engine_message(&rig->arena, &api_respond_workflow_task_failed_request__desc);

    request->cause =
        cause ? (Temporal__Api__Enums__V1__WorkflowTaskFailedCause)strtol(cause, NULL, 10)
              : WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE;
    rig_begin(rig, &t);
    rig_end(rig, &t, word, engine_respond_workflow_task_failed(&t, &rig->tokens[0], request));
}

static void rig_signal(struct rig *rig, const char *word, const char *arg)
{
    struct transition t;
    api_signal_workflow_execution_request *request =
        engine_message(&rig->arena, &api_signal_workflow_execution_request__desc);

    request->signal_name = arena_str(&rig->arena, slice_str(arg));
    char *slash = strchr(request->signal_name, '/');
    if (slash) {
        *slash = '\0';
        request->request_id = slash + 1;
    }
    rig_begin(rig, &t);
    rig_end(rig, &t, word, engine_signal(&t, request));
}

static void rig_cancel(struct rig *rig, const char *word)
{
    struct transition t;
    api_request_cancel_workflow_execution_request *request =
        engine_message(&rig->arena, &api_request_cancel_workflow_execution_request__desc);

    rig_begin(rig, &t);
    rig_end(rig, &t, word, engine_request_cancel(&t, request));
}

static void rig_terminate(struct rig *rig, const char *word)
{
    struct transition t;
    api_terminate_workflow_execution_request *request =
        engine_message(&rig->arena, &api_terminate_workflow_execution_request__desc);

    rig_begin(rig, &t);
    rig_end(rig, &t, word, engine_terminate(&t, request));
}

static void rig_no_sticky(struct rig *rig, const char *word, bool reset)
{
    struct transition t;
    struct rpc_task task;
    struct rpc_poll poll;

    rig_task_of(rig, rig_task(rig, TASK_WORKFLOW), &task, &poll);
    rig_begin(rig, &t);
    rig_end(rig, &t, word, reset ? engine_reset_sticky(&t) : engine_no_sticky_poller(&t, &task));
}

static void rig_unstart(struct rig *rig, const char *word, const struct task_token *token)
{
    struct transition t;

    rig_begin(rig, &t);
    rig_end(rig, &t, word, engine_unstart_workflow_task(&t, token));
}

static void rig_activity_poll(struct rig *rig, const char *word)
{
    struct transition t;
    struct rpc_task task;
    struct rpc_poll poll;

    rig_task_of(rig, rig_task(rig, TASK_ACTIVITY), &task, &poll);
    rig_begin(rig, &t);
    const enum err err = engine_start_activity_task(&t, &task, &poll);
    if (t.started_activity) {
        const ProtobufCBinaryData bytes = t.started_activity->task_token;
        check_ok(
            task_token_decode(&rig->arena, slice_of(bytes.data, bytes.len), &rig->activity_token));
    }
    rig_end(rig, &t, word, err);
}

static void rig_activity_done(struct rig *rig, const char *word)
{
    struct transition t;
    api_respond_activity_task_completed_request *request =
        engine_message(&rig->arena, &api_respond_activity_task_completed_request__desc);

    rig_begin(rig, &t);
    rig_end(rig, &t, word, engine_respond_activity_completed(&t, &rig->activity_token, request));
}

static void rig_activity_failed(struct rig *rig, const char *word)
{
    struct transition t;
    api_respond_activity_task_failed_request *request =
        engine_message(&rig->arena, &api_respond_activity_task_failed_request__desc);

    request->failure = engine_message(&rig->arena, &api_failure_failure__desc);
    rig_begin(rig, &t);
    rig_end(rig, &t, word, engine_respond_activity_failed(&t, &rig->activity_token, request));
}

/* What its row says, or earlier, what only its memory knows. */
static int64_t rig_due_ns(const struct rig *rig)
{
    const int64_t row = rig->run->deadline_row_ns, memory = engine_deadline_ns(rig->run);

    return memory != 0 && (row == 0 || memory < row) ? memory : row;
}

static void rig_wait(struct rig *rig, const char *word, int64_t seconds)
{
    const int64_t until_ns = rig->now_ns + seconds * NS_PER_S;

    for (int i = 0; rig_due_ns(rig) != 0 && rig_due_ns(rig) <= until_ns; i++) {
        struct transition t;
        must(i < 1000);
        if (rig_due_ns(rig) > rig->now_ns)
            rig->now_ns = rig_due_ns(rig);
        rig_begin(rig, &t);
        rig_end(rig, &t, word, engine_fire(&t));
        if (rig_due_ns(rig) != 0 && rig_due_ns(rig) <= rig->now_ns) {
            rig_failed(rig, word, "a deadline that firing does not settle", "");
            break;
        }
    }
    rig->now_ns = until_ns;
}

/* -- the script ------------------------------------------------------------------------------ */

#include "history/engine/engine_rig_reset.h"

static void rig_step(struct rig *rig, const char *word, const char *verb, const char *args)
{
    static const char *const done[] = {"done", "sdone", "ndone", "hdone", "again", "old"};

    for (size_t i = 0; i < COUNT_OF(done); i++)
        if (strcmp(verb, done[i]) == 0) {
            rig_done(rig, word, i < 4 ? verb[0] : 'd', args,
                     i == 4   ? rig->answered
                     : i == 5 ? rig->tokens[1]
                              : rig->tokens[0]);
            return;
        }
    if (rig_effect_step(rig, word, verb, args) || rig_operation_step(rig, word, verb, args) ||
        (rig->more && rig->more(rig, word, verb, args)))
        return;
    if (strcmp(verb, "upd") == 0) {
        rig_update(rig, word, args);
        return;
    }
    if (strcmp(verb, "crash") == 0) {
        rig_crash(rig, word);
        return;
    }
    if (strcmp(verb, "reset") == 0) {
        rig_reset_to(rig, word, args);
        return;
    }
    if (strcmp(verb, "reapply") == 0) {
        rig_reapply(rig, word, args);
        return;
    }
    if (strcmp(verb, "start") == 0)
        rig_start(rig, word, args);
    else if (strcmp(verb, "poll") == 0 || strcmp(verb, "spoll") == 0)
        rig_poll(rig, word, verb[0] == 's', false);
    else if (strcmp(verb, "repoll") == 0)
        rig_poll(rig, word, false, true);
    else if (strcmp(verb, "wfail") == 0)
        rig_wfail(rig, word, args);
    else if (strcmp(verb, "signal") == 0)
        rig_signal(rig, word, args);
    else if (strcmp(verb, "stop") == 0)
        rig_cancel(rig, word);
    else if (strcmp(verb, "term") == 0)
        rig_terminate(rig, word);
    else if (strcmp(verb, "nosticky") == 0 || strcmp(verb, "resetsticky") == 0)
        rig_no_sticky(rig, word, verb[0] == 'r');
    else if (strcmp(verb, "unstart") == 0)
        rig_unstart(rig, word, &rig->tokens[0]);
    else if (strcmp(verb, "oldunstart") == 0)
        rig_unstart(rig, word, &rig->tokens[1]);
    else if (strcmp(verb, "apoll") == 0)
        rig_activity_poll(rig, word);
    else if (strcmp(verb, "adone") == 0)
        rig_activity_done(rig, word);
    else if (strcmp(verb, "afail") == 0)
        rig_activity_failed(rig, word);
    else if (strcmp(verb, "wait") == 0)
        rig_wait(rig, word, strtoll(args, NULL, 10));
    else
        rig_failed(rig, word, "unknown word", "");
}

static void rig_run(struct rig *rig, const char *script)
{
    char *copy = arena_str(&rig->arena, slice_str(script)), *save = NULL;

    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        char *verb = arena_str(&rig->arena, slice_str(word));
        char *bang = strchr(verb, '!');
        const char *want = "OK";
        if (bang) {
            *bang = '\0';
            want = bang + 1;
        }
        char *args = strpbrk(verb, ":=");
        if (args)
            *args++ = '\0';
        rig->err = ERR_OK;
        rig_step(rig, word, verb, args);
        if (strcmp(err_name(rig->err), want) != 0)
            rig_failed(rig, word, err_name(rig->err), rig->detail.text);
    }
}

/* The history as one line: "WorkflowExecutionStarted ..." with the usual words cut short. */
__attribute__((unused)) static const char *rig_history(struct rig *rig)
{
    size_t count;
    api_history_event **events =
        engine_decode_events(&rig->arena, buf_slice(&rig->history), &count);
    static const struct {
        const char *prefix, *brief;
    } briefs[] = {{"EVENT_TYPE_WORKFLOW_EXECUTION_", ""},
                  {"EVENT_TYPE_WORKFLOW_TASK_", "WFT"},
                  {"EVENT_TYPE_ACTIVITY_TASK_", "Activity"},
                  {"EVENT_TYPE_", ""}};
    const char *line = "";

    must(events != NULL);
    for (size_t i = 0; i < count; i++) {
        const char *full =
            protobuf_c_enum_descriptor_get_value(&temporal__api__enums__v1__event_type__descriptor,
                                                 (int)events[i]->event_type)
                ->name;
        size_t b = 0;
        while (strncmp(full, briefs[b].prefix, strlen(briefs[b].prefix)) != 0)
            b++;
        line = arena_printf(&rig->arena, "%s%s%s%s", line, i ? " " : "", briefs[b].brief,
                            engine_enum_name(&rig->arena,
                                             &temporal__api__enums__v1__event_type__descriptor,
                                             briefs[b].prefix, (int32_t)events[i]->event_type));
    }
    return line;
}

#endif
