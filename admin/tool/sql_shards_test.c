/* sql_shards_test.c - twenty files of shards, made here, read as one. */
#include "admin/tool/sql_shards.h"

#include "common/base/slice.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SHARDS = 20, ROWS = 3 }; /* more shards than a connection attaches */

struct world {
    char dir[64];
    struct sql_shards *shards;
    sqlite3 *db;
};

static void path_of(const struct world *w, int shard, char out[128])
{
    snprintf(out, 128, "%s/history-%d.tables.db", w->dir, shard);
}

static void run_in(const struct world *w, int shard, const char *sql)
{
    char path[128];
    sqlite3 *db;

    path_of(w, shard, path);
    check(sqlite3_open(path, &db) == SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        test_failed(__FILE__, __LINE__, "%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

/* Each shard has rows k0 to k2, whose value is its number, and none but the 7th a visible one. */
static void set_up(struct world *w)
{
    *w = (struct world){.dir = "/tmp/sql_shards_XXXXXX"};
    check(mkdtemp(w->dir) != NULL);
    for (int shard = 0; shard < SHARDS; shard++) {
        run_in(w, shard,
               "PRAGMA journal_mode = wal; CREATE TABLE position(family INTEGER PRIMARY KEY);"
               "CREATE TABLE rows_main(key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID;"
               "CREATE TABLE rows_visibility(key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID;");
        for (int row = 0; row < ROWS; row++) {
            char sql[128];

            snprintf(sql, sizeof sql, "INSERT INTO rows_main VALUES(x'6b%02x', x'%02x')", row,
                     shard);
            run_in(w, shard, sql);
        }
    }
    run_in(w, 7, "INSERT INTO rows_visibility VALUES(x'01', x'')");
}

static void open_all(struct world *w)
{
    struct err_detail detail = {0};

    check_ok(sql_shards_open(w->dir, SHARDS, &w->shards, &detail));
    check_ok(sql_shards_begin(w->shards, &detail));
    check(sqlite3_open(":memory:", &w->db) == SQLITE_OK);
    check(sql_shards_add(w->shards, w->db) == SQLITE_OK);
}

static void tear_down(struct world *w)
{
    static const char *const ends[] = {"", "-wal", "-shm"};

    sqlite3_close(w->db);
    sql_shards_close(w->shards);
    for (int shard = 0; shard < SHARDS; shard++)
        for (size_t i = 0; i < COUNT_OF(ends); i++) {
            char path[128], whole[140];

            path_of(w, shard, path);
            snprintf(whole, sizeof whole, "%s%s", path, ends[i]);
            (void)unlink(whole);
        }
    check(rmdir(w->dir) == 0);
}

static void check_answer(const struct world *w, const char *sql, const char *wanted)
{
    sqlite3_stmt *stmt;
    char found[256] = "";

    if (sqlite3_prepare_v2(w->db, sql, -1, &stmt, NULL) != SQLITE_OK)
        test_failed(__FILE__, __LINE__, "%s: %s", sql, sqlite3_errmsg(w->db));
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        const size_t len = strlen(found);

        snprintf(found + len, sizeof found - len, "%s%s", len ? " " : "",
                 (const char *)sqlite3_column_text(stmt, 0));
    }
    if (sqlite3_finalize(stmt) != SQLITE_OK || strcmp(found, wanted) != 0)
        test_failed(__FILE__, __LINE__, "%s: %s, wanted %s (%s)", sql, found, wanted,
                    sqlite3_errmsg(w->db));
}

TEST(test_sql_shards_are_one_table)
{
    static const struct {
        const char *sql, *wanted;
    } cases[] = {
        {"SELECT count(*) FROM shard_rows", "60"},
        {"SELECT count(DISTINCT shard) FROM shard_rows", "20"},
        {"SELECT hex(key) FROM shard_rows WHERE shard = 19", "6B00 6B01 6B02"},
        {"SELECT hex(value) FROM shard_rows WHERE shard = 19 AND key > x'6b01'", "13"},
        {"SELECT count(*) FROM shard_rows WHERE key = x'6b01'", "20"},
        {"SELECT count(*) FROM shard_rows WHERE key > x'6b00' AND key < x'6b02'", "20"},
        {"SELECT count(*) FROM shard_rows WHERE key BETWEEN x'6b01' AND x'6b02'", "40"},
        {"SELECT count(*) FROM shard_rows WHERE key = 'k'", "0"},
        {"SELECT count(*) FROM shard_rows WHERE shard = 20", "0"},
        {"SELECT count(*) FROM shard_rows WHERE shard = -1", "0"},
        {"SELECT count(*) FROM shard_rows WHERE shard = 1.5", "0"},
        {"SELECT count(*) FROM shard_rows WHERE shard = '3'", "3"},
        {"SELECT count(*) FROM shard_rows WHERE shard IS NULL", "0"},
        {"SELECT count(*) FROM shard_rows WHERE shard IN (1, 3, 5)", "9"},
        {"SELECT shard FROM shard_visibility", "7"},
        {"SELECT typeof(value) || length(value) FROM shard_visibility", "blob0"},
        {"SELECT count(*) FROM shard_rows a JOIN shard_rows b ON a.key = b.key", "1200"},
        {"SELECT count(*) FROM shard_rows a JOIN shard_rows b ON a.shard = b.shard + 1", "171"},
        {"SELECT hex(max(value)) FROM shard_rows", "13"},
        {"SELECT count(DISTINCT rowid) FROM shard_rows", "60"},
    };
    struct world w;

    set_up(&w);
    open_all(&w);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_answer(&w, cases[i].sql, cases[i].wanted);
    tear_down(&w);
}

TEST(test_sql_shards_show_one_moment)
{
    struct world w;

    set_up(&w);
    open_all(&w);
    run_in(&w, 3, "DELETE FROM rows_main");
    check_answer(&w, "SELECT count(*) FROM shard_rows", "60");
    check(sqlite3_exec(w.db, "DELETE FROM shard_rows", NULL, NULL, NULL) != SQLITE_OK);
    tear_down(&w);
}

TEST(test_sql_shards_say_what_is_wrong)
{
    struct err_detail detail = {0};
    struct world w;
    char path[128];

    set_up(&w);
    run_in(&w, 4, "DROP TABLE position");
    check_ok(sql_shards_open(w.dir, SHARDS, &w.shards, &detail));
    check_err(sql_shards_begin(w.shards, &detail), ERR_IO);
    check_str(detail.text, "shard 4: no such table: position");
    sql_shards_close(w.shards);
    w.shards = NULL;
    path_of(&w, 4, path);
    check(unlink(path) == 0);
    check_err(sql_shards_open(w.dir, SHARDS, &w.shards, &detail), ERR_IO);
    check_str(detail.text, "shard 4: unable to open database file");
    check(access(path, F_OK) != 0); /* and it is not made */
    tear_down(&w);
}
