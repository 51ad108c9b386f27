/* effects_test.c - effects between executions happen exactly once: real runs on two shards, over a
 * network and a store that fail in seeded random ways. No thread, no sleep. */
#include "history/shard/effects_fixture.h"

#include "common/base/hash.h"
#include "history/shard/effect_row.h"

#include <stdio.h>

enum { SOURCES = 4, TARGETS = 3, OPS_FEW = 6, OPS_MAX = 400, POLLS_MAX = 64, EVENTS_MAX = 4096 };

/* -- what the workflows do ------------------------------------------------------------------ */

enum op_kind {
    OP_CHILD,
    OP_LONG_CHILD,
    OP_SHARED_CHILD,
    OP_SIGNAL,
    OP_SIGNAL_NOBODY,
    OP_CANCEL,
    OP_KIND_COUNT
};

struct op {
    enum op_kind kind;
    uint32_t target;
};

struct source {
    char id[32];
    bool impatient; /* completes without waiting for any answer */
    bool too_large; /* ended so */
    struct op ops[OPS_MAX];
    uint32_t op_count;
};

struct poll {
    uint64_t call;
    bool pull;
};

struct story {
    struct lab lab;
    struct source sources[SOURCES];
    struct poll polls[POLLS_MAX];
    uint32_t poll_count;
    uint64_t poll_ids;
    int64_t pull_at_ns;
};

static const char *target_id(struct story *s, uint32_t i)
{
    return arena_printf(&s->lab.arena, "target-%u", i);
}

static api_command *command_new(struct story *s, int32_t type, int32_t attributes_case)
{
    api_command *command = ARENA_NEW(&s->lab.arena, api_command);

    *command = (api_command)API_COMMAND_INIT;
    command->command_type = (Temporal__Api__Enums__V1__CommandType)type;
    command->attributes_case = (Temporal__Api__Command__V1__Command__AttributesCase)attributes_case;
    return command;
}

#define COMMAND_CASE(name)                                                                         \
    TEMPORAL__API__COMMAND__V1__COMMAND__ATTRIBUTES_##name##_COMMAND_ATTRIBUTES

static api_common_workflow_execution *execution_of(struct story *s, const char *workflow_id)
{
    api_common_workflow_execution *execution =
        ARENA_NEW(&s->lab.arena, api_common_workflow_execution);

    *execution = (api_common_workflow_execution)API_COMMON_WORKFLOW_EXECUTION_INIT;
    execution->workflow_id = lab_str(&s->lab, workflow_id);
    return execution;
}

static api_command *start_child(struct story *s, const char *workflow_id)
{
    api_command *command = command_new(s, COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION,
                                       COMMAND_CASE(START_CHILD_WORKFLOW_EXECUTION));
    api_start_child_workflow_execution_command_attributes *a =
        ARENA_NEW(&s->lab.arena, api_start_child_workflow_execution_command_attributes);
    api_workflow_type *type = ARENA_NEW(&s->lab.arena, api_workflow_type);

    *a = (api_start_child_workflow_execution_command_attributes)
        API_START_CHILD_WORKFLOW_EXECUTION_COMMAND_ATTRIBUTES_INIT;
    *type = (api_workflow_type)API_WORKFLOW_TYPE_INIT;
    type->name = lab_str(&s->lab, "Child");
    a->workflow_id = lab_str(&s->lab, workflow_id);
    a->workflow_type = type;
    command->start_child_workflow_execution_command_attributes = a;
    return command;
}

static api_command *signal_external(struct story *s, const char *workflow_id, const char *name)
{
    api_command *command = command_new(s, COMMAND_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION,
                                       COMMAND_CASE(SIGNAL_EXTERNAL_WORKFLOW_EXECUTION));
    api_signal_external_workflow_execution_command_attributes *a =
        ARENA_NEW(&s->lab.arena, api_signal_external_workflow_execution_command_attributes);

    *a = (api_signal_external_workflow_execution_command_attributes)
        API_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_COMMAND_ATTRIBUTES_INIT;
    a->execution = execution_of(s, workflow_id);
    a->signal_name = lab_str(&s->lab, name);
    command->signal_external_workflow_execution_command_attributes = a;
    return command;
}

