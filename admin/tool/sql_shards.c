/* sql_shards.c - see sql_shards.h. A virtual table whose cursor goes through the shards, one after
 * the other, each in the order of its keys; bounds of `shard` and `key` are handed down. */
#include "admin/tool/sql_shards.h"

#include "common/base/clock.h"
#include "common/base/slice.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* What a connection keeps of its file: with 256 shards a quarter of the query's memory. */
#define CACHE_PRAGMA "PRAGMA cache_size = -512"

enum { UNTORN_TRIES = 2000, UNTORN_PAUSE_MS = 5, BUSY_WAIT_MS = 5000 };

struct sql_shards {
    uint32_t count;
    sqlite3 *dbs[];
};

static enum err problem(sqlite3 *db, uint32_t shard, struct err_detail *detail)
{
    return err_fail(detail, ERR_IO, "shard %" PRIu32 ": %s", shard, sqlite3_errmsg(db));
}

static enum err open_shard(const char *dir, uint32_t shard, sqlite3 **out,
                           struct err_detail *detail)
{
    char path[PATH_MAX];

    const int len = snprintf(path, sizeof path, "%s/history-%" PRIu32 ".tables.db", dir, shard);
    if (len < 0 || (size_t)len >= sizeof path)
        return err_fail(detail, ERR_IO, "the path of shard %" PRIu32 " is too long", shard);
    if (sqlite3_open_v2(path, out, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
            SQLITE_OK ||
        sqlite3_busy_timeout(*out, BUSY_WAIT_MS) != SQLITE_OK ||
        sqlite3_exec(*out, "PRAGMA query_only = 1; " CACHE_PRAGMA, NULL, NULL, NULL) != SQLITE_OK)
        return problem(*out, shard, detail);
    return ERR_OK;
}

enum err sql_shards_open(const char *dir, uint32_t count, struct sql_shards **out,
                         struct err_detail *detail)
{
    struct sql_shards *shards = calloc(1, sizeof *shards + count * sizeof(sqlite3 *));
    enum err err = ERR_OK;

    must(shards);
    shards->count = count;
    for (uint32_t i = 0; i < count && err == ERR_OK; i++)
        err = open_shard(dir, i, &shards->dbs[i], detail);
    if (err != ERR_OK) {
        sql_shards_close(shards);
        return err;
    }
    *out = shards;
    return ERR_OK;
}

void sql_shards_close(struct sql_shards *shards)
{
    if (!shards)
        return;
    for (uint32_t i = 0; i < shards->count; i++)
        sqlite3_close(shards->dbs[i]);
    free(shards);
}

/* Its first SELECT fixes what a transaction sees. */
static enum err begin_shard(sqlite3 *db, uint32_t shard, struct err_detail *detail)
{
    const struct timespec pause = {.tv_nsec = UNTORN_PAUSE_MS * NS_PER_MS};

    for (int attempt = 0; attempt < UNTORN_TRIES; attempt++) {
        sqlite3_stmt *stmt;

        if (sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK ||
            sqlite3_prepare_v2(db, "SELECT 1 FROM position WHERE family = 255", -1, &stmt, NULL) !=
                SQLITE_OK)
            return problem(db, shard, detail);
        const bool torn = sqlite3_step(stmt) == SQLITE_ROW;
        if (sqlite3_finalize(stmt) != SQLITE_OK)
            return problem(db, shard, detail);
        if (!torn)
            return ERR_OK;
        if (sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK)
            return problem(db, shard, detail);
        nanosleep(&pause, NULL);
    }
    return err_fail(detail, ERR_BUSY, "shard %" PRIu32 ": flushes are always under way", shard);
}

enum err sql_shards_begin(struct sql_shards *shards, struct err_detail *detail)
{
    enum err err = ERR_OK;

