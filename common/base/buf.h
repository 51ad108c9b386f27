/* buf.h - a growable byte buffer with a cap.
 *
 * A write past the cap (or an allocation failure) sets `failed` and is dropped, as is all that
 * follows: write everything, then look once at buf_ok(). */
#ifndef GNOMON_BUF_H
#define GNOMON_BUF_H

#include "common/base/slice.h"

struct buf {
    uint8_t *ptr;
    size_t len, cap, max_bytes;
    bool failed;
};

void buf_init(struct buf *buf, size_t max_bytes); /* allocates nothing yet; 0 means 64 MB */
void buf_release(struct buf *buf);
void buf_clear(struct buf *buf); /* empty, keeps the memory */
bool buf_reserve(struct buf *buf, size_t more_bytes);
void buf_append(struct buf *buf, const void *bytes, size_t len);
void buf_append_slice(struct buf *buf, struct slice bytes);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_drop_front(struct buf *buf, size_t bytes); /* memmove of the rest */

static inline bool buf_ok(const struct buf *buf)
{
    return !buf->failed;
}

static inline struct slice buf_slice(const struct buf *buf)
{
    return slice_of(buf->ptr, buf->len);
}

#endif
