/* store.c - opening and closing: the store with its threads, a shard with its replay. */
#include "common/store/store_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* -- the store ------------------------------------------------------------------------------ */

static const struct backend *backend_named(const char *name)
{
    static const struct backend *const all[] = {&backend_sqlite, &backend_memory, &backend_fault};

    for (size_t i = 0; i < COUNT_OF(all); i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    return NULL;
}

static void make_metrics(struct store *store, struct metrics *metrics)
{
    if (!metrics)
        return;
    store->appends = metrics_counter(metrics, "gnomon_store_appends_total", "");
    store->append_bytes = metrics_counter(metrics, "gnomon_store_append_bytes_total", "");
    store->flushes = metrics_counter(metrics, "gnomon_store_flushes_total", "");
    store->flushed_rows = metrics_counter(metrics, "gnomon_store_flushed_rows_total", "");
    store->elided_rows = metrics_counter(metrics, "gnomon_store_elided_rows_total", "");
    store->append_time = metrics_histogram(metrics, "gnomon_store_append_seconds", "");
    store->flush_time = metrics_histogram(metrics, "gnomon_store_flush_seconds", "");
}

static void make_workers(struct store *store)
{
    store->commit = calloc(store->commit_threads, sizeof(struct worker *));
    must(store->commit != NULL);
    if (store->manual) {
        store->commit[0] = store->flusher = worker_new("store", 0, store->clock);
        for (size_t lane = 0; lane < STORE_LANE_COUNT; lane++)
            store->lanes[lane] = store->flusher;
        return;
    }
    for (uint32_t i = 0; i < store->commit_threads; i++)
        store->commit[i] = worker_new("store-commit", 1, store->clock);
    store->lanes[STORE_LANE_READ] = worker_new("store-read", READER_THREADS, store->clock);
    store->lanes[STORE_LANE_FLUSH] = worker_new("store-wait", 1, store->clock);
    store->lanes[STORE_LANE_COPY] = worker_new("store-copy", 1, store->clock);
    store->flusher = worker_new("store-flush", 1, store->clock);
}

enum err store_open(const struct store_options *options, struct store **out,
                    struct err_detail *detail)
{
    const struct backend *backend = backend_named(options->backend);

    *out = NULL;
    if (!backend)
        return err_fail(detail, ERR_INVALID, "store: unknown back end \"%s\"", options->backend);
    if (!options->dir || !options->service || options->commit_threads == 0)
        return err_fail(detail, ERR_INVALID, "store: dir, service and commit_threads are needed");
    if (backend->prepare) {
        const enum err err = backend->prepare(options->dir, detail);
        if (err != ERR_OK)
            return err;
    }
    struct store *store = calloc(1, sizeof *store);
    must(store != NULL);
    store->backend = backend;
    store->dir = strdup(options->dir);
    store->service = strdup(options->service);
    must(store->dir && store->service);
    store->clock = options->clock;
    store->log = options->log;
    store->manual = options->manual;
    store->no_wait = options->no_wait;
    store->commit_threads = options->manual ? 1 : options->commit_threads;
    must(pthread_mutex_init(&store->rng_lock, NULL) == 0);
    if (options->seed)
        rng_seed(&store->rng, options->seed);
    else
        rng_seed_from_kernel(&store->rng);
    make_metrics(store, options->metrics);
    make_workers(store);
    store->ballast = ballast_new(store);
    *out = store;
    return ERR_OK;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    must(atomic_load(&store->shard_count) == 0);
    ballast_free(store->ballast);
    if (!store->manual) {
        for (size_t lane = 0; lane < STORE_LANE_COUNT; lane++)
            worker_free(store->lanes[lane]);
        worker_free(store->flusher);
    }
    for (uint32_t i = 0; i < store->commit_threads; i++)
        worker_free(store->commit[i]);
    free(store->commit);
    pthread_mutex_destroy(&store->rng_lock);
    free(store->dir);
    free(store->service);
    free(store);
}

bool store_step(struct store *store)
{
    must(store->manual);
    return worker_step(store->commit[0]);
}

int64_t store_next_step_ns(struct store *store)
{
    must(store->manual);
    return worker_next_ns(store->commit[0]);
}

/* -- jobs of a shard ------------------------------------------------------------------------ */

static void on_append(struct job *job)
{
    shard_run_append(CONTAINER_OF(job, struct store_shard, append_job));
}

static void on_flush(struct job *job)
{
    shard_run_flush(CONTAINER_OF(job, struct store_shard, flush_job));
}

static struct store_shard *shard_of_timer(struct job *job, size_t offset)
{
    struct timed_job *timer = CONTAINER_OF(job, struct timed_job, job);

    return (struct store_shard *)(void *)((char *)timer - offset);
}

static void on_append_later(struct job *job)
{
    struct store_shard *s = shard_of_timer(job, offsetof(struct store_shard, append_later));

    worker_post(s->commit, &s->append_job);
}

static void on_flush_later(struct job *job)
{
    struct store_shard *s = shard_of_timer(job, offsetof(struct store_shard, flush_later));

    worker_post(s->store->flusher, &s->flush_job);
}

static void on_idle_later(struct job *job)
{
    shard_on_idle(shard_of_timer(job, offsetof(struct store_shard, idle_later)));
}

static void on_port_wake(void *arg)
{
    shard_deliver(arg);
}

static void on_port_job(struct job *job)
{
    shard_deliver(CONTAINER_OF(job, struct shard_port, deliver));
}

/* -- opening a shard ------------------------------------------------------------------------ */

static struct shard_port *port_new(struct store_shard *s,
                                   const struct store_shard_callbacks *callbacks)
{
    struct shard_port *port = calloc(1, sizeof *port);

    must(port != NULL);
    port->shard = s;
    port->callbacks = *callbacks;
    port->wake = (struct loop_msg){.run = on_port_wake, .arg = port};
    port->kick = (struct loop_msg){.run = shard_on_kick, .arg = port};
    job_init(&port->deliver, on_port_job);
    port->deliver.once = true;
    return port;
}

static struct store_shard *shard_new(struct store *store, uint32_t id, struct loop *loop)
{
    struct store_shard *s = calloc(1, sizeof *s);

    must(s != NULL);
    s->store = store;
    s->id = id;
    s->loop = store->manual ? NULL : loop;
    s->commit = store->commit[id % store->commit_threads];
    must(pthread_mutex_init(&s->snapshot_lock, NULL) == 0);
    must(pthread_mutex_init(&s->lock, NULL) == 0);
    must(pthread_cond_init(&s->changed, NULL) == 0);
    list_init(&s->closed);
    list_init(&s->reads_waiting);
    list_init(&s->reads_done);
    job_init(&s->append_job, on_append);
    job_init(&s->flush_job, on_flush);
    timed_job_init(&s->append_later, on_append_later);
    timed_job_init(&s->flush_later, on_flush_later);
    timed_job_init(&s->idle_later, on_idle_later);
    return s;
}

static void free_batches(struct store_shard *s)
{
    struct list *node;

    shard_close_batch(s);
    if (s->in_flight)
        list_push_back(&s->closed, &s->in_flight->node);
    if (s->spare)
        list_push_back(&s->closed, &s->spare->node);
    while ((node = list_pop_front(&s->closed))) {
        struct batch *batch = CONTAINER_OF(node, struct batch, node);

        buf_release(&batch->bytes);
        free(batch);
    }
}

static void shard_free(struct store_shard *s)
{
    free_batches(s);
    for (int f = 0; f < STORE_FAMILY_COUNT; f++) {
        if (s->active[f])
            memtable_unref(s->active[f]);
        for (uint32_t i = 0; i < s->frozen_count; i++)
            if (s->frozen[i].tables[f])
                memtable_unref(s->frozen[i].tables[f]);
    }
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->snapshot_lock);
    free(s);
}

