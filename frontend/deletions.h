/* deletions.h - drives the deletion of namespaces: has every history shard end and delete what it
 * has of them, and then takes them out of the cluster store.
 *
 * What is to be done stands in the cluster store (common/cluster/deletions.c): a frontend that dies
 * loses nothing, another one or its successor goes on. Several may drive the same deletion. */
#ifndef GNOMON_FRONTEND_DELETIONS_H
#define GNOMON_FRONTEND_DELETIONS_H

#include "frontend/frontend.h"

/* On the first loop of `fe`, which is kept; begins at once. fe_deletions_free() before its port
 * goes. */
struct fe_deletions *fe_deletions_new(struct frontend *fe);
void fe_deletions_free(struct fe_deletions *deletions);
/* There is a new one. From any thread. */
void fe_deletions_look(struct fe_deletions *deletions);

#endif
