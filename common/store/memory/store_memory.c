/* store_memory.c - the laws' other side without a disk: a lease, a log and tables in memory.
 *
 * Several owners may have a disk open at once, as on a database server: only the lease tells who
 * may write. A disk's mutex is a transaction. The tables are memtables whose sequence is the number
 * of the transaction, so that a snapshot is a number; they are rebuilt when most of it is garbage.
 */
#include "common/store/memory/store_memory.h"

#include "common/store/backend.h"
#include "common/store/memtable.h"

#include <pthread.h>
#include <stdlib.h>

enum { REBUILD_BYTES = 4 * 1024 * 1024 };

struct record {
    struct record *next;
    int64_t seq;
    size_t len;
    uint8_t bytes[];
};

struct disk {
    struct disk *next;
    char *dir, *service;
    uint32_t shard_id;
    pthread_mutex_t mutex; /* guards all below */
    int64_t range_id, last_seq;
    uint64_t nonce;
    struct record *first, **last;
    struct memtable *tables[STORE_FAMILY_COUNT];
    size_t rebuild_at[STORE_FAMILY_COUNT];
    int64_t txn;
    int64_t applied[STORE_FAMILY_COUNT];
};

/* The one hidden global: a disk is what outlives a process. */
static pthread_mutex_t disks_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct disk *disks;

struct pending { /* a row of the flush slice under way */
    struct pending *next;
    enum store_family family;
    struct slice key, value;
    bool deleted;
};

struct memory_shard {
    struct disk *disk;
    int64_t range_id;
    uint64_t nonce;
    struct arena arena; /* of the slice */
    struct pending *first, **last;
};

struct snapshot {
    struct memtable *tables[STORE_FAMILY_COUNT];
    int64_t txn;
};

/* -- disks ---------------------------------------------------------------------------------- */

static struct disk *disk_find(const char *dir, const char *service, uint32_t shard_id)
{
    struct disk *d = disks;

    while (d && (d->shard_id != shard_id || strcmp(d->dir, dir) || strcmp(d->service, service)))
        d = d->next;
    return d;
}

static struct disk *disk_get(const struct backend_env *env)
{
    pthread_mutex_lock(&disks_mutex);
    struct disk *d = disk_find(env->dir, env->service, env->shard_id);
    if (!d) {
        d = calloc(1, sizeof *d);
        must(d != NULL);
        d->dir = strdup(env->dir);
        d->service = strdup(env->service);
        must(d->dir && d->service);
        d->shard_id = env->shard_id;
        must(pthread_mutex_init(&d->mutex, NULL) == 0);
        d->last = &d->first;
        for (int f = 0; f < STORE_FAMILY_COUNT; f++) {
            d->tables[f] = memtable_new();
            d->rebuild_at[f] = REBUILD_BYTES;
        }
        d->next = disks;
        disks = d;
    }
    pthread_mutex_unlock(&disks_mutex);
    return d;
}

static void disk_free(struct disk *d)
{
    while (d->first) {
        struct record *r = d->first;

        d->first = r->next;
        free(r);
    }
    for (int f = 0; f < STORE_FAMILY_COUNT; f++)
        memtable_unref(d->tables[f]);
    pthread_mutex_destroy(&d->mutex);
    free(d->dir);
    free(d->service);
    free(d);
}

void store_memory_wipe(const char *dir)
{
    pthread_mutex_lock(&disks_mutex);
    for (struct disk **at = &disks; *at;) {
        struct disk *d = *at;

        if (strcmp(d->dir, dir) != 0) {
            at = &d->next;
            continue;
        }
        *at = d->next;
        disk_free(d);
    }
    pthread_mutex_unlock(&disks_mutex);
}

static struct record **record_at(struct disk *d, int64_t seq)
{
    struct record **at = &d->first;

    while (*at && (*at)->seq != seq)
        at = &(*at)->next;
    return at;
}

static void remove_record(struct disk *d, struct record **at)
{
    struct record *r = *at;

    *at = r->next;
    if (d->last == &r->next)
        d->last = at;
    free(r);
}

static bool change_record(const char *dir, const char *service, uint32_t shard_id, int64_t seq,
                          const size_t *damage_at)
{
    pthread_mutex_lock(&disks_mutex);
    struct disk *d = disk_find(dir, service, shard_id);
    struct record **at = d ? record_at(d, seq) : NULL;
    const bool found = at && *at && (!damage_at || *damage_at < (*at)->len);
    if (found && damage_at)
        (*at)->bytes[*damage_at] ^= 0xff;
    else if (found)
        remove_record(d, at);
    pthread_mutex_unlock(&disks_mutex);
    return found;
}

