/* metrics.h - counters, gauges and histograms that cost a few relaxed atomic adds, and their text
 * in Prometheus' exposition format.
 *
 * A metric is made once (get-or-create by name and labels, under a lock) and kept by its user;
 * updating it is thread-safe and takes no lock. Names and labels: reference.md 4.5; ours start
 * with gnomon_. Timers are histograms in seconds with the reference's buckets. */
#ifndef GNOMON_METRICS_H
#define GNOMON_METRICS_H

#include "common/base/buf.h"

struct metrics; /* a registry: one per process */
struct counter;
struct gauge;
struct histogram;

struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

/* `labels` is the inside of the braces, already escaped, e.g. `operation="StartWorkflow"`; may be
 * "". The strings are copied. The result lives as long as the registry. */
struct counter *metrics_counter(struct metrics *metrics, const char *name, const char *labels);
struct gauge *metrics_gauge(struct metrics *metrics, const char *name, const char *labels);
struct histogram *metrics_histogram(struct metrics *metrics, const char *name, const char *labels);

void counter_add(struct counter *counter, uint64_t n);
void gauge_set(struct gauge *gauge, int64_t value);
void gauge_add(struct gauge *gauge, int64_t delta);
void histogram_observe_ns(struct histogram *histogram, int64_t elapsed_ns);

/* Everything, in the text format, appended to `out`. */
void metrics_render(struct metrics *metrics, struct buf *out);

#endif
