/* namespaces.c - what a shard asks about namespaces. */
#include "history/shard/shard_int.h"

#include "common/proto/errdetail.h"

enum err hs_namespace_retention(const struct history_shard *shard, struct slice id,
                                int64_t *retention_s)
{
    const struct history_namespaces *namespaces = shard->options.namespaces;

    if (!namespaces || !namespaces->retention_of)
        return ERR_OK;
    return namespaces->retention_of(namespaces->engine.arg, id, retention_s);
}

bool hs_namespace_is_gone(const struct history_shard *shard, struct slice id)
{
    int64_t retention_s;

    return hs_namespace_retention(shard, id, &retention_s) == ERR_NOT_FOUND;
}

enum err hs_check_namespace(const struct history_shard *shard, struct hs_request *req,
                            struct slice id, struct slice name)
{
    int64_t retention_s;
    const enum err err = hs_namespace_retention(shard, id, &retention_s);

    if (err != ERR_NOT_FOUND)
        return err;
    return errdetail_namespace_not_found(&req->arena, &req->detail, arena_str(&req->arena, name));
}
