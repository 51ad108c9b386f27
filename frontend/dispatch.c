/* dispatch.c - from a gRPC call to its handler: decode, find the namespace, count; and the answer.
 */
#include "frontend/admission.h"
#include "frontend/frontend.h"
#include "frontend/handlers.h"
#include "frontend/persistence.h"
#include "frontend/validate.h"

#include <stdio.h>
#include <stdlib.h>

struct fe_route {
    const char *path;
    const char *operation; /* the label of the metrics */
    const ProtobufCMessageDescriptor *request;
    enum fe_namespace where;
    fe_handler_fn handle; /* NULL: not built */
    bool starts;          /* refused in a deprecated namespace */
    bool changes_namespace;
    struct frontend *fe;
    struct quota_method quota;
    struct counter *requests, *errors;
    struct histogram *latency;
};

#define SERVICE_PACKAGE_WorkflowService "temporal.api.workflowservice.v1."
#define SERVICE_PACKAGE_OperatorService "temporal.api.operatorservice.v1."

static const struct fe_route route_table[] = {
#define FE_METHOD(service, name, request_, where_, handler)                                        \
    {.path = "/" SERVICE_PACKAGE_##service #service "/" #name,                                     \
     .operation = #name,                                                                           \
     .request = &api_##request_##_request__desc,                                                   \
     .where = where_,                                                                              \
     .handle = handler},
#define FE_UNBUILT(service, name)                                                                  \
    {.path = "/" SERVICE_PACKAGE_##service #service "/" #name, .operation = #name},
#include "frontend/methods.def"
#undef FE_METHOD
#undef FE_UNBUILT
};

const char *fe_operation(const struct fe_call *fc)
{
    return fc->route->operation;
}

/* ---- the answer ---- */

static void finished(struct fe_call *fc, enum err err)
{
    counter_add(fc->route->requests, 1);
    if (err != ERR_OK)
        counter_add(fc->route->errors, 1);
    histogram_observe_ns(fc->route->latency, clock_mono_ns(fc->fe->clock) - fc->started_mono_ns);
    fe_admission_end(fc);
    if (fc->ns)
        cluster_namespace_unref(fc->ns);
    fc->ns = NULL;
}

void fe_reply(struct fe_call *fc, struct slice message)
{
    finished(fc, ERR_OK);
    grpc_call_reply(fc->call, message);
}

void fe_reply_message(struct fe_call *fc, const void *message)
{
    fe_reply(fc, proto_encode(fc->arena, message));
}

void fe_fail(struct fe_call *fc, enum err err, const struct err_detail *detail)
{
    struct err_detail complete = detail ? *detail : (struct err_detail){0};

    must(err != ERR_OK);
    errdetail_complete(fc->arena, err, &complete);
    fe_tell_exhausted(fc, fc->route->operation, &complete);
    finished(fc, err);
    grpc_call_fail(fc->call, err, &complete);
}

/* ---- the namespace ---- */

enum err fe_namespace_by_name(struct fe_call *fc, const char *name,
                              const struct namespace_info **out)
{
    const enum err err = cluster_namespace_by_name(fc->fe->cluster, slice_str(name), out);

    if (err == ERR_NOT_FOUND)
        return errdetail_namespace_not_found(fc->arena, &fc->detail, name);
    return err == ERR_BUSY ? fe_persistence_refused(fc) : err;
}

uint32_t fe_namespace_state(const struct namespace_info *ns)
{
    return (uint32_t)wire_find_number(ns->info, 2); /* NamespaceInfo.state */
}

/* A deprecated namespace finishes what runs in it and starts nothing; one that is deleted serves
 * nobody. */
enum err fe_check_namespace_state(struct fe_call *fc, const struct namespace_info *ns)
{
    static const uint32_t allowed[] = {NAMESPACE_STATE_REGISTERED, NAMESPACE_STATE_DEPRECATED};
    const uint32_t state = fe_namespace_state(ns);
    const size_t count = fc->route->starts ? 1 : 2;

    for (size_t i = 0; i < count; i++)
        if (state == allowed[i])
            return ERR_OK;
    return errdetail_namespace_invalid_state(fc->arena, &fc->detail, ns->name, state, allowed,
                                             count);
}

/* A string or bytes member of a decoded message, found by its name in the schema. */
static const void *member_of(const struct fe_call *fc, const char *name)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(fc->route->request, name);

    must(field != NULL);
    return (const char *)fc->request + field->offset;
}

static const char *request_namespace(const struct fe_call *fc)
{
    const char *const *name = member_of(fc, "namespace");

    return *name ? *name : "";
}

static enum err namespace_of_name(struct fe_call *fc)
{
    const char *name = request_namespace(fc);

    if (name[0] == '\0')
        return err_fail(&fc->detail, ERR_INVALID,
                        fc->route->changes_namespace ? "Namespace not set on request."
                                                     : "Namespace is empty.");
    if (strlen(name) > fe_id_bytes_max(fc))
        return err_fail(&fc->detail, ERR_INVALID, "Namespace length exceeds limit.");
    return fe_namespace_by_name(fc, name, &fc->ns);
}

static enum err namespace_of_token(struct fe_call *fc)
{
    const ProtobufCBinaryData *bytes = member_of(fc, "task_token");
    const char *name = request_namespace(fc);
    enum err err;

