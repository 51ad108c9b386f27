/* transport.h - the URLs of the mesh: what a process listens on, what it tells the others, and
 * which of them may be used. Pure, but for the look at this machine's addresses. */
#ifndef GNOMON_MESH_TRANSPORT_H
#define GNOMON_MESH_TRANSPORT_H

#include "common/base/err.h"

#include <stdint.h>

enum { MESH_URL_MAX = 320 };

struct mesh_transport {
    const char *listen;    /* tcp://ADDRESS:PORT (port 0: any free one); empty or NULL: a socket
                              file of the run folder */
    const char *advertise; /* HOST or HOST:PORT that others reach us by; empty or NULL: the address
                              listened on, or the first of this machine where that is all of them */
    bool insecure;         /* plain TCP beyond loopback is wanted */
};

/* The URL to listen on; `socket_path` where it is a socket file.
 * Errors: ERR_INVALID with the key's name in detail. */
MUST_USE enum err mesh_listen_url(const struct mesh_transport *transport, const char *socket_path,
                                  char out[MESH_URL_MAX], struct err_detail *detail);

/* The URL to tell the others, `port` being the one really listened on. After mesh_listen_url()
 * took the same. Errors: as there. */
MUST_USE enum err mesh_advertise_url(const struct mesh_transport *transport,
                                     const char *socket_path, uint16_t port, char out[MESH_URL_MAX],
                                     struct err_detail *detail);

/* May we dial what a member file says? ERR_INVALID: not a URL of the mesh, or plain TCP beyond
 * loopback where that is not wanted. */
MUST_USE enum err mesh_dial_check(const struct mesh_transport *transport, const char *url,
                                  struct err_detail *detail);

/* The URL by which a process reaches what itself listens on as `url`, at `port`. */
void mesh_probe_url(const char *url, uint16_t port, char out[MESH_URL_MAX]);
/* The same URL with another port. */
void mesh_set_port(char url[MESH_URL_MAX], uint16_t port);
bool mesh_url_is_tcp(const char *url);

#endif
