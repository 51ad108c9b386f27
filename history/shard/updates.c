/* updates.c - UpdateWorkflowExecution and PollWorkflowExecutionUpdate: who waits for which update,
 * and the answers; the update of a start that brings one.
 *
 *   step --- the stage is reached ---------------------------------------------> answered
 *     |  ^------ lost with the run's memory: again ------------------------------.
 *     '--> waiting --- the engine tells that it moved (transition.updates) ------'---> answered
 *             '--- soft time-out: the stage reached, without an outcome -------------> answered
 *
 * 1. The engine knows the updates, this file only who asks for them: a parked request stands in its
 *    run's list until its stage is reached. Nothing of it is stored: what a crash takes away, the
 *    frontend asks again under the same update id.
 * 2. An answer waits for the sequence of the step that it tells of (hs_release).
 * 3. Nobody is asked anew inside a step: who is to be, stands in shard->updates_again until the
 *    callback ends (hs_updates_pump). */
#include "history/shard/shard_int.h"

#include "common/proto/errdetail.h"
#include "common/proto/wire.h"

#include <stdlib.h>

enum {
    STAGE_NONE = UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_UNSPECIFIED,
    STAGE_ADMITTED = UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ADMITTED,
    STAGE_ACCEPTED = UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED,
    STAGE_COMPLETED = UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED,
    ASKED_AGAIN_MAX = 5, /* of one request: then its caller hears why */
};
#define AGAIN_NS (40 * NS_PER_MS) /* before a run that is about to close is asked again */

static const char closing_text[] = "workflow update was aborted by closing workflow";

struct hs_update_wait {
    const api_update_workflow_execution_request *request; /* NULL: a poll */
    struct slice id, request_id;
    int32_t wanted, reached; /* stages */
    int64_t seq;             /* of the newest step that it knows of */
    uint32_t asked_again;
    bool names_run;     /* the request does, so it is not asked of another one */
    const char *run_id; /* whose update it is; in the request's arena */
    bool with_start;    /* it came with a start ... */
    bool started;       /* ... which started the run */
    struct slice start; /* ... and whose response this is */
    int64_t outcome_id; /* of the event that is being read */
    bool without_link;  /* found completed by a start: the reference's answer has no link */
};

/* Those who wait for updates of one run. */
struct hs_run_updates {
    struct map_node node; /* in shard->run_updates */
    char run_id[UUID_TEXT_LEN + 1];
    struct list waiting; /* struct hs_request */
    uint32_t count;
};

/* -- the answers ---------------------------------------------------------------------------- */

static api_update_ref *update_ref(struct hs_request *req, const struct hs_update_wait *wait)
{
    api_update_ref *ref = ARENA_NEW(&req->arena, api_update_ref);
    api_common_workflow_execution *execution =
        ARENA_NEW(&req->arena, api_common_workflow_execution);

    *ref = (api_update_ref)API_UPDATE_REF_INIT;
    *execution = (api_common_workflow_execution)API_COMMON_WORKFLOW_EXECUTION_INIT;
    execution->workflow_id = arena_str(&req->arena, req->workflow_id);
    execution->run_id = arena_str(&req->arena, slice_str(wait->run_id));
    ref->workflow_execution = execution;
    ref->update_id = arena_str(&req->arena, wait->id);
    return ref;
}

static bool is_failure(struct slice outcome)
{
    struct wire_reader reader = wire_reader(outcome);
    struct wire_field field;
    bool failure = false;

    while (wire_next(&reader, &field)) /* Outcome: success = 1, failure = 2 */
        failure = field.number == 2;
    return failure;
}

/* An update that failed may have left no event: the link is to the workflow, as the reference's. */
static api_common_link *link_of(struct hs_request *req, const struct hs_update_wait *wait,
                                struct slice outcome, int32_t stage)
{
    struct arena *arena = &req->arena;
    api_common_link *link = ARENA_NEW(arena, api_common_link);

