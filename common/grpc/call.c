/* call.c - a call's life, and the functions that handlers use. */
#include "common/grpc/session_int.h"

enum {
    CALL_HEADERS_MAX = 16,
    STATUS_BYTES_MAX = 1024 * 1024, /* of grpc-message or the details, encoded */
    STATUS_MARGIN_BYTES = 2 * 1024, /* the rest of the trailers */
    GZIP_WORTHWHILE_BYTES = 1024,
    LARGE_REPLY_BYTES = 64 * 1024,
};

struct call *call_new(struct grpc_session *session, int32_t stream_id)
{
    struct arena arena;

    /* The call lives in its own arena: one allocation for a small call. */
    arena_init(&arena);
    struct call *call = ARENA_NEW(&arena, struct call);
    call->pub.arena = arena;
    call->pub.loop = session->options.loop;
    call->session = session;
    call->stream_id = stream_id;
    call->state = CALL_HEADERS;
    list_push_back(&session->calls, &call->node);
    session->call_count++;
    return call;
}

static void call_free(struct call *call)
{
    must(call->session == NULL && call->state != CALL_HANDLED);
    for (struct at_free *at = call->at_free; at; at = at->next)
        at->fn(at->arg);
    buf_release(&call->partial);
    buf_release(&call->pending);
    struct arena arena = call->pub.arena; /* holds the call itself */
    arena_release(&arena);
}

static void tell_sent(struct call *call, enum grpc_sent sent)
{
    const grpc_sent_fn fn = call->on_sent;

    call->on_sent = NULL;
    if (fn)
        fn(call->sent_arg, sent);
}

void call_ended(struct call *call, enum grpc_sent sent)
{
    tell_sent(call, sent);
    call_free(call);
}

void calls_written(struct grpc_session *session, enum grpc_sent sent)
{
    struct list *node;

    while ((node = list_pop_front(&session->unwritten))) {
        struct call *call = CONTAINER_OF(node, struct call, node);

        call_ended(call, sent);
    }
}

void call_detach(struct call *call, enum grpc_cancel why)
{
    struct grpc_session *session = call->session;

    must(session != NULL && why != GRPC_CANCEL_NONE);
    nghttp2_session_set_stream_user_data(session->h2, call->stream_id, NULL);
    heap_remove(&session->deadlines, &call->expiry);
    list_remove(&call->node);
    session->call_count--;
    session->partial_bytes -= call->partial.len;
    session->unread_bytes -= reply_unsent_bytes(call);
    call->session = NULL;
    if (call->on_sent && call->taken) {
        list_push_back(&session->unwritten, &call->node);
        return;
    }
    if (call->state != CALL_HANDLED) {
        call_ended(call, GRPC_NOT_SENT);
        return;
    }
    buf_release(&call->partial);
    buf_release(&call->pending);
    call->pending_offset = 0;
    call->canceled = why;
    const grpc_cancel_fn fn = call->on_cancel;
    call->on_cancel = NULL;
    if (fn)
        fn(call->cancel_arg, &call->pub, why); /* may answer, which frees the call */
}

/* What the client takes as a header: details beyond it are left out rather than the answer lost. */
static size_t status_bytes_max(const struct call *call)
{
    const uint32_t peer_max = nghttp2_session_get_remote_settings(
        call->session->h2, NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE);

    if (peer_max >= STATUS_BYTES_MAX + STATUS_MARGIN_BYTES)
        return STATUS_BYTES_MAX;
    return peer_max > 2 * STATUS_MARGIN_BYTES ? peer_max - STATUS_MARGIN_BYTES
                                              : STATUS_MARGIN_BYTES;
}

void call_set_status(struct call *call, enum grpc_status status, const struct err_detail *detail)
{
    const size_t max_bytes = status_bytes_max(call);
    struct buf encoded, message;

    call->status = status;
    const struct slice text = slice_str(detail->text);
    buf_init(&encoded, max_bytes);
    grpc_message_encode(&encoded, text);
    if (buf_ok(&encoded))
        call->status_text = arena_copy(&call->pub.arena, buf_slice(&encoded));
    if (detail->type) {
        buf_init(&message, max_bytes);
        buf_clear(&encoded);
        grpc_status_encode(&message, status, text, detail->type, detail->payload);
        if (buf_ok(&message))
            grpc_base64_encode(&encoded, buf_slice(&message));
        if (buf_ok(&message) && buf_ok(&encoded))
            call->status_details = arena_copy(&call->pub.arena, buf_slice(&encoded));
        buf_release(&message);
    }
    buf_release(&encoded);
}

static void set_status_text(struct call *call, enum grpc_status status, const char *text)
{
    struct err_detail detail = {0};

    err_fail(&detail, ERR_OK, "%s", text);
    call_set_status(call, status, &detail);
}

