/* updates.c - updates: clients that ask until they know, workers that accept at once or later, or
 * reject; and what both hold the cluster to. */
#include "tests/sim/play.h"

#include <stdio.h>

#define TYPE_PREFIX "type.googleapis.com/"

struct asked { /* by a client */
    struct sim_script *script;
    uint32_t index;
    bool repeated;
};

static const char *id_of(struct sim *sim, const struct sim_script *script, uint32_t index)
{
    return arena_printf(&sim->arena, "update-%s-%u", script->workflow_id, index);
}

static const char *result_of(struct sim *sim, const char *update_id)
{
    return arena_printf(&sim->arena, "done %s", update_id);
}

/* The index of an update of the script; -1: it is none. */
static int index_of(const struct sim_script *script, const char *update_id)
{
    const char *last = strrchr(update_id, '-');
    uint32_t index;

    if (!last || sscanf(last, "-%u", &index) != 1 || index >= script->updates)
        return -1;
    return (int)index;
}

/* -- clients ----------------------------------------------------------------------------------- */

static void ask(void *arg);

static void check_failure(const struct asked *asked, const char *message)
{
    const struct sim_script *script = asked->script;
    const bool rejected = strcmp(message, "rejected") == 0;

    if (rejected && script->update_kinds[asked->index] == UPDATE_IS_REJECTED)
        return;
    if (!rejected && strstr(message, "Workflow completed before the Update completed"))
        return;
    sim_fail(script->sim, "an update gets its own outcome", "%s update %u: %s", script->workflow_id,
             asked->index, message);
}

static void check_outcome(const struct asked *asked, const char *run_id, const api_outcome *outcome)
{
    const struct sim_script *script = asked->script;
    struct sim *sim = script->sim;
    const char *id = id_of(sim, script, asked->index);

    if (outcome->value_case == TEMPORAL__API__UPDATE__V1__OUTCOME__VALUE_FAILURE) {
        check_failure(asked, outcome->failure->message);
        return;
    }
    const char *got = sim_payload_text(sim, outcome->success);
    if (strcmp(got, result_of(sim, id)) != 0 ||
        script->update_kinds[asked->index] == UPDATE_IS_REJECTED)
        sim_fail(sim, "an update gets its own outcome", "%s: \"%s\"", id, got);
    fact_get(sim, "update done %s %s", run_id, id)->count++;
}

static void answered(void *arg, enum err err, const char *text, struct slice body)
{
    struct asked *asked = arg;
    struct sim_script *script = asked->script;
    struct sim *sim = script->sim;

    sim_note(sim, "update", asked->index, err);
    if (err == ERR_NOT_FOUND)
        return;                    /* the workflow has ended, or ended it */
    if (err == ERR_PRECONDITION) { /* its task failed: it is not known to the worker */
        sim_later(sim, sim_between(sim, 10 * NS_PER_MS, 300 * NS_PER_MS), ask, asked);
        return;
    }
    if (err != ERR_OK) {
        sim_fail(sim, "an update is answered", "%s update %u: %s %s", script->workflow_id,
                 asked->index, err_name(err), text);
        return;
    }
    const api_update_workflow_execution_response *response =
        sim_decode(sim, &api_update_workflow_execution_response__desc, body);
    const char *run_id = body.len ? response->update_ref->workflow_execution->run_id : "";
    if (response->stage >= UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED && !response->outcome)
        fact_get(sim, "update accepted %s %s", run_id, id_of(sim, script, asked->index))->count++;
    sim->updates += response->outcome != NULL;
    if (response->outcome)
        check_outcome(asked, run_id, response->outcome);
    if (!response->outcome || (!asked->repeated && sim_chance(sim, 300000))) {
        asked->repeated = response->outcome != NULL;
        sim_later(sim, sim_between(sim, 0, 2 * NS_PER_S), ask, asked);
    }
}

static api_update_workflow_execution_request *request_of(struct sim_script *script, uint32_t index)
{
    struct sim *sim = script->sim;
    api_update_workflow_execution_request *request =
        sim_message(sim, &api_update_workflow_execution_request__desc);

    request->workflow_execution = sim_execution(sim, script->workflow_id, "");
    request->wait_policy = sim_message(sim, &api_wait_policy__desc);
    request->wait_policy->lifecycle_stage =
        sim_chance(sim, 500000) ? UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED
                                : UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED;
    request->request = sim_message(sim, &api_update_request__desc);
    request->request->meta = sim_message(sim, &api_meta__desc);
    request->request->meta->update_id = sim_str(sim, id_of(sim, script, index));
    request->request->input = sim_message(sim, &api_input__desc);
    request->request->input->name = sim_str(sim, "handler");
    return request;
}

