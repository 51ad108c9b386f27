/* sqlite_read.c - reads of the tables file: a connection each, kept in a pool of the shard. */
#include "common/store/sqlite/sqlite_int.h"

#include <stdlib.h>

static const char *const get_sql[STORE_FAMILY_COUNT] = {
    [STORE_MAIN] = "SELECT value FROM rows_main WHERE key = ?1",
    [STORE_VISIBILITY] = "SELECT value FROM rows_visibility WHERE key = ?1",
};

static const char *const up_sql[STORE_FAMILY_COUNT] = {
    [STORE_MAIN] = "SELECT key, value FROM rows_main WHERE key >= ?1 ORDER BY key",
    [STORE_VISIBILITY] = "SELECT key, value FROM rows_visibility WHERE key >= ?1 ORDER BY key",
};

static const char *const down_sql[STORE_FAMILY_COUNT] = {
    [STORE_MAIN] = "SELECT key, value FROM rows_main WHERE key < ?1 ORDER BY key DESC",
    [STORE_VISIBILITY] = "SELECT key, value FROM rows_visibility WHERE key < ?1 ORDER BY key DESC",
};

static const char *const last_sql[STORE_FAMILY_COUNT] = {
    [STORE_MAIN] = "SELECT key, value FROM rows_main ORDER BY key DESC",
    [STORE_VISIBILITY] = "SELECT key, value FROM rows_visibility ORDER BY key DESC",
};

static void reader_free(struct reader *r)
{
    sqlite3_finalize(r->begin);
    sqlite3_finalize(r->commit);
    sqlite3_finalize(r->pin);
    sqlite3_finalize(r->positions);
    for (int i = 0; i < STORE_FAMILY_COUNT; i++) {
        sqlite3_finalize(r->get[i]);
        sqlite3_finalize(r->up[i]);
        sqlite3_finalize(r->down[i]);
        sqlite3_finalize(r->last[i]);
    }
    if (sqlite3_close(r->db) != SQLITE_OK)
        log_error(r->shard->log, "reader not closed", F_STR("path", r->shard->tables_path));
    free(r);
}

static enum err reader_open(struct sqlite_shard *s, struct reader **out)
{
    struct reader *r = calloc(1, sizeof *r);

    *out = NULL;
    if (!r)
        return ERR_NO_MEMORY;
    r->shard = s;
    enum err err = sqlite_err(
        sqlite3_open_v2(s->tables_path, &r->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL));
    if (err == ERR_OK)
        err = sqlite_err(sqlite3_busy_timeout(r->db, 1000));
    if (err == ERR_OK)
        err = sqlite_exec(r->db, "PRAGMA query_only=1; PRAGMA cache_size=-1024");
    if (err == ERR_OK)
        err = sqlite_prepare(r->db, "BEGIN", &r->begin);
    if (err == ERR_OK)
        err = sqlite_prepare(r->db, "COMMIT", &r->commit);
    if (err == ERR_OK)
        err = sqlite_prepare(r->db, "SELECT applied_seq FROM position WHERE family = 0", &r->pin);
    if (err == ERR_OK)
        err = sqlite_prepare(r->db, "SELECT family, applied_seq FROM position", &r->positions);
    for (int i = 0; i < STORE_FAMILY_COUNT && err == ERR_OK; i++) {
        err = sqlite_prepare(r->db, get_sql[i], &r->get[i]);
        if (err == ERR_OK)
            err = sqlite_prepare(r->db, up_sql[i], &r->up[i]);
        if (err == ERR_OK)
            err = sqlite_prepare(r->db, down_sql[i], &r->down[i]);
        if (err == ERR_OK)
            err = sqlite_prepare(r->db, last_sql[i], &r->last[i]);
    }
    if (err != ERR_OK) {
        err = sqlite_fail(s, r->db, "open a reader", NULL);
        reader_free(r);
        return err;
    }
    *out = r;
    return ERR_OK;
}

void sqlite_pool_close(struct sqlite_shard *s)
{
    while (s->pool) {
        struct reader *r = s->pool;

        s->pool = r->next;
        reader_free(r);
    }
    s->pool_count = 0;
}

enum err sqlite_snapshot_open(void *shard, void **snapshot)
{
    struct sqlite_shard *s = shard;
    enum err err = ERR_OK;

