/* convert.c - a filter's syntax into a query: names get their types, literals become values of
 * them, and what SQL says of NULL where the reference reads otherwise is spelled out. */
#include "common/visibility/parse.h"
#include "common/visibility/syntax.h"

#include <math.h>
#include <stdlib.h>

#define NOT_SUPPORTED "invalid query: operation is not supported"
#define INVALID "invalid query: invalid expression"

enum { NEAR_MAX = 200 };

struct convert {
    struct arena *arena;
    const struct vis_custom *custom;
    struct err_detail *detail;
    uint32_t nodes, values;
    bool seen_division;
};

/* What the text names, and what stands on the left of a comparison. */
struct column {
    struct vis_name name;
    struct slice alias;
    bool is_status, is_duration, is_close_time;
};

struct literal {
    enum { LITERAL_TEXT, LITERAL_INT, LITERAL_REAL, LITERAL_BOOL } kind;
    struct slice text;
    int64_t number;
    double real;
};

#define FAIL(c, ...) (void)err_fail((c)->detail, ERR_INVALID, __VA_ARGS__)

/* As the reference's messages name them. */
static const char *kind_name(enum vis_syntax_kind kind)
{
    switch (kind) {
    case VIS_SYN_AND:
        return "*sqlparser.AndExpr";
    case VIS_SYN_OR:
        return "*sqlparser.OrExpr";
    case VIS_SYN_NOT:
        return "*sqlparser.NotExpr";
    case VIS_SYN_PAREN:
        return "*sqlparser.ParenExpr";
    case VIS_SYN_COMPARE:
        return "*sqlparser.ComparisonExpr";
    case VIS_SYN_RANGE:
        return "*sqlparser.RangeCond";
    case VIS_SYN_IS:
        return "*sqlparser.IsExpr";
    case VIS_SYN_NAME:
        return "*sqlparser.ColName";
    case VIS_SYN_STRING:
    case VIS_SYN_INT:
    case VIS_SYN_FLOAT:
    case VIS_SYN_ODD_NUMBER:
        return "*sqlparser.SQLVal";
    case VIS_SYN_BOOL:
        return "sqlparser.BoolVal";
    case VIS_SYN_NULL:
        return "*sqlparser.NullVal";
    case VIS_SYN_TUPLE:
        return "sqlparser.ValTuple";
    case VIS_SYN_FUNCTION:
        return "*sqlparser.FuncExpr";
    case VIS_SYN_UNARY:
        return "*sqlparser.UnaryExpr";
    case VIS_SYN_BINARY:
        return "*sqlparser.BinaryExpr";
    }
    return "";
}

static struct vis_node *new_node(struct convert *c, enum vis_kind kind, uint32_t children)
{
    if (++c->nodes >= VIS_NODES_MAX - 1) { /* one for the division */
        FAIL(c, INVALID ": more than %d conditions", VIS_NODES_MAX);
        return NULL;
    }
    struct vis_node *node = ARENA_NEW(c->arena, struct vis_node);
    node->kind = kind;
    if (children)
        node->children = ARENA_ARRAY(c->arena, struct vis_node *, children);
    return node;
}

static struct vis_node *new_compare(struct convert *c, const struct column *column, enum vis_op op,
                                    struct vis_value *values, uint32_t count)
{
    struct vis_node *node = new_node(c, VIS_COMPARE, 0);

    if (!node)
        return NULL;
    node->name = column->name.name;
    node->type = column->is_status ? VIS_INT : column->name.type;
    node->is_custom = column->name.is_custom;
    node->op = op;
    node->values = values;
    node->value_count = count;
    return node;
}

/* NULL when one of them is. */
static struct vis_node *join(struct convert *c, enum vis_kind kind, struct vis_node *left,
                             struct vis_node *right)
{
    struct vis_node *node = left && right ? new_node(c, kind, 2) : NULL;

    if (node) {
        node->children[node->child_count++] = left;
        node->children[node->child_count++] = right;
    }
    return node;
}

static struct vis_value *new_values(struct convert *c, uint32_t count)
{
    if (count > VIS_VALUES_MAX - c->values) {
        FAIL(c, INVALID ": more than %d values", VIS_VALUES_MAX);
        return NULL;
    }
    c->values += count;
    return ARENA_ARRAY(c->arena, struct vis_value, count);
}

