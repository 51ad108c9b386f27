/* reset.c - ResetWorkflowExecution: read the histories that it needs, then commit it as one record.
 *
 * 1. The base run's history is read on a reader thread, page by page: what stands before the fork
 *    is rebuilt into the new run, of the rest what comes again is kept, in bounded memory. Then the
 *    runs that the base continued as, each in the same way.
 * 2. While that goes on the runs live: at the end whatever the last of them has more by then is
 *    looked at, in memory, before anything is decided.
 * 3. The new run, the end of the current one and the note in the base are one record: a crash
 *    leaves all of it or nothing.
 * 4. The runs of a workflow that is being reset, and what is known of its id, stay in memory: the
 *    commit needs two runs at once (hs_reset_holds).
 * 5. A request is known again by its id, which the run that it made keeps. */
#include "history/shard/shard_int.h"

#include "common/proto/errdetail.h"
#include "common/proto/wire.h"
#include "history/engine/reset.h"

#include <stdlib.h>

enum {
    FIELD_EVENT_TYPE = 3,                  /* of HistoryEvent */
    RETURNING_BYTES_MAX = 4 * 1024 * 1024, /* of events that come again: one record takes them */
    RESETS_MAX = 100,                      /* at a time: what they read is in memory */
    ROUNDS_MAX = 100,                      /* of finding base and current run in memory together */
    DURABLE_WAIT_MS = 5,
};

struct hs_reset {
    struct list node; /* in shard->resets */
    struct hs_job job;
    const struct hs_request *req;
    const api_reset_workflow_execution_request *request;
    char base_id[UUID_TEXT_LEN + 1];
    const char *meant;              /* the run that is to be the current one; NULL: whichever is */
    char run_id[UUID_TEXT_LEN + 1]; /* of the new run */
    int64_t fork;
    uint32_t excluded;
    uint32_t rounds;

    /* what was read; belongs to the reader thread while the job runs */
    struct hs_nodes nodes; /* being read; its run is the last one that was looked at */
    struct buf memory;     /* and what of it was in memory ... */
    int64_t memory_from;
    int64_t next;          /* the first event of it that was not looked at */
    bool is_base, at_node; /* a node of the base begins at the fork, or could: see look_at() */
    struct arena scratch;
    struct rebuilding *rebuilding; /* NULL: its run is taken */
    int64_t history_size_bytes;
    struct buf returning;
    char next_id[UUID_TEXT_LEN + 1]; /* of the run that it continued as; "": none that is known */
    enum err err;
    struct err_detail detail;
};

void hs_resets_init(struct history_shard *shard)
{
    list_init(&shard->resets);
}

bool hs_reset_holds(const struct history_shard *shard, struct slice namespace_id,
                    struct slice workflow_id)
{
    LIST_EACH(it, &shard->resets)
    {
        const struct hs_request *req = CONTAINER_OF(it, struct hs_reset, node)->req;

        if (slice_eq(req->workflow_id, workflow_id) && slice_eq(req->namespace_id, namespace_id))
            return true;
    }
    return false;
}

static void reset_free(struct history_shard *shard, struct hs_reset *reset)
{
    list_remove(&reset->node);
    must(shard->reset_count > 0);
    shard->reset_count--;
    rebuild_free(reset->rebuilding);
    buf_release(&reset->memory);
    buf_release(&reset->returning);
    arena_release(&reset->scratch);
    free(reset);
}

void hs_resets_release(struct history_shard *shard)
{
    LIST_EACH_SAFE(it, tmp, &shard->resets)
    {
        reset_free(shard, CONTAINER_OF(it, struct hs_reset, node));
    }
}

static void answer(struct history_shard *shard, struct hs_request *req, enum err err,
                   struct slice reply, int64_t seq)
{
    if (req->extra)
        reset_free(shard, req->extra);
    req->extra = NULL;
    hs_answer(shard, req, err, reply, seq);
}

static void reset_failed(struct history_shard *shard, struct hs_request *req, enum err err)
{
    answer(shard, req, err, SLICE_EMPTY, 0);
}

static void want(struct history_shard *shard, struct hs_request *req, const char *run_id,
                 hs_step_fn step, hs_failed_fn failed)
{
    char id[UUID_TEXT_LEN + 1];

    memcpy(id, run_id, sizeof id); /* it may be the request's own */
    memcpy(req->run_id, id, sizeof req->run_id);
    req->wants_current = false;
    req->step = step;
    req->failed = failed;
    hs_with_run(shard, req);
}

