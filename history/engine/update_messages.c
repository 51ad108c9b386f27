/* update_messages.c - what a worker says of updates in the messages of its answer.
 *
 * The answer counts as a whole. So a message changes its update at once, but what the update was
 * before stands in transition.undo until the answer is through: update_messages_apply() tells the
 * shard and lets go of what is over, update_messages_undo() puts everything back.
 *
 * Spec: a message is handled where its PROTOCOL_MESSAGE command stands among the commands; those
 * that no command names come after all commands. After one that closes the run they can only
 * reject, or end their update; as that writes no events, they are handled just before it
 * (update_messages_closing()), so that nothing fails once the run has closed. */
#include "history/engine/callback.h"
#include "history/engine/update_int.h"

#include "common/proto/wire.h"
#include "history/engine/message_splice.h"

/* The texts name types as the reference's language prints them. */
enum message_kind { MESSAGE_ACCEPTANCE, MESSAGE_REJECTION, MESSAGE_RESPONSE, MESSAGE_REQUEST };
static const struct {
    const char *type, *go_type;
    const ProtobufCMessageDescriptor *desc;
} kinds[] = {
    [MESSAGE_ACCEPTANCE] = {"temporal.api.update.v1.Acceptance", "*update.Acceptance",
                            &api_acceptance__desc},
    [MESSAGE_REJECTION] = {"temporal.api.update.v1.Rejection", "*update.Rejection",
                           &api_rejection__desc},
    [MESSAGE_RESPONSE] = {"temporal.api.update.v1.Response", "*update.Response",
                          &api_update_response__desc},
    [MESSAGE_REQUEST] = {"temporal.api.update.v1.Request", "*update.Request",
                         &api_update_request__desc},
};

enum undo_end { NOT_ENDED, ENDED_COMPLETED, ENDED_REJECTED, ENDED_CLOSED };

struct update_undo {
    struct update_undo *next; /* oldest first */
    struct update *update;
    enum update_state state; /* as it was; so the next one */
    int64_t accepted_event_id;
    bool resurrected; /* it was not there */
    enum undo_end end;
    struct update_acceptance acceptance; /* event NULL: it was not accepted here */
    struct slice outcome;                /* encoded; of ENDED_COMPLETED */
    const api_failure_failure *failure;
};

static struct update_undo *touch(struct transition *t, struct update *update)
{
    struct update_undo **at = &t->undo;

    while (*at && (*at)->update != update)
        at = &(*at)->next;
    if (!*at) {
        *at = ARENA_NEW(t->arena, struct update_undo);
        (*at)->update = update;
        (*at)->state = update->state;
        (*at)->accepted_event_id = update->accepted_event_id;
        update->touched = true;
    }
    return *at;
}

/* The name of a message type: what follows the last slash of its URL. */
static const char *type_of(const api_message *message)
{
    const char *url = message->body ? message->body->type_url : "";
    const char *slash = strrchr(url, '/');

    return slash ? slash + 1 : url;
}

bool update_message_is_rejection(const api_message *message)
{
    return strcmp(type_of(message), kinds[MESSAGE_REJECTION].type) == 0;
}

/* -- refusals -------------------------------------------------------------------------------- */

#define BAD_MESSAGE WORKFLOW_TASK_FAILED_CAUSE_BAD_UPDATE_WORKFLOW_EXECUTION_MESSAGE

static enum err refuse(struct transition *t, struct command_context *ctx, const char *text)
{
    ctx->refuse = true;
    return err_fail(t->detail, ERR_INVALID, "%s", text);
}

static enum err not_set(struct transition *t, struct command_context *ctx, enum message_kind kind,
                        const char *field)
{
    return command_bad(t, ctx, BAD_MESSAGE, "invalid %s: %s is not set", kinds[kind].go_type,
                       field);
}

static const char *state_name(const struct transition *t, const struct update *update)
{
    const struct update_undo *it = t->undo;

    while (it && it->update != update)
        it = it->next;
    if (it && it->end == ENDED_CLOSED)
        return "ProvisionallyAborted";
    if (it && it->end != NOT_ENDED)
        return "ProvisionallyCompleted";
    switch (update->state) {
    case UPDATE_ADMITTED:
        return "Admitted";
    case UPDATE_SENT:
        return "Sent";
    case UPDATE_ACCEPTED:
        return update->touched ? "ProvisionallyAccepted" : "Accepted";
    case UPDATE_COMPLETED:
        return "Completed";
    }
    must(false);
    return "";
}

