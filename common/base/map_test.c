/* map_test.c - maps and heaps against a plain array that does the same slowly. */
#include "common/base/heap.h"
#include "common/base/map.h"
#include "common/base/rng.h"

#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>

enum { ITEMS = 2000 };

struct item {
    struct map_node node;
    char key[16];
    bool present;
};

TEST(map_finds_exactly_what_is_in_it)
{
    struct item *items = calloc(ITEMS, sizeof *items);
    struct map map;
    struct rng rng;
    size_t present = 0;

    map_init(&map, 99);
    rng_seed(&rng, 3);
    for (int i = 0; i < ITEMS; i++)
        snprintf(items[i].key, sizeof items[i].key, "key-%d", i);
    for (int step = 0; step < 5 * ITEMS; step++) {
        struct item *item = &items[rng_below(&rng, ITEMS)];
        struct map_node *found = map_get(&map, slice_str(item->key));

        check((found != NULL) == item->present);
        check(!found || found == &item->node);
        if (item->present)
            map_remove(&map, &item->node);
        else
            map_put(&map, slice_str(item->key), &item->node);
        present = item->present ? present - 1 : present + 1;
        item->present = !item->present;
        check_i64(map.count, present);
    }
    size_t walked = 0;
    for (struct map_node *node = map_next(&map, NULL), *next; node; node = next) {
        next = map_next(&map, node);
        check(CONTAINER_OF(node, struct item, node)->present);
        map_remove(&map, node);
        walked++;
    }
    check_i64(walked, present);
    check_i64(map.count, 0);
    map_release(&map);
    free(items);
}

TEST(map_number_keys)
{
    struct map_node nodes[100] = {0};
    struct map map;

    map_init(&map, 1);
    check(map_get_u64(&map, 0) == NULL);
    check(map_next(&map, NULL) == NULL);
    for (uint64_t i = 0; i < 100; i++)
        map_put_u64(&map, i * UINT64_C(0x100000001), &nodes[i]);
    for (uint64_t i = 0; i < 100; i++)
        check(map_get_u64(&map, i * UINT64_C(0x100000001)) == &nodes[i]);
    check(map_get_u64(&map, 1) == NULL);
    map_release(&map);
}

TEST(heap_gives_the_earliest_and_keeps_arrival_order)
{
    struct heap_node *nodes = calloc(ITEMS, sizeof *nodes);
    struct heap heap;
    struct rng rng;
    int64_t last = INT64_MIN;
    uint64_t last_arrival = 0;

    heap_init(&heap);
    check(heap_first(&heap) == NULL);
    rng_seed(&rng, 5);
    for (int i = 0; i < ITEMS; i++)
        heap_add(&heap, &nodes[i], (int64_t)rng_below(&rng, 50));
    for (int i = 0; i < ITEMS; i += 3) {
        heap_remove(&heap, &nodes[i]);
        heap_remove(&heap, &nodes[i]); /* not in it: no-op */
    }
    size_t left = 0;
    for (struct heap_node *first; (first = heap_first(&heap)); left++) {
        check(first->at > last || (first->at == last && first->arrival > last_arrival));
        last = first->at;
        last_arrival = first->arrival;
        heap_remove(&heap, first);
    }
    check_i64(left, ITEMS - (ITEMS + 2) / 3);
    heap_release(&heap);
    free(nodes);
}
