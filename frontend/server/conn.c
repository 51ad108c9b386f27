/* conn.c - one client connection: a socket on a loop, and the session that it feeds.
 *
 * 1. All output of a turn leaves in one write at the turn's end. While a write is waiting for the
 *    peer, no more is taken from the session, so at most WRITE_BYTES or so wait here; what the
 *    session itself keeps is bounded by HTTP/2's flow control and the session's limits.
 * 2. An answer counts as sent when the kernel has it. What the network then loses is found by the
 *    keepalive ping, and by whoever waits for what the answer should have caused: a task by its
 *    time-out.
 * 3. A connection is freed when its handle is closed and no flush is queued, whichever is last. */
#include "frontend/server/server_int.h"

#include <stdlib.h>
#include <unistd.h>

enum { ABORT_FLUSH_MS = 1000 };

struct conn {
    uv_tcp_t tcp;
    struct server_loop *on;
    struct list node; /* in on->conns */
    struct grpc_session *session;

    struct loop_msg flush;
    bool flush_queued, closing, closed;

    uv_write_t write;
    struct buf unsent; /* of the write that waits */
    bool writing;
    int64_t write_start_ms;

    struct loop_timer wake;
    int64_t armed_ms;    /* when `wake` fires */
    int64_t received_ms; /* last bytes from the peer */
    int64_t idle_ms;     /* since when no stream is open; INT64_MAX: one is */
    int64_t pinged_ms;   /* keepalive ping without an answer; 0: none */
    int64_t drain_at_ms, close_at_ms;
    bool draining;
};

static const struct grpc_server_options *options_of(const struct conn *conn)
{
    return &conn->on->server->options;
}

static int64_t now_ms(const struct conn *conn)
{
    return clock_mono_ms(options_of(conn)->clock);
}

static int64_t after_ms(int64_t start_ms, int64_t span_ms)
{
    return span_ms < 0 || start_ms > INT64_MAX - span_ms ? INT64_MAX : start_ms + span_ms;
}

/* ---- the end ---- */

static void free_if_over(struct conn *conn)
{
    if (!conn->closed || conn->flush_queued)
        return;
    struct server_loop *on = conn->on;

    list_remove(&conn->node);
    buf_release(&conn->unsent);
    free(conn);
    atomic_fetch_sub(&on->server->conn_count, 1);
    if (on->draining && list_empty(&on->conns))
        server_loop_empty(on);
}

static void on_closed(uv_handle_t *handle)
{
    struct conn *conn = handle->data;

    conn->closed = true;
    free_if_over(conn);
}

/* Not from inside a handler or a session's callback: it frees the session. */
static void conn_close(struct conn *conn)
{
    if (conn->closing)
        return;
    conn->closing = true;
    loop_timer_stop(conn->on->loop, &conn->wake);
    grpc_session_free(conn->session);
    conn->session = NULL;
    uv_close((uv_handle_t *)&conn->tcp, on_closed);
}

/* ---- time ---- */

static int64_t keepalive_ms(const struct conn *conn)
{
    const struct grpc_server_options *options = options_of(conn);

    return conn->pinged_ms ? after_ms(conn->pinged_ms, options->keepalive_timeout_ms)
                           : after_ms(conn->received_ms, options->keepalive_idle_ms);
}

static int64_t drain_ms(const struct conn *conn)
{
    const int64_t idle_ms = conn->idle_ms == INT64_MAX
                                ? INT64_MAX
                                : after_ms(conn->idle_ms, options_of(conn)->connection_idle_ms);

    if (conn->draining)
        return INT64_MAX;
    return idle_ms < conn->drain_at_ms ? idle_ms : conn->drain_at_ms;
}

static int64_t slow_peer_ms(const struct conn *conn)
{
    return conn->writing ? after_ms(conn->write_start_ms, options_of(conn)->slow_peer_ms)
                         : INT64_MAX;
}

