/* http_api.h - the API over HTTP: JSON requests to the methods' handlers, their answers as JSON. */
#ifndef GNOMON_FRONTEND_HTTP_API_H
#define GNOMON_FRONTEND_HTTP_API_H

#include "common/dynconf/dynconf.h"
#include "common/grpc/router.h"
#include "common/metrics/metrics.h"
#include "frontend/http/web.h"

struct http_api;

struct http_api_options {
    const struct grpc_router *router; /* kept */
    const struct clock *clock;        /* kept */
    const struct dynconf *dynconf;    /* kept; NULL: every host is allowed */
    struct metrics *metrics;          /* kept; NULL: nothing is counted */
    const char *cors_origins;         /* kept: cors.h; NULL: none */
    const char *server_version;       /* kept: what a client that names none is taken for */
};

/* Gives the API; ended by http_api_free() when no request of it is open. */
struct http_api *http_api_new(const struct http_api_options *options);
void http_api_free(struct http_api *api);

/* How requests are read and answered. */
enum http_flavor {
    HTTP_FLAVOR_API, /* the reference's port 7243: short payloads, `pretty` as asked */
    HTTP_FLAVOR_UI,  /* the web UI's server: full payloads, indented; ids may contain slashes */
};

/* Answer a request. */
void http_api_handle(struct http_api *api, struct web_request *request, enum http_flavor flavor);

/* A google.rpc.Status as JSON, as every error is answered; detail->text is the message. */
void http_api_fail(struct web_request *request, enum grpc_status status,
                   const struct err_detail *detail);

/* The HTTP status of a gRPC status. */
unsigned http_status_of(enum grpc_status status);

#endif
