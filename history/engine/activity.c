/* activity.c - pending activities: life, stored form, what is due when, their task rows. */
#include "history/engine/activity.h"

#include "common/proto/wire.h"
#include "history/engine/activity_int.h"

#include <stdlib.h>

/* -- life ----------------------------------------------------------------------------------- */

struct activity *activity_new(int64_t scheduled_event_id)
{
    struct activity *activity = calloc(1, sizeof *activity);

    must(activity != NULL);
    activity->scheduled_event_id = scheduled_event_id;
    activity->state = ACTIVITY_SCHEDULED;
    activity->attempt = 1;
    list_init(&activity->changed);
    list_init(&activity->due);
    return activity;
}

/* Every struct bytes of an activity: to free and to count them. */
#define ACTIVITY_BYTES(X)                                                                          \
    X(activity_id)                                                                                 \
    X(activity_type)                                                                               \
    X(task_queue)                                                                                  \
    X(retry_policy)                                                                                \
    X(input)                                                                                       \
    X(header)                                                                                      \
    X(priority)                                                                                    \
    X(identity)                                                                                    \
    X(last_identity)                                                                               \
    X(heartbeat_details)                                                                           \
    X(last_failure)                                                                                \
    X(original_options)                                                                            \
    X(pause_identity)                                                                              \
    X(pause_reason)                                                                                \
    X(pause_request_id)

void activity_free(struct activity *activity)
{
    if (!activity)
        return;
#define CLEAR(field) bytes_clear(&activity->field);
    ACTIVITY_BYTES(CLEAR)
#undef CLEAR
    free(activity);
}

size_t activity_bytes(const struct activity *activity)
{
    size_t sum = sizeof *activity;

#define ADD(field) sum += activity->field.len;
    ACTIVITY_BYTES(ADD)
#undef ADD
    return sum;
}

static void keep_encoded(struct arena *arena, struct bytes *out, bool *empty, const void *message)
{
    bytes_set(out, message ? proto_encode(arena, message) : SLICE_EMPTY);
    *empty = message && out->len == 0;
}

void activity_set_input(struct activity *activity, struct arena *arena, const api_payloads *input,
                        const api_header *header)
{
    keep_encoded(arena, &activity->input, &activity->input_empty, input);
    keep_encoded(arena, &activity->header, &activity->header_empty, header);
}

void activity_set_details(struct activity *activity, struct arena *arena,
                          const api_payloads *details)
{
    keep_encoded(arena, &activity->heartbeat_details, &activity->details_empty, details);
}

void activity_splice_details(const struct activity *activity, struct arena *arena,
                             ProtobufCMessage *message, uint32_t number)
{
    message_splice(arena, message, number, bytes_slice(activity->heartbeat_details));
    if (activity->details_empty)
        message_splice_empty(arena, message, number);
}

int activity_by_event_id(const void *left, const void *right)
{
    const struct activity *const *a = left, *const *b = right;

    return (*a)->scheduled_event_id < (*b)->scheduled_event_id ? -1 : 1;
}

struct activity *run_activity(const struct run *run, int64_t scheduled_event_id)
{
    struct map_node *node = map_get_u64(&run->activities, (uint64_t)scheduled_event_id);

    return node ? CONTAINER_OF(node, struct activity, node) : NULL;
}

struct activity *run_activity_by_id(const struct run *run, struct slice activity_id)
{
    struct map_node *node = map_get(&run->activity_ids, activity_id);

    return node ? CONTAINER_OF(node, struct activity, id_node) : NULL;
}

static void forget_id(struct run *run, struct activity *activity)
{
    if (activity->id_known)
        map_remove(&run->activity_ids, &activity->id_node);
    activity->id_known = false;
}

static void set_deadline(struct run *run, struct activity *activity)
{
    const int64_t due_ns = activity_deadline_ns(activity);

    if (due_ns == activity->deadline.at && (due_ns == 0 || activity->deadline.index != 0))
        return;
    heap_remove(&run->activity_deadlines, &activity->deadline);
    activity->deadline.at = 0;
    if (due_ns != 0)
        heap_add(&run->activity_deadlines, &activity->deadline, due_ns);
}

void run_activity_count(struct run *run, struct activity *activity)
{
    run->activities_bytes -= activity->counted_bytes;
    activity->counted_bytes = activity_bytes(activity);
    run->activities_bytes += activity->counted_bytes;
}

