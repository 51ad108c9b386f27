/* manifest.c - see manifest.h. */
#include "admin/tool/manifest.h"

#include "common/base/buf.h"
#include "common/base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHUNK_BYTES = 1024 * 1024, TEXT_BYTES_MAX = 64 * 1024 };

void manifest_file_name(uint32_t index, char out[MANIFEST_NAME_MAX])
{
    if (index == 0)
        snprintf(out, MANIFEST_NAME_MAX, "cluster.db");
    else
        snprintf(out, MANIFEST_NAME_MAX, "history-%" PRIu32 ".tables.db", index - 1);
}

static bool write_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        const ssize_t written = write(fd, bytes, len);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes += written;
        len -= (size_t)written;
    }
    return true;
}

/* Bytes read, fewer than asked for at the end only; -1: it failed. */
static ssize_t read_full(int fd, uint8_t *bytes, size_t len)
{
    size_t have = 0;

    while (have < len) {
        const ssize_t more = read(fd, bytes + have, len - have);

        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0)
            return -1;
        if (more == 0)
            break;
        have += (size_t)more;
    }
    return (ssize_t)have;
}

static bool go_through(int from, int to, struct manifest_file *out)
{
    uint8_t *chunk = malloc(CHUNK_BYTES);
    ssize_t len;

    must(chunk != NULL);
    out->bytes = out->digest = 0;
    while ((len = read_full(from, chunk, CHUNK_BYTES)) > 0) {
        out->bytes += (uint64_t)len;
        out->digest = hash_bytes(slice_of(chunk, (size_t)len), out->digest);
        if (to >= 0 && !write_all(to, chunk, (size_t)len))
            break;
    }
    free(chunk);
    return len == 0 && (to < 0 || fsync(to) == 0);
}

enum err manifest_digest(const char *path, const char *to, struct manifest_file *out,
                         struct err_detail *detail)
{
    const int from = open(path, O_RDONLY | O_CLOEXEC);
    int copy = -1;

    if (from < 0)
        return err_fail(detail, ERR_NOT_FOUND, "cannot open %s: %s", path, strerror(errno));
    if (to)
        copy = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    const bool done = (!to || copy >= 0) && go_through(from, copy, out);
    const int why = errno;
    if (copy >= 0)
        close(copy);
    close(from);
    return done ? ERR_OK
                : err_fail(detail, ERR_IO, "cannot read %s%s%s: %s", path, to ? " into " : "",
                           to ? to : "", strerror(why));
}

/* -- writing -------------------------------------------------------------------------------- */

enum err manifest_sync_dir(const char *dir, struct err_detail *detail)
{
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    return synced ? ERR_OK : err_fail(detail, ERR_IO, "cannot sync %s: %s", dir, strerror(errno));
}

static void put_text(const struct manifest *manifest, struct buf *out)
{
    buf_printf(out, "gnomon-backup 1\ncluster %s\nshards %" PRIu32 "\ntaken %" PRId64 "\n",
               manifest->cluster_id, manifest->shards, manifest->taken_wall_ns);
    for (uint32_t i = 0; i < manifest->file_count; i++) {
        const struct manifest_file *file = &manifest->files[i];

        buf_printf(out, "file %s %" PRIu64 " %016" PRIx64 " %" PRId64 " %" PRId64 "\n", file->name,
                   file->bytes, file->digest, file->seq, file->range_id);
    }
    buf_printf(out, "end %016" PRIx64 "\n", hash_bytes(buf_slice(out), 0));
}

enum err manifest_write(const struct manifest *manifest, const char *dir, struct err_detail *detail)
{
    char path[PATH_MAX], fresh[PATH_MAX];
    struct buf text;
    enum err err = ERR_OK;

