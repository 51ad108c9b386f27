/* versioning.c - the calls of the two old kinds of worker versioning, which no namespace has.
 *
 * Spec: the reference's answers as long as frontend.workerVersioningDataAPIs and
 * frontend.workerVersioningRuleAPIs are false, as they are by default. */
#include "frontend/handlers.h"

static enum err disabled(struct fe_call *fc, const char *kind)
{
    return errdetail_permission_denied(
        fc->arena, &fc->detail, NULL,
        "Worker versioning %s, deprecated) is disabled on this namespace.", kind);
}

enum err fe_set_build_id_sets(struct fe_call *fc)
{
    return disabled(fc, "v0.1 (Version Set-based");
}

enum err fe_get_build_id_sets(struct fe_call *fc)
{
    return disabled(fc, "v0.1 (Version Set-based");
}

enum err fe_set_versioning_rules(struct fe_call *fc)
{
    return disabled(fc, "v0.2 (Rules-based");
}

enum err fe_get_versioning_rules(struct fe_call *fc)
{
    return disabled(fc, "v0.2 (Rules-based");
}

enum err fe_get_task_reachability(struct fe_call *fc)
{
    return disabled(fc, "v0.2 (Rules-based");
}
