/* http_api.c - see http_api.h: one request's way to its handler and back. */
#include "frontend/http/http_api.h"

#include "api.h"
#include "common/grpc/codec.h"
#include "common/grpc/local.h"
#include "common/proto/json.h"
#include "common/proto/json_read.h"
#include "common/proto/wire.h"
#include "frontend/http/cors.h"
#include "frontend/http/files.h"
#include "frontend/http/hosts.h"
#include "frontend/http/query.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

struct http_api {
    struct http_api_options options;
    struct counter **requests; /* by route */
};

/* One request under way. */
struct exchange {
    struct http_api *api;
    struct web_request *request;
    enum http_flavor flavor;
    struct http_query query;
    struct http_match match;
    struct json_style style;
    bool read_shorthand;
    const char *content_type;
    struct grpc_call *call; /* from its start until the answer is sent */
    struct err_detail detail;
};

struct http_api *http_api_new(const struct http_api_options *options)
{
    struct http_api *api = calloc(1, sizeof *api);
    char labels[256];

    must(api != NULL);
    api->options = *options;
    if (!options->metrics)
        return api;
    api->requests = calloc(http_route_count(), sizeof(struct counter *));
    must(api->requests != NULL);
    for (size_t i = 0; i < http_route_count(); i++) {
        snprintf(labels, sizeof labels, "operation=\"%s\",service_name=\"frontend\"",
                 http_route_at(i)->method);
        api->requests[i] = metrics_counter(options->metrics, "http_service_requests", labels);
    }
    return api;
}

void http_api_free(struct http_api *api)
{
    if (!api)
        return;
    free(api->requests);
    free(api);
}

/* ---- errors ---- */

unsigned http_status_of(enum grpc_status status)
{
    static const unsigned statuses[] = {[GRPC_STATUS_OK] = 200,
                                        [GRPC_STATUS_CANCELLED] = 499,
                                        [GRPC_STATUS_UNKNOWN] = 500,
                                        [GRPC_STATUS_INVALID_ARGUMENT] = 400,
                                        [GRPC_STATUS_DEADLINE_EXCEEDED] = 504,
                                        [GRPC_STATUS_NOT_FOUND] = 404,
                                        [GRPC_STATUS_ALREADY_EXISTS] = 409,
                                        [GRPC_STATUS_PERMISSION_DENIED] = 403,
                                        [GRPC_STATUS_RESOURCE_EXHAUSTED] = 429,
                                        [GRPC_STATUS_FAILED_PRECONDITION] = 400,
                                        [GRPC_STATUS_ABORTED] = 409,
                                        [GRPC_STATUS_OUT_OF_RANGE] = 400,
                                        [GRPC_STATUS_UNIMPLEMENTED] = 501,
                                        [GRPC_STATUS_INTERNAL] = 500,
                                        [GRPC_STATUS_UNAVAILABLE] = 503,
                                        [GRPC_STATUS_DATA_LOSS] = 500,
                                        [GRPC_STATUS_UNAUTHENTICATED] = 401};

    return statuses[status];
}

static void answer_status(struct web_request *request, const struct json_style *style,
                          const char *content_type, enum grpc_status status,
                          const struct err_detail *detail)
{
    struct buf wire, text;
    rpc_status *decoded;

    buf_init(&wire, 0);
    buf_init(&text, 0);
    if (detail->type) {
        grpc_status_encode(&wire, status, slice_str(detail->text), detail->type, detail->payload);
    } else {
        wire_put_varint(&wire, 1, (uint64_t)status);
        wire_put_str(&wire, 2, detail->text);
    }
    /* A text that was cut inside a character would be refused. */
    if (proto_decode(&request->arena, &rpc_status__desc, buf_slice(&wire), &decoded, NULL) !=
            ERR_OK ||
        json_write_message(&text, decoded, style, NULL) != ERR_OK) {
        buf_clear(&text);
        buf_printf(&text, "{\"code\":%d, \"message\":\"failed to marshal error message\"}",
                   GRPC_STATUS_INTERNAL);
        status = GRPC_STATUS_INTERNAL;
    }
    buf_release(&wire);
    web_answer(request, http_status_of(status), content_type, &text);
}

void http_api_fail(struct web_request *request, enum grpc_status status,
                   const struct err_detail *detail)
{
    static const struct json_style style = {.shorthand = true};

    answer_status(request, &style, "application/json", status, detail);
}

static void fail(struct exchange *x, enum grpc_status status)
{
    answer_status(x->request, &x->style, x->content_type, status, &x->detail);
}

static void fail_with(struct exchange *x, enum grpc_status status, const char *text)
{
    x->detail = (struct err_detail){0};
    (void)err_fail(&x->detail, ERR_INVALID, "%s", text);
    fail(x, status);
}

/* ---- the answer ---- */

static struct slice join(struct arena *arena, const struct grpc_local_answer *answer)
{
    size_t len = 0;

