/* admission.c - see admission.h. */
#include "frontend/admission.h"

#include <stdio.h>

#define POLL_KEEPS_NS (10 * NS_PER_S)

/* A method's own `namespace` field, where the dispatcher did not look: empty when it has none, or
 * one that nobody registered, but for a registration. */
static struct slice unresolved_namespace(struct fe_call *fc, const char *operation)
{
    const ProtobufCMessage *request = fc->request;
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(request->descriptor, "namespace");
    const struct namespace_info *ns;

    if (!field || field->type != PROTOBUF_C_TYPE_STRING ||
        field->label == PROTOBUF_C_LABEL_REPEATED)
        return SLICE_EMPTY;
    const char *const *text = (const void *)((const char *)fc->request + field->offset);
    const struct slice name = slice_str(*text);

    if (name.len == 0 || strcmp(operation, "RegisterNamespace") == 0)
        return name;
    if (cluster_namespace_by_name(fc->fe->cluster, name, &ns) != ERR_OK)
        return SLICE_EMPTY;
    cluster_namespace_unref(ns);
    return name;
}

/* Some requests count as other methods than their own. */
static void see_request(struct fe_call *fc, struct quota_request *ask)
{
    const ProtobufCMessage *request = fc->request;

    if (request->descriptor == &api_get_workflow_execution_history_request__desc) {
        const api_get_workflow_execution_history_request *get = fc->request;

        if (get->wait_new_event)
            ask->of_namespace.priority = QUOTA_PRIORITIES - 1;
        else
            ask->of_namespace.held = 0;
    } else if (request->descriptor == &api_describe_task_queue_request__desc) {
        const api_describe_task_queue_request *describe = fc->request;

        if (describe->report_task_reachability)
            ask->of_process = (struct quota_method){.class = QUOTA_VISIBILITY, .priority = 1};
    }
}

static enum err refused(struct fe_call *fc, enum quota_answer answer)
{
    switch (answer) {
    case QUOTA_GRANTED:
    case QUOTA_LATER:
        return ERR_OK;
    case QUOTA_TOO_MANY:
        return errdetail_resource_exhausted(
            fc->arena, &fc->detail, RESOURCE_EXHAUSTED_CAUSE_CONCURRENT_LIMIT,
            RESOURCE_EXHAUSTED_SCOPE_NAMESPACE, "namespace concurrent poller limit exceeded");
    case QUOTA_NAMESPACE_RATE:
        return errdetail_resource_exhausted(
            fc->arena, &fc->detail, RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT,
            RESOURCE_EXHAUSTED_SCOPE_NAMESPACE, "namespace rate limit exceeded");
    case QUOTA_PROCESS_RATE:
        return errdetail_resource_exhausted(
            fc->arena, &fc->detail, RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT,
            RESOURCE_EXHAUSTED_SCOPE_SYSTEM, "service rate limit exceeded");
    }
    return ERR_INTERNAL;
}

/* ---- polls that wait for the rate of their namespace ---- */

struct wait {
    struct list node; /* in fe_loop.waits */
    struct fe_call *fc;
    struct loop_timer timer;
    struct quota_request ask;
    const char *operation;
    fe_handler_fn then;
};

static void wait_over(struct wait *wait)
{
    loop_timer_stop(wait->fc->loop->loop, &wait->timer);
    list_remove(&wait->node);
    grpc_call_on_cancel(wait->fc->call, NULL, NULL);
}

static void client_gone(void *arg, struct grpc_call *call, enum grpc_cancel why)
{
    struct wait *wait = arg;

    UNUSED(call);
    wait_over(wait);
    fe_fail(wait->fc, why == GRPC_CANCEL_DEADLINE ? ERR_TIMEOUT : ERR_CANCELED, NULL);
}

static void go_on(void *arg)
{
    struct wait *wait = arg;
    struct fe_call *fc = wait->fc;
    char labels[512];

    wait_over(wait);
    wait->ask.now_mono_ns = clock_mono_ns(fc->fe->clock);
    snprintf(labels, sizeof labels,
             "namespace=\"%.255s\",operation=\"%s\",service_name=\"frontend\"", fc->ns->name,
             wait->operation);
    histogram_observe_ns(
        metrics_histogram(fc->fe->metrics, "namespace_rate_limit_poll_wait_latency", labels),
        wait->ask.now_mono_ns - fc->started_mono_ns);
    enum err err = refused(fc, quotas_ask_process(fc->fe->quotas, &wait->ask));
    if (err == ERR_OK)
        err = wait->then(fc);
    if (err != ERR_OK)
        fe_fail(fc, err, &fc->detail);
}