void run_activity_put(struct run *run, struct activity *activity)
{
    struct activity *before = run_activity_by_id(run, bytes_slice(activity->activity_id));

    if (before) /* its end waits in the buffer: the id means the new one */
        forget_id(run, before);
    map_put(&run->activity_ids, bytes_slice(activity->activity_id), &activity->id_node);
    activity->id_known = true;
    map_put_u64(&run->activities, (uint64_t)activity->scheduled_event_id, &activity->node);
    run_activity_count(run, activity);
    set_deadline(run, activity);
}

void run_activity_remove(struct run *run, struct activity *activity)
{
    forget_id(run, activity);
    run->activities_bytes -= activity->counted_bytes;
    activity->counted_bytes = 0;
    map_remove(&run->activities, &activity->node);
    heap_remove(&run->activity_deadlines, &activity->deadline);
    list_remove(&activity->changed);
}

void run_activity_changed(struct run *run, struct activity *activity)
{
    set_deadline(run, activity);
    run_activity_count(run, activity);
    if (list_empty(&activity->changed))
        list_push_back(&run->changed_activities, &activity->changed);
}

/* -- policy and priority -------------------------------------------------------------------- */

static void retry_policy_read(struct activity *activity, const api_retry_policy *policy)
{
    activity->has_retry = true;
    activity->retry_initial_ns = proto_duration_ns_clip(policy->initial_interval);
    activity->retry_max_interval_ns = proto_duration_ns_clip(policy->maximum_interval);
    activity->retry_coefficient = policy->backoff_coefficient;
    activity->retry_max_attempts = policy->maximum_attempts;
}

void activity_set_retry_policy(struct activity *activity, struct arena *scratch,
                               const api_retry_policy *policy)
{
    bytes_set(&activity->retry_policy, proto_encode(scratch, policy));
    retry_policy_read(activity, policy);
}

api_retry_policy *activity_retry_policy(struct arena *arena, const struct activity *activity)
{
    api_retry_policy *policy = NULL;

    if (activity->retry_policy.len == 0)
        return NULL;
    const enum err err = proto_decode(arena, &api_retry_policy__desc,
                                      bytes_slice(activity->retry_policy), &policy, NULL);
    must(err == ERR_OK);
    return policy;
}

api_priority *activity_priority(struct arena *arena, struct slice encoded)
{
    api_priority *priority = NULL;

    if (encoded.len == 0)
        return NULL;
    const enum err err = proto_decode(arena, &api_priority__desc, encoded, &priority, NULL);
    must(err == ERR_OK);
    return priority;
}

api_priority *activity_effective_priority(struct arena *arena, const struct run *run,
                                          const struct activity *activity)
{
    api_priority *base = activity_priority(arena, bytes_slice(run->priority));
    api_priority *own = activity_priority(arena, bytes_slice(activity->priority));

    if (!base || !own)
        return base ? base : own;
    if (own->priority_key == 0)
        own->priority_key = base->priority_key;
    if (own->fairness_key[0] == '\0')
        own->fairness_key = base->fairness_key;
    if (!(own->fairness_weight > 0))
        own->fairness_weight = base->fairness_weight;
    return own;
}

/* -- time ----------------------------------------------------------------------------------- */

static int64_t due_after(int64_t from_ns, int64_t span_ns)
{
    int64_t due_ns = 0;

    if (span_ns <= 0)
        return 0;
    return __builtin_add_overflow(from_ns, span_ns, &due_ns) ? INT64_MAX : due_ns;
}

int64_t activity_timeout_due_ns(const struct activity *activity, int32_t timeout_type)
{
    const bool started = activity->state == ACTIVITY_STARTED;

    if (activity->paused_ns != 0) /* Spec: no time-out of a paused activity runs */
        return 0;
    switch (timeout_type) {
    case TIMEOUT_TYPE_SCHEDULE_TO_CLOSE:
        return due_after(activity->first_scheduled_ns, activity->schedule_to_close_ns);
    case TIMEOUT_TYPE_SCHEDULE_TO_START: /* of a later attempt: from the end of its back-off */
        return started ? 0 : due_after(activity->scheduled_ns, activity->schedule_to_start_ns);
    case TIMEOUT_TYPE_START_TO_CLOSE:
        return started ? due_after(activity->started_ns, activity->start_to_close_ns) : 0;
    default: {
        const int64_t last_ns = activity->last_heartbeat_ns > activity->started_ns
                                    ? activity->last_heartbeat_ns
                                    : activity->started_ns;

        must(timeout_type == TIMEOUT_TYPE_HEARTBEAT);
        return started ? due_after(last_ns, activity->heartbeat_ns) : 0;
    }
    }
}

