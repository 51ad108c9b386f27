/* link.c - see link.h. */
#include "tests/bench/link.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 256 * 1024, EVENTS = 64 };

struct link {
    struct grpc_client *client;
    int fd;
    struct buf out;
    bool dirty, blocked; /* something to ask the client for; the socket is full */
};

struct links {
    int epoll_fd;
    unsigned count;
    struct link *all;
    uint8_t *input;
};

static int connect_to(const char *host, const char *port, const char **problem)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    const int on = 1;

    if (getaddrinfo(host, port, &hints, &found) != 0 || !found) {
        *problem = "no such address";
        return -1;
    }
    const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
        *problem = strerror(errno);
        freeaddrinfo(found);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    freeaddrinfo(found);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

struct links *links_open(const char *address, unsigned count, const char **problem)
{
    char host[256];
    const char *colon = strrchr(address, ':');
    struct links *links = calloc(1, sizeof *links);

    must(links != NULL);
    if (!colon || (size_t)(colon - address) >= sizeof host) {
        *problem = "not host:port";
        free(links);
        return NULL;
    }
    memcpy(host, address, (size_t)(colon - address));
    host[colon - address] = '\0';
    links->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    links->all = calloc(count, sizeof *links->all);
    links->input = malloc(READ_BYTES);
    must(links->epoll_fd >= 0 && links->all != NULL && links->input != NULL);
    for (unsigned i = 0; i < count; i++) {
        struct link *link = &links->all[i];

        link->fd = connect_to(host, colon + 1, problem);
        if (link->fd < 0) {
            links_close(links);
            return NULL;
        }
        links->count++;
        link->client = grpc_client_new();
        link->dirty = true;
        buf_init(&link->out, 0);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = link};
        must(epoll_ctl(links->epoll_fd, EPOLL_CTL_ADD, link->fd, &event) == 0);
    }
    return links;
}

void links_close(struct links *links)
{
    for (unsigned i = 0; i < links->count; i++) {
        grpc_client_free(links->all[i].client);
        buf_release(&links->all[i].out);
        close(links->all[i].fd);
    }
    close(links->epoll_fd);
    free(links->input);
    free(links->all);
    free(links);
}

struct link *links_get(struct links *links, unsigned index)
{
    return &links->all[index % links->count];
}

void link_call(struct link *link, const struct grpc_client_request *request,
               grpc_client_reply_fn reply, void *arg)
{
    if (grpc_client_call(link->client, request, reply, arg) < 0) {
        fprintf(stderr, "bench: the server takes no new calls\n");
        exit(1);
    }
    link->dirty = true;
}

static bool watch(struct links *links, struct link *link, bool blocked)
{
    struct epoll_event event = {.events = EPOLLIN | (blocked ? EPOLLOUT : 0), .data.ptr = link};

    if (link->blocked == blocked)
        return true;
    link->blocked = blocked;
    return epoll_ctl(links->epoll_fd, EPOLL_CTL_MOD, link->fd, &event) == 0;
}

static bool flush(struct links *links, struct link *link)
{
    link->dirty = false;
    grpc_client_send(link->client, &link->out);
    must(buf_ok(&link->out));
    while (link->out.len > 0) {
        const ssize_t n = send(link->fd, link->out.ptr, link->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return watch(links, link, true);
        if (n < 0)
            return false;
        buf_drop_front(&link->out, (size_t)n);
    }
    return watch(links, link, false);
}

static bool take_in(struct links *links, struct link *link)
{
    const ssize_t n = recv(link->fd, links->input, READ_BYTES, MSG_DONTWAIT);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0)
        return false;
    link->dirty = true; /* settings, window updates */
    return grpc_client_recv(link->client, slice_of(links->input, (size_t)n)) == ERR_OK;
}

bool links_turn(struct links *links, int timeout_ms)
{
    struct epoll_event events[EVENTS];

    for (unsigned i = 0; i < links->count; i++)
        if (links->all[i].dirty && !flush(links, &links->all[i]))
            return false;
    const int count = epoll_wait(links->epoll_fd, events, EVENTS, timeout_ms);
    for (int i = 0; i < count; i++) {
        struct link *link = events[i].data.ptr;

        if ((events[i].events & EPOLLOUT) && !flush(links, link))
            return false;
        if ((events[i].events & ~(uint32_t)EPOLLOUT) && !take_in(links, link))
            return false;
    }
    return true;
}
