/* outbox.c - see outbox.h.
 *
 * 1. `chunks` are messages to be: a chunk is closed once it holds OUTBOX_BATCH_BYTES, a larger
 *    envelope has one alone. The last chunk is filled, the first is sent.
 * 2. nng's callback sends the next chunk: `sending` says that it will come. */
#include "common/mesh/outbox.h"

#include "common/base/clock.h"
#include "common/mesh/closing.h"
#include "common/mesh/transport.h"

#include <nng/nng.h>
#include <nng/protocol/pipeline0/push.h>
#include <nng/transport/tcp/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    SPARE_CHUNKS_MAX = 4,
    RECONNECT_MS_MIN = 5,
    RECONNECT_MS_MAX = 50,
    REDIAL_MS = 1000,
    RECV_BYTES_MAX = 1024, /* nobody sends on this way */
    CHUNK_MAX = 1 << 30
};

struct chunk {
    struct chunk *next;
    struct buf bytes;
    uint64_t envelopes;
};

struct mesh_outbox {
    nng_socket socket;
    nng_aio *aio;
    struct outbox_options options;
    char url[MESH_URL_MAX];
    atomic_int pipes; /* connections that stand: 0 or 1 */

    nng_dialer dialer; /* of mesh_outbox_heal() and the opening, as the next two */
    bool dialing;
    int64_t apart_mono_ns; /* since when there has been no connection; 0: there is one */

    pthread_mutex_t mutex; /* guards all below */
    pthread_cond_t idle;   /* signalled when nothing is left to send */
    struct chunk *first, *last, *spare;
    uint32_t spare_count;
    size_t queued_bytes; /* in chunks, without the message in flight */
    bool sending, closed;
    bool dirty;      /* a cast was refused since room() was called */
    uint64_t number; /* of the last message handed to nng */
    struct outbox_counts counts;
};

static struct chunk *chunk_new(struct mesh_outbox *outbox)
{
    struct chunk *chunk = outbox->spare;

    if (chunk) {
        outbox->spare = chunk->next;
        outbox->spare_count--;
        chunk->next = NULL;
        chunk->envelopes = 0;
        buf_clear(&chunk->bytes);
        return chunk;
    }
    chunk = calloc(1, sizeof *chunk);
    must(chunk != NULL);
    buf_init(&chunk->bytes, CHUNK_MAX);
    return chunk;
}

static void chunk_free(struct mesh_outbox *outbox, struct chunk *chunk)
{
    if (outbox->spare_count < SPARE_CHUNKS_MAX && chunk->bytes.cap <= 2 * OUTBOX_BATCH_BYTES) {
        chunk->next = outbox->spare;
        outbox->spare = chunk;
        outbox->spare_count++;
        return;
    }
    buf_release(&chunk->bytes);
    free(chunk);
}

/* Under the mutex. Allocation failure leaves the chunk for a later try. */
static void send_next(struct mesh_outbox *outbox)
{
    struct chunk *chunk = outbox->first;
    nng_msg *msg;

    if (!chunk || outbox->closed) {
        pthread_cond_broadcast(&outbox->idle);
        return;
    }
    if (nng_msg_alloc(&msg, MESH_HEADER_BYTES + chunk->bytes.len) != 0)
        return;
    const struct mesh_header header = {
        .version = MESH_WIRE_VERSION,
        .process = outbox->options.process,
        .role = outbox->options.role,
        .number = ++outbox->number,
        .to = outbox->options.to,
        .metadata_version = outbox->options.metadata_version(outbox->options.arg),
    };
    uint8_t *body = nng_msg_body(msg);
    mesh_header_write(body, &header);
    memcpy(body + MESH_HEADER_BYTES, chunk->bytes.ptr, chunk->bytes.len);

    outbox->queued_bytes -= chunk->bytes.len;
    outbox->counts.messages++;
    outbox->counts.envelopes += chunk->envelopes;
    outbox->counts.bytes += MESH_HEADER_BYTES + chunk->bytes.len;
    outbox->first = chunk->next;
    if (!outbox->first)
        outbox->last = NULL;
    chunk_free(outbox, chunk);
    outbox->sending = true;
    nng_aio_set_msg(outbox->aio, msg);
    nng_send_aio(outbox->socket, outbox->aio);
}

