/* continue.c - a run continues as a new one: ContinueAsNewWorkflowExecution, and the beginning of
 * every run that follows another (chain.c).
 *
 * The new run begins in the step that ends the old one, as a transition of its own (t->next): the
 * shard commits both in one record. It waits for at least run_interval_min_ns after its predecessor
 * began, so that a chain of runs does not spin. */
#include "history/engine/engine_int.h"

#include "common/proto/search_attributes.h"
#include "common/proto/wire.h"
#include "history/engine/attributes.h"
#include "history/engine/callback.h"
#include "history/engine/command_checks.h"
#include "history/engine/reset_points.h"

static const int64_t TASK_TIMEOUT_MAX_NS = 120 * NS_PER_S;

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* How the texts about a command name it. */
static const char *which(struct arena *arena, const struct continuing *c)
{
    const char *kind = c->task_queue->kind == TASK_QUEUE_KIND_STICKY ? "TASK_QUEUE_KIND_STICKY"
                                                                     : "TASK_QUEUE_KIND_NORMAL";

    return arena_printf(arena, ". WorkflowType=%s TaskQueue=name:\"%s\" kind:%s", c->type->name,
                        c->task_queue->name, kind);
}

static const char *check_retry(const struct transition *t, const struct continuing *c)
{
    struct arena *arena = t->arena;
    const char *bad = check_retry_policy(
        arena, retry_policy_with_defaults(arena, c->in->retry_policy, &t->limits->workflow_retry));

    return bad ? arena_printf(arena,
                              "invalid WorkflowRetryPolicy on "
                              "ContinueAsNewWorkflowExecutionCommand: %s%s",
                              bad, which(arena, c))
               : NULL;
}

/* What the command leaves out is as in the run that ends. NULL, or what is wrong. */
static const char *fill_in(struct transition *t, struct continuing *c)
{
    const struct run *run = t->run;
    struct arena *arena = t->arena;
    const size_t max = t->limits->id_bytes_max;
    const char *bad;

    c->type = engine_message(arena, &api_workflow_type__desc);
    c->type->name = c->in->workflow_type && c->in->workflow_type->name[0]
                        ? c->in->workflow_type->name
                        : arena_str(arena, run->workflow_type);
    if (strlen(c->type->name) > max)
        return arena_printf(arena,
                            "WorkflowType on ContinueAsNewWorkflowExecutionCommand exceeds length "
                            "limit. WorkflowType=%s Length=%zu Limit=%zu",
                            c->type->name, strlen(c->type->name), max);
    c->task_queue = engine_message(arena, &api_task_queue__desc);
    if (c->in->task_queue)
        *c->task_queue = *c->in->task_queue;
    if (!c->task_queue->name[0])
        c->task_queue->name = arena_str(arena, run->task_queue);
    if (c->task_queue->kind == TASK_QUEUE_KIND_UNSPECIFIED)
        c->task_queue->kind = TASK_QUEUE_KIND_NORMAL;
    bad = check_task_queue(arena, c->task_queue, run->task_queue, max);
    if (bad)
        return arena_printf(
            arena, "error validating ContinueAsNewWorkflowExecutionCommand TaskQueue: %s%s", bad,
            which(arena, c));

    const struct {
        const pb_duration *span;
        int64_t *ns;
        const char *name;
    } spans[] = {
        {c->in->workflow_run_timeout, &c->run_timeout_ns, "WorkflowRunTimeout"},
        {c->in->workflow_task_timeout, &c->task_timeout_ns, "WorkflowTaskTimeout"},
        {c->in->backoff_start_interval, &c->backoff_ns, "BackoffStartInterval"},
    };
    for (size_t i = 0; i < COUNT_OF(spans); i++) {
        bad = check_duration(spans[i].span, spans[i].ns);
        if (bad)
            return arena_printf(arena, "Invalid %s on ContinueAsNewWorkflowExecutionCommand: %s%s",
                                spans[i].name, bad, which(arena, c));
    }
    if (c->run_timeout_ns == 0)
        c->run_timeout_ns = run->run_timeout_ns;
    if (c->task_timeout_ns == 0)
        c->task_timeout_ns = run->task_timeout_ns;
    if (run->execution_timeout_ns > 0)
        c->run_timeout_ns = c->run_timeout_ns > 0
                                ? lesser(c->run_timeout_ns, run->execution_timeout_ns)
                                : run->execution_timeout_ns;
    c->task_timeout_ns = lesser(c->task_timeout_ns, TASK_TIMEOUT_MAX_NS);
    if (c->run_timeout_ns > 0)
        c->task_timeout_ns = lesser(c->task_timeout_ns, c->run_timeout_ns);
    return NULL;
}