    if (stage < STAGE_ACCEPTED || wait->without_link)
        return NULL;
    *link = (api_common_link)API_COMMON_LINK_INIT;
    if (stage == STAGE_COMPLETED && is_failure(outcome)) {
        api_link_workflow *workflow = ARENA_NEW(arena, api_link_workflow);

        *workflow = (api_link_workflow)API_LINK_WORKFLOW_INIT;
        workflow->namespace_ = arena_str(arena, req->api.namespace_name);
        workflow->workflow_id = arena_str(arena, req->workflow_id);
        workflow->run_id = arena_str(arena, slice_str(wait->run_id));
        workflow->reason = arena_str(arena, SLICE_LIT("Update rejected"));
        link->variant_case = TEMPORAL__API__COMMON__V1__LINK__VARIANT_WORKFLOW;
        link->workflow = workflow;
        return link;
    }
    api_link_workflow_event *event = ARENA_NEW(arena, api_link_workflow_event);
    api_link_workflow_event_request_id_reference *ref =
        ARENA_NEW(arena, api_link_workflow_event_request_id_reference);

    *event = (api_link_workflow_event)API_LINK_WORKFLOW_EVENT_INIT;
    *ref = (api_link_workflow_event_request_id_reference)
        API_LINK_WORKFLOW_EVENT_REQUEST_ID_REFERENCE_INIT;
    ref->request_id = arena_str(arena, wait->request_id);
    ref->event_type = EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED;
    event->namespace_ = arena_str(arena, req->api.namespace_name);
    event->workflow_id = arena_str(arena, req->workflow_id);
    event->run_id = arena_str(arena, slice_str(wait->run_id));
    event->reference_case =
        TEMPORAL__API__COMMON__V1__LINK__WORKFLOW_EVENT__REFERENCE_REQUEST_ID_REF;
    event->request_id_ref = ref;
    link->variant_case = TEMPORAL__API__COMMON__V1__LINK__VARIANT_WORKFLOW_EVENT;
    link->workflow_event = event;
    return link;
}

static struct slice keep(struct hs_request *req, struct buf *out)
{
    must(buf_ok(out));
    const struct slice bytes = arena_copy(&req->arena, buf_slice(out));
    buf_release(out);
    return bytes;
}

/* A packed response and, as its field `field`, an outcome that is encoded already. */
static struct slice with_outcome(struct hs_request *req, const void *response, uint32_t field,
                                 struct slice outcome)
{
    struct buf out;

    buf_init(&out, 0);
    proto_append(&out, response);
    if (outcome.ptr)
        wire_put_bytes(&out, field, outcome);
    return keep(req, &out);
}

/* ExecuteMultiOperationResponse: responses = 1 { start_workflow = 1 }, { update_workflow = 2 }. */
static struct slice multi_response(struct hs_request *req, struct slice start, struct slice update)
{
    const struct slice of[] = {start, update};
    struct buf out;

    buf_init(&out, 0);
    for (uint32_t i = 0; i < COUNT_OF(of); i++) {
        struct buf one;

        buf_init(&one, 0);
        wire_put_bytes(&one, i + 1, of[i]);
        wire_put_bytes(&out, 1, buf_slice(&one));
        buf_release(&one);
    }
    return keep(req, &out);
}

static void answer_stage(struct history_shard *shard, struct hs_request *req, int32_t stage,
                         struct slice outcome)
{
    const struct hs_update_wait *wait = req->update;
    struct slice reply;

    if (!wait->request) {
        api_poll_workflow_execution_update_response response =
            API_POLL_WORKFLOW_EXECUTION_UPDATE_RESPONSE_INIT;

        response.update_ref = update_ref(req, wait);
        response.stage = (Temporal__Api__Enums__V1__UpdateWorkflowExecutionLifecycleStage)stage;
        reply = with_outcome(req, &response, 1, outcome);
    } else {
        api_update_workflow_execution_response response =
            API_UPDATE_WORKFLOW_EXECUTION_RESPONSE_INIT;

        response.update_ref = update_ref(req, wait);
        response.stage = (Temporal__Api__Enums__V1__UpdateWorkflowExecutionLifecycleStage)stage;
        response.link = link_of(req, wait, outcome, stage);
        reply = with_outcome(req, &response, 2, outcome);
        if (wait->with_start)
            reply = multi_response(req, wait->start, reply);
    }
    hs_answer(shard, req, ERR_OK, reply, wait->seq);
}

static bool is_of_client(enum err err)
{
    return err == ERR_INVALID || err == ERR_NOT_FOUND || err == ERR_EXISTS || err == ERR_BUSY ||
           err == ERR_PRECONDITION || err == ERR_DENIED || err == ERR_ABORTED;
}

