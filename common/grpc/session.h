/* session.h - the server's side of one HTTP/2 connection that carries gRPC: bytes in, calls to
 * their handlers, bytes out. No socket and no timer inside: who owns the connection feeds it.
 *
 * A session belongs to one thread. No function of it may be called from inside a handler or a
 * cancel callback, but for grpc_session_ping() and grpc_session_drain(). */
#ifndef GNOMON_GRPC_SESSION_H
#define GNOMON_GRPC_SESSION_H

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/grpc/router.h"

struct grpc_session;

struct grpc_session_options {
    const struct grpc_router *router; /* kept */
    const struct clock *clock;        /* kept */
    struct loop *loop;                /* what calls carry as call->loop */
    uint32_t streams_max;             /* open streams, at least 1 */
    size_t message_bytes_max;         /* a request, also after decompression */
    /* How often a client may ping: more than GRPC_PING_STRIKES_MAX times too soon, with nothing
     * sent to it meanwhile, and it gets GOAWAY "too_many_pings". 0: as often as it likes. */
    int64_t ping_interval_min_ms;
    bool idle_pings_refused; /* with no call open: every two hours at most */
    /* There is something for grpc_session_send(). May be called often, also from handlers. */
    void (*wants_write)(void *arg);
    void *arg;
};

enum {
    GRPC_HEADERS_MAX = 128,                          /* of a request */
    GRPC_HEADER_BYTES_MAX = 64 * 1024,               /* of a request, names and values */
    GRPC_SEND_HEADER_BYTES_MAX = 2 * 1024 * 1024,    /* of a response, compressed or not */
    GRPC_PARTIAL_BYTES_MAX = 64 * 1024 * 1024,       /* of unfinished requests, per session */
    GRPC_UNREAD_BYTES_MAX = 32 * 1024 * 1024,        /* of replies that the peer doesn't take */
    GRPC_STREAM_PENDING_BYTES_MAX = 4 * 1024 * 1024, /* of one stream's unsent messages */
    GRPC_REQUEST_TIMEOUT_MS = 60 * 1000,             /* for a request to arrive whole */
    GRPC_PING_STRIKES_MAX = 2,                       /* pings that came too soon */
    GRPC_REPLY_TIMEOUT_MS = 300 * 1000,              /* for a large reply to be taken */
};

/* Gives the session, its SETTINGS ready to be sent; options are copied. */
struct grpc_session *grpc_session_new(const struct grpc_session_options *options);
/* Cancels what is unanswered. Those calls live on until they are answered. NULL is fine. */
void grpc_session_free(struct grpc_session *session);

/* Bytes from the peer. ERR_CORRUPT: not HTTP/2, or against its rules: send what is left, close. */
MUST_USE enum err grpc_session_recv(struct grpc_session *session, struct slice bytes);

/* Append what is to be sent, until `out` holds about `limit` bytes. true: there may be more. */
MUST_USE bool grpc_session_send(struct grpc_session *session, struct buf *out, size_t limit);

/* All that grpc_session_send() gave is written: answers in it are sent. */
void grpc_session_written(struct grpc_session *session);

/* When grpc_session_expire() has something to do; INT64_MAX: never. */
int64_t grpc_session_next_expiry_ns(const struct grpc_session *session);
/* End the calls whose deadline has passed. */
void grpc_session_expire(struct grpc_session *session);

void grpc_session_ping(struct grpc_session *session);

/* GOAWAY in two steps, so that no call is lost: a notice and a ping, then, with the answer to the
 * ping, the last stream that is served. `end_streams`: those that are not unary, which may never
 * end by themselves, get UNAVAILABLE at once. */
void grpc_session_drain(struct grpc_session *session, bool end_streams);
/* Tell all open calls UNAVAILABLE and cancel them. */
void grpc_session_abort(struct grpc_session *session);

/* Drained, or failed: once all of grpc_session_send() is written, the connection can be closed. */
bool grpc_session_is_done(const struct grpc_session *session);
size_t grpc_session_stream_count(const struct grpc_session *session);

#endif
