/* cache.c - runs by id and current runs by workflow id: loading, waiting in line, eviction. */
#include "history/shard/shard_int.h"

#include "common/proto/errdetail.h"

#include <stdlib.h>

enum { TRIM_STEPS = 64, TTL_MIN_MS = 100 };

void hs_cache_init(struct history_shard *shard)
{
    map_init(&shard->runs, rng_u64(&shard->rng));
    map_init(&shard->currents, rng_u64(&shard->rng));
    list_init(&shard->lru_runs);
    list_init(&shard->lru_currents);
    list_init(&shard->discarded);
}

/* -- entries -------------------------------------------------------------------------------- */

static struct hs_entry *entry_new(struct history_shard *shard, const char *run_id, uint8_t tablet)
{
    struct hs_entry *entry = calloc(1, sizeof *entry);

    must(entry != NULL);
    memcpy(entry->run_id, run_id, sizeof entry->run_id);
    entry->tablet = tablet;
    list_init(&entry->lru);
    list_init(&entry->waiting);
    list_init(&entry->batches);
    map_put(&shard->runs, slice_str(entry->run_id), &entry->node);
    return entry;
}

static void drop_batches(struct hs_entry *entry)
{
    struct list *node;

    while ((node = list_pop_front(&entry->batches)))
        free(CONTAINER_OF(node, struct hs_batch, node));
    entry->batch_bytes = 0;
}

static void entry_empty(struct history_shard *shard, struct hs_entry *entry)
{
    drop_batches(entry);
    if (entry->run)
        run_free(entry->run);
    entry->run = NULL;
    must(shard->cached_bytes >= entry->bytes);
    shard->cached_bytes -= entry->bytes;
    entry->bytes = 0;
}

static void entry_free(struct history_shard *shard, struct hs_entry *entry)
{
    must(list_empty(&entry->waiting));
    entry_empty(shard, entry);
    list_remove(&entry->lru);
    map_remove(&shard->runs, &entry->node);
    free(entry);
}

static void used(struct history_shard *shard, struct hs_entry *entry)
{
    list_remove(&entry->lru);
    list_push_back(&shard->lru_runs, &entry->lru);
    entry->used_mono_ns = hs_mono_ns(shard);
}

struct hs_entry *hs_entry_find(struct history_shard *shard, const char *run_id)
{
    struct map_node *node = map_get(&shard->runs, slice_str(run_id));
    struct hs_entry *entry = node ? CONTAINER_OF(node, struct hs_entry, node) : NULL;

    return entry && entry->run ? entry : NULL;
}

struct hs_entry *hs_entry_add(struct history_shard *shard, struct run *run)
{
    struct hs_entry *entry = entry_new(shard, run->run_id, run->tablet);

    entry->run = run;
    used(shard, entry);
    return entry;
}

void hs_entry_events(struct hs_entry *entry, const struct transition *t, int64_t seq,
                     int64_t durable)
{
    if (t->event_count == 0)
        return;
    struct hs_batch *batch = malloc(sizeof *batch + t->events.len);
    must(batch != NULL);
    batch->first_event_id = t->first_event_id;
    batch->next_event_id = t->first_event_id + t->event_count;
    batch->seq = seq;
    batch->len = t->events.len;
    memcpy(batch->bytes, t->events.ptr, t->events.len);
    must(batch->next_event_id == entry->run->next_event_id);
    list_push_back(&entry->batches, &batch->node);
    entry->batch_bytes += batch->len;

    while (entry->batch_bytes > HS_BATCH_BYTES_MAX) {
        struct hs_batch *oldest = CONTAINER_OF(entry->batches.next, struct hs_batch, node);

        if (oldest->seq > durable)
            break; /* the store can't read it yet */
        list_remove(&oldest->node);
        entry->batch_bytes -= oldest->len;
        free(oldest);
    }
}

