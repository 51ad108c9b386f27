/* check.h - is the data of a stopped cluster sound? Every run of a history shard against its own
 * history and rows.
 *
 * Checked for each run: it loads; its history is dense and legal (run_rebuild); the state equals
 * what the events say; its dispatchable tasks, its deadline, its visibility row and its workflow
 * id's current run are in their rows; what it asks of other executions has its row. And the other
 * way round: no row of any kind without its run, but what is kept for other executions, which can
 * be read, and what a deletion that is under way has not reached. Of a namespace that is gone there
 * is no run. */
#ifndef GNOMON_ADMIN_CHECK_H
#define GNOMON_ADMIN_CHECK_H

#include "common/store/store.h"
#include "history/engine/run.h"

struct check_report {
    uint64_t runs, open_runs, events;
    uint64_t leaving; /* runs whose deletion is under way: what is left of them is no problem */
    uint64_t problems;
    struct buf text; /* one line per problem, at most CHECK_LINES_MAX of them */
    /* Is there a namespace of this id? NULL: nobody can tell. */
    bool (*namespace_exists)(void *arg, struct slice id);
    void *arg;
};

enum { CHECK_LINES_MAX = 200 };

void check_report_init(struct check_report *report);
void check_report_release(struct check_report *report);

/* Adds what is found in the shard to `report`. Errors: those of reading the store. */
MUST_USE enum err check_history_shard(struct store_shard *shard, uint32_t shard_id,
                                      struct check_report *report);

/* The same of a snapshot of the shard. */
MUST_USE enum err check_history_snapshot(struct store_snapshot *snapshot, uint32_t shard_id,
                                         struct check_report *report);

/* One run with its rows; nothing is said of rows without a run. */
MUST_USE enum err check_history_run(struct store_snapshot *snapshot, uint32_t shard_id,
                                    uint8_t tablet, const char *run_id,
                                    struct check_report *report);

/* A run made anew from its history, that of the runs whose nodes it shares included. */
struct check_rebuilt {
    struct run *run; /* ended by run_free(); NULL: its history is not legal ... */
    const char *why; /* ... and why, in the arena */
    uint64_t events;
};
MUST_USE enum err check_rebuild(struct store_snapshot *snapshot, const struct run *run,
                                struct arena *arena, struct check_rebuilt *out);

#endif
