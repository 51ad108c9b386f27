/* completion_test.c - requests of completion callbacks byte by byte, and what answers mean. */
#include "common/nexus/completion.h"

#include "common/proto/json.h"
#include "tests/lib/test.h"

static char url[] = "http://host/x";

static const char *header(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (strcmp(request->headers[i].name, name) == 0)
            return request->headers[i].value;
    return "(none)";
}

static struct nexus_completion completion_of(const api_callback_nexus *callback,
                                             const api_history_event *closing)
{
    return (struct nexus_completion){
        .callback = callback,
        .closing = closing,
        .namespace_name = SLICE_LIT("a b"),
        .workflow_id = SLICE_LIT("w/\xc3\xa4$"),
        .run_id = "run",
        .start_ns = 1700000000 * NS_PER_S,
    };
}

TEST(test_nexus_tells_of_a_failure)
{
    static char message[] = "a \"b\"\n", type[] = "T", key[] = "user-agent", agent[] = "me";
    api_callback_nexus callback = API_CALLBACK_NEXUS_INIT;
    api_callback_nexus_header_entry entry = API_CALLBACK_NEXUS_HEADER_ENTRY_INIT;
    api_callback_nexus_header_entry *entries[] = {&entry};
    api_history_event event = API_HISTORY_EVENT_INIT;
    api_workflow_execution_failed_event_attributes failed =
        API_WORKFLOW_EXECUTION_FAILED_EVENT_ATTRIBUTES_INIT;
    api_failure_failure failure = API_FAILURE_FAILURE_INIT;
    api_application_failure_info info = API_APPLICATION_FAILURE_INFO_INIT;
    pb_timestamp time = PB_TIMESTAMP_INIT;
    pb_duration delay = PB_DURATION_INIT;
    struct http_request request;
    struct arena arena;

    arena_init(&arena);
    entry.key = key;
    entry.value = agent;
    callback.url = url;
    callback.n_header = 1;
    callback.header = entries;
    time.seconds = 1700000001;
    time.nanos = 120000000;
    delay.seconds = 1;
    delay.nanos = 500000;
    info.type = type;
    info.non_retryable = true;
    info.next_retry_delay = &delay;
    failure.message = message;
    failure.failure_info_case = API_FAILURE_FAILURE_INFO_APPLICATION_FAILURE_INFO;
    failure.application_failure_info = &info;
    failed.failure = &failure;
    event.event_type = EVENT_TYPE_WORKFLOW_EXECUTION_FAILED;
    event.event_time = &time;
    event.workflow_execution_failed_event_attributes = &failed;
    struct nexus_completion completion = completion_of(&callback, &event);
    check_ok(nexus_completion_request(&arena, &completion, &request));
    check_str(request.url, url);
    check_slice(request.body,
                SLICE_LIT("{\"message\":\"a \\\"b\\\"\\n\",\"metadata\":{\"type\":"
                          "\"temporal.api.failure.v1.Failure\"},\"details\":{"
                          "\"applicationFailureInfo\":{\"type\":\"T\",\"nonRetryable\":true,"
                          "\"nextRetryDelay\":\"1.000500s\"}}}"));
    check_str(header(&request, "Nexus-Operation-State"), "failed");
    check_str(header(&request, "Content-Type"), "application/json");
    check_str(header(&request, "User-Agent"), "me");
    check_str(header(&request, "Nexus-Operation-Start-Time"), "Tue, 14 Nov 2023 22:13:20 GMT");
    check_str(header(&request, "Nexus-Operation-Close-Time"), "2023-11-14T22:13:21.120Z");
    check_str(header(&request, "Nexus-Link"),
              "<temporal:///namespaces/a%20b/workflows/w%2F%C3%A4$/run/history?eventID=1"
              "&eventType=WorkflowExecutionStarted&referenceType=EventReference>; "
              "type=\"temporal.api.common.v1.Link.WorkflowEvent\"");
    completion.request_id = "a b";
    completion.request_event = "WorkflowExecutionOptionsUpdated";
    check_ok(nexus_completion_request(&arena, &completion, &request));
    check(strstr(header(&request, "Nexus-Link"),
                 "?eventType=WorkflowExecutionOptionsUpdated&referenceType=RequestIdReference"
                 "&requestID=a+b>") != NULL);
    arena_release(&arena);
}

TEST(test_nexus_tells_of_no_end_that_is_none)
{
    api_callback_nexus callback = API_CALLBACK_NEXUS_INIT;
    api_history_event event = API_HISTORY_EVENT_INIT;
    struct http_request request;
    struct arena arena;

    arena_init(&arena);
    event.event_type = EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW;
    const struct nexus_completion completion = completion_of(&callback, &event);
    check_err(nexus_completion_request(&arena, &completion, &request), ERR_INVALID);
    arena_release(&arena);
}