    *snapshot = NULL;
    pthread_mutex_lock(&s->pool_lock);
    struct reader *r = s->pool;
    if (r) {
        s->pool = r->next;
        s->pool_count--;
    }
    pthread_mutex_unlock(&s->pool_lock);
    if (!r)
        err = reader_open(s, &r);
    if (err != ERR_OK || !r)
        return err;
    err = sqlite_run(r->begin);
    if (err == ERR_OK)
        err = sqlite_run(r->pin); /* the first read of a transaction is what fixes its snapshot */
    if (err != ERR_OK) {
        err = sqlite_fail(s, r->db, "open a snapshot", NULL);
        reader_free(r);
        return err;
    }
    *snapshot = r;
    return ERR_OK;
}

void sqlite_snapshot_close(void *snapshot)
{
    struct reader *r = snapshot;
    struct sqlite_shard *s = r->shard;
    bool keep = sqlite_run(r->commit) == ERR_OK;

    pthread_mutex_lock(&s->pool_lock);
    keep = keep && s->pool_count < READERS_IDLE_MAX;
    if (keep) {
        r->next = s->pool;
        s->pool = r;
        s->pool_count++;
    }
    pthread_mutex_unlock(&s->pool_lock);
    if (!keep)
        reader_free(r);
}

enum err sqlite_get(void *snapshot, enum store_family family, struct slice key, struct arena *arena,
                    struct slice *value, bool *found)
{
    struct reader *r = snapshot;
    sqlite3_stmt *stmt = r->get[family];

    *value = SLICE_EMPTY;
    *found = false;
    enum err err = sqlite_bind_slice(stmt, 1, key);
    const int code = err == ERR_OK ? sqlite3_step(stmt) : SQLITE_MISUSE;
    if (code == SQLITE_ROW) {
        *found = true;
        *value = arena_copy(arena, sqlite_column_slice(stmt, 0));
    } else if (code != SQLITE_DONE) {
        err = sqlite_fail(r->shard, r->db, "get", NULL);
    }
    sqlite3_reset(stmt);
    return err;
}

struct iter {
    struct reader *reader;
    sqlite3_stmt *stmt;
    bool own; /* a scan inside a scan: its statement is not a cached one */
};

enum err sqlite_iter_open(void *snapshot, enum store_family family, struct slice from, bool reverse,
                          void **out)
{
    struct reader *r = snapshot;
    sqlite3_stmt *stmt = !reverse ? r->up[family] : from.len ? r->down[family] : r->last[family];
    struct iter *it = calloc(1, sizeof *it);
    enum err err = ERR_OK;

    *out = NULL;
    if (!it)
        return ERR_NO_MEMORY;
    it->reader = r;
    it->own = sqlite3_stmt_busy(stmt);
    if (it->own)
        err = sqlite_prepare(r->db, sqlite3_sql(stmt), &stmt);
    else
        sqlite3_reset(stmt); /* an outer scan may have come to its end */
    it->stmt = stmt;
    /* Copied: the caller's bound may be a row of a scan that goes on. */
    if (err == ERR_OK && (from.len || !reverse))
        err = sqlite_err(sqlite3_bind_blob64(stmt, 1, from.len ? (const void *)from.ptr : "",
                                             from.len, SQLITE_TRANSIENT));
    if (err != ERR_OK) {
        err = sqlite_fail(r->shard, r->db, "scan", NULL);
        if (it->own)
            sqlite3_finalize(it->stmt);
        free(it);
        return err;
    }
    *out = it;
    return ERR_OK;
}

enum err sqlite_iter_next(void *iter, struct slice *key, struct slice *value, bool *valid)
{
    struct iter *it = iter;
    const int code = sqlite3_step(it->stmt);

    *valid = code == SQLITE_ROW;
    if (*valid) {
        *key = sqlite_column_slice(it->stmt, 0);
        *value = sqlite_column_slice(it->stmt, 1);
        return ERR_OK;
    }
    *key = *value = SLICE_EMPTY;
    if (code != SQLITE_DONE)
        return sqlite_fail(it->reader->shard, it->reader->db, "scan", NULL);
    return ERR_OK;
}

void sqlite_iter_close(void *iter)
{
    struct iter *it = iter;

    if (it->own)
        sqlite3_finalize(it->stmt);
    else
        sqlite3_reset(it->stmt);
    free(it);
}
