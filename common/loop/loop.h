/* loop.h - one event loop per thread (libuv), its timers, and an inbox for other threads.
 *
 * Every object has one owner loop; other threads reach it with loop_post(). A burst of posts costs
 * one wake-up. Callbacks run one at a time on the loop's thread. */
#ifndef GNOMON_LOOP_H
#define GNOMON_LOOP_H

#include "common/base/clock.h"
#include "common/base/err.h"

#include <stdbool.h>

struct loop;
typedef void (*loop_fn)(void *arg);

/* A message to a loop: embedded in its sender's object, so that posting cannot fail. */
struct loop_msg {
    struct loop_msg *next; /* the loop's */
    loop_fn run;           /* called on the loop's thread; may free the message */
    void *arg;
};

struct loop *loop_new(const char *name); /* thread name, at most 15 bytes; never NULL */
void loop_free(struct loop *loop);       /* after its thread has ended */

/* Run on the calling thread until loop_stop(). */
void loop_run(struct loop *loop);
/* Run on a thread of its own; loop_join() waits for its end. */
void loop_start(struct loop *loop);
void loop_join(struct loop *loop);
void loop_stop(struct loop *loop); /* from any thread */

/* From any thread; messages of one sender arrive in order. Keeps `msg` until it has run. */
void loop_post(struct loop *loop, struct loop_msg *msg);
/* loop_post() with a message from the heap. From any thread. */
void loop_post_fn(struct loop *loop, loop_fn run, void *arg);

/* At the end of the turn (after everything that is ready now has run). `msg` as in loop_post();
 * posting one that is already waiting is allowed and does nothing more. Loop's thread only. */
void loop_at_turn_end(struct loop *loop, struct loop_msg *msg);

/* One-shot timers: a heap over one uv_timer, millisecond precision, never early.
 * Loop's thread only. Starting a timer that runs moves it; stopping one that does not is fine. */
struct loop_timer {
    void *internal[8]; /* the loop's; zero-initialise */
    loop_fn fire;
    void *arg;
};
void loop_timer_start(struct loop *loop, struct loop_timer *timer, int64_t delay_ms);
void loop_timer_stop(struct loop *loop, struct loop_timer *timer);

/* The libuv loop, for sockets, signals and the like (a uv_loop_t *). */
void *loop_uv(struct loop *loop);
bool loop_is_current(const struct loop *loop);

#endif
