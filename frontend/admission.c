/* admission.c - see admission.h. */
#include "frontend/admission.h"

#include <stdio.h>

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

enum err fe_admit(struct fe_call *fc, const char *operation, struct quota_method method)
{
    struct quota_request ask = {
        .of_namespace = method, .of_process = method, .now_mono_ns = fc->started_mono_ns};

    if (!fc->fe->quotas || (method.class == QUOTA_NONE && method.held == 0))
        return ERR_OK;
    ask.namespace_name = fc->ns ? slice_str(fc->ns->name) : unresolved_namespace(fc, operation);
    ask.from_operator =
        slice_eq(grpc_call_metadata(fc->call, "caller-type"), SLICE_LIT("operator"));
    see_request(fc, &ask);
    switch (quotas_ask(fc->fe->quotas, &ask, &fc->held)) {
    case QUOTA_GRANTED:
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
