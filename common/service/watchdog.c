/* watchdog.c - see watchdog.h. */
#include "common/service/watchdog.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct watchdog {
    struct watchdog_options options;
    timer_t timer;
    int stop_fd;
    pthread_t thread;
};

/* 0: never. */
static void set_timer(const struct watchdog *watchdog, int64_t ms)
{
    const struct itimerspec when = {
        .it_value = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000}};

    must(timer_settime(watchdog->timer, 0, &when, NULL) == 0);
}

static void *run(void *arg)
{
    const struct watchdog *watchdog = arg;
    struct pollfd stop = {.fd = watchdog->stop_fd, .events = POLLIN};

    pthread_setname_np(pthread_self(), "watchdog");
    while (poll(&stop, 1, (int)watchdog->options.every_ms) <= 0)
        set_timer(watchdog, watchdog->options.kill_ms);
    return NULL;
}

enum err watchdog_open(const struct watchdog_options *options, struct watchdog **out,
                       struct err_detail *detail)
{
    struct watchdog *watchdog = calloc(1, sizeof *watchdog);
    struct sigevent kill_us = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};

    *out = NULL;
    must(watchdog != NULL);
    must(options->kill_ms > options->every_ms && options->every_ms > 0);
    watchdog->options = *options;
    watchdog->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (watchdog->stop_fd < 0 || timer_create(CLOCK_MONOTONIC, &kill_us, &watchdog->timer) != 0) {
        const enum err err = err_fail(detail, ERR_IO, "watchdog: %s", strerror(errno));

        if (watchdog->stop_fd >= 0)
            close(watchdog->stop_fd);
        free(watchdog);
        return err;
    }
    set_timer(watchdog, options->kill_ms);
    must(pthread_create(&watchdog->thread, NULL, run, watchdog) == 0);
    *out = watchdog;
    return ERR_OK;
}

void watchdog_close(struct watchdog *watchdog)
{
    const uint64_t one = 1;

    if (!watchdog)
        return;
    must(write(watchdog->stop_fd, &one, sizeof one) == (ssize_t)sizeof one);
    must(pthread_join(watchdog->thread, NULL) == 0);
    must(timer_delete(watchdog->timer) == 0);
    close(watchdog->stop_fd);
    free(watchdog);
}
