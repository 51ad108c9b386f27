/* vis_index.h - the index and the counters of visibility rows, as the shard writes them.
 *
 * Every row of a run is written with its postings (history/visibility/postings.h) and with the
 * counters of its namespace, in one record, so that the three always say the same. On the shard's
 * thread, but for the keys and hs_index_read_*. */
#ifndef GNOMON_HISTORY_SHARD_VIS_INDEX_H
#define GNOMON_HISTORY_SHARD_VIS_INDEX_H

#include "common/base/map.h"
#include "common/store/store.h"
#include "history/engine/transition.h"
#include "history/visibility/postings.h"

struct history_shard;
struct hs_rebuild;

/* Keys of the visibility family, all under the shard's first tablet:
 *   posting  tablet ns-id(16) 1 posting order-key(32); its value is the tablet of the row
 *   counters tablet zeros(16) 2 ns-id(16); their value is, of each status that executions have, the
 *            status (1) and how many have it (8); absent when there is none
 *   format   tablet zeros(16) 1; its value is HS_INDEX_FORMAT. Without it, postings and counters
 *            are not complete. */
enum {
    HS_INDEX_FORMAT = 1,
    HS_ORDER_LEN = 32,      /* ~close-ns(8) ~start-ns(8) run-id(16); begins with a byte >= 0x80 */
    HS_ORDER_FIRST = 0x80,  /* before it: postings and counters */
    HS_ROW_PREFIX_LEN = 17, /* tablet ns-id(16) */
    HS_POSTING_AT = 18,     /* where the posting begins */
    HS_INDEX_KEY_MAX = HS_POSTING_AT + VIS_POSTING_MAX + HS_ORDER_LEN,
    HS_FORMAT_KEY_LEN = 18,
    HS_COUNTERS_KEY_LEN = 34,
    HS_STATUSES = VIS_STATUS_LAST + 1,
    HS_COUNTERS_MAX = 9 * HS_STATUSES,
};

/* Tablet, namespace and posting; gives its length. The order key follows it. */
size_t hs_posting_prefix(uint8_t *key, uint8_t first_tablet, const uint8_t *namespace_id,
                         struct slice posting);
void hs_format_key(uint8_t key[HS_FORMAT_KEY_LEN], uint8_t first_tablet);
void hs_counters_key(uint8_t key[HS_COUNTERS_KEY_LEN], uint8_t first_tablet,
                     const uint8_t namespace_id[16]);
/* Gives the length of the value; 0: there is none. */
size_t hs_counters_encode(uint8_t value[HS_COUNTERS_MAX], const uint64_t counts[HS_STATUSES]);
MUST_USE bool hs_counters_decode(struct slice value, uint64_t counts[HS_STATUSES]);

struct hs_index {
    bool ready;                             /* complete: reads may go by it */
    bool has_row;                           /* the format row is written */
    int64_t seq;                            /* of the last change of a counter */
    struct map counters;                    /* struct hs_counters, a namespace each */
    uint32_t slice_rows;                    /* rows at a time, while it is made; tests take fewer */
    uint32_t range_of_page, range_of_count; /* postings of a range of values; tests take fewer */
    uint32_t probe_range, probe_rows; /* before more of a range is collected, a scan of so many rows
                                         may fill the page; tests take fewer */
    struct hs_rebuild *rebuild;       /* while it is not ready */
};

void hs_index_init(struct history_shard *shard);
void hs_index_release(struct history_shard *shard);
/* Read the counters. On the thread that opens the shard. */
MUST_USE enum err hs_index_load(struct history_shard *shard);
/* Make what is missing, in the background. */
void hs_index_open(struct history_shard *shard);
void hs_index_run(struct history_shard *shard);
int64_t hs_index_next_mono_ns(const struct history_shard *shard);

/* How many executions of a namespace have a status; only when ready. */
uint64_t hs_index_count(const struct history_shard *shard, const uint8_t namespace_id[16],
                        int32_t status);

/* What a run's visibility row says of it now. */
void hs_index_shown(const struct run *run, struct arena *arena, struct transition_shown *out);

/* What a record changes. Zero-initialise but for `arena`. */
enum { HS_INDEX_DELTAS = 8 };
struct hs_index_step {
    struct arena *arena;
    struct store_op *ops;
    size_t count, cap;
    struct hs_index_delta {
        struct hs_counters *counters;
        uint8_t status;
        int by;
    } deltas[HS_INDEX_DELTAS];
    uint32_t delta_count;
    struct slice touched[HS_INDEX_DELTAS]; /* rows that a rebuild must leave alone */
    uint32_t touched_count;
};
/* The run's row goes from what it showed before to what the run is now; `gone`: to nothing. */
void hs_index_change(struct history_shard *shard, struct hs_index_step *step, const struct run *run,
                     const struct transition_shown *before, bool gone);
/* The counters' rows, once all changes are known. */
void hs_index_finish(struct history_shard *shard, struct hs_index_step *step);
/* The record is staged, or is not. */
void hs_index_staged(struct history_shard *shard, const struct hs_index_step *step, int64_t seq);
void hs_index_failed(struct history_shard *shard, const struct hs_index_step *step);

#endif