static api_command *cancel_external(struct story *s, const char *workflow_id)
{
    api_command *command = command_new(s, COMMAND_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION,
                                       COMMAND_CASE(REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION));
    api_request_cancel_external_workflow_execution_command_attributes *a =
        ARENA_NEW(&s->lab.arena, api_request_cancel_external_workflow_execution_command_attributes);

    *a = (api_request_cancel_external_workflow_execution_command_attributes)
        API_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_COMMAND_ATTRIBUTES_INIT;
    a->workflow_id = lab_str(&s->lab, workflow_id);
    command->request_cancel_external_workflow_execution_command_attributes = a;
    return command;
}

static api_command *complete(struct story *s)
{
    api_command *command = command_new(s, COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION,
                                       COMMAND_CASE(COMPLETE_WORKFLOW_EXECUTION));
    api_complete_workflow_execution_command_attributes *a =
        ARENA_NEW(&s->lab.arena, api_complete_workflow_execution_command_attributes);

    *a = (api_complete_workflow_execution_command_attributes)
        API_COMPLETE_WORKFLOW_EXECUTION_COMMAND_ATTRIBUTES_INIT;
    command->complete_workflow_execution_command_attributes = a;
    return command;
}

static api_command *command_of(struct story *s, const struct source *source, uint32_t i)
{
    const struct op *op = &source->ops[i];
    const char *name = arena_printf(&s->lab.arena, "%s.%u", source->id, i);

    switch (op->kind) {
    case OP_CHILD:
        return start_child(s, name);
    case OP_LONG_CHILD:
        return start_child(s, arena_printf(&s->lab.arena, "%-1000s", name));
    case OP_SHARED_CHILD:
        return start_child(s, arena_printf(&s->lab.arena, "shared-%u", op->target));
    case OP_SIGNAL:
        return signal_external(s, target_id(s, op->target), name);
    case OP_SIGNAL_NOBODY:
        return signal_external(s, "nobody", name);
    case OP_CANCEL:
        return cancel_external(s, target_id(s, op->target));
    case OP_KIND_COUNT:
        break;
    }
    must(!"such an operation");
    return NULL;
}

static void draw_sources(struct story *s)
{
    struct rng *rng = &s->lab.rng;

    for (uint32_t i = 0; i < SOURCES; i++) {
        struct source *source = &s->sources[i];

        snprintf(source->id, sizeof source->id, "source-%u", i);
        source->impatient = rng_below(rng, 4) == 0;
        source->op_count = 1 + (uint32_t)rng_below(rng, OPS_FEW);
        for (uint32_t k = 0; k < source->op_count; k++)
            source->ops[k] = (struct op){(enum op_kind)rng_below(rng, OP_KIND_COUNT),
                                         (uint32_t)rng_below(rng, TARGETS)};
    }
}

/* Does the target hear of it in the end? A source that ends at once may take its requests along. */
static bool is_signal_to(const struct source *source, uint32_t op, uint32_t target)
{
    return source->ops[op].kind == OP_SIGNAL && source->ops[op].target == target &&
           !source->impatient && !source->too_large;
}

static const struct source *source_of(const struct story *s, const char *workflow_id)
{
    for (uint32_t i = 0; i < SOURCES; i++)
        if (strcmp(s->sources[i].id, workflow_id) == 0)
            return &s->sources[i];
    return NULL;
}

/* -- histories ------------------------------------------------------------------------------ */

struct tally {
    uint32_t initiated, answered, closed_children, started_children;
};

/* What an event says of which initiated one; 0: of none. */
static int64_t answers(const api_history_event *event)
{
    switch ((int32_t)event->event_type) {
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED:
        return event->child_workflow_execution_started_event_attributes->initiated_event_id;
    case EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED:
        return event->start_child_workflow_execution_failed_event_attributes->initiated_event_id;
    case EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED:
        return event->external_workflow_execution_signaled_event_attributes->initiated_event_id;
    case EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED:
        return event->signal_external_workflow_execution_failed_event_attributes
            ->initiated_event_id;
    case EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
        return event->external_workflow_execution_cancel_requested_event_attributes
            ->initiated_event_id;
    case EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED:
        return event->request_cancel_external_workflow_execution_failed_event_attributes
            ->initiated_event_id;
    default:
        return 0;
    }
}

