/* server_int.h - what the listener and the connections share. */
#ifndef GNOMON_FRONTEND_SERVER_INT_H
#define GNOMON_FRONTEND_SERVER_INT_H

#include "common/base/buf.h"
#include "common/base/list.h"
#include "common/grpc/session.h"
#include "frontend/server/server.h"

#include <stdatomic.h>
#include <uv.h>

enum {
    READ_BYTES = 64 * 1024,   /* one read, shared by the connections of a loop */
    WRITE_BYTES = 256 * 1024, /* one write; what a slow peer may leave waiting in us */
};

/* The connections of one loop; touched only by its thread. */
struct server_loop {
    struct grpc_server *server;
    struct loop *loop;
    struct list conns;
    uint8_t *read_bytes;
    struct buf out;
    bool draining, ended;
    struct loop_msg drain;
    struct loop_timer grace;
};

struct grpc_server {
    struct grpc_server_options options;
    struct server_loop loops[GRPC_SERVER_LOOPS_MAX];
    uint16_t port;
    atomic_uint_fast64_t conn_count; /* accepted, not yet closed */
    atomic_size_t loops_left;        /* that still drain */

    /* The listener: the first loop only. */
    int listen_fd;
    bool listening;
    uv_poll_t poll;
    struct loop_timer accept_pause;
    struct loop_msg start;
    size_t next_loop;
    uint64_t accepted; /* spreads the ages of connections */

    int64_t grace_ms;
    loop_fn done;
    void *done_arg;
};

/* Serve an accepted socket; takes `fd`. `age_permille`: 900 to 1100, of options.connection_age_ms.
 */
void conn_open(struct server_loop *on, int fd, int64_t age_permille);
void conn_drain_all(struct server_loop *on);
/* Cancel what is open, send what can be sent within a second, close. */
void conn_abort_all(struct server_loop *on);
/* Called by the connections when the last one of a draining loop has gone. */
void server_loop_empty(struct server_loop *on);

#endif
