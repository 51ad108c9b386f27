/* start_task.c - a matched task: record its start, and send it to the poller.
 *
 * The answer to the poll goes straight to where the frontend holds it; matching learns whether the
 * task was started (ERR_OK) or is gone (ERR_STALE). */
#include "history/shard/shard_int.h"

#include "common/base/hash.h"
#include "common/proto/wire.h"

/* A workflow task on its way out; lives in its request's arena. */
struct handing_out {
    struct rpc_start_task *start; /* NULL: inline, in the answer to a completion */
    struct slice inline_reply;    /* inline: the response so far */
    uint32_t inline_field;        /* ... of which the task becomes this field */
    struct started_workflow_task *task;
    struct slice response; /* packed, without history and page token */
    struct slice extra_events;
    struct slice token; /* should it find nobody */
    char run_id[UUID_TEXT_LEN + 1];
    int64_t seq;
};

/* -- the poll response of a workflow task --------------------------------------------------- */

/* The message is the concatenation of what is packed, 9 (next page token) and 8 (history). */
static uint32_t response_parts(struct hs_request *req, const struct handing_out *out,
                               const struct hs_events *events, struct slice *parts)
{
    struct arena *arena = &req->arena;
    const bool whole = events->next >= events->to;
    const struct slice extra = whole ? out->extra_events : SLICE_EMPTY;
    uint8_t *head = arena_alloc(arena, 15);
    uint32_t count = 0;
    size_t len = extra.len;

    for (uint32_t i = 0; i < events->part_count; i++)
        len += events->parts[i].len;
    parts[count++] = out->response;
    if (!whole) {
        uint8_t *token_head = arena_alloc(arena, 15);
        const struct slice token = hs_history_token(arena, out->run_id, events->next, events->to,
                                                    true, out->extra_events, true);

        parts[count++] = slice_of(token_head, wire_head(token_head, 9, token.len));
        parts[count++] = token;
    }
    parts[count++] = slice_of(head, wire_head(head, 8, len));
    for (uint32_t i = 0; i < events->part_count; i++)
        parts[count++] = events->parts[i];
    if (extra.len)
        parts[count++] = extra;
    return count;
}

static void poll_answer(struct history_shard *shard, struct hs_request *req,
                        const struct handing_out *out, const struct hs_events *events)
{
    struct hs_reply *reply = hs_add_reply(req, out->start->poll.reply_to, ERR_OK);

    reply->count = response_parts(req, out, events, reply->parts);
    reply->undelivered = out->token;
    hs_add_reply(req, req->from, ERR_OK);
    hs_release(shard, req, out->seq);
}

static void inline_answer(struct history_shard *shard, struct hs_request *req,
                          const struct handing_out *out, const struct hs_events *events)
{
    struct hs_reply *reply = hs_add_reply(req, req->from, ERR_OK);
    struct slice parts[HS_REPLY_PARTS];
    const uint32_t count = response_parts(req, out, events, parts);
    uint8_t *head = arena_alloc(&req->arena, 15);
    size_t len = 0;

    must(count + 2 <= HS_REPLY_PARTS);
    for (uint32_t i = 0; i < count; i++)
        len += parts[i].len;
    reply->undelivered = out->token;
    reply->parts[reply->count++] = out->inline_reply;
    reply->parts[reply->count++] = slice_of(head, wire_head(head, out->inline_field, len));
    for (uint32_t i = 0; i < count; i++)
        reply->parts[reply->count++] = parts[i];
    hs_release(shard, req, out->seq);
}

static void history_read(struct history_shard *shard, struct hs_request *req, enum err err,
                         struct hs_events *events)
{
    const struct handing_out *out = req->extra;

    if (err != ERR_OK) /* the task times out, and is handed out again */
        hs_answer(shard, req, err, SLICE_EMPTY, out->seq);
    else if (out->start)
        poll_answer(shard, req, out, events);
    else
        inline_answer(shard, req, out, events);
}

static api_poller_scaling_decision *scaling_of(struct arena *arena, int32_t delta)
{
    api_poller_scaling_decision *decision = NULL;

    if (delta != 0) {
        decision = ARENA_NEW(arena, api_poller_scaling_decision);
        *decision = (api_poller_scaling_decision)API_POLLER_SCALING_DECISION_INIT;
        decision->poll_request_delta_suggestion = delta;
    }
    return decision;
}