/* Each request of a source is answered at most once, each child closes at most once. */
static struct tally count(const api_history *history)
{
    struct tally tally = {0};
    int64_t answered[OPS_MAX * 2] = {0}, closed[OPS_MAX * 2] = {0};

    for (size_t i = 0; i < history->n_events; i++) {
        const api_history_event *event = history->events[i];
        const int64_t of = answers(event);
        int64_t child = 0;

        if (of) {
            for (uint32_t k = 0; k < tally.answered; k++)
                check(answered[k] != of);
            must(tally.answered < COUNT_OF(answered));
            answered[tally.answered++] = of;
        }
        switch ((int32_t)event->event_type) {
        case EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
        case EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
        case EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
            tally.initiated++;
            break;
        case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED:
            tally.started_children++;
            break;
        case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED:
            child = event->child_workflow_execution_completed_event_attributes->initiated_event_id;
            break;
        case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED:
            child = event->child_workflow_execution_terminated_event_attributes->initiated_event_id;
            break;
        default:
            break;
        }
        if (child) {
            for (uint32_t k = 0; k < tally.closed_children; k++)
                check(closed[k] != child);
            must(tally.closed_children < COUNT_OF(closed));
            closed[tally.closed_children++] = child;
        }
    }
    return tally;
}

static const api_history *history_of(struct story *s, const char *workflow_id);

/* -- the worker ----------------------------------------------------------------------------- */

static bool run_one_task(struct story *s)
{
    struct list *node = list_pop_front(&s->lab.tasks);
    api_poll_workflow_task_queue_request request = API_POLL_WORKFLOW_TASK_QUEUE_REQUEST_INIT;
    struct buf body;

    if (!node || s->poll_count == POLLS_MAX)
        return false;
    const struct rpc_task *task = &CONTAINER_OF(node, struct lab_task, node)->task;
    struct poll *poll = &s->polls[s->poll_count++];
    *poll = (struct poll){.call = ++s->lab.call_ids};
    const struct rpc_start_task start = {
        .task = *task,
        .poll = {.kind = TASK_WORKFLOW,
                 .namespace_id = SLICE_LIT(LAB_NAMESPACE),
                 .namespace_name = SLICE_LIT("default"),
                 .task_queue = task->task_queue,
                 .normal_queue = task->task_queue,
                 .poll_id = ++s->poll_ids,
                 .reply_to = {.process = LAB_WORKER, .call = poll->call},
                 .identity = SLICE_LIT("worker"),
                 .request = proto_encode(&s->lab.arena, &request)}};
    buf_init(&body, 0);
    rpc_start_task_encode(&start, &body);
    (void)lab_request(&s->lab, task->history_shard, METHOD_HISTORY_START_TASK, buf_slice(&body));
    buf_release(&body);
    return true;
}

static void respond(struct story *s, const api_poll_workflow_task_queue_response *task)
{
    const char *workflow_id = task->workflow_execution->workflow_id;
    const struct source *source = source_of(s, workflow_id);
    api_respond_workflow_task_completed_request request =
        API_RESPOND_WORKFLOW_TASK_COMPLETED_REQUEST_INIT;
    api_command *commands[OPS_MAX + 1];
    size_t n = 0;

    if (!source) {
        if (strncmp(workflow_id, "target", 6) != 0)
            commands[n++] = complete(s); /* a child */
    } else {
        const struct tally tally =
            count(task->next_page_token.len ? history_of(s, workflow_id) : task->history);

        if (tally.initiated == 0)
            for (; n < source->op_count; n++)
                commands[n] = command_of(s, source, (uint32_t)n);
        if ((tally.initiated == 0 && source->impatient) ||
            (tally.initiated > 0 && tally.answered == tally.initiated &&
             tally.closed_children == tally.started_children))
            commands[n++] = complete(s);
    }
    request.commands = commands;
    request.n_commands = n;
    (void)lab_api(&s->lab, workflow_id, METHOD_HISTORY_RESPOND_WORKFLOW_TASK_COMPLETED, &request,
                  slice_of(task->task_token.data, task->task_token.len));
}

