/* activity_test.c - scheduling activities, describing, storing and dropping them, on a fake clock.
 */
#include "history/engine/activity_fixture.h"

/* -- commands ---------------------------------------------------------------------------------- */

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

/* -- describe, stored form, close -------------------------------------------------------------- */

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
    for (size_t at = 0; at < first.len * 8; at++) { /* whatever is changed does no harm */
        first.ptr[at / 8] ^= (uint8_t)(1 << at % 8);
        copy = NULL;
        if (activity_decode(&s.arena, buf_slice(&first), &copy) == ERR_OK)
            activity_free(copy);
        first.ptr[at / 8] ^= (uint8_t)(1 << at % 8);
    }
    buf_release(&first);
    buf_release(&second);
    step_release(&s);
}

TEST(activity_tasks_go_when_the_run_closes_and_items_stay)
{
    struct step s;

    step_init(&s);
    schedule(&s, &(struct schedule){.id = "a", .start_to_close_ms = 1000});
    schedule(&s, &(struct schedule){.id = "b", .start_to_close_ms = 1000});
    check_i64(s.task_count, 2);
    engine_withdraw_activities(step_begin(&s));
    check(list_empty(&s.run->dropped_items));
    step_end(&s);
    check_i64(s.task_count, 0);
    check_i64(s.run->activities.count, 2);
    step_release(&s);
}
