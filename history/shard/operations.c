/* operations.c - the table of mesh methods: how each request is decoded, and the step it makes. */
#include "history/shard/shard_int.h"

#include "common/base/hash.h"
#include "common/proto/wire.h"
#include "history/engine/activity_operations.h"
#include "history/engine/options.h"
#include "history/engine/pause.h"

#include <stdio.h>

enum route {
    ROUTE_EXECUTION, /* an API request that names a workflow execution */
    ROUTE_TOKEN,     /* an API request with a task token */
    ROUTE_API,       /* an API request whose handler finds the run itself */
    ROUTE_TASK,      /* struct rpc_task */
    ROUTE_RETURNED,  /* a task token: the answer with that task found nobody */
    ROUTE_BODY,      /* the handler decodes the body, which is in req->api.request */
};

struct hs_operation {
    enum mesh_method method;
    const char *name; /* label of its metrics: the reference's name of the call */
    enum route route;
    const ProtobufCMessageDescriptor *desc;
    const api_common_workflow_execution *(*execution)(const void *message); /* ROUTE_EXECUTION */
    const char *(*chain)(const void *message); /* NULL, or the first run of what is named */
    hs_step_fn step;                           /* with the run ... */
    hs_request_fn start;                       /* ... or without */
    bool makes_work;
};

/* -- the executions that requests name ------------------------------------------------------ */

