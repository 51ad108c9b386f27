/* health.c - see health.h. */
#include "common/service/health.h"

#include "common/service/service.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { TIMEOUT_S = 2 };

static int connect_to(const char *ip, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 address6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    const struct timeval patience = {.tv_sec = TIMEOUT_S};
    const bool v4 = inet_pton(AF_INET, ip, &address.sin_addr) == 1;

    if (!v4 && inet_pton(AF_INET6, ip, &address6.sin6_addr) != 1) {
        errno = EINVAL;
        return -1;
    }
    /* Who is bound on all addresses is asked on loopback. */
    if (v4 && address.sin_addr.s_addr == htonl(INADDR_ANY))
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else if (!v4 && IN6_IS_ADDR_UNSPECIFIED(&address6.sin6_addr))
        address6.sin6_addr = in6addr_loopback;
    const int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    const struct sockaddr *to =
        v4 ? (const struct sockaddr *)&address : (const struct sockaddr *)&address6;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0 &&
        connect(fd, to, v4 ? sizeof address : sizeof address6) == 0)
        return fd;
    const int cause = errno;
    close(fd);
    errno = cause;
    return -1;
}

int health_ask(const char *name, const char *bind_ip, uint16_t port)
{
    static const char question[] = "GET /healthz HTTP/1.0\r\n\r\n";
    static const char healthy[] = " 200 ";
    char answer[64] = {0};

    if (port == 0)
        return service_refuse(name, SERVICE_EXIT_CONFIG, "no metrics port is set to be asked on");
    const int fd = connect_to(bind_ip, port);
    if (fd < 0)
        return service_refuse(name, SERVICE_EXIT_FAILED, "nobody answers on %s port %u: %s",
                              bind_ip, port, strerror(errno));
    const bool asked = send(fd, question, sizeof question - 1, MSG_NOSIGNAL) > 0;
    const ssize_t len = asked ? recv(fd, answer, sizeof answer - 1, MSG_WAITALL) : -1;
    close(fd);
    if (len > 0 && strstr(answer, healthy))
        return SERVICE_EXIT_OK;
    return service_refuse(name, SERVICE_EXIT_FAILED, "the process on %s port %u does not serve",
                          bind_ip, port);
}
