/* http.h - requests that this server makes of others over HTTP: libcurl's multi interface, driven
 * by a loop.
 *
 * A client belongs to a loop. What it has not room for waits in a bounded queue; the connections of
 * finished requests are kept for the next ones. Redirects are not followed, proxies not asked, the
 * answer's body is cut at a bound. Host names are resolved on a thread of libcurl's that lives as
 * long as the look-up. An idle client costs nothing. */
#ifndef GNOMON_HTTP_H
#define GNOMON_HTTP_H

#include "common/base/err.h"
#include "common/loop/loop.h"

struct http_client;

struct http_options {
    uint32_t active_max;     /* requests under way at a time; 0: 64 */
    uint32_t queued_max;     /* that wait for their turn; 0: 1024 */
    size_t answer_bytes_max; /* of a body; what is longer is cut; 0: 64 KB */
};

struct http_header {
    const char *name, *value;
};

struct http_answer {
    enum err err; /* ERR_OK: it came whole, or longer than is wanted. ERR_TIMEOUT; ERR_UNAVAILABLE
                     nobody answered; ERR_IO it broke off; ERR_INVALID the URL */
    const char *text;   /* what went wrong, as Go's client has it where that is known; "" */
    int status;         /* 0: none came */
    const char *reason; /* of the status line: "404 Not Found" */
    const char *content_type, *retryable; /* headers Content-Type, Nexus-Request-Retryable; "" */
    struct slice body;
};

/* Called once, on the loop's thread, never inside http_post(). The answer is gone afterwards. */
typedef void (*http_done_fn)(void *arg, const struct http_answer *answer);

struct http_request {
    const char *url; /* http or https */
    const struct http_header *headers;
    size_t header_count;
    struct slice body;
    int64_t timeout_ms; /* from its turn on */
    http_done_fn done;
    void *arg;
};

/* `loop` is kept. Before the loop ends http_client_free(): on its thread, or when that is gone. */
struct http_client *http_client_new(struct loop *loop, const struct http_options *options);
/* What is under way is broken off; nobody is called. */
void http_client_free(struct http_client *client);

/* POST, copying everything. *id serves http_cancel(). ERR_BUSY: the queue is full. */
MUST_USE enum err http_post(struct http_client *client, const struct http_request *request,
                            uint64_t *id);
/* Its `done` is not called any more. An id that is over is fine. */
void http_cancel(struct http_client *client, uint64_t id);

#endif
