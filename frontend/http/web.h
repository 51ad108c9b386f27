/* web.h - an HTTP/1.1 listener on the frontend's loops: whole requests in, answers now or later.
 *
 * libmicrohttpd speaks the protocol (keep-alive, chunks, Expect, HEAD), polled by the loops. A
 * request is handled when all of its body is there, on the loop that its connection belongs to. */
#ifndef GNOMON_FRONTEND_WEB_H
#define GNOMON_FRONTEND_WEB_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/log/log.h"
#include "common/loop/loop.h"

struct web_server;

struct web_request {
    struct arena arena; /* the request's memory, released when its answer is sent or lost */
    const char *method;
    struct slice path, query; /* as they came, percent signs and all; without '?' */
    struct slice body;
    bool too_large;        /* the body: it was not kept */
    char peer[64];         /* the client's address, without its port */
    struct loop *loop;     /* the request's */
    struct web_conn *conn; /* the listener's */
};

typedef void (*web_handler_fn)(void *ctx, struct web_request *request);

enum {
    WEB_LOOPS_MAX = 64,
    WEB_BODY_BYTES_MAX = 4 * 1024 * 1024,
    WEB_HEADER_BYTES_MAX = 64 * 1024, /* with what waits to be read or written of a connection */
    WEB_CONNECTIONS_MAX = 4096,       /* of each loop */
    WEB_IDLE_S = 120,                 /* between requests, and for a peer that takes nothing */
    WEB_REQUEST_S = 60, /* for a request to arrive whole, once its headers are there */
    WEB_ANSWER_HEADERS_MAX = 16,
};

struct web_server_options {
    const char *address;       /* numeric */
    uint16_t port;             /* 0: any free one, see web_server_port() */
    struct loop *const *loops; /* kept; the array is copied. Already running or not yet */
    size_t loop_count;
    const struct clock *clock;   /* kept */
    web_handler_fn handle;       /* answers each request once */
    void *ctx;                   /* kept */
    int64_t idle_ms, request_ms; /* 0: WEB_IDLE_S, WEB_REQUEST_S */
};

/* Listen, from any thread. Gives *out, ended by web_server_free().
 * Errors: ERR_EXISTS the address is taken; ERR_INVALID the address; ERR_IO; text in `detail`. */
MUST_USE enum err web_server_open(const struct web_server_options *options, struct web_server **out,
                                  struct err_detail *detail);
uint16_t web_server_port(const struct web_server *server);
/* Stop accepting, let requests under way finish for `grace_ms`, then close; `done(arg)` runs at the
 * end on the first loop. Once, from any thread, while the loops run. */
void web_server_drain(struct web_server *server, int64_t grace_ms, loop_fn done, void *arg);
/* After the `done` of web_server_drain(), or when no loop has run. */
void web_server_free(struct web_server *server);

/* ---- for handlers, on the request's loop ---- */

/* The first request header of that name, in any case; empty when absent. Lives as long as the
 * request. */
struct slice web_header(const struct web_request *request, const char *name);
typedef void (*web_header_fn)(void *arg, const char *name, struct slice value);
void web_each_header(const struct web_request *request, web_header_fn fn, void *arg);

/* Add a header to the answer, at most WEB_ANSWER_HEADERS_MAX. Copies both. */
void web_answer_header(struct web_request *request, const char *name, const char *value);
/* The one answer; `type` NULL: no Content-Type. Takes the buffer's memory and empties it. */
void web_answer(struct web_request *request, unsigned status, const char *type, struct buf *body);
/* The same with bytes that outlive the server. */
void web_answer_static(struct web_request *request, unsigned status, const char *type,
                       struct slice body);

/* Called once when the client is gone, or the server closes, before the answer. The request ends
 * with it: it must not be answered. */
void web_on_cancel(struct web_request *request, void (*fn)(void *arg), void *arg);
/* Called once after the answer: all of it was given to the kernel, or not. */
void web_on_sent(struct web_request *request, void (*fn)(void *arg, bool whole), void *arg);

#endif
