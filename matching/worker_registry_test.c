/* worker_registry_test.c - heartbeats in, lists out, on a clock of numbers. */
#include "matching/worker_registry.h"

#include "api.h"
#include "common/base/rng.h"
#include "common/proto/wire.h"
#include "matching/worker_query.h"
#include "tests/lib/test.h"

#include <stdio.h>

#define NS_ID "0b7fa9a5-91c6-4a39-8a6b-4b8d5a5f5c11"

struct world {
    struct worker_registry *registry;
    struct metrics *metrics;
    struct dynconf *dynconf;
    struct arena arena;
    struct err_detail detail;
    const char *keys; /* of the page that list_page() read last */
};

static void world_init(struct world *w, const char *settings)
{
    struct buf warnings;

    *w = (struct world){.metrics = metrics_new(), .dynconf = dynconf_new()};
    buf_init(&warnings, 0);
    check_ok(dynconf_load(w->dynconf, slice_str(settings), &warnings, &w->detail));
    check_i64(buf_slice(&warnings).len, 0);
    buf_release(&warnings);
    w->registry = worker_registry_new(w->dynconf, w->metrics, 7);
    arena_init(&w->arena);
}

static void world_release(struct world *w)
{
    worker_registry_free(w->registry);
    metrics_free(w->metrics);
    dynconf_free(w->dynconf);
    arena_release(&w->arena);
}

static api_worker_heartbeat heartbeat_of(const char *key, const char *task_queue)
{
    api_worker_heartbeat heartbeat = API_WORKER_HEARTBEAT_INIT;

    heartbeat.worker_instance_key = (char *)(uintptr_t)key;
    heartbeat.task_queue = (char *)(uintptr_t)task_queue;
    heartbeat.status = WORKER_STATUS_RUNNING;
    return heartbeat;
}

static enum err record(struct world *w, const api_worker_heartbeat *heartbeat, int64_t now_s)
{
    api_record_worker_heartbeat_request request = API_RECORD_WORKER_HEARTBEAT_REQUEST_INIT;
    api_worker_heartbeat copy = *heartbeat, *list = &copy;

    request.n_worker_heartbeat = 1;
    request.worker_heartbeat = &list;
    const struct rpc_api api = {.namespace_id = SLICE_LIT(NS_ID),
                                .request = proto_encode(&w->arena, &request)};
    return worker_registry_record(w->registry, &w->arena, &api, now_s * NS_PER_S, &w->detail);
}

static void beat(struct world *w, const char *key, const char *task_queue, int64_t now_s)
{
    const api_worker_heartbeat heartbeat = heartbeat_of(key, task_queue);

    check_ok(record(w, &heartbeat, now_s));
}

/* The keys of the workers of a page, joined; "!" and the error's text when refused. */
static void read_page(struct world *w, api_list_workers_request *request, struct slice body)
{
    api_list_workers_response *response;

    check_ok(
        proto_decode(&w->arena, &api_list_workers_response__desc, body, &response, &w->detail));
    check_i64(response->n_workers, response->n_workers_info);
    for (size_t i = 0; i < response->n_workers; i++) {
        check_str(response->workers[i]->worker_instance_key,
                  response->workers_info[i]->worker_heartbeat->worker_instance_key);
        w->keys = arena_printf(&w->arena, "%s%s%s", w->keys, i ? " " : "",
                               response->workers[i]->worker_instance_key);
    }
    request->next_page_token = response->next_page_token;
}

static const char *list_page(struct world *w, api_list_workers_request *request)
{
    const struct rpc_api api = {.namespace_id = SLICE_LIT(NS_ID),
                                .request = proto_encode(&w->arena, request)};
    struct slice body;

    w->keys = "";
    if (worker_registry_list(w->registry, &w->arena, &api, &body, &w->detail) == ERR_OK)
        read_page(w, request, body);
    else
        w->keys = arena_printf(&w->arena, "!%s", w->detail.text);
    return w->keys;
}