static bool get_column(struct convert *c, const struct vis_syntax *syntax, struct column *out)
{
    if (syntax->kind != VIS_SYN_NAME) {
        FAIL(c, INVALID ": must be a column name but was %s", kind_name(syntax->kind));
        return false;
    }
    *out = (struct column){.alias = syntax->text};
    if (!vis_name_resolve(c->arena, syntax->text, c->custom, &out->name)) {
        FAIL(c, INVALID ": column name '" SLICE_FMT "' is not a valid search attribute",
             SLICE_ARG(syntax->text));
        return false;
    }
    if (!out->name.is_custom) {
        out->is_status = slice_eq(out->name.name, SLICE_LIT("ExecutionStatus"));
        out->is_duration = slice_eq(out->name.name, SLICE_LIT("ExecutionDuration"));
        out->is_close_time = slice_eq(out->name.name, SLICE_LIT("CloseTime"));
        c->seen_division |= slice_eq(out->name.name, SLICE_LIT("TemporalNamespaceDivision"));
    }
    return true;
}

/* -- literals ------------------------------------------------------------------------------- */

static bool number_parse(struct arena *arena, struct slice text, struct literal *out)
{
    const char *digits = arena_str(arena, text);
    char *end;

    if (text.len == 0 || strspn(digits, "0123456789+-.eE") != text.len)
        return false;
    const size_t sign = digits[0] == '-' || digits[0] == '+';
    if (strspn(digits + sign, "0123456789") == text.len - sign && text.len - sign <= 18) {
        out->kind = LITERAL_INT;
        out->number = strtoll(digits, &end, 10);
        return end != digits && *end == '\0';
    }
    out->kind = LITERAL_REAL;
    out->real = strtod(digits, &end);
    if (end == digits || *end != '\0' || !isfinite(out->real))
        return false;
    if (strspn(digits + sign, "0123456789") == text.len - sign && fabs(out->real) < 9.3e18) {
        char *last;
        const long long whole = strtoll(digits, &last, 10);

        if ((whole != INT64_MAX && whole != INT64_MIN) || (double)whole != out->real)
            *out = (struct literal){.kind = LITERAL_INT, .number = whole};
        else if (strcmp(digits + sign, "9223372036854775807") == 0 ||
                 strcmp(digits, "-9223372036854775808") == 0)
            *out = (struct literal){.kind = LITERAL_INT, .number = whole};
    }
    return true;
}

static bool get_literal(struct convert *c, const struct vis_syntax *syntax, struct literal *out)
{
    *out = (struct literal){.text = syntax->text};
    switch (syntax->kind) {
    case VIS_SYN_STRING:
        out->kind = LITERAL_TEXT;
        return true;
    case VIS_SYN_BOOL:
        out->kind = LITERAL_BOOL;
        out->number = slice_eq(syntax->text, SLICE_LIT("true"));
        return true;
    case VIS_SYN_INT:
    case VIS_SYN_FLOAT:
        if (number_parse(c->arena, syntax->text, out))
            return true;
        FAIL(c, "invalid expression: unable to parse " SLICE_FMT, SLICE_ARG(syntax->text));
        return false;
    case VIS_SYN_ODD_NUMBER:
        FAIL(c, "invalid expression: unable to parse " SLICE_FMT, SLICE_ARG(syntax->text));
        return false;
    case VIS_SYN_FUNCTION:
        FAIL(c, NOT_SUPPORTED ": nested func");
        return false;
    case VIS_SYN_NAME:
        FAIL(c,
             NOT_SUPPORTED ": column name on the right side of comparison expression (did you "
                           "forget to quote '" SLICE_FMT "'?)",
             SLICE_ARG(syntax->text));
        return false;
    case VIS_SYN_AND:
    case VIS_SYN_OR:
    case VIS_SYN_NOT:
    case VIS_SYN_PAREN:
    case VIS_SYN_COMPARE:
    case VIS_SYN_RANGE:
    case VIS_SYN_IS:
    case VIS_SYN_NULL:
    case VIS_SYN_TUPLE:
    case VIS_SYN_UNARY:
    case VIS_SYN_BINARY:
        break;
    }
    FAIL(c, INVALID ": unexpected value type %s", kind_name(syntax->kind));
    return false;
}

static const char *go_type(const struct literal *literal)
{
    static const char *const types[] = {"string", "int64", "float64", "bool"};

    return types[literal->kind];
}

