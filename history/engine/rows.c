/* rows.c - a run's rows: their keys, and what one transition writes. */
#include "history/engine/rows.h"

#include "common/base/hash.h"
#include "common/pack/record.h"
#include "history/engine/activity.h"
#include "history/engine/callback.h"
#include "history/engine/child.h"
#include "history/engine/engine_int.h"
#include "history/engine/run_codec.h"
#include "history/engine/timer.h"
#include "history/engine/update_item.h"

#define RETENTION_DEFAULT_NS (INT64_C(86400) * NS_PER_S) /* of a namespace that says nothing */

/* -- keys ------------------------------------------------------------------------------------ */

static void add_bytes(struct row_key *key, const void *bytes, size_t len)
{
    must(key->len + len <= sizeof(key->bytes));
    if (len > 0)
        memcpy(key->bytes + key->len, bytes, len);
    key->len += len;
}

static void add_byte(struct row_key *key, uint8_t byte)
{
    add_bytes(key, &byte, 1);
}

static void add_u64(struct row_key *key, uint64_t value)
{
    uint8_t bytes[8];

    be64_put(bytes, value);
    add_bytes(key, bytes, sizeof(bytes));
}

static void add_uuid(struct row_key *key, struct slice text)
{
    uint8_t uuid[16];

    must(uuid_parse(text, uuid)); /* checked where it came in */
    add_bytes(key, uuid, sizeof(uuid));
}

static void begin(struct row_key *key, uint8_t tablet, char family)
{
    key->len = 0;
    add_byte(key, tablet);
    add_byte(key, (uint8_t)family);
}

void row_key_current(struct row_key *key, uint8_t tablet, enum execution_kind kind,
                     struct slice namespace_id, struct slice workflow_id)
{
    begin(key, tablet, 'C');
    add_byte(key, (uint8_t)kind);
    add_uuid(key, namespace_id);
    add_bytes(key, workflow_id.ptr, workflow_id.len);
}

void row_key_execution(struct row_key *key, uint8_t tablet, const char *run_id)
{
    begin(key, tablet, 'X');
    add_uuid(key, slice_str(run_id));
}

void row_key_items(struct row_key *key, uint8_t tablet, const char *run_id)
{
    begin(key, tablet, 'P');
    add_uuid(key, slice_str(run_id));
}

static void row_key_item(struct row_key *key, const struct run *run, enum row_item kind,
                         struct slice id)
{
    row_key_items(key, run->tablet, run->run_id);
    add_byte(key, (uint8_t)kind);
    add_bytes(key, id.ptr, id.len);
}

void row_key_nodes(struct row_key *key, uint8_t tablet, const char *run_id)
{
    begin(key, tablet, 'N');
    add_uuid(key, slice_str(run_id));
}

void row_key_node(struct row_key *key, uint8_t tablet, const char *run_id, int64_t event_id)
{
    row_key_nodes(key, tablet, run_id);
    add_u64(key, (uint64_t)event_id);
}

void row_key_queue(struct row_key *key, uint8_t tablet, struct slice namespace_id,
                   struct slice task_queue, enum rpc_task_kind kind)
{
    begin(key, tablet, 'T');
    add_u64(key, hash_bytes(task_queue, hash_bytes(namespace_id, 0)));
    add_byte(key, (uint8_t)kind);
}

void row_key_task(struct row_key *key, uint8_t tablet, struct slice namespace_id,
                  struct slice task_queue, enum rpc_task_kind kind, bool sticky, int32_t priority,
                  uint64_t row_seq)
{
    must(priority >= 1 && priority <= 5);
    row_key_queue(key, tablet, namespace_id, task_queue, kind);
    add_byte(key, sticky ? 1 : 0);
    add_byte(key, (uint8_t)priority);
    add_u64(key, 0); /* the pass: one for all until fairness keys are served */
    add_u64(key, row_seq);
}

void row_key_deadline(struct row_key *key, uint8_t tablet, int64_t due_ns, const char *run_id)
{
    begin(key, tablet, 'D');
    add_u64(key, (uint64_t)due_ns);
    add_uuid(key, slice_str(run_id));
}

void row_key_retention(struct row_key *key, uint8_t tablet, int64_t due_ns, const char *run_id)
{
    begin(key, tablet, 'R');
    add_u64(key, (uint64_t)due_ns);
    add_uuid(key, slice_str(run_id));
}

