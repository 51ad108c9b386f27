/* request.c - a call's way in: headers, message framing, dispatch to the handler. */
#include "common/grpc/session_int.h"

#include <stdio.h>

enum { METADATA_FIRST = 16, PARTIAL_MARGIN = 64 };

/* ---- headers ---- */

static void metadata_add(struct call *call, struct slice name, struct slice value)
{
    struct arena *arena = &call->pub.arena;

    if (call->metadata_count == call->metadata_cap) {
        const uint32_t cap = call->metadata_cap ? call->metadata_cap * 2 : METADATA_FIRST;
        struct metadata *grown = arena_alloc(arena, cap * sizeof *grown);

        if (call->metadata_count)
            memcpy(grown, call->metadata, call->metadata_count * sizeof *grown);
        call->metadata = grown;
        call->metadata_cap = cap;
    }
    uint8_t *bytes = arena_alloc(arena, name.len + value.len + 1);
    memcpy(bytes, name.ptr, name.len);
    if (value.len)
        memcpy(bytes + name.len, value.ptr, value.len);
    call->metadata[call->metadata_count++] =
        (struct metadata){slice_of(bytes, name.len), slice_of(bytes + name.len, value.len)};
}

static void timeout_header(struct call *call, struct slice value)
{
    struct err_detail detail = {0};
    int64_t timeout_ns;

    if (grpc_timeout_parse(value, &timeout_ns, &detail) != ERR_OK) {
        call->timeout_malformed = true;
        return;
    }
    const int64_t now_ns = clock_mono_ns(call->session->options.clock);

    if (__builtin_add_overflow(now_ns, timeout_ns, &call->pub.deadline_mono_ns))
        call->pub.deadline_mono_ns = 0; /* beyond all time: none */
}

/* "application/grpc", "application/grpc+proto", "application/grpc;..." */
static bool is_grpc_content(struct slice value)
{
    const struct slice base = SLICE_LIT("application/grpc");

    return slice_starts_with(value, base) &&
           (value.len == base.len || value.ptr[base.len] == '+' || value.ptr[base.len] == ';');
}

void request_header(struct call *call, struct slice name, struct slice value)
{
    if (call->state != CALL_HEADERS)
        return; /* trailers: nothing in them is for us */
    call->header_bytes += name.len + value.len;
    if (call->header_bytes > GRPC_HEADER_BYTES_MAX || call->metadata_count == GRPC_HEADERS_MAX) {
        call->headers_too_large = true;
        return;
    }
    if (name.len && name.ptr[0] == ':') {
        if (slice_eq(name, SLICE_LIT(":path")))
            call->pub.path = arena_copy(&call->pub.arena, value);
        else if (slice_eq(name, SLICE_LIT(":method")))
            call->is_post = slice_eq(value, SLICE_LIT("POST"));
        return;
    }
    metadata_add(call, name, value);
    if (slice_eq(name, SLICE_LIT("content-type"))) {
        call->is_grpc = is_grpc_content(value);
    } else if (slice_eq(name, SLICE_LIT("grpc-timeout"))) {
        timeout_header(call, value);
    } else if (slice_eq(name, SLICE_LIT("grpc-encoding"))) {
        call->gzip = slice_eq(value, SLICE_LIT("gzip"));
        call->unknown_encoding = !call->gzip && !slice_eq(value, SLICE_LIT("identity"));
    }
}

static void refuse_unknown(struct call *call)
{
    const struct slice path = call->pub.path;
    const uint8_t *slash = path.len > 1 ? memrchr(path.ptr + 1, '/', path.len - 1) : NULL;
    char text[400];

    if (path.len == 0 || path.ptr[0] != '/' || !slash) {
        snprintf(text, sizeof text, "malformed method name: \"%.*s\"",
                 (int)(path.len < 300 ? path.len : 300), (const char *)path.ptr);
        call_refuse(call, "200", GRPC_STATUS_UNIMPLEMENTED, text);
        return;
    }
    const struct slice service = slice_of(path.ptr + 1, (size_t)(slash - path.ptr - 1));
    const struct slice method = slice_of(slash + 1, (size_t)(path.ptr + path.len - slash - 1));
    const int service_len = (int)(service.len < 150 ? service.len : 150);
    const int method_len = (int)(method.len < 150 ? method.len : 150);

    if (grpc_router_has_service(call->session->options.router, service))
        snprintf(text, sizeof text, "unknown method %.*s for service %.*s", method_len,
                 (const char *)method.ptr, service_len, (const char *)service.ptr);
    else
        snprintf(text, sizeof text, "unknown service %.*s", service_len, (const char *)service.ptr);
    call_refuse(call, "200", GRPC_STATUS_UNIMPLEMENTED, text);
}

