/* growth.c - see growth.h. */
#include "tests/bench/growth.h"

#include "common/base/clock.h"
#include "common/base/rng.h"
#include "common/proto/wire.h"
#include "api.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SERVICE "/temporal.api.workflowservice.v1.WorkflowService/"

enum {
    SIGNALS = 10000,     /* history.maximumSignalsPerExecution */
    EVENTS = 50000,      /* below limit.historyCount.error */
    ACTIVITIES = 2000,   /* limit.numPendingActivities.error */
    MARKERS_A_STEP = 97, /* with the task's own three events, a hundred */
    UPDATES = 1900,      /* below history.maxTotalUpdates */
    CHILDREN = 1900,     /* below limit.numPendingChildExecutions.error */
    CHILDREN_A_STEP = 10,
    PARTS = 10,
    TURNS = 10, /* of the last part */
    CALL_TIMEOUT_S = 30,
    NAME_BYTES = 96,
};

struct growth {
    struct links *links;
    const struct procs *procs;
    char *namespace_name, *identity;
    struct arena arena; /* of one step */
    struct rng rng;
    char workflow_id[NAME_BYTES], queue[NAME_BYTES];
    /* of the call in hand */
    bool answered;
    enum grpc_status status;
    struct buf reply;
    struct slice workflow_task_token; /* in token_bytes */
    int64_t asked_at;                 /* sequencing event of the update that the task brings */
    uint8_t token_bytes[1024];
    bool updated; /* the update in hand is answered */
    enum grpc_status update_status;
    unsigned children;
};

/* -- calls ---------------------------------------------------------------------------------- */

static void on_reply(void *arg, const struct grpc_client_reply *reply)
{
    struct growth *growth = arg;

    growth->answered = true;
    growth->status = reply->status;
    buf_clear(&growth->reply);
    buf_append(&growth->reply, reply->message.ptr, reply->message.len);
    if (reply->status != GRPC_STATUS_OK)
        fprintf(stderr, "bench: status %d " SLICE_FMT "\n", (int)reply->status,
                SLICE_ARG(reply->text));
}

/* One call and its answer, which is in growth->reply until the next one. */
static bool call(struct growth *growth, const char *path, const void *message)
{
    const struct grpc_client_request request = {
        .path = path, .message = proto_encode(&growth->arena, message), .timeout = "30S"};
    const int64_t end_ns = clock_mono_ns(&clock_real) + CALL_TIMEOUT_S * NS_PER_S;

    growth->answered = false;
    link_call(links_get(growth->links, 0), &request, on_reply, growth);
    while (!growth->answered && clock_mono_ns(&clock_real) < end_ns)
        if (!links_turn(growth->links, 100))
            return false;
    return growth->answered && growth->status == GRPC_STATUS_OK;
}

static void keep_token(struct growth *growth, struct slice task)
{
    const struct slice token = wire_find_bytes(task, 1);

    must(token.len <= sizeof growth->token_bytes);
    if (token.len > 0)
        memcpy(growth->token_bytes, token.ptr, token.len);
    growth->workflow_task_token = slice_of(growth->token_bytes, token.len);
}

static api_task_queue *queue_of(struct growth *growth)
{
    api_task_queue *queue = ARENA_ARRAY(&growth->arena, api_task_queue, 1);

    *queue = (api_task_queue)API_TASK_QUEUE_INIT;
    queue->name = growth->queue;
    return queue;
}

static bool start(struct growth *growth, const char *name)
{
    api_start_workflow_execution_request request = API_START_WORKFLOW_EXECUTION_REQUEST_INIT;
    api_workflow_type type = API_WORKFLOW_TYPE_INIT;
    Google__Protobuf__Duration task_timeout = GOOGLE__PROTOBUF__DURATION__INIT;
    char request_id[UUID_TEXT_LEN + 1], type_name[] = "growth";

    arena_reset(&growth->arena);
    uuid_v4(&growth->rng, request_id);
    snprintf(growth->workflow_id, sizeof growth->workflow_id, "bench-%s-%s", name, request_id);
    snprintf(growth->queue, sizeof growth->queue, "bench-%s-%s", name, request_id);
    type.name = type_name;
    task_timeout.seconds = 120;
    request.namespace_ = growth->namespace_name;
    request.workflow_id = growth->workflow_id;
    request.workflow_type = &type;
    request.task_queue = queue_of(growth);
    request.workflow_task_timeout = &task_timeout;
    request.identity = growth->identity;
    request.request_id = request_id;
    return call(growth, SERVICE "StartWorkflowExecution", &request);
}