int64_t activity_backoff_end_ns(const struct activity *activity)
{
    const bool waits = activity->state == ACTIVITY_BACKING_OFF && activity->paused_ns == 0;

    return waits && !activity->held ? activity->scheduled_ns : 0;
}

int64_t activity_deadline_ns(const struct activity *activity)
{
    int64_t next_ns = activity_backoff_end_ns(activity);

    for (int32_t type = TIMEOUT_TYPE_START_TO_CLOSE; type <= TIMEOUT_TYPE_HEARTBEAT; type++) {
        const int64_t due_ns = activity_timeout_due_ns(activity, type);

        if (due_ns != 0 && (next_ns == 0 || due_ns < next_ns))
            next_ns = due_ns;
    }
    return next_ns;
}

/* -- task rows, and the end ----------------------------------------------------------------- */

static int32_t task_priority(struct transition *t, const struct activity *activity)
{
    enum { PRIORITY_LAST = 5 };
    const api_priority *priority = activity_effective_priority(t->arena, t->run, activity);

    if (!priority || priority->priority_key == 0)
        return PRIORITY_DEFAULT;
    return priority->priority_key > PRIORITY_LAST ? PRIORITY_LAST : priority->priority_key;
}

static struct rpc_fairness task_fairness(struct transition *t, const struct activity *activity)
{
    const api_priority *priority = activity_effective_priority(t->arena, t->run, activity);

    return priority ? priority_fairness(priority->fairness_key, priority->fairness_weight)
                    : (struct rpc_fairness){0};
}

void activity_task_add(struct transition *t, struct activity *activity)
{
    must(activity->row_seq == 0 && activity->state != ACTIVITY_STARTED);
    must(activity->paused_ns == 0);
    activity->state = ACTIVITY_SCHEDULED;
    activity->held = false;
    activity->row_seq = ++*t->row_seq;
    run_activity_changed(t->run, activity);
    transition_task_add(t,
                        &(struct task_change){
                            .add = true,
                            .kind = TASK_ACTIVITY,
                            .row_seq = activity->row_seq,
                            .task_queue = arena_copy(t->arena, bytes_slice(activity->task_queue)),
                            .scheduled_event_id = activity->scheduled_event_id,
                            .attempt = activity->attempt,
                            .priority = task_priority(t, activity),
                            .fairness = task_fairness(t, activity),
                        });
}

void activity_task_drop(struct transition *t, struct activity *activity)
{
    if (activity->row_seq == 0)
        return;
    transition_task_drop(t, TASK_ACTIVITY, false, activity->row_seq,
                         arena_copy(t->arena, bytes_slice(activity->task_queue)),
                         task_priority(t, activity));
    activity->row_seq = 0;
    run_activity_changed(t->run, activity);
}

struct activity **activity_tasks_hold(struct transition *t, size_t *count)
{
    const struct map *map = &t->run->activities;
    struct activity **held = ARENA_ARRAY(t->arena, struct activity *, map->count + 1);

    *count = 0;
    for (struct map_node *it = map_next(map, NULL); it; it = map_next(map, it)) {
        struct activity *activity = CONTAINER_OF(it, struct activity, node);

        if (activity->row_seq == 0)
            continue;
        activity_task_drop(t, activity);
        held[(*count)++] = activity;
    }
    if (*count > 0)
        qsort(held, *count, sizeof *held, activity_by_event_id);
    return held;
}

void activity_tasks_offer(struct transition *t, struct activity **held, size_t count)
{
    for (size_t i = 0; i < count; i++)
        activity_task_add(t, held[i]);
}

