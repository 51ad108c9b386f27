/* effects_fixture.h - for tests: several shards by hand over one store that may fail, and a network
 * between them that loses, repeats, delays and reorders. The test plays matching and the workers.
 *
 * A message dies with the process that it was sent to; one that a dead process sent may still
 * arrive, and may even have been sent again, by an owner that was deposed and does not know it.
 * What the workers exchange with the shards is lost in crashes only. */
#ifndef GNOMON_EFFECTS_FIXTURE_H
#define GNOMON_EFFECTS_FIXTURE_H

#include "common/proto/wire.h"
#include "common/rpc/rpc.h"
#include "common/store/fault/store_fault.h"
#include "history/engine/engine.h"
#include "history/engine/rows.h"
#include "history/shard/shard.h"
#include "tests/lib/test.h"

#include <stdlib.h>

enum { LAB_SHARDS = 2, LAB_WORKER = 5, LAB_TABLETS = 256 / LAB_SHARDS };
#define LAB_NAMESPACE "0190c1f2-0000-7000-8000-0000000000aa"

struct lab;

struct lab_node {
    struct lab *lab;
    uint32_t id;
    uint64_t life; /* 0: down */
    bool lost, dying;
    struct history_net net;
    struct history_shard *shard;
};

enum lab_kind { LAB_CALL, LAB_REPLY, LAB_CAST };

struct lab_message {
    struct list node;
    enum lab_kind kind;
    uint32_t to;
    uint64_t life;  /* of the receiver */
    bool of_zombie; /* its sender was deposed with the call outstanding: it finds any receiver */
    enum mesh_method method;
    uint64_t call;
    enum err err;
    int64_t at_ns;
    struct slice body;
};

struct lab_call { /* outstanding */
    struct list node;
    uint64_t id, life;
    uint32_t from, to;
    mesh_reply_fn reply;
    void *arg;
    int64_t deadline_ns;
};

/* What a worker waits for, or got. */
struct lab_answer {
    struct list node;
    uint64_t call;
    enum err err;
    struct slice body;
};

struct lab_task {
    struct list node;
    struct rpc_task task;
};

struct lab {
    const char *dir;
    struct arena arena;
    struct rng rng;
    struct fake_clock clock;
    struct log log;
    struct metrics *metrics;
    struct engine_limits limits;
    struct store *store;
    struct lab_node nodes[LAB_SHARDS];
    struct list messages, calls, answers, tasks;
    uint64_t lives, call_ids;
    uint32_t loss, repeat, late; /* per cent of the messages between shards */
};

/* -- the network ---------------------------------------------------------------------------- */

static inline bool lab_chance(struct lab *lab, uint32_t percent)
{
    return rng_below(&lab->rng, 100) < percent;
}

static inline void lab_put(struct lab *lab, const struct lab_message *what)
{
    struct lab_message *message = ARENA_NEW(&lab->arena, struct lab_message);
    const int64_t delay_ns = lab_chance(lab, lab->late)
                                 ? (int64_t)rng_below(&lab->rng, (uint64_t)(60 * NS_PER_S))
                                 : (int64_t)rng_below(&lab->rng, (uint64_t)(20 * NS_PER_MS));

    *message = *what;
    message->at_ns = lab->clock.now_ns + delay_ns;
    message->body = arena_copy(&lab->arena, what->body);
    list_push_back(&lab->messages, &message->node);
}

static inline void lab_post(struct lab *lab, const struct lab_message *what)
{
    if (lab_chance(lab, lab->loss))
        return;
    lab_put(lab, what);
    while (lab_chance(lab, lab->repeat))
        lab_put(lab, what);
}

static inline struct lab_call *lab_call_find(struct lab *lab, uint64_t id)
{
    LIST_EACH(it, &lab->calls)
    {
        struct lab_call *call = CONTAINER_OF(it, struct lab_call, node);

        if (call->id == id)
            return call;
    }
    return NULL;
}

static inline struct slice lab_join(struct lab *lab, const struct mesh_answer *answer)
{
    struct buf joined;

    buf_init(&joined, 0);
    for (size_t i = 0; i < answer->count; i++)
        buf_append_slice(&joined, answer->parts[i]);
    const struct slice bytes = arena_copy(&lab->arena, buf_slice(&joined));
    buf_release(&joined);
    return bytes;
}

