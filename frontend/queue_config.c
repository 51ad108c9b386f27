/* queue_config.c - UpdateTaskQueueConfig: rates and weights that operators set for a task queue.
 *
 * The frontend writes the queue's row of the cluster store by compare-and-swap, then tells the
 * queue's matching owner to read it; an owner that comes later reads it anyway. */
#include "common/rpc/queue_config.h"
#include "frontend/handlers.h"
#include "frontend/persistence.h"
#include "frontend/validate.h"

#include <stdlib.h>

enum { REASON_BYTES_MAX = 1000, FAIRNESS_KEY_BYTES_MAX = 64, UPDATE_TRIES = 5 };

typedef api_update_task_queue_config_request config_request;
typedef api_update_task_queue_config_request_rate_limit_update rate_update;
typedef api_task_queue_config_fairness_weight_overrides_entry weight_entry;

/* -- checks --------------------------------------------------------------------------------- */

static enum err check_field(struct fe_call *fc, const char *name, const char *text, size_t max)
{
    if (strlen(text) <= max)
        return ERR_OK;
    return err_fail(&fc->detail, ERR_INVALID, "%s field too long (max %zu characters).", name, max);
}

static enum err check_rate(struct fe_call *fc, const rate_update *update, const char *name,
                           const char *what)
{
    const config_request *req = fc->request;

    if (!update || !update->rate_limit)
        return ERR_OK;
    if (req->task_queue_type == TASK_QUEUE_TYPE_WORKFLOW)
        return err_fail(&fc->detail, ERR_INVALID,
                        "Setting %s on workflow task queues is not allowed.", what);
    if (!(update->rate_limit->requests_per_second >= 0))
        return err_fail(&fc->detail, ERR_INVALID,
                        "RequestsPerSecond for %s rate limit must be non-negative.", name);
    return check_field(fc, arena_printf(fc->arena, "%s.Reason", name), update->reason,
                       REASON_BYTES_MAX);
}

static enum err check_key(struct fe_call *fc, const char *key)
{
    if (key[0] == '\0')
        return err_fail(&fc->detail, ERR_INVALID, "fairness weight override key must not be empty");
    if (strlen(key) > FAIRNESS_KEY_BYTES_MAX)
        return err_fail(&fc->detail, ERR_INVALID, "fairness key length exceeds limit");
    return ERR_OK;
}

static size_t overrides_max(const struct fe_call *fc)
{
    const config_request *req = fc->request;
    const struct dynconf_where where = {.namespace_name = slice_str(fc->ns->name),
                                        .task_queue = slice_str(req->task_queue),
                                        .task_type = (int32_t)req->task_queue_type};
    const int64_t max =
        dynconf_int_at(fc->fe->dynconf, DYNCONF_MATCHING_FAIRNESS_OVERRIDES, &where);

    return max > 0 ? (size_t)max : 0;
}

static enum err check_weights(struct fe_call *fc)
{
    const config_request *req = fc->request;
    const size_t total =
        req->n_set_fairness_weight_overrides + req->n_unset_fairness_weight_overrides;
    enum err err = ERR_OK;

    if (total > overrides_max(fc))
        return err_fail(&fc->detail, ERR_INVALID,
                        "too many fairness weight overrides in request: got %zu, maximum %zu",
                        total, overrides_max(fc));
    for (size_t i = 0; i < req->n_set_fairness_weight_overrides && err == ERR_OK; i++) {
        err = check_key(fc, req->set_fairness_weight_overrides[i]->key);
        if (err == ERR_OK && !(req->set_fairness_weight_overrides[i]->value > 0))
            err =
                err_fail(&fc->detail, ERR_INVALID,
                         "invalid fairness weight weight for key \"%s\": must be greater than zero",
                         req->set_fairness_weight_overrides[i]->key);
    }
    for (size_t i = 0; i < req->n_unset_fairness_weight_overrides && err == ERR_OK; i++)
        err = check_key(fc, req->unset_fairness_weight_overrides[i]);
    for (size_t i = 0; i < req->n_unset_fairness_weight_overrides && err == ERR_OK; i++)
        for (size_t k = 0; k < req->n_set_fairness_weight_overrides; k++)
            if (strcmp(req->unset_fairness_weight_overrides[i],
                       req->set_fairness_weight_overrides[k]->key) == 0)
                return err_fail(
                    &fc->detail, ERR_INVALID,
                    "fairness weight override key \"%s\" present in both set and unset lists",
                    req->unset_fairness_weight_overrides[i]);
    return err;
}

