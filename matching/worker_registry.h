/* worker_registry.h - what workers say of themselves: the last heartbeat of each, for a while.
 *
 * All workers of a namespace are with one matching process (rpc_workers_shard()), so that a list
 * comes from one place and in one order. Nothing is durable: a worker that lives says it again
 * within a minute.
 *
 * Thread: one. Time: `now_ns` of the monotonic clock.
 * Spec: WorkflowService.RecordWorkerHeartbeat, ListWorkers, CountWorkers, DescribeWorker. */
#ifndef GNOMON_WORKER_REGISTRY_H
#define GNOMON_WORKER_REGISTRY_H

#include "common/dynconf/dynconf.h"
#include "common/metrics/metrics.h"
#include "common/rpc/rpc.h"

enum {
    WORKER_HEARTBEAT_BYTES_MAX = 64 * 1024,
    WORKER_REGISTRY_BYTES_MAX = 256 * 1024 * 1024,
    WORKER_PAGE_BYTES_MAX = 2 * 1024 * 1024, /* of heartbeats in one page of a list */
};

struct worker_registry;

/* Keeps `dynconf` (may be NULL). */
struct worker_registry *worker_registry_new(const struct dynconf *dynconf, struct metrics *metrics,
                                            uint64_t seed);
void worker_registry_free(struct worker_registry *registry);

/* The requests' bodies are struct rpc_api with the API message; answers are encoded in the arena.
 * Errors: ERR_INVALID, ERR_NOT_FOUND, ERR_BUSY no room, those of proto_decode(). */
MUST_USE enum err worker_registry_record(struct worker_registry *registry, struct arena *arena,
                                         const struct rpc_api *api, int64_t now_ns,
                                         struct err_detail *detail);
MUST_USE enum err worker_registry_list(struct worker_registry *registry, struct arena *arena,
                                       const struct rpc_api *api, struct slice *out,
                                       struct err_detail *detail);
MUST_USE enum err worker_registry_count(struct worker_registry *registry, struct arena *arena,
                                        const struct rpc_api *api, struct slice *out,
                                        struct err_detail *detail);
MUST_USE enum err worker_registry_describe(struct worker_registry *registry, struct arena *arena,
                                           const struct rpc_api *api, struct slice *out,
                                           struct err_detail *detail);

/* Let those go that have been silent for matching.workerRegistryEntryTTL, and the oldest ones when
 * there are more than the limits allow. To be called every worker_registry_interval_ns(). */
void worker_registry_sweep(struct worker_registry *registry, int64_t now_ns);
int64_t worker_registry_interval_ns(const struct worker_registry *registry);
/* The namespaces of a matching shard are no longer ours. */
void worker_registry_shard_lost(struct worker_registry *registry, uint32_t shard);

#endif
