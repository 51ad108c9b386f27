/* fire.c - time: when anything of a run is due next, and what happens then. */
#include "history/engine/engine_int.h"
#include "history/engine/callback.h"
#include "history/engine/pause.h"

static int64_t earlier(int64_t a, int64_t b)
{
    if (a == 0 || b == 0)
        return a ? a : b;
    return a < b ? a : b;
}

int64_t engine_deadline_ns(const struct run *run)
{
    return run_is_open(run) && run->wft.speculative
               ? earlier(run_stored_deadline_ns(run), wft_deadline_ns(run))
               : run_stored_deadline_ns(run);
}

int64_t run_stored_deadline_ns(const struct run *run)
{
    int64_t due = 0;

    if (!run_is_open(run))
        return run_callbacks_deadline_ns(run);
    due = earlier(due, run->run_expires_ns);
    due = earlier(due, run_callbacks_deadline_ns(run));
    if (!run_is_paused(run)) /* else the first task comes when it is unpaused */
        due = earlier(due, run->first_task_due_ns);
    if (!run->wft.speculative)
        due = earlier(due, wft_deadline_ns(run));
    if (heap_first(&run->activity_deadlines))
        due = earlier(due, heap_first(&run->activity_deadlines)->at);
    if (heap_first(&run->timer_deadlines))
        due = earlier(due, heap_first(&run->timer_deadlines)->at);
    return due;
}

static bool due(const struct transition *t, int64_t at_ns)
{
    return at_ns != 0 && at_ns <= t->now_ns;
}

/* What the time-out of a task that nobody took writes, with the next one. */
static int64_t unstarted_events(const struct run *run)
{
    return 1 + (run->wft.speculative ? 1 : 0) + (run->wft.attempt == 1 ? 1 : 0);
}

enum err engine_fire(struct transition *t)
{
    struct run *run = t->run;

    run_callbacks_fire(t);
    if (!run_is_open(run))
        return ERR_OK;
    if (due(t, run->run_expires_ns)) {
        run_time_out(t);
        return ERR_OK;
    }
    if (due(t, wft_deadline_ns(run)) && !wft_leave_sticky_queue(t)) {
        if (run->wft.state == WFT_STARTED ? run_meets_limits_by_task(t)
                                          : run_meets_limits(t, unstarted_events(run)))
            return ERR_OK;
        wft_time_out(t, run->wft.state == WFT_STARTED ? TIMEOUT_TYPE_START_TO_CLOSE
                                                      : TIMEOUT_TYPE_SCHEDULE_TO_START);
        transition_need_workflow_task(t);
    }
    if (due(t, run->first_task_due_ns) && !run_is_paused(run)) {
        if (run_meets_limits(t, run->wft.state == WFT_STARTED ? 2 : 1))
            return ERR_OK;
        wft_make_normal(t); /* an update was first: its task is the first one */
        transition_need_workflow_task(t);
    }
    if (run_is_open(run))
        engine_fire_activities(t);
    if (run_is_open(run))
        engine_fire_timers(t);
    (void)run_enforce_limits(t);
    return ERR_OK;
}
