/* route_test.c - paths to methods, query strings into messages, Host patterns: tables, and random
 * damage. */
#include "frontend/http/route.h"

#include "api.h"
#include "common/base/rng.h"
#include "common/proto/json.h"
#include "common/proto/wire.h"
#include "frontend/http/cors.h"
#include "frontend/http/hosts.h"
#include "frontend/http/query.h"
#include "tests/lib/test.h"

#include <stdio.h>

/* "/path?query" as the method and the request's JSON; or what is wrong. */
static const char *ask(struct arena *arena, const char *verb, const char *text, bool whole)
{
    static const char *const wrong[] = {[HTTP_NOT_FOUND] = "not found",
                                        [HTTP_WRONG_VERB] = "wrong verb",
                                        [HTTP_MALFORMED] = "malformed"};
    static const struct json_style style = {0};
    const char *mark = strchr(text, '?');
    const struct slice path = slice_of(text, mark ? (size_t)(mark - text) : strlen(text));
    struct err_detail detail = {0};
    struct slice message = SLICE_EMPTY;
    struct http_query query;
    struct http_match match;
    struct buf out;
    void *decoded;

    const enum http_found found = http_route_find(arena, verb, path, whole, &match);
    if (found != HTTP_FOUND)
        return wrong[found];
    for (size_t i = 0; i < match.param_count; i++)
        message = http_set_param(arena, match.route->request, message, &match.params[i]);
    enum err err = http_query_parse(arena, slice_str(mark ? mark + 1 : ""), &query, &detail);
    if (err == ERR_OK)
        err = http_query_apply(arena, &match, &query, &message, &detail);
    if (err == ERR_OK)
        err = proto_decode(arena, match.route->request, message, &decoded, &detail);
    if (err != ERR_OK)
        return arena_printf(arena, "%s", detail.text);
    buf_init(&out, 0);
    buf_printf(&out, "%s ", strrchr(match.route->method, '/') + 1);
    check_ok(json_write_message(&out, decoded, &style, &detail));
    const char *result = arena_str(arena, buf_slice(&out));
    buf_release(&out);
    return result;
}

#define WORKFLOW "/api/v1/namespaces/n/workflows/w"

TEST(test_http_route_builds_the_request)
{
    static const struct {
        const char *verb, *path;
        bool whole;
        const char *result;
    } cases[] = {
        {"GET", "/system-info", true, "GetSystemInfo {}"},
        {"GET", "/api/v1/namespaces/a%20b", true, "DescribeNamespace {\"namespace\":\"a b\"}"},
        {"GET", "/api/v1/namespaces/a%2Fb", true, "not found"},
        {"GET", "/api/v1/namespaces/a%2Fb", false, "DescribeNamespace {\"namespace\":\"a/b\"}"},
        {"GET", "/api/v1/namespaces/%zz", true, "malformed"},
        {"GET", "nothing", true, "malformed"},
        {"GET", "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y/z", true, "not found"},
        {"PATCH", "/api/v1/namespaces", true, "wrong verb"},
        {"POST", "/api/v1/namespaces/n/activities/pause", false,
         "PauseActivity {\"namespace\":\"n\"}"},
        {"POST", "/api/v1/namespaces/n/activities/update-options", false,
         "UpdateActivityOptions {\"namespace\":\"n\"}"},
        {"POST", "/api/v1/namespaces/n/activities/pause", true,
         "StartActivityExecution {\"namespace\":\"n\",\"activityId\":\"pause\"}"},
        {"GET", WORKFLOW, true,
         "DescribeWorkflowExecution {\"namespace\":\"n\",\"execution\":{\"workflowId\":\"w\"}}"},
        {"GET", WORKFLOW "?execution.run_id=r&execution.workflowId=other&pretty&x.y=1", true,
         "DescribeWorkflowExecution "
         "{\"namespace\":\"n\",\"execution\":{\"workflowId\":\"w\",\"runId\":\"r\"}}"},
        {"GET", WORKFLOW "/history?maximumPageSize=7&nextPageToken=AQI%3D&waitNewEvent=1", true,
         "GetWorkflowExecutionHistory {\"namespace\":\"n\",\"execution\":{\"workflowId\":\"w\"},"
         "\"maximumPageSize\":7,\"nextPageToken\":\"AQI=\",\"waitNewEvent\":true}"},
        {"GET", WORKFLOW "/history?historyEventFilterType=HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT",
         true,
         "GetWorkflowExecutionHistory {\"namespace\":\"n\",\"execution\":{\"workflowId\":\"w\"},"
         "\"historyEventFilterType\":\"HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT\"}"},
        {"GET", WORKFLOW "/history?historyEventFilterType=9", true,
         "parsing field \"history_event_filter_type\": \"9\" is not a valid value"},
        {"GET", "/api/v1/namespaces?pageSize=99999999999", true,
         "parsing field \"page_size\": strconv.ParseInt: parsing \"99999999999\": value out of "
         "range"},
        {"GET", "/api/v1/namespaces?pageSize=1&pageSize=2", true,
         "too many values for field \"page_size\": 1, 2"},
        {"GET", "/api/v1/namespaces?pageSize.x=1", true,
         "invalid path: \"pageSize\" is not a message"},
        {"GET", "/api/v1/namespaces?nextPageToken=!", true,
         "parsing field \"next_page_token\": illegal base64 data at input byte 0"},
        {"GET", "/api/v1/namespaces?a=%z", true, "invalid URL escape in the query string"},
        {"GET", "/api/v1/namespaces/n/workflows?query=a+b%3D'c'&pageSize=-0", true,
         "ListWorkflowExecutions {\"namespace\":\"n\",\"query\":\"a b='c'\"}"},
    };
    struct arena arena;

    arena_init(&arena);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_slice_at(__FILE__, __LINE__, cases[i].path,
                       slice_str(ask(&arena, cases[i].verb, cases[i].path, cases[i].whole)),
                       slice_str(cases[i].result));
    arena_release(&arena);
}

