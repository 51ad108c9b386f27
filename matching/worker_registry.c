/* worker_registry.c - see worker_registry.h.
 *
 * 1. A worker is in its namespace's map and in `by_age`, which is in the order of heartbeats.
 * 2. `count` and `bytes` are sums over `by_age`. */
#include "matching/worker_registry.h"

#include "api.h"
#include "common/base/list.h"
#include "common/base/map.h"
#include "common/proto/errdetail.h"
#include "common/proto/wire.h"
#include "matching/worker_query.h"

#include <stdlib.h>

enum { KEY_BYTES_MAX = 1024 };

struct registry_namespace {
    struct map_node by_id;
    struct map workers; /* struct worker by instance key */
    uint32_t shard;
    size_t id_len;
    uint8_t id[];
};

struct worker {
    struct map_node by_key;
    struct list node; /* in registry->by_age */
    struct registry_namespace *ns;
    int64_t seen_ns;
    bool is_system;
    struct slice heartbeat; /* encoded; in bytes, after the key */
    uint8_t bytes[];
};

struct worker_registry {
    const struct dynconf *dynconf;
    uint64_t seed;
    struct map namespaces;
    struct list by_age; /* oldest first */
    size_t count, bytes;
    struct counter *added, *removed;
    struct gauge *workers, *blocked;
};

struct worker_registry *worker_registry_new(const struct dynconf *dynconf, struct metrics *metrics,
                                            uint64_t seed)
{
    struct worker_registry *registry = calloc(1, sizeof *registry);

    must(registry != NULL);
    registry->dynconf = dynconf;
    registry->seed = seed;
    map_init(&registry->namespaces, seed);
    list_init(&registry->by_age);
    registry->added = metrics_counter(metrics, "worker_registry_workers_added", "");
    registry->removed = metrics_counter(metrics, "worker_registry_workers_removed", "");
    registry->workers = metrics_gauge(metrics, "gnomon_matching_workers", "");
    registry->blocked = metrics_gauge(metrics, "worker_registry_eviction_blocked_by_age", "");
    return registry;
}

static size_t weight(const struct worker *worker)
{
    return sizeof *worker + worker->by_key.key.len + worker->heartbeat.len;
}

static void worker_free(struct worker_registry *registry, struct worker *worker)
{
    must(registry->count > 0 && registry->bytes >= weight(worker));
    registry->count--;
    registry->bytes -= weight(worker);
    map_remove(&worker->ns->workers, &worker->by_key);
    list_remove(&worker->node);
    free(worker);
}

static void namespace_free(struct worker_registry *registry, struct registry_namespace *ns)
{
    for (struct map_node *node; (node = map_next(&ns->workers, NULL));)
        worker_free(registry, CONTAINER_OF(node, struct worker, by_key));
    map_release(&ns->workers);
    map_remove(&registry->namespaces, &ns->by_id);
    free(ns);
}

void worker_registry_free(struct worker_registry *registry)
{
    if (!registry)
        return;
    for (struct map_node *node; (node = map_next(&registry->namespaces, NULL));)
        namespace_free(registry, CONTAINER_OF(node, struct registry_namespace, by_id));
    map_release(&registry->namespaces);
    free(registry);
}

static struct registry_namespace *namespace_find(const struct worker_registry *registry,
                                                 struct slice id)
{
    struct map_node *node = map_get(&registry->namespaces, id);

    return node ? CONTAINER_OF(node, struct registry_namespace, by_id) : NULL;
}

static struct registry_namespace *namespace_get(struct worker_registry *registry, struct slice id)
{
    struct registry_namespace *ns = namespace_find(registry, id);

    if (ns)
        return ns;
    ns = calloc(1, sizeof *ns + id.len);
    must(ns != NULL);
    if (id.len)
        memcpy(ns->id, id.ptr, id.len);
    ns->id_len = id.len;
    ns->shard = rpc_workers_shard(id);
    map_init(&ns->workers, registry->seed);
    map_put(&registry->namespaces, slice_of(ns->id, id.len), &ns->by_id);
    return ns;
}

