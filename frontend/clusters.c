/* clusters.c - the clusters that this one knows: itself. */
#include "frontend/handlers.h"
#include "frontend/namespaces.h"

#include <stdio.h>

enum { ADDRESS_MAX = 128 };

static char *address_of(struct fe_call *fc, int64_t port)
{
    const char *ip = fc->fe->config->bind_ip;
    char text[ADDRESS_MAX];

    if (port == 0)
        return arena_str(fc->arena, SLICE_EMPTY);
    snprintf(text, sizeof text, strchr(ip, ':') ? "[%s]:%lld" : "%s:%lld", ip, (long long)port);
    return arena_str(fc->arena, slice_str(text));
}

enum err fe_list_clusters(struct fe_call *fc)
{
    const api_list_clusters_request *req = fc->request;
    const struct config *config = fc->fe->config;
    api_list_clusters_response response = API_LIST_CLUSTERS_RESPONSE_INIT;
    api_cluster_metadata own = API_CLUSTER_METADATA_INIT, *list[] = {&own};

    if (req->next_page_token.len > 0) { /* of a page that was full */
        fe_reply_message(fc, &response);
        return ERR_OK;
    }
    own.cluster_name = arena_str(fc->arena, SLICE_LIT(FE_CLUSTER_NAME));
    own.cluster_id = arena_str(fc->arena, slice_str(cluster_id(fc->fe->cluster)));
    own.address = address_of(fc, config->frontend_port);
    own.http_address = address_of(fc, config->frontend_http_port);
    own.initial_failover_version = 1;
    own.history_shard_count = (int32_t)config->history_shards;
    own.is_connection_enabled = true;
    response.n_clusters = COUNT_OF(list);
    response.clusters = list;
    if (req->page_size == 1) {
        response.next_page_token.data = (uint8_t *)own.cluster_name;
        response.next_page_token.len = strlen(own.cluster_name);
    }
    fe_reply_message(fc, &response);
    return ERR_OK;
}

enum err fe_remove_remote_cluster(struct fe_call *fc)
{
    const api_remove_remote_cluster_request *req = fc->request;

    if (strcmp(req->cluster_name, FE_CLUSTER_NAME) == 0)
        return err_fail(&fc->detail, ERR_INTERNAL,
                        "Unable to delete cluster info with error: Cannot delete current cluster "
                        "metadata.");
    return errdetail_not_found(fc->arena, &fc->detail,
                               "The cluster to be deleted cannot be found in clusters cache.");
}

/* Whether an address is this frontend's own, as far as its text tells. */
static bool is_own_address(struct fe_call *fc, const char *address)
{
    static const char *const loopback[] = {"localhost", "127.0.0.1"};
    const struct config *config = fc->fe->config;
    const bool is_any =
        strcmp(config->bind_ip, "0.0.0.0") == 0 || strcmp(config->bind_ip, "127.0.0.1") == 0;
    char text[ADDRESS_MAX];

    if (strcmp(address, address_of(fc, config->frontend_port)) == 0)
        return true;
    for (size_t i = 0; is_any && i < COUNT_OF(loopback); i++) {
        snprintf(text, sizeof text, "%s:%lld", loopback[i], (long long)config->frontend_port);
        if (strcmp(address, text) == 0)
            return true;
    }
    return false;
}

enum err fe_add_remote_cluster(struct fe_call *fc)
{
    const api_add_or_update_remote_cluster_request *req = fc->request;

    if (is_own_address(fc, req->frontend_address))
        return err_fail(&fc->detail, ERR_INVALID,
                        "Unable connect to remote cluster with invalid config: Cannot update "
                        "current cluster metadata from rpc calls.");
    /* The reference dials it, and says so when nobody who replicates answers. */
    return err_fail(&fc->detail, ERR_UNAVAILABLE,
                    "Unable connect to remote cluster %.200s with error: this server does not "
                    "replicate.",
                    req->frontend_address);
}
