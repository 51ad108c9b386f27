/* run_json.c - see run_json.h. */
#include "admin/tool/run_json.h"

#include "history/engine/activity.h"
#include "history/engine/callback.h"
#include "history/engine/child.h"
#include "history/engine/rows.h"
#include "history/engine/timer.h"
#include "history/engine/update_item.h"

#include <stdio.h>

/* -- values --------------------------------------------------------------------------------- */

static bool is_text(struct slice bytes)
{
    size_t i = 0;

    while (i < bytes.len) {
        const uint8_t c = bytes.ptr[i];
        const size_t more = c < 0x80             ? 0
                            : (c & 0xe0) == 0xc0 ? 1
                            : (c & 0xf0) == 0xe0 ? 2
                            : (c & 0xf8) == 0xf0 ? 3
                                                 : 9;

        if (c < ' ' || c == 0x7f || more == 9 || more >= bytes.len - i)
            return false;
        for (size_t k = 1; k <= more; k++)
            if ((bytes.ptr[i + k] & 0xc0) != 0x80)
                return false;
        i += more + 1;
    }
    return true;
}

static void put_base64(struct buf *out, struct slice bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < bytes.len; i += 3) {
        const size_t left = bytes.len - i;
        const uint32_t a = bytes.ptr[i], b = left > 1 ? bytes.ptr[i + 1] : 0,
                       c = left > 2 ? bytes.ptr[i + 2] : 0, all = a << 16 | b << 8 | c;
        const char four[4] = {digits[all >> 18], digits[all >> 12 & 63],
                              left > 1 ? digits[all >> 6 & 63] : '=',
                              left > 2 ? digits[all & 63] : '='};

        buf_append(out, four, sizeof four);
    }
}

void run_json_bytes(struct json_writer *w, struct slice bytes)
{
    if (is_text(bytes)) {
        json_string(w, bytes);
        return;
    }
    json_open(w, '{');
    json_name(w, SLICE_LIT("base64"));
    json_value(w);
    buf_append(w->out, "\"", 1);
    put_base64(w->out, bytes);
    buf_append(w->out, "\"", 1);
    json_close(w, '}');
}

void run_json_i64(struct json_writer *w, int64_t value)
{
    json_value(w);
    buf_printf(w->out, "%lld", (long long)value);
}

static void json_u64(struct json_writer *w, uint64_t value)
{
    json_value(w);
    buf_printf(w->out, "%llu", (unsigned long long)value);
}

static void json_bool(struct json_writer *w, bool value)
{
    json_raw(w, value ? "true" : "false");
}

static void json_ring(struct json_writer *w, const uint64_t ids[COMPLETED_RING])
{
    json_open(w, '[');
    for (size_t i = 0; i < COMPLETED_RING; i++)
        json_u64(w, ids[i]);
    json_close(w, ']');
}

/* -- fields --------------------------------------------------------------------------------- */

#define NAME(member) json_name(w, SLICE_LIT(#member))
#define SHOW_NONE(member) (void)0
#define SHOW_I64(member) NAME(member), run_json_i64(w, run->member)
#define SHOW_I32 SHOW_I64
#define SHOW_U64(member) NAME(member), json_u64(w, run->member)
#define SHOW_U32 SHOW_U64
#define SHOW_BOOL(member) NAME(member), json_bool(w, run->member)
#define SHOW_STATE(member) NAME(member), run_json_i64(w, (int64_t)run->member)
#define SHOW_KIND SHOW_STATE
#define SHOW_SLICE(member) NAME(member), run_json_bytes(w, run->member)
#define SHOW_BYTES(member) NAME(member), run_json_bytes(w, bytes_slice(run->member))
#define SHOW_POINTS SHOW_BYTES
#define SHOW_TEXT(member) NAME(member), run_json_bytes(w, slice_str(run->member))
#define SHOW_STR SHOW_TEXT
#define SHOW_RING(member) NAME(member), json_ring(w, run->member)

void run_json_fields(struct json_writer *w, const struct run *run)
{
    json_open(w, '{');
#define RUN_FIELD(sort, form, key, member) SHOW_##form(member);
#include "history/engine/run_fields.def"
#undef RUN_FIELD
    json_close(w, '}');
}

/* -- items ---------------------------------------------------------------------------------- */

