/* vis_stream.c - see vis_stream.h.
 *
 * A list is a union of sources. The rows of one posting stand in the order of the list: they are
 * read in small batches, from where the intersection is, so that a short list leads and the long
 * ones are only probed. The rows of a range of postings do not; few enough are collected and
 * sorted, of more there is no list: then many rows satisfy the comparison, and a scan meets them
 * soon. A span of start times is a source for each status and duration that there is (of each, a
 * stretch of close times), and what is open of each tablet, which stands in the order of the start
 * times. A run id is looked up: the run says which row it has. Whether a row is in a span is seen
 * from its order key, but for its status. */
#include "history/shard/vis_stream.h"

#include "history/shard/shard_int.h"

#include <stdlib.h>

enum {
    BATCH_FIRST = 16,
    BATCH_MAX = 512,
    BATCH_FILTERED = 4096, /* where most are not wanted */
    TIMES_LEN = 16,        /* of an order key: ~close, ~start */
    PREFIX_MAX = HS_POSTING_AT + VIS_POSTING_MAX,
};

struct source {
    uint8_t prefix[PREFIX_MAX]; /* of its keys; the order key follows */
    uint8_t prefix_len;
    bool is_rows; /* of a tablet; else postings */
    uint8_t status, bucket;
    uint8_t first[TIMES_LEN], last[TIMES_LEN]; /* order keys from here to there, inclusive */
    const struct vis_span *span;               /* which start times are wanted; NULL: all */

    struct hs_stream_row *rows;
    uint32_t count, at, cap; /* `cap`: of `rows` */
    uint32_t batch;          /* keys of the next read */
    uint8_t seen[HS_ORDER_LEN];
    bool has_seen; /* all up to `seen` were read */
    bool over;     /* nothing behind the rows */

    uint8_t head[HS_ORDER_LEN]; /* its place in the list's queue: none of its rows left is before */
};

struct hs_stream_list {
    const struct vis_list *list;
    struct source *sources;
    uint32_t count, cap;
    bool has_spans, opened; /* the sources of the spans are there */
    struct source **queue;  /* those that have rows left, as a heap; made with the first seek */
    uint32_t queued;
};

static int row_cmp(const void *a, const void *b)
{
    return memcmp(((const struct hs_stream_row *)a)->order,
                  ((const struct hs_stream_row *)b)->order, HS_ORDER_LEN);
}

/* -- order keys ----------------------------------------------------------------------------------
 */

static int64_t close_of(const uint8_t *order)
{
    return (int64_t)~be64_get(order);
}

static int64_t start_of(const uint8_t *order)
{
    return (int64_t)~be64_get(order + 8);
}

static bool is_open(const uint8_t *order)
{
    return close_of(order) == INT64_MAX;
}

static bool starts_within(const struct vis_span *span, const uint8_t *order)
{
    return start_of(order) >= span->start_min && start_of(order) <= span->start_max;
}

static int64_t add_times(int64_t time_ns, int64_t span_ns)
{
    int64_t sum;

    if (__builtin_add_overflow(time_ns, span_ns, &sum))
        return INT64_MAX;
    return sum;
}

/* -- sources -------------------------------------------------------------------------------------
 */

static struct source *add_source(const struct hs_stream *stream, struct hs_stream_list *list)
{
    if (list->count == list->cap) {
        const uint32_t cap = list->cap ? list->cap * 2 : 8;
        struct source *more = arena_alloc(stream->arena, cap * sizeof *more);

        if (list->count > 0)
            memcpy(more, list->sources, list->count * sizeof *more);
        list->sources = more;
        list->cap = cap;
    }
    struct source *source = &list->sources[list->count++];
    *source = (struct source){.batch = BATCH_FIRST};
    memset(source->last, 0xff, sizeof source->last);
    return source;
}

static void set_posting(const struct hs_stream *stream, struct source *source,
                        const struct vis_posting *posting)
{
    source->prefix_len = (uint8_t)hs_posting_prefix(
        source->prefix, stream->first_tablet, stream->namespace_id, vis_posting_slice(posting));
}

static void add_row(const struct hs_stream *stream, struct source *source, const uint8_t *order,
                    uint8_t tablet)
{
    if (source->count == source->cap) {
        const uint32_t cap = source->cap ? source->cap * 2 : BATCH_FIRST;
        struct hs_stream_row *more = arena_alloc(stream->arena, cap * sizeof *more);

        if (source->count > 0)
            memcpy(more, source->rows, source->count * sizeof *more);
        source->rows = more;
        source->cap = cap;
    }
    struct hs_stream_row *row = &source->rows[source->count++];
    memcpy(row->order, order, HS_ORDER_LEN);
    row->tablet = tablet;
    row->status = source->status;
}

