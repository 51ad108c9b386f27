/* activity_test.c - activities from command to close event, on a fake clock, over the real steps.
 */
#include "history/engine/step_fixture.h"

/* -- helpers -------------------------------------------------------------------------------- */

struct schedule {
    const char *id;
    int64_t schedule_to_close_ms, schedule_to_start_ms, start_to_close_ms, heartbeat_ms;
    int32_t max_attempts;
    const char *non_retryable;
};

static api_command *schedule_command(struct step *s, const struct schedule *schedule)
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

static int64_t schedule(struct step *s, const struct schedule *schedule)
{
    check_ok(step_command(s, command_schedule_activity, schedule_command(s, schedule)));
    return step_last(s, EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)->event_id;
}

static enum err cancel(struct step *s, int64_t scheduled_event_id)
{
    api_command *command = engine_message(&s->arena, &api_command__desc);
    api_request_cancel_activity_task_command_attributes *a =
        engine_message(&s->arena, &api_request_cancel_activity_task_command_attributes__desc);

    a->scheduled_event_id = scheduled_event_id;
    command->command_type = COMMAND_TYPE_REQUEST_CANCEL_ACTIVITY_TASK;
    command->attributes_case =
        API_COMMAND_ATTRIBUTES_REQUEST_CANCEL_ACTIVITY_TASK_COMMAND_ATTRIBUTES;
    command->request_cancel_activity_task_command_attributes = a;
    return step_command(s, command_request_cancel_activity, command);
}

/* As the worker gets it: packed and decoded again. */
static api_poll_activity_task_queue_response *received(struct step *s)
{
    api_poll_activity_task_queue_response *r = NULL;

    check(s->t.started_activity != NULL);
    check_ok(proto_decode(&s->arena, &api_poll_activity_task_queue_response__desc,
                          transition_pack(&s->t, s->t.started_activity), &r, NULL));
    return r;
}

/* Start the one waiting task; gives what the worker gets. */
static api_poll_activity_task_queue_response *start(struct step *s, struct task_token *token)
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

static enum err complete(struct step *s, const struct task_token *token)
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

static api_failure_failure *application_failure(struct step *s, const char *type)
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

