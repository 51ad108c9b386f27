/* closing.h - closing a socket of nng without the risk of waiting for ever. */
#ifndef GNOMON_MESH_CLOSING_H
#define GNOMON_MESH_CLOSING_H

#include <nng/nng.h>
#include <stdbool.h>

/* Close the socket, then end and free the aio, on a thread of its own. false: not done after
 * MESH_CLOSE_MS; it goes on in the background, and what the aio's callback uses must stay.
 *
 * nng 1.5.2 forgets a message of which only a part was written when its pipe is closed between two
 * writes: whoever waits for that pipe then waits for ever. */
enum { MESH_CLOSE_MS = 1000 };
bool mesh_socket_close(nng_socket socket, nng_aio *aio);

#endif
