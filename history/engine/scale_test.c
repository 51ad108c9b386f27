/* scale_test.c - a run with as many pending items as the limits allow: a step looks at what it
 * changes, not at all of them. Counts, not times; SCALE_REPORT=1 prints the times too. */
#include "history/engine/activity_fixture.h"
#include "history/engine/callback.h"
#include "history/engine/child.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PENDING = 2000, SIGNALS = 10000 };

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

/* -- other executions, signals, callbacks ---------------------------------------------------- */

/* Asks for a child or a signal; *effect is what is asked. */
static void ask(struct step *s, bool child, int i, struct rpc_effect *effect)
{
    api_command *command = engine_message(&s->arena, &api_command__desc);
    struct transition *t = step_begin(s);

    if (child) {
        api_start_child_workflow_execution_command_attributes *a =
            engine_message(&s->arena, &api_start_child_workflow_execution_command_attributes__desc);
        a->workflow_id = arena_str(&s->arena, slice_str(name_of(s, "child", i)));
        a->workflow_type = engine_message(&s->arena, &api_workflow_type__desc);
        a->workflow_type->name = arena_str(&s->arena, SLICE_LIT("Child"));
        command->start_child_workflow_execution_command_attributes = a;
        check_ok(command_start_child(t, &s->ctx, command));
    } else {
        api_signal_external_workflow_execution_command_attributes *a = engine_message(
            &s->arena, &api_signal_external_workflow_execution_command_attributes__desc);
        a->execution = engine_message(&s->arena, &api_common_workflow_execution__desc);
        a->execution->workflow_id = arena_str(&s->arena, slice_str(name_of(s, "other", i)));
        a->signal_name = arena_str(&s->arena, SLICE_LIT("hello"));
        command->signal_external_workflow_execution_command_attributes = a;
        check_ok(command_signal_external(t, &s->ctx, command));
    }
    check_i64((int64_t)t->outgoing_count, 1);
    *effect = t->outgoing[0].effect;
    effect->row_seq = t->outgoing[0].row_seq;
    check(settle(s) <= 1);
}

/* What the run holds of its relations, found by looking at all. */
static size_t relations_bytes(const struct run *run)
{
    size_t bytes = 0;

    for (struct map_node *it = map_next(&run->children, NULL); it;
         it = map_next(&run->children, it))
        bytes += child_bytes(CONTAINER_OF(it, struct child, node));
    for (struct map_node *it = map_next(&run->callbacks, NULL); it;
         it = map_next(&run->callbacks, it))
        bytes += callback_bytes(CONTAINER_OF(it, struct callback, node));
    for (struct map_node *it = map_next(&run->signal_request_ids, NULL); it;
         it = map_next(&run->signal_request_ids, it))
        bytes += CONTAINER_OF(it, struct signal_request, node)->id.len;
    return bytes;
}

TEST(test_scale_relations_cost_what_changes)
{
    struct step s;
    struct rpc_effect *effects = calloc(2 * PENDING, sizeof *effects);
    const int64_t began_ns = mono_ns();

    must(effects != NULL);
    step_init(&s);
    memcpy(s.run->first_run_id, s.run->run_id, sizeof s.run->first_run_id);
    for (int i = 0; i < 2 * PENDING; i++)
        ask(&s, i < PENDING, i, &effects[i]);
    report("one more child or signal to another", began_ns, 2 * PENDING);
    check_i64((int64_t)s.run->children.count, PENDING);
    check_i64(run_external_count(s.run, EXTERNAL_SIGNAL), PENDING);
    check_i64(run_external_count(s.run, EXTERNAL_CANCEL), 0);

    const struct rpc_effect_outcome started = {
        .run_id = SLICE_LIT("0190c1f2-0000-7000-8000-000000000077")};
    const int64_t answering_ns = mono_ns();
    for (int i = 0; i < 2 * PENDING; i++) {
        const struct rpc_effect_outcome signaled = {0};
        check_ok(engine_effect_answered(step_begin(&s), &effects[i],
                                        i < PENDING ? &started : &signaled));
        check(settle(&s) <= 1);
    }
    report("an answer", answering_ns, 2 * PENDING);
    check_i64((int64_t)s.run->children.count, PENDING);
    check_i64(run_external_count(s.run, EXTERNAL_SIGNAL), 0);
    check_i64((int64_t)s.run->relations_bytes, (int64_t)relations_bytes(s.run));
    step_release(&s);
    free(effects);
}

