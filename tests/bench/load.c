/* load.c - see load.h. */
#include "tests/bench/load.h"

#include "common/base/clock.h"
#include "common/base/rng.h"
#include "common/proto/wire.h"
#include "api.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { TURN_MS = 100, TICK_MS = 200, STALLED_S = 30, ERRORS_SHOWN = 5, NAME_BYTES = 64 };
#define SERVICE "/temporal.api.workflowservice.v1.WorkflowService/"

struct workflow {
    struct load *load;
    char id[NAME_BYTES];
    char request_id[UUID_TEXT_LEN + 1];
    int64_t start_ns;
    struct slice page_token; /* in token_bytes */
    uint8_t *token_bytes;
};

struct poller {
    struct load *load;
    struct link *link;
    bool activities;
};

struct load {
    struct load_options o;
    char queue[NAME_BYTES];
    struct poller *pollers;
    struct arena arena; /* of one callback */
    struct rng rng;
    uint32_t numbered, shown;
    /* of the run in hand */
    uint32_t wanted, begun, ended;
    int64_t last_end_ns;
    struct load_result *result;
    bool running;
};

static int64_t now_ns(void)
{
    return clock_mono_ns(&clock_real);
}

static void complain(struct load *load, const char *what, const struct grpc_client_reply *reply)
{
    if (load->result)
        load->result->rpc_errors++;
    if (load->shown++ < ERRORS_SHOWN)
        fprintf(stderr, "bench: %s: status %d " SLICE_FMT "\n", what, (int)reply->status,
                SLICE_ARG(reply->text));
}

static void call(struct load *load, struct link *link, const char *path, const void *message,
                 const char *timeout, grpc_client_reply_fn reply, void *arg)
{
    const struct grpc_client_request request = {
        .path = path, .message = proto_encode(&load->arena, message), .timeout = timeout};

    link_call(link, &request, reply, arg);
}

/* -- payloads ------------------------------------------------------------------------------- */

struct payloads {
    api_payloads all;
    api_payload *one;
    api_payload payload;
    api_payload_metadata_entry *entry;
    api_payload_metadata_entry encoding;
    char key[9];
};

/* One JSON text. `out` must not be moved. */
static api_payloads *payloads_of(struct payloads *out, struct slice data)
{
    static const char encoding[] = "json/plain";
    static uint8_t encoding_bytes[sizeof encoding];

    memcpy(encoding_bytes, encoding, sizeof encoding);
    *out = (struct payloads){.all = API_PAYLOADS_INIT,
                             .payload = API_PAYLOAD_INIT,
                             .encoding = API_PAYLOAD_METADATA_ENTRY_INIT,
                             .key = "encoding"};
    out->encoding.key = out->key;
    out->encoding.value.data = encoding_bytes;
    out->encoding.value.len = sizeof encoding - 1;
    out->entry = &out->encoding;
    out->payload.metadata = &out->entry;
    out->payload.n_metadata = 1;
    out->payload.data.len = data.len;
    memcpy(&out->payload.data.data, &data.ptr, sizeof data.ptr); /* packing only reads */
    out->one = &out->payload;
    out->all.payloads = &out->one;
    out->all.n_payloads = 1;
    return &out->all;
}

/* The data of the first payload in encoded Payloads. */
static struct slice first_data(struct slice payloads)
{
    return wire_find_bytes(wire_find_bytes(payloads, 1), 2);
}

/* What the activity makes of its input. */
static struct slice result_of(struct arena *arena, struct slice input)
{
    return slice_str(arena_printf(arena, "[\"done\", " SLICE_FMT "]", SLICE_ARG(input)));
}

static struct slice input_of(struct load *load, const struct workflow *workflow)
{
    const int fill = (int)load->o.payload_bytes - (int)strlen(workflow->id) - 3;

    return slice_str(
        arena_printf(&load->arena, "\"%s %0*d\"", workflow->id, fill > 0 ? fill : 1, 0));
}

/* -- the starter ---------------------------------------------------------------------------- */

static void begin(struct workflow *workflow);
static void wait_for(struct workflow *workflow);

static struct link *starter_link(struct load *load)
{
    return links_get(load->o.links, load->begun % (load->o.link_count / 2));
}

static void finish(struct workflow *workflow, bool good)
{
    struct load *load = workflow->load;
    struct load_result *result = load->result;

    load->last_end_ns = now_ns();
    if (good)
        result->latency_ns[result->count++] = load->last_end_ns - workflow->start_ns;
    else
        result->failed++;
    load->ended++;
    if (load->begun < load->wanted)
        begin(workflow);
}