api_update_workflow_execution_request *user_update_of_start(struct sim_script *script)
{
    return request_of(script, 0);
}

static void ask(void *arg)
{
    struct asked *asked = arg;
    struct sim_script *script = asked->script;

    user_ask(script->sim, NULL,
             &(struct sim_ask){.method = METHOD_HISTORY_UPDATE_WORKFLOW,
                               .workflow_id = script->workflow_id,
                               .message = request_of(script, asked->index),
                               .timeout_ms = 25000},
             answered, asked);
}

void user_updates_begin(struct sim_script *script)
{
    struct sim *sim = script->sim;

    for (uint32_t i = 0; i < script->updates; i++) {
        struct asked *asked = ARENA_NEW(&sim->arena, struct asked);

        *asked = (struct asked){.script = script, .index = i};
        sim_later(sim, sim_between(sim, 0, 12 * NS_PER_S), ask, asked);
    }
}

/* -- workers ----------------------------------------------------------------------------------- */

static api_message *message_new(struct sim *sim, const char *update_id, const char *what,
                                const void *body)
{
    api_message *message = sim_message(sim, &api_message__desc);
    const ProtobufCMessageDescriptor *desc = ((const ProtobufCMessage *)body)->descriptor;
    const struct slice bytes = proto_encode(&sim->arena, body);

    message->id = arena_printf(&sim->arena, "%s/%s", update_id, what);
    message->protocol_instance_id = sim_str(sim, update_id);
    message->body = sim_message(sim, &google__protobuf__any__descriptor);
    message->body->type_url = arena_printf(&sim->arena, TYPE_PREFIX "%s", desc->name);
    message->body->value.data = (uint8_t *)(uintptr_t)bytes.ptr;
    message->body->value.len = bytes.len;
    return message;
}

static void add(struct sim *sim, struct decision *d, api_message *message, bool by_command)
{
    must(d->message_count < COUNT_OF(d->messages));
    d->messages[d->message_count++] = message;
    if (!by_command)
        return;
    api_command *command = sim_message(sim, &api_command__desc);
    command->command_type = COMMAND_TYPE_PROTOCOL_MESSAGE;
    command->attributes_case = API_COMMAND_ATTRIBUTES_PROTOCOL_MESSAGE_COMMAND_ATTRIBUTES;
    command->protocol_message_command_attributes =
        sim_message(sim, &api_protocol_message_command_attributes__desc);
    command->protocol_message_command_attributes->message_id = message->id;
    must(d->count < COUNT_OF(d->commands));
    d->commands[d->count++] = command;
}

static api_meta *meta_of(struct sim *sim, const char *update_id)
{
    api_meta *meta = sim_message(sim, &api_meta__desc);

    meta->update_id = sim_str(sim, update_id);
    return meta;
}

static void complete(struct sim *sim, struct decision *d, const char *update_id)
{
    api_update_response *response = sim_message(sim, &api_update_response__desc);

    response->meta = meta_of(sim, update_id);
    response->outcome = sim_message(sim, &api_outcome__desc);
    response->outcome->value_case = TEMPORAL__API__UPDATE__V1__OUTCOME__VALUE_SUCCESS;
    response->outcome->success = sim_payloads(sim, result_of(sim, update_id));
    add(sim, d, message_new(sim, update_id, "complete", response), true);
}

/* How a worker hears of an update: by a message, or by its Admitted event. */
struct asking {
    const char *update_id, *message_id;
    int64_t event_id;
};

static void reject(struct sim *sim, struct decision *d, const struct asking *asking)
{
    api_rejection *rejection = sim_message(sim, &api_rejection__desc);

    rejection->rejected_request_message_id = sim_str(sim, asking->message_id);
    rejection->failure = sim_message(sim, &api_failure_failure__desc);
    rejection->failure->message = sim_str(sim, "rejected");
    add(sim, d, message_new(sim, asking->update_id, "reject", rejection), false);
}

static void accept(struct sim *sim, struct decision *d, const struct asking *asking)
{
    api_acceptance *acceptance = sim_message(sim, &api_acceptance__desc);

    acceptance->accepted_request_message_id = sim_str(sim, asking->message_id);
    acceptance->accepted_request_sequencing_event_id = asking->event_id;
    acceptance->accepted_request = sim_message(sim, &api_update_request__desc);
    acceptance->accepted_request->meta = meta_of(sim, asking->update_id);
    add(sim, d, message_new(sim, asking->update_id, "accept", acceptance), true);
}