static enum err fail_with(struct step *s, const struct task_token *token,
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

static enum err fail(struct step *s, const struct task_token *token, const char *type)
{
    return fail_with(s, token, application_failure(s, type));
}

static enum err answer_canceled(struct step *s, const struct task_token *token)
{
    api_respond_activity_task_canceled_request request =
        API_RESPOND_ACTIVITY_TASK_CANCELED_REQUEST_INIT;

    request.details = step_payloads(s, "stopped");
    struct transition *t = step_begin(s);
    const enum err err = engine_respond_activity_canceled(t, token, &request);
    step_end(s);
    return err;
}

static enum err heartbeat(struct step *s, const struct task_token *token, const char *details,
                          bool *cancel_requested)
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

static void fire_at(struct step *s, int64_t now_ns)
{
    s->now_ns = now_ns;
    engine_fire_activities(step_begin(s));
    step_end(s);
}

static int64_t next_deadline(const struct step *s, int64_t scheduled_event_id)
{
    const struct activity *activity = run_activity(s->run, scheduled_event_id);

    check(activity != NULL);
    return activity ? activity_deadline_ns(activity) : 0;
}

static int64_t span_ms(const pb_duration *span)
{
    return span ? proto_duration_ns_clip(span) / NS_PER_MS : -1;
}

/* -- commands ------------------------------------------------------------------------------- */

TEST(activity_schedule_fills_in_timeouts)
{
    static const struct {
        int64_t run_ms;
        struct schedule given;
        int64_t schedule_to_close, schedule_to_start, start_to_close, heartbeat;
    } cases[] = {
        {0, {"a", 5000, 0, 0, 0, 0, NULL}, 5000, 5000, 5000, 0},
        {0, {"a", 5000, 9000, 9000, 9000, 0, NULL}, 5000, 5000, 5000, 5000},
        {0, {"a", 5000, 1000, 2000, 500, 0, NULL}, 5000, 1000, 2000, 500},
        {0, {"a", 0, 0, 2000, 3000, 0, NULL}, 0, 0, 2000, 2000},
        {0, {"a", 0, 700, 2000, 0, 0, NULL}, 0, 700, 2000, 0},
        {1500, {"a", 0, 0, 2000, 0, 0, NULL}, 1500, 1500, 1500, 0},
        {1500, {"a", 5000, 1000, 0, 1700, 0, NULL}, 1500, 1000, 1500, 1500},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct step s;

        step_init(&s);
        s.run->run_timeout_ns = cases[i].run_ms * NS_PER_MS;
        schedule(&s, &cases[i].given);
        const api_activity_task_scheduled_event_attributes *a =
            step_last(&s, EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)
                ->activity_task_scheduled_event_attributes;
        check_i64(span_ms(a->schedule_to_close_timeout), cases[i].schedule_to_close);
        check_i64(span_ms(a->schedule_to_start_timeout), cases[i].schedule_to_start);
        check_i64(span_ms(a->start_to_close_timeout), cases[i].start_to_close);
        check_i64(span_ms(a->heartbeat_timeout), cases[i].heartbeat);
        check_i64(a->workflow_task_completed_event_id, STEP_COMPLETED_EVENT);
        check_i64(a->task_queue->kind, TASK_QUEUE_KIND_NORMAL);
        check_i64(span_ms(a->retry_policy->initial_interval), 1000);
        check_i64(span_ms(a->retry_policy->maximum_interval), 100000);
        check(a->retry_policy->backoff_coefficient > 1.99);
        check(a->retry_policy->backoff_coefficient < 2.01);
        check_i64(a->retry_policy->maximum_attempts, 0);
        check_slice(step_payloads_text(a->input), SLICE_LIT("\"input\""));
        check_i64(s.task_count, 1);
        check_i64(s.tasks[0].priority, 3);
        check_i64(s.tasks[0].attempt, 1);
        step_release(&s);
    }
}

typedef api_schedule_activity_task_command_attributes attributes;
static void no_queue(struct step *s, attributes *a)
{
    UNUSED(s);
    a->task_queue = NULL;
}
static void no_queue_name(struct step *s, attributes *a)
{
    a->task_queue->name = arena_str(&s->arena, SLICE_EMPTY);
}
static void no_id(struct step *s, attributes *a)
{
    a->activity_id = arena_str(&s->arena, SLICE_EMPTY);
}
static void no_type(struct step *s, attributes *a)
{
    UNUSED(s);
    a->activity_type = NULL;
}
static void long_id(struct step *s, attributes *a)
{
    char *id = arena_alloc(&s->arena, 1002);

    memset(id, 'x', 1001);
    id[1001] = '\0';
    a->activity_id = id;
}
static void no_timeouts(struct step *s, attributes *a)
{
    UNUSED(s);
    a->start_to_close_timeout = NULL;
}
static void negative_timeout(struct step *s, attributes *a)
{
    a->heartbeat_timeout = step_span(s, -1);
}
static void mixed_timeout(struct step *s, attributes *a)
{
    a->schedule_to_close_timeout = step_span(s, 1000);
    a->schedule_to_close_timeout->nanos = -1;
}
static void small_coefficient(struct step *s, attributes *a)
{
    UNUSED(s);
    a->retry_policy->backoff_coefficient = 0.5;
}
static void small_max_interval(struct step *s, attributes *a)
{
    a->retry_policy->maximum_interval = step_span(s, 10);
}
static void negative_attempts(struct step *s, attributes *a)
{
    UNUSED(s);
    a->retry_policy->maximum_attempts = -1;
}
static void bad_timeout_type(struct step *s, attributes *a)
{
    a->retry_policy->n_non_retryable_error_types = 1;
    a->retry_policy->non_retryable_error_types = ARENA_ARRAY(&s->arena, char *, 1);
    a->retry_policy->non_retryable_error_types[0] =
        arena_str(&s->arena, SLICE_LIT("TemporalTimeout:Never"));
}
static void negative_priority(struct step *s, attributes *a)
{
    a->priority = engine_message(&s->arena, &api_priority__desc);
    a->priority->priority_key = -1;
}

TEST(activity_schedule_refuses_bad_attributes)
{
    static const struct {
        void (*spoil)(struct step *, attributes *);
        const char *text;
    } cases[] = {
        {no_queue, "taskQueue is not set"},
        {no_queue_name, "missing task queue name"},
        {no_id, "activityId is not set"},
        {no_type, "activityType is not set"},
        {long_id, "activityId exceeds length limit. Length=1001 Limit=1000"},
        {no_timeouts, "a valid StartToCloseTimeout or ScheduleToCloseTimeout must be set on the "
                      "activity. ActivityId=a ActivityType=Act"},
        {negative_timeout, "invalid HeartbeatTimeout: negative duration"},
        {mixed_timeout, "invalid ScheduleToCloseTimeout: duration has seconds and nanos with "
                        "different signs"},
        {small_coefficient, "BackoffCoefficient cannot be less than 1 on retry policy."},
        {small_max_interval,
         "MaximumInterval cannot be less than InitialInterval on retry policy."},
        {negative_attempts, "MaximumAttempts cannot be negative on retry policy."},
        {bad_timeout_type, "Invalid timeout type value: Never."},
        {negative_priority, "invalid priorities: priority key can't be negative"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct step s;

        step_init(&s);
        api_command *command =
            schedule_command(&s, &(struct schedule){.id = "a", .start_to_close_ms = 1000});
        cases[i].spoil(&s, command->schedule_activity_task_command_attributes);
        check_err(step_command(&s, command_schedule_activity, command), ERR_INVALID);
        check_str(s.detail.text,
                  arena_printf(&s.arena, "BadScheduleActivityAttributes: %s", cases[i].text));
        check_i64(s.ctx.cause, WORKFLOW_TASK_FAILED_CAUSE_BAD_SCHEDULE_ACTIVITY_ATTRIBUTES);
        check_i64(s.event_count, 0);
        check_i64(s.run->activities.count, 0);
        step_release(&s);
    }
}

TEST(activity_schedule_refuses_duplicates_and_too_many)
{
    struct step s;
    struct engine_limits limits = engine_limits_default;
    const struct schedule one = {.id = "a", .start_to_close_ms = 1000};

    step_init(&s);
    schedule(&s, &one);
    check_err(step_command(&s, command_schedule_activity, schedule_command(&s, &one)), ERR_INVALID);
    check_i64(s.ctx.cause, WORKFLOW_TASK_FAILED_CAUSE_SCHEDULE_ACTIVITY_DUPLICATE_ID);
    check_str(s.detail.text, "ScheduleActivityDuplicateId: invalid history builder state for "
                             "action: add-activitytask-scheduled-event, ActivityID: a");

    const struct schedule other = {.id = "b", .start_to_close_ms = 1000};
    struct transition *t = step_begin(&s);
    limits.pending_activities_max = 1;
    t->limits = &limits;
    t->commands_running = true;
    check_err(command_schedule_activity(t, &s.ctx, schedule_command(&s, &other)), ERR_INVALID);
    check_i64(s.ctx.cause, WORKFLOW_TASK_FAILED_CAUSE_PENDING_ACTIVITIES_LIMIT_EXCEEDED);
    check_str(s.detail.text, "PendingActivitiesLimitExceeded: the number of pending activities, 1, "
                             "has reached the per-workflow limit of 1");
    step_end(&s);
    step_release(&s);
}

/* -- start and answers ---------------------------------------------------------------------- */

TEST(activity_start_gives_the_worker_everything)
{
    struct step s;
    struct task_token token;

    step_init(&s);
    api_command *command = schedule_command(
        &s, &(struct schedule){.id = "a", .schedule_to_close_ms = 9000, .heartbeat_ms = 100});
    api_priority *priority = engine_message(&s.arena, &api_priority__desc);
    priority->priority_key = 1;
    command->schedule_activity_task_command_attributes->priority = priority;
    check_ok(step_command(&s, command_schedule_activity, command));
    check_i64(s.tasks[0].priority, 1);
    const struct rpc_task task = s.tasks[0];

    s.now_ns += NS_PER_S;
    const api_poll_activity_task_queue_response *r = start(&s, &token);
    check_str(r->activity_id, "a");
    check_str(r->activity_type->name, "Act");
    check_str(r->workflow_namespace, "default");
    check_str(r->workflow_type->name, "Flow");
    check_str(r->workflow_execution->workflow_id, "wf");
    check_str(r->workflow_execution->run_id, s.run->run_id);
    check_slice(step_payloads_text(r->input), SLICE_LIT("\"input\""));
    check(r->heartbeat_details == NULL);
    check_i64(r->attempt, 1);
    check_i64(step_ns(r->scheduled_time), 1000 * NS_PER_S);
    check_i64(step_ns(r->current_attempt_scheduled_time), 1000 * NS_PER_S);
    check_i64(step_ns(r->started_time), 1001 * NS_PER_S);
    check_i64(span_ms(r->schedule_to_close_timeout), 9000);
    check_i64(span_ms(r->start_to_close_timeout), 9000);
    check_i64(span_ms(r->heartbeat_timeout), 100);
    check_i64(span_ms(r->retry_policy->initial_interval), 1000);
    check_i64(r->priority->priority_key, 1);
    check_slice(token.activity_id, SLICE_LIT("a"));
    check_slice(token.run_id, slice_str(s.run->run_id));
    check_i64(token.scheduled_event_id, STEP_FIRST_EVENT);
    check(token.start_id != 0);
    check_i64(s.event_count, 1); /* Started is held back */

    const uint64_t poll_id = run_activity(s.run, STEP_FIRST_EVENT)->poll_id;
    const struct rpc_poll again = {.poll_id = poll_id}, other = {.poll_id = poll_id + 1};
    struct task_token second;
    check_ok(engine_start_activity_task(step_begin(&s), &task, &again));
    r = received(&s);
    check_ok(task_token_decode(&s.arena, slice_of(r->task_token.data, r->task_token.len), &second));
    check(second.start_id == token.start_id);
    step_end(&s);
    check_err(engine_start_activity_task(step_begin(&s), &task, &other), ERR_STALE);
    step_end(&s);
    step_release(&s);
}

TEST(activity_start_refuses_tasks_that_are_gone)
{
    struct step s;
    const struct rpc_poll poll = {.poll_id = 5};

    step_init(&s);
    schedule(&s, &(struct schedule){.id = "a", .start_to_close_ms = 1000});
    struct rpc_task wrong[] = {s.tasks[0], s.tasks[0], s.tasks[0]};
    wrong[0].attempt = 2;
    wrong[1].row_seq++;
    wrong[2].scheduled_event_id++;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        check_err(engine_start_activity_task(step_begin(&s), &wrong[i], &poll), ERR_STALE);
        step_end(&s);
    }
    step_release(&s);
}

TEST(activity_completion_writes_started_and_completed)
{
    struct step s;
    struct task_token token;

    step_init(&s);
    const int64_t id = schedule(&s, &(struct schedule){.id = "a", .start_to_close_ms = 1000});
    s.now_ns += NS_PER_MS;
    start(&s, &token);
    s.now_ns += NS_PER_MS;
    check_ok(complete(&s, &token));

    const api_history_event *started = step_event(&s, 2), *completed = step_event(&s, 1);
    check_i64(started->event_type, EVENT_TYPE_ACTIVITY_TASK_STARTED);
    check_i64(step_ns(started->event_time), 1000 * NS_PER_S + NS_PER_MS);
    check_i64(started->activity_task_started_event_attributes->scheduled_event_id, id);
    check_i64(started->activity_task_started_event_attributes->attempt, 1);
    check_str(started->activity_task_started_event_attributes->identity, "worker");
    check_i64(strlen(started->activity_task_started_event_attributes->request_id), UUID_TEXT_LEN);
    check_i64(completed->event_type, EVENT_TYPE_ACTIVITY_TASK_COMPLETED);
    const api_activity_task_completed_event_attributes *a =
        completed->activity_task_completed_event_attributes;
    check_i64(a->scheduled_event_id, id);
    check_i64(a->started_event_id, started->event_id);
    check_slice(step_payloads_text(a->result), SLICE_LIT("\"result\""));
    check_i64(step_event(&s, 0)->event_type, EVENT_TYPE_WORKFLOW_TASK_SCHEDULED);
    check_i64(s.run->activities.count, 0);

    const size_t events = s.event_count;
    check_ok(complete(&s, &token)); /* the reply was lost */
    check_i64(s.event_count, events);
    step_release(&s);
}

TEST(activity_answers_of_another_start_are_refused)
{
    static const char text[] = "invalid activityID or activity already timed out or invoking "
                               "workflow is completed";
    struct step s;
    struct task_token token;
    bool cancel_requested = false;

    step_init(&s);
    schedule(&s, &(struct schedule){.id = "a", .start_to_close_ms = 1000});
    start(&s, &token);
    struct task_token wrong[] = {token, token, token};
    wrong[0].start_id++;
    wrong[1].attempt++;
    wrong[2].scheduled_event_id++;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        check_err(complete(&s, &wrong[i]), ERR_NOT_FOUND);
        check_str(s.detail.text, text);
        check_err(fail(&s, &wrong[i], "E"), ERR_NOT_FOUND);
        check_str(s.detail.text, text);
        check_err(answer_canceled(&s, &wrong[i]), ERR_NOT_FOUND);
        check_str(s.detail.text, text);
        check_err(heartbeat(&s, &wrong[i], "x", &cancel_requested), ERR_NOT_FOUND);
        check_str(s.detail.text, text);
    }
    s.run->close_ns = s.now_ns;
    check_err(complete(&s, &token), ERR_NOT_FOUND);
    check_str(s.detail.text, "workflow execution already completed");
    s.run->close_ns = 0;
    step_release(&s);
}