static void take_pulled(struct story *s, struct slice body)
{
    struct rpc_task *tasks;
    uint32_t task_count;
    bool has_more;

    check_ok(rpc_tasks_decode(&s->lab.arena, body, &tasks, &task_count, &has_more));
    for (uint32_t i = 0; i < task_count; i++) {
        struct lab_task *task = ARENA_NEW(&s->lab.arena, struct lab_task);

        task->task = tasks[i];
        list_push_back(&s->lab.tasks, &task->node);
    }
}

static bool take_one_answer(struct story *s)
{
    struct list *node = list_pop_front(&s->lab.answers);
    struct err_detail detail = {0};

    if (!node)
        return false;
    const struct lab_answer *answer = CONTAINER_OF(node, struct lab_answer, node);
    for (uint32_t i = 0; i < s->poll_count; i++) {
        const struct poll poll = s->polls[i];

        if (poll.call != answer->call)
            continue;
        s->polls[i] = s->polls[--s->poll_count];
        if (answer->err == ERR_OK && poll.pull) {
            take_pulled(s, answer->body);
        } else if (answer->err == ERR_OK) {
            api_poll_workflow_task_queue_response *task;

            check_ok(proto_decode(&s->lab.arena, &api_poll_workflow_task_queue_response__desc,
                                  answer->body, &task, &detail));
            respond(s, task);
        }
        break;
    }
    return true;
}

/* Matching hears of tasks whose offers were lost, and polls that died are forgotten. */
static void pull(struct story *s)
{
    uint64_t calls[LAB_SHARDS];

    s->poll_count = 0;
    list_init(&s->lab.tasks);
    lab_pull(&s->lab, calls);
    for (uint32_t i = 0; i < LAB_SHARDS; i++)
        s->polls[s->poll_count++] = (struct poll){.call = calls[i], .pull = true};
    s->pull_at_ns = s->lab.clock.now_ns + NS_PER_S;
}

/* -- the world goes on ---------------------------------------------------------------------- */

static bool step(struct story *s)
{
    switch (rng_below(&s->lab.rng, 4)) {
    case 0:
        return lab_deliver_one(&s->lab) || store_step(s->lab.store);
    case 1:
        return run_one_task(s) || lab_deliver_one(&s->lab);
    case 2:
        return take_one_answer(s) || lab_expire_one(&s->lab);
    default:
        return store_step(s->lab.store);
    }
}

static bool step_any(struct story *s)
{
    return step(s) || store_step(s->lab.store) || lab_deliver_one(&s->lab) || run_one_task(s) ||
           take_one_answer(s) || lab_expire_one(&s->lab);
}

/* Ask until it is answered; everything goes on meanwhile. */
static const void *ask(struct story *s, const char *workflow_id, enum mesh_method method,
                       const void *request, const ProtobufCMessageDescriptor *desc)
{
    struct err_detail detail = {0};
    void *message = NULL;

    for (uint32_t tries = 0; tries < 200; tries++) {
        const uint64_t call = lab_api(&s->lab, workflow_id, method, request, SLICE_EMPTY);
        const struct lab_answer *answer = NULL;

        for (uint32_t steps = 0; steps < 1000 && !answer; steps++) {
            answer = lab_answer_of(&s->lab, call);
            if (!answer && !store_step(s->lab.store) && !lab_deliver_one(&s->lab))
                lab_wait(&s->lab, 10 * NS_PER_MS);
            lab_mend(&s->lab);
        }
        if (!answer || err_may_retry(answer->err))
            continue;
        check_ok(answer->err);
        check_ok(proto_decode(&s->lab.arena, desc, answer->body, &message, &detail));
        return message;
    }
    check(!"an answer");
    return NULL;
}

static void start(struct story *s, const char *workflow_id)
{
    api_start_workflow_execution_request request = API_START_WORKFLOW_EXECUTION_REQUEST_INIT;
    api_workflow_type type = API_WORKFLOW_TYPE_INIT;
    api_task_queue queue = API_TASK_QUEUE_INIT;

    type.name = lab_str(&s->lab, "Any");
    queue.name = lab_str(&s->lab, "queue");
    request.workflow_id = request.request_id = lab_str(&s->lab, workflow_id);
    request.workflow_type = &type;
    request.task_queue = &queue;
    (void)ask(s, workflow_id, METHOD_HISTORY_START_WORKFLOW, &request,
              &api_start_workflow_execution_response__desc);
}

