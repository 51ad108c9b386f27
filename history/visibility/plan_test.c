/* plan_test.c - what the index says of a filter is what match.c says: whoever matches stands in all
 * lists, and where the plan is exact, nobody else does. */
#include "history/visibility/plan.h"

#include "common/base/buf.h"
#include "common/base/rng.h"
#include "common/proto/wire.h"
#include "history/visibility/attributes_fixture.h"
#include "history/visibility/match.h"
#include "tests/lib/test.h"

static const struct {
    const char *name, *type;
    enum vis_type as;
    const char *json[5];
} own[] = {
    {"Word",
     "Keyword",
     VIS_KEYWORD,
     {"\"\"", "\"a\"", "\"a-long-beginning-1\"", "\"a-long-beginning-2\"", "\"b\\u00e9\""}},
    {"Few", "Int", VIS_INT, {"-9223372036854775808", "-1", "0", "1", "9223372036854775807"}},
    {"Much", "Double", VIS_DOUBLE, {"-1e300", "-0.0", "0", "0.5", "7"}},
    {"Sure", "Bool", VIS_BOOL, {"true", "false", "true", "false", "null"}},
    {"When",
     "Datetime",
     VIS_DATETIME,
     {"\"1969-12-31T23:59:59Z\"", "\"1970-01-01T00:00:00Z\"", "\"2024-01-01T00:00:00.5Z\"",
      "\"no time\"", "7"}},
    {"Tags",
     "KeywordList",
     VIS_KEYWORD_LIST,
     {"[]", "[\"a\"]", "[\"a\",\"b\",\"a\"]", "\"a\"", "[\"a-long-beginning-1\"]"}},
    {"Text", "Text", VIS_TEXT, {"\"a b\"", "\"a\"", "\"b a\"", "\"\"", "\"c\""}},
    {"Bare", NULL, VIS_KEYWORD, {"\"a\"", "7", "true", "[\"a\",7]", "0.5"}},
    {"BuildIds", "KeywordList", VIS_KEYWORD_LIST, {"[\"a\"]", "[]", "[\"b\"]", "\"a\"", "[]"}},
};
static const char *const texts[] = {
    "", "a", "a-long-beginning-1", "a-long-beginning-3", "a-long-b", "b\xc3\xa9", "c"};

static const char *pick(struct rng *rng)
{
    return texts[rng_below(rng, COUNT_OF(texts))];
}

static struct vis_execution random_execution(struct arena *arena, struct rng *rng)
{
    struct buf attributes;
    const bool open = rng_below(rng, 3) == 0;
    const int64_t start_ns = 1 + (int64_t)rng_below(rng, 3);

    buf_init(&attributes, 0);
    for (size_t i = 0; i < COUNT_OF(own); i++)
        for (uint64_t times = rng_below(rng, 3); times > 0; times--) /* the last one counts */
            put_attribute(&attributes, own[i].name, own[i].type, own[i].json[rng_below(rng, 5)]);
    if (rng_below(rng, 8) == 0)
        put_attribute(&attributes, "TemporalNamespaceDivision", "Keyword", "\"d\"");
    const struct slice bytes = arena_copy(arena, buf_slice(&attributes));
    buf_release(&attributes);
    return (struct vis_execution){
        .self = {slice_str(pick(rng)), slice_str(pick(rng))},
        .parent = {slice_str(pick(rng)), SLICE_LIT("run")},
        .root = {slice_str(pick(rng)), SLICE_LIT("run")},
        .workflow_type = slice_str(pick(rng)),
        .start_ns = start_ns,
        .execution_ns = start_ns + (rng_below(rng, 4) == 0),
        .close_ns = open ? 0 : start_ns + (int64_t)rng_below(rng, 3),
        .status = open ? 1 + 7 * (int32_t)rng_below(rng, 2) : 2 + (int32_t)rng_below(rng, 6),
        .attributes = bytes,
    };
}