TEST(activity_is_found_by_its_id)
{
    struct step s;
    struct task_token by_id = {.kind = TASK_ACTIVITY, .activity_id = SLICE_LIT("nobody")};

    step_init(&s);
    const int64_t id = schedule(&s, &(struct schedule){.id = "a", .start_to_close_ms = 1000});
    check_err(complete(&s, &by_id), ERR_NOT_FOUND);
    check_str(s.detail.text, "cannot find pending activity with ActivityID nobody, check workflow "
                             "execution history for more details");
    by_id.activity_id = SLICE_EMPTY;
    check_err(complete(&s, &by_id), ERR_INVALID);
    check_str(s.detail.text, "activityID cannot be empty");

    by_id.activity_id = SLICE_LIT("a");
    check_err(fail(&s, &by_id, "E"), ERR_NOT_FOUND); /* it has not started */
    check_ok(complete(&s, &by_id));                  /* but may be completed */
    const api_history_event *started = step_last(&s, EVENT_TYPE_ACTIVITY_TASK_STARTED);
    check_i64(started->activity_task_started_event_attributes->scheduled_event_id, id);
    check_i64(step_last(&s, EVENT_TYPE_ACTIVITY_TASK_COMPLETED)
                  ->activity_task_completed_event_attributes->started_event_id,
              started->event_id);
    check_i64(s.task_count, 0);
    step_release(&s);
}