#define ITEM_I64(item, member)                                                                     \
    json_name(w, SLICE_LIT(#member)), run_json_i64(w, (int64_t)(item)->member)
#define ITEM_U64(item, member) json_name(w, SLICE_LIT(#member)), json_u64(w, (item)->member)
#define ITEM_BOOL(item, member) json_name(w, SLICE_LIT(#member)), json_bool(w, (item)->member)
#define ITEM_BYTES(item, member)                                                                   \
    json_name(w, SLICE_LIT(#member)), run_json_bytes(w, bytes_slice((item)->member))

static void show_activity(struct json_writer *w, const struct activity *a)
{
    ITEM_I64(a, scheduled_event_id);
    ITEM_BYTES(a, activity_id);
    ITEM_BYTES(a, activity_type);
    ITEM_BYTES(a, task_queue);
    ITEM_I64(a, schedule_to_close_ns);
    ITEM_I64(a, schedule_to_start_ns);
    ITEM_I64(a, start_to_close_ns);
    ITEM_I64(a, heartbeat_ns);
    ITEM_BOOL(a, has_retry);
    ITEM_BYTES(a, retry_policy);
    ITEM_BYTES(a, priority);
    ITEM_I64(a, first_scheduled_ns);
    ITEM_I64(a, retry_expires_ns);
    ITEM_I64(a, cancel_requested_event_id);
    ITEM_I64(a, state);
    ITEM_I64(a, attempt);
    ITEM_I64(a, scheduled_ns);
    ITEM_I64(a, started_ns);
    ITEM_I64(a, last_heartbeat_ns);
    ITEM_I64(a, last_attempt_complete_ns);
    ITEM_U64(a, row_seq);
    ITEM_U64(a, start_id);
    ITEM_U64(a, poll_id);
    ITEM_BYTES(a, identity);
    ITEM_BYTES(a, last_identity);
    ITEM_BYTES(a, heartbeat_details);
    ITEM_BYTES(a, last_failure);
    ITEM_BYTES(a, original_options);
    ITEM_I64(a, paused_ns);
    ITEM_BYTES(a, pause_identity);
    ITEM_BYTES(a, pause_reason);
    ITEM_BOOL(a, held);
    ITEM_BOOL(a, reset);
    ITEM_BOOL(a, reset_heartbeat);
    json_name(w, SLICE_LIT("input_bytes"));
    json_u64(w, a->input.len);
}

static void show_child(struct json_writer *w, const struct child *c)
{
    ITEM_I64(c, initiated_event_id);
    ITEM_BYTES(c, namespace_id);
    ITEM_BYTES(c, workflow_id);
    ITEM_BYTES(c, workflow_type);
    ITEM_I64(c, parent_close_policy);
    ITEM_BOOL(c, started);
    ITEM_I64(c, started_event_id);
    ITEM_BYTES(c, run_id);
    ITEM_U64(c, row_seq);
}

static void show_update(struct json_writer *w, const struct update *u)
{
    ITEM_BYTES(u, id);
    ITEM_I64(u, state);
    ITEM_I64(u, admitted_event_id);
    ITEM_I64(u, accepted_event_id);
    ITEM_I64(u, completed_event_id);
    ITEM_BYTES(u, request_id);
    ITEM_BOOL(u, rejected);
}

static void show_callback(struct json_writer *w, const struct callback *c)
{
    ITEM_BYTES(c, id);
    ITEM_BYTES(c, update_id);
    ITEM_BYTES(c, request_id);
    ITEM_BYTES(c, spec);
    ITEM_I64(c, registered_ns);
    ITEM_I64(c, state);
    ITEM_I64(c, attempt);
    ITEM_I64(c, last_attempt_ns);
    ITEM_I64(c, next_attempt_ns);
    ITEM_BYTES(c, last_failure);
    ITEM_U64(c, row_seq);
}

static void show_timer(struct json_writer *w, const struct timer *t)
{
    ITEM_BYTES(t, timer_id);
    ITEM_I64(t, started_event_id);
    ITEM_I64(t, fire_ns);
}

static void show_external(struct json_writer *w, const struct external *e)
{
    ITEM_I64(e, initiated_event_id);
    ITEM_I64(e, kind);
    ITEM_U64(e, row_seq);
}

static void show_signal(struct json_writer *w, const struct signal_request *s)
{
    json_name(w, SLICE_LIT("id"));
    run_json_bytes(w, s->id);
    ITEM_I64(s, at_ns);
}

static void show_attached(struct json_writer *w, const struct attached_request *r)
{
    ITEM_BYTES(r, id);
    ITEM_I64(r, event_id);
}

#define SHOW_ITEMS(items, type, show)                                                              \
    do {                                                                                           \
        json_name(w, SLICE_LIT(#items));                                                           \
        json_open(w, '[');                                                                         \
        for (struct map_node *node = map_next(&run->items, NULL); node;                            \
             node = map_next(&run->items, node)) {                                                 \
            json_open(w, '{');                                                                     \
            show(w, CONTAINER_OF(node, struct type, node));                                        \
            json_close(w, '}');                                                                    \
        }                                                                                          \
        json_close(w, ']');                                                                        \
    } while (0)

void run_json_members(struct json_writer *w, const struct run *run)
{
    json_name(w, SLICE_LIT("fields"));
    run_json_fields(w, run);
    SHOW_ITEMS(activities, activity, show_activity);
    SHOW_ITEMS(timers, timer, show_timer);
    SHOW_ITEMS(children, child, show_child);
    SHOW_ITEMS(externals, external, show_external);
    SHOW_ITEMS(updates, update, show_update);
    SHOW_ITEMS(callbacks, callback, show_callback);
    SHOW_ITEMS(attached_requests, attached_request, show_attached);
    SHOW_ITEMS(signal_request_ids, signal_request, show_signal);
}

#define SHOW_ITEM(type)                                                                            \
    do {                                                                                           \
        struct type *item;                                                                         \
                                                                                                   \
        if (type##_decode(&scratch, value, &item) == ERR_OK) {                                     \
            json_open(w, '{');                                                                     \
            show_##type(w, item);                                                                  \
            json_close(w, '}');                                                                    \
            type##_free(item);                                                                     \
            shown = true;                                                                          \
        }                                                                                          \
    } while (0)

bool run_json_item(struct json_writer *w, uint8_t kind, struct slice value)
{
    struct arena scratch;
    bool shown = false;

    arena_init(&scratch);
    if (kind == ITEM_ACTIVITY)
        SHOW_ITEM(activity);
    else if (kind == ITEM_TIMER)
        SHOW_ITEM(timer);
    else if (kind == ITEM_CHILD)
        SHOW_ITEM(child);
    else if (kind == ITEM_EXTERNAL)
        SHOW_ITEM(external);
    else if (kind == ITEM_UPDATE)
        SHOW_ITEM(update);
    arena_release(&scratch);
    return shown;
}
