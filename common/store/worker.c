/* worker.c - one mutex, one list of ready jobs, one heap of later ones. */
#include "common/store/worker.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { WAIT_MAX_MS = 60 * 1000 };

struct worker {
    const struct clock *clock;
    pthread_mutex_t mutex; /* guards all below */
    pthread_cond_t work, done;
    struct list ready;
    struct heap later;
    bool stopping;
    uint32_t thread_count;
    char name[16];
    pthread_t threads[];
};

void job_init(struct job *job, void (*run)(struct job *job))
{
    *job = (struct job){.run = run};
    list_init(&job->node);
}

void timed_job_init(struct timed_job *job, void (*run)(struct job *job))
{
    *job = (struct timed_job){0};
    job_init(&job->job, run);
}

static void post_locked(struct worker *w, struct job *job)
{
    if (job->state == JOB_QUEUED || job->state == JOB_RUNNING_QUEUED)
        return;
    if (job->state == JOB_RUNNING) { /* one thread at a time: it goes round again */
        job->state = JOB_RUNNING_QUEUED;
        return;
    }
    job->state = JOB_QUEUED;
    list_push_back(&w->ready, &job->node);
    pthread_cond_signal(&w->work);
}

static void post_due(struct worker *w)
{
    struct heap_node *first = heap_first(&w->later);

    if (!first)
        return;
    const int64_t now_ns = clock_mono_ns(w->clock);
    while (first && first->at <= now_ns) {
        heap_remove(&w->later, first);
        post_locked(w, &CONTAINER_OF(first, struct timed_job, due)->job);
        first = heap_first(&w->later);
    }
}

/* Runs the first ready job; the mutex is released meanwhile. */
static bool run_one(struct worker *w)
{
    struct list *node = list_pop_front(&w->ready);

    if (!node)
        return false;
    struct job *job = CONTAINER_OF(node, struct job, node);
    const bool once = job->once;
    job->state = once ? JOB_IDLE : JOB_RUNNING;
    pthread_mutex_unlock(&w->mutex);
    job->run(job);
    pthread_mutex_lock(&w->mutex);
    if (once)
        return true;
    const bool again = job->state == JOB_RUNNING_QUEUED;
    job->state = JOB_IDLE;
    if (again)
        post_locked(w, job);
    pthread_cond_broadcast(&w->done);
    return true;
}

static void wait_for_work(struct worker *w)
{
    const struct heap_node *first = heap_first(&w->later);

    if (!first) {
        pthread_cond_wait(&w->work, &w->mutex);
        return;
    }
    int64_t wait_ns = first->at - clock_mono_ns(w->clock);
    struct timespec until;
    if (wait_ns > WAIT_MAX_MS * NS_PER_MS)
        wait_ns = WAIT_MAX_MS * NS_PER_MS;
    if (wait_ns <= 0)
        return;
    clock_gettime(CLOCK_MONOTONIC, &until);
    const int64_t at_ns = (int64_t)until.tv_sec * NS_PER_S + until.tv_nsec + wait_ns;
    until = (struct timespec){.tv_sec = at_ns / NS_PER_S, .tv_nsec = at_ns % NS_PER_S};
    pthread_cond_timedwait(&w->work, &w->mutex, &until);
}

static void *thread_main(void *arg)
{
    struct worker *w = arg;

    pthread_setname_np(pthread_self(), w->name);
    pthread_mutex_lock(&w->mutex);
    while (!w->stopping) {
        post_due(w);
        if (!run_one(w))
            wait_for_work(w);
    }
    pthread_mutex_unlock(&w->mutex);
    return NULL;
}

struct worker *worker_new(const char *name, uint32_t threads, const struct clock *clock)
{
    struct worker *w = calloc(1, sizeof *w + threads * sizeof *w->threads);
    pthread_condattr_t attr;

