/* client.c - see client.h; over an nghttp2 client session. */
#include "common/grpc/client.h"

#include "common/base/list.h"
#include "common/grpc/codec.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>

enum {
    EXTRA_HEADERS_MAX = 16,
    REPLY_BYTES_MAX = 64 * 1024 * 1024,
    TEXT_BYTES_MAX = 64 * 1024,
    WINDOW_BYTES = 1024 * 1024,
};

struct grpc_client {
    nghttp2_session *h2;
    struct list calls;
    size_t open_count;
    bool goaway, failed;
};

struct client_call {
    struct list node;
    grpc_client_reply_fn reply;
    void *arg;
    grpc_client_message_fn on_message;
    struct buf request; /* framed */
    size_t request_sent;
    bool stay_open;
    struct buf body; /* not yet parsed */
    struct buf message, text, details;
    struct grpc_client_reply result;
    bool has_status;
};

static uint8_t *plain(const void *bytes)
{
    union {
        const void *in;
        uint8_t *out; /* nghttp2 only reads */
    } cast = {.in = bytes};

    return cast.out;
}

/* ---- callbacks ---- */

static void percent_decode(struct buf *out, struct slice text)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < text.len; i++) {
        const char *high = NULL, *low = NULL;
        uint8_t byte = text.ptr[i];

        if (byte == '%' && i + 2 < text.len) {
            high = memchr(digits, text.ptr[i + 1] | 0x20, 16);
            low = memchr(digits, text.ptr[i + 2] | 0x20, 16);
        }
        if (high && low) {
            byte = (uint8_t)((high - digits) << 4 | (low - digits));
            i += 2;
        }
        buf_append(out, &byte, 1);
    }
}

static int number_of(struct slice text)
{
    int number = 0;

    for (size_t i = 0; i < text.len && i < 4; i++)
        number = number * 10 + (text.ptr[i] - '0');
    return number;
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *arg)
{
    struct client_call *call = nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id);
    const struct slice key = slice_of(name, name_len), text = slice_of(value, value_len);

    UNUSED(flags);
    UNUSED(arg);
    if (!call)
        return 0;
    if (slice_eq(key, SLICE_LIT(":status"))) {
        call->result.http_status = number_of(text);
    } else if (slice_eq(key, SLICE_LIT("grpc-status"))) {
        call->result.status = (enum grpc_status)number_of(text);
        call->has_status = true;
    } else if (slice_eq(key, SLICE_LIT("grpc-message"))) {
        buf_clear(&call->text);
        percent_decode(&call->text, text);
    } else if (slice_eq(key, SLICE_LIT("grpc-status-details-bin"))) {
        buf_clear(&call->details);
        if (!grpc_base64_decode(&call->details, text))
            buf_clear(&call->details);
    }
    return 0;
}

/* Parse the complete messages of the body. false: malformed. */
static bool take_messages(struct client_call *call)
{
    size_t at = 0;

    while (call->body.len - at >= GRPC_PREFIX_BYTES) {
        const uint8_t *prefix = call->body.ptr + at;
        const size_t len = be32_get(prefix + 1);
        struct slice message;
        struct arena arena;
        bool good = true;

        if (call->body.len - at - GRPC_PREFIX_BYTES < len)
            break;
        message = slice_of(prefix + GRPC_PREFIX_BYTES, len);
        at += GRPC_PREFIX_BYTES + len;
        arena_init(&arena);
        call->result.was_gzip = prefix[0] == 1;
        if (call->result.was_gzip)
            good = grpc_gunzip(&arena, message, REPLY_BYTES_MAX, &message, NULL) == ERR_OK;
        if (good) {
            call->result.message_count++;
            buf_clear(&call->message);
            buf_append_slice(&call->message, message);
            if (call->on_message)
                call->on_message(call->arg, message);
        }
        arena_release(&arena);
        if (!good)
            return false;
    }
    buf_drop_front(&call->body, at);
    return true;
}

static int on_data_chunk(nghttp2_session *h2, uint8_t flags, int32_t stream_id,
                         const uint8_t *bytes, size_t len, void *arg)
{
    struct client_call *call = nghttp2_session_get_stream_user_data(h2, stream_id);

    UNUSED(flags);
    UNUSED(arg);
    if (!call)
        return 0;
    buf_append(&call->body, bytes, len);
    if (!buf_ok(&call->body) || !take_messages(call))
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    return 0;
}

static int on_frame_recv(nghttp2_session *h2, const nghttp2_frame *frame, void *arg)
{
    struct grpc_client *client = arg;

    UNUSED(h2);
    if (frame->hd.type == NGHTTP2_GOAWAY)
        client->goaway = true;
    return 0;
}

static void call_free(struct grpc_client *client, struct client_call *call)
{
    list_remove(&call->node);
    client->open_count--;
    buf_release(&call->request);
    buf_release(&call->body);
    buf_release(&call->message);
    buf_release(&call->text);
    buf_release(&call->details);
    free(call);
}

static int on_stream_close(nghttp2_session *h2, int32_t stream_id, uint32_t code, void *arg)
{
    struct client_call *call = nghttp2_session_get_stream_user_data(h2, stream_id);

    if (!call)
        return 0;
    if (!call->has_status) {
        call->result.status = GRPC_STATUS_UNAVAILABLE;
        call->result.reset = code != NGHTTP2_NO_ERROR;
    }
    call->result.message = buf_slice(&call->message);
    call->result.text = buf_slice(&call->text);
    call->result.details = buf_slice(&call->details);
    nghttp2_session_set_stream_user_data(h2, stream_id, NULL);
    call->reply(call->arg, &call->result);
    call_free(arg, call);
    return 0;
}

