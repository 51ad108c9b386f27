/* tool.c - settings, the cluster store, and the rows of shards; see tool.h. */
#include "admin/tool/tool.h"

#include "common/store/backup.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FLUSH_TIMEOUT_MS = 60000 };

int tool_refuse(const char *format, ...)
{
    va_list args;

    fprintf(stderr, "gnomon-admin: ");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return TOOL_FAILED;
}

int tool_settings(struct tool *tool, const char *config_path, const char *data_dir)
{
    struct buf problems;
    int code = -1;

    *tool = (struct tool){.log = {.level = LOG_ERROR, .fd = STDERR_FILENO, .service = "admin"}};
    buf_init(&problems, 0);
    if (config_load(&tool->config, config_path, &problems) != ERR_OK) {
        fwrite(problems.ptr, 1, problems.len, stderr);
        code = TOOL_FAILED;
    } else if (data_dir) {
        const int len =
            snprintf(tool->config.data_dir, sizeof tool->config.data_dir, "%s", data_dir);

        if (len < 0 || (size_t)len >= sizeof tool->config.data_dir)
            code = tool_refuse("%s: too long", data_dir);
    }
    buf_release(&problems);
    return code;
}

static int open_cluster(struct tool *tool)
{
    struct err_detail detail = {0};
    char path[4096];
    int64_t shards = 0;

    snprintf(path, sizeof path, "%s/cluster.db", tool->config.data_dir);
    if (access(path, F_OK) != 0)
        return tool_refuse("%s is no cluster's data: %s: %s", tool->config.data_dir, path,
                           strerror(errno));
    if (cluster_open(tool->config.data_dir, &clock_real, &tool->log, &tool->cluster, &detail) !=
        ERR_OK)
        return tool_refuse("%s", detail.text);
    if (cluster_pin(tool->cluster, "history.shards", tool->config.history_shards, &shards) !=
            ERR_OK ||
        shards < 1 || shards > 256)
        return tool_refuse("the number of shards can't be read from %s", path);
    tool->shard_count = (uint32_t)shards;
    return -1;
}

int tool_open(struct tool *tool)
{
    struct err_detail detail = {0};
    const int code = open_cluster(tool);

    if (code >= 0)
        return code;
    if (service_run_dir(&tool->config, tool->run_dir, &detail) != ERR_OK)
        return tool_refuse("%s", detail.text);
    tool->metrics = metrics_new();
    if (access(tool->run_dir, F_OK) == 0)
        tool->link = tool_link_open(tool);
    return -1;
}

void tool_close(struct tool *tool)
{
    if (tool->link)
        tool_link_close(tool->link);
    if (tool->cluster)
        cluster_close(tool->cluster);
    if (tool->metrics)
        metrics_free(tool->metrics);
}

/* -- rows ----------------------------------------------------------------------------------- */

struct store_options tool_store_options(const struct tool *tool, const char *dir)
{
    return (struct store_options){.backend = tool->config.store,
                                  .dir = dir,
                                  .service = "history",
                                  .clock = &clock_real,
                                  .log = &tool->log,
                                  .metrics = tool->metrics,
                                  .commit_threads = 1,
                                  .manual = true};
}

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

enum err tool_shard_open(struct tool *tool, uint32_t shard, struct tool_shard *out,
                         struct err_detail *detail)
{
    static const struct store_shard_callbacks callbacks = {.durable = ignore_durable,
                                                           .lost = ignore_lost};
    const struct store_options options = tool_store_options(tool, tool->config.data_dir);

    *out = (struct tool_shard){0};
    enum err err = store_open(&options, &out->store, detail);
    if (err != ERR_OK)
        return err;
    err = store_shard_open(out->store, shard, NULL, &callbacks, &out->shard, detail);
    if (err != ERR_OK) {
        store_close(out->store);
        *out = (struct tool_shard){0};
    }
    return err;
}

void tool_shard_close(struct tool_shard *shard, bool flush)
{
    store_shard_close(shard->shard, flush);
    store_close(shard->store);
}

enum err tool_read(struct tool *tool, uint32_t shard,
                   enum err (*read)(struct store_snapshot *, void *), void *arg,
                   struct err_detail *detail)
{
    const struct store_options options = tool_store_options(tool, tool->config.data_dir);
    struct tool_call call = {.shard = shard};
    struct tool_shard opened;
    struct arena arena;

    if (tool->link) {
        arena_init(&arena);
        tool_ask(tool, METHOD_HISTORY_FLUSH, &call, 1, TOOL_AGAIN, FLUSH_TIMEOUT_MS, &arena);
        arena_release(&arena);
        if (call.err != ERR_OK)
            return err_fail(detail, call.err, "shard %u: its owner cannot flush it: %s", shard,
                            tool_call_problem(&call));
        return store_tables_read(&options, shard, read, arg, NULL, detail);
    }
    enum err err = tool_shard_open(tool, shard, &opened, detail);
    if (err != ERR_OK)
        return err;
    err = store_read_now(opened.shard, read, arg);
    if (err != ERR_OK && detail->text[0] == '\0')
        (void)err_fail(detail, err, "shard %u cannot be read: %s", shard, err_text(err));
    tool_shard_close(&opened, false);
    return err;
}

int tool_namespace(struct tool *tool, const char *name, char id[UUID_TEXT_LEN + 1])
{
    const struct namespace_info *ns;
    const enum err err = cluster_namespace_by_name(tool->cluster, slice_str(name), &ns);

    if (err != ERR_OK)
        return tool_refuse("namespace %s: %s", name, err_text(err));
    memcpy(id, ns->id, UUID_TEXT_LEN + 1);
    cluster_namespace_unref(ns);
    return -1;
}
