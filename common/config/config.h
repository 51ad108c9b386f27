/* config.h - static configuration: one file and the environment, read once, checked whole.
 *
 * The file is lines of `key = value` with # comments; every key has an environment variable that
 * wins over it: GNOMON_ and the key in capitals with dots as underscores (`frontend.port` is
 * GNOMON_FRONTEND_PORT). Unknown keys, bad values and values out of range are all reported, one
 * clear line each with the file's line number or the variable's name, and the process exits 2.
 * The keys are the table in config.def. */
#ifndef GNOMON_CONFIG_H
#define GNOMON_CONFIG_H

#include "common/base/buf.h"
#include "common/base/err.h"

struct config {
#define CONFIG_INT(member, key, absent, min, max, help) int64_t member;
#define CONFIG_STR(member, key, absent, help) char member[256];
#define CONFIG_BOOL(member, key, absent, help) bool member;
#include "common/config/config.def"
#undef CONFIG_INT
#undef CONFIG_STR
#undef CONFIG_BOOL
};

/* Defaults, then `path` (NULL: none), then the environment. ERR_INVALID: `problems` then holds one
 * line per problem. */
MUST_USE enum err config_load(struct config *config, const char *path, struct buf *problems);

/* Every key with its default, range and meaning, for --help. */
void config_help(struct buf *out);

#endif
