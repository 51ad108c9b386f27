/* server.h - the core on the mesh: decodes requests, carries its questions to history, keeps its
 * time, follows the assignment of matching shards.
 *
 * Threads: everything on the loop given. */
#ifndef GNOMON_MATCHING_SERVER_H
#define GNOMON_MATCHING_SERVER_H

#include "common/cluster/cluster.h"
#include "common/dynconf/dynconf.h"
#include "common/loop/loop.h"
#include "common/mesh/follow.h"
#include "matching/matching.h"

struct matching_server;

struct matching_server_options {
    const struct dynconf *dynconf;
    struct cluster *cluster; /* NULL: nothing is set for any queue */
    struct mesh *mesh;
    struct loop *loop;
    const struct clock *clock;
    const struct log *log;
    struct metrics *metrics;
    void (*ready)(void *arg); /* the assignment knows us, what it gives us is served; may be NULL */
    void *arg;
    uint32_t history_shards;
};

/* Keeps what `options` points to; gives what matching_server_free() ends. Serves from now on. */
struct matching_server *matching_server_new(const struct matching_server_options *options);
/* Held calls get an empty answer; `done` is called once, when no start is in doubt any more or
 * after a second. */
void matching_server_drain(struct matching_server *server, loop_fn done, void *arg);
void matching_server_free(struct matching_server *server);

#endif