void call_refuse(struct call *call, const char *http_status, enum grpc_status status,
                 const char *text)
{
    must(call->state == CALL_HEADERS || call->state == CALL_BODY);
    call->state = CALL_ANSWERED;
    heap_remove(&call->session->deadlines, &call->expiry);
    set_status_text(call, status, text);
    reply_submit_failure(call, http_status);
}

static void reset_stream(struct call *call, uint32_t code)
{
    struct grpc_session *session = call->session;

    if (nghttp2_is_fatal(
            nghttp2_submit_rst_stream(session->h2, NGHTTP2_FLAG_NONE, call->stream_id, code)))
        session->failed = true;
    if (!session->closing && session->options.wants_write)
        session->options.wants_write(session->options.arg);
}

void call_abort(struct call *call, enum grpc_status status, const char *text, enum grpc_cancel why)
{
    switch (call->state) {
    case CALL_HEADERS:
    case CALL_BODY:
        call_refuse(call, "200", status, text);
        return;
    case CALL_HANDLED:
        if (call->headers_sent) {
            reset_stream(call, NGHTTP2_CANCEL);
        } else {
            set_status_text(call, status, text);
            reply_submit_failure(call, "200");
        }
        call_detach(call, why);
        return;
    case CALL_ANSWERED:
        reset_stream(call, NGHTTP2_CANCEL);
        return;
    }
    must(!"a call has a state");
}

/* ---- for handlers ---- */

struct slice grpc_call_metadata(const struct grpc_call *pub, const char *name)
{
    const struct call *call = call_of(pub);
    const struct slice wanted = slice_str(name);

    for (uint32_t i = 0; i < call->metadata_count; i++)
        if (slice_eq(call->metadata[i].name, wanted))
            return call->metadata[i].value;
    return SLICE_EMPTY;
}

void grpc_call_header(struct grpc_call *pub, const char *name, struct slice value)
{
    struct call *call = call_of(pub);

    must(call->state == CALL_HANDLED && !call->headers_sent);
    must(call->header_count < CALL_HEADERS_MAX);
    if (!call->headers)
        call->headers = ARENA_ARRAY(&pub->arena, struct metadata, CALL_HEADERS_MAX);
    call->headers[call->header_count++] =
        (struct metadata){arena_copy(&pub->arena, slice_str(name)), arena_copy(&pub->arena, value)};
}

/* The one answer. false: nobody is there to hear it, and the call is gone. */
static bool answer(struct call *call)
{
    must(call->state == CALL_HANDLED);
    call->state = CALL_ANSWERED;
    call->on_cancel = NULL;
    call->on_message = NULL;
    if (call->session) {
        heap_remove(&call->session->deadlines, &call->expiry);
        return true;
    }
    call_ended(call, GRPC_NOT_SENT);
    return false;
}

/* The same for a call without a session, with what the answer is. */
static void answer_local(struct call *call, const struct grpc_local_answer *what)
{
    must(call->state == CALL_HANDLED);
    call->state = CALL_ANSWERED;
    call->on_cancel = NULL;
    if (!call_local_answered(call, what))
        call_ended(call, GRPC_NOT_SENT);
}

void grpc_call_reply(struct grpc_call *pub, struct slice message)
{
    grpc_call_reply_parts(pub, &message, 1);
}

static size_t parts_bytes(const struct slice *parts, size_t count)
{
    size_t bytes = 0;

    for (size_t i = 0; i < count; i++)
        bytes += parts[i].len;
    return bytes;
}

/* Compress the parts into one when the client compresses, too. */
static bool gzip_parts(struct call *call, const struct slice *parts, size_t count,
                       struct slice *out)
{
    struct buf zipped;

    if (!call->gzip || parts_bytes(parts, count) < GZIP_WORTHWHILE_BYTES)
        return false;
    buf_init(&zipped, 0);
    grpc_gzip(&zipped, parts, count);
    const bool good = buf_ok(&zipped);
    if (good)
        *out = arena_copy(&call->pub.arena, buf_slice(&zipped));
    buf_release(&zipped);
    return good;
}

