/* vis_stream.c - see vis_stream.h.
 *
 * The rows of one posting stand in the order of the list: they are read in small batches, from
 * where the intersection is, so that a short list leads and the long ones are only probed. The
 * rows of a range of postings do not; few enough are collected and sorted, of more there is no
 * list: then many rows satisfy the comparison, and a scan meets them soon. */
#include "history/shard/vis_stream.h"

#include "history/shard/shard_int.h"

#include <stdlib.h>

enum {
    BATCH_FIRST = 16,
    BATCH_MAX = 512,
    RANGE_MAX = 20000, /* postings that are collected */
};

struct entry {
    uint8_t order[HS_ORDER_LEN];
    uint8_t tablet;
};

struct term {
    const struct vis_term *term;
    struct entry *entries;
    uint32_t count, at, cap; /* `cap`: of `entries` */
    uint32_t batch;          /* of the next read */
    bool over;               /* nothing behind the entries */
};

struct hs_stream_list {
    struct term *terms;
    uint32_t count;
};

static int entry_cmp(const void *a, const void *b)
{
    return memcmp(((const struct entry *)a)->order, ((const struct entry *)b)->order, HS_ORDER_LEN);
}

/* -- reading -------------------------------------------------------------------------------------
 */

struct collect {
    const struct hs_stream *stream;
    struct term *term;
    uint32_t visited, visited_max;
    bool too_many;
    enum err err;
};

static bool in_range(const struct hs_stream *stream, struct slice order)
{
    const struct hs_stream_range *range = &stream->range;
    const int from = slice_cmp(order, range->from);

    return (range->after ? from > 0 : from >= 0) &&
           (range->to.len == 0 || slice_cmp(order, range->to) < 0);
}

static bool visit(void *arg, struct slice key, struct slice value)
{
    struct collect *collect = arg;
    struct term *term = collect->term;

    if (key.len <= HS_POSTING_AT + HS_ORDER_LEN || value.len != 1) {
        collect->err = ERR_CORRUPT;
        return false;
    }
    const struct slice order = slice_of(key.ptr + key.len - HS_ORDER_LEN, HS_ORDER_LEN);
    if (collect->visited++ == collect->visited_max) {
        collect->too_many = true;
        return false;
    }
    if (!in_range(collect->stream, order))
        return true;
    if (term->count == term->cap) {
        const uint32_t cap = term->cap ? term->cap * 2 : BATCH_FIRST;
        struct entry *more = arena_alloc(collect->stream->arena, cap * sizeof *more);

        if (term->count > 0)
            memcpy(more, term->entries, term->count * sizeof *more);
        term->entries = more;
        term->cap = cap;
    }
    struct entry *entry = &term->entries[term->count++];
    memcpy(entry->order, order.ptr, HS_ORDER_LEN);
    entry->tablet = value.ptr[0];
    return true;
}

static enum err scan(const struct hs_stream *stream, struct collect *collect,
                     const struct vis_posting *from, struct slice from_order,
                     const struct vis_posting *to, struct slice to_order)
{
    uint8_t first[HS_INDEX_KEY_MAX], end[HS_INDEX_KEY_MAX];
    size_t first_len = hs_posting_prefix(first, stream->first_tablet, stream->namespace_id,
                                         vis_posting_slice(from));
    size_t end_len =
        hs_posting_prefix(end, stream->first_tablet, stream->namespace_id, vis_posting_slice(to));

    if (from_order.len > 0)
        memcpy(first + first_len, from_order.ptr, from_order.len);
    first_len += from_order.len;
    if (to_order.len > 0)
        memcpy(end + end_len, to_order.ptr, to_order.len);
    end_len = to_order.len > 0 ? end_len + to_order.len : hs_prefix_end(end, end_len);
    const enum err err = store_scan(stream->snapshot, STORE_VISIBILITY, slice_of(first, first_len),
                                    slice_of(end, end_len), false, visit, collect);
    return err != ERR_OK ? err : collect->err;
}

/* The entries from the target on. */
static enum err read_batch(const struct hs_stream *stream, struct term *term, const uint8_t *target)
{
    struct collect collect = {.stream = stream, .term = term, .visited_max = term->batch};

    term->count = term->at = 0;
    const enum err err = scan(stream, &collect, &term->term->from, slice_of(target, HS_ORDER_LEN),
                              &term->term->to, stream->range.to);
    term->over = !collect.too_many;
    return err;
}

