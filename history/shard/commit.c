/* commit.c - from a finished transition to rows, offers, deadlines and answers. */
#include "history/shard/shard_int.h"

#include "common/proto/errdetail.h"

void hs_begin(struct history_shard *shard, struct hs_request *req, struct run *run,
              struct transition *t)
{
    transition_init(t, run, &req->arena);
    hs_index_shown(run, &req->arena, &t->shown_before);
    t->now_ns = hs_now_ns(shard);
    t->rng = &shard->rng;
    /* Numbers of task rows follow the clock: unique after a restart too, and by age. */
    const uint64_t now_us = (uint64_t)(t->now_ns / 1000);
    if (shard->row_seq < now_us)
        shard->row_seq = now_us;
    t->row_seq = &shard->row_seq;
    t->history_shard = shard->options.shard_id;
    t->limits = hs_limits_of(shard, run->namespace_name);
    t->namespaces = shard->options.namespaces ? &shard->options.namespaces->engine : NULL;
    t->detail = &req->detail;
}

/* A full disk refuses what makes new work; what ends it goes on. */
static bool is_essential(const struct hs_request *req)
{
    return !hs_operation_makes_work(req);
}

struct rows {
    struct store_op *ops;
    size_t count, cap;
};

static void rows_add(struct arena *arena, struct rows *rows, const struct store_op *ops,
                     size_t count)
{
    if (rows->count + count > rows->cap) {
        const size_t cap = rows->count + count + 16;
        struct store_op *more = arena_alloc(arena, cap * sizeof *more);

        if (rows->count)
            memcpy(more, rows->ops, rows->count * sizeof *more);
        rows->ops = more;
        rows->cap = cap;
    }
    if (count)
        memcpy(rows->ops + rows->count, ops, count * sizeof *ops);
    rows->count += count;
}

static void rows_add_clock(struct history_shard *shard, struct arena *arena, struct rows *rows,
                           int64_t now_ns)
{
    uint8_t *key = arena_alloc(arena, 2), *value = arena_alloc(arena, 8);

    key[0] = shard->first_tablet;
    key[1] = 'K';
    be64_put(value, (uint64_t)now_ns);
    const struct store_op op = {STORE_PUT, STORE_MAIN, slice_of(key, 2), slice_of(value, 8)};
    rows_add(arena, rows, &op, 1);
}

static void count_close(const struct history_shard *shard, int32_t status)
{
    switch (status) {
    case WORKFLOW_EXECUTION_STATUS_COMPLETED:
        counter_add(shard->metrics.workflow_success, 1);
        break;
    case WORKFLOW_EXECUTION_STATUS_FAILED:
        counter_add(shard->metrics.workflow_failed, 1);
        break;
    case WORKFLOW_EXECUTION_STATUS_CANCELED:
        counter_add(shard->metrics.workflow_cancel, 1);
        break;
    case WORKFLOW_EXECUTION_STATUS_TERMINATED:
        counter_add(shard->metrics.workflow_terminate, 1);
        break;
    case WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
        counter_add(shard->metrics.workflow_timeout, 1);
        break;
    default:
        break;
    }
}

/* What a transition means beyond its rows; `seq`: of the state after it. */
static void tell_others(struct history_shard *shard, const struct hs_change *change,
                        int64_t row_before_ns, int64_t seq)
{
    struct hs_entry *entry = change->entry;
    const struct transition *t = change->t;

    for (size_t i = 0; i < t->change_count; i++)
        if (t->changes[i].add)
            hs_offer(shard, entry->run, &t->changes[i], t->now_ns, seq);
    hs_deadline_changed(shard, entry->run, row_before_ns, seq);
    hs_updates_changed(shard, entry, t, seq);
    hs_cache_touch(shard, entry);
    if (t->closed || t->wft_completed)
        hs_queries_completed(shard, entry, t);
}

/* A step without rows. It may still have moved what lives in memory only: updates, and the task
 * that carries them. */
