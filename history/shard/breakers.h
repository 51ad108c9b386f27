/* breakers.h - destinations of callbacks that are down are left alone for a while.
 *
 * A breaker trips after six failures in a row, and is open: nothing is sent. When its time-out
 * passes it is half open: a few attempts go out. If they succeed it is forgotten, if one fails it
 * is open again. It lives in memory only: a new owner of the shard finds out anew.
 *
 *     (none) -failure-> CLOSED -the sixth in a row-> OPEN -time-out-> HALF_OPEN -failure-> OPEN
 *        ^------ success --'                                              '-- success --> (none)
 *
 * Spec: the reference's circuit breakers of its outbound queue, by namespace and destination;
 * history.outboundQueue.circuitBreakerSettings. */
#ifndef GNOMON_BREAKERS_H
#define GNOMON_BREAKERS_H

#include "common/base/map.h"
#include "common/dynconf/dynconf.h"

struct hs_breakers {
    struct map by_destination; /* those that failed lately, at most HS_BREAKERS_MAX */
    uint64_t periods;          /* counts the lives of their states */
};
enum { HS_BREAKERS_MAX = 1000 };

struct hs_breaker_settings {
    int64_t requests_max; /* MaxRequests: attempts at a time while half open */
    int64_t interval_ns;  /* Interval: failures are forgotten so often; 0: never */
    int64_t timeout_ns;   /* Timeout: how long it is open */
};
struct hs_breaker_settings hs_breaker_settings(const struct dynconf *dc,
                                               const struct dynconf_where *where);

/* An attempt that was let through; what came of it is told once. */
struct hs_breaker_pass {
    uint64_t destination, period; /* of the state that let it through; 0: there was none */
};
enum hs_breaker_result { BREAKER_SUCCESS = 1, BREAKER_FAILURE, BREAKER_NOTHING };

void hs_breakers_init(struct hs_breakers *breakers, uint64_t seed);
void hs_breakers_release(struct hs_breakers *breakers);

/* May something be sent? If not, *again_ns says when to ask anew. Monotonic times. */
bool hs_breaker_lets(struct hs_breakers *breakers, uint64_t destination, int64_t now_ns,
                     int64_t *again_ns);
/* The same, and it is on its way: gives *pass. */
bool hs_breaker_enter(struct hs_breakers *breakers, uint64_t destination,
                      const struct hs_breaker_settings *settings, int64_t now_ns,
                      struct hs_breaker_pass *pass, int64_t *again_ns);
/* Gives whether the breaker has closed, so that what waited may go. */
bool hs_breaker_leave(struct hs_breakers *breakers, const struct hs_breaker_pass *pass,
                      const struct hs_breaker_settings *settings, enum hs_breaker_result result,
                      int64_t now_ns);
/* Those that let nobody through, up to `max`; *again_ns: when to ask the first of them anew. */
uint32_t hs_breakers_shut(const struct hs_breakers *breakers, int64_t now_ns, uint64_t *out,
                          uint32_t max, int64_t *again_ns);
/* It is not closed. */
bool hs_breaker_blocks(const struct hs_breakers *breakers, uint64_t destination);

#endif
