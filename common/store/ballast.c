/* ballast.c - the mode of a full disk: a file that is given up when the disk is full, so that
 * completions and deletions can go on, and is laid down again once there is room to spare.
 *
 * The mode begins when the back end says so and ends, looked at once a second, when the ballast
 * and as much again as it takes not to fall back at once (hysteresis) are free. */
#include "common/store/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { BALLAST_BYTES = 4 * 1024 * 1024, FREE_BYTES_AGAIN = 4 * BALLAST_BYTES };

struct ballast {
    struct store *store;
    char *path; /* NULL: a back end without a disk */
    atomic_bool full;
    struct timed_job check;
};

/* False: there is no room. Any other failure is only logged: the store works without ballast. */
static bool lay_down(struct ballast *b)
{
    const int fd = open(b->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    const int code = fd < 0 ? errno : posix_fallocate(fd, 0, BALLAST_BYTES);

    if (code != 0)
        log_warn(b->store->log, "no ballast", F_STR("path", b->path), F_I64("errno", code));
    if (fd >= 0)
        close(fd);
    return code != ENOSPC;
}

static void give_up(struct ballast *b)
{
    if (b->path && truncate(b->path, 0) != 0)
        log_warn(b->store->log, "ballast cannot be given up", F_STR("path", b->path),
                 F_I64("errno", errno));
}

static bool room_again(struct ballast *b)
{
    struct statvfs fs;

    if (!b->path)
        return true;
    if (statvfs(b->store->dir, &fs) != 0)
        return false;
    return (uint64_t)fs.f_bavail * fs.f_frsize >= FREE_BYTES_AGAIN && lay_down(b);
}

static void on_check(struct job *job)
{
    struct ballast *b =
        CONTAINER_OF(CONTAINER_OF(job, struct timed_job, job), struct ballast, check);

    if (!room_again(b)) {
        worker_post_after(b->store->flusher, &b->check, BALLAST_CHECK_MS);
        return;
    }
    log_info(b->store->log, "disk has room again", F_STR("dir", b->store->dir));
    atomic_store(&b->full, false);
}

struct ballast *ballast_new(struct store *store)
{
    struct ballast *b = calloc(1, sizeof *b);

    must(b != NULL);
    b->store = store;
    timed_job_init(&b->check, on_check);
    if (store->backend != &backend_sqlite)
        return b;
    const int len = snprintf(NULL, 0, "%s/%s.ballast", store->dir, store->service);
    must(len > 0);
    b->path = malloc((size_t)len + 1);
    must(b->path != NULL);
    snprintf(b->path, (size_t)len + 1, "%s/%s.ballast", store->dir, store->service);
    if (!lay_down(b))
        ballast_enter(b);
    return b;
}

void ballast_free(struct ballast *b)
{
    worker_cancel_timed(b->store->flusher, &b->check);
    free(b->path);
    free(b);
}

bool ballast_is_full(const struct ballast *b)
{
    return atomic_load_explicit(&b->full, memory_order_relaxed);
}

void ballast_enter(struct ballast *b)
{
    if (atomic_exchange(&b->full, true))
        return;
    log_error(b->store->log, "disk full: only completions and deletions are taken",
              F_STR("dir", b->store->dir));
    give_up(b);
    worker_post_after(b->store->flusher, &b->check, BALLAST_CHECK_MS);
}
