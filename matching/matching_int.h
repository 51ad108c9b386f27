/* matching_int.h - the objects of the core; for matching/ only.
 *
 *   queue --*-- poll   waiting (queue->polls), or in doubt (poll->match)
 *         --*-- task   waiting (queue->tasks), or in doubt (task->match)
 *   match --1-- poll, task: a start in flight or about to be tried again
 *
 * Invariants:
 *  1. After matching_advance(queue) a queue has no waiting poll or no waiting task, or its limit
 *     holds its tasks back and limit.due is set (unless nothing goes at all).
 *  2. A task that has a row is in m->tasks_by_key from its arrival until history answered for it.
 *  3. queue->shards[s].held counts those of shard s.
 *  4. Every row of the queue is in the window, or its shard is `wanted`, `pulling`, or has a row
 *     level (`rows_from` != ROWS_NONE) from which on offers are refused and pages are pulled. */
#ifndef GNOMON_MATCHING_INT_H
#define GNOMON_MATCHING_INT_H

#include "common/base/heap.h"
#include "common/base/list.h"
#include "common/base/map.h"
#include "matching/matching.h"

enum {
    PRIORITY_BEST = 0,
    PRIORITY_WORST = 7,
    ROWS_NONE = PRIORITY_WORST + 1,
    RATE_SLOTS = 6,
    RATE_SLOT_S = 5,
    POLLERS_MAX = 1000,
    SCALING_OUTCOMES = 5,
    FAIRNESS_KEYS_MAX = 2000, /* of one queue, whose rates are known */
    KEY_BYTES = 16,
};

enum due_kind { DUE_ILLEGAL, DUE_POLL, DUE_QUERY, DUE_MATCH, DUE_PULL, DUE_RATE, DUE_SWEEP };

struct due {
    struct heap_node node;
    enum due_kind kind;
};

/* What a history shard still has for a queue. */
struct queue_shard {
    uint32_t held;       /* tasks of it in the window, waiting and in doubt */
    uint8_t rows_from;   /* priority from which on its rows are not in the window; ROWS_NONE */
    uint8_t missed_from; /* the same, of offers that were refused while a page is on its way */
    bool wanted, pulling;
    struct list ended;    /* tasks that ended while a page is on its way: it may still show them */
    uint32_t ended_count; /* at most ENDED_MAX */
};

struct rate {
    uint32_t slots[RATE_SLOTS];
    int64_t newest_slot; /* number of the slot that counts now */
    int64_t since_ns;    /* counted from then on */
};

/* What holds tasks back; rates below 0 are not set. */
struct limit {
    double api_rps, worker_rps, key_rps;
    int64_t ready_ns; /* the next task may go from then on */
    struct map keys;  /* fairness.c */
    struct list keys_by_use;
    struct due due;
};

/* How often advice on the number of polls may be given. */
struct scaling {
    double tokens;
    int64_t filled_ns;
};

/* Values of enum RateLimitSource. */
enum rate_source { RATE_FROM_API = 1, RATE_FROM_WORKER = 2, RATE_FROM_SYSTEM = 3 };
#define RATE_OF_SYSTEM 100000.0

struct queue {
    struct map_node by_name;
    struct slice name; /* in key */
    struct slice namespace_id;
    enum rpc_task_kind kind;
    bool sticky;
    uint32_t matching_shard;
    struct list polls; /* oldest first */
    uint32_t poll_count, in_doubt_count;
    struct heap tasks;
    uint32_t waiting_at[PRIORITY_WORST + 1]; /* waiting tasks by priority, queries not counted */
    uint32_t window_count;                   /* tasks with rows, waiting and in doubt */
    struct queue_shard *shards;
    uint32_t pulling_count;
    struct list pull_node; /* in m->pull_queues while a pull is due */
    bool behind;           /* some shard is wanted or has a row level */
    bool lost;             /* its matching shard is not ours */
    struct due pull_due;
    int64_t pull_backoff_ns, pull_not_before_ns;
    int64_t last_poll_ns, last_used_ns;
    struct map pollers; /* struct poller by identity */
    struct list pollers_by_age;
    struct rate added[PRIORITY_WORST + 1], dispatched[PRIORITY_WORST + 1]; /* by priority */
    struct rate held_back; /* tasks that the limit did */
    struct limit limit;
    struct scaling scaling;
    uint64_t advances; /* counts matching_advance() */
    uint8_t *config;   /* TaskQueueConfig, encoded */
    size_t config_len;
    bool has_config;
    size_t key_len;
    uint8_t key[];
};