void hs_cache_touch(struct history_shard *shard, struct hs_entry *entry)
{
    const size_t bytes = sizeof *entry + run_bytes(entry->run) + entry->batch_bytes;

    shard->cached_bytes += bytes - entry->bytes;
    entry->bytes = bytes;
    used(shard, entry);
}

/* -- loading a run -------------------------------------------------------------------------- */

struct load_job {
    struct hs_job job;
    char run_id[UUID_TEXT_LEN + 1];
    uint8_t tablet;
    char namespace_id[UUID_TEXT_LEN + 1]; /* "" when only a deadline row named the run */
    struct run *run;
};

static enum err load_read(struct store_snapshot *snapshot, struct hs_job *arg)
{
    struct load_job *load = CONTAINER_OF(arg, struct load_job, job);

    return run_load(snapshot, load->tablet, slice_str(load->namespace_id), load->run_id,
                    &load->run);
}

static enum err run_not_found(struct hs_request *req)
{
    return errdetail_not_found(&req->arena, &req->detail,
                               "workflow execution not found for workflow ID \"" SLICE_FMT
                               "\" and run ID \"%s\"",
                               SLICE_ARG(req->workflow_id), req->run_id);
}

/* The request's own way to end without a run, or an answer that says `err`. */
static void fail_request(struct history_shard *shard, struct hs_request *req, enum err err,
                         int64_t seq)
{
    if (req->failed)
        req->failed(shard, req, err);
    else
        hs_answer(shard, req, err, SLICE_EMPTY, seq);
}

static void answer_failed_load(struct history_shard *shard, struct hs_request *req, enum err err)
{
    if (err == ERR_NOT_FOUND)
        err = run_not_found(req);
    else
        err = err_fail(&req->detail, err == ERR_CANCELED ? ERR_UNAVAILABLE : err,
                       "the workflow execution can't be read: %s", err_name(err));
    fail_request(shard, req, err, 0);
}

/* Every request of a waiting list goes on; their steps may change the cache as they like. */
static void take_waiting(struct list *from, struct list *to)
{
    struct list *node;

    list_init(to);
    while ((node = list_pop_front(from)))
        list_push_back(to, node);
}

static void load_done(struct history_shard *shard, struct hs_job *arg, enum err err)
{
    struct load_job *load = CONTAINER_OF(arg, struct load_job, job);
    struct map_node *found = map_get(&shard->runs, slice_str(load->run_id));
    must(found != NULL);
    struct hs_entry *entry = CONTAINER_OF(found, struct hs_entry, node);
    struct list waiting, *node;

    must(entry->loading && !entry->run);
    entry->loading = false;
    entry->run = err == ERR_OK ? load->run : NULL;
    free(load);
    take_waiting(&entry->waiting, &waiting);
    if (entry->run)
        hs_cache_touch(shard, entry);
    else
        entry_free(shard, entry);
    while ((node = list_pop_front(&waiting))) {
        struct hs_request *req = CONTAINER_OF(node, struct hs_request, node);

        if (err == ERR_OK)
            hs_with_run(shard, req);
        else
            answer_failed_load(shard, req, err);
    }
    hs_cache_trim(shard);
}

static void entry_load(struct history_shard *shard, struct hs_entry *entry, struct slice ns)
{
    struct load_job *load = calloc(1, sizeof *load);

    must(load != NULL && !entry->loading && !entry->run);
    counter_add(shard->metrics.cache_miss, 1);
    entry->loading = true;
    memcpy(load->run_id, entry->run_id, sizeof load->run_id);
    load->tablet = entry->tablet;
    if (ns.len == UUID_TEXT_LEN)
        memcpy(load->namespace_id, ns.ptr, ns.len);
    load->job.read = load_read;
    load->job.done = load_done;
    hs_read(shard, &load->job);
}

