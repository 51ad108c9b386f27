/* json_write.c - see json.h: JSON text step by step. */
#include "common/proto/json.h"

static void put_text(struct buf *out, const char *text)
{
    buf_append(out, text, strlen(text));
}

static bool needs_escape(uint8_t c, bool html)
{
    return c < 0x20 || c == '"' || c == '\\' || (html && (c == '<' || c == '>' || c == '&'));
}

static void put_escaped(struct buf *out, struct slice text, bool html)
{
    static const char letters[] = "btn?fr"; /* 8 to 13 */
    size_t start = 0;

    put_text(out, "\"");
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t c = text.ptr[i];

        if (!needs_escape(c, html))
            continue;
        buf_append(out, text.ptr + start, i - start);
        start = i + 1;
        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c >= 8 && c <= 13 && c != 11)
            buf_printf(out, "\\%c", letters[c - 8]);
        else
            buf_printf(out, "\\u%04x", c);
    }
    buf_append(out, text.ptr + start, text.len - start);
    put_text(out, "\"");
}

void json_put_string(struct buf *out, struct slice text)
{
    put_escaped(out, text, true);
}

static void put_line(struct json_writer *w)
{
    put_text(w->out, "\n");
    for (unsigned i = 0; i < w->depth; i++)
        put_text(w->out, "  ");
}

/* What stands between what was written last and the next value or name. */
static void separate(struct json_writer *w)
{
    const bool opened = w->last == '{' || w->last == '[';

    if (w->last == 'v' || w->last == '}' || w->last == ']')
        put_text(w->out, ",");
    if (w->indent && w->last == ':')
        put_text(w->out, " ");
    else if (w->indent && w->last != 0 && (opened || w->depth > 0))
        put_line(w);
}

void json_open(struct json_writer *w, char bracket)
{
    separate(w);
    buf_append(w->out, &bracket, 1);
    w->depth++;
    w->last = bracket;
}

void json_close(struct json_writer *w, char bracket)
{
    must(w->depth > 0);
    w->depth--;
    if (w->indent && w->last != '{' && w->last != '[')
        put_line(w);
    buf_append(w->out, &bracket, 1);
    w->last = bracket;
}

void json_name(struct json_writer *w, struct slice name)
{
    separate(w);
    put_escaped(w->out, name, w->html);
    put_text(w->out, ":");
    w->last = ':';
}

void json_value(struct json_writer *w)
{
    separate(w);
    w->last = 'v';
}

void json_string(struct json_writer *w, struct slice text)
{
    json_value(w);
    put_escaped(w->out, text, w->html);
}

void json_raw(struct json_writer *w, const char *text)
{
    json_value(w);
    put_text(w->out, text);
}
