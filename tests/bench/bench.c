/* bench.c - load generator: one-activity workflows against any compatible server.
 *
 *     gnomon-bench --address HOST:PORT [--namespace N] [--count N] [--concurrency N] [--alone N]
 *                  [--pollers N] [--connections N] [--payload BYTES] [--growth]
 *                  [--pids P,.. | --tree PID]
 *
 * Runs a few to warm up, then some alone (one at a time), then all the rest under load, and
 * prints `name value` lines. Every result is compared. With the server's process ids it adds CPU
 * time, memory and bytes written. --growth: large workflows instead, see growth.h. Exit: 0 all
 * results right, 1 not, 2 bad arguments. */
#include "tests/bench/growth.h"
#include "tests/bench/link.h"
#include "tests/bench/load.h"
#include "tests/bench/procs.h"

#include "common/base/clock.h"
#include "common/base/rng.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WARM_UP = 20, SETTLE_MS = 2000 };

struct bench {
    const char *address, *namespace_name;
    uint32_t count, concurrency, alone, pollers, connections, payload;
    struct procs procs;
    bool growth;
    int tree;
    int64_t rss_peak;
};

static double self_cpu_ms(void)
{
    const struct procs self = {.pids = {(int)getpid()}, .count = 1};

    return procs_usage(&self).cpu_ms;
}

static void tick(void *arg)
{
    struct bench *bench = arg;
    const int64_t rss = procs_usage(&bench->procs).rss_bytes;

    if (rss > bench->rss_peak)
        bench->rss_peak = rss;
}

