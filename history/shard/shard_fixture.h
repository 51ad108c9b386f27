/* shard_fixture.h - for tests: one shard by hand, on a fake clock and the memory store, without
 * threads; the test plays frontend, matching, worker and timers. */
#ifndef GNOMON_SHARD_FIXTURE_H
#define GNOMON_SHARD_FIXTURE_H

#include "common/proto/wire.h"
#include "common/rpc/rpc.h"
#include "common/store/memory/store_memory.h"
#include "history/shard/shard.h"
#include "tests/lib/test.h"

#include <stdlib.h>

enum { WORLD_MESSAGES_MAX = 512 };
#define WORLD_NAMESPACE "0190c1f2-0000-7000-8000-0000000000aa"

/* What the shard sent: a reply, a cast or a call. */
struct sent {
    enum mesh_method method; /* METHOD_NONE: a reply */
    uint64_t call;           /* of a reply: whose; of a call: its id */
    enum err err;
    char text[512];
    struct slice bytes;
    bool undelivered;    /* a reply that comes back when nobody waits for it ... */
    struct slice back;   /* ... as these bytes */
    mesh_reply_fn reply; /* of a call */
    void *arg;
    bool taken;
};

struct world {
    struct arena arena;
    struct fake_clock clock;
    struct log log;
    struct metrics *metrics;
    struct store *store;
    struct history_net net;
    const struct history_caller *caller;         /* NULL: callbacks are not posted */
    const struct history_namespaces *namespaces; /* NULL: nobody can tell */
    struct history_shard *shard;
    size_t cache_bytes;
    struct engine_limits limits;   /* the defaults, but that no retention has a jitter */
    struct bucket *persistence;    /* NULL: any number */
    const struct dynconf *dynconf; /* NULL: `limits` */
    bool timers_alive;
    bool casts_refused;
    bool may_be_lost; /* the store is made to fail */
    struct sent sent[WORLD_MESSAGES_MAX];
    size_t sent_count;
    uint64_t calls;
};

static inline struct sent *world_keep(struct world *w, enum mesh_method method, uint64_t call)
{
    must(w->sent_count < WORLD_MESSAGES_MAX);
    struct sent *sent = &w->sent[w->sent_count++];
    *sent = (struct sent){.method = method, .call = call};
    return sent;
}

static inline void world_on_reply(void *self, struct mesh_addr to, const struct mesh_answer *answer)
{
    struct world *w = self;
    struct sent *sent = world_keep(w, METHOD_NONE, to.call);
    struct buf joined;

    buf_init(&joined, 0);
    for (size_t i = 0; i < answer->count; i++)
        buf_append_slice(&joined, answer->parts[i]);
    sent->err = answer->err;
    sent->undelivered = answer->undelivered.len > 0;
    sent->back = arena_copy(&w->arena, answer->undelivered);
    if (answer->detail)
        memcpy(sent->text, answer->detail->text, sizeof sent->text);
    sent->bytes = arena_copy(&w->arena, buf_slice(&joined));
    buf_release(&joined);
}

static inline uint64_t world_on_call(void *self, struct mesh_target to, enum mesh_method method,
                                     struct slice body, int64_t timeout_ms, mesh_reply_fn reply,
                                     void *arg)
{
    struct world *w = self;
    struct sent *sent = world_keep(w, method, ++w->calls);

    check(to.role == ROLE_MATCHING && timeout_ms > 0);
    sent->bytes = arena_copy(&w->arena, body);
    sent->reply = reply;
    sent->arg = arg;
    return sent->call;
}

static inline void world_on_cancel(void *self, uint64_t call)
{
    struct world *w = self;

    for (size_t i = 0; i < w->sent_count; i++)
        if (w->sent[i].reply && w->sent[i].call == call)
            w->sent[i].taken = true;
}

static inline bool world_on_cast(void *self, struct mesh_target to, enum mesh_method method,
                                 struct slice body)
{
    struct world *w = self;

    UNUSED(to);
    if (w->casts_refused)
        return false;
    world_keep(w, method, 0)->bytes = arena_copy(&w->arena, body);
    return true;
}

static inline bool world_on_alive(void *self, enum mesh_role role)
{
    const struct world *w = self;

    return role != ROLE_TIMERS || w->timers_alive;
}