void activity_end(struct transition *t, struct activity *activity)
{
    uint8_t *id = arena_alloc(t->arena, sizeof(uint64_t));

    activity_task_drop(t, activity);
    be64_put(id, (uint64_t)activity->scheduled_event_id);
    run_drop_item(t, ITEM_ACTIVITY, slice_of(id, sizeof(uint64_t)));
    if (activity_has_input(activity))
        run_drop_item(t, ITEM_ACTIVITY_INPUT, slice_of(id, sizeof(uint64_t)));
    run_activity_remove(t->run, activity);
    activity_free(activity);
}

void engine_withdraw_activities(struct transition *t)
{
    for (struct map_node *it = map_next(&t->run->activities, NULL); it;
         it = map_next(&t->run->activities, it))
        activity_task_drop(t, CONTAINER_OF(it, struct activity, node));
}

int64_t activity_write_started(struct transition *t, struct activity *activity,
                               api_worker_version_stamp *stamp)
{
    char request_id[UUID_TEXT_LEN + 1];
    uint8_t id[16];

    if (activity->state != ACTIVITY_STARTED)
        return 0;
    api_history_event *event = NULL;
    api_activity_task_started_event_attributes *a =
        engine_event(t, EVENT_TYPE_ACTIVITY_TASK_STARTED, &event);
    a->scheduled_event_id = activity->scheduled_event_id;
    a->identity = transition_str(t, bytes_slice(activity->identity));
    a->attempt = activity->attempt;
    a->worker_version = stamp;
    if (activity->poll_id != 0) { /* completed by its id before it started: there was no poll */
        be64_put(id, activity->poll_id);
        be64_put(id + 8, activity->start_id);
        uuid_format(id, request_id);
        a->request_id = transition_str(t, slice_str(request_id));
    }
    message_splice(t->arena, &a->base, FIELD_STARTED_LAST_FAILURE,
                   bytes_slice(activity->last_failure));
    event->event_time = transition_timestamp(t, activity->started_ns);
    return transition_event_or_buffer(t, event);
}

void activity_write_canceled(struct transition *t, struct activity *activity, api_payloads *details,
                             char *identity)
{
    api_history_event *event = NULL;
    api_activity_task_canceled_event_attributes *a =
        engine_event(t, EVENT_TYPE_ACTIVITY_TASK_CANCELED, &event);

    must(activity->cancel_requested_event_id != 0);
    a->details = details;
    a->latest_cancel_requested_event_id = activity->cancel_requested_event_id;
    a->started_event_id = activity_write_started(t, activity, NULL);
    a->scheduled_event_id = activity->scheduled_event_id;
    if (identity)
        a->identity = identity;
    (void)transition_event_or_buffer(t, event);
}

/* -- stored form ---------------------------------------------------------------------------- */

enum activity_key {
    KEY_SCHEDULED_EVENT_ID = 1,
    KEY_ACTIVITY_ID = 2,
    KEY_ACTIVITY_TYPE = 3,
    KEY_TASK_QUEUE = 4,
    KEY_SCHEDULE_TO_CLOSE = 5,
    KEY_SCHEDULE_TO_START = 6,
    KEY_START_TO_CLOSE = 7,
    KEY_HEARTBEAT = 8,
    KEY_RETRY_POLICY = 9,
    KEY_INPUT = 10,  /* of the input's row, so is ... */
    KEY_HEADER = 11, /* ... this one */
    KEY_PRIORITY = 12,
    KEY_FIRST_SCHEDULED = 13,
    KEY_CANCEL_REQUESTED_EVENT_ID = 14,
    KEY_STATE = 15, /* enum activity_state + 1 */
    KEY_ATTEMPT = 16,
    KEY_SCHEDULED = 17,
    KEY_STARTED = 18,
    KEY_LAST_HEARTBEAT = 19,
    KEY_LAST_ATTEMPT_COMPLETE = 20,
    KEY_ROW_SEQ = 21,
    KEY_START_ID = 22,
    KEY_POLL_ID = 23,
    KEY_IDENTITY = 24,
    KEY_LAST_IDENTITY = 25,
    KEY_HEARTBEAT_DETAILS = 26,
    KEY_LAST_FAILURE = 27,
    KEY_RETRY_EXPIRES = 29,
    KEY_ORIGINAL_OPTIONS = 30,
    KEY_PAUSED = 31,
    KEY_PAUSE_IDENTITY = 32,
    KEY_PAUSE_REASON = 33,
    KEY_PAUSE_REQUEST_ID = 34,
    KEY_HELD = 35,
    KEY_RESET = 36,
    KEY_RESET_HEARTBEAT = 37,
    KEY_INPUT_EMPTY = 38,
    KEY_HEADER_EMPTY = 39,
    KEY_DETAILS_EMPTY = 40,
};

