/* breakers.c - see breakers.h. */
#include "history/shard/breakers.h"

#include <stdlib.h>

enum { TRIPS_AFTER = 5 }; /* with the next failure in a row */
#define DEFAULT_TIMEOUT_NS (60 * NS_PER_S)
#define AGAIN_NS NS_PER_S /* where an answer is waited for: should it never come */

enum breaker_state { BREAKER_CLOSED = 1, BREAKER_OPEN, BREAKER_HALF_OPEN };

struct breaker {
    struct map_node node; /* in breakers->by_destination */
    uint64_t destination;
    enum breaker_state state;
    uint64_t period;
    int64_t ends_ns;                       /* of its state; 0: it has no end */
    int64_t requests, successes, failures; /* while it lasts; failures in a row */
    struct hs_breaker_settings settings;
};

void hs_breakers_init(struct hs_breakers *breakers, uint64_t seed)
{
    map_init(&breakers->by_destination, seed);
    breakers->periods = 0;
}

static void forget(struct hs_breakers *breakers, struct breaker *breaker)
{
    map_remove(&breakers->by_destination, &breaker->node);
    free(breaker);
}

void hs_breakers_release(struct hs_breakers *breakers)
{
    for (struct map_node *it; (it = map_next(&breakers->by_destination, NULL));)
        forget(breakers, CONTAINER_OF(it, struct breaker, node));
    map_release(&breakers->by_destination);
}

static int64_t duration_of(const struct dynval *settings, const char *name)
{
    const struct dynval *value = dynval_get(settings, name);
    int64_t ns = 0;

    return value && dynval_to_duration(value, &ns) && ns > 0 ? ns : 0;
}

struct hs_breaker_settings hs_breaker_settings(const struct dynconf *dc,
                                               const struct dynconf_where *where)
{
    struct hs_breaker_settings out = {.requests_max = 1, .timeout_ns = DEFAULT_TIMEOUT_NS};
    struct arena arena;

    arena_init(&arena);
    const struct dynval tree = dynconf_tree_at(dc, DYNCONF_HISTORY_CIRCUIT_BREAKER, where, &arena);
    if (tree.kind == DYNVAL_MAP) {
        const struct dynval *requests = dynval_get(&tree, "MaxRequests");
        int64_t max;

        if (requests && dynval_to_int(requests, &max) && max > 0)
            out.requests_max = max;
        out.interval_ns = duration_of(&tree, "Interval");
        if (duration_of(&tree, "Timeout") > 0)
            out.timeout_ns = duration_of(&tree, "Timeout");
    }
    arena_release(&arena);
    return out;
}

/* -- states ---------------------------------------------------------------------------------- */

static void enter_state(struct hs_breakers *breakers, struct breaker *breaker,
                        enum breaker_state state, int64_t lasts_ns, int64_t now_ns)
{
    breaker->state = state;
    breaker->period = ++breakers->periods;
    breaker->ends_ns = lasts_ns > 0 ? now_ns + lasts_ns : 0;
    breaker->requests = breaker->successes = breaker->failures = 0;
}

static struct breaker *find(const struct hs_breakers *breakers, uint64_t destination)
{
    struct map_node *node = map_get_u64(&breakers->by_destination, destination);

    return node ? CONTAINER_OF(node, struct breaker, node) : NULL;
}

/* As it is now: time may have moved it. NULL: closed, and nothing has failed. */
static struct breaker *look_up(struct hs_breakers *breakers, uint64_t destination, int64_t now_ns)
{
    struct breaker *breaker = find(breakers, destination);

    if (!breaker || breaker->ends_ns == 0 || breaker->ends_ns > now_ns)
        return breaker;
    if (breaker->state == BREAKER_OPEN) {
        enter_state(breakers, breaker, BREAKER_HALF_OPEN, 0, now_ns);
        return breaker;
    }
    forget(breakers, breaker); /* its interval is over */
    return NULL;
}

bool hs_breaker_lets(struct hs_breakers *breakers, uint64_t destination, int64_t now_ns,
                     int64_t *again_ns)
{
    const struct breaker *breaker = look_up(breakers, destination, now_ns);

    if (!breaker || breaker->state == BREAKER_CLOSED)
        return true;
    if (breaker->state == BREAKER_HALF_OPEN && breaker->requests < breaker->settings.requests_max)
        return true;
    *again_ns = breaker->state == BREAKER_OPEN ? breaker->ends_ns : now_ns + AGAIN_NS;
    return false;
}

