/* metrics_http.c - see metrics_http.h.
 *
 * One thread, a handful of connections, a time-out on each: a scraper that hangs costs nothing. */
#include "common/metrics/metrics_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 32, TIMEOUT_S = 10, RENDER_BYTES_MAX = 16 * 1024 * 1024, BACKLOG = 32 };

struct metrics_http {
    struct MHD_Daemon *daemon;
    struct metrics *metrics;
    atomic_bool healthy;
};

static enum MHD_Result answer_bytes(struct MHD_Connection *connection, unsigned status,
                                    struct slice body)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        body.len, (void *)(uintptr_t)body.ptr, MHD_RESPMEM_MUST_COPY);

    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                            "text/plain; version=0.0.4; charset=utf-8");
    const enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer(void *arg, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_bytes, void **state)
{
    struct metrics_http *http = arg;
    static int seen;

    UNUSED(version);
    UNUSED(upload);
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return MHD_NO;
    if (!*state) { /* the first call comes before the body */
        *state = &seen;
        return MHD_YES;
    }
    if (*upload_bytes) {
        *upload_bytes = 0;
        return MHD_YES;
    }
    if (strcmp(url, "/healthz") == 0)
        return atomic_load(&http->healthy)
                   ? answer_bytes(connection, MHD_HTTP_OK, SLICE_LIT("ok\n"))
                   : answer_bytes(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
                                  SLICE_LIT("not serving\n"));
    if (strcmp(url, "/metrics") != 0)
        return answer_bytes(connection, MHD_HTTP_NOT_FOUND, SLICE_LIT("not found\n"));
    struct buf body;
    buf_init(&body, RENDER_BYTES_MAX);
    metrics_render(http->metrics, &body);
    const enum MHD_Result result =
        buf_ok(&body) ? answer_bytes(connection, MHD_HTTP_OK, buf_slice(&body))
                      : answer_bytes(connection, MHD_HTTP_INTERNAL_SERVER_ERROR,
                                     SLICE_LIT("the metrics are larger than their limit\n"));
    buf_release(&body);
    return result;
}

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static enum err listen_on(const char *ip, uint16_t port, int *out, struct err_detail *detail)
{
    union address address = {0};
    socklen_t bytes = sizeof address.v4;
    const int on = 1;

    if (inet_pton(AF_INET, ip, &address.v4.sin_addr) == 1) {
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = htons(port);
    } else if (inet_pton(AF_INET6, ip, &address.v6.sin6_addr) == 1) {
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_port = htons(port);
        bytes = sizeof address.v6;
    } else {
        return err_fail(detail, ERR_INVALID, "metrics: not an IP address: %s", ip);
    }
    const int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, &address.any, bytes) == 0 && listen(fd, BACKLOG) == 0) {
        *out = fd;
        return ERR_OK;
    }
    const int cause = errno;
    if (fd >= 0)
        close(fd);
    return err_fail(detail, ERR_UNAVAILABLE, "metrics: cannot listen on %s port %u: %s", ip, port,
                    strerror(cause));
}

enum err metrics_http_open(struct metrics *metrics, const char *ip, uint16_t port,
                           struct metrics_http **out, struct err_detail *detail)
{
    int fd = -1;

    *out = NULL;
    const enum err err = listen_on(ip, port, &fd, detail);
    if (err != ERR_OK)
        return err;
    struct metrics_http *http = calloc(1, sizeof *http);
    must(http != NULL);
    http->metrics = metrics;
    http->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL, port, NULL, NULL, answer, http,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)(16 * 1024), MHD_OPTION_END);
    if (!http->daemon) {
        close(fd);
        free(http);
        return err_fail(detail, ERR_UNAVAILABLE, "metrics: cannot start the server on %s port %u",
                        ip, port);
    }
    *out = http;
    return ERR_OK;
}

void metrics_http_healthy(struct metrics_http *http, bool healthy)
{
    atomic_store(&http->healthy, healthy);
}

void metrics_http_close(struct metrics_http *http)
{
    if (!http)
        return;
    MHD_stop_daemon(http->daemon); /* closes the listening socket too */
    free(http);
}
