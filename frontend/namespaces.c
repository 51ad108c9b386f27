/* namespaces.c - register, describe and list namespaces, over the cluster store.
 *
 * The store keeps NamespaceInfo and NamespaceConfig as they are described; capabilities and limits
 * are added when a namespace is shown, because they are this server's and not the namespace's. */
#include "frontend/handlers.h"
#include "frontend/namespaces.h"
#include "frontend/persistence.h"
#include "frontend/validate.h"

#include <stdio.h>
#include <strings.h>

enum { LIST_PAGE_DEFAULT = 100, LIST_PAGE_MAX = 1000 };

enum err fe_check_retention(struct fe_call *fc, const pb_duration *retention)
{
    int64_t ns;

    if (proto_duration_ns(retention, &ns) != ERR_OK)
        ns = retention && retention->seconds > 0 ? INT64_MAX : 0;
    if (ns < dynconf_duration(fc->fe->dynconf, DYNCONF_SYSTEM_MIN_RETENTION, SLICE_EMPTY))
        return err_fail(&fc->detail, ERR_INVALID,
                        "A valid retention period is not set on request.");
    return ERR_OK;
}

int64_t fe_retention_s(const pb_duration *retention)
{
    return proto_duration_ns_clip(retention) / NS_PER_S;
}

/* ---- showing ---- */

static api_namespace_info_capabilities *capabilities_of(const struct dynconf *dynconf,
                                                        struct arena *arena, struct slice name)
{
    typedef api_namespace_info_capabilities capabilities_type;
    capabilities_type *can = ARENA_NEW(arena, capabilities_type);

    *can = (capabilities_type)API_NAMESPACE_INFO_CAPABILITIES_INIT;
    can->eager_workflow_start = dynconf_bool(dynconf, DYNCONF_SYSTEM_EAGER_START, name);
    can->sync_update = dynconf_bool(dynconf, DYNCONF_FRONTEND_UPDATES, name);
    can->async_update = dynconf_bool(dynconf, DYNCONF_FRONTEND_UPDATES_ACCEPTED, name);
    can->poller_autoscaling = true;
    can->worker_heartbeats = dynconf_bool(dynconf, DYNCONF_FRONTEND_WORKER_HEARTBEATS, name);
    can->reported_problems_search_attribute =
        dynconf_int(dynconf, DYNCONF_SYSTEM_TASK_PROBLEMS, name) > 0;
    can->workflow_update_callbacks = dynconf_bool(dynconf, DYNCONF_HISTORY_UPDATE_CALLBACKS, name);
    can->worker_poll_complete_on_shutdown =
        dynconf_bool(dynconf, DYNCONF_FRONTEND_CANCEL_POLLS, name);
    can->workflow_pause = dynconf_bool(dynconf, DYNCONF_FRONTEND_WORKFLOW_PAUSE_ENABLED, name);
    return can;
}

static api_namespace_replication_config *replication_of_one(struct arena *arena)
{
    typedef api_namespace_replication_config replication_type;
    typedef api_cluster_replication_config member_type;
    member_type *member = ARENA_NEW(arena, member_type);
    replication_type *replication = ARENA_NEW(arena, replication_type);

    *member = (member_type)API_CLUSTER_REPLICATION_CONFIG_INIT;
    member->cluster_name = arena_str(arena, SLICE_LIT(FE_CLUSTER_NAME));
    *replication = (replication_type)API_NAMESPACE_REPLICATION_CONFIG_INIT;
    replication->active_cluster_name = member->cluster_name;
    replication->state = REPLICATION_STATE_NORMAL;
    replication->n_clusters = 1;
    replication->clusters = ARENA_ARRAY(arena, member_type *, 1);
    replication->clusters[0] = member;
    return replication;
}

enum err fe_show_namespace(const struct dynconf *dynconf, struct arena *arena,
                           const struct namespace_info *ns, api_describe_namespace_response *out,
                           struct err_detail *detail)
{
    typedef api_namespace_info_limits limits_type;
    const struct slice name = slice_str(ns->name);
    api_namespace_info *info;
    api_namespace_config *config;
    enum err err =
        proto_decode(arena, &api_namespace_info__desc, arena_copy(arena, ns->info), &info, detail);

    if (err == ERR_OK)
        err = proto_decode(arena, &api_namespace_config__desc, arena_copy(arena, ns->config),
                           &config, detail);
    if (err != ERR_OK)
        return err_fail(detail, ERR_CORRUPT, "the stored namespace cannot be read");

