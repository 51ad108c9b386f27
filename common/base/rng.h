/* rng.h - random numbers from a seed (repeatable) or from the kernel, and UUIDs made of them. */
#ifndef GNOMON_RNG_H
#define GNOMON_RNG_H

#include "common/base/slice.h"

struct rng {
    uint64_t state[4];
};

enum { UUID_TEXT_LEN = 36 }; /* without the NUL */

void rng_seed(struct rng *rng, uint64_t seed);
void rng_seed_from_kernel(struct rng *rng);
uint64_t rng_u64(struct rng *rng);
uint64_t rng_below(struct rng *rng, uint64_t bound); /* 0 .. bound-1; bound > 0 */

/* Lower-case text with a NUL. Version 7 starts with `wall_ms`, so that ids sort by time. */
void uuid_v4(struct rng *rng, char out[UUID_TEXT_LEN + 1]);
void uuid_v7(struct rng *rng, int64_t wall_ms, char out[UUID_TEXT_LEN + 1]);
bool uuid_parse(struct slice text, uint8_t out[16]); /* any case; false: not a UUID */
void uuid_format(const uint8_t bytes[16], char out[UUID_TEXT_LEN + 1]);

#endif
