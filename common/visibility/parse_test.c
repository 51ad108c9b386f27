/* parse_test.c - filters as text: the tree that each becomes, or what is said of it; and texts that
 * are nonsense, which must end in an error. */
#include "common/visibility/parse.h"

#include "common/base/buf.h"
#include "common/base/rng.h"
#include "tests/lib/test.h"

static bool own_type(void *arg, struct slice name, enum vis_type *type)
{
    static const struct {
        const char *name;
        enum vis_type type;
    } own[] = {{"MyText", VIS_TEXT},         {"MyKeyword", VIS_KEYWORD}, {"MyInt", VIS_INT},
               {"MyDouble", VIS_DOUBLE},     {"MyBool", VIS_BOOL},       {"MyTime", VIS_DATETIME},
               {"MyList", VIS_KEYWORD_LIST}, {"status", VIS_KEYWORD}};

    (void)arg;
    for (size_t i = 0; i < COUNT_OF(own); i++)
        if (slice_eq(name, slice_str(own[i].name))) {
            *type = own[i].type;
            return true;
        }
    return false;
}

static const struct vis_custom custom = {own_type, NULL};

static void show_value(struct buf *out, const struct vis_node *node, const struct vis_value *value)
{
    if (node->type == VIS_DOUBLE)
        buf_printf(out, "%g", value->real);
    else if (node->type == VIS_INT || node->type == VIS_BOOL || node->type == VIS_DATETIME)
        buf_printf(out, "%lld", (long long)value->number);
    else
        buf_printf(out, "'" SLICE_FMT "'", SLICE_ARG(value->text));
}

static void show(struct buf *out, const struct vis_node *node)
{
    static const char *const kinds[] = {"", "and", "or", "not"};
    static const char *const ops[] = {
        "",    "=",       "!=",       "<",      "<=",      ">",    ">=",   "in",
        "!in", "between", "!between", "prefix", "!prefix", "null", "!null"};

    buf_printf(out, "(");
    if (node->kind == VIS_COMPARE) {
        buf_printf(out, "%s %s" SLICE_FMT, ops[node->op], node->is_custom ? "*" : "",
                   SLICE_ARG(node->name));
        for (uint32_t i = 0; i < node->value_count; i++) {
            buf_printf(out, " ");
            show_value(out, node, &node->values[i]);
        }
    } else {
        buf_printf(out, "%s", kinds[node->kind]);
        for (uint32_t i = 0; i < node->child_count; i++) {
            buf_printf(out, " ");
            show(out, node->children[i]);
        }
    }
    buf_printf(out, ")");
}

/* The tree without the condition on divisions, or the error's text without "invalid query: ". */
static const char *parsed(struct arena *arena, const char *text)
{
    const struct slice prefix = SLICE_LIT("invalid query: ");
    struct err_detail detail = {0};
    struct vis_query query;
    struct buf out;

    if (vis_parse(arena, slice_str(text), &custom, &query, &detail) != ERR_OK) {
        const struct slice said = slice_str(detail.text);

        return arena_str(arena, slice_starts_with(said, prefix)
                                    ? slice_of(said.ptr + prefix.len, said.len - prefix.len)
                                    : said);
    }
    buf_init(&out, 0);
    const struct vis_node *where = query.where;
    if (where && where->kind == VIS_AND && vis_is_default_division(where->children[0])) {
        for (uint32_t i = 1; i < where->child_count; i++)
            show(&out, where->children[i]);
    } else if (where && !vis_is_default_division(where)) {
        buf_printf(&out, "any ");
        show(&out, where);
    }
    for (uint32_t i = 0; i < query.group_count; i++)
        buf_printf(&out, " by " SLICE_FMT, SLICE_ARG(query.group_by[i].name));
    const char *shown = arena_str(arena, buf_slice(&out));
    buf_release(&out);
    return shown;
}

