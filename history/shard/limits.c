/* limits.c - the limits of each namespace as this shard last computed them. */
#include "history/shard/shard_int.h"

#include "history/engine/limits.h"

#include <stdlib.h>

enum { CACHED_MAX = 4096 }; /* what is beyond shares one place */

struct cached {
    struct map_node by_name;
    struct engine_limits limits;
    uint64_t version;
    uint8_t name[];
};

void hs_limits_init(struct history_shard *shard)
{
    map_init(&shard->limits, rng_u64(&shard->rng));
}

void hs_limits_release(struct history_shard *shard)
{
    struct map_node *next;

    for (struct map_node *node = map_next(&shard->limits, NULL); node; node = next) {
        next = map_next(&shard->limits, node);
        free(CONTAINER_OF(node, struct cached, by_name));
    }
    map_release(&shard->limits);
}

/* Places stay as long as the shard does: a step may hold one while another is asked for. */
static struct cached *place_of(struct history_shard *shard, struct slice name)
{
    const struct slice key = shard->limits.count < CACHED_MAX ? name : SLICE_EMPTY;
    struct map_node *node = map_get(&shard->limits, name);
    struct cached *c;

    if (!node)
        node = map_get(&shard->limits, key);
    if (node)
        return CONTAINER_OF(node, struct cached, by_name);
    c = malloc(sizeof *c + key.len);
    must(c != NULL);
    c->version = UINT64_MAX;
    if (key.len)
        memcpy(c->name, key.ptr, key.len);
    map_put(&shard->limits, slice_of(c->name, key.len), &c->by_name);
    return c;
}

const struct engine_limits *hs_limits_of(struct history_shard *shard, struct slice namespace_name)
{
    const struct dynconf *dc = shard->options.dynconf;

    if (!dc)
        return shard->options.limits;
    struct cached *c = place_of(shard, namespace_name);
    const uint64_t version = dynconf_version(dc); /* before the values */

    if (c->version != version || c->by_name.key.len != namespace_name.len) {
        engine_limits_fill(&c->limits, dc, namespace_name);
        c->version = version;
    }
    return &c->limits;
}

int64_t hs_long_poll_ns(const struct history_shard *shard, struct slice namespace_name)
{
    return dynconf_duration(shard->options.dynconf, DYNCONF_HISTORY_LONG_POLL, namespace_name);
}
