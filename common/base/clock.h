/* clock.h - the only reader of time. Wall time may jump and is stored; monotonic time never is. */
#ifndef GNOMON_CLOCK_H
#define GNOMON_CLOCK_H

#include "common/base/base.h"

struct clock {
    int64_t (*wall_ns)(void *self); /* since the Unix epoch */
    int64_t (*mono_ns)(void *self); /* since an unknown point; counts suspended time too */
    void *self;
};

extern const struct clock clock_real; /* thread-safe */

static inline int64_t clock_wall_ns(const struct clock *clock)
{
    return clock->wall_ns(clock->self);
}

static inline int64_t clock_mono_ns(const struct clock *clock)
{
    return clock->mono_ns(clock->self);
}

static inline int64_t clock_mono_ms(const struct clock *clock)
{
    return clock->mono_ns(clock->self) / NS_PER_MS;
}

/* A clock that stands still until the test moves it; both readings come from one number. */
struct fake_clock {
    struct clock clock; /* pass &fake.clock */
    int64_t now_ns;
};

void fake_clock_init(struct fake_clock *fake, int64_t now_ns);

#endif
