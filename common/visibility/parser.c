/* parser.c - recursive descent over the grammar of syntax.h. Its depth is VIS_NESTING_MAX. */
#include "common/base/buf.h"
#include "common/visibility/lexer.h"
#include "common/visibility/query.h"
#include "common/visibility/syntax.h"

#include <ctype.h>

struct parser {
    struct arena *arena;
    struct slice text;
    struct vis_token token; /* the next one */
    struct vis_syntax_error *error;
    uint32_t nesting, nodes;
    bool failed;
};

enum { NAME_MAX_BYTES = 800, SYNTAX_NODES_MAX = 4 * VIS_NODES_MAX + VIS_VALUES_MAX };

static void advance(struct parser *p)
{
    p->token = vis_lex(p->arena, p->text, p->token.end);
}

static void *fail(struct parser *p, const char *what)
{
    const struct vis_token *token = &p->token;

    if (p->failed)
        return NULL;
    p->failed = true;
    *p->error = (struct vis_syntax_error){
        .what = what,
        .at = token->at,
        .end = token->end,
        .near = token->text,
        .sign =
            token->kind == VIS_TOK_SIGN ||
            (token->kind == VIS_TOK_BAD && token->text.len == 1 && !isalnum(token->text.ptr[0])),
    };
    return NULL;
}

static bool is_word(const struct parser *p, const char *word)
{
    return p->token.kind == VIS_TOK_WORD && slice_eq(p->token.text, slice_str(word));
}

static bool is_sign(const struct parser *p, const char *sign)
{
    return p->token.kind == VIS_TOK_SIGN && slice_eq(p->token.text, slice_str(sign));
}

static bool take_word(struct parser *p, const char *word)
{
    const bool there = is_word(p, word);

    if (there)
        advance(p);
    return there;
}

static bool take_sign(struct parser *p, const char *sign)
{
    const bool there = is_sign(p, sign);

    if (there)
        advance(p);
    return there;
}

static struct vis_syntax *node(struct parser *p, enum vis_syntax_kind kind, struct slice text)
{
    if (p->failed)
        return NULL;
    if (++p->nodes > SYNTAX_NODES_MAX)
        return fail(p, "too long a filter");
    struct vis_syntax *made = ARENA_NEW(p->arena, struct vis_syntax);
    made->kind = kind;
    made->text = text;
    return made;
}

/* Nothing when one of them failed. */
static struct vis_syntax *add(struct parser *p, struct vis_syntax *to, struct vis_syntax *part)
{
    if (!to || !part || p->failed)
        return NULL;
    if (to->count == to->cap) {
        struct vis_syntax **old = to->parts;

        to->cap = to->cap ? to->cap * 2 : 4;
        to->parts = ARENA_ARRAY(p->arena, struct vis_syntax *, to->cap);
        if (to->count)
            memcpy(to->parts, old, to->count * sizeof(struct vis_syntax *));
    }
    to->parts[to->count++] = part;
    return to;
}

static bool enter(struct parser *p)
{
    if (p->nesting == VIS_NESTING_MAX) {
        fail(p, "too deep a nesting");
        return false;
    }
    p->nesting++;
    return true;
}

static struct vis_syntax *parse_expression(struct parser *p);

/* Behind the opening bracket. */
static struct vis_syntax *parse_list(struct parser *p, struct vis_syntax *into)
{
    if (!enter(p))
        return NULL;
    do
        into = add(p, into, parse_expression(p));
    while (into && take_sign(p, ","));
    p->nesting--;
    if (into && !take_sign(p, ")"))
        return fail(p, "syntax error");
    return into;
}

static struct vis_syntax *parse_name(struct parser *p)
{
    struct slice name = p->token.text;

    advance(p);
    if (take_sign(p, "(")) {
        struct vis_syntax *call = node(p, VIS_SYN_FUNCTION, name);

        if (is_sign(p, "*"))
            advance(p);
        return take_sign(p, ")") ? call : parse_list(p, call);
    }
    while (take_sign(p, ".")) { /* a qualified name is one name with dots */
        if (p->token.kind != VIS_TOK_NAME && p->token.kind != VIS_TOK_WORD)
            return fail(p, "syntax error");
        name = slice_str(arena_printf(p->arena, SLICE_FMT "." SLICE_FMT, SLICE_ARG(name),
                                      SLICE_ARG(p->token.text)));
        advance(p);
        if (name.len > NAME_MAX_BYTES)
            return fail(p, "too long a name");
    }
    return node(p, VIS_SYN_NAME, name);
}