void hs_entry_discard(struct history_shard *shard, struct hs_entry *entry)
{
    hs_updates_lost(shard, entry->run_id, true);
    entry_empty(shard, entry);
    list_remove(&entry->lru);
    if (entry->seq <= shard->durable)
        entry_free(shard, entry); /* its rows are whole: as if it had not been here */
    else
        list_push_back(&shard->discarded, &entry->lru);
}

void hs_cache_durable(struct history_shard *shard)
{
    LIST_EACH_SAFE(it, tmp, &shard->discarded)
    {
        struct hs_entry *entry = CONTAINER_OF(it, struct hs_entry, lru);

        if (entry->seq > shard->durable)
            continue;
        list_remove(&entry->lru);
        if (list_empty(&entry->waiting))
            entry_free(shard, entry);
        else
            entry_load(shard, entry, SLICE_EMPTY);
    }
}

/* -- current runs --------------------------------------------------------------------------- */

struct current_job {
    struct hs_job job;
    struct hs_current *current; /* loading ones are never freed */
    struct arena arena;
    struct slice value;
    bool found;
    bool fresh; /* nothing staged was missing when the read was posted */
};

static enum err current_read(struct store_snapshot *snapshot, struct hs_job *arg)
{
    struct current_job *load = CONTAINER_OF(arg, struct current_job, job);
    const struct hs_current *current = load->current;
    struct row_key key;

    row_key_current(&key, current->tablet, EXECUTION_WORKFLOW, current->namespace_id,
                    current->workflow_id);
    return store_get(snapshot, STORE_MAIN, row_key_slice(&key), &load->arena, &load->value,
                     &load->found);
}

static void current_free(struct history_shard *shard, struct hs_current *current)
{
    must(list_empty(&current->waiting) && !current->loading);
    list_remove(&current->lru);
    map_remove(&shard->currents, &current->node);
    shard->cached_bytes -= current->bytes + current->request_id.len;
    bytes_clear(&current->request_id);
    free(current);
}

static void current_load(struct history_shard *shard, struct current_job *load)
{
    load->fresh = store_staged_seq(shard->store) <= shard->durable;
    hs_read(shard, &load->job);
}

/* The request id may be in memory that goes. */
static void current_keep_request_id(struct history_shard *shard, struct hs_current *current,
                                    const char *request_id)
{
    shard->cached_bytes -= current->request_id.len;
    bytes_set(&current->request_id, slice_of(request_id, strlen(request_id) + 1));
    shard->cached_bytes += current->request_id.len;
    current->run.start_request_id = (const char *)current->request_id.ptr;
}

static void current_set(struct history_shard *shard, struct hs_current *current,
                        const struct run *run, int64_t seq)
{
    memcpy(current->run.run_id, run->run_id, sizeof current->run.run_id);
    memcpy(current->run.first_run_id, run->first_run_id, sizeof current->run.first_run_id);
    current_keep_request_id(shard, current, run->start_request_id);
    current->run.status = run->status;
    current->run.start_ns = run->start_ns;
    current->run.close_ns = run->close_ns;
    current->run.tablet = run->tablet;
    current->run.has_attached = run->attached_requests.count > 0;
    current->exists = true;
    current->seq = seq;
}

/* The row may be behind the run in memory. Gives false when the run is not there. */
static bool current_refresh(struct history_shard *shard, struct hs_current *current)
{
    const struct hs_entry *entry = hs_entry_find(shard, current->run.run_id);

    if (entry)
        current_set(shard, current, entry->run, entry->seq);
    return entry != NULL;
}

