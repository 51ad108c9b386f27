/* server.c - see server.h. */
#include "matching/server.h"

#include "api.h"
#include "common/base/bucket.h"
#include "common/base/rng.h"
#include "common/proto/errdetail.h"
#include "common/proto/wire.h"
#include "matching/counting.h"
#include "matching/worker_registry.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

enum { START_TIMEOUT_MS = 5000, PULL_TIMEOUT_MS = 10000, DRAIN_MS = 1000 };

struct matching_server {
    struct matching_server_options o;
    struct matching_out out;
    struct matching *core;
    struct mesh_port *port;
    struct mesh_follow follow;
    struct arena arena; /* of the request or answer in hand */
    struct buf body;
    struct loop_msg turn_end;
    struct loop_timer timer, drain_timer, workers_timer;
    struct worker_registry *workers;
    struct counting counting;
    struct bucket persistence; /* what polls may ask of the cluster store */
    int64_t armed_ns;          /* INT64_MAX: the timer stands still */
    loop_fn drained;
    void *drained_arg;
};

/* A question on its way to history. */
struct asked {
    struct matching_server *server;
    uint64_t id;
};

static int64_t now_ns(const struct matching_server *server)
{
    return clock_mono_ns(server->o.clock);
}

/* The core's state may have changed: look at its time, once, at the end of the turn. */
static void touch(struct matching_server *server)
{
    loop_at_turn_end(server->o.loop, &server->turn_end);
}

static void drain_check(struct matching_server *server)
{
    const loop_fn drained = server->drained;

    if (!drained || !matching_drained(server->core))
        return;
    server->drained = NULL;
    loop_timer_stop(server->o.loop, &server->drain_timer);
    drained(server->drained_arg);
}

static void on_turn_end(void *arg)
{
    struct matching_server *server = arg;
    const int64_t next_ns = matching_next_due_ns(server->core);

    drain_check(server);
    if (next_ns >= server->armed_ns)
        return;
    const int64_t wait_ns = next_ns - now_ns(server);
    server->armed_ns = next_ns;
    loop_timer_start(server->o.loop, &server->timer,
                     wait_ns <= 0 ? 0 : (wait_ns + NS_PER_MS - 1) / NS_PER_MS);
}

static void on_timer(void *arg)
{
    struct matching_server *server = arg;

    server->armed_ns = INT64_MAX;
    matching_run_due(server->core, now_ns(server));
    touch(server);
}

/* -- the core's questions ------------------------------------------------------------------- */

static void ask(struct matching_server *server, uint64_t id, uint32_t history_shard,
                enum mesh_method method, mesh_reply_fn reply)
{
    struct asked *asked = calloc(1, sizeof *asked);
    const struct slice body = buf_slice(&server->body);

    must(asked != NULL && buf_ok(&server->body));
    asked->server = server;
    asked->id = id;
    mesh_call(server->port, MESH_SHARD(ROLE_HISTORY, history_shard), method, &body, 1,
              method == METHOD_HISTORY_START_TASK ? START_TIMEOUT_MS : PULL_TIMEOUT_MS, reply,
              asked);
    buf_clear(&server->body);
}

static void on_started(void *arg, enum err err, const struct err_detail *detail, struct slice body)
{
    struct asked *asked = arg;
    struct matching_server *server = asked->server;

    UNUSED(detail);
    UNUSED(body);
    matching_on_started(server->core, asked->id, err, now_ns(server));
    free(asked);
    touch(server);
}

static void out_start(void *arg, uint64_t match_id, const struct rpc_start_task *start)
{
    struct matching_server *server = arg;

    rpc_start_task_encode(start, &server->body);
    ask(server, match_id, start->task.history_shard, METHOD_HISTORY_START_TASK, on_started);
}