    info->capabilities = capabilities_of(dynconf, arena, name);
    info->limits = ARENA_NEW(arena, limits_type);
    *info->limits = (limits_type)API_NAMESPACE_INFO_LIMITS_INIT;
    info->limits->blob_size_limit_error = dynconf_int(dynconf, DYNCONF_LIMIT_BLOB_SIZE_ERROR, name);
    info->limits->memo_size_limit_error = dynconf_int(dynconf, DYNCONF_LIMIT_MEMO_SIZE_ERROR, name);
    if (!config->bad_binaries) { /* clients may count on it */
        config->bad_binaries = ARENA_NEW(arena, api_bad_binaries);
        *config->bad_binaries = (api_bad_binaries)API_BAD_BINARIES_INIT;
    }
    *out = (api_describe_namespace_response)API_DESCRIBE_NAMESPACE_RESPONSE_INIT;
    out->namespace_info = info;
    out->config = config;
    out->replication_config = replication_of_one(arena);
    out->is_global_namespace = ns->is_global;
    return ERR_OK;
}

/* The start of an id as the reference prints it, whatever a client sends. */
static const char *printable(struct arena *arena, const char *id, size_t len)
{
    const char *out = "";

    for (size_t i = 0; i < len; i++)
        out = arena_printf(arena, id[i] >= ' ' && id[i] <= '~' ? "%s%c" : "%s\\x%02x", out,
                           (unsigned char)id[i]);
    return out;
}

/* Spec: an id may be in any of the forms that the reference's library reads, with its words for
 * what is none; in capitals, without dashes, as a URN, or in brackets of any kind. */
static enum err canonical_id(struct fe_call *fc, const char *id, char out[UUID_TEXT_LEN + 1])
{
    static const char urn[] = "urn:uuid:";
    const size_t urn_len = sizeof urn - 1, len = strlen(id);
    char dashed[UUID_TEXT_LEN + 1] = "";
    uint8_t uuid[16];

    if (len == UUID_TEXT_LEN + urn_len && strncasecmp(id, urn, urn_len) != 0)
        return err_fail(&fc->detail, ERR_UNTYPED, "invalid urn prefix: \"%s\"",
                        printable(fc->arena, id, urn_len));
    if (len == 32)
        snprintf(dashed, sizeof dashed, "%.8s-%.4s-%.4s-%.4s-%s", id, id + 8, id + 12, id + 16,
                 id + 20);
    else if (len == UUID_TEXT_LEN || len == UUID_TEXT_LEN + 2 || len == UUID_TEXT_LEN + urn_len)
        memcpy(dashed,
               id + (len == UUID_TEXT_LEN       ? 0
                     : len == UUID_TEXT_LEN + 2 ? 1
                                                : urn_len),
               UUID_TEXT_LEN);
    else
        return err_fail(&fc->detail, ERR_UNTYPED, "invalid UUID length: %zu", len);
    if (!uuid_parse(slice_str(dashed), uuid))
        return err_fail(&fc->detail, ERR_UNTYPED, "invalid UUID format");
    uuid_format(uuid, out);
    return ERR_OK;
}

static enum err namespace_of_id(struct fe_call *fc, const char *id, bool weak)
{
    char text[UUID_TEXT_LEN + 1];
    enum err err = ERR_OK;

    if (!weak) /* Spec: from its memory the reference gives only the id as it is written */
        err = canonical_id(fc, id, text);
    if (err == ERR_OK)
        err = cluster_namespace_by_id(fc->fe->cluster, slice_str(weak ? id : text), &fc->ns);
    if (err == ERR_NOT_FOUND)
        return errdetail_namespace_not_found(fc->arena, &fc->detail, id);
    return err == ERR_BUSY ? fe_persistence_refused(fc) : err;
}

enum err fe_describe_namespace(struct fe_call *fc)
{
    const api_describe_namespace_request *req = fc->request;
    api_describe_namespace_response response;

