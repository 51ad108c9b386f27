/* server.h - the deadline windows on the mesh: assignments and casts in, pulls and fires out.
 *
 * Threads: everything on the loop given. */
#ifndef GNOMON_TIMERS_SERVER_H
#define GNOMON_TIMERS_SERVER_H

#include "common/loop/loop.h"
#include "common/mesh/follow.h"

struct timers_server;

struct timers_server_options {
    struct mesh *mesh;
    struct loop *loop;
    const struct clock *clock;
    const struct log *log;
    struct metrics *metrics;
    void (*ready)(void *arg); /* the assignment knows us, what it gives us is served; may be NULL */
    void *arg;
};

/* Keeps what `options` points to; gives what timers_server_free() ends. Serves from now on. */
struct timers_server *timers_server_new(const struct timers_server_options *options);
void timers_server_free(struct timers_server *server);

#endif
