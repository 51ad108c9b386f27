/* match_test.c - what an execution satisfies: every operator and type, three values, damage. */
#include "history/visibility/match.h"

#include "common/base/buf.h"
#include "common/base/rng.h"
#include "common/proto/wire.h"
#include "history/visibility/attributes_fixture.h"
#include "tests/lib/test.h"

static void put_message(struct buf *out, uint32_t field, const char *first, const char *second)
{
    struct buf message;

    buf_init(&message, 0);
    wire_put_str(&message, 1, first);
    wire_put_str(&message, 2, second);
    wire_put_bytes(out, field, buf_slice(&message));
    buf_release(&message);
}

/* A closed execution, encoded. */
static void put_info(struct buf *out)
{
    struct buf attributes;

    buf_init(&attributes, 0);
    put_attribute(&attributes, "Kind", "Keyword", "\"old\"");
    put_attribute(&attributes, "Kind", "Keyword", "\"ab\\u00e9\\\"c\""); /* the last one counts */
    put_attribute(&attributes, "Bare", NULL, "\"plain\"");
    put_attribute(&attributes, "Few", "Int", "-7");
    put_attribute(&attributes, "Much", "Double", "2.5");
    put_attribute(&attributes, "Sure", "Bool", "true");
    put_attribute(&attributes, "When", "Datetime", "\"2024-02-29T01:00:00.5+01:00\"");
    put_attribute(&attributes, "Tags", "KeywordList", "[\"red\", \"green\"]");
    put_attribute(&attributes, "Words", "Text", "\"The quick-brown Fox\"");
    put_message(out, 1, "order-12", "0190c1f2-0000-7000-8000-000000000001");
    put_message(out, 2, "Flow", NULL);
    wire_put_timestamp(out, 3, 1000 * NS_PER_S);
    wire_put_timestamp(out, 4, 1500 * NS_PER_S);
    wire_put_varint(out, 5, 3);
    wire_put_varint(out, 6, 11);
    wire_put_bytes(out, 11, buf_slice(&attributes));
    buf_release(&attributes);
}

struct wanted {
    const char *name;
    enum vis_type type;
    enum vis_op op;
    const char *a, *b;
    int64_t number, to;
    double real;
};

static struct vis_node *node_of(struct arena *arena, const struct wanted *w, bool custom)
{
    struct vis_node *node = ARENA_NEW(arena, struct vis_node);

    *node = (struct vis_node){.kind = VIS_COMPARE,
                              .name = slice_str(w->name),
                              .type = w->type,
                              .is_custom = custom,
                              .op = w->op,
                              .value_count = 1};
    node->values = ARENA_ARRAY(arena, struct vis_value, 2);
    node->values[0] = (struct vis_value){slice_str(w->a), w->number, w->real};
    node->values[1] = (struct vis_value){slice_str(w->b), w->to, w->real};
    if (w->b || w->op == VIS_BETWEEN || w->op == VIS_NOT_BETWEEN)
        node->value_count = 2;
    if (w->op == VIS_IS_NULL || w->op == VIS_IS_NOT_NULL)
        node->value_count = 0;
    return node;
}

static struct vis_node *join(struct arena *arena, enum vis_kind kind, struct vis_node *a,
                             struct vis_node *b)
{
    struct vis_node *node = ARENA_NEW(arena, struct vis_node);

    node->kind = kind;
    node->children = ARENA_ARRAY(arena, struct vis_node *, 2);
    node->children[0] = a;
    node->children[1] = b;
    node->child_count = b ? 2 : 1;
    return node;
}

#define FEB_29 (INT64_C(1709164800) * NS_PER_S + NS_PER_S / 2)