/* Do everything that waits. */
static inline void world_settle(struct world *w)
{
    for (uint32_t steps = 0; steps < 10000; steps++) {
        const bool stepped = store_step(w->store);

        if (history_shard_run_due(w->shard) > w->clock.now_ns && !stepped)
            return;
    }
    check(!"the shard never settles");
}

/* Move the clock, and do what is due on the way. */
static inline void world_pass(struct world *w, int64_t ns)
{
    const int64_t until_ns = w->clock.now_ns + ns;

    world_settle(w);
    for (uint32_t steps = 0; steps < 10000 && w->clock.now_ns < until_ns; steps++) {
        const int64_t next_ns = history_shard_run_due(w->shard);

        w->clock.now_ns = next_ns < until_ns ? next_ns : until_ns;
        world_settle(w);
    }
    check_i64(w->clock.now_ns, until_ns);
}

static inline void world_on_lost(void *arg, enum err err)
{
    const struct world *w = arg;

    if (!w->may_be_lost)
        check_ok(err);
}

static inline void world_open(struct world *w)
{
    const struct history_shard_options options = {
        .shard_id = 0,
        .shard_count = 1,
        .store = w->store,
        .net = &w->net,
        .clock = &w->clock.clock,
        .log = &w->log,
        .metrics = w->metrics,
        .dynconf = w->dynconf,
        .persistence = w->persistence,
        .limits = &w->limits,
        .namespaces = w->namespaces,
        .caller = w->caller,
        .cache_bytes = w->cache_bytes,
        .seed = 11,
        .lost = world_on_lost,
        .arg = w,
    };
    struct err_detail detail = {0};

    check_ok(history_shard_open(&options, &w->shard, &detail));
    world_settle(w);
}

static inline void world_init_on(struct world *w, const char *backend, const char *dir)
{
    struct err_detail detail = {0};

    *w = (struct world){0};
    arena_init(&w->arena);
    fake_clock_init(&w->clock, INT64_C(1700000000) * NS_PER_S);
    w->log = (struct log){.level = LOG_ERROR, .fd = 2};
    w->metrics = metrics_new();
    w->cache_bytes = 64 * 1024 * 1024;
    w->limits = engine_limits_default;
    w->limits.retention_jitter_ns = 0;
    w->net = (struct history_net){.reply = world_on_reply,
                                  .call = world_on_call,
                                  .cancel = world_on_cancel,
                                  .cast = world_on_cast,
                                  .alive = world_on_alive,
                                  .process = 77,
                                  .self = w};
    const struct store_options options = {.backend = backend,
                                          .dir = dir,
                                          .service = "history",
                                          .clock = &w->clock.clock,
                                          .log = &w->log,
                                          .metrics = w->metrics,
                                          .commit_threads = 1,
                                          .manual = true};
    check_ok(store_open(&options, &w->store, &detail));
    world_open(w);
}

static inline void world_init(struct world *w, const char *dir)
{
    world_init_on(w, "memory", dir);
}

static inline void world_release(struct world *w)
{
    history_shard_close(w->shard, true);
    store_close(w->store);
    metrics_free(w->metrics);
    arena_release(&w->arena);
}

/* On a disk that is wiped before; ended by world_free(). */
static inline struct world *world_new(const char *dir)
{
    struct world *w = calloc(1, sizeof *w);

    must(w != NULL);
    store_memory_wipe(dir);
    world_init(w, dir);
    return w;
}

static inline void world_free(struct world *w)
{
    world_release(w);
    free(w);
}

/* In a test whose file says where: DIR_NAME. */
#define WITH_WORLD(w) struct world *w = world_new(DIR_NAME)
#define END_WORLD(w) world_free(w)

/* Close the shard (with or without a flush) and open it again. */
static inline void world_reopen(struct world *w, bool flush)
{
    history_shard_close(w->shard, flush);
    world_open(w);
}

/* -- messages ------------------------------------------------------------------------------- */

