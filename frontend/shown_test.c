/* shown_test.c - what is left out of each kind of answer, by attributes of three names. */
#include "tests/lib/test.h"

#include "frontend/shown.h"

typedef api_search_attributes_indexed_fields_entry field_type;
typedef api_payload_metadata_entry metadata_type;

static const char *type_of(void *arg, struct slice name)
{
    UNUSED(arg);
    return slice_eq(name, SLICE_LIT("Mine")) ? "Keyword" : NULL;
}

static field_type *field(struct arena *arena, const char *name, const char *type, const char *json)
{
    field_type *out = ARENA_NEW(arena, field_type);
    metadata_type *entry = ARENA_NEW(arena, metadata_type);

    *out = (field_type)API_SEARCH_ATTRIBUTES_INDEXED_FIELDS_ENTRY_INIT;
    out->key = arena_str(arena, slice_str(name));
    out->value = ARENA_NEW(arena, api_payload);
    *out->value = (api_payload)API_PAYLOAD_INIT;
    out->value->data.data = (uint8_t *)arena_str(arena, slice_str(json));
    out->value->data.len = strlen(json);
    if (!type)
        return out;
    *entry = (metadata_type)API_PAYLOAD_METADATA_ENTRY_INIT;
    entry->key = arena_str(arena, SLICE_LIT("type"));
    entry->value.data = (uint8_t *)arena_str(arena, slice_str(type));
    entry->value.len = strlen(type);
    out->value->metadata = ARENA_ARRAY(arena, metadata_type *, 1);
    out->value->metadata[out->value->n_metadata++] = entry;
    return out;
}

/* SearchAttributes of the names, each with its type and its value after it. */
static api_search_attributes *attributes(struct arena *arena, size_t count,
                                         const char *const named[][3])
{
    api_search_attributes *out = ARENA_NEW(arena, api_search_attributes);

    *out = (api_search_attributes)API_SEARCH_ATTRIBUTES_INIT;
    out->indexed_fields = ARENA_ARRAY(arena, field_type *, count + 1);
    for (size_t i = 0; i < count; i++)
        out->indexed_fields[out->n_indexed_fields++] =
            field(arena, named[i][0], named[i][1], named[i][2]);
    return out;
}

static const char *const all[][3] = {
    {"Mine", "Keyword", "\"a\""},    {"Gone", "Keyword", "\"a\""}, {"Mine", "Int", "7"},
    {"Mine", "Text", "\"a b\""},     {"Mine", NULL, "7"},          {"BatcherUser", "Text", "\"a\""},
    {"ExecutionDuration", NULL, "1"}};
static const char *const left[][3] = {{"Mine", "Keyword", "\"a\""},
                                      {"Mine", "Text", "\"a b\""},
                                      {"Mine", NULL, "7"},
                                      {"BatcherUser", "Text", "\"a\""},
                                      {"ExecutionDuration", NULL, "1"}};

/* What lists have. */
static const char *const listed[][3] = {{"Mine", "Keyword", "\"a\""},
                                        {"Mine", "Keyword", "\"a b\""},
                                        {"Mine", NULL, "7"},
                                        {"BatcherUser", "Text", "\"a\""},
                                        {"ExecutionDuration", NULL, "1"}};

static struct slice info(struct arena *arena, api_search_attributes *of)
{
    api_workflow_execution_info message = API_WORKFLOW_EXECUTION_INFO_INIT;

    message.history_length = 7; /* stands behind what is left out */
    message.search_attributes = of;
    return proto_encode(arena, &message);
}

TEST(shown_leaves_out_what_the_namespace_does_not_have)
{
    struct arena arena;

    arena_init(&arena);
    const struct slice before = info(&arena, attributes(&arena, COUNT_OF(all), all)),
                       after = info(&arena, attributes(&arena, COUNT_OF(listed), listed));
    check(slice_eq(fe_shown_part(&arena, FE_SHOWN_INFO, before, type_of, NULL), after));
    check(fe_shown_part(&arena, FE_SHOWN_INFO, after, type_of, NULL).ptr == after.ptr);
    check(fe_shown_part(&arena, FE_SHOWN_ALL, before, type_of, NULL).ptr == before.ptr);
    arena_release(&arena);
}

