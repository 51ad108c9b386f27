/* cluster_int.h - the connection to the cluster store, for the files of common/cluster/ alone. */
#ifndef GNOMON_CLUSTER_INT_H
#define GNOMON_CLUSTER_INT_H

#include "common/cluster/cluster.h"

#include <sqlite3.h>

/* The connection is the caller's until cluster_unlock(). */
sqlite3 *cluster_lock(struct cluster *cluster);
void cluster_unlock(struct cluster *cluster);
enum err cluster_sql_err(struct cluster *cluster, int code, const char *doing);
/* A transaction that writes: the commit raises the metadata version. Given `err` other than ERR_OK
 * the end rolls back and gives it. */
MUST_USE enum err cluster_begin(struct cluster *cluster);
MUST_USE enum err cluster_end(struct cluster *cluster, enum err err);
/* cluster_namespace_update() inside such a transaction; then, behind it, bring the copy in memory
 * up to the file. */
MUST_USE enum err cluster_step_update(struct cluster *cluster, const struct namespace_info *ns);
MUST_USE enum err cluster_refresh_locked(struct cluster *cluster);

#endif
