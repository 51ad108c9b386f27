/* timer_test.c - user timers from command to TimerFired, on a fake clock, over the real steps. */
#include "history/engine/step_fixture.h"

static api_command *start_command(struct step *s, const char *id, int64_t ms)
{
    api_command *command = engine_message(&s->arena, &api_command__desc);
    api_start_timer_command_attributes *a =
        engine_message(&s->arena, &api_start_timer_command_attributes__desc);

    a->timer_id = arena_str(&s->arena, slice_str(id));
    a->start_to_fire_timeout = step_span(s, ms);
    command->command_type = COMMAND_TYPE_START_TIMER;
    command->attributes_case = API_COMMAND_ATTRIBUTES_START_TIMER_COMMAND_ATTRIBUTES;
    command->start_timer_command_attributes = a;
    return command;
}

static int64_t start(struct step *s, const char *id, int64_t ms)
{
    check_ok(step_command(s, command_start_timer, start_command(s, id, ms)));
    return step_last(s, EVENT_TYPE_TIMER_STARTED)->event_id;
}

static enum err cancel(struct step *s, const char *id)
{
    api_command *command = engine_message(&s->arena, &api_command__desc);
    api_cancel_timer_command_attributes *a =
        engine_message(&s->arena, &api_cancel_timer_command_attributes__desc);

    a->timer_id = arena_str(&s->arena, slice_str(id));
    command->command_type = COMMAND_TYPE_CANCEL_TIMER;
    command->attributes_case = API_COMMAND_ATTRIBUTES_CANCEL_TIMER_COMMAND_ATTRIBUTES;
    command->cancel_timer_command_attributes = a;
    return step_command(s, command_cancel_timer, command);
}

static void fire_at(struct step *s, int64_t now_ns)
{
    s->now_ns = now_ns;
    engine_fire_timers(step_begin(s));
    step_end(s);
}

TEST(timer_fires_when_due_and_never_early)
{
    static const struct {
        int64_t ms, early_ns, due_ns;
    } cases[] = {
        {1, -1, 0},
        {5000, -1, 0},
        {5000, -NS_PER_S, 3600 * NS_PER_S}, /* noticed late */
        {0, -1, 0},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct step s;

        step_init(&s);
        const int64_t id = start(&s, "t", cases[i].ms);
        const int64_t due_ns = s.now_ns + cases[i].ms * NS_PER_MS;
        const api_timer_started_event_attributes *started =
            step_last(&s, EVENT_TYPE_TIMER_STARTED)->timer_started_event_attributes;
        check_str(started->timer_id, "t");
        check_i64(proto_duration_ns_clip(started->start_to_fire_timeout), cases[i].ms * NS_PER_MS);
        check_i64(started->workflow_task_completed_event_id, STEP_COMPLETED_EVENT);
        check_i64(run_timer(s.run, SLICE_LIT("t"))->fire_ns, due_ns);
        fire_at(&s, due_ns + cases[i].early_ns);
        check_i64(s.event_count, 1);
        fire_at(&s, due_ns + cases[i].due_ns);
        const api_timer_fired_event_attributes *fired =
            step_event(&s, 1)->timer_fired_event_attributes;
        check_i64(step_event(&s, 1)->event_type, EVENT_TYPE_TIMER_FIRED);
        check_str(fired->timer_id, "t");
        check_i64(fired->started_event_id, id);
        check_i64(step_event(&s, 0)->event_type, EVENT_TYPE_WORKFLOW_TASK_SCHEDULED);
        check_i64(s.run->timers.count, 0);
        fire_at(&s, s.now_ns + NS_PER_S);
        check_i64(step_count(&s, EVENT_TYPE_TIMER_FIRED), 1);
        step_release(&s);
    }
}

TEST(timer_order_of_firing_is_that_of_time)
{
    static const struct {
        const char *id;
        int64_t ms;
    } timers[] = {{"late", 300}, {"first", 100}, {"same", 200}, {"same too", 200}, {"later", 900}};
    static const char *const want[] = {"first", "same", "same too", "late"};
    struct step s;

    step_init(&s);
    for (size_t i = 0; i < COUNT_OF(timers); i++)
        start(&s, timers[i].id, timers[i].ms);
    fire_at(&s, s.now_ns + 300 * NS_PER_MS);
    check_i64(s.event_count, COUNT_OF(timers) + COUNT_OF(want) + 1);
    for (size_t i = 0; i < COUNT_OF(want); i++)
        check_str(step_event(&s, COUNT_OF(want) - i)->timer_fired_event_attributes->timer_id,
                  want[i]);
    check_i64(s.run->timers.count, 1);
    step_release(&s);
}

TEST(timer_cancel_ends_it)
{
    struct step s;

    step_init(&s);
    const int64_t id = start(&s, "t", 1000);
    check_ok(cancel(&s, "t"));
    const api_timer_canceled_event_attributes *a =
        step_event(&s, 0)->timer_canceled_event_attributes;
    check_i64(step_event(&s, 0)->event_type, EVENT_TYPE_TIMER_CANCELED);
    check_str(a->timer_id, "t");
    check_i64(a->started_event_id, id);
    check_i64(a->workflow_task_completed_event_id, STEP_COMPLETED_EVENT);
    check_str(a->identity, "decider");
    fire_at(&s, s.now_ns + 10 * NS_PER_S);
    check_i64(s.event_count, 2);
    start(&s, "t", 1000); /* its id may be used again */
    step_release(&s);
}

