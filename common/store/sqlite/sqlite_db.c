/* sqlite_db.c - what every connection of the SQLite back end shares. */
#include "common/store/sqlite/sqlite_int.h"

#include <string.h>

enum err sqlite_err(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return ERR_OK;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR_BUSY;
    case SQLITE_FULL:
        return ERR_DISK_FULL;
    case SQLITE_NOMEM:
        return ERR_NO_MEMORY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERR_CORRUPT;
    default:
        return ERR_IO; /* nothing may be concluded about what is on the disk */
    }
}

enum err sqlite_fail(const struct sqlite_shard *s, sqlite3 *db, const char *what,
                     struct err_detail *detail)
{
    const enum err err = sqlite_err(sqlite3_extended_errcode(db));

    /* With a detail the caller tells. Busy: tried again; a full disk is told once. */
    if (!detail && err != ERR_BUSY && err != ERR_DISK_FULL)
        log_error(s->log, "sqlite failed", F_STR("what", what), F_STR("text", sqlite3_errmsg(db)),
                  F_U64("shard_id", s->shard_id));
    return err_fail(detail, err == ERR_OK ? ERR_IO : err, "shard %u: %s: %s", s->shard_id, what,
                    sqlite3_errmsg(db));
}

enum err sqlite_exec(sqlite3 *db, const char *sql)
{
    return sqlite_err(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

enum err sqlite_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out)
{
    return sqlite_err(sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL));
}

enum err sqlite_int(sqlite3 *db, const char *sql, int64_t *value)
{
    sqlite3_stmt *stmt;

    *value = 0;
    enum err err = sqlite_prepare(db, sql, &stmt);
    if (err != ERR_OK)
        return err;
    const int code = sqlite3_step(stmt);
    if (code == SQLITE_ROW)
        *value = sqlite3_column_int64(stmt, 0);
    err = code == SQLITE_DONE ? ERR_NOT_FOUND : sqlite_err(code);
    sqlite3_finalize(stmt);
    return err;
}

enum err sqlite_run(sqlite3_stmt *stmt)
{
    const int code = sqlite3_step(stmt);

    sqlite3_reset(stmt);
    return sqlite_err(code);
}

enum err sqlite_bind_slice(sqlite3_stmt *stmt, int at, struct slice bytes)
{
    return sqlite_err(sqlite3_bind_blob64(stmt, at, bytes.len ? (const void *)bytes.ptr : "",
                                          bytes.len, SQLITE_STATIC));
}

struct slice sqlite_column_slice(sqlite3_stmt *stmt, int at)
{
    const void *ptr = sqlite3_column_blob(stmt, at);

    return slice_of(ptr, (size_t)sqlite3_column_bytes(stmt, at));
}

static enum err record_identity(const struct sqlite_shard *s, sqlite3 *db, const char *schema)
{
    sqlite3_stmt *stmt;

    enum err err = sqlite_exec(db, schema);
    if (err != ERR_OK)
        return err;
    err =
        sqlite_prepare(db, "INSERT INTO identity(id, service, shard_id) VALUES(1, ?1, ?2)", &stmt);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_text(stmt, 1, s->service, -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, s->shard_id);
    err = sqlite_run(stmt);
    sqlite3_finalize(stmt);
    return err;
}

static enum err check_identity(const struct sqlite_shard *s, sqlite3 *db, const char *path,
                               struct err_detail *detail)
{
    sqlite3_stmt *stmt;
    bool same = false;

    const enum err err =
        sqlite_prepare(db, "SELECT service, shard_id FROM identity WHERE id = 1", &stmt);
    if (err != ERR_OK)
        return sqlite_fail(s, db, path, detail);
    if (sqlite3_step(stmt) == SQLITE_ROW) {
        const char *service = (const char *)sqlite3_column_text(stmt, 0);

        same = service && strcmp(service, s->service) == 0 &&
               sqlite3_column_int64(stmt, 1) == s->shard_id;
    }
    sqlite3_finalize(stmt);
    if (!same)
        return err_fail(detail, ERR_CORRUPT, "%s belongs to another shard", path);
    return ERR_OK;
}

enum err sqlite_identify(const struct sqlite_shard *s, sqlite3 *db, const char *path,
                         const char *schema, struct err_detail *detail)
{
    int64_t version, application, tables;

    enum err err = sqlite_int(db, "PRAGMA user_version", &version);
    if (err == ERR_OK)
        err = sqlite_int(db, "PRAGMA application_id", &application);
    if (err == ERR_OK)
        err = sqlite_int(db, "SELECT count(*) FROM sqlite_schema", &tables);
    if (err != ERR_OK)
        return sqlite_fail(s, db, path, detail);
    if (version == 0 && application == 0 && tables == 0) {
        err = record_identity(s, db, schema);
        return err == ERR_OK ? ERR_OK : sqlite_fail(s, db, path, detail);
    }
    if (application != SQLITE_APPLICATION_ID)
        return err_fail(detail, ERR_CORRUPT, "%s is not a file of this store", path);
    if (version != SQLITE_SCHEMA_VERSION)
        return err_fail(detail, ERR_PRECONDITION, "%s has schema version %lld, this is %d", path,
                        (long long)version, SQLITE_SCHEMA_VERSION);
    return check_identity(s, db, path, detail);
}
