/* start_workflow.c - StartWorkflowExecution, SignalWithStart, UpdateWithStart and the start of a
 * child: what the current run of the workflow id allows. */
#include "history/shard/shard_int.h"

#include "common/base/hash.h"
#include "common/proto/errdetail.h"
#include "common/proto/signal_with_start.h"
#include "common/proto/wire.h"
#include "history/engine/callback.h"
#include "history/engine/options.h"

enum { RETENTION_UNKNOWN_S = 3 * 86400 }; /* of a namespace that nobody can tell */

struct start {
    const api_start_workflow_execution_request *request;
    const api_signal_workflow_execution_request *signal; /* with the start; may be NULL */
    const struct rpc_effect *parent;                     /* it is a child; may be NULL */
    const api_update_workflow_execution_request *update; /* for the run; may be NULL */
    struct update_answer admitted;                       /* the update, by the run's first step */
    bool update_failed;                                  /* not the start */
    char looked_run_id[UUID_TEXT_LEN + 1];               /* which can't serve the update itself */
    void *effect_extra;                                  /* what effects.c keeps in req->extra */
    char run_id[UUID_TEXT_LEN + 1];
    struct hs_entry *entry; /* of the run whose first task goes with the answer */
    struct started_workflow_task *eager;
    struct slice reply; /* of a repeated start */
    bool looked;        /* its request id is not attached to the current run */
};

/* -- the answer to a parent ----------------------------------------------------------------- */

/* req->extra is that of effects.c from here on. */
static const struct start *as_effect(struct hs_request *req)
{
    const struct start *start = req->extra;

    req->extra = start->effect_extra;
    return start;
}

static void child_settled(struct history_shard *shard, struct hs_request *req,
                          const struct rpc_effect_outcome *outcome, int64_t seq)
{
    (void)as_effect(req);
    hs_effect_settle(shard, req, outcome, seq);
}

/* The outcome of a child's start joins the commit of its run. */
static void keep_child(struct history_shard *shard, struct hs_request *req)
{
    struct start *start = req->extra;
    const struct rpc_effect_outcome outcome = {.run_id = slice_str(start->run_id)};

    if (!start->parent)
        return;
    req->extra = start->effect_extra;
    hs_effect_keep(shard, req, &outcome);
    req->extra = start;
}

/* The start is committed, or failed. */
static void started(struct history_shard *shard, struct hs_request *req, enum err err,
                    struct slice reply, int64_t seq)
{
    const struct start *start = req->extra;

    if (start->update) {
        if (err == ERR_OK)
            hs_update_started(shard, req, start->entry, &start->admitted, reply);
        else
            hs_multi_operation_failed(
                shard, req, start->update_failed ? HS_FAULT_UPDATE : HS_FAULT_START, err, seq);
        return;
    }
    if (err == ERR_OK && start->eager) {
        hs_answer_with_task(shard, req, start->entry, reply, 2, start->eager, seq);
        return;
    }
    if (!start->parent) {
        hs_answer(shard, req, err, err == ERR_OK ? reply : SLICE_EMPTY, seq);
        return;
    }
    (void)as_effect(req);
    hs_effect_done(shard, req, err,
                   &(struct rpc_effect_outcome){.run_id = slice_str(start->run_id)}, seq);
}

/* The engine refuses it: asking again changes nothing, so a parent hears of it. */
static void start_refused(struct history_shard *shard, struct hs_request *req, enum err err,
                          int64_t seq)
{
    const struct start *start = req->extra;

    if (start->parent && err == ERR_INVALID)
        child_settled(shard, req, &(struct rpc_effect_outcome){.failed = true}, seq);
    else
        started(shard, req, err, SLICE_EMPTY, seq);
}

static bool was_forgotten(struct history_shard *shard, struct hs_request *req)
{
    const struct start *start = req->extra;

    if (!start->parent)
        return false;
    req->extra = start->effect_extra;
    if (hs_effect_was_forgotten(shard, req))
        return true;
    req->extra = (void *)(uintptr_t)start;
    return false;
}

/* -- the new run ---------------------------------------------------------------------------- */

/* The run begins with its update: the first workflow task brings it. */
static enum err begin_update(struct start *start, struct transition *t)
{
    if (!start->update)
        return ERR_OK;
    const enum err err = engine_update(t, start->update, &start->admitted);
    start->update_failed = err != ERR_OK;
    return err;
}

