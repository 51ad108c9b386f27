/* backend.h - what a database must offer below the laws of the store: a fenced log and tables.
 *
 * A back end does what it is told in one transaction each and knows no memtables. Threads: log_*
 * are called by one thread at a time, flush_* by one thread at a time (another one), snapshots from
 * any thread, close when nothing else runs.
 *
 * Errors of log_append and flush_commit: ERR_FENCED the lease is gone; ERR_UNKNOWN the outcome is
 * not known; ERR_DISK_FULL and ERR_BUSY nothing happened, try again; ERR_IO the local disk failed
 * and nothing may be concluded any more. */
#ifndef GNOMON_STORE_BACKEND_H
#define GNOMON_STORE_BACKEND_H

#include "common/store/store.h"

struct backend_env {
    const char *dir, *service;
    const struct log *log;
    uint64_t nonce;  /* of this opening: random */
    int64_t wait_ms; /* how long an open may wait for a predecessor that is dying */
    uint32_t shard_id;
};

struct backend_lease { /* what an open finds, after it has raised the lease */
    int64_t range_id, last_seq;
    int64_t applied[STORE_FAMILY_COUNT];
};

/* Is a long piece of work to go on? */
typedef bool (*backend_go_on_fn)(void *arg);

typedef enum err (*backend_record_fn)(void *arg, int64_t seq, struct slice record);

struct backend {
    const char *name;

    /* NULL, or: make the folder and refuse one that cannot serve. */
    enum err (*prepare)(const char *dir, struct err_detail *detail);

    /* Make what is missing, raise the lease and commit that. Gives *shard, ended by close();
     * NULL on failure. */
    enum err (*open)(const struct backend_env *env, void **shard, struct backend_lease *lease,
                     struct err_detail *detail);
    /* Releases the lease. Errors are logged: what was confirmed is durable already. */
    void (*close)(void *shard);

    /* In one transaction: check the lease and that the last sequence is seq - 1, move it, insert
     * the record, remove the records up to `truncate` (0: none). A duplicate succeeds when it is
     * the same bytes. */
    enum err (*log_append)(void *shard, int64_t seq, struct slice record, int64_t truncate);
    enum err (*log_truncate)(void *shard, int64_t upto);
    /* Every record from `from` on, in order; stops at an error of `visit` and gives it. */
    enum err (*log_read)(void *shard, int64_t from, backend_record_fn visit, void *arg,
                         struct err_detail *detail);
    /* Between two appends: housekeeping that is due (a checkpoint). */
    enum err (*log_tidy)(void *shard);

    /* One slice of a flush. `applied`, when given, has each family's new position (never lower). */
    enum err (*flush_begin)(void *shard);
    enum err (*flush_row)(void *shard, enum store_family family, struct slice key,
                          const struct slice *value); /* value NULL: delete */
    enum err (*flush_commit)(void *shard, const int64_t *applied);
    void (*flush_abort)(void *shard);
    enum err (*flush_tidy)(void *shard); /* after the last slice: housekeeping that is due */

    /* A snapshot of the tables as they are committed at this moment. */
    enum err (*snapshot_open)(void *shard, void **snapshot);
    void (*snapshot_close)(void *snapshot);
    enum err (*get)(void *snapshot, enum store_family family, struct slice key, struct arena *arena,
                    struct slice *value, bool *found);
    /* From the first key >= from, or, reverse, from the last key < from (empty: the very last). */
    enum err (*iter_open)(void *snapshot, enum store_family family, struct slice from, bool reverse,
                          void **iter);
    /* The slices live until the next call; *valid false: the end. */
    enum err (*iter_next)(void *iter, struct slice *key, struct slice *value, bool *valid);
    void (*iter_close)(void *iter);

    /* -- of a back end whose tables can be copied and looked at from outside; else NULL -- */

    /* The tables of a shard that another process may have open: gives *shard for snapshots only,
     * ended by unwatch(). ERR_NOT_FOUND: there are none. */
    enum err (*watch)(const struct backend_env *env, void **shard, struct err_detail *detail);
    void (*unwatch)(void *shard);
    /* The positions of the families; `torn`: a part of what comes after them is in it, too. */
    enum err (*snapshot_position)(void *snapshot, int64_t *applied, bool *torn);
    /* A file with what the snapshot holds, at `path`, where nothing is. ERR_CANCELED: `go_on` said
     * no. A failure leaves nothing there. */
    enum err (*snapshot_copy)(void *snapshot, const char *path, backend_go_on_fn go_on, void *arg,
                              struct err_detail *detail);
    /* Make a shard of such a file, which lies where its tables belong: they and the log, made anew,
     * begin as `lease` says. */
    enum err (*restored)(const struct backend_env *env, const struct backend_lease *lease,
                         struct err_detail *detail);
};

extern const struct backend backend_sqlite, backend_memory, backend_fault;

#endif
