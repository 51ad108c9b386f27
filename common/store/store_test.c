/* store_test.c - the suite on every back end that needs no server. */
#include "common/store/fault/store_fault.h"
#include "common/store/memory/store_memory.h"

#include <sqlite3.h>
#include <unistd.h>

#include "common/store/store_suite.h"

/* -- the sqlite back end: files of a folder ------------------------------------------------- */

static void sqlite_wipe(const char *dir)
{
    static const char *const names[] = {"test-7.log.db",         "test-7.tables.db",
                                        "test-7.log.db-wal",     "test-7.tables.db-wal",
                                        "test-7.log.db-journal", "test-7.tables.db-shm",
                                        "test.ballast"};
    char path[512];

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
}

static bool sqlite_change(const char *dir, const char *sql, int64_t seq)
{
    char path[512];
    sqlite3 *db;
    sqlite3_stmt *stmt;

    snprintf(path, sizeof path, "%s/test-7.log.db", dir);
    must(sqlite3_open(path, &db) == SQLITE_OK);
    must(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK);
    sqlite3_bind_int64(stmt, 1, seq * 16);
    const bool done = sqlite3_step(stmt) == SQLITE_DONE && sqlite3_changes(db) == 1;
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return done;
}

static bool sqlite_damage(const char *dir, int64_t seq)
{
    return sqlite_change(dir,
                         "UPDATE log SET bytes = substr(bytes, 1, length(bytes) - 1) || x'fe'"
                         " WHERE id = ?1",
                         seq);
}

static bool sqlite_lose(const char *dir, int64_t seq)
{
    return sqlite_change(dir, "DELETE FROM log WHERE id = ?1", seq);
}

static const struct suite_hooks sqlite = {
    .backend = "sqlite", .wipe = sqlite_wipe, .damage = sqlite_damage, .lose = sqlite_lose};

/* -- memory and fault ----------------------------------------------------------------------- */

static bool memory_damage(const char *dir, int64_t seq)
{
    return store_memory_damage(dir, "test", BED_SHARD, seq, 50);
}

static bool memory_lose(const char *dir, int64_t seq)
{
    return store_memory_lose(dir, "test", BED_SHARD, seq);
}

static const struct suite_hooks memory = {.backend = "memory",
                                          .shared = true,
                                          .wipe = store_memory_wipe,
                                          .damage = memory_damage,
                                          .lose = memory_lose};
static const struct suite_hooks fault = {.backend = "fault",
                                         .shared = true,
                                         .wipe = store_fault_wipe,
                                         .damage = memory_damage,
                                         .lose = memory_lose};

SUITE(SUITE_TEST, sqlite)
SUITE(SUITE_TEST, memory)
SUITE(SUITE_TEST, fault)
