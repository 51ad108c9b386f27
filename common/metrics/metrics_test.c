/* metrics_test.c - the text that Prometheus reads, and updates from many threads. */
#include "common/metrics/metrics.h"

#include "tests/lib/test.h"

#include <pthread.h>

static void check_text(struct metrics *metrics, const char *want)
{
    struct buf out;

    buf_init(&out, 0);
    metrics_render(metrics, &out);
    check_slice(buf_slice(&out), slice_str(want));
    buf_release(&out);
}

TEST(metrics_counters_and_gauges)
{
    struct metrics *metrics = metrics_new();

    check_text(metrics, "");
    struct counter *a = metrics_counter(metrics, "service_requests", "operation=\"A\"");
    struct counter *b = metrics_counter(metrics, "service_requests", "operation=\"B\"");
    check(a != b);
    check(a == metrics_counter(metrics, "service_requests", "operation=\"A\""));
    counter_add(a, 2);
    counter_add(a, 3);
    gauge_set(metrics_gauge(metrics, "gnomon_open", ""), 10);
    gauge_add(metrics_gauge(metrics, "gnomon_open", ""), -12);
    check_text(metrics, "# TYPE service_requests counter\n"
                        "service_requests{operation=\"A\"} 5\n"
                        "service_requests{operation=\"B\"} 0\n"
                        "# TYPE gnomon_open gauge\n"
                        "gnomon_open -2\n");
    metrics_free(metrics);
    metrics_free(NULL);
}

TEST(metrics_histogram_buckets_are_cumulative)
{
    struct metrics *metrics = metrics_new();
    struct histogram *histogram = metrics_histogram(metrics, "latency", "op=\"x\"");
    struct buf out;

    histogram_observe_ns(histogram, NS_PER_MS);       /* on the bound: in it */
    histogram_observe_ns(histogram, NS_PER_MS + 1);   /* the next */
    histogram_observe_ns(histogram, -5);              /* a clock that stepped */
    histogram_observe_ns(histogram, 2000 * NS_PER_S); /* beyond all */
    buf_init(&out, 0);
    metrics_render(metrics, &out);
    buf_append(&out, "", 1);
    const char *text = (const char *)out.ptr;
    check(strstr(text, "# TYPE latency histogram\n") != NULL);
    check(strstr(text, "latency_bucket{op=\"x\",le=\"0.001\"} 2\n") != NULL);
    check(strstr(text, "latency_bucket{op=\"x\",le=\"0.002\"} 3\n") != NULL);
    check(strstr(text, "latency_bucket{op=\"x\",le=\"1000\"} 3\n") != NULL);
    check(strstr(text, "latency_bucket{op=\"x\",le=\"+Inf\"} 4\n") != NULL);
    check(strstr(text, "latency_sum{op=\"x\"} 2000.002000001\n") != NULL);
    check(strstr(text, "latency_count{op=\"x\"} 4\n") != NULL);
    buf_release(&out);
    metrics_free(metrics);
}

enum { THREADS = 4, ADDS = 20000 };

static void *add_many(void *arg)
{
    struct counter *counter = metrics_counter(arg, "n", "");

    for (int i = 0; i < ADDS; i++)
        counter_add(counter, 1);
    return NULL;
}

TEST(metrics_updates_from_many_threads_all_count)
{
    struct metrics *metrics = metrics_new();
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        check(pthread_create(&threads[i], NULL, add_many, metrics) == 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    check_text(metrics, "# TYPE n counter\nn 80000\n");
    metrics_free(metrics);
}
