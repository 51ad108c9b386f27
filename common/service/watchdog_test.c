/* watchdog_test.c - children that stop themselves, work hard, or close the watchdog first. */
#include "common/service/watchdog.h"

#include "common/base/clock.h"
#include "tests/lib/test.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KILL_MS = 700, EVERY_MS = 100, STOPPED_MS = 3 * KILL_MS };

static const struct watchdog_options options = {.kill_ms = KILL_MS, .every_ms = EVERY_MS};

static void work_until(int64_t until_ms)
{
    while (clock_mono_ms(&clock_real) < until_ms)
        continue;
}

/* The child's status once it ended or stopped, within `ms`; -1: neither. */
static int wait_status(pid_t pid, int flags, int64_t ms)
{
    const int64_t until_ms = clock_mono_ms(&clock_real) + ms;
    int status = 0;

    while (waitpid(pid, &status, flags | WNOHANG) != pid) {
        if (clock_mono_ms(&clock_real) >= until_ms)
            return -1;
        (void)poll(NULL, 0, 5);
    }
    return status;
}

static struct watchdog *open_one(void)
{
    struct err_detail detail = {0};
    struct watchdog *watchdog = NULL;

    if (watchdog_open(&options, &watchdog, &detail) != ERR_OK)
        _exit(2);
    return watchdog;
}

TEST(watchdog_a_stopped_process_dies)
{
    const pid_t pid = fork();

    if (pid == 0) {
        (void)open_one();
        raise(SIGSTOP);
        _exit(3); /* nobody continues it */
    }
    const int64_t before_ms = clock_mono_ms(&clock_real);
    const int status = wait_status(pid, 0, 10 * STOPPED_MS);

    check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    const int64_t took_ms = clock_mono_ms(&clock_real) - before_ms;
    check(took_ms >= KILL_MS - EVERY_MS);
}

TEST(watchdog_a_busy_process_lives)
{
    const pid_t pid = fork();

    if (pid == 0) {
        struct watchdog *watchdog = open_one();

        work_until(clock_mono_ms(&clock_real) + STOPPED_MS);
        watchdog_close(watchdog);
        _exit(0);
    }
    check_i64(wait_status(pid, 0, 10 * STOPPED_MS), 0);
}

TEST(watchdog_closed_kills_nobody)
{
    const pid_t pid = fork();

    if (pid == 0) {
        watchdog_close(open_one());
        raise(SIGSTOP);
        _exit(0);
    }
    check(WIFSTOPPED(wait_status(pid, WUNTRACED, 10 * STOPPED_MS)));
    check_i64(wait_status(pid, 0, STOPPED_MS), -1);
    check_i64(kill(pid, SIGCONT), 0);
    check_i64(wait_status(pid, 0, 10 * STOPPED_MS), 0);
}

TEST(watchdog_a_short_stop_is_forgiven)
{
    const pid_t pid = fork();

    if (pid == 0) {
        struct watchdog *watchdog = open_one();

        raise(SIGSTOP);
        work_until(clock_mono_ms(&clock_real) + STOPPED_MS);
        watchdog_close(watchdog);
        _exit(0);
    }
    check(WIFSTOPPED(wait_status(pid, WUNTRACED, 10 * STOPPED_MS)));
    check_i64(kill(pid, SIGCONT), 0);
    check_i64(wait_status(pid, 0, 10 * STOPPED_MS), 0);
}