static enum err check(struct fe_call *fc)
{
    const config_request *req = fc->request;
    api_task_queue queue = API_TASK_QUEUE_INIT;
    enum err err =
        check_rate(fc, req->update_queue_rate_limit, "UpdateQueueRateLimit", "rate limit");

    if (err == ERR_OK)
        err = check_rate(fc, req->update_fairness_key_rate_limit_default,
                         "UpdateFairnessKeyRateLimitDefault", "fairness key rate limit");
    if (err == ERR_OK)
        err = check_field(fc, "Identity", req->identity, fe_id_bytes_max(fc));
    if (err == ERR_OK)
        err = check_weights(fc);
    if (err != ERR_OK)
        return err;
    if ((uint32_t)req->task_queue_type >= QUEUE_CONFIG_TYPES)
        return err_fail(&fc->detail, ERR_INVALID, "invalid task queue type");
    queue.name = req->task_queue;
    return fe_check_task_queue(fc, &queue, false);
}

/* -- the change ----------------------------------------------------------------------------- */

static api_rate_limit_config *rate_of(struct fe_call *fc, const rate_update *update)
{
    const config_request *req = fc->request;
    api_rate_limit_config *config = ARENA_NEW(fc->arena, api_rate_limit_config);
    api_config_metadata *metadata = ARENA_NEW(fc->arena, api_config_metadata);

    *metadata = (api_config_metadata)API_CONFIG_METADATA_INIT;
    metadata->reason = update->reason;
    metadata->update_identity = req->identity;
    metadata->update_time =
        proto_timestamp(fc->arena, clock_wall_ns(fc->fe->clock) / NS_PER_MS * NS_PER_MS);
    *config = (api_rate_limit_config)API_RATE_LIMIT_CONFIG_INIT;
    config->metadata = metadata;
    config->rate_limit = update->rate_limit; /* none: the limit goes, its reason stays */
    return config;
}

static int order_of_entries(const void *a, const void *b)
{
    const weight_entry *const *left = a, *const *right = b;

    return strcmp((*left)->key, (*right)->key);
}

static bool is_replaced(const config_request *req, const char *key)
{
    for (size_t i = 0; i < req->n_unset_fairness_weight_overrides; i++)
        if (strcmp(req->unset_fairness_weight_overrides[i], key) == 0)
            return true;
    for (size_t i = 0; i < req->n_set_fairness_weight_overrides; i++)
        if (strcmp(req->set_fairness_weight_overrides[i]->key, key) == 0)
            return true;
    return false;
}

static enum err merge_weights(struct fe_call *fc, api_task_queue_config *config)
{
    const config_request *req = fc->request;
    const size_t most = config->n_fairness_weight_overrides + req->n_set_fairness_weight_overrides;
    weight_entry **merged = ARENA_ARRAY(fc->arena, weight_entry *, most + 1);
    size_t count = 0;

