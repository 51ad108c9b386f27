/* watchdog.h - a process that is stopped kills itself, so that its locks and connections go.
 *
 * A kernel timer on CLOCK_MONOTONIC sends SIGKILL to the process after WATCHDOG_KILL_MS; a thread
 * of its own sets it anew every WATCHDOG_EVERY_MS. The timer goes on while the process is stopped
 * (SIGSTOP, a frozen container, a debugger), the thread does not. Work on other threads, a long
 * fsync included, does not matter; a machine that gives the thread no time for the whole span does,
 * and the process then dies as it would of any kill -9. The clock stands still while the machine is
 * suspended. */
#ifndef GNOMON_WATCHDOG_H
#define GNOMON_WATCHDOG_H

#include "common/base/err.h"

#include <stdint.h>

enum { WATCHDOG_KILL_MS = 2500, WATCHDOG_EVERY_MS = 500 };

struct watchdog;

struct watchdog_options {
    int64_t kill_ms;  /* a process that is stopped for so long dies */
    int64_t every_ms; /* how often the thread sets the timer anew */
};

/* Gives *out, ended by watchdog_close(); on ERR_IO it is NULL and `detail` says why. */
MUST_USE enum err watchdog_open(const struct watchdog_options *options, struct watchdog **out,
                                struct err_detail *detail);
/* Nobody is killed any more. `watchdog` may be NULL. */
void watchdog_close(struct watchdog *watchdog);

#endif