static int64_t expiry_ms(const struct conn *conn)
{
    const int64_t at_ns = grpc_session_next_expiry_ns(conn->session);

    return at_ns == INT64_MAX ? INT64_MAX : at_ns / NS_PER_MS + 1;
}

static int64_t min_ms(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void arm(struct conn *conn, int64_t at_ms, int64_t now)
{
    conn->armed_ms = at_ms;
    loop_timer_start(conn->on->loop, &conn->wake, at_ms > now ? at_ms - now : 0);
}

/* The timer may only be late for deadlines that come later than what it is armed for. */
static void arm_earlier(struct conn *conn)
{
    const int64_t at_ms = min_ms(expiry_ms(conn), min_ms(slow_peer_ms(conn), conn->close_at_ms));

    if (at_ms < conn->armed_ms)
        arm(conn, at_ms, now_ms(conn));
}

static void start_drain(struct conn *conn, bool end_streams)
{
    grpc_session_drain(conn->session, end_streams);
    if (conn->draining)
        return;
    conn->draining = true;
    conn->close_at_ms = after_ms(now_ms(conn), options_of(conn)->connection_grace_ms);
}

static void on_wake(void *arg)
{
    struct conn *conn = arg;
    const int64_t now = now_ms(conn);

    conn->armed_ms = INT64_MAX;
    if (conn->closing)
        return;
    if (now >= slow_peer_ms(conn) || now >= conn->close_at_ms ||
        (conn->pinged_ms && now >= keepalive_ms(conn))) {
        conn_close(conn);
        return;
    }
    if (now >= keepalive_ms(conn)) {
        conn->pinged_ms = now;
        grpc_session_ping(conn->session);
    }
    if (now >= drain_ms(conn))
        start_drain(conn, false);
    grpc_session_expire(conn->session);

    int64_t at_ms = min_ms(keepalive_ms(conn), drain_ms(conn));
    at_ms = min_ms(at_ms, min_ms(expiry_ms(conn), slow_peer_ms(conn)));
    arm(conn, min_ms(at_ms, conn->close_at_ms), now);
}

/* ---- output ---- */

static void queue_flush(void *arg)
{
    struct conn *conn = arg;

    if (conn->closing || conn->flush_queued)
        return;
    conn->flush_queued = true;
    loop_at_turn_end(conn->on->loop, &conn->flush);
}

static void on_written(uv_write_t *write, int status)
{
    struct conn *conn = write->data;

    conn->writing = false;
    buf_release(&conn->unsent);
    if (conn->closing)
        return;
    if (status < 0) {
        conn_close(conn);
        return;
    }
    grpc_session_written(conn->session);
    queue_flush(conn);
}

/* Write what the socket takes, keep the rest. false: the connection is lost. */
static bool write_out(struct conn *conn, struct slice bytes)
{
    union {
        const uint8_t *in;
        char *out; /* libuv only reads */
    } cast = {.in = bytes.ptr};
    uv_buf_t vec = uv_buf_init(cast.out, (unsigned)bytes.len);
    int taken = uv_try_write((uv_stream_t *)&conn->tcp, &vec, 1);

    if (taken == UV_EAGAIN)
        taken = 0;
    if (taken < 0)
        return false;
    if ((size_t)taken == bytes.len)
        return true;
    buf_init(&conn->unsent, 0);
    buf_append(&conn->unsent, bytes.ptr + taken, bytes.len - (size_t)taken);
    if (!buf_ok(&conn->unsent))
        return false;
    vec = uv_buf_init((char *)conn->unsent.ptr, (unsigned)conn->unsent.len);
    conn->write.data = conn;
    if (uv_write(&conn->write, (uv_stream_t *)&conn->tcp, &vec, 1, on_written) != 0)
        return false;
    conn->writing = true;
    conn->write_start_ms = now_ms(conn);
    return true;
}

static void on_flush(void *arg)
{
    struct conn *conn = arg;
    struct buf *out = &conn->on->out;
    bool more = true;

    conn->flush_queued = false;
    if (conn->closing) {
        free_if_over(conn);
        return;
    }
    while (more && !conn->writing) {
        buf_clear(out);
        more = grpc_session_send(conn->session, out, WRITE_BYTES);
        if (out->len && !write_out(conn, buf_slice(out))) {
            conn_close(conn);
            return;
        }
    }
    if (!conn->writing)
        grpc_session_written(conn->session);
    if (!conn->writing && grpc_session_is_done(conn->session)) {
        conn_close(conn);
        return;
    }
    if (grpc_session_stream_count(conn->session) > 0)
        conn->idle_ms = INT64_MAX;
    else if (conn->idle_ms == INT64_MAX)
        conn->idle_ms = now_ms(conn);
    arm_earlier(conn);
}

/* ---- input ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    const struct conn *conn = handle->data;

    UNUSED(suggested);
    *out = uv_buf_init((char *)conn->on->read_bytes, READ_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *bytes)
{
    struct conn *conn = stream->data;

    if (conn->closing || count == 0)
        return;
    if (count < 0) {
        conn_close(conn);
        return;
    }
    conn->received_ms = now_ms(conn);
    conn->pinged_ms = 0;
    /* A failed session still has its GOAWAY to send: the flush closes the connection. */
    if (grpc_session_recv(conn->session, slice_of(bytes->base, (size_t)count)) != ERR_OK)
        uv_read_stop(stream);
    queue_flush(conn);
}

