/* namespace_update.c - UpdateNamespace and DeprecateNamespace: the row of the cluster store,
 * changed by compare-and-swap. */
#include "frontend/handlers.h"
#include "frontend/namespaces.h"
#include "frontend/persistence.h"
#include "frontend/validate.h"

enum {
    UPDATE_TRIES = 20,
    BAD_BINARIES_FIELD = 2, /* of NamespaceConfig */
};

typedef api_namespace_info_data_entry data_type;
typedef api_namespace_config_custom_search_attribute_aliases_entry alias_type;
typedef api_bad_binaries_binaries_entry binary_type;

static void merge_data(struct arena *arena, api_namespace_info *info,
                       const api_update_namespace_info *update)
{
    data_type **merged = ARENA_ARRAY(arena, data_type *, info->n_data + update->n_data);
    size_t count = 0;

    for (size_t i = 0; i < info->n_data; i++)
        merged[count++] = info->data[i];
    for (size_t i = 0; i < update->n_data; i++) {
        size_t at = 0;

        while (at < count && strcmp(merged[at]->key, update->data[i]->key) != 0)
            at++;
        if (at == count) {
            merged[count] = ARENA_NEW(arena, data_type);
            *merged[count++] = (data_type)API_NAMESPACE_INFO_DATA_ENTRY_INIT;
        }
        merged[at]->key = update->data[i]->key;
        merged[at]->value = update->data[i]->value;
    }
    info->data = merged;
    info->n_data = count;
}

static void merge_bad_binaries(struct fe_call *fc, api_bad_binaries *bad,
                               const api_bad_binaries *update)
{
    binary_type **merged =
        ARENA_ARRAY(fc->arena, binary_type *, bad->n_binaries + update->n_binaries);
    pb_timestamp *now = proto_timestamp(fc->arena, clock_wall_ns(fc->fe->clock));
    size_t count = 0;

    for (size_t i = 0; i < bad->n_binaries; i++)
        merged[count++] = bad->binaries[i];
    for (size_t i = 0; i < update->n_binaries; i++) {
        binary_type *entry = update->binaries[i];
        size_t at = 0;

        while (at < count && strcmp(merged[at]->key, entry->key) != 0)
            at++;
        if (!entry->value) {
            entry->value = ARENA_NEW(fc->arena, api_bad_binary_info);
            *entry->value = (api_bad_binary_info)API_BAD_BINARY_INFO_INIT;
        }
        entry->value->create_time = now;
        merged[at] = entry;
        if (at == count)
            count++;
    }
    bad->binaries = merged;
    bad->n_binaries = count;
}

/* Fields that name search attributes: given and taken away, never given another name. */
static enum err merge_aliases(struct fe_call *fc, api_namespace_config *config,
                              const api_namespace_config *update)
{
    const size_t had = config->n_custom_search_attribute_aliases,
                 more = update->n_custom_search_attribute_aliases;
    alias_type **const before = config->custom_search_attribute_aliases;
    alias_type **merged = ARENA_ARRAY(fc->arena, alias_type *, had + more);
    size_t count = 0;

    for (size_t i = 0; i < had; i++)
        merged[count++] = before[i];
    for (size_t i = 0; i < more; i++) {
        alias_type *entry = update->custom_search_attribute_aliases[i];
        bool has_name = false, has_field = false;
        size_t at = 0;

        for (size_t j = 0; j < had; j++) {
            has_name = has_name || strcmp(before[j]->value, entry->value) == 0;
            has_field = has_field || strcmp(before[j]->key, entry->key) == 0;
        }
        while (at < count && strcmp(merged[at]->key, entry->key) != 0)
            at++;
        if (entry->value[0] == '\0') {
            if (at < count)
                merged[at] = merged[--count];
        } else if (has_name) {
            continue;
        } else if (has_field || at < count) {
            return err_fail(&fc->detail, ERR_INVALID,
                            "Custom search attribute field name already allocated.");
        } else {
            merged[count++] = entry;
        }
    }
    config->custom_search_attribute_aliases = merged;
    config->n_custom_search_attribute_aliases = count;
    return ERR_OK;
}

