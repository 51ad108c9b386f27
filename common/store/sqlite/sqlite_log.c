/* sqlite_log.c - the log file.
 *
 *   1. It is opened in exclusive locking mode: the lock on the file, held until close, is the
 * fence, and the write-ahead log needs no shared memory.
 *   2. One connection. It checkpoints by itself, between two appends, never in one.
 *   3. A record is one row, or several when it is larger than a part; its rows are id = sequence *
 *      PARTS_MAX + part. Truncated rows free their pages for the next ones. */
#include "common/store/sqlite/sqlite_int.h"

#include "common/store/logrec.h"

#include <errno.h>
#include <time.h>

_Static_assert(LOGREC_MAX <= PARTS_MAX * PART_BYTES, "every record fits into its parts");

const char sqlite_log_schema[] =
    "CREATE TABLE identity(id INTEGER PRIMARY KEY, service TEXT NOT NULL,"
    " shard_id INTEGER NOT NULL);"
    "CREATE TABLE shard(id INTEGER PRIMARY KEY, range_id INTEGER NOT NULL,"
    " owner_nonce INTEGER NOT NULL, last_seq INTEGER NOT NULL);"
    "CREATE TABLE log(id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);"
    "INSERT INTO shard(id, range_id, owner_nonce, last_seq) VALUES(1, 0, 0, 0);"
    "PRAGMA application_id = 1196314445; PRAGMA user_version = 1";

_Static_assert(SQLITE_APPLICATION_ID == 1196314445 && SQLITE_SCHEMA_VERSION == 1,
               "the constants of the schema text");

static int on_wal(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct log_file *f = arg;

    UNUSED(db);
    UNUSED(name);
    f->wal_pages = pages;
    return SQLITE_OK;
}

static enum err try_open(struct sqlite_shard *s)
{
    struct log_file *f = &s->logf;

    const int code =
        sqlite3_open_v2(s->log_path, &f->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK)
        return sqlite_err(code);
    enum err err = sqlite_exec(f->db, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL");
    if (err == ERR_OK)
        err = sqlite_exec(f->db, "PRAGMA synchronous=FULL; PRAGMA secure_delete=0;"
                                 "PRAGMA cache_size=-1024");
    if (err == ERR_OK)
        err = sqlite_exec(f->db, "BEGIN EXCLUSIVE");
    return err;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / NS_PER_MS;
}

/* The predecessor may be dying: its lock goes with it. */
static enum err open_locked(struct sqlite_shard *s, int64_t wait_ms, struct err_detail *detail)
{
    const int64_t until_ms = now_ms() + wait_ms;
    enum err err;

    while ((err = try_open(s)) == ERR_BUSY && now_ms() < until_ms) {
        const struct timespec pause = {.tv_nsec = 10 * NS_PER_MS};

        sqlite3_close(s->logf.db);
        s->logf.db = NULL;
        nanosleep(&pause, NULL);
    }
    if (err == ERR_BUSY)
        return err_fail(detail, ERR_FENCED, "shard %u: %s is held by another process", s->shard_id,
                        s->log_path);
    return err == ERR_OK ? ERR_OK : sqlite_fail(s, s->logf.db, s->log_path, detail);
}

/* Inside the opening transaction. */
static enum err raise_lease(struct sqlite_shard *s, struct backend_lease *lease)
{
    sqlite3 *db = s->logf.db;
    sqlite3_stmt *stmt;

    enum err err = sqlite_prepare(
        db, "UPDATE shard SET range_id = range_id + 1, owner_nonce = ?1 WHERE id = 1", &stmt);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)s->logf.nonce);
    err = sqlite_run(stmt);
    sqlite3_finalize(stmt);
    if (err == ERR_OK)
        err = sqlite_int(db, "SELECT range_id FROM shard WHERE id = 1", &lease->range_id);
    if (err == ERR_OK)
        err = sqlite_int(db, "SELECT last_seq FROM shard WHERE id = 1", &lease->last_seq);
    if (err == ERR_OK)
        err = sqlite_exec(db, "COMMIT");
    s->logf.range_id = lease->range_id;
    return err;
}

static enum err prepare_all(struct log_file *f)
{
    const struct {
        const char *sql;
        sqlite3_stmt **stmt;
    } all[] = {
        {"BEGIN", &f->begin},
        {"COMMIT", &f->commit},
        {"ROLLBACK", &f->rollback},
        {"UPDATE shard SET last_seq = ?1 WHERE id = 1 AND range_id = ?2 AND owner_nonce = ?3"
         " AND last_seq = ?1 - 1",
         &f->advance},
        {"INSERT INTO log(id, bytes) VALUES(?1, ?2)", &f->insert},
        {"DELETE FROM log WHERE id < ?1", &f->truncate},
    };
    enum err err = ERR_OK;

    for (size_t i = 0; i < COUNT_OF(all) && err == ERR_OK; i++)
        err = sqlite_prepare(f->db, all[i].sql, all[i].stmt);
    return err;
}

enum err sqlite_log_open(struct sqlite_shard *s, const struct backend_env *env,
                         struct backend_lease *lease, struct err_detail *detail)
{
    struct log_file *f = &s->logf;

    f->nonce = env->nonce;
    enum err err = open_locked(s, env->wait_ms, detail);
    if (err != ERR_OK)
        return err;
    sqlite3_wal_hook(f->db, on_wal, f);
    err = sqlite_identify(s, f->db, s->log_path, sqlite_log_schema, detail);
    if (err != ERR_OK)
        return err;
    err = raise_lease(s, lease);
    if (err == ERR_OK)
        err = prepare_all(f);
    return err == ERR_OK ? ERR_OK : sqlite_fail(s, f->db, s->log_path, detail);
}