void row_key_leftover(struct row_key *key, uint8_t tablet, int64_t due_ns, const char *run_id)
{
    row_key_retention(key, tablet, due_ns, run_id);
    add_byte(key, 'b');
}

void row_key_branches(struct row_key *key, uint8_t tablet, const char *run_id)
{
    begin(key, tablet, 'B');
    add_uuid(key, slice_str(run_id));
}

void row_key_branch(struct row_key *key, uint8_t tablet, const char *run_id, const char *heir_id)
{
    row_key_branches(key, tablet, run_id);
    add_uuid(key, slice_str(heir_id));
}

int64_t run_retention_due_ns(const struct run *run)
{
    const int64_t retention_ns = run->retention_ns > 0 ? run->retention_ns : RETENTION_DEFAULT_NS;
    int64_t due_ns;

    must(!run_is_open(run));
    return __builtin_add_overflow(run->close_ns, retention_ns, &due_ns) ||
                   __builtin_add_overflow(due_ns, run->retention_jitter_ns, &due_ns)
               ? INT64_MAX
               : due_ns;
}

void row_key_outgoing(struct row_key *key, uint8_t tablet, uint8_t target_tablet, uint64_t row_seq)
{
    begin(key, tablet, 'O');
    add_byte(key, target_tablet);
    add_u64(key, row_seq);
}

void row_key_call(struct row_key *key, uint8_t tablet, uint64_t row_seq)
{
    begin(key, tablet, 'H');
    add_u64(key, row_seq);
}

/* The source's run and event are unique alone: a long workflow id need not be there whole. */
void row_key_effect(struct row_key *key, uint8_t tablet, const struct rpc_effect *effect)
{
    struct slice id = effect->target_workflow_id;

    if (id.len > EFFECT_ID_MAX)
        id.len = EFFECT_ID_MAX;
    begin(key, tablet, 'E');
    add_uuid(key, effect->source_run_id);
    add_u64(key, (uint64_t)effect->initiated_event_id);
    add_uuid(key, effect->target_namespace_id);
    add_bytes(key, id.ptr, id.len);
}

void row_key_visibility(struct row_key *key, uint8_t tablet, struct slice namespace_id,
                        int64_t close_ns, int64_t start_ns, const char *run_id)
{
    key->len = 0;
    add_byte(key, tablet);
    add_uuid(key, namespace_id);
    add_u64(key, ~(uint64_t)(close_ns ? close_ns : INT64_MAX)); /* open runs come first */
    add_u64(key, ~(uint64_t)start_ns);
    add_uuid(key, slice_str(run_id));
}

/* -- values ---------------------------------------------------------------------------------- */

enum { ROW_VERSION = 1, KEY_VERSION = 1 };

enum task_row_key {
    TASK_KIND = 2,
    TASK_STICKY,
    TASK_SHARD,
    TASK_ROW_SEQ,
    TASK_NAMESPACE,
    TASK_QUEUE,
    TASK_WORKFLOW_ID,
    TASK_RUN_ID,
    TASK_SCHEDULED_ID,
    TASK_ATTEMPT,
    TASK_PRIORITY,
    TASK_CREATED,
    TASK_FAIRNESS_KEY,
    TASK_FAIRNESS_WEIGHT,
};

static void task_row(const struct transition *t, const struct task_change *change, struct buf *out)
{
    struct rec_writer w;

    rec_begin(&w, out);
    rec_put_u64(&w, KEY_VERSION, ROW_VERSION);
    rec_put_u64(&w, TASK_KIND, (uint64_t)change->kind);
    rec_put_bool(&w, TASK_STICKY, change->sticky);
    rec_put_u64(&w, TASK_SHARD, t->history_shard);
    rec_put_u64(&w, TASK_ROW_SEQ, change->row_seq);
    rec_put_bytes(&w, TASK_NAMESPACE, t->run->namespace_id);
    rec_put_bytes(&w, TASK_QUEUE, change->task_queue);
    rec_put_bytes(&w, TASK_WORKFLOW_ID, t->run->workflow_id);
    rec_put_str(&w, TASK_RUN_ID, t->run->run_id);
    rec_put_i64(&w, TASK_SCHEDULED_ID, change->scheduled_event_id);
    rec_put_i64(&w, TASK_ATTEMPT, change->attempt);
    rec_put_i64(&w, TASK_PRIORITY, change->priority);
    rec_put_i64(&w, TASK_CREATED, t->now_ns);
    if (change->fairness.key.len)
        rec_put_bytes(&w, TASK_FAIRNESS_KEY, change->fairness.key);
    if (change->fairness.weight_milli)
        rec_put_i64(&w, TASK_FAIRNESS_WEIGHT, change->fairness.weight_milli);
    rec_end(&w);
}

