/* process.h - a history process: its engine threads, and the shards that it owns.
 *
 * Each engine thread is a loop with a mesh port; shard N runs on thread N mod threads, in a slot
 * (slot.h). A shard whose disk fails ends the process.
 *
 * Thread: the functions are for the main loop's thread. */
#ifndef GNOMON_HISTORY_PROCESS_H
#define GNOMON_HISTORY_PROCESS_H

#include "common/service/service.h"

struct history_process;

struct history_process_options {
    struct service *service;
    /* Every shard that is ours is open for the first time; or the process can't go on (`err` other
     * than ERR_OK, said in the log). On the main loop. */
    void (*ready)(void *arg, enum err err);
    void (*stopped)(void *arg); /* history_process_stop() is done */
    void *arg;
};

/* Opens the store and starts the threads; shards open in the background. Keeps the service. */
MUST_USE enum err history_process_open(const struct history_process_options *options,
                                       struct history_process **out, struct err_detail *detail);
/* Unbind, drain, flush and close every shard, bounded in time; then `stopped`. */
void history_process_stop(struct history_process *process);
/* After `stopped`. */
void history_process_free(struct history_process *process);

#endif
