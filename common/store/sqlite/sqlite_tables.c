/* sqlite_tables.c - the tables file's writer: the flusher's connection.
 *
 * Commits are synchronous: when a position has moved, the log may be truncated up to it. While only
 * some slices of a flush are committed, a row beside the positions says so: who reads the tables
 * without the memtables must know. */
#include "common/store/sqlite/sqlite_int.h"

static const char schema[] =
    "CREATE TABLE identity(id INTEGER PRIMARY KEY, service TEXT NOT NULL,"
    " shard_id INTEGER NOT NULL);"
    "CREATE TABLE position(family INTEGER PRIMARY KEY, applied_seq INTEGER NOT NULL);"
    "CREATE TABLE rows_main(key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE rows_visibility(key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
    "PRAGMA application_id = 1196314445; PRAGMA user_version = 1";

static const char *const put_sql[STORE_FAMILY_COUNT] = {
    [STORE_MAIN] = "INSERT INTO rows_main(key, value) VALUES(?1, ?2)"
                   " ON CONFLICT(key) DO UPDATE SET value = excluded.value",
    [STORE_VISIBILITY] = "INSERT INTO rows_visibility(key, value) VALUES(?1, ?2)"
                         " ON CONFLICT(key) DO UPDATE SET value = excluded.value",
};

static const char *const delete_sql[STORE_FAMILY_COUNT] = {
    [STORE_MAIN] = "DELETE FROM rows_main WHERE key = ?1",
    [STORE_VISIBILITY] = "DELETE FROM rows_visibility WHERE key = ?1",
};

static int on_wal(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct tables_file *f = arg;

    UNUSED(db);
    UNUSED(name);
    f->wal_pages = pages;
    return SQLITE_OK;
}

static enum err prepare_all(struct tables_file *f)
{
    enum err err = sqlite_prepare(f->db, "BEGIN IMMEDIATE", &f->begin);

    if (err == ERR_OK)
        err = sqlite_prepare(f->db, "COMMIT", &f->commit);
    if (err == ERR_OK)
        err = sqlite_prepare(f->db, "ROLLBACK", &f->rollback);
    if (err == ERR_OK)
        err = sqlite_prepare(f->db,
                             "INSERT INTO position(family, applied_seq) VALUES(?1, ?2)"
                             " ON CONFLICT(family) DO UPDATE"
                             " SET applied_seq = max(applied_seq, excluded.applied_seq)",
                             &f->position);
    if (err == ERR_OK)
        err = sqlite_prepare(f->db, "DELETE FROM position WHERE family = ?1", &f->whole);
    for (int i = 0; i < STORE_FAMILY_COUNT && err == ERR_OK; i++) {
        err = sqlite_prepare(f->db, put_sql[i], &f->put[i]);
        if (err == ERR_OK)
            err = sqlite_prepare(f->db, delete_sql[i], &f->del[i]);
    }
    return err;
}

static enum err read_positions(struct tables_file *f, struct backend_lease *lease)
{
    sqlite3 *db = f->db;
    sqlite3_stmt *stmt;
    int code;

    const enum err err =
        sqlite_prepare(db, "SELECT family, applied_seq FROM position ORDER BY family", &stmt);
    if (err != ERR_OK)
        return err;
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        const int64_t family = sqlite3_column_int64(stmt, 0);

        if (family >= 0 && family < STORE_FAMILY_COUNT)
            lease->applied[family] = sqlite3_column_int64(stmt, 1);
        f->torn = f->torn || family == POSITION_TORN;
    }
    sqlite3_finalize(stmt);
    return sqlite_err(code);
}

enum err sqlite_tables_open(struct sqlite_shard *s, struct backend_lease *lease,
                            struct err_detail *detail)
{
    struct tables_file *f = &s->tables;

    const int code =
        sqlite3_open_v2(s->tables_path, &f->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK)
        return sqlite_fail(s, f->db, s->tables_path, detail);
    sqlite3_busy_timeout(f->db, 1000); /* somebody's shell */
    enum err err = sqlite_exec(f->db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                                      "PRAGMA secure_delete=0; PRAGMA cache_size=-4096");
    if (err == ERR_OK)
        err = sqlite_exec(f->db, "BEGIN IMMEDIATE");
    if (err != ERR_OK)
        return sqlite_fail(s, f->db, s->tables_path, detail);
    sqlite3_wal_hook(f->db, on_wal, f);
    err = sqlite_identify(s, f->db, s->tables_path, schema, detail);
    if (err != ERR_OK)
        return err;
    err = sqlite_exec(f->db, "COMMIT");
    if (err == ERR_OK)
        err = read_positions(f, lease);
    if (err == ERR_OK)
        err = prepare_all(f);
    return err == ERR_OK ? ERR_OK : sqlite_fail(s, f->db, s->tables_path, detail);
}