enum err row_task_decode(struct arena *arena, struct slice value, struct rpc_task *out)
{
    struct rec r;
    const enum err err = rec_decode(arena, value, &r);

    if (err != ERR_OK)
        return err;
    const uint64_t kind = rec_u64(&r, TASK_KIND, 0);
    const int64_t attempt = rec_i64(&r, TASK_ATTEMPT, 0), priority = rec_i64(&r, TASK_PRIORITY, 0);
    const int64_t weight = rec_i64(&r, TASK_FAIRNESS_WEIGHT, 0);
    *out = (struct rpc_task){
        .kind = (enum rpc_task_kind)kind,
        .sticky = rec_bool(&r, TASK_STICKY, false),
        .history_shard = (uint32_t)rec_u64(&r, TASK_SHARD, 0),
        .row_seq = rec_u64(&r, TASK_ROW_SEQ, 0),
        .namespace_id = rec_bytes(&r, TASK_NAMESPACE),
        .task_queue = rec_bytes(&r, TASK_QUEUE),
        .workflow_id = rec_bytes(&r, TASK_WORKFLOW_ID),
        .run_id = rec_bytes(&r, TASK_RUN_ID),
        .scheduled_event_id = rec_i64(&r, TASK_SCHEDULED_ID, 0),
        .attempt = (int32_t)attempt,
        .priority = (int32_t)priority,
        .created_wall_ns = rec_i64(&r, TASK_CREATED, 0),
        .fairness = {.key = rec_bytes(&r, TASK_FAIRNESS_KEY), .weight_milli = (int32_t)weight},
    };
    if (r.malformed || rec_u64(&r, KEY_VERSION, 0) == 0 ||
        (kind != TASK_WORKFLOW && kind != TASK_ACTIVITY) || attempt < 1 || attempt > INT32_MAX ||
        priority < 1 || priority > 5 || out->row_seq == 0 || weight < 0 || weight > INT32_MAX ||
        out->fairness.key.len > RPC_FAIRNESS_KEY_MAX)
        return ERR_CORRUPT;
    return ERR_OK;
}

enum current_row_key {
    CURRENT_RUN_ID = 2,
    CURRENT_STATUS,
    CURRENT_REQUEST_ID,
    CURRENT_START,
    CURRENT_CLOSE,
    CURRENT_FIRST_RUN_ID,
    CURRENT_ATTACHED,
};

static void current_row(const struct run *run, struct buf *out)
{
    struct rec_writer w;

    rec_begin(&w, out);
    rec_put_u64(&w, KEY_VERSION, ROW_VERSION);
    rec_put_str(&w, CURRENT_RUN_ID, run->run_id);
    rec_put_i64(&w, CURRENT_STATUS, run->status);
    rec_put_str(&w, CURRENT_REQUEST_ID, run->start_request_id);
    rec_put_i64(&w, CURRENT_START, run->start_ns);
    rec_put_i64(&w, CURRENT_CLOSE, run->close_ns);
    rec_put_str(&w, CURRENT_FIRST_RUN_ID, run->first_run_id);
    if (run->attached_requests.count > 0)
        rec_put_bool(&w, CURRENT_ATTACHED, true);
    rec_end(&w);
}

static bool copy_text(struct slice text, char *out, size_t size)
{
    if (text.len >= size)
        return false;
    if (text.len > 0)
        memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return true;
}

enum err row_current_decode(struct arena *arena, struct slice value, struct current_run *out)
{
    struct rec r;
    const enum err err = rec_decode(arena, value, &r);

