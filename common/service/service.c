/* service.c - see service.h. */
#include "common/service/service.h"
#include "common/base/hash.h"
#include "common/config/ready.h"
#include "common/rpc/rpc.h"
#include "common/service/dynfile.h"
#include "common/service/health.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

enum { MESH_CLOSE_S = 3 }; /* flushing is done within one */

int service_refuse(const char *name, int code, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "gnomon-%s: %s\n", name, text);
    return code;
}

/* ---- arguments and configuration ---- */

static int usage(const char *name)
{
    struct buf out;

    buf_init(&out, 0);
    buf_printf(&out,
               "usage: gnomon-%s [--config FILE] [--health]\n\n"
               "--health asks the process that runs with the same settings whether it serves: "
               "exit code 0 or 1.\n\n"
               "Every key may stand in FILE (`key = value`) or in the environment (GNOMON_ and "
               "the key\nin capitals, dots as underscores), which wins.\n\n",
               name);
    config_help(&out);
    fwrite(out.ptr, 1, out.len, stdout);
    buf_release(&out);
    return SERVICE_EXIT_OK;
}

static int load_config(struct service *s, const char *path)
{
    struct buf problems;
    int code = -1;

    buf_init(&problems, 0);
    if (config_load(&s->config, path, &problems) != ERR_OK) {
        fwrite(problems.ptr, 1, problems.len, stderr);
        code = SERVICE_EXIT_CONFIG;
    } else if (256 % s->config.history_shards != 0) {
        code = service_refuse(s->name, SERVICE_EXIT_CONFIG,
                              "history.shards must divide 256, %lld does not",
                              (long long)s->config.history_shards);
    }
    buf_release(&problems);
    return code;
}

static int64_t metrics_port(const struct service *s, enum mesh_role role)
{
    const int64_t ports[ROLE_COUNT] = {
        [ROLE_FRONTEND] = s->config.frontend_metrics_port,
        [ROLE_HISTORY] = s->config.history_metrics_port,
        [ROLE_MATCHING] = s->config.matching_metrics_port,
        [ROLE_TIMERS] = s->config.timers_metrics_port,
    };

    return ports[role];
}

static int read_arguments(struct service *s, enum mesh_role role, int argc, char **argv)
{
    const char *path = NULL;
    bool health = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0)
            return usage(s->name);
        if (strcmp(argv[i], "--health") == 0) {
            health = true;
            continue;
        }
        if (strcmp(argv[i], "--config") != 0 || i + 1 == argc)
            return service_refuse(s->name, SERVICE_EXIT_CONFIG, "unknown argument `%s`; try --help",
                                  argv[i]);
        path = argv[++i];
    }
    const int code = load_config(s, path);
    if (code >= 0 || !health)
        return code;
    return health_ask(s->name, s->config.bind_ip, (uint16_t)metrics_port(s, role));
}

/* ---- folders ---- */

/* Socket paths hold 107 characters, so that the folder of the sockets is not below the data folder
 * but a short name made of the data folder's path, the same for all processes of a cluster. */
enum err service_run_dir(const struct config *config, char out[SERVICE_RUN_DIR_MAX],
                         struct err_detail *detail)
{
    char real[4096];
    int written;

    if (config->run_dir[0] != '\0') {
        written = snprintf(out, SERVICE_RUN_DIR_MAX, "%s", config->run_dir);
    } else if (config->mesh_listen[0] != '\0') { /* no sockets in it, but seen by all machines */
        written = snprintf(out, SERVICE_RUN_DIR_MAX, "%s/run", config->data_dir);
    } else {
        if (!realpath(config->data_dir, real))
            return err_fail(detail, ERR_INVALID, "cannot use data.dir %s: %s", config->data_dir,
                            strerror(errno));
        written = snprintf(out, SERVICE_RUN_DIR_MAX, "/tmp/gnomon-%u-%08x", (unsigned)getuid(),
                           (unsigned)hash_bytes(slice_str(real), 0));
    }
    if (written < 0 || written >= SERVICE_RUN_DIR_MAX - 40)
        return err_fail(detail, ERR_INVALID, "run.dir %s is too long: at most %d characters",
                        config->run_dir, SERVICE_RUN_DIR_MAX - 41);
    return ERR_OK;
}

static int make_dir(struct service *s, const char *path, mode_t mode)
{
    struct stat info;

    if (mkdir(path, mode) != 0 && errno != EEXIST)
        return service_refuse(s->name, SERVICE_EXIT_CONFIG, "cannot make the folder %s: %s", path,
                              strerror(errno));
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode))
        return service_refuse(s->name, SERVICE_EXIT_CONFIG, "%s is not a folder", path);
    return -1;
}