struct replay {
    struct store_shard *shard;
    int64_t next;
    int64_t range_id; /* of the record before: leases never go down */
    struct err_detail *detail;
};

static enum err replay_record(void *arg, int64_t seq, struct slice record)
{
    struct replay *r = arg;
    struct store_shard *s = r->shard;
    struct logrec_header header;
    struct store_op op;
    size_t at = 0;

    const enum err err = logrec_check(record, &header, r->detail);
    if (err != ERR_OK)
        return err;
    if (seq != r->next || header.seq != seq || header.shard_id != s->id)
        return err_fail(r->detail, ERR_CORRUPT,
                        "shard %u: log record %lld of shard %u at %lld, want %lld", s->id,
                        (long long)header.seq, header.shard_id, (long long)seq, (long long)r->next);
    if (header.range_id < r->range_id || header.range_id >= s->range_id)
        return err_fail(r->detail, ERR_CORRUPT, "shard %u: log record %lld has lease %lld", s->id,
                        (long long)seq, (long long)header.range_id);
    while (logrec_next(record, &at, &op)) {
        /* An insert promises nothing here: a slice of a torn flush may have written its row. */
        const enum store_op_kind kind = op.kind == STORE_INSERT ? STORE_PUT : op.kind;

        if (seq <= s->applied[op.family])
            continue;
        if (!s->active[op.family])
            s->active[op.family] = memtable_new();
        memtable_apply(s->active[op.family], seq, kind, op.key, op.value);
    }
    s->log_bytes += (int64_t)record.len;
    r->range_id = header.range_id;
    r->next++;
    return ERR_OK;
}

