/* service.h - what the four executables' main() have in common: arguments, configuration, log,
 * metrics port, cluster store, mesh, readiness, signals.
 *
 *     struct service s;
 *     int code = service_init(&s, ROLE_MATCHING, argc, argv);
 *     if (code >= 0) return code;
 *     ... build the service's own objects ...
 *     service_ready(&s);
 *     service_run(&s, stop, arg);     stop() runs once on SIGTERM or SIGINT; it ends with
 *                                     loop_stop(s.loop), at once or when draining is done
 *     ... take them down in reverse ...
 *     return service_release(&s);
 *
 * Exit codes: 0 an orderly stop, 1 a failure while running, 2 what a restart cannot mend (bad
 * configuration, a taken port). Problems are told in one line each on stderr. */
#ifndef GNOMON_SERVICE_H
#define GNOMON_SERVICE_H

#include "common/cluster/cluster.h"
#include "common/config/config.h"
#include "common/dynconf/dynconf.h"
#include "common/mesh/mesh.h"
#include "common/metrics/metrics_http.h"
#include "common/service/watchdog.h"

enum { SERVICE_EXIT_OK = 0, SERVICE_EXIT_FAILED = 1, SERVICE_EXIT_CONFIG = 2 };
enum { SERVICE_RUN_DIR_MAX = 108 };

struct service {
    const char *name; /* "history" */
    struct config config;
    struct log log;
    const struct clock *clock;
    struct metrics *metrics;
    struct metrics_http *metrics_http; /* NULL: no port asked for */
    struct dynconf *dynconf;           /* settings that change while we run; never NULL */
    struct dynfile *dynfile;           /* NULL: no file is named */
    struct cluster *cluster;
    struct mesh *mesh;
    struct loop *loop;         /* of the main thread */
    struct watchdog *watchdog; /* NULL: off */
    char run_dir[SERVICE_RUN_DIR_MAX];
    int exit_code;
    /* internal */
    loop_fn stop;
    void *stop_arg;
    bool stopping;
};

/* -1: go on. Otherwise exit with that code; everything was released. */
int service_init(struct service *service, enum mesh_role role, int argc, char **argv);

/* Tell who started us (environment GNOMON_READY_FD) that requests are served. */
void service_ready(struct service *service);

/* Run the main loop until loop_stop(). A second signal ends the process at once. */
void service_run(struct service *service, loop_fn stop, void *arg);

/* End the process in order because of a failure: stop() runs as for a signal, and
 * service_release() gives SERVICE_EXIT_FAILED. Main loop's thread only. */
void service_fail(struct service *service);

int service_release(struct service *service);

/* The folder of the processes' sockets and member files, by the configuration; it need not be
 * there. ERR_INVALID. */
MUST_USE enum err service_run_dir(const struct config *config, char out[SERVICE_RUN_DIR_MAX],
                                  struct err_detail *detail);

/* A line `NAME: text` on stderr; gives `code`: `return service_refuse("history", 2, "...")`. */
int service_refuse(const char *name, int code, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
