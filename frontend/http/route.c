/* route.c - see route.h. */
#include "frontend/http/route.h"

#include "api.h"

static const struct http_route routes[] = {
#define HTTP_ROUTE(verb_, path_, body_, method_, request_, response_)                              \
    {.verb = #verb_,                                                                               \
     .path = path_,                                                                                \
     .has_body = body_,                                                                            \
     .method = method_,                                                                            \
     .request = &request_##__descriptor,                                                           \
     .response = &response_##__descriptor},
#include "frontend/http/ui_routes.def"
#include "http_routes.def"
#undef HTTP_ROUTE
};

enum { UI_ROUTES = 4 };

size_t http_route_count(void)
{
    return COUNT_OF(routes);
}

const struct http_route *http_route_at(size_t index)
{
    must(index < COUNT_OF(routes));
    return &routes[index];
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool http_unescape(struct arena *arena, struct slice text, bool plus, struct slice *out)
{
    uint8_t *bytes = arena_alloc(arena, text.len + 1);
    size_t n = 0;

    for (size_t i = 0; i < text.len; i++) {
        bytes[n] = text.ptr[i];
        if (plus && bytes[n] == '+') {
            bytes[n] = ' ';
        } else if (bytes[n] == '%') {
            const int high = i + 2 < text.len ? hex_digit(text.ptr[i + 1]) : -1;
            const int low = i + 2 < text.len ? hex_digit(text.ptr[i + 2]) : -1;

            if (high < 0 || low < 0)
                return false;
            bytes[n] = (uint8_t)(high << 4 | low);
            i += 2;
        }
        n++;
    }
    *out = slice_of(bytes, n);
    return true;
}

/* The next segment of "/a/b"; false at the end. */
static bool next_segment(struct slice *path, struct slice *out)
{
    if (path->len == 0 || *path->ptr != '/')
        return false;
    const uint8_t *start = path->ptr + 1;
    const uint8_t *slash = path->len > 1 ? memchr(start, '/', path->len - 1) : NULL;
    const size_t len = slash ? (size_t)(slash - start) : path->len - 1;

    *out = slice_of(start, len);
    *path = slice_of(start + len, path->len - 1 - len);
    return true;
}

static bool matches(const struct http_route *route, const struct slice *segments, size_t count,
                    struct http_match *out)
{
    struct slice rest = slice_str(route->path), wanted;
    size_t i = 0;

    out->param_count = 0;
    while (next_segment(&rest, &wanted)) {
        if (i == count)
            return false;
        if (*wanted.ptr == '{') {
            must(out->param_count < HTTP_PARAMS_MAX);
            out->params[out->param_count++] =
                (struct http_param){slice_of(wanted.ptr + 1, wanted.len - 2), segments[i]};
        } else if (!slice_eq(wanted, segments[i])) {
            return false;
        }
        i++;
    }
    return i == count;
}

enum http_found http_route_find(struct arena *arena, const char *verb, struct slice path,
                                bool whole, struct http_match *out)
{
    struct slice segments[HTTP_SEGMENTS_MAX], segment;
    bool wrong_verb = false;
    size_t count = 0;

    if (whole && !http_unescape(arena, path, false, &path))
        return HTTP_MALFORMED;
    if (path.len == 0 || *path.ptr != '/')
        return HTTP_MALFORMED;
    while (next_segment(&path, &segment)) {
        if (count == HTTP_SEGMENTS_MAX)
            return HTTP_NOT_FOUND;
        if (!whole && !http_unescape(arena, segment, false, &segment))
            return HTTP_MALFORMED;
        segments[count++] = segment;
    }
    for (size_t i = whole ? UI_ROUTES : 0; i < COUNT_OF(routes); i++) {
        if (!matches(&routes[i], segments, count, out))
            continue;
        if (strcmp(routes[i].verb, verb) == 0) {
            out->route = &routes[i];
            out->index = i;
            return HTTP_FOUND;
        }
        wrong_verb = true;
    }
    return wrong_verb ? HTTP_WRONG_VERB : HTTP_NOT_FOUND;
}
