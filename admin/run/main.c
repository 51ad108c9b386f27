/* main.c - gnomon-run: all four services on one machine, in the foreground. */
#include "admin/run/supervisor.h"

#include "common/config/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

enum { EXIT_USAGE = 2 };

static int usage(FILE *out)
{
    struct buf help;

    fprintf(out,
            "usage: gnomon-run [--config FILE] [--bin FOLDER] [--history N] [--matching N]\n"
            "                  [--timers N] [--frontend N]\n\n"
            "Starts gnomon-history, gnomon-matching, gnomon-timers and gnomon-frontend, N of each\n"
            "(1), starts a dead one again, and stops them on Ctrl-C or SIGTERM. Keys of FILE:\n\n");
    buf_init(&help, 0);
    config_help(&help);
    fwrite(help.ptr, 1, help.len, out);
    buf_release(&help);
    return out == stdout ? 0 : EXIT_USAGE;
}

/* The folder of this executable. */
static bool own_folder(char *out, size_t bytes)
{
    const ssize_t n = readlink("/proc/self/exe", out, bytes - 1);

    if (n <= 0)
        return false;
    out[n] = '\0';
    char *slash = strrchr(out, '/');
    if (slash)
        *slash = '\0';
    return slash != NULL;
}

static bool make_folder(const char *path)
{
    char part[512];

    snprintf(part, sizeof part, "%s", path);
    for (char *at = part + 1; *at; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return false;
        *at = '/';
    }
    return mkdir(part, 0700) == 0 || errno == EEXIST;
}

/* One cluster per data folder: the lock goes with the process, however it ends. */
static bool lock_data(const struct config *config)
{
    char path[512];

    if (!make_folder(config->data_dir)) {
        fprintf(stderr, "gnomon-run: cannot make data.dir %s: %s\n", config->data_dir,
                strerror(errno));
        return false;
    }
    snprintf(path, sizeof path, "%s/run.lock", config->data_dir);
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        fprintf(stderr, "gnomon-run: cannot open %s: %s\n", path, strerror(errno));
        return false;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        fprintf(stderr, "gnomon-run: another one already runs on the data in %s\n",
                config->data_dir);
        close(fd);
        return false;
    }
    return true; /* open until the end */
}

/* 0 when it could be bound, else errno. */
static int try_port(const char *ip, uint16_t port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    const bool is_v4 = inet_pton(AF_INET, ip, &v4.sin_addr) == 1;
    const int on = 1;

    must(is_v4 || inet_pton(AF_INET6, ip, &v6.sin6_addr) == 1);
    const struct sockaddr *address =
        is_v4 ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6;
    const int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int cause = 0;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, address, is_v4 ? sizeof v4 : sizeof v6) != 0 || listen(fd, 1) != 0)
        cause = errno;
    if (fd >= 0)
        close(fd);
    return cause;
}

static bool check_port(const struct config *config, const struct service *service, const char *key,
                       int64_t port)
{
    const int cause = port ? try_port(config->bind_ip, (uint16_t)port) : 0;

    if (cause == 0)
        return true;
    fprintf(stderr, "gnomon-run: %s.%s: cannot listen on %s port %lld: %s\n", service->label, key,
            config->bind_ip, (long long)port, strerror(cause));
    return false;
}

/* A taken port is told before anything is started; the services check again by themselves. */
static bool check_ports(const struct config *config, const struct supervisor *supervisor)
{
    bool ok = true;

    for (size_t i = 0; i < supervisor->count; i++) {
        const struct service *service = &supervisor->services[i];

        ok &= check_port(config, service, "port", service->port);
        ok &= check_port(config, service, "http.port", service->http_port);
        ok &= check_port(config, service, "ui.port", service->ui_port);
        ok &= check_port(config, service, "metrics.port", service->metrics_port);
    }
    return ok;
}

struct announced {
    const struct config *config;
    const struct supervisor *supervisor;
};