static struct vis_syntax *parse_term(struct parser *p);

static struct vis_syntax *parse_signed(struct parser *p)
{
    const struct slice sign = p->token.text;

    advance(p);
    if (!enter(p))
        return NULL;
    struct vis_syntax *of = parse_term(p);
    p->nesting--;
    if (!of)
        return NULL;
    if ((of->kind == VIS_SYN_INT || of->kind == VIS_SYN_FLOAT) && sign.ptr[0] != '~' &&
        sign.ptr[0] != '!') {
        if (sign.ptr[0] == '+')
            return of;
        if (of->text.ptr[0] == '-')
            of->text = slice_of(of->text.ptr + 1, of->text.len - 1);
        else
            of->text = slice_str(arena_printf(p->arena, "-" SLICE_FMT, SLICE_ARG(of->text)));
        return of;
    }
    return add(p, node(p, VIS_SYN_UNARY, sign), of);
}

static struct vis_syntax *parse_literal(struct parser *p, enum vis_syntax_kind kind)
{
    const struct slice text = p->token.text;

    advance(p);
    return node(p, kind, text);
}

static struct vis_syntax *parse_term(struct parser *p)
{
    switch (p->token.kind) {
    case VIS_TOK_NAME:
        return parse_name(p);
    case VIS_TOK_STRING:
        return parse_literal(p, VIS_SYN_STRING);
    case VIS_TOK_INT:
        return parse_literal(p, VIS_SYN_INT);
    case VIS_TOK_FLOAT:
        return parse_literal(p, VIS_SYN_FLOAT);
    case VIS_TOK_ODD_NUMBER:
        return parse_literal(p, VIS_SYN_ODD_NUMBER);
    case VIS_TOK_WORD:
        if (is_word(p, "true") || is_word(p, "false"))
            return parse_literal(p, VIS_SYN_BOOL);
        if (is_word(p, "null"))
            return parse_literal(p, VIS_SYN_NULL);
        break;
    case VIS_TOK_SIGN:
        if (take_sign(p, "(")) {
            struct vis_syntax *list = parse_list(p, node(p, VIS_SYN_TUPLE, SLICE_EMPTY));

            if (list && list->count == 1)
                list->kind = VIS_SYN_PAREN;
            return list;
        }
        if (is_sign(p, "-") || is_sign(p, "+") || is_sign(p, "!") || is_sign(p, "~"))
            return parse_signed(p);
        break;
    case VIS_TOK_END:
    case VIS_TOK_BAD:
        break;
    }
    return fail(p, "syntax error");
}

/* Arithmetic has no meaning in a filter: all of its terms are parts of one node. */
static struct vis_syntax *parse_value(struct parser *p)
{
    static const char *const signs[] = {"+", "-", "*", "/", "%", "^", "&", "|", "<<", ">>"};
    struct vis_syntax *value = parse_term(p), *terms = NULL;

    for (size_t i = 0; value && i < COUNT_OF(signs); i++)
        if (is_sign(p, signs[i])) {
            if (!terms)
                terms = add(p, node(p, VIS_SYN_BINARY, p->token.text), value);
            advance(p);
            value = terms = add(p, terms, terms ? parse_term(p) : NULL);
            i = (size_t)-1; /* once more from the first */
        }
    return value;
}

static struct vis_syntax *finish_compare(struct parser *p, struct vis_syntax *left,
                                         const char *operator, struct vis_syntax * right)
{
    return add(p, add(p, node(p, VIS_SYN_COMPARE, slice_str(operator)), left), right);
}

static struct vis_syntax *parse_in(struct parser *p, struct vis_syntax *left, bool negated)
{
    if (!take_sign(p, "("))
        return fail(p, "syntax error");
    return finish_compare(p, left, negated ? "not in" : "in",
                          parse_list(p, node(p, VIS_SYN_TUPLE, SLICE_EMPTY)));
}