static bool wrong_type(struct convert *c, const struct column *column,
                       const struct literal *literal)
{
    FAIL(c,
         INVALID ": invalid value type for search attribute " SLICE_FMT " of type %s: " SLICE_FMT
                 " (type: %s)",
         SLICE_ARG(column->alias), vis_type_name(column->name.type), SLICE_ARG(literal->text),
         go_type(literal));
    return false;
}

static bool unexpected_type(struct convert *c, const struct column *column,
                            const struct literal *literal)
{
    FAIL(c, INVALID ": unexpected value type %s for search attribute " SLICE_FMT, go_type(literal),
         SLICE_ARG(column->alias));
    return false;
}

static bool status_value(struct convert *c, const struct column *column, struct literal *literal)
{
    if (literal->kind == LITERAL_REAL)
        return unexpected_type(c, column, literal);
    if (literal->kind == LITERAL_TEXT && !vis_status_parse(literal->text, &literal->number)) {
        FAIL(c, INVALID ": invalid ExecutionStatus value '" SLICE_FMT "'",
             SLICE_ARG(literal->text));
        return false;
    }
    literal->kind = LITERAL_INT;
    return true;
}

static bool duration_value(struct convert *c, const struct column *column, struct literal *literal)
{
    if (literal->kind != LITERAL_TEXT)
        return true;
    const char *why = vis_duration_parse(literal->text, &literal->number);
    if (why) {
        FAIL(c,
             "invalid query: invalid value for search attribute " SLICE_FMT ": " SLICE_FMT " (%s)",
             SLICE_ARG(column->alias), SLICE_ARG(literal->text), why);
        return false;
    }
    literal->kind = LITERAL_INT;
    return true;
}

static bool datetime_value(struct convert *c, const struct column *column, struct literal *literal)
{
    if (literal->kind == LITERAL_INT)
        return true;
    if (literal->kind != LITERAL_TEXT)
        return unexpected_type(c, column, literal);
    if (!vis_datetime_parse(literal->text, &literal->number)) {
        FAIL(c, INVALID ": unable to parse datetime '" SLICE_FMT "'", SLICE_ARG(literal->text));
        return false;
    }
    return true;
}

static struct slice keyword_of(struct arena *arena, const struct literal *literal)
{
    switch (literal->kind) {
    case LITERAL_TEXT:
        break;
    case LITERAL_INT:
    case LITERAL_BOOL:
        return slice_str(arena_printf(arena, "%lld", (long long)literal->number));
    case LITERAL_REAL:
        return slice_str(arena_printf(arena, "%.15g", literal->real));
    }
    return literal->text;
}

/* A literal as a value of the column; of a column of whole numbers it may stay a fraction:
 * literal->kind tells. */
static bool get_value(struct convert *c, const struct column *column,
                      const struct vis_syntax *syntax, struct literal *literal,
                      struct vis_value *out)
{
    bool fine = get_literal(c, syntax, literal);

    if (fine && column->is_status)
        fine = status_value(c, column, literal);
    else if (fine && column->is_duration)
        fine = duration_value(c, column, literal);
    else if (fine && column->name.type == VIS_DATETIME)
        fine = datetime_value(c, column, literal);
    if (!fine)
        return false;
    const bool is_number = column->name.type == VIS_INT || column->name.type == VIS_DOUBLE;
    if (is_number && literal->kind == LITERAL_TEXT) {
        const struct slice text = literal->text;

        if (!number_parse(c->arena, text, literal))
            return wrong_type(c, column, &(struct literal){.kind = LITERAL_TEXT, .text = text});
    }
    if ((column->name.type == VIS_BOOL &&
         (literal->kind == LITERAL_TEXT || literal->kind == LITERAL_REAL)) ||
        (column->name.type == VIS_DOUBLE && literal->kind == LITERAL_BOOL))
        return wrong_type(c, column, literal);
    *out = (struct vis_value){.number = literal->number};
    if (column->name.type == VIS_KEYWORD && !column->is_status)
        *out = (struct vis_value){.text = keyword_of(c->arena, literal)};
    else if (column->name.type == VIS_DOUBLE)
        *out = (struct vis_value){.real = literal->kind == LITERAL_REAL ? literal->real
                                                                        : (double)literal->number};
    return true;
}

