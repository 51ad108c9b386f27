/* main.c - gnomon-check: opens the history shards of a stopped cluster and checks every run.
 *
 * usage: gnomon-check DATA_DIR. Exit code 0: sound, 1: problems (listed), 2: could not check. */
#include "admin/check/check.h"

#include "common/cluster/cluster.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void ignore_durable(void *arg, int64_t seq)
{
    UNUSED(arg);
    UNUSED(seq);
}

static void ignore_lost(void *arg, enum err err)
{
    UNUSED(arg);
    UNUSED(err);
}

static enum err check_one(struct store *store, uint32_t shard_id, struct check_report *report,
                          struct err_detail *detail)
{
    static const struct store_shard_callbacks callbacks = {.durable = ignore_durable,
                                                           .lost = ignore_lost};
    struct store_shard *shard;
    enum err err = store_shard_open(store, shard_id, NULL, &callbacks, &shard, detail);

    if (err != ERR_OK)
        return err;
    err = check_history_shard(shard, shard_id, report);
    if (err != ERR_OK)
        (void)err_fail(detail, err, "shard %u cannot be read: %s", shard_id, err_text(err));
    store_shard_close(shard, false);
    return err;
}

static bool shard_exists(const char *dir, uint32_t shard_id)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/history-%u.log.db", dir, shard_id);
    return access(path, F_OK) == 0;
}

static bool namespace_exists(void *arg, struct slice id)
{
    const struct namespace_info *ns;
    const enum err err = cluster_namespace_by_id(arg, id, &ns);

    if (err == ERR_OK)
        cluster_namespace_unref(ns);
    return err != ERR_NOT_FOUND;
}

/* The shards may have been brought alone. */
static enum err open_cluster(const char *dir, const struct log *log, struct cluster **out,
                             struct err_detail *detail)
{
    char path[4096];

    *out = NULL;
    snprintf(path, sizeof path, "%s/cluster.db", dir);
    return access(path, F_OK) == 0 ? cluster_open(dir, &clock_real, log, out, detail) : ERR_OK;
}

int main(int argc, char **argv)
{
    const struct log log = {.level = LOG_WARN, .fd = STDERR_FILENO, .service = "check"};
    struct check_report report;
    struct err_detail detail = {0};
    struct store *store;
    struct cluster *cluster;

    if (argc != 2 || !shard_exists(argv[1], 0)) {
        fprintf(stderr, "usage: gnomon-check DATA_DIR (of a stopped cluster)\n");
        return 2;
    }
    struct metrics *metrics = metrics_new();
    const struct store_options options = {.backend = "sqlite",
                                          .dir = argv[1],
                                          .service = "history",
                                          .clock = &clock_real,
                                          .log = &log,
                                          .metrics = metrics,
                                          .commit_threads = 1,
                                          .manual = true};
    enum err err = store_open(&options, &store, &detail);
    check_report_init(&report);
    if (err == ERR_OK && (err = open_cluster(argv[1], &log, &cluster, &detail)) != ERR_OK)
        store_close(store);
    if (err == ERR_OK) {
        if (cluster) {
            report.namespace_exists = namespace_exists;
            report.arg = cluster;
        }
        for (uint32_t i = 0; i < 256 && err == ERR_OK && shard_exists(argv[1], i); i++)
            err = check_one(store, i, &report, &detail);
        store_close(store);
        cluster_close(cluster);
    }
    if (report.text.len)
        fwrite(report.text.ptr, 1, report.text.len, stdout);
    if (err != ERR_OK)
        fprintf(stderr, "gnomon-check: %s\n", detail.text[0] ? detail.text : err_text(err));
    printf("checked %llu runs (%llu open), %llu events: %llu problems\n",
           (unsigned long long)report.runs, (unsigned long long)report.open_runs,
           (unsigned long long)report.events, (unsigned long long)report.problems);
    const bool sound = report.problems == 0;
    check_report_release(&report);
    metrics_free(metrics);
    return err != ERR_OK ? 2 : sound ? 0 : 1;
}
