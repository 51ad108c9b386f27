/* describe.c - DescribeTaskQueue: who polls a queue, and how much waits there.
 *
 * Spec: WorkflowService.DescribeTaskQueue. The answer tells of the unversioned queue; its backlog
 * is what the window holds, or what history's rows were counted to be. */
#include "matching/matching_int.h"

#include "common/proto/wire.h"
#include "api.h"

enum {
    RESPONSE_POLLERS = 1,
    RESPONSE_STATUS = 2,
    RESPONSE_VERSIONS_INFO = 3,
    RESPONSE_VERSIONING_INFO = 4,
    RESPONSE_STATS = 5,
    RESPONSE_CONFIG = 6,
    RESPONSE_EFFECTIVE_RATE_LIMIT = 7,
    RESPONSE_STATS_BY_PRIORITY_KEY = 8,
    MAP_KEY = 1,
    MAP_VALUE = 2,
    PRIORITY_DEFAULT = 3,
    REACHABLE = 1,
    UNREACHABLE = 3,
};

struct backlog {
    int64_t count;
    int64_t oldest_wall_ns;
};

/* The queue in hand; NULL: there is none. */
struct describing {
    struct matching *m;
    const struct queue *q;
    const struct matching_backlogs *backlogs; /* NULL: nothing is known */
    int64_t now_ns;
};

static void put_double(struct buf *out, uint32_t field, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    wire_put_fixed64(out, field, bits);
}

static void put_float(struct buf *out, uint32_t field, double value)
{
    const float narrow = (float)value;
    uint32_t bits;

    memcpy(&bits, &narrow, sizeof bits);
    if (bits)
        wire_put_fixed32(out, field, bits);
}

/* `inner` becomes one field of `out`, and is empty again. */
static void put_inner(struct buf *out, uint32_t field, struct buf *inner)
{
    wire_put_bytes(out, field, buf_slice(inner));
    out->failed = out->failed || inner->failed;
    buf_clear(inner);
}

static void put_pollers(struct buf *out, uint32_t field, const struct queue *q)
{
    enum { LAST_ACCESS_TIME = 1, IDENTITY = 2, RATE_PER_SECOND = 3 };
    struct buf inner;

    if (!q)
        return;
    buf_init(&inner, 0);
    for (const struct list *it = q->pollers_by_age.prev; it != &q->pollers_by_age; it = it->prev) {
        const struct poller *poller =
            (const struct poller *)(const void *)((const char *)it - offsetof(struct poller, node));

        if (poller->by_identity.key.len == 0)
            continue; /* Spec: the reference keeps no record of a poller without identity */
        wire_put_timestamp(&inner, LAST_ACCESS_TIME, poller->last_access_wall_ns);
        wire_put_bytes(&inner, IDENTITY, poller->by_identity.key);
        put_double(&inner, RATE_PER_SECOND, poller->rate_per_second);
        buf_append_slice(&inner, slice_of(poller->version, poller->version_len));
        put_inner(out, field, &inner);
    }
    buf_release(&inner);
}

static void add_to(struct backlog *backlog, int64_t count, int64_t oldest_wall_ns)
{
    if (count == 0)
        return;
    if (backlog->count == 0 || oldest_wall_ns < backlog->oldest_wall_ns)
        backlog->oldest_wall_ns = oldest_wall_ns;
    backlog->count += count;
}

static const struct rpc_task_counts *counts_of(const struct describing *d)
{
    return d->q && d->backlogs && d->backlogs->known[d->q->kind] ? &d->backlogs->counts[d->q->kind]
                                                                 : NULL;
}

/* `priority` -1 means all. */
static struct backlog backlog_of(const struct describing *d, int priority)
{
    const struct rpc_task_counts *counts = counts_of(d);
    struct backlog backlog = {0};

