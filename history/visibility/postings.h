/* postings.h - under which words an execution stands in the index of visibility rows.
 *
 * A posting is (attribute, type, value); the shard writes a row for each, followed by the order key
 * of the execution's visibility row, so that all rows of a posting stand in the order of the list.
 * Of numbers and times the value's bytes have its order; of a text its first bytes stand for it,
 * followed by a hash of the whole. Pure; any thread. Part of the stored format. */
#ifndef GNOMON_HISTORY_VISIBILITY_POSTINGS_H
#define GNOMON_HISTORY_VISIBILITY_POSTINGS_H

#include "history/visibility/execution.h"

enum {
    VIS_TEXT_PREFIX = 16,
    VIS_POSTING_HEAD = 9, /* of a search attribute: type, name; else one byte */
    VIS_POSTING_MAX = VIS_POSTING_HEAD + VIS_TEXT_PREFIX + 8,
};

struct vis_posting {
    uint8_t bytes[VIS_POSTING_MAX];
    uint8_t len;
};
static inline struct slice vis_posting_slice(const struct vis_posting *posting)
{
    return slice_of(posting->bytes, posting->len);
}

/* Executions of a TemporalNamespaceDivision are neither in the index nor in the counters. */
bool vis_is_indexed(const struct vis_execution *execution, struct arena *arena);
/* The postings of such an execution, in order, each once; in `arena`. */
void vis_postings_of(const struct vis_execution *execution, struct arena *arena,
                     struct vis_posting **out, uint32_t *count);

/* What a comparison asks of the index: executions with a posting p, from <= p <= to. */
struct vis_term {
    struct vis_posting from, to;
    bool one;   /* from and to are the same: its rows stand in the order of the list */
    bool exact; /* whoever has such a posting satisfies the comparison */
};

/* The terms of which a match of the comparison must have one; in `arena`. false: the index says
 * nothing of it. */
bool vis_terms_of(const struct vis_node *leaf, struct arena *arena, struct vis_term **out,
                  uint32_t *count);

#endif