static enum err wrong_state(struct transition *t, struct command_context *ctx,
                            enum message_kind kind, const struct update *update)
{
    return command_bad(t, ctx, BAD_MESSAGE,
                       "invalid state transition attempted for Update " SLICE_FMT
                       ": received %s message while in state %s",
                       SLICE_ARG(bytes_slice(update->id)), kinds[kind].go_type,
                       state_name(t, update));
}

static bool has_ended(const struct transition *t, const struct update *update)
{
    for (const struct update_undo *it = t->undo; it; it = it->next)
        if (it->update == update)
            return it->end != NOT_ENDED;
    return update->state == UPDATE_COMPLETED;
}

/* -- the three messages ---------------------------------------------------------------------- */

static size_t callbacks_coming(const struct transition *t)
{
    size_t count = 0;

    for (const struct update_undo *it = t->undo; it; it = it->next)
        count += it->acceptance.event ? it->acceptance.callback_count : 0;
    return count;
}

/* Spec: a callback that can't be fails the task, one too many only the answer. */
static enum err bad_callbacks(struct transition *t, struct command_context *ctx, enum err err)
{
    if (err != ERR_INVALID)
        return err;
    const char *why = arena_str(t->arena, slice_str(t->detail->text));
    return command_bad(t, ctx, BAD_MESSAGE, "%s", why);
}

static enum err accept(struct transition *t, struct command_context *ctx, struct update *update,
                       const api_acceptance *message)
{
    api_history_event *event;

    if (update->state >= UPDATE_ACCEPTED || has_ended(t, update))
        return wrong_state(t, ctx, MESSAGE_ACCEPTANCE, update);
    if (message->accepted_request_sequencing_event_id == 0)
        return not_set(t, ctx, MESSAGE_ACCEPTANCE, "accepted_request_sequencing_event_id");
    if (!message->accepted_request_message_id[0])
        return not_set(t, ctx, MESSAGE_ACCEPTANCE, "accepted_request_message_id");
    struct update_undo *undo = touch(t, update);
    struct update_acceptance *with = &undo->acceptance;
    const enum err err = update_acceptance_check(t, update, callbacks_coming(t), with);
    if (err != ERR_OK)
        return bad_callbacks(t, ctx, err);
    api_workflow_execution_update_accepted_event_attributes *a =
        engine_event(t, EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED, &event);
    event->n_links = with->link_count;
    event->links = with->links;
    a->protocol_instance_id = transition_str(t, bytes_slice(update->id));
    a->accepted_request_message_id =
        arena_printf(t->arena, SLICE_FMT "/request", SLICE_ARG(bytes_slice(update->id)));
    a->accepted_request_sequencing_event_id = message->accepted_request_sequencing_event_id;
    message_splice(t->arena, &a->base, 4, bytes_slice(update->request)); /* accepted_request */
    update->accepted_event_id = transition_event(t, event);
    update->state = UPDATE_ACCEPTED;
    with->event = event;
    for (size_t i = 0; i < with->option_count; i++)
        transition_event(t, with->options[i]);
    return ERR_OK;
}

static enum err reject(struct transition *t, struct command_context *ctx, struct update *update,
                       const api_rejection *message)
{
    if (update->state >= UPDATE_ACCEPTED || has_ended(t, update))
        return wrong_state(t, ctx, MESSAGE_REJECTION, update);
    struct update_undo *undo = touch(t, update);
    undo->end = ENDED_REJECTED;
    undo->failure = message->failure;
    return ERR_OK;
}

static enum err complete(struct transition *t, struct command_context *ctx, struct update *update,
                         const api_update_response *message)
{
    api_history_event *event;

    if (update->state != UPDATE_ACCEPTED || has_ended(t, update))
        return wrong_state(t, ctx, MESSAGE_RESPONSE, update);
    if (!message->meta)
        return not_set(t, ctx, MESSAGE_RESPONSE, "meta");
    if (!message->meta->update_id[0])
        return not_set(t, ctx, MESSAGE_RESPONSE, "meta.update_id");
    if (!slice_eq(slice_str(message->meta->update_id), bytes_slice(update->id)))
        return command_bad(t, ctx, BAD_MESSAGE, "invalid %s: meta.update_id != " SLICE_FMT,
                           kinds[MESSAGE_RESPONSE].go_type, SLICE_ARG(bytes_slice(update->id)));
    if (!message->outcome)
        return not_set(t, ctx, MESSAGE_RESPONSE, "outcome");
    struct update_undo *undo = touch(t, update);
    api_workflow_execution_update_completed_event_attributes *a =
        engine_event(t, EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED, &event);
    a->meta = message->meta;
    a->accepted_event_id = update->accepted_event_id;
    a->outcome = message->outcome;
    undo->end = ENDED_COMPLETED;
    undo->outcome = transition_pack(t, message->outcome);
    update->completed_event_id = transition_event(t, event);
    return ERR_OK;
}

