/* procs.h - what a set of processes has used, from /proc. */
#ifndef GNOMON_BENCH_PROCS_H
#define GNOMON_BENCH_PROCS_H

#include <stdbool.h>
#include <stdint.h>

enum { PROCS_MAX = 64 };

struct procs {
    int pids[PROCS_MAX];
    char names[PROCS_MAX][16]; /* of the command, as the kernel keeps it */
    unsigned count;
};

struct procs_usage {
    double cpu_ms;         /* user and system, all threads, to the nanosecond */
    int64_t rss_bytes;     /* resident now; shared pages counted in each process */
    int64_t written_bytes; /* sent towards the disk; -1: not told */
};

/* "12,13". false: not a list of numbers. */
bool procs_parse(struct procs *procs, const char *list);
/* `root` and everything below it. */
void procs_add_tree(struct procs *procs, int root);
/* Processes that are gone count as nothing. */
struct procs_usage procs_usage(const struct procs *procs);
/* Of the process at `index` alone. */
struct procs_usage procs_usage_of(const struct procs *procs, unsigned index);

#endif