static inline void lab_on_reply(void *self, struct mesh_addr to, const struct mesh_answer *answer)
{
    const struct lab_node *node = self;
    struct lab *lab = node->lab;

    if (node->dying)
        return;
    const struct slice body = lab_join(lab, answer);
    if (to.process == LAB_WORKER) {
        struct lab_answer *got = ARENA_NEW(&lab->arena, struct lab_answer);

        *got = (struct lab_answer){.call = to.call, .err = answer->err, .body = body};
        list_push_back(&lab->answers, &got->node);
        return;
    }
    const struct lab_call *call = lab_call_find(lab, to.call);
    if (call)
        lab_post(lab, &(struct lab_message){.kind = LAB_REPLY,
                                            .to = call->from,
                                            .life = lab->nodes[call->from].life,
                                            .call = to.call,
                                            .err = answer->err,
                                            .body = body});
}

static inline uint64_t lab_on_call(void *self, struct mesh_target to, enum mesh_method method,
                                   struct slice body, int64_t timeout_ms, mesh_reply_fn reply,
                                   void *arg)
{
    const struct lab_node *node = self;
    struct lab *lab = node->lab;
    struct lab_call *call = ARENA_NEW(&lab->arena, struct lab_call);

    must(to.role == ROLE_HISTORY && to.shard < LAB_SHARDS && timeout_ms > 0);
    *call = (struct lab_call){.id = ++lab->call_ids,
                              .from = node->id,
                              .to = to.shard,
                              .life = lab->nodes[to.shard].life,
                              .reply = reply,
                              .arg = arg,
                              .deadline_ns = lab->clock.now_ns + timeout_ms * NS_PER_MS};
    list_push_back(&lab->calls, &call->node);
    if (call->life == 0) {
        lab_put(lab, &(struct lab_message){.kind = LAB_REPLY,
                                           .to = node->id,
                                           .life = node->life,
                                           .call = call->id,
                                           .err = ERR_UNAVAILABLE});
        return call->id;
    }
    lab_post(lab, &(struct lab_message){.kind = LAB_CALL,
                                        .to = to.shard,
                                        .life = call->life,
                                        .method = method,
                                        .call = call->id,
                                        .body = body});
    return call->id;
}

static inline void lab_on_cancel(void *self, uint64_t id)
{
    const struct lab_node *node = self;
    struct lab_call *call = lab_call_find(node->lab, id);

    must(call != NULL);
    list_remove(&call->node);
}

static inline bool lab_on_cast(void *self, struct mesh_target to, enum mesh_method method,
                               struct slice body)
{
    const struct lab_node *node = self;
    struct lab *lab = node->lab;

    if (to.role == ROLE_MATCHING && method == METHOD_MATCHING_OFFER_TASKS) {
        struct rpc_task *tasks;
        uint32_t count;
        bool has_more;

        check_ok(rpc_tasks_decode(&lab->arena, arena_copy(&lab->arena, body), &tasks, &count,
                                  &has_more));
        for (uint32_t i = 0; i < count; i++) {
            struct lab_task *task = ARENA_NEW(&lab->arena, struct lab_task);

            task->task = tasks[i];
            list_push_back(&lab->tasks, &task->node);
        }
    } else if (to.role == ROLE_HISTORY && lab->nodes[to.shard].life) {
        lab_post(lab, &(struct lab_message){.kind = LAB_CAST,
                                            .to = to.shard,
                                            .life = lab->nodes[to.shard].life,
                                            .method = method,
                                            .body = body});
    }
    return true;
}

static inline bool lab_on_alive(void *self, enum mesh_role role)
{
    UNUSED(self);
    return role != ROLE_TIMERS;
}

static inline void lab_end_call(struct lab *lab, uint64_t id, enum err err, struct slice body)
{
    struct lab_call *call = lab_call_find(lab, id);

    if (!call)
        return;
    list_remove(&call->node);
    call->reply(call->arg, err, &(struct err_detail){0}, body);
}

static inline void lab_deliver(struct lab *lab, struct lab_message *message)
{
    struct lab_node *node = &lab->nodes[message->to];

    list_remove(&message->node);
    if ((node->life != message->life && !message->of_zombie) || node->life == 0)
        return;
    if (message->kind == LAB_REPLY) {
        lab_end_call(lab, message->call, message->err, message->body);
        return;
    }
    history_shard_request(
        node->shard,
        &(struct mesh_request){
            .method = message->method,
            .shard = node->id,
            .from = {.process = message->kind == LAB_CALL ? 100 : 0,
                     .call = message->kind == LAB_CALL ? message->call : 0},
            .deadline_mono_ns = message->kind == LAB_CALL ? lab->clock.now_ns + 10 * NS_PER_S : 0,
            .body = message->body});
}