static struct slice content_type(const struct call *call)
{
    return grpc_call_metadata(&call->pub, "content-type");
}

/* Say what is wrong with the headers; false: nothing. */
static bool refuse_headers(struct call *call)
{
    char text[400];

    if (call->headers_too_large) {
        call_refuse(call, "200", GRPC_STATUS_RESOURCE_EXHAUSTED,
                    "grpc: received header list larger than max");
    } else if (!call->is_post) {
        call_refuse(call, "405", GRPC_STATUS_INTERNAL,
                    "http2Server.operateHeaders parsed a :method field which should be POST");
    } else if (!call->is_grpc) {
        const struct slice type = content_type(call);

        snprintf(text, sizeof text, "invalid gRPC request content-type \"%.*s\"",
                 (int)(type.len < 300 ? type.len : 300), (const char *)type.ptr);
        call_refuse(call, "415", GRPC_STATUS_INVALID_ARGUMENT, text);
    } else if (call->timeout_malformed) {
        struct err_detail detail = {0};
        int64_t ignored;

        if (grpc_timeout_parse(grpc_call_metadata(&call->pub, "grpc-timeout"), &ignored, &detail) ==
            ERR_OK)
            snprintf(detail.text, sizeof detail.text, "malformed grpc-timeout");
        call_refuse(call, "400", GRPC_STATUS_INTERNAL, detail.text);
    } else if (call->session->unread_bytes > GRPC_UNREAD_BYTES_MAX) {
        call_refuse(call, "200", GRPC_STATUS_RESOURCE_EXHAUSTED,
                    "grpc: too many response bytes of this connection are unread");
    } else {
        return false;
    }
    return true;
}

static void dispatch(struct call *call)
{
    struct grpc_session *session = call->session;

    must(call->state == CALL_BODY);
    call->state = CALL_HANDLED;
    heap_remove(&session->deadlines, &call->expiry);
    if (call->pub.deadline_mono_ns)
        heap_add(&session->deadlines, &call->expiry, call->pub.deadline_mono_ns);
    call->route->handle(call->route->ctx, &call->pub);
}

void request_headers_complete(struct call *call)
{
    struct grpc_session *session = call->session;

    must(call->state == CALL_HEADERS);
    if (refuse_headers(call))
        return;
    call->route = grpc_router_find(session->options.router, call->pub.path);
    if (!call->route) {
        refuse_unknown(call);
        return;
    }
    call->state = CALL_BODY;
    if (call->route->kind == GRPC_BIDI) {
        dispatch(call);
        return;
    }
    int64_t until_ns = clock_mono_ns(session->options.clock) + GRPC_REQUEST_TIMEOUT_MS * NS_PER_MS;
    if (call->pub.deadline_mono_ns && call->pub.deadline_mono_ns < until_ns)
        until_ns = call->pub.deadline_mono_ns;
    heap_add(&session->deadlines, &call->expiry, until_ns);
}

/* ---- messages ---- */

/* The request is wrong, in whatever state its handler is. */
static void fail_request(struct call *call, enum grpc_status status, const char *text)
{
    if (call->state == CALL_BODY)
        call_refuse(call, "200", status, text);
    else if (call->state == CALL_HANDLED)
        call_abort(call, status, text, GRPC_CANCEL_CLIENT);
}

/* Check a complete prefix. false: the request was failed. */
static bool check_prefix(struct call *call)
{
    const size_t max_bytes = call->session->options.message_bytes_max;
    char text[200];

    call->message_len = be32_get(call->prefix + 1);
    if (call->message_len > max_bytes) {
        snprintf(text, sizeof text, "grpc: received message larger than max (%zu vs. %zu)",
                 call->message_len, max_bytes);
        fail_request(call, GRPC_STATUS_RESOURCE_EXHAUSTED, text);
        return false;
    }
    if (call->prefix[0] > 1) {
        snprintf(text, sizeof text, "grpc: received unexpected payload format %d", call->prefix[0]);
        fail_request(call, GRPC_STATUS_INTERNAL, text);
        return false;
    }
    if (call->prefix[0] == 1 && call->unknown_encoding) {
        const struct slice name = grpc_call_metadata(&call->pub, "grpc-encoding");

        snprintf(text, sizeof text,
                 "grpc: Decompressor is not installed for grpc-encoding \"%.*s\"",
                 (int)(name.len < 100 ? name.len : 100), (const char *)name.ptr);
        fail_request(call, GRPC_STATUS_UNIMPLEMENTED, text);
        return false;
    }
    if (call->prefix[0] == 1 && !call->gzip) {
        fail_request(call, GRPC_STATUS_INTERNAL,
                     "grpc: compressed flag set with identity or empty encoding");
        return false;
    }
    return true;
}