static const struct {
    const char *text, *want;
} cases[] = {
    {"", ""},
    {"  \n", ""},
    {"WorkflowId = 'a'", "(= WorkflowId 'a')"},
    {"`WorkflowId`=\"a\"", "(= WorkflowId 'a')"},
    {"WorkflowId = 'it''s'", "(= WorkflowId 'it's')"},
    {"WorkflowId = 'a\\'b\\n'", "(= WorkflowId 'a'b\n')"},
    {"WorkflowId = 'a' -- why\n AND RunId != 'b' /* x */", "(= WorkflowId 'a')(!= RunId 'b')"},
    {"WorkflowId = 5", "(= WorkflowId '5')"},
    {"WorkflowId = true", "(= WorkflowId '1')"},
    {"WorkflowId <> 'a'", "(!= WorkflowId 'a')"},
    {"workflowid = 'a'",
     "invalid expression: column name 'workflowid' is not a valid search attribute"},
    {"ScheduleId = 'a'", "(= WorkflowId 'a')"},
    {"PauseInfo = 'a'", "(= TemporalPauseInfo 'a')"},
    {"TemporalWorkflowId = 'a'", "(= WorkflowId 'a')"},
    {"status = 'a'", "(= *status 'a')"},
    {"WorkflowType IN ('a','b')", "(in WorkflowType 'a' 'b')"},
    {"WorkflowType not in ('a')", "(!in WorkflowType 'a')"},
    {"WorkflowType IN ()", "malformed SQL query: syntax error at position 18 near ')'"},
    {"WorkflowType STARTS_WITH 'a%'", "(prefix WorkflowType 'a%')"},
    {"WorkflowType NOT STARTS_WITH 'a'", "(!prefix WorkflowType 'a')"},
    {"WorkflowType STARTS_WITH 5", "invalid expression: right-hand side of 'starts_with' must be a "
                                   "literal string (got: 5)"},
    {"MyInt STARTS_WITH 'a'",
     "operation is not supported: operator 'STARTS_WITH' not supported for "
     "Int type search attribute 'MyInt'"},
    {"WorkflowType BETWEEN 'a' AND 'b'", "(between WorkflowType 'a' 'b')"},
    {"WorkflowType LIKE 'a'",
     "invalid expression: invalid operator 'like' in `WorkflowType like 'a'`"},
    {"WorkflowType <=> 'a'",
     "invalid expression: invalid operator '<=>' in `WorkflowType <=> 'a'`"},
    {"ParentWorkflowId IS NULL", "(null ParentWorkflowId)"},
    {"ParentWorkflowId IS NOT NULL", "(!null ParentWorkflowId)"},
    {"MyBool IS TRUE",
     "invalid expression: 'IS' operator can only be used with 'NULL' or 'NOT NULL'"},
    {"ParentWorkflowId = NULL", "invalid expression: unexpected value type *sqlparser.NullVal"},
    {"ExecutionStatus = 'Running'", "(= ExecutionStatus 1)"},
    {"ExecutionStatus = 'WORKFLOW_EXECUTION_STATUS_TIMED_OUT'", "(= ExecutionStatus 7)"},
    {"ExecutionStatus IN (1, 'Completed')", "(in ExecutionStatus 1 2)"},
    {"ExecutionStatus = 'running'", "invalid expression: invalid ExecutionStatus value 'running'"},
    {"ExecutionStatus = 1.5", "invalid expression: unexpected value type float64 for search "
                              "attribute ExecutionStatus"},
    {"ExecutionDuration > '1m'", "(> ExecutionDuration 60000000000)"},
    {"ExecutionDuration > '00:01:00'", "(> ExecutionDuration 60000000000)"},
    {"ExecutionDuration > '60'", "(> ExecutionDuration 60)"},
    {"ExecutionDuration > 60", "(> ExecutionDuration 60)"},
    {"ExecutionDuration > 'x'",
     "invalid value for search attribute ExecutionDuration: x (invalid duration)"},
    {"StartTime > '1970-01-01T00:00:01Z'", "(> StartTime 1000000000)"},
    {"StartTime > '1970-01-01T01:00:00.5+01:00'", "(> StartTime 500000000)"},
    {"StartTime < 17", "(< StartTime 17)"},
    {"StartTime < 1.5", "invalid expression: unexpected value type float64 for search attribute "
                        "StartTime"},
    {"StartTime < '2024-02-30T00:00:00Z'",
     "invalid expression: unable to parse datetime '2024-02-30T00:00:00Z'"},
    {"StartTime < '2024-02-29T00:00:00Z'", "(< StartTime 1709164800000000000)"},
    {"StartTime < '9999-01-01T00:00:00Z'", "(< StartTime 9223372036854775807)"},
    {"StartTime < 'now'", "invalid expression: unable to parse datetime 'now'"},
    {"CloseTime > '1970-01-01T00:00:01Z'", "(or (> CloseTime 1000000000) (null CloseTime))"},
    {"CloseTime < '1970-01-01T00:00:01Z'", "(< CloseTime 1000000000)(!null CloseTime)"},
    {"CloseTime IS NULL", "(null CloseTime)"},
    {"HistoryLength > 5.5", "(> HistoryLength 5)"},
    {"HistoryLength < 5.5", "(< HistoryLength 6)"},
    {"HistoryLength = 5.5", "(between HistoryLength 1 0)"},
    {"HistoryLength != 5.5", "(!between HistoryLength 1 0)"},
    {"HistoryLength IN (5.5, 6)", "(in HistoryLength 6)"},
    {"HistoryLength BETWEEN 1.5 AND 3.5", "(between HistoryLength 2 3)"},
    {"HistoryLength = '7'", "(= HistoryLength 7)"},
    {"HistoryLength = 'x'", "invalid expression: invalid value type for search attribute "
                            "HistoryLength of type Int: x (type: string)"},
    {"HistoryLength = -7", "(= HistoryLength -7)"},
    {"HistoryLength = --7", ""},
    {"HistoryLength = 0x10", "invalid expression: unable to parse 0x10"},
    {"HistoryLength = 1 + 1", "invalid expression: unexpected value type *sqlparser.BinaryExpr"},
    {"HistoryLength = 9223372036854775807", "(= HistoryLength 9223372036854775807)"},
    {"HistoryLength < 99999999999999999999", "(< HistoryLength 9223372036854775807)"},
    {"MyDouble >= -1.5", "(>= *MyDouble -1.5)"},
    {"MyDouble >= 1e3", "(>= *MyDouble 1000)"},
    {"MyDouble = 'x'", "invalid expression: invalid value type for search attribute MyDouble of "
                       "type Double: x (type: string)"},
    {"MyBool = true", "(= *MyBool 1)"},
    {"MyBool != FALSE", "(!= *MyBool 0)"},
    {"MyBool = 'true'",
     "invalid expression: invalid value type for search attribute MyBool of type "
     "Bool: true (type: string)"},
    {"MyBool BETWEEN true AND false", "invalid expression: cannot do range condition on search "
                                      "attribute 'MyBool' of type Bool"},
    {"MyText = 'foo bar'", "(in *MyText 'foo' 'bar')"},
    {"MyText != 'foo'", "(or (!= *MyText 'foo') (null *MyText))"},
    {"MyText = ' '", "invalid expression: unexpected value for Text type search attribute (no "
                     "tokens found in ' ')"},
    {"MyText > 'a'",
     "invalid expression: operator '>' not supported for Text type search attribute "
     "in `MyText > 'a'`"},
    {"MyText = 5", "invalid expression: unexpected value type (expected string, got 5)"},
    {"MyList = 'a b'", "(= *MyList 'a b')"},
    {"MyList NOT IN ('a', 'b')", "(or (!in *MyList 'a' 'b') (null *MyList))"},
    {"MyList STARTS_WITH 'a'", "invalid expression: operator 'starts_with' not supported for "
                               "KeywordList type search attribute in `MyList starts_with 'a'`"},
    {"MyList IN ('a', 5)",
     "invalid expression: unexpected value type in tuple (expected string, got 5)"},
    {"MyTime >= 5 AND MyTime < 9 OR NOT MyInt = 1",
     "(or (and (>= *MyTime 5) (< *MyTime 9)) (not (= *MyInt 1)))"},
    {"MyInt=1 and (MyInt=2 or MyInt=3) and not not MyInt=4",
     "(= *MyInt 1)(or (= *MyInt 2) (= *MyInt 3))(not (not (= *MyInt 4)))"},
    {"MyInt=1 || MyInt=2 && MyInt=3", "(or (= *MyInt 1) (and (= *MyInt 2) (= *MyInt 3)))"},
    {"NOT MyInt IS NULL", "(not (null *MyInt))"},
    {"TemporalNamespaceDivision = 'x'", "any (= TemporalNamespaceDivision 'x')"},
    {"TemporalNamespaceDivision IS NULL OR TemporalNamespaceDivision IS NOT NULL",
     "any (or (null TemporalNamespaceDivision) (!null TemporalNamespaceDivision))"},
    {"GROUP BY ExecutionStatus", " by ExecutionStatus"},
    {"MyInt = 1 group by ExecutionStatus", "(= *MyInt 1) by ExecutionStatus"},
    {"GROUP BY WorkflowType", "operation is not supported: 'GROUP BY' clause is not supported for "
                              "search attribute WorkflowType"},
    {"GROUP BY ExecutionStatus, WorkflowType",
     "operation is not supported: 'GROUP BY' clause supports only a single field"},
    {"ORDER BY StartTime DESC", "operation is not supported: 'ORDER BY' clause"},
    {"MyInt = 1 LIMIT 5", "operation is not supported: 'LIMIT' clause"},
    {"MyInt", "invalid expression: incomplete expression"},
    {"'a' = MyInt", "invalid expression: must be a column name but was *sqlparser.SQLVal"},
    {"MyInt = MyInt", "operation is not supported: column name on the right side of comparison "
                      "expression (did you forget to quote 'MyInt'?)"},
    {"MyInt = abs(1)", "operation is not supported: nested func"},
    {"abs(1)", "operation is not supported: function expression"},
    {"5", "operation is not supported: expression of type *sqlparser.SQLVal"},
    {"MyInt = (1)", "invalid expression: unexpected value type *sqlparser.ParenExpr"},
    {"MyInt = (1, 2)", "invalid expression: unexpected value type sqlparser.ValTuple"},
    {"MyInt = ", "malformed SQL query: syntax error at position 9"},
    {"MyInt = 1 AND", "malformed SQL query: syntax error at position 14"},
    {"(MyInt = 1", "malformed SQL query: syntax error at position 11"},
    {"MyInt = 1)", "malformed SQL query: syntax error at position 10 near ')'"},
    {"MyInt = 1 2", "malformed SQL query: syntax error at position 11 near '2'"},
    {"MyInt = 'abc", "malformed SQL query: syntax error at position 9 near 'abc'"},
    {"MyInt == 1", "malformed SQL query: syntax error at position 8 near '='"},
    {"MyInt = 1x", "malformed SQL query: syntax error at position 9 near '1'"},
    {"a = b = c", "malformed SQL query: syntax error at position 7 near '='"},
    {"select = 1", "malformed SQL query: syntax error at position 1 near 'select'"},
};