static void on_pulled(void *arg, enum err err, const struct err_detail *detail, struct slice body)
{
    struct asked *asked = arg;
    struct matching_server *server = asked->server;
    struct arena arena;
    struct rpc_task *tasks = NULL;
    uint32_t count = 0;
    bool has_more = false;

    UNUSED(detail);
    arena_init(&arena);
    if (err == ERR_OK)
        err = rpc_tasks_decode(&arena, body, &tasks, &count, &has_more);
    if (err == ERR_CORRUPT)
        log_error(server->o.log, "malformed page of tasks");
    matching_on_pulled(server->core, asked->id, err, tasks, count, has_more, now_ns(server));
    arena_release(&arena);
    free(asked);
    touch(server);
}

static void out_pull(void *arg, uint64_t pull_id, uint32_t history_shard,
                     const struct rpc_pull_tasks *pull)
{
    struct matching_server *server = arg;

    rpc_pull_tasks_encode(pull, &server->body);
    ask(server, pull_id, history_shard, METHOD_HISTORY_PULL_TASKS, on_pulled);
}

static void out_no_sticky_poller(void *arg, const struct rpc_task *task)
{
    struct matching_server *server = arg;

    rpc_task_encode(task, &server->body);
    const struct slice body = buf_slice(&server->body);
    must(buf_ok(&server->body));
    (void)mesh_cast(server->port, MESH_SHARD(ROLE_HISTORY, task->history_shard),
                    METHOD_HISTORY_NO_STICKY_POLLER, &body, 1);
    buf_clear(&server->body);
}

static void out_reply(void *arg, struct mesh_addr to, enum err err, const char *text,
                      struct slice body)
{
    struct matching_server *server = arg;
    struct err_detail detail = {0};
    const struct mesh_answer answer = {
        .err = err, .detail = text ? &detail : NULL, .parts = &body, .count = 1};

    if (text)
        (void)err_fail(&detail, err, "%s", text);
    mesh_reply(server->port, to, &answer);
}

static enum err read_config(const struct matching_server *server, struct arena *arena,
                            struct cluster_queue *queue)
{
    if (!server->o.cluster)
        return ERR_OK;
    const enum err err = cluster_queue_read(server->o.cluster, arena, queue);
    if (err != ERR_OK)
        log_warn(server->o.log, "configuration of a task queue not read", F_ERR(err),
                 F_SLICE("task_queue", queue->name));
    return err;
}

static struct slice out_config(void *arg, struct arena *arena, struct slice namespace_id,
                               struct slice name)
{
    struct cluster_queue queue = {.namespace_id = namespace_id, .name = name};

    return read_config(arg, arena, &queue) == ERR_OK ? queue.data : SLICE_EMPTY;
}

/* -- requests ------------------------------------------------------------------------------- */

/* Spec: a poll of a queue that has to be loaded is refused while the store is asked too much. */
static enum err may_load(struct matching_server *server, const struct rpc_poll *poll,
                         struct err_detail *detail)
{
    const int64_t qps =
        dynconf_int(server->o.dynconf, DYNCONF_MATCHING_PERSISTENCE_QPS, SLICE_EMPTY);

    if (qps <= 0 || !matching_poll_needs_config(server->core, poll) ||
        bucket_take(&server->persistence, bucket_rate_of((double)qps, (double)qps), now_ns(server)))
        return ERR_OK;
    return errdetail_resource_exhausted(
        &server->arena, detail, RESOURCE_EXHAUSTED_CAUSE_PERSISTENCE_LIMIT,
        RESOURCE_EXHAUSTED_SCOPE_SYSTEM, "System Persistence Max QPS Reached.");
}

static enum err take_poll(struct matching_server *server, const struct mesh_request *request,
                          struct err_detail *detail)
{
    struct rpc_poll poll;
    enum err err = rpc_poll_decode(&server->arena, request->body, &poll);

    if (err == ERR_OK)
        err = may_load(server, &poll, detail);
    if (err != ERR_OK)
        return err;
    poll.reply_to = request->from;
    matching_poll(server->core, &poll, request->deadline_mono_ns, now_ns(server));
    return ERR_OK;
}

