/* quotas.c - buckets by class and priority, for the process and for each namespace.
 *
 * A namespace's rates are derived again when the configuration or the number of frontends changes;
 * its buckets stay. */
#include "frontend/quotas.h"

#include "common/base/map.h"
#include "common/base/rng.h"
#include "common/base/bucket.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

enum { NAMESPACES_MAX = 10000 }; /* those beyond share one place */

/* ---- methods ---- */

enum held_place {
#define QUOTA(method, class, priority)
#define QUOTA_HELD(method) HELD_##method,
#include "frontend/quotas.def"
#undef QUOTA
#undef QUOTA_HELD
    HELD_COUNT
};

struct quota_method quota_method_of(const char *name)
{
    static const struct {
        const char *name;
        enum quota_class class;
        uint32_t priority;
    } rates[] = {
#define QUOTA(method, class_, priority_) {#method, QUOTA_##class_, priority_},
#define QUOTA_HELD(method)
#include "frontend/quotas.def"
#undef QUOTA
#undef QUOTA_HELD
    };
    static const char *const held[] = {
#define QUOTA(method, class, priority)
#define QUOTA_HELD(method) #method,
#include "frontend/quotas.def"
#undef QUOTA
#undef QUOTA_HELD
    };
    struct quota_method found = {0};

    for (size_t i = 0; i < COUNT_OF(rates); i++)
        if (strcmp(rates[i].name, name) == 0)
            found = (struct quota_method){.class = rates[i].class, .priority = rates[i].priority};
    for (uint32_t i = 0; i < COUNT_OF(held); i++)
        if (strcmp(held[i], name) == 0)
            found.held = i + 1;
    return found;
}

/* ---- rates ---- */

enum { CLASSES = QUOTA_NAMESPACE_WRITES + 1 };

/* Replaced while others read it: both numbers of one rate or one of each is all the same. */
struct live_rate {
    atomic_int_fast64_t cost_ns, window_ns;
};

struct rates {
    struct {
        struct bucket buckets[QUOTA_PRIORITIES];
        struct live_rate operators, others;
    } classes[CLASSES];
};

struct namespace_quota {
    struct map_node by_name;
    struct rates rates;
    atomic_uint_fast64_t derived; /* from which version and how many frontends */
    atomic_int held_max;
    atomic_int held[HELD_COUNT];
    uint8_t name[];
};

struct quotas {
    struct quotas_options o;
    struct rates rates;
    atomic_uint_fast64_t derived;
    pthread_mutex_t mutex; /* guards the map, and deriving */
    struct map namespaces;
    struct gauge *rps;
};

static void set_live(struct live_rate *live, struct bucket_rate rate)
{
    atomic_store(&live->cost_ns, rate.cost_ns);
    atomic_store(&live->window_ns, rate.window_ns);
}

static struct bucket_rate get_live(const struct live_rate *live)
{
    return (struct bucket_rate){.cost_ns = atomic_load(&live->cost_ns),
                                .window_ns = atomic_load(&live->window_ns)};
}

/* Operators may have as much at once as the others, but it comes back more slowly. */
static void set_rate(struct rates *rates, enum quota_class class, double per_s, double burst,
                     double operator_ratio)
{
    set_live(&rates->classes[class].others, bucket_rate_of(per_s, burst));
    set_live(&rates->classes[class].operators, bucket_rate_of(per_s * operator_ratio, burst));
}

/* ---- deriving ---- */

static double shared(const struct quotas *q, int64_t each, int64_t all)
{
    const uint32_t frontends = q->o.frontends(q->o.arg);

    return all > 0 && frontends > 0 ? (double)all / frontends : (double)each;
}

/* "its burst ratio": what is cut off is one at least, while there is a rate. */
static double burst_of(double rate, double ratio)
{
    const double burst = floor((rate > 0 ? rate : 0) * (ratio > 0 ? ratio : 0));

    return burst < 1 && rate > 0 && ratio > 0 ? 1 : burst;
}

static double namespace_burst(double rate, double ratio)
{
    const double burst = ceil(rate * ratio);

    return burst > 1 ? burst : 1;
}