    if (strlen(name) > fe_id_bytes_max(fc))
        return err_fail(&fc->detail, ERR_INVALID, "Namespace length exceeds limit.");
    if (name[0] != '\0') { /* it need not be named, but if so it must be there */
        const struct namespace_info *named;

        if ((err = fe_namespace_by_name(fc, name, &named)) != ERR_OK)
            return err;
        cluster_namespace_unref(named);
    }
    if (bytes->len == 0)
        return err_fail(&fc->detail, ERR_INVALID, "Task token not set on request.");
    fc->token_bytes = slice_of(bytes->data, bytes->len);
    /* Without a scheduled event a token would name an activity by its id, whoever started it. */
    if (task_token_decode(fc->arena, fc->token_bytes, &fc->token) != ERR_OK ||
        (fc->token.kind != TASK_QUERY && fc->token.scheduled_event_id == 0)) {
        counter_add(fc->fe->tokens_malformed, 1);
        return err_fail(&fc->detail, ERR_INVALID, "Error deserializing task token.");
    }

    err = cluster_namespace_by_id(fc->fe->cluster, fc->token.namespace_id, &fc->ns);
    if (err == ERR_NOT_FOUND) {
        counter_add(fc->fe->tokens_foreign, 1);
        return errdetail_namespace_not_found(fc->arena, &fc->detail,
                                             arena_str(fc->arena, fc->token.namespace_id));
    }
    if (err != ERR_OK)
        return err == ERR_BUSY ? fe_persistence_refused(fc) : err;
    if (name[0] != '\0' && strcmp(name, fc->ns->name) != 0) {
        counter_add(fc->fe->tokens_foreign, 1);
        return err_fail(&fc->detail, ERR_INVALID,
                        "Operation requested with a token from a different namespace.");
    }
    return ERR_OK;
}

static enum err find_namespace(struct fe_call *fc)
{
    switch (fc->route->where) {
    case FE_NS_NONE:
        return ERR_OK;
    case FE_NS_NAME:
        return namespace_of_name(fc);
    case FE_NS_TOKEN:
        return namespace_of_token(fc);
    }
    return ERR_INTERNAL;
}

/* ---- the way in ---- */

static struct fe_loop *loop_of(struct frontend *fe, const struct grpc_call *call)
{
    for (size_t i = 0; i < fe->loop_count; i++)
        if (fe->loops[i].loop == call->loop)
            return &fe->loops[i];
    must(!"a call on a loop that is not the frontend's");
    return NULL;
}

static void dispatch(void *ctx, struct grpc_call *call)
{
    const struct fe_route *route = ctx;
    struct fe_call *fc = ARENA_NEW(&call->arena, struct fe_call);

    *fc = (struct fe_call){.fe = route->fe,
                           .call = call,
                           .arena = &call->arena,
                           .route = route,
                           .loop = loop_of(route->fe, call),
                           .started_mono_ns = clock_mono_ns(route->fe->clock)};
    enum err err =
        proto_decode(fc->arena, route->request, call->request, &fc->request, &fc->detail);
    if (err == ERR_OK)
        err = find_namespace(fc);
    if (err == ERR_OK && fc->ns)
        err = fe_check_namespace_state(fc, fc->ns);
    if (err == ERR_OK)
        err = fe_admit(fc, route->operation, route->quota, route->handle);
    if (err != ERR_OK)
        fe_fail(fc, err, &fc->detail);
}

static void unbuilt(void *ctx, struct grpc_call *call)
{
    const struct fe_route *route = ctx;
    struct err_detail detail = {0};

    (void)err_fail(&detail, ERR_UNIMPLEMENTED, "method %s not implemented", route->operation);
    counter_add(route->requests, 1);
    counter_add(route->errors, 1);
    grpc_call_fail(call, ERR_UNIMPLEMENTED, &detail);
}

void frontend_register(struct frontend *fe, struct grpc_router *router)
{
    char labels[128];

    fe->tokens_malformed =
        metrics_counter(fe->metrics, "gnomon_frontend_tokens_refused", "reason=\"malformed\"");
    fe->tokens_foreign =
        metrics_counter(fe->metrics, "gnomon_frontend_tokens_refused", "reason=\"foreign\"");
    fe->undelivered = metrics_counter(fe->metrics, "gnomon_frontend_undelivered_tasks", "");
    fe->routes = calloc(COUNT_OF(route_table), sizeof(struct fe_route));
    must(fe->routes != NULL);
    for (size_t i = 0; i < COUNT_OF(route_table); i++) {
        struct fe_route *route = &fe->routes[i];

        *route = route_table[i];
        route->fe = fe;
        route->starts = strcmp(route->operation, "StartWorkflowExecution") == 0 ||
                        strcmp(route->operation, "SignalWithStartWorkflowExecution") == 0;
        route->changes_namespace = route->request == &api_update_namespace_request__desc ||
                                   route->request == &api_deprecate_namespace_request__desc;
        route->quota = quota_method_of(route->operation);
        snprintf(labels, sizeof labels, "operation=\"%s\",service_name=\"frontend\"",
                 route->operation);
        route->requests = metrics_counter(fe->metrics, "service_requests", labels);
        route->errors = metrics_counter(fe->metrics, "service_errors", labels);
        route->latency = metrics_histogram(fe->metrics, "service_latency", labels);
        grpc_router_add(router, route->path, GRPC_UNARY, route->handle ? dispatch : unbuilt, route);
    }
}

void frontend_release(struct frontend *fe)
{
    free(fe->routes);
    fe->routes = NULL;
}
