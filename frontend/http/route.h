/* route.h - which method an HTTP request calls: the paths that the API's schema gives its methods.
 */
#ifndef GNOMON_FRONTEND_HTTP_ROUTE_H
#define GNOMON_FRONTEND_HTTP_ROUTE_H

#include "common/base/arena.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

struct http_route {
    const char *verb;
    const char *path;   /* "/namespaces/{namespace}/workflows/{execution.workflow_id}" */
    bool has_body;      /* the request is the body, else the query string */
    const char *method; /* "/package.Service/Method" */
    const ProtobufCMessageDescriptor *request, *response;
};

enum { HTTP_PARAMS_MAX = 8, HTTP_SEGMENTS_MAX = 24 };

struct http_param {
    struct slice field; /* "execution.workflow_id" */
    struct slice value;
};

struct http_match {
    const struct http_route *route;
    size_t index; /* of the route, below http_route_count() */
    struct http_param params[HTTP_PARAMS_MAX];
    size_t param_count;
};

enum http_found { HTTP_FOUND = 1, HTTP_NOT_FOUND, HTTP_WRONG_VERB, HTTP_MALFORMED };

size_t http_route_count(void);
const struct http_route *http_route_at(size_t index);

/* `path` as it came. `whole`: its escapes are undone before it is cut at slashes, as the API does;
 * else segment by segment, as the web UI's server does, so that an id may contain a slash, and with
 * the paths that only the UI asks for. The match's values live in the arena. */
enum http_found http_route_find(struct arena *arena, const char *verb, struct slice path,
                                bool whole, struct http_match *out);

/* Undo percent signs, and '+' as a blank where `plus`. false: a malformed one. */
bool http_unescape(struct arena *arena, struct slice text, bool plus, struct slice *out);

#endif
