/* loop.c - see loop.h; libuv below.
 *
 * 1. The inbox is a list under a mutex; the first post to an empty inbox wakes the loop, so a burst
 *    costs one wake-up.
 * 2. A waiting turn-end message has a non-NULL `next` (the last one points to a marker), so that it
 *    can be recognised. While one waits, an idle handle keeps the poll from blocking; the check
 *    handle, which runs after the poll, empties the list.
 * 3. Timer deadlines are nanoseconds of uv_hrtime(); the uv_timer is armed for the first whole
 *    millisecond of libuv's own clock that is not before the earliest one: never early. */
#include "common/loop/loop.h"

#include "common/base/heap.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#define DELAY_MS_MAX (INT64_C(100) * 366 * 86400 * 1000)

struct loop {
    uv_loop_t uv;
    uv_async_t wake;
    uv_timer_t timer;
    uv_idle_t spin;
    uv_check_t turn_end;

    pthread_mutex_t mutex; /* guards inbox_first and inbox_last */
    struct loop_msg *inbox_first, **inbox_last;

    struct loop_msg *turn_first, **turn_last; /* the loop's thread only, as all below */
    struct loop_msg marker;
    struct heap timers;
    int64_t armed_ms; /* of the uv_timer, on uv's clock; INT64_MAX: not armed */

    atomic_bool stopping, running;
    pthread_t runner; /* valid while `running` */
    pthread_t thread; /* of loop_start() */
    bool started;
    char name[16];
};

struct timer_node {
    struct heap_node heap;
    struct loop_timer *timer;
};

_Static_assert(sizeof(struct timer_node) <= sizeof(((struct loop_timer *)0)->internal),
               "a timer's node fits");

struct heap_msg {
    struct loop_msg msg;
    loop_fn run;
    void *arg;
};

static void run_heap_msg(void *arg)
{
    struct heap_msg *posted = arg;
    const loop_fn run = posted->run;
    void *run_arg = posted->arg;

    free(posted);
    run(run_arg);
}

static struct loop_msg *take_inbox(struct loop *loop)
{
    pthread_mutex_lock(&loop->mutex);
    struct loop_msg *first = loop->inbox_first;
    loop->inbox_first = NULL;
    loop->inbox_last = &loop->inbox_first;
    pthread_mutex_unlock(&loop->mutex);
    return first;
}

static void on_wake(uv_async_t *wake)
{
    struct loop *loop = wake->data;
    struct loop_msg *msg = take_inbox(loop);

    while (msg) {
        struct loop_msg *next = msg->next;

        msg->next = NULL;
        msg->run(msg->arg);
        msg = next;
    }
    if (atomic_load(&loop->stopping))
        uv_stop(&loop->uv);
}

static void on_spin(uv_idle_t *spin)
{
    UNUSED(spin);
}

/* What is added while the list runs belongs to the next turn. */
static void on_turn_end(uv_check_t *check)
{
    struct loop *loop = check->data;
    struct loop_msg *msg = loop->turn_first;

    if (!msg)
        return;
    loop->turn_first = NULL;
    loop->turn_last = &loop->turn_first;
    while (msg != &loop->marker) {
        struct loop_msg *next = msg->next;

        msg->next = NULL;
        msg->run(msg->arg);
        msg = next;
    }
    if (!loop->turn_first)
        uv_idle_stop(&loop->spin);
}

static void on_timer(uv_timer_t *timer);

static void arm(struct loop *loop)
{
    const struct heap_node *first = heap_first(&loop->timers);

    if (!first)
        return; /* an armed uv_timer finds nothing due: cheaper than stopping it each time */
    const int64_t at_ms = first->at / NS_PER_MS + (first->at % NS_PER_MS != 0);
    if (loop->armed_ms <= at_ms)
        return;
    const int64_t now_ms = (int64_t)uv_now(&loop->uv);
    const int64_t delay_ms = at_ms > now_ms ? at_ms - now_ms : 0;
    must(uv_timer_start(&loop->timer, on_timer, (uint64_t)delay_ms, 0) == 0);
    loop->armed_ms = at_ms;
}

static void on_timer(uv_timer_t *timer)
{
    struct loop *loop = timer->data;
    const int64_t now_ns = (int64_t)uv_hrtime();
    struct heap_node *first;

    loop->armed_ms = INT64_MAX;
    while ((first = heap_first(&loop->timers)) && first->at <= now_ns) {
        struct timer_node *node = CONTAINER_OF(first, struct timer_node, heap);

        heap_remove(&loop->timers, first);
        node->timer->fire(node->timer->arg);
    }
    arm(loop);
}

struct loop *loop_new(const char *name)
{
    struct loop *loop = calloc(1, sizeof *loop);

