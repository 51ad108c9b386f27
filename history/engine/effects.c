/* effects.c - what executions do to each other: what arrives at a run, and what it learns of what
 * it asked for. common/rpc/effect.h has the protocol. */
#include "common/base/hash.h"
#include "common/proto/wire.h"
#include "history/engine/child_int.h"

/* -- what the run learns ---------------------------------------------------------------------- */

static api_common_workflow_execution *
target_of(struct transition *t, const struct rpc_effect *effect, struct slice run_id)
{
    api_common_workflow_execution *out =
        engine_message(t->arena, &api_common_workflow_execution__desc);

    out->workflow_id = transition_str(t, effect->target_workflow_id);
    out->run_id = transition_str(t, run_id);
    return out;
}

static enum err child_started(struct transition *t, struct child *child,
                              const struct rpc_effect *effect,
                              const struct rpc_effect_outcome *outcome)
{
    const api_start_workflow_execution_request *request =
        engine_decode(t->arena, &api_start_workflow_execution_request__desc, effect->payload);
    api_history_event *event;

    if (!request || outcome->run_id.len != UUID_TEXT_LEN)
        return ERR_CORRUPT;
    api_child_workflow_execution_started_event_attributes *a =
        engine_event(t, EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED, &event);
    a->namespace_ = transition_str(t, bytes_slice(child->namespace_name));
    a->namespace_id = transition_str(t, bytes_slice(child->namespace_id));
    a->initiated_event_id = child->initiated_event_id;
    a->workflow_execution = target_of(t, effect, outcome->run_id);
    a->workflow_type = request->workflow_type;
    a->header = request->header;
    child->started_event_id = transition_event_or_buffer(t, event);
    child->started = true;
    bytes_set(&child->run_id, outcome->run_id);
    return ERR_OK;
}

static void child_not_started(struct transition *t, struct child *child, int32_t cause)
{
    api_history_event *event;
    api_start_child_workflow_execution_failed_event_attributes *a =
        engine_event(t, EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED, &event);

    a->namespace_ = transition_str(t, bytes_slice(child->namespace_name));
    a->namespace_id = transition_str(t, bytes_slice(child->namespace_id));
    a->workflow_id = transition_str(t, bytes_slice(child->workflow_id));
    a->workflow_type = engine_message(t->arena, &api_workflow_type__desc);
    a->workflow_type->name = transition_str(t, bytes_slice(child->workflow_type));
    a->cause = (Temporal__Api__Enums__V1__StartChildWorkflowExecutionFailedCause)cause;
    a->control = transition_str(t, bytes_slice(child->control));
    a->initiated_event_id = child->initiated_event_id;
    transition_event_or_buffer(t, event);
    child_end(t, child);
}

static enum err start_answered(struct transition *t, const struct rpc_effect *effect,
                               const struct rpc_effect_outcome *outcome)
{
    struct child *child = run_child(t->run, effect->initiated_event_id);
    enum err err = ERR_OK;

    if (!child || child->row_seq != effect->row_seq)
        return ERR_OK;
    (void)run_meets_limits_by(t, 1); /* then the run has closed, and its child is to close, too */
    if (run_is_open(t->run)) {
        if (outcome->failed)
            child_not_started(t, child, outcome->cause);
        else
            err = child_started(t, child, effect, outcome);
        if (err != ERR_OK)
            return err;
        transition_need_workflow_task(t);
        child = run_child(t->run, effect->initiated_event_id);
    } else if (!outcome->failed && !t->run->reset_run_id[0]) {
        run_close_child(t, child, outcome->run_id);
    }
    if (child) {
        child->row_seq = 0;
        run_child_changed(t->run, child);
    }
    return ERR_OK;
}

static void signal_answered(struct transition *t, const struct rpc_effect *effect,
                            const struct rpc_effect_outcome *outcome, char *control)
{
    api_history_event *event;

    if (outcome->failed) {
        api_signal_external_workflow_execution_failed_event_attributes *a =
            engine_event(t, EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED, &event);
        a->cause =
            (Temporal__Api__Enums__V1__SignalExternalWorkflowExecutionFailedCause)outcome->cause;
        a->namespace_ = transition_str(t, effect->target_namespace);
        a->namespace_id = transition_str(t, effect->target_namespace_id);
        a->workflow_execution = target_of(t, effect, effect->target_run_id);
        a->initiated_event_id = effect->initiated_event_id;
        a->control = control;
    } else {
        api_external_workflow_execution_signaled_event_attributes *a =
            engine_event(t, EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED, &event);
        a->initiated_event_id = effect->initiated_event_id;
        a->namespace_ = transition_str(t, effect->target_namespace);
        a->namespace_id = transition_str(t, effect->target_namespace_id);
        a->workflow_execution = target_of(t, effect, effect->target_run_id);
        a->control = control;
    }
    transition_event_or_buffer(t, event);
}

