/* flush.c - memtables into the tables, in slices; then the log may be truncated.
 *
 *   1. All families are frozen together at the end of a record, oldest first in the list, and that
 *      record is durable before the first of its rows is written.
 *   2. Rows first; the position moves with the last slice, in its transaction.
 *   3. A frozen memtable stays in the list, so that reads find it, until its last slice has
 *      committed. Rows that came and went in it are not written at all. */
#include "common/store/store_int.h"

bool shard_is_dirty(const struct store_shard *s)
{
    return s->active[STORE_MAIN] || s->active[STORE_VISIBILITY] || s->frozen_count > 0;
}

/* With the lock. */
static void freeze(struct store_shard *s)
{
    if ((!s->active[STORE_MAIN] && !s->active[STORE_VISIBILITY]) || s->frozen_count == FROZEN_MAX)
        return;
    shard_close_batch(s); /* what is staged from here on belongs to the next record */
    struct frozen *frozen = &s->frozen[s->frozen_count++];
    for (int f = 0; f < STORE_FAMILY_COUNT; f++) {
        frozen->tables[f] = s->active[f];
        s->active[f] = NULL;
    }
    frozen->last_seq = atomic_load(&s->staged_seq);
    frozen->log_bytes = s->log_bytes;
}

struct slices { /* a flush under way */
    struct store_shard *shard;
    size_t rows, bytes, rows_total, elided_total;
};

static enum err commit_slice(struct slices *w, const int64_t *applied)
{
    struct store_shard *s = w->shard;

    pthread_mutex_lock(&s->snapshot_lock);
    const enum err err = s->store->backend->flush_commit(s->db, applied);
    pthread_mutex_unlock(&s->snapshot_lock);
    w->rows_total += w->rows;
    w->rows = w->bytes = 0;
    return err;
}

static enum err write_row(struct slices *w, enum store_family family,
                          const struct memtable_row *row)
{
    struct store_shard *s = w->shard;
    const struct backend *backend = s->store->backend;

    if (row->elidable) {
        w->elided_total++;
        return ERR_OK;
    }
    if (w->rows >= SLICE_ROWS || w->bytes >= SLICE_BYTES) {
        enum err err = commit_slice(w, NULL);
        if (err == ERR_OK)
            err = backend->flush_begin(s->db);
        if (err != ERR_OK)
            return err;
    }
    w->rows++;
    w->bytes += row->key.len + row->value.len;
    return backend->flush_row(s->db, family, row->key, row->deleted ? NULL : &row->value);
}

static enum err write_frozen(struct slices *w, const struct frozen *frozen)
{
    struct store_shard *s = w->shard;
    int64_t applied[STORE_FAMILY_COUNT];
    struct memtable_iter it;

    enum err err = s->store->backend->flush_begin(s->db);
    for (int f = 0; f < STORE_FAMILY_COUNT && err == ERR_OK; f++) {
        applied[f] = frozen->last_seq;
        if (!frozen->tables[f])
            continue;
        memtable_iter_seek(&it, frozen->tables[f], SLICE_EMPTY, false, frozen->last_seq);
        for (; memtable_iter_valid(&it) && err == ERR_OK; memtable_iter_next(&it))
            err = write_row(w, (enum store_family)f, &it.row);
    }
    if (err == ERR_OK)
        err = commit_slice(w, applied);
    if (err != ERR_OK)
        s->store->backend->flush_abort(s->db);
    return err;
}

/* With the lock. */
static void retire_oldest(struct store_shard *s)
{
    const struct frozen done = s->frozen[0];

    s->frozen_count--;
    memmove(s->frozen, s->frozen + 1, s->frozen_count * sizeof s->frozen[0]);
    for (int f = 0; f < STORE_FAMILY_COUNT; f++) {
        if (done.tables[f])
            memtable_unref(done.tables[f]);
        s->applied[f] = done.last_seq;
    }
    s->applied_log_bytes = done.log_bytes;
    s->truncate_to = done.last_seq;
}

static void on_flush_error(struct store_shard *s, enum err err)
{
    pthread_mutex_lock(&s->lock);
    s->flush_error = err;
    if (shard_may_retry(err))
        worker_post_after(s->store->flusher, &s->flush_later, RETRY_MS_MAX);
    else
        shard_lose(s, err);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    if (err == ERR_DISK_FULL)
        ballast_enter(s->store->ballast);
}

