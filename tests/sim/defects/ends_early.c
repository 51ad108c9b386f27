/* ends_early.c - defect: a run times out up to two seconds before its time, when it is looked at.
 */
#include "tests/sim/defects/defect.h"

#include "history/engine/engine.h"

enum err __real_engine_fire(struct transition *t);
enum err __wrap_engine_fire(struct transition *t);

enum err __wrap_engine_fire(struct transition *t)
{
    const int64_t at_ns = t->run->run_expires_ns;

    if (at_ns > 0)
        t->run->run_expires_ns = at_ns - 2 * NS_PER_S;
    const enum err err = __real_engine_fire(t);
    t->run->run_expires_ns = at_ns;
    return err;
}
