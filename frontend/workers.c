/* workers.c - what workers say of themselves, and who asks for it: all of a namespace is kept by
 * one matching process. */
#include "frontend/handlers.h"

static bool heartbeats_on(const struct fe_call *fc)
{
    return dynconf_bool(fc->fe->dynconf, DYNCONF_FRONTEND_WORKER_HEARTBEATS,
                        slice_str(fc->ns->name));
}

static enum err forward_to_registry(struct fe_call *fc, enum mesh_method method)
{
    return fe_forward_matching(fc, method, rpc_workers_shard(slice_str(fc->ns->id)));
}

enum err fe_record_worker_heartbeat(struct fe_call *fc)
{
    if (!heartbeats_on(fc)) {
        fe_reply(fc, SLICE_EMPTY);
        return ERR_OK;
    }
    return forward_to_registry(fc, METHOD_MATCHING_RECORD_HEARTBEATS);
}

enum err fe_list_workers(struct fe_call *fc)
{
    return forward_to_registry(fc, METHOD_MATCHING_LIST_WORKERS);
}

enum err fe_count_workers(struct fe_call *fc)
{
    return forward_to_registry(fc, METHOD_MATCHING_COUNT_WORKERS);
}

enum err fe_describe_worker(struct fe_call *fc)
{
    return forward_to_registry(fc, METHOD_MATCHING_DESCRIBE_WORKER);
}

void fe_tell_last_heartbeat(struct fe_call *fc)
{
    const api_shutdown_worker_request *req = fc->request;
    api_record_worker_heartbeat_request record = API_RECORD_WORKER_HEARTBEAT_REQUEST_INIT;
    api_worker_heartbeat *heartbeat = req->worker_heartbeat;

    if (!heartbeat || !heartbeats_on(fc))
        return;
    record.n_worker_heartbeat = 1;
    record.worker_heartbeat = &heartbeat;
    const struct slice body = fe_api_body(fc, proto_encode(fc->arena, &record));
    (void)mesh_cast(fc->loop->port,
                    MESH_SHARD(ROLE_MATCHING, rpc_workers_shard(slice_str(fc->ns->id))),
                    METHOD_MATCHING_RECORD_HEARTBEATS, &body, 1);
}