/* One message that may arrive by now, whichever; false: there is none. */
static inline bool lab_deliver_one(struct lab *lab)
{
    struct lab_message *chosen = NULL;
    uint64_t seen = 0;

    LIST_EACH(it, &lab->messages)
    {
        struct lab_message *message = CONTAINER_OF(it, struct lab_message, node);

        if (message->at_ns <= lab->clock.now_ns && rng_below(&lab->rng, ++seen) == 0)
            chosen = message;
    }
    if (chosen)
        lab_deliver(lab, chosen);
    return chosen != NULL;
}

static inline bool lab_expire_one(struct lab *lab)
{
    LIST_EACH(it, &lab->calls)
    {
        const struct lab_call *call = CONTAINER_OF(it, struct lab_call, node);

        if (call->deadline_ns > lab->clock.now_ns)
            continue;
        lab_end_call(lab, call->id, ERR_TIMEOUT, SLICE_EMPTY);
        return true;
    }
    return false;
}

/* -- shards --------------------------------------------------------------------------------- */

static inline void lab_on_lost(void *arg, enum err err)
{
    struct lab_node *node = arg;

    UNUSED(err);
    node->lost = true;
}

/* false: the store fails at this moment. */
static inline bool lab_open(struct lab_node *node)
{
    struct lab *lab = node->lab;
    const struct history_shard_options options = {
        .shard_id = node->id,
        .shard_count = LAB_SHARDS,
        .store = lab->store,
        .net = &node->net,
        .clock = &lab->clock.clock,
        .log = &lab->log,
        .metrics = lab->metrics,
        .limits = &lab->limits,
        .cache_bytes = 64 * 1024, /* runs come and go */
        .seed = rng_u64(&lab->rng) | 1,
        .lost = lab_on_lost,
        .arg = node,
    };
    struct err_detail detail = {0};

    node->lost = node->dying = false;
    if (history_shard_open(&options, &node->shard, &detail) != ERR_OK)
        return false;
    node->life = ++lab->lives;
    for (uint32_t i = 0; i < LAB_SHARDS; i++)
        if (lab->nodes[i].life)
            history_shard_peer(lab->nodes[i].shard, ROLE_HISTORY, node->life, true);
    return true;
}

/* The process is gone: what is on its way to it dies, its callers hear of it. */
static inline void lab_crash(struct lab_node *node)
{
    struct lab *lab = node->lab;

    node->dying = true;
    LIST_EACH(it, &lab->messages)
    {
        struct lab_message *message = CONTAINER_OF(it, struct lab_message, node);
        const struct lab_call *call =
            message->kind == LAB_CALL ? lab_call_find(lab, message->call) : NULL;

        message->of_zombie = message->of_zombie || (call && call->from == node->id);
    }
    history_shard_close(node->shard, false);
    node->shard = NULL;
    LIST_EACH(it, &lab->calls)
    {
        const struct lab_call *call = CONTAINER_OF(it, struct lab_call, node);

        must(call->from != node->id);
        if (call->life == node->life)
            lab_put(lab, &(struct lab_message){.kind = LAB_REPLY,
                                               .to = call->from,
                                               .life = lab->nodes[call->from].life,
                                               .call = call->id,
                                               .err = ERR_PEER_RESET});
    }
    node->life = 0;
}

static inline void lab_init(struct lab *lab, const char *dir, uint64_t seed)
{
    struct err_detail detail = {0};

    *lab = (struct lab){.dir = dir, .limits = engine_limits_default};
    store_fault_wipe(dir);
    arena_init(&lab->arena);
    rng_seed(&lab->rng, seed);
    fake_clock_init(&lab->clock, INT64_C(1700000000) * NS_PER_S);
    lab->log = (struct log){.level = (enum log_level)(LOG_ERROR + 1), .fd = 2};
    lab->metrics = metrics_new();
    list_init(&lab->messages);
    list_init(&lab->calls);
    list_init(&lab->answers);
    list_init(&lab->tasks);
    const struct store_options options = {.backend = "fault",
                                          .dir = dir,
                                          .service = "history",
                                          .clock = &lab->clock.clock,
                                          .log = &lab->log,
                                          .metrics = lab->metrics,
                                          .commit_threads = 1,
                                          .manual = true,
                                          .seed = seed};
    check_ok(store_open(&options, &lab->store, &detail));
    for (uint32_t i = 0; i < LAB_SHARDS; i++) {
        struct lab_node *node = &lab->nodes[i];

        *node = (struct lab_node){.lab = lab, .id = i};
        node->net = (struct history_net){.reply = lab_on_reply,
                                         .call = lab_on_call,
                                         .cancel = lab_on_cancel,
                                         .cast = lab_on_cast,
                                         .alive = lab_on_alive,
                                         .process = 100 + i,
                                         .self = node};
        must(lab_open(node));
    }
}