static void print_endpoints(void *arg)
{
    const struct announced *announced = arg;
    const struct config *config = announced->config;
    const struct supervisor *supervisor = announced->supervisor;

    printf("Gnomon is ready.\n");
    for (size_t i = 0; i < supervisor->count; i++)
        if (strcmp(supervisor->services[i].name, "frontend") == 0)
            printf("  gRPC       %s:%lld\n", config->bind_ip,
                   (long long)supervisor->services[i].port);
    for (size_t i = 0; i < supervisor->count; i++)
        if (supervisor->services[i].http_port)
            printf("  HTTP       http://%s:%lld/api/v1/namespaces\n", config->bind_ip,
                   (long long)supervisor->services[i].http_port);
    for (size_t i = 0; i < supervisor->count; i++)
        if (supervisor->services[i].ui_port)
            printf("  Web UI     http://%s:%lld\n", config->bind_ip,
                   (long long)supervisor->services[i].ui_port);
    for (size_t i = 0; i < supervisor->count; i++)
        if (supervisor->services[i].metrics_port)
            printf("  metrics    http://%s:%lld/metrics (%s)\n", config->bind_ip,
                   (long long)supervisor->services[i].metrics_port, supervisor->services[i].label);
    if (config->default_namespace[0])
        printf("  namespace  %s\n", config->default_namespace);
    printf("  data       %s\n  stop       Ctrl-C\n", config->data_dir);
    fflush(stdout);
}

/* Under a terminal, take Ctrl-C alone, so that the make or script around this one does not die of
 * it and sees an orderly end. Gives the process group to hand the terminal back to; 0: none. */
static pid_t take_terminal(void)
{
    const pid_t before = getpgrp();

    if (!isatty(0) || tcgetpgrp(0) != before || before == getpid())
        return 0;
    signal(SIGTTOU, SIG_IGN);
    if (setpgid(0, 0) != 0 || tcsetpgrp(0, getpgrp()) != 0)
        return 0;
    return before;
}

/* `--history 2` and the like. An option stands over its key by way of the key's variable, so that
 * the configuration checks it. False: not such an option. */
static bool set_replicas(const char *option, const char *value)
{
    static const struct {
        const char *option, *variable;
    } options[ROLES] = {
        {"--history", "GNOMON_RUN_HISTORY"},
        {"--matching", "GNOMON_RUN_MATCHING"},
        {"--timers", "GNOMON_RUN_TIMERS"},
        {"--frontend", "GNOMON_RUN_FRONTEND"},
    };

    for (size_t i = 0; i < ROLES; i++)
        if (strcmp(option, options[i].option) == 0)
            return setenv(options[i].variable, value, 1) == 0;
    return false;
}

static bool load(struct config *config, const char *path)
{
    struct buf problems;

    buf_init(&problems, 0);
    const enum err err = config_load(config, path, &problems);
    if (err != ERR_OK)
        fprintf(stderr, SLICE_FMT, SLICE_ARG(buf_slice(&problems)));
    buf_release(&problems);
    return err == ERR_OK;
}

int main(int argc, char **argv)
{
    static struct config config;
    static struct supervisor supervisor;
    const char *config_path = NULL, *bin_dir = NULL;
    char own[4096];
    struct err_detail problem = {0};
    struct announced announced = {&config, &supervisor};

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
            config_path = argv[++i];
        else if (strcmp(argv[i], "--bin") == 0 && i + 1 < argc)
            bin_dir = argv[++i];
        else if (i + 1 < argc && set_replicas(argv[i], argv[i + 1]))
            i++;
        else
            return usage(strcmp(argv[i], "--help") == 0 ? stdout : stderr);
    }
    if (!bin_dir && own_folder(own, sizeof own))
        bin_dir = own;
    if (!bin_dir)
        return usage(stderr);
    if (!load(&config, config_path))
        return EXIT_USAGE;
    if (supervisor_init(&supervisor, bin_dir, config_path, &config, &problem) != ERR_OK) {
        fprintf(stderr, "%s\n", problem.text);
        return EXIT_USAGE;
    }
    if (!lock_data(&config) || !check_ports(&config, &supervisor))
        return 1;

    const pid_t terminal_of = take_terminal();
    supervisor.all_ready = print_endpoints;
    supervisor.arg = &announced;
    const int status = supervisor_run(&supervisor);
    if (terminal_of && tcsetpgrp(0, terminal_of) != 0)
        perror("gnomon-run: giving the terminal back");
    return status;
}
