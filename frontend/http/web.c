/* web.c - see web.h: libmicrohttpd on the loops.
 *
 * 1. A daemon per loop, all on one listening socket; its epoll descriptor is polled by the loop, so
 * that every callback runs on the loop's thread.
 * 2. A request whose handler does not answer at once suspends its connection. Its socket is then
 * watched for the client's leaving, because the daemon does not look at it.
 * 3. A request is freed when the daemon has finished with it (on_completed()). */
#include "frontend/http/web_int.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SWEEP_MS = 1000,
    DISCARD_BYTES_MAX = 64 * 1024 * 1024, /* a larger body is refused before it comes */
};

/* ---- requests ---- */

static struct request *request_of(const struct web_request *pub)
{
    union {
        const struct web_request *in;
        struct web_request *out;
    } cast = {.in = pub};

    return CONTAINER_OF(cast.out, struct request, pub);
}

struct slice web_header(const struct web_request *pub, const char *name)
{
    return slice_str(MHD_lookup_connection_value(request_of(pub)->mhd, MHD_HEADER_KIND, name));
}

struct header_walk {
    web_header_fn fn;
    void *arg;
};

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
    const struct header_walk *walk = cls;

    UNUSED(kind);
    walk->fn(walk->arg, name, slice_str(value));
    return MHD_YES;
}

void web_each_header(const struct web_request *pub, web_header_fn fn, void *arg)
{
    struct header_walk walk = {fn, arg};

    MHD_get_connection_values(request_of(pub)->mhd, MHD_HEADER_KIND, on_header, &walk);
}

void web_answer_header(struct web_request *pub, const char *name, const char *value)
{
    struct request *request = request_of(pub);

    must(!request->response && request->header_count < WEB_ANSWER_HEADERS_MAX);
    request->headers[request->header_count].name = arena_str(&pub->arena, slice_str(name));
    request->headers[request->header_count++].value = arena_str(&pub->arena, slice_str(value));
}

static void answer_with(struct request *request, unsigned status, const char *type,
                        struct MHD_Response *response)
{
    must(response != NULL && request->response == NULL);
    request->response = response;
    request->status = status;
    request->on_cancel = NULL;
    if (type)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    for (size_t i = 0; i < request->header_count; i++)
        MHD_add_response_header(response, request->headers[i].name, request->headers[i].value);
    if (request->conn->on->draining || request->pub.too_large)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    if (request->suspended)
        web_conn_resume(request->conn);
}

void web_answer(struct web_request *pub, unsigned status, const char *type, struct buf *body)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body->len, body->ptr, MHD_RESPMEM_MUST_FREE);

    if (buf_ok(body)) {
        *body = (struct buf){0};
        answer_with(request_of(pub), status, type, response);
        return;
    }
    *body = (struct buf){0};
    MHD_destroy_response(response);
    web_answer_static(pub, 500, "text/plain", SLICE_LIT("the answer is too large\n"));
}

void web_answer_static(struct web_request *pub, unsigned status, const char *type,
                       struct slice body)
{
    union {
        const uint8_t *in;
        void *out; /* libmicrohttpd only reads */
    } cast = {.in = body.ptr};

    answer_with(request_of(pub), status, type,
                MHD_create_response_from_buffer(body.len, cast.out, MHD_RESPMEM_PERSISTENT));
}

void web_on_cancel(struct web_request *pub, void (*fn)(void *arg), void *arg)
{
    struct request *request = request_of(pub);

    request->on_cancel = fn;
    request->cancel_arg = arg;
}

void web_on_sent(struct web_request *pub, void (*fn)(void *arg, bool whole), void *arg)
{
    struct request *request = request_of(pub);

    request->on_sent = fn;
    request->sent_arg = arg;
}

static void tell_canceled(struct request *request)
{
    void (*fn)(void *arg) = request->on_cancel;

    request->on_cancel = NULL;
    request->canceled = true;
    if (fn)
        fn(request->cancel_arg);
}

/* ---- a connection while its request waits for the answer ---- */

static void on_watch_closed(uv_handle_t *handle)
{
    free(handle);
}

static void stop_watching(struct web_conn *conn)
{
    if (!conn->watch)
        return;
    conn->watch->data = NULL;
    uv_close((uv_handle_t *)conn->watch, on_watch_closed);
    conn->watch = NULL;
}

/* The client has left: the connection is taken up again, to be closed. */
static void on_gone(uv_poll_t *watch, int status, int events)
{
    struct web_conn *conn = watch->data;

    if (!conn || (status == 0 && !(events & UV_DISCONNECT)))
        return;
    tell_canceled(conn->request);
    web_conn_resume(conn);
}

static void suspend(struct request *request)
{
    struct web_conn *conn = request->conn;

    MHD_suspend_connection(request->mhd);
    request->suspended = true;
    conn->watch = calloc(1, sizeof *conn->watch);
    must(conn->watch != NULL);
    if (uv_poll_init(loop_uv(conn->on->loop), conn->watch, conn->fd) != 0) {
        free(conn->watch);
        conn->watch = NULL;
        return;
    }
    conn->watch->data = conn;
    must(uv_poll_start(conn->watch, UV_DISCONNECT, on_gone) == 0);
}