struct reading {
    const struct hs_stream *stream;
    struct source *source;
    uint32_t visited, visited_max;
    bool too_many;
    enum err err;
};

static bool visit(void *arg, struct slice key, struct slice value)
{
    struct reading *reading = arg;
    struct source *source = reading->source;

    if (key.len != source->prefix_len + (size_t)HS_ORDER_LEN ||
        (!source->is_rows && value.len != 1)) {
        reading->err = ERR_CORRUPT;
        return false;
    }
    const uint8_t *order = key.ptr + source->prefix_len;
    if (source->has_seen && memcmp(order, source->seen, HS_ORDER_LEN) <= 0)
        return true;
    if (reading->visited++ == reading->visited_max) {
        reading->too_many = true;
        return false;
    }
    memcpy(source->seen, order, HS_ORDER_LEN);
    source->has_seen = true;
    if (!source->span || starts_within(source->span, order))
        add_row(reading->stream, source, order, source->is_rows ? key.ptr[0] : value.ptr[0]);
    return true;
}

/* The rows from the target on. */
static enum err read_batch(const struct hs_stream *stream, struct source *source,
                           const uint8_t *target)
{
    struct reading reading = {.stream = stream, .source = source, .visited_max = source->batch};
    uint8_t from[PREFIX_MAX + HS_ORDER_LEN] = {0}, end[PREFIX_MAX + HS_ORDER_LEN];
    uint8_t range_end[PREFIX_MAX + HS_ORDER_LEN];
    const size_t at = source->prefix_len;

    source->count = source->at = 0;
    memcpy(from, source->prefix, at);
    memcpy(end, source->prefix, at);
    memcpy(range_end, source->prefix, at);
    memcpy(from + at, source->first, TIMES_LEN);
    if (memcmp(target, from + at, HS_ORDER_LEN) > 0)
        memcpy(from + at, target, HS_ORDER_LEN);
    if (source->has_seen && memcmp(source->seen, from + at, HS_ORDER_LEN) > 0)
        memcpy(from + at, source->seen, HS_ORDER_LEN);
    memcpy(end + at, source->last, TIMES_LEN);
    struct slice to = slice_of(end, hs_prefix_end(end, at + TIMES_LEN));
    if (stream->range.to.len > 0) {
        memcpy(range_end + at, stream->range.to.ptr, stream->range.to.len);
        const struct slice other = slice_of(range_end, at + stream->range.to.len);
        if (slice_cmp(other, to) < 0)
            to = other;
    }
    source->over = true;
    if (slice_cmp(slice_of(from, at + HS_ORDER_LEN), to) >= 0)
        return ERR_OK;
    const enum err err = store_scan(stream->snapshot, STORE_VISIBILITY,
                                    slice_of(from, at + HS_ORDER_LEN), to, false, visit, &reading);
    source->over = !reading.too_many;
    if (reading.visited > 2 * source->count) /* the others start at another time */
        source->batch = BATCH_FILTERED;
    return err != ERR_OK ? err : reading.err;
}

/* The first row from the target on; NULL: there is none. */
static const struct hs_stream_row *source_seek(struct hs_stream *stream, struct source *source,
                                               const uint8_t *target)
{
    while (stream->err == ERR_OK) {
        const uint32_t from = source->at;

        while (source->at < source->count &&
               memcmp(source->rows[source->at].order, target, HS_ORDER_LEN) < 0)
            source->at++;
        if (source->at < source->count)
            return &source->rows[source->at];
        if (source->over)
            return NULL;
        /* All of a batch was wanted: a longer one; else it is probed here and there. */
        if (source->batch < BATCH_MAX && source->count > 0 && source->at - from <= 1)
            source->batch *= 2;
        else if (source->batch <= BATCH_MAX)
            source->batch = BATCH_FIRST;
        stream->err = read_batch(stream, source, target);
    }
    return NULL;
}

/* -- spans ---------------------------------------------------------------------------------------
 */

struct next_bucket {
    size_t at;
    int found; /* -1: none */
};

static bool visit_bucket(void *arg, struct slice key, struct slice value)
{
    struct next_bucket *next = arg;

    UNUSED(value);
    if (key.len == next->at + 1 + HS_ORDER_LEN)
        next->found = key.ptr[next->at];
    return false;
}

