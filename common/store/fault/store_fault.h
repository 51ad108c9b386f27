/* store_fault.h - the memory back end with a plan of what goes wrong: for tests.
 *
 * The operations of all shards under one dir are counted: open, append, truncate, the commit of a
 * flush slice, and the opening of a snapshot. The plan hits those from number `at` on, `times` of
 * them. A crash cuts off every shard that is open at that moment: all that it asks fails from then
 * on, while the disk stays as it was. Thread-safe. */
#ifndef GNOMON_STORE_FAULT_H
#define GNOMON_STORE_FAULT_H

#include "common/base/base.h"

#include <stdbool.h>

enum fault_kind {
    FAULT_NONE,
    FAULT_IO,
    FAULT_FENCED,          /* another owner raises the lease just before */
    FAULT_BUSY,            /* not done, and said so */
    FAULT_DISK_FULL,       /* likewise */
    FAULT_UNKNOWN_DONE,    /* done, and the answer lost */
    FAULT_UNKNOWN_DROPPED, /* not done, and the answer lost */
    FAULT_CRASH_BEFORE,
    FAULT_CRASH_AFTER, /* done, and the process gone */
    FAULT_KIND_COUNT
};

struct fault_plan {
    enum fault_kind kind;
    uint64_t at; /* 1, 2, ... */
    uint64_t times;
    bool appends_only; /* the other operations are neither counted nor hit */
};

void store_fault_set(const char *dir, const struct fault_plan *plan); /* counts from 0 again */
uint64_t store_fault_count(const char *dir);                          /* operations so far */
bool store_fault_hit(const char *dir);                                /* the plan came to pass */
void store_fault_wipe(const char *dir);                               /* plan and disks */

#endif