TEST(timer_cancel_takes_back_a_fire_that_was_not_seen)
{
    struct step s;

    step_init(&s);
    const int64_t id = start(&s, "t", 100);
    start(&s, "other", 100);
    step_workflow_task_start(&s);
    fire_at(&s, s.now_ns + 100 * NS_PER_MS);
    check_i64(s.run->buffered_count, 2);
    struct transition *t = step_begin(&s);
    api_command *command = engine_message(&s.arena, &api_command__desc);
    api_cancel_timer_command_attributes *a =
        engine_message(&s.arena, &api_cancel_timer_command_attributes__desc);
    a->timer_id = arena_str(&s.arena, SLICE_LIT("t"));
    command->attributes_case = API_COMMAND_ATTRIBUTES_CANCEL_TIMER_COMMAND_ATTRIBUTES;
    command->cancel_timer_command_attributes = a;
    check_ok(command_cancel_timer(t, &s.ctx, command));
    step_end(&s);
    check_i64(s.run->buffered_count, 1);
    check_i64(
        step_last(&s, EVENT_TYPE_TIMER_CANCELED)->timer_canceled_event_attributes->started_event_id,
        id);
    step_workflow_task_fail(&s);
    check_i64(step_count(&s, EVENT_TYPE_TIMER_FIRED), 1);
    check_str(step_last(&s, EVENT_TYPE_TIMER_FIRED)->timer_fired_event_attributes->timer_id,
              "other");
    step_release(&s);
}

TEST(timer_commands_refuse_bad_attributes)
{
    char long_id[1002];
    struct step s;

    memset(long_id, 'x', 1001);
    long_id[1001] = '\0';
    step_init(&s);
    check_err(step_command(&s, command_start_timer, start_command(&s, "", 5)), ERR_INVALID);
    check_str(s.detail.text, "BadStartTimerAttributes: TimerId is not set on StartTimerCommand.");
    check_i64(s.ctx.cause, WORKFLOW_TASK_FAILED_CAUSE_BAD_START_TIMER_ATTRIBUTES);
    check_err(step_command(&s, command_start_timer, start_command(&s, long_id, 5)), ERR_INVALID);
    check(strstr(s.detail.text, "TimerId on StartTimerCommand exceeds length limit.") != NULL);
    check_err(step_command(&s, command_start_timer, start_command(&s, "t", -5)), ERR_INVALID);
    check_str(s.detail.text,
              "BadStartTimerAttributes: An invalid StartToFireTimeout is set on StartTimerCommand: "
              "negative duration. TimerId=t");
    check_err(cancel(&s, ""), ERR_INVALID);
    check_str(s.detail.text, "BadCancelTimerAttributes: TimerId is not set on CancelTimerCommand.");
    check_err(cancel(&s, "nobody"), ERR_INVALID);
    check_str(s.detail.text, "BadCancelTimerAttributes: invalid history builder state for action: "
                             "add-timer-canceled-event, TimerID: nobody");
    check_i64(s.ctx.cause, WORKFLOW_TASK_FAILED_CAUSE_BAD_CANCEL_TIMER_ATTRIBUTES);
    check_i64(s.event_count, 0);

    start(&s, "t", 5);
    check_err(step_command(&s, command_start_timer, start_command(&s, "t", 5)), ERR_INVALID);
    check_str(s.detail.text, "StartTimerDuplicateId: invalid history builder state for action: "
                             "add-timer-started-event, TimerID: t");
    check_i64(s.ctx.cause, WORKFLOW_TASK_FAILED_CAUSE_START_TIMER_DUPLICATE_ID);
    step_release(&s);
}

TEST(timer_spans_are_capped_at_a_hundred_years)
{
    struct step s;

    step_init(&s);
    api_command *command = start_command(&s, "t", 0);
    command->start_timer_command_attributes->start_to_fire_timeout->seconds = INT64_MAX;
    check_ok(step_command(&s, command_start_timer, command));
    const api_timer_started_event_attributes *a =
        step_last(&s, EVENT_TYPE_TIMER_STARTED)->timer_started_event_attributes;
    check_i64(a->start_to_fire_timeout->seconds, INT64_C(100) * 365 * 24 * 3600);
    check(run_timer(s.run, SLICE_LIT("t"))->fire_ns > s.now_ns);
    step_release(&s);
}

TEST(timer_stored_form_keeps_everything)
{
    struct step s;
    struct timer *copy = NULL;
    struct buf buf;
    size_t dropped = 0;

    step_init(&s);
    const int64_t id = start(&s, "t", 1500);
    buf_init(&buf, 0);
    timer_encode(run_timer(s.run, SLICE_LIT("t")), &buf);
    check_ok(timer_decode(&s.arena, buf_slice(&buf), &copy));
    check_slice(bytes_slice(copy->timer_id), SLICE_LIT("t"));
    check_i64(copy->started_event_id, id);
    check_i64(copy->fire_ns, s.now_ns + 1500 * NS_PER_MS);
    timer_free(copy);
    for (size_t len = 0; len < buf.len; len++)
        check(timer_decode(&s.arena, slice_of(buf.ptr, len), &copy) != ERR_OK);
    buf_release(&buf);

    engine_drop_timers(step_begin(&s));
    LIST_EACH(it, &s.run->dropped_items)
    dropped++;
    check_i64(dropped, 1);
    check_i64(s.run->timers.count, 0);
    step_end(&s);
    step_release(&s);
}
