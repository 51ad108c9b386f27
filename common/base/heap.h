/* heap.h - an intrusive binary min-heap of deadlines; equal deadlines leave in order of arrival. */
#ifndef GNOMON_HEAP_H
#define GNOMON_HEAP_H

#include "common/base/base.h"

#include <stdbool.h>

struct heap_node {
    int64_t at;       /* the key */
    uint64_t arrival; /* set by the heap */
    size_t index;     /* place in the heap + 1; 0: not in a heap */
};

struct heap {
    struct heap_node **nodes;
    size_t count, cap;
    uint64_t arrivals;
};

void heap_init(struct heap *heap);
void heap_release(struct heap *heap); /* frees the array, not the objects */
void heap_add(struct heap *heap, struct heap_node *node, int64_t at);
void heap_remove(struct heap *heap, struct heap_node *node); /* no-op when not in it */
struct heap_node *heap_first(const struct heap *heap);       /* NULL when empty */

#endif