#define EXECUTION_OF(type, member)                                                                 \
    static const api_common_workflow_execution *type##_execution(const void *message)              \
    {                                                                                              \
        return ((const api_##type *)message)->member;                                              \
    }
EXECUTION_OF(signal_workflow_execution_request, workflow_execution)
EXECUTION_OF(request_cancel_workflow_execution_request, workflow_execution)
EXECUTION_OF(terminate_workflow_execution_request, workflow_execution)
EXECUTION_OF(delete_workflow_execution_request, workflow_execution)
EXECUTION_OF(describe_workflow_execution_request, execution)
EXECUTION_OF(get_workflow_execution_history_request, execution)
EXECUTION_OF(get_workflow_execution_history_reverse_request, execution)
EXECUTION_OF(query_workflow_request, execution)
EXECUTION_OF(reset_sticky_task_queue_request, execution)
EXECUTION_OF(update_workflow_execution_options_request, workflow_execution)
EXECUTION_OF(reset_workflow_execution_request, workflow_execution)
EXECUTION_OF(pause_activity_request, execution)
EXECUTION_OF(unpause_activity_request, execution)
EXECUTION_OF(reset_activity_request, execution)
EXECUTION_OF(update_activity_options_request, execution)
EXECUTION_OF(update_workflow_execution_request, workflow_execution)

#define CHAIN_OF(type)                                                                             \
    static const char *type##_chain(const void *message)                                           \
    {                                                                                              \
        return ((const api_##type *)message)->first_execution_run_id;                              \
    }
CHAIN_OF(request_cancel_workflow_execution_request)
CHAIN_OF(terminate_workflow_execution_request)

static const api_common_workflow_execution *
poll_workflow_execution_update_request_execution(const void *message)
{
    const api_poll_workflow_execution_update_request *request = message;

    return request->update_ref ? request->update_ref->workflow_execution : NULL;
}

/* -- plain steps ---------------------------------------------------------------------------- */

#define PLAIN_STEP(name, call)                                                                     \
    static void step_##name(struct history_shard *shard, struct hs_request *req,                   \
                            struct hs_entry *entry)                                                \
    {                                                                                              \
        struct transition t;                                                                       \
                                                                                                   \
        hs_begin(shard, req, entry->run, &t);                                                      \
        const enum err err = call;                                                                 \
        hs_end(shard, req, entry, &t, err);                                                        \
    }
PLAIN_STEP(signal, engine_signal(&t, req->message))
PLAIN_STEP(cancel, engine_request_cancel(&t, req->message))
PLAIN_STEP(terminate, engine_terminate(&t, req->message))
PLAIN_STEP(update_options, engine_update_options(&t, req->message))
PLAIN_STEP(reset_sticky, engine_reset_sticky(&t))
PLAIN_STEP(wft_failed, engine_respond_workflow_task_failed(&t, &req->token, req->message))
PLAIN_STEP(activity_completed, engine_respond_activity_completed(&t, &req->token, req->message))
PLAIN_STEP(activity_failed, engine_respond_activity_failed(&t, &req->token, req->message))
PLAIN_STEP(activity_canceled, engine_respond_activity_canceled(&t, &req->token, req->message))
PLAIN_STEP(heartbeat, engine_record_heartbeat(&t, &req->token, req->message))
PLAIN_STEP(pause_activity, engine_pause_activity(&t, req->message))
PLAIN_STEP(unpause_activity, engine_unpause_activity(&t, req->message))
PLAIN_STEP(reset_activity, engine_reset_activity(&t, req->message))
PLAIN_STEP(update_activity_options, engine_update_activity_options(&t, req->message))
PLAIN_STEP(pause_workflow, engine_pause_workflow(&t, req->message))
PLAIN_STEP(unpause_workflow, engine_unpause_workflow(&t, req->message))

/* Requests that name the run by two texts. */
static void pause_workflow(struct history_shard *shard, struct hs_request *req);
static void unpause_workflow(struct history_shard *shard, struct hs_request *req);

static void step_describe(struct history_shard *shard, struct hs_request *req,
                          struct hs_entry *entry)
{
    hs_calls_look(shard, entry->run, &req->arena);
    hs_answer(shard, req, ERR_OK, engine_describe(entry->run, &req->arena, hs_now_ns(shard)),
              entry->seq);
}

/* -- the table ------------------------------------------------------------------------------ */

#define EXECUTION(method_, name_, type, step_, makes_work_)                                        \
    {                                                                                              \
        .method = METHOD_HISTORY_##method_, .name = name_, .route = ROUTE_EXECUTION,               \
        .desc = &api_##type##__desc, .execution = type##_execution, .step = step_,                 \
        .makes_work = makes_work_                                                                  \
    }
/* Where the request names a chain by its first run, it is for the run that is current then. */
#define CHAIN(method_, name_, type, step_, makes_work_)                                            \
    {                                                                                              \
        .method = METHOD_HISTORY_##method_, .name = name_, .route = ROUTE_EXECUTION,               \
        .desc = &api_##type##__desc, .execution = type##_execution, .chain = type##_chain,         \
        .step = step_, .makes_work = makes_work_                                                   \
    }
#define TOKEN(method_, name_, type, step_)                                                         \
    {                                                                                              \
        .method = METHOD_HISTORY_##method_, .name = name_, .route = ROUTE_TOKEN,                   \
        .desc = &api_##type##__desc, .step = step_                                                 \
    }
#define BODY(method_, name_, start_)                                                               \
    {                                                                                              \
        .method = METHOD_HISTORY_##method_, .name = name_, .route = ROUTE_BODY, .start = start_    \
    }

static const struct hs_operation operations[] = {
    {.method = METHOD_HISTORY_START_WORKFLOW,
     .name = "StartWorkflowExecution",
     .route = ROUTE_API,
     .desc = &api_start_workflow_execution_request__desc,
     .start = hs_start_workflow,
     .makes_work = true},
    {.method = METHOD_HISTORY_SIGNAL_WITH_START,
     .name = "SignalWithStartWorkflowExecution",
     .route = ROUTE_API,
     .desc = &api_signal_with_start_workflow_execution_request__desc,
     .start = hs_signal_with_start,
     .makes_work = true},
    {.method = METHOD_HISTORY_MULTI_OPERATION,
     .name = "ExecuteMultiOperation",
     .route = ROUTE_API,
     .desc = &api_execute_multi_operation_request__desc,
     .start = hs_start_with_update,
     .makes_work = true},
    EXECUTION(UPDATE_WORKFLOW, "UpdateWorkflowExecution", update_workflow_execution_request,
              hs_step_update, true),
    EXECUTION(POLL_UPDATE, "PollWorkflowExecutionUpdate", poll_workflow_execution_update_request,
              hs_step_poll_update, false),
    EXECUTION(SIGNAL_WORKFLOW, "SignalWorkflowExecution", signal_workflow_execution_request,
              step_signal, true),
    CHAIN(REQUEST_CANCEL, "RequestCancelWorkflowExecution",
          request_cancel_workflow_execution_request, step_cancel, false),
    CHAIN(TERMINATE, "TerminateWorkflowExecution", terminate_workflow_execution_request,
          step_terminate, false),
    EXECUTION(RESET_WORKFLOW, "ResetWorkflowExecution", reset_workflow_execution_request,
              hs_step_reset, true),
    EXECUTION(DELETE_WORKFLOW, "DeleteWorkflowExecution", delete_workflow_execution_request,
              hs_step_delete, false),
    EXECUTION(DESCRIBE, "DescribeWorkflowExecution", describe_workflow_execution_request,
              step_describe, false),
    {.method = METHOD_HISTORY_GET_HISTORY,
     .name = "GetWorkflowExecutionHistory",
     .route = ROUTE_EXECUTION,
     .desc = &api_get_workflow_execution_history_request__desc,
     .execution = get_workflow_execution_history_request_execution,
     .start = hs_get_history},
    {.method = METHOD_HISTORY_GET_HISTORY_REVERSE,
     .name = "GetWorkflowExecutionHistoryReverse",
     .route = ROUTE_EXECUTION,
     .desc = &api_get_workflow_execution_history_reverse_request__desc,
     .execution = get_workflow_execution_history_reverse_request_execution,
     .start = hs_get_history_reverse},
    EXECUTION(QUERY, "QueryWorkflow", query_workflow_request, hs_step_query, false),
    EXECUTION(PAUSE_ACTIVITY, "PauseActivity", pause_activity_request, step_pause_activity, false),
    EXECUTION(UNPAUSE_ACTIVITY, "UnpauseActivity", unpause_activity_request, step_unpause_activity,
              false),
    EXECUTION(RESET_ACTIVITY, "ResetActivity", reset_activity_request, step_reset_activity, false),
    EXECUTION(UPDATE_ACTIVITY_OPTIONS, "UpdateActivityOptions", update_activity_options_request,
              step_update_activity_options, false),
    {.method = METHOD_HISTORY_PAUSE_WORKFLOW,
     .name = "PauseWorkflowExecution",
     .route = ROUTE_API,
     .desc = &api_pause_workflow_execution_request__desc,
     .start = pause_workflow},
    {.method = METHOD_HISTORY_UNPAUSE_WORKFLOW,
     .name = "UnpauseWorkflowExecution",
     .route = ROUTE_API,
     .desc = &api_unpause_workflow_execution_request__desc,
     .start = unpause_workflow},
    EXECUTION(UPDATE_OPTIONS, "UpdateWorkflowExecutionOptions",
              update_workflow_execution_options_request, step_update_options, false),
    EXECUTION(RESET_STICKY, "ResetStickyTaskQueue", reset_sticky_task_queue_request,
              step_reset_sticky, false),
    TOKEN(RESPOND_WORKFLOW_TASK_COMPLETED, "RespondWorkflowTaskCompleted",
          respond_workflow_task_completed_request, hs_step_workflow_task_completed),
    TOKEN(RESPOND_WORKFLOW_TASK_FAILED, "RespondWorkflowTaskFailed",
          respond_workflow_task_failed_request, step_wft_failed),
    TOKEN(RESPOND_ACTIVITY_TASK_COMPLETED, "RespondActivityTaskCompleted",
          respond_activity_task_completed_request, step_activity_completed),
    TOKEN(RESPOND_ACTIVITY_TASK_FAILED, "RespondActivityTaskFailed",
          respond_activity_task_failed_request, step_activity_failed),
    TOKEN(RESPOND_ACTIVITY_TASK_CANCELED, "RespondActivityTaskCanceled",
          respond_activity_task_canceled_request, step_activity_canceled),
    TOKEN(RECORD_HEARTBEAT, "RecordActivityTaskHeartbeat", record_activity_task_heartbeat_request,
          step_heartbeat),
    {.method = METHOD_HISTORY_RESPOND_QUERY_TASK_COMPLETED,
     .name = "RespondQueryTaskCompleted",
     .route = ROUTE_API,
     .desc = &api_respond_query_task_completed_request__desc,
     .start = hs_respond_query},
    BODY(LIST_WORKFLOWS, "ListWorkflowExecutions", hs_list),
    BODY(COUNT_WORKFLOWS, "CountWorkflowExecutions", hs_count),
    BODY(START_BATCH, "StartBatchOperation", hs_start_batch),
    {.method = METHOD_HISTORY_STOP_BATCH,
     .name = "StopBatchOperation",
     .route = ROUTE_API,
     .desc = &api_stop_batch_operation_request__desc,
     .start = hs_stop_batch},
    {.method = METHOD_HISTORY_DESCRIBE_BATCH,
     .name = "DescribeBatchOperation",
     .route = ROUTE_API,
     .desc = &api_describe_batch_operation_request__desc,
     .start = hs_describe_batch},
    BODY(LIST_BATCHES, "ListBatchOperations", hs_list_batches),
    BODY(SWEEP_NAMESPACE, "SweepNamespace", hs_sweep),
    BODY(EFFECT, "ExecutionEffect", hs_effect),
    BODY(FORGET_EFFECTS, "ForgetExecutionEffects", hs_forget_effects),
    BODY(EFFECT_PENDING, "ExecutionEffectPending", hs_effect_pending),
    BODY(START_TASK, "RecordWorkflowTaskStarted", hs_start_task),
    {.name = "RecordActivityTaskStarted"}, /* the same call, for an activity or ... */
    {.name = "QueryTaskStarted"},          /* ... for a query: see hs_operation_of_task() */
    BODY(PULL_TASKS, "GetTasks", hs_pull_tasks),
    BODY(COUNT_TASKS, "CountTasks", hs_count_tasks),
    BODY(FLUSH, "FlushShard", hs_flush),
    BODY(BACKUP, "BackupShard", hs_backup),
    BODY(DESCRIBE_SHARD, "DescribeHistoryShard", hs_describe_shard),
    BODY(FIRE_DEADLINES, "FireDeadlines", hs_fire_deadlines),
    BODY(PULL_DEADLINES, "GetDeadlines", hs_pull_deadlines),
    {.method = METHOD_NOT_DELIVERED,
     .name = "NotDelivered",
     .route = ROUTE_RETURNED,
     .step = hs_step_not_delivered},
    BODY(DELIVERED, "Delivered", hs_delivered),
    {.method = METHOD_HISTORY_NO_STICKY_POLLER,
     .name = "NoStickyPoller",
     .route = ROUTE_TASK,
     .step = hs_step_no_sticky_poller},
};
_Static_assert(COUNT_OF(operations) <= HS_OPERATIONS_MAX, "every operation has its metrics");

bool hs_operation_makes_work(const struct hs_request *req)
{
    return req->makes_work || (req->operation && req->operation->makes_work);
}

void hs_operation_of_task(struct hs_request *req, enum rpc_task_kind kind)
{
    if (kind != TASK_WORKFLOW)
        req->operation += kind == TASK_ACTIVITY ? 1 : 2;
}

/* -- metrics -------------------------------------------------------------------------------- */

void hs_metrics_init(struct history_shard *shard)
{
    struct metrics *registry = shard->options.metrics;
    struct hs_metrics *m = &shard->metrics;
    static const char stats[] = "operation=\"CompletionStats\",service_name=\"history\"";

    for (size_t i = 0; i < COUNT_OF(operations); i++) {
        char labels[128];

        snprintf(labels, sizeof labels, "operation=\"%s\",service_name=\"history\"",
                 operations[i].name);
        m->requests[i] = metrics_counter(registry, "service_requests", labels);
        m->errors[i] = metrics_counter(registry, "service_errors", labels);
        m->latency[i] = metrics_histogram(registry, "service_latency", labels);
    }
    m->runs_deleted = metrics_counter(registry, "gnomon_history_runs_deleted", "");
    m->callbacks_sent = metrics_counter(registry, "gnomon_history_callbacks_sent", "");
    m->callbacks_delivered = metrics_counter(registry, "gnomon_history_callbacks_delivered", "");
    m->callbacks_failed = metrics_counter(registry, "gnomon_history_callbacks_failed", "");
    m->batch_success =
        metrics_counter(registry, "batcher_processor_requests", "operation=\"Batcher\"");
    m->batch_failures =
        metrics_counter(registry, "batcher_processor_errors", "operation=\"Batcher\"");
    m->batches_failed =
        metrics_counter(registry, "batcher_operation_errors", "operation=\"Batcher\"");
    m->workflow_success = metrics_counter(registry, "workflow_success", stats);
    m->workflow_failed = metrics_counter(registry, "workflow_failed", stats);
    m->workflow_timeout = metrics_counter(registry, "workflow_timeout", stats);
    m->workflow_terminate = metrics_counter(registry, "workflow_terminate", stats);
    m->workflow_cancel = metrics_counter(registry, "workflow_cancel", stats);
    m->state_transitions =
        metrics_counter(registry, "state_transition_count", "service_name=\"history\"");
    m->offers_dropped = metrics_counter(registry, "gnomon_history_offers_dropped", "");
    m->effects_sent = metrics_counter(registry, "gnomon_history_effects_sent", "");
    m->effects_answered = metrics_counter(registry, "gnomon_history_effects_answered", "");
    m->effects_repeated = metrics_counter(registry, "gnomon_history_effects_repeated", "");
    m->effects_failed = metrics_counter(registry, "gnomon_history_effects_failed", "");
    m->effects_outstanding = metrics_gauge(registry, "gnomon_history_effects_outstanding", "");
    m->answers_stale = metrics_counter(registry, "gnomon_history_answers_stale", "");
    m->answers_repeated = metrics_counter(registry, "gnomon_history_answers_repeated", "");
    m->undelivered = metrics_counter(registry, "gnomon_history_undelivered_tasks", "");
    m->deliveries_untracked = metrics_counter(registry, "gnomon_history_deliveries_untracked", "");
    m->cache_requests = metrics_counter(registry, "cache_requests",
                                        "cache_type=\"mutablestate\",service_name=\"history\"");
    m->cache_miss = metrics_counter(registry, "cache_miss",
                                    "cache_type=\"mutablestate\",service_name=\"history\"");
}

void hs_operation_done(struct history_shard *shard, struct hs_request *req)
{
    if (!req->operation)
        return;
    const size_t index = (size_t)(req->operation - operations);

    counter_add(shard->metrics.requests[index], 1);
    histogram_observe_ns(shard->metrics.latency[index], hs_mono_ns(shard) - req->began_mono_ns);
    for (uint32_t i = 0; i < req->reply_count; i++)
        if (req->replies[i].err != ERR_OK) {
            counter_add(shard->metrics.errors[index], 1);
            if (req->operation->route == ROUTE_TOKEN && req->replies[i].err == ERR_NOT_FOUND)
                counter_add(shard->metrics.answers_stale, 1);
            return;
        }
}

void hs_count_repeated(struct history_shard *shard, const struct hs_request *req)
{
    if (req->operation && req->operation->route == ROUTE_TOKEN)
        counter_add(shard->metrics.answers_repeated, 1);
}

/* -- routing -------------------------------------------------------------------------------- */

static enum err want_run(struct history_shard *shard, struct hs_request *req, struct slice ns,
                         struct slice workflow_id, struct slice run_id)
{
    uint8_t uuid[16];

    if (ns.len != UUID_TEXT_LEN)
        return err_fail(&req->detail, ERR_INVALID, "Invalid namespace UUID.");
    req->namespace_id = ns;
    req->workflow_id = workflow_id;
    req->tablet = hash_tablet(ns, workflow_id);
    if (!hs_owns_tablet(shard, req->tablet))
        return err_fail(&req->detail, ERR_NOT_OWNER, "the workflow is of another shard");
    if (run_id.len == 0)
        return ERR_OK;
    if (!uuid_parse(run_id, uuid))
        return err_fail(&req->detail, ERR_INVALID, "Invalid RunId.");
    uuid_format(uuid, req->run_id);
    return ERR_OK;
}

static void with_named_run(struct history_shard *shard, struct hs_request *req,
                           const char *workflow_id, const char *run_id, hs_step_fn step)
{
    const enum err err =
        want_run(shard, req, req->api.namespace_id, slice_str(workflow_id), slice_str(run_id));

    if (err != ERR_OK) {
        hs_answer(shard, req, err, SLICE_EMPTY, 0);
        return;
    }
    req->step = step;
    hs_with_run(shard, req);
}

static void pause_workflow(struct history_shard *shard, struct hs_request *req)
{
    const api_pause_workflow_execution_request *request = req->message;

    with_named_run(shard, req, request->workflow_id, request->run_id, step_pause_workflow);
}

static void unpause_workflow(struct history_shard *shard, struct hs_request *req)
{
    const api_unpause_workflow_execution_request *request = req->message;

    with_named_run(shard, req, request->workflow_id, request->run_id, step_unpause_workflow);
}

static enum err route_by_token(struct history_shard *shard, struct hs_request *req)
{
    const enum err err = task_token_decode(&req->arena, req->api.token, &req->token);

    if (err != ERR_OK)
        return err_fail(&req->detail, ERR_INVALID, "Invalid TaskToken.");
    if (!slice_eq(req->token.namespace_id, req->api.namespace_id))
        return err_fail(&req->detail, ERR_INVALID,
                        "Operation requested with a token from a different namespace.");
    return want_run(shard, req, req->token.namespace_id, req->token.workflow_id, req->token.run_id);
}

static enum err route_by_task(struct history_shard *shard, struct hs_request *req)
{
    struct rpc_task *task = ARENA_NEW(&req->arena, struct rpc_task);
    const enum err err = rpc_task_decode(&req->arena, req->api.request, task);

    if (err != ERR_OK)
        return err;
    req->message = task;
    return want_run(shard, req, task->namespace_id, task->workflow_id, task->run_id);
}

static enum err route_returned(struct history_shard *shard, struct hs_request *req)
{
    const enum err err = task_token_decode(&req->arena, req->api.request, &req->token);

    if (err != ERR_OK)
        return err;
    return want_run(shard, req, req->token.namespace_id, req->token.workflow_id, req->token.run_id);
}

static enum err route(struct history_shard *shard, struct hs_request *req, struct slice body)
{
    const struct hs_operation *operation = req->operation;
    enum err err = ERR_OK;

    req->api.request = body;
    if (operation->route == ROUTE_BODY)
        return ERR_OK;
    if (operation->route == ROUTE_TASK)
        return route_by_task(shard, req);
    if (operation->route == ROUTE_RETURNED)
        return route_returned(shard, req);
    err = rpc_api_decode(&req->arena, body, &req->api);
    if (err != ERR_OK)
        return err;
    err = proto_decode(&req->arena, operation->desc, req->api.request, &req->message, &req->detail);
    if (err != ERR_OK || operation->route == ROUTE_API)
        return err;
    if (operation->route == ROUTE_TOKEN)
        return route_by_token(shard, req);
    const api_common_workflow_execution *execution = operation->execution(req->message);
    const bool names_run =
        execution && (!operation->chain || operation->chain(req->message)[0] == '\0');
    return want_run(shard, req, req->api.namespace_id,
                    slice_str(execution ? execution->workflow_id : NULL),
                    slice_str(names_run ? execution->run_id : NULL));
}

/* The answer to a query asks the store for nothing. */
static bool is_refusable(const struct hs_operation *operation)
{
    return operation->route == ROUTE_EXECUTION || operation->route == ROUTE_TOKEN ||
           (operation->route == ROUTE_API &&
            operation->method != METHOD_HISTORY_RESPOND_QUERY_TASK_COMPLETED);
}

static const struct hs_operation *find(enum mesh_method method)
{
    for (size_t i = 0; i < COUNT_OF(operations); i++)
        if (method != METHOD_NONE && operations[i].method == method)
            return &operations[i];
    return NULL;
}

static void refuse(struct history_shard *shard, const struct mesh_request *request, enum err err,
                   const char *why)
{
    struct err_detail detail = {0};

    if (request->from.call == 0)
        return;
    err_fail(&detail, err, "%s", why);
    const struct mesh_answer answer = {
        .err = err, .detail = &detail, .shard = shard->options.shard_id};
    shard->net->reply(shard->net->self, request->from, &answer);
}

void history_shard_request(struct history_shard *shard, const struct mesh_request *request)
{
    const struct hs_operation *operation = find(request->method);

    if (!operation) {
        refuse(shard, request, ERR_UNIMPLEMENTED, "not a method of a history shard");
        return;
    }
    if (shard->lost || shard->draining) {
        refuse(shard, request, ERR_NOT_OWNER, "the shard is closing");
        return;
    }
    struct hs_request *req = hs_request_new(shard, request->from);
    if (!req) {
        refuse(shard, request, ERR_BUSY, "too many requests wait in the shard");
        return;
    }
    req->operation = operation;
    if (request->deadline_mono_ns)
        req->deadline_mono_ns = request->deadline_mono_ns;
    req->for_client = is_refusable(operation) || operation->method == METHOD_HISTORY_START_TASK;
    enum err err = is_refusable(operation) ? hs_persistence_check(shard, req) : ERR_OK;
    if (err == ERR_OK)
        err = route(shard, req, arena_copy(&req->arena, request->body));
    if (err != ERR_OK) {
        hs_answer(shard, req, err, SLICE_EMPTY, 0);
    } else if (operation->step) {
        req->step = operation->step;
        hs_with_run(shard, req);
    } else {
        operation->start(shard, req);
    }
    hs_updates_pump(shard);
    hs_outgoing_pump(shard);
    hs_rearm(shard);
}
