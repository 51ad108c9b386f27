/* query.h - query strings, and fields of a message set from texts. */
#ifndef GNOMON_FRONTEND_HTTP_QUERY_H
#define GNOMON_FRONTEND_HTTP_QUERY_H

#include "common/base/err.h"
#include "frontend/http/route.h"

enum { HTTP_QUERY_MAX = 200 /* pairs */ };

struct http_query {
    struct slice keys[HTTP_QUERY_MAX], values[HTTP_QUERY_MAX];
    size_t count;
};

/* Errors: ERR_INVALID with Go's text; what is well-formed is there all the same. */
MUST_USE enum err http_query_parse(struct arena *arena, struct slice text, struct http_query *out,
                                   struct err_detail *detail);
bool http_query_has(const struct http_query *query, const char *key);

/* Set the string field that a path names ("execution.workflow_id") in an encoded message. */
struct slice http_set_param(struct arena *arena, const ProtobufCMessageDescriptor *desc,
                            struct slice message, const struct http_param *param);

/* Set the fields that a query string names; what is not of the message, or comes in the path, is
 * left out. Errors: ERR_INVALID with the reference's text. */
MUST_USE enum err http_query_apply(struct arena *arena, const struct http_match *match,
                                   const struct http_query *query, struct slice *message,
                                   struct err_detail *detail);

#endif
