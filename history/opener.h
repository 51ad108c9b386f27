/* opener.h - helper threads for what blocks: opening a shard waits for the disk, and the shards
 * that are open already must not.
 *
 * A fixed number of threads, jobs in order. Each job belongs to one slot and is in the queue at
 * most once, which bounds the queue. */
#ifndef GNOMON_HISTORY_OPENER_H
#define GNOMON_HISTORY_OPENER_H

#include "common/base/list.h"
#include "common/loop/loop.h"

struct opener;

struct opener_job {
    struct list node;
    struct loop *loop;      /* `done` runs there */
    void (*run)(void *arg); /* on a helper thread */
    struct loop_msg done;   /* posted after `run`; its arg is also that of `run` */
};

struct opener *opener_new(uint32_t threads);
void opener_free(struct opener *opener); /* no job waits or runs */

/* Any thread. The job is the opener's until `done` runs. */
void opener_post(struct opener *opener, struct opener_job *job);
/* True: it still waited; neither `run` nor `done` will be called. */
bool opener_remove(struct opener *opener, struct opener_job *job);

#endif