static struct run *begin_start(struct history_shard *shard, struct hs_request *req,
                               struct transition *t, enum err *err)
{
    struct start *start = req->extra;
    const struct engine_start what = {
        .request = start->request,
        .namespace_id = req->api.namespace_id,
        .namespace_name = req->api.namespace_name,
        .retention_s = req->api.retention_s,
        .run_id = start->run_id,
        .signal = start->signal,
        .parent = start->parent,
    };

    *err = hs_check_namespace(shard, req, req->api.namespace_id, req->api.namespace_name);
    if (*err != ERR_OK)
        return NULL;
    struct run *run = run_new();
    hs_begin(shard, req, run, t);
    t->limits = hs_limits_of(shard, what.namespace_name); /* the run has no name yet */
    *err = engine_start(t, &what);
    if (*err == ERR_OK)
        *err = begin_update(start, t);
    if (*err == ERR_OK) {
        must(strcmp(run->run_id, start->run_id) == 0 && run->tablet == req->tablet);
        if (start->signal)
            t->reply =
                engine_signal_with_start_reply(&req->arena, run, start->signal->request_id, true);
        return run;
    }
    transition_release(t);
    run_free(run);
    return NULL;
}

/* The first workflow task goes with the answer, when the request wants it so. */
static void keep_eager(struct hs_request *req, struct hs_entry *entry, const struct transition *t)
{
    struct start *start = req->extra;

    start->entry = entry;
    start->eager = t->started;
}

static void start_new(struct history_shard *shard, struct hs_request *req)
{
    struct transition t;
    enum err err;
    struct run *run = begin_start(shard, req, &t, &err);

    if (!run) {
        start_refused(shard, req, err, 0);
        return;
    }
    struct hs_entry *entry = hs_entry_add(shard, run);
    int64_t seq = 0;
    keep_child(shard, req);
    err = hs_commit(shard, req, &(struct hs_change){entry, &t, true}, 1);
    if (err == ERR_OK)
        seq = entry->seq;
    const struct slice reply = t.reply;
    keep_eager(req, entry, &t);
    transition_release(&t);
    started(shard, req, err, reply, seq);
}

/* -- in place of a running one -------------------------------------------------------------- */

static void decide(struct history_shard *shard, struct hs_request *req);

static void step_replace(struct history_shard *shard, struct hs_request *req,
                         struct hs_entry *entry)
{
    const struct start *start = req->extra;
    struct transition end, t;

    if (was_forgotten(shard, req))
        return;
    req->run_id[0] = '\0';
    if (!run_is_open(entry->run)) { /* it closed while this request waited: decide anew */
        decide(shard, req);
        return;
    }
    enum err err;
    struct run *run = begin_start(shard, req, &t, &err);
    if (!run) {
        start_refused(shard, req, err, entry->seq);
        return;
    }
    int64_t seq = entry->seq;
    hs_begin(shard, req, entry->run, &end);
    end.now_ns = t.now_ns;
    err = engine_terminate_for_new_run(&end, start->run_id);
    keep_child(shard, req);
    if (err == ERR_OK) {
        struct hs_entry *fresh = hs_entry_add(shard, run);
        const struct hs_change changes[] = {{entry, &end, false}, {fresh, &t, true}};

        err = hs_commit(shard, req, changes, COUNT_OF(changes));
        if (err == ERR_OK)
            seq = fresh->seq;
        keep_eager(req, fresh, &t);
    } else {
        run_free(run);
    }
    const struct slice reply = t.reply;
    transition_release(&end);
    transition_release(&t);
    started(shard, req, err, reply, seq);
}

/* -- a signal to the current one ------------------------------------------------------------ */

/* Spec: a client that gives the request id of an earlier signal with start again signals the run
 * that runs now, or starts another; what the frontend sends again is recognised. */
static bool is_new_signal(const struct hs_request *req)
{
    const struct start *start = req->extra;

    return start->signal && req->api.first_attempt;
}

static void step_signal_current(struct history_shard *shard, struct hs_request *req,
                                struct hs_entry *entry)
{
    const struct start *start = req->extra;
    const char *request_id = start->signal->request_id;
    struct transition t;