static enum err load(struct store_shard *s, const struct backend_lease *lease,
                     struct err_detail *detail)
{
    int64_t from = lease->last_seq;

    s->range_id = lease->range_id;
    for (int f = 0; f < STORE_FAMILY_COUNT; f++) {
        s->applied[f] = lease->applied[f];
        if (lease->applied[f] < 0 || lease->applied[f] > lease->last_seq)
            return err_fail(detail, ERR_CORRUPT, "shard %u: tables at %lld, log at %lld", s->id,
                            (long long)lease->applied[f], (long long)lease->last_seq);
        from = lease->applied[f] < from ? lease->applied[f] : from;
    }
    struct replay replay = {.shard = s, .next = from + 1, .detail = detail};
    const enum err err =
        s->store->backend->log_read(s->db, from + 1, replay_record, &replay, detail);
    if (err != ERR_OK)
        return err;
    if (replay.next != lease->last_seq + 1)
        return err_fail(detail, ERR_CORRUPT, "shard %u: log record %lld is missing, last is %lld",
                        s->id, (long long)replay.next, (long long)lease->last_seq);
    s->truncate_to = from;
    atomic_store(&s->staged_seq, lease->last_seq);
    atomic_store(&s->durable_seq, lease->last_seq);
    s->port->reported_seq = lease->last_seq;
    s->last_stage_ns = clock_mono_ns(s->store->clock);
    return ERR_OK;
}

enum err store_shard_open(struct store *store, uint32_t shard_id, struct loop *loop,
                          const struct store_shard_callbacks *callbacks, struct store_shard **out,
                          struct err_detail *detail)
{
    struct backend_lease lease = {0};
    struct store_shard *s = shard_new(store, shard_id, loop);

    *out = NULL;
    must(loop != NULL || store->manual);
    pthread_mutex_lock(&store->rng_lock);
    s->nonce = rng_u64(&store->rng);
    pthread_mutex_unlock(&store->rng_lock);
    s->port = port_new(s, callbacks);
    const struct backend_env env = {.dir = store->dir,
                                    .service = store->service,
                                    .log = store->log,
                                    .nonce = s->nonce,
                                    .wait_ms =
                                        store->manual || store->no_wait ? 0 : TAKE_OVER_WAIT_MS,
                                    .shard_id = shard_id};
    enum err err = store->backend->open(&env, &s->db, &lease, detail);
    if (err == ERR_OK)
        err = load(s, &lease, detail);
    if (err != ERR_OK) {
        if (s->db)
            store->backend->close(s->db);
        free(s->port);
        shard_free(s);
        return err;
    }
    atomic_fetch_add(&store->shard_count, 1);
    if (shard_is_dirty(s))
        worker_post_after(store->flusher, &s->idle_later, FLUSH_IDLE_MS);
    log_info(store->log, "shard opened", F_STR("service", store->service),
             F_U64("shard_id", shard_id), F_I64("range_id", s->range_id),
             F_I64("last_seq", lease.last_seq));
    *out = s;
    return ERR_OK;
}

/* -- closing -------------------------------------------------------------------------------- */

static void stop_jobs(struct store_shard *s)
{
    struct worker *flusher = s->store->flusher;

    worker_cancel_timed(s->commit, &s->append_later);
    worker_cancel_timed(flusher, &s->flush_later);
    worker_cancel_timed(flusher, &s->idle_later);
    worker_cancel(flusher, &s->flush_job); /* it may post the append, and the append it */
    worker_cancel(s->commit, &s->append_job);
    worker_cancel(flusher, &s->flush_job);
    worker_cancel(s->commit, &s->append_job);
    worker_cancel_timed(s->commit, &s->append_later);
    worker_cancel_timed(flusher, &s->flush_later);
    worker_cancel_timed(flusher, &s->idle_later);
}

void store_shard_close(struct store_shard *s, bool flush)
{
    struct store *store = s->store;
    struct shard_port *port = s->port;

    pthread_mutex_lock(&s->lock);
    s->closing = true;
    pthread_mutex_unlock(&s->lock);
    const enum err err = flush ? store_shard_flush(s) : ERR_OK;
    if (err != ERR_OK)
        log_error(store->log, "shard closed without its flush", F_STR("service", store->service),
                  F_U64("shard_id", s->id), F_ERR(err));
    shard_cancel_reads(s);
    pthread_mutex_lock(&s->lock);
    s->dropping = true;
    pthread_mutex_unlock(&s->lock);
    stop_jobs(s);
    store->backend->close(s->db);
    if (!s->loop && worker_remove(s->commit, &port->deliver))
        port->woken = false;
    port->shard = NULL;
    if (!port->woken && !port->kicked && !port->delivering)
        free(port);
    shard_free(s);
    atomic_fetch_sub(&store->shard_count, 1);
}
