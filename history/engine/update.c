/* update.c - updates of a run: admission, what a caller is told, what becomes of them when a task
 * fails or the run ends. The worker's messages are in update_messages.c. */
#include "history/engine/callback.h"
#include "history/engine/options.h"
#include "history/engine/pause.h"
#include "history/engine/update_int.h"

#include "common/proto/errdetail.h"
#include "common/proto/wire.h"
#include "history/engine/failure.h"
#include "history/engine/message_splice.h"

/* -- answers --------------------------------------------------------------------------------- */

api_failure_failure *update_closed_failure(struct arena *arena)
{
    return failure_application(
        arena, "Workflow Update failed because the Workflow completed before the Update completed.",
        "AcceptedUpdateCompletedWorkflow");
}

static struct slice failed_outcome(struct arena *arena, const api_failure_failure *failure)
{
    api_outcome *outcome = engine_message(arena, &api_outcome__desc);

    outcome->value_case = TEMPORAL__API__UPDATE__V1__OUTCOME__VALUE_FAILURE;
    outcome->failure = engine_message(arena, &api_failure_failure__desc);
    if (failure)
        *outcome->failure = *failure;
    return proto_encode(arena, outcome);
}

struct update_answer update_failed(struct transition *t, const api_failure_failure *failure)
{
    return (struct update_answer){.stage = UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED,
                                  .outcome = failed_outcome(t->arena, failure)};
}

static enum err closing(struct arena *arena, struct err_detail *detail)
{
    return errdetail_resource_exhausted(
        arena, detail, RESOURCE_EXHAUSTED_CAUSE_BUSY_WORKFLOW, RESOURCE_EXHAUSTED_SCOPE_NAMESPACE,
        "workflow operation can not be applied because workflow is closing");
}

struct update_answer update_closed_answer(struct transition *t, bool continued)
{
    struct update_answer answer = {.again = continued};

    answer.err = continued ? closing(t->arena, &answer.detail)
                           : errdetail_not_found(t->arena, &answer.detail,
                                                 "workflow update was aborted by closing workflow");
    return answer;
}

void update_moved(struct transition *t, const struct update *update,
                  const struct update_answer *answer)
{
    const struct slice id = bytes_slice(update->id);

    for (size_t i = 0; i < t->update_count; i++)
        if (slice_eq(t->updates[i].id, id)) {
            t->updates[i].answer = *answer;
            return;
        }
    if (t->update_count == t->update_cap) {
        const size_t cap = t->update_cap ? 2 * t->update_cap : 4;
        struct update_change *more = ARENA_ARRAY(t->arena, struct update_change, cap);

        if (t->update_count > 0)
            memcpy(more, t->updates, t->update_count * sizeof *more);
        t->updates = more;
        t->update_cap = cap;
    }
    t->updates[t->update_count++] =
        (struct update_change){.id = arena_copy(t->arena, id), .answer = *answer};
}

/* How far it is. false: it is no more to be spoken of. */
static bool look_at(const struct run *run, const struct update *update, struct arena *arena,
                    struct update_answer *answer)
{
    *answer = (struct update_answer){0};
    switch (update->state) {
    case UPDATE_ADMITTED:
    case UPDATE_SENT:
        answer->stage = UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ADMITTED;
        return !update->rejected && run_is_open(run);
    case UPDATE_ACCEPTED:
        answer->stage = UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED;
        if (!run_is_open(run)) {
            answer->stage = UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED;
            answer->outcome = failed_outcome(arena, update_closed_failure(arena));
        }
        return true;
    case UPDATE_COMPLETED:
        answer->stage = UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED;
        answer->outcome_event_id = update->completed_event_id;
        return true;
    }
    must(false);
    return false;
}

enum err engine_update_look(const struct run *run, struct slice id, struct arena *arena,
                            struct update_answer *answer)
{
    const struct update *update = run_update(run, id);

    *answer = (struct update_answer){0};
    return update && look_at(run, update, arena, answer) ? ERR_OK : ERR_NOT_FOUND;
}

enum err engine_update_outcome(struct arena *arena, struct slice events, int64_t event_id,
                               struct slice *outcome)
{
    size_t count;
    api_history_event **list = engine_decode_events(arena, events, &count);

    for (size_t i = 0; list && i < count; i++) {
        const api_history_event *event = list[i];
        if (event->event_id != event_id)
            continue;
        if (event->event_type != EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED ||
            !event->workflow_execution_update_completed_event_attributes ||
            !event->workflow_execution_update_completed_event_attributes->outcome)
            return ERR_CORRUPT;
        *outcome = proto_encode(
            arena, event->workflow_execution_update_completed_event_attributes->outcome);
        return ERR_OK;
    }
    return ERR_CORRUPT;
}

