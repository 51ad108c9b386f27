/* session.c - nghttp2's callbacks, and what the owner of a connection calls. */
#include "common/grpc/session_int.h"

#include <stdlib.h>

enum {
    STREAM_WINDOW_BYTES = 1024 * 1024,
    CONNECTION_WINDOW_BYTES = 8 * 1024 * 1024,
    OUTBOUND_ACKS_MAX = 1000,
    IDLE_PING_INTERVAL_MS = 2 * 60 * 60 * 1000,
};

static const uint8_t drain_ping[8] = {'g', 'n', 'o', 'm', 'o', 'n', 'g', 'o'};

static void wants_write(struct grpc_session *session)
{
    if (!session->closing && session->options.wants_write)
        session->options.wants_write(session->options.arg);
}

/* ---- callbacks ---- */

static int on_begin_headers(nghttp2_session *h2, const nghttp2_frame *frame, void *arg)
{
    struct grpc_session *session = arg;

    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct call *call = call_new(session, frame->hd.stream_id);
    if (nghttp2_session_set_stream_user_data(h2, frame->hd.stream_id, call) != 0) {
        call_detach(call, GRPC_CANCEL_CLIENT);
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return 0;
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *arg)
{
    struct call *call = nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id);

    UNUSED(flags);
    UNUSED(arg);
    if (call)
        request_header(call, slice_of(name, name_len), slice_of(value, value_len));
    return 0;
}

static void goaway(struct grpc_session *session)
{
    nghttp2_session *h2 = session->h2;

    if (session->goaway_sent)
        return;
    session->goaway_sent = true;
    if (nghttp2_submit_goaway(h2, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(h2),
                              NGHTTP2_NO_ERROR, NULL, 0) != 0)
        session->failed = true;
}

/* Spec: grpc-go's enforcement policy. */
static void on_ping(struct grpc_session *session)
{
    const struct grpc_session_options *options = &session->options;
    const int64_t now_ms = clock_mono_ms(options->clock), before_ms = session->pinged_ms;
    const bool idle = options->idle_pings_refused && session->call_count == 0;
    static const char reason[] = "too_many_pings";

    if (options->ping_interval_min_ms <= 0)
        return;
    session->pinged_ms = now_ms;
    if (session->pings_forgiven) {
        session->pings_forgiven = false;
        session->ping_strikes = 0;
        return;
    }
    if (before_ms == 0 ||
        now_ms - before_ms >= (idle ? IDLE_PING_INTERVAL_MS : options->ping_interval_min_ms))
        return;
    if (++session->ping_strikes <= GRPC_PING_STRIKES_MAX)
        return;
    if (nghttp2_submit_goaway(session->h2, NGHTTP2_FLAG_NONE,
                              nghttp2_session_get_last_proc_stream_id(session->h2),
                              NGHTTP2_ENHANCE_YOUR_CALM, unconst(reason), sizeof reason - 1) != 0 ||
        nghttp2_session_terminate_session(session->h2, NGHTTP2_ENHANCE_YOUR_CALM) != 0)
        session->failed = true;
}

static int on_frame_recv(nghttp2_session *h2, const nghttp2_frame *frame, void *arg)
{
    struct grpc_session *session = arg;

    if (frame->hd.type == NGHTTP2_PING) {
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) && session->draining &&
            memcmp(frame->ping.opaque_data, drain_ping, sizeof drain_ping) == 0)
            goaway(session);
        if (!(frame->hd.flags & NGHTTP2_FLAG_ACK))
            on_ping(session);
        return 0;
    }
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    const int32_t stream_id = frame->hd.stream_id;
    struct call *call = nghttp2_session_get_stream_user_data(h2, stream_id);

    if (call && call->state == CALL_HEADERS) {
        request_headers_complete(call);
        call = nghttp2_session_get_stream_user_data(h2, stream_id);
    }
    if (call && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        request_end(call);
    return 0;
}

static int on_data_chunk(nghttp2_session *h2, uint8_t flags, int32_t stream_id,
                         const uint8_t *bytes, size_t len, void *arg)
{
    struct call *call = nghttp2_session_get_stream_user_data(h2, stream_id);

    UNUSED(flags);
    UNUSED(arg);
    if (call)
        request_data(call, slice_of(bytes, len));
    return 0;
}

static int on_stream_close(nghttp2_session *h2, int32_t stream_id, uint32_t code, void *arg)
{
    struct call *call = nghttp2_session_get_stream_user_data(h2, stream_id);

    UNUSED(arg);
    if (!call)
        return 0;
    call->taken = code == NGHTTP2_NO_ERROR && call->state == CALL_ANSWERED && call->ended &&
                  reply_unsent_bytes(call) == 0;
    call_detach(call, GRPC_CANCEL_CLIENT);
    return 0;
}

/* An answer that comes before the request is complete: the client may stop sending. */
static int on_frame_send(nghttp2_session *h2, const nghttp2_frame *frame, void *arg)
{
    struct grpc_session *session = arg;

    if (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA)
        session->pings_forgiven = true;
    if (frame->hd.type == NGHTTP2_HEADERS && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) &&
        nghttp2_session_get_stream_remote_close(h2, frame->hd.stream_id) == 0 &&
        nghttp2_submit_rst_stream(h2, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR) !=
            0)
        session->failed = true;
    return 0;
}

/* ---- life ---- */

/* Lenient to clients that cancel many calls, as workers do when they stop. */
enum { RESETS_BURST = 20000, RESETS_PER_SECOND = 2000 };