    if (err != ERR_OK)
        return err;
    memset(out, 0, sizeof(*out));
    const int64_t status = rec_i64(&r, CURRENT_STATUS, 0);
    out->status = (int32_t)status;
    out->start_ns = rec_i64(&r, CURRENT_START, 0);
    out->close_ns = rec_i64(&r, CURRENT_CLOSE, 0);
    out->has_attached = rec_bool(&r, CURRENT_ATTACHED, false);
    out->start_request_id = arena_str(arena, rec_bytes(&r, CURRENT_REQUEST_ID));
    if (!copy_text(rec_bytes(&r, CURRENT_RUN_ID), out->run_id, sizeof(out->run_id)) ||
        !copy_text(rec_bytes(&r, CURRENT_FIRST_RUN_ID), out->first_run_id,
                   sizeof(out->first_run_id)) ||
        r.malformed || rec_u64(&r, KEY_VERSION, 0) == 0 || strlen(out->run_id) != UUID_TEXT_LEN ||
        status < WORKFLOW_EXECUTION_STATUS_RUNNING || status > INT32_MAX)
        return ERR_CORRUPT;
    return ERR_OK;
}

enum call_row_key { CALL_RUN_ID = 2, CALL_ID, CALL_DESTINATION };

static void call_row(const struct run *run, const struct callback_change *change, struct buf *out)
{
    struct rec_writer w;

    rec_begin(&w, out);
    rec_put_u64(&w, KEY_VERSION, ROW_VERSION);
    rec_put_str(&w, CALL_RUN_ID, run->run_id);
    rec_put_bytes(&w, CALL_ID, change->id);
    rec_put_u64(&w, CALL_DESTINATION, change->destination);
    rec_end(&w);
}

enum err row_call_decode(struct arena *arena, struct slice value, struct call_row *out)
{
    struct rec r;
    const enum err err = rec_decode(arena, value, &r);

    if (err != ERR_OK)
        return err;
    memset(out, 0, sizeof(*out));
    out->callback_id = rec_bytes(&r, CALL_ID);
    out->destination = rec_u64(&r, CALL_DESTINATION, 0);
    if (!copy_text(rec_bytes(&r, CALL_RUN_ID), out->run_id, sizeof(out->run_id)) || r.malformed ||
        rec_u64(&r, KEY_VERSION, 0) == 0 || strlen(out->run_id) != UUID_TEXT_LEN ||
        out->callback_id.len == 0)
        return ERR_CORRUPT;
    return ERR_OK;
}

enum visibility_row_key { VISIBILITY_INFO = 2 };

static void visibility_row(struct transition *t, struct buf *out)
{
    struct rec_writer w;

    rec_begin(&w, out);
    rec_put_u64(&w, KEY_VERSION, ROW_VERSION);
    rec_put_bytes(&w, VISIBILITY_INFO, engine_execution_info(t->run, t->arena));
    rec_end(&w);
}

enum err row_visibility_decode(struct arena *arena, struct slice value, struct slice *info)
{
    struct rec r;
    const enum err err = rec_decode(arena, value, &r);

    if (err != ERR_OK)
        return err;
    *info = rec_bytes(&r, VISIBILITY_INFO);
    return r.malformed || rec_u64(&r, KEY_VERSION, 0) == 0 ? ERR_CORRUPT : ERR_OK;
}

struct slice row_retention(const struct run *run, struct arena *arena)
{
    uint8_t *value = arena_alloc(arena, 1 + run->branches.len);

    value[0] = ROW_VERSION;
    if (run->branches.len > 0)
        memcpy(value + 1, run->branches.ptr, run->branches.len);
    return slice_of(value, 1 + run->branches.len);
}

bool row_retention_decode(struct slice value, struct branches *out)
{
    return value.len >= 1 && value.ptr[0] == ROW_VERSION &&
           branches_decode(slice_of(value.ptr + 1, value.len - 1), out);
}

int64_t row_branch_to(struct slice value)
{
    return value.len == 1 + 8 && value.ptr[0] == ROW_VERSION ? (int64_t)be64_get(value.ptr + 1) : 0;
}

/* -- the operations of a transition ---------------------------------------------------------- */

struct op_list {
    struct transition *t;
    struct store_op *ops;
    size_t count, cap;
};

static void add_op(struct op_list *list, enum store_op_kind kind, enum store_family family,
                   const struct row_key *key, struct slice value)
{
    struct arena *arena = list->t->arena;

    if (list->count == list->cap) {
        const size_t cap = list->cap ? list->cap * 2 : 16;
        struct store_op *more = ARENA_ARRAY(arena, struct store_op, cap);
        if (list->count > 0)
            memcpy(more, list->ops, list->count * sizeof(*more));
        list->ops = more;
        list->cap = cap;
    }
    list->ops[list->count++] = (struct store_op){.kind = kind,
                                                 .family = family,
                                                 .key = arena_copy(arena, row_key_slice(key)),
                                                 .value = value};
}

