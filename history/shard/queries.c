/* queries.c - QueryWorkflow: dispatched directly when no workflow task is pending, else carried by
 * the next one; and the answers.
 *
 *   BUFFERED --- a workflow task starts, its completion has the result ---> answered
 *      |  a task completes, none follows, no result
 *      v
 *   STICKY --- no poller, or no answer in time ---> NORMAL --- RespondQueryTaskCompleted -->
 * answered
 *
 * Queries are volatile: they end with the process, and the frontend asks again. A query is a
 * parked request; its deadline is the caller's. */
#include "history/shard/shard_int.h"

#include "common/proto/errdetail.h"
#include "common/proto/wire.h"
#include "history/engine/pause.h"

#include <stdio.h>
#include <stdlib.h>

enum query_state { QUERY_BUFFERED, QUERY_STICKY, QUERY_NORMAL };

/* The queries of one run that a workflow task is to carry. */
struct hs_run_queries {
    struct map_node node; /* in shard->run_queries */
    char run_id[UUID_TEXT_LEN + 1];
    struct list buffered; /* struct hs_query */
    uint32_t count;
};

struct hs_query {
    struct map_node node; /* in shard->queries */
    struct list buffered;
    uint64_t id;
    struct history_shard *shard;
    struct hs_request *req; /* parked */
    enum query_state state;
    uint64_t call; /* to matching; 0: none */
    char run_id[UUID_TEXT_LEN + 1];
    api_workflow_query *message; /* in the request's arena */
    int64_t seq;                 /* of the state that the query saw */
};

static struct hs_query *find(struct history_shard *shard, uint64_t id)
{
    struct map_node *node = map_get_u64(&shard->queries, id);

    return node ? CONTAINER_OF(node, struct hs_query, node) : NULL;
}

api_workflow_query *hs_query_message(struct history_shard *shard, uint64_t query_id,
                                     const char *run_id)
{
    struct hs_query *query = find(shard, query_id);

    return query && strcmp(query->run_id, run_id) == 0 ? query->message : NULL;
}

/* -- life ----------------------------------------------------------------------------------- */

static struct hs_run_queries *find_run(struct history_shard *shard, const char *run_id)
{
    struct map_node *node = map_get(&shard->run_queries, slice_str(run_id));

    return node ? CONTAINER_OF(node, struct hs_run_queries, node) : NULL;
}

static void unbuffer(struct hs_query *query)
{
    struct history_shard *shard = query->shard;

    if (list_empty(&query->buffered))
        return;
    list_remove(&query->buffered);
    struct hs_run_queries *run = find_run(shard, query->run_id);
    must(run != NULL && run->count > 0);
    if (--run->count == 0) {
        map_remove(&shard->run_queries, &run->node);
        free(run);
    }
}

static void buffer(struct hs_query *query)
{
    struct history_shard *shard = query->shard;
    struct hs_run_queries *run = find_run(shard, query->run_id);

    if (!run) {
        run = calloc(1, sizeof *run);
        must(run != NULL);
        memcpy(run->run_id, query->run_id, sizeof run->run_id);
        list_init(&run->buffered);
        map_put(&shard->run_queries, slice_str(run->run_id), &run->node);
    }
    run->count++;
    list_push_back(&run->buffered, &query->buffered);
    query->state = QUERY_BUFFERED;
}

/* The query ends; its request is the caller's to answer. */
static struct hs_request *query_end(struct hs_query *query)
{
    struct history_shard *shard = query->shard;
    struct hs_request *req = query->req;

    if (query->call)
        shard->net->cancel(shard->net->self, query->call);
    unbuffer(query);
    map_remove(&shard->queries, &query->node);
    hs_unpark(shard, req);
    free(query);
    return req;
}

static void query_fail(struct hs_query *query, enum err err, const char *text)
{
    struct history_shard *shard = query->shard;
    const int64_t seq = query->seq;
    struct hs_request *req = query_end(query);

    hs_answer(shard, req, err_fail(&req->detail, err, "%s", text), SLICE_EMPTY, seq);
}

static void leave_sticky(struct hs_query *query);

static void expired(struct history_shard *shard, struct hs_request *req)
{
    struct hs_query *query = req->extra;

    if (shard->draining) {
        query_fail(query, ERR_UNAVAILABLE, "shard closing, please retry");
    } else if (query->state == QUERY_STICKY && hs_mono_ns(shard) < req->deadline_mono_ns) {
        leave_sticky(query);
    } else {
        query_fail(query, ERR_TIMEOUT, "context deadline exceeded");
    }
}