static bool past(const ProtobufCMessage *message, size_t bytes_max)
{
    return message && protobuf_c_message_get_packed_size(message) > bytes_max;
}

static enum err check(struct transition *t, struct command_context *ctx, struct continuing *c)
{
    const int32_t bad = WORKFLOW_TASK_FAILED_CAUSE_BAD_CONTINUE_AS_NEW_ATTRIBUTES;
    const char *fault = fill_in(t, c);

    if (!fault && c->in->retry_policy)
        fault = check_retry(t, c);
    if (!fault && c->in->inherit_build_id &&
        !slice_eq(slice_str(c->task_queue->name), t->run->task_queue))
        fault = "ContinueAsNew with UseCompatibleVersion cannot run on different task queue.";
    if (fault)
        return command_bad(t, ctx, bad, "%s", fault);
    fault = search_attributes_unknown(t->arena, transition_search(t), t->run->namespace_name,
                                      c->in->search_attributes);
    if (fault)
        return command_bad(t, ctx, WORKFLOW_TASK_FAILED_CAUSE_BAD_SEARCH_ATTRIBUTES, "%s", fault);
    fault = search_attributes_fault(t->arena, transition_search(t), t->run->namespace_name,
                                    c->in->search_attributes, t->limits->search_attributes_max);
    if (fault)
        return command_bad(t, ctx, WORKFLOW_TASK_FAILED_CAUSE_BAD_SEARCH_ATTRIBUTES,
                           "invalid SearchAttributes on ContinueAsNewWorkflowExecutionCommand: "
                           "%s%s",
                           fault, which(t->arena, c));
    if (past(c->in->input ? &c->in->input->base : NULL, t->limits->blob_bytes_max))
        return command_too_large(
            t, ctx, bad,
            "ContinueAsNewWorkflowExecutionCommandAttributes. Input exceeds size limit.");
    if (past(c->in->memo ? &c->in->memo->base : NULL, t->limits->memo_bytes_max))
        return command_too_large(
            t, ctx, bad,
            "ContinueAsNewWorkflowExecutionCommandAttributes. Memo exceeds size limit.");
    return command_search_sizes(t, ctx, bad, c->in->search_attributes);
}

/* -- the old run ----------------------------------------------------------------------------- */

static void write_continued(struct transition *t, const struct command_context *ctx,
                            const struct continuing *c)
{
    api_history_event *event;
    api_workflow_execution_continued_as_new_event_attributes *a =
        engine_event(t, EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW, &event);

    a->new_execution_run_id = transition_str(t, slice_str(c->run_id));
    a->workflow_type = c->type;
    a->task_queue = c->task_queue;
    a->input = c->in->input;
    a->workflow_run_timeout = transition_duration(t, c->run_timeout_ns);
    a->workflow_task_timeout = transition_duration(t, c->task_timeout_ns);
    a->workflow_task_completed_event_id = ctx->completed_event_id;
    a->backoff_start_interval = c->in->backoff_start_interval;
    a->initiator = c->in->initiator;
    a->failure = c->in->failure;
    a->last_completion_result = c->in->last_completion_result;
    a->header = c->in->header;
    a->memo = memo_without_nil(t->arena, c->in->memo);
    a->search_attributes =
        attributes_typed(t->arena, attributes_of_run(t), c->in->search_attributes, false);
    a->inherit_build_id = c->in->inherit_build_id;
    transition_event(t, event);
}

/* -- the new run ----------------------------------------------------------------------------- */

static struct slice keep(struct run *run, struct slice bytes)
{
    return arena_copy(&run->arena, bytes);
}

