/* cluster.c - the cluster store over one SQLite file, and the copy of it in memory.
 *
 * 1. The copy is immutable and counted: readers take a reference under `copy_lock`, writers swap a
 *    new one in. It holds everything as of one `metadata_version`.
 * 2. `db_mutex` guards the connection; nobody waits for it with `copy_lock` held, so a lookup that
 *    hits never waits for the file.
 * 3. Every write is one transaction that also raises `metadata_version` by one. */
#include "common/cluster/cluster_int.h"

#include "common/base/hash.h"
#include "common/proto/search_attributes.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

enum {
    SCHEMA_VERSION = 1,
    BUSY_WAIT_MS = 2000,
    OPEN_WAIT_MS = 10000,
    NAMESPACES_MAX = 100000,
    MISS_SLOTS = 256,
    MISS_REPEAT_MS = 100,
    MISS_KEY_MAX = 1280, /* namespace and attribute */
};

struct entry {
    atomic_uint refs;
    struct namespace_info info; /* its bytes follow in the same allocation */
};

struct copy {
    atomic_uint refs;
    int64_t version;
    struct entry **by_name, **by_id;
    size_t count, cap;
};

struct miss {
    uint64_t hash;
    int64_t at_ms;
};

struct cluster {
    const struct clock *clock;
    const struct log *log;
    char id[UUID_TEXT_LEN + 1];
    bool opened; /* cluster_open() is done */

    pthread_mutex_t db_mutex; /* guards db and the statements */
    sqlite3 *db;
    sqlite3_stmt *read_version, *read_namespaces, *insert, *update, *raise;
    sqlite3_stmt *read_placement, *first_placement, *next_placement;

    pthread_rwlock_t copy_lock; /* guards the pointer */
    struct copy *copy;

    pthread_mutex_t miss_mutex; /* guards misses and behind_ms */
    struct miss misses[MISS_SLOTS];
    int64_t behind_ms; /* when a version that the file does not have was last looked for */

    cluster_miss_fn ask_miss; /* NULL: nobody is asked */
    void *ask_miss_arg;
};

/* -- errors of SQLite ----------------------------------------------------------------------- */

static enum err err_of(struct cluster *cluster, int code, const char *doing)
{
    enum err err;

    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        err = ERR_UNAVAILABLE;
        break;
    case SQLITE_FULL:
        err = ERR_DISK_FULL;
        break;
    case SQLITE_CONSTRAINT:
        return ERR_EXISTS;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        err = ERR_CORRUPT;
        break;
    default:
        err = ERR_IO;
    }
    if (cluster->opened) /* before that, who opens it tells */
        log_warn(cluster->log, "cluster store failed", F_STR("doing", doing), F_ERR(err),
                 F_STR("cause", cluster->db ? sqlite3_errmsg(cluster->db) : sqlite3_errstr(code)));
    return err;
}

static enum err run_sql(struct cluster *cluster, const char *sql)
{
    const int code = sqlite3_exec(cluster->db, sql, NULL, NULL, NULL);

    return code == SQLITE_OK ? ERR_OK : err_of(cluster, code, sql);
}

static void roll_back(struct cluster *cluster)
{
    if (!sqlite3_get_autocommit(cluster->db))
        sqlite3_exec(cluster->db, "ROLLBACK", NULL, NULL, NULL);
}

static enum err commit(struct cluster *cluster)
{
    const enum err err = run_sql(cluster, "COMMIT");

    if (err != ERR_OK)
        roll_back(cluster);
    return err;
}

/* -- the copy in memory --------------------------------------------------------------------- */

static struct entry *entry_of(const struct namespace_info *ns)
{
    return CONTAINER_OF((void *)(uintptr_t)ns, struct entry, info);
}

static void entry_unref(struct entry *entry)
{
    if (atomic_fetch_sub(&entry->refs, 1) == 1)
        free(entry);
}

void cluster_namespace_unref(const struct namespace_info *ns)
{
    if (ns)
        entry_unref(entry_of(ns));
}

static void copy_unref(struct copy *copy)
{
    if (!copy || atomic_fetch_sub(&copy->refs, 1) != 1)
        return;
    for (size_t i = 0; i < copy->count; i++)
        entry_unref(copy->by_name[i]);
    free(copy->by_name);
    free(copy->by_id);
    free(copy);
}

static struct copy *copy_ref(struct cluster *cluster)
{
    pthread_rwlock_rdlock(&cluster->copy_lock);
    struct copy *copy = cluster->copy;
    atomic_fetch_add(&copy->refs, 1);
    pthread_rwlock_unlock(&cluster->copy_lock);
    return copy;
}

