/* backup.c - see backup.h. */
#include "common/store/backup.h"

#include "common/store/store_int.h"

#include <string.h>
#include <time.h>

enum { UNTORN_TRIES = 5000, UNTORN_PAUSE_MS = 2 };

static bool goes_on(void *arg)
{
    struct store_shard *s = arg;

    pthread_mutex_lock(&s->lock);
    const bool on = !s->closing && !s->releasing && s->lost == ERR_OK;
    pthread_mutex_unlock(&s->lock);
    return on;
}

static bool always(void *arg)
{
    UNUSED(arg);
    return true;
}

/* A snapshot of the tables between two flushes, and its position; waits for one while `go_on`. */
static enum err open_untorn(const struct store_shard *s, backend_go_on_fn go_on, void *arg,
                            void **snapshot, int64_t *seq)
{
    const struct backend *backend = s->store->backend;
    int64_t applied[STORE_FAMILY_COUNT];
    bool torn = true;

    for (int i = 0; i < UNTORN_TRIES; i++) {
        const struct timespec pause = {.tv_nsec = UNTORN_PAUSE_MS * NS_PER_MS};

        enum err err = backend->snapshot_open(s->db, snapshot);
        if (err != ERR_OK)
            return err;
        err = backend->snapshot_position(*snapshot, applied, &torn);
        if (err == ERR_OK && !torn) {
            *seq = applied[0];
            for (int f = 1; f < STORE_FAMILY_COUNT; f++)
                if (applied[f] != applied[0])
                    err = ERR_CORRUPT; /* they are flushed together */
            if (err == ERR_OK)
                return ERR_OK;
        }
        backend->snapshot_close(*snapshot);
        *snapshot = NULL;
        if (err != ERR_OK)
            return err;
        if (!go_on(arg))
            return ERR_CANCELED;
        nanosleep(&pause, NULL);
    }
    return ERR_BUSY;
}

enum err store_backup_begin(struct store_shard *s, struct store_backup *out,
                            struct err_detail *detail)
{
    const struct backend *backend = s->store->backend;

    *out = (struct store_backup){.range_id = s->range_id};
    if (!backend->snapshot_copy)
        return err_fail(detail, ERR_UNIMPLEMENTED, "a store in memory has no backups");
    const int64_t asked = store_staged_seq(s);
    enum err err = store_shard_flush(s);
    if (err == ERR_OK)
        err = open_untorn(s, goes_on, s, &out->snapshot, &out->seq);
    if (err != ERR_OK)
        return err_fail(detail, err, "shard %u cannot be flushed: %s", s->id, err_text(err));
    if (out->seq >= asked)
        return ERR_OK;
    store_backup_end(s, out);
    return err_fail(detail, ERR_CORRUPT, "shard %u: tables at %lld after a flush up to %lld", s->id,
                    (long long)out->seq, (long long)asked);
}

enum err store_backup_copy(struct store_shard *s, const struct store_backup *backup,
                           const char *path, struct err_detail *detail)
{
    return s->store->backend->snapshot_copy(backup->snapshot, path, goes_on, s, detail);
}

void store_backup_end(struct store_shard *s, struct store_backup *backup)
{
    if (backup->snapshot)
        s->store->backend->snapshot_close(backup->snapshot);
    backup->snapshot = NULL;
}

enum err store_shard_backup(struct store_shard *s, const char *path, struct store_backup *out,
                            struct err_detail *detail)
{
    enum err err = store_backup_begin(s, out, detail);

    if (err == ERR_OK)
        err = store_backup_copy(s, out, path, detail);
    store_backup_end(s, out);
    return err;
}

/* -- from outside --------------------------------------------------------------------------- */

static const struct backend *backend_of(const struct store_options *options)
{
    return strcmp(options->backend, backend_sqlite.name) == 0 ? &backend_sqlite : NULL;
}

static struct backend_env env_of(const struct store_options *options, uint32_t shard_id)
{
    return (struct backend_env){.dir = options->dir,
                                .service = options->service,
                                .log = options->log,
                                .shard_id = shard_id};
}

enum err store_shard_restore(const struct store_options *options, uint32_t shard_id,
                             const struct store_backup *from, struct err_detail *detail)
{
    const struct backend *backend = backend_of(options);
    const struct backend_env env = env_of(options, shard_id);
    const struct backend_lease lease = {
        .range_id = from->range_id, .last_seq = from->seq, .applied = {from->seq, from->seq}};

    if (!backend)
        return err_fail(detail, ERR_UNIMPLEMENTED, "no backups of %s", options->backend);
    return backend->restored(&env, &lease, detail);
}

enum err store_tables_read(const struct store_options *options, uint32_t shard_id,
                           enum err (*read)(struct store_snapshot *, void *), void *arg,
                           int64_t *seq, struct err_detail *detail)
{
    const struct backend *backend = backend_of(options);
    const struct backend_env env = env_of(options, shard_id);
    struct store store = {.backend = backend};
    struct store_shard shard = {.store = &store, .id = shard_id};
    void *snapshot = NULL;
    int64_t at = 0;

    if (!backend)
        return err_fail(detail, ERR_UNIMPLEMENTED, "no files of %s", options->backend);
    enum err err = backend->watch(&env, &shard.db, detail);
    if (err != ERR_OK)
        return err;
    err = open_untorn(&shard, always, NULL, &snapshot, &at);
    if (err == ERR_OK) {
        if (seq)
            *seq = at;
        err = snapshot_of_tables_read(&shard, snapshot, read, arg);
        backend->snapshot_close(snapshot);
    }
    if (err != ERR_OK && detail && detail->text[0] == '\0')
        (void)err_fail(detail, err, "shard %u cannot be read: %s", shard_id, err_text(err));
    backend->unwatch(shard.db);
    return err;
}

void store_shard_stats(struct store_shard *s, struct store_stats *out)
{
    pthread_mutex_lock(&s->lock);
    *out = (struct store_stats){.range_id = s->range_id,
                                .staged_seq = atomic_load(&s->staged_seq),
                                .durable_seq = atomic_load(&s->durable_seq),
                                .applied_seq = s->applied[STORE_MAIN],
                                .truncated_seq = s->truncated,
                                .tail_bytes = s->log_bytes - s->applied_log_bytes,
                                .frozen = s->frozen_count};
    for (int f = 0; f < STORE_FAMILY_COUNT; f++)
        if (s->active[f])
            out->memtable_bytes[f] = memtable_bytes(s->active[f]);
    pthread_mutex_unlock(&s->lock);
}