/* -- limits ---------------------------------------------------------------------------------- */

static int64_t total(const struct run *run)
{
    return run->updates_completed + run->active_update_count;
}

enum err updates_check_total(struct transition *t)
{
    const uint32_t max = t->limits->updates_max;

    if (max == 0 || total(t->run) < max)
        return ERR_OK;
    return err_fail(
        t->detail, ERR_PRECONDITION,
        "The limit on the total number of distinct updates in this workflow has been reached (%u). "
        "Make sure any duplicate updates share an Update ID so the server can deduplicate them, "
        "and consider rejecting updates that you aren't going to process. You can also "
        "Continue-as-New to avoid this; we recommend you check Continue-as-New Suggested in your "
        "Workflow.",
        max);
}

static enum err check_limits(struct transition *t, const api_update_request *request)
{
    const struct engine_limits *limits = t->limits;
    const struct run *run = t->run;

    if (limits->updates_in_flight_max > 0 &&
        run->active_update_count >= limits->updates_in_flight_max)
        return errdetail_resource_exhausted(
            t->arena, t->detail, RESOURCE_EXHAUSTED_CAUSE_CONCURRENT_LIMIT,
            RESOURCE_EXHAUSTED_SCOPE_NAMESPACE,
            "limit on number of concurrent in-flight updates has been reached (%u)",
            limits->updates_in_flight_max);
    const enum err err = updates_check_total(t);
    if (err != ERR_OK)
        return err;
    const size_t bytes = request ? protobuf_c_message_get_packed_size(&request->base) : 0;
    if (limits->updates_in_flight_bytes_max > 0 &&
        run->active_update_bytes + bytes >= limits->updates_in_flight_bytes_max)
        return errdetail_resource_exhausted(
            t->arena, t->detail, RESOURCE_EXHAUSTED_CAUSE_CONCURRENT_LIMIT,
            RESOURCE_EXHAUSTED_SCOPE_NAMESPACE,
            "limit on total payload size of in-flight updates has been reached (%zu bytes)",
            limits->updates_in_flight_bytes_max);
    return ERR_OK;
}

bool updates_suggest_continue(const struct transition *t)
{
    const double at = (double)t->limits->updates_max * t->limits->updates_suggest_share;

    return at > 0 && (double)total(t->run) >= at;
}

/* -- admission ------------------------------------------------------------------------------- */

static enum err check_callback_request(struct transition *t, const api_update_request *request)
{
    if (request->n_completion_callbacks == 0)
        return ERR_OK;
    if (!request->request_id[0])
        return err_fail(t->detail, ERR_INVALID,
                        "invalid *update.Request: request_id is required when "
                        "completion_callbacks are set");
    if (strlen(request->request_id) > t->limits->id_bytes_max)
        return err_fail(t->detail, ERR_INVALID, "RequestId length exceeds limit.");
    return ERR_OK;
}

static enum err check_request(struct transition *t, const api_update_request *request)
{
    const char *missing = !request                       ? "body"
                          : !request->meta               ? "meta"
                          : !request->meta->update_id[0] ? "meta.update_id"
                          : !request->input              ? "input"
                          : !request->input->name[0]     ? "input.name"
                                                         : NULL;

    if (missing)
        return err_fail(t->detail, ERR_INVALID, "invalid *update.Request: %s is not set", missing);
    if (strlen(request->meta->update_id) > t->limits->id_bytes_max)
        return err_fail(t->detail, ERR_INVALID, "UpdateID length exceeds limit.");
    return check_callback_request(t, request);
}

/* Spec: what keeps a run from taking updates although it is open. */
static enum err check_run(struct transition *t)
{
    enum { FAILING_ATTEMPT = 3 };
    const struct run *run = t->run;

    if (run->status == WORKFLOW_EXECUTION_STATUS_PAUSED)
        return err_fail(t->detail, ERR_PRECONDITION,
                        "Workflow is paused. Cannot update the workflow.");
    if (run->wft.attempt >= FAILING_ATTEMPT)
        return errdetail_workflow_not_ready(
            t->arena, t->detail,
            "Unable to perform workflow execution update due to Workflow Task in failed state.");
    if (run->close_attempted && run->wft.state == WFT_STARTED)
        return closing(t->arena, t->detail);
    return ERR_OK;
}

/* A new update, or one that was rejected after a reset had admitted it, waits to be sent. */
static void admit(struct transition *t, struct update *known, const api_update_request *request)
{
    struct run *run = t->run;
    struct update *update = known ? known : update_new(slice_str(request->meta->update_id));

    if (known) {
        map_remove(&run->updates, &known->node);
        known->rejected = false;
    }
    update->state = UPDATE_ADMITTED;
    run_update_put(run, update);
    run_update_set_request(run, update, transition_pack(t, request));
    if (!known) /* else the event's stays */
        bytes_set(&update->request_id, slice_str(request->request_id));
    if (known)
        run_update_dirty(run, update);
}

