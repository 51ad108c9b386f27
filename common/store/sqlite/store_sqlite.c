/* store_sqlite.c - the SQLite back end: its folder, and a shard's two files together. */
#include "common/store/sqlite/sqlite_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* File systems whose locks or fsync cannot be trusted between machines. */
static const struct {
    uint32_t type;
    const char *name;
} network_types[] = {
    {0x00006969, "NFS"},  {0x0000517b, "SMB"},  {0xff534d42, "CIFS"}, {0xfe534d42, "SMB2"},
    {0x01021997, "9p"},   {0x5346414f, "AFS"},  {0x00c36400, "Ceph"}, {0x0bd00bd0, "Lustre"},
    {0x47504653, "GPFS"}, {0x7461636f, "OCFS"}, {0x01161970, "GFS2"}, {0x0000564c, "NCP"},
    {0x73757245, "Coda"},
};

static bool make_folders(const char *dir)
{
    char *path = strdup(dir);
    bool made = true;

    must(path != NULL);
    for (char *at = path + 1; made && *path && *at; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        made = mkdir(path, 0700) == 0 || errno == EEXIST;
        *at = '/';
    }
    made = made && (mkdir(path, 0700) == 0 || errno == EEXIST);
    free(path);
    return made;
}

static enum err prepare(const char *dir, struct err_detail *detail)
{
    struct statfs fs;

    if (!make_folders(dir))
        return err_fail(detail, ERR_IO, "cannot make %s: errno %d", dir, errno);
    if (statfs(dir, &fs) != 0)
        return err_fail(detail, ERR_IO, "cannot look at %s: errno %d", dir, errno);
    for (size_t i = 0; i < COUNT_OF(network_types); i++)
        if ((uint32_t)fs.f_type == network_types[i].type)
            return err_fail(detail, ERR_PRECONDITION,
                            "%s is on a network file system (%s): use a local disk", dir,
                            network_types[i].name);
    return ERR_OK;
}

static char *path_of(const struct backend_env *env, const char *kind)
{
    char *path = NULL;
    const int len = asprintf(&path, "%s/%s-%u.%s.db", env->dir, env->service, env->shard_id, kind);

    must(len > 0);
    return path;
}

/* The names of new files are durable only once their folder is. */
static enum err sync_folder(const struct backend_env *env, struct err_detail *detail)
{
    const int fd = open(env->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    return synced ? ERR_OK : err_fail(detail, ERR_IO, "cannot sync %s: errno %d", env->dir, errno);
}

struct sqlite_shard *sqlite_shard_new(const struct backend_env *env)
{
    struct sqlite_shard *s = calloc(1, sizeof *s);

    must(s != NULL);
    s->log = env->log;
    s->service = env->service;
    s->shard_id = env->shard_id;
    s->log_path = path_of(env, "log");
    s->tables_path = path_of(env, "tables");
    must(pthread_mutex_init(&s->pool_lock, NULL) == 0);
    return s;
}

void sqlite_shard_free(struct sqlite_shard *s)
{
    pthread_mutex_destroy(&s->pool_lock);
    free(s->log_path);
    free(s->tables_path);
    free(s);
}

static void close_shard(void *shard)
{
    struct sqlite_shard *s = shard;

    sqlite_pool_close(s);
    sqlite_tables_close(s);
    sqlite_log_close(s); /* last: its lock is the fence */
    sqlite_shard_free(s);
}

static enum err open_shard(const struct backend_env *env, void **shard, struct backend_lease *lease,
                           struct err_detail *detail)
{
    struct sqlite_shard *s = sqlite_shard_new(env);

    *shard = NULL;
    enum err err = sqlite_log_open(s, env, lease, detail);
    if (err == ERR_OK)
        err = sqlite_tables_open(s, lease, detail);
    if (err == ERR_OK && lease->last_seq == 0)
        err = sync_folder(env, detail);
    if (err != ERR_OK) {
        close_shard(s);
        return err;
    }
    *shard = s;
    return ERR_OK;
}

const struct backend backend_sqlite = {
    .name = "sqlite",
    .prepare = prepare,
    .open = open_shard,
    .close = close_shard,
    .log_append = sqlite_log_append,
    .log_truncate = sqlite_log_truncate,
    .log_read = sqlite_log_read,
    .log_tidy = sqlite_log_tidy,
    .flush_begin = sqlite_flush_begin,
    .flush_row = sqlite_flush_row,
    .flush_commit = sqlite_flush_commit,
    .flush_abort = sqlite_flush_abort,
    .flush_tidy = sqlite_flush_tidy,
    .snapshot_open = sqlite_snapshot_open,
    .snapshot_close = sqlite_snapshot_close,
    .get = sqlite_get,
    .iter_open = sqlite_iter_open,
    .iter_next = sqlite_iter_next,
    .iter_close = sqlite_iter_close,
    .watch = sqlite_watch,
    .unwatch = sqlite_unwatch,
    .snapshot_position = sqlite_snapshot_position,
    .snapshot_copy = sqlite_snapshot_copy,
    .restored = sqlite_restored,
};