    req->run_id[0] = '\0';
    if (!run_is_open(entry->run) &&
        (is_new_signal(req) || strcmp(entry->run->start_request_id, request_id) != 0)) {
        decide(shard, req); /* it closed while this request waited */
        return;
    }
    if (!run_is_open(entry->run)) { /* the repeat of the request that started it */
        hs_answer(shard, req, ERR_OK,
                  engine_signal_with_start_reply(&req->arena, entry->run, request_id, false),
                  entry->seq);
        return;
    }
    hs_begin(shard, req, entry->run, &t);
    const enum err err = engine_signal_at_once(&t, start->signal);
    if (err == ERR_OK)
        t.reply = engine_signal_with_start_reply(&req->arena, entry->run, request_id, false);
    hs_end(shard, req, entry, &t, err);
}

static void signal_current(struct history_shard *shard, struct hs_request *req,
                           const struct hs_current *current)
{
    memcpy(req->run_id, current->run.run_id, sizeof req->run_id);
    req->step = step_signal_current;
    hs_with_run(shard, req);
}

/* -- the decision --------------------------------------------------------------------------- */

/* A repeated start, whose first answer may have been lost with the task. */
static void step_eager_again(struct history_shard *shard, struct hs_request *req,
                             struct hs_entry *entry)
{
    const struct start *start = req->extra;
    struct transition t;

    hs_begin(shard, req, entry->run, &t);
    engine_start_again(&t);
    keep_eager(req, entry, &t);
    transition_release(&t);
    started(shard, req, ERR_OK, start->reply, entry->seq);
}

/* An update that came with the start: the current run serves it, or the start goes on. */
static void step_update_current(struct history_shard *shard, struct hs_request *req,
                                struct hs_entry *entry)
{
    struct start *start = req->extra;
    const bool use =
        start->request->workflow_id_conflict_policy == WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING ||
        strcmp(start->request->request_id, entry->run->start_request_id) == 0;

    if (hs_update_existing(shard, req, entry, use))
        return;
    memcpy(start->looked_run_id, entry->run_id, sizeof start->looked_run_id);
    req->run_id[0] = '\0';
    decide(shard, req);
}

static void answer_current(struct history_shard *shard, struct hs_request *req,
                           const struct hs_current *current, bool started_by_it)
{
    const struct start *start = req->extra;

    if (start->update) { /* the run that was started closed, and the update is not of it */
        hs_multi_operation_failed(shard, req, HS_FAULT_NOT_STARTED,
                                  err_fail(&req->detail, ERR_UNAVAILABLE,
                                           "Workflow was not started: %s",
                                           started_by_it ? "StartDeduped" : "StartReused"),
                                  current->seq);
        return;
    }

    if (start->parent) {
        struct rpc_effect_outcome outcome = {.run_id = slice_str(current->run.run_id)};

        if (!started_by_it)
            outcome = (struct rpc_effect_outcome){
                .failed = true,
                .cause = START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_WORKFLOW_ALREADY_EXISTS};
        child_settled(shard, req, &outcome, current->seq);
        return;
    }
    if (start->signal) {
        signal_current(shard, req, current);
        return;
    }
    /* Spec: a run that is used is told to be running, a paused one too. */
    const struct slice reply = engine_start_reply(
        &req->arena, current->run.run_id, current->run.first_run_id, req->api.namespace_name,
        req->workflow_id,
        started_by_it ? current->run.status : (int32_t)WORKFLOW_EXECUTION_STATUS_RUNNING,
        started_by_it);

    if (started_by_it && start->request->request_eager_execution) {
        ((struct start *)req->extra)->reply = reply;
        memcpy(req->run_id, current->run.run_id, sizeof req->run_id);
        req->step = step_eager_again;
        hs_with_run(shard, req);
        return;
    }
    hs_answer(shard, req, ERR_OK, reply, current->seq);
}

/* The run that goes on takes what the start brings for it. */
static void step_attach(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry)
{
    const struct start *start = req->extra;
    struct transition t;

    req->run_id[0] = '\0';
    if (!run_is_open(entry->run)) { /* it closed while this request waited */
        decide(shard, req);
        return;
    }
    if (run_has_attached(entry->run, slice_str(start->request->request_id))) {
        hs_answer(shard, req, ERR_OK,
                  engine_attached_reply(entry->run, &req->arena, start->request->request_id),
                  entry->seq);
        return;
    }
    hs_begin(shard, req, entry->run, &t);
    const enum err err = engine_attach(&t, start->request);
    hs_end(shard, req, entry, &t, err);
}

