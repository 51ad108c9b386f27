/* run_compare.c - two runs side by side: a run and its rebuild, or a run and its stored form. */
#include "history/engine/activity_int.h"
#include "history/engine/callback.h"
#include "history/engine/child.h"
#include "history/engine/reset_points.h"
#include "history/engine/run_codec.h"
#include "history/engine/timer.h"
#include "history/engine/update_item.h"

enum sort { DERIVED, WFT, DURABLE, OTHER };

struct comparing {
    const struct run *a, *b;
    enum run_fields which;
    struct buf *out;
    bool same;
};

static bool looks_at(const struct comparing *c, enum sort sort)
{
    if (c->which == RUN_FIELDS_ALL)
        return true;
    return sort == DERIVED || (sort == WFT && c->a->wft.attempt == 1 && c->b->wft.attempt == 1);
}

static void differ_i64(struct comparing *c, enum sort sort, const char *name, int64_t a, int64_t b)
{
    if (a == b || !looks_at(c, sort))
        return;
    c->same = false;
    buf_printf(c->out, "%s: %lld, %lld\n", name, (long long)a, (long long)b);
}

static void differ_bytes(struct comparing *c, enum sort sort, const char *name, struct slice a,
                         struct slice b)
{
    if (slice_eq(a, b) || !looks_at(c, sort))
        return;
    c->same = false;
    buf_printf(c->out, "%s: %zu bytes \"" SLICE_FMT "\", %zu bytes \"" SLICE_FMT "\"\n", name,
               a.len, SLICE_ARG(a), b.len, SLICE_ARG(b));
}

static void differ_points(struct comparing *c, enum sort sort, const char *name, struct slice a,
                          struct slice b)
{
    if (c->which == RUN_FIELDS_ALL || !run_same_reset_points(a, b))
        differ_bytes(c, sort, name, a, b);
}