void web_conn_resume(struct web_conn *conn)
{
    struct request *request = conn->request;

    must(request && request->suspended);
    request->suspended = false;
    stop_watching(conn);
    MHD_resume_connection(request->mhd);
    web_loop_drive_soon(conn->on);
}

/* ---- libmicrohttpd's callbacks ---- */

static struct web_conn *conn_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    must(info != NULL && info->socket_context != NULL);
    return info->socket_context;
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct web_loop *on = cls;
    struct web_conn *conn = *context;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        conn = calloc(1, sizeof *conn);
        must(conn != NULL);
        conn->on = on;
        conn->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        conn->since_ms = clock_mono_ms(on->server->options.clock);
        list_push_back(&on->conns, &conn->node);
        *context = conn;
        return;
    }
    stop_watching(conn);
    list_remove(&conn->node);
    free(conn->uri);
    free(conn);
}

/* The request line is there: the only place where the path is not yet unescaped. */
static void *on_uri(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    struct web_conn *conn = conn_of(mhd);

    UNUSED(cls);
    free(conn->uri);
    conn->uri = strdup(uri);
    must(conn->uri != NULL);
    return NULL;
}

static void name_peer(struct request *request)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info ? info->client_addr : NULL;

    if (address && address->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr,
                  request->pub.peer, sizeof request->pub.peer);
    else if (address && address->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr,
                  request->pub.peer, sizeof request->pub.peer);
}

static struct request *new_request(struct web_conn *conn, struct MHD_Connection *mhd,
                                   const char *method)
{
    struct request *request = calloc(1, sizeof *request);
    const char *length = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, "Content-Length");

    must(request != NULL);
    arena_init(&request->pub.arena);
    buf_init(&request->body, WEB_BODY_BYTES_MAX);
    request->conn = conn;
    request->mhd = mhd;
    request->pub.conn = conn;
    request->pub.loop = conn->on->loop;
    request->pub.method = arena_str(&request->pub.arena, slice_str(method));
    const struct slice uri = arena_copy(&request->pub.arena, slice_str(conn->uri));
    const uint8_t *mark = uri.len ? memchr(uri.ptr, '?', uri.len) : NULL;
    request->pub.path = mark ? slice_of(uri.ptr, (size_t)(mark - uri.ptr)) : uri;
    if (mark)
        request->pub.query = slice_of(mark + 1, (size_t)(uri.ptr + uri.len - mark - 1));
    request->hopeless = length && strtoull(length, NULL, 10) > DISCARD_BYTES_MAX;
    request->pub.too_large = request->hopeless;
    name_peer(request);
    conn->request = request;
    conn->since_ms = clock_mono_ms(conn->on->server->options.clock);
    return request;
}

static enum MHD_Result handle(struct request *request)
{
    const struct web_server_options *options = &request->conn->on->server->options;

    request->dispatched = true;
    request->pub.body = buf_slice(&request->body);
    options->handle(options->ctx, &request->pub);
    if (request->response)
        return MHD_queue_response(request->mhd, request->status, request->response);
    suspend(request);
    return MHD_YES;
}

static enum MHD_Result on_access(void *cls, struct MHD_Connection *mhd, const char *url,
                                 const char *method, const char *version, const char *data,
                                 size_t *len, void **context)
{
    struct request *request = *context;

    UNUSED(cls);
    UNUSED(url);
    UNUSED(version);
    if (!request) {
        *context = request = new_request(conn_of(mhd), mhd, method);
        return request->hopeless ? handle(request) : MHD_YES;
    }
    if (*len > 0) {
        buf_append(&request->body, data, *len);
        if (!buf_ok(&request->body)) {
            request->pub.too_large = true;
            buf_release(&request->body);
            buf_init(&request->body, WEB_BODY_BYTES_MAX);
            request->body.failed = true;
        }
        *len = 0;
        return MHD_YES;
    }
    if (request->canceled)
        return MHD_NO; /* closes the connection */
    if (request->response)
        return MHD_queue_response(mhd, request->status, request->response);
    return request->dispatched ? MHD_YES : handle(request);
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **context,
                         enum MHD_RequestTerminationCode why)
{
    struct request *request = *context;

    UNUSED(cls);
    UNUSED(mhd);
    if (!request)
        return;
    if (request->dispatched && !request->response && !request->canceled)
        tell_canceled(request);
    if (request->on_sent && request->response)
        request->on_sent(request->sent_arg, why == MHD_REQUEST_TERMINATED_COMPLETED_OK);
    if (request->response)
        MHD_destroy_response(request->response);
    request->conn->request = NULL;
    request->conn->since_ms = clock_mono_ms(request->conn->on->server->options.clock);
    buf_release(&request->body);
    arena_release(&request->pub.arena);
    free(request);
    *context = NULL;
}

