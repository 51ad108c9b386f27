/* call.h - one gRPC call as its handler sees it: the request, and the one answer that it gets.
 *
 * Invariants
 * 1. Every call that a handler was given is answered exactly once, by grpc_call_reply*(),
 *    grpc_call_fail*() or grpc_call_finish(), at once or later. That holds also when the client is
 *    gone: the answer is then dropped.
 * 2. A call is freed after its answer: when the stream has closed, or inside the answering call
 *    when the client is gone already. So a handler does not touch a call after answering it, and
 *    an unanswered call is never freed under it.
 * 3. All functions belong to the thread of call->loop. Handlers and callbacks run there. */
#ifndef GNOMON_GRPC_CALL_H
#define GNOMON_GRPC_CALL_H

#include "common/base/arena.h"
#include "common/base/err.h"

#include <stdbool.h>

struct loop;

struct grpc_call {
    struct arena arena;       /* the request's memory, released when the call is freed */
    struct slice path;        /* "/package.Service/Method" */
    struct slice request;     /* the message, decompressed; empty for GRPC_BIDI */
    int64_t deadline_mono_ns; /* on the session's clock; 0: none */
    struct loop *loop;        /* the call's; NULL where a test drives a session without a loop */
    void *user;               /* the handler's own */
};

/* Answer a call now or later. `ctx` is what the route was registered with. */
typedef void (*grpc_handler_fn)(void *ctx, struct grpc_call *call);

/* The first request header of that name (lower case, e.g. "client-name"); empty when absent.
 * Lives as long as the call. Names that end in -bin are given as they came, in base64. */
struct slice grpc_call_metadata(const struct grpc_call *call, const char *name);

/* Add a response header (name in lower case), at most 16. Copies both. Before the answer or the
 * first message of a stream. */
void grpc_call_header(struct grpc_call *call, const char *name, struct slice value);

/* Answer with one message and status OK. Keeps `message`: its bytes live in call->arena, are
 * static, or are kept by grpc_call_at_free(). */
void grpc_call_reply(struct grpc_call *call, struct slice message);

/* The same with a message made of `count` parts, sent one after the other without a copy. Copies
 * the array, keeps the bytes. */
void grpc_call_reply_parts(struct grpc_call *call, const struct slice *parts, size_t count);

/* Answer with an error: its gRPC status, detail->text (err_text() when detail is NULL, or has
 * neither text nor type) and, when detail->type is set, a google.rpc.Status with that one detail.
 * Copies. */
void grpc_call_fail(struct grpc_call *call, enum err err, const struct err_detail *detail);
/* The same for a status that has no enum err (UNKNOWN, OUT_OF_RANGE, UNAUTHENTICATED). */
void grpc_call_fail_status(struct grpc_call *call, enum grpc_status status,
                           const struct err_detail *detail);

enum grpc_cancel {
    GRPC_CANCEL_NONE,
    GRPC_CANCEL_CLIENT,   /* RST_STREAM, or the connection is gone */
    GRPC_CANCEL_DEADLINE, /* the client has been told DEADLINE_EXCEEDED */
    GRPC_CANCEL_SHUTDOWN, /* the server closes; the client has been told UNAVAILABLE */
};

/* Called once when nobody waits for the answer any more, only while the call is unanswered; the
 * call must still be answered (see invariant 1), which may happen inside `fn`. When the call is
 * cancelled already, `fn` runs before this returns. A NULL `fn` takes it back. */
typedef void (*grpc_cancel_fn)(void *arg, struct grpc_call *call, enum grpc_cancel why);
void grpc_call_on_cancel(struct grpc_call *call, grpc_cancel_fn fn, void *arg);
enum grpc_cancel grpc_call_canceled(const struct grpc_call *call);

enum grpc_sent {
    GRPC_SENT = 1,   /* the kernel has the whole answer, and its stream was open */
    GRPC_MAYBE_SENT, /* the connection was lost while it was being written */
    GRPC_NOT_SENT,   /* its stream ended before: the client can't have it */
};

/* Called once, after the answer, which is set up before; for calls that are not streams. */
typedef void (*grpc_sent_fn)(void *arg, enum grpc_sent sent);
void grpc_call_on_sent(struct grpc_call *call, grpc_sent_fn fn, void *arg);

/* Run `fn(arg)` when the call is freed: for bytes that the reply keeps. */
void grpc_call_at_free(struct grpc_call *call, void (*fn)(void *arg), void *arg);

/* Streams. A GRPC_SERVER_STREAM or GRPC_BIDI handler sends any number of messages, then ends the
 * stream with grpc_call_finish() (status OK) or grpc_call_fail(). Copies `message`. false: more
 * than the session's limit waits to be sent, the message was dropped and the stream should fail. */
MUST_USE bool grpc_call_send(struct grpc_call *call, struct slice message);
void grpc_call_finish(struct grpc_call *call);

/* GRPC_BIDI: the handler runs when the headers have come, and sets this before it returns. Each
 * message is only valid during its call; `end` (with an empty message) says that the client has
 * finished. Not called after the call was answered or cancelled. */
typedef void (*grpc_message_fn)(void *arg, struct grpc_call *call, struct slice message, bool end);
void grpc_call_on_message(struct grpc_call *call, grpc_message_fn fn, void *arg);

#endif
