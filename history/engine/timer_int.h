/* timer_int.h - what the timer_*.c files share. Nobody else includes it. */
#ifndef GNOMON_TIMER_INT_H
#define GNOMON_TIMER_INT_H

#include "history/engine/engine_int.h"
#include "history/engine/timer.h"

/* The timer is over: drop its row, free it. */
void timer_end(struct transition *t, struct timer *timer);

#endif