static int64_t clip(double whole)
{
    return whole >= 9.2233720368547748e18    ? INT64_MAX
           : whole <= -9.2233720368547758e18 ? INT64_MIN
                                             : (int64_t)whole;
}

/* A whole number that stands for a fraction beside it; false: nothing can be equal to it. */
static bool settle(enum vis_op op, const struct column *column, const struct literal *literal,
                   bool is_upper, struct vis_value *value)
{
    if (literal->kind != LITERAL_REAL || column->name.type != VIS_INT)
        return true;
    const bool down = op == VIS_LE || op == VIS_GT || is_upper;
    value->number = clip(down ? floor(literal->real) : ceil(literal->real));
    return down || op == VIS_LT || op == VIS_GE || op == VIS_BETWEEN || op == VIS_NOT_BETWEEN ||
           floor(literal->real) == literal->real;
}

/* -- comparisons ---------------------------------------------------------------------------- */

static bool get_operator(struct slice text, enum vis_op *out)
{
    static const struct {
        const char *text;
        enum vis_op op;
    } operators[] = {
        {"=", VIS_EQ},
        {"!=", VIS_NE},
        {"<", VIS_LT},
        {"<=", VIS_LE},
        {">", VIS_GT},
        {">=", VIS_GE},
        {"in", VIS_IN},
        {"not in", VIS_NOT_IN},
        {"starts_with", VIS_STARTS_WITH},
        {"not starts_with", VIS_NOT_STARTS_WITH},
    };

    for (size_t i = 0; i < COUNT_OF(operators); i++)
        if (slice_eq(text, slice_str(operators[i].text))) {
            *out = operators[i].op;
            return true;
        }
    return false;
}

static bool negates(enum vis_op op)
{
    return op == VIS_NE || op == VIS_NOT_IN || op == VIS_NOT_STARTS_WITH;
}

/* False for every execution that has the attribute (or, negated, true). */
static struct vis_node *never(struct convert *c, const struct column *column, bool negated)
{
    struct vis_value *range = new_values(c, 2);

    if (!range)
        return NULL;
    range[0].number = 1;
    return new_compare(c, column, negated ? VIS_NOT_BETWEEN : VIS_BETWEEN, range, 2);
}

static bool holds_of_number(enum vis_op op, int64_t x, const struct vis_value *values,
                            uint32_t count)
{
    bool in = false;

    for (uint32_t i = 0; i < count; i++)
        in |= values[i].number == x;
    switch (op) {
    case VIS_EQ:
    case VIS_IN:
        return in;
    case VIS_NE:
    case VIS_NOT_IN:
        return !in;
    case VIS_LT:
        return x < values[0].number;
    case VIS_LE:
        return x <= values[0].number;
    case VIS_GT:
        return x > values[0].number;
    case VIS_GE:
        return x >= values[0].number;
    case VIS_BETWEEN:
        return values[0].number <= x && x <= values[1].number;
    case VIS_NOT_BETWEEN:
        return !(values[0].number <= x && x <= values[1].number);
    case VIS_STARTS_WITH:
    case VIS_NOT_STARTS_WITH:
    case VIS_IS_NULL:
    case VIS_IS_NOT_NULL:
        break;
    }
    return false;
}

/* A running execution closes at the end of time. */
static struct vis_node *of_close_time(struct convert *c, const struct column *column,
                                      struct vis_node *compare)
{
    if (!column->is_close_time || !compare)
        return compare;
    const bool open_too =
        holds_of_number(compare->op, INT64_MAX, compare->values, compare->value_count);
    return join(c, open_too ? VIS_OR : VIS_AND, compare,
                new_compare(c, column, open_too ? VIS_IS_NULL : VIS_IS_NOT_NULL, NULL, 0));
}

/* Where it is lacking, it is not equal. */
static struct vis_node *or_lacking(struct convert *c, const struct column *column, enum vis_op op,
                                   struct vis_node *compare)
{
    if (!negates(op))
        return compare;
    return join(c, VIS_OR, compare, new_compare(c, column, VIS_IS_NULL, NULL, 0));
}

static struct vis_node *not_for_type(struct convert *c, const struct column *column,
                                     const struct vis_syntax *compare)
{
    FAIL(c, INVALID ": operator '" SLICE_FMT "' not supported for %s type search attribute in `%s`",
         SLICE_ARG(compare->text), vis_type_name(column->name.type),
         vis_syntax_text(c->arena, compare));
    return NULL;
}