TEST(test_scale_signals_cost_what_comes)
{
    struct step s;
    char name[] = "hello";
    const int64_t began_ns = mono_ns();

    step_init(&s);
    memcpy(s.run->first_run_id, s.run->run_id, sizeof s.run->first_run_id);
    for (int i = 0; i < SIGNALS; i++) {
        api_signal_workflow_execution_request request = API_SIGNAL_WORKFLOW_EXECUTION_REQUEST_INIT;

        request.signal_name = name;
        request.request_id = arena_str(&s.arena, slice_str(name_of(&s, "request", i)));
        check_ok(engine_signal(step_begin(&s), &request));
        check(settle(&s) <= 1);
    }
    report("a signal", began_ns, SIGNALS);
    check_i64((int64_t)s.run->signal_request_ids.count, SIGNALS);
    check_i64((int64_t)s.run->relations_bytes, (int64_t)relations_bytes(s.run));
    step_release(&s);
}

static void add_callbacks(struct step *s)
{
    api_history_event event = API_HISTORY_EVENT_INIT;
    api_callback **all = ARENA_ARRAY(&s->arena, api_callback *, PENDING);
    api_callback callback = API_CALLBACK_INIT;
    char url[] = "http://host/";

    event.event_time = proto_timestamp(&s->arena, s->now_ns);
    callback.variant_case = TEMPORAL__API__COMMON__V1__CALLBACK__VARIANT_NEXUS;
    callback.nexus = engine_message(&s->arena, &api_callback_nexus__desc);
    callback.nexus->url = url;
    for (size_t i = 0; i < PENDING; i++)
        all[i] = &callback;
    (void)step_begin(s);
    run_callbacks_add(s->run, &s->arena, &event, "start", PENDING, all);
    check_i64((int64_t)settle(s), PENDING);
}

static void answer_all(struct step *s, enum callback_outcome outcome)
{
    for (struct map_node *it = map_next(&s->run->callbacks, NULL); it;
         it = map_next(&s->run->callbacks, it)) {
        struct callback *callback = CONTAINER_OF(it, struct callback, node);

        check_i64(callback->state, CALLBACK_STATE_SCHEDULED);
        check_ok(engine_callback_answered(step_begin(s), bytes_slice(callback->id),
                                          callback->row_seq, outcome, "no"));
        check(settle(s) <= 1);
    }
}

/* Each is tried once in vain, then delivered when its back-off is over. */
TEST(test_scale_callbacks_cost_what_is_delivered)
{
    struct step s;
    api_terminate_workflow_execution_request end = API_TERMINATE_WORKFLOW_EXECUTION_REQUEST_INIT;

    step_init(&s);
    memcpy(s.run->first_run_id, s.run->run_id, sizeof s.run->first_run_id);
    add_callbacks(&s);
    check_ok(engine_terminate(step_begin(&s), &end));
    (void)settle(&s);
    check_i64(run_stored_deadline_ns(s.run), 0);
    const int64_t began_ns = mono_ns();
    answer_all(&s, CALLBACK_TRY_AGAIN);
    report("a callback's answer", began_ns, PENDING);
    check(run_stored_deadline_ns(s.run) > s.now_ns);
    s.now_ns += 2 * NS_PER_S;
    check_ok(engine_fire(step_begin(&s)));
    check_i64((int64_t)settle(&s), PENDING);
    check_i64(run_stored_deadline_ns(s.run), 0);
    answer_all(&s, CALLBACK_DELIVERED);
    check_i64((int64_t)s.run->relations_bytes, (int64_t)relations_bytes(s.run));
    step_release(&s);
}
