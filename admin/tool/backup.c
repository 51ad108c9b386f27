/* backup.c - the commands backup and restore.
 *
 * A backup is a copy of the cluster store and of every shard's tables at one sequence of that
 * shard, made by its owner; the shards' moments differ. It is whole when its manifest is there. A
 * restored shard goes on at a higher sequence and lease than any that the cluster can have reached
 * meanwhile. */
#include "admin/tool/manifest.h"
#include "admin/tool/tool.h"
#include "common/rpc/numbers.h"
#include "common/store/backup.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PATH_BYTES = PATH_MAX + 64,
    COPY_TIMEOUT_MS = 6 * 3600 * 1000,
    BUSY_WAIT_MS = 5000,
    FLUSH_TIMEOUT_MS = 60000
};

#define RAISE_SEQ (INT64_C(1) << 32)
#define RAISE_LEASE (INT64_C(1) << 20)

static bool is_empty(const char *dir)
{
    DIR *handle = opendir(dir);
    const struct dirent *entry;
    bool empty = handle != NULL;

    while (handle && empty && (entry = readdir(handle)))
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    if (handle)
        closedir(handle);
    return empty;
}

/* -1: it is there and empty, its full name in `full`. */
static int make_empty(const char *dir, char full[PATH_MAX])
{
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return tool_refuse("cannot make %s: %s", dir, strerror(errno));
    if (!realpath(dir, full))
        return tool_refuse("%s: %s", dir, strerror(errno));
    if (strlen(full) + MANIFEST_NAME_MAX + 16 >= PATH_MAX)
        return tool_refuse("%s: too long", full);
    if (!is_empty(full))
        return tool_refuse("%s is not an empty folder", full);
    return -1;
}

static void path_of(char out[PATH_BYTES], const char *dir, uint32_t index)
{
    char name[MANIFEST_NAME_MAX];

    manifest_file_name(index, name);
    snprintf(out, PATH_BYTES, "%s/%s", dir, name);
}

/* -- the cluster store ---------------------------------------------------------------------- */

