/* activity_fixture.h - for tests: commands, polls and answers about one activity. */
#ifndef GNOMON_ACTIVITY_FIXTURE_H
#define GNOMON_ACTIVITY_FIXTURE_H

#include "history/engine/step_fixture.h"

struct schedule {
    const char *id;
    int64_t schedule_to_close_ms, schedule_to_start_ms, start_to_close_ms, heartbeat_ms;
    int32_t max_attempts;
    const char *non_retryable;
};

static inline api_command *schedule_command(struct step *s, const struct schedule *schedule)
{
    api_command *command = engine_message(&s->arena, &api_command__desc);
    api_schedule_activity_task_command_attributes *a =
        engine_message(&s->arena, &api_schedule_activity_task_command_attributes__desc);

    a->activity_id = arena_str(&s->arena, slice_str(schedule->id));
    a->activity_type = engine_message(&s->arena, &api_activity_type__desc);
    a->activity_type->name = arena_str(&s->arena, SLICE_LIT("Act"));
    a->task_queue = engine_message(&s->arena, &api_task_queue__desc);
    a->task_queue->name = arena_str(&s->arena, SLICE_LIT("queue"));
    a->input = step_payloads(s, "input");
    a->retry_policy = engine_message(&s->arena, &api_retry_policy__desc);
    a->retry_policy->maximum_attempts = schedule->max_attempts;
    if (schedule->non_retryable) {
        a->retry_policy->n_non_retryable_error_types = 1;
        a->retry_policy->non_retryable_error_types = ARENA_ARRAY(&s->arena, char *, 1);
        a->retry_policy->non_retryable_error_types[0] =
            arena_str(&s->arena, slice_str(schedule->non_retryable));
    }
    if (schedule->schedule_to_close_ms)
        a->schedule_to_close_timeout = step_span(s, schedule->schedule_to_close_ms);
    if (schedule->schedule_to_start_ms)
        a->schedule_to_start_timeout = step_span(s, schedule->schedule_to_start_ms);
    if (schedule->start_to_close_ms)
        a->start_to_close_timeout = step_span(s, schedule->start_to_close_ms);
    if (schedule->heartbeat_ms)
        a->heartbeat_timeout = step_span(s, schedule->heartbeat_ms);
    command->command_type = COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK;
    command->attributes_case = API_COMMAND_ATTRIBUTES_SCHEDULE_ACTIVITY_TASK_COMMAND_ATTRIBUTES;
    command->schedule_activity_task_command_attributes = a;
    return command;
}

static inline int64_t schedule(struct step *s, const struct schedule *schedule)
{
    check_ok(step_command(s, command_schedule_activity, schedule_command(s, schedule)));
    return step_last(s, EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)->event_id;
}

static inline api_command *cancel_command(struct step *s, int64_t scheduled_event_id)
{
    api_command *command = engine_message(&s->arena, &api_command__desc);
    api_request_cancel_activity_task_command_attributes *a =
        engine_message(&s->arena, &api_request_cancel_activity_task_command_attributes__desc);

    a->scheduled_event_id = scheduled_event_id;
    command->command_type = COMMAND_TYPE_REQUEST_CANCEL_ACTIVITY_TASK;
    command->attributes_case =
        API_COMMAND_ATTRIBUTES_REQUEST_CANCEL_ACTIVITY_TASK_COMMAND_ATTRIBUTES;
    command->request_cancel_activity_task_command_attributes = a;
    return command;
}

static inline enum err cancel(struct step *s, int64_t scheduled_event_id)
{
    return step_command(s, command_request_cancel_activity, cancel_command(s, scheduled_event_id));
}

/* As the worker gets it: packed and decoded again. */
static inline api_poll_activity_task_queue_response *received(struct step *s)
{
    api_poll_activity_task_queue_response *r = NULL;

    check(s->t.started_activity != NULL);
    check_ok(proto_decode(&s->arena, &api_poll_activity_task_queue_response__desc,
                          transition_pack(&s->t, s->t.started_activity), &r, NULL));
    return r;
}