    must(loop != NULL);
    must(uv_loop_init(&loop->uv) == 0);
    must(uv_async_init(&loop->uv, &loop->wake, on_wake) == 0);
    must(uv_timer_init(&loop->uv, &loop->timer) == 0);
    must(uv_idle_init(&loop->uv, &loop->spin) == 0);
    must(uv_check_init(&loop->uv, &loop->turn_end) == 0);
    must(uv_check_start(&loop->turn_end, on_turn_end) == 0);
    loop->wake.data = loop->timer.data = loop->spin.data = loop->turn_end.data = loop;
    must(pthread_mutex_init(&loop->mutex, NULL) == 0);
    loop->inbox_last = &loop->inbox_first;
    loop->turn_last = &loop->turn_first;
    loop->armed_ms = INT64_MAX;
    heap_init(&loop->timers);
    snprintf(loop->name, sizeof loop->name, "%s", name);
    return loop;
}

/* Closes whatever its users left open; their handles must still be in place. */
static void close_handle(uv_handle_t *handle, void *arg)
{
    UNUSED(arg);
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    must(!atomic_load(&loop->running));
    uv_check_stop(&loop->turn_end);
    uv_walk(&loop->uv, close_handle, NULL);
    while (uv_run(&loop->uv, UV_RUN_DEFAULT) != 0)
        continue;
    must(uv_loop_close(&loop->uv) == 0);
    for (struct loop_msg *msg = take_inbox(loop), *next; msg; msg = next) {
        next = msg->next;
        if (msg->run == run_heap_msg)
            free(msg->arg);
    }
    heap_release(&loop->timers);
    pthread_mutex_destroy(&loop->mutex);
    free(loop);
}

void loop_run(struct loop *loop)
{
    must(!atomic_load(&loop->running));
    loop->runner = pthread_self();
    atomic_store(&loop->running, true);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    atomic_store(&loop->running, false);
    atomic_store(&loop->stopping, false);
}

static void *thread_main(void *arg)
{
    struct loop *loop = arg;

    pthread_setname_np(pthread_self(), loop->name);
    loop_run(loop);
    return NULL;
}

void loop_start(struct loop *loop)
{
    must(!loop->started);
    loop->started = true;
    must(pthread_create(&loop->thread, NULL, thread_main, loop) == 0);
}

void loop_join(struct loop *loop)
{
    must(loop->started);
    must(pthread_join(loop->thread, NULL) == 0);
    loop->started = false;
}

void loop_stop(struct loop *loop)
{
    atomic_store(&loop->stopping, true);
    uv_async_send(&loop->wake);
}

void loop_post(struct loop *loop, struct loop_msg *msg)
{
    msg->next = NULL;
    pthread_mutex_lock(&loop->mutex);
    const bool was_empty = loop->inbox_first == NULL;
    *loop->inbox_last = msg;
    loop->inbox_last = &msg->next;
    /* Under the mutex: once it is released the message may run, and end the loop. */
    if (was_empty)
        uv_async_send(&loop->wake);
    pthread_mutex_unlock(&loop->mutex);
}

void loop_post_fn(struct loop *loop, loop_fn run, void *arg)
{
    struct heap_msg *posted = malloc(sizeof *posted);

    must(posted != NULL);
    *posted =
        (struct heap_msg){.msg = {.run = run_heap_msg, .arg = posted}, .run = run, .arg = arg};
    loop_post(loop, &posted->msg);
}

void loop_at_turn_end(struct loop *loop, struct loop_msg *msg)
{
    if (msg->next)
        return;
    if (!loop->turn_first)
        must(uv_idle_start(&loop->spin, on_spin) == 0);
    msg->next = &loop->marker;
    *loop->turn_last = msg;
    loop->turn_last = &msg->next;
}

static struct timer_node *node_of(struct loop_timer *timer)
{
    return (struct timer_node *)(void *)timer->internal;
}

void loop_timer_start(struct loop *loop, struct loop_timer *timer, int64_t delay_ms)
{
    struct timer_node *node = node_of(timer);

    must(!atomic_load(&loop->running) || loop_is_current(loop));
    if (delay_ms < 0)
        delay_ms = 0;
    if (delay_ms > DELAY_MS_MAX)
        delay_ms = DELAY_MS_MAX;
    heap_remove(&loop->timers, &node->heap);
    node->timer = timer;
    heap_add(&loop->timers, &node->heap, (int64_t)uv_hrtime() + delay_ms * NS_PER_MS);
    arm(loop);
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
    must(!atomic_load(&loop->running) || loop_is_current(loop));
    heap_remove(&loop->timers, &node_of(timer)->heap);
}

void *loop_uv(struct loop *loop)
{
    return &loop->uv;
}

bool loop_is_current(const struct loop *loop)
{
    return atomic_load(&loop->running) && pthread_equal(loop->runner, pthread_self());
}
