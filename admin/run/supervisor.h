/* supervisor.h - starts the services, restarts a dead one with back-off, stops them in order.
 *
 * One thread. Signals are taken from a signalfd, readiness from one pipe per service. */
#ifndef GNOMON_SUPERVISOR_H
#define GNOMON_SUPERVISOR_H

#include "common/config/config.h"

#include <sys/types.h>

enum {
    ROLES = 4,
    REPLICAS_MAX = 16,
    SERVICES_MAX = ROLES * REPLICAS_MAX,
    BACKOFF_FIRST_MS = 100,
    BACKOFF_MAX_MS = 5000,
    STEADY_MS = 10000,   /* up for so long: the next back-off is the first one again */
    STOP_WAIT_MS = 10000 /* between SIGTERM and SIGKILL */
};

struct service {
    const char *name;      /* "history" */
    char label[24];        /* the same, or "history-1" where there are several */
    int64_t index;         /* among those of its role */
    int64_t port;          /* of the frontend; otherwise 0 */
    int64_t http_port;     /* of the frontend; 0: none */
    int64_t ui_port;       /* of the frontend; 0: none */
    int64_t metrics_port;  /* 0: none */
    int stop_order;        /* lower ones are stopped first */
    pid_t pid;             /* 0: not running */
    int ready_fd;          /* the read end; -1 when there is nothing more to read */
    int64_t started_ms;    /* monotonic */
    int64_t restart_ms;    /* when to start it again; 0: not waiting */
    int64_t backoff_ms;    /* the wait before the next start */
    bool ready, was_ready; /* of this process; of any before it */
};

struct supervisor {
    const char *bin_dir;     /* where gnomon-history and the others are */
    const char *config_path; /* handed on; may be NULL */
    void (*all_ready)(void *arg);
    void *arg;

    struct service services[SERVICES_MAX]; /* the rest is the supervisor's own */
    size_t count;
    int signal_fd;
    bool announced;
};

/* As many of each role as `config` says, those of a role next to each other. The first of a role
 * has the configured ports, the n-th further one n times run.port.step more, which is checked to be
 * a port: ERR_INVALID, `problem` says which is not. */
MUST_USE enum err supervisor_init(struct supervisor *supervisor, const char *bin_dir,
                                  const char *config_path, const struct config *config,
                                  struct err_detail *problem);

/* Until SIGINT, SIGTERM or SIGHUP, or until a service cannot start at all. Gives the exit status:
 * 0 when everything stopped by itself in time. */
int supervisor_run(struct supervisor *supervisor);

/* The wait before the next start, given the last one and how long the process was up. */
int64_t supervisor_next_backoff_ms(int64_t last_ms, int64_t up_ms);

#endif
