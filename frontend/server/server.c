/* server.c - the listening socket, handing connections to loops, and draining. */
#include "frontend/server/server_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ACCEPTS_PER_TURN = 64,
    ACCEPT_PAUSE_MS = 100,
    LISTEN_BACKLOG = 1024,
    CONNECTIONS_MAX = 4096,
    STREAMS_MAX = 4096,
    MESSAGE_BYTES_MAX = 4 * 1024 * 1024,
};

/* ---- accepting ---- */

struct accepted {
    struct loop_msg msg;
    struct server_loop *on;
    int fd;
    int64_t age_permille;
};

static void on_accepted(void *arg)
{
    struct accepted *accepted = arg;

    conn_open(accepted->on, accepted->fd, accepted->age_permille);
    free(accepted);
}

static void hand_over(struct grpc_server *server, int fd)
{
    struct accepted *accepted = calloc(1, sizeof *accepted);

    must(accepted != NULL);
    atomic_fetch_add(&server->conn_count, 1);
    accepted->msg = (struct loop_msg){.run = on_accepted, .arg = accepted};
    accepted->on = &server->loops[server->next_loop];
    accepted->fd = fd;
    /* Any spread will do: neighbours in time get ages far apart. */
    accepted->age_permille = 900 + (int64_t)(server->accepted++ * 73 % 201);
    server->next_loop = (server->next_loop + 1) % server->options.loop_count;
    if (accepted->on->loop == server->options.loops[0])
        on_accepted(accepted);
    else
        loop_post(accepted->on->loop, &accepted->msg);
}

static void on_readable(uv_poll_t *poll, int status, int events);

static void resume_accepting(void *arg)
{
    struct grpc_server *server = arg;

    if (server->listening)
        must(uv_poll_start(&server->poll, UV_READABLE, on_readable) == 0);
}

static bool is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct grpc_server *server = poll->data;

    UNUSED(status);
    UNUSED(events);
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        const int fd = accept4(server->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            if (atomic_load(&server->conn_count) < server->options.connections_max)
                hand_over(server, fd);
            else
                close(fd);
            continue;
        }
        if (is_shortage(errno)) {
            if (server->options.log)
                log_warn(server->options.log, "cannot accept a connection",
                         F_STR("cause", strerror(errno)));
            uv_poll_stop(poll);
            loop_timer_start(server->options.loops[0], &server->accept_pause, ACCEPT_PAUSE_MS);
            return;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return;
    }
}

static void start_accepting(void *arg)
{
    struct grpc_server *server = arg;

    must(uv_poll_init(loop_uv(server->options.loops[0]), &server->poll, server->listen_fd) == 0);
    server->poll.data = server;
    server->listening = true;
    resume_accepting(server);
}

/* ---- opening ---- */

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } is;
    socklen_t len;
};

static bool parse_address(const char *text, uint16_t port, struct address *out)
{
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, text, &out->is.v4.sin_addr) == 1) {
        out->is.v4.sin_family = AF_INET;
        out->is.v4.sin_port = htons(port);
        out->len = sizeof out->is.v4;
        return true;
    }
    if (inet_pton(AF_INET6, text, &out->is.v6.sin6_addr) == 1) {
        out->is.v6.sin6_family = AF_INET6;
        out->is.v6.sin6_port = htons(port);
        out->len = sizeof out->is.v6;
        return true;
    }
    return false;
}

/* The port that the kernel chose. */
static uint16_t bound_port(int fd)
{
    struct address address;

    address.len = sizeof address.is;
    must(getsockname(fd, &address.is.any, &address.len) == 0);
    return ntohs(address.is.any.sa_family == AF_INET ? address.is.v4.sin_port
                                                     : address.is.v6.sin6_port);
}

static enum err listen_on(const char *text, uint16_t port, int *out_fd, struct err_detail *detail)
{
    struct address address;
    const int on = 1, off = 0;

