/* members.h - who is alive on this machine: a member file each, whose lock is the sign of life.
 *
 * A process writes `<role>-<process>.member` with its address into the run folder and holds an
 * OFD lock on it for as long as it lives. The kernel drops the lock and closes the file when the
 * process ends, however it ends; the others watch the folder (inotify) and hear of it at once.
 * Whoever finds the file of a dead process removes it, and its socket. */
#ifndef GNOMON_MESH_MEMBERS_H
#define GNOMON_MESH_MEMBERS_H

#include "common/base/err.h"
#include "common/log/log.h"

#include <stdint.h>

enum { MEMBERS_MAX = 256, MEMBER_ADDRESS_MAX = 320, MEMBERS_DIR_MAX = 256 };

struct member {
    uint64_t process;
    uint32_t role;
    char address[MEMBER_ADDRESS_MAX]; /* URL of its inbox */
};

struct members;

struct members_options {
    const char *run_dir; /* made when it is not there (mode 0700) */
    struct member self;
    const struct log *log;
    /* A process came or went. One call at a time, from the watching thread or from a thread that
     * called members_scan(). Never for ourselves. */
    void (*changed)(void *arg, const struct member *member, bool up);
    /* Every second and after events, from the watching thread, no lock held. May be NULL. */
    void (*tick)(void *arg);
    void *arg;
};

/* Announce ourselves, look at who is there (calls `changed` for each), and watch from then on.
 * Gives *out, ended by members_close(). */
MUST_USE enum err members_open(const struct members_options *options, struct members **out,
                               struct err_detail *detail);
/* Take our file away: the others see us gone. Nothing is watched any more. */
void members_leave(struct members *members);
void members_close(struct members *members);

/* Look again now. Any thread but that of a `changed` call. */
void members_scan(struct members *members);

/* The owner of a shard among `count` processes: the one with the highest hash. 0: none. */
uint64_t members_rendezvous(const uint64_t *processes, size_t count, uint32_t role, uint32_t shard);

#endif