static enum err take_query(struct matching_server *server, const struct mesh_request *request)
{
    struct rpc_task query;
    const enum err err = rpc_task_decode(&server->arena, request->body, &query);

    if (err != ERR_OK)
        return err;
    matching_query(server->core, &query, request->from, request->deadline_mono_ns, now_ns(server));
    return ERR_OK;
}

static enum err take_offer(struct matching_server *server, const struct mesh_request *request)
{
    struct rpc_task *tasks;
    uint32_t count;
    bool has_more;
    const enum err err = rpc_tasks_decode(&server->arena, request->body, &tasks, &count, &has_more);

    if (err == ERR_OK)
        matching_offer(server->core, tasks, count, now_ns(server));
    return err;
}

/* What was offered meanwhile has met nobody: the rows tell. */
static enum err take_look_again(struct matching_server *server)
{
    matching_history_reset(server->core, now_ns(server));
    return ERR_OK;
}

/* A description that waits for rows to be counted. */
struct to_describe {
    struct matching_server *server;
    struct mesh_addr from;
    size_t body_len;
    uint8_t body[];
};

static enum err describe(struct matching_server *server, struct mesh_addr from, struct slice body,
                         const struct matching_backlogs *backlogs, struct err_detail *detail)
{
    struct rpc_api api;
    struct slice response;
    enum err err = rpc_api_decode(&server->arena, body, &api);

    if (err == ERR_OK)
        err = matching_describe(server->core, &server->arena, &api, backlogs, now_ns(server),
                                &response, detail);
    if (err == ERR_OK)
        out_reply(server, from, ERR_OK, NULL, response);
    return err;
}

static void on_backlogs(void *arg, enum err err, const struct matching_backlogs *backlogs)
{
    struct to_describe *waiting = arg;
    struct matching_server *server = waiting->server;
    struct err_detail detail = {0};

    arena_reset(&server->arena);
    if (err == ERR_OK)
        err = describe(server, waiting->from, slice_of(waiting->body, waiting->body_len), backlogs,
                       &detail);
    if (err != ERR_OK)
        out_reply(server, waiting->from, err, detail.text[0] ? detail.text : NULL, SLICE_EMPTY);
    free(waiting);
    touch(server);
}

static enum err take_describe(struct matching_server *server, const struct mesh_request *request,
                              struct err_detail *detail)
{
    struct matching_wanted wanted;
    struct rpc_api api;
    enum err err = rpc_api_decode(&server->arena, request->body, &api);

    if (err == ERR_OK)
        err = matching_describe_wants(server->core, &server->arena, &api, now_ns(server), &wanted,
                                      detail);
    if (err != ERR_OK)
        return err;
    struct to_describe *waiting = calloc(1, sizeof *waiting + request->body.len);
    must(waiting != NULL);
    waiting->server = server;
    waiting->from = request->from;
    waiting->body_len = request->body.len;
    if (request->body.len)
        memcpy(waiting->body, request->body.ptr, request->body.len);
    err = counting_begin(&server->counting, &wanted, on_backlogs, waiting);
    if (err == ERR_OK)
        return ERR_OK;
    free(waiting);
    return err == ERR_STALE ? describe(server, request->from, request->body, NULL, detail) : err;
}