    for (int i = 0; counts && i < RPC_PRIORITIES; i++)
        if (priority < 0 || priority == i)
            add_to(&backlog, (int64_t)counts->at[i].count, counts->at[i].oldest_wall_ns);
    for (size_t i = 0; !counts && d->q && i < d->q->tasks.count; i++) {
        const struct task *task = CONTAINER_OF(d->q->tasks.nodes[i], struct task, order);

        if (task->rpc.kind != TASK_QUERY &&
            (priority < 0 || window_priority(&task->rpc) == priority))
            add_to(&backlog, 1, task->rpc.created_wall_ns);
    }
    return backlog;
}

static bool is_told(const struct describing *d, int priority)
{
    return priority == PRIORITY_DEFAULT || backlog_of(d, priority).count > 0 ||
           (d->q && (tq_rates_per_second(d->q->added, priority, d->now_ns) > 0 ||
                     tq_rates_per_second(d->q->dispatched, priority, d->now_ns) > 0));
}

/* The content of one TaskQueueStats; `priority` -1 means all. */
static void put_stats(struct buf *out, const struct describing *d, int priority)
{
    enum { COUNT = 1, AGE = 2, ADD_RATE = 3, DISPATCH_RATE = 4, RATE_LIMITING = 5 };
    const struct backlog backlog = backlog_of(d, priority);
    const struct queue *q = d->q;
    const int64_t now_ns = d->now_ns;
    const int64_t age_ns =
        backlog.count ? clock_wall_ns(d->m->o.clock) - backlog.oldest_wall_ns : 0;

    if (backlog.count)
        wire_put_varint(out, COUNT, (uint64_t)backlog.count);
    wire_put_duration(out, AGE, age_ns > 0 ? age_ns : 0);
    if (q) {
        put_float(out, ADD_RATE, tq_rates_per_second(q->added, priority, now_ns));
        put_float(out, DISPATCH_RATE, tq_rates_per_second(q->dispatched, priority, now_ns));
    }
    if (q && tq_rate_was_up(q, now_ns))
        wire_put_bool(out, RATE_LIMITING, true);
}

static void put_stats_by_priority(struct buf *out, const struct describing *d)
{
    struct buf entry, stats;

    buf_init(&entry, 0);
    buf_init(&stats, 0);
    for (int priority = PRIORITY_BEST; priority <= PRIORITY_WORST; priority++) {
        if (!is_told(d, priority))
            continue;
        wire_put_varint(&entry, MAP_KEY, (uint64_t)priority);
        put_stats(&stats, d, priority);
        put_inner(&entry, MAP_VALUE, &stats);
        put_inner(out, RESPONSE_STATS_BY_PRIORITY_KEY, &entry);
    }
    buf_release(&stats);
    buf_release(&entry);
}

static double limit_of(const struct queue *q, enum rate_source *source)
{
    *source = RATE_FROM_SYSTEM;
    return q ? tq_rate_limit(q, source) : RATE_OF_SYSTEM;
}

static void put_status(struct buf *out, const struct describing *d)
{
    enum { BACKLOG_COUNT_HINT = 1, RATE_PER_SECOND = 4 };
    const struct backlog backlog = backlog_of(d, -1);
    enum rate_source source;
    struct buf inner;

    buf_init(&inner, 0);
    if (backlog.count)
        wire_put_varint(&inner, BACKLOG_COUNT_HINT, (uint64_t)backlog.count);
    put_double(&inner, RATE_PER_SECOND, limit_of(d->q, &source));
    put_inner(out, RESPONSE_STATUS, &inner);
    buf_release(&inner);
}

static void put_effective_limit(struct buf *out, const struct queue *q)
{
    enum { REQUESTS_PER_SECOND = 1, SOURCE = 2 };
    enum rate_source source;
    struct buf inner;

    buf_init(&inner, 0);
    put_float(&inner, REQUESTS_PER_SECOND, limit_of(q, &source));
    wire_put_varint(&inner, SOURCE, source);
    put_inner(out, RESPONSE_EFFECTIVE_RATE_LIMIT, &inner);
    buf_release(&inner);
}