static struct slice keep_message(struct run *run, const void *message)
{
    return message ? proto_encode(&run->arena, message) : SLICE_EMPTY;
}

static int64_t backoff_of(const struct transition *t, const struct continuing *c)
{
    const int64_t lifetime_ns = t->now_ns - t->run->execution_ns;
    const int64_t min_ns = t->limits->run_interval_min_ns;

    return lifetime_ns + c->backoff_ns < min_ns ? min_ns - lifetime_ns : c->backoff_ns;
}

static void fill_run(struct transition *t, const struct continuing *c, struct run *run,
                     int64_t backoff_ns)
{
    const struct run *old = t->run;
    char request_id[UUID_TEXT_LEN + 1];

    run->namespace_id = keep(run, old->namespace_id);
    run->namespace_name = keep(run, old->namespace_name);
    run->workflow_id = keep(run, old->workflow_id);
    run->tablet = old->tablet;
    memcpy(run->run_id, c->run_id, sizeof(run->run_id));
    memcpy(run->first_run_id, old->first_run_id, sizeof(run->first_run_id));
    run->workflow_type = keep(run, slice_str(c->type->name));
    run->task_queue = keep(run, slice_str(c->task_queue->name));
    run->execution_timeout_ns = old->execution_timeout_ns;
    run->run_timeout_ns = c->run_timeout_ns;
    run->task_timeout_ns = c->task_timeout_ns;
    run->start_ns = t->now_ns;
    run->execution_ns = t->now_ns + backoff_ns;
    run->execution_expires_ns = old->execution_expires_ns;
    run->first_task_due_ns = backoff_ns > 0 ? run->execution_ns : 0;
    run->run_expires_ns = run_expiry_ns(run);
    run->attempt = c->in->initiator == CONTINUE_AS_NEW_INITIATOR_RETRY ? old->attempt + 1 : 1;
    if (c->in->retry_policy)
        run->retry_policy =
            keep_message(run, retry_policy_with_defaults(t->arena, c->in->retry_policy,
                                                         &t->limits->workflow_retry));
    run->cron = keep(run, slice_str(c->in->cron_schedule));
    run_merge_memo(run, t->arena, c->in->memo);
    run_merge_search_attributes(
        run, t->arena,
        attributes_typed(t->arena, attributes_of_run(t), c->in->search_attributes, false));
    bytes_set(&run->priority, c->follows ? c->priority : bytes_slice(old->priority));
    run->start_links = keep(run, old->start_links);
    run->parent_namespace_id = keep(run, old->parent_namespace_id);
    run->parent_namespace = keep(run, old->parent_namespace);
    run->parent_workflow_id = keep(run, old->parent_workflow_id);
    run->parent_run_id = keep(run, old->parent_run_id);
    run->parent_initiated_event_id = old->parent_initiated_event_id;
    run->root_workflow_id = keep(run, old->root_workflow_id);
    run->root_run_id = keep(run, old->root_run_id);
    run->retention_ns = old->retention_ns;
    uuid_v7(t->rng, t->now_ns / NS_PER_MS, request_id);
    run->start_request_id = arena_str(&run->arena, slice_str(request_id));
    bytes_set(&run->reset_points, run_shown_reset_points(old, t->arena));
    run_signal_requests_carry(old, run, t->now_ns);
    run->status = WORKFLOW_EXECUTION_STATUS_RUNNING;
}