    for (uint32_t i = 0; i < shards->count && err == ERR_OK; i++)
        err = begin_shard(shards->dbs[i], i, detail);
    return err;
}

/* -- the virtual table ---------------------------------------------------------------------- */

enum column { COLUMN_SHARD, COLUMN_KEY, COLUMN_VALUE };

/* How a scan is bounded: bits of idxNum; the values come in their order. */
enum bound { BOUND_SHARD = 1, BOUND_EQUAL = 2, BOUND_FROM = 4, BOUND_TO = 8 };

struct joined { /* a table */
    sqlite3_vtab base;
    struct sql_shards *shards;
    const char *rows; /* the name of each shard's */
};

struct cursor {
    sqlite3_vtab_cursor base;
    uint32_t shard, end; /* this one, and where to stop */
    sqlite3_stmt *stmt;  /* NULL: at the end */
    sqlite3_int64 rowid;
    int bounds;
    sqlite3_value *equal, *from, *to; /* of the key; NULL: none */
};

static int join(sqlite3 *db, void *arg, int argc, const char *const *argv, sqlite3_vtab **out,
                char **error)
{
    UNUSED(error);
    must(argc >= 3);
    const int code =
        sqlite3_declare_vtab(db, "CREATE TABLE x(shard INTEGER, key BLOB, value BLOB)");
    if (code != SQLITE_OK)
        return code;
    struct joined *joined = calloc(1, sizeof *joined);
    must(joined);
    joined->shards = arg;
    joined->rows = strcmp(argv[2], "shard_rows") == 0 ? "rows_main" : "rows_visibility";
    *out = &joined->base;
    return SQLITE_OK;
}

static int leave(sqlite3_vtab *vtab)
{
    free(vtab);
    return SQLITE_OK;
}

static int bound_of(int column, unsigned op)
{
    if (column == COLUMN_SHARD)
        return op == SQLITE_INDEX_CONSTRAINT_EQ ? BOUND_SHARD : 0;
    if (column != COLUMN_KEY)
        return 0;
    switch (op) {
    case SQLITE_INDEX_CONSTRAINT_EQ:
        return BOUND_EQUAL;
    case SQLITE_INDEX_CONSTRAINT_GE:
    case SQLITE_INDEX_CONSTRAINT_GT:
        return BOUND_FROM;
    case SQLITE_INDEX_CONSTRAINT_LE:
    case SQLITE_INDEX_CONSTRAINT_LT:
        return BOUND_TO;
    default:
        return 0;
    }
}

/* SQLite checks each row once more: a bound may let more through. */
static int plan(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
    int given = 0;

    UNUSED(vtab);
    info->idxNum = 0;
    for (int bound = BOUND_SHARD; bound <= BOUND_TO; bound *= 2)
        for (int i = 0; i < info->nConstraint && !(info->idxNum & bound); i++) {
            if (!info->aConstraint[i].usable ||
                bound_of(info->aConstraint[i].iColumn, info->aConstraint[i].op) != bound)
                continue;
            info->idxNum |= bound;
            info->aConstraintUsage[i].argvIndex = ++given;
        }
    info->estimatedCost = info->idxNum & BOUND_EQUAL               ? 10
                          : info->idxNum & (BOUND_FROM | BOUND_TO) ? 100000
                          : info->idxNum & BOUND_SHARD             ? 300000
                                                                   : 1000000;
    info->estimatedRows = info->idxNum & BOUND_EQUAL ? 1 : 100000;
    return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *vtab, sqlite3_vtab_cursor **out)
{
    struct cursor *cursor = calloc(1, sizeof *cursor);

    UNUSED(vtab);
    must(cursor);
    *out = &cursor->base;
    return SQLITE_OK;
}

static void forget(struct cursor *cursor)
{
    sqlite3_finalize(cursor->stmt);
    sqlite3_value_free(cursor->equal);
    sqlite3_value_free(cursor->from);
    sqlite3_value_free(cursor->to);
    cursor->stmt = NULL;
    cursor->equal = cursor->from = cursor->to = NULL;
}

static int close_cursor(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = CONTAINER_OF(base, struct cursor, base);

    forget(cursor);
    free(cursor);
    return SQLITE_OK;
}

static int refuse(struct cursor *cursor, int code)
{
    struct joined *joined = CONTAINER_OF(cursor->base.pVtab, struct joined, base);

    sqlite3_free(joined->base.zErrMsg);
    joined->base.zErrMsg = sqlite3_mprintf("shard %u: %s", cursor->shard,
                                           sqlite3_errmsg(joined->shards->dbs[cursor->shard]));
    return code;
}

/* The statement that reads the cursor's shard. */
static int prepare(struct cursor *cursor)
{
    const struct joined *joined = CONTAINER_OF(cursor->base.pVtab, struct joined, base);
    char sql[160];

    snprintf(sql, sizeof sql, "SELECT key, value FROM %s WHERE 1%s%s%s ORDER BY key", joined->rows,
             cursor->equal ? " AND key = ?1" : "", cursor->from ? " AND key >= ?2" : "",
             cursor->to ? " AND key <= ?3" : "");
    int code = sqlite3_prepare_v2(joined->shards->dbs[cursor->shard], sql, -1, &cursor->stmt, NULL);
    if (code == SQLITE_OK && cursor->equal)
        code = sqlite3_bind_value(cursor->stmt, 1, cursor->equal);
    if (code == SQLITE_OK && cursor->from)
        code = sqlite3_bind_value(cursor->stmt, 2, cursor->from);
    if (code == SQLITE_OK && cursor->to)
        code = sqlite3_bind_value(cursor->stmt, 3, cursor->to);
    return code == SQLITE_OK ? code : refuse(cursor, code);
}

/* The next row, of this shard or of one after it. */
static int advance(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = CONTAINER_OF(base, struct cursor, base);

    cursor->rowid++;
    while (cursor->shard < cursor->end) {
        if (!cursor->stmt) {
            const int prepared = prepare(cursor);

            if (prepared != SQLITE_OK)
                return prepared;
        }
        const int code = sqlite3_step(cursor->stmt);
        if (code == SQLITE_ROW)
            return SQLITE_OK;
        if (code != SQLITE_DONE)
            return refuse(cursor, code);
        sqlite3_finalize(cursor->stmt);
        cursor->stmt = NULL;
        cursor->shard++;
    }
    return SQLITE_OK;
}

static int begin_scan(sqlite3_vtab_cursor *base, int bounds, const char *text, int argc,
                      sqlite3_value **argv)
{
    struct cursor *cursor = CONTAINER_OF(base, struct cursor, base);
    const struct joined *joined = CONTAINER_OF(base->pVtab, struct joined, base);
    int taken = 0;

    UNUSED(text);
    forget(cursor);
    cursor->rowid = 0;
    cursor->shard = 0;
    cursor->end = joined->shards->count;
    if (bounds & BOUND_SHARD) {
        sqlite3_value *shard = argv[taken++];

        if (sqlite3_value_type(shard) == SQLITE_INTEGER) {
            const sqlite3_int64 number = sqlite3_value_int64(shard);
            const bool there = number >= 0 && number < (sqlite3_int64)cursor->end;

            cursor->shard = there ? (uint32_t)number : cursor->end;
            cursor->end = there ? cursor->shard + 1 : cursor->end;
        }
    }
    if (bounds & BOUND_EQUAL)
        cursor->equal = sqlite3_value_dup(argv[taken++]);
    if (bounds & BOUND_FROM)
        cursor->from = sqlite3_value_dup(argv[taken++]);
    if (bounds & BOUND_TO)
        cursor->to = sqlite3_value_dup(argv[taken++]);
    must(taken == argc);
    return advance(base);
}

static int at_end(sqlite3_vtab_cursor *base)
{
    return CONTAINER_OF(base, struct cursor, base)->stmt == NULL;
}

static int give_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
    struct cursor *cursor = CONTAINER_OF(base, struct cursor, base);

