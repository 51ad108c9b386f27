/* activity_retry_test.c - retries and time-outs of activities, on a fake clock over the real steps.
 */
#include "history/engine/activity_fixture.h"

/* -- retries ----------------------------------------------------------------------------------- */

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

/* -- time-outs --------------------------------------------------------------------------------- */

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
        {"schedule to close, started in the moment of the schedule",
         {.id = "a", .schedule_to_close_ms = 300, .heartbeat_ms = 300, .max_attempts = 1},
         true,
         300,
         TIMEOUT_TYPE_SCHEDULE_TO_CLOSE,
         RETRY_STATE_TIMEOUT,
         "Not enough time to schedule next retry before activity ScheduleToClose timeout, giving "
         "up "
         "retrying"},
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