/* The stretch of close times in which what ran as long as the bucket says started in time. */
static void add_bucket(const struct hs_stream *stream, struct hs_stream_list *list,
                       const struct vis_span *span, uint8_t status, uint8_t bucket)
{
    struct vis_posting posting = vis_status_posting(status);
    int64_t shortest, longest;

    vis_bucket_bounds(bucket, &shortest, &longest);
    const int64_t close_min = add_times(span->start_min > 0 ? span->start_min : 0, shortest);
    const int64_t close_max = add_times(span->start_max, longest);
    if (close_max < close_min || close_min == INT64_MAX)
        return;
    struct source *source = add_source(stream, list);
    posting.bytes[posting.len++] = bucket;
    set_posting(stream, source, &posting);
    source->status = status;
    source->bucket = bucket;
    be64_put(source->first, ~(uint64_t)close_max);
    be64_put(source->last, ~(uint64_t)close_min);
    if (span->start_min > 0 || span->start_max < INT64_MAX)
        source->span = span;
}

static void add_closed(struct hs_stream *stream, struct hs_stream_list *list,
                       const struct vis_span *span, uint8_t status)
{
    const struct vis_posting posting = vis_status_posting(status);
    uint8_t from[PREFIX_MAX + 1], to[PREFIX_MAX];
    struct next_bucket next = {.at = hs_posting_prefix(from, stream->first_tablet,
                                                       stream->namespace_id,
                                                       vis_posting_slice(&posting))};

    memcpy(to, from, next.at);
    const size_t to_len = hs_prefix_end(to, next.at);
    for (int bucket = 0; bucket < VIS_BUCKETS && stream->err == ERR_OK; bucket = next.found + 1) {
        next.found = -1;
        from[next.at] = (uint8_t)bucket;
        stream->err = store_scan(stream->snapshot, STORE_VISIBILITY, slice_of(from, next.at + 1),
                                 slice_of(to, to_len), false, visit_bucket, &next);
        if (next.found < bucket)
            return;
        if (next.found < VIS_BUCKETS)
            add_bucket(stream, list, span, status, (uint8_t)next.found);
    }
}

static void add_open(const struct hs_stream *stream, struct hs_stream_list *list,
                     const struct vis_span *span)
{
    if (span->start_max < 0 || !is_open(stream->target.order) || span->start_min > span->start_max)
        return;
    for (uint32_t i = 0; i < stream->tablet_count; i++) {
        struct source *source = add_source(stream, list);

        source->prefix[0] = (uint8_t)(stream->first_tablet + i);
        memcpy(source->prefix + 1, stream->namespace_id, 16);
        source->prefix_len = HS_ROW_PREFIX_LEN;
        source->is_rows = true;
        be64_put(source->first, ~(uint64_t)INT64_MAX);
        be64_put(source->first + 8, ~(uint64_t)span->start_max);
        be64_put(source->last, ~(uint64_t)INT64_MAX);
        be64_put(source->last + 8, ~(uint64_t)(span->start_min > 0 ? span->start_min : 0));
    }
}

static void open_spans(struct hs_stream *stream, struct hs_stream_list *list)
{
    list->opened = true;
    for (uint32_t i = 0; i < list->list->count; i++) {
        const struct vis_term *term = &list->list->terms[i];

        if (term->kind != VIS_TERM_SPAN)
            continue;
        if (term->span.statuses & VIS_OPEN_STATUSES)
            add_open(stream, list, &term->span);
        for (uint8_t status = 0; status <= VIS_STATUS_LAST; status++)
            if (term->span.statuses & VIS_CLOSED_STATUSES & UINT32_C(1) << status)
                add_closed(stream, list, &term->span, status);
    }
}

/* Is a row that there is in one of the spans? Its status alone needs a look. */
static bool in_spans(struct hs_stream *stream, struct hs_stream_list *list,
                     const struct hs_stream_row *row)
{
    bool look = false;

    for (uint32_t i = 0; i < list->list->count; i++) {
        const struct vis_term *term = &list->list->terms[i];
        const uint32_t wanted = is_open(row->order) ? VIS_OPEN_STATUSES : VIS_CLOSED_STATUSES;

        if (term->kind != VIS_TERM_SPAN || !starts_within(&term->span, row->order) ||
            !(term->span.statuses & wanted))
            continue;
        if (is_open(row->order) || (term->span.statuses & wanted) == wanted)
            return true;
        look = true;
    }
    if (!look)
        return false;
    if (!list->opened)
        open_spans(stream, list);
    const uint8_t bucket = vis_bucket_of(start_of(row->order), close_of(row->order));
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->sources[i].is_rows || list->sources[i].status == 0 ||
            list->sources[i].bucket != bucket)
            continue;
        const struct hs_stream_row *found = source_seek(stream, &list->sources[i], row->order);
        if (found && row_cmp(found, row) == 0)
            return true;
    }
    return false;
}