    for (size_t i = 0; i < config->n_fairness_weight_overrides; i++)
        if (!is_replaced(req, config->fairness_weight_overrides[i]->key))
            merged[count++] = config->fairness_weight_overrides[i];
    for (size_t i = 0; i < req->n_set_fairness_weight_overrides; i++) {
        weight_entry *entry = ARENA_NEW(fc->arena, weight_entry);

        *entry = (weight_entry)API_TASK_QUEUE_CONFIG_FAIRNESS_WEIGHT_OVERRIDES_ENTRY_INIT;
        entry->key = req->set_fairness_weight_overrides[i]->key;
        entry->value = req->set_fairness_weight_overrides[i]->value;
        merged[count++] = entry;
    }
    if (count > overrides_max(fc))
        return err_fail(&fc->detail, ERR_INVALID,
                        "fairness weight overrides update rejected: exceeding maximum key size");
    if (count > 1)
        qsort(merged, count, sizeof *merged, order_of_entries);
    config->n_fairness_weight_overrides = count;
    config->fairness_weight_overrides = merged;
    return ERR_OK;
}

static enum err apply(struct fe_call *fc, api_task_queue_config *config)
{
    const config_request *req = fc->request;

    if (req->update_queue_rate_limit)
        config->queue_rate_limit = rate_of(fc, req->update_queue_rate_limit);
    if (req->update_fairness_key_rate_limit_default)
        config->fairness_keys_rate_limit_default =
            rate_of(fc, req->update_fairness_key_rate_limit_default);
    if (req->n_set_fairness_weight_overrides || req->n_unset_fairness_weight_overrides)
        return merge_weights(fc, config);
    return ERR_OK;
}

/* ERR_ABORTED: somebody else was faster. */
static enum err update_once(struct fe_call *fc, struct slice *response)
{
    const config_request *req = fc->request;
    api_update_task_queue_config_response answer = API_UPDATE_TASK_QUEUE_CONFIG_RESPONSE_INIT;
    api_task_queue_config fresh = API_TASK_QUEUE_CONFIG_INIT, *config = &fresh;
    struct cluster_queue queue = {.namespace_id = slice_str(fc->ns->id),
                                  .name = slice_str(req->task_queue)};
    const uint32_t type = (uint32_t)req->task_queue_type;
    struct slice stored;
    struct buf data;
    enum err err = fe_persistence_take(fc);

    if (err == ERR_OK)
        err = cluster_queue_read(fc->fe->cluster, fc->arena, &queue);

    if (err == ERR_OK && queue_config_find(queue.data, type, &stored))
        err = proto_decode(fc->arena, &api_task_queue_config__desc, stored, &config, &fc->detail);
    if (err == ERR_OK)
        err = apply(fc, config);
    if (err != ERR_OK)
        return err;
    buf_init(&data, CLUSTER_QUEUE_BYTES_MAX);
    queue_config_replace(queue.data, type, proto_encode(fc->arena, config), &data);
    const struct cluster_queue next = {.namespace_id = queue.namespace_id,
                                       .name = queue.name,
                                       .version = queue.version,
                                       .data = buf_slice(&data)};
    err = fe_persistence_take(fc);
    if (err == ERR_OK)
        err = buf_ok(&data) ? cluster_queue_swap(fc->fe->cluster, &next) : ERR_BUSY;
    buf_release(&data);
    answer.config = config;
    *response = proto_encode(fc->arena, &answer);
    return err;
}

enum err fe_update_task_queue_config(struct fe_call *fc)
{
    const config_request *req = fc->request;
    const struct slice namespace_id = slice_str(fc->ns->id);
    struct slice response = SLICE_EMPTY;
    enum err err = check(fc);

    if (err != ERR_OK)
        return err;
    err = ERR_ABORTED;
    for (int i = 0; i < UPDATE_TRIES && err == ERR_ABORTED; i++)
        err = update_once(fc, &response);
    if (err != ERR_OK)
        return fc->detail.text[0] ? err : err_fail(&fc->detail, err, "%s", err_text(err));
    return fe_forward(
        fc, &(struct fe_target){
                .to = MESH_SHARD(ROLE_MATCHING,
                                 rpc_matching_shard(namespace_id, slice_str(req->task_queue))),
                .method = METHOD_MATCHING_CONFIG_CHANGED,
                .body = fe_api_body(fc, fc->call->request),
                .repeatable = true,
                .reply_instead = response});
}