static const struct {
    struct wanted w;
    bool custom, holds, not_holds; /* not_holds: NOT of it holds */
} cases[] = {
    {{"WorkflowId", VIS_KEYWORD, VIS_EQ, .a = "order-12"}, false, true, false},
    {{"WorkflowId", VIS_KEYWORD, VIS_STARTS_WITH, .a = "order-"}, false, true, false},
    {{"WorkflowId", VIS_KEYWORD, VIS_NOT_STARTS_WITH, .a = "order-"}, false, false, true},
    {{"WorkflowId", VIS_KEYWORD, VIS_IN, .a = "x", .b = "order-12"}, false, true, false},
    {{"WorkflowId", VIS_KEYWORD, VIS_NOT_IN, .a = "x", .b = "y"}, false, true, false},
    {{"WorkflowType", VIS_KEYWORD, VIS_GT, .a = "Flo"}, false, true, false},
    {{"WorkflowType", VIS_KEYWORD, VIS_NE, .a = "Flow"}, false, false, true},
    {{"ExecutionStatus", VIS_INT, VIS_EQ, .number = 3}, false, true, false},
    {{"StartTime", VIS_DATETIME, VIS_BETWEEN, .number = 999 * NS_PER_S, .to = 1000 * NS_PER_S},
     false,
     true,
     false},
    {{"StartTime", VIS_DATETIME, VIS_NOT_BETWEEN, .number = 1, .to = 2}, false, true, false},
    {{"CloseTime", VIS_DATETIME, VIS_LT, .number = 1500 * NS_PER_S}, false, false, true},
    {{"CloseTime", VIS_DATETIME, VIS_IS_NULL, .a = NULL}, false, false, true},
    {{"HistoryLength", VIS_INT, VIS_GE, .number = 11}, false, true, false},
    {{"ParentWorkflowId", VIS_KEYWORD, VIS_NE, .a = "x"}, false, false, false},
    {{"ParentWorkflowId", VIS_KEYWORD, VIS_IS_NULL, .a = NULL}, false, true, false},
    {{"Kind", VIS_KEYWORD, VIS_EQ, .a = "ab\xc3\xa9\"c"}, true, true, false},
    {{"Kind", VIS_KEYWORD, VIS_EQ, .a = "old"}, true, false, true},
    {{"Kind", VIS_INT, VIS_EQ, .number = 0}, true, false, false}, /* of another type: absent */
    {{"Bare", VIS_KEYWORD, VIS_EQ, .a = "plain"}, true, true, false},
    {{"Few", VIS_INT, VIS_LT, .number = 0}, true, true, false},
    {{"Few", VIS_INT, VIS_BETWEEN, .number = -7, .to = -7}, true, true, false},
    {{"Much", VIS_DOUBLE, VIS_LE, .real = 2.5}, true, true, false},
    {{"Sure", VIS_BOOL, VIS_EQ, .number = 1}, true, true, false},
    {{"When", VIS_DATETIME, VIS_EQ, .number = FEB_29}, true, true, false},
    {{"Tags", VIS_KEYWORD_LIST, VIS_EQ, .a = "green"}, true, true, false},
    {{"Tags", VIS_KEYWORD_LIST, VIS_NE, .a = "green"}, true, false, true},
    {{"Tags", VIS_KEYWORD_LIST, VIS_NOT_IN, .a = "blue", .b = "gold"}, true, true, false},
    {{"Words", VIS_TEXT, VIS_EQ, .a = "QUICK brown"}, true, true, false},
    {{"Words", VIS_TEXT, VIS_EQ, .a = "quick fox"}, true, false, true},
    {{"Words", VIS_TEXT, VIS_IN, .a = "fo", .b = "fox"}, true, true, false},
    {{"Words", VIS_TEXT, VIS_EQ, .a = "..."}, true, false, true},
    {{"Nothing", VIS_INT, VIS_EQ, .number = 1}, true, false, false},
    {{"Nothing", VIS_INT, VIS_IS_NOT_NULL, .a = NULL}, true, false, true},
};