/* Start the one waiting task; gives what the worker gets. */
static inline api_poll_activity_task_queue_response *start(struct step *s, struct task_token *token)
{
    struct transition *t = step_begin(s);
    const struct rpc_poll poll = {
        .kind = TASK_ACTIVITY, .poll_id = 1000 + s->row_seq, .identity = SLICE_LIT("worker")};

    check_i64(s->task_count, 1);
    check_ok(engine_start_activity_task(t, &s->tasks[0], &poll));
    api_poll_activity_task_queue_response *r = received(s);
    check_ok(task_token_decode(&s->arena, slice_of(r->task_token.data, r->task_token.len), token));
    step_end(s);
    check_i64(s->task_count, 0);
    return r;
}

static inline enum err complete(struct step *s, const struct task_token *token)
{
    api_respond_activity_task_completed_request request =
        API_RESPOND_ACTIVITY_TASK_COMPLETED_REQUEST_INIT;
    char identity[] = "worker";

    request.identity = identity;
    request.result = step_payloads(s, "result");
    struct transition *t = step_begin(s);
    const enum err err = engine_respond_activity_completed(t, token, &request);
    step_end(s);
    return err;
}

static inline api_failure_failure *application_failure(struct step *s, const char *type)
{
    api_failure_failure *failure = engine_message(&s->arena, &api_failure_failure__desc);
    api_application_failure_info *info =
        engine_message(&s->arena, &api_application_failure_info__desc);

    failure->message = arena_str(&s->arena, SLICE_LIT("boom"));
    failure->failure_info_case = API_FAILURE_FAILURE_INFO_APPLICATION_FAILURE_INFO;
    failure->application_failure_info = info;
    info->type = arena_str(&s->arena, slice_str(type));
    return failure;
}

static inline enum err fail_with(struct step *s, const struct task_token *token,
                                 api_failure_failure *failure)
{
    api_respond_activity_task_failed_request request =
        API_RESPOND_ACTIVITY_TASK_FAILED_REQUEST_INIT;
    char identity[] = "worker";

    request.identity = identity;
    request.failure = failure;
    struct transition *t = step_begin(s);
    const enum err err = engine_respond_activity_failed(t, token, &request);
    step_end(s);
    return err;
}

static inline enum err fail(struct step *s, const struct task_token *token, const char *type)
{
    return fail_with(s, token, application_failure(s, type));
}

static inline enum err answer_canceled(struct step *s, const struct task_token *token)
{
    api_respond_activity_task_canceled_request request =
        API_RESPOND_ACTIVITY_TASK_CANCELED_REQUEST_INIT;

    request.details = step_payloads(s, "stopped");
    struct transition *t = step_begin(s);
    const enum err err = engine_respond_activity_canceled(t, token, &request);
    step_end(s);
    return err;
}

static inline enum err heartbeat(struct step *s, const struct task_token *token,
                                 const char *details, bool *cancel_requested)
{
    api_record_activity_task_heartbeat_request request =
        API_RECORD_ACTIVITY_TASK_HEARTBEAT_REQUEST_INIT;
    api_record_activity_task_heartbeat_response *response = NULL;

    request.details = step_payloads(s, details);
    struct transition *t = step_begin(s);
    const enum err err = engine_record_heartbeat(t, token, &request);
    if (err == ERR_OK) {
        check_ok(proto_decode(&s->arena, &api_record_activity_task_heartbeat_response__desc,
                              t->reply, &response, NULL));
        *cancel_requested = response->cancel_requested;
    }
    step_end(s);
    return err;
}

static inline void fire_at(struct step *s, int64_t now_ns)
{
    s->now_ns = now_ns;
    engine_fire_activities(step_begin(s));
    step_end(s);
}

static inline int64_t next_deadline(const struct step *s, int64_t scheduled_event_id)
{
    const struct activity *activity = run_activity(s->run, scheduled_event_id);

    check(activity != NULL);
    return activity ? activity_deadline_ns(activity) : 0;
}

static inline int64_t span_ms(const pb_duration *span)
{
    return span ? proto_duration_ns_clip(span) / NS_PER_MS : -1;
}

#endif