static bool same_settings(const struct hs_breaker_settings *a, const struct hs_breaker_settings *b)
{
    return a->requests_max == b->requests_max && a->interval_ns == b->interval_ns &&
           a->timeout_ns == b->timeout_ns;
}

bool hs_breaker_enter(struct hs_breakers *breakers, uint64_t destination,
                      const struct hs_breaker_settings *settings, int64_t now_ns,
                      struct hs_breaker_pass *pass, int64_t *again_ns)
{
    struct breaker *breaker = look_up(breakers, destination, now_ns);

    if (breaker && !same_settings(&breaker->settings, settings)) { /* Spec: it begins anew */
        forget(breakers, breaker);
        breaker = NULL;
    }
    if (!hs_breaker_lets(breakers, destination, now_ns, again_ns))
        return false;
    if (breaker)
        breaker->requests++;
    *pass = (struct hs_breaker_pass){destination, breaker ? breaker->period : 0};
    return true;
}

static void failed(struct hs_breakers *breakers, struct breaker *breaker, uint64_t destination,
                   const struct hs_breaker_settings *settings, int64_t now_ns)
{
    if (!breaker) {
        if (breakers->by_destination.count >= HS_BREAKERS_MAX)
            return; /* nobody is kept from it */
        breaker = calloc(1, sizeof *breaker);
        must(breaker != NULL);
        breaker->settings = *settings;
        breaker->destination = destination;
        enter_state(breakers, breaker, BREAKER_CLOSED, settings->interval_ns, now_ns);
        map_put_u64(&breakers->by_destination, destination, &breaker->node);
    }
    breaker->failures++;
    if (breaker->state == BREAKER_HALF_OPEN || breaker->failures > TRIPS_AFTER)
        enter_state(breakers, breaker, BREAKER_OPEN, breaker->settings.timeout_ns, now_ns);
}

bool hs_breaker_leave(struct hs_breakers *breakers, const struct hs_breaker_pass *pass,
                      const struct hs_breaker_settings *settings, enum hs_breaker_result result,
                      int64_t now_ns)
{
    struct breaker *breaker = look_up(breakers, pass->destination, now_ns);
    const bool closed = !breaker || breaker->state == BREAKER_CLOSED;

    /* What began in another state says nothing of this one; closed ones are all of one kind. */
    if (breaker && breaker->period != pass->period && !(closed && pass->period == 0))
        return false;
    if (!breaker && pass->period != 0)
        return false;
    switch (result) {
    case BREAKER_NOTHING:
        if (breaker && pass->period != 0)
            breaker->requests--;
        return false;
    case BREAKER_FAILURE:
        failed(breakers, breaker, pass->destination, settings, now_ns);
        return false;
    case BREAKER_SUCCESS:
        if (!breaker || (!closed && ++breaker->successes < breaker->settings.requests_max))
            return false;
        forget(breakers, breaker);
        return true;
    }
    must(false);
    return false;
}

bool hs_breaker_blocks(const struct hs_breakers *breakers, uint64_t destination)
{
    const struct breaker *breaker = find(breakers, destination);

    return breaker && breaker->state != BREAKER_CLOSED;
}

uint32_t hs_breakers_shut(const struct hs_breakers *breakers, int64_t now_ns, uint64_t *out,
                          uint32_t max, int64_t *again_ns)
{
    uint32_t count = 0;

    *again_ns = INT64_MAX;
    for (struct map_node *it = map_next(&breakers->by_destination, NULL); it && count < max;
         it = map_next(&breakers->by_destination, it)) {
        const struct breaker *breaker = CONTAINER_OF(it, struct breaker, node);

        const bool open = breaker->state == BREAKER_OPEN && breaker->ends_ns > now_ns;
        const bool full = breaker->state == BREAKER_HALF_OPEN &&
                          breaker->requests >= breaker->settings.requests_max;
        const int64_t until_ns = open ? breaker->ends_ns : now_ns + AGAIN_NS;

        if (!open && !full)
            continue;
        out[count++] = breaker->destination;
        if (until_ns < *again_ns)
            *again_ns = until_ns;
    }
    return count;
}