static bool poll_workflow_task(struct growth *growth)
{
    enum { POLL_MESSAGES = 15, MESSAGE_EVENT_ID = 3 };
    api_poll_workflow_task_queue_request request = API_POLL_WORKFLOW_TASK_QUEUE_REQUEST_INIT;

    arena_reset(&growth->arena);
    request.namespace_ = growth->namespace_name;
    request.task_queue = queue_of(growth);
    request.identity = growth->identity;
    if (!call(growth, SERVICE "PollWorkflowTaskQueue", &request))
        return false;
    keep_token(growth, buf_slice(&growth->reply));
    growth->asked_at = (int64_t)wire_find_number(
        wire_find_bytes(buf_slice(&growth->reply), POLL_MESSAGES), MESSAGE_EVENT_ID);
    return growth->workflow_task_token.len > 0;
}

static bool complete_task(struct growth *growth, size_t count, api_command **commands, bool another)
{
    api_respond_workflow_task_completed_request request =
        API_RESPOND_WORKFLOW_TASK_COMPLETED_REQUEST_INIT;

    request.namespace_ = growth->namespace_name;
    request.identity = growth->identity;
    request.task_token.data = growth->token_bytes;
    request.task_token.len = growth->workflow_task_token.len;
    request.commands = commands;
    request.n_commands = count;
    request.force_create_new_workflow_task = another;
    request.return_new_workflow_task = another;
    if (!call(growth, SERVICE "RespondWorkflowTaskCompleted", &request))
        return false;
    keep_token(growth, wire_find_bytes(buf_slice(&growth->reply), 1));
    return !another || growth->workflow_task_token.len > 0;
}

static bool terminate(struct growth *growth)
{
    api_terminate_workflow_execution_request request =
        API_TERMINATE_WORKFLOW_EXECUTION_REQUEST_INIT;
    api_common_workflow_execution execution = API_COMMON_WORKFLOW_EXECUTION_INIT;

    arena_reset(&growth->arena);
    execution.workflow_id = growth->workflow_id;
    request.namespace_ = growth->namespace_name;
    request.workflow_execution = &execution;
    request.identity = growth->identity;
    return call(growth, SERVICE "TerminateWorkflowExecution", &request);
}

/* -- one step of each ----------------------------------------------------------------------- */

static bool signal_once(struct growth *growth)
{
    api_signal_workflow_execution_request request = API_SIGNAL_WORKFLOW_EXECUTION_REQUEST_INIT;
    api_common_workflow_execution execution = API_COMMON_WORKFLOW_EXECUTION_INIT;
    char request_id[UUID_TEXT_LEN + 1], name[] = "more";

    uuid_v4(&growth->rng, request_id);
    execution.workflow_id = growth->workflow_id;
    request.namespace_ = growth->namespace_name;
    request.workflow_execution = &execution;
    request.signal_name = name;
    request.identity = growth->identity;
    request.request_id = request_id;
    return call(growth, SERVICE "SignalWorkflowExecution", &request);
}

static bool record_markers(struct growth *growth)
{
    static api_record_marker_command_attributes marker = API_RECORD_MARKER_COMMAND_ATTRIBUTES_INIT;
    static char name[] = "mark";
    api_command command = API_COMMAND_INIT, *commands[MARKERS_A_STEP];

    marker.marker_name = name;
    command.command_type = COMMAND_TYPE_RECORD_MARKER;
    command.attributes_case = API_COMMAND_ATTRIBUTES_RECORD_MARKER_COMMAND_ATTRIBUTES;
    command.record_marker_command_attributes = &marker;
    for (unsigned i = 0; i < MARKERS_A_STEP; i++)
        commands[i] = &command;
    return complete_task(growth, MARKERS_A_STEP, commands, true);
}