/* -- retries -------------------------------------------------------------------------------- */

TEST(activity_retries_back_off)
{
    static const int64_t intervals_ms[] = {1000,  2000,  4000,   8000,  16000,
                                           32000, 64000, 100000, 100000};
    struct step s;
    struct task_token token, before;

    step_init(&s);
    const int64_t id = schedule(&s, &(struct schedule){.id = "a",
                                                       .start_to_close_ms = 1000,
                                                       .max_attempts = COUNT_OF(intervals_ms) + 1});
    for (size_t i = 0; i < COUNT_OF(intervals_ms); i++) {
        const api_poll_activity_task_queue_response *r = start(&s, &token);

        check_i64(r->attempt, i + 1);
        check_i64(step_ns(r->scheduled_time), 1000 * NS_PER_S);
        check_i64(step_ns(r->current_attempt_scheduled_time), s.now_ns);
        check_ok(fail(&s, &token, "E"));
        check_i64(s.event_count, 1);
        check_i64(s.task_count, 0);
        check_i64(next_deadline(&s, id), s.now_ns + intervals_ms[i] * NS_PER_MS);
        check_err(complete(&s, &token), ERR_OK); /* already answered */
        check_i64(s.event_count, 1);
        const int64_t due_ns = next_deadline(&s, id);
        fire_at(&s, due_ns - 1);
        check_i64(s.task_count, 0); /* never early */
        fire_at(&s, due_ns);
        check_i64(s.task_count, 1);
        check_i64(s.tasks[0].attempt, i + 2);
        before = token;
    }
    start(&s, &token);
    check(token.start_id != before.start_id);
    check_ok(fail(&s, &token, "E"));
    const api_activity_task_failed_event_attributes *a =
        step_last(&s, EVENT_TYPE_ACTIVITY_TASK_FAILED)->activity_task_failed_event_attributes;
    check_i64(a->retry_state, RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED);
    check_str(a->failure->message, "boom");
    const api_activity_task_started_event_attributes *started =
        step_last(&s, EVENT_TYPE_ACTIVITY_TASK_STARTED)->activity_task_started_event_attributes;
    check_i64(started->attempt, COUNT_OF(intervals_ms) + 1);
    must(started->last_failure != NULL);
    check_str(started->last_failure->message, "boom");
    step_release(&s);
}