/* A call to the shard, with a deadline; nothing is settled. Gives its id. */
static inline uint64_t world_call(struct world *w, enum mesh_method method, struct slice body,
                                  int64_t timeout_ns)
{
    const struct mesh_request request = {
        .method = method,
        .from = {.process = 5, .call = ++w->calls},
        .deadline_mono_ns = w->clock.now_ns + timeout_ns,
        .body = body,
    };

    const uint64_t call = w->calls;
    history_shard_request(w->shard, &request);
    return call;
}

static inline struct slice world_api_body(struct world *w, const void *message, struct slice token)
{
    const struct rpc_api api = {.namespace_id = SLICE_LIT(WORLD_NAMESPACE),
                                .namespace_name = SLICE_LIT("default"),
                                .retention_s = 86400,
                                .token = token,
                                .request = proto_encode(&w->arena, message)};
    struct buf body;

    buf_init(&body, 0);
    rpc_api_encode(&api, &body);
    const struct slice bytes = arena_copy(&w->arena, buf_slice(&body));
    buf_release(&body);
    return bytes;
}

/* An API request, as the frontend sends it; settled. */
static inline uint64_t world_api(struct world *w, enum mesh_method method, const void *message,
                                 struct slice token)
{
    const uint64_t call = world_call(w, method, world_api_body(w, message, token), 10 * NS_PER_S);

    world_settle(w);
    return call;
}

/* The reply to a call; NULL: there is none yet. */
static inline const struct sent *world_reply(struct world *w, uint64_t call)
{
    for (size_t i = 0; i < w->sent_count; i++)
        if (w->sent[i].method == METHOD_NONE && w->sent[i].call == call)
            return &w->sent[i];
    return NULL;
}

/* The reply to a call that must have one. */
static inline const struct sent *world_got(struct world *w, uint64_t call)
{
    const struct sent *reply = world_reply(w, call);

    must(reply != NULL);
    return reply;
}

/* The ids of what List gives from list->after on, page by page, each after a blank; *pages: how
 * many pages there were. */
static inline const char *world_listed(struct world *w, struct rpc_list list, uint32_t *pages)
{
    const char *seen = "";
    bool has_more = true;

    for (*pages = 0; has_more && *pages < 20; ++*pages) {
        struct rpc_list_item *items;
        uint32_t count;
        struct buf body;

        buf_init(&body, 0);
        rpc_list_encode(&list, &body);
        const uint64_t call =
            world_call(w, METHOD_HISTORY_LIST_WORKFLOWS, buf_slice(&body), NS_PER_S);
        buf_release(&body);
        world_settle(w);
        check_ok(
            rpc_list_items_decode(&w->arena, world_got(w, call)->bytes, &items, &count, &has_more));
        for (uint32_t i = 0; i < count; i++) {
            api_workflow_execution_info *info;

            check_ok(proto_decode(&w->arena, &api_workflow_execution_info__desc, items[i].info,
                                  &info, NULL));
            seen = arena_printf(&w->arena, "%s %s", seen, info->execution->workflow_id);
            list.after = items[i].order_key;
        }
    }
    return seen;
}

/* The decoded answer to a call that must have succeeded. */
static inline void *world_answer(struct world *w, uint64_t call,
                                 const ProtobufCMessageDescriptor *desc)
{
    const struct sent *reply = world_got(w, call);
    struct err_detail detail = {0};
    void *message = NULL;

    if (reply->err != ERR_OK)
        test_failed(__FILE__, __LINE__, "%s: %s", err_name(reply->err), reply->text);
    check_ok(proto_decode(&w->arena, desc, reply->bytes, &message, &detail));
    must(message != NULL);
    return message;
}

/* The oldest message of a method that was not taken; NULL: none. */
static inline struct sent *world_take(struct world *w, enum mesh_method method)
{
    for (size_t i = 0; i < w->sent_count; i++)
        if (w->sent[i].method == method && !w->sent[i].taken) {
            w->sent[i].taken = true;
            return &w->sent[i];
        }
    return NULL;
}

/* -- hello-world, in steps ------------------------------------------------------------------ */

static inline char *world_str(struct world *w, const char *text)
{
    return arena_str(&w->arena, slice_str(text));
}

static inline api_common_workflow_execution *world_execution(struct world *w,
                                                             const char *workflow_id)
{
    api_common_workflow_execution *execution = ARENA_NEW(&w->arena, api_common_workflow_execution);

    *execution = (api_common_workflow_execution)API_COMMON_WORKFLOW_EXECUTION_INIT;
    execution->workflow_id = world_str(w, workflow_id);
    return execution;
}