static const api_history *history_of(struct story *s, const char *workflow_id)
{
    api_get_workflow_execution_history_request request =
        API_GET_WORKFLOW_EXECUTION_HISTORY_REQUEST_INIT;

    api_history *whole = ARENA_NEW(&s->lab.arena, api_history);

    *whole = (api_history)API_HISTORY_INIT;
    whole->events = ARENA_ARRAY(&s->lab.arena, api_history_event *, EVENTS_MAX);
    request.execution = execution_of(s, workflow_id);
    request.maximum_page_size = 256;
    do {
        const api_get_workflow_execution_history_response *page =
            ask(s, workflow_id, METHOD_HISTORY_GET_HISTORY, &request,
                &api_get_workflow_execution_history_response__desc);

        must(page != NULL && whole->n_events + page->history->n_events <= EVENTS_MAX);
        for (size_t i = 0; i < page->history->n_events; i++)
            whole->events[whole->n_events++] = page->history->events[i];
        request.next_page_token = page->next_page_token;
    } while (request.next_page_token.len);
    return whole;
}

/* -- what is stored ------------------------------------------------------------------------- */

struct rows {
    uint32_t outgoing, effects, open_runs, children;
    struct rpc_effect parents[SOURCES * OPS_MAX * 2]; /* of each child run: who asked for it */
    struct store_snapshot *snapshot;
    struct arena *arena;
};

static bool visit(void *arg, struct slice key, struct slice value)
{
    struct rows *rows = arg;
    struct run *run;
    char run_id[UUID_TEXT_LEN + 1];

    UNUSED(value);
    rows->outgoing += key.ptr[1] == 'O';
    rows->effects += key.ptr[1] == 'E';
    if (key.ptr[1] != 'X')
        return true;
    uuid_format(key.ptr + 2, run_id);
    must(run_load(rows->snapshot, key.ptr[0], SLICE_EMPTY, run_id, &run) == ERR_OK);
    if (!slice_starts_with(run->workflow_id, SLICE_LIT("target")))
        rows->open_runs += run_is_open(run);
    if (run->parent_run_id.len) {
        struct rpc_effect *parent = &rows->parents[rows->children++];

        must(rows->children <= COUNT_OF(rows->parents));
        *parent = (struct rpc_effect){
            .source_run_id = arena_copy(rows->arena, run->parent_run_id),
            .initiated_event_id = run->parent_initiated_event_id,
        };
        for (uint32_t i = 0; i + 1 < rows->children; i++) /* no child was started twice */
            check(!(slice_eq(rows->parents[i].source_run_id, parent->source_run_id) &&
                    rows->parents[i].initiated_event_id == parent->initiated_event_id));
    }
    run_free(run);
    return true;
}

struct read_all {
    struct store_read_job job;
    struct rows *rows;
    bool done;
};

static enum err read_all(struct store_snapshot *snapshot, void *arg)
{
    struct rows *rows = arg;

    rows->snapshot = snapshot;
    return store_scan(snapshot, STORE_MAIN, SLICE_EMPTY, SLICE_EMPTY, false, visit, rows);
}

/* All rows of all shards, opened for that after everything else is closed. */
static void look_at_rows(struct story *s, struct rows *rows)
{
    const struct store_shard_callbacks none = {0};

    *rows = (struct rows){.arena = &s->lab.arena};
    for (uint32_t i = 0; i < LAB_SHARDS; i++) {
        struct store_shard *shard;
        struct err_detail detail = {0};

        if (s->lab.nodes[i].life)
            lab_crash(&s->lab.nodes[i]);
        check_ok(store_shard_open(s->lab.store, i, NULL, &none, &shard, &detail));
        check_ok(store_read_now(shard, read_all, rows));
        store_shard_close(shard, false);
    }
}

/* -- the story ------------------------------------------------------------------------------ */

static bool has_ended_by(const api_history *history, int32_t event_type)
{
    return (int32_t)history->events[history->n_events - 1]->event_type == event_type;
}

static bool is_closed(const api_history *history)
{
    return has_ended_by(history, EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED) ||
           has_ended_by(history, EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED);
}