/* The words of the value: one of them suffices. */
static struct vis_node *compare_text(struct convert *c, const struct column *column, enum vis_op op,
                                     const struct vis_syntax *compare)
{
    const struct vis_syntax *right = compare->parts[1];
    struct literal literal;
    uint32_t count = 0;

    if (right->kind != VIS_SYN_TUPLE && !get_literal(c, right, &literal))
        return NULL;
    if (op != VIS_EQ && op != VIS_NE)
        return not_for_type(c, column, compare);
    if (right->kind != VIS_SYN_STRING) {
        FAIL(c, INVALID ": unexpected value type (expected string, got %s)",
             vis_syntax_text(c->arena, right));
        return NULL;
    }
    const struct slice text = right->text;
    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] != ' ' && (i == 0 || text.ptr[i - 1] == ' ');
    if (count == 0) {
        FAIL(c, INVALID ": unexpected value for Text type search attribute (no tokens found in %s)",
             vis_syntax_text(c->arena, right));
        return NULL;
    }
    struct vis_value *values = new_values(c, count);
    if (!values)
        return NULL;
    size_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        while (text.ptr[at] == ' ')
            at++;
        const size_t from = at;
        while (at < text.len && text.ptr[at] != ' ')
            at++;
        values[i].text = slice_of(text.ptr + from, at - from);
    }
    enum vis_op with = op;
    if (count > 1)
        with = op == VIS_EQ ? VIS_IN : VIS_NOT_IN;
    return or_lacking(c, column, op, new_compare(c, column, with, values, count));
}

/* `right` is one value, or a list where the operator wants one. */
static bool right_side(struct convert *c, enum vis_op op, const struct vis_syntax *right,
                       struct vis_syntax *const **items, uint32_t *count,
                       struct vis_syntax *const *single)
{
    const bool is_list = op == VIS_IN || op == VIS_NOT_IN;

    *items = is_list ? right->parts : single;
    *count = is_list ? right->count : 1;
    if (!is_list && right->kind == VIS_SYN_TUPLE) {
        FAIL(c, INVALID ": unexpected value type sqlparser.ValTuple");
        return false;
    }
    return true;
}

static struct vis_node *compare_list(struct convert *c, const struct column *column, enum vis_op op,
                                     const struct vis_syntax *compare)
{
    struct vis_syntax *const *items;
    struct literal literal;
    uint32_t count;

    if (op != VIS_EQ && op != VIS_NE && op != VIS_IN && op != VIS_NOT_IN)
        return not_for_type(c, column, compare);
    if (!right_side(c, op, compare->parts[1], &items, &count, &compare->parts[1]))
        return NULL;
    struct vis_value *values = new_values(c, count);
    if (!values)
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        if (!get_literal(c, items[i], &literal))
            return NULL;
        if (literal.kind != LITERAL_TEXT) {
            FAIL(c, INVALID ": unexpected value type%s (expected string, got %s)",
                 op == VIS_IN || op == VIS_NOT_IN ? " in tuple" : "",
                 vis_syntax_text(c->arena, items[i]));
            return NULL;
        }
        values[i].text = literal.text;
    }
    return or_lacking(c, column, op, new_compare(c, column, op, values, count));
}

static struct vis_node *compare_prefix(struct convert *c, const struct column *column,
                                       enum vis_op op, const struct vis_syntax *compare)
{
    const struct vis_syntax *right = compare->parts[1];
    struct literal literal;

    if (right->kind != VIS_SYN_TUPLE && (!get_literal(c, right, &literal) ||
                                         (column->is_status && !status_value(c, column, &literal))))
        return NULL;
    if (column->name.type != VIS_KEYWORD) {
        FAIL(c,
             NOT_SUPPORTED ": operator '%s' not supported for %s type search attribute '" SLICE_FMT
                           "'",
             op == VIS_STARTS_WITH ? "STARTS_WITH" : "NOT STARTS_WITH",
             vis_type_name(column->name.type), SLICE_ARG(column->alias));
        return NULL;
    }
    if (right->kind != VIS_SYN_STRING || column->is_status) {
        FAIL(c, INVALID ": right-hand side of '" SLICE_FMT "' must be a literal string (got: %s)",
             SLICE_ARG(compare->text), vis_syntax_text(c->arena, right));
        return NULL;
    }
    struct vis_value *value = new_values(c, 1);
    if (!value)
        return NULL;
    value->text = right->text;
    return new_compare(c, column, op, value, 1);
}

