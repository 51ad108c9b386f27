/* log.c - lines of key=value (logfmt) or JSON, built whole and written at once.
 *
 * A text value is bare when it is plain; else it is quoted as a JSON string, so that no field can
 * forge another one or a new line. Bytes that are not UTF-8 become U+FFFD. */
#include "common/log/log.h"

#include "common/base/buf.h"
#include "common/base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum { VALUE_BYTES_MAX = 4096, LINE_BYTES_MAX = 256 * 1024 };

static const char *const level_names[] = {"debug", "info", "warn", "error"};

/* Length of the well-formed UTF-8 sequence at the front of `s`; 0: none. */
static size_t utf8_len(struct slice s)
{
    const uint8_t lead = s.ptr[0];
    const size_t len = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

    if (len == 0 || lead > 0xf4 || len > s.len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((s.ptr[i] & 0xc0) != 0x80)
            return 0;
    if ((lead == 0xe0 && s.ptr[1] < 0xa0) || (lead == 0xed && s.ptr[1] > 0x9f) ||
        (lead == 0xf0 && s.ptr[1] < 0x90) || (lead == 0xf4 && s.ptr[1] > 0x8f))
        return 0;
    return len;
}

static void put_escaped(struct buf *out, uint8_t byte)
{
    switch (byte) {
    case '"':
    case '\\':
        buf_printf(out, "\\%c", byte);
        break;
    case '\n':
        buf_append(out, "\\n", 2);
        break;
    case '\r':
        buf_append(out, "\\r", 2);
        break;
    case '\t':
        buf_append(out, "\\t", 2);
        break;
    default:
        buf_printf(out, "\\u%04x", byte);
    }
}

static void put_quoted(struct buf *out, struct slice text)
{
    const bool cut = text.len > VALUE_BYTES_MAX;

    if (cut)
        text.len = VALUE_BYTES_MAX;
    buf_append(out, "\"", 1);
    for (size_t i = 0; i < text.len;) {
        const size_t len = utf8_len(slice_of(text.ptr + i, text.len - i));

        if (len == 0)
            buf_append(out, "\\ufffd", 6);
        else if (len == 1 && (text.ptr[i] < 0x20 || text.ptr[i] == '"' || text.ptr[i] == '\\' ||
                              text.ptr[i] == 0x7f))
            put_escaped(out, text.ptr[i]);
        else
            buf_append(out, text.ptr + i, len);
        i += len ? len : 1;
    }
    if (cut)
        buf_append(out, "...", 3);
    buf_append(out, "\"", 1);
}

static bool is_plain(struct slice text)
{
    if (text.len == 0 || text.len > VALUE_BYTES_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f || text.ptr[i] == '"' || text.ptr[i] == '=' ||
            text.ptr[i] == '\\')
            return false;
    return true;
}

static void put_value(struct buf *out, enum log_format format, struct slice text)
{
    if (format == LOG_TEXT && is_plain(text))
        buf_append_slice(out, text);
    else
        put_quoted(out, text);
}

static void put_key(struct buf *out, enum log_format format, const char *key)
{
    buf_printf(out, format == LOG_TEXT ? " %s=" : ",\"%s\":", key);
}

static void put_field(struct buf *out, enum log_format format, const struct log_field *field)
{
    put_key(out, format, field->key);
    switch (field->kind) {
    case LOG_FIELD_STR:
        put_value(out, format, slice_str(field->value.str));
        break;
    case LOG_FIELD_SLICE:
        put_value(out, format, field->value.slice);
        break;
    case LOG_FIELD_I64:
        buf_printf(out, "%lld", (long long)field->value.i64);
        break;
    case LOG_FIELD_U64:
        buf_printf(out, "%llu", (unsigned long long)field->value.u64);
        break;
    }
}

static void put_time(struct buf *out, enum log_format format)
{
    const int64_t now_ns = clock_wall_ns(&clock_real);
    const time_t seconds = (time_t)(now_ns / NS_PER_S);
    struct tm tm;
    char text[32];

    gmtime_r(&seconds, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    buf_printf(out, format == LOG_TEXT ? "ts=%s.%03dZ" : "{\"ts\":\"%s.%03dZ\"", text,
               (int)(now_ns % NS_PER_S / NS_PER_MS));
}

static void write_all(int fd, struct slice line)
{
    while (line.len > 0) {
        const ssize_t n = write(fd, line.ptr, line.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* nowhere to complain to */
        line = slice_of(line.ptr + n, line.len - (size_t)n);
    }
}

void log_write(const struct log *log, enum log_level level, const char *message,
               const struct log_field *fields, size_t count)
{
    const int saved_errno = errno;
    struct buf line;

    if (level < log->level)
        return;
    buf_init(&line, LINE_BYTES_MAX);
    put_time(&line, log->format);
    put_key(&line, log->format, "level");
    put_value(&line, log->format, slice_str(level_names[level]));
    if (log->service) {
        put_key(&line, log->format, "service");
        put_value(&line, log->format, slice_str(log->service));
    }
    put_key(&line, log->format, "msg");
    put_quoted(&line, slice_str(message));
    for (size_t i = 0; i < count; i++)
        put_field(&line, log->format, &fields[i]);
    buf_append(&line, log->format == LOG_TEXT ? "\n" : "}\n", log->format == LOG_TEXT ? 1 : 2);
    if (buf_ok(&line))
        write_all(log->fd, buf_slice(&line));
    buf_release(&line);
    errno = saved_errno;
}

bool log_level_parse(const char *text, enum log_level *out)
{
    for (size_t i = 0; i < COUNT_OF(level_names); i++)
        if (strcasecmp(text, level_names[i]) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    return false;
}