    enum err err = fe_check_length(fc, "Namespace", req->namespace_);
    if (err != ERR_OK)
        return err;
    if (req->namespace_[0] == '\0' && req->id[0] == '\0')
        return err_fail(&fc->detail, ERR_INVALID, "Namespace not set on request.");
    if (req->namespace_[0] != '\0' && req->id[0] != '\0')
        return err_fail(&fc->detail, ERR_INVALID,
                        "GetNamespace operation failed.  Both ID and Name specified in request.");
    if (!req->weak_consistency) {
        err = fe_persistence_take(fc);
        if (err == ERR_OK)
            err = cluster_refresh(fc->fe->cluster);
        if (err != ERR_OK)
            return err;
    }
    err = req->id[0] != '\0' ? namespace_of_id(fc, req->id, req->weak_consistency)
                             : fe_namespace_by_name(fc, req->namespace_, &fc->ns);
    if (err == ERR_OK)
        err = fe_show_namespace(fc->fe->dynconf, fc->arena, fc->ns, &response, &fc->detail);
    if (err == ERR_OK)
        fe_reply_message(fc, &response);
    return err;
}

struct list_state {
    struct fe_call *fc;
    api_describe_namespace_response **items;
    size_t count, limit;
    bool deleted_too;
    enum err err;
};

static bool list_one(void *arg, const struct namespace_info *ns)
{
    struct list_state *list = arg;
    struct arena *arena = list->fc->arena;
    api_describe_namespace_response *item = ARENA_NEW(arena, api_describe_namespace_response);

    if (!list->deleted_too && fe_namespace_state(ns) == NAMESPACE_STATE_DELETED)
        return true;
    list->err = fe_show_namespace(list->fc->fe->dynconf, arena, ns, item, &list->fc->detail);
    if (list->err == ERR_OK)
        list->items[list->count++] = item;
    return list->err == ERR_OK && list->count < list->limit;
}

/* The page token is the name of the last namespace shown. */
enum err fe_list_namespaces(struct fe_call *fc)
{
    const api_list_namespaces_request *req = fc->request;
    const struct slice after = slice_of(req->next_page_token.data, req->next_page_token.len);
    api_list_namespaces_response response = API_LIST_NAMESPACES_RESPONSE_INIT;
    uint32_t limit = LIST_PAGE_DEFAULT;

    if (after.len > fe_id_bytes_max(fc))
        return err_fail(&fc->detail, ERR_INVALID, "Invalid NextPageToken.");
    if (req->page_size > 0)
        limit = req->page_size < LIST_PAGE_MAX ? (uint32_t)req->page_size : LIST_PAGE_MAX;
    struct list_state list = {
        .fc = fc,
        .items = ARENA_ARRAY(fc->arena, api_describe_namespace_response *, limit),
        .limit = limit,
        .deleted_too = req->namespace_filter && req->namespace_filter->include_deleted};
    enum err err = fe_persistence_take(fc);
    if (err == ERR_OK)
        err = cluster_namespaces(fc->fe->cluster, after, UINT32_MAX, list_one, &list);
    if (err != ERR_OK || list.err != ERR_OK)
        return err != ERR_OK ? err : list.err;

    response.n_namespaces = list.count;
    response.namespaces = list.items;
    if (list.count == limit) {
        char *last = list.items[list.count - 1]->namespace_info->name;

        response.next_page_token.data = (uint8_t *)last;
        response.next_page_token.len = strlen(last);
    }
    fe_reply_message(fc, &response);
    return ERR_OK;
}

/* ---- writing ---- */

static enum err create(struct cluster *cluster, struct arena *arena, struct rng *rng,
                       api_namespace_info *info, api_namespace_config *config)
{
    struct namespace_info ns = {.name = info->name,
                                .retention_s =
                                    fe_retention_s(config->workflow_execution_retention_ttl)};

    uuid_v4(rng, ns.id);
    info->id = ns.id;
    info->state = NAMESPACE_STATE_REGISTERED;
    config->history_archival_state = ARCHIVAL_STATE_DISABLED;
    config->visibility_archival_state = ARCHIVAL_STATE_DISABLED;
    ns.info = proto_encode(arena, info);
    ns.config = proto_encode(arena, config);
    return cluster_namespace_create(cluster, &ns);
}

enum err fe_make_default_namespace(struct cluster *cluster, const struct config *config)
{
    api_namespace_info info = API_NAMESPACE_INFO_INIT;
    api_namespace_config settings = API_NAMESPACE_CONFIG_INIT;
    const struct namespace_info *there;
    struct arena arena;
    struct rng rng;