static inline api_start_workflow_execution_request *
world_start_request(struct world *w, const char *workflow_id, const char *request_id)
{
    api_start_workflow_execution_request *request =
        ARENA_NEW(&w->arena, api_start_workflow_execution_request);
    api_workflow_type *type = ARENA_NEW(&w->arena, api_workflow_type);
    api_task_queue *queue = ARENA_NEW(&w->arena, api_task_queue);

    *request = (api_start_workflow_execution_request)API_START_WORKFLOW_EXECUTION_REQUEST_INIT;
    *type = (api_workflow_type)API_WORKFLOW_TYPE_INIT;
    *queue = (api_task_queue)API_TASK_QUEUE_INIT;
    type->name = world_str(w, "Hello");
    queue->name = world_str(w, "queue");
    request->workflow_id = world_str(w, workflow_id);
    request->request_id = world_str(w, request_id);
    request->workflow_type = type;
    request->task_queue = queue;
    return request;
}

static inline const char *world_start(struct world *w, const char *workflow_id)
{
    const uint64_t call = world_api(w, METHOD_HISTORY_START_WORKFLOW,
                                    world_start_request(w, workflow_id, workflow_id), SLICE_EMPTY);
    const api_start_workflow_execution_response *response =
        world_answer(w, call, &api_start_workflow_execution_response__desc);

    check(response->started);
    return response->run_id;
}

/* The next task that was offered; false: none. */
static inline bool world_offer(struct world *w, struct rpc_task *task)
{
    struct sent *sent = world_take(w, METHOD_MATCHING_OFFER_TASKS);
    struct rpc_task *tasks;
    uint32_t count;
    bool has_more;

    if (!sent)
        return false;
    check_ok(rpc_tasks_decode(&w->arena, sent->bytes, &tasks, &count, &has_more));
    check_i64(count, 1);
    *task = tasks[0];
    return true;
}

/* Start it for a poll, and check what matching is told; gives the call that the poller waits for.
 */
static inline uint64_t world_start_task(struct world *w, const struct rpc_task *task,
                                        uint64_t poll_id, enum err want)
{
    api_poll_workflow_task_queue_request request = API_POLL_WORKFLOW_TASK_QUEUE_REQUEST_INIT;
    const uint64_t poll_call = ++w->calls;
    struct rpc_start_task start = {
        .task = *task,
        .poll = {.kind = task->kind == TASK_ACTIVITY ? TASK_ACTIVITY : TASK_WORKFLOW,
                 .namespace_id = SLICE_LIT(WORLD_NAMESPACE),
                 .namespace_name = SLICE_LIT("default"),
                 .task_queue = task->task_queue,
                 .normal_queue = SLICE_LIT("queue"),
                 .sticky = task->sticky,
                 .poll_id = poll_id,
                 .reply_to = {.process = 5, .call = poll_call},
                 .identity = SLICE_LIT("worker")}};
    struct buf body;

    request.identity = world_str(w, "worker");
    start.poll.request = proto_encode(&w->arena, &request);
    buf_init(&body, 0);
    rpc_start_task_encode(&start, &body);
    const uint64_t call = world_call(w, METHOD_HISTORY_START_TASK,
                                     arena_copy(&w->arena, buf_slice(&body)), 10 * NS_PER_S);
    buf_release(&body);
    world_settle(w);
    const struct sent *reply = world_reply(w, call);
    check(reply != NULL);
    if (reply)
        check_err(reply->err, want);
    return poll_call;
}

/* Take the workflow task that is offered, and poll it. */
static inline api_poll_workflow_task_queue_response *world_poll_workflow(struct world *w)
{
    struct rpc_task task;

    must(world_offer(w, &task));
    check_i64(task.kind, TASK_WORKFLOW);
    const uint64_t call = world_start_task(w, &task, ++w->calls, ERR_OK);
    return world_answer(w, call, &api_poll_workflow_task_queue_response__desc);
}

static inline struct slice world_token(const api_poll_workflow_task_queue_response *response)
{
    return slice_of(response->task_token.data, response->task_token.len);
}

