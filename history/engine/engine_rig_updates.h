/* engine_rig_updates.h - the part of engine_rig.h that plays clients who update the run, and the
 * messages of its worker.
 *
 *   upd=ID                a client asks for an update
 *   in the list of done:  ok=ID accepts, no=ID rejects, end=ID completes it, by a message alone;
 *                         cok= cend= by a message and its command; rok= rno= with the request, as
 *                         newer workers send it; badok= badend= badtype= nobody= lone= as no
 *                         worker should; cap: the worker can go back over events
 *   reapply=ID            an event of another run is brought into this one
 *   crash                 the run is read back from its rows: what only memory had is lost
 *
 * What the shard would be told is kept in rig->told: "u:2 v:3ok w:NOT_FOUND" in order. After every
 * step each update that was let in is either over, and was told so, or can be looked up. */
#ifndef GNOMON_ENGINE_RIG_UPDATES_H
#define GNOMON_ENGINE_RIG_UPDATES_H

#include "history/engine/update_int.h"

static void rig_told(struct rig *rig, const char *what)
{
    rig->told = arena_printf(&rig->arena, "%s%s%s", rig->told, rig->told[0] ? " " : "", what);
}

static struct slice rig_outcome_of(struct rig *rig, const struct update_answer *answer)
{
    struct slice outcome = answer->outcome;

    if (outcome.len == 0 && answer->outcome_event_id != 0)
        check_ok(engine_update_outcome(&rig->arena, buf_slice(&rig->history),
                                       answer->outcome_event_id, &outcome));
    return outcome;
}

/* "3ok", "3fail/TYPE", "2", "NOT_FOUND", "BUSY+" (again). */
static const char *rig_stage(struct rig *rig, const struct update_answer *answer)
{
    if (answer->err != ERR_OK) {
        check_i64(answer->stage, 0);
        return arena_printf(&rig->arena, "%s%s", err_name(answer->err), answer->again ? "+" : "");
    }
    const struct slice bytes = rig_outcome_of(rig, answer);
    if (bytes.len == 0)
        return arena_printf(&rig->arena, "%d", answer->stage);
    const api_outcome *outcome = engine_decode(&rig->arena, &api_outcome__desc, bytes);
    must(outcome != NULL);
    const api_failure_failure *failure =
        outcome->value_case == TEMPORAL__API__UPDATE__V1__OUTCOME__VALUE_FAILURE ? outcome->failure
                                                                                 : NULL;
    const char *type =
        failure && failure->application_failure_info ? failure->application_failure_info->type : "";
    return arena_printf(&rig->arena, "%d%s%s%s", answer->stage, failure ? "fail" : "ok",
                        type[0] ? "/" : "", type);
}

static bool rig_pending(const struct rig *rig, struct slice id, size_t *at)
{
    for (*at = 0; *at < rig->pending_count; (*at)++)
        if (slice_eq(slice_str(rig->pending[*at]), id))
            return true;
    return false;
}

static void rig_keep_updates(struct rig *rig, const struct transition *t)
{
    for (size_t i = 0; i < t->update_count; i++) {
        const struct update_change *change = &t->updates[i];
        size_t at;
        rig_told(rig, arena_printf(&rig->arena, SLICE_FMT ":%s", SLICE_ARG(change->id),
                                   rig_stage(rig, &change->answer)));
        const bool over =
            change->answer.err != ERR_OK ||
            change->answer.stage == UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED;
        if (over && rig_pending(rig, change->id, &at))
            rig->pending[at] = rig->pending[--rig->pending_count];
    }
}

static void rig_check_updates(struct rig *rig, const char *word)
{
    for (size_t i = 0; i < rig->pending_count; i++) {
        struct update_answer answer;
        if (engine_update_look(rig->run, slice_str(rig->pending[i]), &rig->arena, &answer) !=
            ERR_OK)
            rig_failed(rig, word, "an update is gone, and nobody was told:", rig->pending[i]);
    }
    const struct run *run = rig->run;
    size_t active = 0, bytes = 0;
    for (struct map_node *it = map_next(&run->updates, NULL); it;
         it = map_next(&run->updates, it)) {
        const struct update *update = CONTAINER_OF(it, struct update, node);
        check(!update->touched && !update->is_dirty);
        check(update->is_active == (update->state != UPDATE_COMPLETED && !update->rejected));
        check(update->state == UPDATE_SENT || update->state == update_stored_state(update));
        check(update->state < UPDATE_ACCEPTED || update->request.len == 0);
        active += update->is_active;
        bytes += update->is_active ? update->id.len + update->request.len : 0;
    }
    check_i64((int64_t)active, run->active_update_count);
    check_i64((int64_t)bytes, (int64_t)run->active_update_bytes);
    check(!run->wft.speculative ||
          (run_is_open(run) && run->wft.scheduled_event_id == run->next_event_id &&
           run->buffered_count == 0 && run->wft.attempt == 1));
}