static void hand_out(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry,
                     struct handing_out *out)
{
    memcpy(out->run_id, entry->run_id, sizeof out->run_id);
    if (out->start) {
        out->task->response->backlog_count_hint = out->start->backlog_count_hint;
        out->task->response->poller_scaling_decision =
            scaling_of(&req->arena, out->start->poller_scaling);
    }
    out->response = proto_encode(&req->arena, out->task->response);
    out->extra_events = arena_copy(&req->arena, out->task->extra_events);
    out->token =
        slice_of(out->task->response->task_token.data, out->task->response->task_token.len);
    if (!out->task->response->query)
        hs_delivery_expect(shard,
                           out->start ? out->start->poll.reply_to.process : req->from.process,
                           out->token, entry->run->wft.start_id);
    req->extra = out;
    hs_events_read(
        shard, req, entry,
        &(struct hs_events){.from = out->task->history_from,
                            .to = out->task->history_to,
                            .events_max = hs_page_events_max(shard,
                                                             out->task->response->query
                                                                 ? DYNCONF_MATCHING_HISTORY_PAGE
                                                                 : DYNCONF_LIMIT_HISTORY_PAGE,
                                                             entry->run->namespace_name),
                            .bytes_max = HS_PAGE_BYTES_MAX},
        history_read);
}

/* -- starts --------------------------------------------------------------------------------- */

static void refused(struct history_shard *shard, struct hs_request *req, enum err err, int64_t seq)
{
    /* To matching it is all the same why the task can't be started. */
    if (err == ERR_NOT_FOUND || err == ERR_INVALID)
        err = ERR_STALE;
    hs_answer(shard, req, err, SLICE_EMPTY, seq);
}

static void step_start_workflow_task(struct history_shard *shard, struct hs_request *req,
                                     struct hs_entry *entry)
{
    struct rpc_start_task *start = req->extra;
    struct handing_out *out = ARENA_NEW(&req->arena, struct handing_out);
    api_poll_workflow_task_queue_request *request;
    struct transition t;

    enum err err = proto_decode(&req->arena, &api_poll_workflow_task_queue_request__desc,
                                start->poll.request, &request, &req->detail);
    if (err != ERR_OK) {
        refused(shard, req, err, entry->seq);
        return;
    }
    const int64_t seq_before = entry->seq;
    int64_t seq = seq_before;
    hs_begin(shard, req, entry->run, &t);
    err = engine_start_workflow_task(&t, &start->task, &start->poll, request);
    if (err == ERR_OK) {
        err = hs_commit(shard, req, &(struct hs_change){entry, &t, false}, 1);
        if (err == ERR_OK) {
            seq = t.started_rides ? seq_before : entry->seq;
            err = t.reply_err; /* the run has ended instead */
        }
    }
    out->start = start;
    out->task = t.started;
    out->seq = seq;
    transition_release(&t);
    if (err != ERR_OK) {
        refused(shard, req, err, seq);
        return;
    }
    must(out->task != NULL);
    hs_queries_attach(shard, req, entry->run, out->task->response);
    hand_out(shard, req, entry, out);
}

static void step_start_activity_task(struct history_shard *shard, struct hs_request *req,
                                     struct hs_entry *entry)
{
    struct rpc_start_task *start = req->extra;
    struct transition t;
    int64_t seq = entry->seq;

    hs_begin(shard, req, entry->run, &t);
    enum err err = engine_start_activity_task(&t, &start->task, &start->poll);
    if (err == ERR_OK) {
        err = hs_commit(shard, req, &(struct hs_change){entry, &t, false}, 1);
        if (err == ERR_OK)
            seq = entry->seq;
    }
    api_poll_activity_task_queue_response *response = t.started_activity;
    const bool repeated = t.change_count == 0; /* a start ends the task's row */
    transition_release(&t);
    if (err != ERR_OK) {
        refused(shard, req, err, seq);
        return;
    }
    must(response != NULL);
    response->poller_scaling_decision = scaling_of(&req->arena, start->poller_scaling);
    struct hs_reply *reply = hs_add_reply(req, start->poll.reply_to, ERR_OK);
    reply->parts[reply->count++] = proto_encode(&req->arena, response);
    if (!repeated) /* else the first answer may have reached its worker: not to be un-started */
        reply->undelivered =
            arena_copy(&req->arena, slice_of(response->task_token.data, response->task_token.len));
    hs_add_reply(req, req->from, ERR_OK);
    hs_release(shard, req, seq);
}

