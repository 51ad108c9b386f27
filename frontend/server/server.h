/* server.h - the gRPC listener of the frontend: one listening socket, connections on several loops.
 *
 *     router = grpc_router_new();
 *     grpc_router_add(router, "/temporal.api...WorkflowService/GetSystemInfo", GRPC_UNARY, fn,
 * ctx); grpc_health_register(health, router); grpc_reflection_register(router);
 *     grpc_server_open(&options, &server, &detail);
 *     ...
 *     grpc_server_drain(server, 10000, stopped, arg);   and, once `stopped` was called,
 *     grpc_server_free(server);
 *
 * Accepted connections go to the loops in turn; each lives and dies on its loop. */
#ifndef GNOMON_FRONTEND_SERVER_H
#define GNOMON_FRONTEND_SERVER_H

#include "common/grpc/router.h"
#include "common/log/log.h"
#include "common/loop/loop.h"

struct grpc_server;

struct grpc_server_options {
    const char *address;              /* "127.0.0.1", "::" or another numeric address */
    uint16_t port;                    /* 0: any free one, see grpc_server_port() */
    struct loop *const *loops;        /* kept; the first accepts. Already running or not yet */
    size_t loop_count;                /* 1 to GRPC_SERVER_LOOPS_MAX */
    const struct grpc_router *router; /* kept */
    const struct clock *clock;        /* kept; NULL: clock_real */
    const struct log *log;            /* kept; NULL: silent */

    /* 0 takes the default in brackets. */
    uint32_t connections_max;     /* of the whole server [4096]; more are closed at once */
    uint32_t streams_max;         /* open ones of a connection [4096] */
    size_t message_bytes_max;     /* a request, also after decompression [4 MB] */
    int64_t keepalive_idle_ms;    /* ping a silent client after [60 s] */
    int64_t keepalive_timeout_ms; /* and close when nothing comes within [10 s] */
    int64_t connection_idle_ms;   /* GOAWAY when no stream was open for [120 s]; -1: never */
    int64_t connection_age_ms;    /* GOAWAY after, give or take 10 % [300 s]; -1: never */
    int64_t connection_grace_ms;  /* then close what is still open after [70 s] */
    int64_t ping_interval_min_ms; /* GOAWAY to a client that pings more often than every [10 s] */
    bool idle_pings_refused;      /* and to one that pings with no call open */
    int64_t slow_peer_ms;         /* close a peer that takes no byte for [30 s] */
};

enum { GRPC_SERVER_LOOPS_MAX = 64 };

/* Listen. The listening begins on this thread, so that a taken port is this call's error.
 *
 * Memory: gives *out, ended by grpc_server_free(). Keeps what `options` points to.
 * Thread: any, also before the loops run.
 * Errors: ERR_EXISTS the address is taken; ERR_INVALID the address; ERR_IO; text in `detail`. */
MUST_USE enum err grpc_server_open(const struct grpc_server_options *options,
                                   struct grpc_server **out, struct err_detail *detail);

uint16_t grpc_server_port(const struct grpc_server *server);

/* Stop accepting, send GOAWAY, let open calls finish for `grace_ms`, then close what is left (its
 * unanswered calls are cancelled); `done(arg)` runs at the end on the first loop. Once, from any
 * thread, while the loops run. */
void grpc_server_drain(struct grpc_server *server, int64_t grace_ms, loop_fn done, void *arg);

/* After the `done` of grpc_server_drain(). */
void grpc_server_free(struct grpc_server *server);

/* From any thread. */
uint64_t grpc_server_connection_count(const struct grpc_server *server);

#endif