/* Tasks go to workers without a version; nobody ever changed that (the zero time of the API). */
static void put_versioning_info(struct buf *out)
{
    enum { CURRENT_VERSION = 1, UPDATE_TIME = 4, SECONDS = 1 };
    static const int64_t never_s = INT64_C(-62135596800);
    struct buf inner, time;

    buf_init(&inner, 0);
    buf_init(&time, 0);
    wire_put_str(&inner, CURRENT_VERSION, "__unversioned__");
    wire_put_varint(&time, SECONDS, (uint64_t)never_s);
    put_inner(&inner, UPDATE_TIME, &time);
    put_inner(out, RESPONSE_VERSIONING_INFO, &inner);
    buf_release(&time);
    buf_release(&inner);
}

typedef api_describe_task_queue_request describe_request;

/* NULL: a sticky queue that nobody polls, or one of Nexus tasks: there are none. */
static const struct queue *queue_of(struct matching *m, const struct rpc_api *api,
                                    const describe_request *request, int type, int64_t now_ns)
{
    if (type == TASK_QUEUE_TYPE_NEXUS)
        return NULL;

    const struct tq_spec spec = {
        .kind = type == TASK_QUEUE_TYPE_ACTIVITY ? TASK_ACTIVITY : TASK_WORKFLOW,
        .sticky = request->task_queue->kind == TASK_QUEUE_KIND_STICKY,
        .namespace_id = api->namespace_id,
        .name = slice_str(request->task_queue->name),
    };
    struct queue *q = spec.sticky ? tq_find(m, spec.kind, spec.namespace_id, spec.name)
                                  : tq_get(m, &spec, now_ns);

    if (q) {
        q->last_used_ns = now_ns;
        tq_expire_pollers(q, now_ns);
        matching_advance(m, q, now_ns);
    }
    return q;
}

static enum err decode(struct arena *arena, const struct rpc_api *api, describe_request **out,
                       struct err_detail *detail)
{
    const enum err err =
        proto_decode(arena, &api_describe_task_queue_request__desc, api->request, out, detail);

    if (err == ERR_OK && (!(*out)->task_queue || !(*out)->task_queue->name[0]))
        return err_fail(detail, ERR_INVALID, "TaskQueue is not set on request.");
    return err;
}

enum err matching_describe_wants(struct matching *m, struct arena *arena, const struct rpc_api *api,
                                 int64_t now_ns, struct matching_wanted *out,
                                 struct err_detail *detail)
{
    describe_request *request;
    const enum err err = decode(arena, api, &request, detail);

    *out = (struct matching_wanted){.namespace_id = api->namespace_id};
    if (err != ERR_OK)
        return err;
    out->name = slice_str(request->task_queue->name);
    const bool enhanced = request->api_mode == DESCRIBE_TASK_QUEUE_MODE_ENHANCED;
    if (!request->report_stats && (enhanced || !request->include_task_queue_status))
        return ERR_OK;
    for (int kind = TASK_WORKFLOW; kind <= TASK_ACTIVITY; kind++) {
        const int type =
            kind == TASK_ACTIVITY ? (int)TASK_QUEUE_TYPE_ACTIVITY : (int)TASK_QUEUE_TYPE_WORKFLOW;
        const bool is_activity = request->task_queue_type == TASK_QUEUE_TYPE_ACTIVITY;

        if (!enhanced && (kind == TASK_ACTIVITY) != is_activity)
            continue;
        const struct queue *q = queue_of(m, api, request, type, now_ns);
        out->kinds[kind] = q && q->behind;
    }
    return ERR_OK;
}