    if (answer->part_count == 1)
        return answer->parts[0];
    for (size_t i = 0; i < answer->part_count; i++)
        len += answer->parts[i].len;
    uint8_t *bytes = arena_alloc(arena, len + 1);
    len = 0;
    for (size_t i = 0; i < answer->part_count; i++) {
        if (answer->parts[i].len)
            memcpy(bytes + len, answer->parts[i].ptr, answer->parts[i].len);
        len += answer->parts[i].len;
    }
    return slice_of(bytes, len);
}

static void on_answered(void *arg, const struct grpc_local_answer *answer)
{
    struct exchange *x = arg;
    struct arena *arena = &x->request->arena;
    struct buf text;
    void *message;

    if (answer->status != GRPC_STATUS_OK) {
        x->detail = *answer->detail;
        fail(x, answer->status);
        return;
    }
    x->detail = (struct err_detail){0};
    buf_init(&text, 0);
    enum err err =
        proto_decode(arena, x->match.route->response, join(arena, answer), &message, &x->detail);
    if (err == ERR_OK)
        err = json_write_message(&text, message, &x->style, &x->detail);
    if (err != ERR_OK) {
        buf_release(&text);
        fail(x, GRPC_STATUS_UNKNOWN);
        return;
    }
    web_answer(x->request, 200, x->content_type, &text);
}

static void on_sent(void *arg, bool whole)
{
    struct exchange *x = arg;

    if (x->call)
        grpc_local_end(x->call, whole ? GRPC_SENT : GRPC_MAYBE_SENT);
    x->call = NULL;
}

static void on_cancel(void *arg)
{
    struct exchange *x = arg;
    struct grpc_call *call = x->call;

    x->call = NULL;
    grpc_local_cancel(call, GRPC_CANCEL_CLIENT);
}

/* ---- the way in ---- */

/* What the client asked for by Accept, Content-Type and the query string. */
static void choose_style(struct exchange *x)
{
    static const struct {
        const char *type;
        bool indent, shorthand;
    } types[] = {{"application/json+pretty", true, true},
                 {"application/json+no-payload-shorthand", false, false},
                 {"application/json+pretty+no-payload-shorthand", true, false}};
    const struct slice accept = web_header(x->request, "Accept");
    struct slice content = web_header(x->request, "Content-Type");
    const bool pretty = http_query_has(&x->query, "pretty");
    const bool full = http_query_has(&x->query, "noPayloadShorthand");
    const uint8_t *semicolon = content.len ? memchr(content.ptr, ';', content.len) : NULL;

    x->content_type = "application/json";
    if (x->flavor == HTTP_FLAVOR_UI) {
        x->style.indent = true;
        return;
    }
    if (semicolon)
        content.len = (size_t)(semicolon - content.ptr);
    x->style.shorthand = x->read_shorthand = true;
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        const struct slice type = slice_str(types[i].type);

        if (slice_eq(content, type)) {
            x->read_shorthand = types[i].shorthand;
            x->style =
                (struct json_style){.indent = types[i].indent, .shorthand = types[i].shorthand};
            x->content_type = types[i].type;
        }
    }
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (pretty || full ? types[i].indent == pretty && types[i].shorthand == !full
                           : slice_eq(accept, slice_str(types[i].type))) {
            x->style =
                (struct json_style){.indent = types[i].indent, .shorthand = types[i].shorthand};
            x->content_type = types[i].type;
        }
}

#define METADATA_PREFIX "grpc-metadata-"

/* What the method's handler sees of the request's headers. */
static void forward_header(void *arg, const char *name, struct slice value)
{
    static const char *const forwarded[] = {"authorization", "authorization-extras", "client-name",
                                            "client-version", "caller-type"};
    struct exchange *x = arg;
    char lower[64];
    size_t len = strlen(name);

    if (len >= sizeof lower)
        return;
    for (size_t i = 0; i <= len; i++)
        lower[i] = (char)tolower((unsigned char)name[i]);
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] < 0x20 || value.ptr[i] > 0x7e)
            return;
    if (strncmp(lower, METADATA_PREFIX, sizeof METADATA_PREFIX - 1) == 0)
        grpc_local_metadata(x->call, lower + sizeof METADATA_PREFIX - 1, value);
    for (size_t i = 0; i < COUNT_OF(forwarded); i++)
        if (strcmp(lower, forwarded[i]) == 0)
            grpc_local_metadata(x->call, lower, value);
}

static void forward_headers(struct exchange *x)
{
    const char *client = x->flavor == HTTP_FLAVOR_UI ? "temporal-ui" : "temporal-server-http";
    const struct slice forwarded = web_header(x->request, "X-Forwarded-For");
    struct slice host = web_header(x->request, "X-Forwarded-Host");

    web_each_header(x->request, forward_header, x);
    if (grpc_call_metadata(x->call, "client-name").len == 0)
        grpc_local_metadata(x->call, "client-name", slice_str(client));
    if (grpc_call_metadata(x->call, "client-version").len == 0)
        grpc_local_metadata(
            x->call, "client-version",
            slice_str(x->flavor == HTTP_FLAVOR_UI ? "2.0.0" : x->api->options.server_version));
    if (host.len == 0)
        host = web_header(x->request, "Host");
    if (host.len > 0)
        grpc_local_metadata(x->call, "x-forwarded-host", host);
    grpc_local_metadata(x->call, "x-forwarded-for",
                        slice_str(arena_printf(&x->request->arena, "%.*s%s%s", (int)forwarded.len,
                                               (const char *)forwarded.ptr,
                                               forwarded.len ? ", " : "", x->request->peer)));
}

