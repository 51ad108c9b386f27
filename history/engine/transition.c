/* transition.c - one step of a run: its events, its task changes, its messages. */
#include "history/engine/engine_int.h"

#include "common/base/hash.h"
#include "common/proto/wire.h"
#include "history/engine/external_payloads.h"
#include "history/engine/rows.h"

const struct engine_limits engine_limits_default = {
    .id_bytes_max = 1000,
    .blob_bytes_max = 2 * 1024 * 1024,
    .memo_bytes_max = 2 * 1024 * 1024,
    .pending_activities_max = 2000,
    .pending_children_max = 2000,
    .pending_signals_max = 2000,
    .pending_cancel_requests_max = 2000,
    .signals_max = 10000,
    .history_events_max = 51200,
    .history_bytes_max = 50 * 1024 * 1024,
    .suggest_events = 4096,
    .suggest_bytes = 4 * 1024 * 1024,
    .sticky_poller_ns = 10 * NS_PER_S,
    .wft_heartbeat_timeout_ns = 1800 * NS_PER_S,
    .wft_retry_backoff_after_attempt = 3,
    .activity_failure_bytes_max = 4096,
    .eager_activities = true,
    .eager_start = true,
    .transaction_bytes_max = 4 * 1024 * 1024,
    .state_bytes_max = 8 * 1024 * 1024,
    .state_bytes_warn = 1024 * 1024,
    .history_events_warn = 10240,
    .history_bytes_warn = 10 * 1024 * 1024,
    .buffered_events_max = 100,
    .buffered_bytes_max = 2 * 1024 * 1024,
    .task_timeout_ns = 10 * NS_PER_S,
    .run_interval_min_ns = NS_PER_S,
    .wft_retry_max_ns = 600 * NS_PER_S,
    .retention_jitter_ns = 1800 * NS_PER_S,
    .activity_retry = {NS_PER_S, 100, 2, 0},
    .workflow_retry = {NS_PER_S, 100, 2, 0},
    .search_attributes_max = 100,
    .search_attribute_bytes_max = 2048,
    .search_attributes_bytes_max = 40 * 1024,
    .updates_in_flight_max = 10,
    .updates_in_flight_bytes_max = 20 * 1024 * 1024,
    .updates_max = 2000,
    .updates_suggest_share = 0.9,
    .discard_speculative_events_max = 10,
    .reset_with_pending_children = true,
    .external_payloads = true,
    .task_problems_to_report = 5,
    .callbacks_max = 2000,
    .workflow_update_callbacks_max = 32,
    .update_callbacks_max = 32,
    .callback_retry_initial_ns = NS_PER_S,
    .callback_retry_max_ns = 3600 * NS_PER_S,
};

void transition_init(struct transition *t, struct run *run, struct arena *arena)
{
    memset(t, 0, sizeof(*t));
    t->run = run;
    t->arena = arena;
    t->limits = &engine_limits_default;
    t->history_bytes_before = run ? run->history_size_bytes : 0;
    t->counted_next_id = run ? run->next_event_id : 0;
    buf_init(&t->events, 0);
}

void transition_release(struct transition *t)
{
    buf_release(&t->events);
    if (!t->next)
        return;
    if (!t->next_taken)
        run_free(t->next->run);
    transition_release(t->next);
    t->next = NULL;
}

/* -- messages -------------------------------------------------------------------------------- */

void *engine_message(struct arena *arena, const ProtobufCMessageDescriptor *desc)
{
    void *message = arena_alloc(arena, desc->sizeof_message);

    protobuf_c_message_init(desc, message);
    return message;
}

void *engine_decode(struct arena *arena, const ProtobufCMessageDescriptor *desc, struct slice bytes)
{
    ProtobufCAllocator allocator = proto_allocator(arena);

    return protobuf_c_message_unpack(desc, &allocator, bytes.len, bytes.ptr);
}

struct slice transition_pack(struct transition *t, const void *message)
{
    return proto_encode(t->arena, message);
}

pb_timestamp *transition_timestamp(struct transition *t, int64_t ns)
{
    return ns ? proto_timestamp(t->arena, ns) : NULL;
}

