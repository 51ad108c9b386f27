/* worker.h - threads that run small jobs in order, at once or after a delay.
 *
 * A job is embedded in its owner and is in at most one queue. Without threads (the simulator) the
 * same queue is emptied by worker_step(), and delays follow the given clock. */
#ifndef GNOMON_STORE_WORKER_H
#define GNOMON_STORE_WORKER_H

#include "common/base/clock.h"
#include "common/base/heap.h"
#include "common/base/list.h"

struct worker;

enum job_state { JOB_IDLE, JOB_QUEUED, JOB_RUNNING, JOB_RUNNING_QUEUED };

struct job {
    struct list node;
    void (*run)(struct job *job);
    enum job_state state; /* guarded by the worker */
    bool once; /* never touched once it runs: it may free itself, and cannot be cancelled then */
};

struct timed_job { /* posts `job` when its time comes */
    struct job job;
    struct heap_node due;
};

/* `threads` 0: worker_step() does the work. Keeps `clock`. */
struct worker *worker_new(const char *name, uint32_t threads, const struct clock *clock);
void worker_free(struct worker *w); /* after every job was cancelled or has run */

void job_init(struct job *job, void (*run)(struct job *job));
void timed_job_init(struct timed_job *job, void (*run)(struct job *job));

/* Run soon; a job that waits already is left where it is. A job may post itself while it runs. */
void worker_post(struct worker *w, struct job *job);
/* Run in `delay_ms`, or when it was to run before that. */
void worker_post_after(struct worker *w, struct timed_job *job, int64_t delay_ms);

/* True: it waited, and will not run. Does not wait for one that runs. */
bool worker_remove(struct worker *w, struct job *job);
/* It does not run when this returns, and will not. Never from within the job. */
void worker_cancel(struct worker *w, struct job *job);
void worker_cancel_timed(struct worker *w, struct timed_job *job);

bool worker_step(struct worker *w); /* without threads; false: nothing waits */
/* Without threads: when the next step is due by the clock; INT64_MAX: nothing waits. */
int64_t worker_next_ns(struct worker *w);

#endif
