/* metrics_http_test.c - real requests over loopback. */
#include "common/metrics/metrics_http.h"

#include "tests/lib/test.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* A port that is free at this moment. */
static uint16_t free_port(int *held)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;

    *held = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(bind(*held, (struct sockaddr *)&address, bytes) == 0 && listen(*held, 1) == 0);
    check(getsockname(*held, (struct sockaddr *)&address, &bytes) == 0);
    return ntohs(address.sin_port);
}

static void ask(uint16_t port, const char *request, char *answer, size_t bytes)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct timeval patience = {.tv_sec = 20};
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    size_t len = 0;
    ssize_t n = 0;

    answer[0] = '\0';
    check(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
        write(fd, request, strlen(request)) == (ssize_t)strlen(request))
        while (len < bytes - 1 && (n = read(fd, answer + len, bytes - 1 - len)) > 0)
            len += (size_t)n;
    answer[len] = '\0';
    close(fd);
}

TEST(metrics_http_serves_and_refuses)
{
    struct metrics *metrics = metrics_new();
    struct metrics_http *http, *second;
    struct err_detail detail = {0};
    char answer[4096], want[64];
    int held;
    const uint16_t port = free_port(&held);

    check_err(metrics_http_open(metrics, "127.0.0.1", port, &http, &detail), ERR_UNAVAILABLE);
    snprintf(want, sizeof want, "127.0.0.1 port %u: Address already in use", port);
    check(strstr(detail.text, want) != NULL);
    check(http == NULL);
    close(held);

    counter_add(metrics_counter(metrics, "gnomon_test", ""), 3);
    check_ok(metrics_http_open(metrics, "127.0.0.1", port, &http, &detail));
    check_err(metrics_http_open(metrics, "127.0.0.1", port, &second, &detail), ERR_UNAVAILABLE);
    ask(port, "GET /metrics HTTP/1.0\r\n\r\n", answer, sizeof answer);
    check(strncmp(answer, "HTTP/1.", 7) == 0 && strstr(answer, " 200 OK\r\n") != NULL);
    check(strstr(answer, "\r\n\r\n# TYPE gnomon_test counter\ngnomon_test 3\n") != NULL);
    ask(port, "GET /healthz HTTP/1.0\r\n\r\n", answer, sizeof answer);
    check(strstr(answer, " 503 ") != NULL);
    metrics_http_healthy(http, true);
    ask(port, "GET /healthz HTTP/1.0\r\n\r\n", answer, sizeof answer);
    check(strstr(answer, " 200 ") != NULL && strstr(answer, "\r\n\r\nok\n") != NULL);
    metrics_http_healthy(http, false);
    ask(port, "GET /healthz HTTP/1.0\r\n\r\n", answer, sizeof answer);
    check(strstr(answer, " 503 ") != NULL);
    ask(port, "GET /other HTTP/1.0\r\n\r\n", answer, sizeof answer);
    check(strstr(answer, " 404 ") != NULL);
    ask(port, "POST /metrics HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc", answer, sizeof answer);
    check(strstr(answer, " 200 ") == NULL);
    ask(port, "\x01\x02\r\n\r\n", answer, sizeof answer);
    metrics_http_close(http);
    metrics_free(metrics);
}

TEST(metrics_http_bad_address)
{
    struct metrics *metrics = metrics_new();
    struct metrics_http *http;
    struct err_detail detail = {0};

    check_err(metrics_http_open(metrics, "nonsense", 1, &http, &detail), ERR_INVALID);
    check(http == NULL);
    metrics_free(metrics);
}
