/* timer.h - a user timer that has neither fired nor been canceled. */
#ifndef GNOMON_TIMER_H
#define GNOMON_TIMER_H

#include "common/pack/record.h"
#include "history/engine/run.h"

struct timer {
    struct map_node node;      /* in run->timers, by timer_id */
    struct heap_node deadline; /* in run->timer_deadlines */
    struct list changed;       /* in run->changed_timers: its row is to be written */
    /* derived: from the TimerStarted event */
    struct bytes timer_id;
    int64_t started_event_id;
    int64_t fire_ns;
};

struct timer *timer_new(struct slice timer_id);
void timer_free(struct timer *timer);
/* The run takes the timer, all of whose fields are set, or lets it go. */
void run_timer_put(struct run *run, struct timer *timer);
void run_timer_remove(struct run *run, struct timer *timer);
struct timer *run_timer(const struct run *run, struct slice timer_id); /* or NULL */
void timer_encode(const struct timer *timer, struct buf *out);
MUST_USE enum err timer_decode(struct arena *scratch, struct slice bytes, struct timer **out);

#endif