/* Decompress where the client compressed. false: the request was failed. */
static bool unpack_message(struct call *call, struct arena *arena, struct slice *message)
{
    struct err_detail detail = {0};

    if (call->prefix[0] == 0)
        return true;
    const enum err err =
        grpc_gunzip(arena, *message, call->session->options.message_bytes_max, message, &detail);

    if (err != ERR_OK)
        fail_request(call, err_grpc_status(err), detail.text);
    return err == ERR_OK;
}

/* One of a stream's messages. false: the call was failed or answered, and may be gone. */
static bool take_stream_message(struct call *call, struct slice message)
{
    struct grpc_session *session = call->session;
    const int32_t stream_id = call->stream_id;
    struct arena scratch;

    arena_init(&scratch);
    const bool good = unpack_message(call, &scratch, &message);

    if (good) {
        call->prefix_len = 0;
        call->on_message(call->message_arg, &call->pub, message, false);
        /* The callback may have answered; the stream knows whether the call is still there. */
        call = nghttp2_session_get_stream_user_data(session->h2, stream_id);
    }
    arena_release(&scratch);
    return good && call && call->state == CALL_HANDLED;
}

/* A whole message, in memory that is only valid during this. false: the call was failed or
 * answered, and may be gone. */
static bool take_message(struct call *call, struct slice message)
{
    if (call->route->kind == GRPC_BIDI)
        return take_stream_message(call, message);
    if (call->prefix[0] == 0)
        message = arena_copy(&call->pub.arena, message);
    else if (!unpack_message(call, &call->pub.arena, &message))
        return false;
    call->pub.request = message;
    call->has_message = true;
    return true;
}

/* Take what belongs to the current message off the front of `bytes`. false: stop. */
static bool take_piece(struct call *call, struct slice *bytes)
{
    struct grpc_session *session = call->session;
    size_t n = call->message_len - call->partial.len;
    bool go_on;

    if (call->partial.len == 0 && bytes->len >= n) { /* the common case: all of it at once */
        const struct slice whole = slice_of(bytes->ptr, n);

        *bytes = slice_of(bytes->ptr + n, bytes->len - n);
        return take_message(call, whole);
    }
    n = n < bytes->len ? n : bytes->len;
    if (session->partial_bytes + n > GRPC_PARTIAL_BYTES_MAX) {
        fail_request(call, GRPC_STATUS_RESOURCE_EXHAUSTED,
                     "grpc: too many unfinished request bytes on this connection");
        return false;
    }
    if (!call->partial.max_bytes)
        buf_init(&call->partial, session->options.message_bytes_max + PARTIAL_MARGIN);
    buf_append(&call->partial, bytes->ptr, n);
    if (!buf_ok(&call->partial)) {
        fail_request(call, GRPC_STATUS_RESOURCE_EXHAUSTED, "grpc: out of memory");
        return false;
    }
    session->partial_bytes += n;
    *bytes = slice_of(bytes->ptr + n, bytes->len - n);
    if (call->partial.len < call->message_len)
        return false; /* the rest comes later */

    /* The message outlives the partial buffer's place in the call. */
    struct buf whole = call->partial;
    session->partial_bytes -= whole.len;
    call->partial = (struct buf){0};
    go_on = take_message(call, buf_slice(&whole));
    buf_release(&whole);
    return go_on;
}

void request_data(struct call *call, struct slice bytes)
{
    while (bytes.len > 0) {
        if (call->state != CALL_BODY && !(call->state == CALL_HANDLED && call->on_message))
            return;
        if (call->has_message) {
            fail_request(call, GRPC_STATUS_INTERNAL,
                         "cardinality violation: received multiple request messages for "
                         "non-client-streaming RPC");
            return;
        }
        while (call->prefix_len < GRPC_PREFIX_BYTES && bytes.len > 0) {
            call->prefix[call->prefix_len++] = *bytes.ptr;
            bytes = slice_of(bytes.ptr + 1, bytes.len - 1);
            if (call->prefix_len == GRPC_PREFIX_BYTES && !check_prefix(call))
                return;
        }
        if (call->prefix_len < GRPC_PREFIX_BYTES)
            return;
        if (!take_piece(call, &bytes))
            return;
    }
}

void request_end(struct call *call)
{
    if (call->state == CALL_HANDLED && call->on_message) {
        call->on_message(call->message_arg, &call->pub, SLICE_EMPTY, true);
        return;
    }
    if (call->state != CALL_BODY)
        return;
    if (!call->has_message) {
        call_refuse(call, "200", GRPC_STATUS_INTERNAL,
                    call->prefix_len ? "unexpected EOF"
                                     : "cardinality violation: received no request message from "
                                       "non-client-streaming RPC");
        return;
    }
    dispatch(call);
}
