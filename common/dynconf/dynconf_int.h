/* dynconf_int.h - a file's content as look-ups want it; for common/dynconf/ only. */
#ifndef GNOMON_DYNCONF_INT_H
#define GNOMON_DYNCONF_INT_H

#include "common/dynconf/dynconf.h"

/* One {value, constraints}. The constraints that were not given are empty or 0. */
struct dynconf_entry {
    struct dynconf_where only;
    struct slice history_task_type, chasm_task_type; /* known, but nothing here looks them up */
    bool usable;                                     /* the value has the key's type */
    int64_t number;
    double real;
    struct dynconf_retry retry;
    struct dynval tree;
};

struct dynconf_snapshot {
    struct arena arena;
    struct {
        struct dynconf_entry *entries; /* in the file's order */
        size_t count;
    } keys[DYNCONF_KEY_COUNT];
    struct dynconf_snapshot *retired_next;
};

/* `snapshot` is zeroed but for its arena. */
MUST_USE enum err dynconf_snapshot_fill(struct dynconf_snapshot *snapshot, struct slice text,
                                        struct buf *warnings, struct err_detail *detail);

/* The entry that counts; NULL: none. */
const struct dynconf_entry *dynconf_snapshot_find(const struct dynconf_snapshot *snapshot,
                                                  enum dynconf_key key,
                                                  const struct dynconf_where *where);

bool dynconf_entry_is_plain(const struct dynconf_entry *entry); /* no constraints */

#endif
