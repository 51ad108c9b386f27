/* lexer.c - see lexer.h. Spec: the tokens of the SQL dialect that the reference's filters are in.
 */
#include "common/visibility/lexer.h"

/* Words with a meaning of their own in some place of a SELECT: as a name they want backticks. */
static const char *const reserved[] = {
    "add",
    "and",
    "as",
    "asc",
    "auto_increment",
    "between",
    "binary",
    "by",
    "case",
    "collate",
    "convert",
    "create",
    "cross",
    "current_date",
    "current_time",
    "current_timestamp",
    "substr",
    "substring",
    "database",
    "databases",
    "default",
    "delete",
    "desc",
    "describe",
    "distinct",
    "div",
    "drop",
    "else",
    "end",
    "escape",
    "exists",
    "explain",
    "false",
    "for",
    "force",
    "from",
    "group",
    "having",
    "if",
    "ignore",
    "in",
    "index",
    "inner",
    "insert",
    "interval",
    "into",
    "is",
    "join",
    "key",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "lock",
    "match",
    "maxvalue",
    "mod",
    "natural",
    "next",
    "not",
    "null",
    "on",
    "or",
    "order",
    "outer",
    "regexp",
    "rename",
    "replace",
    "right",
    "rlike",
    "schema",
    "select",
    "separator",
    "set",
    "show",
    "starts_with",
    "straight_join",
    "table",
    "tables",
    "then",
    "to",
    "true",
    "union",
    "unique",
    "update",
    "use",
    "using",
    "utc_date",
    "utc_time",
    "utc_timestamp",
    "values",
    "when",
    "where",
};

static uint8_t byte_at(struct slice query, size_t at)
{
    return at < query.len ? query.ptr[at] : 0;
}

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '@';
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static struct vis_token token_of(enum vis_token_kind kind, struct slice query, size_t at,
                                 size_t end)
{
    return (struct vis_token){kind, slice_of(query.ptr + at, end - at), at, end};
}

/* Where the next token begins; a comment that does not end reaches the end. */
static size_t skip_blanks(struct slice query, size_t at)
{
    for (;;) {
        const uint8_t c = byte_at(query, at), next = byte_at(query, at + 1);

        if (at >= query.len)
            return query.len;
        if (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
            at++;
        } else if (c == '#' || (c == '-' && next == '-') || (c == '/' && next == '/')) {
            while (at < query.len && query.ptr[at] != '\n')
                at++;
        } else if (c == '/' && next == '*') {
            for (at += 2; at < query.len; at++)
                if (query.ptr[at] == '*' && byte_at(query, at + 1) == '/')
                    break;
            at = at + 2 < query.len ? at + 2 : query.len;
        } else {
            return at;
        }
    }
}

static struct vis_token lex_word(struct arena *arena, struct slice query, size_t at)
{
    size_t end = at;

    while (is_letter(byte_at(query, end)) || is_digit(byte_at(query, end)))
        end++;
    struct vis_token token = token_of(VIS_TOK_NAME, query, at, end);
    if (token.text.len > 20)
        return token;
    char *lower = arena_str(arena, token.text);
    for (char *c = lower; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    for (size_t i = 0; i < COUNT_OF(reserved); i++)
        if (strcmp(lower, reserved[i]) == 0) {
            token.kind = VIS_TOK_WORD;
            token.text = slice_str(strcmp(lower, "rlike") == 0 ? "regexp" : reserved[i]);
        }
    return token;
}

static size_t skip_digits(struct slice query, size_t at)
{
    while (is_digit(byte_at(query, at)))
        at++;
    return at;
}

static struct vis_token lex_number(struct slice query, size_t at)
{
    enum vis_token_kind kind = VIS_TOK_INT;
    size_t end = at;