static struct slice reply_of(struct hs_request *req, const char *run_id)
{
    struct buf out;

    buf_init(&out, 0);
    wire_put_bytes(&out, 1, slice_str(run_id)); /* ResetWorkflowExecutionResponse.run_id */
    const struct slice reply = arena_copy(&req->arena, buf_slice(&out));
    buf_release(&out);
    return reply;
}

/* -- looking at events, on either thread ------------------------------------------------------ */

static bool fail(struct hs_reset *reset, enum err err, const char *text)
{
    reset->err = err_fail(&reset->detail, err, "%s", text);
    return false;
}

static bool rebuild(struct hs_reset *reset, struct slice events)
{
    const char *why;

    if (events.len == 0)
        return true;
    reset->history_size_bytes += (int64_t)events.len;
    if (rebuild_add(reset->rebuilding, &reset->scratch, events, &why) == ERR_OK)
        return true;
    return fail(reset, ERR_CORRUPT, why);
}

/* Keep what comes again; remember where the workflow went on. */
static bool look_behind(struct hs_reset *reset, struct slice events)
{
    struct wire_reader reader = wire_reader(events);
    struct wire_field field;
    api_history *history = NULL;

    reset->next_id[0] = '\0';
    if (events.len == 0)
        return true;
    if (proto_decode(&reset->scratch, &api_history__desc, events, &history, NULL) != ERR_OK)
        return fail(reset, ERR_CORRUPT, "a history node can't be read");
    for (size_t i = 0; i < history->n_events && wire_next(&reader, &field); i++) {
        const api_history_event *event = history->events[i];

        if (event->event_type == EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW &&
            event->attributes_case != 0) {
            const char *next =
                event->workflow_execution_continued_as_new_event_attributes->new_execution_run_id;
            if (strlen(next) == UUID_TEXT_LEN)
                memcpy(reset->next_id, next, sizeof reset->next_id);
        }
        if (!reset_event_returns(event, reset->excluded))
            continue;
        buf_append_slice(&reset->returning, field.raw);
        if (!buf_ok(&reset->returning) || reset->returning.len > RETURNING_BYTES_MAX)
            return fail(reset, ERR_INVALID,
                        arena_printf(&reset->scratch,
                                     "transaction size of %zu bytes exceeds limit of %d bytes",
                                     reset->returning.len, RETURNING_BYTES_MAX));
    }
    return true;
}

/* The part of a batch that was not looked at yet; ids are dense, so that counting tells them.
 *
 * Spec: the reference resets where a batch of its own begins. It ends one behind each start of a
 * workflow task, also where we write start and end together: of an attempt, or a speculative task,
 * that was not written before. */
static bool look_at(void *arg, int64_t first, int64_t to, struct slice batch)
{
    struct hs_reset *reset = arg;
    struct wire_reader reader = wire_reader(batch);
    struct wire_field field;
    const int64_t fork = reset->is_base ? reset->fork : 0;
    struct slice before = SLICE_EMPTY, behind = SLICE_EMPTY;

    if (first > reset->next)
        return fail(reset, ERR_CORRUPT, "events are missing");
    if (reset->is_base && first == fork)
        reset->at_node = true;
    for (int64_t id = first; id < to && wire_next(&reader, &field); id++) {
        if (id < reset->next)
            continue;
        if (id == fork - 1 &&
            wire_find_number(field.bytes, FIELD_EVENT_TYPE) == EVENT_TYPE_WORKFLOW_TASK_STARTED)
            reset->at_node = true;
        struct slice *part = id < fork ? &before : &behind;
        if (part->len == 0)
            *part = slice_of(field.raw.ptr, 0);
        part->len += field.raw.len;
        reset->next = id + 1;
    }
    if (reader.failed)
        return fail(reset, ERR_CORRUPT, "a history node can't be read");
    arena_reset(&reset->scratch);
    if (!rebuild(reset, before))
        return false;
    return behind.len == 0 || reset_excludes_all(reset->excluded) || look_behind(reset, behind);
}

/* -- reading ---------------------------------------------------------------------------------- */

static void go_on(struct history_shard *shard, struct hs_request *req);

static enum err read_history(struct store_snapshot *snapshot, struct hs_job *arg)
{
    struct hs_reset *reset = CONTAINER_OF(arg, struct hs_reset, job);
    const enum err err = hs_nodes_scan(snapshot, &reset->nodes, look_at, reset);

