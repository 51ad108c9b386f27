/* sql_functions.c - see sql.h. Keys and values may be anything: what can't be read is NULL. */
#include "admin/tool/sql.h"

#include "admin/tool/kinds.h"
#include "admin/tool/run_json.h"
#include "api.h"
#include "common/proto/wire.h"
#include "history/engine/rows.h"
#include "history/engine/run_codec.h"

static struct slice blob(sqlite3_value *value)
{
    const void *bytes = sqlite3_value_blob(value); /* before its size, says SQLite */

    return slice_of(bytes, (size_t)sqlite3_value_bytes(value));
}

static void give(sqlite3_context *context, struct buf *out, bool whole)
{
    if (whole && buf_ok(out) && out->len > 0)
        sqlite3_result_text64(context, (const char *)out->ptr, out->len, SQLITE_TRANSIENT,
                              SQLITE_UTF8);
    else
        sqlite3_result_null(context);
    buf_release(out);
}

static void kind_of(sqlite3_context *context, int count, sqlite3_value **values)
{
    const struct slice key = blob(values[0]);

    UNUSED(count);
    for (size_t i = 0; i < tool_row_kind_count; i++)
        if (key.len > 1 && key.ptr[1] == (uint8_t)tool_row_kinds[i].kind)
            sqlite3_result_text(context, tool_row_kinds[i].name, -1, SQLITE_STATIC);
}

static void run_of(sqlite3_context *context, int count, sqlite3_value **values)
{
    const struct slice key = blob(values[0]);
    char text[UUID_TEXT_LEN + 1];
    size_t at = 0;

    UNUSED(count);
    if (key.len >= 18 && memchr("XPNBE", key.ptr[1], 5))
        at = 2;
    else if (key.len >= 26 && memchr("DR", key.ptr[1], 2))
        at = 10;
    if (at == 0)
        return;
    uuid_format(key.ptr + at, text);
    sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

static bool show_execution(struct json_writer *w, struct slice value)
{
    struct run *run = run_new();
    struct arena scratch;

    arena_init(&scratch);
    const bool readable = run_decode(&scratch, value, run) == ERR_OK;
    if (readable)
        run_json_fields(w, run);
    arena_release(&scratch);
    run_free(run);
    return readable;
}

static bool show_message(struct json_writer *w, const ProtobufCMessageDescriptor *desc,
                         struct slice bytes)
{
    static const struct json_style style = {.indent = false};
    struct err_detail detail = {0};
    struct arena arena;
    void *message;

    arena_init(&arena);
    const bool readable = proto_decode(&arena, desc, bytes, &message, &detail) == ERR_OK &&
                          json_write_message(w->out, message, &style, &detail) == ERR_OK;
    arena_release(&arena);
    return readable;
}

static void put(struct json_writer *w, const char *name, struct slice text)
{
    json_name(w, slice_str(name));
    run_json_bytes(w, text);
}

static void put_number(struct json_writer *w, const char *name, int64_t value)
{
    json_name(w, slice_str(name));
    run_json_i64(w, value);
}

static bool show_current(struct json_writer *w, struct slice value)
{
    struct current_run current;
    struct arena arena;

    arena_init(&arena);
    const bool readable = row_current_decode(&arena, value, &current) == ERR_OK;
    if (readable) {
        json_open(w, '{');
        put(w, "run_id", slice_str(current.run_id));
        put_number(w, "status", current.status);
        json_close(w, '}');
    }
    arena_release(&arena);
    return readable;
}

static bool show_task(struct json_writer *w, struct slice value)
{
    struct rpc_task task;
    struct arena arena;

    arena_init(&arena);
    const bool readable = row_task_decode(&arena, value, &task) == ERR_OK;
    if (readable) {
        json_open(w, '{');
        put(w, "kind", slice_str(task.kind == TASK_WORKFLOW ? "workflow" : "activity"));
        put(w, "task_queue", task.task_queue);
        put(w, "workflow_id", task.workflow_id);
        put(w, "run_id", task.run_id);
        put_number(w, "scheduled_event_id", task.scheduled_event_id);
        put_number(w, "attempt", task.attempt);
        put_number(w, "priority", task.priority);
        put_number(w, "created_wall_ns", task.created_wall_ns);
        json_close(w, '}');
    }
    arena_release(&arena);
    return readable;
}

static void json_of(sqlite3_context *context, int count, sqlite3_value **values)
{
    const struct slice key = blob(values[0]), value = blob(values[1]);
    struct buf out;
    struct json_writer w = {.out = &out};
    bool whole = false;

    UNUSED(count);
    buf_init(&out, 0);
    switch (key.len >= 18 ? key.ptr[1] : 0) {
    case 'X':
        whole = show_execution(&w, value);
        break;
    case 'P':
        whole = key.len > 18 && run_json_item(&w, key.ptr[18], value);
        break;
    case 'N':
        whole = show_message(&w, &api_history__desc, value);
        break;
    case 'C':
        whole = show_current(&w, value);
        break;
    case 'T':
        whole = show_task(&w, value);
        break;
    default:
        break;
    }
    give(context, &out, whole);
}

static void visible(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct slice info;
    struct arena arena;
    struct buf out;
    struct json_writer w = {.out = &out};

    UNUSED(count);
    arena_init(&arena);
    buf_init(&out, 0);
    const bool whole = row_visibility_decode(&arena, blob(values[0]), &info) == ERR_OK &&
                       show_message(&w, &api_workflow_execution_info__desc, info);
    give(context, &out, whole);
    arena_release(&arena);
}

int sql_functions_add(sqlite3 *db)
{
    static const struct {
        const char *name;
        int count;
        void (*function)(sqlite3_context *, int, sqlite3_value **);
    } functions[] = {{"gnomon_json", 2, json_of},
                     {"gnomon_visible", 1, visible},
                     {"gnomon_kind", 1, kind_of},
                     {"gnomon_run", 1, run_of}};
    int code = SQLITE_OK;

    for (size_t i = 0; i < COUNT_OF(functions) && code == SQLITE_OK; i++)
        code = sqlite3_create_function_v2(db, functions[i].name, functions[i].count,
                                          SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL,
                                          functions[i].function, NULL, NULL, NULL);
    return code;
}