/* Spec: who asks for an update that is under way has its callbacks attached once it is accepted. */
static enum err attach_callbacks(struct transition *t, struct update *update,
                                 const api_update_request *asked, struct update_answer *answer)
{
    const struct slice request_id = slice_str(asked->request_id);
    enum err err;

    if (asked->n_completion_callbacks == 0)
        return ERR_OK;
    if ((err = check_callback_request(t, asked)) != ERR_OK)
        return err;
    if (update->state == UPDATE_SENT)
        return update_attach_later(t, update, asked);
    if (update->state != UPDATE_ACCEPTED || run_has_request(t->run, request_id))
        return ERR_OK;
    err = update_callbacks_check(t, bytes_slice(update->id), 0, 0, asked->n_completion_callbacks,
                                 asked->completion_callbacks);
    if (err != ERR_OK)
        return err;
    options_of_update(t, bytes_slice(update->id), asked);
    const bool known = look_at(t->run, update, t->arena, answer); /* the run may have ended of it */
    must(known);
    return ERR_OK;
}

enum err engine_update(struct transition *t, const api_update_workflow_execution_request *request,
                       struct update_answer *answer)
{
    struct run *run = t->run;
    const api_update_request *asked = request->request;
    const char *id = asked && asked->meta ? asked->meta->update_id : "";
    struct update *known = id[0] ? run_update(run, slice_str(id)) : NULL;

    *answer = (struct update_answer){0};
    if (request->first_execution_run_id[0] &&
        strcmp(request->first_execution_run_id, run->first_run_id) != 0)
        return errdetail_not_found(t->arena, t->detail, "workflow execution not found");
    if (!run_is_open(run)) {
        if (known && look_at(run, known, t->arena, answer))
            return ERR_OK;
        return errdetail_not_found(t->arena, t->detail, "workflow execution already completed");
    }
    if (run_is_paused(run))
        return err_fail(t->detail, ERR_PRECONDITION,
                        "Workflow is paused. Cannot update the workflow.");
    enum err err = check_run(t);
    if (err != ERR_OK)
        return err;
    if (known && look_at(run, known, t->arena, answer))
        return attach_callbacks(t, known, asked, answer);
    err = check_limits(t, asked);
    if (err == ERR_OK)
        err = check_request(t, asked);
    if (err != ERR_OK)
        return err;
    admit(t, known, asked);
    answer->stage = UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ADMITTED;
    if (run->wft.state == WFT_NONE && run->wft.attempt == 1)
        wft_schedule_speculative(t, true);
    else
        transition_need_workflow_task(t);
    return ERR_OK;
}

enum err run_update_reapply(struct transition *t, const api_history_event *event)
{
    struct run *run = t->run;
    const api_update_request *request = NULL;
    int32_t origin = UPDATE_ADMITTED_EVENT_ORIGIN_REAPPLY;
    api_history_event *out;

    if (event->event_type == EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED) {
        request = event->workflow_execution_update_admitted_event_attributes->request;
        origin = (int32_t)event->workflow_execution_update_admitted_event_attributes->origin;
    } else if (event->event_type == EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED) {
        /* Without a request, its Admitted event comes before it and has it. */
        request = event->workflow_execution_update_accepted_event_attributes->accepted_request;
    }
    if (!request || !request->meta || !request->meta->update_id[0] ||
        run_update(run, slice_str(request->meta->update_id)))
        return ERR_OK;
    const enum err err =
        update_callbacks_check(t, slice_str(request->meta->update_id), 0, 0,
                               request->n_completion_callbacks, request->completion_callbacks);
    if (err != ERR_OK)
        return err;
    must(run->wft.state != WFT_STARTED); /* else it would have to wait in the buffer */
    api_workflow_execution_update_admitted_event_attributes *a =
        engine_event(t, EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED, &out);
    message_splice(t->arena, &a->base, 1, proto_encode(t->arena, request));
    a->origin = (Temporal__Api__Enums__V1__UpdateAdmittedEventOrigin)origin;
    struct update *update = update_new(slice_str(request->meta->update_id));
    update->admitted_event_id = transition_event(t, out);
    bytes_set(&update->request_id, slice_str(request->request_id));
    run_update_put(run, update);
    run_update_dirty(run, update);
    if (t->limits->update_callbacks)
        update_callbacks_add(run, t->arena, out, request->meta->update_id, request->request_id,
                             request->n_completion_callbacks, request->completion_callbacks);
    return ERR_OK;
}

/* -- with workflow tasks --------------------------------------------------------------------- */

