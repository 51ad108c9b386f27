/* timers_early.c - defect: timers fire whenever their run is looked at, whatever the clock says. */
#include "tests/sim/defects/defect.h"

#include "history/engine/engine.h"

void __real_engine_fire_timers(struct transition *t);
void __wrap_engine_fire_timers(struct transition *t);

void __wrap_engine_fire_timers(struct transition *t)
{
    const int64_t now_ns = t->now_ns;

    t->now_ns = now_ns + 3600 * NS_PER_S;
    __real_engine_fire_timers(t);
    t->now_ns = now_ns;
}
