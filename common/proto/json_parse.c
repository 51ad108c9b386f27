/* json_parse.c - see json_parse.h: one pass, iterative. */
#include "common/proto/json_parse.h"

#include "common/proto/wire.h"

#include <stdio.h>

struct parser {
    struct arena *arena;
    struct err_detail *detail;
    const uint8_t *at, *end;
    size_t node_count, depth;
    struct json_node *open[JSON_DEPTH_MAX];  /* arrays and objects, the outermost first */
    struct json_node **tail[JSON_DEPTH_MAX]; /* where the next child of each goes */
};

/* ---- errors ---- */

/* A byte in quotes, as Go's error texts have it: each byte is a character of its own. */
static void quote_byte(char out[16], uint8_t c)
{
    static const char escapes[] = "abtnvfr"; /* 7 to 13 */

    if (c == '\'' || c == '\\')
        snprintf(out, 16, "'\\%c'", c);
    else if (c >= 7 && c <= 13)
        snprintf(out, 16, "'\\%c'", escapes[c - 7]);
    else if (c < 0x20 || c == 0x7f)
        snprintf(out, 16, "'\\x%02x'", c);
    else if (c < 0x7f)
        snprintf(out, 16, "'%c'", c);
    else if (c <= 0xa0 || c == 0xad)
        snprintf(out, 16, "'\\u%04x'", c);
    else
        snprintf(out, 16, "'%c%c'", 0xc0 | c >> 6, 0x80 | (c & 0x3f));
}

/* At the end of the text the text is too short, whatever was expected. */
static enum err invalid(const struct parser *p, const char *where)
{
    char quoted[16];

    if (p->at == p->end)
        return err_fail(p->detail, ERR_INVALID, "unexpected EOF");
    quote_byte(quoted, *p->at);
    return err_fail(p->detail, ERR_INVALID, "invalid character %s %s", quoted, where);
}

void json_position(struct slice text, const uint8_t *at, size_t *line, size_t *column)
{
    const uint8_t *start = text.ptr;

    *line = *column = 1;
    for (const uint8_t *p = text.ptr; p < at; p++)
        if (*p == '\n') {
            ++*line;
            start = p + 1;
        }
    for (const uint8_t *p = start; p < at; p++)
        *column += (*p & 0xc0) != 0x80;
}

/* ---- tokens ---- */

static void skip_space(struct parser *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\t' || *p->at == '\r' || *p->at == '\n'))
        p->at++;
}

static bool is_digit(const struct parser *p)
{
    return p->at < p->end && *p->at >= '0' && *p->at <= '9';
}

static enum err take_literal(struct parser *p, const char *word)
{
    char where[64];

    for (const char *c = word; *c; c++, p->at++)
        if (p->at == p->end || *p->at != (uint8_t)*c) {
            snprintf(where, sizeof where, "in literal %s (expecting '%c')", word, *c);
            return invalid(p, where);
        }
    return ERR_OK;
}

static enum err take_number(struct parser *p)
{
    if (*p->at == '-')
        p->at++;
    if (!is_digit(p))
        return invalid(p, "in numeric literal");
    if (*p->at == '0')
        p->at++;
    else
        while (is_digit(p))
            p->at++;
    if (p->at < p->end && *p->at == '.') {
        p->at++;
        if (!is_digit(p))
            return invalid(p, "after decimal point in numeric literal");
        while (is_digit(p))
            p->at++;
    }
    if (p->at < p->end && (*p->at == 'e' || *p->at == 'E')) {
        p->at++;
        if (p->at < p->end && (*p->at == '+' || *p->at == '-'))
            p->at++;
        if (!is_digit(p))
            return invalid(p, "in exponent of numeric literal");
        while (is_digit(p))
            p->at++;
    }
    return ERR_OK;
}