/* The close event, and the result in it. */
static bool closed_well(struct load *load, const struct workflow *workflow, struct slice history)
{
    enum { EVENT_TYPE = 3, COMPLETED_ATTRIBUTES = 7, RESULT = 1 };
    const struct slice event = wire_find_bytes(history, 1);
    const struct slice want = result_of(&load->arena, input_of(load, workflow));

    return wire_find_number(event, EVENT_TYPE) == EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED &&
           slice_eq(
               first_data(wire_find_bytes(wire_find_bytes(event, COMPLETED_ATTRIBUTES), RESULT)),
               want);
}

static void on_history(void *arg, const struct grpc_client_reply *reply)
{
    enum { HISTORY = 1, NEXT_PAGE_TOKEN = 3 };
    struct workflow *workflow = arg;
    struct load *load = workflow->load;

    arena_reset(&load->arena);
    if (reply->status != GRPC_STATUS_OK) {
        complain(load, "GetWorkflowExecutionHistory", reply);
        finish(workflow, false);
        return;
    }
    const struct slice history = wire_find_bytes(reply->message, HISTORY);
    const struct slice token = wire_find_bytes(reply->message, NEXT_PAGE_TOKEN);
    if (history.len == 0 && token.len > 0) { /* the server's long poll ended: ask again */
        free(workflow->token_bytes);
        workflow->token_bytes = malloc(token.len);
        must(workflow->token_bytes != NULL);
        memcpy(workflow->token_bytes, token.ptr, token.len);
        workflow->page_token = slice_of(workflow->token_bytes, token.len);
        wait_for(workflow);
        return;
    }
    const bool good = closed_well(load, workflow, history);
    if (!good && load->shown++ < ERRORS_SHOWN)
        fprintf(stderr, "bench: %s has a wrong end\n", workflow->id);
    finish(workflow, good);
}

static void wait_for(struct workflow *workflow)
{
    struct load *load = workflow->load;
    api_get_workflow_execution_history_request request =
        API_GET_WORKFLOW_EXECUTION_HISTORY_REQUEST_INIT;
    api_common_workflow_execution execution = API_COMMON_WORKFLOW_EXECUTION_INIT;
    char *name = arena_str(&load->arena, slice_str(load->o.namespace_name));

    execution.workflow_id = workflow->id;
    request.namespace_ = name;
    request.execution = &execution;
    request.wait_new_event = true;
    request.history_event_filter_type = HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT;
    request.next_page_token.data = workflow->token_bytes;
    request.next_page_token.len = workflow->page_token.len;
    call(load, starter_link(load), SERVICE "GetWorkflowExecutionHistory", &request, "60S",
         on_history, workflow);
}

static void on_start(void *arg, const struct grpc_client_reply *reply)
{
    struct workflow *workflow = arg;
    struct load *load = workflow->load;

    arena_reset(&load->arena);
    if (reply->status == GRPC_STATUS_OK) {
        wait_for(workflow);
        return;
    }
    complain(load, "StartWorkflowExecution", reply);
    finish(workflow, false);
}

static void begin(struct workflow *workflow)
{
    struct load *load = workflow->load;
    api_start_workflow_execution_request request = API_START_WORKFLOW_EXECUTION_REQUEST_INIT;
    api_workflow_type type = API_WORKFLOW_TYPE_INIT;
    api_task_queue queue = API_TASK_QUEUE_INIT;
    struct payloads input;
    char type_name[] = "one-activity", identity[] = "bench-starter";

    load->begun++;
    snprintf(workflow->id, sizeof workflow->id, "bench-%016" PRIx64 "-%" PRIu32, load->o.seed,
             load->numbered++);
    uuid_v4(&load->rng, workflow->request_id);
    workflow->page_token = SLICE_EMPTY;
    workflow->start_ns = now_ns();
    type.name = type_name;
    queue.name = load->queue;
    request.namespace_ = arena_str(&load->arena, slice_str(load->o.namespace_name));
    request.workflow_id = workflow->id;
    request.workflow_type = &type;
    request.task_queue = &queue;
    request.input = payloads_of(&input, input_of(load, workflow));
    request.identity = identity;
    request.request_id = workflow->request_id;
    call(load, starter_link(load), SERVICE "StartWorkflowExecution", &request, "30S", on_start,
         workflow);
}

/* -- the worker ----------------------------------------------------------------------------- */

static void poll_again(struct poller *poller);

static void on_responded(void *arg, const struct grpc_client_reply *reply)
{
    struct load *load = arg;

    if (reply->status != GRPC_STATUS_OK)
        complain(load, "Respond", reply);
}

