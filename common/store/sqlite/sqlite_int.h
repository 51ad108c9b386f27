/* sqlite_int.h - a shard in SQLite: a log file whose held lock is the fence, and a tables file. */
#ifndef GNOMON_STORE_SQLITE_INT_H
#define GNOMON_STORE_SQLITE_INT_H

#include "common/store/backend.h"

#include <pthread.h>
#include <sqlite3.h>

enum {
    SQLITE_SCHEMA_VERSION = 1,
    SQLITE_APPLICATION_ID = 0x474e4f4d, /* "GNOM" */
    PART_BYTES = 1024 * 1024,           /* of a log record in one row */
    PARTS_MAX = 16,
    LOG_WAL_PAGES = 2048, /* checkpoint from this size on */
    TABLES_WAL_PAGES = 1024,
    READERS_IDLE_MAX = 4, /* connections kept for the next read */
    POSITION_TORN = 255,  /* `family` of the mark of a flush of which a part is written */
};

struct log_file { /* one connection, used by one thread at a time */
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *rollback, *advance, *insert, *truncate;
    int wal_pages;
    int64_t range_id;
    uint64_t nonce;
};

struct tables_file { /* the flusher's connection */
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *rollback, *position, *whole;
    sqlite3_stmt *put[STORE_FAMILY_COUNT], *del[STORE_FAMILY_COUNT];
    int wal_pages;
    bool in_txn;
    bool torn; /* some slices of a flush are written, and its last is not */
};

struct reader { /* one connection: a snapshot while it is out of the pool */
    struct reader *next;
    struct sqlite_shard *shard;
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *pin, *positions;
    sqlite3_stmt *get[STORE_FAMILY_COUNT], *up[STORE_FAMILY_COUNT], *down[STORE_FAMILY_COUNT],
        *last[STORE_FAMILY_COUNT];
};

struct sqlite_shard {
    const struct log *log;
    const char *service; /* lives as long as the store */
    uint32_t shard_id;
    char *log_path, *tables_path;
    struct log_file logf;
    struct tables_file tables;
    pthread_mutex_t pool_lock; /* guards pool and pool_count */
    struct reader *pool;
    uint32_t pool_count;
};

/* sqlite_db.c: connections, statements and what SQLite's codes mean. */
enum err sqlite_err(int code);
/* A failure on `db`: its message goes to the detail or, without one and unless it is expected, to
 * the log. */
enum err sqlite_fail(const struct sqlite_shard *s, sqlite3 *db, const char *what,
                     struct err_detail *detail);
enum err sqlite_exec(sqlite3 *db, const char *sql);
enum err sqlite_int(sqlite3 *db, const char *sql, int64_t *value); /* the first column */
enum err sqlite_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out);
/* Steps a statement that gives no row, and resets it. */
enum err sqlite_run(sqlite3_stmt *stmt);
/* Records or checks application id, schema version, service and shard id. `schema` makes all. */
enum err sqlite_identify(const struct sqlite_shard *s, sqlite3 *db, const char *path,
                         const char *schema, struct err_detail *detail);
enum err sqlite_bind_slice(sqlite3_stmt *stmt, int at, struct slice bytes); /* never NULL */
struct slice sqlite_column_slice(sqlite3_stmt *stmt, int at);

/* sqlite_log.c */
enum err sqlite_log_open(struct sqlite_shard *s, const struct backend_env *env,
                         struct backend_lease *lease, struct err_detail *detail);
void sqlite_log_close(struct sqlite_shard *s);
enum err sqlite_log_append(void *shard, int64_t seq, struct slice record, int64_t truncate);
enum err sqlite_log_truncate(void *shard, int64_t upto);
enum err sqlite_log_read(void *shard, int64_t from, backend_record_fn visit, void *arg,
                         struct err_detail *detail);
enum err sqlite_log_tidy(void *shard);

/* sqlite_tables.c */
enum err sqlite_tables_open(struct sqlite_shard *s, struct backend_lease *lease,
                            struct err_detail *detail);
void sqlite_tables_close(struct sqlite_shard *s);
enum err sqlite_flush_begin(void *shard);
enum err sqlite_flush_row(void *shard, enum store_family family, struct slice key,
                          const struct slice *value);
enum err sqlite_flush_commit(void *shard, const int64_t *applied);
void sqlite_flush_abort(void *shard);
enum err sqlite_flush_tidy(void *shard);

/* sqlite_read.c */
void sqlite_pool_close(struct sqlite_shard *s);
enum err sqlite_snapshot_open(void *shard, void **snapshot);
void sqlite_snapshot_close(void *snapshot);
enum err sqlite_get(void *snapshot, enum store_family family, struct slice key, struct arena *arena,
                    struct slice *value, bool *found);
enum err sqlite_iter_open(void *snapshot, enum store_family family, struct slice from, bool reverse,
                          void **iter);
enum err sqlite_iter_next(void *iter, struct slice *key, struct slice *value, bool *valid);
void sqlite_iter_close(void *iter);

/* sqlite_copy.c */
enum err sqlite_watch(const struct backend_env *env, void **shard, struct err_detail *detail);
void sqlite_unwatch(void *shard);
enum err sqlite_snapshot_position(void *snapshot, int64_t *applied, bool *torn);
enum err sqlite_snapshot_copy(void *snapshot, const char *path, backend_go_on_fn go_on, void *arg,
                              struct err_detail *detail);
enum err sqlite_restored(const struct backend_env *env, const struct backend_lease *lease,
                         struct err_detail *detail);

/* sqlite_log.c: its schema, for a log that begins somewhere. */
extern const char sqlite_log_schema[];
/* store_sqlite.c: gives a fresh shard without connections, and frees it. */
struct sqlite_shard *sqlite_shard_new(const struct backend_env *env);
void sqlite_shard_free(struct sqlite_shard *s);

#endif
