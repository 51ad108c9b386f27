/* members.c - see members.h.
 *
 * 1. A member file gets its final name only when it is complete and locked: an unlocked one
 *    belongs to the dead.
 * 2. The kernel tells of a file's closing just before it drops the lock. So after such an event the
 *    folder is looked at again a few times, at growing intervals.
 * 3. `known` is what the owner was told; every change of it is told, under `mutex`. */
#include "common/mesh/members.h"

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/placement/map.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX ".member"
enum { PATH_BYTES = 512, RECHECKS = 12, TICK_MS = 1000 };

struct members {
    struct members_options options;
    char run_dir[MEMBERS_DIR_MAX], path[PATH_BYTES];
    int lock_fd, inotify_fd, stop_fd;
    pthread_t watcher;
    bool watching;

    pthread_mutex_t mutex; /* guards all below; held while `changed` is called */
    struct member known[MEMBERS_MAX];
    size_t known_count;
    bool left;
};

uint64_t members_rendezvous(const uint64_t *processes, size_t count, uint32_t role, uint32_t shard)
{
    uint64_t best = 0, best_score = 0;

    for (size_t i = 0; i < count; i++) {
        const uint64_t score = placement_score(processes[i], role, shard);
        if (best == 0 || score > best_score || (score == best_score && processes[i] > best)) {
            best = processes[i];
            best_score = score;
        }
    }
    return best;
}

/* -- files ---------------------------------------------------------------------------------- */

static bool name_parse(const char *name, struct member *out)
{
    char *end;

    if (name[0] < '0' || name[0] > '9' || name[1] != '-')
        return false;
    out->role = (uint32_t)(name[0] - '0');
    out->process = strtoull(name + 2, &end, 16);
    return end == name + 2 + 16 && strcmp(end, SUFFIX) == 0 && out->process != 0;
}

static void name_path(char out[PATH_BYTES], const char *run_dir, const struct member *member,
                      const char *suffix)
{
    const int len = snprintf(out, PATH_BYTES, "%s/%u-%016" PRIx64 "%s", run_dir,
                             (unsigned)member->role, member->process, suffix);
    must(len > 0 && len < PATH_BYTES);
}

static bool address_read(int fd, struct member *member)
{
    const ssize_t len = pread(fd, member->address, sizeof member->address, 0);

    if (len <= 0 || (size_t)len >= sizeof member->address)
        return false;
    member->address[len] = '\0';
    return memchr(member->address, 0, (size_t)len) == NULL;
}

enum liveness { MEMBER_ALIVE, MEMBER_DEAD, MEMBER_UNREADABLE };

static enum liveness member_look(const struct members *members, struct member *member)
{
    char path[PATH_BYTES];
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};

    name_path(path, members->run_dir, member, SUFFIX);
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? MEMBER_DEAD : MEMBER_UNREADABLE;
    enum liveness liveness = MEMBER_UNREADABLE;
    if (fcntl(fd, F_OFD_GETLK, &lock) == 0) {
        if (lock.l_type == F_UNLCK)
            liveness = MEMBER_DEAD;
        else if (address_read(fd, member))
            liveness = MEMBER_ALIVE;
    }
    close(fd);
    return liveness;
}

static void member_remove(const struct members *members, const struct member *member)
{
    char path[PATH_BYTES];

    name_path(path, members->run_dir, member, SUFFIX);
    unlink(path);
    name_path(path, members->run_dir, member, ".sock");
    unlink(path);
}

static enum err publish(struct members *members, struct err_detail *detail)
{
    const struct member *self = &members->options.self;
    const struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char tmp[PATH_BYTES];

    name_path(tmp, members->run_dir, self, ".new");
    name_path(members->path, members->run_dir, self, SUFFIX);
    const int fd = open(tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_fail(detail, ERR_IO, "%s: %s", tmp, strerror(errno));
    const size_t len = strlen(self->address);
    if (write(fd, self->address, len) != (ssize_t)len || fcntl(fd, F_OFD_SETLK, &lock) != 0 ||
        rename(tmp, members->path) != 0) {
        const int cause = errno;
        unlink(tmp);
        close(fd);
        return err_fail(detail, ERR_IO, "%s: %s", members->path, strerror(cause));
    }
    members->lock_fd = fd;
    return ERR_OK;
}

/* -- looking -------------------------------------------------------------------------------- */

static bool contains(const struct member *list, size_t count, uint64_t process)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].process == process)
            return true;
    return false;
}