static const char *list_of(struct world *w, const char *query)
{
    api_list_workers_request request = API_LIST_WORKERS_REQUEST_INIT;

    request.query = (char *)(uintptr_t)query;
    return list_page(w, &request);
}

TEST(worker_registry_lists_pages_in_order_of_keys)
{
    struct world w;
    api_list_workers_request request = API_LIST_WORKERS_REQUEST_INIT;

    world_init(&w, "");
    beat(&w, "c", "q", 1);
    beat(&w, "a", "q", 1);
    beat(&w, "b", "q", 1);
    beat(&w, "s", "temporal-sys-x", 1);
    check_str(list_of(&w, ""), "a b c");
    request.page_size = 2;
    check_str(list_page(&w, &request), "a b");
    check_i64(request.next_page_token.len, 2);
    check_str(list_page(&w, &request), "c");
    check_i64(request.next_page_token.len, 0);
    request.include_system_workers = true;
    request.page_size = 0;
    check_str(list_page(&w, &request), "a b c s");
    request.next_page_token = (ProtobufCBinaryData){2, (uint8_t *)(uintptr_t) "zz"};
    check_str(list_page(&w, &request), "!invalid next_page_token");
    world_release(&w);
}

TEST(worker_registry_forgets_who_shuts_down_and_who_is_silent)
{
    struct world w;
    api_worker_heartbeat last = heartbeat_of("a", "q");

    world_init(&w, "matching.workerRegistryEntryTTL:\n  - value: 100s\n");
    beat(&w, "a", "q", 1);
    beat(&w, "b", "q", 1);
    last.status = WORKER_STATUS_SHUTDOWN;
    check_ok(record(&w, &last, 2));
    check_str(list_of(&w, ""), "b");
    beat(&w, "c", "q", 50);
    worker_registry_sweep(w.registry, 102 * NS_PER_S);
    check_str(list_of(&w, ""), "c");
    beat(&w, "c", "q", 120);
    worker_registry_sweep(w.registry, 200 * NS_PER_S);
    check_str(list_of(&w, ""), "c");
    worker_registry_shard_lost(w.registry, rpc_workers_shard(SLICE_LIT(NS_ID)));
    check_str(list_of(&w, ""), "");
    world_release(&w);
}

TEST(worker_registry_is_bounded)
{
    struct world w;

    world_init(&w, "matching.workerRegistryMaxEntries:\n  - value: 2\n"
                   "matching.workerRegistryMinEvictAge:\n  - value: 10s\n");
    beat(&w, "a", "q", 1);
    beat(&w, "b", "q", 2);
    const api_worker_heartbeat young = heartbeat_of("c", "q");
    check_err(record(&w, &young, 5), ERR_BUSY);
    check_str(list_of(&w, ""), "a b");
    check_ok(record(&w, &young, 11));
    check_str(list_of(&w, ""), "b c");
    beat(&w, "b", "q", 11); /* known: needs no room */
    check_str(list_of(&w, ""), "b c");

    static char large[WORKER_HEARTBEAT_BYTES_MAX + 1];
    memset(large, 'x', sizeof large - 1);
    const api_worker_heartbeat fat = heartbeat_of("d", large);
    check_err(record(&w, &fat, 60), ERR_INVALID);
    world_release(&w);
}