    if (config->default_namespace[0] == '\0')
        return ERR_OK;
    if (cluster_namespace_by_name(cluster, slice_str(config->default_namespace), &there) ==
        ERR_OK) {
        cluster_namespace_unref(there);
        return ERR_OK;
    }
    arena_init(&arena);
    rng_seed_from_kernel(&rng);
    info.name = arena_str(&arena, slice_str(config->default_namespace));
    settings.workflow_execution_retention_ttl =
        proto_duration(&arena, config->default_retention_hours * 3600 * NS_PER_S);
    const enum err err = create(cluster, &arena, &rng, &info, &settings);
    arena_release(&arena);
    return err == ERR_EXISTS ? ERR_OK : err; /* another frontend was first */
}

static enum err already_exists(struct fe_call *fc, const char *name)
{
    return errdetail_namespace_already_exists(fc->arena, &fc->detail,
                                              "Namespace \"%s\" already exists", name);
}

static enum err check_is_new(struct fe_call *fc, const char *name)
{
    const struct namespace_info *there;
    if (strcmp(name, FE_SYSTEM_NAMESPACE) == 0)
        return already_exists(fc, name);
    enum err err = fe_persistence_take(fc);
    if (err == ERR_OK)
        err = cluster_refresh(fc->fe->cluster); /* somebody else may have made it just now */
    if (err != ERR_OK)
        return err;
    err = cluster_namespace_by_name(fc->fe->cluster, slice_str(name), &there);
    if (err != ERR_OK)
        return err == ERR_NOT_FOUND ? ERR_OK : err == ERR_BUSY ? fe_persistence_refused(fc) : err;
    cluster_namespace_unref(there);
    return already_exists(fc, name);
}

/* There is one cluster, and a namespace is in it. */
enum err fe_check_clusters(struct fe_call *fc, const char *active, size_t count,
                           api_cluster_replication_config *const *clusters)
{
    if (active[0] != '\0' && strcmp(active, FE_CLUSTER_NAME) != 0)
        return err_fail(&fc->detail, ERR_INVALID, "Invalid cluster name: %.200s", active);
    for (size_t i = 0; i < count; i++)
        if (strcmp(clusters[i]->cluster_name, FE_CLUSTER_NAME) != 0)
            return err_fail(&fc->detail, ERR_INVALID, "Invalid cluster name: %.200s",
                            clusters[i]->cluster_name);
    if (count > 1)
        return err_fail(&fc->detail, ERR_INVALID, "Invalid local namespace clusters");
    return ERR_OK;
}

enum err fe_register_namespace(struct fe_call *fc)
{
    const api_register_namespace_request *req = fc->request;
    typedef api_namespace_info_data_entry data_type;
    api_namespace_info info = API_NAMESPACE_INFO_INIT;
    api_namespace_config config = API_NAMESPACE_CONFIG_INIT;
    api_register_namespace_response response = API_REGISTER_NAMESPACE_RESPONSE_INIT;

    if (req->namespace_[0] == '\0')
        return err_fail(&fc->detail, ERR_INVALID, "Namespace not set on request.");
    enum err err = fe_check_length(fc, "Namespace", req->namespace_);
    if (err != ERR_OK)
        return err;
    if (req->is_global_namespace)
        return err_fail(&fc->detail, ERR_INVALID,
                        "Cannot register global namespace when not enabled");
    err = fe_check_retention(fc, req->workflow_execution_retention_period);
    if (err == ERR_OK)
        err = check_is_new(fc, req->namespace_);
    if (err == ERR_OK)
        err = fe_check_clusters(fc, req->active_cluster_name, req->n_clusters, req->clusters);
    if (err != ERR_OK)
        return err;

    info.name = req->namespace_;
    info.description = req->description;
    info.owner_email = req->owner_email;
    info.n_data = req->n_data;
    info.data = ARENA_ARRAY(fc->arena, data_type *, req->n_data);
    for (size_t i = 0; i < req->n_data; i++) {
        info.data[i] = ARENA_NEW(fc->arena, data_type);
        *info.data[i] = (data_type)API_NAMESPACE_INFO_DATA_ENTRY_INIT;
        info.data[i]->key = req->data[i]->key;
        info.data[i]->value = req->data[i]->value;
    }
    config.workflow_execution_retention_ttl = req->workflow_execution_retention_period;
    err = fe_persistence_take(fc);
    if (err == ERR_OK)
        err = create(fc->fe->cluster, fc->arena, &fc->loop->rng, &info, &config);
    if (err == ERR_EXISTS)
        return already_exists(fc, req->namespace_);
    if (err == ERR_OK)
        fe_reply_message(fc, &response);
    return err;
}
