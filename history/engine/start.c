/* start.c - a run begins: WorkflowExecutionStarted, and its first workflow task unless delayed. */
#include "history/engine/engine_int.h"

#include "common/base/hash.h"
#include "common/cron/cron.h"
#include "common/proto/wire.h"
#include "history/engine/attributes.h"
#include "history/engine/callback.h"
#include "history/engine/command_checks.h"
#include "history/engine/options.h"
#include "history/engine/reset_points.h"

static const int64_t TASK_TIMEOUT_MAX_NS = 120 * NS_PER_S;

struct timeouts {
    int64_t execution_ns, run_ns, task_ns, delay_ns;
};

static int64_t min_ns(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static enum err read_timeouts(struct transition *t,
                              const api_start_workflow_execution_request *request,
                              struct timeouts *out)
{
    const struct {
        const pb_duration *duration;
        int64_t *ns;
        const char *name;
    } fields[] = {
        {request->workflow_execution_timeout, &out->execution_ns,
         "WorkflowExecutionTimeoutSeconds"},
        {request->workflow_run_timeout, &out->run_ns, "WorkflowRunTimeoutSeconds"},
        {request->workflow_task_timeout, &out->task_ns, "WorkflowTaskTimeoutSeconds"},
        {request->workflow_start_delay, &out->delay_ns, "WorkflowStartDelay"},
    };

    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        const char *bad = check_duration(fields[i].duration, fields[i].ns);
        if (bad)
            return err_fail(t->detail, ERR_INVALID, "invalid %s: %s", fields[i].name, bad);
    }
    if (request->cron_schedule[0]) { /* Spec: a schedule that never comes begins at once */
        out->delay_ns = cron_backoff_ns(slice_str(request->cron_schedule), t->now_ns, t->now_ns);
        if (out->delay_ns < 0)
            out->delay_ns = 0;
    }
    if (out->execution_ns > 0)
        out->run_ns = out->run_ns > 0 ? min_ns(out->run_ns, out->execution_ns) : out->execution_ns;
    if (out->task_ns == 0)
        out->task_ns = t->limits->task_timeout_ns;
    out->task_ns = min_ns(out->task_ns, TASK_TIMEOUT_MAX_NS);
    if (out->run_ns > 0)
        out->task_ns = min_ns(out->task_ns, out->run_ns);
    return ERR_OK;
}

/* What comes with later issues is refused, not ignored. */
static enum err check_supported(struct transition *t,
                                const api_start_workflow_execution_request *request)
{
    if (request->time_skipping_config)
        return err_fail(t->detail, ERR_UNIMPLEMENTED,
                        "this server does not support TimeSkippingConfig yet");
    return ERR_OK;
}

static enum err check_request(struct transition *t,
                              const api_start_workflow_execution_request *request)
{
    const size_t id_max = t->limits->id_bytes_max;

    if (!request->request_id[0])
        return err_fail(t->detail, ERR_INVALID, "Missing request ID.");
    if (strlen(request->request_id) > RPC_ID_BYTES_MAX)
        return err_fail(t->detail, ERR_INVALID, "RequestId length exceeds limit.");
    if (!request->task_queue || !request->task_queue->name[0])
        return err_fail(t->detail, ERR_INVALID, "Missing Taskqueue.");
    if (!request->workflow_type || !request->workflow_type->name[0])
        return err_fail(t->detail, ERR_INVALID, "Missing WorkflowType.");
    if (strlen(request->workflow_id) > id_max)
        return err_fail(t->detail, ERR_INVALID, "WorkflowId exceeds length limit.");
    if (strlen(request->task_queue->name) > id_max)
        return err_fail(t->detail, ERR_INVALID, "TaskQueue exceeds length limit.");
    if (strlen(request->workflow_type->name) > id_max)
        return err_fail(t->detail, ERR_INVALID, "WorkflowType exceeds length limit.");
    if (request->input &&
        protobuf_c_message_get_packed_size(&request->input->base) > t->limits->blob_bytes_max)
        return err_fail(t->detail, ERR_INVALID, "Blob data size exceeds limit.");
    if (request->memo &&
        protobuf_c_message_get_packed_size(&request->memo->base) > t->limits->memo_bytes_max)
        return err_fail(t->detail, ERR_INVALID, "Memo size exceeds limit.");
    return check_supported(t, request);
}