/* -- the stream ----------------------------------------------------------------------------------
 */

static void make_queue(const struct hs_stream *stream, struct hs_stream_list *list)
{
    list->queue = ARENA_ARRAY(stream->arena, struct source *, list->count + 1);
    list->queued = list->count;
    for (uint32_t i = 0; i < list->count; i++)
        list->queue[i] = &list->sources[i];
}

/* The first of the queue has another head. */
static void sift_down(struct hs_stream_list *list)
{
    struct source **queue = list->queue;
    uint32_t at = 0, child;

    while ((child = 2 * at + 1) < list->queued) {
        if (child + 1 < list->queued &&
            memcmp(queue[child + 1]->head, queue[child]->head, HS_ORDER_LEN) < 0)
            child++;
        if (memcmp(queue[at]->head, queue[child]->head, HS_ORDER_LEN) <= 0)
            return;
        struct source *source = queue[at];
        queue[at] = queue[child];
        queue[child] = source;
        at = child;
    }
}

/* `is_row`: the target is a row that another list has. */
static const struct hs_stream_row *list_seek(struct hs_stream *stream, struct hs_stream_list *list,
                                             bool is_row)
{
    if (list->has_spans && is_row && in_spans(stream, list, &stream->target))
        return &stream->target;
    if (list->has_spans && !list->opened)
        open_spans(stream, list);
    if (!list->queue)
        make_queue(stream, list);
    while (list->queued > 0) {
        struct source *first = list->queue[0];
        const struct hs_stream_row *row = source_seek(stream, first, stream->target.order);

        if (row && memcmp(first->head, row->order, HS_ORDER_LEN) == 0)
            return row;
        if (row)
            memcpy(first->head, row->order, HS_ORDER_LEN);
        else
            list->queue[0] = list->queue[--list->queued];
        sift_down(list);
    }
    return NULL;
}

struct collecting {
    const struct hs_stream *stream;
    struct source *source;
    uint32_t left;
    bool too_many;
    enum err err;
};

static bool visit_range(void *arg, struct slice key, struct slice value)
{
    struct collecting *collecting = arg;
    const struct hs_stream_range *range = &collecting->stream->range;

    if (key.len <= HS_POSTING_AT + HS_ORDER_LEN || value.len != 1) {
        collecting->err = ERR_CORRUPT;
        return false;
    }
    if (collecting->left == 0) {
        collecting->too_many = true;
        return false;
    }
    collecting->left--;
    const struct slice order = slice_of(key.ptr + key.len - HS_ORDER_LEN, HS_ORDER_LEN);
    if (slice_cmp(order, range->from) >= 0 &&
        (range->to.len == 0 || slice_cmp(order, range->to) < 0))
        add_row(collecting->stream, collecting->source, order.ptr, value.ptr[0]);
    return true;
}

static enum err collect(struct collecting *collecting, const struct vis_term *term)
{
    const struct hs_stream *stream = collecting->stream;
    struct source *source = collecting->source;
    uint8_t from[PREFIX_MAX], to[PREFIX_MAX];
    const size_t from_len = hs_posting_prefix(from, stream->first_tablet, stream->namespace_id,
                                              vis_posting_slice(&term->from));
    const size_t to_len = hs_posting_prefix(to, stream->first_tablet, stream->namespace_id,
                                            vis_posting_slice(&term->to));

    const enum err err =
        store_scan(stream->snapshot, STORE_VISIBILITY, slice_of(from, from_len),
                   slice_of(to, hs_prefix_end(to, to_len)), false, visit_range, collecting);
    source->over = true;
    if (source->count > 1)
        qsort(source->rows, source->count, sizeof *source->rows, row_cmp);
    return err != ERR_OK ? err : collecting->err;
}

