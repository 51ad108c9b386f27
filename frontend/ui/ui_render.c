/* ui_render.c - the page within the UI's frames for summaries and details. Spec: ui.h. */
#include "frontend/http/query.h"
#include "frontend/ui/ui.h"

static struct slice value_of(const struct http_query *query, const char *key)
{
    for (size_t i = 0; i < query->count; i++)
        if (slice_eq(query->keys[i], slice_str(key)))
            return query->values[i];
    return SLICE_EMPTY;
}

static void put_escaped(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        const char c = (char)text.ptr[i];

        if (c == '<')
            buf_append(out, "&lt;", 4);
        else if (c == '>')
            buf_append(out, "&gt;", 4);
        else if (c == '&')
            buf_append(out, "&amp;", 5);
        else
            buf_append(out, &c, 1);
    }
}

void ui_render_answer(struct web_request *request)
{
    struct http_query *query = arena_alloc(&request->arena, sizeof *query);
    struct err_detail detail;
    struct buf body;

    buf_init(&body, 0);
    if (!query || http_query_parse(&request->arena, request->query, query, &detail) != ERR_OK) {
        buf_printf(&body, "the query string can't be read\n");
        web_answer(request, 400, "text/plain; charset=utf-8", &body);
        return;
    }
    const bool dark = slice_eq(value_of(query, "theme"), SLICE_LIT("dark"));
    const bool plain = value_of(query, "overrideTheme").len == 0;
    const char *paper = dark ? "#141414" : plain ? "#fff" : "#f8fafc";
    const char *ink = dark ? "#f8fafc" : "#121416";

    buf_printf(&body,
               "<!doctype html><html><head><meta charset=\"utf-8\"><title>Text</title><style>"
               "body{margin:0;padding:1rem;font-family:sans-serif;white-space:pre-wrap;"
               "overflow-wrap:anywhere;background:%s;color:%s}</style></head><body>",
               paper, ink);
    put_escaped(&body, value_of(query, "content"));
    buf_printf(&body, "</body></html>\n");
    /* The page around measures the text: the same origin, yet no script runs. */
    web_answer_header(request, "Content-Security-Policy",
                      "base-uri 'none'; default-src 'none'; style-src 'unsafe-inline'; "
                      "frame-ancestors 'self'; form-action 'none'; sandbox allow-same-origin");
    web_answer(request, 200, "text/html; charset=utf-8", &body);
}