static const struct {
    enum activity_key key;
    size_t offset;
} bytes_fields[] =
    {
        {KEY_ACTIVITY_ID, offsetof(struct activity, activity_id)},
        {KEY_ACTIVITY_TYPE, offsetof(struct activity, activity_type)},
        {KEY_TASK_QUEUE, offsetof(struct activity, task_queue)},
        {KEY_RETRY_POLICY, offsetof(struct activity, retry_policy)},
        {KEY_PRIORITY, offsetof(struct activity, priority)},
        {KEY_IDENTITY, offsetof(struct activity, identity)},
        {KEY_LAST_IDENTITY, offsetof(struct activity, last_identity)},
        {KEY_HEARTBEAT_DETAILS, offsetof(struct activity, heartbeat_details)},
        {KEY_LAST_FAILURE, offsetof(struct activity, last_failure)},
        {KEY_ORIGINAL_OPTIONS, offsetof(struct activity, original_options)},
        {KEY_PAUSE_IDENTITY, offsetof(struct activity, pause_identity)},
        {KEY_PAUSE_REASON, offsetof(struct activity, pause_reason)},
        {KEY_PAUSE_REQUEST_ID, offsetof(struct activity, pause_request_id)},
},
  i64_fields[] = {
      {KEY_SCHEDULED_EVENT_ID, offsetof(struct activity, scheduled_event_id)},
      {KEY_SCHEDULE_TO_CLOSE, offsetof(struct activity, schedule_to_close_ns)},
      {KEY_SCHEDULE_TO_START, offsetof(struct activity, schedule_to_start_ns)},
      {KEY_START_TO_CLOSE, offsetof(struct activity, start_to_close_ns)},
      {KEY_HEARTBEAT, offsetof(struct activity, heartbeat_ns)},
      {KEY_FIRST_SCHEDULED, offsetof(struct activity, first_scheduled_ns)},
      {KEY_CANCEL_REQUESTED_EVENT_ID, offsetof(struct activity, cancel_requested_event_id)},
      {KEY_SCHEDULED, offsetof(struct activity, scheduled_ns)},
      {KEY_STARTED, offsetof(struct activity, started_ns)},
      {KEY_LAST_HEARTBEAT, offsetof(struct activity, last_heartbeat_ns)},
      {KEY_LAST_ATTEMPT_COMPLETE, offsetof(struct activity, last_attempt_complete_ns)},
      {KEY_RETRY_EXPIRES, offsetof(struct activity, retry_expires_ns)},
      {KEY_PAUSED, offsetof(struct activity, paused_ns)},
};
static const struct {
    enum activity_key key;
    size_t offset;
} bool_fields[] = {
    {KEY_HELD, offsetof(struct activity, held)},
    {KEY_RESET, offsetof(struct activity, reset)},
    {KEY_RESET_HEARTBEAT, offsetof(struct activity, reset_heartbeat)},
    {KEY_INPUT_EMPTY, offsetof(struct activity, input_empty)},
    {KEY_HEADER_EMPTY, offsetof(struct activity, header_empty)},
    {KEY_DETAILS_EMPTY, offsetof(struct activity, details_empty)},
};

/* Fields that are empty or 0 are left out. */
void activity_encode(const struct activity *activity, struct buf *out)
{
    struct rec_writer w;
    const char *base = (const char *)activity;

    must(activity->scheduled_event_id > 0 && activity->attempt >= 1);
    rec_begin(&w, out);
    for (size_t i = 0; i < COUNT_OF(i64_fields); i++) {
        const int64_t *value = (const void *)(base + i64_fields[i].offset);

        if (*value != 0)
            rec_put_i64(&w, i64_fields[i].key, *value);
    }
    for (size_t i = 0; i < COUNT_OF(bytes_fields); i++) {
        const struct bytes *value = (const void *)(base + bytes_fields[i].offset);

        if (value->len != 0)
            rec_put_bytes(&w, bytes_fields[i].key, bytes_slice(*value));
    }
    rec_put_u64(&w, KEY_STATE, (uint64_t)activity->state + 1);
    rec_put_i64(&w, KEY_ATTEMPT, activity->attempt);
    if (activity->row_seq)
        rec_put_u64(&w, KEY_ROW_SEQ, activity->row_seq);
    if (activity->start_id)
        rec_put_u64(&w, KEY_START_ID, activity->start_id);
    if (activity->poll_id)
        rec_put_u64(&w, KEY_POLL_ID, activity->poll_id);
    for (size_t i = 0; i < COUNT_OF(bool_fields); i++) {
        const bool *value = (const void *)(base + bool_fields[i].offset);

        if (*value)
            rec_put_bool(&w, bool_fields[i].key, true);
    }
    rec_end(&w);
}

