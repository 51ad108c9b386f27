/* follow.h - for processes whose shards live in memory only (matching, timers): their shards are
 * bound to one port as the assignment gives them, and unbound as it takes them away.
 *
 * Call mesh_follow() from the port's `placed` callback. Thread: the port's. */
#ifndef GNOMON_MESH_FOLLOW_H
#define GNOMON_MESH_FOLLOW_H

#include "common/mesh/mesh.h"

enum { MESH_FOLLOW_MAX = 64 };

struct mesh_follow {
    struct mesh *mesh;
    struct mesh_port *port;
    uint32_t count; /* shards of the process' role */
    bool ours[MESH_FOLLOW_MAX];
    /* A shard was ours, and is unbound. */
    void (*lost)(void *arg, uint32_t shard);
    /* The map knows us for the first time: what it gives us is bound. May be NULL. */
    void (*placed)(void *arg);
    void *arg;
    bool was_placed;
};

void mesh_follow(struct mesh_follow *follow);

#endif