    must(w != NULL);
    w->clock = clock;
    w->thread_count = threads;
    snprintf(w->name, sizeof w->name, "%s", name);
    list_init(&w->ready);
    heap_init(&w->later);
    must(pthread_mutex_init(&w->mutex, NULL) == 0);
    must(pthread_condattr_init(&attr) == 0);
    must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    must(pthread_cond_init(&w->work, &attr) == 0);
    must(pthread_cond_init(&w->done, &attr) == 0);
    pthread_condattr_destroy(&attr);
    for (uint32_t i = 0; i < threads; i++)
        must(pthread_create(&w->threads[i], NULL, thread_main, w) == 0);
    return w;
}

void worker_free(struct worker *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->mutex);
    w->stopping = true;
    pthread_cond_broadcast(&w->work);
    pthread_mutex_unlock(&w->mutex);
    for (uint32_t i = 0; i < w->thread_count; i++)
        pthread_join(w->threads[i], NULL);
    must(list_empty(&w->ready) && !heap_first(&w->later));
    heap_release(&w->later);
    pthread_cond_destroy(&w->work);
    pthread_cond_destroy(&w->done);
    pthread_mutex_destroy(&w->mutex);
    free(w);
}

void worker_post(struct worker *w, struct job *job)
{
    pthread_mutex_lock(&w->mutex);
    post_locked(w, job);
    pthread_mutex_unlock(&w->mutex);
}

void worker_post_after(struct worker *w, struct timed_job *job, int64_t delay_ms)
{
    pthread_mutex_lock(&w->mutex);
    const int64_t at = clock_mono_ns(w->clock) + delay_ms * NS_PER_MS;
    if (job->due.index == 0 || job->due.at > at) {
        heap_remove(&w->later, &job->due);
        heap_add(&w->later, &job->due, at);
        pthread_cond_signal(&w->work);
    }
    pthread_mutex_unlock(&w->mutex);
}

static bool remove_locked(struct job *job)
{
    if (job->state == JOB_RUNNING_QUEUED) {
        job->state = JOB_RUNNING;
        return false;
    }
    if (job->state != JOB_QUEUED)
        return false;
    list_remove(&job->node);
    job->state = JOB_IDLE;
    return true;
}

bool worker_remove(struct worker *w, struct job *job)
{
    pthread_mutex_lock(&w->mutex);
    const bool removed = remove_locked(job);
    pthread_mutex_unlock(&w->mutex);
    return removed;
}

void worker_cancel(struct worker *w, struct job *job)
{
    pthread_mutex_lock(&w->mutex);
    remove_locked(job);
    while (job->state != JOB_IDLE) {
        must(w->thread_count > 0);
        pthread_cond_wait(&w->done, &w->mutex);
        remove_locked(job);
    }
    pthread_mutex_unlock(&w->mutex);
}

void worker_cancel_timed(struct worker *w, struct timed_job *job)
{
    pthread_mutex_lock(&w->mutex);
    heap_remove(&w->later, &job->due);
    pthread_mutex_unlock(&w->mutex);
    worker_cancel(w, &job->job);
    pthread_mutex_lock(&w->mutex);
    heap_remove(&w->later, &job->due); /* it may have posted itself as it ran */
    pthread_mutex_unlock(&w->mutex);
}

bool worker_step(struct worker *w)
{
    pthread_mutex_lock(&w->mutex);
    must(w->thread_count == 0);
    post_due(w);
    const bool ran = run_one(w);
    pthread_mutex_unlock(&w->mutex);
    return ran;
}

int64_t worker_next_ns(struct worker *w)
{
    pthread_mutex_lock(&w->mutex);
    const struct heap_node *first = heap_first(&w->later);
    const int64_t later_ns = first ? first->at : INT64_MAX;
    const int64_t next_ns = list_empty(&w->ready) ? later_ns : clock_mono_ns(w->clock);
    pthread_mutex_unlock(&w->mutex);
    return next_ns;
}