static struct vis_node *convert_compare(struct convert *c, const struct vis_syntax *compare)
{
    struct vis_syntax *const *items;
    struct column column;
    struct literal literal;
    enum vis_op op;
    uint32_t count, kept = 0;

    if (!get_operator(compare->text, &op)) {
        FAIL(c, INVALID ": invalid operator '" SLICE_FMT "' in `%s`", SLICE_ARG(compare->text),
             vis_syntax_text(c->arena, compare));
        return NULL;
    }
    if (!get_column(c, compare->parts[0], &column))
        return NULL;
    if (column.name.type == VIS_TEXT)
        return compare_text(c, &column, op, compare);
    if (column.name.type == VIS_KEYWORD_LIST)
        return compare_list(c, &column, op, compare);
    if (op == VIS_STARTS_WITH || op == VIS_NOT_STARTS_WITH)
        return compare_prefix(c, &column, op, compare);
    if (!right_side(c, op, compare->parts[1], &items, &count, &compare->parts[1]))
        return NULL;
    struct vis_value *values = new_values(c, count);
    if (!values)
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        if (!get_value(c, &column, items[i], &literal, &values[kept]))
            return NULL;
        kept += settle(op, &column, &literal, false, &values[kept]);
    }
    if (kept == 0)
        return never(c, &column, negates(op));
    return of_close_time(c, &column, new_compare(c, &column, op, values, kept));
}

static struct vis_node *convert_range(struct convert *c, const struct vis_syntax *range)
{
    const enum vis_op op =
        slice_eq(range->text, SLICE_LIT("between")) ? VIS_BETWEEN : VIS_NOT_BETWEEN;
    struct column column;
    struct literal literal;

    if (!get_column(c, range->parts[0], &column))
        return NULL;
    if (column.name.type != VIS_DATETIME && column.name.type != VIS_DOUBLE &&
        column.name.type != VIS_INT && column.name.type != VIS_KEYWORD) {
        FAIL(c,
             INVALID ": cannot do range condition on search attribute '" SLICE_FMT "' of type %s",
             SLICE_ARG(column.alias), vis_type_name(column.name.type));
        return NULL;
    }
    struct vis_value *values = new_values(c, 2);
    if (!values)
        return NULL;
    for (uint32_t i = 0; i < 2; i++) {
        if (!get_value(c, &column, range->parts[i + 1], &literal, &values[i]))
            return NULL;
        (void)settle(op, &column, &literal, i == 1, &values[i]);
    }
    return of_close_time(c, &column, new_compare(c, &column, op, values, 2));
}

static struct vis_node *convert_is(struct convert *c, const struct vis_syntax *is)
{
    struct column column;

    if (!get_column(c, is->parts[0], &column))
        return NULL;
    if (slice_eq(is->text, SLICE_LIT("is null")))
        return new_compare(c, &column, VIS_IS_NULL, NULL, 0);
    if (slice_eq(is->text, SLICE_LIT("is not null")))
        return new_compare(c, &column, VIS_IS_NOT_NULL, NULL, 0);
    FAIL(c, INVALID ": 'IS' operator can only be used with 'NULL' or 'NOT NULL'");
    return NULL;
}

/* As deep as the syntax, which the parser bounds. */
static struct vis_node *convert_where(struct convert *c, const struct vis_syntax *syntax)
{
    struct vis_node *node;

