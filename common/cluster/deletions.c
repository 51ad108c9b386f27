/* deletions.c - namespaces that are being deleted: a row for each, until nothing is left of it.
 *
 * A deletion begins with the namespace's new name and state and its row here, in one transaction.
 * When the shards have nothing left of it, that is noted; the namespace goes when the delay that
 * was asked for has passed since then, and its row here with it. */
#include "common/cluster/cluster_int.h"

static void bind_id(sqlite3_stmt *statement, const char *id)
{
    must(sqlite3_bind_text(statement, 1, id, -1, SQLITE_STATIC) == SQLITE_OK);
}

/* ?1 is the id, ?2 (where there is one) `number`. ERR_ABORTED: nothing was changed. */
static enum err change(struct cluster *cluster, sqlite3 *db, const char *sql, const char *id,
                       int64_t number)
{
    sqlite3_stmt *statement;
    enum err err = ERR_OK;
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

    if (code != SQLITE_OK)
        return cluster_sql_err(cluster, code, sql);
    bind_id(statement, id);
    if (sqlite3_bind_parameter_count(statement) > 1)
        must(sqlite3_bind_int64(statement, 2, number) == SQLITE_OK);
    code = sqlite3_step(statement);
    if (code != SQLITE_DONE)
        err = cluster_sql_err(cluster, code, sql);
    else if (sqlite3_changes(db) == 0)
        err = ERR_ABORTED;
    sqlite3_finalize(statement);
    return err;
}

enum err cluster_namespace_doom(struct cluster *cluster, const struct namespace_info *ns,
                                int64_t delay_ns)
{
    must(delay_ns >= 0);
    sqlite3 *db = cluster_lock(cluster);
    enum err err = cluster_begin(cluster);
    if (err == ERR_OK) {
        err = cluster_step_update(cluster, ns);
        if (err == ERR_OK)
            err = change(cluster, db,
                         "INSERT INTO deletions (namespace_id, delay_ns, swept_ns)"
                         " VALUES (?1, ?2, 0)"
                         " ON CONFLICT (namespace_id) DO UPDATE SET delay_ns = excluded.delay_ns",
                         ns->id, delay_ns);
        err = cluster_end(cluster, err);
    }
    if (err == ERR_OK)
        err = cluster_refresh_locked(cluster);
    cluster_unlock(cluster);
    return err;
}

static enum err read_rows(struct cluster *cluster, sqlite3 *db, struct cluster_deletion *out,
                          size_t max, size_t *count)
{
    static const char sql[] = "SELECT namespace_id, delay_ns, swept_ns FROM deletions"
                              " ORDER BY namespace_id LIMIT ?1";
    sqlite3_stmt *row;
    enum err err = ERR_OK;
    int code = sqlite3_prepare_v2(db, sql, -1, &row, NULL);

    if (code != SQLITE_OK)
        return cluster_sql_err(cluster, code, sql);
    must(sqlite3_bind_int64(row, 1, (sqlite3_int64)max) == SQLITE_OK);
    while (err == ERR_OK && (code = sqlite3_step(row)) == SQLITE_ROW) {
        const void *id = sqlite3_column_text(row, 0);

        if (!id || sqlite3_column_bytes(row, 0) != UUID_TEXT_LEN) {
            err = ERR_CORRUPT;
            break;
        }
        must(*count < max);
        struct cluster_deletion *deletion = &out[(*count)++];
        *deletion = (struct cluster_deletion){.delay_ns = sqlite3_column_int64(row, 1),
                                              .swept_ns = sqlite3_column_int64(row, 2)};
        memcpy(deletion->namespace_id, id, UUID_TEXT_LEN);
    }
    if (err == ERR_OK && code != SQLITE_DONE)
        err = cluster_sql_err(cluster, code, sql);
    sqlite3_finalize(row);
    return err;
}

enum err cluster_deletions(struct cluster *cluster, struct cluster_deletion *out, size_t max,
                           size_t *count)
{
    *count = 0;
    sqlite3 *db = cluster_lock(cluster);
    const enum err err = read_rows(cluster, db, out, max, count);
    cluster_unlock(cluster);
    return err;
}

enum err cluster_deletion_swept(struct cluster *cluster, const char *namespace_id, int64_t wall_ns)
{
    sqlite3 *db = cluster_lock(cluster);
    enum err err = cluster_begin(cluster);
    if (err == ERR_OK) {
        err = change(cluster, db,
                     "UPDATE deletions SET swept_ns = ?2 WHERE namespace_id = ?1 AND swept_ns = 0",
                     namespace_id, wall_ns);
        err = cluster_end(cluster, err);
    }
    cluster_unlock(cluster);
    return err == ERR_ABORTED ? ERR_OK : err; /* somebody else was quicker */
}

enum err cluster_namespace_remove(struct cluster *cluster, const char *namespace_id)
{
    static const char *const statements[] = {
        "DELETE FROM task_queues WHERE namespace_id = ?1",
        "DELETE FROM namespaces WHERE id = ?1",
        "DELETE FROM deletions WHERE namespace_id = ?1",
    };
    sqlite3 *db = cluster_lock(cluster);
    enum err err = cluster_begin(cluster);
    if (err == ERR_OK) {
        for (size_t i = 0; err == ERR_OK && i < COUNT_OF(statements); i++) {
            err = change(cluster, db, statements[i], namespace_id, 0);
            if (err == ERR_ABORTED)
                err = ERR_OK; /* there was none */
        }
        err = cluster_end(cluster, err);
    }
    if (err == ERR_OK)
        err = cluster_refresh_locked(cluster);
    cluster_unlock(cluster);
    return err;
}