/* What the path says replaces what the body says, and keeps its neighbours. */
TEST(test_http_param_replaces_what_the_body_says)
{
    const struct http_param param = {SLICE_LIT("workflow_execution.workflow_id"), SLICE_LIT("new")};
    const ProtobufCMessageDescriptor *desc = &api_signal_workflow_execution_request__desc;
    api_signal_workflow_execution_request *decoded;
    struct arena arena;
    struct buf body, execution;

    arena_init(&arena);
    buf_init(&body, 0);
    buf_init(&execution, 0);
    wire_put_str(&execution, 1, "old");
    wire_put_str(&execution, 2, "run");
    wire_put_str(&body, 1, "ns");
    wire_put_bytes(&body, 2, buf_slice(&execution));
    wire_put_str(&body, 3, "signal");
    const struct slice message = http_set_param(&arena, desc, buf_slice(&body), &param);
    check_ok(proto_decode(&arena, desc, message, &decoded, NULL));
    check_str(decoded->namespace_, "ns");
    check_str(decoded->workflow_execution->workflow_id, "new");
    check_str(decoded->workflow_execution->run_id, "run");
    check_str(decoded->signal_name, "signal");
    buf_release(&body);
    buf_release(&execution);
    arena_release(&arena);
}

/* Every route is found by its own path, unless one that comes first has the same shape. The first
 * four are the Web UI's only. */
TEST(test_http_routes_are_all_reachable)
{
    struct http_match match;
    struct arena arena;

    arena_init(&arena);
    check(http_route_count() > 200);
    for (size_t i = 0; i < http_route_count(); i++) {
        const struct http_route *route = http_route_at(i);
        const enum http_found found =
            http_route_find(&arena, route->verb, slice_str(route->path), i >= 4, &match);

        check(found == HTTP_FOUND && match.index <= i);
        check(strcmp(match.route->verb, route->verb) == 0);
    }
    arena_release(&arena);
}

TEST(test_http_host_patterns)
{
    static const struct {
        const char *pattern, *host;
        bool matches;
    } cases[] = {{"", "", true},
                 {"*", "", true},
                 {"*", "any", true},
                 {"a", "b", false},
                 {"a*c", "abc", true},
                 {"a*c", "ac", true},
                 {"a*c", "acd", false},
                 {"*.example", "x.example", true},
                 {"*a*b", "xaxbxab", true},
                 {"a**", "a", true},
                 {"a*b*c", "abbc", true},
                 {"a", "", false},
                 {"localhost:*", "localhost:7243", true}};

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (http_host_matches(slice_str(cases[i].pattern), slice_str(cases[i].host)) !=
            cases[i].matches)
            test_failed(__FILE__, __LINE__, "%s and %s", cases[i].pattern, cases[i].host);
}

TEST(test_http_query_survives_random_damage)
{
    static const char start[] =
        WORKFLOW "/history?maximumPageSize=7&nextPageToken=AQI%3D&execution."
                 "runId=r&historyEventFilterType=2&waitNewEvent=t";
    static const char letters[] = "%&=./?;+a0\xff";
    struct arena arena;
    struct rng rng;

    arena_init(&arena);
    rng_seed(&rng, 7);
    for (int round = 0; round < 20000; round++) {
        char text[sizeof start];

        memcpy(text, start, sizeof start);
        for (uint64_t i = rng_below(&rng, 5); i < 5; i++)
            text[rng_below(&rng, sizeof start - 1)] = letters[rng_below(&rng, sizeof letters - 1)];
        arena_reset(&arena);
        check(ask(&arena, "GET", text, rng_below(&rng, 2) == 0)[0] != '\0');
    }
    arena_release(&arena);
}

TEST(test_http_origins)
{
    static const struct {
        const char *origins, *origin;
        bool allowed;
    } cases[] = {
        {"", "http://a", false},
        {"http://a", "http://a", true},
        {"http://a", "", false},
        {"http://a", "http://a:81", false},
        {"http://b,http://a", "http://a", true},
        {"http://b,", "http://a", false},
        {",,", "http://a", false},
        {"*", "http://a", true},
        {"*", "", false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check(http_cors_allows(cases[i].origins, slice_str(cases[i].origin)) == cases[i].allowed);
}
