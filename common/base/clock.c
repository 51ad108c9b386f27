/* clock.c - the real clocks and the one of the tests. */
#include "common/base/clock.h"

#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec now;

    must(clock_gettime(id, &now) == 0);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static int64_t real_wall_ns(void *self)
{
    UNUSED(self);
    return read_clock(CLOCK_REALTIME);
}

static int64_t real_mono_ns(void *self)
{
    UNUSED(self);
    return read_clock(CLOCK_BOOTTIME);
}

const struct clock clock_real = {.wall_ns = real_wall_ns, .mono_ns = real_mono_ns};

static int64_t fake_now_ns(void *self)
{
    return ((struct fake_clock *)self)->now_ns;
}

void fake_clock_init(struct fake_clock *fake, int64_t now_ns)
{
    fake->now_ns = now_ns;
    fake->clock = (struct clock){.wall_ns = fake_now_ns, .mono_ns = fake_now_ns, .self = fake};
}
