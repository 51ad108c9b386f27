/* scale_test.c - a run with as many pending activities and timers as the limits allow: a step looks
 * at what it changes, not at all of them. Counts, not times; SCALE_REPORT=1 prints the times too.
 */
#include "history/engine/activity_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PENDING = 2000 };

static const char *name_of(struct step *s, const char *prefix, int i)
{
    return arena_printf(&s->arena, "%s%d", prefix, i);
}

/* What a step costs that ends here: its rows, its deadline. Gives how many items it looked at. */
static size_t settle(struct step *s)
{
    struct store_op *ops;
    size_t count;

    rows_of_transition(&s->t, false, &ops, &count);
    const size_t seen = s->t.items_seen;
    transition_release(&s->t);
    return seen;
}

static void add_activity(struct step *s, int i)
{
    const struct schedule one = {
        .id = name_of(s, "a", i), .schedule_to_close_ms = 3600000 + i, .heartbeat_ms = 60000};
    struct transition *t = step_begin(s);

    check_ok(command_schedule_activity(t, &s->ctx, schedule_command(s, &one)));
    (void)settle(s);
}

static void add_timer(struct step *s, int i)
{
    api_command *command = engine_message(&s->arena, &api_command__desc);
    api_start_timer_command_attributes *a =
        engine_message(&s->arena, &api_start_timer_command_attributes__desc);
    struct transition *t = step_begin(s);

    a->timer_id = arena_str(&s->arena, slice_str(name_of(s, "t", i)));
    a->start_to_fire_timeout = step_span(s, 7200000 + i);
    command->command_type = COMMAND_TYPE_START_TIMER;
    command->attributes_case = API_COMMAND_ATTRIBUTES_START_TIMER_COMMAND_ATTRIBUTES;
    command->start_timer_command_attributes = a;
    check_ok(command_start_timer(t, &s->ctx, command));
    (void)settle(s);
}

static void full_run(struct step *s)
{
    step_init(s);
    memcpy(s->run->first_run_id, s->run->run_id, sizeof s->run->first_run_id);
    for (int i = 0; i < PENDING; i++)
        add_activity(s, i);
    for (int i = 0; i < PENDING; i++)
        add_timer(s, i);
    check_i64((int64_t)s->run->activities.count, PENDING);
    check_i64((int64_t)s->run->timers.count, PENDING);
}

static int64_t mono_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void report(const char *what, int64_t began_ns, int count)
{
    if (getenv("SCALE_REPORT"))
        fprintf(stderr, "%s: %.2f us\n", what, (double)(mono_ns() - began_ns) / 1e3 / count);
}

static size_t complete_by_id(struct step *s, int i)
{
    api_respond_activity_task_completed_request request =
        API_RESPOND_ACTIVITY_TASK_COMPLETED_REQUEST_INIT;
    const struct task_token token = {.kind = TASK_ACTIVITY,
                                     .activity_id = slice_str(name_of(s, "a", i))};

    check_ok(engine_respond_activity_completed(step_begin(s), &token, &request));
    return settle(s);
}

TEST(test_scale_a_step_looks_at_what_it_changes)
{
    struct step s;
    const int64_t began_ns = mono_ns();

    full_run(&s);
    report("one more activity or timer", began_ns, 2 * PENDING);
    const int64_t completing_ns = mono_ns();
    for (int i = 0; i < PENDING / 2; i++)
        check(complete_by_id(&s, 2 * i) <= 2);
    report("a completion by id", completing_ns, PENDING / 2);

    const int64_t beating_ns = mono_ns();
    for (int i = 0; i < PENDING / 2; i++) {
        struct activity *activity =
            run_activity_by_id(s.run, slice_str(name_of(&s, "a", 2 * i + 1)));
        api_record_activity_task_heartbeat_request beat =
            API_RECORD_ACTIVITY_TASK_HEARTBEAT_REQUEST_INIT;
        const struct rpc_task task = {.row_seq = activity->row_seq,
                                      .scheduled_event_id = activity->scheduled_event_id,
                                      .attempt = 1};
        const struct rpc_poll poll = {.kind = TASK_ACTIVITY, .poll_id = 1};

        check_ok(engine_start_activity_task(step_begin(&s), &task, &poll));
        check(settle(&s) <= 2);
        const struct task_token token = {.kind = TASK_ACTIVITY,
                                         .scheduled_event_id = activity->scheduled_event_id,
                                         .attempt = 1,
                                         .start_id = activity->start_id};
        check_ok(engine_record_heartbeat(step_begin(&s), &token, &beat));
        check(settle(&s) <= 2);
    }
    report("a start and a heartbeat", beating_ns, PENDING / 2);
    step_release(&s);
}

TEST(test_scale_time_looks_at_what_is_due)
{
    struct step s;

    full_run(&s);
    s.now_ns += 3600000 * NS_PER_MS + 9 * NS_PER_MS; /* ten activities are due, a timer is not */
    check_ok(engine_fire(step_begin(&s)));
    check_i64((int64_t)s.run->activities.count, PENDING - 10);
    check(settle(&s) <= 2 * 10);
    s.now_ns += 3600000 * NS_PER_MS - 5 * NS_PER_MS; /* then all others, and five timers */
    check_ok(engine_fire(step_begin(&s)));
    check_i64((int64_t)s.run->activities.count, 0);
    check_i64((int64_t)s.run->timers.count, PENDING - 5);
    (void)settle(&s);
    step_release(&s);
}