/* The value moves from a scratch buffer into the arena. */
static struct slice keep(struct op_list *list, struct buf *buf)
{
    must(buf_ok(buf));
    const struct slice value = arena_copy(list->t->arena, buf_slice(buf));
    buf_clear(buf);
    return value;
}

static void add_relations(struct op_list *list, struct buf *buf)
{
    struct run *run = list->t->run;
    struct row_key key;
    uint8_t id[8];

    for (struct list *it; (it = list_pop_front(&run->changed_children));) {
        const struct child *child = CONTAINER_OF(it, struct child, changed);
        list->t->items_seen++;
        be64_put(id, (uint64_t)child->initiated_event_id);
        row_key_item(&key, run, ITEM_CHILD, slice_of(id, sizeof(id)));
        child_encode(child, buf);
        add_op(list, STORE_PUT, STORE_MAIN, &key, keep(list, buf));
    }
    for (struct list *it; (it = list_pop_front(&run->changed_externals));) {
        const struct external *external = CONTAINER_OF(it, struct external, changed);
        list->t->items_seen++;
        be64_put(id, (uint64_t)external->initiated_event_id);
        row_key_item(&key, run, ITEM_EXTERNAL, slice_of(id, sizeof(id)));
        external_encode(external, buf);
        add_op(list, STORE_PUT, STORE_MAIN, &key, keep(list, buf));
    }
}

/* The key of a row of kind ITEM_CALLBACK. */
static void callback_item_key(struct row_key *key, const struct run *run, char sort,
                              struct slice id)
{
    row_key_items(key, run->tablet, run->run_id);
    add_byte(key, ITEM_CALLBACK);
    add_byte(key, (uint8_t)sort);
    add_bytes(key, id.ptr, id.len);
}

static void add_callbacks(struct op_list *list, struct buf *buf)
{
    struct transition *t = list->t;
    struct run *run = t->run;
    struct row_key key;

    for (struct list *it; (it = list_pop_front(&run->changed_callbacks));) {
        const struct callback *callback = CONTAINER_OF(it, struct callback, changed);
        t->items_seen++;
        callback_item_key(&key, run, CALLBACK_ITEM, bytes_slice(callback->id));
        callback_encode(callback, buf);
        add_op(list, STORE_PUT, STORE_MAIN, &key, keep(list, buf));
    }
    for (struct list *it; (it = list_pop_front(&run->changed_attached));) {
        const struct attached_request *attached =
            CONTAINER_OF(it, struct attached_request, changed);
        t->items_seen++;
        callback_item_key(&key, run, ATTACHED_ITEM, bytes_slice(attached->id));
        attached_request_encode(attached, buf);
        add_op(list, STORE_PUT, STORE_MAIN, &key, keep(list, buf));
    }
    for (size_t i = 0; i < t->callback_count; i++) {
        const struct callback_change *change = &t->callbacks[i];
        row_key_call(&key, run->tablet, change->row_seq);
        if (change->add) {
            call_row(run, change, buf);
            add_op(list, STORE_INSERT, STORE_MAIN, &key, keep(list, buf));
        } else {
            add_op(list, STORE_DELETE, STORE_MAIN, &key, SLICE_EMPTY);
        }
    }
}

static void add_activity(struct op_list *list, struct buf *buf, struct activity *activity)
{
    struct row_key key;
    uint8_t id[8];

    list->t->items_seen++;
    be64_put(id, (uint64_t)activity->scheduled_event_id);
    row_key_item(&key, list->t->run, ITEM_ACTIVITY, slice_of(id, sizeof(id)));
    activity_encode(activity, buf);
    add_op(list, STORE_PUT, STORE_MAIN, &key, keep(list, buf));
    if (activity->input_changed && activity_has_input(activity)) {
        row_key_item(&key, list->t->run, ITEM_ACTIVITY_INPUT, slice_of(id, sizeof(id)));
        activity_encode_input(activity, buf);
        add_op(list, STORE_PUT, STORE_MAIN, &key, keep(list, buf));
    }
    activity->input_changed = false;
}