/* The message that the method gets: the body or the query string, and what the path says. */
static enum err build_request(struct exchange *x, struct slice *out)
{
    struct arena *arena = &x->call->arena;
    const struct http_route *route = x->match.route;
    struct buf wire;
    enum err err;

    *out = SLICE_EMPTY;
    if (route->has_body) {
        if (x->request->too_large)
            return err_fail(&x->detail, ERR_INVALID, "http: request body too large");
        buf_init(&wire, 0);
        err = json_read_message(arena, route->request, x->request->body, x->read_shorthand, &wire,
                                &x->detail);
        if (err == ERR_OK && !buf_ok(&wire))
            err = err_fail(&x->detail, ERR_INVALID, "http: request body too large");
        if (err == ERR_OK)
            *out = arena_copy(arena, buf_slice(&wire));
        buf_release(&wire);
        if (err != ERR_OK)
            return err;
    }
    for (size_t i = 0; i < x->match.param_count; i++)
        *out = http_set_param(arena, route->request, *out, &x->match.params[i]);
    if (route->has_body)
        return ERR_OK;
    err = http_query_parse(arena, x->request->query, &x->query, &x->detail);
    return err == ERR_OK ? http_query_apply(arena, &x->match, &x->query, out, &x->detail) : err;
}

static void call_method(struct exchange *x)
{
    struct http_api *api = x->api;
    const struct slice timeout = web_header(x->request, "Grpc-Timeout");
    const struct slice path = slice_str(x->match.route->method);
    struct grpc_local_options options = {.route = grpc_router_find(api->options.router, path),
                                         .loop = x->request->loop,
                                         .clock = api->options.clock,
                                         .path = path,
                                         .answered = on_answered,
                                         .arg = x};

    if (timeout.len > 0 && grpc_timeout_parse(timeout, &options.timeout_ns, NULL) != ERR_OK) {
        (void)err_fail(&x->detail, ERR_INVALID, "invalid grpc-timeout: %.*s",
                       (int)(timeout.len < 100 ? timeout.len : 100), (const char *)timeout.ptr);
        fail(x, GRPC_STATUS_INVALID_ARGUMENT);
        return;
    }
    if (!options.route) {
        fail_with(x, GRPC_STATUS_NOT_FOUND, "call not found");
        return;
    }
    x->call = grpc_local_new();
    if (build_request(x, &options.request) != ERR_OK) {
        grpc_local_cancel(x->call, GRPC_CANCEL_CLIENT);
        x->call = NULL;
        fail(x, GRPC_STATUS_INVALID_ARGUMENT);
        return;
    }
    forward_headers(x);
    if (api->requests)
        counter_add(api->requests[x->match.index], 1);
    web_on_sent(x->request, on_sent, x);
    web_on_cancel(x->request, on_cancel, x);
    grpc_local_start(x->call, &options);
}

void http_api_handle(struct http_api *api, struct web_request *request, enum http_flavor flavor)
{
    struct exchange *x = ARENA_NEW(&request->arena, struct exchange);
    struct err_detail ignored = {0};

    *x = (struct exchange){.api = api, .request = request, .flavor = flavor};
    if (flavor == HTTP_FLAVOR_API && api->options.cors_origins &&
        http_cors_answer(api->options.cors_origins, request))
        return;
    if (flavor == HTTP_FLAVOR_API && http_files_answer(request))
        return;
    /* Here only the well-formed part counts; build_request() refuses the rest. */
    const enum err malformed =
        http_query_parse(&request->arena, request->query, &x->query, &ignored);
    UNUSED(malformed);
    choose_style(x);
    switch (http_route_find(&request->arena, request->method, request->path,
                            flavor == HTTP_FLAVOR_API, &x->match)) {
    case HTTP_MALFORMED:
        fail_with(x, GRPC_STATUS_INVALID_ARGUMENT, "Bad Request");
        return;
    case HTTP_NOT_FOUND:
        fail_with(x, GRPC_STATUS_NOT_FOUND, "Not Found");
        return;
    case HTTP_WRONG_VERB:
        fail_with(x, GRPC_STATUS_UNIMPLEMENTED, "Method Not Allowed");
        return;
    case HTTP_FOUND:
        break;
    }
    if (flavor == HTTP_FLAVOR_API && !http_host_allowed(api->options.dynconf, request)) {
        web_answer_static(request, 403, NULL,
                          SLICE_LIT("{\"code\": 7, \"message\": \"Host not allowed\"}"));
        return;
    }
    call_method(x);
}
