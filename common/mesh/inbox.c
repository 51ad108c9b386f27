/* inbox.c - see inbox.h. One receive is in flight at any time: reading never stops. */
#include "common/mesh/inbox.h"

#include "common/mesh/closing.h"
#include "common/mesh/transport.h"

#include <nng/nng.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>
#include <nng/supplemental/util/platform.h>
#include <nng/transport/ipc/ipc.h>
#include <nng/transport/tcp/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SOCKET_MODE = 0600,
    PROBE_STEP_MS = 10,
    PROBE_STEPS = 30,
    CONNECTIONS_MAX = 1024, /* four for each member that there may be */
    PROBE_RECV_MAX = 1024,
};

struct mesh_inbox {
    nng_socket socket;
    nng_aio *aio;
    mesh_inbox_fn receive;
    void *arg;
    char url[MESH_URL_MAX], probe_url[MESH_URL_MAX];
    uint16_t port;    /* of TCP */
    atomic_int pipes; /* connections that stand */
    nng_listener listener;
    bool listening;
    uint64_t failures_seen; /* of the listener, after which it was still accepting */
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

/* From then on it is this port also where any free one was asked for: when it listens anew, too. */
static int note_port(struct mesh_inbox *inbox)
{
    int port = 0;
    const int failed = nng_listener_get_int(inbox->listener, NNG_OPT_TCP_BOUND_PORT, &port);

    if (failed)
        return failed;
    must(port > 0 && port <= UINT16_MAX);
    inbox->port = (uint16_t)port;
    mesh_set_port(inbox->url, inbox->port);
    mesh_probe_url(inbox->url, inbox->port, inbox->probe_url);
    return 0;
}

uint16_t mesh_inbox_port(const struct mesh_inbox *inbox)
{
    return inbox->port;
}

static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
    struct mesh_inbox *inbox = arg;

    if (event == NNG_PIPE_EV_ADD_PRE) {
        if (atomic_fetch_add(&inbox->pipes, 1) >= CONNECTIONS_MAX)
            nng_pipe_close(pipe);
    } else {
        atomic_fetch_sub(&inbox->pipes, 1);
    }
}

/* Gives nng's error code. */
static int start_listening(struct mesh_inbox *inbox)
{
    int failed = nng_listener_create(&inbox->listener, inbox->socket, inbox->url);

    if (failed)
        return failed;
    if (mesh_url_is_tcp(inbox->url)) /* who is cut off without a word must not stay for ever */
        failed = nng_listener_set_bool(inbox->listener, NNG_OPT_TCP_KEEPALIVE, true);
    else
        failed = nng_listener_set_int(inbox->listener, NNG_OPT_IPC_PERMISSIONS, SOCKET_MODE);
    if (!failed)
        failed = nng_listener_start(inbox->listener, 0);
    if (!failed && mesh_url_is_tcp(inbox->url))
        failed = note_port(inbox);
    if (failed) {
        nng_listener_close(inbox->listener);
        return failed;
    }
    inbox->listening = true;
    inbox->failures_seen = 0;
    return 0;
}

enum err mesh_inbox_open(const char *url, size_t bytes_max, mesh_inbox_fn receive, void *arg,
                         struct mesh_inbox **out, struct err_detail *detail)
{
    struct mesh_inbox *inbox = calloc(1, sizeof *inbox);

    *out = NULL;
    must(inbox != NULL);
    inbox->receive = receive;
    inbox->arg = arg;
    must((size_t)snprintf(inbox->url, sizeof inbox->url, "%s", url) < sizeof inbox->url);
    if (!mesh_url_is_tcp(url))
        mesh_probe_url(url, 0, inbox->probe_url);
    int failed = nng_pull0_open(&inbox->socket);
    if (failed)
        goto no_socket;
    failed = nng_socket_set_size(inbox->socket, NNG_OPT_RECVMAXSZ, bytes_max);
    if (!failed)
        failed = nng_pipe_notify(inbox->socket, NNG_PIPE_EV_ADD_PRE, on_pipe, inbox);
    if (!failed)
        failed = nng_pipe_notify(inbox->socket, NNG_PIPE_EV_REM_POST, on_pipe, inbox);
    if (!failed)
        failed = nng_aio_alloc(&inbox->aio, on_received, inbox);
    if (!failed)
        failed = start_listening(inbox);
    if (failed)
        goto close_socket;
    *out = inbox;
    return ERR_OK;

close_socket:
    nng_close(inbox->socket);
    if (inbox->aio)
        nng_aio_free(inbox->aio);
no_socket:
    err_fail(detail, ERR_IO, "%s: %s", inbox->url, nng_strerror(failed));
    free(inbox);
    return ERR_IO;
}

struct listener_stats {
    uint64_t accepted, failures;
};

/* Not nng_stat_find_listener(): that of nng 1.5.2 finds the first one, whatever its id. */
static nng_stat *find_listener(nng_stat *root, nng_listener listener)
{
    nng_stat *at = nng_stat_child(root);

    for (; at; at = nng_stat_next(at)) {
        nng_stat *id = strcmp(nng_stat_name(at), "listener") == 0 ? nng_stat_find(at, "id") : NULL;

        if (id && nng_stat_value(id) == (uint64_t)nng_listener_id(listener))
            break;
    }
    return at;
}

static bool read_stats(const struct mesh_inbox *inbox, struct listener_stats *out)
{
    nng_stat *root;
    bool found = false;

    if (nng_stats_get(&root) != 0)
        return false;
    nng_stat *listener = find_listener(root, inbox->listener);
    nng_stat *accepted = listener ? nng_stat_find(listener, "accept") : NULL;
    nng_stat *other = listener ? nng_stat_find(listener, "other") : NULL;
    if (accepted && other) {
        *out = (struct listener_stats){nng_stat_value(accepted), nng_stat_value(other)};
        found = true;
    }
    nng_stats_free(root);
    return found;
}

/* A connection of our own, made as peers make theirs: is it accepted? */
static bool accepts(const struct mesh_inbox *inbox, uint64_t accepted_before)
{
    struct listener_stats stats = {0};
    nng_socket probe;
    bool accepted = false;

    if (nng_push0_open(&probe) != 0)
        return true; /* out of something else */
    (void)nng_socket_set_size(probe, NNG_OPT_RECVMAXSZ, PROBE_RECV_MAX);
    if (nng_dial(probe, inbox->probe_url, NULL, 0) == 0)
        for (int i = 0; i < PROBE_STEPS && !accepted; i++) {
            nng_msleep(PROBE_STEP_MS);
            accepted = !read_stats(inbox, &stats) || stats.accepted > accepted_before;
        }
    nng_close(probe);
    return accepted;
}

bool mesh_inbox_heal(struct mesh_inbox *inbox)
{
    struct listener_stats stats;

    if (inbox->listening) {
        if (!read_stats(inbox, &stats) || stats.failures == inbox->failures_seen)
            return false;
        if (accepts(inbox, stats.accepted)) {
            inbox->failures_seen = stats.failures;
            return false;
        }
        nng_listener_close(inbox->listener);
        inbox->listening = false;
    }
    return start_listening(inbox) == 0; /* if not, then the next time */
}

void mesh_inbox_start(struct mesh_inbox *inbox)
{
    nng_recv_aio(inbox->socket, inbox->aio);
}

bool mesh_inbox_close(struct mesh_inbox *inbox)
{
    if (!inbox)
        return true;
    if (!mesh_socket_close(inbox->socket, inbox->aio))
        return false;
    free(inbox);
    return true;
}