static void add_items(struct op_list *list, struct buf *buf)
{
    struct run *run = list->t->run;
    struct row_key key;

    LIST_EACH(it, &run->dropped_items)
    {
        const struct dropped_item *item = CONTAINER_OF(it, struct dropped_item, node);
        row_key_item(&key, run, item->kind, item->id);
        add_op(list, STORE_DELETE, STORE_MAIN, &key, SLICE_EMPTY);
    }
    list_init(&run->dropped_items);
    for (struct list *it; (it = list_pop_front(&run->changed_activities));)
        add_activity(list, buf, CONTAINER_OF(it, struct activity, changed));
    for (struct list *it; (it = list_pop_front(&run->changed_timers));) {
        const struct timer *timer = CONTAINER_OF(it, struct timer, changed);
        list->t->items_seen++;
        row_key_item(&key, run, ITEM_TIMER, bytes_slice(timer->timer_id));
        timer_encode(timer, buf);
        add_op(list, STORE_PUT, STORE_MAIN, &key, keep(list, buf));
    }
    for (struct list *it; (it = list_pop_front(&run->changed_signals));) {
        const struct signal_request *signal = CONTAINER_OF(it, struct signal_request, changed);
        uint8_t value[1 + 8] = {ROW_VERSION};
        list->t->items_seen++;
        be64_put(value + 1, (uint64_t)signal->at_ns);
        buf_append(buf, value, sizeof(value));
        row_key_item(&key, run, ITEM_SIGNAL_REQUEST, signal->id);
        add_op(list, STORE_PUT, STORE_MAIN, &key, keep(list, buf));
    }
}

static void add_updates(struct op_list *list, struct buf *buf)
{
    struct run *run = list->t->run;
    struct row_key key;

    LIST_EACH_SAFE(it, tmp, &run->dirty_updates)
    {
        struct update *update = CONTAINER_OF(it, struct update, dirty);
        row_key_item(&key, run, ITEM_UPDATE, bytes_slice(update->id));
        update_encode(update, buf);
        add_op(list, STORE_PUT, STORE_MAIN, &key, keep(list, buf));
        run_update_clean(update);
    }
}

static void add_tasks(struct op_list *list, struct buf *buf)
{
    const struct transition *t = list->t;
    struct row_key key;

    for (size_t i = 0; i < t->change_count; i++) {
        const struct task_change *change = &t->changes[i];
        if (change->speculative)
            continue;
        row_key_task(&key, t->run->tablet, t->run->namespace_id, change->task_queue, change->kind,
                     change->sticky, change->priority, change->row_seq);
        if (change->add) {
            task_row(t, change, buf);
            add_op(list, STORE_INSERT, STORE_MAIN, &key, keep(list, buf));
        } else {
            add_op(list, STORE_DELETE, STORE_MAIN, &key, SLICE_EMPTY);
        }
    }
}

static void add_outgoing(struct op_list *list, struct buf *buf)
{
    const struct transition *t = list->t;
    struct row_key key;

    for (size_t i = 0; i < t->outgoing_count; i++) {
        const struct outgoing_change *change = &t->outgoing[i];

        row_key_outgoing(&key, t->run->tablet, change->target_tablet, change->row_seq);
        if (change->add) {
            buf_clear(buf);
            rpc_effect_encode(&change->effect, buf);
            add_op(list, STORE_INSERT, STORE_MAIN, &key, keep(list, buf));
        } else {
            add_op(list, STORE_DELETE, STORE_MAIN, &key, SLICE_EMPTY);
        }
    }
}

/* A later deadline leaves the row where it is, unless that one has come: firing it does nothing. */
static void move_deadline(struct op_list *list)
{
    struct run *run = list->t->run;
    const int64_t due = run_stored_deadline_ns(run), row = run->deadline_row_ns;
    static const uint8_t present[] = {ROW_VERSION};
    struct row_key key;

    if (due == row || (row != 0 && due != 0 && due > row && row > list->t->now_ns))
        return;
    if (row != 0) {
        row_key_deadline(&key, run->tablet, row, run->run_id);
        add_op(list, STORE_DELETE, STORE_MAIN, &key, SLICE_EMPTY);
    }
    if (due != 0) {
        row_key_deadline(&key, run->tablet, due, run->run_id);
        add_op(list, STORE_INSERT, STORE_MAIN, &key, slice_of(present, sizeof(present)));
    }
    run->deadline_row_ns = due;
    run->dirty = true;
}

