/* search_values.c - does a search attribute's value have the type of the attribute? Spec: the
 * reference decodes values as JSON: null, one value, or a list. */
#include "common/proto/search_attributes.h"

#include "common/base/buf.h"

#include <ctype.h>

enum json_kind { JSON_NONE, JSON_STRING, JSON_INTEGER, JSON_NUMBER, JSON_BOOL, JSON_NULL };

struct json_value {
    enum json_kind kind;
    struct slice text; /* of a string: between its quotes */
};

static void skip_space(struct slice *in)
{
    while (in->len > 0 && isspace(in->ptr[0]))
        *in = slice_of(in->ptr + 1, in->len - 1);
}

static bool take(struct slice *in, struct slice word)
{
    if (!slice_starts_with(*in, word))
        return false;
    *in = slice_of(in->ptr + word.len, in->len - word.len);
    return true;
}

static struct json_value take_string(struct slice *in)
{
    size_t end = 1;

    while (end < in->len && in->ptr[end] != '"')
        end += in->ptr[end] == '\\' ? 2 : 1;
    if (end >= in->len)
        return (struct json_value){.kind = JSON_NONE};
    const struct json_value value = {JSON_STRING, slice_of(in->ptr + 1, end - 1)};
    *in = slice_of(in->ptr + end + 1, in->len - end - 1);
    return value;
}

static struct json_value take_number(struct slice *in)
{
    struct json_value value = {.kind = JSON_INTEGER, .text = *in};
    bool digits = false;

    while (in->len > 0 && (isdigit(in->ptr[0]) || memchr("+-.eE", in->ptr[0], 5))) {
        if (memchr(".eE", in->ptr[0], 3))
            value.kind = JSON_NUMBER;
        digits |= isdigit(in->ptr[0]) != 0;
        *in = slice_of(in->ptr + 1, in->len - 1);
    }
    value.text.len -= in->len;
    if (!digits || (value.kind == JSON_INTEGER && value.text.len > 19))
        value.kind = digits ? JSON_NUMBER : JSON_NONE;
    return value;
}

/* A value that is no list and no object: anything else is JSON_NONE, and ends the reading. */
static struct json_value take_scalar(struct slice *in)
{
    skip_space(in);
    if (in->len == 0)
        return (struct json_value){.kind = JSON_NONE};
    if (in->ptr[0] == '"')
        return take_string(in);
    if (take(in, SLICE_LIT("true")) || take(in, SLICE_LIT("false")))
        return (struct json_value){.kind = JSON_BOOL};
    if (take(in, SLICE_LIT("null")))
        return (struct json_value){.kind = JSON_NULL};
    return take_number(in);
}

/* RFC 3339: 2006-01-02T15:04:05[.999](Z|+07:00) */
static bool is_datetime(struct slice text)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd";
    size_t at = sizeof shape - 1;

    if (text.len <= at)
        return false;
    for (size_t i = 0; i < at; i++)
        if (shape[i] == 'd' ? !isdigit(text.ptr[i]) : text.ptr[i] != (uint8_t)shape[i])
            return false;
    if (text.ptr[at] == '.')
        for (at++; at < text.len && isdigit(text.ptr[at]);)
            at++;
    if (at + 1 == text.len)
        return text.ptr[at] == 'Z';
    return at + 6 == text.len && (text.ptr[at] == '+' || text.ptr[at] == '-') &&
           isdigit(text.ptr[at + 1]) && isdigit(text.ptr[at + 2]) && text.ptr[at + 3] == ':' &&
           isdigit(text.ptr[at + 4]) && isdigit(text.ptr[at + 5]);
}

static bool fits(struct json_value value, const char *type)
{
    if (value.kind == JSON_NULL)
        return true;
    if (strcmp(type, "Bool") == 0)
        return value.kind == JSON_BOOL;
    if (strcmp(type, "Int") == 0)
        return value.kind == JSON_INTEGER;
    if (strcmp(type, "Double") == 0)
        return value.kind == JSON_INTEGER || value.kind == JSON_NUMBER;
    if (strcmp(type, "Datetime") == 0)
        return value.kind == JSON_STRING && is_datetime(value.text);
    return value.kind == JSON_STRING; /* Keyword, KeywordList, Text */
}

/* A list of one value stands for the value; only an attribute that is a list takes more. */
static bool list_fits(struct slice in, const char *type)
{
    const bool one = strcmp(type, "KeywordList") != 0;

    skip_space(&in);
    if (take(&in, SLICE_LIT("]")))
        return true;
    for (;;) {
        if (!fits(take_scalar(&in), type))
            return false;
        skip_space(&in);
        if (take(&in, SLICE_LIT("]")))
            return true;
        if (one || !take(&in, SLICE_LIT(",")))
            return false;
    }
}

bool search_value_fits(const char *type, struct slice json)
{
    struct slice in = json;

    skip_space(&in);
    if (take(&in, SLICE_LIT("[")))
        return list_fits(in, type);
    const struct json_value value = take_scalar(&in);
    if (strcmp(type, "KeywordList") == 0)
        return value.kind == JSON_NULL;
    return fits(value, type);
}

/* Spec: the texts of the reference show values as Go prints them: [a b]. */
const char *search_value_shown(struct arena *arena, struct slice json)
{
    struct buf out;
    bool quoted = false;

    buf_init(&out, 0);
    for (size_t i = 0; i < json.len; i++) {
        const uint8_t c = json.ptr[i];

        if (c == '\\' && quoted && i + 1 < json.len)
            buf_append_slice(&out, slice_of(&json.ptr[++i], 1));
        else if (c == '"')
            quoted = !quoted;
        else if (quoted || !(isspace(c) || c == ','))
            buf_append_slice(&out, slice_of(&c, 1));
        else if (c == ',')
            buf_append_slice(&out, SLICE_LIT(" "));
    }
    const char *text = arena_str(arena, buf_ok(&out) ? buf_slice(&out) : SLICE_EMPTY);
    buf_release(&out);
    return text;
}