static struct vis_node *random_leaf(struct arena *arena, struct rng *rng)
{
    static const char *const system[] = {"WorkflowType",   "WorkflowId",      "ParentWorkflowId",
                                         "RootWorkflowId", "ExecutionStatus", "TaskQueue",
                                         "RunId",          "StartTime",       "ExecutionTime"};
    static const int64_t numbers[] = {INT64_MIN, -1, 0, 1, 2, INT64_MAX};
    struct vis_node *node = ARENA_NEW(arena, struct vis_node);
    const size_t which = rng_below(rng, COUNT_OF(system) + COUNT_OF(own));

    node->kind = VIS_COMPARE;
    node->is_custom = which >= COUNT_OF(system);
    node->name = slice_str(node->is_custom ? own[which - COUNT_OF(system)].name : system[which]);
    node->type = node->is_custom ? own[which - COUNT_OF(system)].as
                 : which == 4    ? VIS_INT
                 : which > 6     ? VIS_DATETIME
                                 : VIS_KEYWORD;
    if (node->is_custom && rng_below(rng, 5) == 0) /* as it is no more */
        node->type = (enum vis_type)(1 + rng_below(rng, 7));
    node->op = (enum vis_op)(1 + rng_below(rng, VIS_IS_NOT_NULL));
    if (node->type == VIS_TEXT && node->op > VIS_NE && node->op < VIS_IS_NULL)
        node->op = VIS_IN;
    node->value_count = node->op >= VIS_IS_NULL                               ? 0
                        : (node->op >= VIS_IN && node->op <= VIS_NOT_BETWEEN) ? 2
                                                                              : 1;
    node->values = ARENA_ARRAY(arena, struct vis_value, 2);
    for (uint32_t i = 0; i < node->value_count; i++)
        node->values[i] = (struct vis_value){
            .text = slice_str(pick(rng)),
            .number = which == 4 ? 1 + (int64_t)rng_below(rng, 8) : numbers[rng_below(rng, 6)],
            .real = (double)((int)rng_below(rng, 5) - 2) / 2,
        };
    return node;
}

static struct vis_node *group(struct arena *arena, enum vis_kind kind, struct vis_node *a,
                              struct vis_node *b)
{
    struct vis_node *node = ARENA_NEW(arena, struct vis_node);

    node->kind = kind;
    node->children = ARENA_ARRAY(arena, struct vis_node *, 2);
    node->children[0] = a;
    node->children[1] = b;
    node->child_count = kind == VIS_NOT ? 1 : 2;
    return node;
}

static bool is_found_by(const struct vis_term *term, const struct vis_execution *execution,
                        const struct vis_posting *postings, uint32_t count)
{
    const uint32_t of_kind = execution->close_ns ? VIS_CLOSED_STATUSES : VIS_OPEN_STATUSES;
    const struct slice from = vis_posting_slice(&term->from);
    const struct slice to = term->kind == VIS_TERM_RANGE ? vis_posting_slice(&term->to) : from;

    if (term->kind == VIS_TERM_RUN)
        return slice_eq(term->run_id, execution->self.run_id);
    if (term->kind == VIS_TERM_SPAN)
        return execution->start_ns >= term->span.start_min &&
               execution->start_ns <= term->span.start_max &&
               (term->span.statuses & of_kind &
                (execution->close_ns ? UINT32_C(1) << execution->status : of_kind));
    for (uint32_t i = 0; i < count; i++)
        if (slice_cmp(vis_posting_slice(&postings[i]), from) >= 0 &&
            slice_cmp(vis_posting_slice(&postings[i]), to) <= 0)
            return true;
    return false;
}

static bool stands_in(const struct vis_list *list, const struct vis_execution *execution,
                      const struct vis_posting *postings, uint32_t count)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (is_found_by(&list->terms[i], execution, postings, count))
            return true;
    return false;
}

