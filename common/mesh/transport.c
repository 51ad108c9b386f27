/* transport.c - see transport.h. */
#include "common/mesh/transport.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_MAX = 256 };
#define TCP "tcp://"
#define IPC "ipc://"

struct endpoint {
    char host[HOST_MAX]; /* without brackets */
    int64_t port;        /* -1: none */
};

static bool is_empty(const char *text)
{
    return !text || text[0] == '\0';
}

bool mesh_url_is_tcp(const char *url)
{
    return strncmp(url, TCP, strlen(TCP)) == 0;
}

static bool host_is_valid(const char *host, bool bracketed)
{
    static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    uint8_t address[sizeof(struct in6_addr)];

    if (bracketed)
        return inet_pton(AF_INET6, host, address) == 1;
    return host[0] != '\0' && strspn(host, name) == strlen(host);
}

static bool port_parse(const char *text, int64_t *out)
{
    const size_t len = strlen(text);

    if (len == 0 || len > 5 || strspn(text, "0123456789") != len)
        return false;
    *out = strtoll(text, NULL, 10);
    return *out <= UINT16_MAX;
}

/* HOST, HOST:PORT, [ADDRESS] or [ADDRESS]:PORT. */
static bool endpoint_parse(const char *text, struct endpoint *out)
{
    const bool bracketed = text[0] == '[';
    const char *host = bracketed ? text + 1 : text;
    const size_t host_len = strcspn(host, bracketed ? "]" : ":");
    const char *rest = host + host_len;

    if (host_len >= sizeof out->host || (bracketed && *rest++ != ']'))
        return false;
    memcpy(out->host, host, host_len);
    out->host[host_len] = '\0';
    out->port = -1;
    if (!host_is_valid(out->host, bracketed))
        return false;
    return *rest == '\0' || (*rest == ':' && port_parse(rest + 1, &out->port));
}

static void url_write(char out[MESH_URL_MAX], const char *host, int64_t port)
{
    const bool v6 = strchr(host, ':') != NULL;
    const int len = snprintf(out, MESH_URL_MAX, TCP "%s%s%s:%lld", v6 ? "[" : "", host,
                             v6 ? "]" : "", (long long)port);
    must(len > 0 && len < MESH_URL_MAX);
}

static void ipc_write(char out[MESH_URL_MAX], const char *socket_path)
{
    const int len = snprintf(out, MESH_URL_MAX, IPC "%s", socket_path);

    must(len > 0 && len < MESH_URL_MAX);
}

static bool is_address(const char *host)
{
    uint8_t address[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

static bool is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, host, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6);
    return strcmp(host, "localhost") == 0;
}

static bool is_wildcard(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (inet_pton(AF_INET, host, &v4) == 1)
        return v4.s_addr == htonl(INADDR_ANY);
    return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_UNSPECIFIED(&v6);
}

static enum err refuse_insecure(const char *key, const char *text, struct err_detail *detail)
{
    return err_fail(detail, ERR_INVALID,
                    "%s: %s is beyond loopback, and plain TCP neither hides what it carries nor "
                    "tells who speaks: set mesh.insecure = true (GNOMON_MESH_INSECURE) where only "
                    "this cluster's processes can reach it",
                    key, text);
}

static enum err listen_parse(const struct mesh_transport *transport, struct endpoint *out,
                             struct err_detail *detail)
{
    if (!mesh_url_is_tcp(transport->listen) ||
        !endpoint_parse(transport->listen + strlen(TCP), out) || out->port < 0 ||
        !is_address(out->host))
        return err_fail(detail, ERR_INVALID,
                        "mesh.listen: not tcp://ADDRESS:PORT with an IP address (an IPv6 one in "
                        "brackets): \"%s\"",
                        transport->listen);
    return ERR_OK;
}