static void derive_process(struct quotas *q)
{
    const struct dynconf *dc = q->o.dynconf;
    const struct slice none = SLICE_EMPTY;
    const double ratio = dynconf_float(dc, DYNCONF_SYSTEM_OPERATOR_RPS_RATIO, none);
    const double rps = shared(q, dynconf_int(dc, DYNCONF_FRONTEND_RPS, none),
                              dynconf_int(dc, DYNCONF_FRONTEND_GLOBAL_RPS, none));
    const double writes = (double)dynconf_int(dc, DYNCONF_FRONTEND_RPS_NAMESPACE_WRITES, none);

    set_rate(&q->rates, QUOTA_EXECUTION, rps, burst_of(rps, 2), ratio);
    set_rate(&q->rates, QUOTA_VISIBILITY, rps, burst_of(rps, 2), ratio);
    set_rate(&q->rates, QUOTA_NAMESPACE_WRITES, writes, burst_of(writes, 2), ratio);
    gauge_set(q->rps, (int64_t)rps);
}

static void derive_namespace(const struct quotas *q, struct namespace_quota *n, struct slice name)
{
    static const struct {
        enum quota_class class;
        enum dynconf_key each, all, burst;
    } keys[] = {
        {QUOTA_EXECUTION, DYNCONF_FRONTEND_NAMESPACE_RPS, DYNCONF_FRONTEND_GLOBAL_NAMESPACE_RPS,
         DYNCONF_FRONTEND_NAMESPACE_BURST},
        {QUOTA_VISIBILITY, DYNCONF_FRONTEND_NAMESPACE_RPS_VISIBILITY,
         DYNCONF_FRONTEND_GLOBAL_NAMESPACE_RPS_VISIBILITY,
         DYNCONF_FRONTEND_NAMESPACE_BURST_VISIBILITY},
        {QUOTA_NAMESPACE_WRITES, DYNCONF_FRONTEND_NAMESPACE_RPS_NAMESPACE_WRITES,
         DYNCONF_FRONTEND_GLOBAL_NAMESPACE_RPS_NAMESPACE_WRITES,
         DYNCONF_FRONTEND_NAMESPACE_BURST_NAMESPACE_WRITES},
    };
    const struct dynconf *dc = q->o.dynconf;
    const double ratio = dynconf_float(dc, DYNCONF_SYSTEM_OPERATOR_RPS_RATIO, SLICE_EMPTY);

    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const double rate =
            shared(q, dynconf_int(dc, keys[i].each, name), dynconf_int(dc, keys[i].all, name));

        set_rate(&n->rates, keys[i].class, rate,
                 namespace_burst(rate, dynconf_float(dc, keys[i].burst, name)), ratio);
    }
    const double held = shared(q, dynconf_int(dc, DYNCONF_FRONTEND_NAMESPACE_COUNT, name),
                               dynconf_int(dc, DYNCONF_FRONTEND_GLOBAL_NAMESPACE_COUNT, name));
    atomic_store(&n->held_max, held < 0 ? 0 : held > INT32_MAX ? INT32_MAX : (int)held);
}

/* Never 0: what was never derived differs from every one. */
static uint64_t state_now(const struct quotas *q)
{
    return dynconf_version(q->o.dynconf) << 16 | (q->o.frontends(q->o.arg) & 0x7fff) << 1 | 1;
}

/* ---- namespaces ---- */

static struct namespace_quota *place_of(struct quotas *q, struct slice name)
{
    struct map_node *node = map_get(&q->namespaces, name);

    if (!node && q->namespaces.count >= NAMESPACES_MAX) {
        name = SLICE_EMPTY;
        node = map_get(&q->namespaces, name);
    }
    if (node)
        return CONTAINER_OF(node, struct namespace_quota, by_name);
    struct namespace_quota *n = calloc(1, sizeof *n + name.len + 1);

    must(n != NULL);
    if (name.len)
        memcpy(n->name, name.ptr, name.len);
    map_put(&q->namespaces, slice_of(n->name, name.len), &n->by_name);
    return n;
}

