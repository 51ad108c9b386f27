/* shard.c - staging, group commit, and the way of callbacks to the loop. */
#include "common/store/store_int.h"

#include <stdlib.h>

/* -- callbacks ------------------------------------------------------------------------------ */

void shard_wake(struct store_shard *s)
{
    struct shard_port *port = s->port;

    pthread_cond_broadcast(&s->changed);
    if (port->woken)
        return;
    port->woken = true;
    if (s->loop)
        loop_post(s->loop, &port->wake);
    else
        worker_post(s->commit, &port->deliver);
}

void shard_lose(struct store_shard *s, enum err err)
{
    must(err != ERR_OK);
    if (s->lost != ERR_OK)
        return;
    s->lost = err;
    log_error(s->store->log, "shard lost", F_STR("service", s->store->service),
              F_U64("shard_id", s->id), F_ERR(err));
    shard_wake(s);
}

/* Any callback may close the shard: port->shard is looked at again after each. */
void shard_deliver(struct shard_port *port)
{
    struct store_shard *s = port->shard;

    port->delivering = true;
    if (s) {
        pthread_mutex_lock(&s->lock);
        port->woken = false;
        const int64_t seq = atomic_load(&s->durable_seq);
        const enum err lost = s->lost;
        pthread_mutex_unlock(&s->lock);
        if (seq > port->reported_seq) {
            port->reported_seq = seq;
            port->callbacks.durable(port->callbacks.arg, seq);
        }
        while (port->shard && shard_finish_one_read(port->shard))
            continue;
        if (port->shard && lost != ERR_OK && !port->reported_lost) {
            port->reported_lost = true;
            port->callbacks.lost(port->callbacks.arg, lost);
        }
    } else {
        port->woken = false;
    }
    port->delivering = false;
    if (!port->shard && !port->woken && !port->kicked)
        free(port);
}

/* -- staging -------------------------------------------------------------------------------- */

static enum err check_ops(const struct store_op *ops, size_t count, size_t *bytes)
{
    size_t payload = 0;

    if (count == 0 || count > LOGREC_OPS_MAX)
        return ERR_INVALID;
    for (size_t i = 0; i < count; i++) {
        const struct store_op *op = &ops[i];

        if (op->key.len == 0 || op->key.len > STORE_KEY_MAX ||
            op->value.len > STORE_TRANSITION_MAX || (unsigned)op->kind > STORE_DELETE ||
            (unsigned)op->family >= STORE_FAMILY_COUNT ||
            (op->kind == STORE_DELETE && op->value.len > 0))
            return ERR_INVALID;
        payload += op->key.len + op->value.len;
        if (payload > STORE_TRANSITION_MAX)
            return ERR_INVALID;
    }
    *bytes = payload + count * LOGREC_OP_HEADER;
    return ERR_OK;
}

void shard_close_batch(struct store_shard *s)
{
    if (!s->open)
        return;
    list_push_back(&s->closed, &s->open->node);
    s->open = NULL;
}

/* An open batch with room for `bytes`. */
static enum err batch_for(struct store_shard *s, size_t bytes)
{
    if (s->open && s->open->bytes.len + bytes > BATCH_BYTES)
        shard_close_batch(s);
    if (s->open)
        return buf_reserve(&s->open->bytes, bytes) ? ERR_OK : ERR_NO_MEMORY;
    struct batch *batch = s->spare;
    s->spare = NULL;
    if (!batch) {
        batch = calloc(1, sizeof *batch);
        if (!batch)
            return ERR_NO_MEMORY;
        list_init(&batch->node);
        buf_init(&batch->bytes, LOGREC_MAX);
    }
    buf_clear(&batch->bytes);
    if (!buf_reserve(&batch->bytes, LOGREC_HEADER + bytes)) {
        buf_release(&batch->bytes);
        free(batch);
        return ERR_NO_MEMORY;
    }
    logrec_begin(&batch->bytes);
    batch->op_count = 0;
    batch->sealed = false;
    batch->seq = atomic_load(&s->staged_seq) + 1;
    atomic_store(&s->staged_seq, batch->seq);
    s->open = batch;
    return ERR_OK;
}

static enum err admit(struct store_shard *s, size_t bytes, bool essential)
{
    const int64_t tail = s->log_bytes - s->applied_log_bytes;

