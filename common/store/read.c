/* read.c - snapshots: memtables and tables pinned at one moment, merged; and read jobs. */
#include "common/store/store_int.h"

#include <stdlib.h>

enum { SOURCES_MAX = FROZEN_MAX + 1 };

struct store_snapshot {
    struct store_shard *shard;
    int64_t seq;                                              /* sees what is not above */
    struct memtable *tables[SOURCES_MAX][STORE_FAMILY_COUNT]; /* newest first; NULL: nothing */
    uint32_t count;
    void *db;
};

/* -- a snapshot ----------------------------------------------------------------------------- */

static enum err pin(struct store_snapshot *snapshot, struct store_shard *s)
{
    *snapshot = (struct store_snapshot){.shard = s};
    pthread_mutex_lock(&s->snapshot_lock);
    pthread_mutex_lock(&s->lock);
    snapshot->seq = atomic_load(&s->durable_seq);
    for (uint32_t i = 0; i <= s->frozen_count; i++) {
        struct memtable *const *from = i ? s->frozen[s->frozen_count - i].tables : s->active;

        for (int f = 0; f < STORE_FAMILY_COUNT; f++) {
            snapshot->tables[i][f] = from[f];
            if (from[f])
                memtable_ref(from[f]);
        }
    }
    snapshot->count = s->frozen_count + 1;
    pthread_mutex_unlock(&s->lock);
    const enum err err = s->store->backend->snapshot_open(s->db, &snapshot->db);
    pthread_mutex_unlock(&s->snapshot_lock);
    return err;
}

static void unpin(struct store_snapshot *snapshot)
{
    if (snapshot->db)
        snapshot->shard->store->backend->snapshot_close(snapshot->db);
    for (uint32_t i = 0; i < snapshot->count; i++)
        for (int f = 0; f < STORE_FAMILY_COUNT; f++)
            if (snapshot->tables[i][f])
                memtable_unref(snapshot->tables[i][f]);
}

enum err store_get(struct store_snapshot *snapshot, enum store_family family, struct slice key,
                   struct arena *arena, struct slice *value, bool *found)
{
    struct memtable_row row;

    *value = SLICE_EMPTY;
    *found = false;
    if ((unsigned)family >= STORE_FAMILY_COUNT || key.len == 0 || key.len > STORE_KEY_MAX)
        return ERR_INVALID;
    for (uint32_t i = 0; i < snapshot->count; i++) {
        const struct memtable *m = snapshot->tables[i][family];

        if (!m || !memtable_get(m, key, snapshot->seq, &row))
            continue;
        *found = !row.deleted;
        if (*found)
            *value = arena_copy(arena, row.value);
        return ERR_OK;
    }
    return snapshot->shard->store->backend->get(snapshot->db, family, key, arena, value, found);
}

/* -- scans: a merge in which the newest source of a key wins -------------------------------- */

struct table_iter { /* the oldest source */
    const struct backend *backend;
    void *iter;
    struct slice key, value;
    bool valid;
};

struct merge {
    struct memtable_iter memtables[SOURCES_MAX];
    uint32_t count;
    struct table_iter table;
    bool reverse;
};

static enum err table_next(struct table_iter *t)
{
    return t->backend->iter_next(t->iter, &t->key, &t->value, &t->valid);
}

static enum err merge_open(struct merge *m, struct store_snapshot *snapshot,
                           enum store_family family, struct slice start, bool reverse)
{
    const struct backend *backend = snapshot->shard->store->backend;

    m->count = 0;
    m->reverse = reverse;
    m->table = (struct table_iter){.backend = backend};
    for (uint32_t i = 0; i < snapshot->count; i++)
        if (snapshot->tables[i][family])
            memtable_iter_seek(&m->memtables[m->count++], snapshot->tables[i][family], start,
                               reverse, snapshot->seq);
    const enum err err = backend->iter_open(snapshot->db, family, start, reverse, &m->table.iter);
    return err == ERR_OK ? table_next(&m->table) : err;
}

static bool comes_first(const struct merge *m, struct slice key, struct slice than)
{
    const int order = slice_cmp(key, than);

    return m->reverse ? order > 0 : order < 0;
}

/* The next row over all sources, tombstones included; false: the end. */
static bool merge_peek(const struct merge *m, struct memtable_row *row)
{
    bool any = m->table.valid;

    if (any)
        *row = (struct memtable_row){.key = m->table.key, .value = m->table.value};
    for (uint32_t i = m->count; i-- > 0;) { /* from old to new: at equal keys the newer wins */
        const struct memtable_iter *it = &m->memtables[i];

        if (memtable_iter_valid(it) && (!any || !comes_first(m, row->key, it->row.key))) {
            *row = it->row;
            any = true;
        }
    }
    return any;
}

static enum err merge_skip(struct merge *m, struct slice key)
{
    const bool table_too = m->table.valid && slice_eq(m->table.key, key);

    for (uint32_t i = 0; i < m->count; i++) {
        struct memtable_iter *it = &m->memtables[i];

        if (memtable_iter_valid(it) && slice_eq(it->row.key, key))
            memtable_iter_next(it);
    }
    return table_too ? table_next(&m->table) : ERR_OK; /* last: it may end the life of `key` */
}

enum err store_scan(struct store_snapshot *snapshot, enum store_family family, struct slice from,
                    struct slice to, bool reverse, store_visit_fn visit, void *arg)
{
    struct merge *m;
    struct memtable_row row = {0};