static inline api_respond_workflow_task_completed_request *world_completion(struct world *w,
                                                                            api_command *command)
{
    api_respond_workflow_task_completed_request *request =
        ARENA_NEW(&w->arena, api_respond_workflow_task_completed_request);

    *request = (api_respond_workflow_task_completed_request)
        API_RESPOND_WORKFLOW_TASK_COMPLETED_REQUEST_INIT;
    request->identity = world_str(w, "worker");
    if (command) {
        request->commands = ARENA_ARRAY(&w->arena, api_command *, 1);
        request->commands[0] = command;
        request->n_commands = 1;
    }
    return request;
}

static inline api_command *world_complete_command(struct world *w)
{
    api_command *command = ARENA_NEW(&w->arena, api_command);
    api_complete_workflow_execution_command_attributes *attributes =
        ARENA_NEW(&w->arena, api_complete_workflow_execution_command_attributes);

    *command = (api_command)API_COMMAND_INIT;
    *attributes = (api_complete_workflow_execution_command_attributes)
        API_COMPLETE_WORKFLOW_EXECUTION_COMMAND_ATTRIBUTES_INIT;
    command->command_type = COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION;
    command->attributes_case =
        TEMPORAL__API__COMMAND__V1__COMMAND__ATTRIBUTES_COMPLETE_WORKFLOW_EXECUTION_COMMAND_ATTRIBUTES;
    command->complete_workflow_execution_command_attributes = attributes;
    return command;
}

static inline api_command *world_timer_command(struct world *w, const char *id, int64_t ns)
{
    api_command *command = ARENA_NEW(&w->arena, api_command);
    api_start_timer_command_attributes *attributes =
        ARENA_NEW(&w->arena, api_start_timer_command_attributes);

    *command = (api_command)API_COMMAND_INIT;
    *attributes = (api_start_timer_command_attributes)API_START_TIMER_COMMAND_ATTRIBUTES_INIT;
    attributes->timer_id = world_str(w, id);
    attributes->start_to_fire_timeout = proto_duration(&w->arena, ns);
    command->command_type = COMMAND_TYPE_START_TIMER;
    command->attributes_case =
        TEMPORAL__API__COMMAND__V1__COMMAND__ATTRIBUTES_START_TIMER_COMMAND_ATTRIBUTES;
    command->start_timer_command_attributes = attributes;
    return command;
}

/* Complete a workflow task with one command, or none; it must be accepted. */
static inline void world_complete(struct world *w, struct slice token, api_command *command)
{
    const uint64_t call = world_api(w, METHOD_HISTORY_RESPOND_WORKFLOW_TASK_COMPLETED,
                                    world_completion(w, command), token);

    (void)world_answer(w, call, &api_respond_workflow_task_completed_response__desc);
}

static inline api_get_workflow_execution_history_response *
world_get_history(struct world *w, api_get_workflow_execution_history_request *request)
{
    const uint64_t call = world_api(w, METHOD_HISTORY_GET_HISTORY, request, SLICE_EMPTY);

    return world_answer(w, call, &api_get_workflow_execution_history_response__desc);
}

/* The types of all events as numbers, read in pages of `page`; ids must be dense. */
static inline const char *world_history(struct world *w, const char *workflow_id, int32_t page)
{
    api_get_workflow_execution_history_request request =
        API_GET_WORKFLOW_EXECUTION_HISTORY_REQUEST_INIT;
    const char *types = "";
    int64_t next = 1;

    request.execution = world_execution(w, workflow_id);
    request.maximum_page_size = page;
    for (uint32_t pages = 0; pages < 1000; pages++) {
        const api_get_workflow_execution_history_response *response =
            world_get_history(w, &request);

        must(response->history != NULL);
        check(response->history->n_events <= (size_t)page);
        for (size_t i = 0; i < response->history->n_events; i++) {
            const api_history_event *event = response->history->events[i];

            check_i64(event->event_id, next++);
            types =
                arena_printf(&w->arena, "%s%s%d", types, *types ? " " : "", (int)event->event_type);
        }
        if (response->next_page_token.len == 0)
            return types;
        request.next_page_token = response->next_page_token;
    }
    check(!"the pages never end");
    return types;
}

#endif