/* ---- a loop's share ---- */

static void on_ready(uv_poll_t *poll, int status, int events)
{
    UNUSED(status);
    UNUSED(events);
    web_loop_drive_soon(poll->data);
}

void web_loop_drive_soon(struct web_loop *on)
{
    if (!on->stopped)
        loop_at_turn_end(on->loop, &on->drive);
}

static void on_drive(void *arg)
{
    struct web_loop *on = arg;
    MHD_UNSIGNED_LONG_LONG timeout_ms;

    if (on->stopped)
        return;
    MHD_run(on->daemon);
    if (MHD_get_timeout(on->daemon, &timeout_ms) == MHD_YES)
        loop_timer_start(on->loop, &on->timer, (int64_t)timeout_ms);
    if (on->draining)
        web_loop_check_drained(on);
}

static void on_timer(void *arg)
{
    web_loop_drive_soon(arg);
}

/* Connections that take too long to say what they want. */
static void on_sweep(void *arg)
{
    struct web_loop *on = arg;
    const struct web_server_options *options = &on->server->options;
    const int64_t now_ms = clock_mono_ms(options->clock);

    for (struct list *at = on->conns.next; at != &on->conns; at = at->next) {
        const struct web_conn *conn = CONTAINER_OF(at, struct web_conn, node);
        const int64_t limit_ms = conn->request ? options->request_ms : options->idle_ms;

        if (!(conn->request && conn->request->dispatched) && now_ms - conn->since_ms > limit_ms)
            shutdown(conn->fd, SHUT_RDWR);
    }
    loop_timer_start(on->loop, &on->sweep, SWEEP_MS);
}

static void ignore_log(void *cls, const char *format, va_list args)
{
    UNUSED(cls);
    UNUSED(format);
    UNUSED(args);
}

void web_loop_start(void *arg)
{
    struct web_loop *on = arg;
    const struct web_server_options *options = &on->server->options;

    on->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_access, on,
        MHD_OPTION_EXTERNAL_LOGGER, ignore_log, NULL, MHD_OPTION_LISTEN_SOCKET, on->listen_fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)WEB_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)(options->idle_ms / 1000 + 1), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)WEB_HEADER_BYTES_MAX, MHD_OPTION_NOTIFY_COMPLETED, on_completed, on,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, on, MHD_OPTION_URI_LOG_CALLBACK, on_uri, on,
        MHD_OPTION_END);
    must(on->daemon != NULL);
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(on->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    must(info != NULL);
    must(uv_poll_init(loop_uv(on->loop), &on->poll, info->epoll_fd) == 0);
    on->poll.data = on;
    must(uv_poll_start(&on->poll, UV_READABLE, on_ready) == 0);
    on->drive = (struct loop_msg){.run = on_drive, .arg = on};
    on->timer = (struct loop_timer){.fire = on_timer, .arg = on};
    on->sweep = (struct loop_timer){.fire = on_sweep, .arg = on};
    loop_timer_start(on->loop, &on->sweep, SWEEP_MS);
    on->running = true;
    web_loop_drive_soon(on);
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct web_loop *on = handle->data;
    struct web_server *server = on->server;

    if (atomic_fetch_sub(&server->loops_left, 1) == 1)
        loop_post_fn(server->options.loops[0], server->done, server->done_arg);
}

/* Cancel what is open, close everything. */
static void stop_loop(struct web_loop *on)
{
    if (on->stopped)
        return;
    for (struct list *at = on->conns.next; at != &on->conns; at = at->next) {
        struct web_conn *conn = CONTAINER_OF(at, struct web_conn, node);

        if (conn->request && conn->request->suspended) {
            tell_canceled(conn->request);
            web_conn_resume(conn);
        }
    }
    MHD_run(on->daemon);
    on->stopped = true;
    loop_timer_stop(on->loop, &on->timer);
    loop_timer_stop(on->loop, &on->sweep);
    loop_timer_stop(on->loop, &on->grace);
    uv_poll_stop(&on->poll);
    MHD_stop_daemon(on->daemon);
    close(on->listen_fd);
    on->listen_fd = -1;
    uv_close((uv_handle_t *)&on->poll, on_poll_closed);
}

static void on_grace_over(void *arg)
{
    stop_loop(arg);
}

void web_loop_check_drained(struct web_loop *on)
{
    for (struct list *at = on->conns.next; at != &on->conns; at = at->next)
        if (CONTAINER_OF(at, struct web_conn, node)->request)
            return;
    loop_timer_start(on->loop, &on->grace, 0); /* not inside the daemon's turn */
}

void web_loop_drain(void *arg)
{
    struct web_loop *on = arg;

    must(on->running);
    on->draining = true;
    MHD_quiesce_daemon(on->daemon);
    on->grace = (struct loop_timer){.fire = on_grace_over, .arg = on};
    loop_timer_start(on->loop, &on->grace, on->server->grace_ms);
    web_loop_check_drained(on);
}