/* ---- the beginning, and shutting down ---- */

static struct grpc_session *new_session(struct conn *conn)
{
    const struct grpc_server_options *options = options_of(conn);
    const struct grpc_session_options session = {
        .router = options->router,
        .clock = options->clock,
        .loop = conn->on->loop,
        .streams_max = options->streams_max,
        .message_bytes_max = options->message_bytes_max,
        .ping_interval_min_ms = options->ping_interval_min_ms,
        .idle_pings_refused = options->idle_pings_refused,
        .wants_write = queue_flush,
        .arg = conn,
    };

    return grpc_session_new(&session);
}

void conn_open(struct server_loop *on, int fd, int64_t age_permille)
{
    struct conn *conn = calloc(1, sizeof *conn);

    must(conn != NULL);
    conn->on = on;
    conn->tcp.data = conn;
    conn->flush = (struct loop_msg){.run = on_flush, .arg = conn};
    conn->wake.fire = on_wake;
    conn->wake.arg = conn;
    conn->armed_ms = INT64_MAX;
    conn->received_ms = conn->idle_ms = now_ms(conn);
    conn->close_at_ms = INT64_MAX;
    const int64_t age_ms = options_of(conn)->connection_age_ms;
    conn->drain_at_ms =
        age_ms < 0 ? INT64_MAX : after_ms(conn->received_ms, age_ms / 1000 * age_permille);
    list_push_back(&on->conns, &conn->node);
    conn->session = new_session(conn);
    must(uv_tcp_init(loop_uv(on->loop), &conn->tcp) == 0);
    if (uv_tcp_open(&conn->tcp, fd) != 0) {
        close(fd);
        conn_close(conn);
        return;
    }
    uv_tcp_nodelay(&conn->tcp, 1);
    if (on->draining || uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read) != 0) {
        conn_close(conn);
        return;
    }
    queue_flush(conn); /* our SETTINGS */
    arm(conn, min_ms(keepalive_ms(conn), drain_ms(conn)), conn->received_ms);
}

void conn_drain_all(struct server_loop *on)
{
    LIST_EACH_SAFE(node, next, &on->conns)
    {
        struct conn *conn = CONTAINER_OF(node, struct conn, node);

        if (!conn->closing)
            start_drain(conn, true);
    }
}

void conn_abort_all(struct server_loop *on)
{
    LIST_EACH_SAFE(node, next, &on->conns)
    {
        struct conn *conn = CONTAINER_OF(node, struct conn, node);

        if (conn->closing)
            continue;
        conn->close_at_ms = now_ms(conn) + ABORT_FLUSH_MS;
        grpc_session_abort(conn->session);
        arm_earlier(conn);
    }
}