enum err mesh_listen_url(const struct mesh_transport *transport, const char *socket_path,
                         char out[MESH_URL_MAX], struct err_detail *detail)
{
    struct endpoint listen;
    struct endpoint advertise;

    if (is_empty(transport->listen)) {
        if (!is_empty(transport->advertise))
            return err_fail(detail, ERR_INVALID,
                            "mesh.advertise: is for mesh.listen = tcp://..., which is not set");
        ipc_write(out, socket_path);
        return ERR_OK;
    }
    const enum err err = listen_parse(transport, &listen, detail);
    if (err != ERR_OK)
        return err;
    if (!transport->insecure && !is_loopback(listen.host))
        return refuse_insecure("mesh.listen", transport->listen, detail);
    if (!is_empty(transport->advertise)) {
        if (!endpoint_parse(transport->advertise, &advertise) || advertise.port == 0 ||
            is_wildcard(advertise.host))
            return err_fail(detail, ERR_INVALID,
                            "mesh.advertise: not a HOST or HOST:PORT that can be reached: \"%s\"",
                            transport->advertise);
        if (!transport->insecure && !is_loopback(advertise.host))
            return refuse_insecure("mesh.advertise", transport->advertise, detail);
    }
    url_write(out, listen.host, listen.port);
    return ERR_OK;
}

/* The first address of an interface that is up and not loopback. */
static bool own_address(int family, char out[HOST_MAX])
{
    struct ifaddrs *all;
    bool found = false;

    if (getifaddrs(&all) != 0)
        return false;
    for (const struct ifaddrs *at = all; at && !found; at = at->ifa_next) {
        if (!at->ifa_addr || at->ifa_addr->sa_family != family || !(at->ifa_flags & IFF_UP) ||
            (at->ifa_flags & IFF_LOOPBACK))
            continue;
        if (family == AF_INET) {
            const struct sockaddr_in *v4 = (const void *)at->ifa_addr;
            found = inet_ntop(AF_INET, &v4->sin_addr, out, HOST_MAX) != NULL;
        } else {
            const struct sockaddr_in6 *v6 = (const void *)at->ifa_addr;
            found = !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr) &&
                    inet_ntop(AF_INET6, &v6->sin6_addr, out, HOST_MAX) != NULL;
        }
    }
    freeifaddrs(all);
    return found;
}

enum err mesh_advertise_url(const struct mesh_transport *transport, const char *socket_path,
                            uint16_t port, char out[MESH_URL_MAX], struct err_detail *detail)
{
    struct endpoint listen, advertise;

    if (is_empty(transport->listen)) {
        ipc_write(out, socket_path);
        return ERR_OK;
    }
    const enum err err = listen_parse(transport, &listen, detail);
    if (err != ERR_OK)
        return err;
    if (!is_empty(transport->advertise)) {
        must(endpoint_parse(transport->advertise, &advertise)); /* mesh_listen_url() saw it */
        url_write(out, advertise.host, advertise.port > 0 ? advertise.port : port);
        return ERR_OK;
    }
    if (is_wildcard(listen.host)) {
        const bool v6 = strchr(listen.host, ':') != NULL;

        if (!own_address(AF_INET, listen.host) && !(v6 && own_address(AF_INET6, listen.host)))
            return err_fail(
                detail, ERR_INVALID,
                "mesh.advertise: must be set, this machine has no address but loopback");
    }
    url_write(out, listen.host, port);
    return ERR_OK;
}

enum err mesh_dial_check(const struct mesh_transport *transport, const char *url,
                         struct err_detail *detail)
{
    struct endpoint to;

    if (strncmp(url, IPC "/", strlen(IPC) + 1) == 0 && strlen(url) < MESH_URL_MAX)
        return ERR_OK;
    if (!mesh_url_is_tcp(url) || !endpoint_parse(url + strlen(TCP), &to) || to.port <= 0)
        return err_fail(detail, ERR_INVALID, "not an address of the mesh");
    if (!transport->insecure && !is_loopback(to.host))
        return refuse_insecure("a member's address", url, detail);
    return ERR_OK;
}

void mesh_probe_url(const char *url, uint16_t port, char out[MESH_URL_MAX])
{
    struct endpoint listen;

    if (!mesh_url_is_tcp(url)) {
        must(strlen(url) < MESH_URL_MAX);
        memcpy(out, url, strlen(url) + 1);
        return;
    }
    must(endpoint_parse(url + strlen(TCP), &listen));
    if (is_wildcard(listen.host))
        snprintf(listen.host, sizeof listen.host, "%s",
                 strchr(listen.host, ':') ? "::1" : "127.0.0.1");
    url_write(out, listen.host, port);
}

void mesh_set_port(char url[MESH_URL_MAX], uint16_t port)
{
    struct endpoint listen;

    must(mesh_url_is_tcp(url) && endpoint_parse(url + strlen(TCP), &listen));
    url_write(url, listen.host, port);
}