/* The run says which row it has. */
static enum err find_run(const struct hs_stream *stream, struct source *source,
                         const struct vis_term *term)
{
    char run_id[UUID_TEXT_LEN + 1], namespace_id[UUID_TEXT_LEN + 1];
    uint8_t bytes[16];

    source->over = true;
    if (term->run_id.len != UUID_TEXT_LEN)
        return ERR_OK;
    memcpy(run_id, term->run_id.ptr, UUID_TEXT_LEN);
    run_id[UUID_TEXT_LEN] = '\0';
    if (!uuid_parse(slice_str(run_id), bytes))
        return ERR_OK;
    uuid_format(stream->namespace_id, namespace_id);
    for (uint32_t i = 0; i < stream->tablet_count; i++) {
        const uint8_t tablet = (uint8_t)(stream->first_tablet + i);
        struct row_key key;
        struct run *run;
        struct slice value;
        bool found;

        row_key_execution(&key, tablet, run_id);
        enum err err = store_get(stream->snapshot, STORE_MAIN, row_key_slice(&key), stream->arena,
                                 &value, &found);
        if (err != ERR_OK)
            return err;
        if (!found)
            continue;
        err = run_load(stream->snapshot, tablet, slice_str(namespace_id), run_id, &run);
        if (err == ERR_NOT_FOUND) /* of another namespace */
            return ERR_OK;
        if (err != ERR_OK)
            return err;
        if (run->visibility_order_ns[1] != 0) {
            row_key_visibility(&key, tablet, run->namespace_id, run->visibility_order_ns[0],
                               run->visibility_order_ns[1], run->run_id);
            if (slice_cmp(slice_of(key.bytes + HS_ROW_PREFIX_LEN, HS_ORDER_LEN),
                          stream->range.from) >= 0)
                add_row(stream, source, key.bytes + HS_ROW_PREFIX_LEN, tablet);
        }
        run_free(run);
        return ERR_OK;
    }
    return ERR_OK;
}

/* *usable false: it would be too long. */
static enum err open_list(struct hs_stream *stream, const struct vis_list *from,
                          struct hs_stream_list *out, bool *usable)
{
    struct collecting collecting = {.stream = stream, .left = stream->range_max};

    *usable = true;
    *out = (struct hs_stream_list){.list = from};
    for (uint32_t i = 0; i < from->count; i++) {
        const struct vis_term *term = &from->terms[i];

        if (term->kind == VIS_TERM_SPAN) {
            out->has_spans = true;
            continue;
        }
        struct source *source = add_source(stream, out);
        if (term->kind == VIS_TERM_RUN) {
            const enum err err = find_run(stream, source, term);
            if (err != ERR_OK)
                return err;
            continue;
        }
        set_posting(stream, source, &term->from);
        if (term->kind == VIS_TERM_ONE)
            continue;
        collecting.source = source;
        const enum err err = collect(&collecting, term);
        if (err != ERR_OK)
            return err;
        if (collecting.too_many) {
            *usable = false;
            return ERR_OK;
        }
    }
    return ERR_OK;
}

static bool has_span(const struct vis_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (list->terms[i].kind == VIS_TERM_SPAN)
            return true;
    return false;
}

enum err hs_stream_open(struct hs_stream *stream, const struct vis_plan *plan)
{
    stream->exact = plan->exact;
    stream->open_exact = plan->open_exact;
    must(stream->range.from.len <= HS_ORDER_LEN && stream->range.to.len <= HS_ORDER_LEN);
    memcpy(stream->target.order, stream->range.from.ptr, stream->range.from.len);
    stream->lists = ARENA_ARRAY(stream->arena, struct hs_stream_list, VIS_LISTS_MAX);
    /* Whether a row is in a span is seen from its key: the others lead. */
    for (uint32_t i = 0; i < 2 * plan->count; i++) {
        const struct vis_list *list = &plan->lists[i % plan->count];
        bool usable;

        if (has_span(list) != (i >= plan->count))
            continue;
        const enum err err = open_list(stream, list, &stream->lists[stream->count], &usable);
        if (err != ERR_OK)
            return err;
        stream->count += usable;
        if (!usable)
            stream->exact = stream->open_exact = false;
    }
    return ERR_OK;
}

/* The next key in the order of bytes. false: there is none. */
static bool step_behind(uint8_t order[HS_ORDER_LEN])
{
    for (size_t i = HS_ORDER_LEN; i > 0; i--)
        if (++order[i - 1] != 0)
            return true;
    return false;
}

enum err hs_stream_next(struct hs_stream *stream, struct hs_stream_row *row, bool *certain,
                        bool *found)
{
    uint32_t agree = 0, i = 0;

    must(stream->count > 0);
    *found = false;
    if ((stream->began || stream->range.after) && !step_behind(stream->target.order))
        return ERR_OK;
    stream->began = true;
    while (agree < stream->count) {
        const struct hs_stream_row *next = list_seek(stream, &stream->lists[i], agree > 0);

        if (stream->err != ERR_OK || !next)
            return stream->err;
        const bool same = agree > 0 && row_cmp(next, &stream->target) == 0;
        const uint8_t status = same ? stream->target.status : 0;

        agree = same ? agree + 1 : 1;
        stream->target = *next;
        if (next->status == 0)
            stream->target.status = status;
        i = (i + 1) % stream->count;
    }
    *row = stream->target;
    *certain = is_open(row->order) ? stream->open_exact : stream->exact;
    *found = true;
    return ERR_OK;
}