static void canceled(struct history_shard *shard, struct hs_request *req)
{
    query_end(req->extra);
    hs_request_free(shard, req);
}

static void park(struct hs_query *query, int64_t until_ns)
{
    hs_unpark(query->shard, query->req);
    hs_park(query->shard, query->req, until_ns, expired, canceled);
}

/* -- direct dispatch ------------------------------------------------------------------------ */

static void on_dispatched(void *arg, enum err err, const struct err_detail *detail,
                          struct slice body)
{
    struct hs_query *query = arg;
    struct history_shard *shard = query->shard;

    UNUSED(body);
    query->call = 0;
    if (err == ERR_OK) /* a worker has it: its answer comes by RespondQueryTaskCompleted */
        return;
    if (query->state == QUERY_STICKY && (err == ERR_STALE || err == ERR_TIMEOUT))
        leave_sticky(query);
    else if (err == ERR_TIMEOUT)
        query_fail(query, err, "context deadline exceeded");
    else
        query_fail(query, err == ERR_STALE ? ERR_UNAVAILABLE : err,
                   detail && detail->text[0] ? detail->text : err_text(err));
    hs_rearm(shard);
}

static void call_matching(struct hs_query *query, const struct run *run, struct slice queue,
                          bool sticky, int64_t until_ns)
{
    struct history_shard *shard = query->shard;
    const struct rpc_task task = {
        .kind = TASK_QUERY,
        .sticky = sticky,
        .history_shard = shard->options.shard_id,
        .row_seq = query->id,
        .namespace_id = run->namespace_id,
        .task_queue = queue,
        .workflow_id = run->workflow_id,
        .run_id = slice_str(run->run_id),
        .attempt = 1,
        .priority = 3,
        .created_wall_ns = hs_now_ns(shard),
    };
    struct buf body;
    int64_t timeout_ms = (until_ns - hs_mono_ns(shard)) / NS_PER_MS;

    if (timeout_ms < 1)
        timeout_ms = 1;
    query->state = sticky ? QUERY_STICKY : QUERY_NORMAL;
    park(query, until_ns);
    buf_init(&body, 0);
    rpc_task_encode(&task, &body);
    query->call = shard->net->call(
        shard->net->self, MESH_SHARD(ROLE_MATCHING, rpc_matching_shard(run->namespace_id, queue)),
        METHOD_MATCHING_DISPATCH_QUERY, buf_slice(&body), timeout_ms, on_dispatched, query);
    buf_release(&body);
}

static void dispatch_normal(struct hs_query *query, const struct run *run)
{
    call_matching(query, run, run->task_queue, false, query->req->deadline_mono_ns);
}

/* A sticky worker that has died gets half of the time at most: the other half is for one that
 * replays. */
static void dispatch_direct(struct hs_query *query, const struct run *run)
{
    const int64_t now_ns = hs_mono_ns(query->shard);
    int64_t sticky_ns = run->sticky_schedule_to_start_ns;

    unbuffer(query);
    if (run->sticky_queue.len == 0 || sticky_ns <= 0) {
        dispatch_normal(query, run);
        return;
    }
    if (sticky_ns > (query->req->deadline_mono_ns - now_ns) / 2)
        sticky_ns = (query->req->deadline_mono_ns - now_ns) / 2;
    call_matching(query, run, bytes_slice(run->sticky_queue), true, now_ns + sticky_ns);
}

/* The run is there again: the sticky worker is gone, forget it, and ask on the normal queue. The
 * step is a request of the shard's own, which names the query. */
static void step_leave_sticky(struct history_shard *shard, struct hs_request *own,
                              struct hs_entry *entry)
{
    const uint64_t *id = own->extra;
    struct hs_query *query = find(shard, *id);
    struct transition t;

    if (query)
        dispatch_normal(query, entry->run);
    if (!run_is_open(entry->run) || entry->run->sticky_queue.len == 0) {
        hs_request_free(shard, own);
        return;
    }
    hs_begin(shard, own, entry->run, &t);
    const enum err err = engine_reset_sticky(&t);
    hs_end(shard, own, entry, &t, err);
}