static int by_size(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static double percentile_ms(const struct load_result *result, double share)
{
    if (result->count == 0)
        return 0;
    const uint32_t index = (uint32_t)(share * (result->count - 1));
    return (double)result->latency_ns[index] / NS_PER_MS;
}

static void print(const char *phase, const char *what, double value)
{
    printf("%s.%-28s %12.3f\n", phase, what, value);
    fflush(stdout);
}

static bool run_phase(struct bench *bench, struct load *load, const char *phase, uint32_t count,
                      uint32_t concurrency)
{
    struct load_result result;
    const struct procs_usage before = procs_usage(&bench->procs);
    double cpu_before[PROCS_MAX];
    for (unsigned i = 0; i < bench->procs.count; i++)
        cpu_before[i] = procs_usage_of(&bench->procs, i).cpu_ms;
    const double own_before = self_cpu_ms();
    const bool alive = load_run(load, count, concurrency, tick, bench, &result);

    qsort(result.latency_ns, result.count, sizeof(int64_t), by_size);
    print(phase, "workflows", result.count);
    print(phase, "failed", count - result.count);
    print(phase, "rpc_errors", (double)result.rpc_errors);
    print(phase, "workflows_per_s", result.count * 1e9 / (double)(result.wall_ns + 1));
    print(phase, "p50_ms", percentile_ms(&result, 0.50));
    print(phase, "p99_ms", percentile_ms(&result, 0.99));
    print(phase, "max_ms", percentile_ms(&result, 1.0));
    print(phase, "generator_cpu_ms_each", (self_cpu_ms() - own_before) / count);
    tick(bench);
    if (bench->procs.count && alive && concurrency > 1)
        (void)load_rest(load, SETTLE_MS); /* what the server puts off belongs to it as well */
    if (bench->procs.count) {
        const struct procs_usage after = procs_usage(&bench->procs);

        print(phase, "server_cpu_ms_each", (after.cpu_ms - before.cpu_ms) / count);
        for (unsigned i = 0; i < bench->procs.count && bench->procs.count > 1; i++) {
            const struct procs_usage one = procs_usage_of(&bench->procs, i);
            char what[64];

            snprintf(what, sizeof what, "cpu_ms_each.%s", bench->procs.names[i]);
            print(phase, what, (one.cpu_ms - cpu_before[i]) / count);
        }
        if (after.written_bytes >= 0)
            print(phase, "written_kb_each",
                  (double)(after.written_bytes - before.written_bytes) / 1024 / count);
    }
    const bool good = alive && result.count == count;
    free(result.latency_ns);
    return good;
}

static bool run(struct bench *bench, struct links *links, uint64_t seed)
{
    const struct load_options options = {.links = links,
                                         .link_count = bench->connections,
                                         .namespace_name = bench->namespace_name,
                                         .pollers = bench->pollers,
                                         .payload_bytes = bench->payload,
                                         .seed = seed};
    struct load_result warm_up;

    if (bench->tree)
        procs_add_tree(&bench->procs, bench->tree);
    if (bench->growth)
        return growth_run(links, &bench->procs, bench->namespace_name, seed);
    struct load *load = load_new(&options);

    if (bench->procs.count)
        print("idle", "rss_mb", (double)procs_usage(&bench->procs).rss_bytes / (1 << 20));
    bool good = load_run(load, WARM_UP, 1, tick, bench, &warm_up) && warm_up.count == WARM_UP;
    free(warm_up.latency_ns);
    if (!good)
        fprintf(stderr, "bench: the first workflows did not complete\n");
    if (good && bench->alone)
        good = run_phase(bench, load, "alone", bench->alone, 1);
    bench->rss_peak = 0;
    if (good && bench->count)
        good = run_phase(bench, load, "load", bench->count, bench->concurrency);
    if (bench->procs.count)
        print("load", "rss_peak_mb", (double)bench->rss_peak / (1 << 20));
    load_free(load);
    return good;
}

static bool number(const char *text, uint32_t min, uint32_t max, uint32_t *out)
{
    char *end;
    const unsigned long value = strtoul(text, &end, 10);

    if (end == text || *end || value < min || value > max) {
        fprintf(stderr, "bench: \"%s\" is not a number from %u to %u\n", text, min, max);
        return false;
    }
    *out = (uint32_t)value;
    return true;
}

static bool set_option(struct bench *bench, int option, const char *value)
{
    uint32_t tree;

    switch (option) {
    case 'a':
        bench->address = value;
        return true;
    case 'N':
        bench->namespace_name = value;
        return true;
    case 'n':
        return number(value, 0, 100000000, &bench->count);
    case 'c':
        return number(value, 1, 100000, &bench->concurrency);
    case 'A':
        return number(value, 0, 1000000, &bench->alone);
    case 'P':
        return number(value, 1, 10000, &bench->pollers);
    case 'k':
        return number(value, 2, 1000, &bench->connections);
    case 'b':
        return number(value, 0, 1000000, &bench->payload);
    case 'g':
        bench->growth = true;
        return true;
    case 'p':
        return procs_parse(&bench->procs, value);
    case 't':
        if (!number(value, 1, 1 << 30, &tree))
            return false;
        bench->tree = (int)tree;
        return true;
    default:
        return false;
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"address", required_argument, NULL, 'a'},
                                            {"namespace", required_argument, NULL, 'N'},
                                            {"count", required_argument, NULL, 'n'},
                                            {"concurrency", required_argument, NULL, 'c'},
                                            {"alone", required_argument, NULL, 'A'},
                                            {"pollers", required_argument, NULL, 'P'},
                                            {"connections", required_argument, NULL, 'k'},
                                            {"payload", required_argument, NULL, 'b'},
                                            {"growth", no_argument, NULL, 'g'},
                                            {"pids", required_argument, NULL, 'p'},
                                            {"tree", required_argument, NULL, 't'},
                                            {NULL, 0, NULL, 0}};
    static struct bench bench = {.address = "127.0.0.1:7233",
                                 .namespace_name = "default",
                                 .count = 2000,
                                 .concurrency = 64,
                                 .alone = 100,
                                 .pollers = 16,
                                 .connections = 4,
                                 .payload = 100};
    const char *problem = "";
    struct rng rng;

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
        if (!set_option(&bench, option, optarg))
            return 2;
    struct links *links = links_open(bench.address, bench.connections, &problem);
    if (!links) {
        fprintf(stderr, "bench: %s: %s\n", bench.address, problem);
        return 1;
    }
    rng_seed_from_kernel(&rng);
    const bool good = run(&bench, links, rng_u64(&rng));
    links_close(links);
    return good ? 0 : 1;
}