static void current_done(struct history_shard *shard, struct hs_job *arg, enum err err)
{
    struct current_job *load = CONTAINER_OF(arg, struct current_job, job);
    struct hs_current *current = load->current;
    struct list waiting, *node;

    if (current->superseded) { /* what was read may be older */
        err = ERR_OK;
    } else {
        if (err == ERR_OK && load->found)
            err = row_current_decode(&load->arena, load->value, &current->run);
        current->exists = err == ERR_OK && load->found;
        if (current->exists)
            current_keep_request_id(shard, current, current->run.start_request_id);
    }
    if (current->exists && !current_refresh(shard, current) && !load->fresh &&
        !current->superseded) {
        arena_reset(&load->arena);
        current_load(shard, load); /* its run may have closed in between */
        return;
    }
    current->loading = current->superseded = false;
    arena_release(&load->arena);
    free(load);
    take_waiting(&current->waiting, &waiting);
    list_push_back(&shard->lru_currents, &current->lru);
    if (err != ERR_OK)
        current_free(shard, current);
    while ((node = list_pop_front(&waiting))) {
        struct hs_request *req = CONTAINER_OF(node, struct hs_request, node);

        if (err == ERR_OK)
            req->resume(shard, req);
        else
            answer_failed_load(shard, req, err);
    }
    hs_cache_trim(shard);
}

/* namespace id, NUL, workflow id */
static struct hs_current *current_new(struct history_shard *shard, struct slice key,
                                      size_t namespace_len, uint8_t tablet)
{
    struct hs_current *current = calloc(1, sizeof *current + key.len);

    must(current != NULL);
    memcpy(current->key, key.ptr, key.len);
    current->namespace_id = slice_of(current->key, namespace_len);
    current->workflow_id = slice_of(current->key + namespace_len + 1, key.len - namespace_len - 1);
    current->tablet = tablet;
    current->bytes = sizeof *current + key.len;
    shard->cached_bytes += current->bytes;
    list_init(&current->lru);
    list_init(&current->waiting);
    map_put(&shard->currents, slice_of(current->key, key.len), &current->node);
    return current;
}

static struct hs_current *current_find(struct history_shard *shard, struct slice namespace_id,
                                       struct slice workflow_id, struct slice *key,
                                       struct arena *arena)
{
    uint8_t *bytes = arena_alloc(arena, namespace_id.len + 1 + workflow_id.len);

    memcpy(bytes, namespace_id.ptr, namespace_id.len);
    bytes[namespace_id.len] = 0;
    if (workflow_id.len)
        memcpy(bytes + namespace_id.len + 1, workflow_id.ptr, workflow_id.len);
    *key = slice_of(bytes, namespace_id.len + 1 + workflow_id.len);
    struct map_node *node = map_get(&shard->currents, *key);
    return node ? CONTAINER_OF(node, struct hs_current, node) : NULL;
}

struct hs_current *hs_current_get(struct history_shard *shard, struct hs_request *req)
{
    struct slice key;
    struct hs_current *current =
        current_find(shard, req->namespace_id, req->workflow_id, &key, &req->arena);

    if (current) {
        if (!current->loading) {
            list_remove(&current->lru);
            list_push_back(&shard->lru_currents, &current->lru);
        }
        return current;
    }
    current = current_new(shard, key, req->namespace_id.len, req->tablet);
    struct current_job *load = calloc(1, sizeof *load);
    must(load != NULL);
    arena_init(&load->arena);
    load->current = current;
    load->job.read = current_read;
    load->job.done = current_done;
    current->loading = true;
    current_load(shard, load);
    hs_persistence_used(shard, req);
    return current;
}

void hs_current_wait(struct hs_current *current, struct hs_request *req, hs_request_fn resume)
{
    req->resume = resume;
    list_push_back(&current->waiting, &req->node);
}

void hs_current_update(struct history_shard *shard, struct hs_request *req, const struct run *run,
                       bool make_current, int64_t seq)
{
    struct slice key;
    struct hs_current *current =
        current_find(shard, run->namespace_id, run->workflow_id, &key, &req->arena);

    if (!current && make_current) { /* until it is durable, no read of the row would tell */
        current = current_new(shard, key, run->namespace_id.len, run->tablet);
        list_push_back(&shard->lru_currents, &current->lru);
    }
    if (!current || (current->loading && !make_current && !current->superseded))
        return; /* current_done() looks at the run again; a start waits until then */
    if (!make_current && !(current->exists && strcmp(current->run.run_id, run->run_id) == 0))
        return;
    current_set(shard, current, run, seq);
    current->superseded = current->loading;
}

