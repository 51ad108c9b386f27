/* hash.h - XXH64, and the tablet that a workflow id hashes to. */
#ifndef GNOMON_HASH_H
#define GNOMON_HASH_H

#include "common/base/slice.h"

uint64_t hash_bytes(struct slice bytes, uint64_t seed);

/* The 256 tablets of the cluster: top byte of XXH64 (seed 0) over namespace id, NUL, name.
 * Part of the stored format: never changes. `name` is a workflow id or a task queue. */
uint8_t hash_tablet(struct slice namespace_id, struct slice name);

#endif