void hs_multi_operation_failed(struct history_shard *shard, struct hs_request *req,
                               enum hs_multi_fault fault, enum err err, int64_t seq)
{
    struct err_detail *own = ARENA_NEW(&req->arena, struct err_detail);
    struct err_detail *aborted = ARENA_NEW(&req->arena, struct err_detail);

    if (!is_of_client(err) &&
        fault != HS_FAULT_NOT_STARTED) { /* what the frontend mends by asking again */
        hs_answer(shard, req, err, SLICE_EMPTY, seq);
        return;
    }
    *own = req->detail;
    *aborted = (struct err_detail){0};
    errdetail_complete(&req->arena, err, own);
    struct errdetail_operation operations[] = {
        {errdetail_multi_operation_aborted(&req->arena, aborted), aborted},
        {ERR_ABORTED, aborted},
    };
    if (fault == HS_FAULT_UPDATE_AFTER_START)
        operations[0] = (struct errdetail_operation){ERR_OK, NULL};
    operations[fault == HS_FAULT_START || fault == HS_FAULT_NOT_STARTED ? 0 : 1] =
        (struct errdetail_operation){err, own};
    req->detail = (struct err_detail){0};
    hs_answer(shard, req,
              errdetail_multi_operation(&req->arena, &req->detail, operations, COUNT_OF(operations),
                                        "Update-with-Start could not be executed."),
              SLICE_EMPTY, seq);
}

static void answer_error(struct history_shard *shard, struct hs_request *req, enum err err)
{
    const struct hs_update_wait *wait = req->update;

    if (wait->with_start)
        hs_multi_operation_failed(shard, req,
                                  wait->started ? HS_FAULT_UPDATE_AFTER_START : HS_FAULT_UPDATE,
                                  err, wait->seq);
    else
        hs_answer(shard, req, err, SLICE_EMPTY, wait->seq);
}

static void answer_aborted(struct history_shard *shard, struct hs_request *req)
{
    req->detail = (struct err_detail){0};
    answer_error(shard, req,
                 err_fail(&req->detail, ERR_UNAVAILABLE, "workflow update was aborted"));
}

/* -- asking again --------------------------------------------------------------------------- */

/* Give false when it was asked often enough. The request stands nowhere. */
static bool ask_again(struct history_shard *shard, struct hs_request *req)
{
    struct hs_update_wait *wait = req->update;

    if (shard->draining || ++wait->asked_again > ASKED_AGAIN_MAX)
        return false;
    list_push_back(&shard->updates_again, &req->node);
    return true;
}

/* As if the request came now. */
static void begin_anew(struct history_shard *shard, struct hs_request *req)
{
    struct hs_update_wait *wait = req->update;

    wait->reached = STAGE_NONE;
    req->detail = (struct err_detail){0};
    if (!wait->names_run) {
        req->run_id[0] = '\0';
        req->ended_run_id[0] = '\0';
    }
    if (wait->with_start)
        hs_start_with_update_again(shard, req);
    else
        hs_with_run(shard, req);
}

void hs_updates_pump(struct history_shard *shard)
{
    struct list *node;

    while ((node = list_pop_front(&shard->updates_again))) {
        struct hs_request *req = CONTAINER_OF(node, struct hs_request, node);

        if (shard->draining || shard->lost || shard->closing)
            answer_aborted(shard, req);
        else
            begin_anew(shard, req);
    }
}

static void pause_over(struct history_shard *shard, struct hs_request *req)
{
    if (shard->draining)
        answer_aborted(shard, req);
    else
        begin_anew(shard, req);
}

static void pause_canceled(struct history_shard *shard, struct hs_request *req)
{
    hs_request_free(shard, req);
}

/* The engine can't take it now and may later. Gives false when it was asked often enough. */
static bool ask_later(struct history_shard *shard, struct hs_request *req)
{
    struct hs_update_wait *wait = req->update;
    const int64_t at_ns = hs_mono_ns(shard) + (AGAIN_NS << wait->asked_again);

    if (shard->draining || wait->asked_again >= ASKED_AGAIN_MAX || at_ns >= req->deadline_mono_ns)
        return false;
    wait->asked_again++;
    hs_park(shard, req, at_ns, pause_over, pause_canceled);
    return true;
}

