/* tasks.c - the command task list: the task rows of a queue, over all shards. */
#include "admin/tool/tool.h"

#include "common/proto/json.h"
#include "history/engine/rows.h"

#include <stdio.h>

struct listing {
    const struct tool *tool;
    const struct tool_args *args;
    const char *namespace_id;
    uint32_t shard;
    enum rpc_task_kind kind;
    struct buf out;
    uint64_t count;
};

static void add_name(struct json_writer *w, const char *name, struct slice text)
{
    json_name(w, slice_str(name));
    json_string(w, text);
}

static void add_number(struct json_writer *w, const char *name, int64_t value)
{
    json_name(w, slice_str(name));
    json_value(w);
    buf_printf(w->out, "%lld", (long long)value);
}

static bool show_task(void *arg, struct slice key, struct slice value)
{
    struct listing *list = arg;
    struct json_writer w = {.out = &list->out};
    struct rpc_task task;
    struct arena arena;

    UNUSED(key);
    arena_init(&arena);
    if (row_task_decode(&arena, value, &task) != ERR_OK) {
        buf_printf(&list->out, "{\"error\":\"a task row can't be read\"}\n");
    } else {
        list->count++;
        json_open(&w, '{');
        add_number(&w, "shard", list->shard);
        add_name(&w, "kind",
                 task.kind == TASK_WORKFLOW ? SLICE_LIT("workflow") : SLICE_LIT("activity"));
        add_name(&w, "workflow_id", task.workflow_id);
        add_name(&w, "run_id", task.run_id);
        add_number(&w, "scheduled_event_id", task.scheduled_event_id);
        add_number(&w, "attempt", task.attempt);
        add_number(&w, "priority", task.priority);
        add_number(&w, "sticky", task.sticky);
        add_number(&w, "created_wall_ns", task.created_wall_ns);
        add_number(&w, "row_seq", (int64_t)task.row_seq);
        json_close(&w, '}');
        buf_append(&list->out, "\n", 1);
    }
    arena_release(&arena);
    return buf_ok(&list->out);
}

static enum err list_kind(struct store_snapshot *snapshot, struct listing *list, uint32_t tablet)
{
    struct row_key from, to;

    row_key_queue(&from, (uint8_t)tablet, slice_str(list->namespace_id),
                  slice_str(list->args->words[0]), list->kind);
    to = from;
    while (to.len > 0 && to.bytes[to.len - 1] == 0xff)
        to.len--;
    if (to.len > 0)
        to.bytes[to.len - 1]++;
    return store_scan(snapshot, STORE_MAIN, row_key_slice(&from), row_key_slice(&to), false,
                      show_task, list);
}

static enum err list_shard(struct store_snapshot *snapshot, void *arg)
{
    struct listing *list = arg;
    const uint32_t tablets = 256 / list->tool->shard_count, first = list->shard * tablets;
    enum err err = ERR_OK;

    for (uint32_t tablet = first; tablet < first + tablets && err == ERR_OK; tablet++)
        err = list_kind(snapshot, list, tablet);
    return err;
}

static int list_all(struct tool *tool, struct listing *list)
{
    for (uint32_t i = 0; i < tool->shard_count; i++) {
        struct err_detail detail = {0};

        list->shard = i;
        buf_init(&list->out, 0);
        const enum err err = tool_read(tool, i, list_shard, list, &detail);
        const bool whole = buf_ok(&list->out);
        if (err == ERR_OK && list->out.len)
            fwrite(list->out.ptr, 1, list->out.len, stdout);
        buf_release(&list->out);
        if (err != ERR_OK)
            return tool_refuse("%s", detail.text[0] ? detail.text : err_text(err));
        if (!whole)
            return tool_refuse("shard %u has too many tasks to be listed", i);
    }
    return -1;
}

int tool_task_list(struct tool *tool, const struct tool_args *args)
{
    const bool workflow = !args->kind || strcmp(args->kind, "workflow") == 0;
    const bool activity = !args->kind || strcmp(args->kind, "activity") == 0;
    char id[UUID_TEXT_LEN + 1];
    struct listing list = {.tool = tool, .args = args, .namespace_id = id};

    if (!workflow && !activity)
        return tool_refuse("--kind is workflow or activity");
    int code = tool_namespace(tool, args->namespace_name, id);
    list.kind = TASK_WORKFLOW;
    if (code < 0 && workflow)
        code = list_all(tool, &list);
    list.kind = TASK_ACTIVITY;
    if (code < 0 && activity)
        code = list_all(tool, &list);
    return code < 0 ? TOOL_OK : code;
}
