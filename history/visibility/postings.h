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

/* What is closed has a posting of its status and of how long it ran, roughly: so that the rows of a
 * window of start times are a few stretches of close times. Both are one byte. */
enum {
    VIS_STATUS_LAST = 15, /* no execution's status is greater */
    VIS_CLOSED_STATUSES = 0xfc,
    VIS_OPEN_STATUSES = 0x102,
    VIS_BUCKETS = 126, /* two for each power of two, of nanoseconds */
};
/* Without a bucket: what all postings of the status begin with. */
struct vis_posting vis_status_posting(int32_t status);
bool vis_is_status_posting(const struct vis_posting *posting);
uint8_t vis_bucket_of(int64_t start_ns, int64_t close_ns);
/* The durations of a bucket; inclusive. */
void vis_bucket_bounds(uint8_t bucket, int64_t *min_ns, int64_t *max_ns);

/* Executions with one of these statuses (a bit for each) that started between these times. */
struct vis_span {
    uint32_t statuses;
    int64_t start_min, start_max;
};

enum vis_term_kind {
    VIS_TERM_ONE = 1, /* has the posting `from`: its rows stand in the order of the list */
    VIS_TERM_RANGE,   /* has a posting p, from <= p <= to */
    VIS_TERM_SPAN,
    VIS_TERM_RUN, /* has this run id: where it stands, its run says */
};

/* What a comparison asks of the index. */
struct vis_term {
    enum vis_term_kind kind;
    struct vis_posting from, to;
    struct vis_span span;
    struct slice run_id; /* of the filter */
    bool exact; /* whoever is found by it satisfies the comparison; of a SPAN, whoever is closed */
};

/* The terms of which a match of the comparison must have one; in `arena`. false: the index says
 * nothing of it. */
bool vis_terms_of(const struct vis_node *leaf, struct arena *arena, struct vis_term **out,
                  uint32_t *count);

#endif