static int choose_run_dir(struct service *s)
{
    struct err_detail detail = {0};

    if (service_run_dir(&s->config, s->run_dir, &detail) != ERR_OK)
        return service_refuse(s->name, SERVICE_EXIT_CONFIG, "%s", detail.text);
    return make_dir(s, s->run_dir, 0700);
}

/* Others could plant sockets in a folder that is not ours. */
static int check_run_dir(struct service *s)
{
    struct stat info;

    if (lstat(s->run_dir, &info) != 0 || !S_ISDIR(info.st_mode) || info.st_uid != geteuid() ||
        (info.st_mode & 022) != 0)
        return service_refuse(s->name, SERVICE_EXIT_CONFIG,
                              "run.dir %s must be a folder of this user that others cannot write",
                              s->run_dir);
    return -1;
}

/* ---- building ---- */

/* Workflows hash to tablets and tablets belong to shards: with another count they'd not be found.
 */
static int check_shard_count(struct service *s)
{
    int64_t recorded = 0;
    const enum err err =
        cluster_pin(s->cluster, "history.shards", s->config.history_shards, &recorded);

    if (err != ERR_OK)
        return service_refuse(s->name, SERVICE_EXIT_CONFIG, "cannot read the cluster's store: %s",
                              err_text(err));
    if (recorded != s->config.history_shards)
        return service_refuse(s->name, SERVICE_EXIT_CONFIG,
                              "history.shards is %lld, but the data in %s was made with %lld: "
                              "it cannot be changed",
                              (long long)s->config.history_shards, s->config.data_dir,
                              (long long)recorded);
    return -1;
}

/* The reference's variable is heeded too, so that its deployments work as they are. */
static const char *dynamic_file(const struct service *s)
{
    const char *path = getenv("DYNAMIC_CONFIG_FILE_PATH");

    if (s->config.dynamic_config_file[0] != '\0')
        return s->config.dynamic_config_file;
    return path ? path : "";
}

static int open_dynamic(struct service *s)
{
    struct err_detail detail = {0};
    const struct dynfile_options options = {.dynconf = s->dynconf,
                                            .path = dynamic_file(s),
                                            .poll_ms = s->config.dynamic_config_poll_ms,
                                            .loop = s->loop,
                                            .log = &s->log,
                                            .metrics = s->metrics};

    if (options.path[0] == '\0')
        return -1;
    if (dynfile_open(&options, &s->dynfile, &detail) != ERR_OK)
        return service_refuse(s->name, SERVICE_EXIT_CONFIG,
                              "%s (mend the file, or unset dynamic.config.file and "
                              "DYNAMIC_CONFIG_FILE_PATH to run with the defaults)",
                              detail.text);
    return -1;
}

/* Pages one by one instead of twenty for each connection, of which most stay empty; and no tally of
 * allocations, for which all threads would take turns. */
static void set_up_sqlite(void)
{
    must(sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0) == SQLITE_OK);
    must(sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) == SQLITE_OK);
}

static int open_parts(struct service *s, enum mesh_role role)
{
    struct err_detail detail = {0};
    const int64_t port = metrics_port(s, role);

    set_up_sqlite();
    s->loop = loop_new("main");
    s->metrics = metrics_new();
    s->dynconf = dynconf_new();
    const int bad = open_dynamic(s);
    if (bad >= 0)
        return bad;
    if (port != 0 && metrics_http_open(s->metrics, s->config.bind_ip, (uint16_t)port,
                                       &s->metrics_http, &detail) != ERR_OK)
        return service_refuse(s->name, SERVICE_EXIT_CONFIG, "%s", detail.text);
    if (cluster_open(s->config.data_dir, s->clock, &s->log, &s->cluster, &detail) != ERR_OK)
        return service_refuse(s->name, SERVICE_EXIT_CONFIG, "%s", detail.text);
    const int refused = check_shard_count(s);
    if (refused >= 0)
        return refused;

    const struct mesh_options options = {
        .role = role,
        .run_dir = s->run_dir,
        .shard_count = {[ROLE_FRONTEND] = 1,
                        [ROLE_HISTORY] = (uint32_t)s->config.history_shards,
                        [ROLE_MATCHING] = MATCHING_SHARDS,
                        [ROLE_TIMERS] = TIMERS_SHARDS},
        .transport = {.listen = s->config.mesh_listen,
                      .advertise = s->config.mesh_advertise,
                      .insecure = s->config.mesh_insecure},
        .clock = s->clock,
        .log = &s->log,
        .metrics = s->metrics,
        .cluster = s->cluster,
    };
    if (mesh_open(&options, &s->mesh, &detail) != ERR_OK)
        return service_refuse(s->name, SERVICE_EXIT_CONFIG, "%s", detail.text);
    return -1;
}

