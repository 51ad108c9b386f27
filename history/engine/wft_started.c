/* wft_started.c - a workflow task goes to a worker: its start is recorded, its response built. */
#include "history/engine/engine_int.h"

#include "common/proto/wire.h"
#include "history/engine/update_int.h"

/* The stamp that old-style capabilities stand for; none for workers of a deployment version. */
static api_worker_version_stamp *stamp_of_poll(struct transition *t,
                                               const api_poll_workflow_task_queue_request *request)
{
    const api_worker_version_capabilities *c = request->worker_version_capabilities;
    const api_worker_deployment_options *o = request->deployment_options;

    if (o && o->worker_versioning_mode == WORKER_VERSIONING_MODE_VERSIONED && o->deployment_name[0])
        return NULL;
    if (!c || (c->use_versioning && c->deployment_series_name[0]) || !c->build_id[0])
        return NULL;
    api_worker_version_stamp *stamp = engine_message(t->arena, &api_worker_version_stamp__desc);
    stamp->build_id = c->build_id;
    stamp->use_versioning = c->use_versioning;
    return stamp;
}

static ProtobufCBinaryData token_bytes(struct transition *t, const struct task_token *token)
{
    struct buf buf;

    buf_init(&buf, 0);
    task_token_encode(token, &buf);
    must(buf_ok(&buf));
    const struct slice bytes = arena_copy(t->arena, buf_slice(&buf));
    buf_release(&buf);
    ProtobufCBinaryData data = {.len = bytes.len, .data = arena_alloc(t->arena, bytes.len + 1)};
    if (bytes.len > 0)
        memcpy(data.data, bytes.ptr, bytes.len);
    return data;
}

static api_poll_workflow_task_queue_response *response_head(struct transition *t)
{
    const struct run *run = t->run;
    api_poll_workflow_task_queue_response *r =
        engine_message(t->arena, &api_poll_workflow_task_queue_response__desc);

    r->workflow_execution = engine_message(t->arena, &api_common_workflow_execution__desc);
    r->workflow_execution->workflow_id = transition_str(t, run->workflow_id);
    r->workflow_execution->run_id = transition_str(t, slice_str(run->run_id));
    r->workflow_type = engine_message(t->arena, &api_workflow_type__desc);
    r->workflow_type->name = transition_str(t, run->workflow_type);
    r->previous_started_event_id = run->last_started_event_id;
    r->workflow_execution_task_queue = engine_message(t->arena, &api_task_queue__desc);
    r->workflow_execution_task_queue->name = transition_str(t, run->task_queue);
    r->workflow_execution_task_queue->kind = TASK_QUEUE_KIND_NORMAL;
    return r;
}

/* Scheduled and Started as they would be written: the worker sees them as if they were. */
static struct slice transient_events(struct transition *t, const char *identity)
{
    const struct workflow_task *wft = &t->run->wft;
    api_history_event *scheduled = wft_scheduled_event(t, wft->scheduled_ns);
    struct buf events;

    scheduled->event_id = wft->scheduled_event_id;
    buf_init(&events, 0);
    proto_put(&events, 1, scheduled);
    if (wft->state == WFT_STARTED) {
        api_history_event *started = wft_started_event(t, identity, NULL);

        started->event_id = wft->started_event_id;
        proto_put(&events, 1, started);
    }
    must(buf_ok(&events));
    const struct slice bytes = arena_copy(t->arena, buf_slice(&events));
    buf_release(&events);
    return bytes;
}

struct started_workflow_task *wft_response(struct transition *t)
{
    const struct run *run = t->run;
    const struct workflow_task *wft = &run->wft;
    struct started_workflow_task *out = ARENA_NEW(t->arena, struct started_workflow_task);
    const struct task_token token = {
        .kind = TASK_WORKFLOW,
        .namespace_id = run->namespace_id,
        .execution_kind = (uint32_t)run->kind,
        .workflow_id = run->workflow_id,
        .run_id = slice_str(run->run_id),
        .scheduled_event_id = wft->scheduled_event_id,
        .started_event_id = wft->started_event_id,
        .attempt = wft->attempt,
        .start_id = wft->start_id,
    };