bool activity_has_input(const struct activity *activity)
{
    return activity->input.len > 0 || activity->header.len > 0;
}

void activity_encode_input(const struct activity *activity, struct buf *out)
{
    struct rec_writer w;

    rec_begin(&w, out);
    rec_put_bytes(&w, KEY_INPUT, bytes_slice(activity->input));
    rec_put_bytes(&w, KEY_HEADER, bytes_slice(activity->header));
    rec_end(&w);
}

enum err activity_decode_input(struct arena *scratch, struct slice bytes, struct activity *activity)
{
    struct rec r;
    const enum err err = rec_decode(scratch, bytes, &r);

    if (err != ERR_OK)
        return err;
    bytes_set(&activity->input, rec_bytes(&r, KEY_INPUT));
    bytes_set(&activity->header, rec_bytes(&r, KEY_HEADER));
    return r.malformed ? ERR_CORRUPT : ERR_OK;
}

/* What later steps decode without asking must be well-formed. */
static bool decoded_ok(struct activity *activity, struct arena *scratch)
{
    const struct slice policy_bytes = bytes_slice(activity->retry_policy);
    api_retry_policy *policy = NULL;
    api_priority *priority = NULL;
    api_activity_options *original = NULL;

    if (activity->scheduled_event_id <= 0 || activity->attempt < 1 ||
        proto_decode(scratch, &api_priority__desc, bytes_slice(activity->priority), &priority,
                     NULL) != ERR_OK ||
        proto_decode(scratch, &api_retry_policy__desc, policy_bytes, &policy, NULL) != ERR_OK ||
        proto_decode(scratch, &api_activity_options__desc, bytes_slice(activity->original_options),
                     &original, NULL) != ERR_OK)
        return false;
    if (policy_bytes.len > 0)
        retry_policy_read(activity, policy);
    return true;
}

enum err activity_decode(struct arena *scratch, struct slice bytes, struct activity **out)
{
    struct rec r;
    const enum err err = rec_decode(scratch, bytes, &r);
    if (err != ERR_OK)
        return err;

    struct activity *activity = activity_new(0);
    char *base = (char *)activity;
    for (size_t i = 0; i < COUNT_OF(i64_fields); i++)
        *(int64_t *)(void *)(base + i64_fields[i].offset) = rec_i64(&r, i64_fields[i].key, 0);
    for (size_t i = 0; i < COUNT_OF(bytes_fields); i++)
        bytes_set((struct bytes *)(void *)(base + bytes_fields[i].offset),
                  rec_bytes(&r, bytes_fields[i].key));
    const uint64_t state = rec_u64(&r, KEY_STATE, 0);
    const int64_t attempt = rec_i64(&r, KEY_ATTEMPT, 0);
    for (size_t i = 0; i < COUNT_OF(bool_fields); i++)
        *(bool *)(void *)(base + bool_fields[i].offset) = rec_bool(&r, bool_fields[i].key, false);
    activity->row_seq = rec_u64(&r, KEY_ROW_SEQ, 0);
    activity->start_id = rec_u64(&r, KEY_START_ID, 0);
    activity->poll_id = rec_u64(&r, KEY_POLL_ID, 0);
    if (state < 1 || state > ACTIVITY_STARTED + 1 || attempt > INT32_MAX || r.malformed)
        goto corrupt;
    activity->state = (enum activity_state)(state - 1);
    activity->attempt = (int32_t)attempt;
    if (!decoded_ok(activity, scratch))
        goto corrupt;
    *out = activity;
    return ERR_OK;

corrupt:
    activity_free(activity);
    return ERR_CORRUPT;
}
