/* postings.c - see postings.h. What the index says of an attribute, match.c says too: a comparison
 * for which that can't be promised has no terms. */
#include "history/visibility/postings.h"

#include "api.h"
#include "common/base/hash.h"
#include "history/visibility/match.h"

#include <math.h>
#include <stdlib.h>

/* Of the attributes that every execution has, these are in the index. Numbers are never reused. */
enum system_attribute {
    OF_TYPE = 1,
    OF_WORKFLOW_ID = 2,
    OF_STATUS = 3, /* of closed ones */
    OF_PARENT = 4,
    OF_ROOT = 5,      /* where it is another one */
    OF_EXECUTION = 6, /* the execution time, where it is not the start time */
};
#define OWN_ATTRIBUTE (UINT64_C(1) << 63)
#define OWN_HEAD 0x80u /* the first byte of its postings, with the type */

static const struct {
    const char *name;
    enum system_attribute attribute;
    enum vis_type type;
} system_attributes[] = {
    {"WorkflowType", OF_TYPE, VIS_KEYWORD},
    {"WorkflowId", OF_WORKFLOW_ID, VIS_KEYWORD},
    {"ParentWorkflowId", OF_PARENT, VIS_KEYWORD},
    {"RootWorkflowId", OF_ROOT, VIS_KEYWORD},
};

/* -- one posting --------------------------------------------------------------------------------
 */

static uint64_t ordered_number(int64_t number)
{
    return (uint64_t)number ^ (UINT64_C(1) << 63);
}