TEST(test_nexus_reads_answers)
{
    static const struct {
        struct http_answer answer;
        enum nexus_verdict verdict;
        const char *failure;
    } cases[] = {
        {{.status = 200}, NEXUS_DELIVERED, ""},
        {{.status = 204, .err = ERR_IO, .text = "EOF"}, NEXUS_DELIVERED, ""},
        {{.status = 200, .err = ERR_TIMEOUT, .text = "late"}, NEXUS_TRY_AGAIN, "Post \"u\": late"},
        {{.err = ERR_UNAVAILABLE, .text = "down"}, NEXUS_TRY_AGAIN, "Post \"u\": down"},
        {{.status = 400}, NEXUS_REFUSED, "handler error (BAD_REQUEST)"},
        {{.status = 400, .retryable = "TRUE"}, NEXUS_TRY_AGAIN, "handler error (BAD_REQUEST)"},
        {{.status = 503, .retryable = "false"}, NEXUS_REFUSED, "handler error (UNAVAILABLE)"},
        {{.status = 429}, NEXUS_TRY_AGAIN, "handler error (RESOURCE_EXHAUSTED)"},
        {{.status = 307, .reason = "307 Temporary Redirect"},
         NEXUS_TRY_AGAIN,
         "unexpected response status: \"307 Temporary Redirect\""},
        {{.status = 418,
          .reason = "418 Teapot",
          .content_type = "application/json; charset=utf-8",
          .body = {(const uint8_t *)"{\"message\":\"short\"}", 19}},
         NEXUS_TRY_AGAIN,
         "unexpected response status: \"418 Teapot\": short"},
        {{.status = 500,
          .content_type = "application/json",
          .body = {(const uint8_t *)"{\"metadata\":{\"type\":\"nexus.HandlerError\"},"
                                    "\"details\":{\"type\":\"NOT_FOUND\"}}",
                   73}},
         NEXUS_REFUSED,
         "handler error (NOT_FOUND)"},
        {{.status = 404,
          .content_type = "application/json",
          .body = {(const uint8_t *)"{\"metadata\":{\"type\":\"nexus.HandlerError\"},"
                                    "\"details\":{\"retryableOverride\":true}}",
                   79}},
         NEXUS_TRY_AGAIN,
         "handler error (INTERNAL)"},
        {{.status = 404, .content_type = "application/json", .body = {(const uint8_t *)"[1", 2}},
         NEXUS_REFUSED,
         "handler error (NOT_FOUND)"},
    };
    struct arena arena;

    arena_init(&arena);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct http_answer answer = cases[i].answer;
        const char *failure;

        answer.text = answer.text ? answer.text : "";
        answer.reason = answer.reason ? answer.reason : "";
        answer.content_type = answer.content_type ? answer.content_type : "";
        answer.retryable = answer.retryable ? answer.retryable : "";
        check_i64(nexus_completion_verdict(&arena, "u", &answer, &failure), cases[i].verdict);
        check_str(failure, cases[i].failure);
    }
    arena_release(&arena);
}

TEST(test_nexus_tells_how_an_update_ended)
{
    static char message[] = "no";
    api_callback_nexus callback = API_CALLBACK_NEXUS_INIT;
    api_history_event event = API_HISTORY_EVENT_INIT;
    api_workflow_execution_update_completed_event_attributes completed =
        API_WORKFLOW_EXECUTION_UPDATE_COMPLETED_EVENT_ATTRIBUTES_INIT;
    api_outcome outcome = API_OUTCOME_INIT;
    api_payloads result = API_PAYLOADS_INIT;
    api_failure_failure failure = API_FAILURE_FAILURE_INIT;
    pb_timestamp time = PB_TIMESTAMP_INIT;
    struct http_request request;
    struct arena arena;

    arena_init(&arena);
    callback.url = url;
    failure.message = message;
    event.event_type = EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED;
    event.event_time = &time;
    event.workflow_execution_update_completed_event_attributes = &completed;
    completed.outcome = &outcome;
    outcome.value_case = TEMPORAL__API__UPDATE__V1__OUTCOME__VALUE_SUCCESS;
    outcome.success = &result;
    struct nexus_completion completion = completion_of(&callback, &event);
    completion.of_update = true;
    check_ok(nexus_completion_request(&arena, &completion, &request));
    check_str(header(&request, "Nexus-Operation-State"), "succeeded");
    check(strstr(header(&request, "Nexus-Link"), "/run/history>; ") != NULL);

    completion.request_id = "r";
    completion.request_event = "WorkflowExecutionUpdateAccepted";
    outcome.value_case = TEMPORAL__API__UPDATE__V1__OUTCOME__VALUE_FAILURE;
    outcome.failure = &failure;
    check_ok(nexus_completion_request(&arena, &completion, &request));
    check_str(header(&request, "Nexus-Operation-State"), "failed");
    check_slice(request.body, SLICE_LIT("{\"message\":\"no\",\"metadata\":{\"type\":"
                                        "\"temporal.api.failure.v1.Failure\"},\"details\":{}}"));
    check(strstr(header(&request, "Nexus-Link"),
                 "/history?eventType=WorkflowExecutionUpdateAccepted&referenceType="
                 "RequestIdReference&requestID=r>") != NULL);

    completion.closing = NULL; /* it was rejected */
    completion.ended = &failure;
    check_ok(nexus_completion_request(&arena, &completion, &request));
    check_str(header(&request, "Nexus-Operation-State"), "failed");
    check_str(header(&request, "Nexus-Link"), "(none)");
    check_str(header(&request, "Nexus-Operation-Close-Time"), "(none)");
    arena_release(&arena);
}