static void cancel_answered(struct transition *t, const struct rpc_effect *effect,
                            const struct rpc_effect_outcome *outcome)
{
    api_history_event *event;

    if (outcome->failed) {
        api_request_cancel_external_workflow_execution_failed_event_attributes *a =
            engine_event(t, EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED, &event);
        a->cause =
            (Temporal__Api__Enums__V1__CancelExternalWorkflowExecutionFailedCause)outcome->cause;
        a->namespace_ = transition_str(t, effect->target_namespace);
        a->namespace_id = transition_str(t, effect->target_namespace_id);
        a->workflow_execution = target_of(t, effect, effect->target_run_id);
        a->initiated_event_id = effect->initiated_event_id;
    } else {
        api_external_workflow_execution_cancel_requested_event_attributes *a =
            engine_event(t, EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED, &event);
        a->initiated_event_id = effect->initiated_event_id;
        a->namespace_ = transition_str(t, effect->target_namespace);
        a->namespace_id = transition_str(t, effect->target_namespace_id);
        a->workflow_execution = target_of(t, effect, effect->target_run_id);
    }
    transition_event_or_buffer(t, event);
}

static enum err external_answered(struct transition *t, const struct rpc_effect *effect,
                                  const struct rpc_effect_outcome *outcome)
{
    struct external *external = run_external(t->run, effect->initiated_event_id);

    if (!run_is_open(t->run) || !external || external->row_seq != effect->row_seq)
        return ERR_OK;
    if (run_meets_limits_by(t, 1))
        return ERR_OK;
    if (effect->kind == EFFECT_SIGNAL) {
        const api_signal_workflow_execution_request *request =
            engine_decode(t->arena, &api_signal_workflow_execution_request__desc, effect->payload);
        if (!request)
            return ERR_CORRUPT;
        signal_answered(t, effect, outcome, request->control);
    } else {
        cancel_answered(t, effect, outcome);
    }
    external_end(t, external);
    transition_need_workflow_task(t);
    return ERR_OK;
}

enum err engine_effect_answered(struct transition *t, const struct rpc_effect *effect,
                                const struct rpc_effect_outcome *outcome)
{
    enum err err = ERR_OK;

    if (effect->kind == EFFECT_START_CHILD)
        err = start_answered(t, effect, outcome);
    else if (effect->kind == EFFECT_SIGNAL || effect->kind == EFFECT_CANCEL)
        err = external_answered(t, effect, outcome);
    if (err != ERR_OK)
        return err;
    transition_outgoing_drop(
        t, hash_tablet(effect->target_namespace_id, effect->target_workflow_id), effect->row_seq);
    (void)run_enforce_limits(t);
    return ERR_OK;
}

/* -- what arrives ----------------------------------------------------------------------------- */

static void refuse(struct rpc_effect_outcome *outcome, int32_t cause)
{
    outcome->failed = true;
    outcome->cause = cause;
}

static api_common_workflow_execution *source_of(struct transition *t,
                                                const struct rpc_effect *effect)
{
    api_common_workflow_execution *out =
        engine_message(t->arena, &api_common_workflow_execution__desc);

    out->workflow_id = transition_str(t, effect->source_workflow_id);
    out->run_id = transition_str(t, effect->source_run_id);
    return out;
}

static bool is_child_of_source(const struct run *run, const struct rpc_effect *effect)
{
    return slice_eq(run->parent_workflow_id, effect->source_workflow_id) &&
           slice_eq(run->parent_run_id, effect->source_run_id);
}

/* Spec: an execution cannot reach itself, whichever run it names. */
static bool is_itself(const struct rpc_effect *effect)
{
    return slice_eq(effect->source_namespace_id, effect->target_namespace_id) &&
           slice_eq(effect->source_workflow_id, effect->target_workflow_id);
}

static enum err apply_signal(struct transition *t, const struct rpc_effect *effect,
                             struct rpc_effect_outcome *outcome)
{
    const api_signal_workflow_execution_request *request =
        engine_decode(t->arena, &api_signal_workflow_execution_request__desc, effect->payload);

    if (!request)
        return ERR_CORRUPT;
    if (is_itself(effect) || (effect->child_only && !is_child_of_source(t->run, effect))) {
        refuse(
            outcome,
            SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND);
        return ERR_OK;
    }
    const int64_t before = t->run->signal_count;
    const enum err err = run_signal(t, request, source_of(t, effect));

    if (t->run->signal_count != before) /* Spec: forgetting its request id is a step of its own */
        t->run->state_transition_count++;
    if (t->reply_err == ERR_INVALID) /* the run has ended for a limit, which a client would hear */
        refuse(outcome,
               SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_SIGNAL_COUNT_LIMIT_EXCEEDED);
    else if (err == ERR_NOT_FOUND)
        refuse(
            outcome,
            SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND);
    else if (err == ERR_INVALID) /* Spec: whatever the signal is refused for */
        refuse(outcome,
               SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_SIGNAL_COUNT_LIMIT_EXCEEDED);
    else if (err != ERR_OK)
        return ERR_BUSY;
    return ERR_OK;
}

static enum err apply_cancel(struct transition *t, const struct rpc_effect *effect,
                             struct rpc_effect_outcome *outcome)
{
    const api_request_cancel_workflow_execution_request *request = engine_decode(
        t->arena, &api_request_cancel_workflow_execution_request__desc, effect->payload);