struct poller {
    struct map_node by_identity;
    struct list node;
    int64_t last_access_wall_ns, last_access_ns;
    double rate_per_second;
    uint8_t *version; /* what it said of its version, as fields of a PollerInfo */
    size_t version_len;
    uint8_t identity[];
};

struct match;

struct poll {
    struct map_node by_addr;
    struct list node; /* in queue->polls when it waits */
    struct due due;
    struct queue *queue;
    struct match *match; /* in doubt */
    int64_t deadline_ns; /* of the held call */
    int64_t since_ns;    /* held */
    struct rpc_poll rpc; /* slices in bytes, or in the queue's key */
    uint8_t bytes[];
};

struct task {
    struct heap_node order; /* in queue->tasks when it waits */
    struct map_node by_key;
    struct list ended; /* in queue_shard.ended, with nothing else but its key */
    bool has_ended;
    uint8_t key[KEY_BYTES];
    struct queue *queue;
    struct match *match;
    uint64_t came_at;    /* q->advances when it was offered; UINT64_MAX: its row was pulled */
    struct rpc_task rpc; /* slices in bytes, or in the queue's key */
    /* of queries only */
    struct map_node by_addr;
    struct mesh_addr from;
    struct due due;
    int64_t deadline_ns;
    uint8_t bytes[];
};

struct match {
    struct map_node by_id;
    uint64_t id;
    struct poll *poll; /* NULL: nobody waits any more */
    struct task *task;
    struct due due; /* the next try */
    int64_t backoff_ns;
    int32_t scaling; /* how many polls more the worker should hold */
    bool in_flight;
};

struct pull {
    struct map_node by_id;
    struct queue *queue;
    uint32_t shard;
};

struct matching {
    struct matching_options o;
    struct matching_limits limits;
    struct map queues;       /* by kind, namespace id, name */
    struct map polls;        /* by address, 16 bytes */
    struct map queries;      /* by address, 16 bytes */
    struct map tasks_by_key; /* by kind, history shard, row_seq; queries too */
    struct map matches;      /* by id */
    struct map pulls;        /* by id */
    struct heap due;
    struct due sweep;
    struct list pull_queues;
    uint32_t task_count;     /* all windows together */
    struct map gone_workers; /* shutdown.c */
    struct list gone_by_age;
    uint64_t last_id;
    int64_t reset_ns; /* when a reset of history last pulled everything at once */
    bool draining;
    struct counter *poll_success, *poll_timeouts, *polls_canceled, *starts_retried, *refused;
    struct counter *scaling[SCALING_OUTCOMES];
    struct gauge *held_polls, *window_tasks, *queue_count;
};

/* matching.c */
void matching_due_at(struct matching *m, struct due *due, int64_t at_ns);
void matching_due_off(struct matching *m, struct due *due);
struct slice matching_addr_key(const struct mesh_addr *addr);
/* Match what can be matched, then pull what there is room for. */
void matching_advance(struct matching *m, struct queue *q, int64_t now_ns);

/* queue.c */
struct queue *tq_find(struct matching *m, enum rpc_task_kind kind, struct slice namespace_id,
                      struct slice name);
struct tq_spec {
    enum rpc_task_kind kind;
    bool sticky;
    struct slice namespace_id, name;
};
/* Find or make. NULL: the limit of queues is reached. */
struct queue *tq_get(struct matching *m, const struct tq_spec *spec, int64_t now_ns);
void tq_free(struct matching *m, struct queue *q); /* no polls, matches or pulls in it */
bool tq_is_idle(const struct queue *q, int64_t now_ns);
bool tq_has_recent_poller(const struct queue *q, int64_t now_ns);
void tq_saw_poller(struct matching *m, struct queue *q, struct slice identity, int64_t now_ns);
void tq_forget_pollers(struct queue *q); /* as if nobody had ever polled */
void tq_forget_poller(struct queue *q, struct slice identity);
void tq_expire_pollers(struct queue *q, int64_t now_ns);
/* Keep what the poll says about how many tasks its worker wants. */
void tq_set_poller_rate(struct queue *q, const struct rpc_poll *rpc, int64_t now_ns);
/* The same of the worker's version, for descriptions of the queue. */
void tq_note_poller_version(struct queue *q, const struct rpc_poll *rpc);
void tq_rate_add(struct rate *rate, int64_t now_ns);
double tq_rate_per_second(const struct rate *rate, int64_t now_ns);
/* Of one priority, or of all (-1). */
double tq_rates_per_second(const struct rate *rates, int priority, int64_t now_ns);