pb_duration *transition_duration(struct transition *t, int64_t ns)
{
    return proto_duration(t->arena, ns);
}

char *transition_str(struct transition *t, struct slice text)
{
    return arena_str(t->arena, text);
}

const char *engine_quoted(struct arena *arena, struct slice text)
{
    char *out = arena_alloc(arena, 2 * text.len + 3), *to = out;

    *to++ = '"';
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"' || text.ptr[i] == '\\')
            *to++ = '\\';
        *to++ = (char)text.ptr[i];
    }
    *to++ = '"';
    *to = '\0';
    return out;
}

const char *engine_enum_name(struct arena *arena, const ProtobufCEnumDescriptor *desc,
                             const char *prefix, int32_t value)
{
    const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value(desc, value);
    const size_t skip = strlen(prefix);

    if (!found || strncmp(found->name, prefix, skip) != 0)
        return arena_printf(arena, "%d", value);
    const char *from = found->name + skip;
    char *name = arena_alloc(arena, strlen(from) + 1), *to = name;
    bool first = true;
    for (; *from; from++) {
        if (*from == '_') {
            first = true;
            continue;
        }
        const bool upper = *from >= 'A' && *from <= 'Z';
        *to++ = !first && upper ? (char)(*from - 'A' + 'a') : *from;
        first = false;
    }
    *to = '\0';
    return name;
}

api_payloads *engine_payloads_of_text(struct arena *arena, const char *text)
{
    api_payloads *payloads = engine_message(arena, &api_payloads__desc);
    api_payload *payload = engine_message(arena, &api_payload__desc);
    api_payload_metadata_entry *encoding = engine_message(arena, &api_payload_metadata_entry__desc);
    char *json = arena_printf(arena, "\"%s\"", text); /* our own texts: nothing to escape */
    static uint8_t plain[] = {'j', 's', 'o', 'n', '/', 'p', 'l', 'a', 'i', 'n'};
    static char key[] = "encoding";

    encoding->key = key;
    encoding->value = (ProtobufCBinaryData){sizeof(plain), plain};
    payload->n_metadata = 1;
    payload->metadata = ARENA_ARRAY(arena, api_payload_metadata_entry *, 1);
    payload->metadata[0] = encoding;
    payload->data = (ProtobufCBinaryData){strlen(json), (uint8_t *)json};
    payloads->n_payloads = 1;
    payloads->payloads = ARENA_ARRAY(arena, api_payload *, 1);
    payloads->payloads[0] = payload;
    return payloads;
}

/* -- events ---------------------------------------------------------------------------------- */