static void handle(struct sim *sim, struct decision *d, enum update_kind kind,
                   const struct asking *asking)
{
    if (kind == UPDATE_IS_REJECTED) {
        reject(sim, d, asking);
        return;
    }
    accept(sim, d, asking);
    if (kind == UPDATE_IS_QUICK)
        complete(sim, d, asking->update_id);
}

void user_updates_answer(struct sim *sim, struct decision *d, const struct view *view,
                         const struct sim_script *script,
                         const api_poll_workflow_task_queue_response *task)
{
    for (uint32_t i = 0; i < script->updates; i++) {
        const char *id = id_of(sim, script, i);
        const struct asking asking = {id, arena_printf(&sim->arena, "%s/request", id),
                                      view->update_admitted[i]};

        if (view->update_accepted[i] && !view->update_completed[i])
            complete(sim, d, id);
        else if (view->update_admitted[i] > view->completed_event_id && !view->update_accepted[i])
            handle(sim, d, script->update_kinds[i], &asking);
    }
    for (size_t i = 0; i < task->n_messages; i++) {
        const api_message *message = task->messages[i];
        const struct asking asking = {message->protocol_instance_id, message->id,
                                      message->event_id};
        const int index = index_of(script, asking.update_id);

        if (index < 0 || view->update_accepted[index]) {
            sim_fail(sim, "an update reaches its worker until it is accepted", "run %s: %s",
                     view->run_id, asking.update_id);
            return;
        }
        handle(sim, d, script->update_kinds[index], &asking);
    }
}

bool user_updates_event(struct sim *sim, struct view *view, const struct sim_script *script,
                        const api_history_event *event)
{
    if (event->event_type == EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED) {
        const char *id =
            event->workflow_execution_update_admitted_event_attributes->request->meta->update_id;
        const int index = index_of(script, id);

        if (index < 0 || view->update_admitted[index] || view->update_accepted[index])
            sim_fail(sim, "an update comes again once", "run %s: %s", view->run_id, id);
        else
            view->update_admitted[index] = event->event_id;
        return true;
    }
    if (event->event_type == EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED) {
        const char *id =
            event->workflow_execution_update_accepted_event_attributes->protocol_instance_id;
        const int index = index_of(script, id);

        if (index < 0 || view->update_accepted[index] ||
            script->update_kinds[index] == UPDATE_IS_REJECTED)
            sim_fail(sim, "an update is accepted once", "run %s: %s", view->run_id, id);
        else
            view->update_accepted[index] = true;
        return true;
    }
    if (event->event_type == EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED) {
        const char *id =
            event->workflow_execution_update_completed_event_attributes->meta->update_id;
        const int index = index_of(script, id);

        if (index < 0 || !view->update_accepted[index] || view->update_completed[index])
            sim_fail(sim, "an update completes once", "run %s: %s", view->run_id, id);
        else
            view->update_completed[index] = true;
        return true;
    }
    return false;
}

/* -- at the end -------------------------------------------------------------------------------- */

void user_updates_check_event(struct sim *sim, const char *run_id, const api_history_event *event)
{
    if (event->event_type == EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED) {
        const char *id =
            event->workflow_execution_update_accepted_event_attributes->protocol_instance_id;
        if (++fact_get(sim, "recorded update accepted %s %s", run_id, id)->count > 1)
            sim_fail(sim, "an update is accepted once", "run %s: %s", run_id, id);
    } else if (event->event_type == EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED) {
        const api_workflow_execution_update_completed_event_attributes *a =
            event->workflow_execution_update_completed_event_attributes;
        if (++fact_get(sim, "recorded update done %s %s", run_id, a->meta->update_id)->count > 1)
            sim_fail(sim, "an update completes once", "run %s: %s", run_id, a->meta->update_id);
    }
}

/* What clients were told is in the histories: "update done|accepted <run id> <update id>". */
void user_updates_check(struct sim *sim)
{
    for (struct map_node *n = map_next(&sim->facts, NULL); n && !sim->broken;
         n = map_next(&sim->facts, n)) {
        const struct fact *fact = CONTAINER_OF(n, struct fact, node);

        if (!slice_starts_with(n->key, SLICE_LIT("update ")) || fact->count == 0)
            continue;
        const char *name = arena_printf(&sim->scratch, "recorded " SLICE_FMT, SLICE_ARG(n->key));
        if (!fact_known(sim, name))
            sim_fail(sim, "an acknowledged update is kept", SLICE_FMT, SLICE_ARG(n->key));
    }
}
