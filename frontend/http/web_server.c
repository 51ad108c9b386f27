/* web_server.c - see web.h: the listening socket, and the beginning and the end on every loop. */
#include "frontend/http/web_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static enum err listen_on(const struct web_server_options *options, int *out, uint16_t *port,
                          struct err_detail *detail)
{
    union address address = {0};
    socklen_t bytes = sizeof address.v4;
    const int on = 1;

    if (inet_pton(AF_INET, options->address, &address.v4.sin_addr) == 1) {
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = htons(options->port);
    } else if (inet_pton(AF_INET6, options->address, &address.v6.sin6_addr) == 1) {
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_port = htons(options->port);
        bytes = sizeof address.v6;
    } else {
        return err_fail(detail, ERR_INVALID, "not an IP address: %s", options->address);
    }
    const int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, &address.any, bytes) == 0 && listen(fd, BACKLOG) == 0 &&
        getsockname(fd, &address.any, &bytes) == 0) {
        *out = fd;
        *port =
            ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
        return ERR_OK;
    }
    const int cause = errno;
    if (fd >= 0)
        close(fd);
    return err_fail(detail, cause == EADDRINUSE ? ERR_EXISTS : ERR_IO,
                    "cannot listen for HTTP on %s port %u: %s", options->address, options->port,
                    strerror(cause));
}

enum err web_server_open(const struct web_server_options *options, struct web_server **out,
                         struct err_detail *detail)
{
    uint16_t port = 0;
    int fd = -1;

    must(options->loop_count >= 1 && options->loop_count <= WEB_LOOPS_MAX);
    *out = NULL;
    const enum err err = listen_on(options, &fd, &port, detail);
    if (err != ERR_OK)
        return err;
    struct web_server *server = calloc(1, sizeof *server);
    must(server != NULL);
    server->options = *options;
    server->port = port;
    if (!server->options.idle_ms)
        server->options.idle_ms = WEB_IDLE_S * INT64_C(1000);
    if (!server->options.request_ms)
        server->options.request_ms = WEB_REQUEST_S * INT64_C(1000);
    for (size_t i = 0; i < options->loop_count; i++) {
        struct web_loop *on = &server->loops[i];

        on->server = server;
        on->loop = options->loops[i];
        on->listen_fd = i == 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 0);
        must(on->listen_fd >= 0);
        list_init(&on->conns);
        on->start = (struct loop_msg){.run = web_loop_start, .arg = on};
        loop_post(on->loop, &on->start);
    }
    *out = server;
    return ERR_OK;
}

uint16_t web_server_port(const struct web_server *server)
{
    return server->port;
}

void web_server_drain(struct web_server *server, int64_t grace_ms, loop_fn done, void *arg)
{
    server->grace_ms = grace_ms;
    server->done = done;
    server->done_arg = arg;
    atomic_store(&server->loops_left, server->options.loop_count);
    for (size_t i = 0; i < server->options.loop_count; i++) {
        struct web_loop *on = &server->loops[i];

        on->drain = (struct loop_msg){.run = web_loop_drain, .arg = on};
        loop_post(on->loop, &on->drain);
    }
}

void web_server_free(struct web_server *server)
{
    if (!server)
        return;
    for (size_t i = 0; i < server->options.loop_count; i++)
        if (server->loops[i].listen_fd >= 0)
            close(server->loops[i].listen_fd);
    free(server);
}