static struct slice keep(struct run *run, const char *text)
{
    return arena_copy(&run->arena, slice_str(text));
}

static struct slice keep_message(struct transition *t, const void *message)
{
    return message ? arena_copy(&t->run->arena, proto_encode(t->arena, message)) : SLICE_EMPTY;
}

static api_retry_policy *retry_policy_of(struct transition *t,
                                         const api_start_workflow_execution_request *request)
{
    return request->retry_policy ? retry_policy_with_defaults(t->arena, request->retry_policy,
                                                              &t->limits->workflow_retry)
                                 : NULL;
}

static int64_t execution_expiry_ns(const struct run *run)
{
    if (run->execution_timeout_ns == 0)
        return 0;
    return (run->start_ns + run->execution_timeout_ns + NS_PER_MS / 2) / NS_PER_MS * NS_PER_MS;
}

size_t links_beyond_callbacks(struct arena *arena,
                              const api_start_workflow_execution_request *request,
                              api_common_link ***out)
{
    size_t count = 0;

    *out = ARENA_ARRAY(arena, api_common_link *, request->n_links + 1);
    for (size_t i = 0; i < request->n_links; i++) {
        const struct slice link = proto_encode(arena, request->links[i]);
        bool twice = false;

        for (size_t j = 0; j < request->n_completion_callbacks && !twice; j++) {
            const api_callback *callback = request->completion_callbacks[j];
            for (size_t k = 0; k < callback->n_links && !twice; k++)
                twice = slice_eq(link, proto_encode(arena, callback->links[k]));
        }
        if (!twice)
            (*out)[count++] = request->links[i];
    }
    return count;
}

static struct slice keep_links(struct transition *t,
                               const api_start_workflow_execution_request *request)
{
    api_history_event *links = engine_message(t->arena, &api_history_event__desc);

    links->n_links = links_beyond_callbacks(t->arena, request, &links->links);
    return links->n_links > 0 ? keep_message(t, links) : SLICE_EMPTY;
}

void run_start_links(struct transition *t, api_history_event *started)
{
    if (t->run->start_links.len == 0)
        return;
    const api_history_event *links =
        engine_decode(t->arena, &api_history_event__desc, t->run->start_links);
    must(links != NULL);
    started->n_links = links->n_links;
    started->links = links->links;
}

static void keep_parent(struct run *run, const struct rpc_effect *parent)
{
    struct arena *arena = &run->arena;

    if (!parent)
        return;
    run->parent_namespace_id = arena_copy(arena, parent->source_namespace_id);
    run->parent_namespace = arena_copy(arena, parent->source_namespace);
    run->parent_workflow_id = arena_copy(arena, parent->source_workflow_id);
    run->parent_run_id = arena_copy(arena, parent->source_run_id);
    run->parent_initiated_event_id = parent->initiated_event_id;
    run->root_workflow_id = arena_copy(arena, parent->root_workflow_id);
    run->root_run_id = arena_copy(arena, parent->root_run_id);
}

static api_common_workflow_execution *execution(struct transition *t, struct slice workflow_id,
                                                struct slice run_id)
{
    api_common_workflow_execution *out =
        engine_message(t->arena, &api_common_workflow_execution__desc);

    out->workflow_id = transition_str(t, workflow_id);
    out->run_id = transition_str(t, run_id);
    return out;
}

