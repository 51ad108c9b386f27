/* arena.c - chunks that double up to a limit; what is larger gets a chunk of its own. */
#include "common/base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHUNK_MIN = 4096, CHUNK_MAX = 256 * 1024, ALIGN = 16 };

struct arena_chunk {
    struct arena_chunk *older;
    size_t bytes; /* payload size */
    _Alignas(ALIGN) uint8_t data[];
};

void arena_init(struct arena *arena)
{
    *arena = (struct arena){0};
}

void arena_release(struct arena *arena)
{
    struct arena_chunk *chunk = arena->chunks;

    while (chunk) {
        struct arena_chunk *older = chunk->older;

        free(chunk);
        chunk = older;
    }
    *arena = (struct arena){0};
}

void arena_reset(struct arena *arena)
{
    struct arena_chunk *keep = arena->chunks;

    if (!keep)
        return;
    arena->chunks = keep->older;
    keep->older = NULL;
    arena_release(arena);
    if (keep->bytes > CHUNK_MAX) {
        free(keep);
        return;
    }
    *arena = (struct arena){.chunks = keep, .next = keep->data, .end = keep->data + keep->bytes};
}

static void arena_grow(struct arena *arena, size_t bytes)
{
    size_t size = arena->chunks ? arena->chunks->bytes * 2 : CHUNK_MIN - sizeof(struct arena_chunk);

    if (size > CHUNK_MAX)
        size = CHUNK_MAX;
    if (size < bytes)
        size = bytes;
    struct arena_chunk *chunk = malloc(sizeof *chunk + size);
    must(chunk != NULL);
    chunk->older = arena->chunks;
    chunk->bytes = size;
    arena->chunks = chunk;
    arena->next = chunk->data;
    arena->end = chunk->data + size;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    must(bytes < SIZE_MAX / 2);
    bytes = (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (bytes == 0)
        bytes = ALIGN;
    if ((size_t)(arena->end - arena->next) < bytes)
        arena_grow(arena, bytes);
    void *result = arena->next;
    arena->next += bytes;
    arena->used_bytes += bytes;
    return result;
}

void *arena_zalloc(struct arena *arena, size_t bytes)
{
    return memset(arena_alloc(arena, bytes), 0, bytes);
}

struct slice arena_copy(struct arena *arena, struct slice bytes)
{
    if (bytes.len == 0)
        return SLICE_EMPTY;
    return slice_of(memcpy(arena_alloc(arena, bytes.len), bytes.ptr, bytes.len), bytes.len);
}

char *arena_str(struct arena *arena, struct slice text)
{
    char *copy = arena_alloc(arena, text.len + 1);

    if (text.len)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    const int len = vsnprintf(NULL, 0, format, args);
    must(len >= 0);
    char *text = arena_alloc(arena, (size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    va_end(args);
    return text;
}