void sqlite_log_close(struct sqlite_shard *s)
{
    struct log_file *f = &s->logf;
    sqlite3_stmt *all[] = {f->begin, f->commit, f->rollback, f->advance, f->insert, f->truncate};

    for (size_t i = 0; i < COUNT_OF(all); i++)
        sqlite3_finalize(all[i]);
    if (f->db && sqlite3_close(f->db) != SQLITE_OK)
        log_error(s->log, "log file not closed", F_STR("path", s->log_path));
    *f = (struct log_file){0};
}

static enum err insert_parts(struct log_file *f, int64_t seq, struct slice record)
{
    enum err err = ERR_OK;

    for (int64_t part = 0; record.len > 0 && err == ERR_OK; part++) {
        const size_t bytes = record.len < PART_BYTES ? record.len : PART_BYTES;

        must(part < PARTS_MAX);
        sqlite3_bind_int64(f->insert, 1, seq * PARTS_MAX + part);
        err = sqlite_bind_slice(f->insert, 2, slice_of(record.ptr, bytes));
        if (err == ERR_OK)
            err = sqlite_run(f->insert);
        record = slice_of(record.ptr + bytes, record.len - bytes);
    }
    return err;
}

static enum err delete_upto(struct log_file *f, int64_t upto)
{
    sqlite3_bind_int64(f->truncate, 1, (upto + 1) * PARTS_MAX);
    return sqlite_run(f->truncate);
}

/* A failed COMMIT on the local disk: full and busy mean that nothing happened; anything else is
 * ERR_IO, after which nothing may be concluded. */
enum err sqlite_log_append(void *shard, int64_t seq, struct slice record, int64_t truncate)
{
    struct sqlite_shard *s = shard;
    struct log_file *f = &s->logf;

    enum err err = sqlite_run(f->begin);
    if (err != ERR_OK)
        return sqlite_fail(s, f->db, "begin", NULL);
    sqlite3_bind_int64(f->advance, 1, seq); /* first: a deposed owner must not write */
    sqlite3_bind_int64(f->advance, 2, f->range_id);
    sqlite3_bind_int64(f->advance, 3, (sqlite3_int64)f->nonce);
    err = sqlite_run(f->advance);
    if (err == ERR_OK && sqlite3_changes(f->db) != 1) {
        sqlite_run(f->rollback);
        return ERR_FENCED; /* the file is locked: no duplicate of ours can stand there */
    }
    if (err == ERR_OK && truncate > 0)
        err = delete_upto(f, truncate);
    if (err == ERR_OK)
        err = insert_parts(f, seq, record);
    if (err == ERR_OK)
        err = sqlite_run(f->commit);
    if (err == ERR_OK)
        return ERR_OK;
    err = sqlite_fail(s, f->db, "append", NULL);
    if (!sqlite3_get_autocommit(f->db))
        sqlite_run(f->rollback);
    return err;
}

enum err sqlite_log_truncate(void *shard, int64_t upto)
{
    struct sqlite_shard *s = shard;

    const enum err err = delete_upto(&s->logf, upto);
    return err == ERR_OK ? ERR_OK : sqlite_fail(s, s->logf.db, "truncate", NULL);
}

/* Gathers the parts of a record; gives it to `visit` when the next one starts. */
enum err sqlite_log_read(void *shard, int64_t from, backend_record_fn visit, void *arg,
                         struct err_detail *detail)
{
    struct sqlite_shard *s = shard;
    sqlite3_stmt *stmt;
    struct buf record;
    int64_t seq = -1;
    int code = SQLITE_DONE;

    enum err err =
        sqlite_prepare(s->logf.db, "SELECT id, bytes FROM log WHERE id >= ?1 ORDER BY id", &stmt);
    if (err != ERR_OK)
        return sqlite_fail(s, s->logf.db, "read the log", detail);
    buf_init(&record, LOGREC_MAX);
    sqlite3_bind_int64(stmt, 1, from * PARTS_MAX);
    while (err == ERR_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        const int64_t id = sqlite3_column_int64(stmt, 0);

        if (id / PARTS_MAX != seq && seq >= 0) {
            err = visit(arg, seq, buf_slice(&record));
            buf_clear(&record);
        }
        seq = id / PARTS_MAX;
        buf_append_slice(&record, sqlite_column_slice(stmt, 1));
        if (err == ERR_OK && !buf_ok(&record))
            err = err_fail(detail, ERR_CORRUPT, "shard %u: log record %lld is too large",
                           s->shard_id, (long long)seq);
    }
    if (err == ERR_OK && code != SQLITE_DONE)
        err = sqlite_fail(s, s->logf.db, "read the log", detail);
    if (err == ERR_OK && seq >= 0)
        err = visit(arg, seq, buf_slice(&record));
    buf_release(&record);
    sqlite3_finalize(stmt);
    return err;
}

enum err sqlite_log_tidy(void *shard)
{
    struct sqlite_shard *s = shard;
    struct log_file *f = &s->logf;

    if (f->wal_pages < LOG_WAL_PAGES)
        return ERR_OK;
    f->wal_pages = 0;
    const int code = sqlite3_wal_checkpoint_v2(f->db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
    return code == SQLITE_OK ? ERR_OK : sqlite_fail(s, f->db, "checkpoint the log", NULL);
}
