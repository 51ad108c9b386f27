/* supervisor.c - see supervisor.h.
 *
 * 1. Every service runs in a process group of its own: the terminal's Ctrl-C reaches the
 *    supervisor alone. Each dies with the supervisor (PR_SET_PDEATHSIG).
 * 2. A service that ends with an error before it was ever ready ends the whole: its port is taken
 * or its configuration broken, and trying again would not help. Later deaths are answered by a
 *    restart, and so is a death by a signal at any time. */
#include "admin/run/supervisor.h"

#include "common/base/clock.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, PORT_MAX = 65535, NEVER = -1 };

static void say(const char *service, const char *what)
{
    fprintf(stderr, "gnomon-run: %s %s\n", service, what);
}

/* Adds the processes of one role. */
static enum err add_role(struct supervisor *supervisor, const struct service *first, int64_t count,
                         int64_t step, struct err_detail *problem)
{
    for (int64_t i = 0; i < count; i++) {
        struct service *service = &supervisor->services[supervisor->count++];

        *service = *first;
        service->index = i;
        if (service->port)
            service->port += i * step;
        if (service->http_port)
            service->http_port += i * step;
        if (service->ui_port)
            service->ui_port += i * step;
        if (service->metrics_port)
            service->metrics_port += i * step;
        if (count == 1)
            snprintf(service->label, sizeof service->label, "%s", first->name);
        else
            snprintf(service->label, sizeof service->label, "%s-%d", first->name, (int)i);
        if (service->port > PORT_MAX || service->http_port > PORT_MAX ||
            service->ui_port > PORT_MAX || service->metrics_port > PORT_MAX)
            return err_fail(problem, ERR_INVALID,
                            "run.port.step: the ports of %s would go beyond 65535", service->label);
    }
    return ERR_OK;
}

enum err supervisor_init(struct supervisor *supervisor, const char *bin_dir,
                         const char *config_path, const struct config *config,
                         struct err_detail *problem)
{
    const struct {
        const char *name;
        int stop_order;
        int64_t count, port, http_port, ui_port, metrics_port;
    } roles[ROLES] = {
        {"history", 2, config->run_history, 0, 0, 0, config->history_metrics_port},
        {"matching", 1, config->run_matching, 0, 0, 0, config->matching_metrics_port},
        {"timers", 1, config->run_timers, 0, 0, 0, config->timers_metrics_port},
        {"frontend", 0, config->run_frontend, config->frontend_port, config->frontend_http_port,
         config->ui_port, config->frontend_metrics_port},
    };