static void leave_sticky(struct hs_query *query)
{
    struct history_shard *shard = query->shard;
    struct hs_request *own = hs_request_new(shard, (struct mesh_addr){0});

    if (!own) {
        query_fail(query, ERR_BUSY, "too many requests wait in the shard");
        return;
    }
    if (query->call)
        shard->net->cancel(shard->net->self, query->call);
    query->call = 0;
    query->state = QUERY_NORMAL;
    park(query, query->req->deadline_mono_ns);
    uint64_t *id = ARENA_NEW(&own->arena, uint64_t);
    *id = query->id;
    own->extra = id;
    own->tablet = query->req->tablet;
    own->namespace_id = arena_copy(&own->arena, query->req->namespace_id);
    own->workflow_id = arena_copy(&own->arena, query->req->workflow_id);
    memcpy(own->run_id, query->run_id, sizeof own->run_id);
    own->step = step_leave_sticky;
    hs_with_run(shard, own);
}

void hs_query_not_delivered(struct history_shard *shard, uint64_t query_id, const struct run *run)
{
    struct hs_query *query = find(shard, query_id);

    if (!query || query->state == QUERY_BUFFERED || strcmp(query->run_id, run->run_id) != 0)
        return;
    if (query->call)
        shard->net->cancel(shard->net->self, query->call);
    query->call = 0;
    if (query->state == QUERY_STICKY)
        dispatch_direct(query, run);
    else
        dispatch_normal(query, run);
}

/* -- asking --------------------------------------------------------------------------------- */

/* Whether the query was processed or rejected, the caller gets a link to the workflow. */
static void add_link(struct hs_request *req, const struct run *run,
                     api_query_workflow_response *response, const char *reason)
{
    struct arena *arena = &req->arena;
    api_link_workflow *workflow = ARENA_NEW(arena, api_link_workflow);
    api_common_link *link = ARENA_NEW(arena, api_common_link);

    *workflow = (api_link_workflow)API_LINK_WORKFLOW_INIT;
    workflow->namespace_ = arena_str(arena, run->namespace_name);
    workflow->workflow_id = arena_str(arena, run->workflow_id);
    workflow->run_id = arena_str(arena, slice_str(run->run_id));
    workflow->reason = arena_str(arena, slice_str(reason));
    *link = (api_common_link)API_COMMON_LINK_INIT;
    link->variant_case = TEMPORAL__API__COMMON__V1__LINK__VARIANT_WORKFLOW;
    link->workflow = workflow;
    response->link = link;
}

/* Spec: a query waits for the first workflow task, unless the time it has ends before that. */
static bool first_task_is_too_late(struct history_shard *shard, const struct hs_request *req,
                                   const struct run *run)
{
    return run->first_task_due_ns - hs_now_ns(shard) > req->deadline_mono_ns - hs_mono_ns(shard);
}

/* Gives true when the request was answered: rejected, or it can't be served. */
static bool answered_at_once(struct history_shard *shard, struct hs_request *req,
                             const struct hs_entry *entry)
{
    const api_query_workflow_request *request = req->message;
    const struct run *run = entry->run;
    const char *why = NULL;

    if (run_is_paused(run) ||
        (!run_is_open(run) &&
         (request->query_reject_condition == QUERY_REJECT_CONDITION_NOT_OPEN ||
          (request->query_reject_condition == QUERY_REJECT_CONDITION_NOT_COMPLETED_CLEANLY &&
           run->status != WORKFLOW_EXECUTION_STATUS_COMPLETED)))) {
        api_query_rejected rejected = API_QUERY_REJECTED_INIT;
        api_query_workflow_response response = API_QUERY_WORKFLOW_RESPONSE_INIT;

        rejected.status = (Temporal__Api__Enums__V1__WorkflowExecutionStatus)run->status;
        response.query_rejected = &rejected;
        add_link(req, run, &response, "Query rejected");
        hs_answer(shard, req, ERR_OK, proto_encode(&req->arena, &response), entry->seq);
        return true;
    }
    const bool had_task = run->last_started_event_id != 0;
    if (!run_is_open(run) && !had_task)
        why = "Workflow execution closed before WorkflowTaskStarted event";
    else if (!had_task && run->wft.state == WFT_NONE && first_task_is_too_late(shard, req, run))
        why = "Workflow task is not scheduled yet.";
    else if (run_is_open(run) && run->wft.state != WFT_NONE &&
             run->wft.attempt >= HS_QUERY_FAIL_ATTEMPT)
        why = "Unable to query workflow due to Workflow Task in failed state.";
    if (why)
        hs_answer(shard, req, errdetail_workflow_not_ready(&req->arena, &req->detail, "%s", why),
                  SLICE_EMPTY, entry->seq);
    return why != NULL;
}