static ssize_t read_request(nghttp2_session *h2, int32_t stream_id, uint8_t *out, size_t length,
                            uint32_t *flags, nghttp2_data_source *source, void *arg)
{
    struct client_call *call = source->ptr;
    const size_t left = call->request.len - call->request_sent;
    const size_t n = left < length ? left : length;

    UNUSED(h2);
    UNUSED(stream_id);
    UNUSED(arg);
    if (n == 0 && call->stay_open)
        return NGHTTP2_ERR_DEFERRED;
    if (n)
        memcpy(out, call->request.ptr + call->request_sent, n);
    call->request_sent += n;
    if (n == left && !call->stay_open)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

/* ---- life ---- */

struct grpc_client *grpc_client_new(void)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_BYTES},
    };
    struct grpc_client *client = calloc(1, sizeof *client);
    nghttp2_session_callbacks *callbacks;

    must(client != NULL && nghttp2_session_callbacks_new(&callbacks) == 0);
    list_init(&client->calls);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    must(nghttp2_session_client_new(&client->h2, callbacks, client) == 0);
    nghttp2_session_callbacks_del(callbacks);
    must(nghttp2_submit_settings(client->h2, NGHTTP2_FLAG_NONE, settings, COUNT_OF(settings)) == 0);
    must(nghttp2_session_set_local_window_size(client->h2, NGHTTP2_FLAG_NONE, 0,
                                               4 * WINDOW_BYTES) == 0);
    return client;
}

void grpc_client_free(struct grpc_client *client)
{
    if (!client)
        return;
    nghttp2_session_del(client->h2);
    while (!list_empty(&client->calls))
        call_free(client, CONTAINER_OF(client->calls.next, struct client_call, node));
    free(client);
}

static nghttp2_nv nv(const char *name, struct slice value)
{
    return (nghttp2_nv){.name = plain(name),
                        .value = plain(value.ptr),
                        .namelen = strlen(name),
                        .valuelen = value.len,
                        .flags = NGHTTP2_NV_FLAG_NONE};
}

static void frame_request(struct buf *out, const struct grpc_client_request *request)
{
    uint8_t prefix[GRPC_PREFIX_BYTES] = {0};

    buf_init(out, REPLY_BYTES_MAX);
    if (request->framed) {
        buf_append_slice(out, request->message);
        return;
    }
    buf_append(out, prefix, sizeof prefix);
    if (request->gzip)
        grpc_gzip(out, &request->message, 1);
    else
        buf_append_slice(out, request->message);
    must(buf_ok(out));
    out->ptr[0] = request->gzip;
    be32_put(out->ptr + 1, (uint32_t)(out->len - sizeof prefix));
}

int32_t grpc_client_call(struct grpc_client *client, const struct grpc_client_request *request,
                         grpc_client_reply_fn reply, void *arg)
{
    nghttp2_nv headers[EXTRA_HEADERS_MAX + 10];
    size_t n = 0;

    if (client->goaway || client->failed)
        return -1;
    must(request->header_count <= EXTRA_HEADERS_MAX);
    headers[n++] = nv(":method", SLICE_LIT("POST"));
    headers[n++] = nv(":scheme", SLICE_LIT("http"));
    headers[n++] = nv(":path", slice_str(request->path));
    headers[n++] = nv(":authority", SLICE_LIT("localhost"));
    headers[n++] = nv("content-type", SLICE_LIT("application/grpc"));
    headers[n++] = nv("te", SLICE_LIT("trailers"));
    if (request->timeout)
        headers[n++] = nv("grpc-timeout", slice_str(request->timeout));
    if (request->gzip)
        headers[n++] = nv("grpc-encoding", SLICE_LIT("gzip"));
    for (size_t i = 0; i < request->header_count; i++)
        headers[n++] = nv(request->headers[i].name, request->headers[i].value);

    struct client_call *call = calloc(1, sizeof *call);
    must(call != NULL);
    call->reply = reply;
    call->arg = arg;
    call->on_message = request->on_message;
    call->stay_open = request->stay_open;
    frame_request(&call->request, request);
    buf_init(&call->body, REPLY_BYTES_MAX);
    buf_init(&call->message, REPLY_BYTES_MAX);
    buf_init(&call->text, TEXT_BYTES_MAX);
    buf_init(&call->details, TEXT_BYTES_MAX);
    list_push_back(&client->calls, &call->node);
    client->open_count++;
    const nghttp2_data_provider provider = {.source.ptr = call, .read_callback = read_request};
    const int32_t id = nghttp2_submit_request(client->h2, NULL, headers, n, &provider, call);

    if (id < 0) {
        call_free(client, call);
        return -1;
    }
    return id;
}

void grpc_client_cancel(struct grpc_client *client, int32_t id)
{
    if (nghttp2_submit_rst_stream(client->h2, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL) != 0)
        client->failed = true;
}

enum err grpc_client_recv(struct grpc_client *client, struct slice bytes)
{
    if (client->failed ||
        nghttp2_session_mem_recv(client->h2, bytes.ptr, bytes.len) != (ssize_t)bytes.len) {
        client->failed = true;
        return ERR_CORRUPT;
    }
    return ERR_OK;
}

void grpc_client_send(struct grpc_client *client, struct buf *out)
{
    const uint8_t *bytes;
    ssize_t n;

    while ((n = nghttp2_session_mem_send(client->h2, &bytes)) > 0)
        buf_append(out, bytes, (size_t)n);
    if (n < 0)
        client->failed = true;
}

size_t grpc_client_open_count(const struct grpc_client *client)
{
    return client->open_count;
}

bool grpc_client_got_goaway(const struct grpc_client *client)
{
    return client->goaway;
}