    *supervisor = (struct supervisor){.bin_dir = bin_dir, .config_path = config_path};
    for (size_t i = 0; i < ROLES; i++) {
        const struct service first = {.name = roles[i].name,
                                      .port = roles[i].port,
                                      .http_port = roles[i].http_port,
                                      .ui_port = roles[i].ui_port,
                                      .metrics_port = roles[i].metrics_port,
                                      .stop_order = roles[i].stop_order,
                                      .ready_fd = -1,
                                      .backoff_ms = BACKOFF_FIRST_MS};
        must(roles[i].count >= 1 && roles[i].count <= REPLICAS_MAX);
        const enum err err =
            add_role(supervisor, &first, roles[i].count, config->run_port_step, problem);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

int64_t supervisor_next_backoff_ms(int64_t last_ms, int64_t up_ms)
{
    if (up_ms >= STEADY_MS)
        return BACKOFF_FIRST_MS;
    return last_ms * 2 < BACKOFF_MAX_MS ? last_ms * 2 : BACKOFF_MAX_MS;
}

static sigset_t our_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    return set;
}

/* -- starting ------------------------------------------------------------------------------- */

static void set_number(const char *variable, int64_t value)
{
    char text[24];

    snprintf(text, sizeof text, "%lld", (long long)value);
    setenv(variable, text, 1);
}

/* What tells the processes of a role apart. */
static void set_own_ports(const struct service *service)
{
    char variable[64] = "GNOMON_";
    size_t len = strlen(variable);

    set_number("GNOMON_REPLICA", service->index);
    if (service->port)
        set_number("GNOMON_FRONTEND_PORT", service->port);
    if (service->http_port)
        set_number("GNOMON_FRONTEND_HTTP_PORT", service->http_port);
    if (service->ui_port)
        set_number("GNOMON_UI_PORT", service->ui_port);
    for (const char *at = service->name; *at; at++)
        variable[len++] = (char)toupper((unsigned char)*at);
    snprintf(variable + len, sizeof variable - len, "_METRICS_PORT");
    set_number(variable, service->metrics_port);
}

/* In the child: never returns. */
static _Noreturn void become(const struct supervisor *supervisor, const struct service *service,
                             pid_t parent, int ready_fd)
{
    const sigset_t set = our_signals();
    char path[PATH_BYTES];

    setpgid(0, 0);
    signal(SIGTTOU, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it died before that took hold */
        _exit(1);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    set_number("GNOMON_READY_FD", ready_fd);
    set_own_ports(service);
    snprintf(path, sizeof path, "%s/gnomon-%s", supervisor->bin_dir, service->name);
    if (supervisor->config_path)
        execl(path, path, "--config", supervisor->config_path, (char *)NULL);
    else
        execl(path, path, (char *)NULL);
    fprintf(stderr, "gnomon-run: cannot start %s: %s\n", path, strerror(errno));
    _exit(2);
}

static void start(struct supervisor *supervisor, struct service *service)
{
    const pid_t self = getpid();
    int fds[2];

    must(service->pid == 0 && service->ready_fd < 0);
    must(pipe2(fds, O_CLOEXEC) == 0);
    const pid_t pid = fork();
    if (pid == 0) {
        fcntl(fds[1], F_SETFD, 0);
        become(supervisor, service, self, fds[1]);
    }
    close(fds[1]);
    service->started_ms = clock_mono_ms(&clock_real);
    service->ready = false;
    if (pid < 0) { /* no process to be had at the moment */
        close(fds[0]);
        service->restart_ms = service->started_ms + BACKOFF_MAX_MS;
        return;
    }
    setpgid(pid, pid); /* the child does it too: whoever comes first */
    service->pid = pid;
    service->ready_fd = fds[0];
    service->restart_ms = 0;
}

static void read_ready(struct supervisor *supervisor, struct service *service)
{
    char line[16];
    const ssize_t n = read(service->ready_fd, line, sizeof line);

    if (n < 0 && errno == EINTR)
        return;
    close(service->ready_fd);
    service->ready_fd = -1;
    if (n < 6 || memcmp(line, "ready\n", 6) != 0)
        return; /* it closed the pipe without a word; its end comes as SIGCHLD */
    service->ready = service->was_ready = true;
    for (size_t i = 0; i < supervisor->count; i++)
        if (!supervisor->services[i].ready)
            return;
    if (!supervisor->announced && supervisor->all_ready)
        supervisor->all_ready(supervisor->arg);
    supervisor->announced = true;
}

/* -- ending --------------------------------------------------------------------------------- */

static void describe_end(int status, char *out, size_t bytes)
{
    if (WIFSIGNALED(status))
        snprintf(out, bytes, "was killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(out, bytes, "ended with status %d", WEXITSTATUS(status));
}

static void note_end(struct service *service)
{
    service->pid = 0;
    service->ready = false;
    if (service->ready_fd >= 0)
        close(service->ready_fd);
    service->ready_fd = -1;
}

/* What a readiness line may have said just before the end still counts. */
static void drain_ready(struct supervisor *supervisor, struct service *service)
{
    struct pollfd fd = {.fd = service->ready_fd, .events = POLLIN};

    if (service->ready_fd >= 0 && poll(&fd, 1, 0) == 1)
        read_ready(supervisor, service);
}

static struct service *reap(struct supervisor *supervisor, int *status)
{
    for (;;) {
        const pid_t pid = waitpid(-1, status, WNOHANG);

        if (pid <= 0)
            return NULL;
        for (size_t i = 0; i < supervisor->count; i++)
            if (supervisor->services[i].pid == pid)
                return &supervisor->services[i];
    }
}

/* False: the whole must end. */
static bool handle_ends(struct supervisor *supervisor)
{
    struct service *service;
    int status;
    char what[128];

    while ((service = reap(supervisor, &status)) != NULL) {
        drain_ready(supervisor, service);
        const bool hopeless = !service->was_ready && WIFEXITED(status);
        const int64_t now_ms = clock_mono_ms(&clock_real);
        const int64_t up_ms = now_ms - service->started_ms;

        note_end(service);
        describe_end(status, what, sizeof what);
        if (hopeless) {
            fprintf(stderr, "gnomon-run: %s %s before it was ready: stopping\n", service->label,
                    what);
            return false;
        }
        if (up_ms >= STEADY_MS)
            service->backoff_ms = BACKOFF_FIRST_MS;
        fprintf(stderr, "gnomon-run: %s %s, starting it again in %lld ms\n", service->label, what,
                (long long)service->backoff_ms);
        service->restart_ms = now_ms + service->backoff_ms;
        service->backoff_ms = supervisor_next_backoff_ms(service->backoff_ms, up_ms);
    }
    return true;
}

/* -- stopping ------------------------------------------------------------------------------- */

static bool any_running(const struct supervisor *supervisor, int stop_order)
{
    for (size_t i = 0; i < supervisor->count; i++)
        if (supervisor->services[i].pid && supervisor->services[i].stop_order == stop_order)
            return true;
    return false;
}

static void signal_all(const struct supervisor *supervisor, int stop_order, int signal)
{
    for (size_t i = 0; i < supervisor->count; i++) {
        const struct service *service = &supervisor->services[i];

        if (service->pid && service->stop_order == stop_order)
            kill(-service->pid, signal);
    }
}

/* Waits for one signal until `until_ms`; 0: none came. */
static int next_signal(struct supervisor *supervisor, int64_t until_ms)
{
    struct pollfd fd = {.fd = supervisor->signal_fd, .events = POLLIN};
    struct signalfd_siginfo info;
    const int64_t left_ms = until_ms - clock_mono_ms(&clock_real);

    if (left_ms <= 0 || poll(&fd, 1, (int)left_ms) != 1)
        return 0;
    return read(supervisor->signal_fd, &info, sizeof info) == sizeof info ? (int)info.ssi_signo : 0;
}

/* True when all of this order ended well. */
static bool reap_stopped(struct supervisor *supervisor)
{
    struct service *service;
    int status;
    char what[128];
    bool clean = true;

    while ((service = reap(supervisor, &status)) != NULL) {
        note_end(service);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            continue;
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM)
            continue; /* it had not come to its handler yet */
        describe_end(status, what, sizeof what);
        say(service->label, what);
        clean = false;
    }
    return clean;
}

static bool stop_order(struct supervisor *supervisor, int order, bool *hurry)
{
    int64_t until_ms = clock_mono_ms(&clock_real) + STOP_WAIT_MS;
    bool clean = reap_stopped(supervisor), killed = *hurry;

    signal_all(supervisor, order, *hurry ? SIGKILL : SIGTERM);
    while (any_running(supervisor, order)) {
        const int signal = next_signal(supervisor, until_ms);

        clean &= reap_stopped(supervisor);
        if (signal != 0 && signal != SIGCHLD) /* asked twice */
            *hurry = true;
        if (!killed && (*hurry || clock_mono_ms(&clock_real) >= until_ms)) {
            signal_all(supervisor, order, SIGKILL);
            killed = true;
            until_ms += STOP_WAIT_MS;
        } else if (clock_mono_ms(&clock_real) >= until_ms) {
            return false; /* not even SIGKILL: a process stuck in the kernel */
        }
    }
    return clean;
}

static bool stop_all(struct supervisor *supervisor)
{
    bool clean = true, hurry = false;

    for (int order = 0; order <= 2; order++)
        clean &= stop_order(supervisor, order, &hurry);
    return clean;
}

/* -- the loop ------------------------------------------------------------------------------- */

static void start_due(struct supervisor *supervisor)
{
    const int64_t now_ms = clock_mono_ms(&clock_real);

    for (size_t i = 0; i < supervisor->count; i++) {
        struct service *service = &supervisor->services[i];

        if (service->restart_ms && service->restart_ms <= now_ms)
            start(supervisor, service);
    }
}

static int wait_ms(const struct supervisor *supervisor)
{
    const int64_t now_ms = clock_mono_ms(&clock_real);
    int64_t wait = NEVER;

    for (size_t i = 0; i < supervisor->count; i++) {
        const int64_t restart_ms = supervisor->services[i].restart_ms;

        if (restart_ms == 0)
            continue;
        const int64_t left_ms = restart_ms > now_ms ? restart_ms - now_ms : 0;
        if (wait == NEVER || left_ms < wait)
            wait = left_ms;
    }
    return (int)wait;
}

/* False: somebody asks for the end. */
static bool read_signals(struct supervisor *supervisor, int *status)
{
    struct signalfd_siginfo info;

    if (read(supervisor->signal_fd, &info, sizeof info) != sizeof info)
        return true;
    if (info.ssi_signo != SIGCHLD)
        return false;
    if (handle_ends(supervisor))
        return true;
    *status = 1;
    return false;
}

static int run_until_stopped(struct supervisor *supervisor)
{
    int status = 0;

    for (;;) {
        struct pollfd fds[SERVICES_MAX + 1] = {{.fd = supervisor->signal_fd, .events = POLLIN}};

        start_due(supervisor);
        for (size_t i = 0; i < supervisor->count; i++)
            fds[i + 1] = (struct pollfd){.fd = supervisor->services[i].ready_fd, .events = POLLIN};
        if (poll(fds, supervisor->count + 1, wait_ms(supervisor)) <= 0)
            continue;
        for (size_t i = 0; i < supervisor->count; i++)
            if (fds[i + 1].revents)
                read_ready(supervisor, &supervisor->services[i]);
        if (fds[0].revents && !read_signals(supervisor, &status))
            return status;
    }
}

int supervisor_run(struct supervisor *supervisor)
{
    const sigset_t set = our_signals();

    must(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    supervisor->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
    must(supervisor->signal_fd >= 0);
    for (size_t i = 0; i < supervisor->count; i++)
        start(supervisor, &supervisor->services[i]);
    int status = run_until_stopped(supervisor);
    if (!stop_all(supervisor) && status == 0)
        status = 1;
    close(supervisor->signal_fd);
    return status;
}
