/* web_int.h - what the files of the HTTP listener share. */
#ifndef GNOMON_FRONTEND_WEB_INT_H
#define GNOMON_FRONTEND_WEB_INT_H

#include "common/base/list.h"
#include "frontend/http/web.h"

#include <microhttpd.h>
#include <stdatomic.h>
#include <uv.h>

/* The connections of one loop; touched only by its thread. */
struct web_loop {
    struct web_server *server;
    struct loop *loop;
    struct MHD_Daemon *daemon;
    struct list conns;
    int listen_fd; /* a duplicate: each daemon closes its own */
    uv_poll_t poll;
    struct loop_msg start, drain, drive;
    struct loop_timer timer, sweep, grace;
    bool running, draining, stopped;
};

struct web_server {
    struct web_server_options options;
    struct web_loop loops[WEB_LOOPS_MAX];
    uint16_t port;
    atomic_size_t loops_left; /* that still drain */
    int64_t grace_ms;
    loop_fn done;
    void *done_arg;
};

struct web_conn {
    struct web_loop *on;
    struct list node; /* in on->conns */
    int fd;
    char *uri;               /* of the request that begins */
    struct request *request; /* NULL: between requests */
    int64_t since_ms;        /* when the request, or the wait for one, began */
    uv_poll_t *watch;        /* while the request waits for its answer */
};

struct request {
    struct web_request pub;
    struct web_conn *conn;
    struct MHD_Connection *mhd;
    struct buf body;
    bool hopeless; /* its body is not even taken to be thrown away */
    bool dispatched, suspended, canceled;
    struct {
        const char *name, *value;
    } headers[WEB_ANSWER_HEADERS_MAX];
    size_t header_count;
    struct MHD_Response *response;
    unsigned status;
    void (*on_cancel)(void *arg);
    void *cancel_arg;
    void (*on_sent)(void *arg, bool whole);
    void *sent_arg;
};

/* web.c */
void web_conn_resume(struct web_conn *conn);
void web_loop_start(void *arg);
void web_loop_drain(void *arg);
void web_loop_drive_soon(struct web_loop *on);
void web_loop_check_drained(struct web_loop *on);

#endif
