/* log.h - one line per event: a constant message and key=value fields, as text or as JSON.
 *
 *     log_info(log, "shard opened", F_U64("shard_id", id), F_STR("path", path));
 *
 * Lines go to stderr in one write() each. Never log a payload. Thread-safe. */
#ifndef GNOMON_LOG_H
#define GNOMON_LOG_H

#include "common/base/err.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

struct log {
    enum log_level level; /* what is below is not written */
    enum log_format format;
    int fd;              /* 2, or a test's pipe */
    const char *service; /* "history": a field of every line; may be NULL */
};

struct log_field {
    const char *key;
    enum { LOG_FIELD_STR, LOG_FIELD_I64, LOG_FIELD_U64, LOG_FIELD_SLICE } kind;
    union {
        const char *str;
        int64_t i64;
        uint64_t u64;
        struct slice slice;
    } value;
};

#define F_STR(k, v) ((struct log_field){.key = (k), .kind = LOG_FIELD_STR, .value.str = (v)})
#define F_I64(k, v) ((struct log_field){.key = (k), .kind = LOG_FIELD_I64, .value.i64 = (v)})
#define F_U64(k, v) ((struct log_field){.key = (k), .kind = LOG_FIELD_U64, .value.u64 = (v)})
#define F_SLICE(k, v) ((struct log_field){.key = (k), .kind = LOG_FIELD_SLICE, .value.slice = (v)})
#define F_ERR(e) F_STR("err", err_name(e))

void log_write(const struct log *log, enum log_level level, const char *message,
               const struct log_field *fields, size_t count);

#define LOG_AT(log, lvl, ...) LOG_AT_(log, lvl, __VA_ARGS__, {0})
#define LOG_AT_(log, lvl, message, ...)                                                            \
    do {                                                                                           \
        if ((log)->level <= (lvl)) {                                                               \
            const struct log_field log_fields_[] = {__VA_ARGS__};                                  \
            log_write((log), (lvl), (message), log_fields_, COUNT_OF(log_fields_) - 1);            \
        }                                                                                          \
    } while (0)
#define log_debug(log, ...) LOG_AT(log, LOG_DEBUG, __VA_ARGS__)
#define log_info(log, ...) LOG_AT(log, LOG_INFO, __VA_ARGS__)
#define log_warn(log, ...) LOG_AT(log, LOG_WARN, __VA_ARGS__)
#define log_error(log, ...) LOG_AT(log, LOG_ERROR, __VA_ARGS__)

/* "debug", "info", "warn", "error" in any case; false: not a level. */
bool log_level_parse(const char *text, enum log_level *out);

#endif