static bool schedule_activities(struct growth *growth)
{
    api_command **commands = ARENA_ARRAY(&growth->arena, api_command *, ACTIVITIES);
    static api_activity_type type = API_ACTIVITY_TYPE_INIT;
    static Google__Protobuf__Duration timeout = GOOGLE__PROTOBUF__DURATION__INIT;
    static char type_name[] = "one";

    type.name = type_name;
    timeout.seconds = 3600;
    for (unsigned i = 0; i < ACTIVITIES; i++) {
        api_schedule_activity_task_command_attributes *schedule =
            ARENA_ARRAY(&growth->arena, api_schedule_activity_task_command_attributes, 1);
        commands[i] = ARENA_ARRAY(&growth->arena, api_command, 1);
        *schedule = (api_schedule_activity_task_command_attributes)
            API_SCHEDULE_ACTIVITY_TASK_COMMAND_ATTRIBUTES_INIT;
        *commands[i] = (api_command)API_COMMAND_INIT;
        schedule->activity_id = arena_printf(&growth->arena, "%u", i);
        schedule->activity_type = &type;
        schedule->task_queue = queue_of(growth);
        schedule->start_to_close_timeout = &timeout;
        commands[i]->command_type = COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK;
        commands[i]->attributes_case =
            API_COMMAND_ATTRIBUTES_SCHEDULE_ACTIVITY_TASK_COMMAND_ATTRIBUTES;
        commands[i]->schedule_activity_task_command_attributes = schedule;
    }
    return complete_task(growth, ACTIVITIES, commands, false);
}

/* Take one of the pending activities, and complete it. */
static bool run_activity(struct growth *growth)
{
    api_poll_activity_task_queue_request poll = API_POLL_ACTIVITY_TASK_QUEUE_REQUEST_INIT;
    api_respond_activity_task_completed_request respond =
        API_RESPOND_ACTIVITY_TASK_COMPLETED_REQUEST_INIT;

    poll.namespace_ = growth->namespace_name;
    poll.task_queue = queue_of(growth);
    poll.identity = growth->identity;
    if (!call(growth, SERVICE "PollActivityTaskQueue", &poll))
        return false;
    const struct slice token =
        arena_copy(&growth->arena, wire_find_bytes(buf_slice(&growth->reply), 1));
    respond.namespace_ = growth->namespace_name;
    respond.identity = growth->identity;
    respond.task_token.len = token.len;
    memcpy(&respond.task_token.data, &token.ptr, sizeof token.ptr);
    return token.len > 0 && call(growth, SERVICE "RespondActivityTaskCompleted", &respond);
}

/* -- updates -------------------------------------------------------------------------------- */

static void on_updated(void *arg, const struct grpc_client_reply *reply)
{
    struct growth *growth = arg;

    growth->updated = true;
    growth->update_status = reply->status;
    if (reply->status != GRPC_STATUS_OK)
        fprintf(stderr, "bench: update: status %d " SLICE_FMT "\n", (int)reply->status,
                SLICE_ARG(reply->text));
}

static bool ask_for_update(struct growth *growth, char *update_id)
{
    static char name[] = "update";
    api_update_workflow_execution_request request = API_UPDATE_WORKFLOW_EXECUTION_REQUEST_INIT;
    api_common_workflow_execution execution = API_COMMON_WORKFLOW_EXECUTION_INIT;
    api_update_request update = API_UPDATE_REQUEST_INIT;
    api_meta meta = API_META_INIT;
    api_input input = API_INPUT_INIT;
    api_wait_policy wait = API_WAIT_POLICY_INIT;

    execution.workflow_id = growth->workflow_id;
    wait.lifecycle_stage = UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED;
    meta.update_id = update_id;
    meta.identity = growth->identity;
    input.name = name;
    update.meta = &meta;
    update.input = &input;
    request.namespace_ = growth->namespace_name;
    request.workflow_execution = &execution;
    request.wait_policy = &wait;
    request.request = &update;
    const struct grpc_client_request call = {.path = SERVICE "UpdateWorkflowExecution",
                                             .message = proto_encode(&growth->arena, &request),
                                             .timeout = "30S"};
    growth->updated = false;
    link_call(links_get(growth->links, 0), &call, on_updated, growth);
    return links_turn(growth->links, 0);
}