static void write_started(struct transition *t, const struct run *old, const struct continuing *c,
                          int64_t backoff_ns)
{
    struct run *run = t->run;
    api_history_event *event;
    api_workflow_execution_started_event_attributes *a =
        engine_event(t, EVENT_TYPE_WORKFLOW_EXECUTION_STARTED, &event);

    a->workflow_type = c->type;
    a->task_queue = engine_message(t->arena, &api_task_queue__desc);
    a->task_queue->name = c->task_queue->name;
    a->task_queue->kind = TASK_QUEUE_KIND_NORMAL;
    a->header = c->in->header;
    a->input = c->in->input;
    if (old->execution_timeout_told || run->execution_timeout_ns)
        a->workflow_execution_timeout = transition_duration(t, run->execution_timeout_ns);
    if (!c->no_run_timeout)
        a->workflow_run_timeout = transition_duration(t, run->run_timeout_ns);
    a->workflow_task_timeout = transition_duration(t, run->task_timeout_ns);
    a->continued_execution_run_id = transition_str(t, slice_str(old->run_id));
    a->initiator = c->in->initiator != CONTINUE_AS_NEW_INITIATOR_UNSPECIFIED
                       ? c->in->initiator
                       : CONTINUE_AS_NEW_INITIATOR_WORKFLOW;
    a->continued_failure = c->in->failure;
    a->last_completion_result = c->in->last_completion_result;
    a->original_execution_run_id = transition_str(t, slice_str(run->run_id));
    a->first_execution_run_id = transition_str(t, slice_str(run->first_run_id));
    if (c->in->retry_policy)
        a->retry_policy =
            retry_policy_with_defaults(t->arena, c->in->retry_policy, &t->limits->workflow_retry);
    a->attempt = run->attempt;
    a->cron_schedule = c->in->cron_schedule;
    a->workflow_execution_expiration_time = transition_timestamp(t, run->execution_expires_ns);
    if (c->in->backoff_start_interval || backoff_ns > 0)
        a->first_workflow_task_backoff = transition_duration(t, backoff_ns);
    a->memo = memo_without_nil(t->arena, c->in->memo);
    a->search_attributes =
        attributes_typed(t->arena, attributes_of_run(t), c->in->search_attributes, false);
    if (run->reset_points.len > 0 || c->follows)
        a->prev_auto_reset_points =
            engine_decode(t->arena, &api_reset_points__desc, bytes_slice(run->reset_points));
    a->workflow_id = transition_str(t, run->workflow_id);
    if (run->priority.len > 0)
        a->priority = engine_decode(t->arena, &api_priority__desc, bytes_slice(run->priority));
    run_started_relations(t, a);
    run_start_links(t, event);
    if (!c->follows || c->in->initiator == CONTINUE_AS_NEW_INITIATOR_RETRY)
        a->n_completion_callbacks = run_callbacks_waiting(old, t->arena, &a->completion_callbacks);
    transition_event(t, event);
    run->execution_timeout_told = a->workflow_execution_timeout != NULL;
    run->run_timeout_told = a->workflow_run_timeout != NULL;
    run_keep_start(run, t->arena, a);
    run_callbacks_add(run, t->arena, event, run->start_request_id, a->n_completion_callbacks,
                      a->completion_callbacks);
}

void run_begin_next(struct transition *t, const struct continuing *c)
{
    struct transition *next = ARENA_NEW(t->arena, struct transition);
    const int64_t backoff_ns = backoff_of(t, c);

    transition_init(next, run_new(), t->arena);
    next->now_ns = t->now_ns;
    next->rng = t->rng;
    next->row_seq = t->row_seq;
    next->history_shard = t->history_shard;
    next->limits = t->limits;
    next->namespaces = t->namespaces;
    next->detail = t->detail;
    next->visibility_changed = true;
    t->next = next;
    fill_run(t, c, next->run, backoff_ns);
    write_started(next, t->run, c, backoff_ns);
    if (next->run->first_task_due_ns == 0)
        wft_schedule(next, true, 0);
}

enum err command_continue_as_new(struct transition *t, struct command_context *ctx,
                                 const api_command *command)
{
    struct continuing c = {.in = command->continue_as_new_workflow_execution_command_attributes};

    if (t->run->buffered_count > 0)
        return command_unhandled(t, ctx);
    if (!c.in)
        return command_bad(t, ctx, WORKFLOW_TASK_FAILED_CAUSE_BAD_CONTINUE_AS_NEW_ATTRIBUTES,
                           "ContinueAsNewWorkflowExecutionCommandAttributes is not set on "
                           "ContinueAsNewWorkflowExecutionCommand.");
    const enum err err = check(t, ctx, &c);
    if (err != ERR_OK)
        return err;
    uuid_v7(t->rng, t->now_ns / NS_PER_MS, c.run_id);
    write_continued(t, ctx, &c);
    run_close(t, WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW);
    run_begin_next(t, &c);
    return ERR_OK;
}
