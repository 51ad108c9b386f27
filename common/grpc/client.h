/* client.h - the client's side of a gRPC connection, without a socket: calls in, bytes out, bytes
 * in, replies out. For load generators, probes and tests.
 *
 * A client belongs to one thread. From inside a reply's callback new calls may be made, but
 * grpc_client_recv(), _send() and _free() may not be called. */
#ifndef GNOMON_GRPC_CLIENT_H
#define GNOMON_GRPC_CLIENT_H

#include "common/base/buf.h"
#include "common/base/err.h"

#include <stdbool.h>

struct grpc_client;

struct grpc_client_header {
    const char *name; /* lower case */
    struct slice value;
};

/* Each message of a stream; `message` is valid during the call; `arg` is the reply's. */
typedef void (*grpc_client_message_fn)(void *arg, struct slice message);

/* All of it is copied. */
struct grpc_client_request {
    const char *path; /* "/package.Service/Method" */
    struct slice message;
    const char *timeout; /* grpc-timeout, e.g. "500m"; NULL: none */
    const struct grpc_client_header *headers;
    size_t header_count;               /* at most 16 */
    grpc_client_message_fn on_message; /* or NULL */
    bool gzip;                         /* compress the message */
    bool framed;    /* `message` has its 5-byte prefixes already: any number of messages */
    bool stay_open; /* do not end the request: the client half of a stream stays open */
};

/* Valid during the callback. */
struct grpc_client_reply {
    enum grpc_status status; /* UNAVAILABLE when the stream ended without one */
    struct slice message;    /* the last one, decompressed */
    size_t message_count;
    struct slice text;    /* grpc-message, decoded */
    struct slice details; /* a google.rpc.Status, or empty */
    bool reset;           /* the stream was reset, or the connection lost */
    bool was_gzip;        /* the last message came compressed */
    int http_status;
};

typedef void (*grpc_client_reply_fn)(void *arg, const struct grpc_client_reply *reply);
struct grpc_client *grpc_client_new(void);
/* Open calls get no reply any more. NULL is fine. */
void grpc_client_free(struct grpc_client *client);

/* Begin a call; `reply` is called once. The id of its stream, or -1: the connection takes no new
 * calls (GOAWAY), and `reply` will not be called. */
int32_t grpc_client_call(struct grpc_client *client, const struct grpc_client_request *request,
                         grpc_client_reply_fn reply, void *arg);
/* RST_STREAM; the reply comes with `reset`. */
void grpc_client_cancel(struct grpc_client *client, int32_t id);

MUST_USE enum err grpc_client_recv(struct grpc_client *client, struct slice bytes);
/* Append what is to be sent. */
void grpc_client_send(struct grpc_client *client, struct buf *out);

size_t grpc_client_open_count(const struct grpc_client *client);
bool grpc_client_got_goaway(const struct grpc_client *client);

#endif