/* -- clients --------------------------------------------------------------------------------- */

static api_update_request *rig_update_request(struct rig *rig, const char *id)
{
    static char name[] = "handler", me[] = "client";
    api_update_request *request = engine_message(&rig->arena, &api_update_request__desc);

    request->meta = engine_message(&rig->arena, &api_meta__desc);
    request->meta->update_id = arena_str(&rig->arena, slice_str(id));
    request->meta->identity = me;
    request->input = engine_message(&rig->arena, &api_input__desc);
    request->input->name = name;
    request->input->args = engine_payloads_of_text(&rig->arena, "arg");
    request->request_id = arena_printf(&rig->arena, "request of %s", id);
    return request;
}

static void rig_update_as(struct rig *rig, const char *word, const char *id,
                          api_update_request *asked)
{
    struct transition t;
    api_update_workflow_execution_request *request =
        engine_message(&rig->arena, &api_update_workflow_execution_request__desc);
    size_t at;

    request->request = asked;
    rig_begin(rig, &t);
    const enum err err = engine_update(&t, request, &rig->answer);
    if (err == ERR_OK && !rig_pending(rig, slice_str(id), &at) &&
        rig->answer.stage < UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED) {
        must(rig->pending_count < COUNT_OF(rig->pending));
        rig->pending[rig->pending_count++] = request->request->meta->update_id;
    }
    rig_end(rig, &t, word, err);
}

static void rig_update(struct rig *rig, const char *word, const char *id)
{
    rig_update_as(rig, word, id, rig_update_request(rig, id));
}

static void rig_reapply_as(struct rig *rig, const char *word, api_update_request *asked)
{
    struct transition t;
    api_history_event *event;

    if (!run_is_open(rig->run) || rig->run->wft.state == WFT_STARTED)
        return;
    rig_begin(rig, &t);
    api_workflow_execution_update_accepted_event_attributes *a =
        engine_event(&t, EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED, &event);
    a->accepted_request = asked;
    const enum err err = run_update_reapply(&t, event);
    if (err == ERR_OK)
        transition_need_workflow_task(&t);
    rig_end(rig, &t, word, err);
}

static void rig_reapply(struct rig *rig, const char *word, const char *id)
{
    rig_reapply_as(rig, word, rig_update_request(rig, id));
}

static enum err rig_read_back(struct store_snapshot *snapshot, void *arg)
{
    struct rig *rig = arg;
    struct run *run;
    const enum err err =
        run_load(snapshot, rig->run->tablet, SLICE_LIT(RIG_NAMESPACE), rig->run->run_id, &run);

    if (err != ERR_OK)
        return err;
    run_free(rig->run);
    rig->run = run;
    return ERR_OK;
}

static void rig_crash(struct rig *rig, const char *word)
{
    struct update_answer answer;

    check_ok(store_read_now(rig->shard, rig_read_back, rig));
    rig_forget_speculative(rig);
    check(!run_has_volatile(rig->run));
    for (size_t i = rig->pending_count; i-- > 0;)
        if (engine_update_look(rig->run, slice_str(rig->pending[i]), &rig->arena, &answer))
            rig->pending[i] = rig->pending[--rig->pending_count];
    rig_check_updates(rig, word);
}

/* -- the worker ------------------------------------------------------------------------------ */

static void rig_body(struct rig *rig, api_message *message, const char *type, const void *body)
{
    const struct slice bytes = proto_encode(&rig->arena, body);

    message->body = engine_message(&rig->arena, &pb_any__desc);
    message->body->type_url =
        arena_printf(&rig->arena, "type.googleapis.com/temporal.api.update.v1.%s", type);
    uint8_t *value = arena_alloc(&rig->arena, bytes.len + 1);
    if (bytes.len)
        memcpy(value, bytes.ptr, bytes.len);
    message->body->value = (ProtobufCBinaryData){bytes.len, value};
}