/* -- one message ----------------------------------------------------------------------------- */

/* A run that was lost does not know the update; the worker's message brings it back. */
static enum err resurrect(struct transition *t, struct command_context *ctx, const char *id,
                          const api_update_request *request, struct update **out)
{
    *out = NULL;
    const enum err err = updates_check_total(t);
    if (err != ERR_OK)
        return err;
    if (!request)
        return ERR_OK;
    if (!id[0] || strlen(id) > t->limits->id_bytes_max)
        return command_bad(t, ctx, BAD_MESSAGE, "UpdateID length exceeds limit.");
    struct update *update = update_new(slice_str(id));
    run_update_put(t->run, update);
    run_update_set_request(t->run, update, transition_pack(t, request));
    bytes_set(&update->request_id, slice_str(request->request_id));
    touch(t, update)->resurrected = true;
    *out = update;
    return ERR_OK;
}

static enum err find(struct transition *t, struct command_context *ctx, const char *id,
                     const api_update_request *request, struct update **out)
{
    *out = id[0] ? run_update(t->run, slice_str(id)) : NULL;
    if (*out && !(*out)->rejected)
        return ERR_OK;
    if (*out) { /* rejected before: it is not in flight any more */
        *out = NULL;
    } else {
        const enum err err = resurrect(t, ctx, id, request, out);
        if (err != ERR_OK)
            return err;
    }
    if (*out)
        return ERR_OK;
    return command_bad(t, ctx, BAD_MESSAGE,
                       "update %s wasn't found on the server. This is most likely a transient "
                       "error which will be resolved automatically by retries",
                       id);
}

static enum err handle(struct transition *t, struct command_context *ctx,
                       const api_message *message)
{
    static const char protocol[] = "temporal.api.update.v1.";
    const char *type = type_of(message), *id = message->protocol_instance_id;
    const char *dot = strrchr(type, '.');
    struct update *update;
    void *body = NULL;
    size_t kind = 0;

    if (!message->body)
        return refuse(t, ctx, "nil message body");
    if (!type[0])
        return refuse(t, ctx, "no message name specified");
    if (!dot)
        return refuse(
            t, ctx,
            arena_printf(t->arena, "failed to extract protocol type: no . found in \"%s\"", type));
    if (message->body->value.len + strlen(message->body->type_url) > t->limits->blob_bytes_max)
        return command_too_large(
            t, ctx, BAD_MESSAGE,
            arena_printf(t->arena, "Message type %s exceeds size limit.", type));
    if (strncmp(type, protocol, sizeof protocol - 1) != 0 || dot != type + sizeof protocol - 2)
        return command_bad(t, ctx, BAD_MESSAGE, "unsupported protocol type %.*s", (int)(dot - type),
                           type);
    while (kind < COUNT_OF(kinds) && strcmp(kinds[kind].type, type) != 0)
        kind++;
    if (kind == COUNT_OF(kinds))
        return command_bad(t, ctx, BAD_MESSAGE, "unable to unmarshal request: proto: not found");
    const struct slice bytes = slice_of(message->body->value.data, message->body->value.len);
    if (proto_decode(t->arena, kinds[kind].desc, bytes, &body, NULL) != ERR_OK)
        return command_bad(t, ctx, BAD_MESSAGE,
                           "unable to unmarshal request: proto: cannot parse invalid wire-format "
                           "data");
    const api_update_request *request =
        kind == MESSAGE_ACCEPTANCE  ? ((const api_acceptance *)body)->accepted_request
        : kind == MESSAGE_REJECTION ? ((const api_rejection *)body)->rejected_request
                                    : NULL;
    const enum err err = find(t, ctx, id, request, &update);
    if (err != ERR_OK)
        return err;
    if (ctx->closing && kind != MESSAGE_REJECTION) { /* no event can tell of it */
        if (!has_ended(t, update))
            touch(t, update)->end = ENDED_CLOSED;
        return ERR_OK;
    }
    switch ((enum message_kind)kind) {
    case MESSAGE_ACCEPTANCE:
        return accept(t, ctx, update, body);
    case MESSAGE_REJECTION:
        return reject(t, ctx, update, body);
    case MESSAGE_RESPONSE:
        return complete(t, ctx, update, body);
    case MESSAGE_REQUEST:
        break;
    }
    return command_bad(t, ctx, BAD_MESSAGE, "Message type %s not supported", kinds[kind].go_type);
}

