/* store_memory.h - the "disks" of the memory back end: for tests and the simulator.
 *
 * A disk is named by the store's dir and outlives every store that opens it, until it is wiped:
 * so a test can crash an owner, take over and recover. Thread-safe. */
#ifndef GNOMON_STORE_MEMORY_H
#define GNOMON_STORE_MEMORY_H

#include "common/base/slice.h"

/* Forget every disk of `dir`; no shard of it is open. */
void store_memory_wipe(const char *dir);

/* Damage record `seq` of a shard: its byte `at` is inverted, or it is lost. False: no such. */
bool store_memory_damage(const char *dir, const char *service, uint32_t shard_id, int64_t seq,
                         size_t at);
bool store_memory_lose(const char *dir, const char *service, uint32_t shard_id, int64_t seq);

#endif
