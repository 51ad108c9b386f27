/* errdetail.c - builders of typed error details; payloads are written field by field. */
#include "common/proto/errdetail.h"

#include "common/proto/wire.h"

#include <stdarg.h>
#include <stdio.h>

enum { PAYLOAD_BYTES_MAX = 8 * 1024 * 1024 };

static void set_text(struct err_detail *detail, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static void set_text(struct err_detail *detail, const char *format, va_list args)
{
    vsnprintf(detail->text, sizeof detail->text, format, args);
}

/* Only where `detail` is not NULL, as in every function below. */
#define SET_TEXT(detail, format)                                                                   \
    do {                                                                                           \
        va_list args;                                                                              \
        va_start(args, format);                                                                    \
        set_text((detail), (format), args);                                                        \
        va_end(args);                                                                              \
    } while (0)

/* Take the payload over into the arena. A payload past its limit leaves the type without fields. */
static void set_payload(struct arena *arena, struct err_detail *detail, const char *type,
                        struct buf *payload)
{
    detail->type = type;
    detail->payload = buf_ok(payload) ? arena_copy(arena, buf_slice(payload)) : SLICE_EMPTY;
    buf_release(payload);
}

static void set_empty(struct err_detail *detail, const char *type)
{
    detail->type = type;
    detail->payload = SLICE_EMPTY;
}

enum err errdetail_not_found(struct arena *arena, struct err_detail *detail, const char *format,
                             ...)
{
    UNUSED(arena);
    if (detail) {
        SET_TEXT(detail, format);
        set_empty(detail, ERRDETAIL("NotFoundFailure"));
    }
    return ERR_NOT_FOUND;
}

enum err errdetail_namespace_not_found(struct arena *arena, struct err_detail *detail,
                                       const char *name)
{
    struct buf payload;

    if (detail) {
        err_fail(detail, ERR_NOT_FOUND, "Namespace %s is not found.", name);
        buf_init(&payload, PAYLOAD_BYTES_MAX);
        wire_put_str(&payload, 1, name);
        set_payload(arena, detail, ERRDETAIL("NamespaceNotFoundFailure"), &payload);
    }
    return ERR_NOT_FOUND;
}

enum err errdetail_namespace_already_exists(struct arena *arena, struct err_detail *detail,
                                            const char *format, ...)
{
    UNUSED(arena);
    if (detail) {
        SET_TEXT(detail, format);
        set_empty(detail, ERRDETAIL("NamespaceAlreadyExistsFailure"));
    }
    return ERR_EXISTS;
}

/* The names as the reference prints them. */
static const char *namespace_state_name(uint32_t state)
{
    static const char *const names[] = {"Unspecified", "Registered", "Deprecated", "Deleted"};

    return state < COUNT_OF(names) ? names[state] : "Unknown";
}

enum err errdetail_namespace_invalid_state(struct arena *arena, struct err_detail *detail,
                                           const char *name, uint32_t state,
                                           const uint32_t *allowed, size_t allowed_count)
{
    struct buf payload, states, text;

    if (!detail)
        return ERR_PRECONDITION;
    buf_init(&payload, PAYLOAD_BYTES_MAX);
    buf_init(&states, 1024);
    buf_init(&text, sizeof detail->text);
    buf_printf(&text, "Namespace has invalid state: %s. Must be ", namespace_state_name(state));
    for (size_t i = 0; i < allowed_count; i++) {
        buf_printf(&text, "%s%s", i ? " or " : "", namespace_state_name(allowed[i]));
        wire_put_raw_varint(&states, allowed[i]);
    }
    err_fail(detail, ERR_PRECONDITION, SLICE_FMT ".", SLICE_ARG(buf_slice(&text)));
    wire_put_str(&payload, 1, name);
    if (state)
        wire_put_varint(&payload, 2, state);
    if (states.len)
        wire_put_bytes(&payload, 3, buf_slice(&states));
    set_payload(arena, detail, ERRDETAIL("NamespaceInvalidStateFailure"), &payload);
    buf_release(&states);
    buf_release(&text);
    return ERR_PRECONDITION;
}

enum err errdetail_workflow_already_started(struct arena *arena, struct err_detail *detail,
                                            const char *start_request_id, const char *run_id,
                                            const char *first_run_id, const char *format, ...)
{
    struct buf payload;

    if (detail) {
        SET_TEXT(detail, format);
        buf_init(&payload, PAYLOAD_BYTES_MAX);
        wire_put_str(&payload, 1, start_request_id);
        wire_put_str(&payload, 2, run_id);
        wire_put_str(&payload, 3, first_run_id);
        set_payload(arena, detail, ERRDETAIL("WorkflowExecutionAlreadyStartedFailure"), &payload);
    }
    return ERR_EXISTS;
}

enum err errdetail_cancellation_already_requested(struct arena *arena, struct err_detail *detail,
                                                  const char *format, ...)
{
    UNUSED(arena);
    if (detail) {
        SET_TEXT(detail, format);
        set_empty(detail, ERRDETAIL("CancellationAlreadyRequestedFailure"));
    }
    return ERR_EXISTS;
}

enum err errdetail_query_failed(struct arena *arena, struct err_detail *detail,
                                struct slice failure, const char *format, ...)
{
    struct buf payload;

    if (detail) {
        SET_TEXT(detail, format);
        buf_init(&payload, PAYLOAD_BYTES_MAX);
        if (failure.len)
            wire_put_bytes(&payload, 1, failure);
        set_payload(arena, detail, ERRDETAIL("QueryFailedFailure"), &payload);
    }
    return ERR_INVALID;
}

enum err errdetail_workflow_not_ready(struct arena *arena, struct err_detail *detail,
                                      const char *format, ...)
{
    UNUSED(arena);
    if (detail) {
        SET_TEXT(detail, format);
        set_empty(detail, ERRDETAIL("WorkflowNotReadyFailure"));
    }
    return ERR_PRECONDITION;
}

enum err errdetail_resource_exhausted(struct arena *arena, struct err_detail *detail,
                                      uint32_t cause, uint32_t scope, const char *format, ...)
{
    struct buf payload;

    if (detail) {
        SET_TEXT(detail, format);
        buf_init(&payload, PAYLOAD_BYTES_MAX);
        if (cause)
            wire_put_varint(&payload, 1, cause);
        if (scope)
            wire_put_varint(&payload, 2, scope);
        set_payload(arena, detail, ERRDETAIL("ResourceExhaustedFailure"), &payload);
    }
    return ERR_BUSY;
}

enum err errdetail_permission_denied(struct arena *arena, struct err_detail *detail,
                                     const char *reason, const char *format, ...)
{
    struct buf payload;

    if (detail) {
        SET_TEXT(detail, format);
        buf_init(&payload, PAYLOAD_BYTES_MAX);
        wire_put_str(&payload, 1, reason);
        set_payload(arena, detail, ERRDETAIL("PermissionDeniedFailure"), &payload);
    }
    return ERR_DENIED;
}

enum err errdetail_client_version_not_supported(struct arena *arena, struct err_detail *detail,
                                                const char *client_version, const char *client_name,
                                                const char *supported)
{
    struct buf payload;

    if (detail) {
        err_fail(detail, ERR_PRECONDITION,
                 "Client version %s is not supported. Server supports %s versions: %s",
                 client_version, client_name, supported);
        buf_init(&payload, PAYLOAD_BYTES_MAX);
        wire_put_str(&payload, 1, client_version);
        wire_put_str(&payload, 2, client_name);
        wire_put_str(&payload, 3, supported);
        set_payload(arena, detail, ERRDETAIL("ClientVersionNotSupportedFailure"), &payload);
    }
    return ERR_PRECONDITION;
}

enum err errdetail_server_version_not_supported(struct arena *arena, struct err_detail *detail,
                                                const char *server_version,
                                                const char *client_supported)
{
    struct buf payload;

    if (detail) {
        err_fail(detail, ERR_PRECONDITION,
                 "Server version %s is not supported. Client supports server versions: %s",
                 server_version, client_supported);
        buf_init(&payload, PAYLOAD_BYTES_MAX);
        wire_put_str(&payload, 1, server_version);
        wire_put_str(&payload, 2, client_supported);
        set_payload(arena, detail, ERRDETAIL("ServerVersionNotSupportedFailure"), &payload);
    }
    return ERR_PRECONDITION;
}

static const char aborted_type[] = "temporal.api.failure.v1.MultiOperationExecutionAborted";

enum err errdetail_multi_operation_aborted(struct arena *arena, struct err_detail *detail)
{
    UNUSED(arena);
    if (detail) {
        err_fail(detail, ERR_ABORTED, "Operation was aborted.");
        set_empty(detail, aborted_type);
    }
    return ERR_ABORTED;
}

/* One OperationStatus: code, message, details. */
static void put_operation(struct buf *payload, const struct errdetail_operation *operation)
{
    const struct err_detail *detail = operation->detail;
    struct buf status, any;

    buf_init(&status, PAYLOAD_BYTES_MAX);
    buf_init(&any, PAYLOAD_BYTES_MAX);
    if (operation->err != ERR_OK) {
        const bool has_text = detail && detail->text[0];

        wire_put_varint(&status, 1, err_grpc_status(operation->err));
        wire_put_str(&status, 2, has_text ? detail->text : err_text(operation->err));
        if (detail && detail->type) {
            char url[160];

            snprintf(url, sizeof url, "type.googleapis.com/%s", detail->type);
            wire_put_str(&any, 1, url);
            if (detail->payload.len)
                wire_put_bytes(&any, 2, detail->payload);
            wire_put_bytes(&status, 3, buf_slice(&any));
        }
    }
    wire_put_bytes(payload, 1, buf_slice(&status));
    buf_release(&status);
    buf_release(&any);
}

static bool is_bystander(const struct errdetail_operation *operation)
{
    return operation->err == ERR_ABORTED && operation->detail && operation->detail->type &&
           strcmp(operation->detail->type, aborted_type) == 0;
}

enum err errdetail_multi_operation(struct arena *arena, struct err_detail *detail,
                                   const struct errdetail_operation *operations, size_t count,
                                   const char *format, ...)
{
    enum err err = ERR_OK;
    struct buf payload;

    buf_init(&payload, PAYLOAD_BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        if (err == ERR_OK && !is_bystander(&operations[i]))
            err = operations[i].err;
        put_operation(&payload, &operations[i]);
    }
    if (detail) {
        SET_TEXT(detail, format);
        set_payload(arena, detail, ERRDETAIL("MultiOperationExecutionFailure"), &payload);
    }
    buf_release(&payload);
    return err == ERR_OK ? ERR_ABORTED : err;
}

void errdetail_complete(struct arena *arena, enum err err, struct err_detail *detail)
{
    const enum grpc_status status = err_grpc_status(err);

    UNUSED(arena);
    if (detail->type)
        return;
    if (!detail->text[0])
        err_fail(detail, err, "%s", err_text(err));
    if (status == GRPC_STATUS_NOT_FOUND)
        set_empty(detail, ERRDETAIL("NotFoundFailure"));
    else if (status == GRPC_STATUS_RESOURCE_EXHAUSTED)
        set_empty(detail, ERRDETAIL("ResourceExhaustedFailure"));
    else if (status == GRPC_STATUS_PERMISSION_DENIED)
        set_empty(detail, ERRDETAIL("PermissionDeniedFailure"));
}