void hs_current_gone(struct hs_current *current, int64_t seq)
{
    current->exists = false;
    current->seq = seq;
}

/* -- finding -------------------------------------------------------------------------------- */

/* Gives false when the request waits or was answered; else req->run_id is set. */
static bool resolve_current(struct history_shard *shard, struct hs_request *req)
{
    struct hs_current *current = hs_current_get(shard, req);

    if (current->loading) {
        hs_current_wait(current, req, hs_with_run);
        return false;
    }
    if (!current->exists) {
        fail_request(shard, req,
                     errdetail_not_found(&req->arena, &req->detail,
                                         "workflow not found for ID: " SLICE_FMT,
                                         SLICE_ARG(req->workflow_id)),
                     current->seq);
        return false;
    }
    memcpy(req->run_id, current->run.run_id, sizeof req->run_id);
    req->wants_current = strcmp(current->run.run_id, req->ended_run_id) != 0;
    return true;
}

/* The current run was meant, and the workflow went on in another one while the request waited for
 * it. Gives true when the request goes on elsewhere. */
static bool moved_on(struct history_shard *shard, struct hs_request *req,
                     const struct hs_entry *entry)
{
    if (!req->wants_current || run_is_open(entry->run))
        return false;
    const struct hs_current *current = hs_current_get(shard, req);
    if (!current->loading && (!current->exists || strcmp(current->run.run_id, entry->run_id) == 0))
        return false;
    memcpy(req->ended_run_id, req->run_id, sizeof req->ended_run_id);
    req->run_id[0] = '\0';
    hs_with_run(shard, req);
    return true;
}

void hs_with_run(struct history_shard *shard, struct hs_request *req)
{
    if (req->run_id[0] == '\0' && !resolve_current(shard, req))
        return;
    counter_add(shard->metrics.cache_requests, 1);
    struct map_node *node = map_get(&shard->runs, slice_str(req->run_id));
    struct hs_entry *entry = node ? CONTAINER_OF(node, struct hs_entry, node) : NULL;
    if (!entry) {
        entry = entry_new(shard, req->run_id, req->tablet);
        list_push_back(&entry->waiting, &req->node);
        entry_load(shard, entry, req->namespace_id);
        hs_persistence_used(shard, req);
        return;
    }
    if (!entry->run) {
        list_push_back(&entry->waiting, &req->node);
        return;
    }
    const struct run *run = entry->run;
    if (req->namespace_id.len && !(slice_eq(run->namespace_id, req->namespace_id) &&
                                   slice_eq(run->workflow_id, req->workflow_id))) {
        fail_request(shard, req, run_not_found(req), 0);
        return;
    }
    used(shard, entry);
    if (!moved_on(shard, req, entry))
        req->step(shard, req, entry);
}

/* -- eviction ------------------------------------------------------------------------------- */

/* A shard's part of what its process may keep. */
static size_t entries_max(const struct history_shard *shard)
{
    const int64_t all = dynconf_int(shard->options.dynconf, DYNCONF_HISTORY_CACHE_MAX, SLICE_EMPTY);
    const int64_t part = all / shard->options.shard_count;

    return part < 1 ? 1 : (size_t)part;
}

static int64_t ttl_ns(const struct history_shard *shard)
{
    const int64_t ns =
        dynconf_duration(shard->options.dynconf, DYNCONF_HISTORY_CACHE_TTL, SLICE_EMPTY);

    if (ns <= 0)
        return INT64_MAX;
    return ns < TTL_MIN_MS * NS_PER_MS ? TTL_MIN_MS * NS_PER_MS : ns;
}

