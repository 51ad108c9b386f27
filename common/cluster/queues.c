/* queues.c - what operators set for task queues: a row for each queue that anything was set for.
 *
 * Read when a queue is taken over and when it is changed, so that no copy is kept in memory. */
#include "common/cluster/cluster_int.h"

static void bind(sqlite3_stmt *statement, int at, struct slice bytes)
{
    must(sqlite3_bind_text(statement, at, bytes.len ? (const char *)bytes.ptr : "", (int)bytes.len,
                           SQLITE_STATIC) == SQLITE_OK);
}

/* The connection is locked. */
static enum err prepare(struct cluster *cluster, sqlite3 *db, const char *sql,
                        const struct cluster_queue *queue, sqlite3_stmt **out)
{
    const int code = sqlite3_prepare_v2(db, sql, -1, out, NULL);

    if (code != SQLITE_OK)
        return cluster_sql_err(cluster, code, sql);
    bind(*out, 1, queue->namespace_id);
    if (sqlite3_bind_parameter_count(*out) > 1)
        bind(*out, 2, queue->name);
    return ERR_OK;
}

static enum err read_row(struct cluster *cluster, sqlite3 *db, struct arena *arena,
                         struct cluster_queue *queue)
{
    sqlite3_stmt *row;
    enum err err = prepare(cluster, db,
                           "SELECT version, data FROM task_queues"
                           " WHERE namespace_id = ?1 AND name = ?2",
                           queue, &row);

    if (err != ERR_OK)
        return err;
    const int code = sqlite3_step(row);
    if (code == SQLITE_ROW) {
        const void *bytes = sqlite3_column_blob(row, 1);

        queue->version = sqlite3_column_int64(row, 0);
        queue->data = arena_copy(arena, slice_of(bytes, (size_t)sqlite3_column_bytes(row, 1)));
    } else if (code != SQLITE_DONE) {
        err = cluster_sql_err(cluster, code, "read task queue");
    }
    sqlite3_finalize(row);
    return err;
}

enum err cluster_queue_read(struct cluster *cluster, struct arena *arena,
                            struct cluster_queue *queue)
{
    queue->version = 0;
    queue->data = SLICE_EMPTY;
    sqlite3 *db = cluster_lock(cluster);
    const enum err err = read_row(cluster, db, arena, queue);
    cluster_unlock(cluster);
    return err;
}

/* Runs a statement that changes something; ERR_ABORTED when it changed nothing. */
static enum err change(struct cluster *cluster, sqlite3 *db, const char *sql,
                       const struct cluster_queue *queue)
{
    sqlite3_stmt *statement;
    enum err err = prepare(cluster, db, sql, queue, &statement);

    if (err != ERR_OK)
        return err;
    if (sqlite3_bind_parameter_count(statement) > 3)
        must(sqlite3_bind_int64(statement, 4, queue->version) == SQLITE_OK);
    if (sqlite3_bind_parameter_count(statement) > 2)
        must(sqlite3_bind_blob(statement, 3, queue->data.len ? (const void *)queue->data.ptr : "",
                               (int)queue->data.len, SQLITE_STATIC) == SQLITE_OK);
    const int code = sqlite3_step(statement);
    if (code != SQLITE_DONE)
        err = cluster_sql_err(cluster, code, "write task queue");
    else if (sqlite3_changes(db) == 0)
        err = ERR_ABORTED;
    sqlite3_finalize(statement);
    return err;
}

static enum err check_room(struct cluster *cluster, sqlite3 *db, const struct cluster_queue *queue)
{
    sqlite3_stmt *row;
    enum err err = prepare(cluster, db, "SELECT count(*) FROM task_queues WHERE namespace_id = ?1",
                           queue, &row);

    if (err != ERR_OK)
        return err;
    const int code = sqlite3_step(row);
    if (code != SQLITE_ROW)
        err = cluster_sql_err(cluster, code, "count task queues");
    else if (sqlite3_column_int64(row, 0) >= CLUSTER_QUEUES_MAX)
        err = ERR_BUSY;
    sqlite3_finalize(row);
    return err;
}

enum err cluster_queue_swap(struct cluster *cluster, const struct cluster_queue *next)
{
    must(next->namespace_id.len && next->name.len && next->data.len <= CLUSTER_QUEUE_BYTES_MAX);
    sqlite3 *db = cluster_lock(cluster);
    enum err err = cluster_begin(cluster);
    if (err == ERR_OK) {
        if (next->version == 0)
            err = check_room(cluster, db, next);
        if (err == ERR_OK)
            err = change(cluster, db,
                         next->version == 0
                             ? "INSERT OR IGNORE INTO task_queues VALUES (?1, ?2, 1, ?3)"
                             : "UPDATE task_queues SET version = version + 1, data = ?3"
                               " WHERE namespace_id = ?1 AND name = ?2 AND version = ?4",
                         next);
        err = cluster_end(cluster, err);
    }
    cluster_unlock(cluster);
    return err;
}