static struct worker *worker_find(const struct registry_namespace *ns, struct slice key)
{
    struct map_node *node = map_get(&ns->workers, key);

    return node ? CONTAINER_OF(node, struct worker, by_key) : NULL;
}

/* -- limits --------------------------------------------------------------------------------- */

static size_t entries_max(const struct worker_registry *registry)
{
    const int64_t max = dynconf_int(registry->dynconf, DYNCONF_MATCHING_WORKERS_MAX, SLICE_EMPTY);

    return max > 0 ? (size_t)max : 0;
}

static bool over(const struct worker_registry *registry)
{
    return registry->count > entries_max(registry) || registry->bytes > WORKER_REGISTRY_BYTES_MAX;
}

static struct worker *oldest(const struct worker_registry *registry)
{
    return list_empty(&registry->by_age) ? NULL
                                         : CONTAINER_OF(registry->by_age.next, struct worker, node);
}

/* Workers that were heard of a short while ago stay. */
static void make_room(struct worker_registry *registry, int64_t now_ns)
{
    const int64_t age_ns =
        dynconf_duration(registry->dynconf, DYNCONF_MATCHING_WORKERS_MIN_AGE, SLICE_EMPTY);
    struct worker *worker;

    while (over(registry) && (worker = oldest(registry)) && now_ns - worker->seen_ns >= age_ns) {
        worker_free(registry, worker);
        counter_add(registry->removed, 1);
    }
    gauge_set(registry->blocked, over(registry));
}

void worker_registry_sweep(struct worker_registry *registry, int64_t now_ns)
{
    const int64_t ttl_ns =
        dynconf_duration(registry->dynconf, DYNCONF_MATCHING_WORKERS_TTL, SLICE_EMPTY);
    struct worker *worker;

    while ((worker = oldest(registry)) && now_ns - worker->seen_ns > ttl_ns) {
        worker_free(registry, worker);
        counter_add(registry->removed, 1);
    }
    make_room(registry, now_ns);
    gauge_set(registry->workers, (int64_t)registry->count);
}

int64_t worker_registry_interval_ns(const struct worker_registry *registry)
{
    const int64_t ns =
        dynconf_duration(registry->dynconf, DYNCONF_MATCHING_WORKERS_INTERVAL, SLICE_EMPTY);

    return ns > 10 * NS_PER_MS ? ns : 10 * NS_PER_MS;
}

void worker_registry_shard_lost(struct worker_registry *registry, uint32_t shard)
{
    for (struct map_node *node = map_next(&registry->namespaces, NULL), *next; node; node = next) {
        struct registry_namespace *ns = CONTAINER_OF(node, struct registry_namespace, by_id);

        next = map_next(&registry->namespaces, node);
        if (ns->shard == shard)
            namespace_free(registry, ns);
    }
}

/* -- heartbeats ----------------------------------------------------------------------------- */

static bool is_system_queue(const char *task_queue)
{
    static const char prefix[] = "temporal-sys-";

    return strncmp(task_queue, prefix, sizeof prefix - 1) == 0;
}

static struct worker *worker_new(struct registry_namespace *ns, struct slice key,
                                 struct slice heartbeat)
{
    struct worker *worker = calloc(1, sizeof *worker + key.len + heartbeat.len);

    must(worker != NULL);
    if (key.len)
        memcpy(worker->bytes, key.ptr, key.len);
    if (heartbeat.len)
        memcpy(worker->bytes + key.len, heartbeat.ptr, heartbeat.len);
    worker->heartbeat = slice_of(worker->bytes + key.len, heartbeat.len);
    worker->ns = ns;
    map_put(&ns->workers, slice_of(worker->bytes, key.len), &worker->by_key);
    return worker;
}