void grpc_call_reply_parts(struct grpc_call *pub, const struct slice *parts, size_t count)
{
    struct call *call = call_of(pub);
    struct slice zipped;

    must(call->route->kind == GRPC_UNARY);
    if (call->local) {
        answer_local(call, &(struct grpc_local_answer){.parts = parts, .part_count = count});
        return;
    }
    if (!answer(call))
        return;
    if (gzip_parts(call, parts, count, &zipped)) {
        call->reply_prefix[0] = 1;
        parts = &zipped;
        count = 1;
    }
    const size_t bytes = parts_bytes(parts, count);
    must(bytes <= UINT32_MAX);
    be32_put(call->reply_prefix + 1, (uint32_t)bytes);
    call->parts = arena_alloc(&pub->arena, (count + 1) * sizeof *call->parts);
    call->parts[0] = slice_of(call->reply_prefix, GRPC_PREFIX_BYTES);
    call->part_count = 1;
    for (size_t i = 0; i < count; i++)
        if (parts[i].len)
            call->parts[call->part_count++] = parts[i];
    call->ended = true;
    call->status = GRPC_STATUS_OK;
    call->session->unread_bytes += bytes + GRPC_PREFIX_BYTES;
    if (bytes > LARGE_REPLY_BYTES)
        heap_add(&call->session->deadlines, &call->expiry,
                 clock_mono_ns(call->session->options.clock) + GRPC_REPLY_TIMEOUT_MS * NS_PER_MS);
    reply_submit_headers(call);
}

void grpc_call_fail_status(struct grpc_call *pub, enum grpc_status status,
                           const struct err_detail *detail)
{
    struct call *call = call_of(pub);

    must(status != GRPC_STATUS_OK && detail != NULL);
    if (call->local) {
        answer_local(call, &(struct grpc_local_answer){.status = status, .detail = detail});
        return;
    }
    if (!answer(call))
        return;
    call_set_status(call, status, detail);
    call->ended = true;
    if (call->headers_sent)
        reply_wake(call);
    else if (call->header_count > 0)
        reply_submit_headers(call); /* headers of the handler's come before, not among trailers */
    else
        reply_submit_failure(call, "200");
}

void grpc_call_fail(struct grpc_call *pub, enum err err, const struct err_detail *detail)
{
    struct err_detail filled = {0};

    if (detail)
        filled = *detail;
    if (!filled.text[0] && !filled.type)
        err_fail(&filled, err, "%s", err_text(err));
    grpc_call_fail_status(pub, err_grpc_status(err), &filled);
}

void grpc_call_on_cancel(struct grpc_call *pub, grpc_cancel_fn fn, void *arg)
{
    struct call *call = call_of(pub);

    must(call->state == CALL_HANDLED);
    if (call->session || call_local_waits(call)) {
        call->on_cancel = fn;
        call->cancel_arg = arg;
    } else if (fn) {
        fn(arg, pub, call->canceled);
    }
}

enum grpc_cancel grpc_call_canceled(const struct grpc_call *pub)
{
    return call_of(pub)->canceled;
}

void grpc_call_on_sent(struct grpc_call *pub, grpc_sent_fn fn, void *arg)
{
    struct call *call = call_of(pub);

    must(call->state == CALL_HANDLED && call->route->kind == GRPC_UNARY);
    call->on_sent = fn;
    call->sent_arg = arg;
}

void grpc_call_at_free(struct grpc_call *pub, void (*fn)(void *arg), void *arg)
{
    struct call *call = call_of(pub);
    struct at_free *at = ARENA_NEW(&pub->arena, struct at_free);

    *at = (struct at_free){.next = call->at_free, .fn = fn, .arg = arg};
    call->at_free = at;
}

/* ---- streams ---- */

bool grpc_call_send(struct grpc_call *pub, struct slice message)
{
    struct call *call = call_of(pub);
    uint8_t prefix[GRPC_PREFIX_BYTES] = {0};

    must(call->state == CALL_HANDLED && call->route->kind != GRPC_UNARY);
    if (!call->session)
        return true; /* nobody hears it */
    if (message.len > GRPC_STREAM_PENDING_BYTES_MAX ||
        call->pending.len + message.len + sizeof prefix > GRPC_STREAM_PENDING_BYTES_MAX)
        return false;
    if (!call->pending.max_bytes)
        buf_init(&call->pending, GRPC_STREAM_PENDING_BYTES_MAX);
    if (!buf_reserve(&call->pending, sizeof prefix + message.len))
        return false;
    be32_put(prefix + 1, (uint32_t)message.len);
    buf_append(&call->pending, prefix, sizeof prefix);
    buf_append_slice(&call->pending, message);
    call->session->unread_bytes += sizeof prefix + message.len;
    if (!call->headers_sent)
        reply_submit_headers(call);
    else
        reply_wake(call);
    return true;
}

void grpc_call_finish(struct grpc_call *pub)
{
    struct call *call = call_of(pub);

    must(call->route->kind != GRPC_UNARY);
    if (!answer(call))
        return;
    call->status = GRPC_STATUS_OK;
    call->ended = true;
    if (!call->headers_sent)
        reply_submit_headers(call);
    else
        reply_wake(call);
}

void grpc_call_on_message(struct grpc_call *pub, grpc_message_fn fn, void *arg)
{
    struct call *call = call_of(pub);

    must(call->state == CALL_HANDLED && call->route->kind == GRPC_BIDI);
    call->on_message = fn;
    call->message_arg = arg;
}