/* A start is known by the request id that it attached, whatever became of the run. */
static void step_known(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry)
{
    struct start *start = req->extra;
    const char *request_id = start->request->request_id;

    req->run_id[0] = '\0';
    start->looked = true;
    if (run_has_attached(entry->run, slice_str(request_id)))
        hs_answer(shard, req, ERR_OK, engine_attached_reply(entry->run, &req->arena, request_id),
                  entry->seq);
    else
        decide(shard, req);
}

static void with_current(struct history_shard *shard, struct hs_request *req,
                         const struct hs_current *current, hs_step_fn step)
{
    memcpy(req->run_id, current->run.run_id, sizeof req->run_id);
    req->step = step;
    hs_with_run(shard, req);
}

/* Spec: the parent came of a reset, and a run that it shares its history with had started the
 * child, open or closed by now: it goes on with this parent. */
static bool is_inherited(const struct run *child, const struct rpc_effect *effect)
{
    const struct slice heir_of = effect->heir_of;

    if (!slice_eq(child->parent_workflow_id, effect->source_workflow_id) ||
        !slice_eq(child->parent_namespace_id, effect->source_namespace_id))
        return false;
    for (size_t at = 0; at + UUID_TEXT_LEN <= heir_of.len; at += UUID_TEXT_LEN)
        if (slice_eq(slice_of(heir_of.ptr + at, UUID_TEXT_LEN), child->parent_run_id))
            return true;
    return false;
}

static void step_inherit(struct history_shard *shard, struct hs_request *req,
                         struct hs_entry *entry)
{
    struct start *start = req->extra;

    if (was_forgotten(shard, req))
        return;
    req->run_id[0] = '\0';
    if (is_inherited(entry->run, start->parent)) {
        child_settled(shard, req,
                      &(struct rpc_effect_outcome){.run_id = slice_str(entry->run->first_run_id)},
                      entry->seq);
        return;
    }
    memcpy(start->looked_run_id, entry->run_id, sizeof start->looked_run_id);
    decide(shard, req);
}

static void decide(struct history_shard *shard, struct hs_request *req)
{
    struct start *start = req->extra;
    if (was_forgotten(shard, req))
        return;
    struct hs_current *current = hs_current_get(shard, req);
    if (current->loading) { /* starts of one workflow id stand in line here */
        hs_current_wait(current, req, decide);
        return;
    }
    if (!current->exists) {
        start_new(shard, req);
        return;
    }
    if (start->parent && start->parent->heir_of.len > 0 &&
        strcmp(start->looked_run_id, current->run.run_id) != 0) {
        memcpy(req->run_id, current->run.run_id, sizeof req->run_id);
        req->step = step_inherit;
        hs_with_run(shard, req);
        return;
    }
    if (start->update && strcmp(start->looked_run_id, current->run.run_id) != 0) {
        memcpy(req->run_id, current->run.run_id, sizeof req->run_id);
        req->step = step_update_current;
        hs_with_run(shard, req);
        return;
    }
    if (current->run.has_attached && !start->looked && !start->parent && !start->signal) {
        with_current(shard, req, current, step_known);
        return;
    }
    const int64_t now_ns = hs_now_ns(shard);
    api_start_workflow_execution_request asked = *start->request;
    if (is_new_signal(req)) /* it did not start the current run */
        asked.request_id = arena_str(&req->arena, SLICE_EMPTY);
    const enum start_decision decision =
        engine_start_policy(&asked, &current->run, now_ns, &req->arena, &req->detail);

    if (engine_start_too_soon(hs_limits_of(shard, req->api.namespace_name), &current->run,
                              &(struct start_again){start->request->workflow_id, decision, now_ns},
                              &req->arena, &req->detail)) {
        started(shard, req, ERR_BUSY, SLICE_EMPTY, current->seq); /* a parent asks again */
        return;
    }
    switch (decision) {
    case START_NEW:
        start_new(shard, req);
        break;
    case START_SAME_REQUEST:
        answer_current(shard, req, current, true);
        break;
    case START_USE_EXISTING:
        if (start->request->on_conflict_options && !start->parent && !start->signal)
            with_current(shard, req, current, step_attach);
        else
            answer_current(shard, req, current, false);
        break;
    case START_TERMINATE_EXISTING:
        memcpy(req->run_id, current->run.run_id, sizeof req->run_id);
        req->step = step_replace;
        hs_with_run(shard, req);
        break;
    case START_REFUSE:
        if (start->parent)
            answer_current(shard, req, current, false);
        else
            started(shard, req, ERR_EXISTS, SLICE_EMPTY, current->seq);
        break;
    }
}

