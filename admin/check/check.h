/* check.h - is the data of a stopped cluster sound? Every run of a history shard against its own
 * history and rows.
 *
 * Checked for each run: it loads; its history is dense and legal (run_rebuild); the state equals
 * what the events say; its dispatchable tasks, its deadline, its visibility row and its workflow
 * id's current run are in their rows; what it asks of other executions has its row. And the other
 * way round: no task, deadline, item, node, visibility row or request to another execution without
 * its run. What is kept for other executions can be read. */
#ifndef GNOMON_ADMIN_CHECK_H
#define GNOMON_ADMIN_CHECK_H

#include "common/store/store.h"

struct check_report {
    uint64_t runs, open_runs, events;
    uint64_t problems;
    struct buf text; /* one line per problem, at most CHECK_LINES_MAX of them */
};

enum { CHECK_LINES_MAX = 200 };

void check_report_init(struct check_report *report);
void check_report_release(struct check_report *report);

/* Adds what is found in the shard to `report`. Errors: those of reading the store. */
MUST_USE enum err check_history_shard(struct store_shard *shard, uint32_t shard_id,
                                      struct check_report *report);

#endif
