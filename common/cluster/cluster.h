/* cluster.h - the cluster store: namespaces, their search attributes with them, and the
 * assignment map. Small, rarely written, shared by all processes: one SQLite file in WAL mode, each
 * write a compare-and-swap on the row's version; `metadata_version` counts all writes.
 *
 * Reads come from a copy in memory. It is refreshed when an envelope carries a higher metadata
 * version (cluster_saw_version()), and an unknown name is read through once, at most every 100 ms
 * per name, before it is refused. Thread-safe. */
#ifndef GNOMON_CLUSTER_H
#define GNOMON_CLUSTER_H

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/rng.h"
#include "common/log/log.h"

struct cluster;

/* One namespace, immutable: a snapshot that its reader holds by reference. */
struct namespace_info {
    char id[UUID_TEXT_LEN + 1];
    const char *name;
    int64_t retention_s;
    /* temporal.api.namespace.v1.NamespaceInfo / NamespaceConfig, encoded: what Describe answers. */
    struct slice info, config;
    bool is_global;
    int64_t version; /* for compare-and-swap */
};

MUST_USE enum err cluster_open(const char *data_dir, const struct clock *clock,
                               const struct log *log, struct cluster **out,
                               struct err_detail *detail);
void cluster_close(struct cluster *cluster);

/* ERR_NOT_FOUND when absent. Gives *out, ended by cluster_namespace_unref(). */
MUST_USE enum err cluster_namespace_by_name(struct cluster *cluster, struct slice name,
                                            const struct namespace_info **out);
MUST_USE enum err cluster_namespace_by_id(struct cluster *cluster, struct slice id,
                                          const struct namespace_info **out);
/* `ask` is asked before the file is read for one that is not known; both functions give its error.
 * From any thread. To be set before others use the store. */
typedef enum err (*cluster_miss_fn)(void *arg);
void cluster_on_miss(struct cluster *cluster, cluster_miss_fn ask, void *arg);
void cluster_namespace_unref(const struct namespace_info *ns);

/* The type ("Keyword") of a search attribute that the namespace has of its own, static; NULL: there
 * is none. An unknown name is read through as that of a namespace. As a search_registry wants it:
 * `cluster` is a struct cluster. */
const char *cluster_search_type(void *cluster, struct slice namespace_name, const char *name);

/* All namespaces in order of name, after `after` (empty: from the start), at most `limit`. */
typedef bool (*cluster_visit_fn)(void *arg, const struct namespace_info *ns);
MUST_USE enum err cluster_namespaces(struct cluster *cluster, struct slice after, uint32_t limit,
                                     cluster_visit_fn visit, void *arg);

/* ERR_EXISTS: the name is taken. `ns->version` is ignored. */
MUST_USE enum err cluster_namespace_create(struct cluster *cluster,
                                           const struct namespace_info *ns);
/* ERR_ABORTED: somebody changed it since ns->version: read again. */
MUST_USE enum err cluster_namespace_update(struct cluster *cluster,
                                           const struct namespace_info *ns);

/* A namespace that goes away with its data (deletions.c): it is renamed and marked as deleted at
 * once, its runs are deleted by the shards ("swept"), and then, `delay_ns` later, its row. */
struct cluster_deletion {
    char namespace_id[UUID_TEXT_LEN + 1];
    int64_t delay_ns;
    int64_t swept_ns; /* wall time at which nothing was left of it; 0: something is */
};
/* cluster_namespace_update(), and its deletion is under way; one that is already gets the new
 * delay. ERR_ABORTED, ERR_EXISTS (the name). */
MUST_USE enum err cluster_namespace_doom(struct cluster *cluster, const struct namespace_info *ns,
                                         int64_t delay_ns);
/* From the file, in order of id: at most `max`. */
MUST_USE enum err cluster_deletions(struct cluster *cluster, struct cluster_deletion *out,
                                    size_t max, size_t *count);
MUST_USE enum err cluster_deletion_swept(struct cluster *cluster, const char *namespace_id,
                                         int64_t wall_ns);
/* The row of the namespace, all that is kept of its task queues, and its deletion. */
MUST_USE enum err cluster_namespace_remove(struct cluster *cluster, const char *namespace_id);

/* Bring the copy in memory up to the file. */
MUST_USE enum err cluster_refresh(struct cluster *cluster);
int64_t cluster_version(struct cluster *cluster); /* of the copy in memory */
void cluster_saw_version(struct cluster *cluster, int64_t version);

/* The one row of the assignment map (common/placement). `map` is the whole record, `leader`, `term`
 * and `version` are written beside it for people to see, and the version for compare-and-swap. */
struct cluster_placement {
    uint64_t leader;
    int64_t term, version; /* version 0: there is no row yet */
    struct slice map;
};
/* From the file, never from the copy in memory; `map` is in the arena. */
MUST_USE enum err cluster_placement_read(struct cluster *cluster, struct arena *arena,
                                         struct cluster_placement *out);
/* Write `next` if the row has `version` (0: if there is none), and raise the metadata version.
 * ERR_ABORTED: it has another one. */
MUST_USE enum err cluster_placement_swap(struct cluster *cluster, int64_t version,
                                         const struct cluster_placement *next);

/* What operators have set for a task queue, both types: opaque bytes, written by compare-and-swap.
 */
enum { CLUSTER_QUEUES_MAX = 10000 /* of a namespace */, CLUSTER_QUEUE_BYTES_MAX = 1024 * 1024 };
struct cluster_queue {
    struct slice namespace_id, name;
    int64_t version; /* 0: nothing was ever set */
    struct slice data;
};
/* From the file, into version and data (in the arena). */
MUST_USE enum err cluster_queue_read(struct cluster *cluster, struct arena *arena,
                                     struct cluster_queue *queue);
/* Write the data if the row has `next->version`. ERR_ABORTED: it has another one; ERR_BUSY: there
 * are CLUSTER_QUEUES_MAX. */
MUST_USE enum err cluster_queue_swap(struct cluster *cluster, const struct cluster_queue *next);

/* What can't be changed once there is data: gives the value that was recorded under `name`, which
 * is `value` if there was none. The caller refuses to run with another. */
MUST_USE enum err cluster_pin(struct cluster *cluster, const char *name, int64_t value,
                              int64_t *recorded);

/* A stable id of this cluster, made at first start (GetClusterInfo.cluster_id). */
const char *cluster_id(struct cluster *cluster);

#endif