    if (err != ERR_OK)
        return err;
    if (reset->err == ERR_OK && reset->memory.len > 0)
        (void)look_at(reset, reset->memory_from, INT64_MAX, buf_slice(&reset->memory));
    return reset->err;
}

static void history_read(struct history_shard *shard, struct hs_job *arg, enum err err)
{
    struct hs_reset *reset = CONTAINER_OF(arg, struct hs_reset, job);
    struct hs_request *req = arg->req;

    if (err == ERR_OK) {
        go_on(shard, req);
        return;
    }
    if (err == ERR_CANCELED)
        err = err_fail(&req->detail, ERR_UNAVAILABLE, "shard closed");
    else if (reset->err != ERR_OK)
        err = err_fail(&req->detail, err, "%s", reset->detail.text);
    else
        err = err_fail(&req->detail, err, "the history can't be read: %s", err_text(err));
    answer(shard, req, err, SLICE_EMPTY, 0);
}

/* The events that are in memory, from `from` on, are copied: the run goes on meanwhile. */
static void copy_memory(struct hs_reset *reset, struct hs_entry *entry)
{
    buf_clear(&reset->memory);
    reset->memory_from = hs_memory_from(entry);
    LIST_EACH(it, &entry->batches)
    {
        const struct hs_batch *batch = CONTAINER_OF(it, struct hs_batch, node);

        if (reset->is_base && batch->first_event_id == reset->fork)
            reset->at_node = true;
        buf_append(&reset->memory, batch->bytes, batch->len);
    }
    must(buf_ok(&reset->memory));
}

static void read_run(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry,
                     int64_t from)
{
    struct hs_reset *reset = req->extra;
    const int64_t in_memory = hs_memory_from(entry);

    copy_memory(reset, entry);
    hs_nodes_of(entry, from, in_memory, &reset->nodes);
    reset->next = from;
    reset->job = (struct hs_job){.read = read_history, .done = history_read, .req = req};
    hs_read(shard, &reset->job);
}

static void step_next_run(struct history_shard *shard, struct hs_request *req,
                          struct hs_entry *entry)
{
    struct hs_reset *reset = req->extra;

    reset->is_base = false;
    reset->next_id[0] = '\0';
    read_run(shard, req, entry, 1);
}

static void step_commit(struct history_shard *shard, struct hs_request *req,
                        struct hs_entry *entry);

/* Spec: a run that was deleted ends the chain. */
static void next_run_failed(struct history_shard *shard, struct hs_request *req, enum err err)
{
    struct hs_reset *reset = req->extra;

    if (err != ERR_NOT_FOUND) {
        reset_failed(shard, req, err);
        return;
    }
    reset->next_id[0] = '\0';
    req->detail = (struct err_detail){0};
    want(shard, req, reset->base_id, step_commit, reset_failed);
}

/* What was asked for has been read. */
static void go_on(struct history_shard *shard, struct hs_request *req)
{
    struct hs_reset *reset = req->extra;
    enum err err = ERR_OK;

    if (reset->is_base) {
        if (!reset->at_node)
            err = err_fail(&req->detail, ERR_INVALID,
                           "StateRebuilder unable to Rebuild mutable state to event ID: %lld, "
                           "version: 0, this event must be at the boundary",
                           (long long)reset->fork - 1);
        else
            err = reset_check_run(reset->rebuilding, reset->fork,
                                  hs_limits_of(shard, req->api.namespace_name), &req->detail);
    }
    if (err != ERR_OK)
        answer(shard, req, err, SLICE_EMPTY, 0);
    else if (reset->next_id[0])
        want(shard, req, reset->next_id, step_next_run, next_run_failed);
    else
        want(shard, req, reset->base_id, step_commit, reset_failed);
}

/* -- the commit ------------------------------------------------------------------------------- */

/* The events that the last run has more by now. false: the request goes on elsewhere. */
static bool catch_up(struct history_shard *shard, struct hs_request *req)
{
    struct hs_reset *reset = req->extra;
    struct hs_entry *last = hs_entry_find(shard, reset->nodes.run_id);

    if (!last || last->run->next_event_id <= reset->next)
        return true;
    if (hs_memory_from(last) > reset->next) {
        read_run(shard, req, last, reset->next);
        return false;
    }
    copy_memory(reset, last);
    if (!look_at(reset, reset->memory_from, INT64_MAX, buf_slice(&reset->memory))) {
        answer(shard, req, err_fail(&req->detail, reset->err, "%s", reset->detail.text),
               SLICE_EMPTY, 0);
        return false;
    }
    if (!reset->next_id[0])
        return true;
    want(shard, req, reset->next_id, step_next_run, next_run_failed);
    return false;
}