static void on_sent(void *arg)
{
    struct mesh_outbox *outbox = arg;

    /* nng owns a message only after it was sent. A lost one shows as a gap at the receiver. */
    if (nng_aio_result(outbox->aio) != 0)
        nng_msg_free(nng_aio_get_msg(outbox->aio));
    pthread_mutex_lock(&outbox->mutex);
    outbox->sending = false;
    send_next(outbox);
    const bool room =
        outbox->dirty && !outbox->closed && outbox->queued_bytes <= OUTBOX_BYTES_MAX / 2;
    if (room)
        outbox->dirty = false;
    pthread_mutex_unlock(&outbox->mutex);
    if (room && outbox->options.room)
        outbox->options.room(outbox->options.arg, outbox->options.to);
}

static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
    struct mesh_outbox *outbox = arg;

    UNUSED(pipe);
    atomic_fetch_add(&outbox->pipes, event == NNG_PIPE_EV_ADD_PRE ? 1 : -1);
}

static int dial(struct mesh_outbox *outbox)
{
    int failed = nng_dialer_create(&outbox->dialer, outbox->socket, outbox->url);

    outbox->dialing = false;
    if (failed)
        return failed;
    if (mesh_url_is_tcp(outbox->url))
        failed = nng_dialer_set_bool(outbox->dialer, NNG_OPT_TCP_KEEPALIVE, true);
    if (!failed)
        failed = nng_dialer_start(outbox->dialer, NNG_FLAG_NONBLOCK);
    if (failed)
        nng_dialer_close(outbox->dialer);
    outbox->dialing = failed == 0;
    return failed;
}

void mesh_outbox_heal(struct mesh_outbox *outbox)
{
    const int64_t now_ns = clock_mono_ns(&clock_real);

    if (atomic_load(&outbox->pipes) > 0) {
        outbox->apart_mono_ns = 0;
    } else if (!outbox->apart_mono_ns) {
        outbox->apart_mono_ns = now_ns;
    } else if (now_ns - outbox->apart_mono_ns >= REDIAL_MS * NS_PER_MS) {
        if (outbox->dialing)
            nng_dialer_close(outbox->dialer);
        outbox->apart_mono_ns = now_ns;
        (void)dial(outbox); /* if not, then the next time */
    }
}

enum err mesh_outbox_open(const struct outbox_options *options, const char *url,
                          struct mesh_outbox **out, struct err_detail *detail)
{
    struct mesh_outbox *outbox = calloc(1, sizeof *outbox);
    int failed;

    *out = NULL;
    must(outbox != NULL);
    outbox->options = *options;
    must((size_t)snprintf(outbox->url, sizeof outbox->url, "%s", url) < sizeof outbox->url);
    failed = nng_push0_open(&outbox->socket);
    if (failed)
        goto no_socket;
    failed = nng_socket_set_size(outbox->socket, NNG_OPT_RECVMAXSZ, RECV_BYTES_MAX);
    if (!failed)
        failed = nng_socket_set_ms(outbox->socket, NNG_OPT_RECONNMINT, RECONNECT_MS_MIN);
    if (!failed)
        failed = nng_socket_set_ms(outbox->socket, NNG_OPT_RECONNMAXT, RECONNECT_MS_MAX);
    if (!failed)
        failed = nng_aio_alloc(&outbox->aio, on_sent, outbox);
    if (!failed)
        failed = nng_pipe_notify(outbox->socket, NNG_PIPE_EV_ADD_PRE, on_pipe, outbox);
    if (!failed)
        failed = nng_pipe_notify(outbox->socket, NNG_PIPE_EV_REM_POST, on_pipe, outbox);
    if (!failed)
        failed = dial(outbox);
    if (failed)
        goto close_socket;
    must(pthread_mutex_init(&outbox->mutex, NULL) == 0);
    must(pthread_cond_init(&outbox->idle, NULL) == 0);
    *out = outbox;
    return ERR_OK;

close_socket:
    nng_close(outbox->socket);
    if (outbox->aio)
        nng_aio_free(outbox->aio);
no_socket:
    free(outbox);
    return err_fail(detail, ERR_IO, "%s: %s", url, nng_strerror(failed));
}

bool mesh_outbox_close(struct mesh_outbox *outbox)
{
    if (!outbox)
        return true;
    pthread_mutex_lock(&outbox->mutex);
    outbox->closed = true;
    pthread_mutex_unlock(&outbox->mutex);
    if (!mesh_socket_close(outbox->socket, outbox->aio))
        return false;

    outbox->spare_count = SPARE_CHUNKS_MAX; /* from here on chunks are freed, not kept */
    for (struct chunk *chunk = outbox->first, *next; chunk; chunk = next) {
        next = chunk->next;
        chunk_free(outbox, chunk);
    }
    for (struct chunk *chunk = outbox->spare, *next; chunk; chunk = next) {
        next = chunk->next;
        chunk_free(outbox, chunk);
    }
    pthread_cond_destroy(&outbox->idle);
    pthread_mutex_destroy(&outbox->mutex);
    free(outbox);
    return true;
}

