/* sql.c - the command sql: a SELECT over the tables of all shards as one.
 *
 * The tables files are read through virtual tables (sql_shards.h) of a connection that can only
 * read: an authorizer admits nothing but SELECT. Two views decode them: rows(shard, tablet, kind,
 * run_id, key, value, json) and visibility(shard, tablet, key, value, json). Each shard is read as
 * of one moment, between two flushes. */
#include "admin/tool/sql.h"

#include "admin/tool/sql_shards.h"
#include "admin/tool/tool.h"

#include <stdio.h>

/* A query that needs more fails: sorts go to temporary files, rows have at most 8 MB. */
enum { HEAP_BYTES = 512 * 1024 * 1024, VALUE_BYTES = 64 * 1024 * 1024 };
enum { FLUSH_TIMEOUT_MS = 60000 };

static int refuse_sql(sqlite3 *db)
{
    return tool_refuse("sql: %s", sqlite3_errmsg(db));
}

/* Everything that was acknowledged into the tables. */
static int flush(struct tool *tool)
{
    struct tool_call calls[256] = {{0}};
    struct arena arena;
    int code = -1;

    for (uint32_t i = 0; i < tool->shard_count; i++)
        calls[i].shard = i;
    if (!tool->link) {
        for (uint32_t i = 0; i < tool->shard_count; i++) {
            struct err_detail detail = {0};
            struct tool_shard shard;

            if (tool_shard_open(tool, i, &shard, &detail) != ERR_OK)
                return tool_refuse("%s", detail.text);
            tool_shard_close(&shard, true);
        }
        return -1;
    }
    arena_init(&arena);
    tool_ask(tool, METHOD_HISTORY_FLUSH, calls, tool->shard_count, TOOL_AGAIN, FLUSH_TIMEOUT_MS,
             &arena);
    for (uint32_t i = 0; i < tool->shard_count && code < 0; i++)
        if (calls[i].err != ERR_OK)
            code = tool_refuse("shard %u: its owner cannot flush it: %s", i,
                               tool_call_problem(&calls[i]));
    arena_release(&arena);
    return code;
}

static bool run_text(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

/* What users see: gnomon_* decode what the shards have (sql.h). */
static const char views[] =
    "CREATE TEMP VIEW rows AS SELECT shard, substr(key, 1, 1) AS tablet, gnomon_kind(key) AS kind,"
    " gnomon_run(key) AS run_id, key, value, gnomon_json(key, value) AS json FROM shard_rows;"
    "CREATE TEMP VIEW visibility AS SELECT shard, substr(key, 1, 1) AS tablet, key, value,"
    " gnomon_visible(value) AS json FROM shard_visibility WHERE length(key) = 49";

static int may(void *arg, int action, const char *a, const char *b, const char *c, const char *d)
{
    UNUSED(arg);
    UNUSED(a);
    UNUSED(c);
    UNUSED(d);
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_FUNCTION:
        return b && strcmp(b, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
    default:
        return SQLITE_DENY;
    }
}

/* -- output --------------------------------------------------------------------------------- */

static void show_value(sqlite3_stmt *stmt, int column)
{
    if (sqlite3_column_type(stmt, column) == SQLITE_BLOB) {
        const uint8_t *bytes = sqlite3_column_blob(stmt, column);
        const int len = sqlite3_column_bytes(stmt, column);

        printf("x'");
        for (int i = 0; i < len; i++)
            printf("%02x", bytes[i]);
        printf("'");
    } else if (sqlite3_column_type(stmt, column) != SQLITE_NULL) {
        const char *text = (const char *)sqlite3_column_text(stmt, column);

        for (; text && *text; text++) /* a line is a row */
            putchar(*text == '\t' || *text == '\n' || *text == '\r' ? ' ' : *text);
    }
}

static int show_rows(sqlite3 *db, sqlite3_stmt *stmt)
{
    const int columns = sqlite3_column_count(stmt);
    int code;

    for (int i = 0; i < columns; i++)
        printf("%s%s", i ? "\t" : "", sqlite3_column_name(stmt, i));
    putchar('\n');
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW && !ferror(stdout)) {
        for (int i = 0; i < columns; i++) {
            if (i)
                putchar('\t');
            show_value(stmt, i);
        }
        putchar('\n');
    }
    return code == SQLITE_DONE || code == SQLITE_ROW ? TOOL_OK : refuse_sql(db);
}

static int select_all(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    const char *rest = "";

    /* Table-valued functions are tables, made with their first use. */
    if (!run_text(db, "SELECT 1 FROM json_each('[]'), json_tree('[]')"))
        return refuse_sql(db);
    sqlite3_set_authorizer(db, may, NULL);
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, &rest) != SQLITE_OK)
        return refuse_sql(db);
    int code = -1;
    if (!stmt || !sqlite3_stmt_readonly(stmt))
        code = tool_refuse("sql: one SELECT is what it takes");
    else if (rest[strspn(rest, " \t\r\n;")] != '\0')
        code = tool_refuse("sql: only one statement");
    if (code < 0)
        code = show_rows(db, stmt);
    sqlite3_finalize(stmt);
    return code;
}

static int select_from(struct sql_shards *shards, const char *sql)
{
    sqlite3 *db = NULL;
    int code = -1;

    if (sqlite3_open(":memory:", &db) != SQLITE_OK || sql_functions_add(db) != SQLITE_OK ||
        sql_shards_add(shards, db) != SQLITE_OK || !run_text(db, views) ||
        !run_text(db, "PRAGMA query_only = 1"))
        code = refuse_sql(db);
    if (code < 0) {
        sqlite3_limit(db, SQLITE_LIMIT_LENGTH, VALUE_BYTES);
        code = select_all(db, sql);
    }
    sqlite3_close(db);
    return code;
}

int tool_sql(struct tool *tool, const struct tool_args *args)
{
    struct sql_shards *shards = NULL;
    struct err_detail detail = {0};
    int code = flush(tool);

    if (code >= 0)
        return code;
    sqlite3_hard_heap_limit64(HEAP_BYTES);
    if (sql_shards_open(tool->config.data_dir, tool->shard_count, &shards, &detail) != ERR_OK ||
        sql_shards_begin(shards, &detail) != ERR_OK)
        code = tool_refuse("sql: %s", detail.text);
    else
        code = select_from(shards, args->words[0]);
    sql_shards_close(shards);
    return code;
}