static void step_have_current(struct history_shard *shard, struct hs_request *req,
                              struct hs_entry *entry)
{
    const struct hs_reset *reset = req->extra;

    UNUSED(entry);
    want(shard, req, reset->base_id, step_commit, reset_failed);
}

struct parties {
    struct hs_entry *base, *current; /* current may be NULL, or the base */
};

static enum err end_current(struct history_shard *shard, struct hs_request *req,
                            const struct parties *p, struct transition *t)
{
    struct hs_reset *reset = req->extra;

    hs_begin(shard, req, p->current->run, t);
    if (p->current == p->base)
        engine_note_reset(t, reset->run_id);
    const enum err err = engine_terminate_for_reset(t, reset->request->reason);
    /* What was buffered is among the events of the end. */
    if (err == ERR_OK && strcmp(reset->nodes.run_id, p->current->run_id) == 0 &&
        !look_behind(reset, buf_slice(&t->events)))
        return err_fail(&req->detail, reset->err, "%s", reset->detail.text);
    return err;
}

/* The new run, in a transition of its own. NULL: *err. */
static struct run *begin_new(struct history_shard *shard, struct hs_request *req,
                             const struct parties *p, struct transition *t, enum err *err)
{
    struct hs_reset *reset = req->extra;
    struct run *run = rebuild_take(reset->rebuilding);
    const struct engine_reset what = {
        .request = reset->request,
        .base = p->base->run,
        .current = p->current ? p->current->run : NULL,
        .rebuilding = reset->rebuilding,
        .fork_event_id = reset->fork,
        .history_size_bytes = reset->history_size_bytes,
        .returning = buf_slice(&reset->returning),
    };

    hs_begin(shard, req, run, t);
    t->limits = hs_limits_of(shard, p->base->run->namespace_name); /* the run has no name yet */
    *err = engine_reset(t, &what);
    if (*err == ERR_OK)
        return run;
    transition_release(t);
    run_free(run);
    return NULL;
}

static void commit(struct history_shard *shard, struct hs_request *req, const struct parties *p)
{
    struct transition base = {0}, current = {0}, fresh = {0};
    struct hs_change changes[3];
    uint32_t count = 0;
    const bool ends = p->current && run_is_open(p->current->run);
    enum err err = ERR_OK;
    int64_t seq = 0;

    if (!ends || p->current != p->base) {
        hs_begin(shard, req, p->base->run, &base);
        engine_note_reset(&base, ((struct hs_reset *)req->extra)->run_id);
        changes[count++] = (struct hs_change){p->base, &base, false};
    }
    if (ends) {
        err = end_current(shard, req, p, &current);
        changes[count++] = (struct hs_change){p->current, &current, false};
    }
    struct run *run = err == ERR_OK ? begin_new(shard, req, p, &fresh, &err) : NULL;
    if (run) {
        struct hs_entry *entry = hs_entry_add(shard, run);

        changes[count++] = (struct hs_change){entry, &fresh, true};
        err = hs_commit(shard, req, changes, count);
        if (err == ERR_OK)
            seq = entry->seq;
    } else {
        for (uint32_t i = 0; i < count; i++)
            hs_entry_discard(shard, changes[i].entry);
    }
    const struct slice reply = fresh.reply;
    for (uint32_t i = 0; i < count; i++)
        transition_release(changes[i].t);
    answer(shard, req, err, err == ERR_OK ? reply : SLICE_EMPTY, seq);
}

/* Is the current run the one that this very request made? */
static bool made_before(const struct hs_entry *current,
                        const api_reset_workflow_execution_request *request)
{
    return current && slice_eq(current->run->reset_request_id, slice_str(request->request_id));
}

static void step_commit(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry)
{
    struct hs_reset *reset = req->extra;
    const struct hs_current *known = hs_current_get(shard, req);
    struct parties p = {.base = entry};

    if (++reset->rounds > ROUNDS_MAX) {
        reset_failed(shard, req,
                     err_fail(&req->detail, ERR_UNAVAILABLE,
                              "the runs of the workflow don't stay in memory"));
        return;
    }
    if (known->loading) {
        hs_current_wait(hs_current_get(shard, req), req, hs_with_run);
        return;
    }
    if (known->exists) {
        p.current = hs_entry_find(shard, known->run.run_id);
        if (!p.current) {
            want(shard, req, known->run.run_id, step_have_current, reset_failed);
            return;
        }
    }
    if (reset->meant && (!p.current || strcmp(p.current->run_id, reset->meant) != 0)) {
        reset_failed(shard, req, ERR_STALE); /* the workflow has gone on with another run */
        return;
    }
    if (made_before(p.current, reset->request)) {
        answer(shard, req, ERR_OK, reply_of(req, p.current->run_id), p.current->seq);
        return;
    }
    if (catch_up(shard, req))
        commit(shard, req, &p);
}