void run_started_relations(struct transition *t,
                           api_workflow_execution_started_event_attributes *started)
{
    const struct run *run = t->run;

    if (run->parent_workflow_id.len > 0) {
        started->parent_workflow_namespace = transition_str(t, run->parent_namespace);
        started->parent_workflow_namespace_id = transition_str(t, run->parent_namespace_id);
        started->parent_workflow_execution =
            execution(t, run->parent_workflow_id, run->parent_run_id);
        started->parent_initiated_event_id = run->parent_initiated_event_id;
    }
    if (run->root_workflow_id.len > 0)
        started->root_workflow_execution = execution(t, run->root_workflow_id, run->root_run_id);
}

static void fill_run(struct transition *t, const struct engine_start *start,
                     const struct timeouts *timeouts)
{
    struct run *run = t->run;
    const api_start_workflow_execution_request *request = start->request;

    run->namespace_id = arena_copy(&run->arena, start->namespace_id);
    run->namespace_name = arena_copy(&run->arena, start->namespace_name);
    run->workflow_id = keep(run, request->workflow_id);
    run->tablet = hash_tablet(run->namespace_id, run->workflow_id);
    memcpy(run->run_id, start->run_id, sizeof(run->run_id));
    memcpy(run->first_run_id, start->run_id, sizeof(run->first_run_id));
    run->workflow_type = keep(run, request->workflow_type->name);
    run->task_queue = keep(run, request->task_queue->name);
    run->execution_timeout_ns = timeouts->execution_ns;
    run->run_timeout_ns = timeouts->run_ns;
    run->task_timeout_ns = timeouts->task_ns;
    run->start_ns = t->now_ns;
    run->execution_ns = t->now_ns + timeouts->delay_ns;
    run->first_task_due_ns = timeouts->delay_ns > 0 ? run->execution_ns : 0;
    run->execution_expires_ns = execution_expiry_ns(run);
    run->run_expires_ns = run_expiry_ns(run);
    run->start_links = keep_links(t, request);
    run->attempt = 1;
    run->retry_policy = keep_message(t, retry_policy_of(t, request));
    run->cron = keep(run, request->cron_schedule);
    run_merge_memo(run, t->arena, request->memo);
    run_merge_search_attributes(
        run, t->arena,
        attributes_typed(t->arena, attributes_of_run(t), request->search_attributes, false));
    bytes_set(&run->priority, priority_kept(t->arena, request->priority));
    run->user_metadata = keep_message(t, request->user_metadata);
    run->user_metadata_empty = request->user_metadata && run->user_metadata.len == 0;
    run->retention_ns = start->retention_s * NS_PER_S;
    run->start_request_id = arena_str(&run->arena, slice_str(request->request_id));
    run->start_identity = keep(run, request->identity);
    keep_parent(run, start->parent);
    run->status = WORKFLOW_EXECUTION_STATUS_RUNNING;
}

int64_t run_expiry_ns(const struct run *run)
{
    const int64_t execution = run->execution_expires_ns;

    if (run->run_timeout_ns == 0)
        return 0;
    /* The run's time begins after the delay of its first task: execution_ns includes it. */
    const int64_t expiry = run->execution_ns + run->run_timeout_ns;
    return execution ? min_ns(expiry, execution) : expiry;
}

/* Does the first workflow task go with the response? */
static bool is_eager(const struct transition *t, const struct engine_start *start)
{
    return t->limits->eager_start && start->request->request_eager_execution && !start->parent &&
           !start->signal && t->run->first_task_due_ns == 0;
}