static struct slice column_bytes(sqlite3_stmt *row, int column)
{
    const void *bytes = sqlite3_column_blob(row, column); /* before the size: it may convert */

    return slice_of(bytes, (size_t)sqlite3_column_bytes(row, column));
}

static struct slice append(uint8_t **at, struct slice bytes)
{
    const struct slice placed = slice_of(*at, bytes.len);

    if (bytes.len)
        memcpy(*at, bytes.ptr, bytes.len);
    *at += bytes.len;
    return placed;
}

/* Columns: id, name, version, retention_s, is_global, info, config. NULL: a malformed row. */
static struct entry *entry_from_row(sqlite3_stmt *row)
{
    const struct slice id = column_bytes(row, 0), name = column_bytes(row, 1);
    const struct slice info = column_bytes(row, 5), config = column_bytes(row, 6);

    if (id.len != UUID_TEXT_LEN || name.len == 0 || memchr(name.ptr, 0, name.len))
        return NULL;
    struct entry *entry = calloc(1, sizeof *entry + name.len + 1 + info.len + config.len);
    must(entry != NULL);
    uint8_t *at = (uint8_t *)(entry + 1);
    atomic_init(&entry->refs, 1);
    memcpy(entry->info.id, id.ptr, id.len);
    entry->info.name = (const char *)append(&at, name).ptr;
    at++; /* the name's NUL, from calloc */
    entry->info.version = sqlite3_column_int64(row, 2);
    entry->info.retention_s = sqlite3_column_int64(row, 3);
    entry->info.is_global = sqlite3_column_int(row, 4) != 0;
    entry->info.info = append(&at, info);
    entry->info.config = append(&at, config);
    return entry;
}

static void copy_add(struct copy *copy, struct entry *entry)
{
    if (copy->count == copy->cap) {
        copy->cap = copy->cap ? copy->cap * 2 : 16;
        copy->by_name = realloc(copy->by_name, copy->cap * sizeof *copy->by_name);
        must(copy->by_name != NULL);
    }
    copy->by_name[copy->count++] = entry;
}

static int order_by_id(const void *a, const void *b)
{
    const struct entry *const *left = a, *const *right = b;

    return strcmp((*left)->info.id, (*right)->info.id);
}

static enum err read_version(struct cluster *cluster, int64_t *out)
{
    const int code = sqlite3_step(cluster->read_version);
    const enum err err = code == SQLITE_ROW    ? ERR_OK
                         : code == SQLITE_DONE ? ERR_CORRUPT
                                               : err_of(cluster, code, "read version");

    if (err == ERR_OK)
        *out = sqlite3_column_int64(cluster->read_version, 0);
    sqlite3_reset(cluster->read_version);
    return err;
}

static enum err read_rows(struct cluster *cluster, struct copy *copy)
{
    int code;
    enum err err = ERR_OK;

    while (err == ERR_OK && (code = sqlite3_step(cluster->read_namespaces)) != SQLITE_DONE) {
        struct entry *entry = NULL;

        if (code != SQLITE_ROW)
            err = err_of(cluster, code, "read namespaces");
        else if (!(entry = entry_from_row(cluster->read_namespaces)))
            err = ERR_CORRUPT;
        else
            copy_add(copy, entry);
    }
    sqlite3_reset(cluster->read_namespaces);
    return err;
}

/* Reads everything in one transaction. db_mutex held. */
static enum err read_copy(struct cluster *cluster, struct copy **out)
{
    struct copy *copy = calloc(1, sizeof *copy);

    must(copy != NULL);
    atomic_init(&copy->refs, 1);
    enum err err = run_sql(cluster, "BEGIN");
    if (err == ERR_OK)
        err = read_version(cluster, &copy->version);
    if (err == ERR_OK)
        err = read_rows(cluster, copy);
    roll_back(cluster); /* nothing was written */
    if (err != ERR_OK) {
        copy_unref(copy);
        return err;
    }
    copy->by_id = calloc(copy->count + 1, sizeof *copy->by_id);
    must(copy->by_id != NULL);
    if (copy->count) {
        memcpy(copy->by_id, copy->by_name, copy->count * sizeof *copy->by_id);
        qsort(copy->by_id, copy->count, sizeof *copy->by_id, order_by_id);
    }
    *out = copy;
    return ERR_OK;
}

