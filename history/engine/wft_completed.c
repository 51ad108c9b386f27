/* wft_completed.c - a worker answers a workflow task: completed with commands, or failed.
 *
 * 1. Either all commands of an answer are applied or none: then the task has failed, the caller
 *    gets InvalidArgument, and the next task follows.
 * 2. An answer counts once: the start id in its token is that of the present start. A completion
 *    repeated after a lost reply is found among the remembered start ids and answered alike. */
#include "history/engine/engine_int.h"
#include "history/engine/pause.h"

#include "common/proto/errdetail.h"
#include "history/engine/command_checks.h"
#include "history/engine/failure.h"
#include "history/engine/problems.h"
#include "history/engine/reset_points.h"
#include "history/engine/versioning.h"
#include "history/engine/update_int.h"

static void empty_reply(struct transition *t, const ProtobufCMessageDescriptor *desc)
{
    t->reply = transition_pack(t, engine_message(t->arena, desc));
}

static enum err check_answer(struct transition *t,
                             const api_respond_workflow_task_completed_request *request)
{
    const api_worker_deployment_options *options = request->deployment_options;

    if (request->intermediate_page || request->page_number > 0)
        return err_fail(
            t->detail, ERR_PRECONDITION,
            "workflow task completion pagination is disabled for this namespace " SLICE_FMT,
            SLICE_ARG(t->run->namespace_name));
    if (request->versioning_behavior != VERSIONING_BEHAVIOR_UNSPECIFIED && !request->deployment &&
        (!options || options->worker_versioning_mode != WORKER_VERSIONING_MODE_VERSIONED))
        return err_fail(t->detail, ERR_INVALID,
                        "versioning behavior cannot be specified without deployment options being "
                        "set with versioned mode");
    return commands_check_sequence(t, request->n_commands, request->commands);
}

static void write_completed(struct transition *t,
                            const api_respond_workflow_task_completed_request *request)
{
    const struct workflow_task *wft = &t->run->wft;
    const api_worker_deployment_options *options = request->deployment_options;
    const bool versioned =
        options && options->worker_versioning_mode == WORKER_VERSIONING_MODE_VERSIONED;
    api_history_event *event;
    api_workflow_task_completed_event_attributes *a =
        engine_event(t, EVENT_TYPE_WORKFLOW_TASK_COMPLETED, &event);

    a->scheduled_event_id = wft->scheduled_event_id;
    a->started_event_id = wft->started_event_id;
    a->identity = request->identity;
    a->binary_checksum = request->binary_checksum;
    a->worker_version = request->worker_version_stamp;
    a->sdk_metadata = request->sdk_metadata;
    a->metering_metadata = request->metering_metadata;
    if (options)
        a->worker_deployment_name = options->deployment_name;
    if (!a->worker_deployment_name[0] && request->deployment)
        a->worker_deployment_name = request->deployment->series_name;
    if (versioned && options->deployment_name[0] && options->build_id[0]) {
        a->deployment_version = engine_message(t->arena, &api_worker_deployment_version__desc);
        a->deployment_version->deployment_name = options->deployment_name;
        a->deployment_version->build_id = options->build_id;
    }
    if (!options || versioned)
        a->versioning_behavior = request->versioning_behavior;
    const int64_t event_id = transition_event(t, event);
    const bool moved = run_note_deployment(t->run, t->arena, a);
    if (run_add_reset_point(t->run, t->arena, a, event_id, t->now_ns) || moved ||
        t->run->last_completed_ns == 0)
        t->visibility_changed = true;
}

static void set_sticky(struct transition *t,
                       const api_respond_workflow_task_completed_request *request)
{
    const api_sticky_execution_attributes *sticky = request->sticky_attributes;
    struct run *run = t->run;
    int64_t timeout_ns;

    if (!sticky || !sticky->worker_task_queue || !sticky->worker_task_queue->name[0]) {
        wft_clear_sticky(run);
        return;
    }
    const struct slice name = slice_str(sticky->worker_task_queue->name);
    if (check_duration(sticky->schedule_to_start_timeout, &timeout_ns))
        timeout_ns = 0; /* no such span: no time-out */
    if (slice_eq(bytes_slice(run->sticky_queue), name) &&
        run->sticky_schedule_to_start_ns == timeout_ns)
        return;
    bytes_set(&run->sticky_queue, name);
    run->sticky_schedule_to_start_ns = timeout_ns;
    run->dirty = true;
}

