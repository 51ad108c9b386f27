/* system.c - what this server is and can do. A flag is true only when it is built and tested. */
#include "frontend/handlers.h"
#include "frontend/namespaces.h"

enum err fe_get_system_info(struct fe_call *fc)
{
    api_get_system_info_response_capabilities can = API_GET_SYSTEM_INFO_RESPONSE_CAPABILITIES_INIT;
    api_get_system_info_response response = API_GET_SYSTEM_INFO_RESPONSE_INIT;

    can.signal_and_query_header = true;
    can.internal_error_differentiation = true;
    can.activity_failure_include_heartbeat = true;
    can.encoded_failure_attributes = true;
    can.sdk_metadata = true;
    can.upsert_memo = true;
    can.count_group_by_execution_status = true;
    can.eager_workflow_start = true;
    can.build_id_based_versioning = true; /* SDKs stamp what they complete with their build id */
    response.server_version = arena_str(fc->arena, SLICE_LIT(FE_SERVER_VERSION));
    response.capabilities = &can;
    fe_reply_message(fc, &response);
    return ERR_OK;
}

enum err fe_get_cluster_info(struct fe_call *fc)
{
    static const char *const clients[][2] = {
        {"temporal-go", "<2.0.0"},  {"temporal-java", "<2.0.0"},
        {"temporal-php", "<2.0.0"}, {"temporal-typescript", "<2.0.0"},
        {"temporal-cli", "<2.0.0"}, {"temporal-server", "<2.0.0"},
        {"temporal-ui", "<3.0.0"},  {"Nexus-go-sdk", "<2.0.0"},
    };
    typedef api_get_cluster_info_response_supported_clients_entry entry_type;
    api_get_cluster_info_response response = API_GET_CLUSTER_INFO_RESPONSE_INIT;
    entry_type *entries = ARENA_ARRAY(fc->arena, entry_type, COUNT_OF(clients));
    entry_type **pointers = ARENA_ARRAY(fc->arena, entry_type *, COUNT_OF(clients));
    char *store = arena_str(fc->arena, slice_str(fc->fe->config->store));

    for (size_t i = 0; i < COUNT_OF(clients); i++) {
        entries[i] = (entry_type)API_GET_CLUSTER_INFO_RESPONSE_SUPPORTED_CLIENTS_ENTRY_INIT;
        entries[i].key = arena_str(fc->arena, slice_str(clients[i][0]));
        entries[i].value = arena_str(fc->arena, slice_str(clients[i][1]));
        pointers[i] = &entries[i];
    }
    response.n_supported_clients = COUNT_OF(clients);
    response.supported_clients = pointers;
    response.server_version = arena_str(fc->arena, SLICE_LIT(FE_SERVER_VERSION));
    response.cluster_id = arena_str(fc->arena, slice_str(cluster_id(fc->fe->cluster)));
    response.cluster_name = arena_str(fc->arena, SLICE_LIT(FE_CLUSTER_NAME));
    response.history_shard_count = (int32_t)fc->fe->config->history_shards;
    response.persistence_store = store;
    response.visibility_store = store;
    response.initial_failover_version = 1;
    response.failover_version_increment = 10;
    fe_reply_message(fc, &response);
    return ERR_OK;
}