    if (s->lost != ERR_OK)
        return s->lost;
    if (s->closing)
        return ERR_CANCELED;
    if (!essential && ballast_is_full(s->store->ballast))
        return ERR_DISK_FULL;
    if (tail > 0 && tail + (int64_t)bytes > TAIL_BYTES_MAX) {
        worker_post(s->store->flusher, &s->flush_job);
        return ERR_BUSY;
    }
    return ERR_OK;
}

void shard_on_kick(void *arg)
{
    struct shard_port *port = arg;

    port->kicked = false;
    if (port->shard)
        worker_post(port->shard->commit, &port->shard->append_job);
    else if (!port->woken && !port->delivering)
        free(port);
}

/* The append starts at the end of the loop's turn, so that one turn's transitions share it. */
static void kick(struct store_shard *s)
{
    if (s->loop && loop_is_current(s->loop)) {
        s->port->kicked = true;
        loop_at_turn_end(s->loop, &s->port->kick);
    } else {
        worker_post(s->commit, &s->append_job);
    }
}

enum err store_stage(struct store_shard *s, const struct store_op *ops, size_t count,
                     bool essential, int64_t *seq)
{
    size_t bytes;

    *seq = 0;
    enum err err = check_ops(ops, count, &bytes);
    if (err != ERR_OK)
        return err;
    pthread_mutex_lock(&s->lock);
    const bool was_dirty = shard_is_dirty(s);
    err = admit(s, bytes, essential);
    if (err == ERR_OK)
        err = batch_for(s, bytes);
    if (err != ERR_OK) {
        pthread_mutex_unlock(&s->lock);
        return err;
    }
    struct batch *batch = s->open;
    for (size_t i = 0; i < count; i++) {
        const enum store_family family = ops[i].family;

        logrec_op(&batch->bytes, &ops[i]);
        if (!s->active[family])
            s->active[family] = memtable_new();
        memtable_apply(s->active[family], batch->seq, ops[i].kind, ops[i].key, ops[i].value);
    }
    must(buf_ok(&batch->bytes));
    batch->op_count += (uint32_t)count;
    s->log_bytes += (int64_t)bytes;
    s->last_stage_ns = clock_mono_ns(s->store->clock);
    *seq = batch->seq;
    const bool need_kick = !s->in_flight;
    pthread_mutex_unlock(&s->lock);
    if (need_kick)
        kick(s);
    if (!was_dirty)
        worker_post_after(s->store->flusher, &s->idle_later, FLUSH_IDLE_MS);
    return ERR_OK;
}

int64_t store_durable_seq(const struct store_shard *s)
{
    return atomic_load(&s->durable_seq);
}

int64_t store_staged_seq(const struct store_shard *s)
{
    return atomic_load(&s->staged_seq);
}

int64_t store_lease(const struct store_shard *s)
{
    return s->range_id;
}

/* -- appending ------------------------------------------------------------------------------ */

bool shard_may_retry(enum err err)
{
    return err == ERR_UNKNOWN || err == ERR_BUSY || err == ERR_DISK_FULL;
}

static void seal(struct store_shard *s, struct batch *batch)
{
    if (batch->sealed)
        return;
    logrec_seal(&batch->bytes, &(struct logrec_header){.shard_id = s->id,
                                                       .seq = batch->seq,
                                                       .range_id = s->range_id,
                                                       .nonce = s->nonce,
                                                       .op_count = batch->op_count});
    batch->sealed = true;
}

static void free_batch(struct store_shard *s, struct batch *batch)
{
    if (!s->spare && batch->bytes.cap <= 2 * BATCH_BYTES) {
        s->spare = batch;
        return;
    }
    buf_release(&batch->bytes);
    free(batch);
}

/* What to append next; NULL: nothing. With the lock. */
static struct batch *take_batch(struct store_shard *s)
{
    if (s->in_flight)
        return s->in_flight;
    if (list_empty(&s->closed))
        shard_close_batch(s);
    struct list *node = list_pop_front(&s->closed);
    s->in_flight = node ? CONTAINER_OF(node, struct batch, node) : NULL;
    s->attempts = 0;
    return s->in_flight;
}

static void retry_append(struct store_shard *s, enum err err)
{
    const uint32_t attempt = s->attempts++;

    if (err == ERR_UNKNOWN && attempt >= RETRIES_MAX) {
        shard_lose(s, ERR_UNAVAILABLE);
        return;
    }
    worker_post_after(s->commit, &s->append_later,
                      attempt < 6 ? INT64_C(1) << attempt : RETRY_MS_MAX);
    pthread_cond_broadcast(&s->changed);
}