static bool is_on(const struct history_shard *shard, const struct hs_request *req,
                  enum dynconf_key key)
{
    const struct dynconf *dc = shard->options.dynconf;

    return !dc || dynconf_bool(dc, key, req->api.namespace_name);
}

/* Spec: a start may bring the workflow back that the update lost: the reference asks once more, and
 * says then that asking again is worth it. Gives true when the request goes on. */
static bool start_again(struct history_shard *shard, struct hs_request *req, enum err *err)
{
    struct hs_update_wait *wait = req->update;

    if (!wait->with_start || wait->started || *err != ERR_NOT_FOUND ||
        strcmp(req->detail.text, closing_text) != 0)
        return false;
    if (wait->asked_again == 0 && is_on(shard, req, DYNCONF_HISTORY_UPDATE_WITH_START_AGAIN) &&
        ask_again(shard, req))
        return true;
    if (!is_on(shard, req, DYNCONF_HISTORY_UPDATE_WITH_START_RETRYABLE))
        return false;
    req->detail = (struct err_detail){0};
    *err = err_fail(&req->detail, ERR_ABORTED, "%s", closing_text);
    return false;
}

/* -- waiting -------------------------------------------------------------------------------- */

void hs_updates_init(struct history_shard *shard)
{
    map_init(&shard->run_updates, rng_u64(&shard->rng));
    list_init(&shard->updates_again);
}

static struct hs_run_updates *find_run(struct history_shard *shard, const char *run_id)
{
    struct map_node *node = map_get(&shard->run_updates, slice_str(run_id));

    return node ? CONTAINER_OF(node, struct hs_run_updates, node) : NULL;
}

/* The request leaves its run's list, which goes with the last one. */
static void leave(struct history_shard *shard, struct hs_request *req)
{
    const struct hs_update_wait *wait = req->update;
    struct hs_run_updates *run = find_run(shard, wait->run_id);

    must(run != NULL && run->count > 0);
    hs_unpark(shard, req);
    list_remove(&req->node);
    if (--run->count > 0)
        return;
    map_remove(&shard->run_updates, &run->node);
    free(run);
}

static void wait_expired(struct history_shard *shard, struct hs_request *req)
{
    const struct hs_update_wait *wait = req->update;

    leave(shard, req);
    if (shard->draining) {
        answer_aborted(shard, req);
    } else if (hs_mono_ns(shard) >= req->deadline_mono_ns) {
        hs_answer(shard, req, err_fail(&req->detail, ERR_TIMEOUT, "context deadline exceeded"),
                  SLICE_EMPTY, wait->seq);
    } else {
        answer_stage(shard, req, wait->reached < STAGE_ADMITTED ? STAGE_ADMITTED : wait->reached,
                     SLICE_EMPTY);
    }
}

static void wait_canceled(struct history_shard *shard, struct hs_request *req)
{
    leave(shard, req);
    hs_request_free(shard, req);
}

static void wait_for_update(struct history_shard *shard, struct hs_request *req)
{
    const struct hs_update_wait *wait = req->update;
    struct hs_run_updates *run = find_run(shard, wait->run_id);
    int64_t until_ns = hs_mono_ns(shard) + hs_long_poll_ns(shard, req->api.namespace_name);

    if (run && run->count >= HS_UPDATE_WAITERS_MAX) {
        answer_error(shard, req,
                     errdetail_resource_exhausted(
                         &req->arena, &req->detail, RESOURCE_EXHAUSTED_CAUSE_BUSY_WORKFLOW,
                         RESOURCE_EXHAUSTED_SCOPE_NAMESPACE,
                         "too many callers wait for updates of the workflow execution (%d)",
                         HS_UPDATE_WAITERS_MAX));
        return;
    }
    if (!run) {
        run = calloc(1, sizeof *run);
        must(run != NULL);
        memcpy(run->run_id, wait->run_id, sizeof run->run_id);
        list_init(&run->waiting);
        map_put(&shard->run_updates, slice_str(run->run_id), &run->node);
    }
    if (req->deadline_mono_ns < until_ns)
        until_ns = req->deadline_mono_ns;
    run->count++;
    list_push_back(&run->waiting, &req->node);
    hs_park(shard, req, until_ns, wait_expired, wait_canceled);
}

