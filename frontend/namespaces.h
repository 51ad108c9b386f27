/* namespaces.h - what the files that show and change namespaces share. */
#ifndef GNOMON_FRONTEND_NAMESPACES_H
#define GNOMON_FRONTEND_NAMESPACES_H

#include "frontend/frontend.h"

#define FE_CLUSTER_NAME "active" /* there is one */

/* The reference keeps its own workflows in a namespace. There is none here, but nobody may have one
 * of its name, and tools that hope to delete it hear why not. */
#define FE_SYSTEM_NAMESPACE "temporal-system"
#define FE_SYSTEM_NAMESPACE_ID "32049b68-7872-4094-8e63-d0dd59896a83"

/* The stored namespace with what is this server's: capabilities, limits, the cluster. In `arena`.
 * ERR_CORRUPT: it cannot be read. */
enum err fe_show_namespace(const struct dynconf *dynconf, struct arena *arena,
                           const struct namespace_info *ns, api_describe_namespace_response *out,
                           struct err_detail *detail);

/* ERR_INVALID with the reference's text; the duration may be NULL. */
enum err fe_check_retention(struct fe_call *fc, const pb_duration *retention);
int64_t fe_retention_s(const pb_duration *retention);
/* Where a client says that a namespace is active ("": it does not) and has copies. */
enum err fe_check_clusters(struct fe_call *fc, const char *active, size_t count,
                           api_cluster_replication_config *const *clusters);

/* Is this checksum of a worker's binary among those that the namespace has marked as bad? */
bool fe_is_bad_binary(const struct fe_call *fc, const char *checksum);

#endif