/* Without it the leases still keep two owners apart; a stopped process is only missed later. */
static void watch_over(struct service *s)
{
    static const struct watchdog_options options = {.kill_ms = WATCHDOG_KILL_MS,
                                                    .every_ms = WATCHDOG_EVERY_MS};
    struct err_detail detail = {0};

    if (s->config.watchdog && watchdog_open(&options, &s->watchdog, &detail) != ERR_OK)
        log_warn(&s->log, "no watchdog", F_STR("cause", detail.text));
}

int service_init(struct service *s, enum mesh_role role, int argc, char **argv)
{
    *s = (struct service){.name = mesh_role_name(role), .clock = &clock_real};
    signal(SIGPIPE, SIG_IGN);

    int code = read_arguments(s, role, argc, argv);
    if (code >= 0)
        return code;
    s->log = (struct log){.fd = STDERR_FILENO, .service = s->name};
    if (!log_level_parse(s->config.log_level, &s->log.level))
        return service_refuse(s->name, SERVICE_EXIT_CONFIG,
                              "log.level must be debug, info, warn or error, not `%s`",
                              s->config.log_level);
    s->log.format = strcmp(s->config.log_format, "json") == 0 ? LOG_JSON : LOG_TEXT;

    watch_over(s);
    if ((code = make_dir(s, s->config.data_dir, 0700)) < 0 && (code = choose_run_dir(s)) < 0 &&
        (code = check_run_dir(s)) < 0)
        code = open_parts(s, role);
    if (code >= 0)
        (void)service_release(s);
    return code;
}

/* ---- running ---- */

void service_ready(struct service *s)
{
    log_info(&s->log, "serving");
    if (s->metrics_http)
        metrics_http_healthy(s->metrics_http, true);
    ready_notify();
}

static void begin_stop(struct service *s)
{
    if (s->stopping)
        return;
    s->stopping = true;
    if (s->metrics_http)
        metrics_http_healthy(s->metrics_http, false);
    mesh_leaving(s->mesh);
    s->stop(s->stop_arg);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct service *s = handle->data;

    if (s->stopping)
        _exit(SERVICE_EXIT_FAILED); /* asked twice: no more waiting */
    log_info(&s->log, "stopping", F_I64("signal", number));
    begin_stop(s);
}

void service_fail(struct service *s)
{
    s->exit_code = SERVICE_EXIT_FAILED;
    begin_stop(s);
}

void service_run(struct service *s, loop_fn stop, void *arg)
{
    uv_signal_t term, interrupt;

    s->stop = stop;
    s->stop_arg = arg;
    must(uv_signal_init(loop_uv(s->loop), &term) == 0);
    must(uv_signal_init(loop_uv(s->loop), &interrupt) == 0);
    term.data = interrupt.data = s;
    must(uv_signal_start(&term, on_signal, SIGTERM) == 0);
    must(uv_signal_start(&interrupt, on_signal, SIGINT) == 0);
    loop_run(s->loop);
    uv_close((uv_handle_t *)&term, NULL);
    uv_close((uv_handle_t *)&interrupt, NULL);
    uv_run(loop_uv(s->loop), UV_RUN_NOWAIT); /* the handles are on this stack */
}

/* nng 1.5 sometimes waits for ever in nng_close(), when peers go at the same time. Everything of
 * ours is in its files by then, so that the process may end without it. */
struct last_resort {
    struct service *service;
    sem_t closed;
};

static void *leave_without(void *arg)
{
    struct last_resort *last = arg;
    struct timespec at;
    int code;

    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += MESH_CLOSE_S;
    while ((code = sem_clockwait(&last->closed, CLOCK_MONOTONIC, &at)) != 0 && errno == EINTR)
        continue;
    if (code != 0) {
        log_warn(&last->service->log, "the sockets do not close: ending without them");
        _exit(last->service->exit_code);
    }
    return NULL;
}

static void close_mesh(struct service *s)
{
    struct last_resort last = {.service = s};
    pthread_t thread;

    must(sem_init(&last.closed, 0, 0) == 0);
    must(pthread_create(&thread, NULL, leave_without, &last) == 0);
    mesh_close(s->mesh);
    sem_post(&last.closed);
    must(pthread_join(thread, NULL) == 0);
    sem_destroy(&last.closed);
}

int service_release(struct service *s)
{
    if (s->mesh)
        close_mesh(s);
    if (s->cluster)
        cluster_close(s->cluster);
    dynfile_close(s->dynfile);
    dynconf_free(s->dynconf);
    if (s->metrics_http)
        metrics_http_close(s->metrics_http);
    if (s->metrics)
        metrics_free(s->metrics);
    if (s->loop)
        loop_free(s->loop);
    watchdog_close(s->watchdog);
    return s->exit_code;
}
