/* router.h - full method path to handler. Filled at start, then only read: shared by all loops. */
#ifndef GNOMON_GRPC_ROUTER_H
#define GNOMON_GRPC_ROUTER_H

#include "common/grpc/call.h"

enum grpc_kind {
    GRPC_UNARY,         /* the handler runs when the request is complete */
    GRPC_SERVER_STREAM, /* the same, and answers with any number of messages */
    GRPC_BIDI,          /* the handler runs at the headers; see grpc_call_on_message() */
};

struct grpc_router;

struct grpc_route {
    enum grpc_kind kind;
    grpc_handler_fn handle;
    void *ctx;
};

struct grpc_router *grpc_router_new(void);
void grpc_router_free(struct grpc_router *router);

/* Serve `path` ("/package.Service/Method", copied, not yet served). Keeps `ctx`. */
void grpc_router_add(struct grpc_router *router, const char *path, enum grpc_kind kind,
                     grpc_handler_fn handle, void *ctx);

/* NULL when nobody serves it. */
const struct grpc_route *grpc_router_find(const struct grpc_router *router, struct slice path);

/* Is a method of "package.Service" served? */
bool grpc_router_has_service(const struct grpc_router *router, struct slice service);

/* The services in the order in which their first method was added; NULL after the last. */
const char *grpc_router_service(const struct grpc_router *router, size_t index);

#endif