static void wait_for(struct fe_call *fc, const struct quota_request *ask, const char *operation,
                     fe_handler_fn then, int64_t wait_ns)
{
    struct wait *wait = ARENA_NEW(fc->arena, struct wait);

    *wait = (struct wait){.fc = fc, .ask = *ask, .operation = operation, .then = then};
    wait->timer.fire = go_on;
    wait->timer.arg = wait;
    list_push_back(&fc->loop->waits, &wait->node);
    loop_timer_start(fc->loop->loop, &wait->timer, (wait_ns + NS_PER_MS - 1) / NS_PER_MS);
    grpc_call_on_cancel(fc->call, client_gone, wait); /* last: it may be called at once */
}

void fe_admission_end_waits(struct fe_loop *loop)
{
    LIST_EACH_SAFE(it, tmp, &loop->waits)
    {
        struct wait *wait = CONTAINER_OF(it, struct wait, node);

        wait_over(wait);
        fe_reply(wait->fc, SLICE_EMPTY);
    }
}

/* Spec: what a poll needs for itself is kept of its time. */
static int64_t patience_ns(const struct fe_call *fc, const char *operation)
{
    const bool poll = strcmp(operation, "PollWorkflowTaskQueue") == 0 ||
                      strcmp(operation, "PollActivityTaskQueue") == 0 ||
                      strcmp(operation, "PollNexusTaskQueue") == 0;

    if (!poll || !fc->ns || fc->call->deadline_mono_ns == 0 ||
        !dynconf_bool(fc->fe->dynconf, DYNCONF_SYSTEM_POLL_WAITS_FOR_RATE, slice_str(fc->ns->name)))
        return 0;
    const int64_t left_ns = fc->call->deadline_mono_ns - fc->started_mono_ns - POLL_KEEPS_NS;
    return left_ns > 0 ? left_ns : 0;
}

enum err fe_admit(struct fe_call *fc, const char *operation, struct quota_method method,
                  fe_handler_fn then)
{
    struct quota_request ask = {
        .of_namespace = method, .of_process = method, .now_mono_ns = fc->started_mono_ns};
    int64_t wait_ns;

    if (!fc->fe->quotas || (method.class == QUOTA_NONE && method.held == 0))
        return then(fc);
    ask.namespace_name = fc->ns ? slice_str(fc->ns->name) : unresolved_namespace(fc, operation);
    ask.from_operator =
        slice_eq(grpc_call_metadata(fc->call, "caller-type"), SLICE_LIT("operator"));
    ask.patience_ns = patience_ns(fc, operation);
    see_request(fc, &ask);
    const enum quota_answer answer = quotas_ask(fc->fe->quotas, &ask, &fc->held, &wait_ns);
    if (answer == QUOTA_GRANTED)
        return then(fc);
    if (answer == QUOTA_LATER)
        wait_for(fc, &ask, operation, then, wait_ns);
    return refused(fc, answer);
}

void fe_admission_end(struct fe_call *fc)
{
    quotas_let_go(fc->held);
    fc->held = NULL;
}

/* ---- what a refusal says ---- */

static const char *cause_text(uint64_t cause)
{
    static const char *const texts[] = {
        "Unspecified",
        "RpsLimit",
        "ConcurrentLimit",
        "SystemOverloaded",
        "PersistenceLimit",
        "BusyWorkflow",
        "ApsLimit",
        "PersistenceStorageLimit",
        "CircuitBreakerOpen",
        "OpsLimit",
        "WorkerDeploymentLimits",
        "BandwidthLimit",
    };

    return cause < COUNT_OF(texts) ? texts[cause] : texts[0];
}

static const char *scope_text(uint64_t scope)
{
    static const char *const texts[] = {"Unspecified", "Namespace", "System"};

    return scope < COUNT_OF(texts) ? texts[scope] : texts[0];
}

void fe_tell_exhausted(struct fe_call *fc, const char *operation, const struct err_detail *detail)
{
    char labels[256];

    if (!detail->type || strcmp(detail->type, ERRDETAIL("ResourceExhaustedFailure")) != 0)
        return;
    const char *cause = cause_text(wire_find_number(detail->payload, 1));
    const char *scope = scope_text(wire_find_number(detail->payload, 2));

    grpc_call_header(fc->call, "x-resource-exhausted-cause", slice_str(cause));
    grpc_call_header(fc->call, "x-resource-exhausted-scope", slice_str(scope));
    snprintf(labels, sizeof labels,
             "operation=\"%s\",resource_exhausted_cause=\"%s\",resource_exhausted_scope=\"%s\","
             "service_name=\"frontend\"",
             operation, cause, scope);
    counter_add(metrics_counter(fc->fe->metrics, "service_errors_resource_exhausted", labels), 1);
}