void shard_run_flush(struct store_shard *s)
{
    const struct store *store = s->store;
    struct slices work = {.shard = s};

    pthread_mutex_lock(&s->lock);
    if (s->lost != ERR_OK || s->dropping) {
        pthread_mutex_unlock(&s->lock);
        return;
    }
    if (s->frozen_count == 0)
        freeze(s);
    const bool ready = s->frozen_count > 0 && s->frozen[0].last_seq <= atomic_load(&s->durable_seq);
    const struct frozen frozen = s->frozen[0]; /* only this job removes it */
    if (s->frozen_count > 0 && !ready && !s->in_flight)
        worker_post(s->commit, &s->append_job); /* it posts this job when it is done */
    pthread_mutex_unlock(&s->lock);
    if (!ready)
        return;

    const int64_t began_ns = clock_mono_ns(store->clock);
    enum err err = write_frozen(&work, &frozen);
    if (err == ERR_OK) {
        pthread_mutex_lock(&s->lock);
        s->flush_error = ERR_OK;
        retire_oldest(s);
        if (s->frozen_count > 0)
            worker_post(store->flusher, &s->flush_job);
        pthread_cond_broadcast(&s->changed);
        pthread_mutex_unlock(&s->lock);
        err = store->backend->flush_tidy(s->db);
    }
    if (err != ERR_OK) {
        on_flush_error(s, err);
        return;
    }
    if (store->flushes) {
        counter_add(store->flushes, 1);
        counter_add(store->flushed_rows, work.rows_total);
        counter_add(store->elided_rows, work.elided_total);
        histogram_observe_ns(store->flush_time, clock_mono_ns(store->clock) - began_ns);
    }
}

void shard_on_idle(struct store_shard *s)
{
    pthread_mutex_lock(&s->lock);
    const bool dirty = shard_is_dirty(s);
    int64_t wait_ms =
        FLUSH_IDLE_MS - (clock_mono_ns(s->store->clock) - s->last_stage_ns) / NS_PER_MS;
    pthread_mutex_unlock(&s->lock);
    if (!dirty)
        return; /* the next transition starts the timer again */
    if (wait_ms <= 0) {
        worker_post(s->store->flusher, &s->flush_job);
        wait_ms = FLUSH_IDLE_MS;
    }
    worker_post_after(s->store->flusher, &s->idle_later, wait_ms);
}

/* Everything up to `seq` into the tables. */
static enum err wait_applied(struct store_shard *s, int64_t seq)
{
    enum err err = ERR_OK;

    pthread_mutex_lock(&s->lock);
    s->flush_error = ERR_OK;
    while (s->lost == ERR_OK && err == ERR_OK && shard_is_dirty(s) && s->applied[0] < seq) {
        if (s->store->manual) {
            pthread_mutex_unlock(&s->lock);
            shard_run_flush(s);
            pthread_mutex_lock(&s->lock);
        } else {
            worker_post(s->store->flusher, &s->flush_job);
            pthread_cond_wait(&s->changed, &s->lock);
        }
        err = s->flush_error;
    }
    if (s->lost != ERR_OK)
        err = s->lost;
    pthread_mutex_unlock(&s->lock);
    return err;
}

static enum err wait_truncated(struct store_shard *s, int64_t seq)
{
    pthread_mutex_lock(&s->lock);
    s->truncate_now = true;
    while (s->lost == ERR_OK && s->truncate_now && s->truncated < seq) {
        if (s->store->manual) {
            pthread_mutex_unlock(&s->lock);
            shard_run_append(s);
            pthread_mutex_lock(&s->lock);
        } else {
            worker_post(s->commit, &s->append_job);
            pthread_cond_wait(&s->changed, &s->lock);
        }
    }
    s->truncate_now = false;
    const enum err err = s->lost;
    pthread_mutex_unlock(&s->lock);
    return err;
}

enum err store_shard_flush(struct store_shard *s)
{
    const int64_t seq = store_staged_seq(s);

    enum err err = shard_wait_durable(s, seq);
    if (err == ERR_OK)
        err = wait_applied(s, seq);
    if (err == ERR_OK)
        err = wait_truncated(s, seq);
    return err;
}
