/* clock.h - a shard's clock: anchored at wall time when the shard opens, then monotonic.
 *
 * It never runs backwards, follows the wall clock by at most 1 part in 100, and is never behind
 * the time of any record of the shard: a row holds a time that no record is ahead of by more than
 * HS_CLOCK_ROW_NS. */
#ifndef GNOMON_HISTORY_SHARD_CLOCK_H
#define GNOMON_HISTORY_SHARD_CLOCK_H

#include "common/base/clock.h"

#include <stdbool.h>

#define HS_CLOCK_ROW_NS (100 * NS_PER_MS)

struct hs_clock {
    const struct clock *base;
    int64_t anchor_wall_ns, anchor_mono_ns;
    int64_t last_ns; /* the last reading */
    int64_t row_ns;  /* as the row holds it; 0: none yet */
};

/* `row_ns`: the time in the shard's clock row, 0 when it has none. */
void hs_clock_init(struct hs_clock *clock, const struct clock *base, int64_t row_ns);
int64_t hs_clock_now(struct hs_clock *clock);
/* Does a record with this time need a new clock row beside it? */
bool hs_clock_row_due(const struct hs_clock *clock, int64_t now_ns);

#endif