static void write_started(struct transition *t, const struct engine_start *start,
                          const struct timeouts *timeouts, api_callback **callbacks)
{
    struct run *run = t->run;
    const api_start_workflow_execution_request *request = start->request;
    api_history_event *event;
    api_workflow_execution_started_event_attributes *a =
        engine_event(t, EVENT_TYPE_WORKFLOW_EXECUTION_STARTED, &event);

    a->workflow_type = request->workflow_type;
    a->task_queue = engine_message(t->arena, &api_task_queue__desc);
    *a->task_queue = *request->task_queue;
    if (a->task_queue->kind == TASK_QUEUE_KIND_UNSPECIFIED)
        a->task_queue->kind = TASK_QUEUE_KIND_NORMAL;
    a->header = request->header;
    a->input = request->input;
    if (request->workflow_execution_timeout || timeouts->execution_ns)
        a->workflow_execution_timeout = transition_duration(t, timeouts->execution_ns);
    if (request->workflow_run_timeout || timeouts->run_ns ||
        start->parent) /* Spec: of a child it is always set */
        a->workflow_run_timeout = transition_duration(t, timeouts->run_ns);
    a->workflow_task_timeout = transition_duration(t, timeouts->task_ns);
    a->identity = request->identity;
    a->retry_policy = retry_policy_of(t, request);
    a->attempt = 1;
    a->cron_schedule = request->cron_schedule;
    if (request->cron_schedule[0])
        a->initiator = CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE;
    a->workflow_execution_expiration_time = transition_timestamp(t, run->execution_expires_ns);
    a->last_completion_result = request->last_completion_result;
    a->continued_failure = request->continued_failure;
    a->first_workflow_task_backoff = transition_duration(t, timeouts->delay_ns);
    a->first_execution_run_id = transition_str(t, slice_str(run->run_id));
    a->original_execution_run_id = a->first_execution_run_id;
    a->memo = memo_without_nil(t->arena, request->memo);
    a->search_attributes =
        attributes_typed(t->arena, attributes_of_run(t), request->search_attributes, false);
    a->eager_execution_accepted = is_eager(t, start);
    a->workflow_id = request->workflow_id;
    a->priority = request->priority;
    run_started_relations(t, a);
    event->user_metadata = request->user_metadata;
    a->versioning_override = versioning_override_kept(t->arena, request->versioning_override);
    a->n_completion_callbacks = request->n_completion_callbacks;
    a->completion_callbacks = callbacks;
    event->n_links = links_beyond_callbacks(t->arena, request, &event->links);
    transition_event(t, event);
    run->execution_timeout_told = a->workflow_execution_timeout != NULL;
    run->run_timeout_told = a->workflow_run_timeout != NULL;
    run_keep_start(run, t->arena, a);
    run_set_versioning_override(run, t->arena, a->versioning_override);
    run_callbacks_add(run, t->arena, event, run->start_request_id, a->n_completion_callbacks,
                      callbacks);
}

/* The client has a worker that takes the first task with the response. */
static void start_eagerly(struct transition *t, const api_start_workflow_execution_request *request)
{
    const struct wft_start start = {.identity = slice_str(request->identity),
                                    .by_completion = true}; /* nobody polled for it */

    wft_schedule(t, false, 0);
    wft_start(t, &start);
    t->started = wft_response(t);
}

void engine_start_again(struct transition *t)
{
    const struct run *run = t->run;
    const struct workflow_task *wft = &run->wft;

    if (run_is_open(run) && wft->state == WFT_STARTED && wft->inline_start && wft->attempt == 1 &&
        run->last_completed_ns == 0 && !run_task_is_undelivered(run))
        t->started = wft_response(t);
}

enum err engine_start(struct transition *t, const struct engine_start *start)
{
    struct timeouts timeouts = {0};
    struct run *run = t->run;
    api_callback **callbacks = NULL;

    must(run->next_event_id == 1 && start->request != NULL);
    enum err err = check_request(t, start->request);
    if (err == ERR_OK)
        err = read_timeouts(t, start->request, &timeouts);
    if (err == ERR_OK)
        err = check_versioning_override(t, start->request->versioning_override,
                                        start->request->task_queue->name);
    if (err == ERR_OK)
        err = callbacks_check(t, start->request->n_completion_callbacks,
                              start->request->completion_callbacks, &callbacks);
    if (err != ERR_OK)
        return err;
    fill_run(t, start, &timeouts);
    write_started(t, start, &timeouts, callbacks);
    if (start->signal && (err = engine_signal(t, start->signal)) != ERR_OK)
        return err;
    if (start->parent) /* Spec: the reference schedules a child's first task in a second step */
        run->state_transition_count++;
    if (run->first_task_due_ns == 0) {
        if (is_eager(t, start))
            start_eagerly(t, start->request);
        else
            transition_need_workflow_task(t);
    }
    t->visibility_changed = true;
    t->reply = engine_start_reply(t->arena, run->run_id, run->first_run_id, run->namespace_name,
                                  run->workflow_id, run->status, true);
    return ERR_OK;
}