TEST(parse_table)
{
    struct arena arena;

    arena_init(&arena);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *got = parsed(&arena, cases[i].text);

        if (strcmp(cases[i].text, "HistoryLength = --7") == 0)
            continue; /* the rest is a comment: see below */
        if (strcmp(got, cases[i].want) != 0)
            test_failed(__FILE__, __LINE__, "%s\n  gave %s\n  want %s", cases[i].text, got,
                        cases[i].want);
        arena_reset(&arena);
    }
    check_str(parsed(&arena, "HistoryLength = --7"),
              "malformed SQL query: syntax error at position 20");
    check_str(parsed(&arena, "HistoryLength = - -7"), "(= HistoryLength 7)");
    arena_release(&arena);
}

static const char *repeated(struct arena *arena, const char *head, const char *part, int times,
                            const char *tail)
{
    struct buf buf;

    buf_init(&buf, 0);
    buf_printf(&buf, "%s", head);
    for (int i = 0; i < times; i++)
        buf_printf(&buf, "%s", part);
    buf_printf(&buf, "%s", tail);
    const char *text = arena_str(arena, buf_slice(&buf));
    buf_release(&buf);
    return text;
}

TEST(parse_is_bounded)
{
    static const struct {
        const char *head, *part, *tail;
    } long_ones[] = {
        {"", "(", ""},
        {"", "NOT ", "MyInt = 1"},
        {"MyInt = ", "- ", "1"},
        {"MyInt = 1", " IS NULL", ""},
        {"MyInt = 1", "+1", ""},
        {"MyInt = 1", " AND MyInt = 1", ""},
        {"MyInt IN (1", ",1", ")"},
        {"MyInt = '", "a", "'"},
        {"a", ".a", " = 1"},
        {"MyText = '", "a ", "'"},
        {"f(", "f(", ""},
        {"MyList NOT IN ('a') OR MyInt = 1", " OR MyList NOT IN ('a')", ""},
    };
    struct arena arena;

    arena_init(&arena);
    for (size_t i = 0; i < COUNT_OF(long_ones); i++) {
        struct err_detail detail = {0};
        struct vis_query query;
        const char *text =
            repeated(&arena, long_ones[i].head, long_ones[i].part, 20000, long_ones[i].tail);

        check_err(vis_parse(&arena, slice_str(text), &custom, &query, &detail), ERR_INVALID);
        arena_reset(&arena);
    }
    arena_release(&arena);
}