static size_t look_all(struct members *members, struct member *alive)
{
    DIR *dir = opendir(members->run_dir);
    const struct dirent *entry;
    size_t count = 0;

    if (!dir)
        return 0;
    while ((entry = readdir(dir)) != NULL) {
        struct member member = {0};

        if (!name_parse(entry->d_name, &member) || member.process == members->options.self.process)
            continue;
        switch (member_look(members, &member)) {
        case MEMBER_ALIVE:
            if (count < MEMBERS_MAX)
                alive[count++] = member;
            break;
        case MEMBER_DEAD:
            member_remove(members, &member);
            break;
        case MEMBER_UNREADABLE: /* of another user, or not a member file at all */
            break;
        }
    }
    closedir(dir);
    return count;
}

void members_scan(struct members *members)
{
    struct member *alive = calloc(MEMBERS_MAX, sizeof *alive);

    must(alive != NULL);
    pthread_mutex_lock(&members->mutex);
    if (!members->left) {
        const size_t count = look_all(members, alive);

        for (size_t i = members->known_count; i-- > 0;) {
            const struct member gone = members->known[i];

            if (contains(alive, count, gone.process))
                continue;
            members->known[i] = members->known[--members->known_count];
            members->options.changed(members->options.arg, &gone, false);
        }
        for (size_t i = 0; i < count; i++) {
            if (contains(members->known, members->known_count, alive[i].process))
                continue;
            members->known[members->known_count++] = alive[i];
            members->options.changed(members->options.arg, &alive[i], true);
        }
    }
    pthread_mutex_unlock(&members->mutex);
    free(alive);
}

/* Read away what inotify has to say: whatever it is, the answer is to look again. */
static void drain_events(int fd)
{
    char bytes[4096];

    while (read(fd, bytes, sizeof bytes) > 0)
        continue;
}

static void *watch(void *arg)
{
    struct members *members = arg;
    int recheck = RECHECKS;

    pthread_setname_np(pthread_self(), "mesh-members");
    for (;;) {
        struct pollfd fds[] = {{.fd = members->stop_fd, .events = POLLIN},
                               {.fd = members->inotify_fd, .events = POLLIN}};
        /* Looks again 1 ms, 2, 4 ... 2 s after an event, then only on events. */
        const bool look = recheck < RECHECKS;
        const int timeout_ms = look ? 1 << recheck : TICK_MS;
        const int ready = poll(fds, COUNT_OF(fds), timeout_ms);

        if (ready < 0 && errno != EINTR)
            break;
        if (ready > 0 && fds[0].revents)
            break;
        if (ready > 0 && fds[1].revents) {
            drain_events(members->inotify_fd);
            recheck = 0;
            members_scan(members);
        } else if (look) {
            recheck++;
            members_scan(members);
        }
        if (members->options.tick)
            members->options.tick(members->options.arg);
    }
    return NULL;
}

/* -- life ----------------------------------------------------------------------------------- */

enum err members_open(const struct members_options *options, struct members **out,
                      struct err_detail *detail)
{
    struct members *members = calloc(1, sizeof *members);
    enum err err = ERR_IO;

    *out = NULL;
    must(members != NULL);
    members->options = *options;
    snprintf(members->run_dir, sizeof members->run_dir, "%s", options->run_dir);
    must(pthread_mutex_init(&members->mutex, NULL) == 0);
    members->lock_fd = -1;
    members->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    members->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (members->inotify_fd < 0 || members->stop_fd < 0 ||
        inotify_add_watch(members->inotify_fd, members->run_dir,
                          IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_CLOSE_WRITE) < 0) {
        err_fail(detail, err, "%s: %s", members->run_dir, strerror(errno));
        goto fail;
    }
    err = publish(members, detail);
    if (err != ERR_OK)
        goto fail;
    members_scan(members);
    must(pthread_create(&members->watcher, NULL, watch, members) == 0);
    members->watching = true;
    *out = members;
    return ERR_OK;

fail:
    members_close(members);
    return err;
}

void members_leave(struct members *members)
{
    if (members->watching) {
        const uint64_t one = 1;

        must(write(members->stop_fd, &one, sizeof one) == (ssize_t)sizeof one);
        must(pthread_join(members->watcher, NULL) == 0);
        members->watching = false;
    }
    pthread_mutex_lock(&members->mutex);
    members->left = true;
    pthread_mutex_unlock(&members->mutex);
    if (members->lock_fd >= 0) {
        unlink(members->path);
        close(members->lock_fd);
        members->lock_fd = -1;
    }
}

void members_close(struct members *members)
{
    if (!members)
        return;
    members_leave(members);
    if (members->inotify_fd >= 0)
        close(members->inotify_fd);
    if (members->stop_fd >= 0)
        close(members->stop_fd);
    pthread_mutex_destroy(&members->mutex);
    free(members);
}
