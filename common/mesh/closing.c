/* closing.c - see closing.h. */
#include "common/mesh/closing.h"

#include "common/base/clock.h"
#include "common/base/err.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct closing {
    nng_socket socket;
    nng_aio *aio;
    pthread_mutex_t mutex; /* guards the next two */
    pthread_cond_t ended;
    bool done, abandoned;
};

static void closing_free(struct closing *closing)
{
    pthread_cond_destroy(&closing->ended);
    pthread_mutex_destroy(&closing->mutex);
    free(closing);
}

static void *run(void *arg)
{
    struct closing *closing = arg;

    pthread_setname_np(pthread_self(), "mesh-close");
    nng_close(closing->socket);
    nng_aio_stop(closing->aio);
    nng_aio_free(closing->aio);
    pthread_mutex_lock(&closing->mutex);
    closing->done = true;
    const bool abandoned = closing->abandoned;
    pthread_cond_signal(&closing->ended);
    pthread_mutex_unlock(&closing->mutex);
    if (abandoned)
        closing_free(closing);
    return NULL;
}

bool mesh_socket_close(nng_socket socket, nng_aio *aio)
{
    struct closing *closing = calloc(1, sizeof *closing);
    struct timespec until;
    pthread_condattr_t attr;
    pthread_t thread;

    must(closing != NULL);
    closing->socket = socket;
    closing->aio = aio;
    must(pthread_mutex_init(&closing->mutex, NULL) == 0);
    must(pthread_condattr_init(&attr) == 0);
    must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    must(pthread_cond_init(&closing->ended, &attr) == 0);
    pthread_condattr_destroy(&attr);
    must(pthread_create(&thread, NULL, run, closing) == 0);

    const int64_t at_ns = clock_mono_ns(&clock_real) + MESH_CLOSE_MS * NS_PER_MS;
    until = (struct timespec){.tv_sec = at_ns / NS_PER_S, .tv_nsec = at_ns % NS_PER_S};
    pthread_mutex_lock(&closing->mutex);
    while (!closing->done && pthread_cond_timedwait(&closing->ended, &closing->mutex, &until) == 0)
        continue;
    const bool done = closing->done;
    closing->abandoned = !done;
    pthread_mutex_unlock(&closing->mutex);
    if (!done) {
        must(pthread_detach(thread) == 0);
        return false;
    }
    must(pthread_join(thread, NULL) == 0);
    closing_free(closing);
    return true;
}