/* -- what became of it ---------------------------------------------------------------------- */

static void outcome_read(struct history_shard *shard, struct hs_request *req, enum err err,
                         struct hs_events *events)
{
    const struct hs_update_wait *wait = req->update;
    struct slice outcome = SLICE_EMPTY;

    if (err == ERR_OK) {
        struct buf all;

        buf_init(&all, 0);
        for (uint32_t i = 0; i < events->part_count; i++)
            buf_append_slice(&all, events->parts[i]);
        err = engine_update_outcome(&req->arena, keep(req, &all), wait->outcome_id, &outcome);
    }
    if (err == ERR_OK)
        answer_stage(shard, req, STAGE_COMPLETED, outcome);
    else
        hs_answer(shard, req,
                  err_fail(&req->detail, err, "the outcome of the update can't be read: %s",
                           err_name(err)),
                  SLICE_EMPTY, wait->seq);
}

static void read_outcome(struct history_shard *shard, struct hs_request *req,
                         struct hs_entry *entry, int64_t event_id)
{
    struct hs_update_wait *wait = req->update;

    wait->outcome_id = event_id;
    hs_events_read(
        shard, req, entry,
        &(struct hs_events){
            .from = event_id, .to = event_id + 1, .events_max = 1, .bytes_max = HS_PAGE_BYTES_MAX},
        outcome_read);
}

static void ended_with_error(struct history_shard *shard, struct hs_request *req,
                             const struct update_answer *answer)
{
    const struct hs_update_wait *wait = req->update;
    enum err err = answer->err;

    req->detail = answer->detail;
    req->detail.payload = arena_copy(&req->arena, answer->detail.payload);
    if (answer->again && !wait->names_run && ask_again(shard, req))
        return;
    if (!start_again(shard, req, &err))
        answer_error(shard, req, err);
}

/* `answer` is the newest that is known, of the state with `seq`. The request stands nowhere. */
static void settle(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry,
                   const struct update_answer *answer, int64_t seq)
{
    struct hs_update_wait *wait = req->update;

    wait->seq = seq;
    if (answer->err != ERR_OK) {
        ended_with_error(shard, req, answer);
        return;
    }
    if (answer->stage > wait->reached)
        wait->reached = answer->stage;
    if (answer->stage == STAGE_COMPLETED && answer->outcome.len == 0 && answer->outcome_event_id)
        read_outcome(shard, req, entry, answer->outcome_event_id);
    else if (answer->stage == STAGE_COMPLETED)
        answer_stage(shard, req, STAGE_COMPLETED, arena_copy(&req->arena, answer->outcome));
    else if (wait->reached >= wait->wanted)
        answer_stage(shard, req, wait->reached, SLICE_EMPTY);
    else
        wait_for_update(shard, req);
}

void hs_updates_changed(struct history_shard *shard, struct hs_entry *entry,
                        const struct transition *t, int64_t seq)
{
    for (size_t i = 0; i < t->update_count; i++) {
        const struct update_change *change = &t->updates[i];
        struct hs_run_updates *run = find_run(shard, entry->run_id);
        struct list moved, *node;

        if (!run)
            return;
        list_init(&moved);
        LIST_EACH_SAFE(it, tmp, &run->waiting)
        {
            const struct hs_update_wait *wait = CONTAINER_OF(it, struct hs_request, node)->update;

            if (!slice_eq(wait->id, change->id))
                continue;
            list_remove(it);
            list_push_back(&moved, it);
        }
        while ((node = list_pop_front(&moved))) {
            struct hs_request *req = CONTAINER_OF(node, struct hs_request, node);
            struct hs_update_wait *wait = req->update;

            if (change->answer.err == ERR_OK && change->answer.stage < wait->wanted &&
                change->answer.stage != STAGE_COMPLETED) { /* on its way; it goes on waiting */
                wait->reached =
                    change->answer.stage > wait->reached ? change->answer.stage : wait->reached;
                wait->seq = seq;
                list_push_back(&run->waiting, &req->node);
                continue;
            }
            struct update_answer answer = change->answer;

            answer.again =
                false;         /* Spec: what waited in a run that goes on is the client's again */
            leave(shard, req); /* perhaps with the list: `run` is looked up again */
            settle(shard, req, entry, &answer, seq);
            run = find_run(shard, entry->run_id);
        }
    }
}