static bool post(struct mesh_outbox *outbox, const struct envelope *envelope,
                 const struct slice *parts, size_t count, bool at_once)
{
    size_t body_bytes = 0;

    for (size_t i = 0; i < count; i++)
        body_bytes += parts[i].len;
    const size_t bytes = envelope_bytes_max(envelope, body_bytes);
    const bool reserved = envelope->kind == ENVELOPE_REPLY || envelope->reserved;
    const size_t reserve = body_bytes ? OUTBOX_REPLY_BYTES_MAX : OUTBOX_REFUSAL_BYTES_MAX;
    const size_t limit = reserved ? reserve : OUTBOX_BYTES_MAX;

    pthread_mutex_lock(&outbox->mutex);
    if (outbox->closed || outbox->queued_bytes + bytes > limit) {
        outbox->dirty = outbox->dirty || envelope->kind == ENVELOPE_CAST;
        pthread_mutex_unlock(&outbox->mutex);
        return false;
    }
    struct chunk *chunk = outbox->last;
    if (!chunk || chunk->bytes.len + bytes > OUTBOX_BATCH_BYTES) {
        chunk = chunk_new(outbox);
        if (outbox->last)
            outbox->last->next = chunk;
        else
            outbox->first = chunk;
        outbox->last = chunk;
    }
    const size_t before = chunk->bytes.len;
    envelope_write(&chunk->bytes, envelope, parts, count);
    must(buf_ok(&chunk->bytes));
    outbox->queued_bytes += chunk->bytes.len - before;
    chunk->envelopes++;
    /* What fills a message need not wait for more. */
    if (!outbox->sending && (at_once || outbox->first != outbox->last))
        send_next(outbox);
    pthread_mutex_unlock(&outbox->mutex);
    return true;
}

bool mesh_outbox_post(struct mesh_outbox *outbox, const struct envelope *envelope,
                      const struct slice *parts, size_t count)
{
    return post(outbox, envelope, parts, count, true);
}

bool mesh_outbox_add(struct mesh_outbox *outbox, const struct envelope *envelope,
                     const struct slice *parts, size_t count)
{
    return post(outbox, envelope, parts, count, false);
}

void mesh_outbox_send(struct mesh_outbox *outbox)
{
    pthread_mutex_lock(&outbox->mutex);
    if (!outbox->sending)
        send_next(outbox);
    pthread_mutex_unlock(&outbox->mutex);
}

bool mesh_outbox_admits(struct mesh_outbox *outbox)
{
    pthread_mutex_lock(&outbox->mutex);
    const bool admits = outbox->queued_bytes <= OUTBOX_BYTES_MAX;
    pthread_mutex_unlock(&outbox->mutex);
    return admits;
}

void mesh_outbox_flush(struct mesh_outbox *outbox, int64_t deadline_mono_ns)
{
    pthread_mutex_lock(&outbox->mutex);
    if (!outbox->sending)
        send_next(outbox);
    while (outbox->sending || outbox->first) {
        const int64_t left_ns = deadline_mono_ns - clock_mono_ns(&clock_real);

        if (left_ns <= 0)
            break;
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        const int64_t at_ns = until.tv_sec * NS_PER_S + until.tv_nsec + left_ns;
        until = (struct timespec){.tv_sec = at_ns / NS_PER_S, .tv_nsec = at_ns % NS_PER_S};
        pthread_cond_timedwait(&outbox->idle, &outbox->mutex, &until);
    }
    pthread_mutex_unlock(&outbox->mutex);
}

void mesh_outbox_lose_one(struct mesh_outbox *outbox)
{
    pthread_mutex_lock(&outbox->mutex);
    outbox->number++;
    pthread_mutex_unlock(&outbox->mutex);
}

struct outbox_counts mesh_outbox_counts(struct mesh_outbox *outbox)
{
    pthread_mutex_lock(&outbox->mutex);
    const struct outbox_counts counts = outbox->counts;
    pthread_mutex_unlock(&outbox->mutex);
    return counts;
}