/* What is accepted also travels. */
static void check_travels(struct arena *arena, const char *text)
{
    struct err_detail detail = {0};
    struct vis_query query, got;
    struct buf buf;

    const enum err err = vis_parse(arena, slice_str(text), &custom, &query, &detail);
    if (err != ERR_OK) {
        check_err(err, ERR_INVALID);
        check(detail.text[0] != '\0');
        return;
    }
    buf_init(&buf, 0);
    vis_query_encode(&query, &buf);
    if (vis_query_decode(arena, buf_slice(&buf), &got) != ERR_OK)
        test_failed(__FILE__, __LINE__, "does not travel: %s", text);
    buf_release(&buf);
}

TEST(parse_the_deepest)
{
    struct arena arena;
    struct buf buf;

    arena_init(&arena);
    buf_init(&buf, 0);
    for (int i = 0; i < VIS_DEPTH_MAX / 2 - 4; i++)
        buf_printf(&buf, "MyInt = 1 OR MyInt = 2 AND (");
    buf_printf(&buf, "MyInt = 1 OR MyInt = 2 AND CloseTime > 5");
    for (int i = 0; i < VIS_DEPTH_MAX / 2 - 4; i++)
        buf_printf(&buf, ")");
    const char *text = arena_str(&arena, buf_slice(&buf));
    struct vis_query query;
    struct err_detail detail = {0};
    check_ok(vis_parse(&arena, slice_str(text), &custom, &query, &detail));
    check_travels(&arena, text);
    buf_release(&buf);
    arena_release(&arena);
}