TEST(worker_registry_describes_one)
{
    struct world w;
    api_describe_worker_request request = API_DESCRIBE_WORKER_REQUEST_INIT;
    api_describe_worker_response *response;
    struct slice body;

    world_init(&w, "");
    request.worker_instance_key = (char *)(uintptr_t) "a";
    const struct rpc_api api = {.namespace_id = SLICE_LIT(NS_ID),
                                .request = proto_encode(&w.arena, &request)};
    check_err(worker_registry_describe(w.registry, &w.arena, &api, &body, &w.detail),
              ERR_NOT_FOUND);
    check_str(w.detail.text, "Namespace " NS_ID " is not found.");
    beat(&w, "b", "q", 1);
    check_err(worker_registry_describe(w.registry, &w.arena, &api, &body, &w.detail),
              ERR_NOT_FOUND);
    check_str(w.detail.text, "Worker a not found");
    beat(&w, "a", "queue", 1);
    check_ok(worker_registry_describe(w.registry, &w.arena, &api, &body, &w.detail));
    check_ok(
        proto_decode(&w.arena, &api_describe_worker_response__desc, body, &response, &w.detail));
    check_str(response->worker_info->worker_heartbeat->task_queue, "queue");
    world_release(&w);
}

/* Spec: what the reference answers for a worker like this one. */
TEST(worker_query_gives_the_references_answers)
{
    static const struct {
        const char *query, *answer;
    } cases[] = {
        {"TaskQueue='q1'", "k"},
        {"TaskQueue = \"q1\"", "k"},
        {"taskqueue='q1'", ""},
        {"Status='Running'", "k"},
        {"STATUS = 'Running'", "k"},
        {"WorkerStatus='Running'", "k"},
        {"`TaskQueue`='q1'", "k"},
        {"TaskQueue", ""},
        {"TaskQueue=", "!malformed query: syntax error at position 38"},
        {"TaskQueue='q1", "!malformed query: syntax error at position 41 near 'q1'"},
        {"TaskQueue='q1' AND", "!malformed query: syntax error at position 46"},
        {"TaskQueue='q1' foo", "!malformed query: syntax error at position 46 near 'foo'"},
        {"(TaskQueue='q1'", "!malformed query: syntax error at position 43"},
        {"TaskQueue='q1')", "!malformed query: syntax error at position 43"},
        {"TaskQueue='q1' and and", "!malformed query: syntax error at position 50 near 'and'"},
        {"a b", "!malformed query: syntax error at position 31 near 'b'"},
        {"TaskQueue='q1'; drop", "!malformed query: syntax error at position 48 near 'drop'"},
        {"#", "!malformed query: syntax error at position 29"},
        {"TaskQueue ! 'q'", "!malformed query: syntax error at position 39"},
        {" ", "!malformed query: syntax error at position 1"},
        {"TaskQueue = 'q1' limit 3", "!operation is not supported: 'limit' clause"},
        {"select 1", "!invalid filter: select 1"},
        {"NOT TaskQueue='q2'", ""},
        {"TaskQueue IN ('q1')", ""},
        {"TaskQueue LIKE 'q%'", ""},
        {"TaskQueue='q1' order by TaskQueue", "k"},
        {"TaskQueue starts_with 'q'", "k"},
        {"TaskQueue not starts_with 'q'", ""},
        {"TaskQueue STARTS_WITH 'x'", ""},
        {"TaskQueue != 'q1'", ""},
        {"TaskQueue <> 'q2'", "k"},
        {"TaskQueue < 'z'", ""},
        {"TaskQueue = ''", ""},
        {"TaskQueue = 3", ""},
        {"TaskQueue = q1", ""},
        {"3 = TaskQueue", ""},
        {"'q1' = TaskQueue", ""},
        {"HeartbeatTime > '2020-01-01T00:00:00Z'", "k"},
        {"HeartbeatTime > 5", "k"},
        {"HeartbeatTime > -5", "k"},
        {"HeartbeatTime > 'bad'", ""},
        {"HeartbeatTime = '2023-11-14T22:13:20Z'", "k"},
        {"HeartbeatTime = '2023-11-14T22:13:20.0Z'", "k"},
        {"HeartbeatTime = '2023-11-14T23:13:20+01:00'", "k"},
        {"HeartbeatTime = 1700000000000000000", "k"},
        {"HeartbeatTime between '2020-01-01T00:00:00Z' and '2030-01-01T00:00:00Z'", "k"},
        {"HeartbeatTime not between '2020-01-01T00:00:00Z' and '2030-01-01T00:00:00Z'", ""},
        {"StartTime between '1960-01-01T00:00:00Z' and '2030-01-01T00:00:00Z'", ""},
        {"StartTime is null", "k"},
        {"StartTime is not null", ""},
        {"StartTime < '2000-01-01T00:00:00Z'", "k"},
        {"BuildId is null", "k"},
        {"Bogus is null", ""},
        {"TaskQueue is true", ""},
        {"Bogus='x' or TaskQueue='q1'", ""},
        {"TaskQueue='q1' or Bogus='x'", "k"},
        {"TaskQueue='q2' and Bogus='x'", ""},
        {"foo(1)", ""},
        {"1=1", ""},
        {"TaskQueue = @x", ""},
        {"x.TaskQueue='q1'", ""},
        {"TaskQueue='q1' or (HostName='x' and HostName='y')", "k"},
        {"TaskQueue = 'q1' -- c", "k"},
        {"TaskQueue='q1' /* c */", "k"},
        {"TaskQueue = null", ""},
    };
    struct world w;
    struct Google__Protobuf__Timestamp time;
    api_worker_heartbeat heartbeat = heartbeat_of("k", "q1");

    world_init(&w, "");
    time = *proto_timestamp(&w.arena, INT64_C(1700000000) * NS_PER_S);
    heartbeat.heartbeat_time = &time;
    check_ok(record(&w, &heartbeat, 1));
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_str(list_of(&w, cases[i].query), cases[i].answer);
    world_release(&w);
}