static void nothing_staged(struct history_shard *shard, struct hs_request *req,
                           const struct hs_change *changes, uint32_t count)
{
    bool moved = false;

    for (uint32_t i = 0; i < count; i++) {
        const struct transition *t = changes[i].t;

        if (t->change_count == 0 && t->update_count == 0 && !t->wft_completed && !t->wft_failed &&
            !run_has_volatile(t->run))
            continue;
        moved = true;
        tell_others(shard, &changes[i], t->run->deadline_row_ns, changes[i].entry->seq);
    }
    if (!moved)
        hs_count_repeated(shard, req);
    hs_offers_out(shard);
}

static void change_committed(struct history_shard *shard, struct hs_request *req,
                             const struct hs_change *change, int64_t row_before_ns, int64_t seq)
{
    struct hs_entry *entry = change->entry;
    const struct transition *t = change->t;

    entry->seq = seq;
    hs_entry_events(entry, t, seq, shard->durable);
    if (change->make_current || t->closed || t->paused || t->attached)
        hs_current_update(shard, req, entry->run, change->make_current, seq);
    hs_outgoing_changed(shard, t, seq);
    hs_calls_changed(shard, t, seq);
    if (t->event_count)
        hs_wake_later(shard, entry->run, seq);
    if (t->closed) {
        count_close(shard, entry->run->status);
        hs_retention_closed(shard, entry->run);
    }
    counter_add(shard->metrics.state_transitions, 1);
    hs_note_limits(shard, entry, t);
    hs_auto_reset_look(shard, req, entry, seq);
    tell_others(shard, change, row_before_ns, seq);
}

/* What the store said, for the client. */
static enum err stage_failed(struct hs_request *req, enum err err)
{
    req->detail = (struct err_detail){0};
    if (err == ERR_BUSY)
        return errdetail_resource_exhausted(
            &req->arena, &req->detail, RESOURCE_EXHAUSTED_CAUSE_SYSTEM_OVERLOADED,
            RESOURCE_EXHAUSTED_SCOPE_SYSTEM, "the shard's log is at its bound");
    if (err == ERR_INVALID)
        return err_fail(&req->detail, err, "the transition is past a limit of the store");
    return err_fail(&req->detail, err, "the transition can't be stored: %s", err_text(err));
}

enum { CHANGES_MAX = 3 };

/* Spec: the retention of a run is that of its namespace when it closes, whoever closes it: a
 * request brings it, for a deadline or another run it is looked up. The jitter is there so that
 * runs that close together do not go together. */
static void note_retention(struct history_shard *shard, const struct hs_request *req,
                           const struct hs_change *change)
{
    const int64_t jitter_ns = change->t->limits->retention_jitter_ns;
    struct run *run = change->entry->run;
    int64_t retention_s = 0;

    if (!change->t->closed)
        return;
    run->retention_jitter_ns =
        jitter_ns > 0 ? (int64_t)rng_below(&shard->rng, (uint64_t)jitter_ns) : 0;
    if (slice_eq(req->api.namespace_id, run->namespace_id))
        retention_s = req->api.retention_s;
    if (retention_s <= 0 &&
        hs_namespace_retention(shard, run->namespace_id, &retention_s) != ERR_OK)
        return;
    if (retention_s > 0)
        run->retention_ns = retention_s * NS_PER_S;
}

