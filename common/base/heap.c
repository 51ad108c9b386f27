/* heap.c - see heap.h. */
#include "common/base/heap.h"

#include <stdlib.h>

void heap_init(struct heap *heap)
{
    *heap = (struct heap){0};
}

void heap_release(struct heap *heap)
{
    free(heap->nodes);
    heap_init(heap);
}

static bool before(const struct heap_node *a, const struct heap_node *b)
{
    return a->at != b->at ? a->at < b->at : a->arrival < b->arrival;
}

static void place(struct heap *heap, size_t index, struct heap_node *node)
{
    heap->nodes[index] = node;
    node->index = index + 1;
}

static void sift_up(struct heap *heap, size_t index)
{
    struct heap_node *node = heap->nodes[index];

    while (index > 0 && before(node, heap->nodes[(index - 1) / 2])) {
        place(heap, index, heap->nodes[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    place(heap, index, node);
}

static void sift_down(struct heap *heap, size_t index)
{
    struct heap_node *node = heap->nodes[index];

    for (;;) {
        size_t child = 2 * index + 1;

        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && before(heap->nodes[child + 1], heap->nodes[child]))
            child++;
        if (!before(heap->nodes[child], node))
            break;
        place(heap, index, heap->nodes[child]);
        index = child;
    }
    place(heap, index, node);
}

void heap_add(struct heap *heap, struct heap_node *node, int64_t at)
{
    must(node->index == 0);
    if (heap->count == heap->cap) {
        heap->cap = heap->cap ? heap->cap * 2 : 16;
        heap->nodes = realloc(heap->nodes, heap->cap * sizeof(struct heap_node *));
        must(heap->nodes != NULL);
    }
    node->at = at;
    node->arrival = heap->arrivals++;
    heap->nodes[heap->count] = node;
    sift_up(heap, heap->count++);
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    if (node->index == 0)
        return;
    const size_t index = node->index - 1;
    must(index < heap->count && heap->nodes[index] == node);
    node->index = 0;
    struct heap_node *last = heap->nodes[--heap->count];
    if (last == node)
        return;
    place(heap, index, last);
    sift_up(heap, index);
    sift_down(heap, last->index - 1);
}

struct heap_node *heap_first(const struct heap *heap)
{
    return heap->count ? heap->nodes[0] : NULL;
}
