/* bucket.h - a token bucket as one number: the moment at which it will be full again.
 *
 * A token costs `cost_ns`; the bucket holds `window_ns` worth of them. Debts are possible
 * (bucket_charge), so that others may be made to wait for what was given away. Any thread. */
#ifndef GNOMON_BUCKET_H
#define GNOMON_BUCKET_H

#include "common/base/base.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct bucket {
    atomic_int_fast64_t full_at_ns; /* monotonic; 0: always was */
};

struct bucket_rate {
    int64_t cost_ns;   /* of a token; 0: nothing is ever used up */
    int64_t window_ns; /* of a full bucket; negative: nothing is ever given */
};

#define BUCKET_NS_MAX (INT64_C(1) << 61)

/* `per_s` tokens a second, at most `burst` at once. */
static inline struct bucket_rate bucket_rate_of(double per_s, double burst)
{
    if (!(per_s > 0) || !(burst >= 1))
        return (struct bucket_rate){.cost_ns = 1, .window_ns = -1};
    const double cost = 1e9 / per_s, window = cost * burst;

    return (struct bucket_rate){
        .cost_ns = cost > (double)BUCKET_NS_MAX ? BUCKET_NS_MAX : (int64_t)cost,
        .window_ns = window > (double)BUCKET_NS_MAX ? BUCKET_NS_MAX : (int64_t)window};
}

/* Take the next token that there is or will be, in *wait_ns. false: not within `most_ns`. */
static inline bool bucket_reserve(struct bucket *bucket, struct bucket_rate rate, int64_t now_ns,
                                  int64_t most_ns, int64_t *wait_ns)
{
    int_fast64_t full = atomic_load(&bucket->full_at_ns);
    int64_t next, wait;

    do {
        next = (full > now_ns ? full : now_ns) + rate.cost_ns;
        wait = next - now_ns - rate.window_ns;
        if (rate.window_ns < 0 || wait > most_ns)
            return false;
    } while (!atomic_compare_exchange_weak(&bucket->full_at_ns, &full, next));
    *wait_ns = wait > 0 ? wait : 0;
    return true;
}

/* Take a token; false: there is none. */
static inline bool bucket_take(struct bucket *bucket, struct bucket_rate rate, int64_t now_ns)
{
    int64_t wait_ns;

    return bucket_reserve(bucket, rate, now_ns, 0, &wait_ns);
}

/* Is there no token? Nothing is taken. */
static inline bool bucket_is_empty(const struct bucket *bucket, struct bucket_rate rate,
                                   int64_t now_ns)
{
    const int64_t full = atomic_load(&bucket->full_at_ns);

    return rate.window_ns < 0 ||
           (full > now_ns ? full - now_ns : 0) + rate.cost_ns > rate.window_ns;
}

/* Take a token even if there is none. A bucket that never gives any has no debts either. */
static inline void bucket_charge(struct bucket *bucket, struct bucket_rate rate, int64_t now_ns)
{
    int_fast64_t full = atomic_load(&bucket->full_at_ns);
    int64_t next;

    do {
        next = (full > now_ns ? full : now_ns) + rate.cost_ns;
        if (rate.window_ns < 0 || next - now_ns > BUCKET_NS_MAX)
            return;
    } while (!atomic_compare_exchange_weak(&bucket->full_at_ns, &full, next));
}

#endif