static struct vis_syntax *parse_between(struct parser *p, struct vis_syntax *left, bool negated)
{
    struct vis_syntax *range =
        node(p, VIS_SYN_RANGE, slice_str(negated ? "not between" : "between"));

    range = add(p, add(p, range, left), parse_value(p));
    if (range && !take_word(p, "and"))
        return fail(p, "syntax error");
    return add(p, range, range ? parse_value(p) : NULL);
}

static struct vis_syntax *parse_worded(struct parser *p, struct vis_syntax *left, bool negated)
{
    static const char *const words[][2] = {
        {"like", "not like"}, {"regexp", "not regexp"}, {"starts_with", "not starts_with"}};

    if (take_word(p, "in"))
        return parse_in(p, left, negated);
    if (take_word(p, "between"))
        return parse_between(p, left, negated);
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (take_word(p, words[i][0])) {
            struct vis_syntax *compare = finish_compare(p, left, words[i][negated], parse_value(p));

            if (compare && i == 0 && take_word(p, "escape") && !parse_value(p))
                return NULL;
            return compare;
        }
    return negated ? fail(p, "syntax error") : left;
}

static struct vis_syntax *parse_condition(struct parser *p)
{
    static const char *const signs[][2] = {{"=", "="},   {"!=", "!="},  {"<>", "!="},
                                           {"<", "<"},   {"<=", "<="},  {">", ">"},
                                           {">=", ">="}, {"<=>", "<=>"}};
    struct vis_syntax *left = parse_value(p);

    if (!left)
        return NULL;
    for (size_t i = 0; i < COUNT_OF(signs); i++)
        if (take_sign(p, signs[i][0]))
            return finish_compare(p, left, signs[i][1], parse_value(p));
    return parse_worded(p, left, take_word(p, "not"));
}

static struct vis_syntax *parse_is(struct parser *p, struct vis_syntax *left)
{
    static const char *const words[][3] = {{"null", "is null", "is not null"},
                                           {"true", "is true", "is not true"},
                                           {"false", "is false", "is not false"}};
    const bool negated = take_word(p, "not");

    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (take_word(p, words[i][0]))
            return add(p, node(p, VIS_SYN_IS, slice_str(words[i][negated ? 2 : 1])), left);
    return fail(p, "syntax error");
}

static struct vis_syntax *parse_negation(struct parser *p)
{
    if (take_word(p, "not")) {
        if (!enter(p))
            return NULL;
        struct vis_syntax *of = parse_negation(p);
        p->nesting--;
        return add(p, node(p, VIS_SYN_NOT, SLICE_EMPTY), of);
    }
    struct vis_syntax *condition = parse_condition(p);
    while (condition && take_word(p, "is"))
        condition = parse_is(p, condition);
    return condition;
}

/* Chains of AND and OR are one node with many parts. */
static struct vis_syntax *parse_chain(struct parser *p, enum vis_syntax_kind kind)
{
    const char *word = kind == VIS_SYN_AND ? "and" : "or",
               *sign = kind == VIS_SYN_AND ? "&&" : "||";
    struct vis_syntax *first =
        kind == VIS_SYN_AND ? parse_negation(p) : parse_chain(p, VIS_SYN_AND);

    if (!first || (!is_word(p, word) && !is_sign(p, sign)))
        return first;
    struct vis_syntax *chain = add(p, node(p, kind, SLICE_EMPTY), first);
    while (chain && (take_word(p, word) || take_sign(p, sign)))
        chain =
            add(p, chain, kind == VIS_SYN_AND ? parse_negation(p) : parse_chain(p, VIS_SYN_AND));
    return chain;
}

static struct vis_syntax *parse_expression(struct parser *p)
{
    return parse_chain(p, VIS_SYN_OR);
}

static bool refuse(struct parser *p)
{
    fail(p, "syntax error");
    return false;
}