static api_message *message_of(struct growth *growth, char *update_id, const char *kind,
                               const char *type, struct slice body)
{
    api_message *message = ARENA_ARRAY(&growth->arena, api_message, 1);
    pb_any *any = ARENA_ARRAY(&growth->arena, pb_any, 1);

    *message = (api_message)API_MESSAGE_INIT;
    *any = (pb_any)PB_ANY_INIT;
    any->type_url =
        arena_printf(&growth->arena, "type.googleapis.com/temporal.api.update.v1.%s", type);
    any->value.len = body.len;
    memcpy(&any->value.data, &body.ptr, sizeof body.ptr);
    message->id = arena_printf(&growth->arena, "%s/%s", update_id, kind);
    message->protocol_instance_id = update_id;
    message->body = any;
    return message;
}

static api_command *pointer_to(struct growth *growth, const api_message *message)
{
    api_command *command = ARENA_ARRAY(&growth->arena, api_command, 1);
    api_protocol_message_command_attributes *attributes =
        ARENA_ARRAY(&growth->arena, api_protocol_message_command_attributes, 1);

    *command = (api_command)API_COMMAND_INIT;
    *attributes =
        (api_protocol_message_command_attributes)API_PROTOCOL_MESSAGE_COMMAND_ATTRIBUTES_INIT;
    attributes->message_id = message->id;
    command->command_type = COMMAND_TYPE_PROTOCOL_MESSAGE;
    command->attributes_case = API_COMMAND_ATTRIBUTES_PROTOCOL_MESSAGE_COMMAND_ATTRIBUTES;
    command->protocol_message_command_attributes = attributes;
    return command;
}

/* Accept and complete what the task in hand asks for. */
static bool answer_update(struct growth *growth, char *update_id)
{
    api_respond_workflow_task_completed_request request =
        API_RESPOND_WORKFLOW_TASK_COMPLETED_REQUEST_INIT;
    api_acceptance acceptance = API_ACCEPTANCE_INIT;
    api_update_request request_of_update = API_UPDATE_REQUEST_INIT;
    api_update_response response = API_UPDATE_RESPONSE_INIT;
    api_meta meta = API_META_INIT;
    api_outcome outcome = API_OUTCOME_INIT;
    api_payloads result = API_PAYLOADS_INIT;
    api_message *messages[2];
    api_command *commands[2];

    acceptance.accepted_request_message_id = arena_printf(&growth->arena, "%s/request", update_id);
    acceptance.accepted_request_sequencing_event_id = growth->asked_at;
    acceptance.accepted_request = &request_of_update;
    request_of_update.meta = &meta;
    meta.update_id = update_id;
    outcome.value_case = API_OUTCOME_VALUE_SUCCESS;
    outcome.success = &result;
    response.meta = &meta;
    response.outcome = &outcome;
    messages[0] = message_of(growth, update_id, "accept", "Acceptance",
                             proto_encode(&growth->arena, &acceptance));
    messages[1] =
        message_of(growth, update_id, "done", "Response", proto_encode(&growth->arena, &response));
    for (size_t i = 0; i < 2; i++)
        commands[i] = pointer_to(growth, messages[i]);
    request.namespace_ = growth->namespace_name;
    request.identity = growth->identity;
    request.task_token.data = growth->token_bytes;
    request.task_token.len = growth->workflow_task_token.len;
    request.messages = messages;
    request.n_messages = 2;
    request.commands = commands;
    request.n_commands = 2;
    return call(growth, SERVICE "RespondWorkflowTaskCompleted", &request);
}

