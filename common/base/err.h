/* err.h - error codes, and the detail text and protobuf details that travel with one. */
#ifndef GNOMON_ERR_H
#define GNOMON_ERR_H

#include "common/base/slice.h"

/* The numbers of google.rpc.Code. */
enum grpc_status {
    GRPC_STATUS_OK = 0,
    GRPC_STATUS_CANCELLED = 1,
    GRPC_STATUS_UNKNOWN = 2,
    GRPC_STATUS_INVALID_ARGUMENT = 3,
    GRPC_STATUS_DEADLINE_EXCEEDED = 4,
    GRPC_STATUS_NOT_FOUND = 5,
    GRPC_STATUS_ALREADY_EXISTS = 6,
    GRPC_STATUS_PERMISSION_DENIED = 7,
    GRPC_STATUS_RESOURCE_EXHAUSTED = 8,
    GRPC_STATUS_FAILED_PRECONDITION = 9,
    GRPC_STATUS_ABORTED = 10,
    GRPC_STATUS_OUT_OF_RANGE = 11,
    GRPC_STATUS_UNIMPLEMENTED = 12,
    GRPC_STATUS_INTERNAL = 13,
    GRPC_STATUS_UNAVAILABLE = 14,
    GRPC_STATUS_DATA_LOSS = 15,
    GRPC_STATUS_UNAUTHENTICATED = 16,
};

enum err {
#define ERR(name, grpc, retry, text) ERR_##name,
#include "common/base/err.def"
#undef ERR
    ERR_COUNT
};

const char *err_name(enum err err); /* "NOT_FOUND" */
const char *err_text(enum err err); /* "not found" */
enum grpc_status err_grpc_status(enum err err);
bool err_may_retry(enum err err);

/* What a person, and an SDK, is told about one failure. Filled once, where the cause is known. */
struct err_detail {
    char text[1536];      /* the gRPC message, NUL-terminated, cut at the end: an id of 1000 fits */
    const char *type;     /* full name of a message of temporal.api.errordetails.v1, or NULL */
    struct slice payload; /* that message, encoded, in the request's arena */
};

/* Set the text (printf style) and give back `err`: `return err_fail(d, ERR_INVALID, "...")`.
 * `detail` may be NULL. */
enum err err_fail(struct err_detail *detail, enum err err, const char *format, ...)
    PRINTF_LIKE(3, 4);

#endif
