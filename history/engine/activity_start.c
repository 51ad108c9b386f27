/* activity_start.c - an activity task meets a worker's poll: record the start, build the task. */
#include "common/proto/wire.h"
#include "history/engine/activity_int.h"

#include <stdlib.h>

static uint64_t draw_start_id(struct rng *rng)
{
    uint64_t id = 0;

    while (id == 0)
        id = rng_u64(rng);
    return id;
}

static void token_write(struct transition *t, const struct activity *activity,
                        ProtobufCBinaryData *out)
{
    struct buf buf;
    const struct task_token token = {
        .kind = TASK_ACTIVITY,
        .namespace_id = t->run->namespace_id,
        .execution_kind = t->run->kind,
        .workflow_id = t->run->workflow_id,
        .run_id = slice_str(t->run->run_id),
        .scheduled_event_id = activity->scheduled_event_id,
        .attempt = activity->attempt,
        .start_id = activity->start_id,
        .activity_id = bytes_slice(activity->activity_id),
    };

    buf_init(&buf, 0);
    task_token_encode(&token, &buf);
    must(buf_ok(&buf));
    out->len = buf.len;
    out->data = arena_alloc(t->arena, buf.len);
    memcpy(out->data, buf.ptr, buf.len);
    buf_release(&buf);
}

static api_poll_activity_task_queue_response *task_for_worker(struct transition *t,
                                                              const struct activity *activity)
{
    const struct run *run = t->run;
    struct arena *arena = t->arena;
    api_poll_activity_task_queue_response *r =
        ARENA_NEW(arena, api_poll_activity_task_queue_response);
    api_workflow_type *workflow_type = ARENA_NEW(arena, api_workflow_type);
    api_common_workflow_execution *execution = ARENA_NEW(arena, api_common_workflow_execution);
    api_activity_type *activity_type = ARENA_NEW(arena, api_activity_type);

    *r = (api_poll_activity_task_queue_response)API_POLL_ACTIVITY_TASK_QUEUE_RESPONSE_INIT;
    *workflow_type = (api_workflow_type)API_WORKFLOW_TYPE_INIT;
    *execution = (api_common_workflow_execution)API_COMMON_WORKFLOW_EXECUTION_INIT;
    *activity_type = (api_activity_type)API_ACTIVITY_TYPE_INIT;
    workflow_type->name = transition_str(t, run->workflow_type);
    execution->workflow_id = transition_str(t, run->workflow_id);
    execution->run_id = transition_str(t, slice_str(run->run_id));
    activity_type->name = transition_str(t, bytes_slice(activity->activity_type));

    token_write(t, activity, &r->task_token);
    r->workflow_namespace = transition_str(t, run->namespace_name);
    r->workflow_type = workflow_type;
    r->workflow_execution = execution;
    r->activity_type = activity_type;
    r->activity_id = transition_str(t, bytes_slice(activity->activity_id));
    r->scheduled_time = transition_timestamp(t, activity->first_scheduled_ns);
    r->current_attempt_scheduled_time = transition_timestamp(t, activity->scheduled_ns);
    r->started_time = transition_timestamp(t, activity->started_ns);
    r->attempt = activity->attempt;
    /* Spec: whatever the time-outs are by now, the worker is told those of the event. */
    const api_activity_options *options = activity_event_options(arena, activity);
    r->schedule_to_close_timeout = options->schedule_to_close_timeout;
    r->start_to_close_timeout = options->start_to_close_timeout;
    r->heartbeat_timeout = options->heartbeat_timeout;
    r->retry_policy = activity_retry_policy(arena, activity);
    r->priority = activity_effective_priority(arena, run, activity);
    message_splice(arena, &r->base, FIELD_POLL_HEADER, bytes_slice(activity->header));
    message_splice(arena, &r->base, FIELD_POLL_INPUT, bytes_slice(activity->input));
    if (activity->header_empty)
        message_splice_empty(arena, &r->base, FIELD_POLL_HEADER);
    if (activity->input_empty)
        message_splice_empty(arena, &r->base, FIELD_POLL_INPUT);
    activity_splice_details(activity, arena, &r->base, FIELD_POLL_HEARTBEAT_DETAILS);
    return r;
}

