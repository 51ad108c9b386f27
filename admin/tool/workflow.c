/* workflow.c - the commands that look at one run: describe and verify; and verify of all. */
#include "admin/check/check.h"
#include "admin/tool/run_json.h"
#include "admin/tool/tool.h"
#include "common/base/hash.h"
#include "common/rpc/rpc.h"
#include "history/engine/rows.h"

#include <stdio.h>

/* The run id as asked for, or that of the current run. */
static enum err find_run(struct store_snapshot *snapshot, void *arg)
{
    struct tool_run *run = arg;
    struct current_run current;
    struct row_key key;
    struct slice value;
    struct arena arena;
    bool found = true;
    enum err err = ERR_OK;

    arena_init(&arena);
    if (run->run_id[0] == '\0') {
        row_key_current(&key, run->tablet, EXECUTION_WORKFLOW, slice_str(run->namespace_id),
                        slice_str(run->args->words[0]));
        err = store_get(snapshot, STORE_MAIN, row_key_slice(&key), &arena, &value, &found);
        if (err == ERR_OK && !found)
            err = ERR_NOT_FOUND;
        if (err == ERR_OK)
            err = row_current_decode(&arena, value, &current);
        if (err == ERR_OK)
            memcpy(run->run_id, current.run_id, sizeof run->run_id);
    }
    if (err == ERR_OK)
        err = run->visit(snapshot, run);
    arena_release(&arena);
    return err;
}

int tool_with_run(struct tool_run *run)
{
    struct tool *tool = run->tool;
    const struct tool_args *args = run->args;
    struct err_detail detail = {0};
    uint8_t uuid[16];
    const int code = tool_namespace(tool, args->namespace_name, run->namespace_id);

    if (code >= 0)
        return code;
    if (args->run_id && !uuid_parse(slice_str(args->run_id), uuid))
        return tool_refuse("%s is no run id", args->run_id);
    if (args->run_id)
        uuid_format(uuid, run->run_id);
    const struct slice ns = slice_str(run->namespace_id), id = slice_str(args->words[0]);
    if (id.len == 0 || id.len > RPC_ID_BYTES_MAX)
        return tool_refuse("a workflow id has 1 to %d bytes", RPC_ID_BYTES_MAX);
    run->tablet = hash_tablet(ns, id);
    run->shard = rpc_history_shard(ns, id, tool->shard_count);
    const enum err err = tool_read(tool, run->shard, find_run, run, &detail);
    if (err == ERR_NOT_FOUND)
        return tool_refuse("workflow %s%s%s: not found in namespace %s", args->words[0],
                           args->run_id ? " run " : "", args->run_id ? args->run_id : "",
                           args->namespace_name);
    if (err != ERR_OK)
        return tool_refuse("%s", detail.text[0] ? detail.text : err_text(err));
    return -1;
}

/* -- describe ------------------------------------------------------------------------------- */

static enum err load_and_write(struct store_snapshot *snapshot, struct tool_run *named)
{
    struct run *run = NULL;
    const enum err err =
        run_load(snapshot, named->tablet, slice_str(named->namespace_id), named->run_id, &run);

    if (err != ERR_OK)
        return err;
    struct json_writer w = {.out = named->arg, .indent = true};
    json_open(&w, '{');
    json_name(&w, SLICE_LIT("shard"));
    json_value(&w);
    buf_printf(w.out, "%u", named->shard);
    run_json_members(&w, run);
    json_close(&w, '}');
    run_free(run);
    return ERR_OK;
}

int tool_workflow_describe(struct tool *tool, const struct tool_args *args)
{
    struct buf out;
    struct tool_run run = {.tool = tool, .args = args, .visit = load_and_write, .arg = &out};

    buf_init(&out, 0);
    int code = tool_with_run(&run);
    if (code < 0 && !buf_ok(&out))
        code = tool_refuse("the run is too large to be shown");
    if (code < 0) {
        fwrite(out.ptr, 1, out.len, stdout);
        putchar('\n');
        code = TOOL_OK;
    }
    buf_release(&out);
    return code;
}

/* -- verify --------------------------------------------------------------------------------- */

static enum err verify_run(struct store_snapshot *snapshot, struct tool_run *run)
{
    return check_history_run(snapshot, run->shard, run->tablet, run->run_id, run->arg);
}

static int tell(const struct check_report *report)
{
    if (report->text.len)
        fwrite(report->text.ptr, 1, report->text.len, stdout);
    printf("checked %llu runs (%llu open), %llu events, %llu deletions under way: %llu problems\n",
           (unsigned long long)report->runs, (unsigned long long)report->open_runs,
           (unsigned long long)report->events, (unsigned long long)report->leaving,
           (unsigned long long)report->problems);
    return report->problems ? TOOL_PROBLEMS : TOOL_OK;
}

static bool namespace_exists(void *arg, struct slice id)
{
    const struct namespace_info *ns;
    const enum err err = cluster_namespace_by_id(arg, id, &ns);

    if (err == ERR_OK)
        cluster_namespace_unref(ns);
    return err != ERR_NOT_FOUND;
}

static void begin(const struct tool *tool, struct check_report *report)
{
    check_report_init(report);
    report->namespace_exists = namespace_exists;
    report->arg = tool->cluster;
}

int tool_workflow_verify(struct tool *tool, const struct tool_args *args)
{
    struct check_report report;
    struct tool_run run = {.tool = tool, .args = args, .visit = verify_run, .arg = &report};

    begin(tool, &report);
    int code = tool_with_run(&run);
    if (code < 0)
        code = tell(&report);
    check_report_release(&report);
    return code;
}

struct shard_verify {
    uint32_t shard;
    struct check_report *report;
};

static enum err verify_shard(struct store_snapshot *snapshot, void *arg)
{
    const struct shard_verify *verify = arg;

    return check_history_snapshot(snapshot, verify->shard, verify->report);
}

int tool_verify(struct tool *tool, const struct tool_args *args)
{
    struct check_report report;
    int code = -1;

    UNUSED(args);
    begin(tool, &report);
    for (uint32_t i = 0; i < tool->shard_count && code < 0; i++) {
        struct shard_verify verify = {i, &report};
        struct err_detail detail = {0};
        const enum err err = tool_read(tool, i, verify_shard, &verify, &detail);

        if (err != ERR_OK)
            code = tool_refuse("%s", detail.text[0] ? detail.text : err_text(err));
    }
    if (code < 0)
        code = tell(&report);
    check_report_release(&report);
    return code;
}