static enum err check_state_change(struct fe_call *fc, uint32_t from, uint32_t to)
{
    const bool allowed = from == to ||
                         (from == NAMESPACE_STATE_REGISTERED && to == NAMESPACE_STATE_DEPRECATED) ||
                         (from != NAMESPACE_STATE_DELETED && to == NAMESPACE_STATE_DELETED);

    return allowed ? ERR_OK : err_fail(&fc->detail, ERR_INVALID, "Invalid namespace state update.");
}

static enum err update_info(struct fe_call *fc, const api_update_namespace_info *update,
                            api_namespace_info *info)
{
    if (update->description[0] != '\0')
        info->description = update->description;
    if (update->owner_email[0] != '\0')
        info->owner_email = update->owner_email;
    merge_data(fc->arena, info, update);
    if (update->state == NAMESPACE_STATE_UNSPECIFIED)
        return ERR_OK;
    const enum err err = check_state_change(fc, info->state, update->state);
    if (err == ERR_OK)
        info->state = update->state;
    return err;
}

/* What it says of archival is passed over, as the reference does without an archive. */
static enum err update_config(struct fe_call *fc, const api_namespace_config *update,
                              api_namespace_config *config)
{
    const size_t bad_max = fe_limit(fc, DYNCONF_FRONTEND_BAD_BINARIES);

    if (update->workflow_execution_retention_ttl) {
        const enum err err = fe_check_retention(fc, update->workflow_execution_retention_ttl);

        if (err != ERR_OK)
            return err;
        config->workflow_execution_retention_ttl = update->workflow_execution_retention_ttl;
    }
    if (update->bad_binaries) {
        merge_bad_binaries(fc, config->bad_binaries, update->bad_binaries);
        if (config->bad_binaries->n_binaries > bad_max)
            return err_fail(&fc->detail, ERR_INVALID,
                            "Total resetBinaries cannot exceed the max limit: %zu", bad_max);
    }
    return merge_aliases(fc, config, update);
}

static enum err delete_bad_binary(struct fe_call *fc, const char *checksum, api_bad_binaries *bad)
{
    for (size_t i = 0; i < bad->n_binaries; i++) {
        if (strcmp(bad->binaries[i]->key, checksum) != 0)
            continue;
        bad->binaries[i] = bad->binaries[--bad->n_binaries];
        return ERR_OK;
    }
    return err_fail(&fc->detail, ERR_INVALID, "Bad binary checksum %.200s doesn't exists.",
                    checksum);
}

static enum err check_replication(struct fe_call *fc,
                                  const api_namespace_replication_config *update, uint32_t state)
{
    if (update->state != REPLICATION_STATE_UNSPECIFIED &&
        update->state != REPLICATION_STATE_NORMAL) {
        if (state != NAMESPACE_STATE_REGISTERED)
            return err_fail(&fc->detail, ERR_INVALID,
                            "update ReplicationState is only supported when namespace is in "
                            "Registered state, current state: %s",
                            state == NAMESPACE_STATE_DEPRECATED ? "Deprecated" : "Deleted");
        return err_fail(&fc->detail, ERR_INVALID, "%s can only be set for global namespace",
                        "Handover");
    }
    return fe_check_clusters(fc, update->active_cluster_name, update->n_clusters, update->clusters);
}

static enum err apply_update(struct fe_call *fc, const api_update_namespace_request *req,
                             api_namespace_info *info, api_namespace_config *config)
{
    enum err err = req->update_info ? update_info(fc, req->update_info, info) : ERR_OK;

    if (err == ERR_OK && req->config)
        err = update_config(fc, req->config, config);
    if (err == ERR_OK && req->delete_bad_binary[0] != '\0')
        err = delete_bad_binary(fc, req->delete_bad_binary, config->bad_binaries);
    if (err == ERR_OK && req->replication_config)
        err = check_replication(fc, req->replication_config, info->state);
    if (err == ERR_OK && req->promote_namespace)
        err = err_fail(&fc->detail, ERR_INVALID,
                       "global namespace is not enabled on this cluster, cannot update global "
                       "namespace or promote local namespace: %s",
                       req->namespace_);
    return err;
}