TEST(test_match_each_operator_and_its_opposite)
{
    struct vis_execution execution;
    struct arena arena;
    struct buf info;

    arena_init(&arena);
    buf_init(&info, 0);
    put_info(&info);
    check(vis_execution_read(buf_slice(&info), &execution));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct vis_node *node = node_of(&arena, &cases[i].w, cases[i].custom);

        if (vis_matches(node, &execution, &arena) != cases[i].holds)
            test_failed(__FILE__, __LINE__, "case %zu: %s", i, cases[i].w.name);
        if (vis_matches(join(&arena, VIS_NOT, node, NULL), &execution, &arena) !=
            cases[i].not_holds)
            test_failed(__FILE__, __LINE__, "NOT of case %zu: %s", i, cases[i].w.name);
    }
    arena_release(&arena);
    buf_release(&info);
}

TEST(test_match_joins_with_what_is_unknown)
{
    static const struct wanted wants[] = {
        {"Few", VIS_INT, VIS_EQ, .number = 1},     /* no */
        {"Few", VIS_INT, VIS_EQ, .number = -7},    /* yes */
        {"Nothing", VIS_INT, VIS_EQ, .number = 1}, /* unknown */
    };
    static const int and_of[3][3] = {{0, 0, 0}, {0, 1, 2}, {0, 2, 2}};
    static const int or_of[3][3] = {{0, 1, 2}, {1, 1, 1}, {2, 1, 2}};
    struct vis_execution execution;
    struct arena arena;
    struct buf info;

    arena_init(&arena);
    buf_init(&info, 0);
    put_info(&info);
    check(vis_execution_read(buf_slice(&info), &execution));
    check(vis_matches(NULL, &execution, &arena));
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++) {
            struct vis_node *left = node_of(&arena, &wants[a], true);
            struct vis_node *right = node_of(&arena, &wants[b], true);
            struct vis_node *both = join(&arena, VIS_AND, left, right);
            struct vis_node *any = join(&arena, VIS_OR, left, right);

            check_i64(vis_matches(both, &execution, &arena), and_of[a][b] == 1);
            check_i64(vis_matches(join(&arena, VIS_NOT, both, NULL), &execution, &arena),
                      and_of[a][b] == 0);
            check_i64(vis_matches(any, &execution, &arena), or_of[a][b] == 1);
            check_i64(vis_matches(join(&arena, VIS_NOT, any, NULL), &execution, &arena),
                      or_of[a][b] == 0);
        }
    arena_release(&arena);
    buf_release(&info);
}

TEST(test_match_reads_damaged_rows_without_harm)
{
    struct vis_execution execution;
    struct arena arena;
    struct buf info;
    struct rng rng;

    arena_init(&arena);
    buf_init(&info, 0);
    put_info(&info);
    rng_seed(&rng, 5);
    for (int round = 0; round < 3000; round++) {
        uint8_t *bytes = arena_alloc(&arena, info.len);
        size_t len = info.len - rng_below(&rng, 2) * rng_below(&rng, info.len);

        memcpy(bytes, info.ptr, info.len);
        for (int i = 0; i < 3; i++)
            bytes[rng_below(&rng, info.len)] = (uint8_t)rng_u64(&rng);
        if (!vis_execution_read(slice_of(bytes, len), &execution))
            continue;
        for (size_t i = 0; i < COUNT_OF(cases); i++)
            (void)vis_matches(node_of(&arena, &cases[i].w, cases[i].custom), &execution, &arena);
        arena_reset(&arena);
    }
    arena_release(&arena);
    buf_release(&info);
}

TEST(test_match_times_of_all_zones)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } good[] = {{"1970-01-01T00:00:00Z", 0},
                {"2000-03-01T00:00:00Z", 951868800},
                {"2023-12-31T23:59:59-00:30", 1704069000 - 1}};
    static const char *const bad[] = {"",
                                      "2000-03-01",
                                      "2000-13-01T00:00:00Z",
                                      "2000-03-01T00:00:00",
                                      "0001-01-01T00:00:00Z",
                                      "2000-03-01T00:00:00+0100"};
    int64_t ns;

    for (size_t i = 0; i < COUNT_OF(good); i++) {
        check(vis_time_parse(slice_str(good[i].text), &ns));
        check_i64(ns, good[i].seconds * NS_PER_S);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        check(!vis_time_parse(slice_str(bad[i]), &ns));
}
