/* persistence.h - how often this process may ask the cluster store for its clients
 * (frontend.persistenceMaxQPS). Deletions in the background and the assignment are not counted. */
#ifndef GNOMON_FRONTEND_PERSISTENCE_H
#define GNOMON_FRONTEND_PERSISTENCE_H

#include "frontend/frontend.h"

/* From now on namespaces that are not known are looked for at that rate. */
void fe_persistence_init(struct frontend *fe);
/* Before each read or write. Errors: ERR_BUSY with its detail: too many. */
MUST_USE enum err fe_persistence_take(struct fe_call *fc);
/* The same refusal, for what cluster_namespace_by_name() and _by_id() refused so. */
MUST_USE enum err fe_persistence_refused(struct fe_call *fc);

/* What a write into the cluster store gave; when it is done, the other processes are told to read
 * it: they have copies, and may hear nothing else from us. Gives `err`. */
MUST_USE enum err fe_persistence_told(struct frontend *fe, enum err err);

#endif