    if (!request)
        return ERR_CORRUPT;
    if (is_itself(effect) ||
        (effect->child_only && run_is_open(t->run) && !is_child_of_source(t->run, effect)) ||
        run_request_cancel(t, request, source_of(t, effect), effect->initiated_event_id) != ERR_OK)
        refuse(
            outcome,
            CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND);
    return ERR_OK;
}

/* The child's chain of runs is known by its first; another workflow may have its id by now. */
static enum err apply_parent_closed(struct transition *t, const struct rpc_effect *effect)
{
    struct run *run = t->run;

    if (!run_is_open(run) || !is_child_of_source(run, effect))
        return ERR_OK;
    if (effect->cancel) {
        const api_request_cancel_workflow_execution_request *request = engine_decode(
            t->arena, &api_request_cancel_workflow_execution_request__desc, effect->payload);
        if (!request)
            return ERR_CORRUPT;
        (void)run_request_cancel(t, request, source_of(t, effect), 0); /* not that run: so be it */
        return ERR_OK;
    }
    const api_terminate_workflow_execution_request *request =
        engine_decode(t->arena, &api_terminate_workflow_execution_request__desc, effect->payload);
    if (!request)
        return ERR_CORRUPT;
    if (!request->first_execution_run_id[0] ||
        strcmp(request->first_execution_run_id, run->first_run_id) == 0)
        run_terminate(t, request->reason, NULL, request->identity, 0, NULL);
    return ERR_OK;
}

/* -- a child has closed ----------------------------------------------------------------------- */

/* The members that all five events have in common. */
#define FILL(TYPE, name)                                                                           \
    api_child_workflow_execution_##name##_event_attributes *a =                                    \
        engine_event(t, EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_##TYPE, &event);                       \
    a->namespace_ = transition_str(t, bytes_slice(child->namespace_name));                         \
    a->namespace_id = transition_str(t, bytes_slice(child->namespace_id));                         \
    a->workflow_execution = source_of(t, effect);                                                  \
    a->workflow_type = type;                                                                       \
    a->initiated_event_id = child->initiated_event_id;                                             \
    a->started_event_id = child->started_event_id

/* NULL: the event closes nothing. */
static api_history_event *child_closed_event(struct transition *t, const struct child *child,
                                             const struct rpc_effect *effect,
                                             const api_history_event *closing)
{
    api_workflow_type *type = engine_message(t->arena, &api_workflow_type__desc);
    const void *attributes = engine_event_attributes(closing);
    api_history_event *event = NULL;

    if (!attributes)
        return NULL;
    type->name = transition_str(t, bytes_slice(child->workflow_type));
    switch ((int32_t)closing->event_type) {
    case EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: {
        FILL(COMPLETED, completed);
        a->result = closing->workflow_execution_completed_event_attributes->result;
        break;
    }
    case EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: {
        FILL(FAILED, failed);
        a->failure = closing->workflow_execution_failed_event_attributes->failure;
        a->retry_state = closing->workflow_execution_failed_event_attributes->retry_state;
        break;
    }
    case EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED: {
        FILL(CANCELED, canceled);
        a->details = closing->workflow_execution_canceled_event_attributes->details;
        break;
    }
    case EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT: {
        FILL(TIMED_OUT, timed_out);
        a->retry_state = closing->workflow_execution_timed_out_event_attributes->retry_state;
        break;
    }
    case EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED: {
        FILL(TERMINATED, terminated);
        break;
    }
    default:
        break;
    }
    return event;
}
#undef FILL

static enum err apply_child_closed(struct transition *t, const struct rpc_effect *effect)
{
    struct child *child = run_child(t->run, effect->initiated_event_id);

    if (!run_is_open(t->run) || !child ||
        !slice_eq(bytes_slice(child->workflow_id), effect->source_workflow_id))
        return ERR_OK;
    if (!child->started)
        return ERR_BUSY;
    const api_history_event *closing =
        engine_decode(t->arena, &api_history_event__desc, effect->payload);
    if (!closing)
        return ERR_CORRUPT;
    api_history_event *event = child_closed_event(t, child, effect, closing);
    if (!event)
        return ERR_CORRUPT;
    if (run_meets_limits_by(t, 1))
        return ERR_OK;
    transition_event_or_buffer(t, event);
    child_end(t, child);
    transition_need_workflow_task(t);
    (void)run_enforce_limits(t);
    return ERR_OK;
}

enum err engine_effect_apply(struct transition *t, const struct rpc_effect *effect,
                             struct rpc_effect_outcome *outcome)
{
    *outcome = (struct rpc_effect_outcome){.failed = false};
    switch (effect->kind) {
    case EFFECT_SIGNAL:
        return apply_signal(t, effect, outcome);
    case EFFECT_CANCEL:
        return apply_cancel(t, effect, outcome);
    case EFFECT_CHILD_CLOSED:
        return apply_child_closed(t, effect);
    case EFFECT_PARENT_CLOSED:
        return apply_parent_closed(t, effect);
    case EFFECT_START_CHILD:
        break; /* a start begins a run: engine_start() */
    }
    return ERR_INVALID;
}