    must(wft->state == WFT_STARTED);
    out->response = response_head(t);
    out->response->task_token = token_bytes(t, &token);
    out->response->started_event_id = wft->started_event_id;
    out->response->attempt = wft->attempt;
    out->response->scheduled_time = transition_timestamp(t, wft->scheduled_ns);
    out->response->started_time = transition_timestamp(t, wft->started_ns);
    /* A worker that gets the task with its answer to the last one knows what was before. */
    out->history_from =
        run->sticky_queue.len > 0 || wft->inline_start ? run->last_started_event_id + 1 : 1;
    out->history_to = run->next_event_id;
    if (wft->attempt > 1 || wft->speculative)
        out->extra_events = transient_events(t, transition_str(t, bytes_slice(wft->identity)));
    updates_send(t, out->response);
    return out;
}

struct slice engine_transient_events(struct transition *t)
{
    const struct run *run = t->run;

    if (!run_is_open(run) || run->wft.state == WFT_NONE ||
        (run->wft.attempt == 1 && !run->wft.speculative) ||
        run->wft.scheduled_event_id != run->next_event_id)
        return SLICE_EMPTY;
    return transient_events(t, "");
}

/* How many events a start writes: of a later attempt none, unless other events came between. */
static int64_t wft_start_events(const struct run *run)
{
    const struct workflow_task *wft = &run->wft;

    if (wft->speculative)
        return 0;
    if (wft->attempt == 1)
        return 1;
    return wft->scheduled_event_id != run->next_event_id ? 2 : 0;
}

enum err engine_start_workflow_task(struct transition *t, const struct rpc_task *task,
                                    const struct rpc_poll *poll,
                                    const api_poll_workflow_task_queue_request *request)
{
    struct run *run = t->run;
    struct workflow_task *wft = &run->wft;

    if (!run_is_open(run))
        return ERR_STALE;
    if (wft->state == WFT_STARTED && poll->poll_id != 0 && wft->poll_id == poll->poll_id &&
        !wft->inline_start) {
        t->started = wft_response(t);
        return ERR_OK;
    }
    const bool anew = run_task_is_undelivered(run);
    if ((wft->state != WFT_SCHEDULED && !anew) || wft->row_seq != task->row_seq)
        return ERR_STALE;
    if (poll->sticky && !slice_eq(poll->task_queue, bytes_slice(run->sticky_queue)))
        return ERR_STALE; /* the run has left this worker's queue */

    if (!anew && run_meets_limits(t, wft_start_events(run)))
        return ERR_OK;
    t->keeps_speculative = true;
    wft_drop_row(t);
    if (!poll->sticky)
        wft_clear_sticky(run); /* another worker takes over: it needs the whole history */
    const struct wft_start start = {
        .identity = poll->identity, .stamp = stamp_of_poll(t, request), .poll_id = poll->poll_id};
    if (anew)
        wft_hand_out_anew(t, &start);
    else
        wft_start(t, &start);
    t->started_rides = t->event_count <= 1;
    t->started = wft_response(t);
    return ERR_OK;
}

enum err engine_query_task(struct transition *t, const struct rpc_poll *poll,
                           const struct task_token *token)
{
    struct run *run = t->run;
    struct started_workflow_task *out = ARENA_NEW(t->arena, struct started_workflow_task);

    out->response = response_head(t);
    out->response->task_token = token_bytes(t, token);
    out->response->attempt = 1;
    out->history_to = run->next_event_id;
    /* The sticky worker has seen everything; any other needs the whole history. */
    out->history_from = poll->sticky && slice_eq(poll->task_queue, bytes_slice(run->sticky_queue))
                            ? out->history_to
                            : 1;
    t->started = out;
    return ERR_OK;
}

/* -- tokens ---------------------------------------------------------------------------------- */

bool wft_token_matches(const struct run *run, const struct task_token *token)
{
    const struct workflow_task *wft = &run->wft;

    return run_is_open(run) && wft->state == WFT_STARTED && token->kind == TASK_WORKFLOW &&
           token->start_id == wft->start_id && token->attempt == wft->attempt &&
           token->scheduled_event_id == wft->scheduled_event_id;
}

bool wft_token_answered(const struct run *run, const struct task_token *token)
{
    if (token->start_id == 0)
        return false;
    if (run->dropped_start_id == token->start_id)
        return true;
    for (size_t i = 0; i < COMPLETED_RING; i++)
        if (run->completed_start_ids[i] == token->start_id)
            return true;
    return false;
}

void wft_remember_answer(struct run *run, uint64_t start_id)
{
    run->completed_start_ids[run->completed_next % COMPLETED_RING] = start_id;
    run->completed_next = (run->completed_next + 1) % COMPLETED_RING;
    run->dirty = true;
}