static void add_retention(struct op_list *list)
{
    const struct run *run = list->t->run;
    struct row_key key;

    row_key_retention(&key, run->tablet, run_retention_due_ns(run), run->run_id);
    add_op(list, STORE_INSERT, STORE_MAIN, &key, row_retention(run, list->t->arena));
}

/* The nodes that a new run shares stay for as long as it needs them. */
static void add_branches(struct op_list *list)
{
    const struct run *run = list->t->run;
    struct branches branches;
    struct row_key key;

    const bool ok = branches_decode(run->branches, &branches);
    must(ok);
    for (uint32_t i = 0; i < branches.count; i++) {
        uint8_t value[1 + 8] = {ROW_VERSION};

        be64_put(value + 1, (uint64_t)branches.list[i].to);
        row_key_branch(&key, run->tablet, branches.list[i].run_id, run->run_id);
        add_op(list, STORE_PUT, STORE_MAIN, &key,
               arena_copy(list->t->arena, slice_of(value, sizeof(value))));
    }
}

static void add_visibility(struct op_list *list, struct buf *buf)
{
    struct run *run = list->t->run;
    struct row_key key;

    if (run->visibility_order_ns[1] != 0) {
        row_key_visibility(&key, run->tablet, run->namespace_id, run->visibility_order_ns[0],
                           run->visibility_order_ns[1], run->run_id);
        add_op(list, STORE_DELETE, STORE_VISIBILITY, &key, SLICE_EMPTY);
    }
    run->visibility_order_ns[0] = run->close_ns;
    run->visibility_order_ns[1] = run->start_ns;
    row_key_visibility(&key, run->tablet, run->namespace_id, run->close_ns, run->start_ns,
                       run->run_id);
    visibility_row(list->t, buf);
    add_op(list, STORE_PUT, STORE_VISIBILITY, &key, keep(list, buf));
    run->dirty = true;
}

/* Is there anything to write? Then a speculative workflow task must not stay one. */
static bool has_to_write(const struct op_list *list)
{
    const struct transition *t = list->t;

    if (list->count > 0 || t->run->dirty || t->event_count > 0 || t->outgoing_count > 0 ||
        t->visibility_changed)
        return true;
    for (size_t i = 0; i < t->change_count; i++)
        if (!t->changes[i].speculative)
            return true;
    return false;
}

void rows_of_transition(struct transition *t, bool make_current, struct store_op **ops,
                        size_t *count)
{
    struct run *run = t->run;
    struct op_list list = {.t = t};
    struct row_key key;
    struct buf buf;

    buf_init(&buf, 0);
    add_items(&list, &buf);
    add_relations(&list, &buf);
    add_updates(&list, &buf);
    add_callbacks(&list, &buf);
    if (run->wft.speculative && !t->keeps_speculative && has_to_write(&list))
        wft_make_normal(t);
    if (t->event_count > 0) {
        row_key_node(&key, run->tablet, run->run_id, t->first_event_id);
        add_op(&list, STORE_INSERT, STORE_MAIN, &key, arena_copy(t->arena, buf_slice(&t->events)));
    }
    add_tasks(&list, &buf);
    add_outgoing(&list, &buf);
    /* a deadline's row that comes too early, and moves on, is no step */
    const bool counts = run->dirty || list.count > 0;
    move_deadline(&list);
    if (counts && !(t->uncounted && t->event_count == 0))
        run->state_transition_count++;
    if (t->visibility_changed)
        add_visibility(&list, &buf);
    if (t->closed)
        add_retention(&list);
    if (make_current)
        add_branches(&list);
    if (make_current || t->closed || t->paused || t->attached) {
        row_key_current(&key, run->tablet, run->kind, run->namespace_id, run->workflow_id);
        current_row(run, &buf);
        add_op(&list, STORE_PUT, STORE_MAIN, &key, keep(&list, &buf));
    }
    if (run->dirty || list.count > 0) {
        row_key_execution(&key, run->tablet, run->run_id);
        run_encode(run, &buf);
        add_op(&list, STORE_PUT, STORE_MAIN, &key, keep(&list, &buf));
        run->dirty = false;
    }
    buf_release(&buf);
    *ops = list.ops;
    *count = list.count;
}
