/* map.h - a hash map from bytes (or a 64-bit number) to an object, intrusive.
 *
 * The object embeds a map_node; its key bytes must live, unchanged, as long as it is in the map.
 * Chained buckets that double; never shrinks. Not thread-safe. */
#ifndef GNOMON_MAP_H
#define GNOMON_MAP_H

#include "common/base/slice.h"

struct map_node {
    struct map_node *next;
    uint64_t hash;
    struct slice key; /* for number keys: ptr NULL, len 0, and the number is `number` */
    uint64_t number;
};

struct map {
    struct map_node **buckets;
    size_t bucket_count, count;
    uint64_t seed; /* against keys chosen to collide */
};

void map_init(struct map *map, uint64_t seed);
void map_release(struct map *map); /* frees the buckets, not the objects */

struct map_node *map_get(const struct map *map, struct slice key);
void map_put(struct map *map, struct slice key, struct map_node *node); /* key must be absent */
struct map_node *map_get_u64(const struct map *map, uint64_t number);
void map_put_u64(struct map *map, uint64_t number, struct map_node *node);
void map_remove(struct map *map, struct map_node *node); /* must be present */

/* Walks everything in no order: start with NULL. Ask for the next before you remove one. */
struct map_node *map_next(const struct map *map, struct map_node *prev);

#endif
