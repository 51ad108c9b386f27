/* counting.h - asks every history shard how many task rows a queue has, and adds up.
 *
 * Threads: those of the port. */
#ifndef GNOMON_MATCHING_COUNTING_H
#define GNOMON_MATCHING_COUNTING_H

#include "common/base/list.h"
#include "common/mesh/mesh.h"
#include "matching/matching.h"

enum { COUNTING_MAX = 64 }; /* under way at once */

struct counting {
    struct mesh_port *port;
    uint32_t history_shards;
    struct list jobs;
    uint32_t job_count;
};

/* `backlogs` is NULL unless `err` is ERR_OK. */
typedef void (*counting_done_fn)(void *arg, enum err err, const struct matching_backlogs *backlogs);

void counting_init(struct counting *counting, struct mesh_port *port, uint32_t history_shards);
/* Jobs under way are forgotten and `arg` of each is freed by free(). The port is gone already. */
void counting_release(struct counting *counting);
/* `done` is called once, later, and takes `arg`. ERR_BUSY: too many are under way; ERR_STALE:
 * nothing is wanted. */
MUST_USE enum err counting_begin(struct counting *counting, const struct matching_wanted *wanted,
                                 counting_done_fn done, void *arg);

#endif
