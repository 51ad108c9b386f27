/* errdetail.h - the typed errors that clients tell apart: temporal.api.errordetails.v1.
 *
 * Each function sets detail->text, type and payload (in `arena`) and gives the error code that
 * belongs to it, so that a check reads
 *
 *     return errdetail_not_found(arena, detail, "workflow not found for ID: %s", id);
 *
 * `detail` may be NULL: only the code is given. Texts that the reference has as fixed ones are
 * set here; the others are the caller's, printf style. */
#ifndef GNOMON_PROTO_ERRDETAIL_H
#define GNOMON_PROTO_ERRDETAIL_H

#include "common/base/arena.h"
#include "common/base/err.h"

#define ERRDETAIL(name) "temporal.api.errordetails.v1." name

/* ERR_NOT_FOUND */
enum err errdetail_not_found(struct arena *arena, struct err_detail *detail, const char *format,
                             ...) PRINTF_LIKE(3, 4);
/* ERR_NOT_FOUND, "Namespace X is not found." */
enum err errdetail_namespace_not_found(struct arena *arena, struct err_detail *detail,
                                       const char *name);
/* ERR_EXISTS */
enum err errdetail_namespace_already_exists(struct arena *arena, struct err_detail *detail,
                                            const char *format, ...) PRINTF_LIKE(3, 4);
/* ERR_PRECONDITION; `state` and `allowed` are values of enum NamespaceState. */
enum err errdetail_namespace_invalid_state(struct arena *arena, struct err_detail *detail,
                                           const char *name, uint32_t state,
                                           const uint32_t *allowed, size_t allowed_count);
/* ERR_EXISTS; first_run_id may be NULL. */
enum err errdetail_workflow_already_started(struct arena *arena, struct err_detail *detail,
                                            const char *start_request_id, const char *run_id,
                                            const char *first_run_id, const char *format, ...)
    PRINTF_LIKE(6, 7);
/* ERR_EXISTS */
enum err errdetail_cancellation_already_requested(struct arena *arena, struct err_detail *detail,
                                                  const char *format, ...) PRINTF_LIKE(3, 4);
/* ERR_INVALID; `failure` is an encoded temporal.api.failure.v1.Failure, or empty. */
enum err errdetail_query_failed(struct arena *arena, struct err_detail *detail,
                                struct slice failure, const char *format, ...) PRINTF_LIKE(4, 5);
/* ERR_PRECONDITION */
enum err errdetail_workflow_not_ready(struct arena *arena, struct err_detail *detail,
                                      const char *format, ...) PRINTF_LIKE(3, 4);
/* ERR_BUSY; values of enum ResourceExhaustedCause and ResourceExhaustedScope. */
enum err errdetail_resource_exhausted(struct arena *arena, struct err_detail *detail,
                                      uint32_t cause, uint32_t scope, const char *format, ...)
    PRINTF_LIKE(5, 6);
/* ERR_DENIED; `reason` may be NULL. */
enum err errdetail_permission_denied(struct arena *arena, struct err_detail *detail,
                                     const char *reason, const char *format, ...) PRINTF_LIKE(4, 5);
/* ERR_PRECONDITION, "Client version X is not supported. Server supports N versions: Y" */
enum err errdetail_client_version_not_supported(struct arena *arena, struct err_detail *detail,
                                                const char *client_version, const char *client_name,
                                                const char *supported);
/* ERR_PRECONDITION, "Server version X is not supported. Client supports server versions: Y" */
enum err errdetail_server_version_not_supported(struct arena *arena, struct err_detail *detail,
                                                const char *server_version,
                                                const char *client_supported);
/* ERR_ABORTED: the operation of a multi-operation that is not at fault, "Operation was aborted." */
enum err errdetail_multi_operation_aborted(struct arena *arena, struct err_detail *detail);

/* ERR_UNIMPLEMENTED, ERR_UNAVAILABLE and other codes without a detail: use err_fail(). */

/* One operation's outcome inside a multi-operation. */
struct errdetail_operation {
    enum err err; /* ERR_OK too */
    const struct err_detail *detail;
};
/* The whole of a multi-operation: gives the first code that is neither ERR_OK nor ERR_ABORTED with
 * MultiOperationExecutionAborted, else ERR_ABORTED. */
enum err errdetail_multi_operation(struct arena *arena, struct err_detail *detail,
                                   const struct errdetail_operation *operations, size_t count,
                                   const char *format, ...) PRINTF_LIKE(5, 6);

/* What the reference adds to every error of these kinds: when detail->type is NULL, give NOT_FOUND,
 * BUSY and DENIED their empty detail; and when there is no text either, err_text(). To be called
 * once, where a handler answers. Codes of inside the cluster that map to those statuses (STALE,
 * DISK_FULL, ...) are treated alike. */
void errdetail_complete(struct arena *arena, enum err err, struct err_detail *detail);

#endif