    switch (syntax->kind) {
    case VIS_SYN_PAREN:
        return convert_where(c, syntax->parts[0]);
    case VIS_SYN_AND:
    case VIS_SYN_OR:
    case VIS_SYN_NOT:
        node = new_node(c,
                        syntax->kind == VIS_SYN_AND  ? VIS_AND
                        : syntax->kind == VIS_SYN_OR ? VIS_OR
                                                     : VIS_NOT,
                        syntax->count);
        for (uint32_t i = 0; node && i < syntax->count; i++) {
            node->children[i] = convert_where(c, syntax->parts[i]);
            if (!node->children[i])
                return NULL;
            node->child_count++;
        }
        return node;
    case VIS_SYN_COMPARE:
        return convert_compare(c, syntax);
    case VIS_SYN_RANGE:
        return convert_range(c, syntax);
    case VIS_SYN_IS:
        return convert_is(c, syntax);
    case VIS_SYN_FUNCTION:
        FAIL(c, NOT_SUPPORTED ": function expression");
        return NULL;
    case VIS_SYN_NAME:
        FAIL(c, INVALID ": incomplete expression");
        return NULL;
    case VIS_SYN_STRING:
    case VIS_SYN_INT:
    case VIS_SYN_FLOAT:
    case VIS_SYN_ODD_NUMBER:
    case VIS_SYN_BOOL:
    case VIS_SYN_NULL:
    case VIS_SYN_TUPLE:
    case VIS_SYN_UNARY:
    case VIS_SYN_BINARY:
        break;
    }
    FAIL(c, NOT_SUPPORTED ": expression of type %s", kind_name(syntax->kind));
    return NULL;
}

static bool convert_groups(struct convert *c, const struct vis_statement *statement,
                           struct vis_query *out)
{
    struct column column;

    if (statement->group_count > VIS_GROUPS_MAX) {
        FAIL(c, NOT_SUPPORTED ": 'GROUP BY' clause supports only a single field");
        return false;
    }
    for (uint32_t i = 0; i < statement->group_count; i++) {
        if (!get_column(c, statement->group_by[i], &column))
            return false;
        if (!column.is_status &&
            (column.name.is_custom ||
             !slice_eq(column.name.name, SLICE_LIT("TemporalNamespaceDivision")))) {
            FAIL(c,
                 NOT_SUPPORTED
                 ": 'GROUP BY' clause is not supported for search attribute " SLICE_FMT,
                 SLICE_ARG(column.alias));
            return false;
        }
        out->group_by[out->group_count++] =
            (struct vis_group){column.name.name, column.name.type, column.name.is_custom};
    }
    return true;
}

/* Executions of a division are found by those who name it. */
static struct vis_node *within_division(struct convert *c, struct vis_node *where)
{
    const struct column division = {
        .name = {SLICE_LIT("TemporalNamespaceDivision"), VIS_KEYWORD, false}};
    struct vis_node *none = new_compare(c, &division, VIS_IS_NULL, NULL, 0);

    if (!where || !none)
        return none;
    if (where->kind != VIS_AND)
        return join(c, VIS_AND, none, where);
    struct vis_node *all = new_node(c, VIS_AND, where->child_count + 1);
    if (!all)
        return NULL;
    all->children[all->child_count++] = none;
    for (uint32_t i = 0; i < where->child_count; i++)
        all->children[all->child_count++] = where->children[i];
    return all;
}

static enum err syntax_error(const struct vis_syntax_error *error, struct err_detail *detail)
{
    const struct slice near = error->near;

    if (error->at == error->end)
        return err_fail(detail, ERR_INVALID,
                        "invalid query: malformed SQL query: %s at position %zu", error->what,
                        error->at + 1);
    return err_fail(detail, ERR_INVALID,
                    "invalid query: malformed SQL query: %s at position %zu near '%.*s'",
                    error->what, error->at + 1, (int)(near.len < NEAR_MAX ? near.len : NEAR_MAX),
                    (const char *)near.ptr);
}

enum err vis_parse(struct arena *arena, struct slice text, const struct vis_custom *custom,
                   struct vis_query *out, struct err_detail *detail)
{
    struct convert c = {.arena = arena, .custom = custom, .detail = detail};
    struct vis_statement statement;
    struct vis_syntax_error error;

    if (!vis_syntax_parse(arena, text, &statement, &error))
        return syntax_error(&error, detail);
    if (statement.has_order)
        return err_fail(detail, ERR_INVALID, NOT_SUPPORTED ": 'ORDER BY' clause");
    if (statement.has_limit)
        return err_fail(detail, ERR_INVALID, NOT_SUPPORTED ": 'LIMIT' clause");
    *out = (struct vis_query){0};
    if (statement.where) {
        out->where = convert_where(&c, statement.where);
        if (!out->where)
            return ERR_INVALID;
    }
    if (!convert_groups(&c, &statement, out))
        return ERR_INVALID;
    if (!c.seen_division) {
        out->where = within_division(&c, out->where);
        if (!out->where)
            return ERR_INVALID;
    }
    return ERR_OK;
}