/* What a source asked for before it ended for its size is answered to nobody. */
static bool was_too_large(const struct story *s, const api_history *history)
{
    return s->lab.limits.state_bytes_max < engine_limits_default.state_bytes_max &&
           has_ended_by(history, EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED);
}

static void check_targets(struct story *s)
{
    for (uint32_t t = 0; t < TARGETS; t++) {
        const api_history *history = history_of(s, target_id(s, t));
        uint32_t next[SOURCES] = {0}, cancels = 0;

        if (was_too_large(s, history))
            continue;

        for (size_t i = 0; i < history->n_events; i++) {
            const api_history_event *event = history->events[i];
            unsigned source, op;

            cancels += event->event_type == EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED;
            if (event->event_type != EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)
                continue;
            const char *name = event->workflow_execution_signaled_event_attributes->signal_name;
            must(sscanf(name, "source-%u.%u", &source, &op) == 2);
            check(op >= next[source]); /* once, and in order */
            for (; next[source] < op; next[source]++)
                check(!is_signal_to(&s->sources[source], next[source], t));
            next[source]++;
        }
        check(cancels <= 1);
        for (uint32_t i = 0; i < SOURCES; i++)
            for (uint32_t k = next[i]; k < s->sources[i].op_count; k++)
                check(!is_signal_to(&s->sources[i], k, t));
    }
}

static void check_sources(struct story *s)
{
    for (uint32_t i = 0; i < SOURCES; i++) {
        struct source *source = &s->sources[i];
        const api_history *history = history_of(s, source->id);
        const struct tally tally = count(history);

        check(is_closed(history));
        if (was_too_large(s, history)) {
            source->too_large = true;
            continue;
        }
        check(has_ended_by(history, EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED));
        check_i64(tally.initiated, source->op_count);
        if (!source->impatient)
            check_i64(tally.answered, tally.initiated);
    }
}

static bool sources_are_closed(struct story *s)
{
    for (uint32_t i = 0; i < SOURCES; i++)
        if (!is_closed(history_of(s, s->sources[i].id)))
            return false;
    return true;
}

struct weather {
    uint32_t loss, repeat, late, crashes;
    enum fault_kind fault;
    bool backlog; /* more than the sender's window holds */
    bool small;   /* half way through, runs with much pending become too large */
};

static void go_on(struct story *s, const struct weather *weather, uint32_t steps_max)
{
    uint32_t crashes = weather->crashes;

    for (uint32_t steps = 0; steps < steps_max; steps++) {
        if (crashes && rng_below(&s->lab.rng, 150) == 0) {
            struct lab_node *node = &s->lab.nodes[rng_below(&s->lab.rng, LAB_SHARDS)];

            crashes--;
            if (node->life)
                lab_crash(node);
            else
                (void)lab_open(node);
        }
        if (rng_below(&s->lab.rng, 20) == 0)
            lab_mend(&s->lab);
        if (s->lab.clock.now_ns >= s->pull_at_ns)
            pull(s);
        if (!step_any(s))
            lab_wait(&s->lab, NS_PER_S);
    }
}

