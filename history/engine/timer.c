/* timer.c - pending user timers: life and stored form. */
#include "history/engine/timer.h"

#include "history/engine/engine.h"
#include "history/engine/rows.h"
#include "history/engine/timer_int.h"

#include <stdlib.h>

struct timer *timer_new(struct slice timer_id)
{
    struct timer *timer = calloc(1, sizeof *timer);

    must(timer != NULL);
    bytes_set(&timer->timer_id, timer_id);
    list_init(&timer->changed);
    return timer;
}

void timer_free(struct timer *timer)
{
    if (!timer)
        return;
    bytes_clear(&timer->timer_id);
    free(timer);
}

void run_timer_put(struct run *run, struct timer *timer)
{
    map_put(&run->timers, bytes_slice(timer->timer_id), &timer->node);
    heap_add(&run->timer_deadlines, &timer->deadline, timer->fire_ns);
}

void run_timer_remove(struct run *run, struct timer *timer)
{
    map_remove(&run->timers, &timer->node);
    heap_remove(&run->timer_deadlines, &timer->deadline);
    list_remove(&timer->changed);
}

struct timer *run_timer(const struct run *run, struct slice timer_id)
{
    struct map_node *node = map_get(&run->timers, timer_id);

    return node ? CONTAINER_OF(node, struct timer, node) : NULL;
}

void timer_end(struct transition *t, struct timer *timer)
{
    run_drop_item(t, ITEM_TIMER, bytes_slice(timer->timer_id));
    run_timer_remove(t->run, timer);
    timer_free(timer);
}

void engine_drop_timers(struct transition *t)
{
    struct map_node *next = NULL;

    for (struct map_node *node = map_next(&t->run->timers, NULL); node; node = next) {
        next = map_next(&t->run->timers, node);
        timer_end(t, CONTAINER_OF(node, struct timer, node));
    }
}

enum timer_key { KEY_TIMER_ID = 1, KEY_STARTED_EVENT_ID = 2, KEY_FIRE = 3 };

void timer_encode(const struct timer *timer, struct buf *out)
{
    struct rec_writer w;

    must(timer->timer_id.len > 0 && timer->started_event_id > 0);
    rec_begin(&w, out);
    rec_put_bytes(&w, KEY_TIMER_ID, bytes_slice(timer->timer_id));
    rec_put_i64(&w, KEY_STARTED_EVENT_ID, timer->started_event_id);
    rec_put_i64(&w, KEY_FIRE, timer->fire_ns);
    rec_end(&w);
}

enum err timer_decode(struct arena *scratch, struct slice bytes, struct timer **out)
{
    struct rec r;
    const enum err err = rec_decode(scratch, bytes, &r);
    if (err != ERR_OK)
        return err;

    const struct slice timer_id = rec_bytes(&r, KEY_TIMER_ID);
    const int64_t started_event_id = rec_i64(&r, KEY_STARTED_EVENT_ID, 0);
    const int64_t fire_ns = rec_i64(&r, KEY_FIRE, 0);
    if (r.malformed || timer_id.len == 0 || started_event_id <= 0 || fire_ns <= 0)
        return ERR_CORRUPT;
    struct timer *timer = timer_new(timer_id);
    timer->started_event_id = started_event_id;
    timer->fire_ns = fire_ns;
    *out = timer;
    return ERR_OK;
}
