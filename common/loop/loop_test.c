/* loop_test.c - posts from other threads, timers that are never early, work at the turn's end. */
#include "common/loop/loop.h"

#include "tests/lib/test.h"

#include <pthread.h>
#include <stdlib.h>

enum { POSTS = 2000, SENDERS = 4 };

struct recorder {
    struct loop *loop;
    int order[16];
    int count;
    struct loop_msg msg, other;
    struct loop_timer timer, later;
    int64_t started_ns;
    int fired;
};

static int64_t now_ns(void)
{
    return clock_mono_ns(&clock_real);
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

/* -- posts ---------------------------------------------------------------------------------- */

struct sender {
    struct loop *loop;
    int next_expected; /* by the loop's thread */
    int done;
    struct posted {
        struct loop_msg msg;
        struct sender *sender;
        int number;
    } posts[POSTS];
};

static int senders_done;

static void on_post(void *arg)
{
    struct posted *posted = arg;
    struct sender *sender = posted->sender;

    check_i64(posted->number, sender->next_expected);
    check(loop_is_current(sender->loop));
    sender->next_expected++;
    if (sender->next_expected == POSTS && ++senders_done == SENDERS)
        loop_stop(sender->loop);
}

static void *send_all(void *arg)
{
    struct sender *sender = arg;

    for (int i = 0; i < POSTS; i++) {
        sender->posts[i] = (struct posted){.sender = sender, .number = i};
        sender->posts[i].msg.run = on_post;
        sender->posts[i].msg.arg = &sender->posts[i];
        loop_post(sender->loop, &sender->posts[i].msg);
    }
    return NULL;
}

TEST(loop_runs_posts_of_each_sender_in_order)
{
    struct loop *loop = loop_new("test");
    struct sender *senders = calloc(SENDERS, sizeof *senders);
    pthread_t threads[SENDERS];

    senders_done = 0;
    loop_start(loop);
    check(!loop_is_current(loop));
    for (int i = 0; i < SENDERS; i++) {
        senders[i].loop = loop;
        check(pthread_create(&threads[i], NULL, send_all, &senders[i]) == 0);
    }
    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    loop_join(loop);
    check_i64(senders_done, SENDERS);
    loop_free(loop);
    free(senders);
}

TEST(loop_stop_before_run_is_not_lost)
{
    struct loop *loop = loop_new("a name longer than fifteen bytes");

    loop_stop(loop);
    loop_run(loop);
    loop_post_fn(loop, stop_loop, loop); /* and it may run again */
    loop_run(loop);
    loop_free(loop);
}

TEST(loop_free_drops_what_never_ran)
{
    struct loop *loop = loop_new("test");

    loop_post_fn(loop, stop_loop, loop);
    loop_free(loop);
    loop_free(NULL);
}

/* -- timers --------------------------------------------------------------------------------- */

static void on_timer_a(void *arg)
{
    struct recorder *r = arg;

    r->order[r->count++] = 1;
    check((now_ns() - r->started_ns) >= 3 * NS_PER_MS);
    loop_timer_stop(r->loop, &r->timer); /* not running: fine */
}

static void on_timer_b(void *arg)
{
    struct recorder *r = arg;

    r->order[r->count++] = 2;
    check((now_ns() - r->started_ns) >= 20 * NS_PER_MS);
    if (++r->fired < 3) {
        loop_timer_start(r->loop, &r->later, 0);
        return;
    }
    loop_stop(r->loop);
}

static void never(void *arg)
{
    UNUSED(arg);
    check(!"a stopped timer fired");
}

TEST(loop_timers_fire_in_order_and_never_early)
{
    struct recorder r = {.loop = loop_new("timers")};
    struct loop_timer stopped = {.fire = never}, endless = {.fire = never};

    r.timer.fire = on_timer_a;
    r.later.fire = on_timer_b;
    r.timer.arg = r.later.arg = &r;
    r.started_ns = now_ns();
    loop_timer_start(r.loop, &r.timer, 500);
    loop_timer_start(r.loop, &r.later, 20);
    loop_timer_start(r.loop, &stopped, 1);
    loop_timer_start(r.loop, &r.timer, 3); /* moves it */
    loop_timer_start(r.loop, &endless, INT64_MAX);
    loop_timer_stop(r.loop, &stopped);
    loop_run(r.loop);
    check_i64(r.count, 4);
    check_i64(r.order[0], 1);
    check_i64(r.order[1], 2);
    check((now_ns() - r.started_ns) < 5 * NS_PER_S);
    loop_free(r.loop);
}

/* -- the turn's end ------------------------------------------------------------------------- */

static void at_end(void *arg)
{
    struct recorder *r = arg;

    r->order[r->count++] = 9;
    if (++r->fired == 1)
        loop_at_turn_end(r->loop, &r->msg); /* the next turn's */
    else
        loop_stop(r->loop);
}

static void plain(void *arg)
{
    struct recorder *r = arg;

    r->order[r->count++] = 1;
    loop_at_turn_end(r->loop, &r->msg);
    loop_at_turn_end(r->loop, &r->msg);
}

TEST(loop_turn_end_runs_once_after_all_that_was_ready)
{
    struct recorder r = {.loop = loop_new("turns")};

    r.msg = (struct loop_msg){.run = at_end, .arg = &r};
    loop_post_fn(r.loop, plain, &r);
    loop_post_fn(r.loop, plain, &r);
    loop_run(r.loop);
    check_i64(r.count, 4);
    check_i64(r.order[0], 1);
    check_i64(r.order[1], 1);
    check_i64(r.order[2], 9);
    check_i64(r.order[3], 9);
    loop_free(r.loop);
}

TEST(loop_turn_end_from_a_timer_does_not_wait_for_io)
{
    struct recorder r = {.loop = loop_new("turns"), .fired = 1};

    r.msg = (struct loop_msg){.run = at_end, .arg = &r};
    r.timer = (struct loop_timer){.fire = plain, .arg = &r};
    loop_timer_start(r.loop, &r.timer, 0);
    loop_run(r.loop);
    check_i64(r.count, 2);
    loop_free(r.loop);
}