static uint64_t ordered_real(double real)
{
    const double value = real == 0 ? 0 : real; /* -0 is 0 */
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static bool is_text(enum vis_type type)
{
    return type == VIS_KEYWORD || type == VIS_KEYWORD_LIST;
}

static struct vis_posting head(uint64_t attribute, enum vis_type type)
{
    struct vis_posting posting = {.len = 1};

    posting.bytes[0] = (uint8_t)attribute;
    if (attribute & OWN_ATTRIBUTE) {
        posting.bytes[0] = (uint8_t)(OWN_HEAD | (unsigned)type);
        be64_put(posting.bytes + 1, attribute);
        posting.len = VIS_POSTING_HEAD;
    }
    return posting;
}

static void put_text(struct vis_posting *posting, struct slice text)
{
    const size_t len = text.len < VIS_TEXT_PREFIX ? text.len : VIS_TEXT_PREFIX;

    if (len > 0)
        memcpy(posting->bytes + posting->len, text.ptr, len);
    be64_put(posting->bytes + posting->len + VIS_TEXT_PREFIX, hash_bytes(text, 0));
    posting->len += VIS_TEXT_PREFIX + 8;
}

static void put_number(struct vis_posting *posting, uint64_t ordered)
{
    be64_put(posting->bytes + posting->len, ordered);
    posting->len += 8;
}

static struct vis_posting posting_of(uint64_t attribute, enum vis_type type,
                                     const struct vis_datum *value)
{
    struct vis_posting posting = head(attribute, type);

    if (is_text(type))
        put_text(&posting, value->text);
    else
        put_number(&posting,
                   type == VIS_DOUBLE ? ordered_real(value->real) : ordered_number(value->number));
    return posting;
}

struct vis_posting vis_status_posting(int32_t status)
{
    must(status >= 0 && status <= VIS_STATUS_LAST);
    return (struct vis_posting){.bytes = {OF_STATUS, (uint8_t)status}, .len = 2};
}

bool vis_is_status_posting(const struct vis_posting *posting)
{
    return posting->bytes[0] == OF_STATUS;
}

uint8_t vis_bucket_of(int64_t start_ns, int64_t close_ns)
{
    const uint64_t ns = close_ns > start_ns ? (uint64_t)close_ns - (uint64_t)start_ns : 0;

    if (ns < 2)
        return 0;
    if (ns > INT64_MAX)
        return VIS_BUCKETS - 1;
    const unsigned power = 63 - (unsigned)__builtin_clzll(ns);
    return (uint8_t)(2 * power + (unsigned)(ns >> (power - 1) & 1));
}

static int64_t bucket_min(uint8_t bucket)
{
    const int64_t power = INT64_C(1) << bucket / 2;

    return bucket % 2 ? power + power / 2 : power;
}

void vis_bucket_bounds(uint8_t bucket, int64_t *min_ns, int64_t *max_ns)
{
    must(bucket < VIS_BUCKETS);
    *min_ns = bucket < 2 ? 0 : bucket_min(bucket);
    *max_ns = bucket < 2                  ? 1
              : bucket == VIS_BUCKETS - 1 ? INT64_MAX
                                          : bucket_min((uint8_t)(bucket + 1)) - 1;
}

/* Names that the server sets show more than the run's own attributes, and change without them. */
static bool is_own(struct slice name)
{
    return name.len > 0 && !slice_starts_with(name, SLICE_LIT("Temporal")) &&
           !slice_eq(name, SLICE_LIT("BuildIds")) && !slice_eq(name, SLICE_LIT("BinaryChecksums"));
}

static uint64_t own_attribute(struct slice name)
{
    return hash_bytes(name, 0) | OWN_ATTRIBUTE;
}

/* -- those of an execution -----------------------------------------------------------------------
 */

bool vis_is_indexed(const struct vis_execution *execution, struct arena *arena)
{
    static const struct vis_node division = {.kind = VIS_COMPARE,
                                             .name = {(const uint8_t *)"TemporalNamespaceDivision",
                                                      sizeof "TemporalNamespaceDivision" - 1},
                                             .type = VIS_KEYWORD,
                                             .op = VIS_IS_NULL};

    if (execution->status < 0 || execution->status > VIS_STATUS_LAST) /* damage */
        return false;
    return execution->attributes.len == 0 || vis_matches(&division, execution, arena);
}

struct postings {
    struct arena *arena;
    struct vis_posting *list;
    uint32_t count, cap;
};

static void add(struct postings *postings, struct vis_posting posting)
{
    if (postings->count == postings->cap) {
        const uint32_t cap = postings->cap ? postings->cap * 2 : 8;
        struct vis_posting *more = arena_alloc(postings->arena, cap * sizeof *more);

        if (postings->count > 0)
            memcpy(more, postings->list, postings->count * sizeof *more);
        postings->list = more;
        postings->cap = cap;
    }
    postings->list[postings->count++] = posting;
}

static void add_system(struct postings *postings, enum system_attribute attribute,
                       struct slice text)
{
    const struct vis_datum datum = {.shape = VIS_SHAPE_STRING, .text = text};

    if (text.len > 0)
        add(postings, posting_of((uint64_t)attribute, VIS_KEYWORD, &datum));
}

/* A value whose payload names no type is taken for whatever a filter compares it with. */
static void add_own(struct postings *postings, const struct vis_attribute_value *value)
{
    struct vis_datum datum;

    for (int type = VIS_KEYWORD; type <= VIS_KEYWORD_LIST; type++) {
        struct vis_elements walk = {.rest = value->json};

        if (value->type && (int)value->type != type)
            continue;
        while (vis_element_next(&walk, postings->arena, &datum))
            if (vis_read_as((enum vis_type)type, &datum))
                add(postings, posting_of(own_attribute(value->name), (enum vis_type)type, &datum));
    }
}

static int by_bytes(const void *a, const void *b)
{
    const struct vis_posting *left = a, *right = b;

    return slice_cmp(vis_posting_slice(left), vis_posting_slice(right));
}

void vis_postings_of(const struct vis_execution *execution, struct arena *arena,
                     struct vis_posting **out, uint32_t *count)
{
    struct postings postings = {.arena = arena};
    struct slice rest = execution->attributes;
    struct vis_attribute_value value, counts;
    const struct vis_datum begins = {.number = execution->execution_ns};

    add_system(&postings, OF_TYPE, execution->workflow_type);
    add_system(&postings, OF_WORKFLOW_ID, execution->self.workflow_id);
    if (execution->close_ns != 0) {
        struct vis_posting status = vis_status_posting(execution->status);

        status.bytes[status.len++] = vis_bucket_of(execution->start_ns, execution->close_ns);
        add(&postings, status);
    }
    add_system(&postings, OF_PARENT, execution->parent.workflow_id);
    if (!slice_eq(execution->root.workflow_id, execution->self.workflow_id))
        add_system(&postings, OF_ROOT, execution->root.workflow_id);
    if (execution->execution_ns != 0 && execution->execution_ns != execution->start_ns)
        add(&postings, posting_of(OF_EXECUTION, VIS_DATETIME, &begins));
    const uint32_t in_order = postings.count;
    while (vis_attribute_next(&rest, &value))
        if (is_own(value.name) && vis_attribute_find(execution, value.name, &counts) &&
            counts.json.ptr == value.json.ptr)
            add_own(&postings, &value);
    if (postings.count > in_order + 1) /* those come behind */
        qsort(postings.list + in_order, postings.count - in_order, sizeof *postings.list, by_bytes);
    uint32_t kept = in_order;
    for (uint32_t i = in_order; i < postings.count; i++)
        if (kept == in_order || by_bytes(&postings.list[i], &postings.list[kept - 1]) != 0)
            postings.list[kept++] = postings.list[i];
    *out = postings.list;
    *count = kept;
}

/* -- what a comparison asks of them --------------------------------------------------------------
 */

static struct vis_posting of_value(uint64_t attribute, enum vis_type type,
                                   const struct vis_value *value)
{
    const struct vis_datum datum = {
        .text = value->text, .number = value->number, .real = value->real};

    return posting_of(attribute, type, &datum);
}

/* The bounds of what begins like `text`; of the whole type where there is no text. */
static void text_bounds(struct vis_term *term, struct slice from, struct slice to, bool to_extends)
{
    const size_t from_len = from.len < VIS_TEXT_PREFIX ? from.len : VIS_TEXT_PREFIX;
    const size_t to_len = to.len < VIS_TEXT_PREFIX ? to.len : VIS_TEXT_PREFIX;
    const size_t filled_from = to_extends ? to_len : VIS_TEXT_PREFIX;
    const size_t head_len = term->from.len;

    if (from_len > 0)
        memcpy(term->from.bytes + head_len, from.ptr, from_len);
    if (to_len > 0)
        memcpy(term->to.bytes + head_len, to.ptr, to_len);
    memset(term->to.bytes + head_len + filled_from, 0xff, VIS_TEXT_PREFIX + 8 - filled_from);
    term->from.len = term->to.len = (uint8_t)(head_len + VIS_TEXT_PREFIX + 8);
}

static bool text_range(struct vis_term *term, const struct vis_node *leaf)
{
    const struct slice first = leaf->values[0].text;

    switch (leaf->op) {
    case VIS_STARTS_WITH:
        text_bounds(term, first, first, true);
        return true;
    case VIS_GT:
    case VIS_GE:
        text_bounds(term, first, SLICE_EMPTY, true);
        return true;
    case VIS_LT:
    case VIS_LE:
        text_bounds(term, SLICE_EMPTY, first, false);
        return true;
    case VIS_BETWEEN:
        text_bounds(term, first, leaf->values[1].text, false);
        return true;
    default:
        return false;
    }
}

/* Bounds are inclusive. What equals an excluded real one is sorted out on the row. */
static bool number_range(struct vis_term *term, const struct vis_node *leaf)
{
    const bool real = leaf->type == VIS_DOUBLE;
    const struct vis_value *values = leaf->values;
    const uint64_t first = real ? ordered_real(values[0].real) : ordered_number(values[0].number);
    uint64_t from = 0, to = UINT64_MAX;

    term->exact = !real;
    switch (leaf->op) {
    case VIS_GT:
        term->exact = !real && first < UINT64_MAX;
        from = term->exact ? first + 1 : first;
        break;
    case VIS_GE:
        from = first;
        break;
    case VIS_LT:
        term->exact = !real && first > 0;
        to = term->exact ? first - 1 : first;
        break;
    case VIS_LE:
        to = first;
        break;
    case VIS_BETWEEN:
        from = first;
        to = real ? ordered_real(values[1].real) : ordered_number(values[1].number);
        break;
    default:
        return false;
    }
    put_number(&term->from, from);
    put_number(&term->to, to);
    return true;
}

static bool has_nan(const struct vis_node *leaf)
{
    for (uint32_t i = 0; leaf->type == VIS_DOUBLE && i < leaf->value_count; i++)
        if (isnan(leaf->values[i].real))
            return true;
    return false;
}

/* Are the values of which this attribute has no posting asked for? */
static bool asks_for_absent(const struct vis_node *leaf, uint64_t attribute)
{
    for (uint32_t i = 0; i < leaf->value_count; i++)
        if (!(attribute & OWN_ATTRIBUTE) && leaf->values[i].text.len == 0)
            return true;
    return false;
}

/* -- spans: of statuses, and of start times ------------------------------------------------------
 */

static const struct vis_span any_time = {VIS_CLOSED_STATUSES | VIS_OPEN_STATUSES, INT64_MIN,
                                         INT64_MAX};

static struct vis_term span_term(struct vis_span span, bool exact)
{
    return (struct vis_term){.kind = VIS_TERM_SPAN, .span = span, .exact = exact};
}

static bool status_terms(const struct vis_node *leaf, struct arena *arena, struct vis_term **out,
                         uint32_t *count)
{
    struct vis_span span = any_time;

    if ((leaf->op != VIS_EQ && leaf->op != VIS_IN) || leaf->type != VIS_INT)
        return false;
    span.statuses = 0;
    for (uint32_t i = 0; i < leaf->value_count; i++)
        if (leaf->values[i].number >= 0 && leaf->values[i].number <= VIS_STATUS_LAST)
            span.statuses |= UINT32_C(1) << leaf->values[i].number;
    *out = arena_alloc(arena, sizeof **out);
    **out = span_term(span, true);
    *count = 1;
    return true;
}

/* false: nothing is said, or nothing can be. */
static bool time_bounds(const struct vis_node *leaf, struct vis_span *span)
{
    const int64_t first = leaf->values[0].number;

    *span = any_time;
    switch (leaf->op) {
    case VIS_EQ:
        span->start_min = span->start_max = first;
        return true;
    case VIS_GT:
        span->start_min = first < INT64_MAX ? first + 1 : first;
        return true;
    case VIS_GE:
        span->start_min = first;
        return true;
    case VIS_LT:
        span->start_max = first > INT64_MIN ? first - 1 : first;
        return true;
    case VIS_LE:
        span->start_max = first;
        return true;
    case VIS_BETWEEN:
        span->start_min = first;
        span->start_max = leaf->values[1].number;
        return true;
    default:
        return false;
    }
}

/* Of what begins when it starts, the execution time is the start time. */
static bool time_terms(const struct vis_node *leaf, bool of_execution, struct arena *arena,
                       struct vis_term **out, uint32_t *count)
{
    struct vis_term *terms = ARENA_ARRAY(arena, struct vis_term, 2);
    struct vis_span span;

    if (leaf->type != VIS_DATETIME || leaf->value_count == 0 || !time_bounds(leaf, &span))
        return false;
    terms[0] = span_term(span, !of_execution && span.start_min != INT64_MAX &&
                                   span.start_max != INT64_MIN);
    if (of_execution) {
        terms[1] = (struct vis_term){.kind = VIS_TERM_RANGE,
                                     .from = head(OF_EXECUTION, VIS_DATETIME),
                                     .to = head(OF_EXECUTION, VIS_DATETIME)};
        put_number(&terms[1].from, ordered_number(span.start_min));
        put_number(&terms[1].to, ordered_number(span.start_max));
    }
    *out = terms;
    *count = of_execution ? 2 : 1;
    return true;
}

/* A run in a division is found too. */
static bool run_terms(const struct vis_node *leaf, struct arena *arena, struct vis_term **out,
                      uint32_t *count)
{
    if ((leaf->op != VIS_EQ && leaf->op != VIS_IN) || leaf->type != VIS_KEYWORD)
        return false;
    *out = ARENA_ARRAY(arena, struct vis_term, leaf->value_count);
    *count = leaf->value_count;
    for (uint32_t i = 0; i < leaf->value_count; i++)
        (*out)[i] = (struct vis_term){.kind = VIS_TERM_RUN, .run_id = leaf->values[i].text};
    return true;
}

/* 0: it is not in the index. */
static uint64_t attribute_of(const struct vis_node *leaf)
{
    struct vis_datum datum;
    static const struct vis_execution nobody;

    for (size_t i = 0; !leaf->is_custom && i < COUNT_OF(system_attributes); i++)
        if (slice_eq(leaf->name, slice_str(system_attributes[i].name)))
            return leaf->type == system_attributes[i].type ? system_attributes[i].attribute : 0;
    if (!leaf->is_custom && vis_system_value(&nobody, leaf->name, &datum))
        return 0;
    return leaf->type != VIS_TEXT && is_own(leaf->name) && leaf->is_custom
               ? own_attribute(leaf->name)
               : 0;
}

bool vis_terms_of(const struct vis_node *leaf, struct arena *arena, struct vis_term **out,
                  uint32_t *count)
{
    if (!leaf->is_custom && slice_eq(leaf->name, SLICE_LIT("ExecutionStatus")))
        return status_terms(leaf, arena, out, count);
    if (!leaf->is_custom && slice_eq(leaf->name, SLICE_LIT("StartTime")))
        return time_terms(leaf, false, arena, out, count);
    if (!leaf->is_custom && slice_eq(leaf->name, SLICE_LIT("ExecutionTime")))
        return time_terms(leaf, true, arena, out, count);
    if (!leaf->is_custom && slice_eq(leaf->name, SLICE_LIT("RunId")))
        return run_terms(leaf, arena, out, count);
    const uint64_t attribute = attribute_of(leaf);
    const bool equals = leaf->op == VIS_EQ || leaf->op == VIS_IN;

    if (attribute == 0 || has_nan(leaf) || leaf->value_count == 0 ||
        asks_for_absent(leaf, attribute))
        return false;
    struct vis_term *terms = ARENA_ARRAY(arena, struct vis_term, 2 * (size_t)leaf->value_count);
    uint32_t made = 0;
    if (!equals) {
        terms[0] = (struct vis_term){.kind = VIS_TERM_RANGE,
                                     .from = head(attribute, leaf->type),
                                     .to = head(attribute, leaf->type)};
        if (attribute == OF_ROOT ||
            !(is_text(leaf->type) ? text_range(&terms[0], leaf) : number_range(&terms[0], leaf)))
            return false;
        made = 1;
    }
    for (uint32_t i = 0; equals && i < leaf->value_count; i++) {
        const struct vis_posting posting = of_value(attribute, leaf->type, &leaf->values[i]);

        terms[made++] =
            (struct vis_term){.kind = VIS_TERM_ONE, .from = posting, .exact = attribute != OF_ROOT};
        if (attribute == OF_ROOT) { /* or it is its own root */
            const struct vis_posting self = of_value(OF_WORKFLOW_ID, VIS_KEYWORD, &leaf->values[i]);
            terms[made++] = (struct vis_term){.kind = VIS_TERM_ONE, .from = self};
        }
    }
    *out = terms;
    *count = made;
    return true;
}