static struct update *active_of(struct list *it)
{
    return CONTAINER_OF(it, struct update, active);
}

bool updates_wait_for_task(const struct run *run)
{
    LIST_EACH(it, &run->active_updates)
    {
        const struct update *update = active_of(it);
        if (update->state < UPDATE_ACCEPTED && update->request.len > 0)
            return true;
    }
    return false;
}

bool run_has_volatile(const struct run *run)
{
    if (!run_is_open(run))
        return false;
    if (run->wft.speculative)
        return true;
    LIST_EACH(it, &run->active_updates)
    {
        const struct update *update = active_of(it);
        if (update->state < UPDATE_ACCEPTED && update->request.len > 0)
            return true;
    }
    return false;
}

static api_message *message_of(struct transition *t, const struct update *update)
{
    static char type[] = "type.googleapis.com/temporal.api.update.v1.Request";
    api_message *message = engine_message(t->arena, &api_message__desc);
    const struct slice id = bytes_slice(update->id);
    const struct slice request = arena_copy(t->arena, bytes_slice(update->request));

    message->id = arena_printf(t->arena, SLICE_FMT "/request", SLICE_ARG(id));
    message->protocol_instance_id = transition_str(t, id);
    message->sequencing_id_case = API_MESSAGE_SEQUENCING_ID_EVENT_ID;
    message->event_id = t->run->wft.started_event_id - 1;
    message->body = engine_message(t->arena, &pb_any__desc);
    message->body->type_url = type;
    uint8_t *value = arena_alloc(t->arena, request.len + 1);
    memcpy(value, request.ptr, request.len);
    message->body->value = (ProtobufCBinaryData){request.len, value};
    return message;
}

void updates_send(struct transition *t, api_poll_workflow_task_queue_response *response)
{
    struct run *run = t->run;
    const struct workflow_task *wft = &run->wft;

    if (list_empty(&run->active_updates))
        return;
    response->messages = ARENA_ARRAY(t->arena, api_message *, run->active_update_count);
    LIST_EACH(it, &run->active_updates)
    {
        struct update *update = active_of(it);
        if (update->state >= UPDATE_ACCEPTED)
            continue;
        /* The worker still has at hand what an earlier one of its heartbeats brought. */
        if (wft->heartbeat && update->state == UPDATE_SENT &&
            update->sent_with != wft->started_event_id)
            continue;
        update->state = UPDATE_SENT;
        update->sent_with = wft->started_event_id;
        if (update->request.len > 0) /* else its Admitted event brings it */
            response->messages[response->n_messages++] = message_of(t, update);
    }
}

/* -- ends ------------------------------------------------------------------------------------ */

void update_discard(struct transition *t, struct update *update, bool rejected)
{
    struct run *run = t->run;

    if (update->admitted_event_id == 0) {
        run_update_remove(run, update);
        return;
    }
    update->state = UPDATE_ADMITTED;
    run_update_set_request(run, update, SLICE_EMPTY);
    bytes_clear(&update->attaching);
    if (!rejected)
        return;
    update->rejected = true;
    run_update_deactivate(run, update);
    run_update_dirty(run, update);
}

void updates_reject_unprocessed(struct transition *t)
{
    LIST_EACH_SAFE(it, tmp, &t->run->active_updates)
    {
        struct update *update = active_of(it);
        if (update->state != UPDATE_SENT)
            continue;
        const struct update_answer answer = update_failed(
            t, failure_application(
                   t->arena,
                   "Workflow Update is rejected because it wasn't processed by worker. Probably, "
                   "Workflow Update is not supported by the worker.",
                   "UnprocessedUpdate"));
        update_moved(t, update, &answer);
        update_discard(t, update, true);
    }
}

void updates_task_failed(struct transition *t)
{
    LIST_EACH_SAFE(it, tmp, &t->run->active_updates)
    {
        struct update *update = active_of(it);
        struct update_answer answer = {0};
        if (update->state != UPDATE_SENT)
            continue;
        answer.err = errdetail_workflow_not_ready(
            t->arena, &answer.detail,
            "Unable to perform workflow execution update due to unexpected workflow task failure.");
        update_moved(t, update, &answer);
        update_discard(t, update, false);
    }
}

void updates_close(struct transition *t)
{
    struct run *run = t->run;

    must(!run_is_open(run));
    LIST_EACH_SAFE(it, tmp, &run->active_updates)
    {
        struct update *update = active_of(it);
        const bool accepted = update->state == UPDATE_ACCEPTED;
        const struct update_answer answer = accepted
                                                ? update_failed(t, update_closed_failure(t->arena))
                                                : update_closed_answer(t, run->continued);
        update_moved(t, update, &answer);
        if (!accepted)
            update_discard(t, update, false);
    }
    update_callbacks_closed(t);
}