/* Spec: without a list of types the worker polls for workflow and activity tasks. */
static void tell_gone(struct matching_server *server, const struct rpc_api *api,
                      const api_shutdown_worker_request *message)
{
    struct matching_gone gone = {.namespace_id = api->namespace_id,
                                 .task_queue = slice_str(message->task_queue),
                                 .worker = slice_str(message->worker_instance_key),
                                 .identity = slice_str(message->identity)};

    for (size_t i = 0; i < message->n_task_queue_types; i++) {
        gone.kinds[TASK_WORKFLOW] |= message->task_queue_types[i] == TASK_QUEUE_TYPE_WORKFLOW;
        gone.kinds[TASK_ACTIVITY] |= message->task_queue_types[i] == TASK_QUEUE_TYPE_ACTIVITY;
    }
    if (message->n_task_queue_types == 0)
        gone.kinds[TASK_WORKFLOW] = gone.kinds[TASK_ACTIVITY] = true;
    if (dynconf_bool(server->o.dynconf, DYNCONF_FRONTEND_CANCEL_POLLS, api->namespace_name))
        matching_worker_gone(server->core, &gone, now_ns(server));
}

static enum err take_shutdown(struct matching_server *server, const struct mesh_request *request,
                              struct err_detail *detail)
{
    const api_shutdown_worker_request *message;
    struct rpc_api api;
    enum err err = rpc_api_decode(&server->arena, request->body, &api);

    if (err == ERR_OK)
        err = proto_decode(&server->arena, &api_shutdown_worker_request__desc, api.request,
                           &message, detail);
    if (err != ERR_OK)
        return err;
    tell_gone(server, &api, message);
    if (request->method == METHOD_MATCHING_SHUTDOWN_WORKER)
        matching_worker_shutdown(server->core, api.namespace_id,
                                 slice_str(message->sticky_task_queue), now_ns(server));
    out_reply(server, request->from, ERR_OK, NULL, SLICE_EMPTY);
    return ERR_OK;
}

/* One partition a queue: its root, which has the queue's name. */
static enum err take_partitions(struct matching_server *server, const struct mesh_request *request,
                                struct err_detail *detail)
{
    api_list_task_queue_partitions_request *message;
    api_list_task_queue_partitions_response response = API_LIST_TASK_QUEUE_PARTITIONS_RESPONSE_INIT;
    api_task_queue_partition_metadata root = API_TASK_QUEUE_PARTITION_METADATA_INIT, *roots = &root;
    char host[HOST_NAME_MAX + 1] = "";
    struct rpc_api api;
    enum err err = rpc_api_decode(&server->arena, request->body, &api);

    if (err == ERR_OK)
        err = proto_decode(&server->arena, &api_list_task_queue_partitions_request__desc,
                           api.request, &message, detail);
    if (err != ERR_OK)
        return err;
    if (!message->task_queue)
        return err_fail(detail, ERR_INVALID, "taskQueue is not set");
    if (gethostname(host, HOST_NAME_MAX) != 0)
        host[0] = '\0';
    root.key = message->task_queue->name;
    root.owner_host_name = host;
    response.n_activity_task_queue_partitions = response.n_workflow_task_queue_partitions = 1;
    response.activity_task_queue_partitions = response.workflow_task_queue_partitions = &roots;
    out_reply(server, request->from, ERR_OK, NULL, proto_encode(&server->arena, &response));
    return ERR_OK;
}

static enum err take_config_changed(struct matching_server *server,
                                    const struct mesh_request *request, struct err_detail *detail)
{
    api_update_task_queue_config_request *message;
    struct rpc_api api;
    enum err err = rpc_api_decode(&server->arena, request->body, &api);

    if (err == ERR_OK)
        err = proto_decode(&server->arena, &api_update_task_queue_config_request__desc, api.request,
                           &message, detail);
    if (err != ERR_OK)
        return err;
    struct cluster_queue queue = {.namespace_id = api.namespace_id,
                                  .name = slice_str(message->task_queue)};
    err = read_config(server, &server->arena, &queue);
    if (err != ERR_OK)
        return ERR_UNAVAILABLE; /* it is in the store: asked again */
    matching_config_changed(server->core, queue.namespace_id, queue.name, queue.data,
                            now_ns(server));
    out_reply(server, request->from, ERR_OK, NULL, SLICE_EMPTY);
    return ERR_OK;
}

