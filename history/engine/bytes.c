/* bytes.c - heap bytes with one owner. */
#include "history/engine/run.h"

#include <stdlib.h>

void bytes_set(struct bytes *bytes, struct slice value)
{
    uint8_t *copy = NULL;

    if (value.len > 0) {
        copy = malloc(value.len);
        must(copy != NULL);
        memcpy(copy, value.ptr, value.len);
    }
    free(bytes->ptr); /* last: `value` may be part of what is replaced */
    bytes->ptr = copy;
    bytes->len = value.len;
}

void bytes_clear(struct bytes *bytes)
{
    free(bytes->ptr);
    *bytes = (struct bytes){NULL, 0};
}