TEST(activity_failures_that_end_it)
{
    static const struct {
        const char *name, *type;
        struct schedule schedule;
        int64_t delay_ms; /* the worker's wish; -1: none */
        bool non_retryable, cancel;
        int32_t want;
        int64_t want_after_ms;
    } cases[] = {
        {"retried",
         "E",
         {.id = "a", .start_to_close_ms = 9000},
         -1,
         false,
         false,
         RETRY_STATE_IN_PROGRESS,
         1000},
        {"flagged",
         "E",
         {.id = "a", .start_to_close_ms = 9000},
         -1,
         true,
         false,
         RETRY_STATE_NON_RETRYABLE_FAILURE,
         0},
        {"listed",
         "E",
         {.id = "a", .start_to_close_ms = 9000, .non_retryable = "E"},
         -1,
         false,
         false,
         RETRY_STATE_NON_RETRYABLE_FAILURE,
         0},
        {"another listed",
         "E",
         {.id = "a", .start_to_close_ms = 9000, .non_retryable = "F"},
         -1,
         false,
         false,
         RETRY_STATE_IN_PROGRESS,
         1000},
        {"one attempt",
         "E",
         {.id = "a", .start_to_close_ms = 9000, .max_attempts = 1},
         -1,
         false,
         false,
         RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED,
         0},
        {"no time left",
         "E",
         {.id = "a", .schedule_to_close_ms = 999},
         -1,
         false,
         false,
         RETRY_STATE_TIMEOUT,
         0},
        {"just enough time",
         "E",
         {.id = "a", .schedule_to_close_ms = 1000},
         -1,
         false,
         false,
         RETRY_STATE_IN_PROGRESS,
         1000},
        {"own delay",
         "E",
         {.id = "a", .start_to_close_ms = 9000},
         500000,
         false,
         false,
         RETRY_STATE_IN_PROGRESS,
         500000},
        {"own delay too long",
         "E",
         {.id = "a", .schedule_to_close_ms = 9000},
         9001,
         false,
         false,
         RETRY_STATE_TIMEOUT,
         0},
        {"canceled",
         "E",
         {.id = "a", .start_to_close_ms = 9000},
         -1,
         false,
         true,
         RETRY_STATE_CANCEL_REQUESTED,
         0},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct step s;
        struct task_token token;

        step_init(&s);
        const int64_t id = schedule(&s, &cases[i].schedule);
        start(&s, &token);
        if (cases[i].cancel)
            check_ok(cancel(&s, id));
        api_failure_failure *failure = application_failure(&s, cases[i].type);
        failure->application_failure_info->non_retryable = cases[i].non_retryable;
        if (cases[i].delay_ms >= 0)
            failure->application_failure_info->next_retry_delay = step_span(&s, cases[i].delay_ms);
        check_ok(fail_with(&s, &token, failure));
        if (cases[i].want == RETRY_STATE_IN_PROGRESS) {
            check_i64_at(__FILE__, __LINE__, cases[i].name,
                         run_activity(s.run, id)->scheduled_ns - s.now_ns,
                         cases[i].want_after_ms * NS_PER_MS);
            check_i64(run_activity(s.run, id)->attempt, 2);
        } else {
            check_i64_at(__FILE__, __LINE__, cases[i].name,
                         step_last(&s, EVENT_TYPE_ACTIVITY_TASK_FAILED)
                             ->activity_task_failed_event_attributes->retry_state,
                         cases[i].want);
            check_i64(s.run->activities.count, 0);
        }
        step_release(&s);
    }
}

/* -- time-outs ------------------------------------------------------------------------------ */

