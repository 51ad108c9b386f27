/* shard.c - the commands shard list and shard describe. */
#include "admin/tool/kinds.h"
#include "admin/tool/tool.h"

#include "common/rpc/numbers.h"
#include "common/store/backup.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { ASK_TIMEOUT_MS = 10000 };

static int64_t file_bytes(const struct tool *tool, uint32_t shard, const char *kind)
{
    char path[4096];
    struct stat info;

    snprintf(path, sizeof path, "%s/history-%u.%s", tool->config.data_dir, shard, kind);
    return stat(path, &info) == 0 ? (int64_t)info.st_size : 0;
}

static int64_t log_bytes(const struct tool *tool, uint32_t shard)
{
    return file_bytes(tool, shard, "log.db") + file_bytes(tool, shard, "log.db-wal");
}

static int64_t table_bytes(const struct tool *tool, uint32_t shard)
{
    return file_bytes(tool, shard, "tables.db") + file_bytes(tool, shard, "tables.db-wal");
}

int tool_shard_list(struct tool *tool, const struct tool_args *args)
{
    struct tool_call calls[256] = {{0}};
    struct arena arena;
    int code = TOOL_OK;

    UNUSED(args);
    arena_init(&arena);
    for (uint32_t i = 0; i < tool->shard_count; i++)
        calls[i].shard = i;
    if (tool->link)
        tool_ask(tool, METHOD_HISTORY_DESCRIBE_SHARD, calls, tool->shard_count, TOOL_AGAIN,
                 ASK_TIMEOUT_MS, &arena);
    printf("shard  owner             lease  sequence  log bytes  table bytes\n");
    for (uint32_t i = 0; i < tool->shard_count; i++) {
        struct rpc_number *numbers = NULL;
        uint32_t count = 0;

        if (tool->link && (calls[i].err != ERR_OK ||
                           rpc_numbers_decode(&arena, calls[i].reply, &numbers, &count) != ERR_OK))
            code = tool_refuse("shard %u: %s", i, tool_call_problem(&calls[i]));
        if (numbers)
            printf("%5u  %016" PRIx64 "  %5lld  %8lld", i, calls[i].process,
                   (long long)rpc_number(numbers, count, "range_id", 0),
                   (long long)rpc_number(numbers, count, "durable_seq", 0));
        else
            printf("%5u  %-16s  %5s  %8s", i, "-", "-", "-");
        printf("  %9lld  %11lld\n", (long long)log_bytes(tool, i), (long long)table_bytes(tool, i));
    }
    arena_release(&arena);
    return code;
}

/* -- describe ------------------------------------------------------------------------------- */

struct row_counts {
    uint64_t of_kind[256], bytes_of_kind[256];
    uint64_t visible, visible_bytes;
};

static bool count_main(void *arg, struct slice key, struct slice value)
{
    struct row_counts *counts = arg;
    const uint8_t kind = key.len > 1 ? key.ptr[1] : 0;

    counts->of_kind[kind]++;
    counts->bytes_of_kind[kind] += key.len + value.len;
    return true;
}

static bool count_visible(void *arg, struct slice key, struct slice value)
{
    struct row_counts *counts = arg;

    counts->visible++;
    counts->visible_bytes += key.len + value.len;
    return true;
}

static enum err count_rows(struct store_snapshot *snapshot, void *arg)
{
    const enum err err =
        store_scan(snapshot, STORE_MAIN, SLICE_EMPTY, SLICE_EMPTY, false, count_main, arg);

    return err != ERR_OK ? err
                         : store_scan(snapshot, STORE_VISIBILITY, SLICE_EMPTY, SLICE_EMPTY, false,
                                      count_visible, arg);
}

static void show_count(const char *name, uint64_t count, uint64_t bytes)
{
    if (count)
        printf("rows %s: %" PRIu64 " (%" PRIu64 " bytes)\n", name, count, bytes);
}

static int show_rows(struct tool *tool, uint32_t shard)
{
    struct row_counts counts = {.visible = 0};
    struct err_detail detail = {0};
    const enum err err = tool_read(tool, shard, count_rows, &counts, &detail);

    if (err != ERR_OK)
        return tool_refuse("%s", detail.text[0] ? detail.text : err_text(err));
    for (size_t i = 0; i < tool_row_kind_count; i++) {
        const uint8_t kind = (uint8_t)tool_row_kinds[i].kind;

        show_count(tool_row_kinds[i].name, counts.of_kind[kind], counts.bytes_of_kind[kind]);
        counts.of_kind[kind] = 0;
    }
    for (unsigned kind = 0; kind < 256; kind++) {
        char name[16];

        snprintf(name, sizeof name, "kind %02x", kind);
        show_count(name, counts.of_kind[kind], counts.bytes_of_kind[kind]);
    }
    show_count("visibility", counts.visible, counts.visible_bytes);
    return TOOL_OK;
}

int tool_shard_describe(struct tool *tool, const struct tool_args *args)
{
    struct tool_call call = {0};
    struct rpc_number *numbers;
    struct arena arena;
    uint32_t count;
    char *end;

    const unsigned long shard = strtoul(args->words[0], &end, 10);
    if (end == args->words[0] || *end != '\0' || shard >= tool->shard_count)
        return tool_refuse("shards are 0 to %u", tool->shard_count - 1);
    call.shard = (uint32_t)shard;
    printf("shard: %u\nlog bytes: %lld\ntable bytes: %lld\n", call.shard,
           (long long)log_bytes(tool, call.shard), (long long)table_bytes(tool, call.shard));
    if (!tool->link) {
        printf("owner: none, the cluster is stopped\n");
        return show_rows(tool, call.shard);
    }
    arena_init(&arena);
    tool_ask(tool, METHOD_HISTORY_DESCRIBE_SHARD, &call, 1, TOOL_AGAIN, ASK_TIMEOUT_MS, &arena);
    if (call.err == ERR_OK)
        call.err = rpc_numbers_decode(&arena, call.reply, &numbers, &count);
    if (call.err == ERR_OK) {
        printf("owner: %016" PRIx64 "\n", call.process);
        for (uint32_t i = 0; i < count; i++)
            printf("%s: %lld\n", numbers[i].name, (long long)numbers[i].value);
    }
    const int code =
        call.err == ERR_OK ? -1 : tool_refuse("shard %u: %s", call.shard, tool_call_problem(&call));
    arena_release(&arena);
    return code >= 0 ? code : show_rows(tool, call.shard);
}