static void start_activity(struct transition *t, struct activity *activity, uint64_t poll_id,
                           struct slice identity)
{
    activity_task_drop(t, activity);
    activity->state = ACTIVITY_STARTED;
    activity->started_ns = t->now_ns;
    activity->start_id = draw_start_id(t->rng);
    activity->poll_id = poll_id;
    bytes_set(&activity->identity, identity);
    run_activity_changed(t->run, activity);
}

enum err engine_start_activity_task(struct transition *t, const struct rpc_task *task,
                                    const struct rpc_poll *poll)
{
    struct activity *activity = run_activity(t->run, task->scheduled_event_id);

    if (!run_is_open(t->run) || !activity)
        return ERR_STALE;
    if (activity->state == ACTIVITY_STARTED) { /* by that poll; its attempt may be reset since */
        if (activity->poll_id != poll->poll_id)
            return ERR_STALE;
        t->started_activity = task_for_worker(t, activity);
        return ERR_OK;
    }
    if (activity->row_seq == 0 || activity->row_seq != task->row_seq ||
        activity->attempt != task->attempt)
        return ERR_STALE;

    start_activity(t, activity, poll->poll_id, poll->identity);
    t->started_activity = task_for_worker(t, activity);
    return ERR_OK;
}

enum err engine_unstart_activity_task(struct transition *t, const struct task_token *token)
{
    struct activity *activity = run_activity(t->run, token->scheduled_event_id);

    if (!run_is_open(t->run) || !activity || activity->state != ACTIVITY_STARTED ||
        activity->start_id != token->start_id)
        return ERR_STALE;
    activity->state = ACTIVITY_SCHEDULED;
    activity->started_ns = 0;
    activity->start_id = activity->poll_id = 0;
    bytes_clear(&activity->identity);
    if (activity->paused_ns == 0)
        activity_task_add(t, activity);
    else
        run_activity_changed(t->run, activity);
    return ERR_OK;
}

/* Between two steps every scheduled activity that may be dispatched has a task row: one without is
 * eager. */
void engine_start_eager_activities(struct transition *t, uint64_t poll_id, struct slice identity,
                                   api_respond_workflow_task_completed_response *out)
{
    const struct map *activities = &t->run->activities;
    size_t count = 0;

    if (t->wft_completed && !t->eager_asked)
        return; /* else a repeated answer may be one that got some */
    struct activity **eager = ARENA_ARRAY(t->arena, struct activity *, activities->count + 1);
    for (struct map_node *node = map_next(activities, NULL); node;
         node = map_next(activities, node)) {
        struct activity *activity = CONTAINER_OF(node, struct activity, node);

        if (activity->state == ACTIVITY_STARTED
                ? activity->poll_id == poll_id
                : activity->state == ACTIVITY_SCHEDULED && activity->row_seq == 0 &&
                      activity->paused_ns == 0 && !activity->held)
            eager[count++] = activity;
    }
    if (count == 0)
        return;
    qsort(eager, count, sizeof *eager, activity_by_event_id);
    out->n_activity_tasks = count;
    out->activity_tasks = ARENA_ARRAY(t->arena, api_poll_activity_task_queue_response *, count);
    for (size_t i = 0; i < count; i++) {
        if (eager[i]->state != ACTIVITY_STARTED)
            start_activity(t, eager[i], poll_id, identity);
        out->activity_tasks[i] = task_for_worker(t, eager[i]);
        /* Spec: an eager task names the activity's own priority, without its workflow's. */
        out->activity_tasks[i]->priority =
            activity_priority(t->arena, bytes_slice(eager[i]->priority));
    }
}