enum err hs_commit(struct history_shard *shard, struct hs_request *req,
                   const struct hs_change *changes, uint32_t count)
{
    int64_t row_before_ns[CHANGES_MAX], seq = 0;
    struct rows rows = {0};
    struct hs_index_step index = {.arena = &req->arena};

    must(count <= CHANGES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        struct store_op *ops;
        size_t op_count;

        row_before_ns[i] = changes[i].entry->run->deadline_row_ns;
        note_retention(shard, req, &changes[i]);
        rows_of_transition(changes[i].t, changes[i].make_current, &ops, &op_count);
        rows_add(&req->arena, &rows, ops, op_count);
        if (changes[i].t->visibility_changed)
            hs_index_change(shard, &index, changes[i].entry->run, &changes[i].t->shown_before,
                            false);
    }
    if (req->with.key.len)
        rows_add(&req->arena, &rows, &req->with, 1);
    if (rows.count == 0) { /* a repeated request, nothing was due, or it is all in memory */
        nothing_staged(shard, req, changes, count);
        return ERR_OK;
    }

    hs_index_finish(shard, &index);
    rows_add(&req->arena, &rows, index.ops, index.count);
    const int64_t now_ns = changes[0].t->now_ns;
    const bool clock_row = hs_clock_row_due(&shard->clock, now_ns);
    if (clock_row)
        rows_add_clock(shard, &req->arena, &rows, now_ns);
    const enum err err = store_stage(shard->store, rows.ops, rows.count, is_essential(req), &seq);
    hs_persistence_used(shard, req);
    if (err != ERR_OK) {
        hs_index_failed(shard, &index);
        for (uint32_t i = 0; i < count; i++)
            hs_entry_discard(shard, changes[i].entry);
        return stage_failed(req, err);
    }
    hs_index_staged(shard, &index, seq);
    if (clock_row)
        shard->clock.row_ns = now_ns;
    for (uint32_t i = 0; i < count; i++)
        change_committed(shard, req, &changes[i], row_before_ns[i], seq);
    return ERR_OK;
}

enum err hs_commit_step(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry,
                        struct transition *t)
{
    struct hs_change changes[CHANGES_MAX] = {{entry, t, false}};
    uint32_t count = 1;

    if (t->next) { /* the run continues as a new one */
        changes[count++] = (struct hs_change){hs_entry_add(shard, t->next->run), t->next, true};
        t->next_taken = true;
    }
    return hs_commit(shard, req, changes, count);
}

/* The run is there again, as it was before the step. */
static void step_end_for_limit(struct history_shard *shard, struct hs_request *req,
                               struct hs_entry *entry)
{
    struct transition t;
    enum err err = ERR_OK;

    hs_begin(shard, req, entry->run, &t);
    if (run_is_open(entry->run)) {
        engine_end_for_limit(&t, &req->limit);
        err = hs_commit_step(shard, req, entry, &t);
    }
    const int64_t seq = err == ERR_OK ? entry->seq : 0;
    if (err == ERR_OK)
        err = err_fail(&req->detail, ERR_INVALID, "%s",
                       req->limit.text ? req->limit.text : req->limit.reason);
    transition_release(&t);
    hs_answer(shard, req, err, SLICE_EMPTY, seq);
}

bool hs_steps_again_for_limit(struct history_shard *shard, struct hs_request *req,
                              struct hs_entry *entry, struct transition *t, hs_step_fn step)
{
    if (!engine_check_limits(t, run_bytes(entry->run), &req->limit))
        return false;
    memcpy(req->run_id, entry->run_id, sizeof req->run_id);
    req->tablet = entry->tablet;
    req->wants_current = false;
    req->step = step;
    hs_entry_discard(shard, entry);
    transition_release(t);
    hs_with_run(shard, req);
    return true;
}

bool hs_ends_for_limit(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry,
                       struct transition *t)
{
    return hs_steps_again_for_limit(shard, req, entry, t, step_end_for_limit);
}

struct engine_limit hs_take_limit(struct hs_request *req)
{
    const struct engine_limit limit = req->limit;

    req->limit = (struct engine_limit){0};
    return limit;
}

void hs_end_for_limit(struct transition *t, const struct engine_limit *limit)
{
    if (limit->reason && run_is_open(t->run))
        engine_end_for_limit(t, limit);
}

void hs_end(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry,
            struct transition *t, enum err err)
{
    int64_t seq = entry->seq;
    struct slice reply = SLICE_EMPTY;

    if (err == ERR_OK && hs_ends_for_limit(shard, req, entry, t))
        return;
    if (err == ERR_OK) {
        err = hs_commit_step(shard, req, entry, t);
        if (err == ERR_OK) {
            seq = entry->seq;
            err = t->reply_err;
            reply = t->reply;
        }
    }
    transition_release(t);
    hs_answer(shard, req, err, err == ERR_OK ? reply : SLICE_EMPTY, seq);
}
