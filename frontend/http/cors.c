/* cors.c - see cors.h. */
#include "frontend/http/cors.h"

bool http_cors_allows(const char *origins, struct slice origin)
{
    struct slice rest = slice_str(origins);

    while (rest.len > 0 && origin.len > 0) {
        const uint8_t *comma = memchr(rest.ptr, ',', rest.len);
        const struct slice one = slice_of(rest.ptr, comma ? (size_t)(comma - rest.ptr) : rest.len);

        if (slice_eq(one, SLICE_LIT("*")) || slice_eq(one, origin))
            return true;
        rest = comma ? slice_of(comma + 1, rest.len - one.len - 1) : SLICE_EMPTY;
    }
    return false;
}

bool http_cors_answer(const char *origins, struct web_request *request)
{
    const struct slice origin = web_header(request, "Origin");
    const struct slice headers = web_header(request, "Access-Control-Request-Headers");

    if (origins[0] == '\0')
        return false;
    web_answer_header(request, "Vary", "Origin");
    if (!http_cors_allows(origins, origin))
        return false;
    web_answer_header(request, "Access-Control-Allow-Origin", arena_str(&request->arena, origin));
    if (strcmp(request->method, "OPTIONS") != 0 ||
        web_header(request, "Access-Control-Request-Method").len == 0)
        return false;
    web_answer_header(request, "Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE");
    if (headers.len > 0) /* what the handlers see is chosen elsewhere */
        web_answer_header(request, "Access-Control-Allow-Headers",
                          arena_str(&request->arena, headers));
    web_answer_header(request, "Access-Control-Max-Age", "600");
    web_answer_static(request, 204, NULL, SLICE_EMPTY);
    return true;
}