/* rate.c */
/* The task that may go now; counts it. NULL: none may; the queue is looked at when one may. */
struct task *tq_rate_take(struct matching *m, struct queue *q, int64_t now_ns);
void tq_rate_give_back(struct queue *q,
                       const struct task *task);            /* it was counted: it did not go */
bool tq_rate_was_up(const struct queue *q, int64_t now_ns); /* lately */
double tq_rate_limit(const struct queue *q, enum rate_source *source);
void tq_rate_of_worker(struct queue *q, double rps, int64_t now_ns);    /* below 0: not set */
void tq_set_config(struct queue *q, struct slice data, int64_t now_ns); /* queue_config.h */

/* window.c */
uint8_t window_priority(const struct rpc_task *rpc);
/* A task row, offered or from a page; may be refused or known already. */
void window_add(struct matching *m, struct queue *q, const struct rpc_task *rpc, bool from_page);
struct task *window_add_query(struct matching *m, struct queue *q, const struct rpc_task *rpc);
struct task *window_first(const struct queue *q);
void window_take(struct queue *q, struct task *task);    /* out of the order: in doubt */
void window_restore(struct queue *q, struct task *task); /* back into the order */
void window_forget(struct matching *m, struct task *task);
/* Its row is gone: no page that was read before brings it back. */
void window_end(struct matching *m, struct task *task);
/* The page is there, or will not come. */
void window_forget_ended(struct matching *m, struct queue_shard *s);
void window_want(struct queue *q, uint32_t shard); /* pull its rows, whatever the level says */
void window_want_all(struct matching *m, struct queue *q);
void window_schedule_pulls(struct matching *m, struct queue *q, int64_t now_ns);
void window_run_pulls(struct matching *m, int64_t now_ns);

/* fairness.c */
/* The first task in order whose key is ready. NULL: none is, before *next_ns. */
struct task *fairness_first(const struct queue *q, int64_t now_ns, int64_t *next_ns);
void fairness_take(struct queue *q, const struct task *task, int64_t now_ns);
void fairness_give_back(struct queue *q, const struct task *task);
void fairness_set_rate(struct queue *q, double rps,
                       int64_t now_ns); /* of each key; below 0: none */
void fairness_forget(struct queue *q);

/* shutdown.c */
void shutdown_init(struct matching *m);
void shutdown_release(struct matching *m);
bool shutdown_has(struct matching *m, const struct rpc_poll *poll, int64_t now_ns);

/* scaling.c */
void scaling_init(struct matching *m);
/* How many polls more than now should the worker of this one hold? -1, 0 or 1. */
int32_t scaling_decision(struct matching *m, struct queue *q, const struct poll *poll,
                         const struct task *task, int64_t now_ns);

/* match.c */
void match_begin(struct matching *m, struct poll *poll, struct task *task, int64_t now_ns);
void match_on_due(struct matching *m, struct match *match);
/* The poller of a match is gone: the poll is freed, the match ends by itself. */
void match_lose_poll(struct matching *m, struct poll *poll, int64_t now_ns);

/* poll.c */
void held_wait(struct poll *poll, bool at_front);
void held_unwait(struct poll *poll);
void held_free(struct matching *m, struct poll *poll); /* waiting no more, in no match */
/* Answer with an empty response, or with an error; then free. */
void held_end(struct matching *m, struct poll *poll, enum err err, int64_t now_ns);
void held_on_due(struct matching *m, struct poll *poll, int64_t now_ns);
void query_on_due(struct matching *m, struct task *query, int64_t now_ns);
/* Answer the query's caller and forget it. */
void query_end(struct matching *m, struct task *query, enum err err, const char *text);

#endif