/* The activity's result in a history, or the workflow's input when it has none yet. */
static bool find_result(struct slice history, struct slice *data)
{
    enum { EVENTS = 1, EVENT_TYPE = 3, STARTED_ATTRIBUTES = 6, COMPLETED_ATTRIBUTES = 17 };
    struct wire_reader reader = wire_reader(history);
    struct wire_field field;
    bool done = false;

    while (wire_next(&reader, &field)) {
        const uint64_t type =
            field.number == EVENTS ? wire_find_number(field.bytes, EVENT_TYPE) : 0;

        if (type == EVENT_TYPE_WORKFLOW_EXECUTION_STARTED && !done)
            *data =
                first_data(wire_find_bytes(wire_find_bytes(field.bytes, STARTED_ATTRIBUTES), 6));
        if (type == EVENT_TYPE_ACTIVITY_TASK_COMPLETED) {
            *data =
                first_data(wire_find_bytes(wire_find_bytes(field.bytes, COMPLETED_ATTRIBUTES), 1));
            done = true;
        }
    }
    return done;
}

static void run_workflow_task(struct poller *poller, struct slice task)
{
    enum { TASK_TOKEN = 1, HISTORY = 8 };
    struct load *load = poller->load;
    struct slice data = SLICE_EMPTY;
    const bool done = find_result(wire_find_bytes(task, HISTORY), &data);
    const struct slice token = wire_find_bytes(task, TASK_TOKEN);
    api_respond_workflow_task_completed_request request =
        API_RESPOND_WORKFLOW_TASK_COMPLETED_REQUEST_INIT;
    api_command command = API_COMMAND_INIT, *commands = &command;
    api_schedule_activity_task_command_attributes schedule =
        API_SCHEDULE_ACTIVITY_TASK_COMMAND_ATTRIBUTES_INIT;
    api_complete_workflow_execution_command_attributes complete =
        API_COMPLETE_WORKFLOW_EXECUTION_COMMAND_ATTRIBUTES_INIT;
    api_activity_type type = API_ACTIVITY_TYPE_INIT;
    api_task_queue queue = API_TASK_QUEUE_INIT;
    Google__Protobuf__Duration timeout = GOOGLE__PROTOBUF__DURATION__INIT;
    struct payloads payloads;
    char activity_id[] = "1", type_name[] = "echo", identity[] = "bench-worker";

    payloads_of(&payloads, data);
    if (done) {
        complete.result = &payloads.all;
        command.command_type = COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION;
        command.attributes_case =
            API_COMMAND_ATTRIBUTES_COMPLETE_WORKFLOW_EXECUTION_COMMAND_ATTRIBUTES;
        command.complete_workflow_execution_command_attributes = &complete;
    } else {
        type.name = type_name;
        queue.name = load->queue;
        timeout.seconds = 60;
        schedule.activity_id = activity_id;
        schedule.activity_type = &type;
        schedule.task_queue = &queue;
        schedule.input = &payloads.all;
        schedule.start_to_close_timeout = &timeout;
        command.command_type = COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK;
        command.attributes_case = API_COMMAND_ATTRIBUTES_SCHEDULE_ACTIVITY_TASK_COMMAND_ATTRIBUTES;
        command.schedule_activity_task_command_attributes = &schedule;
    }
    request.namespace_ = arena_str(&load->arena, slice_str(load->o.namespace_name));
    request.task_token.len = token.len;
    memcpy(&request.task_token.data, &token.ptr, sizeof token.ptr);
    request.identity = identity;
    request.commands = &commands;
    request.n_commands = 1;
    call(load, poller->link, SERVICE "RespondWorkflowTaskCompleted", &request, "30S", on_responded,
         load);
}

static void run_activity(struct poller *poller, struct slice task)
{
    enum { TASK_TOKEN = 1, INPUT = 8 };
    struct load *load = poller->load;
    const struct slice token = wire_find_bytes(task, TASK_TOKEN);
    api_respond_activity_task_completed_request request =
        API_RESPOND_ACTIVITY_TASK_COMPLETED_REQUEST_INIT;
    struct payloads payloads;
    char identity[] = "bench-worker";

    request.namespace_ = arena_str(&load->arena, slice_str(load->o.namespace_name));
    request.task_token.len = token.len;
    memcpy(&request.task_token.data, &token.ptr, sizeof token.ptr);
    request.identity = identity;
    request.result =
        payloads_of(&payloads, result_of(&load->arena, first_data(wire_find_bytes(task, INPUT))));
    call(load, poller->link, SERVICE "RespondActivityTaskCompleted", &request, "30S", on_responded,
         load);
}