void hs_updates_lost(struct history_shard *shard, const char *run_id, bool ask_anew)
{
    struct hs_run_updates *run = find_run(shard, run_id);
    struct list lost, *node;

    if (!run)
        return;
    list_init(&lost);
    LIST_EACH_SAFE(it, tmp, &run->waiting)
    {
        const struct hs_update_wait *wait = CONTAINER_OF(it, struct hs_request, node)->update;

        if (wait->reached >= STAGE_ACCEPTED) /* in the history: found again with the run */
            continue;
        list_remove(it);
        list_push_back(&lost, it);
    }
    while ((node = list_pop_front(&lost))) {
        struct hs_request *req = CONTAINER_OF(node, struct hs_request, node);

        leave(shard, req);
        if (!ask_anew || !ask_again(shard, req))
            answer_aborted(shard, req);
    }
}

void hs_updates_release(struct history_shard *shard)
{
    struct list *node;

    while ((node = list_pop_front(&shard->updates_again)))
        hs_request_abandon(shard, CONTAINER_OF(node, struct hs_request, node));
    for (struct map_node *it; (it = map_next(&shard->run_updates, NULL));) {
        struct hs_run_updates *run = CONTAINER_OF(it, struct hs_run_updates, node);

        while (!list_empty(&run->waiting))
            hs_request_abandon(shard, CONTAINER_OF(run->waiting.next, struct hs_request, node));
        map_remove(&shard->run_updates, it);
        free(run);
    }
    map_release(&shard->run_updates);
}

/* -- the steps ------------------------------------------------------------------------------ */

static struct hs_update_wait *wait_new(struct hs_request *req)
{
    struct hs_update_wait *wait = ARENA_NEW(&req->arena, struct hs_update_wait);

    *wait = (struct hs_update_wait){.run_id = ""};
    req->update = wait;
    return wait;
}

/* Spec: for a stage that there is not nobody waits. */
static int32_t wanted_stage(const api_wait_policy *policy)
{
    const int32_t stage = policy ? (int32_t)policy->lifecycle_stage : STAGE_NONE;

    return stage >= STAGE_NONE && stage <= STAGE_COMPLETED ? stage : STAGE_ADMITTED;
}

/* What the request wants; kept over its repeats. */
static struct hs_update_wait *wait_of_update(struct hs_request *req,
                                             const api_update_workflow_execution_request *request)
{
    struct hs_update_wait *wait = req->update ? req->update : wait_new(req);
    const api_update_request *asked = request->request;

    wait->request = request;
    wait->id = slice_str(asked && asked->meta ? asked->meta->update_id : "");
    wait->request_id = slice_str(asked ? asked->request_id : "");
    wait->wanted = wanted_stage(request->wait_policy);
    if (wait->wanted == STAGE_NONE)
        wait->wanted = STAGE_COMPLETED;
    wait->names_run = request->workflow_execution && request->workflow_execution->run_id[0];
    return wait;
}

static void of_run(struct hs_request *req, const struct hs_entry *entry)
{
    struct hs_update_wait *wait = req->update;

    wait->run_id = arena_str(&req->arena, slice_str(entry->run_id));
}

/* The engine refuses it, or can't take it just now. */
static void refused(struct history_shard *shard, struct hs_request *req, enum err err,
                    const struct update_answer *answer)
{
    if (!answer->again || !ask_later(shard, req))
        answer_error(shard, req, err);
}

/* Its callbacks were attached to an update, and make the run too large. */
static void step_past_limit(struct history_shard *shard, struct hs_request *req,
                            struct hs_entry *entry)
{
    const struct engine_limit limit = hs_take_limit(req);
    struct hs_update_wait *wait = req->update;
    struct transition t;

    hs_begin(shard, req, entry->run, &t);
    hs_end_for_limit(&t, &limit);
    enum err err = hs_commit_step(shard, req, entry, &t);
    if (err == ERR_OK) {
        wait->seq = entry->seq;
        err = err_fail(&req->detail, ERR_INVALID, "%s", limit.reason);
    }
    transition_release(&t);
    answer_error(shard, req, err);
}

