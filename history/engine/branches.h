/* branches.h - whose history nodes make up a run's history.
 *
 * A run that came of a reset shares what stands before the fork with the runs that wrote it: its
 * events below `to` of the first branch are in the nodes of that run, those up to the second one's
 * `to` in the nodes of the second, and so on; what follows is its own. The list is flat: a branch
 * names the run that owns the nodes, never one that shares them too. Most runs have none.
 *
 * A run keeps the list in its execution row. For each branch stands a row B (rows.h) beside it,
 * which keeps the owner's nodes alive for as long as the run needs them. */
#ifndef GNOMON_BRANCHES_H
#define GNOMON_BRANCHES_H

#include "common/base/arena.h"
#include "common/base/rng.h"

enum { BRANCHES_MAX = 100 };

struct branch {
    char run_id[UUID_TEXT_LEN + 1]; /* whose nodes hold the events ... */
    int64_t to;                     /* ... before this one, from the branch before on */
};

struct branches {
    struct branch list[BRANCHES_MAX];
    uint32_t count;
};

/* false: malformed. Empty bytes: no branches. */
bool branches_decode(struct slice bytes, struct branches *out);
struct slice branches_encode(struct arena *arena, const struct branches *branches);

/* The branches of a run that shares what run `run_id` (with `base` branches) has before `fork`.
 * false: there would be more than BRANCHES_MAX. */
bool branches_fork(const struct branches *base, const char *run_id, int64_t fork,
                   struct branches *out);

/* Whose nodes hold an event of run `run_id`; *to: up to which event (exclusive) it goes on there.
 */
const char *branches_owner(const struct branches *branches, const char *run_id, int64_t event_id,
                           int64_t *to);

#endif