static struct hs_query *query_new(struct history_shard *shard, struct hs_request *req,
                                  const struct hs_entry *entry)
{
    const api_query_workflow_request *request = req->message;
    struct hs_query *query = calloc(1, sizeof *query);

    must(query != NULL);
    do
        query->id = rng_u64(&shard->rng);
    while (query->id == 0 || find(shard, query->id));
    query->shard = shard;
    query->req = req;
    query->message = request->query;
    query->seq = entry->seq;
    list_init(&query->buffered);
    memcpy(query->run_id, entry->run_id, sizeof query->run_id);
    memcpy(req->run_id, entry->run_id, sizeof req->run_id);
    map_put_u64(&shard->queries, query->id, &query->node);
    req->extra = query;
    return query;
}

void hs_step_query(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry)
{
    const struct run *run = entry->run;

    if (!((const api_query_workflow_request *)req->message)->query) {
        hs_answer(shard, req, err_fail(&req->detail, ERR_INVALID, "Query is not set on request."),
                  SLICE_EMPTY, entry->seq);
        return;
    }
    if (req->deadline_mono_ns == INT64_MAX)
        req->deadline_mono_ns = hs_mono_ns(shard) + 10 * NS_PER_S;
    if (answered_at_once(shard, req, entry))
        return;
    if (run->last_started_event_id != 0 && (!run_is_open(run) || run->wft.state == WFT_NONE)) {
        dispatch_direct(query_new(shard, req, entry), run);
        return;
    }
    const struct hs_run_queries *others = find_run(shard, run->run_id);
    if (others && others->count >= dynconf_int(shard->options.dynconf,
                                               DYNCONF_HISTORY_MAX_BUFFERED_QUERIES, SLICE_EMPTY)) {
        const enum err err = errdetail_resource_exhausted(
            &req->arena, &req->detail, RESOURCE_EXHAUSTED_CAUSE_BUSY_WORKFLOW,
            RESOURCE_EXHAUSTED_SCOPE_NAMESPACE,
            "consistent query buffer is full, this may be caused by too many queries and workflow "
            "not able to process query fast enough");

        hs_answer(shard, req, err, SLICE_EMPTY, entry->seq);
        return;
    }
    struct hs_query *query = query_new(shard, req, entry);
    buffer(query);
    park(query, req->deadline_mono_ns);
}

static void query_not_ready(struct hs_query *query)
{
    struct history_shard *shard = query->shard;
    const int64_t seq = query->seq;
    struct hs_request *req = query_end(query);

    hs_answer(
        shard, req,
        errdetail_workflow_not_ready(&req->arena, &req->detail,
                                     "Workflow execution closed before WorkflowTaskStarted event"),
        SLICE_EMPTY, seq);
}

/* -- carried by workflow tasks -------------------------------------------------------------- */

void hs_queries_attach(struct history_shard *shard, struct hs_request *req, const struct run *run,
                       api_poll_workflow_task_queue_response *response)
{
    struct hs_run_queries *queries = find_run(shard, run->run_id);

    if (!queries)
        return;
    response->queries = ARENA_ARRAY(
        &req->arena, api_poll_workflow_task_queue_response_queries_entry *, queries->count);
    LIST_EACH(it, &queries->buffered)
    {
        const struct hs_query *query = CONTAINER_OF(it, struct hs_query, buffered);
        api_poll_workflow_task_queue_response_queries_entry *at =
            ARENA_NEW(&req->arena, api_poll_workflow_task_queue_response_queries_entry);

        *at = (api_poll_workflow_task_queue_response_queries_entry)
            API_POLL_WORKFLOW_TASK_QUEUE_RESPONSE_QUERIES_ENTRY_INIT;
        at->key = arena_printf(&req->arena, "%016llx", (unsigned long long)query->id);
        at->value = query->message;
        response->queries[response->n_queries++] = at;
    }
}

