/* store_fault.c - counts operations and lets some of them fail, over the memory back end. */
#include "common/store/fault/store_fault.h"

#include "common/store/backend.h"
#include "common/store/memory/store_memory.h"

#include <pthread.h>
#include <stdlib.h>

struct world { /* of one dir */
    struct world *next;
    char *dir;
    struct fault_plan plan;
    uint64_t count, crashes;
    bool hit;
};

static pthread_mutex_t worlds_mutex = PTHREAD_MUTEX_INITIALIZER; /* guards all worlds */
static struct world *worlds;

struct fault_shard {
    struct world *world;
    uint64_t crashes; /* when it was opened: more of them and it is cut off */
    struct backend_env env;
    void *inner;
};

static struct world *world_locked(const char *dir)
{
    struct world *w = worlds;

    while (w && strcmp(w->dir, dir) != 0)
        w = w->next;
    if (w)
        return w;
    w = calloc(1, sizeof *w);
    must(w != NULL);
    w->dir = strdup(dir);
    must(w->dir != NULL);
    w->next = worlds;
    worlds = w;
    return w;
}

void store_fault_set(const char *dir, const struct fault_plan *plan)
{
    pthread_mutex_lock(&worlds_mutex);
    struct world *w = world_locked(dir);
    w->plan = *plan;
    w->count = 0;
    w->hit = false;
    pthread_mutex_unlock(&worlds_mutex);
}

uint64_t store_fault_count(const char *dir)
{
    pthread_mutex_lock(&worlds_mutex);
    const uint64_t count = world_locked(dir)->count;
    pthread_mutex_unlock(&worlds_mutex);
    return count;
}

bool store_fault_hit(const char *dir)
{
    pthread_mutex_lock(&worlds_mutex);
    const bool hit = world_locked(dir)->hit;
    pthread_mutex_unlock(&worlds_mutex);
    return hit;
}

void store_fault_wipe(const char *dir)
{
    pthread_mutex_lock(&worlds_mutex);
    for (struct world **at = &worlds; *at; at = &(*at)->next) {
        struct world *w = *at;

        if (strcmp(w->dir, dir) != 0)
            continue;
        *at = w->next;
        free(w->dir);
        free(w);
        break;
    }
    pthread_mutex_unlock(&worlds_mutex);
    store_memory_wipe(dir);
}

/* What happens to this operation; FAULT_CRASH_BEFORE when the shard is cut off already. */
static enum fault_kind next_fault(struct world *w, uint64_t crashes, bool append)
{
    pthread_mutex_lock(&worlds_mutex);
    enum fault_kind kind = FAULT_NONE;
    const bool counts = append || !w->plan.appends_only;
    const uint64_t number = w->count += counts;
    if (crashes != w->crashes) {
        kind = FAULT_CRASH_BEFORE;
    } else if (counts && w->plan.kind != FAULT_NONE && number >= w->plan.at &&
               number - w->plan.at < w->plan.times) {
        kind = w->plan.kind;
        w->hit = true;
        if (kind == FAULT_CRASH_BEFORE || kind == FAULT_CRASH_AFTER)
            w->crashes++;
    }
    pthread_mutex_unlock(&worlds_mutex);
    return kind;
}

static void steal_lease(const struct backend_env *env)
{
    struct backend_env rival = *env;
    struct backend_lease lease;
    void *shard;

    rival.nonce = ~env->nonce;
    if (backend_memory.open(&rival, &shard, &lease, NULL) == ERR_OK)
        backend_memory.close(shard);
}

/* One operation of an open shard: whether it is done, and what is said about it. */
struct verdict {
    bool done;
    enum err err;
};

static struct verdict judge(const struct fault_shard *s, bool append)
{
    switch (next_fault(s->world, s->crashes, append)) {
    case FAULT_FENCED:
        steal_lease(&s->env);
        return (struct verdict){true, ERR_OK};
    case FAULT_IO:
    case FAULT_CRASH_BEFORE:
        return (struct verdict){false, ERR_IO};
    case FAULT_BUSY:
        return (struct verdict){false, ERR_BUSY};
    case FAULT_DISK_FULL:
        return (struct verdict){false, ERR_DISK_FULL};
    case FAULT_UNKNOWN_DONE:
        return (struct verdict){true, ERR_UNKNOWN};
    case FAULT_UNKNOWN_DROPPED:
        return (struct verdict){false, ERR_UNKNOWN};
    case FAULT_CRASH_AFTER:
        return (struct verdict){true, ERR_IO};
    case FAULT_NONE:
    case FAULT_KIND_COUNT:
        break;
    }
    return (struct verdict){true, ERR_OK};
}

