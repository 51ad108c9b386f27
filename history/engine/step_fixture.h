/* step_fixture.h - for tests: one run on a fake clock, driven step by step; its whole history. */
#ifndef GNOMON_STEP_FIXTURE_H
#define GNOMON_STEP_FIXTURE_H

#include "common/proto/wire.h"
#include "history/engine/activity.h"
#include "history/engine/engine_int.h"
#include "history/engine/rows.h"
#include "history/engine/timer.h"
#include "tests/lib/test.h"

enum { STEP_EVENTS_MAX = 256, STEP_FIRST_EVENT = 5, STEP_COMPLETED_EVENT = 4 };

struct step {
    struct arena arena;
    struct rng rng;
    uint64_t row_seq;
    int64_t now_ns;
    struct run *run;
    struct err_detail detail;
    struct command_context ctx;
    struct transition t;                        /* of the present step */
    api_history_event *events[STEP_EVENTS_MAX]; /* written so far */
    size_t event_count;
    struct rpc_task tasks[STEP_EVENTS_MAX]; /* activity tasks that wait */
    size_t task_count;
};

static inline void step_init(struct step *s)
{
    memset(s, 0, sizeof *s);
    arena_init(&s->arena);
    rng_seed(&s->rng, 7);
    s->now_ns = 1000 * NS_PER_S;
    s->run = run_new();
    s->run->namespace_id = SLICE_LIT("0190c1f2-0000-7000-8000-000000000001");
    s->run->namespace_name = SLICE_LIT("default");
    s->run->workflow_id = SLICE_LIT("wf");
    s->run->workflow_type = SLICE_LIT("Flow");
    s->run->task_queue = SLICE_LIT("queue");
    s->run->status = WORKFLOW_EXECUTION_STATUS_RUNNING;
    s->run->task_timeout_ns = 10 * NS_PER_S;
    s->run->start_ns = s->now_ns;
    s->run->next_event_id = STEP_FIRST_EVENT;
    memcpy(s->run->run_id, "0190c1f2-0000-7000-8000-000000000002", UUID_TEXT_LEN + 1);
    s->ctx.completed_event_id = STEP_COMPLETED_EVENT;
    s->ctx.identity = "decider";
}

static inline void step_release(struct step *s)
{
    run_free(s->run);
    arena_release(&s->arena);
}

static inline struct transition *step_begin(struct step *s)
{
    transition_init(&s->t, s->run, &s->arena);
    s->t.now_ns = s->now_ns;
    s->t.rng = &s->rng;
    s->t.row_seq = &s->row_seq;
    s->t.detail = &s->detail;
    memset(&s->detail, 0, sizeof s->detail);
    return &s->t;
}

static inline void step_task_change(struct step *s, const struct task_change *change)
{
    if (change->kind != TASK_ACTIVITY)
        return;
    if (change->add) {
        s->tasks[s->task_count++] = (struct rpc_task){
            .kind = TASK_ACTIVITY,
            .row_seq = change->row_seq,
            .task_queue = change->task_queue,
            .scheduled_event_id = change->scheduled_event_id,
            .attempt = change->attempt,
            .priority = change->priority,
        };
        return;
    }
    for (size_t i = 0; i < s->task_count; i++)
        if (s->tasks[i].row_seq == change->row_seq) {
            check_i64(change->priority, s->tasks[i].priority); /* it is part of the row's key */
            s->tasks[i] = s->tasks[--s->task_count];
            return;
        }
    check(!"a task that waits is dropped");
}

/* Take over what the step did. */
static inline void step_end(struct step *s)
{
    size_t count = 0;
    api_history_event **events =
        engine_decode_events(&s->arena, arena_copy(&s->arena, buf_slice(&s->t.events)), &count);

    check(events != NULL);
    check_i64(count, s->t.event_count);
    for (size_t i = 0; i < count && s->event_count < STEP_EVENTS_MAX; i++) {
        check_i64(events[i]->event_id, STEP_FIRST_EVENT + (int64_t)s->event_count);
        s->events[s->event_count++] = events[i];
    }
    for (size_t i = 0; i < s->t.change_count; i++)
        step_task_change(s, &s->t.changes[i]);
    list_init(&s->run->dropped_items);
    transition_release(&s->t);
}

/* The event at a place counted from the last (0). */
static inline const api_history_event *step_event(const struct step *s, size_t back)
{
    must(back < s->event_count);
    return s->events[s->event_count - 1 - back];
}

/* The last event of a type; there must be one. */
static inline const api_history_event *step_last(const struct step *s, int32_t type)
{
    size_t at = s->event_count;

    while (at > 0 && (int32_t)s->events[at - 1]->event_type != type)
        at--;
    must(at > 0);
    return s->events[at - 1];
}

static inline size_t step_count(const struct step *s, int32_t type)
{
    size_t count = 0;

    for (size_t i = 0; i < s->event_count; i++)
        count += (int32_t)s->events[i]->event_type == type;
    return count;
}

/* Run one command as the completion of a workflow task does. */
static inline enum err step_command(struct step *s, engine_command_fn fn,
                                    const api_command *command)
{
    struct transition *t = step_begin(s);

    s->ctx.cause = 0;
    t->commands_running = true;
    const enum err err = fn(t, &s->ctx, command);
    t->commands_running = false;
    transition_buffer_deferred(t);
    if (t->workflow_task_needed || s->run->buffered_count > 0)
        transition_need_workflow_task(t);
    step_end(s);
    return err;
}

/* A worker takes the workflow task: schedules one when none is pending. */
static inline void step_workflow_task_start(struct step *s)
{
    struct transition *t = step_begin(s);

    transition_need_workflow_task(t);
    wft_start(t, &(struct wft_start){.identity = SLICE_LIT("decider"), .poll_id = 99});
    step_end(s);
}

/* The started workflow task is over, by failing: what was buffered is flushed. */
static inline void step_workflow_task_fail(struct step *s)
{
    struct transition *t = step_begin(s);

    wft_fail(t, &(struct wft_failure){.cause = WORKFLOW_TASK_FAILED_CAUSE_RESET_STICKY_TASK_QUEUE,
                                      .identity = "decider"});
    transition_need_workflow_task(t);
    step_end(s);
}

static inline pb_duration *step_span(struct step *s, int64_t ms)
{
    return proto_duration(&s->arena, ms * NS_PER_MS);
}

static inline api_payloads *step_payloads(struct step *s, const char *text)
{
    return engine_payloads_of_text(&s->arena, text);
}

/* The text inside payloads made by step_payloads(), with its quotes; empty: none. */
static inline struct slice step_payloads_text(const api_payloads *payloads)
{
    if (!payloads || payloads->n_payloads != 1)
        return SLICE_EMPTY;
    return slice_of(payloads->payloads[0]->data.data, payloads->payloads[0]->data.len);
}

static inline int64_t step_ns(const pb_timestamp *at)
{
    int64_t ns = 0;

    return proto_timestamp_ns(at, &ns) == ERR_OK ? ns : -1;
}

#endif