bool store_memory_damage(const char *dir, const char *service, uint32_t shard_id, int64_t seq,
                         size_t at)
{
    return change_record(dir, service, shard_id, seq, &at);
}

bool store_memory_lose(const char *dir, const char *service, uint32_t shard_id, int64_t seq)
{
    return change_record(dir, service, shard_id, seq, NULL);
}

/* -- lease and log -------------------------------------------------------------------------- */

static enum err open_shard(const struct backend_env *env, void **shard, struct backend_lease *lease,
                           struct err_detail *detail)
{
    struct memory_shard *s = calloc(1, sizeof *s);
    struct disk *d = disk_get(env);

    UNUSED(detail);
    must(s != NULL);
    pthread_mutex_lock(&d->mutex);
    s->disk = d;
    s->range_id = ++d->range_id;
    s->nonce = d->nonce = env->nonce;
    s->last = &s->first;
    lease->range_id = d->range_id;
    lease->last_seq = d->last_seq;
    memcpy(lease->applied, d->applied, sizeof d->applied);
    pthread_mutex_unlock(&d->mutex);
    *shard = s;
    return ERR_OK;
}

static void close_shard(void *shard)
{
    struct memory_shard *s = shard;

    arena_release(&s->arena);
    free(s);
}

static bool lease_held(const struct memory_shard *s)
{
    return s->disk->range_id == s->range_id && s->disk->nonce == s->nonce;
}

static void truncate_upto(struct disk *d, int64_t upto)
{
    while (d->first && d->first->seq <= upto)
        remove_record(d, &d->first);
}

static void insert_record(struct disk *d, int64_t seq, struct slice bytes)
{
    struct record *r = malloc(sizeof *r + bytes.len);

    must(r != NULL);
    r->next = NULL;
    r->seq = seq;
    r->len = bytes.len;
    memcpy(r->bytes, bytes.ptr, bytes.len);
    *d->last = r;
    d->last = &r->next;
}

static enum err log_append(void *shard, int64_t seq, struct slice record, int64_t truncate)
{
    struct memory_shard *s = shard;
    struct disk *d = s->disk;
    enum err err = ERR_FENCED;

    pthread_mutex_lock(&d->mutex);
    if (lease_held(s) && d->last_seq == seq - 1) {
        truncate_upto(d, truncate);
        insert_record(d, seq, record);
        d->last_seq = seq;
        err = ERR_OK;
    } else {
        const struct record *r = *record_at(d, seq);

        if (r && slice_eq(slice_of(r->bytes, r->len), record))
            err = ERR_OK; /* ours: the record holds lease, nonce and digest */
    }
    pthread_mutex_unlock(&d->mutex);
    return err;
}

static enum err log_truncate(void *shard, int64_t upto)
{
    struct memory_shard *s = shard;

    pthread_mutex_lock(&s->disk->mutex);
    const bool held = lease_held(s);
    if (held)
        truncate_upto(s->disk, upto);
    pthread_mutex_unlock(&s->disk->mutex);
    return held ? ERR_OK : ERR_FENCED;
}

static enum err log_read(void *shard, int64_t from, backend_record_fn visit, void *arg,
                         struct err_detail *detail)
{
    struct memory_shard *s = shard;
    enum err err = ERR_OK;

    UNUSED(detail);
    pthread_mutex_lock(&s->disk->mutex);
    for (const struct record *r = s->disk->first; r && err == ERR_OK; r = r->next)
        if (r->seq >= from)
            err = visit(arg, r->seq, slice_of(r->bytes, r->len));
    pthread_mutex_unlock(&s->disk->mutex);
    return err;
}

static enum err tidy(void *shard)
{
    UNUSED(shard);
    return ERR_OK;
}

/* -- flush ---------------------------------------------------------------------------------- */

static enum err flush_begin(void *shard)
{
    struct memory_shard *s = shard;

    arena_reset(&s->arena);
    s->first = NULL;
    s->last = &s->first;
    return ERR_OK;
}

static enum err flush_row(void *shard, enum store_family family, struct slice key,
                          const struct slice *value)
{
    struct memory_shard *s = shard;
    struct pending *row = ARENA_NEW(&s->arena, struct pending);

    row->family = family;
    row->key = arena_copy(&s->arena, key);
    row->value = value ? arena_copy(&s->arena, *value) : SLICE_EMPTY;
    row->deleted = !value;
    *s->last = row;
    s->last = &row->next;
    return ERR_OK;
}