static inline void lab_release(struct lab *lab)
{
    for (uint32_t i = 0; i < LAB_SHARDS; i++)
        if (lab->nodes[i].life)
            lab_crash(&lab->nodes[i]);
    store_close(lab->store);
    metrics_free(lab->metrics);
    arena_release(&lab->arena);
    store_fault_wipe(lab->dir);
}

/* Bring lost and crashed shards back. */
static inline void lab_mend(struct lab *lab)
{
    for (uint32_t i = 0; i < LAB_SHARDS; i++) {
        struct lab_node *node = &lab->nodes[i];

        if (node->life && node->lost)
            lab_crash(node);
        if (!node->life)
            (void)lab_open(node);
    }
}

/* Move the clock to the next moment at which anything can happen; at most `max_ns` on. */
static inline void lab_wait(struct lab *lab, int64_t max_ns)
{
    int64_t next_ns = lab->clock.now_ns + max_ns;

    LIST_EACH(it, &lab->messages)
    {
        const struct lab_message *message = CONTAINER_OF(it, struct lab_message, node);

        if (message->at_ns < next_ns)
            next_ns = message->at_ns;
    }
    LIST_EACH(it, &lab->calls)
    {
        const struct lab_call *call = CONTAINER_OF(it, struct lab_call, node);

        if (call->deadline_ns < next_ns)
            next_ns = call->deadline_ns;
    }
    for (uint32_t i = 0; i < LAB_SHARDS; i++)
        if (lab->nodes[i].life && !lab->nodes[i].lost) {
            const int64_t due_ns = history_shard_run_due(lab->nodes[i].shard);

            if (due_ns < next_ns)
                next_ns = due_ns;
        }
    const int64_t step_ns = store_next_step_ns(lab->store);
    if (step_ns < next_ns)
        next_ns = step_ns;
    if (next_ns > lab->clock.now_ns)
        lab->clock.now_ns = next_ns;
    for (uint32_t i = 0; i < LAB_SHARDS; i++)
        if (lab->nodes[i].life && !lab->nodes[i].lost)
            (void)history_shard_run_due(lab->nodes[i].shard);
}

/* -- the workers' side ---------------------------------------------------------------------- */

static inline uint64_t lab_request(struct lab *lab, uint32_t shard, enum mesh_method method,
                                   struct slice body)
{
    struct lab_node *node = &lab->nodes[shard];
    const uint64_t call = ++lab->call_ids;

    if (node->life)
        history_shard_request(
            node->shard, &(struct mesh_request){.method = method,
                                                .shard = shard,
                                                .from = {.process = LAB_WORKER, .call = call},
                                                .deadline_mono_ns = lab->clock.now_ns + NS_PER_S,
                                                .body = body});
    return call;
}

static inline uint64_t lab_api(struct lab *lab, const char *workflow_id, enum mesh_method method,
                               const void *message, struct slice token)
{
    const struct rpc_api api = {.namespace_id = SLICE_LIT(LAB_NAMESPACE),
                                .namespace_name = SLICE_LIT("default"),
                                .retention_s = 86400,
                                .token = token,
                                .request = proto_encode(&lab->arena, message)};
    const uint32_t shard = rpc_history_shard(api.namespace_id, slice_str(workflow_id), LAB_SHARDS);
    struct buf body;

    buf_init(&body, 0);
    rpc_api_encode(&api, &body);
    const struct slice bytes = arena_copy(&lab->arena, buf_slice(&body));
    buf_release(&body);
    return lab_request(lab, shard, method, bytes);
}

static inline struct lab_answer *lab_answer_of(struct lab *lab, uint64_t call)
{
    LIST_EACH(it, &lab->answers)
    {
        struct lab_answer *answer = CONTAINER_OF(it, struct lab_answer, node);

        if (answer->call == call)
            return answer;
    }
    return NULL;
}

static inline char *lab_str(struct lab *lab, const char *text)
{
    return arena_str(&lab->arena, slice_str(text));
}

/* Ask all shards for their tasks of the queue: their offers may have been lost. */
static inline void lab_pull(struct lab *lab, uint64_t calls[LAB_SHARDS])
{
    const struct rpc_pull_tasks pull = {.kind = TASK_WORKFLOW,
                                        .namespace_id = SLICE_LIT(LAB_NAMESPACE),
                                        .task_queue = SLICE_LIT("queue"),
                                        .limit = 100};
    struct buf body;

    buf_init(&body, 0);
    rpc_pull_tasks_encode(&pull, &body);
    for (uint32_t i = 0; i < LAB_SHARDS; i++)
        calls[i] = lab_request(lab, i, METHOD_HISTORY_PULL_TASKS, buf_slice(&body));
    buf_release(&body);
}

#endif