static bool is_too_much(const struct history_shard *shard, size_t count, size_t max)
{
    return shard->cached_bytes > shard->options.cache_bytes || count > max;
}

static bool is_held(struct history_shard *shard, const struct hs_entry *entry)
{
    return entry->seq > shard->durable || !list_empty(&entry->waiting) ||
           hs_reset_holds(shard, entry->run->namespace_id, entry->run->workflow_id);
}

/* Gives how many went. What lives in memory only is worth more than what can be read again: it goes
 * when nothing else is met. */
static uint32_t trim_runs(struct history_shard *shard, size_t max, bool with_volatile)
{
    uint32_t steps = 0, gone = 0;

    LIST_EACH_SAFE(it, tmp, &shard->lru_runs)
    {
        struct hs_entry *entry = CONTAINER_OF(it, struct hs_entry, lru);

        if (!is_too_much(shard, shard->runs.count, max) || ++steps > TRIM_STEPS)
            break;
        if (is_held(shard, entry))
            continue;
        if (run_has_volatile(entry->run)) {
            if (!with_volatile) {
                used(shard, entry);
                continue;
            }
            hs_updates_lost(shard, entry->run_id, false);
        }
        entry_free(shard, entry);
        gone++;
    }
    return gone;
}

static void trim_currents(struct history_shard *shard, size_t max)
{
    uint32_t steps = 0;

    LIST_EACH_SAFE(it, tmp, &shard->lru_currents)
    {
        struct hs_current *current = CONTAINER_OF(it, struct hs_current, lru);

        if (!is_too_much(shard, shard->currents.count, max) || ++steps > TRIM_STEPS)
            return;
        if (current->seq <= shard->durable && list_empty(&current->waiting) &&
            !hs_reset_holds(shard, current->namespace_id, current->workflow_id))
            current_free(shard, current);
    }
}

/* Those that nobody has asked for since long; what cannot go is looked at again as late. */
static void expire_runs(struct history_shard *shard)
{
    const int64_t ttl = ttl_ns(shard), now_ns = hs_mono_ns(shard);
    uint32_t steps = 0;

    LIST_EACH_SAFE(it, tmp, &shard->lru_runs)
    {
        struct hs_entry *entry = CONTAINER_OF(it, struct hs_entry, lru);

        if (now_ns - entry->used_mono_ns < ttl || ++steps > TRIM_STEPS)
            return;
        if (is_held(shard, entry) || run_has_volatile(entry->run))
            used(shard, entry);
        else
            entry_free(shard, entry);
    }
}

void hs_cache_trim(struct history_shard *shard)
{
    const size_t max = entries_max(shard);

    if (is_too_much(shard, shard->currents.count, max))
        trim_currents(shard, max);
    if (is_too_much(shard, shard->runs.count, max) && trim_runs(shard, max, false) == 0)
        trim_runs(shard, max, true);
    expire_runs(shard);
}

int64_t hs_cache_next_mono_ns(const struct history_shard *shard)
{
    const int64_t ttl = ttl_ns(shard);
    int64_t next_ns;

    if (list_empty(&shard->lru_runs))
        return INT64_MAX;
    const struct hs_entry *oldest = CONTAINER_OF(shard->lru_runs.next, struct hs_entry, lru);
    return __builtin_add_overflow(oldest->used_mono_ns, ttl, &next_ns) ? INT64_MAX : next_ns;
}

void hs_cache_release(struct history_shard *shard)
{
    for (struct map_node *node; (node = map_next(&shard->runs, NULL));) {
        struct hs_entry *entry = CONTAINER_OF(node, struct hs_entry, node);

        entry->loading = false;
        entry_free(shard, entry);
    }
    for (struct map_node *node; (node = map_next(&shard->currents, NULL));) {
        struct hs_current *current = CONTAINER_OF(node, struct hs_current, node);

        current->loading = false;
        current_free(shard, current);
    }
    map_release(&shard->runs);
    map_release(&shard->currents);
}
