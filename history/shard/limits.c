/* limits.c - the limits of each namespace as this shard last computed them. */
#include "history/shard/shard_int.h"

#include "common/proto/errdetail.h"
#include "history/engine/limits.h"

#include <stdlib.h>

enum { CACHED_MAX = 4096 }; /* what is beyond shares one place */

struct cached {
    struct map_node by_name;
    struct engine_limits limits;
    uint64_t version;
    uint8_t name[];
};

void hs_limits_init(struct history_shard *shard)
{
    map_init(&shard->limits, rng_u64(&shard->rng));
}

void hs_limits_release(struct history_shard *shard)
{
    struct map_node *next;

    for (struct map_node *node = map_next(&shard->limits, NULL); node; node = next) {
        next = map_next(&shard->limits, node);
        free(CONTAINER_OF(node, struct cached, by_name));
    }
    map_release(&shard->limits);
}

/* Places stay as long as the shard does: a step may hold one while another is asked for. */
static struct cached *place_of(struct history_shard *shard, struct slice name)
{
    const struct slice key = shard->limits.count < CACHED_MAX ? name : SLICE_EMPTY;
    struct map_node *node = map_get(&shard->limits, name);
    struct cached *c;

    if (!node)
        node = map_get(&shard->limits, key);
    if (node)
        return CONTAINER_OF(node, struct cached, by_name);
    c = malloc(sizeof *c + key.len);
    must(c != NULL);
    c->version = UINT64_MAX;
    if (key.len)
        memcpy(c->name, key.ptr, key.len);
    map_put(&shard->limits, slice_of(c->name, key.len), &c->by_name);
    return c;
}

const struct engine_limits *hs_limits_of(struct history_shard *shard, struct slice namespace_name)
{
    const struct dynconf *dc = shard->options.dynconf;

    if (!dc)
        return shard->options.limits;
    struct cached *c = place_of(shard, namespace_name);
    const uint64_t version = dynconf_version(dc); /* before the values */

    if (c->version != version || c->by_name.key.len != namespace_name.len) {
        engine_limits_fill(&c->limits, dc, namespace_name);
        c->version = version;
    }
    return &c->limits;
}

int64_t hs_long_poll_ns(const struct history_shard *shard, struct slice namespace_name)
{
    return dynconf_duration(shard->options.dynconf, DYNCONF_HISTORY_LONG_POLL, namespace_name);
}

/* ---- what the store does for clients ---- */

/* false: any number. The burst is that of a second. */
static bool persistence_rate(const struct history_shard *shard, struct bucket_rate *rate)
{
    const int64_t qps =
        dynconf_int(shard->options.dynconf, DYNCONF_HISTORY_PERSISTENCE_QPS, SLICE_EMPTY);

    if (!shard->options.persistence || qps <= 0)
        return false;
    *rate = bucket_rate_of((double)qps, (double)qps);
    return true;
}

void hs_persistence_used(struct history_shard *shard, const struct hs_request *req)
{
    struct bucket_rate rate;

    if (req->for_client && persistence_rate(shard, &rate))
        bucket_charge(shard->options.persistence, rate, hs_mono_ns(shard));
}

enum err hs_persistence_check(struct history_shard *shard, struct hs_request *req)
{
    struct bucket_rate rate;

    if (!persistence_rate(shard, &rate) ||
        !bucket_is_empty(shard->options.persistence, rate, hs_mono_ns(shard)))
        return ERR_OK;
    return errdetail_resource_exhausted(
        &req->arena, &req->detail, RESOURCE_EXHAUSTED_CAUSE_PERSISTENCE_LIMIT,
        RESOURCE_EXHAUSTED_SCOPE_SYSTEM, "System Persistence Max QPS Reached.");
}

/* ---- what is told ---- */

enum { WARN_EVERY_MS = 1000 }; /* a shard's warnings about sizes, like the reference's, are few */

static void warn(struct history_shard *shard, const struct hs_entry *entry, const char *what,
                 int64_t value)
{
    const int64_t now_ns = hs_mono_ns(shard);

    if (shard->warned_ns != 0 && now_ns - shard->warned_ns < WARN_EVERY_MS * NS_PER_MS)
        return;
    shard->warned_ns = now_ns;
    log_warn(shard->options.log, "workflow exceeds a warn limit", F_STR("what", what),
             F_I64("value", value), F_SLICE("workflow_id", entry->run->workflow_id),
             F_STR("run_id", entry->run->run_id), F_SLICE("namespace", entry->run->namespace_name));
}

static void count(struct history_shard *shard, const char *name)
{
    counter_add(metrics_counter(shard->options.metrics, name, "service_name=\"history\""), 1);
}

void hs_note_limits(struct history_shard *shard, const struct hs_entry *entry,
                    const struct transition *t)
{
    const struct run *run = entry->run;

    if (run->history_size_bytes > t->limits->history_bytes_warn)
        warn(shard, entry, "history size", run->history_size_bytes);
    else if (run->next_event_id - 1 > t->limits->history_events_warn)
        warn(shard, entry, "history count", run->next_event_id - 1);
    else if (entry->bytes > t->limits->state_bytes_warn)
        warn(shard, entry, "mutable state size", (int64_t)entry->bytes);
    if (t->too_large)
        count(shard, "blob_size_error");
    switch (t->bad_cause) {
    case WORKFLOW_TASK_FAILED_CAUSE_PENDING_ACTIVITIES_LIMIT_EXCEEDED:
        count(shard, "wf_too_many_pending_activities");
        break;
    case WORKFLOW_TASK_FAILED_CAUSE_PENDING_CHILD_WORKFLOWS_LIMIT_EXCEEDED:
        count(shard, "wf_too_many_pending_child_workflows");
        break;
    case WORKFLOW_TASK_FAILED_CAUSE_PENDING_SIGNALS_LIMIT_EXCEEDED:
        count(shard, "wf_too_many_pending_external_workflow_signals");
        break;
    case WORKFLOW_TASK_FAILED_CAUSE_PENDING_REQUEST_CANCEL_LIMIT_EXCEEDED:
        count(shard, "wf_too_many_pending_cancel_requests");
        break;
    default:
        break;
    }
}
