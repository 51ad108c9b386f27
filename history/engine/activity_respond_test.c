/* activity_respond_test.c - workers start and answer activities, workflows cancel them; over the
 * real steps. */
#include "history/engine/activity_fixture.h"

/* -- start and answers ------------------------------------------------------------------------- */

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

TEST(activity_passes_on_what_is_there_and_empty)
{
    struct step s;
    struct task_token token;
    struct activity *copy = NULL;
    struct buf stored;
    api_payloads nothing = API_PAYLOADS_INIT;

    step_init(&s);
    api_command *command =
        schedule_command(&s, &(struct schedule){.id = "a", .schedule_to_close_ms = 9000});
    command->schedule_activity_task_command_attributes->input = &nothing;
    check_ok(step_command(&s, command_schedule_activity, command));
    const api_poll_activity_task_queue_response *r = start(&s, &token);
    check(r->input != NULL && r->input->n_payloads == 0);
    check(r->header == NULL && r->heartbeat_details == NULL);

    api_record_activity_task_heartbeat_request request =
        API_RECORD_ACTIVITY_TASK_HEARTBEAT_REQUEST_INIT;
    request.details = &nothing;
    check_ok(engine_record_heartbeat(step_begin(&s), &token, &request));
    step_end(&s);
    const struct activity *activity = run_activity(s.run, STEP_FIRST_EVENT);
    buf_init(&stored, 0);
    activity_encode(activity, &stored);
    check_ok(activity_decode(&s.arena, buf_slice(&stored), &copy));
    check(copy->details_empty && copy->input_empty && !copy->header_empty);
    activity_free(copy);
    buf_release(&stored);

    check_ok(fail(&s, &token, "E"));
    fire_at(&s, next_deadline(&s, STEP_FIRST_EVENT));
    r = start(&s, &token);
    check(r->heartbeat_details != NULL && r->heartbeat_details->n_payloads == 0);
    request.details = NULL;
    check_ok(engine_record_heartbeat(step_begin(&s), &token, &request));
    step_end(&s);
    check(!run_activity(s.run, STEP_FIRST_EVENT)->details_empty);
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

TEST(activity_start_that_reached_nobody_is_taken_back)
{
    struct step s;
    struct task_token lost, token;

    step_init(&s);
    const int64_t id = schedule(&s, &(struct schedule){.id = "a", .start_to_close_ms = 1000});
    start(&s, &lost);
    check_ok(engine_unstart_activity_task(step_begin(&s), &lost));
    step_end(&s);
    check_i64(s.task_count, 1);
    check_i64(run_activity(s.run, id)->attempt, 1);
    check_err(engine_unstart_activity_task(step_begin(&s), &lost), ERR_STALE);
    step_end(&s);
    start(&s, &token);
    check_err(complete(&s, &lost), ERR_NOT_FOUND);
    check_err(engine_unstart_activity_task(step_begin(&s), &lost), ERR_STALE);
    step_end(&s);
    check_ok(complete(&s, &token));
    step_release(&s);
}

/* Spec: the Started event that was held back bears the stamp of the worker that ends the activity.
 */
TEST(activity_started_bears_the_stamp_of_the_answer)
{
    struct step s;
    struct task_token token;
    char build[] = "build-7";
    api_worker_version_stamp stamp = API_WORKER_VERSION_STAMP_INIT;
    api_respond_activity_task_completed_request completed =
        API_RESPOND_ACTIVITY_TASK_COMPLETED_REQUEST_INIT;
    api_respond_activity_task_failed_request failed = API_RESPOND_ACTIVITY_TASK_FAILED_REQUEST_INIT;
    api_failure_failure failure = API_FAILURE_FAILURE_INIT;
    api_application_failure_info info = API_APPLICATION_FAILURE_INFO_INIT;

    stamp.build_id = build;
    completed.worker_version = failed.worker_version = &stamp;
    info.non_retryable = true;
    failure.failure_info_case = API_FAILURE_FAILURE_INFO_APPLICATION_FAILURE_INFO;
    failure.application_failure_info = &info;
    failed.failure = &failure;
    step_init(&s);
    for (int i = 0; i < 2; i++) {
        schedule(&s, &(struct schedule){.id = "a", .start_to_close_ms = 1000});
        start(&s, &token);
        struct transition *t = step_begin(&s);
        check_ok(i == 0 ? engine_respond_activity_completed(t, &token, &completed)
                        : engine_respond_activity_failed(t, &token, &failed));
        step_end(&s);
        const api_history_event *started = step_event(&s, i == 0 ? 2 : 1);
        check_i64(started->event_type, EVENT_TYPE_ACTIVITY_TASK_STARTED);
        const api_worker_version_stamp *got =
            started->activity_task_started_event_attributes->worker_version;
        check(got != NULL && strcmp(got->build_id, build) == 0 && !got->use_versioning);
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

/* -- cancellation ------------------------------------------------------------------------------ */

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

/* -- buffered events --------------------------------------------------------------------------- */

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
    t->commands_running = true;
    check_ok(command_request_cancel_activity(t, &s.ctx, cancel_command(&s, id)));
    check(!t->workflow_task_needed);
    step_end(&s);
    check_i64(step_event(&s, 0)->event_type, EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED);
    step_release(&s);
}

/* -- among other commands ------------------------------------------------------------------ */

static api_command *marker_command(struct step *s)
{
    api_command *command = engine_message(&s->arena, &api_command__desc);
    api_record_marker_command_attributes *a =
        engine_message(&s->arena, &api_record_marker_command_attributes__desc);

    a->marker_name = arena_str(&s->arena, SLICE_LIT("m"));
    command->command_type = COMMAND_TYPE_RECORD_MARKER;
    command->attributes_case = API_COMMAND_ATTRIBUTES_RECORD_MARKER_COMMAND_ATTRIBUTES;
    command->record_marker_command_attributes = a;
    return command;
}

static api_command *complete_workflow_command(struct step *s)
{
    api_command *command = engine_message(&s->arena, &api_command__desc);

    command->command_type = COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION;
    command->attributes_case =
        API_COMMAND_ATTRIBUTES_COMPLETE_WORKFLOW_EXECUTION_COMMAND_ATTRIBUTES;
    command->complete_workflow_execution_command_attributes =
        engine_message(&s->arena, &api_complete_workflow_execution_command_attributes__desc);
    return command;
}

TEST(activity_cancel_before_the_start_comes_after_all_commands)
{
    static const int32_t want[] = {EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED,
                                   EVENT_TYPE_MARKER_RECORDED, EVENT_TYPE_ACTIVITY_TASK_CANCELED,
                                   EVENT_TYPE_WORKFLOW_TASK_SCHEDULED};
    struct step s;

    step_init(&s);
    const int64_t id = schedule(&s, &(struct schedule){.id = "a", .start_to_close_ms = 1000});
    api_command *commands[] = {cancel_command(&s, id), marker_command(&s)};
    struct transition *t = step_begin(&s);
    check_ok(commands_run(t, &s.ctx, COUNT_OF(commands), commands));
    check(t->workflow_task_needed);
    transition_need_workflow_task(t);
    step_end(&s);
    for (size_t i = 0; i < COUNT_OF(want); i++)
        check_i64(step_event(&s, COUNT_OF(want) - 1 - i)->event_type, want[i]);
    step_release(&s);
}

TEST(activity_cancel_before_the_start_does_not_hinder_the_end)
{
    struct step s;

    step_init(&s);
    const int64_t id = schedule(&s, &(struct schedule){.id = "a", .start_to_close_ms = 1000});
    api_command *commands[] = {cancel_command(&s, id), complete_workflow_command(&s)};
    struct transition *t = step_begin(&s);
    check_ok(commands_run(t, &s.ctx, COUNT_OF(commands), commands));
    step_end(&s);
    check(!run_is_open(s.run));
    check_i64(step_event(&s, 0)->event_type, EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED);
    check_i64(step_count(&s, EVENT_TYPE_ACTIVITY_TASK_CANCELED), 0);
    check_i64(s.run->buffered_count, 0);
    check_i64(s.task_count, 0);
    step_release(&s);
}

/* -- eager execution ------------------------------------------------------------------------ */

TEST(activity_eager_ones_are_started_with_the_answer)
{
    struct step s;
    struct task_token token, again;
    api_respond_workflow_task_completed_response *out = NULL;

    step_init(&s);
    for (size_t i = 0; i < 3; i++) {
        const char *const ids[] = {"plain", "eager", "canceled"};
        api_command *command =
            schedule_command(&s, &(struct schedule){.id = ids[i], .start_to_close_ms = 1000});
        command->schedule_activity_task_command_attributes->request_eager_execution = i > 0;
        struct transition *t = step_begin(&s);
        api_command *commands[] = {command, cancel_command(&s, STEP_FIRST_EVENT + 2)};
        check_ok(commands_run(t, &s.ctx, i == 2 ? 2 : 1, commands));
        out = engine_message(&s.arena, &api_respond_workflow_task_completed_response__desc);
        engine_start_eager_activities(t, 77, SLICE_LIT("decider"), out);
        check_i64(out->n_activity_tasks, i == 0 ? 0 : 1);
        if (i == 1) {
            check_str(out->activity_tasks[0]->activity_id, "eager");
            check_ok(task_token_decode(&s.arena,
                                       slice_of(out->activity_tasks[0]->task_token.data,
                                                out->activity_tasks[0]->task_token.len),
                                       &token));
        }
        if (i == 2) /* the repeated answer: what it got before */
            check_ok(task_token_decode(&s.arena,
                                       slice_of(out->activity_tasks[0]->task_token.data,
                                                out->activity_tasks[0]->task_token.len),
                                       &again));
        step_end(&s);
        check_i64(s.task_count, 1); /* only the plain one waits for a poll */
    }
    check(again.start_id == token.start_id);
    check_ok(complete(&s, &token));
    check_str(step_last(&s, EVENT_TYPE_ACTIVITY_TASK_STARTED)
                  ->activity_task_started_event_attributes->identity,
              "decider");
    step_release(&s);
}