/* The member of HistoryEvent's `attributes` that belongs to a type. */
#define CASE(TYPE)                                                                                 \
    [EVENT_TYPE_##TYPE] =                                                                          \
        TEMPORAL__API__HISTORY__V1__HISTORY_EVENT__ATTRIBUTES_##TYPE##_EVENT_ATTRIBUTES
static const uint8_t attributes_case[] = {
    CASE(WORKFLOW_EXECUTION_STARTED),
    CASE(WORKFLOW_EXECUTION_COMPLETED),
    CASE(WORKFLOW_EXECUTION_FAILED),
    CASE(WORKFLOW_EXECUTION_TIMED_OUT),
    CASE(WORKFLOW_EXECUTION_CANCELED),
    CASE(WORKFLOW_EXECUTION_TERMINATED),
    CASE(WORKFLOW_EXECUTION_SIGNALED),
    CASE(WORKFLOW_EXECUTION_CANCEL_REQUESTED),
    CASE(WORKFLOW_TASK_SCHEDULED),
    CASE(WORKFLOW_TASK_STARTED),
    CASE(WORKFLOW_TASK_COMPLETED),
    CASE(WORKFLOW_TASK_TIMED_OUT),
    CASE(WORKFLOW_TASK_FAILED),
    CASE(ACTIVITY_TASK_SCHEDULED),
    CASE(ACTIVITY_TASK_STARTED),
    CASE(ACTIVITY_TASK_COMPLETED),
    CASE(ACTIVITY_TASK_FAILED),
    CASE(ACTIVITY_TASK_TIMED_OUT),
    CASE(ACTIVITY_TASK_CANCEL_REQUESTED),
    CASE(ACTIVITY_TASK_CANCELED),
    CASE(TIMER_STARTED),
    CASE(TIMER_FIRED),
    CASE(TIMER_CANCELED),
    CASE(MARKER_RECORDED),
    CASE(WORKFLOW_EXECUTION_CONTINUED_AS_NEW),
    CASE(UPSERT_WORKFLOW_SEARCH_ATTRIBUTES),
    CASE(WORKFLOW_PROPERTIES_MODIFIED),
    CASE(WORKFLOW_EXECUTION_OPTIONS_UPDATED),
    CASE(START_CHILD_WORKFLOW_EXECUTION_INITIATED),
    CASE(START_CHILD_WORKFLOW_EXECUTION_FAILED),
    CASE(CHILD_WORKFLOW_EXECUTION_STARTED),
    CASE(CHILD_WORKFLOW_EXECUTION_COMPLETED),
    CASE(CHILD_WORKFLOW_EXECUTION_FAILED),
    CASE(CHILD_WORKFLOW_EXECUTION_CANCELED),
    CASE(CHILD_WORKFLOW_EXECUTION_TIMED_OUT),
    CASE(CHILD_WORKFLOW_EXECUTION_TERMINATED),
    CASE(SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED),
    CASE(SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED),
    CASE(EXTERNAL_WORKFLOW_EXECUTION_SIGNALED),
    CASE(REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED),
    CASE(REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED),
    CASE(EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED),
    CASE(WORKFLOW_EXECUTION_UPDATE_ADMITTED),
    CASE(WORKFLOW_EXECUTION_UPDATE_ACCEPTED),
    CASE(WORKFLOW_EXECUTION_UPDATE_COMPLETED),
    CASE(WORKFLOW_EXECUTION_PAUSED),
    CASE(WORKFLOW_EXECUTION_UNPAUSED),
};
#undef CASE

api_history_event *transition_event_new(struct transition *t, int32_t type)
{
    api_history_event *event = engine_message(t->arena, &api_history_event__desc);

    must(type > 0 && (size_t)type < COUNT_OF(attributes_case) && attributes_case[type] != 0);
    event->event_type = (Temporal__Api__Enums__V1__EventType)type;
    event->attributes_case =
        (Temporal__Api__History__V1__HistoryEvent__AttributesCase)attributes_case[type];
    return event;
}

void *engine_event(struct transition *t, int32_t type, api_history_event **event)
{
    *event = transition_event_new(t, type);
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(
        &api_history_event__desc, (unsigned)(*event)->attributes_case);
    must(field != NULL);
    void *attributes = engine_message(t->arena, field->descriptor);
    /* Every member of the union is a pointer to a message. */
    (*event)->workflow_execution_started_event_attributes = attributes;
    return attributes;
}

void *engine_event_attributes(const api_history_event *event)
{
    return event->attributes_case ? event->workflow_execution_started_event_attributes : NULL;
}

static size_t put_event(struct buf *out, const api_history_event *event)
{
    const size_t before = out->len;

    proto_put(out, 1, event);
    must(buf_ok(out));
    return out->len - before;
}

int64_t transition_event(struct transition *t, api_history_event *event)
{
    struct run *run = t->run;

    must(run_is_open(run));
    if (run->wft.speculative)
        wft_make_normal(t);
    event->event_id = run->next_event_id++;
    if (!event->event_time)
        event->event_time = proto_timestamp(t->arena, t->now_ns);
    event->version = 0;
    event->task_id = (int64_t)++ * t->row_seq;
    if (t->command) {
        if (!event->user_metadata)
            event->user_metadata = t->command->user_metadata;
        event->n_event_group_markers = t->command->n_event_group_markers;
        event->event_group_markers = t->command->event_group_markers;
        t->command = NULL;
    }
    const size_t bytes = put_event(&t->events, event);
    run->history_size_bytes += (int64_t)bytes;
    if (t->limits->external_payloads)
        external_payloads_count(run,
                                slice_of(buf_slice(&t->events).ptr + t->events.len - bytes, bytes));
    t->last_event = event;
    if (t->event_count++ == 0)
        t->first_event_id = event->event_id;
    run->dirty = true;
    t->counted_next_id = run->next_event_id;
    return event->event_id;
}

static void buffer_append(struct run *run, struct slice events, uint32_t count)
{
    struct buf buffered;

    buf_init(&buffered, 0);
    buf_append_slice(&buffered, bytes_slice(run->buffered));
    buf_append_slice(&buffered, events);
    must(buf_ok(&buffered));
    bytes_set(&run->buffered, buf_slice(&buffered));
    buf_release(&buffered);
    run->buffered_count += count;
    run->dirty = true;
}

int64_t transition_event_or_buffer(struct transition *t, api_history_event *event)
{
    struct run *run = t->run;
    struct buf later;

    if (run->wft.state != WFT_STARTED && !t->commands_running) {
        const int64_t counted = t->counted_next_id, id = transition_event(t, event);

        t->counted_next_id = counted;
        return id;
    }
    must(run_is_open(run));
    wft_make_normal(t);
    event->event_id = 0;
    if (!event->event_time)
        event->event_time = proto_timestamp(t->arena, t->now_ns);
    buf_init(&later, 0);
    if (t->commands_running)
        buf_append_slice(&later, t->deferred);
    put_event(&later, event);
    if (t->commands_running) {
        t->deferred = arena_copy(t->arena, buf_slice(&later));
        t->deferred_count++;
    } else {
        buffer_append(run, buf_slice(&later), 1);
    }
    buf_release(&later);
    return 0;
}

void transition_buffer_deferred(struct transition *t)
{
    if (t->deferred_count > 0 && run_is_open(t->run))
        buffer_append(t->run, t->deferred, t->deferred_count);
    t->deferred = SLICE_EMPTY;
    t->deferred_count = 0;
}

api_history_event **engine_decode_events(struct arena *arena, struct slice events, size_t *count)
{
    api_history *history = engine_decode(arena, &api_history__desc, events);

    if (!history)
        return NULL;
    *count = history->n_events;
    return history->n_events ? history->events : ARENA_ARRAY(arena, api_history_event *, 1);
}

bool transition_unbuffer_timer_fired(struct transition *t, struct slice timer_id)
{
    struct run *run = t->run;
    size_t count, at = 0;
    struct buf rest;

    if (run->buffered_count == 0)
        return false;
    api_history_event **events = engine_decode_events(t->arena, bytes_slice(run->buffered), &count);
    must(events != NULL);
    while (at < count &&
           !(events[at]->event_type == EVENT_TYPE_TIMER_FIRED &&
             slice_eq(slice_str(events[at]->timer_fired_event_attributes->timer_id), timer_id)))
        at++;
    if (at == count)
        return false;
    buf_init(&rest, 0);
    for (size_t i = 0; i < count; i++)
        if (i != at)
            put_event(&rest, events[i]);
    bytes_set(&run->buffered, buf_slice(&rest));
    buf_release(&rest);
    run->buffered_count--;
    run->dirty = true;
    return true;
}

/* -- tasks ----------------------------------------------------------------------------------- */

void transition_task_add(struct transition *t, const struct task_change *change)
{
    if (t->change_count == t->change_cap) {
        const size_t cap = t->change_cap ? t->change_cap * 2 : 4;
        struct task_change *more = ARENA_ARRAY(t->arena, struct task_change, cap);
        if (t->change_count > 0)
            memcpy(more, t->changes, t->change_count * sizeof(*more));
        t->changes = more;
        t->change_cap = cap;
    }
    struct task_change *copy = &t->changes[t->change_count++];
    *copy = *change;
    copy->task_queue = arena_copy(t->arena, change->task_queue);
    copy->fairness.key = arena_copy(t->arena, change->fairness.key);
    if (copy->priority == 0)
        copy->priority = PRIORITY_DEFAULT;
}

/* A task that came in this very step leaves no trace. */
static bool take_back(struct transition *t, uint64_t row_seq)
{
    for (size_t i = 0; i < t->change_count; i++) {
        if (t->changes[i].add && t->changes[i].row_seq == row_seq) {
            memmove(&t->changes[i], &t->changes[i + 1],
                    (t->change_count - i - 1) * sizeof(t->changes[0]));
            t->change_count--;
            return true;
        }
    }
    return false;
}

void transition_task_withdraw(struct transition *t, uint64_t row_seq)
{
    (void)take_back(t, row_seq);
}

void transition_task_drop(struct transition *t, enum rpc_task_kind kind, bool sticky,
                          uint64_t row_seq, struct slice task_queue, int32_t priority)
{
    if (take_back(t, row_seq))
        return;
    const struct task_change change = {.add = false,
                                       .kind = kind,
                                       .sticky = sticky,
                                       .row_seq = row_seq,
                                       .task_queue = task_queue,
                                       .priority = priority};
    transition_task_add(t, &change);
}

static void outgoing_push(struct transition *t, const struct outgoing_change *change)
{
    if (t->outgoing_count == t->outgoing_cap) {
        const size_t cap = t->outgoing_cap ? 2 * t->outgoing_cap : 4;
        struct outgoing_change *more = arena_alloc(t->arena, cap * sizeof *more);

        if (t->outgoing_count)
            memcpy(more, t->outgoing, t->outgoing_count * sizeof *more);
        t->outgoing = more;
        t->outgoing_cap = cap;
    }
    t->outgoing[t->outgoing_count++] = *change;
}

uint64_t transition_outgoing_add(struct transition *t, const struct rpc_effect *effect)
{
    struct outgoing_change change = {
        .add = true,
        .target_tablet = hash_tablet(effect->target_namespace_id, effect->target_workflow_id),
        .row_seq = ++*t->row_seq,
        .effect = *effect,
    };

    change.effect.row_seq = change.row_seq;
    outgoing_push(t, &change);
    return change.row_seq;
}

void transition_outgoing_drop(struct transition *t, uint8_t target_tablet, uint64_t row_seq)
{
    /* A request that came in this very step leaves no trace. */
    for (size_t i = 0; i < t->outgoing_count; i++) {
        if (t->outgoing[i].add && t->outgoing[i].row_seq == row_seq) {
            memmove(&t->outgoing[i], &t->outgoing[i + 1],
                    (t->outgoing_count - i - 1) * sizeof t->outgoing[0]);
            t->outgoing_count--;
            return;
        }
    }
    outgoing_push(t, &(struct outgoing_change){.target_tablet = target_tablet, .row_seq = row_seq});
}

void run_drop_item(struct transition *t, enum row_item kind, struct slice id)
{
    struct dropped_item *item = ARENA_NEW(t->arena, struct dropped_item);

    item->kind = kind;
    item->id = arena_copy(t->arena, id);
    list_push_back(&t->run->dropped_items, &item->node);
    t->run->dirty = true;
}

struct rpc_fairness priority_fairness(const char *key, float weight)
{
    static const float most = 1000000, least = 0.001F;
    const float weighs = weight > most ? most : weight < least ? least : weight;
    struct rpc_fairness fairness = {.key = slice_str(key)};

    if (fairness.key.len > RPC_FAIRNESS_KEY_MAX)
        fairness.key.len = RPC_FAIRNESS_KEY_MAX;
    if (weight > 0)
        fairness.weight_milli = (int32_t)(weighs * 1000 + 0.5F);
    return fairness;
}

struct rpc_fairness run_fairness(const struct run *run, struct arena *arena)
{
    const api_priority *priority =
        run->priority.len ? engine_decode(arena, &api_priority__desc, bytes_slice(run->priority))
                          : NULL;

    return priority ? priority_fairness(priority->fairness_key, priority->fairness_weight)
                    : (struct rpc_fairness){0};
}

int32_t run_priority(const struct run *run)
{
    /* Priority{priority_key = 1, ...} */
    const uint64_t key = wire_find_number(bytes_slice(run->priority), 1);

    return key >= 1 && key <= 5 ? (int32_t)key : PRIORITY_DEFAULT;
}