static enum err take_heartbeats(struct matching_server *server, const struct mesh_request *request,
                                struct err_detail *detail)
{
    struct rpc_api api;
    enum err err = rpc_api_decode(&server->arena, request->body, &api);

    if (err == ERR_OK)
        err = worker_registry_record(server->workers, &server->arena, &api, now_ns(server), detail);
    if (err == ERR_OK && request->from.call != 0)
        out_reply(server, request->from, ERR_OK, NULL, SLICE_EMPTY);
    return err;
}

static enum err take_workers(struct matching_server *server, const struct mesh_request *request,
                             struct err_detail *detail)
{
    struct rpc_api api;
    struct slice response;
    enum err err = rpc_api_decode(&server->arena, request->body, &api);

    if (err != ERR_OK)
        return err;
    if (request->method == METHOD_MATCHING_LIST_WORKERS)
        err = worker_registry_list(server->workers, &server->arena, &api, &response, detail);
    else if (request->method == METHOD_MATCHING_COUNT_WORKERS)
        err = worker_registry_count(server->workers, &server->arena, &api, &response, detail);
    else
        err = worker_registry_describe(server->workers, &server->arena, &api, &response, detail);
    if (err == ERR_OK)
        out_reply(server, request->from, ERR_OK, NULL, response);
    return err;
}

static void sweep_workers(void *arg)
{
    struct matching_server *server = arg;

    worker_registry_sweep(server->workers, now_ns(server));
    loop_timer_start(server->o.loop, &server->workers_timer,
                     worker_registry_interval_ns(server->workers) / NS_PER_MS);
}

static void on_request(void *arg, const struct mesh_request *request)
{
    struct matching_server *server = arg;
    struct err_detail detail = {0};
    enum err err = ERR_UNIMPLEMENTED;

    arena_reset(&server->arena);
    if (request->method == METHOD_MATCHING_POLL)
        err = take_poll(server, request, &detail);
    else if (request->method == METHOD_MATCHING_OFFER_TASKS)
        err = take_offer(server, request);
    else if (request->method == METHOD_MATCHING_LOOK_AGAIN)
        err = take_look_again(server);
    else if (request->method == METHOD_MATCHING_DISPATCH_QUERY)
        err = take_query(server, request);
    else if (request->method == METHOD_MATCHING_DESCRIBE_TASK_QUEUE)
        err = take_describe(server, request, &detail);
    else if (request->method == METHOD_MATCHING_SHUTDOWN_WORKER ||
             request->method == METHOD_MATCHING_WORKER_GONE)
        err = take_shutdown(server, request, &detail);
    else if (request->method == METHOD_MATCHING_LIST_PARTITIONS)
        err = take_partitions(server, request, &detail);
    else if (request->method == METHOD_MATCHING_CONFIG_CHANGED)
        err = take_config_changed(server, request, &detail);
    else if (request->method == METHOD_MATCHING_RECORD_HEARTBEATS)
        err = take_heartbeats(server, request, &detail);
    else if (request->method == METHOD_MATCHING_LIST_WORKERS ||
             request->method == METHOD_MATCHING_COUNT_WORKERS ||
             request->method == METHOD_MATCHING_DESCRIBE_WORKER)
        err = take_workers(server, request, &detail);

    if (err != ERR_OK && request->from.call != 0) {
        const struct mesh_answer answer = {.err = err, .detail = &detail};
        mesh_reply(server->port, request->from, &answer);
    } else if (err != ERR_OK) {
        log_warn(server->o.log, "cast refused", F_ERR(err),
                 F_STR("method", mesh_method_name(request->method)));
    }
    touch(server);
}

static void on_canceled(void *arg, uint32_t shard, struct mesh_addr from)
{
    struct matching_server *server = arg;

    UNUSED(shard);
    matching_cancel(server->core, from, now_ns(server));
    touch(server);
}

static void on_shard_lost(void *arg, uint32_t shard)
{
    struct matching_server *server = arg;

    matching_shard_lost(server->core, shard, now_ns(server));
    worker_registry_shard_lost(server->workers, shard);
}