static enum err record_one(struct worker_registry *registry, struct registry_namespace *ns,
                           const api_worker_heartbeat *message, struct slice bytes, int64_t now_ns)
{
    const struct slice key = slice_str(message->worker_instance_key);
    struct worker *known = worker_find(ns, key);

    if (known)
        worker_free(registry, known);
    if (message->status == WORKER_STATUS_SHUTDOWN) {
        counter_add(registry->removed, known != NULL);
        return ERR_OK;
    }
    if (registry->count >= entries_max(registry) ||
        registry->bytes + sizeof(struct worker) + key.len + bytes.len > WORKER_REGISTRY_BYTES_MAX) {
        const struct worker *first = oldest(registry);

        if (!first || now_ns - first->seen_ns < dynconf_duration(registry->dynconf,
                                                                 DYNCONF_MATCHING_WORKERS_MIN_AGE,
                                                                 SLICE_EMPTY)) {
            gauge_set(registry->blocked, 1);
            return ERR_BUSY;
        }
    }
    struct worker *worker = worker_new(ns, key, bytes);
    worker->seen_ns = now_ns;
    worker->is_system = is_system_queue(message->task_queue);
    list_push_back(&registry->by_age, &worker->node);
    registry->count++;
    registry->bytes += weight(worker);
    counter_add(registry->added, known == NULL);
    make_room(registry, now_ns);
    return ERR_OK;
}

enum err worker_registry_record(struct worker_registry *registry, struct arena *arena,
                                const struct rpc_api *api, int64_t now_ns,
                                struct err_detail *detail)
{
    enum { HEARTBEATS = 3 };
    api_record_worker_heartbeat_request *request;
    struct wire_reader reader = wire_reader(api->request);
    struct wire_field field;
    enum err err = proto_decode(arena, &api_record_worker_heartbeat_request__desc, api->request,
                                &request, detail);

    if (err != ERR_OK)
        return err;
    for (size_t i = 0; i < request->n_worker_heartbeat; i++) {
        const api_worker_heartbeat *heartbeat = request->worker_heartbeat[i];

        if (strlen(heartbeat->worker_instance_key) > KEY_BYTES_MAX)
            return err_fail(detail, ERR_INVALID, "WorkerInstanceKey length exceeds limit.");
        if (protobuf_c_message_get_packed_size(&heartbeat->base) > WORKER_HEARTBEAT_BYTES_MAX)
            return err_fail(detail, ERR_INVALID, "worker heartbeat exceeds size limit.");
    }
    struct registry_namespace *ns = namespace_get(registry, api->namespace_id);
    for (size_t i = 0; i < request->n_worker_heartbeat && wire_next(&reader, &field);) {
        if (field.number != HEARTBEATS || field.type != WIRE_BYTES)
            continue;
        err = record_one(registry, ns, request->worker_heartbeat[i++], field.bytes, now_ns);
        if (err != ERR_OK)
            return err_fail(detail, err, "the worker registry is full");
    }
    gauge_set(registry->workers, (int64_t)registry->count);
    return ERR_OK;
}

/* -- lists ---------------------------------------------------------------------------------- */

static int order_of_keys(const void *a, const void *b)
{
    const struct worker *const *left = a, *const *right = b;

    return slice_cmp((*left)->by_key.key, (*right)->by_key.key);
}

/* The workers of a namespace that the query lets through, after `after`, in the order of their
 * keys. */
struct selection {
    struct worker **workers;
    size_t count;
};

struct wanted {
    struct slice namespace_id;
    const char *query;
    bool system_too;
    struct slice after;
};

static enum err choose(const struct worker_registry *registry, struct arena *arena,
                       const struct wanted *wanted, struct selection *out,
                       struct err_detail *detail)
{
    const struct worker_query *query;
    const struct registry_namespace *ns = namespace_find(registry, wanted->namespace_id);
    struct arena scratch;
    enum err err = worker_query_parse(arena, slice_str(wanted->query), &query, detail);

