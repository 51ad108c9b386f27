/* timer_fire.c - user timers whose time has come, the earliest first; never one that is not due. */
#include "history/engine/timer_int.h"

#include <stdlib.h>

static int by_time(const void *left, const void *right)
{
    const struct timer *const *a = left, *const *b = right;

    if ((*a)->fire_ns != (*b)->fire_ns)
        return (*a)->fire_ns < (*b)->fire_ns ? -1 : 1;
    return (*a)->started_event_id < (*b)->started_event_id ? -1 : 1;
}

static void fire(struct transition *t, struct timer *timer)
{
    api_history_event *event = NULL;
    api_timer_fired_event_attributes *a = engine_event(t, EVENT_TYPE_TIMER_FIRED, &event);

    must(timer->fire_ns <= t->now_ns);
    a->timer_id = transition_str(t, bytes_slice(timer->timer_id));
    a->started_event_id = timer->started_event_id;
    (void)transition_event_or_buffer(t, event);
    timer_end(t, timer);
}

void engine_fire_timers(struct transition *t)
{
    struct heap *deadlines = &t->run->timer_deadlines;
    struct heap_node *first = heap_first(deadlines);
    struct timer **due = NULL;
    size_t count = 0, cap = 0;

    for (; first && first->at <= t->now_ns; first = heap_first(deadlines)) {
        struct timer *timer = CONTAINER_OF(first, struct timer, deadline);

        if (count == cap) {
            struct timer **more = ARENA_ARRAY(t->arena, struct timer *, cap = cap ? 2 * cap : 16);

            if (count > 0)
                memcpy(more, due, count * sizeof(*more));
            due = more;
        }
        t->items_seen++;
        heap_remove(deadlines, &timer->deadline);
        due[count++] = timer;
    }
    if (count == 0)
        return;
    if (run_past_limits(t, (int64_t)count + 1)) { /* closing the run drops timers of the heap */
        for (size_t i = 0; i < count; i++)
            heap_add(deadlines, &due[i]->deadline, due[i]->fire_ns);
        if (run_meets_limits_by(t, (int64_t)count))
            return;
        for (size_t i = 0; i < count; i++)
            heap_remove(deadlines, &due[i]->deadline);
    }
    qsort(due, count, sizeof *due, by_time);
    for (size_t i = 0; i < count; i++)
        fire(t, due[i]);
    transition_need_workflow_task(t);
}
