/* inbox.c - see inbox.h. One receive is in flight at any time: reading never stops. */
#include "common/mesh/inbox.h"

#include <nng/nng.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/transport/ipc/ipc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { SOCKET_MODE = 0600 };

struct mesh_inbox {
    nng_socket socket;
    nng_aio *aio;
    mesh_inbox_fn receive;
    void *arg;
};

struct mesh_inmsg {
    atomic_uint refs;
    nng_msg *msg;
};

struct slice mesh_inmsg_bytes(const struct mesh_inmsg *msg)
{
    return slice_of(nng_msg_body(msg->msg), nng_msg_len(msg->msg));
}

void mesh_inmsg_ref(struct mesh_inmsg *msg)
{
    atomic_fetch_add_explicit(&msg->refs, 1, memory_order_relaxed);
}

void mesh_inmsg_unref(struct mesh_inmsg *msg)
{
    if (!msg || atomic_fetch_sub_explicit(&msg->refs, 1, memory_order_acq_rel) != 1)
        return;
    nng_msg_free(msg->msg);
    free(msg);
}

static void on_received(void *arg)
{
    struct mesh_inbox *inbox = arg;
    const int failed = nng_aio_result(inbox->aio);

    if (failed == NNG_ECLOSED || failed == NNG_ECANCELED)
        return;
    if (failed == 0) {
        struct mesh_inmsg *msg = malloc(sizeof *msg);

        must(msg != NULL);
        atomic_init(&msg->refs, 1);
        msg->msg = nng_aio_get_msg(inbox->aio);
        inbox->receive(inbox->arg, msg);
        mesh_inmsg_unref(msg);
    }
    nng_recv_aio(inbox->socket, inbox->aio);
}

enum err mesh_inbox_open(const char *path, size_t bytes_max, mesh_inbox_fn receive, void *arg,
                         struct mesh_inbox **out, struct err_detail *detail)
{
    struct mesh_inbox *inbox = calloc(1, sizeof *inbox);
    char url[256];
    nng_listener listener;

    *out = NULL;
    must(inbox != NULL);
    inbox->receive = receive;
    inbox->arg = arg;
    must((size_t)snprintf(url, sizeof url, "ipc://%s", path) < sizeof url);
    int failed = nng_pull0_open(&inbox->socket);
    if (failed)
        goto no_socket;
    failed = nng_socket_set_size(inbox->socket, NNG_OPT_RECVMAXSZ, bytes_max);
    if (!failed)
        failed = nng_aio_alloc(&inbox->aio, on_received, inbox);
    if (!failed)
        failed = nng_listener_create(&listener, inbox->socket, url);
    if (!failed)
        failed = nng_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, SOCKET_MODE);
    if (!failed)
        failed = nng_listener_start(listener, 0);
    if (failed)
        goto close_socket;
    *out = inbox;
    return ERR_OK;

close_socket:
    nng_close(inbox->socket);
    if (inbox->aio)
        nng_aio_free(inbox->aio);
no_socket:
    free(inbox);
    return err_fail(detail, ERR_IO, "%s: %s", url, nng_strerror(failed));
}

void mesh_inbox_start(struct mesh_inbox *inbox)
{
    nng_recv_aio(inbox->socket, inbox->aio);
}

void mesh_inbox_close(struct mesh_inbox *inbox)
{
    if (!inbox)
        return;
    nng_close(inbox->socket);
    nng_aio_stop(inbox->aio);
    nng_aio_free(inbox->aio);
    free(inbox);
}