/* Answer with what a worker said. `type` and the rest are of either form of the result. */
static void answer_result(struct hs_query *query, const struct run *run, int64_t seq,
                          const api_workflow_query_result *result)
{
    struct history_shard *shard = query->shard;
    struct hs_request *req = query_end(query);
    api_query_workflow_response response = API_QUERY_WORKFLOW_RESPONSE_INIT;
    enum err err;

    if (result->answer && protobuf_c_message_get_packed_size(&result->answer->base) >
                              hs_limits_of(shard, req->api.namespace_name)->blob_bytes_max) {
        err = err_fail(&req->detail, ERR_INVALID, "Blob data size exceeds limit.");
    } else if (result->result_type == QUERY_RESULT_TYPE_ANSWERED) {
        response.query_result = result->answer;
        if (run)
            add_link(req, run, &response, "Query processed");
        hs_answer(shard, req, ERR_OK, proto_encode(&req->arena, &response), seq);
        return;
    } else if (result->result_type == QUERY_RESULT_TYPE_FAILED)
        err = errdetail_query_failed(&req->arena, &req->detail,
                                     result->failure ? proto_encode(&req->arena, result->failure)
                                                     : SLICE_EMPTY,
                                     "%s", result->error_message);
    else
        err = err_fail(&req->detail, ERR_INVALID,
                       "query entered invalid state, this should be impossible");
    hs_answer(shard, req, err, SLICE_EMPTY, seq);
}

static struct hs_query *query_of_key(struct history_shard *shard, const char *key,
                                     const char *run_id)
{
    char *end;
    const unsigned long long id = strtoull(key, &end, 16);
    struct hs_query *query = *end || end == key ? NULL : find(shard, id);

    return query && query->state == QUERY_BUFFERED && strcmp(query->run_id, run_id) == 0 ? query
                                                                                         : NULL;
}

void hs_queries_completed(struct history_shard *shard, struct hs_entry *entry,
                          const struct transition *t)
{
    const struct run *run = entry->run;
    const api_respond_workflow_task_completed_request *request = t->completed_request;
    struct hs_run_queries *queries = find_run(shard, run->run_id);

    if (!queries)
        return;
    for (size_t i = 0; t->wft_completed && request && i < request->n_query_results; i++) {
        const api_respond_workflow_task_completed_request_query_results_entry *result =
            request->query_results[i];
        struct hs_query *query = query_of_key(shard, result->key, run->run_id);

        if (query && result->value)
            answer_result(query, run, entry->seq, result->value);
    }
    /* What is left waits for the next task; when none follows, it need not wait. */
    if (run_is_open(run) && run->wft.state != WFT_NONE)
        return;
    while ((queries = find_run(shard, run->run_id))) {
        struct hs_query *query = CONTAINER_OF(queries->buffered.next, struct hs_query, buffered);

        query->seq = entry->seq;
        if (run->last_started_event_id != 0)
            dispatch_direct(query, run);
        else
            query_not_ready(query);
    }
}

/* -- the answer of a query task ------------------------------------------------------------- */

void hs_respond_query(struct history_shard *shard, struct hs_request *req)
{
    const api_respond_query_task_completed_request *request = req->message;
    api_workflow_query_result result = API_WORKFLOW_QUERY_RESULT_INIT;
    struct hs_query *query = NULL;

    if (task_token_decode(&req->arena, req->api.token, &req->token) != ERR_OK ||
        req->token.kind != TASK_QUERY) {
        hs_answer(shard, req, err_fail(&req->detail, ERR_INVALID, "Invalid TaskToken."),
                  SLICE_EMPTY, 0);
        return;
    }
    query = find(shard, req->token.start_id);
    if (!query || query->state == QUERY_BUFFERED ||
        !slice_eq(req->token.run_id, slice_str(query->run_id))) {
        hs_answer(shard, req,
                  errdetail_not_found(&req->arena, &req->detail,
                                      "query task not found, or already expired"),
                  SLICE_EMPTY, 0);
        return;
    }
    result.result_type = request->completed_type;
    result.answer = request->query_result;
    result.error_message = request->error_message;
    result.failure = request->failure;
    const struct hs_entry *entry = hs_entry_find(shard, query->run_id);
    answer_result(query, entry ? entry->run : NULL, query->seq, &result);
    hs_answer(shard, req, ERR_OK, SLICE_EMPTY, 0);
}

void hs_queries_release(struct history_shard *shard)
{
    for (struct map_node *it; (it = map_next(&shard->queries, NULL));) {
        struct hs_query *query = CONTAINER_OF(it, struct hs_query, node);

        hs_request_abandon(shard, query_end(query));
    }
}
