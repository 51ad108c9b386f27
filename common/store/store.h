/* store.h - a durable shard: a fenced append-only log, and ordered key-value tables behind it.
 *
 * The owner of a shard stages row operations; what is staged while an append is in flight forms
 * the next record (group commit). Rows become readable when their record is durable. The laws are
 * those of ARCHITECTURE.md, "Storage"; they are implemented once (shard.c, memtable.c, flush.c)
 * over a small back-end interface (backend.h), and every back end passes the same suite.
 *
 * Threads: a struct store belongs to the process, a struct store_shard to the loop that opened it.
 * Appends run on the store's commit threads, reads on its reader threads, flushes on its flusher.
 */
#ifndef GNOMON_STORE_H
#define GNOMON_STORE_H

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/log/log.h"
#include "common/loop/loop.h"
#include "common/metrics/metrics.h"

struct store;
struct store_shard;

/* Families of rows: each has a memtable, a flush position and a table of its own. Part of the
 * stored format: numbers are never reused. */
enum store_family {
    STORE_MAIN = 0,       /* everything that follows the owner's own key order */
    STORE_VISIBILITY = 1, /* flushed alone when a query finds it dirty */
    STORE_FAMILY_COUNT
};

enum store_op_kind {
    STORE_PUT = 0,    /* absolute: inserts or overwrites */
    STORE_INSERT = 1, /* like PUT, and promises that no row of this key exists: its later DELETE may
                         be elided when both meet in one memtable */
    STORE_DELETE = 2,
};

struct store_op {
    enum store_op_kind kind;
    enum store_family family;
    struct slice key, value; /* key 1..1024 bytes; value empty for DELETE */
};

enum { STORE_KEY_MAX = 1024, STORE_TRANSITION_MAX = 8 * 1024 * 1024 };

struct store_options {
    const char *backend; /* "sqlite", "memory", or "fault" (over memory; tests) */
    const char *dir;     /* folder of the files; made if absent; network file systems are refused */
    const char *service; /* "history", "matching", "timers": part of the file names */
    const struct clock *clock;
    const struct log *log;
    struct metrics *metrics;
    uint32_t commit_threads; /* 1.. */
    bool no_wait;  /* a shard that another process holds is ERR_FENCED at once, not in a while */
    bool manual;   /* no threads: the simulator steps with store_step(); callbacks run inside it */
    uint64_t seed; /* of the nonces; 0: from the kernel */
};

MUST_USE enum err store_open(const struct store_options *options, struct store **out,
                             struct err_detail *detail);
void store_close(struct store *store); /* every shard is closed before */

struct store_shard_callbacks {
    /* Everything staged with a sequence <= `seq` is durable and readable. */
    void (*durable)(void *arg, int64_t seq);
    /* The shard is lost (ERR_FENCED, ERR_IO, ...): nothing more will become durable; close it.
     * What was staged and not reported durable has an unknown outcome. */
    void (*lost)(void *arg, enum err err);
    void *arg;
};

/* Raise the lease, which shuts out the previous owner, read the tail and replay it. Blocks the
 * calling thread. ERR_FENCED: another process holds it; ERR_CORRUPT; ERR_IO. `loop` (kept; NULL
 * in manual mode) gets the callbacks. */
MUST_USE enum err store_shard_open(struct store *store, uint32_t shard_id, struct loop *loop,
                                   const struct store_shard_callbacks *callbacks,
                                   struct store_shard **out, struct err_detail *detail);

/* Stage one transition: all of `ops` or none become durable, in one record, in order. The bytes
 * are copied. Gives the sequence of the record that it joins (1, 2, ...).
 * ERR_BUSY: the tail is at its bound, flush is behind: try later. ERR_INVALID: an operation is
 * past a limit (nothing staged). ERR_DISK_FULL: read-only-plus-delete mode and the transition is
 * not allowed in it (`essential` transitions, completions and deletions, are). A lost shard gives
 * what `lost` gave. At most 65,536 operations. */
MUST_USE enum err store_stage(struct store_shard *shard, const struct store_op *ops, size_t count,
                              bool essential, int64_t *seq);

int64_t store_durable_seq(const struct store_shard *shard);
int64_t store_staged_seq(const struct store_shard *shard); /* the highest handed out */
int64_t store_lease(const struct store_shard *shard);      /* range id: higher at each open */

/* -- reads ---------------------------------------------------------------------------------- */

/* A snapshot of the durable rows: memtables pinned first, tables second, merged. Valid inside the
 * read function only. */
struct store_snapshot;

/* *found false and *value empty when there is no such row. Value in the arena. */
MUST_USE enum err store_get(struct store_snapshot *snapshot, enum store_family family,
                            struct slice key, struct arena *arena, struct slice *value,
                            bool *found);

/* Rows with from <= key < to (empty `to`: no end), in order (or, `reverse`, downwards from `to`),
 * until `visit` gives false. The slices live during the call of visit only. */
typedef bool (*store_visit_fn)(void *arg, struct slice key, struct slice value);
MUST_USE enum err store_scan(struct store_snapshot *snapshot, enum store_family family,
                             struct slice from, struct slice to, bool reverse, store_visit_fn visit,
                             void *arg);

/* Which thread a job runs on: what takes long holds up no reads. */
enum store_lane {
    STORE_LANE_READ,  /* the reader threads */
    STORE_LANE_FLUSH, /* one that may wait for flushes */
    STORE_LANE_COPY,  /* one for what takes as long as the tables are large */
    STORE_LANE_COUNT
};

/* A read job: `read` runs on a thread of its lane with a snapshot that holds at least everything
 * durable when the job was posted (NULL in any lane but STORE_LANE_READ), then `done` on the
 * shard's loop with what `read` returned (ERR_CANCELED: the shard closed first). The caller owns
 * the job until `done`. */
struct store_read_job {
    enum store_lane lane;
    enum err (*read)(struct store_snapshot *snapshot, void *arg);
    void (*done)(void *arg, enum err err);
    void *arg;
    void *internal[8]; /* the store's; zero-initialise */
};
void store_read(struct store_shard *shard, struct store_read_job *job);

/* The same, at once, on the calling thread: for start-up and tests. */
MUST_USE enum err store_read_now(struct store_shard *shard,
                                 enum err (*read)(struct store_snapshot *, void *), void *arg);

/* -- life ----------------------------------------------------------------------------------- */

/* Write everything to the tables and truncate the log; blocks. For an orderly stop and tests. */
MUST_USE enum err store_shard_flush(struct store_shard *shard);

/* The shard is about to be closed: what waits in other lanes than STORE_LANE_READ, or comes there
 * from here on, is done with ERR_CANCELED, and a copy that is under way ends so. */
void store_shard_releasing(struct store_shard *shard);

/* Waits for the append in flight, flushes when `flush` (else what is staged and not durable is
 * dropped), releases the lease. Reads that wait are done with ERR_CANCELED inside; no callback
 * after. On the loop's thread, while the loop still runs. */
void store_shard_close(struct store_shard *shard, bool flush);

/* Manual mode: do one waiting piece of work (append, read or flush); false: nothing waits. */
bool store_step(struct store *store);
/* Manual mode: the monotonic time from which store_step() has something to do; INT64_MAX: none is
 * known. */
int64_t store_next_step_ns(struct store *store);

#endif