/* The task is over: its events are written, the run is between two tasks. Gives the id of the
 * Completed event. */
static int64_t complete_task(struct transition *t,
                             const api_respond_workflow_task_completed_request *request)
{
    struct run *run = t->run;
    struct workflow_task *wft = &run->wft;

    wft_drop_row(t);
    if (wft->attempt > 1 || wft->speculative)
        wft_write_transient(t, request->identity, request->worker_version_stamp);
    const int64_t completed_id = run->next_event_id;
    write_completed(t, request);
    run->last_started_event_id = wft->started_event_id;
    run->last_completed_ns = t->now_ns;
    wft_remember_answer(run, wft->start_id);
    bytes_clear(&wft->identity);
    run->wft = (struct workflow_task){.state = WFT_NONE, .attempt = 1};
    run->close_attempted = false;
    run_forget_problems(t);
    bytes_set(&run->worker_identity, slice_str(request->identity));
    bytes_set(&run->worker_version_stamp, request->worker_version_stamp
                                              ? transition_pack(t, request->worker_version_stamp)
                                              : SLICE_EMPTY);
    set_sticky(t, request);
    return completed_id;
}

/* A speculative task that changed nothing: as if it had not been. */
static void drop_task(struct transition *t,
                      const api_respond_workflow_task_completed_request *request)
{
    struct run *run = t->run;

    t->keeps_speculative = true;
    run->dropped_start_id = run->wft.start_id;
    run->dropped_to_event_id = run->last_started_event_id;
    bytes_clear(&run->wft.identity);
    run->wft = (struct workflow_task){.state = WFT_NONE, .attempt = 1};
    set_sticky(t, request);
}

static void fail_task(struct transition *t, const struct command_context *ctx,
                      const api_respond_workflow_task_completed_request *request)
{
    const struct wft_failure failure = {
        .cause = ctx->cause,
        .failure = failure_server(t->arena, transition_str(t, slice_str(t->detail->text)), false),
        .identity = request->identity,
        .binary_checksum = request->binary_checksum,
    };

    wft_fail(t, &failure);
    t->reply_err = ERR_INVALID;
    if (ctx->terminate) {
        wft_flush_buffered(t);
        run_terminate(t, t->detail->text, NULL, ENGINE_IDENTITY, 0, NULL);
    } else if (ctx->cause == WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND) {
        t->run->close_attempted = true;
    }
}

/* Only heartbeats for too long: the task times out, as if the worker had been silent. */
static bool heartbeat_expired(const struct transition *t, bool heartbeat)
{
    const struct workflow_task *wft = &t->run->wft;

    return heartbeat && wft->original_scheduled_ns > 0 &&
           t->now_ns > wft->original_scheduled_ns + t->limits->wft_heartbeat_timeout_ns;
}

static enum err expire_heartbeat(struct transition *t)
{
    wft_time_out(t, TIMEOUT_TYPE_START_TO_CLOSE);
    wft_schedule(t, true, 0);
    t->reply_err = errdetail_not_found(t->arena, t->detail, "workflow task heartbeat timeout");
    return ERR_OK;
}

/* The response but for the workflow task, which the shard adds. */
static void completed_reply(struct transition *t, uint64_t start_id, struct slice identity)
{
    api_respond_workflow_task_completed_response *response =
        engine_message(t->arena, &api_respond_workflow_task_completed_response__desc);

    if (t->run->dropped_start_id == start_id) /* the worker goes back to what is written */
        response->reset_history_event_id = t->run->dropped_to_event_id;
    if (run_is_open(t->run))
        engine_start_eager_activities(t, start_id, identity, response);
    t->reply = transition_pack(t, response);
}

