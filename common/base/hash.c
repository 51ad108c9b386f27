/* hash.c - see hash.h. */
#include "common/base/hash.h"

#define XXH_STATIC_LINKING_ONLY /* the state, on the stack */
#include <xxhash.h>

uint64_t hash_bytes(struct slice bytes, uint64_t seed)
{
    return XXH64(bytes.ptr ? (const void *)bytes.ptr : "", bytes.len, seed);
}

uint8_t hash_tablet(struct slice namespace_id, struct slice name)
{
    XXH64_state_t state;

    XXH64_reset(&state, 0);
    XXH64_update(&state, namespace_id.ptr ? (const void *)namespace_id.ptr : "", namespace_id.len);
    XXH64_update(&state, "", 1);
    XXH64_update(&state, name.ptr ? (const void *)name.ptr : "", name.len);
    return (uint8_t)(XXH64_digest(&state) >> 56);
}