static void step_start_query(struct history_shard *shard, struct hs_request *req,
                             struct hs_entry *entry)
{
    struct rpc_start_task *start = req->extra;
    struct handing_out *out = ARENA_NEW(&req->arena, struct handing_out);
    api_workflow_query *query = hs_query_message(shard, start->task.row_seq, entry->run_id);
    const struct task_token token = {
        .kind = TASK_QUERY,
        .namespace_id = entry->run->namespace_id,
        .execution_kind = EXECUTION_WORKFLOW,
        .workflow_id = entry->run->workflow_id,
        .run_id = slice_str(entry->run_id),
        .start_id = start->task.row_seq,
    };
    struct transition t;

    if (!query) {
        refused(shard, req, ERR_STALE, entry->seq);
        return;
    }
    hs_begin(shard, req, entry->run, &t);
    const enum err err = engine_query_task(&t, &start->poll, &token);
    out->start = start;
    out->task = t.started;
    out->seq = entry->seq;
    transition_release(&t);
    if (err != ERR_OK) {
        refused(shard, req, err, entry->seq);
        return;
    }
    must(out->task != NULL);
    out->task->response->query = query;
    hand_out(shard, req, entry, out);
}

void hs_start_task(struct history_shard *shard, struct hs_request *req)
{
    struct rpc_start_task *start = ARENA_NEW(&req->arena, struct rpc_start_task);
    enum err err = rpc_start_task_decode(&req->arena, req->api.request, start);
    uint8_t uuid[16];

    if (err == ERR_OK &&
        (start->task.namespace_id.len != UUID_TEXT_LEN || !uuid_parse(start->task.run_id, uuid)))
        err = ERR_CORRUPT;
    if (err != ERR_OK) {
        hs_answer(shard, req, err, SLICE_EMPTY, 0);
        return;
    }
    uuid_format(uuid, req->run_id);
    req->namespace_id = start->task.namespace_id;
    req->workflow_id = start->task.workflow_id;
    req->tablet = hash_tablet(req->namespace_id, req->workflow_id);
    req->extra = start;
    if (!hs_owns_tablet(shard, req->tablet)) {
        hs_answer(shard, req, ERR_NOT_OWNER, SLICE_EMPTY, 0);
        return;
    }
    switch (start->task.kind) {
    case TASK_WORKFLOW:
        req->step = step_start_workflow_task;
        break;
    case TASK_ACTIVITY:
        req->step = step_start_activity_task;
        break;
    case TASK_QUERY:
        req->step = step_start_query;
        break;
    }
    if (!req->step) {
        hs_answer(shard, req, ERR_INVALID, SLICE_EMPTY, 0);
        return;
    }
    hs_operation_of_task(req, start->task.kind);
    hs_with_run(shard, req);
}

/* -- completions and stickiness ------------------------------------------------------------- */

void hs_answer_with_task(struct history_shard *shard, struct hs_request *req,
                         struct hs_entry *entry, struct slice reply, uint32_t field,
                         struct started_workflow_task *task, int64_t seq)
{
    struct handing_out *out = ARENA_NEW(&req->arena, struct handing_out);

    *out = (struct handing_out){
        .inline_reply = reply, .inline_field = field, .task = task, .seq = seq};
    hs_queries_attach(shard, req, entry->run, task->response);
    hand_out(shard, req, entry, out);
}

void hs_step_workflow_task_completed(struct history_shard *shard, struct hs_request *req,
                                     struct hs_entry *entry)
{
    struct transition t;
    int64_t seq = entry->seq;

    hs_begin(shard, req, entry->run, &t);
    t.bad_binary = req->api.bad_binary;
    enum err err = engine_respond_workflow_task_completed(&t, &req->token, req->message);
    if (err == ERR_OK && hs_ends_for_limit(shard, req, entry, &t))
        return;
    if (err == ERR_OK) {
        err = hs_commit_step(shard, req, entry, &t);
        if (err == ERR_OK) {
            seq = entry->seq;
            err = t.reply_err;
        }
    }
    const struct slice reply = t.reply;
    struct started_workflow_task *task = t.started;
    transition_release(&t);
    if (err == ERR_OK && task)
        hs_answer_with_task(shard, req, entry, reply, 1, task, seq);
    else
        hs_answer(shard, req, err, err == ERR_OK ? reply : SLICE_EMPTY, seq);
}

void hs_step_no_sticky_poller(struct history_shard *shard, struct hs_request *req,
                              struct hs_entry *entry)
{
    struct transition t;

    hs_begin(shard, req, entry->run, &t);
    const enum err err = engine_no_sticky_poller(&t, req->message);
    hs_end(shard, req, entry, &t, err);
}