static struct namespace_quota *namespace_of(struct quotas *q, struct slice name)
{
    const uint64_t state = state_now(q);

    pthread_mutex_lock(&q->mutex);
    struct namespace_quota *n = place_of(q, name);
    if (atomic_load(&n->derived) != state) {
        derive_namespace(q, n, name);
        atomic_store(&n->derived, state);
    }
    if (atomic_load(&q->derived) != state) {
        derive_process(q);
        atomic_store(&q->derived, state);
    }
    pthread_mutex_unlock(&q->mutex);
    return n;
}

/* ---- asking ---- */

/* Its own bucket decides; those of the less important requests pay as well. false: nothing is to
 * be had within `patience_ns`. */
static bool take(struct rates *rates, struct quota_method method,
                 const struct quota_request *request, int64_t patience_ns, int64_t *wait_ns)
{
    const int64_t now_ns = request->now_mono_ns;
    const uint32_t priority = request->from_operator ? QUOTA_OPERATOR : method.priority;
    const struct bucket_rate others = get_live(&rates->classes[method.class].others);
    const struct bucket_rate own =
        priority == QUOTA_OPERATOR ? get_live(&rates->classes[method.class].operators) : others;

    if (!bucket_reserve(&rates->classes[method.class].buckets[priority], own, now_ns, patience_ns,
                        wait_ns))
        return false;
    for (uint32_t p = priority + 1; p < QUOTA_PRIORITIES; p++)
        bucket_charge(&rates->classes[method.class].buckets[p], others, now_ns);
    return true;
}

enum quota_answer quotas_ask_process(struct quotas *q, const struct quota_request *request)
{
    int64_t wait_ns;

    return request->of_process.class == QUOTA_NONE ||
                   take(&q->rates, request->of_process, request, 0, &wait_ns)
               ? QUOTA_GRANTED
               : QUOTA_PROCESS_RATE;
}

enum quota_answer quotas_ask(struct quotas *q, const struct quota_request *request,
                             atomic_int **held, int64_t *wait_ns)
{
    struct namespace_quota *n = namespace_of(q, request->namespace_name);
    const struct quota_method *method = &request->of_namespace;
    atomic_int *count = method->held ? &n->held[method->held - 1] : NULL;

    *held = NULL;
    *wait_ns = 0;
    if (request->namespace_name.len == 0)
        count = NULL;
    if (count && atomic_fetch_add(count, 1) >= atomic_load(&n->held_max)) {
        atomic_fetch_sub(count, 1);
        return QUOTA_TOO_MANY;
    }

    enum quota_answer answer;
    if (request->namespace_name.len > 0 && method->class != QUOTA_NONE &&
        !take(&n->rates, *method, request, request->patience_ns, wait_ns))
        answer = QUOTA_NAMESPACE_RATE;
    else
        answer = *wait_ns > 0 ? QUOTA_LATER : quotas_ask_process(q, request);
    if (answer == QUOTA_GRANTED || answer == QUOTA_LATER)
        *held = count;
    else
        quotas_let_go(count);
    return answer;
}

void quotas_let_go(atomic_int *held)
{
    if (held)
        atomic_fetch_sub(held, 1);
}

/* ---- life ---- */

struct quotas *quotas_new(const struct quotas_options *options)
{
    struct quotas *q = calloc(1, sizeof *q);
    struct rng rng;

    must(q != NULL);
    q->o = *options;
    pthread_mutex_init(&q->mutex, NULL);
    rng_seed_from_kernel(&rng);
    map_init(&q->namespaces, rng_u64(&rng));
    q->rps = metrics_gauge(options->metrics, "host_rps_limit", "");
    (void)namespace_of(q, SLICE_EMPTY); /* the process' own rates are known from the start */
    return q;
}

void quotas_free(struct quotas *q)
{
    struct map_node *next;

    if (!q)
        return;
    for (struct map_node *node = map_next(&q->namespaces, NULL); node; node = next) {
        next = map_next(&q->namespaces, node);
        free(CONTAINER_OF(node, struct namespace_quota, by_name));
    }
    map_release(&q->namespaces);
    pthread_mutex_destroy(&q->mutex);
    free(q);
}
