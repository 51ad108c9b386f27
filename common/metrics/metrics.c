/* metrics.c - see metrics.h.
 *
 * The registry is a list of families (one name, one kind), each a list of series (one label set);
 * both grow only, under the mutex. Updates are relaxed atomic adds on the series itself. */
#include "common/metrics/metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* The reference's buckets for timers, in seconds: text for `le`, bound in nanoseconds. */
static const struct {
    const char *le;
    int64_t bound_ns;
} buckets[] = {
    {"0.001", 1 * NS_PER_MS},  {"0.002", 2 * NS_PER_MS}, {"0.005", 5 * NS_PER_MS},
    {"0.01", 10 * NS_PER_MS},  {"0.02", 20 * NS_PER_MS}, {"0.05", 50 * NS_PER_MS},
    {"0.1", 100 * NS_PER_MS},  {"0.2", 200 * NS_PER_MS}, {"0.5", 500 * NS_PER_MS},
    {"1", 1 * NS_PER_S},       {"2", 2 * NS_PER_S},      {"5", 5 * NS_PER_S},
    {"10", 10 * NS_PER_S},     {"20", 20 * NS_PER_S},    {"50", 50 * NS_PER_S},
    {"100", 100 * NS_PER_S},   {"200", 200 * NS_PER_S},  {"500", 500 * NS_PER_S},
    {"1000", 1000 * NS_PER_S},
};

enum { BUCKETS = COUNT_OF(buckets) };

struct counter {
    atomic_uint_fast64_t value;
};

struct gauge {
    atomic_int_fast64_t value;
};

struct histogram {
    atomic_uint_fast64_t in_bucket[BUCKETS + 1]; /* the last: beyond all bounds */
    atomic_uint_fast64_t sum_ns;
};

struct series {
    struct series *next;
    char *labels;
    union {
        struct counter counter;
        struct gauge gauge;
        struct histogram histogram;
    } value;
};

struct family {
    struct family *next;
    char *name;
    enum metric_kind kind;
    struct series *first, **last;
};

struct metrics {
    pthread_mutex_t mutex; /* guards the lists; series are never removed */
    struct family *first, **last;
};

struct metrics *metrics_new(void)
{
    struct metrics *metrics = calloc(1, sizeof *metrics);

    must(metrics != NULL);
    must(pthread_mutex_init(&metrics->mutex, NULL) == 0);
    metrics->last = &metrics->first;
    return metrics;
}

static void family_free(struct family *family)
{
    for (struct series *series = family->first, *next; series; series = next) {
        next = series->next;
        free(series->labels);
        free(series);
    }
    free(family->name);
    free(family);
}

void metrics_free(struct metrics *metrics)
{
    if (!metrics)
        return;
    for (struct family *family = metrics->first, *next; family; family = next) {
        next = family->next;
        family_free(family);
    }
    pthread_mutex_destroy(&metrics->mutex);
    free(metrics);
}

static struct family *family_get(struct metrics *metrics, const char *name, enum metric_kind kind)
{
    struct family *family = metrics->first;

    while (family && strcmp(family->name, name) != 0)
        family = family->next;
    if (family) {
        must(family->kind == kind);
        return family;
    }
    family = calloc(1, sizeof *family);
    must(family != NULL);
    family->name = strdup(name);
    must(family->name != NULL);
    family->kind = kind;
    family->last = &family->first;
    *metrics->last = family;
    metrics->last = &family->next;
    return family;
}

static struct series *series_get(struct metrics *metrics, const char *name, const char *labels,
                                 enum metric_kind kind)
{
    pthread_mutex_lock(&metrics->mutex);
    struct family *family = family_get(metrics, name, kind);
    struct series *series = family->first;
    while (series && strcmp(series->labels, labels) != 0)
        series = series->next;
    if (!series) {
        series = calloc(1, sizeof *series);
        must(series != NULL);
        series->labels = strdup(labels);
        must(series->labels != NULL);
        *family->last = series;
        family->last = &series->next;
    }
    pthread_mutex_unlock(&metrics->mutex);
    return series;
}