/* -- the messages of an answer ---------------------------------------------------------------- */

struct update_messages *update_messages_of(struct transition *t, size_t count,
                                           api_message *const *messages)
{
    if (count == 0)
        return NULL;
    struct update_messages *all = ARENA_NEW(t->arena, struct update_messages);

    all->messages = messages;
    all->count = count;
    all->taken = ARENA_ARRAY(t->arena, bool, count);
    return all;
}

enum err command_protocol_message(struct transition *t, struct command_context *ctx,
                                  const api_command *command)
{
    const api_protocol_message_command_attributes *in =
        command->protocol_message_command_attributes;
    struct update_messages *all = ctx->messages;

    t->command = NULL; /* its metadata is of no event */
    if (!in)
        return command_bad(
            t, ctx, BAD_MESSAGE,
            "ProtocolMessageCommandAttributes is not set on ProtocolMessageCommand.");
    if (!in->message_id[0])
        return command_bad(t, ctx, BAD_MESSAGE, "MessageID is not set on ProtocolMessageCommand.");
    for (size_t i = all ? all->count : 0; i-- > 0;) /* of several with one id, the last */
        if (!all->taken[i] && strcmp(all->messages[i]->id, in->message_id) == 0) {
            all->taken[i] = true;
            return handle(t, ctx, all->messages[i]);
        }
    return command_bad(t, ctx, BAD_MESSAGE,
                       "ProtocolMessageCommand referenced absent message ID %s", in->message_id);
}

enum err update_messages_closing(struct transition *t, struct command_context *ctx)
{
    ctx->closing = true;
    return update_messages_rest(t, ctx);
}

enum err update_messages_rest(struct transition *t, struct command_context *ctx)
{
    struct update_messages *all = ctx->messages;
    enum err err = ERR_OK;

    for (size_t i = 0; all && err == ERR_OK && i < all->count; i++)
        if (!all->taken[i]) {
            all->taken[i] = true;
            err = handle(t, ctx, all->messages[i]);
        }
    return err;
}

static void apply(struct transition *t, const struct update_undo *it)
{
    struct run *run = t->run;
    struct update *update = it->update;
    struct update_answer answer = {0};

    update->touched = false;
    if (it->acceptance.event)
        update_acceptance_apply(t, update, &it->acceptance);
    switch (it->end) {
    case NOT_ENDED:
        if (update->state != UPDATE_ACCEPTED)
            return;
        answer.stage = UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED;
        break;
    case ENDED_COMPLETED:
        answer.stage = UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED;
        answer.outcome = it->outcome;
        answer.outcome_event_id = update->completed_event_id;
        update->state = UPDATE_COMPLETED;
        run_update_deactivate(run, update);
        run->updates_completed++;
        update_callbacks_ended(t, bytes_slice(update->id));
        break;
    case ENDED_REJECTED:
        answer = update_failed(t, it->failure);
        update_moved(t, update, &answer);
        update_callbacks_rejected(t, bytes_slice(update->id), it->failure);
        update_discard(t, update, true);
        return;
    case ENDED_CLOSED:
        if (update->state == UPDATE_ACCEPTED)
            break; /* updates_close() tells */
        answer = update_closed_answer(t, false);
        update_moved(t, update, &answer);
        update_discard(t, update, false);
        return;
    }
    if (it->end != ENDED_CLOSED)
        update_moved(t, update, &answer);
    run_update_set_request(run, update, SLICE_EMPTY);
    run_update_dirty(run, update);
}

void update_messages_apply(struct transition *t)
{
    for (struct update_undo *it = t->undo; it; it = it->next)
        apply(t, it);
    t->undo = NULL;
}

void update_messages_undo(struct transition *t)
{
    for (struct update_undo *it = t->undo; it; it = it->next) {
        struct update *update = it->update;

        update->touched = false;
        update->state = it->state;
        update->accepted_event_id = it->accepted_event_id;
        update->completed_event_id = 0;
        if (it->resurrected)
            run_update_remove(t->run, update);
    }
    t->undo = NULL;
}

void updates_fail_accepted(struct transition *t, const struct update_undo *undone)
{
    for (const struct update_undo *it = undone; it; it = it->next) {
        if (!it->acceptance.event || it->resurrected)
            continue;
        const struct update_answer answer = update_failed(t, update_closed_failure(t->arena));
        update_moved(t, it->update, &answer);
        update_discard(t, it->update, false);
    }
}