    *out = (struct selection){0};
    if (err != ERR_OK || !ns)
        return err;
    arena_init(&scratch);
    out->workers = ARENA_ARRAY(arena, struct worker *, ns->workers.count + 1);
    for (struct map_node *node = map_next(&ns->workers, NULL); node && err == ERR_OK;
         node = map_next(&ns->workers, node)) {
        struct worker *worker = CONTAINER_OF(node, struct worker, by_key);
        api_worker_heartbeat *heartbeat;

        if ((worker->is_system && !wanted->system_too) ||
            slice_cmp(worker->by_key.key, wanted->after) < (wanted->after.len ? 1 : 0))
            continue;
        if (query) {
            arena_reset(&scratch);
            err = proto_decode(&scratch, &api_worker_heartbeat__desc, worker->heartbeat, &heartbeat,
                               detail);
            if (err != ERR_OK || !worker_query_matches(query, heartbeat))
                continue;
        }
        out->workers[out->count++] = worker;
    }
    arena_release(&scratch);
    if (out->count > 1)
        qsort(out->workers, out->count, sizeof *out->workers, order_of_keys);
    return err;
}

/* What a list shows of a worker: the heartbeat's fields under other numbers. */
static enum err put_list_info(struct buf *out, struct arena *arena, const struct worker *worker,
                              struct err_detail *detail)
{
    enum { LIST_WORKERS = 3 };
    api_worker_list_info info = API_WORKER_LIST_INFO_INIT;
    api_worker_heartbeat *heartbeat;
    const enum err err =
        proto_decode(arena, &api_worker_heartbeat__desc, worker->heartbeat, &heartbeat, detail);

    if (err != ERR_OK)
        return err;
    info.worker_instance_key = heartbeat->worker_instance_key;
    info.worker_identity = heartbeat->worker_identity;
    info.task_queue = heartbeat->task_queue;
    info.deployment_version = heartbeat->deployment_version;
    info.sdk_name = heartbeat->sdk_name;
    info.sdk_version = heartbeat->sdk_version;
    info.status = heartbeat->status;
    info.start_time = heartbeat->start_time;
    if (heartbeat->host_info) {
        info.host_name = heartbeat->host_info->host_name;
        info.worker_grouping_key = heartbeat->host_info->worker_grouping_key;
        info.process_id = heartbeat->host_info->process_id;
    }
    info.n_plugins = heartbeat->n_plugins;
    info.plugins = heartbeat->plugins;
    info.n_drivers = heartbeat->n_drivers;
    info.drivers = heartbeat->drivers;
    proto_put(out, LIST_WORKERS, &info);
    return ERR_OK;
}

/* WorkerInfo {1: heartbeat} as a field of `out`. */
static void put_info(struct buf *out, uint32_t field, const struct worker *worker)
{
    enum { INFO_HEARTBEAT = 1 };
    uint8_t head[15];
    const size_t head_len = wire_head(head, INFO_HEARTBEAT, worker->heartbeat.len);

    wire_put_tag(out, field, WIRE_BYTES);
    wire_put_raw_varint(out, head_len + worker->heartbeat.len);
    buf_append(out, head, head_len);
    buf_append_slice(out, worker->heartbeat);
}

enum { TOKEN_VERSION = 1 };

enum err worker_registry_list(struct worker_registry *registry, struct arena *arena,
                              const struct rpc_api *api, struct slice *out,
                              struct err_detail *detail)
{
    enum { WORKERS_INFO = 1, NEXT_PAGE_TOKEN = 2 };
    api_list_workers_request *request;
    struct selection chosen;
    struct buf body, token;
    size_t bytes = 0, taken = 0;
    enum err err =
        proto_decode(arena, &api_list_workers_request__desc, api->request, &request, detail);