static void on_placed(void *arg)
{
    struct matching_server *server = arg;

    mesh_follow(&server->follow);
    touch(server);
}

static void on_first_placed(void *arg)
{
    const struct matching_server *server = arg;

    if (server->o.ready)
        server->o.ready(server->o.arg);
}

static void on_peer(void *arg, enum mesh_role role, uint64_t process, bool up)
{
    struct matching_server *server = arg;

    if (!up)
        matching_process_lost(server->core, process, now_ns(server));
    if (role == ROLE_HISTORY)
        matching_history_reset(server->core, now_ns(server));
    touch(server);
}

/* -- life ----------------------------------------------------------------------------------- */

struct matching_server *matching_server_new(const struct matching_server_options *options)
{
    struct matching_server *server = calloc(1, sizeof *server);
    struct rng rng;

    must(server != NULL);
    rng_seed_from_kernel(&rng);
    server->o = *options;
    arena_init(&server->arena);
    buf_init(&server->body, MESH_BODY_MAX);
    server->turn_end = (struct loop_msg){.run = on_turn_end, .arg = server};
    server->timer = (struct loop_timer){.fire = on_timer, .arg = server};
    server->armed_ns = INT64_MAX;
    server->out = (struct matching_out){.arg = server,
                                        .start = out_start,
                                        .pull = out_pull,
                                        .no_sticky_poller = out_no_sticky_poller,
                                        .config = out_config,
                                        .reply = out_reply};
    const struct matching_options core = {.out = &server->out,
                                          .limits = &matching_limits_default,
                                          .dynconf = options->dynconf,
                                          .history_shards = options->history_shards,
                                          .clock = options->clock,
                                          .log = options->log,
                                          .metrics = options->metrics,
                                          .seed = rng_u64(&rng)};
    server->core = matching_new(&core);
    server->workers = worker_registry_new(options->dynconf, options->metrics, rng_u64(&rng));
    server->workers_timer = (struct loop_timer){.fire = sweep_workers, .arg = server};
    loop_timer_start(server->o.loop, &server->workers_timer,
                     worker_registry_interval_ns(server->workers) / NS_PER_MS);
    const struct mesh_handlers handlers = {.request = on_request,
                                           .canceled = on_canceled,
                                           .peer = on_peer,
                                           .placed = on_placed,
                                           .arg = server};
    server->port = mesh_port_new(options->mesh, options->loop, &handlers);
    counting_init(&server->counting, server->port, options->history_shards);
    server->follow = (struct mesh_follow){.mesh = options->mesh,
                                          .port = server->port,
                                          .count = MATCHING_SHARDS,
                                          .lost = on_shard_lost,
                                          .placed = on_first_placed,
                                          .arg = server};
    return server;
}

static void drain_late(void *arg)
{
    struct matching_server *server = arg;
    const loop_fn drained = server->drained;

    server->drained = NULL;
    if (drained)
        drained(server->drained_arg);
}

void matching_server_drain(struct matching_server *server, loop_fn done, void *arg)
{
    server->drained = done;
    server->drained_arg = arg;
    server->drain_timer = (struct loop_timer){.fire = drain_late, .arg = server};
    loop_timer_start(server->o.loop, &server->drain_timer, DRAIN_MS);
    matching_drain(server->core, now_ns(server));
    touch(server);
}

void matching_server_free(struct matching_server *server)
{
    if (!server)
        return;
    mesh_port_free(server->port);
    counting_release(&server->counting);
    loop_timer_stop(server->o.loop, &server->timer);
    loop_timer_stop(server->o.loop, &server->drain_timer);
    loop_timer_stop(server->o.loop, &server->workers_timer);
    worker_registry_free(server->workers);
    matching_free(server->core);
    buf_release(&server->body);
    arena_release(&server->arena);
    free(server);
}
