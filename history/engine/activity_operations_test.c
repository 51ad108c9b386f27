/* activity_operations_test.c - pausing, unpausing, resetting activities and changing their options:
 * task rows, deadlines, attempts. What clients see is compared with the reference in tests/oracle.
 */
#include "history/engine/activity_fixture.h"
#include "history/engine/activity_operations.h"

static enum err pause_it(struct step *s, char *id, char *request_id)
{
    api_pause_activity_request request = API_PAUSE_ACTIVITY_REQUEST_INIT;

    request.activity_case = API_PAUSE_ACTIVITY_REQUEST_ACTIVITY_ID;
    request.id = id;
    request.request_id = request_id;
    const enum err err = engine_pause_activity(step_begin(s), &request);
    step_end(s);
    return err;
}

static enum err unpause_it(struct step *s, char *id, int64_t jitter_ms)
{
    api_unpause_activity_request request = API_UNPAUSE_ACTIVITY_REQUEST_INIT;

    request.activity_case = API_UNPAUSE_ACTIVITY_REQUEST_ACTIVITY_ID;
    request.id = id;
    request.jitter = jitter_ms ? step_span(s, jitter_ms) : NULL;
    const enum err err = engine_unpause_activity(step_begin(s), &request);
    step_end(s);
    return err;
}

static enum err reset_it(struct step *s, char *id, bool keep_paused)
{
    api_reset_activity_request request = API_RESET_ACTIVITY_REQUEST_INIT;

    request.activity_case = API_RESET_ACTIVITY_REQUEST_ACTIVITY_ID;
    request.id = id;
    request.keep_paused = keep_paused;
    const enum err err = engine_reset_activity(step_begin(s), &request);
    step_end(s);
    return err;
}

static char a[] = "a", r1[] = "r1", r2[] = "r2";

TEST(test_activity_pause_of_one_that_waits_takes_its_task_and_its_deadlines)
{
    struct step s;
    struct task_token token;

    step_init(&s);
    const int64_t id = schedule(&s, &(struct schedule){.id = "a", .schedule_to_close_ms = 60000});
    check_i64(s.task_count, 1);
    check(next_deadline(&s, id) != 0);
    const struct rpc_task stale = s.tasks[0];
    check_ok(pause_it(&s, a, r1));
    check_i64(s.task_count, 0);
    check_i64(next_deadline(&s, id), 0);
    check_i64(engine_deadline_ns(s.run), 0);
    const struct rpc_poll poll = {.kind = TASK_ACTIVITY, .poll_id = 5};
    check_err(engine_start_activity_task(step_begin(&s), &stale, &poll), ERR_STALE);
    step_end(&s);
    s.run->dirty = false;
    check_ok(pause_it(&s, a, r1));
    check(s.run->dirty); /* it counts as a state transition */
    check_err(pause_it(&s, a, r2), ERR_PRECONDITION);
    check_str(s.detail.text, "activity is already paused");
    check_ok(unpause_it(&s, a, 0));
    check_i64(s.task_count, 1);
    check(s.tasks[0].row_seq != stale.row_seq);
    check_err(engine_start_activity_task(step_begin(&s), &stale, &poll), ERR_STALE);
    step_end(&s);
    (void)start(&s, &token);
    check_ok(complete(&s, &token));
    step_release(&s);
}

TEST(test_activity_unpause_with_jitter_backs_off_within_it)
{
    struct step s;

    step_init(&s);
    const int64_t id = schedule(&s, &(struct schedule){.id = "a", .start_to_close_ms = 1000});
    check_ok(pause_it(&s, a, r1));
    check_ok(unpause_it(&s, a, 5000));
    const int64_t due_ns = next_deadline(&s, id);
    check(due_ns >= s.now_ns && due_ns < s.now_ns + 5000 * NS_PER_MS);
    if (s.task_count == 0)
        fire_at(&s, due_ns);
    check_i64(s.task_count, 1);
    step_release(&s);
}

TEST(test_activity_reset_with_jitter_below_zero_changes_nothing)
{
    struct step s;
    struct task_token token;
    api_reset_activity_request request = API_RESET_ACTIVITY_REQUEST_INIT;

    step_init(&s);
    const int64_t id = schedule(&s, &(struct schedule){.id = "a", .start_to_close_ms = 1000});
    request.activity_case = API_RESET_ACTIVITY_REQUEST_ACTIVITY_MATCH_ALL;
    request.match_all = true;
    request.jitter = step_span(&s, -1);
    check_err(engine_reset_activity(step_begin(&s), &request), ERR_INTERNAL);
    step_end(&s);
    check(!run_activity(s.run, id)->reset);
    check_i64(s.task_count, 1);
    (void)start(&s, &token);
    check_ok(engine_reset_activity(step_begin(&s), &request)); /* nothing is drawn from it */
    step_end(&s);
    check(run_activity(s.run, id)->reset);
    step_release(&s);
}