static enum err outcome(struct verdict v, enum err done)
{
    return v.err != ERR_OK ? v.err : done;
}

static enum err open_shard(const struct backend_env *env, void **shard, struct backend_lease *lease,
                           struct err_detail *detail)
{
    struct fault_shard *s = calloc(1, sizeof *s);
    enum err err = ERR_OK;

    *shard = NULL;
    must(s != NULL);
    pthread_mutex_lock(&worlds_mutex);
    s->world = world_locked(env->dir);
    s->crashes = s->world->crashes;
    pthread_mutex_unlock(&worlds_mutex);
    s->env = *env;
    const struct verdict v = judge(s, false);
    if (v.done)
        err = backend_memory.open(env, &s->inner, lease, detail);
    err = outcome(v, err);
    if (err == ERR_OK) {
        *shard = s;
        return ERR_OK;
    }
    if (s->inner)
        backend_memory.close(s->inner);
    free(s);
    return err_fail(detail, err, "a planned fault");
}

static void close_shard(void *shard)
{
    struct fault_shard *s = shard;

    backend_memory.close(s->inner);
    free(s);
}

static enum err log_append(void *shard, int64_t seq, struct slice record, int64_t truncate)
{
    struct fault_shard *s = shard;
    const struct verdict v = judge(s, true);

    return outcome(v, v.done ? backend_memory.log_append(s->inner, seq, record, truncate) : ERR_OK);
}

static enum err log_truncate(void *shard, int64_t upto)
{
    struct fault_shard *s = shard;
    const struct verdict v = judge(s, false);

    return outcome(v, v.done ? backend_memory.log_truncate(s->inner, upto) : ERR_OK);
}

static enum err log_read(void *shard, int64_t from, backend_record_fn visit, void *arg,
                         struct err_detail *detail)
{
    struct fault_shard *s = shard;

    return backend_memory.log_read(s->inner, from, visit, arg, detail);
}

static enum err tidy(void *shard)
{
    UNUSED(shard);
    return ERR_OK;
}

static enum err flush_begin(void *shard)
{
    struct fault_shard *s = shard;

    return backend_memory.flush_begin(s->inner);
}

static enum err flush_row(void *shard, enum store_family family, struct slice key,
                          const struct slice *value)
{
    struct fault_shard *s = shard;

    return backend_memory.flush_row(s->inner, family, key, value);
}

static enum err flush_commit(void *shard, const int64_t *applied)
{
    struct fault_shard *s = shard;
    const struct verdict v = judge(s, false);

    return outcome(v, v.done ? backend_memory.flush_commit(s->inner, applied) : ERR_OK);
}

static void flush_abort(void *shard)
{
    struct fault_shard *s = shard;

    backend_memory.flush_abort(s->inner);
}

static enum err snapshot_open(void *shard, void **snapshot)
{
    struct fault_shard *s = shard;
    const struct verdict v = judge(s, false);

    *snapshot = NULL;
    if (v.err != ERR_OK)
        return v.err == ERR_UNKNOWN ? ERR_IO : v.err;
    return backend_memory.snapshot_open(s->inner, snapshot);
}

static void snapshot_close(void *snapshot)
{
    backend_memory.snapshot_close(snapshot);
}

static enum err get(void *snapshot, enum store_family family, struct slice key, struct arena *arena,
                    struct slice *value, bool *found)
{
    return backend_memory.get(snapshot, family, key, arena, value, found);
}

static enum err iter_open(void *snapshot, enum store_family family, struct slice from, bool reverse,
                          void **iter)
{
    return backend_memory.iter_open(snapshot, family, from, reverse, iter);
}

static enum err iter_next(void *iter, struct slice *key, struct slice *value, bool *valid)
{
    return backend_memory.iter_next(iter, key, value, valid);
}

static void iter_close(void *iter)
{
    backend_memory.iter_close(iter);
}

const struct backend backend_fault = {
    .name = "fault",
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