static api_history_event *event(struct arena *arena, int kind, api_search_attributes *of)
{
    api_history_event *out = ARENA_NEW(arena, api_history_event);

    *out = (api_history_event)API_HISTORY_EVENT_INIT;
    out->event_id = kind + 1;
    if (kind == 0) {
        out->attributes_case =
            TEMPORAL__API__HISTORY__V1__HISTORY_EVENT__ATTRIBUTES_WORKFLOW_EXECUTION_STARTED_EVENT_ATTRIBUTES;
        out->workflow_execution_started_event_attributes =
            ARENA_NEW(arena, api_workflow_execution_started_event_attributes);
        *out->workflow_execution_started_event_attributes =
            (api_workflow_execution_started_event_attributes)
                API_WORKFLOW_EXECUTION_STARTED_EVENT_ATTRIBUTES_INIT;
        out->workflow_execution_started_event_attributes->search_attributes = of;
    } else if (kind == 1) {
        out->attributes_case =
            TEMPORAL__API__HISTORY__V1__HISTORY_EVENT__ATTRIBUTES_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES_EVENT_ATTRIBUTES;
        out->upsert_workflow_search_attributes_event_attributes =
            ARENA_NEW(arena, api_upsert_workflow_search_attributes_event_attributes);
        *out->upsert_workflow_search_attributes_event_attributes =
            (api_upsert_workflow_search_attributes_event_attributes)
                API_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES_EVENT_ATTRIBUTES_INIT;
        out->upsert_workflow_search_attributes_event_attributes->search_attributes = of;
    } else if (kind == 2) {
        out->attributes_case =
            TEMPORAL__API__HISTORY__V1__HISTORY_EVENT__ATTRIBUTES_START_CHILD_WORKFLOW_EXECUTION_INITIATED_EVENT_ATTRIBUTES;
        out->start_child_workflow_execution_initiated_event_attributes =
            ARENA_NEW(arena, api_start_child_workflow_execution_initiated_event_attributes);
        *out->start_child_workflow_execution_initiated_event_attributes =
            (api_start_child_workflow_execution_initiated_event_attributes)
                API_START_CHILD_WORKFLOW_EXECUTION_INITIATED_EVENT_ATTRIBUTES_INIT;
        out->start_child_workflow_execution_initiated_event_attributes->search_attributes = of;
    } else {
        out->attributes_case =
            TEMPORAL__API__HISTORY__V1__HISTORY_EVENT__ATTRIBUTES_WORKFLOW_EXECUTION_CONTINUED_AS_NEW_EVENT_ATTRIBUTES;
        out->workflow_execution_continued_as_new_event_attributes =
            ARENA_NEW(arena, api_workflow_execution_continued_as_new_event_attributes);
        *out->workflow_execution_continued_as_new_event_attributes =
            (api_workflow_execution_continued_as_new_event_attributes)
                API_WORKFLOW_EXECUTION_CONTINUED_AS_NEW_EVENT_ATTRIBUTES_INIT;
        out->workflow_execution_continued_as_new_event_attributes->search_attributes = of;
    }
    return out;
}

/* A history with the attributes in each of the four events that have any. */
static api_history *history(struct arena *arena, size_t count, const char *const named[][3])
{
    api_history *out = ARENA_NEW(arena, api_history);

    *out = (api_history)API_HISTORY_INIT;
    out->events = ARENA_ARRAY(arena, api_history_event *, 4);
    for (int kind = 0; kind < 4; kind++)
        out->events[out->n_events++] = event(arena, kind, attributes(arena, count, named));
    return out;
}

static struct slice answer(struct arena *arena, enum fe_shown what, size_t count,
                           const char *const named[][3])
{
    api_get_workflow_execution_history_response events =
        API_GET_WORKFLOW_EXECUTION_HISTORY_RESPONSE_INIT;
    api_get_workflow_execution_history_reverse_response reversed =
        API_GET_WORKFLOW_EXECUTION_HISTORY_REVERSE_RESPONSE_INIT;
    api_poll_workflow_task_queue_response task = API_POLL_WORKFLOW_TASK_QUEUE_RESPONSE_INIT;
    api_respond_workflow_task_completed_response completed =
        API_RESPOND_WORKFLOW_TASK_COMPLETED_RESPONSE_INIT;
    api_describe_workflow_execution_response described =
        API_DESCRIBE_WORKFLOW_EXECUTION_RESPONSE_INIT;
    api_workflow_execution_info of_run = API_WORKFLOW_EXECUTION_INFO_INIT;
    api_history *of = history(arena, count, named);
    api_data_blob blob = API_DATA_BLOB_INIT, *blobs[] = {&blob};
    const struct slice raw = proto_encode(arena, of);

    events.history = reversed.history = task.history = of;
    blob.data = (ProtobufCBinaryData){raw.len, ARENA_ARRAY(arena, uint8_t, raw.len)};
    memcpy(blob.data.data, raw.ptr, raw.len);
    events.raw_history = blobs;
    events.n_raw_history = 1;
    task.attempt = 3;
    completed.workflow_task = &task;
    of_run.search_attributes = attributes(arena, count, named);
    described.workflow_execution_info = &of_run;
    switch (what) {
    case FE_SHOWN_EVENTS:
        return proto_encode(arena, &events);
    case FE_SHOWN_REVERSED:
        return proto_encode(arena, &reversed);
    case FE_SHOWN_TASK:
        return proto_encode(arena, &task);
    case FE_SHOWN_COMPLETED:
        return proto_encode(arena, &completed);
    case FE_SHOWN_DESCRIBED:
        return proto_encode(arena, &described);
    case FE_SHOWN_ALL:
    case FE_SHOWN_INFO:
        break;
    }
    return SLICE_EMPTY;
}

TEST(shown_finds_attributes_in_every_answer)
{
    for (int what = FE_SHOWN_DESCRIBED; what <= FE_SHOWN_COMPLETED; what++) {
        struct arena arena;

        arena_init(&arena);
        const struct slice before = answer(&arena, (enum fe_shown)what, COUNT_OF(all), all),
                           after = answer(&arena, (enum fe_shown)what, COUNT_OF(left), left);
        check(before.len > after.len);
        check(slice_eq(fe_shown_part(&arena, (enum fe_shown)what, before, type_of, NULL), after));
        arena_release(&arena);
    }
}