static int hex_of(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum err take_escape(struct parser *p)
{
    p->at++;
    if (p->at == p->end || *p->at == 0 || !strchr("\"\\/bfnrtu", *p->at))
        return invalid(p, "in string escape code");
    if (*p->at++ != 'u')
        return ERR_OK;
    for (int i = 0; i < 4; i++, p->at++)
        if (p->at == p->end || hex_of(*p->at) < 0)
            return invalid(p, "in \\u hexadecimal character escape");
    return ERR_OK;
}

static uint32_t code_unit(const uint8_t *hex)
{
    uint32_t unit = 0;

    for (int i = 0; i < 4; i++)
        unit = unit << 4 | (uint32_t)hex_of(hex[i]);
    return unit;
}

static uint8_t *put_utf8(uint8_t *out, uint32_t rune)
{
    if (rune < 0x80) {
        *out++ = (uint8_t)rune;
    } else if (rune < 0x800) {
        *out++ = (uint8_t)(0xc0 | rune >> 6);
        *out++ = (uint8_t)(0x80 | (rune & 63));
    } else if (rune < 0x10000) {
        *out++ = (uint8_t)(0xe0 | rune >> 12);
        *out++ = (uint8_t)(0x80 | (rune >> 6 & 63));
        *out++ = (uint8_t)(0x80 | (rune & 63));
    } else {
        *out++ = (uint8_t)(0xf0 | rune >> 18);
        *out++ = (uint8_t)(0x80 | (rune >> 12 & 63));
        *out++ = (uint8_t)(0x80 | (rune >> 6 & 63));
        *out++ = (uint8_t)(0x80 | (rune & 63));
    }
    return out;
}

/* What an escape says; *in is behind the 'u'. false: half a pair, which is no character. */
static bool read_unicode(const uint8_t **in, const uint8_t *end, uint32_t *rune)
{
    *rune = code_unit(*in);
    *in += 4;
    if (*rune < 0xd800 || *rune > 0xdfff)
        return true;
    if (*rune > 0xdbff || end - *in < 6 || (*in)[0] != '\\' || (*in)[1] != 'u')
        return false;
    const uint32_t low = code_unit(*in + 2);
    if (low < 0xdc00 || low > 0xdfff)
        return false;
    *rune = 0x10000 + ((*rune - 0xd800) << 10) + (low - 0xdc00);
    *in += 6;
    return true;
}

/* A string without its escapes; they are well-formed. */
static void unescape(struct arena *arena, struct json_node *node, struct slice inner)
{
    const uint8_t *in = inner.ptr, *end = inner.ptr + inner.len;
    uint8_t *text = arena_alloc(arena, inner.len), *out = text;
    uint32_t rune;

    while (in < end) {
        if (*in != '\\') {
            *out++ = *in++;
            continue;
        }
        const uint8_t *start = in;
        in += 2;
        switch (start[1]) {
        case 'b':
            *out++ = '\b';
            break;
        case 'f':
            *out++ = '\f';
            break;
        case 'n':
            *out++ = '\n';
            break;
        case 'r':
            *out++ = '\r';
            break;
        case 't':
            *out++ = '\t';
            break;
        case 'u':
            if (!read_unicode(&in, end, &rune)) {
                node->bad = arena_printf(arena, "invalid escape code \"\\%.6s\" in string",
                                         (const char *)start);
                return;
            }
            out = put_utf8(out, rune);
            break;
        default: /* " \ / */
            *out++ = start[1];
            break;
        }
    }
    node->text = slice_of(text, (size_t)(out - text));
}

static enum err take_string(struct parser *p, struct json_node *node)
{
    const uint8_t *start = ++p->at;
    bool escaped = false;

    for (;;) {
        if (p->at == p->end || *p->at < 0x20)
            return invalid(p, "in string literal");
        if (*p->at == '"')
            break;
        if (*p->at != '\\') {
            p->at++;
            continue;
        }
        escaped = true;
        const enum err err = take_escape(p);
        if (err != ERR_OK)
            return err;
    }
    node->text = slice_of(start, (size_t)(p->at++ - start));
    if (!wire_utf8_ok(node->text))
        node->bad = "invalid UTF-8 in string";
    else if (escaped)
        unescape(p->arena, node, node->text);
    return ERR_OK;
}

/* ---- the tree ---- */

static enum err add(struct parser *p, enum json_kind kind, struct json_node ***slot,
                    struct json_node **out)
{
    if (p->node_count++ == JSON_NODES_MAX)
        return err_fail(p->detail, ERR_INVALID, "too many JSON values in one text, limit %d",
                        JSON_NODES_MAX);
    struct json_node *node = ARENA_NEW(p->arena, struct json_node);
    node->kind = kind;
    node->raw = slice_of(p->at, 1);
    **slot = node;
    *slot = &node->next;
    *out = node;
    return ERR_OK;
}

/* The name of the next member, up to its value: that goes into *slot. */
static enum err take_name(struct parser *p, struct json_node ***slot)
{
    struct json_node *name;

    skip_space(p);
    if (p->at == p->end || *p->at != '"')
        return invalid(p, "looking for beginning of object key string");
    enum err err = add(p, JSON_NAME, &p->tail[p->depth - 1], &name);
    if (err == ERR_OK)
        err = take_string(p, name);
    if (err != ERR_OK)
        return err;
    name->raw.len = (size_t)(p->at - name->raw.ptr);
    skip_space(p);
    if (p->at == p->end || *p->at != ':')
        return invalid(p, "after object key");
    p->at++;
    *slot = &name->child;
    return ERR_OK;
}

/* One value, or the bracket that opens one. */
static enum err take_value(struct parser *p, struct json_node ***slot, struct json_node **out)
{
    static const char *const words[] = {
        [JSON_NULL] = "null", [JSON_FALSE] = "false", [JSON_TRUE] = "true"};
    enum json_kind kind;
    enum err err;

    skip_space(p);
    const uint8_t c = p->at == p->end ? 0 : *p->at;
    switch (c) {
    case '{':
        kind = JSON_OBJECT;
        break;
    case '[':
        kind = JSON_ARRAY;
        break;
    case '"':
        kind = JSON_STRING;
        break;
    case 'n':
        kind = JSON_NULL;
        break;
    case 't':
        kind = JSON_TRUE;
        break;
    case 'f':
        kind = JSON_FALSE;
        break;
    default:
        if (c != '-' && (c < '0' || c > '9'))
            return invalid(p, "looking for beginning of value");
        kind = JSON_NUMBER;
        break;
    }
    if ((err = add(p, kind, slot, out)) != ERR_OK)
        return err;
    if (kind == JSON_OBJECT || kind == JSON_ARRAY)
        p->at++;
    else if (kind == JSON_STRING)
        err = take_string(p, *out);
    else
        err = kind == JSON_NUMBER ? take_number(p) : take_literal(p, words[kind]);
    (*out)->raw.len = (size_t)(p->at - (*out)->raw.ptr);
    return err;
}

static enum err push(struct parser *p, struct json_node *node)
{
    if (p->depth == JSON_DEPTH_MAX)
        return err_fail(p->detail, ERR_INVALID, "exceeded max depth");
    p->open[p->depth] = node;
    p->tail[p->depth++] = &node->child;
    return ERR_OK;
}

/* Behind a value: close what ends here. *more: another element follows. */
static enum err after_value(struct parser *p, bool *more)
{
    *more = false;
    while (p->depth > 0) {
        const bool object = p->open[p->depth - 1]->kind == JSON_OBJECT;

        skip_space(p);
        if (p->at < p->end && *p->at == ',') {
            p->at++;
            *more = true;
            return ERR_OK;
        }
        if (p->at == p->end || *p->at != (object ? '}' : ']'))
            return invalid(p, object ? "after object key:value pair" : "after array element");
        p->at++;
        p->depth--;
    }
    return ERR_OK;
}

/* Is the bracket that was just opened closed at once? */
static bool closes_empty(struct parser *p, const struct json_node *node)
{
    skip_space(p);
    if (p->at == p->end || *p->at != (node->kind == JSON_OBJECT ? '}' : ']'))
        return false;
    p->at++;
    p->depth--;
    return true;
}

static enum err parse(struct parser *p, struct json_node **root)
{
    struct json_node **slot = root, *node;
    bool more = true;

    while (more) {
        enum err err = ERR_OK;

        if (p->depth > 0 && p->open[p->depth - 1]->kind == JSON_OBJECT)
            err = take_name(p, &slot);
        else if (p->depth > 0)
            slot = p->tail[p->depth - 1];
        if (err == ERR_OK)
            err = take_value(p, &slot, &node);
        if (err != ERR_OK)
            return err;
        if (p->depth > 0 && p->open[p->depth - 1]->kind == JSON_ARRAY)
            p->tail[p->depth - 1] = slot;
        if (node->kind == JSON_OBJECT || node->kind == JSON_ARRAY) {
            if ((err = push(p, node)) != ERR_OK)
                return err;
            if (!closes_empty(p, node))
                continue;
        }
        if ((err = after_value(p, &more)) != ERR_OK)
            return err;
    }
    return ERR_OK;
}

enum err json_parse(struct arena *arena, struct slice text, struct json_node **out,
                    struct slice *rest, struct err_detail *detail)
{
    struct parser *p = arena_alloc(arena, sizeof *p);

    p->arena = arena;
    p->detail = detail;
    p->at = text.ptr;
    p->end = text.len ? text.ptr + text.len : text.ptr;
    p->node_count = p->depth = 0;
    *out = NULL;
    skip_space(p);
    const enum err err = p->at == p->end ? ERR_OK : parse(p, out);
    skip_space(p);
    if (rest)
        *rest = slice_of(p->at, (size_t)(p->end - p->at));
    return err;
}