    if (err != ERR_OK)
        return err;
    struct slice after = slice_of(request->next_page_token.data, request->next_page_token.len);
    const bool token_ok = after.len == 0 || (after.len > 1 && after.len <= KEY_BYTES_MAX + 1 &&
                                             after.ptr[0] == TOKEN_VERSION);
    if (after.len && token_ok)
        after = slice_of(after.ptr + 1, after.len - 1);
    const struct wanted wanted = {api->namespace_id, request->query,
                                  request->include_system_workers, token_ok ? after : SLICE_EMPTY};
    err = choose(registry, arena, &wanted, &chosen, detail);
    if (err != ERR_OK)
        return err;
    if (!token_ok)
        return err_fail(detail, ERR_INVALID, "invalid next_page_token");
    const size_t limit = request->page_size > 0 ? (size_t)request->page_size : SIZE_MAX;

    buf_init(&body, 0);
    buf_init(&token, 0);
    for (; err == ERR_OK && taken < chosen.count && taken < limit; taken++) {
        const struct worker *worker = chosen.workers[taken];

        if (bytes && bytes + worker->heartbeat.len > WORKER_PAGE_BYTES_MAX)
            break;
        bytes += worker->heartbeat.len;
        put_info(&body, WORKERS_INFO, worker);
        err = put_list_info(&body, arena, worker, detail);
    }
    if (taken > 0 && taken < chosen.count) {
        const uint8_t version = TOKEN_VERSION;

        buf_append(&token, &version, 1);
        buf_append_slice(&token, chosen.workers[taken - 1]->by_key.key);
        wire_put_bytes(&body, NEXT_PAGE_TOKEN, buf_slice(&token));
    }
    if (err == ERR_OK && !buf_ok(&body))
        err = ERR_NO_MEMORY;
    if (err == ERR_OK)
        *out = arena_copy(arena, buf_slice(&body));
    buf_release(&token);
    buf_release(&body);
    return err;
}

enum err worker_registry_count(struct worker_registry *registry, struct arena *arena,
                               const struct rpc_api *api, struct slice *out,
                               struct err_detail *detail)
{
    api_count_workers_request *request;
    api_count_workers_response response = API_COUNT_WORKERS_RESPONSE_INIT;
    struct selection chosen;
    enum err err =
        proto_decode(arena, &api_count_workers_request__desc, api->request, &request, detail);

    if (err != ERR_OK)
        return err;
    const struct wanted wanted = {api->namespace_id, request->query,
                                  request->include_system_workers, SLICE_EMPTY};
    err = choose(registry, arena, &wanted, &chosen, detail);
    if (err != ERR_OK)
        return err;
    response.count = (int64_t)chosen.count;
    *out = proto_encode(arena, &response);
    return ERR_OK;
}

enum err worker_registry_describe(struct worker_registry *registry, struct arena *arena,
                                  const struct rpc_api *api, struct slice *out,
                                  struct err_detail *detail)
{
    enum { WORKER_INFO = 1 };
    api_describe_worker_request *request;
    struct buf body;
    enum err err =
        proto_decode(arena, &api_describe_worker_request__desc, api->request, &request, detail);

    if (err != ERR_OK)
        return err;
    const struct registry_namespace *ns = namespace_find(registry, api->namespace_id);
    if (!ns) /* Spec: where no worker was ever heard of, the namespace counts as not found */
        return errdetail_namespace_not_found(arena, detail, arena_str(arena, api->namespace_id));
    const struct worker *worker = worker_find(ns, slice_str(request->worker_instance_key));
    if (!worker)
        return err_fail(detail, ERR_NOT_FOUND, "Worker %s not found", request->worker_instance_key);
    buf_init(&body, 0);
    put_info(&body, WORKER_INFO, worker);
    err = buf_ok(&body) ? ERR_OK : ERR_NO_MEMORY;
    if (err == ERR_OK)
        *out = arena_copy(arena, buf_slice(&body));
    buf_release(&body);
    return err;
}