/* Bring the copy up to the file if it is behind. db_mutex held. */
static enum err refresh_locked(struct cluster *cluster)
{
    struct copy *copy;
    int64_t version;
    enum err err = read_version(cluster, &version);

    if (err != ERR_OK || (cluster->copy && version == cluster_version(cluster)))
        return err;
    err = read_copy(cluster, &copy);
    if (err != ERR_OK)
        return err;
    pthread_rwlock_wrlock(&cluster->copy_lock);
    struct copy *old = cluster->copy;
    cluster->copy = copy;
    pthread_rwlock_unlock(&cluster->copy_lock);
    copy_unref(old);
    return ERR_OK;
}

static enum err refresh(struct cluster *cluster)
{
    pthread_mutex_lock(&cluster->db_mutex);
    const enum err err = refresh_locked(cluster);
    pthread_mutex_unlock(&cluster->db_mutex);
    return err;
}

enum err cluster_refresh(struct cluster *cluster)
{
    return refresh(cluster);
}

int64_t cluster_version(struct cluster *cluster)
{
    pthread_rwlock_rdlock(&cluster->copy_lock);
    const int64_t version = cluster->copy->version;
    pthread_rwlock_unlock(&cluster->copy_lock);
    return version;
}

void cluster_saw_version(struct cluster *cluster, int64_t version)
{
    if (version <= cluster_version(cluster))
        return;
    const int64_t now_ms = clock_mono_ms(cluster->clock);
    pthread_mutex_lock(&cluster->miss_mutex);
    const bool wait = cluster->behind_ms && now_ms - cluster->behind_ms < MISS_REPEAT_MS;
    pthread_mutex_unlock(&cluster->miss_mutex);
    if (wait)
        return;
    const bool caught_up = refresh(cluster) == ERR_OK && version <= cluster_version(cluster);
    pthread_mutex_lock(&cluster->miss_mutex);
    cluster->behind_ms = caught_up ? 0 : now_ms;
    pthread_mutex_unlock(&cluster->miss_mutex);
}

/* -- lookups -------------------------------------------------------------------------------- */

static struct slice key_of(const struct entry *entry, bool by_id)
{
    return slice_str(by_id ? entry->info.id : entry->info.name);
}