static void on_polled(void *arg, const struct grpc_client_reply *reply)
{
    struct poller *poller = arg;
    struct load *load = poller->load;

    arena_reset(&load->arena);
    if (reply->status != GRPC_STATUS_OK) {
        complain(load, "Poll", reply);
        if (reply->reset)
            return;
    } else if (wire_find_bytes(reply->message, 1).len > 0) { /* not the empty answer */
        if (poller->activities)
            run_activity(poller, reply->message);
        else
            run_workflow_task(poller, reply->message);
    }
    poll_again(poller);
}

static void poll_again(struct poller *poller)
{
    struct load *load = poller->load;
    api_task_queue queue = API_TASK_QUEUE_INIT;
    char *name = arena_str(&load->arena, slice_str(load->o.namespace_name));
    char identity[] = "bench-worker";

    queue.name = load->queue;
    if (poller->activities) {
        api_poll_activity_task_queue_request request = API_POLL_ACTIVITY_TASK_QUEUE_REQUEST_INIT;

        request.namespace_ = name;
        request.task_queue = &queue;
        request.identity = identity;
        call(load, poller->link, SERVICE "PollActivityTaskQueue", &request, "70S", on_polled,
             poller);
    } else {
        api_poll_workflow_task_queue_request request = API_POLL_WORKFLOW_TASK_QUEUE_REQUEST_INIT;

        request.namespace_ = name;
        request.task_queue = &queue;
        request.identity = identity;
        call(load, poller->link, SERVICE "PollWorkflowTaskQueue", &request, "70S", on_polled,
             poller);
    }
}

/* -- a run ---------------------------------------------------------------------------------- */

struct load *load_new(const struct load_options *options)
{
    struct load *load = calloc(1, sizeof *load);

    must(load != NULL && options->link_count >= 2);
    load->o = *options;
    load->pollers = calloc(2 * (size_t)options->pollers, sizeof *load->pollers);
    must(load->pollers != NULL);
    arena_init(&load->arena);
    rng_seed(&load->rng, options->seed);
    snprintf(load->queue, sizeof load->queue, "bench-%016" PRIx64, options->seed);
    const unsigned half = options->link_count / 2;
    for (unsigned i = 0; i < 2 * options->pollers; i++) {
        load->pollers[i] = (struct poller){
            .load = load,
            .link = links_get(options->links, half + i / 2 % (options->link_count - half)),
            .activities = i % 2 == 1};
        poll_again(&load->pollers[i]);
    }
    return load;
}

void load_free(struct load *load)
{
    arena_release(&load->arena);
    free(load->pollers);
    free(load);
}

bool load_run(struct load *load, uint32_t count, uint32_t concurrency, void (*tick)(void *arg),
              void *arg, struct load_result *result)
{
    struct workflow *workflows = calloc(concurrency, sizeof *workflows);
    const int64_t start_ns = now_ns();
    int64_t ticked_ns = start_ns;
    bool alive = true;

    *result = (struct load_result){.latency_ns = calloc(count, sizeof(int64_t))};
    must(workflows != NULL && result->latency_ns != NULL);
    load->result = result;
    load->wanted = count;
    load->begun = load->ended = 0;
    load->last_end_ns = start_ns;
    for (uint32_t i = 0; i < concurrency && i < count; i++) {
        workflows[i].load = load;
        begin(&workflows[i]);
    }
    while (alive && load->ended < count) {
        alive = links_turn(load->o.links, TURN_MS);
        const int64_t now = now_ns();
        if (now - ticked_ns >= TICK_MS * NS_PER_MS) {
            ticked_ns = now;
            tick(arg);
        }
        if (now - load->last_end_ns > STALLED_S * NS_PER_S) {
            fprintf(stderr, "bench: nothing has closed for %d s\n", STALLED_S);
            alive = false;
        }
    }
    result->wall_ns = now_ns() - start_ns;
    load->result = NULL;
    if (alive)
        for (uint32_t i = 0; i < concurrency; i++)
            free(workflows[i].token_bytes);
    if (alive)
        free(workflows); /* otherwise calls that are open still refer to them */
    return alive;
}

bool load_rest(struct load *load, int64_t ms)
{
    const int64_t end_ns = now_ns() + ms * NS_PER_MS;
    bool alive = true;

    while (alive && now_ns() < end_ns)
        alive = links_turn(load->o.links, TURN_MS);
    return alive;
}