TEST(worker_query_is_bounded)
{
    struct arena arena;
    struct err_detail detail = {0};
    const struct worker_query *query;
    static char text[WORKER_QUERY_BYTES_MAX + 2];

    arena_init(&arena);
    memset(text, '(', 1000);
    check_err(worker_query_parse(&arena, slice_of(text, 1000), &query, &detail), ERR_INVALID);
    memset(text, 'a', sizeof text);
    check_ok(worker_query_parse(&arena, slice_of(text, WORKER_QUERY_BYTES_MAX), &query, &detail));
    check_err(worker_query_parse(&arena, slice_of(text, sizeof text), &query, &detail),
              ERR_INVALID);
    for (size_t i = 0; i + 5 < WORKER_QUERY_BYTES_MAX; i += 5)
        memcpy(text + i, "a or ", 5);
    const size_t len = WORKER_QUERY_BYTES_MAX / 5 * 5;
    check_ok(worker_query_parse(&arena, slice_of(text, len - 4), &query, &detail));
    const api_worker_heartbeat heartbeat = heartbeat_of("k", "q");
    check(!worker_query_matches(query, &heartbeat));
    arena_release(&arena);
}

/* Whatever the bytes are, the parser ends and the outcome can be asked. */
TEST(worker_query_takes_any_bytes)
{
    static const char *const pieces[] = {"TaskQueue", "=",  "'q'",  "(",  ")",       "and", "or",
                                         "not",       "is", "null", "in", ",",       "1",   "\"",
                                         "`",         "--", "/*",   "\\", "between", "<=>", "@"};
    const api_worker_heartbeat heartbeat = heartbeat_of("k", "q");
    struct rng rng;
    struct arena arena;

    rng_seed(&rng, 11);
    arena_init(&arena);
    for (int round = 0; round < 20000; round++) {
        char text[256] = "";
        size_t len = 0;
        const struct worker_query *query;
        struct err_detail detail = {0};

        for (uint64_t n = rng_below(&rng, 12); n > 0; n--)
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%s",
                                    pieces[rng_below(&rng, COUNT_OF(pieces))],
                                    rng_below(&rng, 3) ? " " : "");
        if (worker_query_parse(&arena, slice_of(text, len), &query, &detail) == ERR_OK)
            (void)worker_query_matches(query, &heartbeat);
        arena_reset(&arena);
    }
    arena_release(&arena);
}