/* Index of the first entry whose key is not before `key`. */
static size_t lower_bound(struct entry *const *entries, size_t count, struct slice key, bool by_id)
{
    size_t low = 0, high = count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (slice_cmp(key_of(entries[middle], by_id), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct namespace_info *find(struct cluster *cluster, struct slice key, bool by_id)
{
    const struct namespace_info *found = NULL;
    struct copy *copy = copy_ref(cluster);
    struct entry *const *entries = by_id ? copy->by_id : copy->by_name;
    const size_t at = lower_bound(entries, copy->count, key, by_id);

    if (at < copy->count && slice_eq(key_of(entries[at], by_id), key)) {
        atomic_fetch_add(&entries[at]->refs, 1);
        found = &entries[at]->info;
    }
    copy_unref(copy);
    return found;
}

void cluster_on_miss(struct cluster *cluster, cluster_miss_fn ask, void *arg)
{
    cluster->ask_miss = ask;
    cluster->ask_miss_arg = arg;
}

/* True when this key was looked for in the file less than MISS_REPEAT_MS ago; else `note` notes it.
 */
static bool missed_lately(struct cluster *cluster, struct slice key, bool by_id, bool note)
{
    const uint64_t hash = hash_bytes(key, by_id);
    const int64_t now_ms = clock_mono_ms(cluster->clock);
    struct miss *miss = &cluster->misses[hash % MISS_SLOTS];

    pthread_mutex_lock(&cluster->miss_mutex);
    const bool lately = miss->at_ms && miss->hash == hash && now_ms - miss->at_ms < MISS_REPEAT_MS;
    if (!lately && note)
        *miss = (struct miss){.hash = hash, .at_ms = now_ms};
    pthread_mutex_unlock(&cluster->miss_mutex);
    return lately;
}

static enum err look_up(struct cluster *cluster, struct slice key, bool by_id,
                        const struct namespace_info **out)
{
    *out = find(cluster, key, by_id);
    if (*out)
        return ERR_OK;
    if (missed_lately(cluster, key, by_id, false))
        return ERR_NOT_FOUND;
    enum err err = cluster->ask_miss ? cluster->ask_miss(cluster->ask_miss_arg) : ERR_OK;
    if (err != ERR_OK)
        return err;
    if (missed_lately(cluster, key, by_id, true)) /* another thread was quicker */
        return ERR_NOT_FOUND;
    err = refresh(cluster);
    if (err != ERR_OK)
        return err;
    *out = find(cluster, key, by_id);
    return *out ? ERR_OK : ERR_NOT_FOUND;
}

enum err cluster_namespace_by_name(struct cluster *cluster, struct slice name,
                                   const struct namespace_info **out)
{
    return look_up(cluster, name, false, out);
}

static const char *type_in_copy(struct cluster *cluster, struct slice namespace_name,
                                const char *name)
{
    const struct namespace_info *ns;

    if (cluster_namespace_by_name(cluster, namespace_name, &ns) != ERR_OK)
        return NULL;
    const char *type = search_custom_type(ns->config, slice_str(name));
    cluster_namespace_unref(ns);
    return type;
}

const char *cluster_search_type(void *arg, struct slice namespace_name, const char *name)
{
    struct cluster *cluster = arg;
    const char *type = type_in_copy(cluster, namespace_name, name);
    char key[MISS_KEY_MAX];

    if (type)
        return type;
    /* Of two names that are cut alike, one is looked for a little later. */
    const int len = snprintf(key, sizeof key, SLICE_FMT "/%s", SLICE_ARG(namespace_name), name);
    const struct slice miss = slice_of(key, len < (int)sizeof key ? (size_t)len : sizeof key - 1);
    if (missed_lately(cluster, miss, false, false) ||
        (cluster->ask_miss && cluster->ask_miss(cluster->ask_miss_arg) != ERR_OK) ||
        missed_lately(cluster, miss, false, true) || refresh(cluster) != ERR_OK)
        return NULL;
    return type_in_copy(cluster, namespace_name, name);
}

enum err cluster_namespace_by_id(struct cluster *cluster, struct slice id,
                                 const struct namespace_info **out)
{
    return look_up(cluster, id, true, out);
}

enum err cluster_namespaces(struct cluster *cluster, struct slice after, uint32_t limit,
                            cluster_visit_fn visit, void *arg)
{
    const enum err err = refresh(cluster);
    if (err != ERR_OK)
        return err;
    struct copy *copy = copy_ref(cluster);
    size_t at = lower_bound(copy->by_name, copy->count, after, false);
    if (at < copy->count && after.len && slice_eq(key_of(copy->by_name[at], false), after))
        at++;
    for (uint32_t n = 0; n < limit && at < copy->count; n++, at++)
        if (!visit(arg, &copy->by_name[at]->info))
            break;
    copy_unref(copy);
    return ERR_OK;
}

/* -- writes --------------------------------------------------------------------------------- */

static void bind_bytes(sqlite3_stmt *statement, int at, struct slice bytes)
{
    must(sqlite3_bind_blob64(statement, at, bytes.ptr ? (const void *)bytes.ptr : "", bytes.len,
                             SQLITE_STATIC) == SQLITE_OK);
}

static void bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    must(sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC) == SQLITE_OK);
}

/* Both statements: 1 id, 2 name, 3 retention, 4 global, 5 info, 6 config, 7 version. */
static enum err step_namespace(struct cluster *cluster, sqlite3_stmt *statement,
                               const struct namespace_info *ns)
{
    bind_text(statement, 1, ns->id);
    bind_text(statement, 2, ns->name);
    sqlite3_bind_int64(statement, 3, ns->retention_s);
    sqlite3_bind_int(statement, 4, ns->is_global);
    bind_bytes(statement, 5, ns->info);
    bind_bytes(statement, 6, ns->config);
    if (statement == cluster->update)
        sqlite3_bind_int64(statement, 7, ns->version);
    const int code = sqlite3_step(statement);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return code == SQLITE_DONE ? ERR_OK : err_of(cluster, code, "write namespace");
}

static enum err raise_version(struct cluster *cluster)
{
    const int code = sqlite3_step(cluster->raise);

    sqlite3_reset(cluster->raise);
    return code == SQLITE_DONE ? ERR_OK : err_of(cluster, code, "raise version");
}

static enum err write_in_transaction(struct cluster *cluster, sqlite3_stmt *statement,
                                     const struct namespace_info *ns)
{
    enum err err = run_sql(cluster, "BEGIN IMMEDIATE");
    if (err != ERR_OK)
        return err;
    err = step_namespace(cluster, statement, ns);
    if (err == ERR_OK && sqlite3_changes(cluster->db) == 0)
        err = ERR_ABORTED;
    if (err == ERR_OK)
        err = raise_version(cluster);
    if (err == ERR_OK)
        return commit(cluster);
    roll_back(cluster);
    return err;
}

static enum err write_namespace(struct cluster *cluster, sqlite3_stmt *statement,
                                const struct namespace_info *ns)
{
    must(strlen(ns->id) == UUID_TEXT_LEN && ns->name && ns->name[0]);
    if (statement == cluster->insert) {
        struct copy *copy = copy_ref(cluster);
        const bool full = copy->count >= NAMESPACES_MAX;

        copy_unref(copy);
        if (full)
            return ERR_BUSY;
    }
    pthread_mutex_lock(&cluster->db_mutex);
    enum err err = write_in_transaction(cluster, statement, ns);
    if (err == ERR_OK)
        err = refresh_locked(cluster);
    pthread_mutex_unlock(&cluster->db_mutex);
    return err;
}

enum err cluster_namespace_create(struct cluster *cluster, const struct namespace_info *ns)
{
    return write_namespace(cluster, cluster->insert, ns);
}

enum err cluster_namespace_update(struct cluster *cluster, const struct namespace_info *ns)
{
    return write_namespace(cluster, cluster->update, ns);
}

/* -- the assignment map --------------------------------------------------------------------- */

static enum err read_placement_row(struct cluster *cluster, struct arena *arena,
                                   struct cluster_placement *out)
{
    sqlite3_stmt *row = cluster->read_placement;
    const int code = sqlite3_step(row);

    if (code == SQLITE_DONE)
        return ERR_OK; /* nobody has written one */
    if (code != SQLITE_ROW)
        return err_of(cluster, code, "read placement");
    *out = (struct cluster_placement){.leader = (uint64_t)sqlite3_column_int64(row, 0),
                                      .term = sqlite3_column_int64(row, 1),
                                      .version = sqlite3_column_int64(row, 2),
                                      .map = arena_copy(arena, column_bytes(row, 3))};
    return out->version > 0 ? ERR_OK : ERR_CORRUPT;
}

enum err cluster_placement_read(struct cluster *cluster, struct arena *arena,
                                struct cluster_placement *out)
{
    *out = (struct cluster_placement){0};
    pthread_mutex_lock(&cluster->db_mutex);
    const enum err err = read_placement_row(cluster, arena, out);
    sqlite3_reset(cluster->read_placement);
    pthread_mutex_unlock(&cluster->db_mutex);
    if (err != ERR_OK)
        *out = (struct cluster_placement){0};
    return err;
}

static enum err step_placement(struct cluster *cluster, int64_t version,
                               const struct cluster_placement *next)
{
    sqlite3_stmt *write = version ? cluster->next_placement : cluster->first_placement;

    must(sqlite3_bind_int64(write, 1, (sqlite3_int64)next->leader) == SQLITE_OK);
    must(sqlite3_bind_int64(write, 2, next->term) == SQLITE_OK);
    must(sqlite3_bind_int64(write, 3, next->version) == SQLITE_OK);
    bind_bytes(write, 4, next->map);
    if (version)
        must(sqlite3_bind_int64(write, 5, version) == SQLITE_OK);
    const int code = sqlite3_step(write);
    sqlite3_reset(write);
    sqlite3_clear_bindings(write);
    if (code != SQLITE_DONE)
        return err_of(cluster, code, "write placement");
    return sqlite3_changes(cluster->db) ? ERR_OK : ERR_ABORTED;
}

enum err cluster_placement_swap(struct cluster *cluster, int64_t version,
                                const struct cluster_placement *next)
{
    must(version >= 0 && next->version > version && next->map.len > 0);
    pthread_mutex_lock(&cluster->db_mutex);
    enum err err = run_sql(cluster, "BEGIN IMMEDIATE");
    if (err == ERR_OK) {
        err = step_placement(cluster, version, next);
        if (err == ERR_OK)
            err = raise_version(cluster);
        if (err == ERR_OK)
            err = commit(cluster);
        else
            roll_back(cluster);
    }
    pthread_mutex_unlock(&cluster->db_mutex);
    return err;
}

/* -- for the other files -------------------------------------------------------------------- */

sqlite3 *cluster_lock(struct cluster *cluster)
{
    pthread_mutex_lock(&cluster->db_mutex);
    return cluster->db;
}

void cluster_unlock(struct cluster *cluster)
{
    pthread_mutex_unlock(&cluster->db_mutex);
}

enum err cluster_sql_err(struct cluster *cluster, int code, const char *doing)
{
    return err_of(cluster, code, doing);
}

enum err cluster_step_update(struct cluster *cluster, const struct namespace_info *ns)
{
    const enum err err = step_namespace(cluster, cluster->update, ns);

    return err == ERR_OK && sqlite3_changes(cluster->db) == 0 ? ERR_ABORTED : err;
}

enum err cluster_refresh_locked(struct cluster *cluster)
{
    return refresh_locked(cluster);
}

enum err cluster_begin(struct cluster *cluster)
{
    return run_sql(cluster, "BEGIN IMMEDIATE");
}

enum err cluster_end(struct cluster *cluster, enum err err)
{
    if (err == ERR_OK)
        err = raise_version(cluster);
    if (err == ERR_OK)
        return commit(cluster);
    roll_back(cluster);
    return err;
}

/* -- pinned values -------------------------------------------------------------------------- */

static enum err pin_in_transaction(struct cluster *cluster, sqlite3_stmt *insert,
                                   sqlite3_stmt *read, int64_t *recorded)
{
    enum err err = run_sql(cluster, "BEGIN IMMEDIATE");
    int code;

    if (err != ERR_OK)
        return err;
    if ((code = sqlite3_step(insert)) != SQLITE_DONE)
        err = err_of(cluster, code, "pin");
    else if ((code = sqlite3_step(read)) != SQLITE_ROW)
        err = code == SQLITE_DONE ? ERR_CORRUPT : err_of(cluster, code, "read pin");
    else
        *recorded = sqlite3_column_int64(read, 0);
    sqlite3_reset(read);
    if (err == ERR_OK)
        return commit(cluster);
    roll_back(cluster);
    return err;
}

enum err cluster_pin(struct cluster *cluster, const char *name, int64_t value, int64_t *recorded)
{
    static const char insert_sql[] = "INSERT OR IGNORE INTO meta VALUES ('pinned.' || ?1, ?2)";
    static const char read_sql[] = "SELECT value FROM meta WHERE key = 'pinned.' || ?1";
    sqlite3_stmt *insert = NULL, *read = NULL;
    enum err err = ERR_OK;

    pthread_mutex_lock(&cluster->db_mutex);
    int code = sqlite3_prepare_v2(cluster->db, insert_sql, -1, &insert, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(cluster->db, read_sql, -1, &read, NULL);
    if (code != SQLITE_OK) {
        err = err_of(cluster, code, "prepare pin");
    } else {
        bind_text(insert, 1, name);
        must(sqlite3_bind_int64(insert, 2, value) == SQLITE_OK);
        bind_text(read, 1, name);
        err = pin_in_transaction(cluster, insert, read, recorded);
    }
    sqlite3_finalize(insert);
    sqlite3_finalize(read);
    pthread_mutex_unlock(&cluster->db_mutex);
    return err;
}

/* -- open and close ------------------------------------------------------------------------- */

static enum err make_folders(const char *path, struct err_detail *detail)
{
    char part[1024];

    if ((size_t)snprintf(part, sizeof part, "%s", path) >= sizeof part)
        return err_fail(detail, ERR_INVALID, "data.dir: path too long");
    for (char *at = part + 1; *at; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return err_fail(detail, ERR_IO, "cannot make folder %s: %s", part, strerror(errno));
        *at = '/';
    }
    if (mkdir(part, 0700) != 0 && errno != EEXIST)
        return err_fail(detail, ERR_IO, "cannot make folder %s: %s", part, strerror(errno));
    return ERR_OK;
}

/* Turning WAL on needs the file alone and does not wait for it by itself. */
static enum err enter_wal(struct cluster *cluster)
{
    const struct timespec pause = {.tv_nsec = 5 * NS_PER_MS};

    for (int waited_ms = 0;; waited_ms += 5) {
        const int code = sqlite3_exec(cluster->db, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);

        if (code == SQLITE_OK)
            return ERR_OK;
        if ((code & 0xff) != SQLITE_BUSY || waited_ms >= OPEN_WAIT_MS)
            return err_of(cluster, code, "enter WAL mode");
        nanosleep(&pause, NULL);
    }
}

static const char schema_sql[] =
    "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS namespaces (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    " version INTEGER NOT NULL, retention_s INTEGER NOT NULL, is_global INTEGER NOT NULL,"
    " info BLOB NOT NULL, config BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS placement (id INTEGER PRIMARY KEY CHECK (id = 1),"
    " leader INTEGER NOT NULL, term INTEGER NOT NULL, version INTEGER NOT NULL, map BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS task_queues (namespace_id TEXT NOT NULL, name TEXT NOT NULL,"
    " version INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (namespace_id, name))"
    " WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS deletions (namespace_id TEXT PRIMARY KEY,"
    " delay_ns INTEGER NOT NULL, swept_ns INTEGER NOT NULL) WITHOUT ROWID;"
    "INSERT OR IGNORE INTO meta VALUES ('metadata_version', 1);";

static enum err insert_meta(struct cluster *cluster)
{
    char sql[256], id[UUID_TEXT_LEN + 1];
    struct rng rng;

    rng_seed_from_kernel(&rng);
    uuid_v4(&rng, id);
    snprintf(sql, sizeof sql,
             "INSERT OR IGNORE INTO meta VALUES ('schema_version', %d), ('cluster_id', '%s')",
             (int)SCHEMA_VERSION, id);
    return run_sql(cluster, sql);
}

static enum err read_meta(struct cluster *cluster, int64_t *schema)
{
    static const char sql[] = "SELECT (SELECT value FROM meta WHERE key = 'schema_version'),"
                              " (SELECT value FROM meta WHERE key = 'cluster_id')";
    sqlite3_stmt *row;
    enum err err = ERR_CORRUPT;

    const int code = sqlite3_prepare_v2(cluster->db, sql, -1, &row, NULL);
    if (code != SQLITE_OK)
        return err_of(cluster, code, "read meta");
    if (sqlite3_step(row) == SQLITE_ROW && sqlite3_column_bytes(row, 1) == UUID_TEXT_LEN) {
        *schema = sqlite3_column_int64(row, 0);
        memcpy(cluster->id, sqlite3_column_text(row, 1), UUID_TEXT_LEN);
        err = ERR_OK;
    }
    sqlite3_finalize(row);
    return err;
}

static bool has_shards(const char *data_dir)
{
    DIR *dir = opendir(data_dir);
    const struct dirent *file;
    bool found = false;

    while (dir && !found && (file = readdir(dir)))
        found = strncmp(file->d_name, "history-", 8) == 0 && strstr(file->d_name, ".db");
    if (dir)
        closedir(dir);
    return found;
}

/* Shards are made after the store, by those who have opened it. Where they stand beside an empty
 * one, the cluster's namespaces are lost: with other ids in their place, nothing that the shards
 * have would be found. */
static enum err check_not_lost(struct cluster *cluster, const char *data_dir,
                               struct err_detail *detail)
{
    sqlite3_stmt *row;

    const int code = sqlite3_prepare_v2(
        cluster->db, "SELECT 1 FROM sqlite_master WHERE name = 'meta'", -1, &row, NULL);
    if (code != SQLITE_OK)
        return err_of(cluster, code, "look for meta");
    const int found = sqlite3_step(row);
    sqlite3_finalize(row);
    if (found == SQLITE_DONE && has_shards(data_dir))
        return err_fail(detail, ERR_PRECONDITION,
                        "it is empty, and there are history shards beside it; the cluster's own "
                        "is lost: bring it back from a backup");
    return found == SQLITE_DONE || found == SQLITE_ROW ? ERR_OK
                                                       : err_of(cluster, found, "look for meta");
}

/* All processes of a cluster may do this at the same time: the first one makes the tables. */
static enum err prepare_schema(struct cluster *cluster, const char *data_dir,
                               struct err_detail *detail)
{
    int64_t schema = 0;
    enum err err = run_sql(cluster, "BEGIN IMMEDIATE");

    if (err == ERR_OK)
        err = check_not_lost(cluster, data_dir, detail);
    if (err == ERR_OK)
        err = run_sql(cluster, schema_sql);
    if (err == ERR_OK)
        err = insert_meta(cluster);
    if (err == ERR_OK)
        err = commit(cluster);
    else if (detail->text[0] == '\0') /* what SQLite says is gone with the roll-back */
        (void)err_fail(detail, err, "%s", sqlite3_errmsg(cluster->db));
    roll_back(cluster);
    if (err == ERR_OK)
        err = read_meta(cluster, &schema);
    if (err == ERR_OK && schema != SCHEMA_VERSION)
        err = err_fail(detail, ERR_PRECONDITION,
                       "cluster.db has schema version %lld, this program knows %d",
                       (long long)schema, (int)SCHEMA_VERSION);
    return err;
}

static enum err prepare_statements(struct cluster *cluster)
{
    const struct {
        sqlite3_stmt **out;
        const char *sql;
    } statements[] = {
        {&cluster->read_version, "SELECT value FROM meta WHERE key = 'metadata_version'"},
        {&cluster->read_namespaces, "SELECT id, name, version, retention_s, is_global, info, config"
                                    " FROM namespaces ORDER BY name"},
        {&cluster->insert,
         "INSERT INTO namespaces (id, name, version, retention_s, is_global, info,"
         " config) VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6)"},
        {&cluster->update, "UPDATE namespaces SET name = ?2, retention_s = ?3, is_global = ?4,"
                           " info = ?5, config = ?6, version = version + 1"
                           " WHERE id = ?1 AND version = ?7"},
        {&cluster->read_placement, "SELECT leader, term, version, map FROM placement WHERE id = 1"},
        {&cluster->first_placement, "INSERT OR IGNORE INTO placement VALUES (1, ?1, ?2, ?3, ?4)"},
        {&cluster->next_placement, "UPDATE placement SET leader = ?1, term = ?2, version = ?3,"
                                   " map = ?4 WHERE id = 1 AND version = ?5"},
        {&cluster->raise, "UPDATE meta SET value = value + 1 WHERE key = 'metadata_version'"},
    };

    for (size_t i = 0; i < COUNT_OF(statements); i++) {
        const int code = sqlite3_prepare_v3(cluster->db, statements[i].sql, -1,
                                            SQLITE_PREPARE_PERSISTENT, statements[i].out, NULL);

        if (code != SQLITE_OK)
            return err_of(cluster, code, statements[i].sql);
    }
    return ERR_OK;
}

static enum err open_file(struct cluster *cluster, const char *path)
{
    const int code = sqlite3_open_v2(
        path, &cluster->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);

    if (code != SQLITE_OK)
        return err_of(cluster, code, "open");
    sqlite3_extended_result_codes(cluster->db, 1);
    sqlite3_busy_timeout(cluster->db, BUSY_WAIT_MS);
    const enum err err = enter_wal(cluster);
    return err == ERR_OK ? run_sql(cluster, "PRAGMA synchronous=FULL") : err;
}

enum err cluster_open(const char *data_dir, const struct clock *clock, const struct log *log,
                      struct cluster **out, struct err_detail *detail)
{
    struct err_detail cause = {0};
    char path[1100];

    *out = NULL;
    enum err err = make_folders(data_dir, detail);
    if (err != ERR_OK)
        return err;
    struct cluster *cluster = calloc(1, sizeof *cluster);
    must(cluster != NULL);
    cluster->clock = clock;
    cluster->log = log;
    must(pthread_mutex_init(&cluster->db_mutex, NULL) == 0);
    must(pthread_mutex_init(&cluster->miss_mutex, NULL) == 0);
    must(pthread_rwlock_init(&cluster->copy_lock, NULL) == 0);
    snprintf(path, sizeof path, "%s/cluster.db", data_dir);
    err = open_file(cluster, path);
    if (err == ERR_OK)
        err = prepare_schema(cluster, data_dir, &cause);
    if (err == ERR_OK)
        err = prepare_statements(cluster);
    if (err == ERR_OK)
        err = refresh_locked(cluster);
    if (err == ERR_OK) {
        cluster->opened = true;
        *out = cluster;
        return ERR_OK;
    }
    err_fail(detail, err, "cannot open %s: %s", path,
             cause.text[0] ? cause.text
             : cluster->db && sqlite3_errcode(cluster->db) != SQLITE_OK
                 ? sqlite3_errmsg(cluster->db)
                 : err_text(err));
    cluster_close(cluster);
    return err;
}

void cluster_close(struct cluster *cluster)
{
    if (!cluster)
        return;
    sqlite3_finalize(cluster->read_version);
    sqlite3_finalize(cluster->read_namespaces);
    sqlite3_finalize(cluster->insert);
    sqlite3_finalize(cluster->update);
    sqlite3_finalize(cluster->raise);
    sqlite3_finalize(cluster->read_placement);
    sqlite3_finalize(cluster->first_placement);
    sqlite3_finalize(cluster->next_placement);
    sqlite3_close(cluster->db);
    copy_unref(cluster->copy);
    pthread_mutex_destroy(&cluster->db_mutex);
    pthread_mutex_destroy(&cluster->miss_mutex);
    pthread_rwlock_destroy(&cluster->copy_lock);
    free(cluster);
}

const char *cluster_id(struct cluster *cluster)
{
    return cluster->id;
}