/* With the lock. */
static void on_appended(struct store_shard *s, struct batch *batch, int64_t truncate, enum err err)
{
    if (shard_may_retry(err)) {
        retry_append(s, err);
        return;
    }
    if (err != ERR_OK) {
        shard_lose(s, err);
        return;
    }
    must(batch->seq == atomic_load(&s->durable_seq) + 1);
    atomic_store(&s->durable_seq, batch->seq);
    if (truncate > s->truncated)
        s->truncated = truncate;
    s->in_flight = NULL;
    free_batch(s, batch);
    shard_wake(s);
    if (s->open || !list_empty(&s->closed))
        worker_post(s->commit, &s->append_job);
    const int64_t tail = s->log_bytes - s->applied_log_bytes;
    if (tail >= FLUSH_TAIL_BYTES || s->frozen_count > 0 ||
        (s->active[STORE_MAIN] && memtable_bytes(s->active[STORE_MAIN]) >= FLUSH_MEMORY_BYTES))
        worker_post(s->store->flusher, &s->flush_job);
}

static void run_truncate(struct store_shard *s)
{
    const int64_t upto = s->truncate_to;

    s->truncate_now = false;
    if (upto <= s->truncated)
        return;
    pthread_mutex_unlock(&s->lock);
    const enum err err = s->store->backend->log_truncate(s->db, upto);
    pthread_mutex_lock(&s->lock);
    if (err == ERR_OK)
        s->truncated = upto;
    else if (!shard_may_retry(err))
        shard_lose(s, err);
    pthread_cond_broadcast(&s->changed);
}

static int64_t truncate_with_append(const struct store_shard *s)
{
    if (s->truncate_to <= s->truncated)
        return 0;
    return s->truncate_to < s->truncated + TRUNCATE_RECORDS ? s->truncate_to
                                                            : s->truncated + TRUNCATE_RECORDS;
}

void shard_run_append(struct store_shard *s)
{
    const struct store *store = s->store;
    enum err err;

    pthread_mutex_lock(&s->lock);
    if (s->lost != ERR_OK || s->dropping) {
        pthread_mutex_unlock(&s->lock);
        return;
    }
    struct batch *batch = take_batch(s);
    if (!batch) {
        if (s->truncate_now)
            run_truncate(s);
        pthread_mutex_unlock(&s->lock);
        return;
    }
    const int64_t truncate = truncate_with_append(s);
    pthread_mutex_unlock(&s->lock);

    const int64_t began_ns = clock_mono_ns(store->clock);
    seal(s, batch);
    const size_t bytes = batch->bytes.len;
    err = store->backend->log_append(s->db, batch->seq, buf_slice(&batch->bytes), truncate);
    if (store->appends && err == ERR_OK) {
        counter_add(store->appends, 1);
        counter_add(store->append_bytes, bytes);
        histogram_observe_ns(store->append_time, clock_mono_ns(store->clock) - began_ns);
    }
    if (err == ERR_DISK_FULL)
        ballast_enter(store->ballast);
    pthread_mutex_lock(&s->lock);
    on_appended(s, batch, truncate, err);
    pthread_mutex_unlock(&s->lock);
    if (err != ERR_OK)
        return;
    err = store->backend->log_tidy(s->db);
    if (err != ERR_OK && !shard_may_retry(err)) {
        pthread_mutex_lock(&s->lock);
        shard_lose(s, err);
        pthread_mutex_unlock(&s->lock);
    }
}

enum err shard_wait_durable(struct store_shard *s, int64_t seq)
{
    enum err err = ERR_OK;

    if (!s->store->manual)
        worker_post(s->commit, &s->append_job);
    pthread_mutex_lock(&s->lock);
    while (s->lost == ERR_OK && err == ERR_OK && atomic_load(&s->durable_seq) < seq) {
        if (s->attempts > RETRIES_MAX / 2) {
            err = ERR_DISK_FULL; /* or busy that long: nobody waits for ever */
        } else if (s->store->manual) {
            pthread_mutex_unlock(&s->lock);
            shard_run_append(s);
            pthread_mutex_lock(&s->lock);
        } else {
            pthread_cond_wait(&s->changed, &s->lock);
        }
    }
    if (s->lost != ERR_OK)
        err = s->lost;
    pthread_mutex_unlock(&s->lock);
    return err;
}
