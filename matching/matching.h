/* matching.h - the core: the task queue partitions of this process, without sockets or clocks.
 *
 * A partition holds waiting polls and a bounded window of tasks. A task that meets a poll is *in
 * doubt* until history answers whether it started it; history alone sends the task to the poller.
 * Nothing here is durable: tasks are rows of history's shards, polls are held calls of frontends.
 *
 * Threads: one thread uses a struct matching. Time: every call that needs it takes `now_ns` of the
 * monotonic clock; matching_run_due() is to be called at matching_next_due_ns().
 * Spec: ARCHITECTURE.md, "Matching". */
#ifndef GNOMON_MATCHING_H
#define GNOMON_MATCHING_H

#include "common/base/clock.h"
#include "common/dynconf/dynconf.h"
#include "common/log/log.h"
#include "common/metrics/metrics.h"
#include "common/rpc/task_counts.h"

struct matching;

/* What the core asks of the outside. No function may call back into the core before it returns;
 * what arguments point to lives during the call only. */
struct matching_out {
    void *arg;
    /* Ask history to start the task; matching_on_started() brings the answer, exactly once. */
    void (*start)(void *arg, uint64_t match_id, const struct rpc_start_task *start);
    /* Ask a history shard for a page; matching_on_pulled() brings the answer, exactly once. */
    void (*pull)(void *arg, uint64_t pull_id, uint32_t history_shard,
                 const struct rpc_pull_tasks *pull);
    /* Tell history that nobody polls the sticky queue that this task waits on. */
    void (*no_sticky_poller)(void *arg, const struct rpc_task *task);
    /* What the cluster store has of a queue (common/rpc/queue_config.h), in the arena; may be NULL.
     */
    struct slice (*config)(void *arg, struct arena *arena, struct slice namespace_id,
                           struct slice name);
    /* Answer a held call; `text` may be NULL. */
    void (*reply)(void *arg, struct mesh_addr to, enum err err, const char *text,
                  struct slice body);
};

struct matching_limits {
    uint32_t window_tasks; /* of one queue */
    uint32_t total_tasks;  /* of all windows; queues with waiting polls may pass it by one each */
    uint32_t polls;
    uint32_t queries;
    uint32_t queues;
    uint32_t pulls; /* in flight */
};
extern const struct matching_limits matching_limits_default;

struct matching_options {
    const struct dynconf *dynconf; /* NULL: the defaults */
    const struct matching_out *out;
    const struct matching_limits *limits;
    uint32_t history_shards;
    const struct clock *clock; /* wall time, for what DescribeTaskQueue tells */
    const struct log *log;
    struct metrics *metrics;
    uint64_t seed;
};

/* Keeps what `options` points to. */
struct matching *matching_new(const struct matching_options *options);
void matching_free(struct matching *m); /* answers nobody */

/* Hold a poll until a task comes, its time is up or it is canceled. `poll->reply_to` is the held
 * call, `deadline_ns` its end: an empty answer goes out a second earlier, or after a minute. */
void matching_poll(struct matching *m, const struct rpc_poll *poll, int64_t deadline_ns,
                   int64_t now_ns);
/* Would it make matching ask for what is set for its queue? */
bool matching_poll_needs_config(struct matching *m, const struct rpc_poll *poll);
/* A query to hand out; `from` is answered ERR_OK once it is started, ERR_STALE at once when it is
 * for a sticky queue that nobody polls, ERR_PRECONDITION when no worker polls the queue. */
void matching_query(struct matching *m, const struct rpc_task *query, struct mesh_addr from,
                    int64_t deadline_ns, int64_t now_ns);
/* The worker of a sticky queue goes: its polls end, what waits for it is told that nobody polls. */
void matching_worker_shutdown(struct matching *m, struct slice namespace_id,
                              struct slice sticky_queue, int64_t now_ns);
/* The worker itself goes: what its polls of this queue wait for is over, further polls of it are
 * not held, and it is no longer told as a poller of the queues of these kinds. */
struct matching_gone {
    struct slice namespace_id, task_queue;
    struct slice worker; /* worker_instance_key; none: nothing is done */
    struct slice identity;
    bool kinds[TASK_ACTIVITY + 1];
};
void matching_worker_gone(struct matching *m, const struct matching_gone *gone, int64_t now_ns);
/* What the cluster store has of a queue has become `data`. */
void matching_config_changed(struct matching *m, struct slice namespace_id, struct slice name,
                             struct slice data, int64_t now_ns);
/* Whoever waits at `from` (poll or query) is gone. */
void matching_cancel(struct matching *m, struct mesh_addr from, int64_t now_ns);
/* Task rows that were committed. */
void matching_offer(struct matching *m, const struct rpc_task *tasks, uint32_t count,
                    int64_t now_ns);

void matching_on_started(struct matching *m, uint64_t match_id, enum err err, int64_t now_ns);
/* Tasks are looked at when `err` is ERR_OK only. */
void matching_on_pulled(struct matching *m, uint64_t pull_id, enum err err,
                        const struct rpc_task *tasks, uint32_t count, bool has_more,
                        int64_t now_ns);

/* A process is gone, or messages of it are lost: its held calls are void. */
void matching_process_lost(struct matching *m, uint64_t process, int64_t now_ns);
/* What came from history may have holes: every window is pulled again. */
void matching_history_reset(struct matching *m, int64_t now_ns);
/* The queues of a matching shard are no longer ours: polls and queries get ERR_NOT_OWNER. */
void matching_shard_lost(struct matching *m, uint32_t shard, int64_t now_ns);

/* Polls get an empty answer, from now on at once; starts in flight are let end. */
void matching_drain(struct matching *m, int64_t now_ns);
bool matching_drained(const struct matching *m); /* nothing in doubt any more */

int64_t matching_next_due_ns(const struct matching *m); /* INT64_MAX: never */
void matching_run_due(struct matching *m, int64_t now_ns);

/* What history's rows say of the queues of a name, by kind; where nothing is known the window
 * counts, which has all unless the queue is behind. */
struct matching_backlogs {
    bool known[TASK_ACTIVITY + 1];
    struct rpc_task_counts counts[TASK_ACTIVITY + 1];
};

/* Answer a DescribeTaskQueue request (struct rpc_api) with the encoded response. */
MUST_USE enum err matching_describe(struct matching *m, struct arena *arena,
                                    const struct rpc_api *api,
                                    const struct matching_backlogs *backlogs, int64_t now_ns,
                                    struct slice *out, struct err_detail *detail);
/* Of which queues must rows be counted before it can be answered? Those whose backlog is asked for
 * and is more than the window has. Slices are in the arena or in `api`. */
struct matching_wanted {
    struct slice namespace_id, name;
    bool kinds[TASK_ACTIVITY + 1];
};
MUST_USE enum err matching_describe_wants(struct matching *m, struct arena *arena,
                                          const struct rpc_api *api, int64_t now_ns,
                                          struct matching_wanted *out, struct err_detail *detail);

#endif
