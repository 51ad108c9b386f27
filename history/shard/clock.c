/* clock.c - see clock.h. */
#include "history/shard/clock.h"

enum { SLEW_PARTS = 100 };

void hs_clock_init(struct hs_clock *clock, const struct clock *base, int64_t row_ns)
{
    const int64_t wall_ns = clock_wall_ns(base);
    const int64_t floor_ns = row_ns ? row_ns + HS_CLOCK_ROW_NS : 0;

    *clock = (struct hs_clock){
        .base = base,
        .anchor_wall_ns = wall_ns > floor_ns ? wall_ns : floor_ns,
        .anchor_mono_ns = clock_mono_ns(base),
        .row_ns = row_ns,
    };
    clock->last_ns = clock->anchor_wall_ns;
}

int64_t hs_clock_now(struct hs_clock *clock)
{
    const int64_t mono_ns = clock_mono_ns(clock->base), wall_ns = clock_wall_ns(clock->base);
    const int64_t elapsed_ns = mono_ns - clock->anchor_mono_ns;
    int64_t now_ns = clock->anchor_wall_ns + elapsed_ns;

    /* Where the wall clock went another way, go after it, slowly. */
    const int64_t slew_ns = elapsed_ns / SLEW_PARTS;
    int64_t apart_ns = wall_ns - now_ns;
    if (apart_ns > slew_ns)
        apart_ns = slew_ns;
    if (apart_ns < -slew_ns)
        apart_ns = -slew_ns;
    now_ns += apart_ns;
    if (elapsed_ns > NS_PER_S) {
        clock->anchor_wall_ns = now_ns;
        clock->anchor_mono_ns = mono_ns;
    }
    if (now_ns < clock->last_ns)
        now_ns = clock->last_ns;
    clock->last_ns = now_ns;
    return now_ns;
}

bool hs_clock_row_due(const struct hs_clock *clock, int64_t now_ns)
{
    return clock->row_ns == 0 || now_ns - clock->row_ns >= HS_CLOCK_ROW_NS;
}