/* The next task, when there is something to do; at once with this worker if it asks for it. */
static void next_task(struct transition *t,
                      const api_respond_workflow_task_completed_request *request, bool failed,
                      int64_t heartbeat_since_ns, uint64_t answered_start_id)
{
    struct run *run = t->run;
    const bool inline_start = request->return_new_workflow_task && !failed;

    if (!run_is_open(run) || run->wft.state != WFT_NONE)
        return;
    if (run_is_paused(run)) {
        wft_flush_buffered(t);
        return;
    }
    const bool normal = failed || request->force_create_new_workflow_task ||
                        run->buffered_count > 0 || t->workflow_task_needed;
    if (!normal && !updates_wait_for_task(run))
        return;
    if (normal || !inline_start)
        wft_schedule(t, !inline_start, heartbeat_since_ns);
    else
        wft_schedule_speculative(t, false);
    run->wft.heartbeat = inline_start && request->force_create_new_workflow_task;
    if (!inline_start)
        return;
    const struct wft_start start = {.identity = slice_str(request->identity),
                                    .stamp = request->worker_version_stamp,
                                    .poll_id = answered_start_id,
                                    .by_completion = true};
    wft_start(t, &start);
    t->started = wft_response(t);
}

static enum err repeat_reply(struct transition *t, const struct task_token *token,
                             const api_respond_workflow_task_completed_request *request)
{
    const struct workflow_task *wft = &t->run->wft;

    completed_reply(t, token->start_id, slice_str(request->identity));
    if (wft->state == WFT_STARTED && wft->inline_start && wft->poll_id == token->start_id) {
        wft_drop_row(t); /* should it have been taken for lost */
        t->started = wft_response(t);
    }
    return ERR_OK;
}

/* The events that the next task brings, updates' speculative ones aside. */
static int64_t next_task_events(const struct transition *t,
                                const api_respond_workflow_task_completed_request *request)
{
    const struct run *run = t->run;
    const bool task = !run_is_paused(run) && (request->force_create_new_workflow_task ||
                                              run->buffered_count > 0 || t->workflow_task_needed);

    return (int64_t)run->buffered_count + (task ? 1 + (request->return_new_workflow_task != 0) : 0);
}

/* All that the worker asks for. With an error the caller returns to its mark. */
static enum err carry_out(struct transition *t, struct command_context *ctx,
                          const api_respond_workflow_task_completed_request *request)
{
    ctx->messages = update_messages_of(t, request->n_messages, request->messages);
    if (wft_is_droppable(t, request))
        drop_task(t, request);
    else
        ctx->completed_event_id = complete_task(t, request);
    enum err err = ERR_OK;
    if (t->bad_binary)
        err = command_bad(t, ctx, WORKFLOW_TASK_FAILED_CAUSE_BAD_BINARY,
                          "binary %.200s is marked as bad deployment", request->binary_checksum);
    if (err == ERR_OK)
        err = commands_run(t, ctx, request->n_commands, request->commands);
    if (err == ERR_OK)
        err = update_messages_rest(t, ctx);
    if (err != ERR_OK)
        return err;
    if (request->n_messages > 0) /* what they did can be taken back until they are applied */
        ctx->past_limit = run_past_limits(t, next_task_events(t, request));
    if (ctx->past_limit)
        return ERR_OK;
    update_messages_apply(t);
    if (!run_is_open(t->run))
        updates_close(t);
    else if (!request->force_create_new_workflow_task)
        updates_reject_unprocessed(t);
    return ERR_OK;
}

/* The limit that an answer has taken the run past; no reason: none. */
static struct engine_limit limit_of_answer(const struct transition *t)
{
    const size_t max = t->limits->transaction_bytes_max;
    struct engine_limit limit = {.reason = run_past_limits(t, 0)};
    size_t bytes = t->events.len;

    if (!limit.reason)
        limit.reason = run_past_state_limit(t, run_bytes(t->run));
    if (bytes <= max && t->next)
        bytes = t->next->events.len;
    if (!limit.reason && bytes > max)
        limit = (struct engine_limit){
            .reason = "Transaction size exceeds limit.",
            .text = arena_printf(
                t->arena, "transaction size of %zu bytes exceeds limit of %zu bytes", bytes, max)};
    return limit;
}