    if (column == COLUMN_SHARD) {
        sqlite3_result_int64(context, cursor->shard);
        return SQLITE_OK;
    }
    const int from = column == COLUMN_KEY ? 0 : 1;
    const void *bytes = sqlite3_column_blob(cursor->stmt, from); /* before its size */
    const int len = sqlite3_column_bytes(cursor->stmt, from);
    if (len == 0)
        sqlite3_result_zeroblob(context, 0);
    else
        sqlite3_result_blob(context, bytes, len, SQLITE_TRANSIENT);
    return SQLITE_OK;
}

static int give_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    *out = CONTAINER_OF(base, struct cursor, base)->rowid;
    return SQLITE_OK;
}

int sql_shards_add(struct sql_shards *shards, sqlite3 *db)
{
    static const sqlite3_module module = {
        .iVersion = 1,
        .xCreate = join,
        .xConnect = join,
        .xBestIndex = plan,
        .xDisconnect = leave,
        .xDestroy = leave,
        .xOpen = open_cursor,
        .xClose = close_cursor,
        .xFilter = begin_scan,
        .xNext = advance,
        .xEof = at_end,
        .xColumn = give_column,
        .xRowid = give_rowid,
    };
    const int code = sqlite3_create_module_v2(db, "gnomon_shards", &module, shards, NULL);

    return code != SQLITE_OK
               ? code
               : sqlite3_exec(db,
                              "CREATE VIRTUAL TABLE shard_rows USING gnomon_shards;"
                              "CREATE VIRTUAL TABLE shard_visibility USING gnomon_shards",
                              NULL, NULL, NULL);
}