static void rig_response(struct rig *rig, api_message *message, const char *id, bool bad)
{
    api_update_response *body = engine_message(&rig->arena, &api_update_response__desc);

    body->meta = engine_message(&rig->arena, &api_meta__desc);
    body->meta->update_id = arena_str(&rig->arena, slice_str(id));
    if (!bad) {
        body->outcome = engine_message(&rig->arena, &api_outcome__desc);
        body->outcome->value_case = TEMPORAL__API__UPDATE__V1__OUTCOME__VALUE_SUCCESS;
        body->outcome->success = engine_payloads_of_text(&rig->arena, "done");
    }
    rig_body(rig, message, "Response", body);
}

static void rig_acceptance(struct rig *rig, api_message *message, const char *id, const char *verb)
{
    api_acceptance *body = engine_message(&rig->arena, &api_acceptance__desc);

    body->accepted_request_message_id = arena_printf(&rig->arena, "%s/request", id);
    if (strcmp(verb, "badok") != 0)
        body->accepted_request_sequencing_event_id = rig->run->wft.started_event_id - 1;
    if (strcmp(verb, "rok") == 0)
        body->accepted_request = rig_update_request(rig, id);
    rig_body(rig, message, "Acceptance", body);
}

static void rig_rejection(struct rig *rig, api_message *message, const char *id, bool with_request)
{
    static char refused[] = "Refused";
    api_rejection *body = engine_message(&rig->arena, &api_rejection__desc);

    body->failure = rig_app_failure(rig, refused);
    if (with_request)
        body->rejected_request = rig_update_request(rig, id);
    rig_body(rig, message, "Rejection", body);
}

static void rig_message_command(struct rig *rig,
                                api_respond_workflow_task_completed_request *request,
                                char *message_id)
{
    api_command *c = engine_message(&rig->arena, &api_command__desc);

    c->command_type = COMMAND_TYPE_PROTOCOL_MESSAGE;
    c->attributes_case =
        TEMPORAL__API__COMMAND__V1__COMMAND__ATTRIBUTES_PROTOCOL_MESSAGE_COMMAND_ATTRIBUTES;
    c->protocol_message_command_attributes =
        engine_message(&rig->arena, &api_protocol_message_command_attributes__desc);
    c->protocol_message_command_attributes->message_id = message_id;
    request->commands[request->n_commands++] = c;
}

/* false: it is a command like any other. */
static bool rig_update_message(struct rig *rig,
                               api_respond_workflow_task_completed_request *request,
                               const char *text)
{
    const char *value = strchr(text, '=');
    const char *id = value ? value + 1 : "";
    const char *verb =
        value ? arena_str(&rig->arena, slice_of(text, (size_t)(value - text))) : text;
    const bool by_command = verb[0] == 'c' && (strcmp(verb, "cok") == 0 || !strcmp(verb, "cend"));
    const char *plain = by_command ? verb + 1 : verb;

    if (strcmp(verb, "cap") == 0) {
        request->capabilities = engine_message(
            &rig->arena,
            &temporal__api__workflowservice__v1__respond_workflow_task_completed_request__capabilities__descriptor);
        request->capabilities->discard_speculative_workflow_task_with_events = true;
        return true;
    }
    if (strcmp(verb, "lone") == 0) {
        rig_message_command(rig, request, arena_str(&rig->arena, slice_str(id)));
        return true;
    }
    api_message *message = engine_message(&rig->arena, &api_message__desc);
    message->protocol_instance_id = arena_str(&rig->arena, slice_str(id));
    message->id = arena_printf(&rig->arena, "%s/%s", id, plain);
    if (!strcmp(plain, "ok") || !strcmp(plain, "rok") || !strcmp(plain, "badok"))
        rig_acceptance(rig, message, id, plain);
    else if (!strcmp(plain, "no") || !strcmp(plain, "rno"))
        rig_rejection(rig, message, id, plain[0] == 'r');
    else if (!strcmp(plain, "end") || !strcmp(plain, "badend"))
        rig_response(rig, message, id, plain[0] == 'b');
    else if (!strcmp(plain, "badtype"))
        rig_body(rig, message, "Request", rig_update_request(rig, id));
    else if (strcmp(plain, "nobody") != 0)
        return false;
    if (!request->messages)
        request->messages = ARENA_ARRAY(&rig->arena, api_message *, 256);
    must(request->n_messages < 256);
    request->messages[request->n_messages++] = message;
    if (by_command)
        rig_message_command(rig, request, message->id);
    return true;
}

#endif