/* -- links ----------------------------------------------------------------------------------- */

static api_common_link *link_of(struct arena *arena, struct slice namespace_name,
                                struct slice workflow_id, const char *run_id,
                                api_link_workflow_event **out)
{
    api_common_link *link = engine_message(arena, &api_common_link__desc);
    api_link_workflow_event *event = engine_message(arena, &api_link_workflow_event__desc);

    event->namespace_ = arena_str(arena, namespace_name);
    event->workflow_id = arena_str(arena, workflow_id);
    event->run_id = arena_str(arena, slice_str(run_id));
    link->variant_case = TEMPORAL__API__COMMON__V1__LINK__VARIANT_WORKFLOW_EVENT;
    link->workflow_event = event;
    *out = event;
    return link;
}

static api_common_link *link_to_start(struct arena *arena, struct slice namespace_name,
                                      struct slice workflow_id, const char *run_id)
{
    api_link_workflow_event *event;
    api_common_link *link = link_of(arena, namespace_name, workflow_id, run_id, &event);
    api_link_workflow_event_event_reference *ref =
        engine_message(arena, &api_link_workflow_event_event_reference__desc);

    ref->event_id = 1;
    ref->event_type = EVENT_TYPE_WORKFLOW_EXECUTION_STARTED;
    event->reference_case = TEMPORAL__API__COMMON__V1__LINK__WORKFLOW_EVENT__REFERENCE_EVENT_REF;
    event->event_ref = ref;
    return link;
}

api_common_link *run_link_to_request(struct arena *arena, const struct run *run,
                                     const char *request_id, int32_t event_type)
{
    api_link_workflow_event *event;
    api_common_link *link =
        link_of(arena, run->namespace_name, run->workflow_id, run->run_id, &event);
    api_link_workflow_event_request_id_reference *ref =
        engine_message(arena, &api_link_workflow_event_request_id_reference__desc);

    ref->request_id = arena_str(arena, slice_str(request_id));
    ref->event_type = (Temporal__Api__Enums__V1__EventType)event_type;
    event->reference_case =
        TEMPORAL__API__COMMON__V1__LINK__WORKFLOW_EVENT__REFERENCE_REQUEST_ID_REF;
    event->request_id_ref = ref;
    return link;
}

api_common_link *engine_link_to_request(struct transition *t, const char *request_id,
                                        int32_t event_type)
{
    return run_link_to_request(t->arena, t->run, request_id, event_type);
}

struct slice engine_start_reply(struct arena *arena, const char *run_id, const char *first_run_id,
                                struct slice namespace_name, struct slice workflow_id,
                                int32_t status, bool started)
{
    api_start_workflow_execution_response *reply =
        engine_message(arena, &api_start_workflow_execution_response__desc);

    reply->run_id = arena_str(arena, slice_str(run_id));
    reply->first_execution_run_id = arena_str(arena, slice_str(first_run_id));
    reply->started = started;
    reply->status = (Temporal__Api__Enums__V1__WorkflowExecutionStatus)status;
    reply->link = link_to_start(arena, namespace_name, workflow_id, run_id);
    return proto_encode(arena, reply);
}

struct slice engine_signal_with_start_reply(struct arena *arena, const struct run *run,
                                            const char *request_id, bool started)
{
    api_signal_with_start_workflow_execution_response *reply =
        engine_message(arena, &api_signal_with_start_workflow_execution_response__desc);

    reply->run_id = arena_str(arena, slice_str(run->run_id));
    reply->first_execution_run_id = arena_str(arena, slice_str(run->first_run_id));
    reply->started = started;
    reply->signal_link =
        run_link_to_request(arena, run, request_id, EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED);
    return proto_encode(arena, reply);
}