TEST(test_activity_paused_while_started_waits_after_it_failed)
{
    struct step s;
    struct task_token token;
    bool canceled = false;

    step_init(&s);
    const int64_t id =
        schedule(&s, &(struct schedule){.id = "a", .start_to_close_ms = 1000, .max_attempts = 1});
    (void)start(&s, &token);
    check_ok(pause_it(&s, a, r1));
    check_i64(next_deadline(&s, id), 0);
    check_ok(heartbeat(&s, &token, "here", &canceled));
    check(!canceled);
    fire_at(&s, s.now_ns + 3600 * NS_PER_S); /* no time-out of a paused activity runs */
    check(run_activity(s.run, id) != NULL);
    check_ok(fail(&s, &token, "Bad"));
    check_i64(s.task_count, 0);
    check_i64(run_activity(s.run, id)->attempt, 2);
    check_ok(unpause_it(&s, a, 0));
    (void)start(&s, &token);
    check_ok(fail(&s, &token, "Bad"));
    check_i64(step_last(&s, EVENT_TYPE_ACTIVITY_TASK_FAILED)
                  ->activity_task_failed_event_attributes->retry_state,
              RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED);
    step_release(&s);
}

TEST(test_activity_that_came_back_while_paused_gets_no_task)
{
    struct step s;
    struct task_token token;

    step_init(&s);
    schedule(&s, &(struct schedule){.id = "a", .start_to_close_ms = 1000});
    (void)start(&s, &token);
    check_ok(pause_it(&s, a, r1));
    check_ok(engine_unstart_activity_task(step_begin(&s), &token));
    step_end(&s);
    check_i64(s.task_count, 0);
    check_ok(unpause_it(&s, a, 0));
    check_i64(s.task_count, 1);
    step_release(&s);
}

TEST(test_activity_reset_begins_with_the_first_attempt)
{
    struct step s;
    struct task_token token;

    step_init(&s);
    const int64_t id = schedule(&s, &(struct schedule){.id = "a", .start_to_close_ms = 1000});
    (void)start(&s, &token);
    check_ok(fail(&s, &token, "Bad"));
    check_i64(s.task_count, 0); /* backs off */
    check_ok(reset_it(&s, a, false));
    check_i64(s.task_count, 1);
    check_i64(s.tasks[0].attempt, 1);
    check_i64(run_activity(s.run, id)->last_failure.len, 0);
    check_ok(pause_it(&s, a, r1));
    check_ok(reset_it(&s, a, true));
    check_i64(s.task_count, 0);
    check_ok(reset_it(&s, a, false));
    check_i64(s.task_count, 1);
    (void)start(&s, &token);
    check_ok(reset_it(&s, a, false));
    check(run_activity(s.run, id)->reset);
    check_ok(complete(&s, &token));
    step_release(&s);
}

TEST(test_activity_options_move_the_task_and_can_be_restored)
{
    struct step s;
    static char other[] = "other", queue_path[] = "task_queue.name",
                key_path[] = "priority.priority_key";
    static char *paths[] = {queue_path, key_path};
    api_update_activity_options_request request = API_UPDATE_ACTIVITY_OPTIONS_REQUEST_INIT;
    api_activity_options options = API_ACTIVITY_OPTIONS_INIT;
    api_task_queue queue = API_TASK_QUEUE_INIT;
    api_priority priority = API_PRIORITY_INIT;
    pb_field_mask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;

    step_init(&s);
    const int64_t id = schedule(&s, &(struct schedule){.id = "a", .start_to_close_ms = 1000});
    queue.name = other;
    priority.priority_key = 1;
    options.task_queue = &queue;
    options.priority = &priority;
    mask.n_paths = COUNT_OF(paths);
    mask.paths = paths;
    request.activity_case = API_UPDATE_ACTIVITY_OPTIONS_REQUEST_ACTIVITY_ID;
    request.id = a;
    request.activity_options = &options;
    request.update_mask = &mask;
    check_ok(engine_update_activity_options(step_begin(&s), &request));
    step_end(&s); /* the old row is dropped under its old key, else the fixture fails */
    check_i64(s.task_count, 1);
    check_slice(s.tasks[0].task_queue, SLICE_LIT("other"));
    check_i64(s.tasks[0].priority, 1);
    request.update_mask = NULL;
    request.restore_original = true;
    check_ok(engine_update_activity_options(step_begin(&s), &request));
    step_end(&s);
    check_slice(s.tasks[0].task_queue, SLICE_LIT("queue"));
    check_i64(s.tasks[0].priority, 3);
    check_slice(bytes_slice(run_activity(s.run, id)->task_queue), SLICE_LIT("queue"));
    step_release(&s);
}

TEST(test_activity_operations_change_all_or_none)
{
    struct step s;
    static char act[] = "Act";
    api_pause_activity_request request = API_PAUSE_ACTIVITY_REQUEST_INIT;

    step_init(&s);
    const int64_t first = schedule(&s, &(struct schedule){.id = "a", .start_to_close_ms = 1000});
    const int64_t second = schedule(&s, &(struct schedule){.id = "b", .start_to_close_ms = 1000});
    check_ok(pause_it(&s, a, r1));
    request.activity_case = API_PAUSE_ACTIVITY_REQUEST_ACTIVITY_TYPE;
    request.type = act;
    request.request_id = r2;
    check_err(engine_pause_activity(step_begin(&s), &request), ERR_PRECONDITION);
    step_end(&s);
    check_i64(run_activity(s.run, second)->paused_ns, 0);
    check(run_activity(s.run, first)->paused_ns != 0);
    request.request_id = r1;
    check_ok(engine_pause_activity(step_begin(&s), &request));
    step_end(&s);
    check(run_activity(s.run, second)->paused_ns != 0);
    step_release(&s);
}
