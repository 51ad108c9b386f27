/* persistence.c - how often this process may ask the cluster store for its clients. */
#include "frontend/persistence.h"

/* ERR_BUSY: no token. */
static enum err take(struct frontend *fe)
{
    const int64_t qps = dynconf_int(fe->dynconf, DYNCONF_FRONTEND_PERSISTENCE_QPS, SLICE_EMPTY);

    if (qps <= 0)
        return ERR_OK;
    return bucket_take(&fe->persistence, bucket_rate_of((double)qps, (double)qps),
                       clock_mono_ns(fe->clock))
               ? ERR_OK
               : ERR_BUSY;
}

static enum err before_read(void *arg)
{
    return take(arg);
}

void fe_persistence_init(struct frontend *fe)
{
    cluster_on_miss(fe->cluster, before_read, fe);
}

enum err fe_persistence_refused(struct fe_call *fc)
{
    return errdetail_resource_exhausted(
        fc->arena, &fc->detail, RESOURCE_EXHAUSTED_CAUSE_PERSISTENCE_LIMIT,
        RESOURCE_EXHAUSTED_SCOPE_SYSTEM, "System Persistence Max QPS Reached.");
}

enum err fe_persistence_take(struct fe_call *fc)
{
    return take(fc->fe) == ERR_OK ? ERR_OK : fe_persistence_refused(fc);
}

enum err fe_persistence_told(struct frontend *fe, enum err err)
{
    if (err == ERR_OK)
        mesh_tell_version(fe->mesh);
    return err;
}