/* -- the beginning ---------------------------------------------------------------------------- */

static enum err check_operations(struct hs_request *req,
                                 const api_reset_workflow_execution_request *request)
{
    for (size_t i = 0; i < request->n_post_reset_operations; i++) {
        const api_post_reset_operation *operation = request->post_reset_operations[i];

        if (operation->variant_case ==
                TEMPORAL__API__WORKFLOW__V1__POST_RESET_OPERATION__VARIANT_UPDATE_WORKFLOW_OPTIONS &&
            operation->update_workflow_options)
            continue;
        return err_fail(
            &req->detail, ERR_INVALID, "unsupported post reset operation: %s",
            operation->variant_case ==
                    TEMPORAL__API__WORKFLOW__V1__POST_RESET_OPERATION__VARIANT_SIGNAL_WORKFLOW
                ? "*workflow.PostResetOperation_SignalWorkflow_"
                : "<nil>");
    }
    return ERR_OK;
}

/* The nodes that the new run shares must be durable before it is: they are read as rows. */
static bool is_durable(const struct history_shard *shard, const struct hs_entry *entry, int64_t to)
{
    LIST_EACH(it, &entry->batches)
    {
        const struct hs_batch *batch = CONTAINER_OF(it, struct hs_batch, node);

        if (batch->first_event_id < to && batch->seq > shard->durable)
            return false;
    }
    return true;
}

static struct hs_reset *reset_new(struct history_shard *shard, struct hs_request *req,
                                  const struct hs_entry *base)
{
    struct hs_reset *reset = calloc(1, sizeof *reset);

    must(reset != NULL);
    reset->request = req->message;
    reset->fork = reset->request->workflow_task_finish_event_id;
    reset->excluded = reset_excluded(reset->request);
    reset->is_base = true;
    reset->meant = req->extra;
    memcpy(reset->base_id, base->run_id, sizeof reset->base_id);
    uuid_v7(&shard->rng, hs_now_ns(shard) / NS_PER_MS, reset->run_id);
    reset->rebuilding = rebuild_new(reset->run_id, base->run->start_request_id, true);
    arena_init(&reset->scratch);
    buf_init(&reset->memory, 0);
    buf_init(&reset->returning, 0);
    reset->req = req;
    list_push_back(&shard->resets, &reset->node);
    shard->reset_count++;
    return reset;
}

static void again(struct history_shard *shard, struct hs_request *req)
{
    hs_with_run(shard, req);
}

static void given_up(struct history_shard *shard, struct hs_request *req)
{
    hs_request_free(shard, req);
}

void hs_step_reset(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry)
{
    const api_reset_workflow_execution_request *request = req->message;
    enum err err = reset_check_request(request, entry->run->next_event_id, &req->detail);

    if (err == ERR_OK)
        err = check_operations(req, request);
    if (err != ERR_OK) {
        hs_answer(shard, req, err, SLICE_EMPTY, entry->seq);
        return;
    }
    if (made_before(entry, request)) {
        hs_answer(shard, req, ERR_OK, reply_of(req, entry->run_id), entry->seq);
        return;
    }
    if (!is_durable(shard, entry, request->workflow_task_finish_event_id)) {
        memcpy(req->run_id, entry->run_id, sizeof req->run_id);
        hs_park(shard, req, hs_mono_ns(shard) + DURABLE_WAIT_MS * NS_PER_MS, again, given_up);
        return;
    }
    if (shard->reset_count >= RESETS_MAX) {
        hs_answer(shard, req,
                  errdetail_resource_exhausted(
                      &req->arena, &req->detail, RESOURCE_EXHAUSTED_CAUSE_SYSTEM_OVERLOADED,
                      RESOURCE_EXHAUSTED_SCOPE_SYSTEM, "too many resets are under way"),
                  SLICE_EMPTY, 0);
        return;
    }
    req->extra = reset_new(shard, req, entry);
    req->failed = reset_failed;
    read_run(shard, req, entry, 1);
}
