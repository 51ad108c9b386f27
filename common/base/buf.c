/* buf.c - see buf.h. */
#include "common/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUF_MAX_DEFAULT = 64 * 1024 * 1024 };

void buf_init(struct buf *buf, size_t max_bytes)
{
    *buf = (struct buf){.max_bytes = max_bytes ? max_bytes : BUF_MAX_DEFAULT};
}

void buf_release(struct buf *buf)
{
    free(buf->ptr);
    *buf = (struct buf){.max_bytes = buf->max_bytes};
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->failed = false;
}

bool buf_reserve(struct buf *buf, size_t more_bytes)
{
    if (buf->failed || more_bytes > buf->max_bytes - buf->len) {
        buf->failed = true;
        return false;
    }
    if (buf->cap - buf->len >= more_bytes)
        return true;
    size_t cap = buf->cap ? buf->cap * 2 : 256;
    while (cap < buf->len + more_bytes)
        cap *= 2;
    uint8_t *ptr = realloc(buf->ptr, cap);
    if (!ptr) {
        buf->failed = true;
        return false;
    }
    buf->ptr = ptr;
    buf->cap = cap;
    return true;
}

void buf_append(struct buf *buf, const void *bytes, size_t len)
{
    if (len == 0 || !buf_reserve(buf, len))
        return;
    memcpy(buf->ptr + buf->len, bytes, len);
    buf->len += len;
}

void buf_append_slice(struct buf *buf, struct slice bytes)
{
    buf_append(buf, bytes.ptr, bytes.len);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    const int len = vsnprintf(NULL, 0, format, args);
    must(len >= 0);
    if (buf_reserve(buf, (size_t)len + 1)) {
        vsnprintf((char *)buf->ptr + buf->len, (size_t)len + 1, format, again);
        buf->len += (size_t)len;
    }
    va_end(again);
    va_end(args);
}

void buf_drop_front(struct buf *buf, size_t bytes)
{
    must(bytes <= buf->len);
    buf->len -= bytes;
    if (buf->len)
        memmove(buf->ptr, buf->ptr + bytes, buf->len);
}