    if (byte_at(query, at) == '0' && (byte_at(query, at + 1) | 0x20) == 'x') {
        kind = VIS_TOK_ODD_NUMBER;
        for (end = at + 2; is_hex(byte_at(query, end)); end++)
            ;
    } else {
        end = skip_digits(query, at);
        if (byte_at(query, end) == '.') {
            kind = VIS_TOK_FLOAT;
            end = skip_digits(query, end + 1);
        }
        if ((byte_at(query, end) | 0x20) == 'e') {
            kind = VIS_TOK_FLOAT;
            end++;
            if (byte_at(query, end) == '+' || byte_at(query, end) == '-')
                end++;
            end = skip_digits(query, end);
        }
    }
    if (is_letter(byte_at(query, end)))
        kind = VIS_TOK_BAD;
    return token_of(kind, query, at, end);
}

/* x'1f', b'01' */
static struct vis_token lex_odd_number(struct slice query, size_t at)
{
    size_t end = at + 2;

    while (is_hex(byte_at(query, end)))
        end++;
    if (byte_at(query, end) != '\'')
        return token_of(VIS_TOK_BAD, query, at, end < query.len ? end + 1 : end);
    return token_of(VIS_TOK_ODD_NUMBER, query, at, end + 1);
}

static uint8_t unescaped(uint8_t c)
{
    switch (c) {
    case '0':
        return 0;
    case 'b':
        return '\b';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'Z':
        return 26;
    default:
        return c;
    }
}

/* Behind the quote that ends what begins at `at`, or 0 when there is none. */
static size_t quoted_end(struct slice query, size_t at)
{
    const uint8_t quote = query.ptr[at];

    for (size_t end = at + 1; end < query.len; end++) {
        if (query.ptr[end] == '\\' && quote != '`')
            end++;
        else if (query.ptr[end] == quote && byte_at(query, end + 1) != quote)
            return end + 1;
        else if (query.ptr[end] == quote)
            end++;
    }
    return 0;
}

/* In quotes of one of three kinds; a doubled quote stands for itself. */
static struct vis_token lex_quoted(struct arena *arena, struct slice query, size_t at)
{
    const uint8_t quote = query.ptr[at];
    const size_t end = quoted_end(query, at);

    if (end == 0)
        return (struct vis_token){VIS_TOK_BAD, slice_of(query.ptr + at + 1, query.len - at - 1), at,
                                  query.len};
    uint8_t *text = arena_alloc(arena, end - at);
    size_t len = 0;
    for (size_t i = at + 1; i < end - 1; i++) {
        uint8_t c = query.ptr[i];

        if (c == quote)
            i++;
        else if (c == '\\' && quote != '`')
            c = unescaped(query.ptr[++i]);
        text[len++] = c;
    }
    const enum vis_token_kind kind = quote != '`' ? VIS_TOK_STRING
                                     : len        ? VIS_TOK_NAME
                                                  : VIS_TOK_BAD;
    return (struct vis_token){kind, slice_of(text, len), at, end};
}

static struct vis_token lex_sign(struct slice query, size_t at)
{
    static const char *const signs[] = {
        "<=>", "->>", "<>", "<<", "<=", ">=", ">>", "!=", "->", "&&", "||", "=", ",", ";", "(",
        ")",   "+",   "*",  "%",  "^",  "~",  "&",  "|",  "/",  "-",  "<",  ">", "!", "."};
    const struct slice rest = slice_of(query.ptr + at, query.len - at);

    for (size_t i = 0; i < COUNT_OF(signs); i++)
        if (slice_starts_with(rest, slice_str(signs[i])))
            return token_of(VIS_TOK_SIGN, query, at, at + strlen(signs[i]));
    return token_of(VIS_TOK_BAD, query, at, at + 1);
}

struct vis_token vis_lex(struct arena *arena, struct slice query, size_t at)
{
    at = skip_blanks(query, at);
    const uint8_t c = byte_at(query, at), next = byte_at(query, at + 1);

    if (at >= query.len)
        return (struct vis_token){VIS_TOK_END, SLICE_EMPTY, query.len, query.len};
    if (next == '\'' && ((c | 0x20) == 'x' || (c | 0x20) == 'b'))
        return lex_odd_number(query, at);
    if (is_letter(c))
        return lex_word(arena, query, at);
    if (is_digit(c) || (c == '.' && is_digit(next)))
        return lex_number(query, at);
    if (c == '\'' || c == '"' || c == '`')
        return lex_quoted(arena, query, at);
    return lex_sign(query, at);
}