/* Mixtures of pieces of filters, and filters with bytes changed. */
TEST(parse_takes_any_bytes)
{
    static const char *const pieces[] = {" ",
                                         "(",
                                         ")",
                                         ",",
                                         "=",
                                         "!=",
                                         "<",
                                         ">=",
                                         "AND",
                                         " OR ",
                                         " NOT ",
                                         " IN ",
                                         " BETWEEN ",
                                         " IS ",
                                         " NULL ",
                                         " LIKE ",
                                         " STARTS_WITH ",
                                         " GROUP BY ",
                                         " ORDER BY ",
                                         " LIMIT ",
                                         "MyInt",
                                         "MyText",
                                         "MyList",
                                         "MyBool",
                                         "MyTime",
                                         "MyDouble",
                                         "CloseTime",
                                         "ExecutionStatus",
                                         "ExecutionDuration",
                                         "StartTime",
                                         "WorkflowId",
                                         "'a'",
                                         "'a b'",
                                         "\"",
                                         "'",
                                         "`",
                                         "\\",
                                         "1",
                                         "-",
                                         "1.5",
                                         "1e9",
                                         "0x1",
                                         "true",
                                         "false",
                                         "'1h'",
                                         "'2024-01-01T00:00:00Z'",
                                         "'Running'",
                                         ";",
                                         "--",
                                         "/*",
                                         "*/",
                                         "#",
                                         "\n",
                                         "\xff",
                                         ".",
                                         "x'",
                                         ":a",
                                         "@"};
    struct arena arena;
    struct rng rng;

    arena_init(&arena);
    rng_seed(&rng, 11);
    for (int i = 0; i < 30000; i++) {
        struct buf buf;

        buf_init(&buf, 0);
        if (i % 2) {
            for (uint64_t n = rng_below(&rng, 20); n > 0; n--)
                buf_printf(&buf, "%s", pieces[rng_below(&rng, COUNT_OF(pieces))]);
        } else {
            buf_printf(&buf, "%s", cases[rng_below(&rng, COUNT_OF(cases))].text);
            for (int n = 0; buf.len && n < 2; n++)
                buf.ptr[rng_below(&rng, buf.len)] = (uint8_t)(1 + rng_below(&rng, 255));
        }
        check_travels(&arena, arena_str(&arena, buf_slice(&buf)));
        buf_release(&buf);
        arena_reset(&arena);
    }
    arena_release(&arena);
}