void sqlite_tables_close(struct sqlite_shard *s)
{
    struct tables_file *f = &s->tables;

    sqlite3_finalize(f->begin);
    sqlite3_finalize(f->commit);
    sqlite3_finalize(f->rollback);
    sqlite3_finalize(f->position);
    sqlite3_finalize(f->whole);
    for (int i = 0; i < STORE_FAMILY_COUNT; i++) {
        sqlite3_finalize(f->put[i]);
        sqlite3_finalize(f->del[i]);
    }
    if (f->db && sqlite3_close(f->db) != SQLITE_OK)
        log_error(s->log, "tables file not closed", F_STR("path", s->tables_path));
    *f = (struct tables_file){0};
}

enum err sqlite_flush_begin(void *shard)
{
    struct sqlite_shard *s = shard;

    must(!s->tables.in_txn);
    const enum err err = sqlite_run(s->tables.begin);
    if (err != ERR_OK)
        return sqlite_fail(s, s->tables.db, "begin a flush", NULL);
    s->tables.in_txn = true;
    return ERR_OK;
}

enum err sqlite_flush_row(void *shard, enum store_family family, struct slice key,
                          const struct slice *value)
{
    struct sqlite_shard *s = shard;
    sqlite3_stmt *stmt = value ? s->tables.put[family] : s->tables.del[family];

    enum err err = sqlite_bind_slice(stmt, 1, key);
    if (err == ERR_OK && value)
        err = sqlite_bind_slice(stmt, 2, *value);
    if (err == ERR_OK)
        err = sqlite_run(stmt);
    return err == ERR_OK ? ERR_OK : sqlite_fail(s, s->tables.db, "flush a row", NULL);
}

/* What is committed is the whole of what was flushed, or is not. */
static enum err mark(struct tables_file *f, bool torn)
{
    sqlite3_stmt *stmt = torn ? f->position : f->whole;

    if (f->torn == torn)
        return ERR_OK;
    sqlite3_bind_int64(stmt, 1, POSITION_TORN);
    if (torn)
        sqlite3_bind_int64(stmt, 2, 1);
    return sqlite_run(stmt);
}

enum err sqlite_flush_commit(void *shard, const int64_t *applied)
{
    struct sqlite_shard *s = shard;
    struct tables_file *f = &s->tables;
    const bool torn = applied == NULL;
    enum err err = mark(f, torn);

    for (int i = 0; applied && i < STORE_FAMILY_COUNT && err == ERR_OK; i++) {
        sqlite3_bind_int64(f->position, 1, i);
        sqlite3_bind_int64(f->position, 2, applied[i]);
        err = sqlite_run(f->position);
    }
    if (err == ERR_OK)
        err = sqlite_run(f->commit);
    if (err != ERR_OK)
        return sqlite_fail(s, f->db, "commit a flush", NULL);
    f->in_txn = false;
    f->torn = torn;
    return ERR_OK;
}

void sqlite_flush_abort(void *shard)
{
    struct sqlite_shard *s = shard;

    if (s->tables.in_txn && !sqlite3_get_autocommit(s->tables.db))
        sqlite_run(s->tables.rollback);
    s->tables.in_txn = false;
}

/* Passive: it does not wait for readers; what one holds back is done the next time. Only a file
 * that has grown far beyond its size waits, a bounded time, so that it starts again in front. */
enum err sqlite_flush_tidy(void *shard)
{
    struct sqlite_shard *s = shard;
    struct tables_file *f = &s->tables;

    if (f->wal_pages < TABLES_WAL_PAGES)
        return ERR_OK;
    f->wal_pages = 0;
    const int code = sqlite3_wal_checkpoint_v2(f->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return code == SQLITE_OK || code == SQLITE_BUSY
               ? ERR_OK
               : sqlite_fail(s, f->db, "checkpoint the tables", NULL);
}
