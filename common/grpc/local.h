/* local.h - calls from inside the process: the handlers of a router without a connection, for who
 * speaks another protocol to the client.
 *
 *     call = grpc_local_new(&options);          its arena is the request's
 *     grpc_local_metadata(call, "client-name", value);
 *     grpc_local_start(call);                   `answered` may run before this returns
 *     ...
 *     grpc_local_end(call, GRPC_SENT);          after `answered`, or
 *     grpc_local_cancel(call, GRPC_CANCEL_CLIENT) before it: it is then never called.
 *
 * All of it on the thread of the call's loop. */
#ifndef GNOMON_GRPC_LOCAL_H
#define GNOMON_GRPC_LOCAL_H

#include "common/grpc/router.h"

struct grpc_local_answer {
    enum grpc_status status;
    const struct err_detail *detail; /* of a status that is not OK */
    const struct slice *parts;       /* of the message, else */
    size_t part_count;
};

/* The one answer. What it points to is valid during the call. */
typedef void (*grpc_local_fn)(void *arg, const struct grpc_local_answer *answer);

struct grpc_local_options {
    const struct grpc_route *route; /* kept; GRPC_UNARY */
    struct loop *loop;              /* kept; may be NULL in tests: no deadline then */
    const struct clock *clock;      /* kept */
    struct slice path, request;     /* kept: copies in call->arena, or static */
    int64_t timeout_ns;             /* 0: none */
    grpc_local_fn answered;
    void *arg;
};

/* Two steps, so that the request can be built in the call's arena; see grpc_local_start(). */
struct grpc_call *grpc_local_new(void);
/* A request header; name in lower case. Copies both. At most GRPC_LOCAL_HEADERS_MAX, more are
 * left out. */
enum { GRPC_LOCAL_HEADERS_MAX = 64 };
void grpc_local_metadata(struct grpc_call *call, const char *name, struct slice value);
/* Run the handler. The deadline is told as an answer, DEADLINE_EXCEEDED. */
void grpc_local_start(struct grpc_call *call, const struct grpc_local_options *options);

/* Nobody waits any more: before grpc_local_start(), or before the answer. The call is gone for the
 * caller. */
void grpc_local_cancel(struct grpc_call *call, enum grpc_cancel why);
/* The answer is sent, or lost: frees the call. */
void grpc_local_end(struct grpc_call *call, enum grpc_sent sent);

#endif
