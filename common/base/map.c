/* map.c - see map.h. */
#include "common/base/map.h"
#include "common/base/hash.h"

#include <stdlib.h>

enum { BUCKETS_MIN = 16 };

void map_init(struct map *map, uint64_t seed)
{
    *map = (struct map){.seed = seed};
}

void map_release(struct map *map)
{
    free(map->buckets);
    *map = (struct map){.seed = map->seed};
}

static uint64_t number_hash(const struct map *map, uint64_t number)
{
    uint64_t z = (number ^ map->seed) * UINT64_C(0x9e3779b97f4a7c15);

    return z ^ z >> 32;
}

static void map_grow(struct map *map)
{
    const size_t count = map->bucket_count ? map->bucket_count * 2 : BUCKETS_MIN;
    struct map_node **buckets = calloc(count, sizeof(struct map_node *));

    must(buckets != NULL);
    for (size_t i = 0; i < map->bucket_count; i++) {
        struct map_node *node = map->buckets[i];

        while (node) {
            struct map_node *next = node->next;

            node->next = buckets[node->hash & (count - 1)];
            buckets[node->hash & (count - 1)] = node;
            node = next;
        }
    }
    free(map->buckets);
    map->buckets = buckets;
    map->bucket_count = count;
}

static void map_link(struct map *map, struct map_node *node)
{
    if (map->count >= map->bucket_count)
        map_grow(map);
    struct map_node **bucket = &map->buckets[node->hash & (map->bucket_count - 1)];
    node->next = *bucket;
    *bucket = node;
    map->count++;
}

static struct map_node *first_in_bucket(const struct map *map, uint64_t hash)
{
    return map->bucket_count ? map->buckets[hash & (map->bucket_count - 1)] : NULL;
}

struct map_node *map_get(const struct map *map, struct slice key)
{
    const uint64_t hash = hash_bytes(key, map->seed);

    for (struct map_node *node = first_in_bucket(map, hash); node; node = node->next)
        if (node->hash == hash && slice_eq(node->key, key))
            return node;
    return NULL;
}

void map_put(struct map *map, struct slice key, struct map_node *node)
{
    must(map_get(map, key) == NULL);
    node->key = key;
    node->number = 0;
    node->hash = hash_bytes(key, map->seed);
    map_link(map, node);
}

struct map_node *map_get_u64(const struct map *map, uint64_t number)
{
    const uint64_t hash = number_hash(map, number);

    for (struct map_node *node = first_in_bucket(map, hash); node; node = node->next)
        if (node->number == number)
            return node;
    return NULL;
}

void map_put_u64(struct map *map, uint64_t number, struct map_node *node)
{
    must(map_get_u64(map, number) == NULL);
    node->key = SLICE_EMPTY;
    node->number = number;
    node->hash = number_hash(map, number);
    map_link(map, node);
}

void map_remove(struct map *map, struct map_node *node)
{
    must(map->count > 0);
    struct map_node **at = &map->buckets[node->hash & (map->bucket_count - 1)];
    while (*at && *at != node)
        at = &(*at)->next;
    must(*at == node);
    *at = node->next;
    node->next = NULL;
    map->count--;
}

struct map_node *map_next(const struct map *map, struct map_node *prev)
{
    size_t bucket = 0;

    if (prev) {
        bucket = (prev->hash & (map->bucket_count - 1)) + 1;
        if (prev->next)
            return prev->next;
    }
    for (; bucket < map->bucket_count; bucket++)
        if (map->buckets[bucket])
            return map->buckets[bucket];
    return NULL;
}