TEST(activity_timeouts_close_with_their_kind)
{
    static const struct {
        const char *name;
        struct schedule schedule;
        bool starts;
        int64_t due_ms;
        int32_t type, retry_state;
        const char *message;
    } cases[] = {
        {"schedule to start is not retried",
         {.id = "a", .schedule_to_start_ms = 300, .start_to_close_ms = 1000},
         false,
         300,
         TIMEOUT_TYPE_SCHEDULE_TO_START,
         RETRY_STATE_TIMEOUT,
         "activity ScheduleToStart timeout"},
        {"schedule to close before the start",
         {.id = "a", .schedule_to_close_ms = 400, .schedule_to_start_ms = 0},
         false,
         400,
         TIMEOUT_TYPE_SCHEDULE_TO_START,
         RETRY_STATE_TIMEOUT,
         "activity ScheduleToStart timeout"},
        {"start to close, last attempt",
         {.id = "a", .start_to_close_ms = 700, .max_attempts = 1},
         true,
         700,
         TIMEOUT_TYPE_START_TO_CLOSE,
         RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED,
         "activity StartToClose timeout"},
        {"heartbeat, last attempt",
         {.id = "a", .start_to_close_ms = 700, .heartbeat_ms = 200, .max_attempts = 1},
         true,
         200,
         TIMEOUT_TYPE_HEARTBEAT,
         RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED,
         "activity Heartbeat timeout"},
        {"heartbeat, listed",
         {.id = "a",
          .start_to_close_ms = 700,
          .heartbeat_ms = 200,
          .non_retryable = "TemporalTimeout:Heartbeat"},
         true,
         200,
         TIMEOUT_TYPE_HEARTBEAT,
         RETRY_STATE_NON_RETRYABLE_FAILURE,
         "activity Heartbeat timeout"},
        {"start to close without time for another attempt",
         {.id = "a", .schedule_to_close_ms = 900, .start_to_close_ms = 500},
         true,
         500,
         TIMEOUT_TYPE_SCHEDULE_TO_CLOSE,
         RETRY_STATE_TIMEOUT,
         "Not enough time to schedule next retry before activity ScheduleToClose timeout, giving "
         "up "
         "retrying"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct step s;
        struct task_token token;

        step_init(&s);
        const int64_t id = schedule(&s, &cases[i].schedule);
        if (cases[i].starts)
            start(&s, &token);
        const int64_t due_ns = s.now_ns + cases[i].due_ms * NS_PER_MS;
        check_i64_at(__FILE__, __LINE__, cases[i].name, next_deadline(&s, id), due_ns);
        fire_at(&s, due_ns - 1);
        check_i64(s.event_count, 1);
        fire_at(&s, due_ns);
        const api_activity_task_timed_out_event_attributes *a =
            step_last(&s, EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT)
                ->activity_task_timed_out_event_attributes;
        check_i64(a->scheduled_event_id, id);
        check_i64(a->started_event_id,
                  cases[i].starts ? step_last(&s, EVENT_TYPE_ACTIVITY_TASK_STARTED)->event_id : 0);
        check_i64_at(__FILE__, __LINE__, cases[i].name, a->retry_state, cases[i].retry_state);
        check_i64(a->failure->timeout_failure_info->timeout_type, cases[i].type);
        check_str(a->failure->message, cases[i].message);
        check_str(a->failure->source, "Server");
        check(a->failure->cause == NULL);
        check_i64(step_event(&s, 0)->event_type, EVENT_TYPE_WORKFLOW_TASK_SCHEDULED);
        check_i64(s.run->activities.count, 0);
        check_i64(s.task_count, 0);
        if (cases[i].starts) {
            check_err(complete(&s, &token), ERR_NOT_FOUND); /* a timed out start is not answered */
        }
        step_release(&s);
    }
}

TEST(activity_timeouts_are_retried_and_nest_their_cause)
{
    struct step s;
    struct task_token token;
    bool cancel_requested = false;

    step_init(&s);
    const int64_t id = schedule(
        &s, &(struct schedule){
                .id = "a", .start_to_close_ms = 5000, .heartbeat_ms = 500, .max_attempts = 3});
    start(&s, &token);
    s.now_ns += 400 * NS_PER_MS;
    check_ok(heartbeat(&s, &token, "half", &cancel_requested));
    check(!cancel_requested);
    check_i64(next_deadline(&s, id), s.now_ns + 500 * NS_PER_MS);
    fire_at(&s, s.now_ns + 500 * NS_PER_MS); /* attempt 1: no heartbeat */
    check_i64(s.event_count, 1);
    check_i64(next_deadline(&s, id), s.now_ns + NS_PER_S);
    fire_at(&s, s.now_ns + NS_PER_S);

    const api_poll_activity_task_queue_response *r = start(&s, &token);
    check_i64(r->attempt, 2);
    check_slice(step_payloads_text(r->heartbeat_details), SLICE_LIT("\"half\""));
    check_ok(fail(&s, &token, "E")); /* attempt 2: its own failure */
    fire_at(&s, next_deadline(&s, id));
    start(&s, &token);
    s.now_ns += 500 * NS_PER_MS;
    check_ok(heartbeat(&s, &token, "most", &cancel_requested));
    fire_at(&s, s.now_ns + 500 * NS_PER_MS); /* attempt 3, the last */

    const api_activity_task_timed_out_event_attributes *a =
        step_last(&s, EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT)->activity_task_timed_out_event_attributes;
    check_str(a->failure->message, "activity Heartbeat timeout");
    check_i64(a->retry_state, RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED);
    check_slice(step_payloads_text(a->failure->timeout_failure_info->last_heartbeat_details),
                SLICE_LIT("\"most\""));
    must(a->failure->cause != NULL);
    check_str(a->failure->cause->message, "boom");
    const api_activity_task_started_event_attributes *started =
        step_last(&s, EVENT_TYPE_ACTIVITY_TASK_STARTED)->activity_task_started_event_attributes;
    check_i64(started->attempt, 3);
    check_str(started->last_failure->message, "boom");
    step_release(&s);
}

TEST(activity_schedule_to_close_ends_a_back_off)
{
    struct step s;
    struct task_token token;

    step_init(&s);
    const int64_t id = schedule(&s, &(struct schedule){.id = "a", .schedule_to_close_ms = 2500});
    start(&s, &token);
    check_ok(fail(&s, &token, "E"));
    const int64_t close_ns = s.now_ns + 2500 * NS_PER_MS;
    fire_at(&s, next_deadline(&s, id)); /* the back-off ends after 1 s */
    check_i64(s.task_count, 1);
    check_i64(next_deadline(&s, id), close_ns); /* nobody polls */
    fire_at(&s, close_ns);
    const api_activity_task_timed_out_event_attributes *a =
        step_last(&s, EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT)->activity_task_timed_out_event_attributes;
    check_i64(a->failure->timeout_failure_info->timeout_type, TIMEOUT_TYPE_SCHEDULE_TO_CLOSE);
    check_i64(a->retry_state, RETRY_STATE_TIMEOUT);
    check_i64(a->started_event_id, 0);
    check_str(a->failure->cause->message, "boom");
    check_i64(s.task_count, 0);
    step_release(&s);
}

/* -- cancellation --------------------------------------------------------------------------- */

TEST(activity_cancel_before_the_start_is_at_once)
{
    struct step s;

    step_init(&s);
    const int64_t id = schedule(&s, &(struct schedule){.id = "a", .start_to_close_ms = 1000});
    check_ok(cancel(&s, id));
    const api_history_event *requested = step_last(&s, EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED);
    const api_activity_task_canceled_event_attributes *a =
        step_last(&s, EVENT_TYPE_ACTIVITY_TASK_CANCELED)->activity_task_canceled_event_attributes;
    check_i64(requested->activity_task_cancel_requested_event_attributes->scheduled_event_id, id);
    check_i64(a->latest_cancel_requested_event_id, requested->event_id);
    check_i64(a->scheduled_event_id, id);
    check_i64(a->started_event_id, 0);
    check_str(a->identity, "decider");
    check_slice(step_payloads_text(a->details), SLICE_LIT("\"ACTIVITY_ID_NOT_STARTED\""));
    check_i64(step_event(&s, 0)->event_type, EVENT_TYPE_WORKFLOW_TASK_SCHEDULED);
    check_i64(s.task_count, 0);
    check_i64(s.run->activities.count, 0);
    step_release(&s);
}

TEST(activity_cancel_of_a_started_one_waits_for_its_worker)
{
    struct step s;
    struct task_token token;
    bool cancel_requested = true;

    step_init(&s);
    const int64_t id = schedule(&s, &(struct schedule){.id = "a", .start_to_close_ms = 1000});
    start(&s, &token);
    check_ok(heartbeat(&s, &token, "x", &cancel_requested));
    check(!cancel_requested);
    check_err(answer_canceled(&s, &token), ERR_INVALID);
    check_str(s.detail.text, "unable to mark activity as canceled without activity being request "
                             "canceled first");
    check_ok(cancel(&s, id));
    check_i64(s.event_count, 2);
    check_ok(heartbeat(&s, &token, "x", &cancel_requested));
    check(cancel_requested);

    check_err(cancel(&s, id), ERR_INVALID); /* twice */
    check_i64(s.ctx.cause, WORKFLOW_TASK_FAILED_CAUSE_BAD_REQUEST_CANCEL_ACTIVITY_ATTRIBUTES);
    check_ok(answer_canceled(&s, &token));
    const api_activity_task_canceled_event_attributes *a =
        step_last(&s, EVENT_TYPE_ACTIVITY_TASK_CANCELED)->activity_task_canceled_event_attributes;
    check_i64(a->started_event_id, step_last(&s, EVENT_TYPE_ACTIVITY_TASK_STARTED)->event_id);
    check_i64(a->latest_cancel_requested_event_id,
              step_last(&s, EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED)->event_id);
    check_slice(step_payloads_text(a->details), SLICE_LIT("\"stopped\""));
    check_i64(s.run->activities.count, 0);
    step_release(&s);
}

TEST(activity_cancel_refuses_what_is_unknown)
{
    struct step s;

    step_init(&s);
    check_err(cancel(&s, 0), ERR_INVALID);
    check_str(s.detail.text, "BadRequestCancelActivityAttributes: ScheduledEventId is not set on "
                             "RequestCancelActivityTaskCommand.");
    check_err(cancel(&s, 77), ERR_INVALID);
    check_str(s.detail.text,
              "BadRequestCancelActivityAttributes: invalid history builder state for action: "
              "add-activitytask-cancel-requested-event, ScheduledEventID: 77");
    check_i64(s.ctx.cause, WORKFLOW_TASK_FAILED_CAUSE_BAD_REQUEST_CANCEL_ACTIVITY_ATTRIBUTES);
    check_i64(s.event_count, 0);
    step_release(&s);
}

/* -- buffered events ------------------------------------------------------------------------ */

TEST(activity_completions_wait_for_the_workflow_task)
{
    struct step s;
    struct task_token first, second;

    step_init(&s);
    const int64_t a_id = schedule(&s, &(struct schedule){.id = "a", .start_to_close_ms = 1000});
    start(&s, &first);
    const int64_t b_id = schedule(&s, &(struct schedule){.id = "b", .start_to_close_ms = 1000});
    start(&s, &second);
    step_workflow_task_start(&s);
    const size_t before = s.event_count;
    check_ok(complete(&s, &first));
    api_failure_failure *last = application_failure(&s, "E");
    last->application_failure_info->non_retryable = true;
    check_ok(fail_with(&s, &second, last));
    check_i64(s.event_count, before);
    check_i64(s.run->activities.count, 0);
    check_i64(s.run->buffered_count, 4);

    step_workflow_task_fail(&s);
    check_i64(s.run->buffered_count, 0);
    /* both Started first, then the ends, each with the id of its own Started */
    const api_history_event *end = step_last(&s, EVENT_TYPE_ACTIVITY_TASK_COMPLETED);
    const api_history_event *failed = step_last(&s, EVENT_TYPE_ACTIVITY_TASK_FAILED);
    const int64_t a_started = end->activity_task_completed_event_attributes->started_event_id;
    const int64_t b_started = failed->activity_task_failed_event_attributes->started_event_id;
    check_i64(end->activity_task_completed_event_attributes->scheduled_event_id, a_id);
    check_i64(failed->activity_task_failed_event_attributes->scheduled_event_id, b_id);
    for (size_t i = 0; i < 2; i++) {
        const int64_t at = i ? b_started : a_started;
        const api_history_event *started = s.events[at - STEP_FIRST_EVENT];

        check_i64(started->event_type, EVENT_TYPE_ACTIVITY_TASK_STARTED);
        check_i64(started->activity_task_started_event_attributes->scheduled_event_id,
                  i ? b_id : a_id);
    }
    step_release(&s);
}

TEST(activity_cancel_of_one_whose_end_is_buffered_is_recorded)
{
    struct step s;
    struct task_token token;

    step_init(&s);
    const int64_t id = schedule(&s, &(struct schedule){.id = "a", .start_to_close_ms = 1000});
    start(&s, &token);
    step_workflow_task_start(&s);
    check_ok(complete(&s, &token));
    struct transition *t = step_begin(&s);
    api_command *command = engine_message(&s.arena, &api_command__desc);
    api_request_cancel_activity_task_command_attributes *a =
        engine_message(&s.arena, &api_request_cancel_activity_task_command_attributes__desc);
    a->scheduled_event_id = id;
    command->attributes_case =
        API_COMMAND_ATTRIBUTES_REQUEST_CANCEL_ACTIVITY_TASK_COMMAND_ATTRIBUTES;
    command->request_cancel_activity_task_command_attributes = a;
    t->commands_running = true;
    check_ok(command_request_cancel_activity(t, &s.ctx, command));
    check(!t->workflow_task_needed);
    step_end(&s);
    check_i64(step_event(&s, 0)->event_type, EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED);
    step_release(&s);
}

/* -- describe, stored form, close ----------------------------------------------------------- */

static const api_pending_activity_info *describe(struct step *s, size_t index)
{
    api_describe_workflow_execution_response response =
        API_DESCRIBE_WORKFLOW_EXECUTION_RESPONSE_INIT;
    api_describe_workflow_execution_response *decoded = NULL;

    engine_describe_activities(s->run, &s->arena, s->now_ns, &response);
    check_ok(proto_decode(&s->arena, &api_describe_workflow_execution_response__desc,
                          proto_encode(&s->arena, &response), &decoded, NULL));
    check(decoded->n_pending_activities > index);
    return decoded->pending_activities[index];
}

TEST(activity_describe_follows_its_life)
{
    struct step s;
    struct task_token token;
    bool cancel_requested = false;

    step_init(&s);
    const int64_t id = schedule(
        &s, &(struct schedule){
                .id = "a", .schedule_to_close_ms = 60000, .heartbeat_ms = 500, .max_attempts = 4});
    const api_pending_activity_info *p = describe(&s, 0);
    check_str(p->activity_id, "a");
    check_str(p->activity_type->name, "Act");
    check_i64(p->state, PENDING_ACTIVITY_STATE_SCHEDULED);
    check_i64(p->attempt, 1);
    check_i64(p->maximum_attempts, 4);
    check_i64(step_ns(p->scheduled_time), s.now_ns);
    check_i64(step_ns(p->expiration_time), s.now_ns + 60 * NS_PER_S);
    check(p->last_started_time == NULL);
    check(p->next_attempt_schedule_time == NULL);
    check_str(p->last_worker_identity, "");
    check_str(p->activity_options->task_queue->name, "queue");
    check_i64(span_ms(p->activity_options->heartbeat_timeout), 500);

    start(&s, &token);
    check_ok(heartbeat(&s, &token, "half", &cancel_requested));
    p = describe(&s, 0);
    check_i64(p->state, PENDING_ACTIVITY_STATE_STARTED);
    check_i64(step_ns(p->last_started_time), s.now_ns);
    check_i64(step_ns(p->last_heartbeat_time), s.now_ns);
    check_slice(step_payloads_text(p->heartbeat_details), SLICE_LIT("\"half\""));
    check_str(p->last_worker_identity, "worker");

    check_ok(fail(&s, &token, "E"));
    p = describe(&s, 0);
    check_i64(p->state, PENDING_ACTIVITY_STATE_SCHEDULED);
    check_i64(p->attempt, 2);
    check_str(p->last_failure->message, "boom");
    check_i64(step_ns(p->next_attempt_schedule_time), s.now_ns + NS_PER_S);
    check_i64(step_ns(p->last_attempt_complete_time), s.now_ns);
    check_i64(span_ms(p->current_retry_interval), 1000);
    check(p->last_started_time == NULL);
    check_str(p->last_worker_identity, "worker");

    fire_at(&s, next_deadline(&s, id));
    p = describe(&s, 0);
    check(p->next_attempt_schedule_time == NULL);
    start(&s, &token);
    check_ok(cancel(&s, id));
    p = describe(&s, 0);
    check_i64(p->state, PENDING_ACTIVITY_STATE_CANCEL_REQUESTED);
    step_release(&s);
}

TEST(activity_stored_form_keeps_everything)
{
    struct step s;
    struct task_token token;
    struct activity *copy = NULL;
    struct buf first, second;
    bool cancel_requested = false;

    step_init(&s);
    const int64_t id = schedule(&s, &(struct schedule){.id = "a",
                                                       .schedule_to_close_ms = 60000,
                                                       .heartbeat_ms = 500,
                                                       .max_attempts = 4,
                                                       .non_retryable = "F"});
    start(&s, &token);
    check_ok(fail(&s, &token, "E"));
    fire_at(&s, next_deadline(&s, id));
    start(&s, &token);
    check_ok(heartbeat(&s, &token, "half", &cancel_requested));
    check_ok(cancel(&s, id));

    buf_init(&first, 0);
    buf_init(&second, 0);
    activity_encode(run_activity(s.run, id), &first);
    check_ok(activity_decode(&s.arena, buf_slice(&first), &copy));
    activity_encode(copy, &second);
    check_slice(buf_slice(&second), buf_slice(&first));
    check_i64(copy->retry_initial_ns, NS_PER_S);
    check_i64(copy->retry_max_attempts, 4);
    check_i64(copy->attempt, 2);
    check(copy->start_id == token.start_id);
    check_i64(activity_deadline_ns(copy), next_deadline(&s, id));
    activity_free(copy);

    for (size_t len = 0; len < first.len; len++) { /* whatever is cut off is noticed */
        copy = NULL;
        const enum err err = activity_decode(&s.arena, slice_of(first.ptr, len), &copy);
        check(err != ERR_OK);
    }
    buf_release(&first);
    buf_release(&second);
    step_release(&s);
}

TEST(activity_tasks_and_items_go_when_the_run_closes)
{
    struct step s;
    size_t dropped = 0;

    step_init(&s);
    schedule(&s, &(struct schedule){.id = "a", .start_to_close_ms = 1000});
    schedule(&s, &(struct schedule){.id = "b", .start_to_close_ms = 1000});
    check_i64(s.task_count, 2);
    engine_drop_activities(step_begin(&s));
    LIST_EACH(it, &s.run->dropped_items)
    dropped++;
    check_i64(dropped, 2);
    step_end(&s);
    check_i64(s.task_count, 0);
    check_i64(s.run->activities.count, 0);
    step_release(&s);
}