static int copy_cluster(const struct tool *tool, const char *dir)
{
    char from_path[PATH_BYTES], to_path[PATH_BYTES];
    sqlite3 *from = NULL, *to = NULL;

    snprintf(from_path, sizeof from_path, "%s/cluster.db", tool->config.data_dir);
    path_of(to_path, dir, 0);
    int code = sqlite3_open_v2(from_path, &from, SQLITE_OPEN_READWRITE, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_open_v2(to_path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_busy_timeout(from, BUSY_WAIT_MS);
    if (code == SQLITE_OK) {
        sqlite3_backup *copy = sqlite3_backup_init(to, "main", from, "main");

        code = copy ? sqlite3_backup_step(copy, -1) : sqlite3_errcode(to);
        if (copy && sqlite3_backup_finish(copy) != SQLITE_OK && code == SQLITE_DONE)
            code = SQLITE_IOERR;
    }
    sqlite3_close(from);
    sqlite3_close(to);
    return code == SQLITE_DONE ? -1
                               : tool_refuse("cannot copy %s: %s", from_path, sqlite3_errstr(code));
}

/* -- the shards ----------------------------------------------------------------------------- */

/* By their owners, all at once: so their moments are near each other. */
static int ask_owners(struct tool *tool, const char *dir, struct manifest *manifest)
{
    struct tool_call calls[256] = {{0}};
    struct arena arena;
    int code = -1;

    arena_init(&arena);
    for (uint32_t i = 0; i < tool->shard_count; i++) {
        char path[PATH_BYTES];

        path_of(path, dir, i + 1);
        calls[i].shard = i;
        calls[i].body = arena_copy(&arena, slice_str(path));
    }
    /* First what takes long, and finds owners that have just changed. What fails here is told by
     * the backup itself. */
    tool_ask(tool, METHOD_HISTORY_FLUSH, calls, tool->shard_count, TOOL_AGAIN, FLUSH_TIMEOUT_MS,
             &arena);
    tool_ask(tool, METHOD_HISTORY_BACKUP, calls, tool->shard_count, TOOL_IF_UNDONE, COPY_TIMEOUT_MS,
             &arena);
    for (uint32_t i = 0; i < tool->shard_count && code < 0; i++) {
        struct rpc_number *numbers;
        uint32_t count;

        if (calls[i].err == ERR_OK)
            calls[i].err = rpc_numbers_decode(&arena, calls[i].reply, &numbers, &count);
        if (calls[i].err != ERR_OK) {
            code = tool_refuse("shard %u: %s", i, tool_call_problem(&calls[i]));
            continue;
        }
        manifest->files[i + 1].seq = rpc_number(numbers, count, "seq", 0);
        manifest->files[i + 1].range_id = rpc_number(numbers, count, "range_id", 0);
    }
    arena_release(&arena);
    return code;
}

static int copy_stopped(struct tool *tool, const char *dir, struct manifest *manifest)
{
    for (uint32_t i = 0; i < tool->shard_count; i++) {
        struct err_detail detail = {0};
        struct tool_shard shard;
        struct store_backup backup;
        char path[PATH_BYTES];

        path_of(path, dir, i + 1);
        enum err err = tool_shard_open(tool, i, &shard, &detail);
        if (err == ERR_OK) {
            err = store_shard_backup(shard.shard, path, &backup, &detail);
            tool_shard_close(&shard, false);
        }
        if (err != ERR_OK)
            return tool_refuse("%s", detail.text[0] ? detail.text : err_text(err));
        manifest->files[i + 1].seq = backup.seq;
        manifest->files[i + 1].range_id = backup.range_id;
    }
    return -1;
}

static int seal(const char *dir, struct manifest *manifest)
{
    struct err_detail detail = {0};
    enum err err = ERR_OK;

    for (uint32_t i = 0; i < manifest->file_count && err == ERR_OK; i++) {
        char path[PATH_BYTES];

        path_of(path, dir, i);
        manifest_file_name(i, manifest->files[i].name);
        err = manifest_digest(path, NULL, &manifest->files[i], &detail);
    }
    if (err == ERR_OK)
        err = manifest_write(manifest, dir, &detail);
    return err == ERR_OK ? -1 : tool_refuse("%s", detail.text);
}

static void remove_files(const char *dir, uint32_t count)
{
    char path[PATH_BYTES];

    for (uint32_t i = 0; i < count; i++) {
        path_of(path, dir, i);
        unlink(path);
    }
}

int tool_backup(struct tool *tool, const struct tool_args *args)
{
    struct manifest *manifest = calloc(1, sizeof *manifest);
    char dir[PATH_MAX];
    uint64_t bytes = 0;

    must(manifest != NULL);
    snprintf(manifest->cluster_id, sizeof manifest->cluster_id, "%s", cluster_id(tool->cluster));
    manifest->shards = tool->shard_count;
    manifest->file_count = tool->shard_count + 1;
    manifest->taken_wall_ns = clock_wall_ns(&clock_real);
    int code = make_empty(args->words[0], dir);
    if (code < 0) {
        code = tool->link ? ask_owners(tool, dir, manifest) : copy_stopped(tool, dir, manifest);
        if (code <
            0) /* last: it knows the namespaces of every workflow that is in a shard's copy */
            code = copy_cluster(tool, dir);
        if (code < 0)
            code = seal(dir, manifest);
        if (code >= 0)
            remove_files(dir, manifest->file_count);
    }
    for (uint32_t i = 0; i < manifest->file_count && code < 0; i++)
        bytes += manifest->files[i].bytes;
    for (uint32_t i = 0; i < manifest->shards && code < 0; i++)
        printf("shard %u: up to sequence %lld\n", i, (long long)manifest->files[i + 1].seq);
    if (code < 0)
        printf("backup of %u shards, %llu bytes, in %s\n", manifest->shards,
               (unsigned long long)bytes, dir);
    free(manifest);
    return code < 0 ? TOOL_OK : code;
}

/* -- restore -------------------------------------------------------------------------------- */

static enum err copy_checked(const struct manifest *manifest, uint32_t index, const char *from,
                             const char *to, struct err_detail *detail)
{
    const struct manifest_file *wanted = &manifest->files[index];
    char from_path[PATH_BYTES], to_path[PATH_BYTES];
    struct manifest_file got;

    path_of(from_path, from, index);
    path_of(to_path, to, index);
    const enum err err = manifest_digest(from_path, to_path, &got, detail);
    if (err == ERR_OK && (got.bytes != wanted->bytes || got.digest != wanted->digest))
        return err_fail(detail, ERR_CORRUPT, "%s is damaged: it is not what the manifest says",
                        from_path);
    return err;
}

static enum err restore_into(struct tool *tool, const struct manifest *manifest, const char *from,
                             const char *to, struct err_detail *detail)
{
    const struct store_options options = tool_store_options(tool, to);
    int64_t lease = 0;
    enum err err = ERR_OK;

    for (uint32_t i = 0; i < manifest->file_count && err == ERR_OK; i++) {
        err = copy_checked(manifest, i, from, to, detail);
        if (manifest->files[i].range_id > lease)
            lease = manifest->files[i].range_id;
    }
    /* Leases of all shards alike: what others know of them may be newer than a shard's own copy. */
    for (uint32_t i = 0; i < manifest->shards && err == ERR_OK; i++) {
        const struct store_backup at = {.seq = manifest->files[i + 1].seq + RAISE_SEQ,
                                        .range_id = lease + RAISE_LEASE};

        err = store_shard_restore(&options, i, &at, detail);
    }
    return err == ERR_OK ? manifest_sync_dir(to, detail) : err;
}

static void remove_dir(const char *dir, const struct manifest *manifest)
{
    static const char *const kinds[] = {"log.db", "log.db-wal", "log.db-journal", "tables.db-wal",
                                        "tables.db-shm"};
    char path[PATH_BYTES];

    remove_files(dir, manifest->file_count);
    for (uint32_t i = 0; i < manifest->shards; i++)
        for (size_t k = 0; k < COUNT_OF(kinds); k++) {
            snprintf(path, sizeof path, "%s/history-%u.%s", dir, i, kinds[k]);
            unlink(path);
        }
    rmdir(dir);
}

int tool_restore(struct tool *tool, const struct tool_args *args)
{
    struct manifest *manifest = calloc(1, sizeof *manifest);
    struct err_detail detail = {0};
    char to[PATH_MAX], partial[PATH_MAX + 16];
    int code = -1;

    must(manifest != NULL);
    if (!args->to)
        code = tool_refuse("say where to: restore FOLDER --to DATA");
    else if (manifest_read(args->words[0], manifest, &detail) != ERR_OK)
        code = tool_refuse("%s", detail.text);
    else
        code = make_empty(args->to, to); /* a cluster that runs, or ran, has files there */
    if (code < 0) {
        snprintf(partial, sizeof partial, "%s.partial", to);
        if (strlen(partial) + MANIFEST_NAME_MAX >= PATH_MAX)
            code = tool_refuse("%s: too long", to);
        else if (mkdir(partial, 0700) != 0)
            code = tool_refuse("cannot make %s: %s", partial, strerror(errno));
    }
    if (code < 0) {
        if (restore_into(tool, manifest, args->words[0], partial, &detail) != ERR_OK)
            code = tool_refuse("%s", detail.text);
        else if (rename(partial, to) != 0)
            code = tool_refuse("cannot move %s to %s: %s", partial, to, strerror(errno));
        if (code >= 0)
            remove_dir(partial, manifest);
    }
    if (code < 0)
        printf("restored %u shards to %s; start it with history.shards = %u\n", manifest->shards,
               to, manifest->shards);
    free(manifest);
    return code < 0 ? TOOL_OK : code;
}
