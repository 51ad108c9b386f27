/* dynval.c - from libyaml's nodes to a tree of our own, and what a value converts to. */
#include "common/dynconf/dynval.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <yaml.h>

/* ---- scalars ---- */

static bool is_one_of(struct slice text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (slice_eq(text, slice_str(words[i])))
            return true;
    return false;
}

static const char *const true_words[] = {"true", "True", "TRUE"};
static const char *const false_words[] = {"false", "False", "FALSE"};
static const char *const null_words[] = {"", "~", "null", "Null", "NULL"};
static const char *const infinite_words[] = {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"};
static const char *const minus_infinite_words[] = {"-.inf", "-.Inf", "-.INF"};
static const char *const nan_words[] = {".nan", ".NaN", ".NAN"};

/* "12", "-0x1f", "0o17", "0b1", "1_000" */
static bool read_int(struct slice text, int64_t *out)
{
    char digits[80];
    size_t n = 0, at = 0;
    int base = 10;
    char *end;

    if (text.len == 0 || text.len >= sizeof digits)
        return false;
    if (text.ptr[0] == '-' || text.ptr[0] == '+')
        digits[n++] = (char)text.ptr[at++];
    if (text.len - at > 1 && text.ptr[at] == '0') {
        const uint8_t mark = text.ptr[at + 1];

        base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 8;
        at += mark == 'x' || mark == 'o' || mark == 'b' ? 2 : 1;
    }
    const size_t first = n;
    for (; at < text.len; at++) {
        const uint8_t c = text.ptr[at];

        if (c == '_')
            continue;
        if (!((c >= '0' && c <= '9') || (base == 16 && ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'))))
            return false;
        digits[n++] = (char)c;
    }
    if (n == first)
        return false;
    digits[n] = '\0';
    errno = 0;
    *out = strtoll(digits, &end, base);
    return errno == 0 && *end == '\0';
}

static bool is_float_text(struct slice text)
{
    size_t i = 0, digits = 0;

    if (i < text.len && (text.ptr[i] == '-' || text.ptr[i] == '+'))
        i++;
    for (; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
        digits++;
    if (i < text.len && text.ptr[i] == '.')
        for (i++; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
            digits++;
    if (digits == 0)
        return false;
    if (i < text.len && (text.ptr[i] | 0x20) == 'e') {
        i++;
        if (i < text.len && (text.ptr[i] == '-' || text.ptr[i] == '+'))
            i++;
        if (i == text.len)
            return false;
        while (i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9')
            i++;
    }
    return i == text.len;
}

static bool read_float(struct slice text, double *out)
{
    char digits[80];

    if (is_one_of(text, infinite_words, COUNT_OF(infinite_words)))
        *out = INFINITY;
    else if (is_one_of(text, minus_infinite_words, COUNT_OF(minus_infinite_words)))
        *out = -INFINITY;
    else if (is_one_of(text, nan_words, COUNT_OF(nan_words)))
        *out = NAN;
    else if (is_float_text(text) && text.len < sizeof digits) {
        memcpy(digits, text.ptr, text.len);
        digits[text.len] = '\0';
        *out = strtod(digits, NULL);
    } else {
        return false;
    }
    return true;
}

static void read_plain(struct dynval *value)
{
    const struct slice text = value->text;

    value->kind = DYNVAL_STRING;
    if (is_one_of(text, null_words, COUNT_OF(null_words))) {
        value->kind = DYNVAL_NULL;
    } else if (is_one_of(text, true_words, COUNT_OF(true_words))) {
        value->kind = DYNVAL_BOOL;
        value->boolean = true;
    } else if (is_one_of(text, false_words, COUNT_OF(false_words))) {
        value->kind = DYNVAL_BOOL;
    } else if (read_int(text, &value->integer)) {
        value->kind = DYNVAL_INT;
    } else if (read_float(text, &value->real)) {
        value->kind = DYNVAL_FLOAT;
    }
}

/* ---- nodes ---- */

struct reader {
    struct arena *arena;
    yaml_document_t *document;
    struct err_detail *detail;
    uint32_t nodes, depth;
};

static enum err read_node(struct reader *r, int index, struct dynval *out);

static void read_scalar(struct reader *r, const yaml_node_t *node, struct dynval *out)
{
    const struct slice text = slice_of(node->data.scalar.value, node->data.scalar.length);

    out->text = slice_str(arena_str(r->arena, text));
    out->kind = DYNVAL_STRING;
    /* libyaml gives every plain scalar the string's tag when it names none */
    if (node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        read_plain(out);
}

static enum err read_list(struct reader *r, const yaml_node_t *node, struct dynval *out)
{
    const yaml_node_item_t *first = node->data.sequence.items.start;

    out->kind = DYNVAL_LIST;
    out->count = (size_t)(node->data.sequence.items.top - first);
    out->items = ARENA_ARRAY(r->arena, struct dynval_item, out->count + 1);
    for (size_t i = 0; i < out->count; i++) {
        const enum err err = read_node(r, first[i], &out->items[i].value);

        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

static enum err read_map(struct reader *r, const yaml_node_t *node, struct dynval *out)
{
    const yaml_node_pair_t *first = node->data.mapping.pairs.start;

    out->kind = DYNVAL_MAP;
    out->count = (size_t)(node->data.mapping.pairs.top - first);
    out->items = ARENA_ARRAY(r->arena, struct dynval_item, out->count + 1);
    for (size_t i = 0; i < out->count; i++) {
        struct dynval key = {0};
        enum err err = read_node(r, first[i].key, &key);

        if (err != ERR_OK)
            return err;
        if (key.kind == DYNVAL_LIST || key.kind == DYNVAL_MAP || key.text.len == 0)
            return err_fail(r->detail, ERR_INVALID, "line %u: a key must be a name", key.line);
        for (size_t k = 0; k < i; k++)
            if (slice_eq(out->items[k].key, key.text))
                return err_fail(r->detail, ERR_INVALID, "line %u: the key %s is there already",
                                key.line, (const char *)key.text.ptr);
        out->items[i].key = key.text;
        err = read_node(r, first[i].value, &out->items[i].value);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

static enum err read_node(struct reader *r, int index, struct dynval *out)
{
    const yaml_node_t *node = yaml_document_get_node(r->document, index);
    enum err err = ERR_OK;

    must(node != NULL);
    out->line = (uint32_t)node->start_mark.line + 1;
    /* an alias may name what it stands in, or the same great tree many times */
    if (++r->nodes > DYNVAL_NODES_MAX || ++r->depth > DYNVAL_DEPTH_MAX)
        return err_fail(r->detail, ERR_INVALID, "line %u: too many values, or too deep", out->line);
    switch (node->type) {
    case YAML_NO_NODE:
        break;
    case YAML_SCALAR_NODE:
        read_scalar(r, node, out);
        break;
    case YAML_SEQUENCE_NODE:
        err = read_list(r, node, out);
        break;
    case YAML_MAPPING_NODE:
        err = read_map(r, node, out);
        break;
    }
    r->depth--;
    return err;
}

enum err dynval_parse(struct arena *arena, struct slice text, struct dynval *out,
                      struct err_detail *detail)
{
    yaml_parser_t parser;
    yaml_document_t document;
    enum err err = ERR_OK;

    *out = (struct dynval){.kind = DYNVAL_NULL, .line = 1};
    if (text.len > DYNVAL_BYTES_MAX)
        return err_fail(detail, ERR_INVALID, "larger than %d bytes", DYNVAL_BYTES_MAX);
    if (!yaml_parser_initialize(&parser))
        return err_fail(detail, ERR_NO_MEMORY, "out of memory");
    yaml_parser_set_input_string(&parser, text.ptr ? text.ptr : (const uint8_t *)"", text.len);
    if (!yaml_parser_load(&parser, &document)) {
        err = err_fail(detail, ERR_INVALID, "line %zu: %s", parser.problem_mark.line + 1,
                       parser.problem ? parser.problem : "not YAML");
        yaml_parser_delete(&parser);
        return err;
    }
    if (yaml_document_get_root_node(&document)) {
        struct reader reader = {.arena = arena, .document = &document, .detail = detail};

        err = read_node(&reader, 1, out); /* the root is the first */
    }
    yaml_document_delete(&document);
    yaml_parser_delete(&parser);
    return err;
}

/* ---- trees ---- */

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

bool dynval_same_name(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.ptr[i]) != lower(b.ptr[i]))
            return false;
    return true;
}

const struct dynval *dynval_get(const struct dynval *map, const char *name)
{
    if (!map || map->kind != DYNVAL_MAP)
        return NULL;
    for (size_t i = 0; i < map->count; i++)
        if (dynval_same_name(map->items[i].key, slice_str(name)))
            return &map->items[i].value;
    return NULL;
}

/* As deep as a parsed tree: at most DYNVAL_DEPTH_MAX. */
struct dynval dynval_copy(struct arena *arena, const struct dynval *value)
{
    struct dynval copy = *value;

    copy.text = value->text.len ? arena_copy(arena, value->text) : SLICE_EMPTY;
    if (value->count == 0)
        return copy;
    copy.items = ARENA_ARRAY(arena, struct dynval_item, value->count);
    for (size_t i = 0; i < value->count; i++) {
        copy.items[i].key = arena_copy(arena, value->items[i].key);
        copy.items[i].value = dynval_copy(arena, &value->items[i].value);
    }
    return copy;
}

/* ---- conversions ---- */

bool dynval_to_int(const struct dynval *value, int64_t *out)
{
    if (value->kind != DYNVAL_INT)
        return false;
    *out = value->integer;
    return true;
}

bool dynval_to_float(const struct dynval *value, double *out)
{
    if (value->kind == DYNVAL_INT)
        *out = (double)value->integer;
    else if (value->kind == DYNVAL_FLOAT)
        *out = value->real;
    else
        return false;
    return true;
}

bool dynval_to_bool(const struct dynval *value, bool *out)
{
    static const char *const yes[] = {"1", "t", "T", "true", "True", "TRUE"};
    static const char *const no[] = {"0", "f", "F", "false", "False", "FALSE"};

    if (value->kind == DYNVAL_BOOL) {
        *out = value->boolean;
        return true;
    }
    if (value->kind != DYNVAL_STRING)
        return false;
    *out = is_one_of(value->text, yes, COUNT_OF(yes));
    return *out || is_one_of(value->text, no, COUNT_OF(no));
}

/* Nanoseconds of the unit at *at, which moves behind it; 0: none. */
static double read_unit(struct slice text, size_t *at)
{
    static const struct {
        const char *name;
        double ns;
    } units[] = {
        {"ns", 1},  {"us", 1e3}, {"\xc2\xb5s", 1e3}, {"\xce\xbcs", 1e3}, {"ms", 1e6},
        {"s", 1e9}, {"m", 60e9}, {"h", 3600e9},      {"d", 86400e9},
    };

    for (size_t i = 0; i < COUNT_OF(units); i++) {
        const struct slice name = slice_str(units[i].name);

        if (slice_starts_with(slice_of(text.ptr + *at, text.len - *at), name)) {
            *at += name.len;
            return units[i].ns;
        }
    }
    return 0;
}

bool dynval_parse_duration(struct slice text, int64_t *out_ns)
{
    size_t at = 0;
    double sum = 0, sign = 1;

    if (text.len == 0 || text.len > 64)
        return false;
    if (text.ptr[0] == '-' || text.ptr[0] == '+') {
        sign = text.ptr[0] == '-' ? -1 : 1;
        at++;
    }
    if (at == text.len)
        return false;
    while (at < text.len) {
        const size_t first = at;
        double number, unit;

        while (at < text.len &&
               ((text.ptr[at] >= '0' && text.ptr[at] <= '9') || text.ptr[at] == '.'))
            at++;
        if (!read_float(slice_of(text.ptr + first, at - first), &number))
            return false;
        if (at == text.len) {
            if (first > 1 || (first == 1 && number != 0)) /* only a whole text has no unit */
                return false;
            unit = 1e9;
        } else if ((unit = read_unit(text, &at)) == 0) {
            return false;
        }
        sum += number * unit;
    }
    if (sum > 9.2e18)
        return false;
    *out_ns = llround(sign * sum);
    return true;
}

bool dynval_to_duration(const struct dynval *value, int64_t *out_ns)
{
    double seconds;

    if (value->kind == DYNVAL_STRING)
        return dynval_parse_duration(value->text, out_ns);
    if (!dynval_to_float(value, &seconds) || !(fabs(seconds) < 9.2e9))
        return false;
    *out_ns = llround(seconds * 1e9);
    return true;
}