/* TaskQueueTypeInfo of each type asked for. */
static void put_types_info(struct buf *out, struct describing *d, const struct rpc_api *api,
                           const describe_request *request, bool unversioned)
{
    enum { TYPES_INFO = 1, POLLERS = 1, STATS = 2, TYPES_MAX = 8 };
    struct buf type_info, entry, stats;

    buf_init(&type_info, 0);
    buf_init(&entry, 0);
    buf_init(&stats, 0);
    const size_t count = request->n_task_queue_types ? request->n_task_queue_types : 2;
    for (size_t i = 0; i < count && i < TYPES_MAX; i++) {
        const int type = request->n_task_queue_types ? (int)request->task_queue_types[i]
                         : i == 0                    ? (int)TASK_QUEUE_TYPE_WORKFLOW
                                                     : (int)TASK_QUEUE_TYPE_ACTIVITY;
        const bool known = type == TASK_QUEUE_TYPE_WORKFLOW || type == TASK_QUEUE_TYPE_ACTIVITY;

        d->q = known && unversioned ? queue_of(d->m, api, request, type, d->now_ns) : NULL;
        if (request->report_pollers)
            put_pollers(&type_info, POLLERS, d->q);
        if (request->report_stats) {
            put_stats(&stats, d, -1);
            put_inner(&type_info, STATS, &stats);
        }
        wire_put_varint(&entry, MAP_KEY, (uint64_t)type);
        put_inner(&entry, MAP_VALUE, &type_info);
        put_inner(out, TYPES_INFO, &entry);
    }
    buf_release(&stats);
    buf_release(&entry);
    buf_release(&type_info);
}

/* One entry of versions_info; an empty build id is the unversioned queue, any other has nothing. */
static void put_version(struct buf *out, struct describing *d, const struct rpc_api *api,
                        const describe_request *request, struct slice build_id)
{
    enum { TASK_REACHABILITY = 2 };
    struct buf version, entry;

    buf_init(&version, 0);
    buf_init(&entry, 0);
    put_types_info(&version, d, api, request, build_id.len == 0);
    if (request->report_task_reachability)
        wire_put_varint(&version, TASK_REACHABILITY, build_id.len == 0 ? REACHABLE : UNREACHABLE);
    wire_put_bytes(&entry, MAP_KEY, build_id);
    put_inner(&entry, MAP_VALUE, &version);
    put_inner(out, RESPONSE_VERSIONS_INFO, &entry);
    buf_release(&entry);
    buf_release(&version);
}

/* The old way to ask. */
static void put_versions_info(struct buf *out, struct describing *d, const struct rpc_api *api,
                              const describe_request *request)
{
    enum { BUILD_IDS_MAX = 100 };
    const api_task_queue_version_selection *versions = request->versions;

    if (!versions || versions->unversioned)
        put_version(out, d, api, request, SLICE_EMPTY);
    for (size_t i = 0; versions && i < versions->n_build_ids && i < BUILD_IDS_MAX; i++)
        if (versions->build_ids[i][0])
            put_version(out, d, api, request, slice_str(versions->build_ids[i]));
}

enum err matching_describe(struct matching *m, struct arena *arena, const struct rpc_api *api,
                           const struct matching_backlogs *backlogs, int64_t now_ns,
                           struct slice *out, struct err_detail *detail)
{
    describe_request *request;
    enum err err = decode(arena, api, &request, detail);

    if (err != ERR_OK)
        return err;

    struct buf buf, inner;
    buf_init(&buf, 0);
    buf_init(&inner, 0);
    struct describing d = {.m = m, .backlogs = backlogs, .now_ns = now_ns};
    if (request->api_mode == DESCRIBE_TASK_QUEUE_MODE_ENHANCED) {
        put_versions_info(&buf, &d, api, request);
    } else {
        const struct queue *q = queue_of(m, api, request, (int)request->task_queue_type, now_ns);

        d.q = q;
        put_pollers(&buf, RESPONSE_POLLERS, q);
        if (request->include_task_queue_status)
            put_status(&buf, &d);
        if (request->report_stats) {
            put_stats(&inner, &d, -1);
            put_inner(&buf, RESPONSE_STATS, &inner);
            put_stats_by_priority(&buf, &d);
        }
        put_versioning_info(&buf);
        if (request->report_config && q && q->has_config && request->task_queue_type)
            wire_put_bytes(&buf, RESPONSE_CONFIG, slice_of(q->config, q->config_len));
        put_effective_limit(&buf, q);
    }
    err = buf_ok(&buf) ? ERR_OK : ERR_NO_MEMORY;
    if (err == ERR_OK)
        *out = arena_copy(arena, buf_slice(&buf));
    buf_release(&inner);
    buf_release(&buf);
    return err;
}