struct counter *metrics_counter(struct metrics *metrics, const char *name, const char *labels)
{
    return &series_get(metrics, name, labels, METRIC_COUNTER)->value.counter;
}

struct gauge *metrics_gauge(struct metrics *metrics, const char *name, const char *labels)
{
    return &series_get(metrics, name, labels, METRIC_GAUGE)->value.gauge;
}

struct histogram *metrics_histogram(struct metrics *metrics, const char *name, const char *labels)
{
    return &series_get(metrics, name, labels, METRIC_HISTOGRAM)->value.histogram;
}

void counter_add(struct counter *counter, uint64_t n)
{
    atomic_fetch_add_explicit(&counter->value, n, memory_order_relaxed);
}

void gauge_set(struct gauge *gauge, int64_t value)
{
    atomic_store_explicit(&gauge->value, value, memory_order_relaxed);
}

void gauge_add(struct gauge *gauge, int64_t delta)
{
    atomic_fetch_add_explicit(&gauge->value, delta, memory_order_relaxed);
}

void histogram_observe_ns(struct histogram *histogram, int64_t elapsed_ns)
{
    size_t i = 0;

    if (elapsed_ns < 0)
        elapsed_ns = 0;
    while (i < BUCKETS && elapsed_ns > buckets[i].bound_ns)
        i++;
    atomic_fetch_add_explicit(&histogram->in_bucket[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum_ns, (uint64_t)elapsed_ns, memory_order_relaxed);
}

static void render_name(struct buf *out, const char *name, const char *suffix, const char *labels)
{
    buf_printf(out, *labels ? "%s%s{%s} " : "%s%s ", name, suffix, labels);
}

static void render_histogram(struct buf *out, const char *name, const char *labels,
                             struct histogram *histogram)
{
    uint64_t count = 0;

    for (size_t i = 0; i <= BUCKETS; i++) {
        count += atomic_load_explicit(&histogram->in_bucket[i], memory_order_relaxed);
        buf_printf(out, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", name, labels, *labels ? "," : "",
                   i < BUCKETS ? buckets[i].le : "+Inf", count);
    }
    const uint64_t sum_ns = atomic_load_explicit(&histogram->sum_ns, memory_order_relaxed);
    render_name(out, name, "_sum", labels);
    buf_printf(out, "%" PRIu64 ".%09" PRIu64 "\n", sum_ns / (uint64_t)NS_PER_S,
               sum_ns % (uint64_t)NS_PER_S);
    render_name(out, name, "_count", labels);
    buf_printf(out, "%" PRIu64 "\n", count);
}

static void render_series(struct buf *out, const struct family *family, struct series *series)
{
    switch (family->kind) {
    case METRIC_COUNTER:
        render_name(out, family->name, "", series->labels);
        buf_printf(out, "%" PRIuFAST64 "\n",
                   atomic_load_explicit(&series->value.counter.value, memory_order_relaxed));
        break;
    case METRIC_GAUGE:
        render_name(out, family->name, "", series->labels);
        buf_printf(out, "%" PRIdFAST64 "\n",
                   atomic_load_explicit(&series->value.gauge.value, memory_order_relaxed));
        break;
    case METRIC_HISTOGRAM:
        render_histogram(out, family->name, series->labels, &series->value.histogram);
        break;
    }
}

void metrics_render(struct metrics *metrics, struct buf *out)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};

    pthread_mutex_lock(&metrics->mutex);
    for (struct family *family = metrics->first; family; family = family->next) {
        buf_printf(out, "# TYPE %s %s\n", family->name, kinds[family->kind]);
        for (struct series *series = family->first; series; series = series->next)
            render_series(out, family, series);
    }
    pthread_mutex_unlock(&metrics->mutex);
}
