/* inbox.h - what comes in: a PULL socket on an address of its own. */
#ifndef GNOMON_MESH_INBOX_H
#define GNOMON_MESH_INBOX_H

#include "common/base/err.h"
#include "common/base/slice.h"

struct mesh_inbox;

/* One message; what points into it holds a reference. */
struct mesh_inmsg;
struct slice mesh_inmsg_bytes(const struct mesh_inmsg *msg);
void mesh_inmsg_ref(struct mesh_inmsg *msg);
void mesh_inmsg_unref(struct mesh_inmsg *msg);

/* Called for each message, one at a time, on nng's thread; may keep a reference. */
typedef void (*mesh_inbox_fn)(void *arg, struct mesh_inmsg *msg);

/* Listen on `url`, ipc:// (mode 0600) or tcp:// with an IP address (port 0: any free one); messages
 * larger than `bytes_max` end their connection. `receive` is called from mesh_inbox_start() on. */
MUST_USE enum err mesh_inbox_open(const char *url, size_t bytes_max, mesh_inbox_fn receive,
                                  void *arg, struct mesh_inbox **out, struct err_detail *detail);
/* The TCP port listened on; 0: a socket file. */
uint16_t mesh_inbox_port(const struct mesh_inbox *inbox);
void mesh_inbox_start(struct mesh_inbox *inbox);
/* nng 1.5 accepts nobody any more once a peer has gone away in the middle of its greeting. Looks
 * whether that may have happened, tries, and listens anew: all connections break, and what they
 * carried is lost, which the peers notice. To be called now and then, by one thread; may take a
 * third of a second. true: it listens anew. */
bool mesh_inbox_heal(struct mesh_inbox *inbox);
/* Waits for `receive`. false: nng does not come to an end with it (closing.h): what `receive` uses
 * must stay, as the inbox does. */
bool mesh_inbox_close(struct mesh_inbox *inbox);

#endif