static void admit(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry)
{
    struct hs_update_wait *wait = req->update;
    struct update_answer answer = {0};
    struct transition t;

    of_run(req, entry);
    wait->seq = entry->seq;
    hs_begin(shard, req, entry->run, &t);
    enum err err = engine_update(&t, wait->request, &answer);
    /* Spec: to wait in memory costs the run nothing; its callbacks do. */
    if (err == ERR_OK && wait->request->request->n_completion_callbacks > 0 &&
        hs_steps_again_for_limit(shard, req, entry, &t, step_past_limit))
        return;
    if (err == ERR_OK)
        err = hs_commit_step(shard, req, entry, &t);
    if (err == ERR_OK)
        settle(shard, req, entry, &answer, entry->seq);
    else
        refused(shard, req, err, &answer);
    transition_release(&t);
}

void hs_step_update(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry)
{
    const api_update_workflow_execution_request *request = req->message;
    const char *first = request->first_execution_run_id;

    wait_of_update(req, request)->seq = entry->seq;
    if (first[0] && strcmp(first, entry->run->first_run_id) != 0) {
        hs_answer(shard, req,
                  errdetail_not_found(&req->arena, &req->detail, "workflow execution not found"),
                  SLICE_EMPTY, entry->seq);
        return;
    }
    admit(shard, req, entry);
}

void hs_step_poll_update(struct history_shard *shard, struct hs_request *req,
                         struct hs_entry *entry)
{
    const api_poll_workflow_execution_update_request *request = req->message;
    struct hs_update_wait *wait = req->update ? req->update : wait_new(req);
    struct update_answer answer = {0};

    wait->id = slice_str(request->update_ref->update_id);
    wait->wanted = wanted_stage(request->wait_policy);
    wait->names_run = request->update_ref->workflow_execution->run_id[0] != '\0';
    wait->seq = entry->seq;
    of_run(req, entry);
    const enum err err = engine_update_look(entry->run, wait->id, &req->arena, &answer);
    if (err == ERR_OK)
        settle(shard, req, entry, &answer, entry->seq);
    else if (err == ERR_NOT_FOUND)
        hs_answer(shard, req,
                  errdetail_not_found(&req->arena, &req->detail, "update %s not found",
                                      engine_quoted(&req->arena, wait->id)),
                  SLICE_EMPTY, entry->seq);
    else
        hs_answer(shard, req, err, SLICE_EMPTY, entry->seq);
}

/* -- with a start --------------------------------------------------------------------------- */

void hs_update_of_start(struct hs_request *req,
                        const api_update_workflow_execution_request *request)
{
    wait_of_update(req, request)->with_start = true;
}

void hs_update_started(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry,
                       const struct update_answer *answer, struct slice start_reply)
{
    struct hs_update_wait *wait = req->update;

    of_run(req, entry);
    wait->started = true;
    wait->start = start_reply;
    settle(shard, req, entry, answer, entry->seq);
}

/* StartWorkflowExecutionResponse of a run that was there. */
static struct slice start_reply(struct hs_request *req, const struct run *run, bool completed)
{
    api_start_workflow_execution_response response = API_START_WORKFLOW_EXECUTION_RESPONSE_INIT;

    if (!completed)
        return engine_start_reply(&req->arena, run->run_id, "", req->api.namespace_name,
                                  req->workflow_id, run->status, false);
    response.run_id = arena_str(&req->arena, slice_str(run->run_id));
    response.status = (Temporal__Api__Enums__V1__WorkflowExecutionStatus)run->status;
    return proto_encode(&req->arena, &response);
}

bool hs_update_existing(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry,
                        bool use_existing)
{
    struct hs_update_wait *wait = req->update;
    const struct run *run = entry->run;
    struct update_answer answer = {0};
    const bool known =
        engine_update_look(run, wait->id, &req->arena, &answer) == ERR_OK && answer.err == ERR_OK;
    const bool completed = known && answer.stage == STAGE_COMPLETED && answer.outcome_event_id != 0;

    if (!completed && (!run_is_open(run) || (!known && !use_existing)))
        return false;
    wait->start = start_reply(req, run, completed);
    wait->started = false;
    wait->without_link = completed;
    if (completed) {
        of_run(req, entry);
        settle(shard, req, entry, &answer, entry->seq);
    } else {
        admit(shard, req, entry);
    }
    return true;
}