static void begin(struct history_shard *shard, struct hs_request *req, const struct start *what)
{
    struct start *start = ARENA_NEW(&req->arena, struct start);

    *start = *what;
    uuid_v7(&shard->rng, hs_now_ns(shard) / NS_PER_MS, start->run_id);
    req->extra = start;
    req->namespace_id = req->api.namespace_id;
    req->workflow_id = slice_str(start->request->workflow_id);
    req->tablet = hash_tablet(req->namespace_id, req->workflow_id);
    if (req->namespace_id.len != UUID_TEXT_LEN || !hs_owns_tablet(shard, req->tablet)) {
        hs_answer(shard, req,
                  err_fail(&req->detail, ERR_NOT_OWNER, "the workflow is of another shard"),
                  SLICE_EMPTY, 0);
        return;
    }
    decide(shard, req);
}

static void child_failed(struct history_shard *shard, struct hs_request *req, enum err err)
{
    started(shard, req, err, SLICE_EMPTY, 0);
}

void hs_start_child(struct history_shard *shard, struct hs_request *req,
                    const struct rpc_effect *effect)
{
    api_start_workflow_execution_request *request;
    struct start start = {.parent = effect, .effect_extra = req->extra};

    req->api.namespace_id = effect->target_namespace_id;
    req->api.namespace_name = effect->target_namespace;
    req->api.retention_s = RETENTION_UNKNOWN_S;
    enum err err =
        hs_namespace_retention(shard, effect->target_namespace_id, &req->api.retention_s);
    if (err == ERR_OK)
        err = proto_decode(&req->arena, &api_start_workflow_execution_request__desc,
                           effect->payload, &request, &req->detail);
    if (err == ERR_OK && !slice_eq(slice_str(request->workflow_id), effect->target_workflow_id))
        err = err_fail(&req->detail, ERR_CORRUPT, "the child's start names another workflow id");
    if (err != ERR_OK) {
        hs_effect_done(shard, req, err, NULL, 0);
        return;
    }
    if (request->request_id[0] == '\0') /* by which a run of the same effect is known */
        request->request_id =
            arena_printf(&req->arena, SLICE_FMT "/%lld", SLICE_ARG(effect->source_run_id),
                         (long long)effect->initiated_event_id);
    start.request = request;
    req->failed = child_failed;
    begin(shard, req, &start);
}

void hs_start_workflow(struct history_shard *shard, struct hs_request *req)
{
    begin(shard, req, &(struct start){.request = req->message});
}

void hs_signal_with_start(struct history_shard *shard, struct hs_request *req)
{
    begin(shard, req,
          &(struct start){.request = signal_with_start_start(&req->arena, req->message),
                          .signal = signal_with_start_signal(&req->arena, req->message)});
}

#define OPERATION_IS(which)                                                                        \
    TEMPORAL__API__WORKFLOWSERVICE__V1__EXECUTE_MULTI_OPERATION_REQUEST__OPERATION__OPERATION_##which

void hs_start_with_update(struct history_shard *shard, struct hs_request *req)
{
    const api_execute_multi_operation_request *request = req->message;

    if (request->n_operations != 2 ||
        request->operations[0]->operation_case != OPERATION_IS(START_WORKFLOW) ||
        request->operations[1]->operation_case != OPERATION_IS(UPDATE_WORKFLOW)) {
        hs_answer(
            shard, req,
            err_fail(&req->detail, ERR_INVALID, "Operations have to be exactly [Start, Update]."),
            SLICE_EMPTY, 0);
        return;
    }
    const struct start start = {.request = request->operations[0]->start_workflow,
                                .update = request->operations[1]->update_workflow};
    hs_update_of_start(req, start.update);
    begin(shard, req, &start);
}

void hs_start_with_update_again(struct history_shard *shard, struct hs_request *req)
{
    struct start *start = req->extra;

    start->looked_run_id[0] = '\0';
    decide(shard, req);
}