static void rebuild(struct disk *d, int family)
{
    struct memtable *live = memtable_new();
    struct memtable_iter it;

    memtable_iter_seek(&it, d->tables[family], SLICE_EMPTY, false, d->txn);
    for (; memtable_iter_valid(&it); memtable_iter_next(&it))
        if (!it.row.deleted)
            memtable_apply(live, d->txn, STORE_PUT, it.row.key, it.row.value);
    memtable_unref(d->tables[family]);
    d->tables[family] = live;
    d->rebuild_at[family] = REBUILD_BYTES + 2 * memtable_bytes(live);
}

static enum err flush_commit(void *shard, const int64_t *applied)
{
    struct memory_shard *s = shard;
    struct disk *d = s->disk;

    pthread_mutex_lock(&d->mutex);
    const bool held = lease_held(s);
    if (held) {
        for (const struct pending *row = s->first; row; row = row->next)
            memtable_apply(d->tables[row->family], d->txn + 1,
                           row->deleted ? STORE_DELETE : STORE_PUT, row->key, row->value);
        d->txn++;
        for (int f = 0; f < STORE_FAMILY_COUNT; f++) {
            if (applied && d->applied[f] < applied[f])
                d->applied[f] = applied[f];
            if (memtable_bytes(d->tables[f]) > d->rebuild_at[f])
                rebuild(d, f);
        }
    }
    pthread_mutex_unlock(&d->mutex);
    return held ? ERR_OK : ERR_FENCED;
}

static void flush_abort(void *shard)
{
    struct memory_shard *s = shard;

    s->first = NULL;
    s->last = &s->first;
}

/* -- reads ---------------------------------------------------------------------------------- */

static enum err snapshot_open(void *shard, void **out)
{
    struct memory_shard *s = shard;
    struct disk *d = s->disk;
    struct snapshot *snapshot = NULL;

    pthread_mutex_lock(&d->mutex);
    if (lease_held(s)) {
        snapshot = calloc(1, sizeof *snapshot);
        must(snapshot != NULL);
        snapshot->txn = d->txn;
        for (int f = 0; f < STORE_FAMILY_COUNT; f++) {
            snapshot->tables[f] = d->tables[f];
            memtable_ref(d->tables[f]);
        }
    }
    pthread_mutex_unlock(&d->mutex);
    *out = snapshot;
    return snapshot ? ERR_OK : ERR_FENCED;
}

static void snapshot_close(void *handle)
{
    struct snapshot *snapshot = handle;

    for (int f = 0; f < STORE_FAMILY_COUNT; f++)
        memtable_unref(snapshot->tables[f]);
    free(snapshot);
}

static enum err get(void *handle, enum store_family family, struct slice key, struct arena *arena,
                    struct slice *value, bool *found)
{
    const struct snapshot *snapshot = handle;
    struct memtable_row row;

    *found = memtable_get(snapshot->tables[family], key, snapshot->txn, &row) && !row.deleted;
    *value = *found ? arena_copy(arena, row.value) : SLICE_EMPTY;
    return ERR_OK;
}

static enum err iter_open(void *handle, enum store_family family, struct slice from, bool reverse,
                          void **iter)
{
    const struct snapshot *snapshot = handle;
    struct memtable_iter *it = calloc(1, sizeof *it);

    *iter = it;
    if (!it)
        return ERR_NO_MEMORY;
    memtable_iter_seek(it, snapshot->tables[family], from, reverse, snapshot->txn);
    return ERR_OK;
}

static enum err iter_next(void *iter, struct slice *key, struct slice *value, bool *valid)
{
    struct memtable_iter *it = iter;

    while (memtable_iter_valid(it) && it->row.deleted)
        memtable_iter_next(it);
    *valid = memtable_iter_valid(it);
    *key = *valid ? it->row.key : SLICE_EMPTY;
    *value = *valid ? it->row.value : SLICE_EMPTY;
    if (*valid)
        memtable_iter_next(it); /* what was given lives as long as the memtable */
    return ERR_OK;
}

static void iter_close(void *iter)
{
    free(iter);
}

const struct backend backend_memory = {
    .name = "memory",
    .open = open_shard,
    .close = close_shard,
    .log_append = log_append,
    .log_truncate = log_truncate,
    .log_read = log_read,
    .log_tidy = tidy,
    .flush_begin = flush_begin,
    .flush_row = flush_row,
    .flush_commit = flush_commit,
    .flush_abort = flush_abort,
    .flush_tidy = tidy,
    .snapshot_open = snapshot_open,
    .snapshot_close = snapshot_close,
    .get = get,
    .iter_open = iter_open,
    .iter_next = iter_next,
    .iter_close = iter_close,
};
