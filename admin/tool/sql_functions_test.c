/* sql_functions_test.c - rows as SQL shows them; and bytes that are none, which must be NULL. */
#include "admin/tool/sql.h"

#include "common/base/rng.h"
#include "common/base/slice.h"
#include "tests/lib/test.h"

#include <stdio.h>

enum { JUNK_ROUNDS = 20000, JUNK_BYTES = 64 };

/* "NULL", or the first column of the only row as text. */
static void ask(sqlite3 *db, const char *sql, struct slice a, struct slice b, char out[128])
{
    sqlite3_stmt *stmt;

    check(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK);
    if (sqlite3_bind_parameter_count(stmt) >= 1)
        sqlite3_bind_blob64(stmt, 1, a.ptr, a.len, SQLITE_STATIC);
    if (sqlite3_bind_parameter_count(stmt) >= 2)
        sqlite3_bind_blob64(stmt, 2, b.ptr, b.len, SQLITE_STATIC);
    check(sqlite3_step(stmt) == SQLITE_ROW);
    const char *text = (const char *)sqlite3_column_text(stmt, 0);
    snprintf(out, 128, "%s", text ? text : "NULL");
    sqlite3_finalize(stmt);
}

static sqlite3 *open_db(void)
{
    sqlite3 *db;

    check(sqlite3_open(":memory:", &db) == SQLITE_OK);
    check(sql_functions_add(db) == SQLITE_OK);
    return db;
}

TEST(test_sql_names_kinds_and_runs)
{
    uint8_t key[35] = {7, 'X', [2] = 0xab, [10] = 0xcd, [34] = 1};
    sqlite3 *db = open_db();
    char text[128];

    ask(db, "SELECT gnomon_kind(?1)", slice_of(key, 18), SLICE_EMPTY, text);
    check_str(text, "execution");
    ask(db, "SELECT gnomon_run(?1)", slice_of(key, 18), SLICE_EMPTY, text);
    check_str(text, "ab000000-0000-0000-cd00-000000000000");
    key[1] = 'D';
    ask(db, "SELECT gnomon_run(?1)", slice_of(key, 26), SLICE_EMPTY, text);
    check_str(text, "cd000000-0000-0000-0000-000000000000");
    key[1] = 'T'; /* names none in its key */
    ask(db, "SELECT gnomon_run(?1)", slice_of(key, 34), SLICE_EMPTY, text);
    check_str(text, "NULL");
    key[1] = '?';
    ask(db, "SELECT gnomon_kind(?1)", slice_of(key, 18), SLICE_EMPTY, text);
    check_str(text, "NULL");
    ask(db, "SELECT gnomon_kind(NULL)", SLICE_EMPTY, SLICE_EMPTY, text);
    check_str(text, "NULL");
    check(sqlite3_close(db) == SQLITE_OK);
}

TEST(test_sql_reads_any_bytes)
{
    static const char kinds[] = "CXPNTDRBOEHLK";
    uint8_t key[JUNK_BYTES], value[JUNK_BYTES];
    sqlite3 *db = open_db();
    struct rng rng;
    char text[128];

    rng_seed(&rng, 1);
    for (int i = 0; i < JUNK_ROUNDS; i++) {
        for (size_t k = 0; k < JUNK_BYTES; k++) {
            key[k] = (uint8_t)rng_u64(&rng);
            value[k] = (uint8_t)rng_u64(&rng);
        }
        key[1] = (uint8_t)kinds[rng_u64(&rng) % (sizeof kinds - 1)];
        key[18] = (uint8_t)(rng_u64(&rng) % 12);
        value[0] = (uint8_t)(0x80 | rng_u64(&rng) % 16); /* a record's first byte */
        const struct slice a = slice_of(key, rng_u64(&rng) % JUNK_BYTES),
                           b = slice_of(value, rng_u64(&rng) % JUNK_BYTES);

        ask(db, "SELECT gnomon_json(?1, ?2)", a, b, text);
        ask(db, "SELECT gnomon_visible(?1)", b, SLICE_EMPTY, text);
        ask(db, "SELECT gnomon_run(?1)", a, SLICE_EMPTY, text);
    }
    check(sqlite3_close(db) == SQLITE_OK);
}
