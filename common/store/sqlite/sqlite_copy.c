/* sqlite_copy.c - the tables of a shard from outside, copies of them, and shards made of copies. */
#include "common/store/sqlite/sqlite_int.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { COPY_PAGES = 1024 /* at a time */ };

enum err sqlite_watch(const struct backend_env *env, void **shard, struct err_detail *detail)
{
    struct sqlite_shard *s = sqlite_shard_new(env);

    *shard = NULL;
    if (access(s->tables_path, R_OK | W_OK) != 0) {
        const enum err err =
            err_fail(detail, ERR_NOT_FOUND, "cannot open %s: errno %d", s->tables_path, errno);

        sqlite_shard_free(s);
        return err;
    }
    *shard = s;
    return ERR_OK;
}

void sqlite_unwatch(void *shard)
{
    struct sqlite_shard *s = shard;

    sqlite_pool_close(s);
    sqlite_shard_free(s);
}

enum err sqlite_snapshot_position(void *snapshot, int64_t *applied, bool *torn)
{
    struct reader *r = snapshot;
    int code;

    *torn = false;
    for (int i = 0; i < STORE_FAMILY_COUNT; i++)
        applied[i] = 0;
    while ((code = sqlite3_step(r->positions)) == SQLITE_ROW) {
        const int64_t family = sqlite3_column_int64(r->positions, 0);

        if (family >= 0 && family < STORE_FAMILY_COUNT)
            applied[family] = sqlite3_column_int64(r->positions, 1);
        *torn = *torn || family == POSITION_TORN;
    }
    sqlite3_reset(r->positions);
    return code == SQLITE_DONE ? ERR_OK : sqlite_fail(r->shard, r->db, "read the positions", NULL);
}

/* -- copying -------------------------------------------------------------------------------- */

static enum err copy_pages(struct reader *r, sqlite3 *to, backend_go_on_fn go_on, void *arg)
{
    sqlite3_backup *copy = sqlite3_backup_init(to, "main", r->db, "main");
    int code = SQLITE_OK;

    if (!copy)
        return sqlite_err(sqlite3_errcode(to));
    /* The reader is in a transaction: every step sees its snapshot, whatever is written since. */
    while (code == SQLITE_OK) {
        if (!go_on(arg)) {
            sqlite3_backup_finish(copy);
            return ERR_CANCELED;
        }
        code = sqlite3_backup_step(copy, COPY_PAGES);
    }
    sqlite3_backup_finish(copy);
    return sqlite_err(code);
}

static enum err sync_file(const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const bool synced = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    return synced ? ERR_OK : ERR_IO;
}

enum err sqlite_snapshot_copy(void *snapshot, const char *path, backend_go_on_fn go_on, void *arg,
                              struct err_detail *detail)
{
    struct reader *r = snapshot;
    sqlite3 *to = NULL;
    const int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

    if (fd < 0)
        return err_fail(detail, ERR_PRECONDITION, "cannot make %s: errno %d", path, errno);
    close(fd);
    enum err err = sqlite_err(sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE, NULL));
    /* A torn copy is thrown away: it needs no journal, and is synced as a whole. */
    if (err == ERR_OK)
        err = sqlite_exec(to, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF");
    if (err == ERR_OK)
        err = copy_pages(r, to, go_on, arg);
    if (err != ERR_OK && err != ERR_CANCELED)
        (void)err_fail(detail, err, "%s: %s", path, sqlite3_errmsg(to));
    sqlite3_close(to);
    if (err == ERR_OK && (err = sync_file(path)) != ERR_OK)
        (void)err_fail(detail, err, "cannot sync %s: errno %d", path, errno);
    if (err != ERR_OK)
        unlink(path);
    return err;
}

/* -- a shard made of a copy ----------------------------------------------------------------- */

static enum err run_with(sqlite3 *db, const char *sql, int64_t a, int64_t b)
{
    sqlite3_stmt *stmt;

    enum err err = sqlite_prepare(db, sql, &stmt);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(stmt, 1, a);
    sqlite3_bind_int64(stmt, 2, b);
    err = sqlite_run(stmt);
    sqlite3_finalize(stmt);
    return err;
}

static enum err move_tables(struct sqlite_shard *s, const struct backend_lease *lease,
                            struct err_detail *detail)
{
    sqlite3 *db = NULL;
    int64_t identified = 0;

    enum err err = sqlite_err(sqlite3_open_v2(s->tables_path, &db, SQLITE_OPEN_READWRITE, NULL));
    if (err == ERR_OK)
        err = sqlite_int(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'rows_main'",
                         &identified);
    if (err == ERR_OK && identified == 1)
        err = sqlite_identify(s, db, s->tables_path, "", detail);
    else if (err == ERR_OK)
        err = err_fail(detail, ERR_CORRUPT, "%s has no rows", s->tables_path);
    for (int i = 0; i < STORE_FAMILY_COUNT && err == ERR_OK; i++)
        err = run_with(db,
                       "INSERT INTO position(family, applied_seq) VALUES(?1, ?2)"
                       " ON CONFLICT(family) DO UPDATE SET applied_seq = excluded.applied_seq",
                       i, lease->applied[i]);
    if (err != ERR_OK && (!detail || detail->text[0] == '\0'))
        err = sqlite_fail(s, db, s->tables_path, detail);
    sqlite3_close(db);
    return err;
}

static enum err make_log(struct sqlite_shard *s, const struct backend_lease *lease,
                         struct err_detail *detail)
{
    sqlite3 *db = NULL;

    if (access(s->log_path, F_OK) == 0)
        return err_fail(detail, ERR_PRECONDITION, "%s is there already", s->log_path);
    enum err err = sqlite_err(
        sqlite3_open_v2(s->log_path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL));
    if (err == ERR_OK)
        err = sqlite_exec(db, "PRAGMA synchronous=FULL");
    if (err == ERR_OK)
        err = sqlite_identify(s, db, s->log_path, sqlite_log_schema, detail);
    if (err == ERR_OK)
        err = run_with(db, "UPDATE shard SET range_id = ?1, last_seq = ?2 WHERE id = 1",
                       lease->range_id, lease->last_seq);
    if (err != ERR_OK && (!detail || detail->text[0] == '\0'))
        err = sqlite_fail(s, db, s->log_path, detail);
    sqlite3_close(db);
    return err;
}

enum err sqlite_restored(const struct backend_env *env, const struct backend_lease *lease,
                         struct err_detail *detail)
{
    struct sqlite_shard *s = sqlite_shard_new(env);

    enum err err = move_tables(s, lease, detail);
    if (err == ERR_OK)
        err = make_log(s, lease, detail);
    sqlite_shard_free(s);
    return err;
}