static bool update_once(struct growth *growth)
{
    const int64_t end_ns = clock_mono_ns(&clock_real) + CALL_TIMEOUT_S * NS_PER_S;
    char update_id[UUID_TEXT_LEN + 1];

    uuid_v4(&growth->rng, update_id);
    if (!ask_for_update(growth, update_id) || !poll_workflow_task(growth) ||
        !answer_update(growth, update_id))
        return false;
    while (!growth->updated && clock_mono_ns(&clock_real) < end_ns)
        if (!links_turn(growth->links, 100))
            return false;
    return growth->updated && growth->update_status == GRPC_STATUS_OK;
}

/* -- children ------------------------------------------------------------------------------- */

/* Ten children more, which nobody works for, and the task after this one. */
static bool start_children(struct growth *growth)
{
    api_command *commands[CHILDREN_A_STEP];
    static api_workflow_type type = API_WORKFLOW_TYPE_INIT;
    static char type_name[] = "child";

    type.name = type_name;
    for (unsigned i = 0; i < CHILDREN_A_STEP; i++) {
        api_start_child_workflow_execution_command_attributes *child =
            ARENA_ARRAY(&growth->arena, api_start_child_workflow_execution_command_attributes, 1);
        commands[i] = ARENA_ARRAY(&growth->arena, api_command, 1);
        *child = (api_start_child_workflow_execution_command_attributes)
            API_START_CHILD_WORKFLOW_EXECUTION_COMMAND_ATTRIBUTES_INIT;
        *commands[i] = (api_command)API_COMMAND_INIT;
        child->namespace_ = growth->namespace_name;
        child->workflow_id =
            arena_printf(&growth->arena, "%s-%u", growth->workflow_id, growth->children++);
        child->workflow_type = &type;
        child->task_queue = ARENA_ARRAY(&growth->arena, api_task_queue, 1);
        *child->task_queue = (api_task_queue)API_TASK_QUEUE_INIT;
        child->task_queue->name = arena_printf(&growth->arena, "%s-children", growth->queue);
        commands[i]->command_type = COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION;
        commands[i]->attributes_case =
            API_COMMAND_ATTRIBUTES_START_CHILD_WORKFLOW_EXECUTION_COMMAND_ATTRIBUTES;
        commands[i]->start_child_workflow_execution_command_attributes = child;
    }
    return complete_task(growth, CHILDREN_A_STEP, commands, true);
}

/* -- measuring ------------------------------------------------------------------------------ */

static void print(const char *what, const char *part, const char *figure, double value)
{
    printf("growth.%s.%s_%-20s %12.3f\n", what, part, figure, value);
    fflush(stdout);
}

static double history_cpu_ms(const struct procs *procs)
{
    double used_ms = 0;

    for (unsigned i = 0; i < procs->count; i++)
        if (strcmp(procs->names[i], "gnomon-history") == 0)
            used_ms += procs_usage_of(procs, i).cpu_ms;
    return used_ms;
}

/* Some steps of one workflow, and what they took. */
struct taken {
    double ms, cpu_ms, history_ms;
    unsigned steps;
};

static bool take(struct growth *growth, unsigned count, bool (*step)(struct growth *growth),
                 struct taken *taken)
{
    const double cpu_ms = procs_usage(growth->procs).cpu_ms;
    const double history_ms = history_cpu_ms(growth->procs);
    const int64_t start_ns = clock_mono_ns(&clock_real);

    for (unsigned i = 0; i < count; i++) {
        arena_reset(&growth->arena);
        if (!step(growth)) {
            fprintf(stderr, "bench: %s: step %u failed\n", growth->workflow_id, i);
            return false;
        }
    }
    taken->ms += (double)(clock_mono_ns(&clock_real) - start_ns) / 1e6;
    taken->cpu_ms += procs_usage(growth->procs).cpu_ms - cpu_ms;
    taken->history_ms += history_cpu_ms(growth->procs) - history_ms;
    taken->steps += count;
    return true;
}

static void tell(const char *what, const char *part, const struct taken *taken)
{
    print(what, part, "ms", taken->ms / taken->steps);
    if (taken->cpu_ms > 0)
        print(what, part, "cpu_ms", taken->cpu_ms / taken->steps);
    if (taken->history_ms > 0)
        print(what, part, "history_cpu_ms", taken->history_ms / taken->steps);
}