/* Write what is shown. ERR_ABORTED: somebody else was quicker. */
static enum err store(struct fe_call *fc, const api_describe_namespace_response *shown)
{
    struct namespace_info changed = *fc->ns;
    api_namespace_info stored = *shown->namespace_info;

    stored.capabilities = NULL;
    stored.limits = NULL;
    changed.info = proto_encode(fc->arena, &stored);
    changed.config = proto_encode(fc->arena, shown->config);
    changed.retention_s = fe_retention_s(shown->config->workflow_execution_retention_ttl);
    const enum err err = fe_persistence_take(fc);
    return err == ERR_OK
               ? fe_persistence_told(fc->fe, cluster_namespace_update(fc->fe->cluster, &changed))
               : err;
}

/* `req` NULL: deprecate it. */
static enum err update_once(struct fe_call *fc, const api_update_namespace_request *req,
                            api_describe_namespace_response *shown)
{
    enum err err = fe_show_namespace(fc->fe->dynconf, fc->arena, fc->ns, shown, &fc->detail);

    if (err == ERR_OK && req)
        err = apply_update(fc, req, shown->namespace_info, shown->config);
    if (err != ERR_OK)
        return err;
    if (!req)
        shown->namespace_info->state = NAMESPACE_STATE_DEPRECATED;
    return store(fc, shown);
}

static enum err update(struct fe_call *fc, const api_update_namespace_request *req,
                       api_describe_namespace_response *shown)
{
    char *name = arena_str(fc->arena, slice_str(fc->ns->name));
    enum err err = update_once(fc, req, shown);

    for (int i = 1; err == ERR_ABORTED && i < UPDATE_TRIES; i++) {
        cluster_namespace_unref(fc->ns);
        fc->ns = NULL;
        err = fe_namespace_by_name(fc, name, &fc->ns);
        if (err == ERR_OK)
            err = fe_check_namespace_state(fc, fc->ns);
        if (err == ERR_OK)
            err = update_once(fc, req, shown);
    }
    return err;
}

enum err fe_update_namespace(struct fe_call *fc)
{
    api_describe_namespace_response shown;
    api_update_namespace_response response = API_UPDATE_NAMESPACE_RESPONSE_INIT;
    const enum err err = update(fc, fc->request, &shown);

    if (err != ERR_OK)
        return err;
    response.namespace_info = shown.namespace_info;
    response.config = shown.config;
    response.replication_config = shown.replication_config;
    response.is_global_namespace = shown.is_global_namespace;
    fe_reply_message(fc, &response);
    return ERR_OK;
}

enum err fe_deprecate_namespace(struct fe_call *fc)
{
    api_describe_namespace_response shown;
    api_deprecate_namespace_response response = API_DEPRECATE_NAMESPACE_RESPONSE_INIT;
    const enum err err = update(fc, NULL, &shown);

    if (err == ERR_OK)
        fe_reply_message(fc, &response);
    return err;
}

bool fe_is_bad_binary(const struct fe_call *fc, const char *checksum)
{
    api_namespace_config *config;

    if (wire_find_bytes(fc->ns->config, BAD_BINARIES_FIELD).len == 0)
        return false;
    if (proto_decode(fc->arena, &api_namespace_config__desc, fc->ns->config, &config, NULL) !=
        ERR_OK)
        return false;
    for (size_t i = 0; config->bad_binaries && i < config->bad_binaries->n_binaries; i++)
        if (strcmp(config->bad_binaries->binaries[i]->key, checksum) == 0)
            return true;
    return false;
}
