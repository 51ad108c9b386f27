/* reply.c - a call's way out: response headers, DATA frames, trailers. */
#include "common/grpc/session_int.h"

enum {
    NV_MAX = 24, /* four of gRPC's own, and CALL_HEADERS_MAX */
    FRAME_HEAD_BYTES = 9,
};

static nghttp2_nv nv_static(const char *name, const char *value)
{
    return (nghttp2_nv){.name = unconst(name),
                        .value = unconst(value),
                        .namelen = strlen(name),
                        .valuelen = strlen(value),
                        .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

/* A value that differs from call to call: copied, and kept out of the compression table. */
static nghttp2_nv nv_varying(struct slice name, struct slice value)
{
    return (nghttp2_nv){.name = unconst(name.ptr),
                        .value = unconst(value.ptr),
                        .namelen = name.len,
                        .valuelen = value.len,
                        .flags = NGHTTP2_NV_FLAG_NO_INDEX};
}

static size_t put_headers(const struct call *call, const char *http_status, nghttp2_nv *out)
{
    size_t n = 0;

    out[n++] = nv_static(":status", http_status);
    out[n++] = nv_static("content-type", "application/grpc");
    if (call->reply_prefix[0])
        out[n++] = nv_static("grpc-encoding", "gzip");
    for (uint32_t i = 0; i < call->header_count; i++)
        out[n++] = nv_varying(call->headers[i].name, call->headers[i].value);
    return n;
}

static size_t put_trailers(const struct call *call, nghttp2_nv *out)
{
    static const char *const numbers[] = {"0", "1",  "2",  "3",  "4",  "5",  "6",  "7", "8",
                                          "9", "10", "11", "12", "13", "14", "15", "16"};
    size_t n = 0;

    must((size_t)call->status < COUNT_OF(numbers));
    out[n++] = nv_static("grpc-status", numbers[call->status]);
    if (call->status_text.len)
        out[n++] = nv_varying(SLICE_LIT("grpc-message"), call->status_text);
    if (call->status_details.len)
        out[n++] = nv_varying(SLICE_LIT("grpc-status-details-bin"), call->status_details);
    return n;
}

/* After a submit: the only failures are a lack of memory and a stream that is gone already. */
static void submitted(struct call *call, int status)
{
    struct grpc_session *session = call->session;

    if (status != 0 && nghttp2_is_fatal(status))
        session->failed = true;
    if (!session->closing && session->options.wants_write)
        session->options.wants_write(session->options.arg);
}

void reply_submit_headers(struct call *call)
{
    const nghttp2_data_provider provider = {.read_callback = reply_read};
    nghttp2_nv nv[NV_MAX];
    const size_t n = put_headers(call, "200", nv);

    must(!call->headers_sent);
    call->headers_sent = true;
    submitted(call, nghttp2_submit_response(call->session->h2, call->stream_id, nv, n, &provider));
}

void reply_submit_failure(struct call *call, const char *http_status)
{
    nghttp2_nv nv[NV_MAX];
    size_t n = put_headers(call, http_status, nv);

    n += put_trailers(call, nv + n);
    must(n <= NV_MAX && !call->headers_sent);
    call->headers_sent = true;
    submitted(call, nghttp2_submit_response(call->session->h2, call->stream_id, nv, n, NULL));
}

void reply_wake(struct call *call)
{
    if (!call->deferred)
        return;
    call->deferred = false;
    submitted(call, nghttp2_session_resume_data(call->session->h2, call->stream_id));
}

/* ---- the bytes ---- */

size_t reply_unsent_bytes(const struct call *call)
{
    size_t bytes = call->pending.len - call->pending_offset;

    for (size_t i = call->part_index; i < call->part_count; i++)
        bytes += call->parts[i].len;
    return bytes - call->part_offset;
}

static void take_parts(struct call *call, size_t count, struct buf *out)
{
    while (count > 0) {
        must(call->part_index < call->part_count);
        const struct slice part = call->parts[call->part_index];
        const size_t left = part.len - call->part_offset;
        const size_t n = left < count ? left : count;

        buf_append(out, part.ptr + call->part_offset, n);
        count -= n;
        call->part_offset += n;
        if (call->part_offset == part.len) {
            call->part_index++;
            call->part_offset = 0;
        }
    }
}

static void take_pending(struct call *call, size_t count, struct buf *out)
{
    buf_append(out, call->pending.ptr + call->pending_offset, count);
    call->pending_offset += count;
    if (call->pending_offset == call->pending.len) {
        buf_release(&call->pending);
        call->pending_offset = 0;
    }
}

static void submit_trailers(struct call *call)
{
    nghttp2_nv nv[NV_MAX];
    const size_t n = put_trailers(call, nv);

    if (nghttp2_is_fatal(nghttp2_submit_trailer(call->session->h2, call->stream_id, nv, n)))
        call->session->failed = true;
}

ssize_t reply_read(nghttp2_session *h2, int32_t stream_id, uint8_t *buf, size_t length,
                   uint32_t *flags, nghttp2_data_source *source, void *arg)
{
    struct call *call = nghttp2_session_get_stream_user_data(h2, stream_id);

    UNUSED(buf);
    UNUSED(source);
    UNUSED(arg);
    if (!call)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const size_t unsent = reply_unsent_bytes(call);

    if (unsent == 0 && !call->ended) {
        call->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (unsent <= length && call->ended) {
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        submit_trailers(call);
    }
    return (ssize_t)(unsent < length ? unsent : length);
}

int reply_send_data(nghttp2_session *h2, nghttp2_frame *frame, const uint8_t *head, size_t length,
                    nghttp2_data_source *source, void *arg)
{
    struct grpc_session *session = arg;
    struct call *call = nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id);

    UNUSED(source);
    must(session->out != NULL && frame->data.padlen == 0);
    if (!call)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (session->out->len >= session->out_limit)
        return NGHTTP2_ERR_WOULDBLOCK;
    if (!buf_reserve(session->out, FRAME_HEAD_BYTES + length))
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    buf_append(session->out, head, FRAME_HEAD_BYTES);
    if (call->part_count)
        take_parts(call, length, session->out);
    else if (length)
        take_pending(call, length, session->out);
    must(session->unread_bytes >= length);
    session->unread_bytes -= length;
    return 0;
}
