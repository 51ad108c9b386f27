/* index.h - do the index and the counters of visibility rows say what the rows say? */
#ifndef GNOMON_CHECK_INDEX_H
#define GNOMON_CHECK_INDEX_H

#include "common/store/store.h"

/* Zero-initialise but for `problem`; keys come in order. */
struct index_check {
    void (*problem)(void *arg, const char *run_id, const char *what, const char *more);
    void *arg;

    bool complete; /* the shard's format row is there; without it nothing is checked */
    uint8_t first_tablet;
    struct index_counters *counters;
    size_t counter_count, counter_cap;
    uint64_t found, wanted; /* postings */
};

void index_check_release(struct index_check *check);
/* Any key of the visibility family but those of the rows themselves. */
void index_check_key(struct index_check *check, struct slice key, struct slice value);
/* A row, and the encoded WorkflowExecutionInfo that it holds. */
MUST_USE enum err index_check_row(struct index_check *check, struct store_snapshot *snapshot,
                                  struct slice key, struct slice info, struct arena *arena);
void index_check_end(struct index_check *check);

#endif