/* How a workflow of a kind begins, and what is then done to it again and again. */
struct kind {
    const char *name;
    bool (*begin)(struct growth *growth);
    unsigned count;
    bool (*step)(struct growth *growth);
    bool shrinks; /* it is largest when it begins */
};

static bool measure_alone(struct growth *growth, const struct kind *kind)
{
    const unsigned part = kind->count / PARTS;
    struct taken first = {0}, rest = {0}, last = {0};

    if (!take(growth, part, kind->step, &first) ||
        !take(growth, (PARTS - 2) * part, kind->step, &rest) ||
        !take(growth, part, kind->step, &last))
        return false;
    tell(kind->name, "first", &first);
    tell(kind->name, "last", &last);
    return true;
}

/* A workflow that has grown and one that has just begun take turns, so that a machine that is busy
 * with something else is as busy for both. */
static bool measure_in_turns(struct growth *growth, struct growth *fresh, const struct kind *kind)
{
    const unsigned part = kind->count / PARTS, turn = part / TURNS;
    struct taken rest = {0}, first = {0}, last = {0};

    if (!take(growth, (PARTS - 1) * part, kind->step, &rest))
        return false;
    if (!start(fresh, kind->name) || !kind->begin(fresh))
        return false;
    for (unsigned i = 0; i < TURNS; i++) {
        const bool grown_first = i % 2;

        if (grown_first && !take(growth, turn, kind->step, &last))
            return false;
        if (!take(fresh, turn, kind->step, &first))
            return false;
        if (!grown_first && !take(growth, turn, kind->step, &last))
            return false;
    }
    tell(kind->name, "first", &first);
    tell(kind->name, "last", &last);
    return terminate(fresh);
}

static bool nothing(struct growth *growth)
{
    (void)growth;
    return true;
}

static bool poll_and_schedule(struct growth *growth)
{
    return poll_workflow_task(growth) && schedule_activities(growth);
}

static bool poll_and_complete(struct growth *growth)
{
    return poll_workflow_task(growth) && complete_task(growth, 0, NULL, false);
}

static const struct kind kinds[] = {
    {"signals", nothing, SIGNALS, signal_once, false},
    {"events", poll_workflow_task, EVENTS / (MARKERS_A_STEP + 3), record_markers, false},
    {"activities", poll_and_schedule, ACTIVITIES, run_activity, true},
    {"updates", poll_and_complete, UPDATES, update_once, false},
    {"children", poll_workflow_task, CHILDREN / CHILDREN_A_STEP, start_children, false},
};

static void growth_init(struct growth *growth, struct links *links, const struct procs *procs,
                        uint64_t seed)
{
    static char identity[] = "bench-worker";

    *growth = (struct growth){.links = links, .procs = procs, .identity = identity};
    arena_init(&growth->arena);
    buf_init(&growth->reply, 0);
    rng_seed(&growth->rng, seed);
}

static void growth_release(struct growth *growth)
{
    buf_release(&growth->reply);
    arena_release(&growth->arena);
}

bool growth_run(struct links *links, const struct procs *procs, const char *namespace_name,
                uint64_t seed)
{
    struct growth growth, fresh;
    struct arena names;
    bool good = true;

    arena_init(&names);
    growth_init(&growth, links, procs, seed);
    growth_init(&fresh, links, procs, seed + 1);
    growth.namespace_name = fresh.namespace_name = arena_str(&names, slice_str(namespace_name));
    for (size_t i = 0; i < COUNT_OF(kinds) && good; i++) {
        const struct kind *kind = &kinds[i];

        good = start(&growth, kind->name) && kind->begin(&growth) &&
               (kind->shrinks ? measure_alone(&growth, kind)
                              : measure_in_turns(&growth, &fresh, kind)) &&
               terminate(&growth);
    }
    growth_release(&growth);
    growth_release(&fresh);
    arena_release(&names);
    return good;
}
