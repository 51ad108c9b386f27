/* session_int.h - what the files of a session share: the session and its calls.
 *
 * A call's life:
 *
 *   CALL_HEADERS --headers complete--> CALL_BODY --request complete--> CALL_HANDLED -->
 * CALL_ANSWERED |                                |         (a bidi call at once) ^
 *        +--refused-----------------------+-------------------------------------------------+
 *
 * Beside it, `session` becomes NULL when the stream has closed (call_detach()). A call is freed
 * when it is detached and not CALL_HANDLED. */
#ifndef GNOMON_GRPC_SESSION_INT_H
#define GNOMON_GRPC_SESSION_INT_H

#include "common/base/heap.h"
#include "common/base/list.h"
#include "common/grpc/codec.h"
#include "common/grpc/local.h"
#include "common/grpc/session.h"

#include <nghttp2/nghttp2.h>

struct grpc_session {
    nghttp2_session *h2;
    struct grpc_session_options options;
    struct list calls;     /* attached ones */
    struct list unwritten; /* detached ones whose answer was taken, not written: on_sent waits */
    struct heap deadlines; /* of call.expiry */
    size_t call_count;     /* attached ones */
    size_t partial_bytes;  /* request bytes that wait for the rest of their message */
    size_t unread_bytes;   /* reply bytes not yet written */
    struct buf *out;       /* only during grpc_session_send() */
    size_t out_limit;
    bool failed;  /* the connection is beyond use */
    bool closing; /* inside grpc_session_free() */
    bool draining, goaway_sent;
    int64_t pinged_ms; /* when the client last did; 0: never */
    uint32_t ping_strikes;
    bool pings_forgiven; /* something was sent since */
};

enum call_state { CALL_HEADERS = 1, CALL_BODY, CALL_HANDLED, CALL_ANSWERED };

struct metadata {
    struct slice name, value;
};

struct at_free {
    struct at_free *next;
    void (*fn)(void *arg);
    void *arg;
};

struct call {
    struct grpc_call pub;
    struct grpc_session *session; /* NULL: detached, or `local` */
    struct call_local *local;     /* NULL: of a session */
    struct list node;             /* in session->calls or session->unwritten */
    struct heap_node expiry;      /* in session->deadlines */
    const struct grpc_route *route;
    int32_t stream_id;
    enum call_state state;

    /* The request. */
    struct metadata *metadata;
    uint32_t metadata_count, metadata_cap;
    size_t header_bytes;
    bool is_post, is_grpc, headers_too_large, timeout_malformed;
    bool gzip; /* the client compresses */
    bool unknown_encoding;
    bool has_message; /* unary: the one message is complete */
    uint8_t prefix_len;
    uint8_t prefix[GRPC_PREFIX_BYTES];
    size_t message_len; /* as the prefix says */
    struct buf partial; /* of a message that comes in pieces */

    /* The answer. */
    struct metadata *headers;
    uint32_t header_count;
    bool headers_sent, deferred, ended;
    uint8_t reply_prefix[GRPC_PREFIX_BYTES];
    struct slice *parts; /* of a unary reply, the prefix first */
    size_t part_count, part_index, part_offset;
    struct buf pending; /* of a stream: messages with their prefixes */
    size_t pending_offset;
    enum grpc_status status;
    struct slice status_text, status_details; /* encoded header values */

    enum grpc_cancel canceled;
    grpc_cancel_fn on_cancel;
    void *cancel_arg;
    grpc_sent_fn on_sent;
    void *sent_arg;
    bool taken; /* all of the answer, by a stream that closed well */
    grpc_message_fn on_message;
    void *message_arg;
    struct at_free *at_free;
};

/* nghttp2's structs hold pointers to bytes that it only reads as pointers to plain bytes. */
static inline uint8_t *unconst(const void *bytes)
{
    union {
        const void *in;
        uint8_t *out;
    } cast = {.in = bytes};

    return cast.out;
}

static inline struct call *call_of(const struct grpc_call *pub)
{
    return CONTAINER_OF(unconst(pub), struct call, pub);
}

/* call.c */
struct call *call_new(struct grpc_session *session, int32_t stream_id);
/* The stream is gone (or no longer the call's): free the call or cancel it. */
void call_detach(struct call *call, enum grpc_cancel why);
/* The answers that were taken are written, or never will be. */
void calls_written(struct grpc_session *session, enum grpc_sent sent);
/* Tell the client, detach. For an open call, whatever its state. */
void call_abort(struct call *call, enum grpc_status status, const char *text, enum grpc_cancel why);
/* Refuse a request that no handler has seen. */
void call_refuse(struct call *call, const char *http_status, enum grpc_status status,
                 const char *text);
/* Tell how the answer went, and free it. */
void call_ended(struct call *call, enum grpc_sent sent);
/* Set the status that the trailers will carry. */
void call_set_status(struct call *call, enum grpc_status status, const struct err_detail *detail);

/* local.c */
/* false: nobody waits for the answer. */
bool call_local_answered(struct call *call, const struct grpc_local_answer *answer);
bool call_local_waits(const struct call *call);

/* reply.c */
/* Begin the response; the data provider asks for bytes from then on. */
void reply_submit_headers(struct call *call);
/* A whole response in one HEADERS frame. */
void reply_submit_failure(struct call *call, const char *http_status);
ssize_t reply_read(nghttp2_session *h2, int32_t stream_id, uint8_t *buf, size_t length,
                   uint32_t *flags, nghttp2_data_source *source, void *arg);
int reply_send_data(nghttp2_session *h2, nghttp2_frame *frame, const uint8_t *head, size_t length,
                    nghttp2_data_source *source, void *arg);
/* Bytes of the answer that wait to be sent. */
size_t reply_unsent_bytes(const struct call *call);
void reply_wake(struct call *call); /* there are more bytes, or the end */

/* request.c */

void request_header(struct call *call, struct slice name, struct slice value);
void request_headers_complete(struct call *call);
void request_data(struct call *call, struct slice bytes);
void request_end(struct call *call);

#endif
