/* sql_shards.h - the tables of many shards as two, for SQLite: shard_rows(shard, key, value) and
 * shard_visibility(shard, key, value).
 *
 * Each shard's file has a connection of its own, so that there may be more of them than one
 * connection can attach. */
#ifndef GNOMON_ADMIN_SQL_SHARDS_H
#define GNOMON_ADMIN_SQL_SHARDS_H

#include "common/base/err.h"

#include <sqlite3.h>
#include <stdint.h>

struct sql_shards;

/* Open the tables of shards 0 to count - 1 in `dir`, for reading. Gives *out, ended by
 * sql_shards_close(). One thread.
 * Errors: ERR_IO, with the shard and what is wrong. */
MUST_USE enum err sql_shards_open(const char *dir, uint32_t count, struct sql_shards **out,
                                  struct err_detail *detail);
void sql_shards_close(struct sql_shards *shards);

/* Each shard as of one moment between two of its flushes, until the end.
 * Errors: ERR_IO; ERR_BUSY a shard was always within a flush. */
MUST_USE enum err sql_shards_begin(struct sql_shards *shards, struct err_detail *detail);

/* Make the two tables in `db`, which is closed before `shards`. SQLite's code. */
int sql_shards_add(struct sql_shards *shards, sqlite3 *db);

#endif