TEST(test_plans_and_matches_agree)
{
    struct vis_node division = {.kind = VIS_COMPARE,
                                .name = SLICE_LIT("TemporalNamespaceDivision"),
                                .type = VIS_KEYWORD,
                                .op = VIS_IS_NULL};
    struct arena arena;
    struct rng rng;
    uint32_t planned = 0, exact = 0, matched = 0;

    rng_seed(&rng, 4);
    arena_init(&arena);
    for (uint32_t i = 0; i < 60000; i++) {
        arena_reset(&arena);
        const struct vis_execution execution = random_execution(&arena, &rng);
        struct vis_node *where = random_leaf(&arena, &rng);
        struct vis_posting *postings;
        uint32_t count;
        bool in_all = true;

        for (uint64_t more = rng_below(&rng, 4); more > 0; more--)
            where = group(&arena, (enum vis_kind)(1 + rng_below(&rng, 3)), where,
                          random_leaf(&arena, &rng));
        where = group(&arena, VIS_AND, &division, where);
        const struct vis_plan plan = vis_plan_of(where, &arena);
        if (plan.count == 0 || !vis_is_indexed(&execution, &arena))
            continue;
        vis_postings_of(&execution, &arena, &postings, &count);
        for (uint32_t j = 0; j < plan.count; j++)
            in_all = in_all && stands_in(&plan.lists[j], &execution, postings, count);
        const bool matches = vis_matches(where, &execution, &arena);
        check(in_all || !matches);
        check(matches || !in_all || !(execution.close_ns ? plan.exact : plan.open_exact));
        planned++;
        exact += plan.exact;
        matched += matches;
    }
    check(planned > 10000);
    check(exact > 1000);
    check(matched > 1000);
    arena_release(&arena);
}

TEST(test_a_bucket_holds_its_durations)
{
    static const int64_t durations[] = {
        0, 1, 2, 3, 4, 5, 6, 7, 8, 1000, 1535, 1536, 2047, 2048, INT64_MAX / 2, INT64_MAX};
    int64_t min_ns, max_ns, before_ns = -1;

    for (size_t i = 0; i < COUNT_OF(durations); i++) {
        vis_bucket_bounds(vis_bucket_of(0, durations[i]), &min_ns, &max_ns);
        check(min_ns <= durations[i] && durations[i] <= max_ns);
    }
    check_i64(vis_bucket_of(9, 5), 0);
    check_i64(vis_bucket_of(INT64_MIN, INT64_MAX), VIS_BUCKETS - 1);
    for (uint8_t bucket = 0; bucket < VIS_BUCKETS; bucket++) {
        if (bucket == 1) /* there is none */
            continue;
        vis_bucket_bounds(bucket, &min_ns, &max_ns);
        check_i64(min_ns, before_ns + 1);
        before_ns = max_ns;
    }
    check_i64(before_ns, INT64_MAX);
}

TEST(test_counters_answer_for_the_status_alone)
{
    struct vis_node division = {.kind = VIS_COMPARE,
                                .name = SLICE_LIT("TemporalNamespaceDivision"),
                                .type = VIS_KEYWORD,
                                .op = VIS_IS_NULL};
    struct vis_value two = {.number = 2};
    struct vis_node status = {.kind = VIS_COMPARE,
                              .name = SLICE_LIT("ExecutionStatus"),
                              .type = VIS_INT,
                              .op = VIS_EQ,
                              .values = &two,
                              .value_count = 1};
    struct vis_node other = status;
    struct arena arena;

    arena_init(&arena);
    other.name = SLICE_LIT("WorkflowType");
    check(vis_is_of_status(&division));
    check(vis_is_of_status(group(&arena, VIS_AND, &division, &status)));
    check(vis_is_of_status(
        group(&arena, VIS_AND, &division, group(&arena, VIS_NOT, &status, &status))));
    check(!vis_is_of_status(group(&arena, VIS_AND, &division, &other)));
    check(!vis_is_of_status(&status));
    check(!vis_is_of_status(NULL));
    arena_release(&arena);
}
