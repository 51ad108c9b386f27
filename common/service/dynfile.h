/* dynfile.h - the file of the dynamic configuration: read at start, looked at again and again.
 *
 * A change is found by the file's time, size and inode, so that a folder of links that a
 * Kubernetes ConfigMap exchanges is noticed too. What is wrong with a changed file is logged, once,
 * and the values in force stay. A warning that the last content gave as well is not repeated.
 * Thread: the loop's. */
#ifndef GNOMON_DYNFILE_H
#define GNOMON_DYNFILE_H

#include "common/dynconf/dynconf.h"
#include "common/log/log.h"
#include "common/loop/loop.h"
#include "common/metrics/metrics.h"

struct dynfile;

struct dynfile_options {
    struct dynconf *dynconf;
    const char *path;
    int64_t poll_ms;
    struct loop *loop;
    const struct log *log;
    struct metrics *metrics; /* gauge dynamic_config_update_failure, as the reference's */
};

/* Keeps all that `options` points to; gives *out, ended by dynfile_close(). ERR_INVALID, ERR_IO:
 * detail says what is wrong, the defaults are in force. */
MUST_USE enum err dynfile_open(const struct dynfile_options *options, struct dynfile **out,
                               struct err_detail *detail);
void dynfile_close(struct dynfile *file); /* NULL is fine */

#endif
