/* vis_stream.h - the rows that the index names for a filter, one after the other, in the order of
 * the list: an intersection of unions. On a reader thread, within one read. */
#ifndef GNOMON_HISTORY_SHARD_VIS_STREAM_H
#define GNOMON_HISTORY_SHARD_VIS_STREAM_H

#include "history/shard/vis_index.h"
#include "history/visibility/plan.h"

struct hs_stream_range {
    struct slice from; /* order keys from here on ... */
    bool after;        /* ... but not this very one */
    struct slice to;   /* and below this */
};

struct hs_stream_row {
    uint8_t order[HS_ORDER_LEN];
    uint8_t tablet;
    uint8_t status; /* 0: only the row says */
};

struct hs_stream_list;
struct hs_stream {
    /* given */
    struct store_snapshot *snapshot;
    struct arena *arena;
    uint8_t first_tablet;
    uint32_t tablet_count;
    const uint8_t *namespace_id;
    struct hs_stream_range range;
    uint32_t
        range_max; /* postings of a range of values that are collected; of more there is no list */

    struct hs_stream_list *lists;
    uint32_t count; /* 0: too many rows stand in what the plan would have collected: no stream */
    bool exact, open_exact;      /* every row that is closed, open, satisfies the filter */
    struct hs_stream_row target; /* rows before it are done */
    bool began;
    enum err err;
};

/* Keeps what it is given, and the plan. Memory in `arena`, bounded by the plan's terms. */
MUST_USE enum err hs_stream_open(struct hs_stream *stream, const struct vis_plan *plan);
/* *found false: there are no more. *certain: it satisfies the filter; else that is to be tried. */
MUST_USE enum err hs_stream_next(struct hs_stream *stream, struct hs_stream_row *row, bool *certain,
                                 bool *found);

#endif