/* Spec: of an answer that takes the run past a limit nothing is carried out. What the mark does not
 * bring back, updates that have moved and what an end has dropped, the caller reads again. */
static bool ends_for_limit(struct transition *t,
                           const api_respond_workflow_task_completed_request *request,
                           const struct run_mark *mark)
{
    const struct engine_limit limit = limit_of_answer(t);

    if (!limit.reason)
        return false;
    t->started = NULL;
    if (request->n_messages > 0 || !run_is_open(t->run)) {
        t->past_limit = limit;
        return true;
    }
    run_return_to(t, mark);
    t->wft_completed = false;
    engine_end_for_limit(t, &limit);
    return true;
}

enum err
engine_respond_workflow_task_completed(struct transition *t, const struct task_token *token,
                                       api_respond_workflow_task_completed_request *request)
{
    struct run *run = t->run;
    const struct workflow_task before = run->wft;
    const bool heartbeat = request->force_create_new_workflow_task && request->n_commands == 0 &&
                           request->n_messages == 0;

    must(t->detail != NULL);
    if (wft_token_answered(run, token))
        return repeat_reply(t, token, request);
    if (!wft_token_matches(run, token))
        return errdetail_not_found(t->arena, t->detail, "Workflow task not found.");
    if (run_is_paused(run) && request->force_create_new_workflow_task)
        return err_fail(t->detail, ERR_PRECONDITION,
                        "Workflow is paused and force create new workflow task is not allowed.");
    enum err err = check_answer(t, request);
    if (err != ERR_OK)
        return err;
    if (heartbeat_expired(t, heartbeat))
        return expire_heartbeat(t);

    const struct run_mark *mark = run_mark(t, request);
    struct command_context ctx = {.identity = request->identity};
    err = carry_out(t, &ctx, request);
    if (ctx.past_limit) {
        struct update_undo *undone = t->undo;
        run_return_to(t, mark);
        updates_fail_accepted(t, undone);
        (void)run_end_for_limit(t, ctx.past_limit);
        return ERR_OK;
    }
    if (err != ERR_OK) {
        run_return_to(t, mark);
        if (err != ERR_INVALID || ctx.refuse) /* Spec: the task stays with the worker */
            return err;
        updates_task_failed(t);
        /* A worker that fails again and again is left to its time-out. */
        if (before.attempt > 1 && ctx.cause != WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND) {
            t->reply_err = err;
            t->uncounted = true;
            return ERR_OK;
        }
        fail_task(t, &ctx, request);
    } else {
        t->wft_completed = true;
        t->completed_request = request;
    }
    next_task(t, request, err != ERR_OK, heartbeat ? before.original_scheduled_ns : 0,
              before.start_id);
    if (ends_for_limit(t, request, mark))
        return ERR_OK;
    completed_reply(t, before.start_id, slice_str(request->identity));
    return ERR_OK;
}

enum err
engine_respond_workflow_task_failed(struct transition *t, const struct task_token *token,
                                    const api_respond_workflow_task_failed_request *request)
{
    struct run *run = t->run;
    const struct wft_failure failure = {.cause = (int32_t)request->cause,
                                        .failure = request->failure,
                                        .identity = request->identity,
                                        .binary_checksum = request->binary_checksum};

    empty_reply(t, &api_respond_workflow_task_failed_response__desc);
    if (!run_is_open(run))
        return errdetail_not_found(t->arena, t->detail, "workflow execution already completed");
    if (!wft_token_matches(run, token))
        return errdetail_not_found(t->arena, t->detail, "Workflow task not found.");
    if (request->cause == WORKFLOW_TASK_FAILED_CAUSE_GRPC_MESSAGE_TOO_LARGE) {
        run_terminate(
            t,
            engine_enum_name(t->arena,
                             &temporal__api__enums__v1__workflow_task_failed_cause__descriptor,
                             "WORKFLOW_TASK_FAILED_CAUSE_", (int32_t)request->cause),
            NULL, ENGINE_IDENTITY, 0, NULL);
        return ERR_OK;
    }
    if (run_meets_limits_by_task(t))
        return ERR_OK;
    wft_fail(t, &failure);
    transition_need_workflow_task(t);
    return ERR_OK;
}
