/* arena.h - memory that dies together: one arena per request, per loaded run, per job.
 *
 * Not thread-safe: one thread uses an arena at a time. Allocation failure ends the process
 * (an arena's size is bounded by what it serves: message size, batch size). */
#ifndef GNOMON_ARENA_H
#define GNOMON_ARENA_H

#include "common/base/slice.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *chunks; /* newest first */
    uint8_t *next, *end;        /* free space of the newest chunk */
    size_t used_bytes;          /* handed out since the last reset */
};

void arena_init(struct arena *arena);    /* allocates nothing yet */
void arena_release(struct arena *arena); /* frees everything; the arena may be used again */
void arena_reset(struct arena *arena);   /* forgets everything, keeps one chunk for reuse */

/* Uninitialised, aligned for any type; never NULL. */
void *arena_alloc(struct arena *arena, size_t bytes);
void *arena_zalloc(struct arena *arena, size_t bytes);
struct slice arena_copy(struct arena *arena, struct slice bytes);
char *arena_str(struct arena *arena, struct slice text); /* copy with a NUL at the end */
char *arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);

#define ARENA_NEW(arena, type) ((type *)arena_zalloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_zalloc((arena), sizeof(type) * (count)))

#endif