    if (!parse_address(text, port, &address))
        return err_fail(detail, ERR_INVALID, "\"%s\" is not an IP address", text);
    const int fd = socket(address.is.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_fail(detail, ERR_IO, "cannot listen on %s:%u: %s", text, port, strerror(errno));
    /* A port that an old process has left in TIME_WAIT may be taken; one that is in use may not. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address.is.any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, &address.is.any, address.len) != 0 || listen(fd, LISTEN_BACKLOG) != 0) {
        const int error = errno;

        close(fd);
        return err_fail(
            detail, error == EADDRINUSE ? ERR_EXISTS : ERR_IO, "cannot listen on %s:%u: %s", text,
            port, error == EADDRINUSE ? "the port is in use by another process" : strerror(error));
    }
    *out_fd = fd;
    return ERR_OK;
}

static void set_default(int64_t *value, int64_t standard)
{
    if (*value == 0)
        *value = standard;
}

static void set_defaults(struct grpc_server_options *options)
{
    if (!options->clock)
        options->clock = &clock_real;
    if (!options->connections_max)
        options->connections_max = CONNECTIONS_MAX;
    if (!options->streams_max)
        options->streams_max = STREAMS_MAX;
    if (!options->message_bytes_max)
        options->message_bytes_max = MESSAGE_BYTES_MAX;
    set_default(&options->keepalive_idle_ms, 60 * 1000);
    set_default(&options->keepalive_timeout_ms, 10 * 1000);
    set_default(&options->connection_idle_ms, 120 * 1000);
    set_default(&options->connection_age_ms, 300 * 1000);
    set_default(&options->connection_grace_ms, 70 * 1000);
    set_default(&options->ping_interval_min_ms, 10 * 1000);
    set_default(&options->slow_peer_ms, 30 * 1000);
}

static void drain_loop(void *arg);
static void grace_over(void *arg);

enum err grpc_server_open(const struct grpc_server_options *options, struct grpc_server **out,
                          struct err_detail *detail)
{
    struct grpc_server *server;
    int fd = -1;

    *out = NULL;
    must(options->loop_count >= 1 && options->loop_count <= GRPC_SERVER_LOOPS_MAX);
    const enum err err = listen_on(options->address, options->port, &fd, detail);
    if (err != ERR_OK)
        return err;
    server = calloc(1, sizeof *server);
    must(server != NULL);
    server->options = *options;
    set_defaults(&server->options);
    server->listen_fd = fd;
    server->port = bound_port(fd);
    for (size_t i = 0; i < options->loop_count; i++) {
        struct server_loop *on = &server->loops[i];

        on->server = server;
        on->loop = options->loops[i];
        list_init(&on->conns);
        on->read_bytes = malloc(READ_BYTES);
        must(on->read_bytes != NULL);
        buf_init(&on->out, 0);
        on->drain = (struct loop_msg){.run = drain_loop, .arg = on};
        on->grace.fire = grace_over;
        on->grace.arg = on;
    }
    server->accept_pause.fire = resume_accepting;
    server->accept_pause.arg = server;
    server->start = (struct loop_msg){.run = start_accepting, .arg = server};
    loop_post(options->loops[0], &server->start);
    *out = server;
    return ERR_OK;
}

uint16_t grpc_server_port(const struct grpc_server *server)
{
    return server->port;
}

uint64_t grpc_server_connection_count(const struct grpc_server *server)
{
    return atomic_load(&server->conn_count);
}

/* ---- draining ---- */

static void on_listener_closed(uv_handle_t *handle)
{
    struct grpc_server *server = handle->data;

    close(server->listen_fd);
    server->listen_fd = -1;
    /* Connections were handed over before this: the messages arrive in order. */
    for (size_t i = 0; i < server->options.loop_count; i++)
        loop_post(server->loops[i].loop, &server->loops[i].drain);
}

static void stop_accepting(void *arg)
{
    struct grpc_server *server = arg;

    must(server->listening);
    server->listening = false;
    loop_timer_stop(server->options.loops[0], &server->accept_pause);
    uv_close((uv_handle_t *)&server->poll, on_listener_closed);
}

static void all_drained(void *arg)
{
    struct grpc_server *server = arg;

    server->done(server->done_arg);
}

void server_loop_empty(struct server_loop *on)
{
    struct grpc_server *server = on->server;

    if (on->ended)
        return;
    on->ended = true;
    loop_timer_stop(on->loop, &on->grace);
    if (atomic_fetch_sub(&server->loops_left, 1) == 1)
        loop_post_fn(server->options.loops[0], all_drained, server);
}

static void grace_over(void *arg)
{
    conn_abort_all(arg);
}

static void drain_loop(void *arg)
{
    struct server_loop *on = arg;

    on->draining = true;
    if (list_empty(&on->conns)) {
        server_loop_empty(on);
        return;
    }
    loop_timer_start(on->loop, &on->grace, on->server->grace_ms);
    conn_drain_all(on);
}

void grpc_server_drain(struct grpc_server *server, int64_t grace_ms, loop_fn done, void *arg)
{
    server->grace_ms = grace_ms;
    server->done = done;
    server->done_arg = arg;
    atomic_store(&server->loops_left, server->options.loop_count);
    loop_post_fn(server->options.loops[0], stop_accepting, server);
}

void grpc_server_free(struct grpc_server *server)
{
    if (!server)
        return;
    must(atomic_load(&server->conn_count) == 0 && !server->listening);
    if (server->listen_fd >= 0)
        close(server->listen_fd);
    for (size_t i = 0; i < server->options.loop_count; i++) {
        free(server->loops[i].read_bytes);
        buf_release(&server->loops[i].out);
    }
    free(server);
}