#define CMP_NONE(sort, member) (void)0
#define CMP_I64(sort, member) differ_i64(c, sort, #member, c->a->member, c->b->member)
#define CMP_I32 CMP_I64
#define CMP_U32 CMP_I64
#define CMP_BOOL CMP_I64
#define CMP_STATE CMP_I64
#define CMP_KIND CMP_I64
#define CMP_U64(sort, member)                                                                      \
    differ_i64(c, sort, #member, (int64_t)c->a->member, (int64_t)c->b->member)
#define CMP_SLICE(sort, member) differ_bytes(c, sort, #member, c->a->member, c->b->member)
#define CMP_BYTES(sort, member)                                                                    \
    differ_bytes(c, sort, #member, bytes_slice(c->a->member), bytes_slice(c->b->member))
#define CMP_POINTS(sort, member)                                                                   \
    differ_points(c, sort, #member, bytes_slice(c->a->member), bytes_slice(c->b->member))
#define CMP_TEXT(sort, member)                                                                     \
    differ_bytes(c, sort, #member, slice_str(c->a->member), slice_str(c->b->member))
#define CMP_STR CMP_TEXT
#define CMP_RING(sort, member)                                                                     \
    differ_bytes(c, sort, #member, slice_of(c->a->member, sizeof(c->a->member)),                   \
                 slice_of(c->b->member, sizeof(c->b->member)))

static void compare_fields(struct comparing *c)
{
#define RUN_FIELD(sort, form, key, member) CMP_##form(sort, member);
#include "history/engine/run_fields.def"
#undef RUN_FIELD
}

/* -- items ----------------------------------------------------------------------------------- */

static void compare_stored(struct comparing *c, const char *name, struct buf *a, struct buf *b)
{
    differ_bytes(c, DURABLE, name, buf_slice(a), buf_slice(b));
    buf_release(a);
    buf_release(b);
}

/* What the event says of the options; one of the two may have others by now. */
static void compare_options(struct comparing *c, const struct activity *a, const struct activity *b)
{
    struct arena arena;

    arena_init(&arena);
    differ_bytes(c, DERIVED, "activity options", activity_scheduled_options(&arena, a),
                 activity_scheduled_options(&arena, b));
    arena_release(&arena);
}

static void compare_activity(struct comparing *c, const struct activity *a,
                             const struct activity *b)
{
#define ACTIVITY_I64(member) differ_i64(c, DERIVED, "activity " #member, a->member, b->member)
#define ACTIVITY_BYTES(member)                                                                     \
    differ_bytes(c, DERIVED, "activity " #member, bytes_slice(a->member), bytes_slice(b->member))
    ACTIVITY_BYTES(activity_id);
    ACTIVITY_BYTES(activity_type);
    compare_options(c, a, b);
    ACTIVITY_I64(has_retry);
    ACTIVITY_BYTES(input);
    ACTIVITY_BYTES(header);
    ACTIVITY_I64(input_empty);
    ACTIVITY_I64(header_empty);
    ACTIVITY_I64(first_scheduled_ns);
    ACTIVITY_I64(retry_expires_ns);
    ACTIVITY_I64(cancel_requested_event_id);
#undef ACTIVITY_I64
#undef ACTIVITY_BYTES
    if (c->which == RUN_FIELDS_ALL) {
        struct buf encoded_a, encoded_b;
        buf_init(&encoded_a, 0);
        buf_init(&encoded_b, 0);
        activity_encode(a, &encoded_a);
        activity_encode(b, &encoded_b);
        compare_stored(c, "activity", &encoded_a, &encoded_b);
    }
}

static void compare_child(struct comparing *c, const struct child *a, const struct child *b)
{
#define CHILD_BYTES(member)                                                                        \
    differ_bytes(c, DERIVED, "child " #member, bytes_slice(a->member), bytes_slice(b->member))
    CHILD_BYTES(namespace_id);
    CHILD_BYTES(namespace_name);
    CHILD_BYTES(workflow_id);
    CHILD_BYTES(workflow_type);
    CHILD_BYTES(control);
    CHILD_BYTES(run_id);
#undef CHILD_BYTES
    differ_i64(c, DERIVED, "child policy", a->parent_close_policy, b->parent_close_policy);
    differ_i64(c, DERIVED, "child started", a->started, b->started);
    differ_i64(c, DERIVED, "child started_event_id", a->started_event_id, b->started_event_id);
    differ_i64(c, DURABLE, "child row_seq", (int64_t)a->row_seq, (int64_t)b->row_seq);
}

static void compare_relations(struct comparing *c)
{
    differ_i64(c, DERIVED, "children.count", (int64_t)c->a->children.count,
               (int64_t)c->b->children.count);
    for (struct map_node *it = map_next(&c->a->children, NULL); it;
         it = map_next(&c->a->children, it)) {
        const struct child *a = CONTAINER_OF(it, struct child, node);
        const struct child *b = run_child(c->b, a->initiated_event_id);
        differ_i64(c, DERIVED, "child", a->initiated_event_id, b ? b->initiated_event_id : 0);
        if (b)
            compare_child(c, a, b);
    }
    differ_i64(c, DERIVED, "externals.count", (int64_t)c->a->externals.count,
               (int64_t)c->b->externals.count);
    for (struct map_node *it = map_next(&c->a->externals, NULL); it;
         it = map_next(&c->a->externals, it)) {
        const struct external *a = CONTAINER_OF(it, struct external, node);
        const struct external *b = run_external(c->b, a->initiated_event_id);
        differ_i64(c, DERIVED, "external", a->initiated_event_id, b ? b->initiated_event_id : 0);
        differ_i64(c, DERIVED, "external kind", (int64_t)a->kind, b ? (int64_t)b->kind : 0);
        differ_i64(c, DURABLE, "external row_seq", (int64_t)a->row_seq,
                   b ? (int64_t)b->row_seq : 0);
    }
}

/* Those that events tell of. */
static size_t stored_updates(const struct run *run)
{
    size_t count = 0;

    for (struct map_node *it = map_next(&run->updates, NULL); it;
         it = map_next(&run->updates, it)) {
        const struct update *update = CONTAINER_OF(it, struct update, node);
        count += update->admitted_event_id != 0 || update->accepted_event_id != 0;
    }
    return count;
}

static void compare_updates(struct comparing *c)
{
    differ_i64(c, DERIVED, "updates.count", (int64_t)stored_updates(c->a),
               (int64_t)stored_updates(c->b));
    for (struct map_node *it = map_next(&c->a->updates, NULL); it;
         it = map_next(&c->a->updates, it)) {
        const struct update *a = CONTAINER_OF(it, struct update, node);
        const struct update *b = run_update(c->b, bytes_slice(a->id));
        if (a->admitted_event_id == 0 && a->accepted_event_id == 0)
            continue;
#define UPDATE_I64(sort, member)                                                                   \
    differ_i64(c, sort, "update " #member, (int64_t)a->member, b ? (int64_t)b->member : -1)
        UPDATE_I64(DERIVED, admitted_event_id);
        UPDATE_I64(DERIVED, accepted_event_id);
        UPDATE_I64(DERIVED, completed_event_id);
        UPDATE_I64(DURABLE, rejected);
        differ_bytes(c, DERIVED, "update request_id", bytes_slice(a->request_id),
                     b ? bytes_slice(b->request_id) : SLICE_EMPTY);
#undef UPDATE_I64
    }
}

/* How many activities `b` has that `a` does not need to have: an activity that the run's last task
 * canceled before it started has ended, but the event that would say so is buffered when the run
 * closes, and goes with the buffer. */
static size_t canceled_at_the_end(const struct run *a, const struct run *b)
{
    size_t count = 0;

    if (run_is_open(a))
        return 0;
    for (struct map_node *it = map_next(&b->activities, NULL); it;
         it = map_next(&b->activities, it)) {
        const struct activity *activity = CONTAINER_OF(it, struct activity, node);
        count += activity->cancel_requested_event_id != 0 &&
                 !run_activity(a, activity->scheduled_event_id);
    }
    return count;
}

static void compare_items(struct comparing *c)
{
    differ_i64(c, DERIVED, "activities.count", (int64_t)c->a->activities.count,
               (int64_t)(c->b->activities.count - canceled_at_the_end(c->a, c->b)));
    for (struct map_node *it = map_next(&c->a->activities, NULL); it;
         it = map_next(&c->a->activities, it)) {
        const struct activity *a = CONTAINER_OF(it, struct activity, node);
        const struct activity *b = run_activity(c->b, a->scheduled_event_id);
        differ_i64(c, DERIVED, "activity", a->scheduled_event_id, b ? b->scheduled_event_id : 0);
        if (b)
            compare_activity(c, a, b);
    }
    differ_i64(c, DERIVED, "timers.count", (int64_t)c->a->timers.count,
               (int64_t)c->b->timers.count);
    for (struct map_node *it = map_next(&c->a->timers, NULL); it;
         it = map_next(&c->a->timers, it)) {
        const struct timer *a = CONTAINER_OF(it, struct timer, node);
        const struct timer *b = run_timer(c->b, bytes_slice(a->timer_id));
        differ_i64(c, DERIVED, "timer started_event_id", a->started_event_id,
                   b ? b->started_event_id : 0);
        differ_i64(c, DERIVED, "timer fire_ns", a->fire_ns, b ? b->fire_ns : 0);
    }
    differ_i64(c, DURABLE, "signal_request_ids.count", (int64_t)c->a->signal_request_ids.count,
               (int64_t)c->b->signal_request_ids.count);
    for (struct map_node *it = map_next(&c->a->signal_request_ids, NULL); it;
         it = map_next(&c->a->signal_request_ids, it)) {
        const struct slice id = CONTAINER_OF(it, struct signal_request, node)->id;
        differ_bytes(c, DURABLE, "signal_request_ids", id,
                     map_get(&c->b->signal_request_ids, id) ? id : SLICE_EMPTY);
    }
}

static struct slice update_of(const struct callback *callback)
{
    return bytes_slice(callback->update_id);
}

/* By number: a start's request id is not in the history. Those of updates by their request: the
 * history tells also of some that were not kept. */
static const struct callback *same_callback(const struct run *run, const struct callback *as)
{
    for (struct map_node *it = map_next(&run->callbacks, NULL); it;
         it = map_next(&run->callbacks, it)) {
        const struct callback *callback = CONTAINER_OF(it, struct callback, node);
        const bool same = as->update_id.len == 0 ? callback->number == as->number
                                                 : callback->index == as->index &&
                                                       slice_eq(bytes_slice(callback->request_id),
                                                                bytes_slice(as->request_id));
        if (same && slice_eq(update_of(callback), update_of(as)))
            return callback;
    }
    return NULL;
}

static int64_t callback_count(const struct comparing *c, const struct run *run)
{
    int64_t count = 0;

    for (struct map_node *it = map_next(&run->callbacks, NULL); it;
         it = map_next(&run->callbacks, it))
        count += c->which == RUN_FIELDS_ALL ||
                 update_of(CONTAINER_OF(it, struct callback, node)).len == 0;
    return count;
}

static void compare_callback(struct comparing *c, const struct callback *a,
                             const struct callback *b)
{
    struct buf encoded_a, encoded_b;

    differ_bytes(c, DERIVED, "callback spec", bytes_slice(a->spec), bytes_slice(b->spec));
    differ_i64(c, DERIVED, "callback registered_ns", a->registered_ns, b->registered_ns);
    if (c->which != RUN_FIELDS_ALL)
        return;
    buf_init(&encoded_a, 0);
    buf_init(&encoded_b, 0);
    callback_encode(a, &encoded_a);
    callback_encode(b, &encoded_b);
    compare_stored(c, "callback", &encoded_a, &encoded_b);
}

static void compare_callbacks(struct comparing *c)
{
    differ_i64(c, DERIVED, "callbacks.count", callback_count(c, c->a), callback_count(c, c->b));
    for (struct map_node *it = map_next(&c->a->callbacks, NULL); it;
         it = map_next(&c->a->callbacks, it)) {
        const struct callback *a = CONTAINER_OF(it, struct callback, node);
        const struct callback *b = same_callback(c->b, a);
        differ_i64(c, DERIVED, "callback number", a->number,
                   !b                     ? 0
                   : a->update_id.len > 0 ? a->number
                                          : b->number);
        if (b)
            compare_callback(c, a, b);
    }
    differ_i64(c, DERIVED, "attached_requests.count", (int64_t)c->a->attached_requests.count,
               (int64_t)c->b->attached_requests.count);
    for (struct map_node *it = map_next(&c->a->attached_requests, NULL); it;
         it = map_next(&c->a->attached_requests, it)) {
        const struct attached_request *a = CONTAINER_OF(it, struct attached_request, node);
        struct map_node *other = map_get(&c->b->attached_requests, bytes_slice(a->id));
        differ_i64(c, DERIVED, "attached event_id", a->event_id,
                   other ? CONTAINER_OF(other, struct attached_request, node)->event_id : -1);
    }
}

bool run_compare(const struct run *a, const struct run *b, enum run_fields which, struct buf *out)
{
    struct run copy_a, copy_b;
    struct comparing c = {run_as_stored(a, &copy_a), run_as_stored(b, &copy_b), which, out, true};

    compare_fields(&c);
    compare_items(&c);
    compare_relations(&c);
    compare_updates(&c);
    compare_callbacks(&c);
    return c.same;
}
