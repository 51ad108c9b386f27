/* opener.c - see opener.h. */
#include "history/opener.h"

#include <pthread.h>
#include <stdlib.h>

struct opener {
    pthread_mutex_t mutex; /* guards jobs, stop; no job runs under it */
    pthread_cond_t wake;
    struct list jobs;
    bool stop;
    pthread_t *threads;
    uint32_t thread_count;
};

static void *help(void *arg)
{
    struct opener *opener = arg;

    pthread_setname_np(pthread_self(), "history-open");
    pthread_mutex_lock(&opener->mutex);
    for (;;) {
        struct list *node = list_pop_front(&opener->jobs);

        if (!node && opener->stop)
            break;
        if (!node) {
            pthread_cond_wait(&opener->wake, &opener->mutex);
            continue;
        }
        struct opener_job *job = CONTAINER_OF(node, struct opener_job, node);
        pthread_mutex_unlock(&opener->mutex);
        job->run(job->done.arg);
        loop_post(job->loop, &job->done);
        pthread_mutex_lock(&opener->mutex);
    }
    pthread_mutex_unlock(&opener->mutex);
    return NULL;
}

struct opener *opener_new(uint32_t threads)
{
    struct opener *opener = calloc(1, sizeof *opener);

    must(opener != NULL && threads > 0);
    list_init(&opener->jobs);
    must(pthread_mutex_init(&opener->mutex, NULL) == 0);
    must(pthread_cond_init(&opener->wake, NULL) == 0);
    opener->threads = calloc(threads, sizeof *opener->threads);
    must(opener->threads != NULL);
    opener->thread_count = threads;
    for (uint32_t i = 0; i < threads; i++)
        must(pthread_create(&opener->threads[i], NULL, help, opener) == 0);
    return opener;
}

void opener_free(struct opener *opener)
{
    pthread_mutex_lock(&opener->mutex);
    must(list_empty(&opener->jobs));
    opener->stop = true;
    pthread_cond_broadcast(&opener->wake);
    pthread_mutex_unlock(&opener->mutex);
    for (uint32_t i = 0; i < opener->thread_count; i++)
        must(pthread_join(opener->threads[i], NULL) == 0);
    pthread_cond_destroy(&opener->wake);
    pthread_mutex_destroy(&opener->mutex);
    free(opener->threads);
    free(opener);
}

void opener_post(struct opener *opener, struct opener_job *job)
{
    pthread_mutex_lock(&opener->mutex);
    list_push_back(&opener->jobs, &job->node);
    pthread_cond_signal(&opener->wake);
    pthread_mutex_unlock(&opener->mutex);
}

bool opener_remove(struct opener *opener, struct opener_job *job)
{
    bool waited = false;

    pthread_mutex_lock(&opener->mutex);
    LIST_EACH(it, &opener->jobs)
    waited = waited || it == &job->node;
    if (waited)
        list_remove(&job->node);
    pthread_mutex_unlock(&opener->mutex);
    return waited;
}