/* What may follow the expression: false when it is not that. */
static bool parse_rest(struct parser *p, struct vis_statement *out)
{
    if (take_word(p, "group")) {
        struct vis_syntax *list = node(p, VIS_SYN_TUPLE, SLICE_EMPTY);

        if (!take_word(p, "by"))
            return refuse(p);
        do
            list = add(p, list, parse_expression(p));
        while (list && take_sign(p, ","));
        if (!list)
            return false;
        out->group_by = list->parts;
        out->group_count = list->count;
    }
    if (take_word(p, "order")) {
        out->has_order = true;
        if (!take_word(p, "by"))
            return refuse(p);
        do {
            if (!parse_expression(p))
                return false;
            if (!take_word(p, "asc"))
                (void)take_word(p, "desc");
        } while (take_sign(p, ","));
    }
    if (take_word(p, "limit")) {
        out->has_limit = true;
        if (!parse_expression(p) || (take_sign(p, ",") && !parse_expression(p)))
            return false;
    }
    (void)take_sign(p, ";");
    if (p->token.kind == VIS_TOK_END)
        return true;
    return refuse(p);
}

bool vis_syntax_parse(struct arena *arena, struct slice text, struct vis_statement *out,
                      struct vis_syntax_error *error)
{
    struct parser p = {.arena = arena, .text = text, .error = error};

    *out = (struct vis_statement){0};
    advance(&p);
    if (p.token.kind != VIS_TOK_END && !is_word(&p, "group") && !is_word(&p, "order")) {
        out->where = parse_expression(&p);
        if (!out->where)
            return false;
    }
    return parse_rest(&p, out);
}

/* -- back to text --------------------------------------------------------------------------- */

enum { SHOWN_MAX = 1000 };

static void show_string(struct buf *out, struct slice text)
{
    buf_append(out, "'", 1);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\'' || text.ptr[i] == '\\')
            buf_append(out, "\\", 1);
        buf_append(out, &text.ptr[i], 1);
    }
    buf_append(out, "'", 1);
}

static void show(struct buf *out, const struct vis_syntax *syntax);

static void show_parts(struct buf *out, const struct vis_syntax *syntax, const char *between)
{
    for (uint32_t i = 0; i < syntax->count; i++) {
        if (i > 0)
            buf_append_slice(out, slice_str(between));
        show(out, syntax->parts[i]);
    }
}

static void show(struct buf *out, const struct vis_syntax *syntax)
{
    switch (syntax->kind) {
    case VIS_SYN_AND:
        show_parts(out, syntax, " and ");
        break;
    case VIS_SYN_OR:
        show_parts(out, syntax, " or ");
        break;
    case VIS_SYN_NOT:
        buf_printf(out, "not ");
        show(out, syntax->parts[0]);
        break;
    case VIS_SYN_COMPARE:
    case VIS_SYN_BINARY:
        show(out, syntax->parts[0]);
        buf_printf(out, " " SLICE_FMT " ", SLICE_ARG(syntax->text));
        show(out, syntax->parts[1]);
        break;
    case VIS_SYN_RANGE:
        show(out, syntax->parts[0]);
        buf_printf(out, " " SLICE_FMT " ", SLICE_ARG(syntax->text));
        show(out, syntax->parts[1]);
        buf_printf(out, " and ");
        show(out, syntax->parts[2]);
        break;
    case VIS_SYN_IS:
        show(out, syntax->parts[0]);
        buf_printf(out, " " SLICE_FMT, SLICE_ARG(syntax->text));
        break;
    case VIS_SYN_STRING:
        show_string(out, syntax->text);
        break;
    case VIS_SYN_NAME:
    case VIS_SYN_INT:
    case VIS_SYN_FLOAT:
    case VIS_SYN_ODD_NUMBER:
    case VIS_SYN_BOOL:
    case VIS_SYN_NULL:
        buf_append_slice(out, syntax->text);
        break;
    case VIS_SYN_PAREN:
    case VIS_SYN_TUPLE:
    case VIS_SYN_FUNCTION:
        buf_append_slice(out, syntax->text);
        buf_append(out, "(", 1);
        show_parts(out, syntax, ", ");
        buf_append(out, ")", 1);
        break;
    case VIS_SYN_UNARY:
        buf_append_slice(out, syntax->text);
        show(out, syntax->parts[0]);
        break;
    }
}

const char *vis_syntax_text(struct arena *arena, const struct vis_syntax *syntax)
{
    struct buf buf;

    buf_init(&buf, 0);
    show(&buf, syntax);
    struct slice text = buf_slice(&buf);
    if (text.len > SHOWN_MAX)
        text.len = SHOWN_MAX;
    char *copy = arena_str(arena, text);
    buf_release(&buf);
    return copy;
}