    snprintf(path, sizeof path, "%s/" MANIFEST_NAME, dir);
    snprintf(fresh, sizeof fresh, "%s/" MANIFEST_NAME ".new", dir);
    buf_init(&text, TEXT_BYTES_MAX);
    put_text(manifest, &text);
    must(buf_ok(&text));
    const int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || !write_all(fd, text.ptr, text.len) || fsync(fd) != 0)
        err = err_fail(detail, ERR_IO, "cannot write %s: %s", fresh, strerror(errno));
    if (fd >= 0)
        close(fd);
    buf_release(&text);
    if (err == ERR_OK) /* the names of the files before that of the manifest */
        err = manifest_sync_dir(dir, detail);
    if (err == ERR_OK && rename(fresh, path) != 0)
        err = err_fail(detail, ERR_IO, "cannot write %s: %s", path, strerror(errno));
    return err == ERR_OK ? manifest_sync_dir(dir, detail) : err;
}

/* -- reading -------------------------------------------------------------------------------- */

static bool parse_file(const char *line, uint32_t index, struct manifest_file *out)
{
    char name[MANIFEST_NAME_MAX];
    int end = 0;

    manifest_file_name(index, name);
    return sscanf(line, "file %39s %" SCNu64 " %" SCNx64 " %" SCNd64 " %" SCNd64 "\n%n", out->name,
                  &out->bytes, &out->digest, &out->seq, &out->range_id, &end) == 5 &&
           end > 0 && line[end] == '\0' && strcmp(name, out->name) == 0 && out->seq >= 0 &&
           out->range_id >= 0;
}

static char *next_line(char **at)
{
    char *line = *at, *end = strchr(line, '\n');

    if (!end)
        return NULL;
    *end = '\0';
    *at = end + 1;
    return line;
}

static bool parse(char *text, struct manifest *out)
{
    char *at = text;
    const char *version = next_line(&at), *cluster = next_line(&at), *shards = NULL, *taken = NULL;

    if (version && cluster && (shards = next_line(&at)) != NULL)
        taken = next_line(&at);
    if (!taken || sscanf(cluster, "cluster %36s", out->cluster_id) != 1 ||
        sscanf(shards, "shards %" SCNu32, &out->shards) != 1 || out->shards < 1 ||
        out->shards > 256 || sscanf(taken, "taken %" SCNd64, &out->taken_wall_ns) != 1)
        return false;
    out->file_count = out->shards + 1;
    for (uint32_t i = 0; i < out->file_count; i++) {
        const char *line = next_line(&at);

        if (!line || !parse_file(line, i, &out->files[i]))
            return false;
    }
    return *at == '\0';
}

/* The text without its last line, whose digest holds. */
static bool check_end(char *text)
{
    char *end = strstr(text, "\nend ");
    uint64_t digest;

    if (!end || sscanf(end, "\nend %" SCNx64, &digest) != 1 ||
        hash_bytes(slice_of(text, (size_t)(end + 1 - text)), 0) != digest)
        return false;
    end[1] = '\0';
    return true;
}

enum err manifest_read(const char *dir, struct manifest *out, struct err_detail *detail)
{
    char path[PATH_MAX], *text = calloc(1, TEXT_BYTES_MAX + 1);
    enum err err = ERR_OK;

    must(text != NULL);
    *out = (struct manifest){0};
    snprintf(path, sizeof path, "%s/" MANIFEST_NAME, dir);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        err = err_fail(detail, ERR_NOT_FOUND, "%s is no whole backup: %s: %s", dir, path,
                       strerror(errno));
    else if (read_full(fd, (uint8_t *)text, TEXT_BYTES_MAX) < 0)
        err = err_fail(detail, ERR_IO, "cannot read %s: %s", path, strerror(errno));
    else if (strncmp(text, "gnomon-backup ", 14) == 0 && strncmp(text + 14, "1\n", 2) != 0)
        err = err_fail(detail, ERR_PRECONDITION, "%s is of another version", path);
    else if (!check_end(text) || !parse(text, out))
        err = err_fail(detail, ERR_CORRUPT, "%s is damaged", path);
    if (fd >= 0)
        close(fd);
    free(text);
    return err;
}
