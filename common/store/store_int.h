/* store_int.h - the store's own structures, shared by its files.
 *
 *   1. store_shard.lock guards the shard's sequences, batches, memtable lists and flags; it is held
 *      for one transition at a time and never across input or output.
 *   2. snapshot_lock is held while a flush commits, and while a read pins the memtables and opens
 *      its table snapshot: so a snapshot never holds a later row without the earlier ones. It is
 *      taken before `lock`.
 *   3. Rows enter the active memtable when they are staged, and are seen once their sequence is
 *      durable. A memtable is frozen at the end of a record only, and flushed once that record is
 *      durable.
 *   4. The log's part of a back end is used by append_job alone, the flush part by flush_job alone;
 *      a job runs on one thread at a time. */
#ifndef GNOMON_STORE_INT_H
#define GNOMON_STORE_INT_H

#include "common/base/list.h"
#include "common/base/rng.h"
#include "common/store/backend.h"
#include "common/store/logrec.h"
#include "common/store/memtable.h"
#include "common/store/worker.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    BATCH_BYTES = 1024 * 1024,        /* a record closes at this size */
    TAIL_BYTES_MAX = 8 * 1024 * 1024, /* log that only memtables hold */
    FLUSH_TAIL_BYTES = 4 * 1024 * 1024,
    FLUSH_MEMORY_BYTES = 16 * 1024 * 1024,
    FLUSH_IDLE_MS = 5000,
    SLICE_ROWS = 512, /* of one flush transaction: some 10 ms */
    SLICE_BYTES = 512 * 1024,
    TRUNCATE_RECORDS = 64, /* removed by one append */
    FROZEN_MAX = 8,
    RETRY_MS_MAX = 100,
    RETRIES_MAX = 100, /* of one append with an unknown outcome: then the shard is lost */
    READER_THREADS = 2,
    TAKE_OVER_WAIT_MS = 3000,
    BALLAST_CHECK_MS = 1000,
};

struct ballast;

struct store {
    const struct backend *backend;
    char *dir, *service;
    const struct clock *clock;
    const struct log *log;
    uint32_t commit_threads;
    bool manual, no_wait;
    struct worker **commit; /* one when manual: the same as `lanes` and `flusher` */
    struct worker *lanes[STORE_LANE_COUNT], *flusher;
    struct ballast *ballast;
    pthread_mutex_t rng_lock; /* guards rng */
    struct rng rng;
    atomic_uint shard_count;
    struct counter *appends, *append_bytes, *flushes, *flushed_rows, *elided_rows; /* or NULL */
    struct histogram *append_time, *flush_time;
};

struct batch { /* one record */
    struct list node;
    struct buf bytes;
    int64_t seq;
    uint32_t op_count;
    bool sealed;
};

struct frozen {                                  /* what was active up to a record */
    struct memtable *tables[STORE_FAMILY_COUNT]; /* NULL: nothing in this family */
    int64_t last_seq;
    int64_t log_bytes; /* store_shard.log_bytes at that record */
};

/* Where callbacks pass from the shard to its loop; outlives it while a message is on its way. */
struct shard_port {
    struct loop_msg wake, kick;
    struct job deliver;        /* manual mode: instead of `wake` */
    struct store_shard *shard; /* NULL: closed */
    struct store_shard_callbacks callbacks;
    int64_t reported_seq;
    bool reported_lost, delivering, kicked; /* the loop's thread only */
    bool woken;                             /* guarded by the shard's lock */
};

struct store_shard {
    struct store *store;
    uint32_t id;
    struct loop *loop;
    struct worker *commit;
    void *db; /* the back end's */
    struct shard_port *port;
    pthread_mutex_t snapshot_lock, lock;
    pthread_cond_t
        changed; /* durable_seq, applied, truncated, lost, reads: all that is waited for */

    int64_t range_id;
    uint64_t nonce;
    _Atomic int64_t staged_seq, durable_seq;
    struct batch *open, *in_flight, *spare;
    struct list closed; /* of batch */
    uint32_t attempts;  /* of the one in flight */

    struct memtable *active[STORE_FAMILY_COUNT]; /* NULL: empty */
    struct frozen frozen[FROZEN_MAX];            /* oldest first */
    uint32_t frozen_count;
    int64_t applied[STORE_FAMILY_COUNT];
    int64_t log_bytes, applied_log_bytes; /* ever staged; of them, applied */
    int64_t truncated, truncate_to;
    bool truncate_now; /* even without an append */
    int64_t last_stage_ns;

    enum err lost; /* ERR_OK: not lost */
    enum err flush_error;
    bool closing, dropping; /* dropping: what is staged is not appended any more */
    bool releasing;         /* no flush for others and no copy begins, and those that run end */
    struct list reads_waiting, reads_done;
    uint32_t reads_running;

    struct job append_job, flush_job;
    struct timed_job append_later, flush_later, idle_later;
};

/* shard.c */
void shard_wake(struct store_shard *s);               /* with the lock */
void shard_lose(struct store_shard *s, enum err err); /* with the lock */
void shard_close_batch(struct store_shard *s);        /* with the lock */
void shard_run_append(struct store_shard *s);
void shard_deliver(struct shard_port *port);
void shard_on_kick(void *arg);      /* arg: the port */
bool shard_may_retry(enum err err); /* nothing happened, or nobody knows: try again */
/* ERR_OK once `seq` is durable. */
enum err shard_wait_durable(struct store_shard *s, int64_t seq);

/* flush.c */
void shard_run_flush(struct store_shard *s);
bool shard_is_dirty(const struct store_shard *s); /* with the lock */
void shard_on_idle(struct store_shard *s);

/* read.c */
void shard_cancel_reads(struct store_shard *s);
/* `read` with a snapshot of the tables alone, which the caller closes. */
enum err snapshot_of_tables_read(struct store_shard *s, void *db,
                                 enum err (*read)(struct store_snapshot *, void *), void *arg);
bool shard_finish_one_read(struct store_shard *s); /* on the loop's thread */

/* ballast.c: the mode of a full disk, one per store. */
struct ballast *ballast_new(struct store *store); /* never NULL; no file: no back end on disk */
void ballast_free(struct ballast *b);
bool ballast_is_full(const struct ballast *b);
void ballast_enter(struct ballast *b); /* the disk said that it is full */

#endif