/* Gives how many sources became too large. */
static uint32_t tell(const struct weather *weather, uint64_t seed)
{
    static const struct fault_plan calm = {.kind = FAULT_NONE};
    struct story *s = calloc(1, sizeof *s);
    struct rows *rows = calloc(1, sizeof *rows);
    char dir[64];

    must(s != NULL && rows != NULL);
    snprintf(dir, sizeof dir, "effects-test-%llu", (unsigned long long)seed);
    lab_init(&s->lab, dir, seed);
    draw_sources(s);
    if (weather->backlog) {
        s->sources[0] = (struct source){.id = "source-0", .op_count = OPS_MAX};
        for (uint32_t i = 0; i < OPS_MAX; i++)
            s->sources[0].ops[i] = (struct op){OP_SIGNAL, i % TARGETS};
    }
    for (uint32_t i = 0; i < TARGETS; i++)
        start(s, target_id(s, i));
    for (uint32_t i = 0; i < SOURCES; i++)
        start(s, s->sources[i].id);
    s->lab.loss = weather->loss;
    s->lab.repeat = weather->repeat;
    s->lab.late = weather->late;
    store_fault_set(dir, &(struct fault_plan){.kind = weather->fault,
                                              .at = 20 + rng_below(&s->lab.rng, 200),
                                              .times = 1 + rng_below(&s->lab.rng, 3),
                                              .appends_only = true});
    if (weather->small) {
        go_on(s, weather, 100 + (uint32_t)rng_below(&s->lab.rng, 300));
        s->lab.limits.state_bytes_max = rng_below(&s->lab.rng, 1000);
    }
    go_on(s, weather, 1500);
    const bool cut_off = store_fault_hit(dir) && weather->fault >= FAULT_CRASH_BEFORE;
    store_fault_set(dir, &calm);
    for (uint32_t i = 0; i < LAB_SHARDS && cut_off; i++)
        s->lab.nodes[i].lost = true; /* who did not append since does not know yet */
    s->lab.loss = s->lab.repeat = s->lab.late = 0;
    lab_mend(&s->lab);
    for (uint32_t rounds = 0; rounds < 40; rounds++) {
        go_on(s, &(struct weather){0}, 500);
        if (sources_are_closed(s))
            break;
    }
    /* What was lost of the forgetting is settled within two hours. */
    const int64_t until_ns = s->lab.clock.now_ns + 2 * 3600 * NS_PER_S;
    while (s->lab.clock.now_ns < until_ns)
        if (!step_any(s))
            lab_wait(&s->lab, 600 * NS_PER_S);
    go_on(s, &(struct weather){0}, 200);
    check_sources(s);
    check_targets(s);
    look_at_rows(s, rows);
    check_i64(rows->outgoing, 0);
    check_i64(rows->effects, 0);
    check_i64(rows->open_runs, 0);
    uint32_t too_large = 0;
    for (uint32_t i = 0; i < SOURCES; i++)
        too_large += s->sources[i].too_large;
    lab_release(&s->lab);
    free(rows);
    free(s);
    return too_large;
}

#ifdef __SANITIZE_THREAD__
enum { FEWER = 6 }; /* one thread tells them all: the checker of races has little to see */
#else
enum { FEWER = 1 };
#endif

/* EFFECTS_STORIES in the environment: so many times as many. */
static uint32_t tell_many(const struct weather *weather, uint64_t first, uint32_t stories)
{
    const char *times = getenv("EFFECTS_STORIES");
    uint32_t too_large = 0;

    stories = (stories + FEWER - 1) / FEWER * (times ? (uint32_t)strtoul(times, NULL, 10) : 1);
    for (uint32_t i = 0; i < stories; i++)
        too_large += tell(weather, first + i);
    return too_large;
}

TEST(test_effects_in_fair_weather)
{
    (void)tell_many(&(struct weather){0}, 1, 10);
}

TEST(test_effects_over_a_bad_network)
{
    (void)tell_many(&(struct weather){.loss = 20, .repeat = 20, .late = 10}, 10000, 60);
}

TEST(test_effects_through_crashes)
{
    (void)tell_many(&(struct weather){.loss = 5, .repeat = 10, .late = 10, .crashes = 8}, 20000,
                    90);
}

TEST(test_effects_over_a_failing_store)
{
    static const enum fault_kind kinds[] = {FAULT_FENCED,       FAULT_BUSY,
                                            FAULT_UNKNOWN_DONE, FAULT_UNKNOWN_DROPPED,
                                            FAULT_CRASH_BEFORE, FAULT_CRASH_AFTER};

    for (uint32_t i = 0; i < COUNT_OF(kinds); i++)
        (void)tell_many(&(struct weather){.loss = 5, .repeat = 5, .late = 5, .fault = kinds[i]},
                        30000 + 10000 * i, 10);
}

TEST(test_effects_of_runs_that_become_too_large)
{
    const struct weather bad = {.small = true, .loss = 5, .repeat = 10, .late = 5, .crashes = 4};
    const struct weather cut = {.small = true, .loss = 5, .fault = FAULT_UNKNOWN_DROPPED};

    check(tell_many(&bad, 200000, 60) > 10 / FEWER);
    check(tell_many(&cut, 210000, 10) > 0);
}

TEST(test_effects_beyond_the_window)
{
    (void)tell_many(&(struct weather){.backlog = true}, 100000, 1);
    (void)tell_many(
        &(struct weather){.backlog = true, .loss = 5, .repeat = 5, .late = 2, .crashes = 8}, 110000,
        2);
}
