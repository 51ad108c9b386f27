/* external_payloads_test.c - which payloads of events count, on bytes made here; what lists show.
 */
#include "history/engine/external_payloads.h"

#include "api.h"
#include "common/proto/wire.h"
#include "tests/lib/test.h"

static api_payload payload_of(api_payload_external_payload_details *details, int64_t size)
{
    static api_payload_external_payload_details *one[8];
    static size_t used;
    api_payload payload = API_PAYLOAD_INIT;

    *details = (api_payload_external_payload_details)API_PAYLOAD_EXTERNAL_PAYLOAD_DETAILS_INIT;
    details->size_bytes = size;
    one[used % COUNT_OF(one)] = details;
    payload.external_payloads = &one[used++ % COUNT_OF(one)];
    payload.n_external_payloads = 1;
    return payload;
}

static void counts(struct slice events, int64_t count, int64_t bytes)
{
    struct run run = {0};

    external_payloads_count(&run, events);
    check_i64(run.external_payload_count, count);
    check_i64(run.external_payload_bytes, bytes);
}

TEST(test_external_payloads_of_an_event_count_but_for_search_attributes)
{
    struct arena arena;
    api_payload_external_payload_details d[4];
    api_payload input = payload_of(&d[0], 100), summary = payload_of(&d[1], 0),
                attribute = payload_of(&d[2], 7), memo = payload_of(&d[3], 20),
                *inputs[] = {&input};
    api_payloads payloads = API_PAYLOADS_INIT;
    api_memo_fields_entry memo_entry = API_MEMO_FIELDS_ENTRY_INIT, *memo_entries[] = {&memo_entry};
    api_memo memo_fields = API_MEMO_INIT;
    api_search_attributes_indexed_fields_entry entry =
                                                   API_SEARCH_ATTRIBUTES_INDEXED_FIELDS_ENTRY_INIT,
                                               *entries[] = {&entry};
    api_search_attributes attributes = API_SEARCH_ATTRIBUTES_INIT;
    api_user_metadata metadata = API_USER_METADATA_INIT;
    api_workflow_execution_started_event_attributes started =
        API_WORKFLOW_EXECUTION_STARTED_EVENT_ATTRIBUTES_INIT;
    api_history_event event = API_HISTORY_EVENT_INIT, *events[] = {&event, &event};
    api_history history = API_HISTORY_INIT;
    char name[] = "name";

    arena_init(&arena);
    payloads.payloads = inputs;
    payloads.n_payloads = 1;
    memo_entry.key = entry.key = name;
    memo_entry.value = &memo;
    memo_fields.fields = memo_entries;
    memo_fields.n_fields = 1;
    entry.value = &attribute;
    attributes.indexed_fields = entries;
    attributes.n_indexed_fields = 1;
    metadata.summary = &summary;
    started.input = &payloads;
    started.memo = &memo_fields;
    started.search_attributes = &attributes;
    event.event_type = EVENT_TYPE_WORKFLOW_EXECUTION_STARTED;
    event.attributes_case =
        API_HISTORY_EVENT_ATTRIBUTES_WORKFLOW_EXECUTION_STARTED_EVENT_ATTRIBUTES;
    event.workflow_execution_started_event_attributes = &started;
    event.user_metadata = &metadata;
    history.events = events;
    history.n_events = 2;
    counts(proto_encode(&arena, &history), 6, 240);

    /* the sum ends at the bound */
    d[0].size_bytes = INT64_MAX;
    counts(proto_encode(&arena, &history), 6, INT64_MAX);

    /* nothing outside, whatever the bytes look like */
    input.n_external_payloads = summary.n_external_payloads = memo.n_external_payloads = 0;
    input.data.data = (uint8_t[]){0x1a, 0x02, 0x08, 0x01, 0x1a, 0x00, 0x1a};
    input.data.len = 7;
    counts(proto_encode(&arena, &history), 0, 0);
    arena_release(&arena);
}

/* Failures in failures, deeper than any request may be. */
TEST(test_external_payloads_behind_many_levels_are_not_looked_for)
{
    enum { LEVELS = 300 };
    struct arena arena;
    api_payload_external_payload_details d;
    api_payload payload = payload_of(&d, 5);
    api_failure_failure *innermost = NULL;

    arena_init(&arena);
    for (size_t i = 0; i < LEVELS; i++) {
        api_failure_failure *failure = ARENA_NEW(&arena, api_failure_failure);

        *failure = (api_failure_failure)API_FAILURE_FAILURE_INIT;
        failure->cause = innermost;
        if (i == 0 || i == LEVELS - 1)
            failure->encoded_attributes = &payload;
        innermost = failure;
    }
    api_workflow_execution_failed_event_attributes failed =
        API_WORKFLOW_EXECUTION_FAILED_EVENT_ATTRIBUTES_INIT;
    api_history_event event = API_HISTORY_EVENT_INIT, *events[] = {&event};
    api_history history = API_HISTORY_INIT;

    failed.failure = innermost;
    event.attributes_case = API_HISTORY_EVENT_ATTRIBUTES_WORKFLOW_EXECUTION_FAILED_EVENT_ATTRIBUTES;
    event.workflow_execution_failed_event_attributes = &failed;
    history.events = events;
    history.n_events = 1;
    counts(proto_encode(&arena, &history), 1, 5);
    arena_release(&arena);
}

TEST(test_external_payloads_are_listed_beside_other_attributes)
{
    struct run run = {.external_payload_count = 2, .external_payload_bytes = 300};
    struct arena arena;
    api_search_attributes *decoded;
    struct err_detail detail = {0};

    arena_init(&arena);
    struct slice bytes = external_payloads_attributes(&run, &arena, SLICE_LIT(""));
    bytes = external_payloads_attributes(&run, &arena, bytes);
    check_ok(proto_decode(&arena, &api_search_attributes__desc, bytes, &decoded, &detail));
    check_i64(decoded->n_indexed_fields, 4);
    check_str(decoded->indexed_fields[1]->key, "TemporalExternalPayloadSizeBytes");
    check_slice(slice_of(decoded->indexed_fields[1]->value->data.data,
                         decoded->indexed_fields[1]->value->data.len),
                SLICE_LIT("300"));
    run.external_payload_count = 0;
    check_i64(external_payloads_attributes(&run, &arena, SLICE_LIT("")).len, 0);
    arena_release(&arena);
}