/* The first entry from the target on; NULL: there is none. */
static const struct entry *term_seek(struct hs_stream *stream, struct term *term,
                                     const uint8_t *target)
{
    while (stream->err == ERR_OK) {
        const uint32_t from = term->at;

        while (term->at < term->count &&
               memcmp(term->entries[term->at].order, target, HS_ORDER_LEN) < 0)
            term->at++;
        if (term->at < term->count)
            return &term->entries[term->at];
        if (term->over)
            return NULL;
        /* All of a batch was wanted: a longer one; else it is probed here and there. */
        if (term->count > 0 && term->at - from <= 1)
            term->batch = term->batch * 2 < BATCH_MAX ? term->batch * 2 : BATCH_MAX;
        else
            term->batch = BATCH_FIRST;
        stream->err = read_batch(stream, term, target);
    }
    return NULL;
}

static const struct entry *list_seek(struct hs_stream *stream, struct hs_stream_list *list,
                                     const uint8_t *target)
{
    const struct entry *first = NULL;

    for (uint32_t i = 0; i < list->count; i++) {
        const struct entry *entry = term_seek(stream, &list->terms[i], target);

        if (entry && (!first || entry_cmp(entry, first) < 0))
            first = entry;
    }
    return first;
}

/* -- the stream ----------------------------------------------------------------------------------
 */

/* *usable false: it would be too long. */
static enum err open_list(struct hs_stream *stream, const struct vis_list *from,
                          struct hs_stream_list *out, bool *usable)
{
    uint32_t left = RANGE_MAX;

    *usable = true;
    *out =
        (struct hs_stream_list){ARENA_ARRAY(stream->arena, struct term, from->count), from->count};
    for (uint32_t i = 0; i < from->count; i++) {
        struct term *term = &out->terms[i];

        *term = (struct term){.term = &from->terms[i], .batch = BATCH_FIRST};
        if (term->term->one)
            continue;
        struct collect collect = {.stream = stream, .term = term, .visited_max = left};
        const enum err err =
            scan(stream, &collect, &term->term->from, SLICE_EMPTY, &term->term->to, SLICE_EMPTY);
        if (err != ERR_OK)
            return err;
        if (collect.too_many) {
            *usable = false;
            return ERR_OK;
        }
        left -= collect.visited;
        term->over = true;
        if (term->count > 1)
            qsort(term->entries, term->count, sizeof *term->entries, entry_cmp);
    }
    return ERR_OK;
}

enum err hs_stream_open(struct hs_stream *stream, struct store_snapshot *snapshot,
                        struct arena *arena, const struct vis_plan *plan, uint8_t first_tablet,
                        const uint8_t *namespace_id, const struct hs_stream_range *range)
{
    *stream = (struct hs_stream){.snapshot = snapshot,
                                 .arena = arena,
                                 .first_tablet = first_tablet,
                                 .namespace_id = namespace_id,
                                 .range = *range,
                                 .exact = plan->exact};
    must(range->from.len <= HS_ORDER_LEN && range->to.len <= HS_ORDER_LEN);
    memcpy(stream->target, range->from.ptr, range->from.len);
    stream->lists = ARENA_ARRAY(arena, struct hs_stream_list, VIS_LISTS_MAX);
    for (uint32_t i = 0; i < plan->count; i++) {
        bool usable;
        const enum err err =
            open_list(stream, &plan->lists[i], &stream->lists[stream->count], &usable);

        if (err != ERR_OK)
            return err;
        stream->count += usable;
        stream->exact = stream->exact && usable;
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

enum err hs_stream_next(struct hs_stream *stream, uint8_t order[HS_ORDER_LEN], uint8_t *tablet,
                        bool *found)
{
    uint32_t agree = 0, i = 0;

    must(stream->count > 0);
    *found = false;
    if ((stream->began || stream->range.after) && !step_behind(stream->target))
        return ERR_OK;
    stream->began = true;
    while (agree < stream->count) {
        const struct entry *entry = list_seek(stream, &stream->lists[i], stream->target);

        if (stream->err != ERR_OK || !entry)
            return stream->err;
        agree = memcmp(entry->order, stream->target, HS_ORDER_LEN) == 0 ? agree + 1 : 1;
        memcpy(stream->target, entry->order, HS_ORDER_LEN);
        *tablet = entry->tablet;
        i = (i + 1) % stream->count;
    }
    memcpy(order, stream->target, HS_ORDER_LEN);
    *found = true;
    return ERR_OK;
}