    if ((unsigned)family >= STORE_FAMILY_COUNT || from.len > STORE_KEY_MAX ||
        to.len > STORE_KEY_MAX)
        return ERR_INVALID;
    m = malloc(sizeof *m);
    if (!m)
        return ERR_NO_MEMORY;
    enum err err = merge_open(m, snapshot, family, reverse ? to : from, reverse);
    while (err == ERR_OK && merge_peek(m, &row)) {
        if (reverse ? slice_cmp(row.key, from) < 0 : to.len && slice_cmp(row.key, to) >= 0)
            break;
        if (!row.deleted && !visit(arg, row.key, row.value))
            break;
        err = merge_skip(m, row.key);
    }
    if (m->table.iter)
        m->table.backend->iter_close(m->table.iter);
    free(m);
    return err;
}

/* -- jobs ----------------------------------------------------------------------------------- */

struct read_item { /* lies in store_read_job.internal */
    struct job job;
    struct store_shard *shard;
    struct list node; /* of reads_waiting or reads_done */
    enum err err;
};

_Static_assert(sizeof(struct read_item) <= sizeof(((struct store_read_job *)0)->internal),
               "a read's item fits");

static struct read_item *item_of(struct store_read_job *job)
{
    return (struct read_item *)(void *)job->internal;
}

static struct store_read_job *owner_of(struct read_item *item)
{
    return CONTAINER_OF(item, struct store_read_job, internal);
}

enum err store_read_now(struct store_shard *s, enum err (*read)(struct store_snapshot *, void *),
                        void *arg)
{
    struct store_snapshot snapshot;

    enum err err = pin(&snapshot, s);
    if (err == ERR_OK)
        err = read(&snapshot, arg);
    unpin(&snapshot);
    return err;
}

enum err snapshot_of_tables_read(struct store_shard *s, void *db,
                                 enum err (*read)(struct store_snapshot *, void *), void *arg)
{
    struct store_snapshot snapshot = {.shard = s, .db = db};

    return read(&snapshot, arg);
}

static void on_read(struct job *job)
{
    struct read_item *item = CONTAINER_OF(job, struct read_item, job);
    struct store_read_job *owner = owner_of(item);
    struct store_shard *s = item->shard;

    pthread_mutex_lock(&s->lock);
    list_remove(&item->node);
    s->reads_running++;
    const bool closing = s->closing || (s->releasing && owner->lane != STORE_LANE_READ);
    pthread_mutex_unlock(&s->lock);
    if (closing)
        item->err = ERR_CANCELED;
    else if (owner->lane == STORE_LANE_READ)
        item->err = store_read_now(s, owner->read, owner->arg);
    else
        item->err = owner->read(NULL, owner->arg);
    pthread_mutex_lock(&s->lock);
    list_push_back(&s->reads_done, &item->node);
    s->reads_running--;
    /* Without appends nothing else would tell that the lease, or the disk, is gone. */
    if (item->err == ERR_FENCED || item->err == ERR_IO)
        shard_lose(s, item->err);
    shard_wake(s);
    pthread_mutex_unlock(&s->lock);
}

void store_read(struct store_shard *s, struct store_read_job *owner)
{
    struct read_item *item = item_of(owner);

    job_init(&item->job, on_read);
    item->job.once = true;
    item->shard = s;
    item->err = ERR_CANCELED;
    pthread_mutex_lock(&s->lock);
    if (s->closing || s->lost != ERR_OK || (s->releasing && owner->lane != STORE_LANE_READ)) {
        list_push_back(&s->reads_done, &item->node);
        shard_wake(s);
    } else {
        list_push_back(&s->reads_waiting, &item->node);
        worker_post(s->store->lanes[owner->lane], &item->job);
    }
    pthread_mutex_unlock(&s->lock);
}

bool shard_finish_one_read(struct store_shard *s)
{
    pthread_mutex_lock(&s->lock);
    struct list *node = list_pop_front(&s->reads_done);
    pthread_mutex_unlock(&s->lock);
    if (!node)
        return false;
    struct read_item *item = CONTAINER_OF(node, struct read_item, node);
    struct store_read_job *owner = owner_of(item);
    owner->done(owner->arg, item->err);
    return true;
}

/* With the lock. Those that wait, and be it only the long ones, are done with ERR_CANCELED. */
static void cancel_waiting(struct store_shard *s, bool long_only)
{
    LIST_EACH_SAFE(node, next, &s->reads_waiting)
    {
        struct read_item *item = CONTAINER_OF(node, struct read_item, node);
        const enum store_lane lane = owner_of(item)->lane;

        if (long_only && lane == STORE_LANE_READ)
            continue;
        if (!worker_remove(s->store->lanes[lane], &item->job))
            continue; /* it starts just now, and sees what the shard is up to */
        list_remove(node);
        list_push_back(&s->reads_done, node);
    }
}

void store_shard_releasing(struct store_shard *s)
{
    pthread_mutex_lock(&s->lock);
    s->releasing = true;
    cancel_waiting(s, true);
    if (!list_empty(&s->reads_done))
        shard_wake(s);
    pthread_mutex_unlock(&s->lock);
}

/* The shard closes: nothing waits or runs when this returns, and every job had its `done`. */
void shard_cancel_reads(struct store_shard *s)
{
    pthread_mutex_lock(&s->lock);
    cancel_waiting(s, false);
    while (s->reads_running > 0 || !list_empty(&s->reads_waiting)) {
        must(!s->store->manual);
        pthread_cond_wait(&s->changed, &s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    while (shard_finish_one_read(s))
        continue;
}