static void create_h2(struct grpc_session *session)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;

    must(nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&option) == 0);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, reply_send_data);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_max_outbound_ack(option, OUTBOUND_ACKS_MAX);
    nghttp2_option_set_stream_reset_rate_limit(option, RESETS_BURST, RESETS_PER_SECOND);
    nghttp2_option_set_max_send_header_block_length(option, GRPC_SEND_HEADER_BYTES_MAX);
    must(nghttp2_session_server_new2(&session->h2, callbacks, session, option) == 0);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
}

struct grpc_session *grpc_session_new(const struct grpc_session_options *options)
{
    struct grpc_session *session = calloc(1, sizeof *session);

    must(session != NULL && options->streams_max > 0);
    session->options = *options;
    list_init(&session->calls);
    list_init(&session->unwritten);
    heap_init(&session->deadlines);
    create_h2(session);
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options->streams_max},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, GRPC_HEADER_BYTES_MAX},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    must(nghttp2_submit_settings(session->h2, NGHTTP2_FLAG_NONE, settings, COUNT_OF(settings)) ==
         0);
    must(nghttp2_session_set_local_window_size(session->h2, NGHTTP2_FLAG_NONE, 0,
                                               CONNECTION_WINDOW_BYTES) == 0);
    return session;
}

void grpc_session_free(struct grpc_session *session)
{
    if (!session)
        return;
    session->closing = true;
    while (!list_empty(&session->calls))
        call_detach(CONTAINER_OF(session->calls.next, struct call, node), GRPC_CANCEL_CLIENT);
    calls_written(session, GRPC_MAYBE_SENT);
    must(session->call_count == 0 && session->unread_bytes == 0 && session->partial_bytes == 0);
    nghttp2_session_del(session->h2);
    heap_release(&session->deadlines);
    free(session);
}

enum err grpc_session_recv(struct grpc_session *session, struct slice bytes)
{
    if (session->failed)
        return ERR_CORRUPT;
    const ssize_t taken = nghttp2_session_mem_recv(session->h2, bytes.ptr, bytes.len);

    if (taken < 0 || (size_t)taken != bytes.len)
        session->failed = true;
    return session->failed ? ERR_CORRUPT : ERR_OK;
}

bool grpc_session_send(struct grpc_session *session, struct buf *out, size_t limit)
{
    ssize_t n = 0;

    session->out = out;
    session->out_limit = limit;
    while (out->len < limit) {
        const uint8_t *bytes;

        n = nghttp2_session_mem_send(session->h2, &bytes);
        if (n <= 0)
            break;
        buf_append(out, bytes, (size_t)n);
    }
    session->out = NULL;
    if (n < 0 || !buf_ok(out))
        session->failed = true;
    return out->len >= limit && !session->failed;
}

void grpc_session_written(struct grpc_session *session)
{
    calls_written(session, GRPC_SENT);
}

int64_t grpc_session_next_expiry_ns(const struct grpc_session *session)
{
    const struct heap_node *first = heap_first(&session->deadlines);

    return first ? first->at : INT64_MAX;
}

static void expire(struct call *call, int64_t now_ns)
{
    const int64_t deadline_ns = call->pub.deadline_mono_ns;

    if (call->state == CALL_BODY && (deadline_ns == 0 || deadline_ns > now_ns))
        call_abort(call, GRPC_STATUS_CANCELLED, "the request did not arrive in time",
                   GRPC_CANCEL_DEADLINE);
    else
        call_abort(call, GRPC_STATUS_DEADLINE_EXCEEDED, "context deadline exceeded",
                   GRPC_CANCEL_DEADLINE);
}

void grpc_session_expire(struct grpc_session *session)
{
    const int64_t now_ns = clock_mono_ns(session->options.clock);

    for (;;) {
        struct heap_node *first = heap_first(&session->deadlines);

        if (!first || first->at > now_ns)
            return;
        heap_remove(&session->deadlines, first);
        expire(CONTAINER_OF(first, struct call, expiry), now_ns);
    }
}

void grpc_session_ping(struct grpc_session *session)
{
    if (nghttp2_submit_ping(session->h2, NGHTTP2_FLAG_NONE, NULL) != 0)
        session->failed = true;
    wants_write(session);
}

/* A callback may free any call: begin again after each one that was hit. */
static void abort_calls(struct grpc_session *session, bool unary_too)
{
    struct list *node = session->calls.next;

    while (node != &session->calls) {
        struct call *call = CONTAINER_OF(node, struct call, node);

        node = node->next;
        if (call->state != CALL_HANDLED || (!unary_too && call->route->kind == GRPC_UNARY))
            continue;
        call_abort(call, GRPC_STATUS_UNAVAILABLE, "the server is shutting down",
                   GRPC_CANCEL_SHUTDOWN);
        node = session->calls.next;
    }
}

void grpc_session_drain(struct grpc_session *session, bool end_streams)
{
    if (end_streams)
        abort_calls(session, false);
    if (session->draining) {
        wants_write(session);
        return;
    }
    session->draining = true;
    if (nghttp2_submit_shutdown_notice(session->h2) != 0 ||
        nghttp2_submit_ping(session->h2, NGHTTP2_FLAG_NONE, drain_ping) != 0)
        session->failed = true;
    wants_write(session);
}

void grpc_session_abort(struct grpc_session *session)
{
    abort_calls(session, true);
    goaway(session);
    wants_write(session);
}

bool grpc_session_is_done(const struct grpc_session *session)
{
    return session->failed || (nghttp2_session_want_write(session->h2) == 0 &&
                               nghttp2_session_want_read(session->h2) == 0);
}

size_t grpc_session_stream_count(const struct grpc_session *session)
{
    return session->call_count;
}
