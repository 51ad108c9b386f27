/* operation_test.c - the requests that a job makes, and where its resets go. */
#include "history/batch/operation.h"

#include "common/proto/wire.h"
#include "tests/lib/test.h"

static struct arena arena;
static api_start_batch_operation_request request;
static api_batch_operation_reset reset;
static api_reset_options options;
static char reason[] = "why", me[] = "me", build[] = "build", run_1[] = "run-1", run_2[] = "run-2";

#define TARGET(name) TEMPORAL__API__COMMON__V1__RESET_OPTIONS__TARGET_##name

static const struct batch_target target = {{(const uint8_t *)"wf", 2},
                                           {(const uint8_t *)"run-2", 5}};

static void reset_job(int target_case)
{
    arena_init(&arena);
    request = (api_start_batch_operation_request)API_START_BATCH_OPERATION_REQUEST_INIT;
    reset = (api_batch_operation_reset)API_BATCH_OPERATION_RESET_INIT;
    options = (api_reset_options)API_RESET_OPTIONS_INIT;
    request.reason = reason;
    request.operation_case = BATCH_OPERATION(RESET_OPERATION);
    request.reset_operation = &reset;
    reset.options = &options;
    reset.identity = me;
    options.target_case = target_case;
    if (target_case == TARGET(BUILD_ID))
        options.build_id = build;
}

/* A page of events of these types, from event `first` on, in steps of `step`. */
static void events_of(api_history *history, const int *types, size_t count, int64_t first,
                      int64_t step)
{
    *history = (api_history)API_HISTORY_INIT;
    history->events = ARENA_ARRAY(&arena, api_history_event *, count);
    for (size_t i = 0; i < count; i++) {
        api_history_event *event = ARENA_NEW(&arena, api_history_event);

        *event = (api_history_event)API_HISTORY_EVENT_INIT;
        event->event_id = first + (int64_t)i * step;
        event->event_type = types[i];
        history->events[history->n_events++] = event;
    }
}

static enum err feed(const int *types, size_t count, int64_t first, bool last,
                     struct batch_reset_point *point, struct slice *token)
{
    api_get_workflow_execution_history_response page =
        API_GET_WORKFLOW_EXECUTION_HISTORY_RESPONSE_INIT;
    api_history history;
    struct err_detail detail;
    uint8_t more[] = {'t'};

    events_of(&history, types, count, first, 1);
    page.history = &history;
    page.next_page_token.data = more;
    page.next_page_token.len = last ? 0 : 1;
    return batch_lookup_answered(&arena, &request, &target, proto_encode(&arena, &page), 0, point,
                                 token, &detail);
}

static enum err feed_reverse(const int *types, size_t count, int64_t first, bool last,
                             struct batch_reset_point *point, struct slice *token)
{
    api_get_workflow_execution_history_reverse_response page =
        API_GET_WORKFLOW_EXECUTION_HISTORY_REVERSE_RESPONSE_INIT;
    api_history history;
    struct err_detail detail;
    uint8_t more[] = {'t'};

    events_of(&history, types, count, first, -1);
    page.history = &history;
    page.next_page_token.data = more;
    page.next_page_token.len = last ? 0 : 1;
    return batch_lookup_answered(&arena, &request, &target, proto_encode(&arena, &page), 0, point,
                                 token, &detail);
}

static const int begun[] = {EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
                            EVENT_TYPE_WORKFLOW_TASK_SCHEDULED, EVENT_TYPE_WORKFLOW_TASK_STARTED};

TEST(the_first_completed_task_decides_wherever_its_page_is)
{
    static const int next[] = {EVENT_TYPE_WORKFLOW_TASK_FAILED, EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
                               EVENT_TYPE_WORKFLOW_TASK_COMPLETED};
    struct batch_reset_point point = {0};
    struct slice token;

    reset_job(TARGET(FIRST_WORKFLOW_TASK));
    check_i64(batch_lookup_of(&request), BATCH_LOOKUP_FIRST_TASK);
    check_i64(batch_lookup_call(&arena, &request, &target, SLICE_EMPTY).method,
              METHOD_HISTORY_GET_HISTORY);
    check_ok(feed(begun, COUNT_OF(begun), 1, false, &point, &token));
    check_slice(token, SLICE_LIT("t"));
    check_ok(feed(next, COUNT_OF(next), 4, false, &point, &token));
    check_i64(token.len, 0);
    check_i64(point.event_id, 5);
    arena_release(&arena);
}

TEST(without_a_completed_task_it_is_behind_the_first_scheduled_one)
{
    struct batch_reset_point point = {0};
    struct slice token;

    reset_job(TARGET(FIRST_WORKFLOW_TASK));
    check_ok(feed(begun, COUNT_OF(begun), 1, true, &point, &token));
    check_i64(point.event_id, 3);
    point.event_id = 0;
    check_err(feed(begun, 1, 1, true, &point, &token), ERR_INVALID);
    arena_release(&arena);
}

TEST(the_last_completed_task_is_looked_for_from_the_end)
{
    static const int tail[] = {EVENT_TYPE_WORKFLOW_TASK_STARTED, EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
                               EVENT_TYPE_TIMER_FIRED, EVENT_TYPE_WORKFLOW_TASK_COMPLETED};
    struct batch_reset_point point = {0};
    struct slice token;

    reset_job(TARGET(LAST_WORKFLOW_TASK));
    check_i64(batch_lookup_call(&arena, &request, &target, SLICE_EMPTY).method,
              METHOD_HISTORY_GET_HISTORY_REVERSE);
    check_ok(feed_reverse(tail, 3, 20, false, &point, &token));
    check_i64(token.len, 1);
    check_ok(feed_reverse(tail + 3, 1, 17, false, &point, &token));
    check_i64(token.len, 0);
    check_i64(point.event_id, 17);
    point.event_id = 0;
    check_ok(feed_reverse(tail, 3, 3, true, &point, &token));
    check_i64(point.event_id, 3);
    arena_release(&arena);
}

static enum err describe(api_reset_point_info *info, struct batch_reset_point *point,
                         struct err_detail *detail)
{
    api_describe_workflow_execution_response response =
        API_DESCRIBE_WORKFLOW_EXECUTION_RESPONSE_INIT;
    api_workflow_execution_info of = API_WORKFLOW_EXECUTION_INFO_INIT;
    api_common_workflow_execution execution = API_COMMON_WORKFLOW_EXECUTION_INIT;
    api_reset_points points = API_RESET_POINTS_INIT;
    api_reset_point_info *list[] = {info};
    struct slice token;

    points.points = list;
    points.n_points = 1;
    execution.run_id = run_2;
    of.execution = &execution;
    of.auto_reset_points = &points;
    response.workflow_execution_info = &of;
    return batch_lookup_answered(&arena, &request, &target, proto_encode(&arena, &response),
                                 100 * NS_PER_S, point, &token, detail);
}

TEST(a_build_id_is_found_among_the_reset_points)
{
    api_reset_point_info info = API_RESET_POINT_INFO_INIT;
    pb_timestamp expires = PB_TIMESTAMP_INIT;
    struct batch_reset_point point = {0};
    struct err_detail detail = {0};
    char other[] = "other";

    reset_job(TARGET(BUILD_ID));
    check_i64(batch_lookup_of(&request), BATCH_LOOKUP_BUILD_ID);
    check_i64(batch_lookup_call(&arena, &request, &target, SLICE_EMPTY).method,
              METHOD_HISTORY_DESCRIBE);
    info.build_id = build;
    info.run_id = run_1;
    info.first_workflow_task_completed_id = 4;
    check_err(describe(&info, &point, &detail), ERR_INVALID);
    check_str(detail.text, "Reset point for build is not resettable");
    info.resettable = true;
    check_ok(describe(&info, &point, &detail));
    check_i64(point.event_id, 4);
    check_slice(point.run_id, slice_str("run-1"));
    options.current_run_only = true;
    check_err(describe(&info, &point, &detail), ERR_INVALID);
    check_str(detail.text,
              "Reset point for build points to previous run and CurrentRunOnly is set");
    info.run_id = run_2;
    check_ok(describe(&info, &point, &detail));
    expires.seconds = 100;
    info.expire_time = &expires;
    check_ok(describe(&info, &point, &detail));
    expires.seconds = 99;
    check_err(describe(&info, &point, &detail), ERR_INVALID);
    check_str(detail.text, "Reset point for build is expired");
    info.build_id = other;
    check_err(describe(&info, &point, &detail), ERR_INVALID);
    check_str(detail.text, "Can't find reset point for build");
    arena_release(&arena);
}

static api_reset_workflow_execution_request *made(const struct batch_reset_point *point)
{
    api_reset_workflow_execution_request *out;
    const struct batch_call call =
        batch_operation_call(&arena, &request, SLICE_LIT("key"), &target, point);

    check_i64(call.method, METHOD_HISTORY_RESET_WORKFLOW);
    check_ok(proto_decode(&arena, &api_reset_workflow_execution_request__desc, call.request, &out,
                          NULL));
    return out;
}

TEST(a_reset_goes_to_the_point_that_was_found)
{
    api_reset_workflow_execution_request *out;

    reset_job(TARGET(BUILD_ID));
    options.reset_reapply_type = RESET_REAPPLY_TYPE_SIGNAL;
    out = made(&(struct batch_reset_point){9, slice_str("run-1")});
    check_str(out->workflow_execution->workflow_id, "wf");
    check_str(out->workflow_execution->run_id, "run-1");
    check_i64(out->workflow_task_finish_event_id, 9);
    check_str(out->reason, "why");
    check_str(out->identity, "me");
    check_i64(out->reset_reapply_type, RESET_REAPPLY_TYPE_SIGNAL);
    const char *id = out->request_id;
    check_i64(strlen(id), 36);
    check_str(made(&(struct batch_reset_point){9, SLICE_EMPTY})->request_id, id);
    check_str(made(&(struct batch_reset_point){9, SLICE_EMPTY})->workflow_execution->run_id,
              "run-2");
    arena_release(&arena);
    reset_job(TARGET(WORKFLOW_TASK_ID));
    options.workflow_task_id = 33;
    check_i64(batch_lookup_of(&request), BATCH_LOOKUP_NONE);
    check_i64(made(&(struct batch_reset_point){0})->workflow_task_finish_event_id, 33);
    arena_release(&arena);
}

TEST(each_operation_goes_to_its_method)
{
    api_batch_operation_termination termination = API_BATCH_OPERATION_TERMINATION_INIT;
    api_batch_operation_cancellation cancellation = API_BATCH_OPERATION_CANCELLATION_INIT;
    api_batch_operation_deletion deletion = API_BATCH_OPERATION_DELETION_INIT;
    api_batch_operation_signal signal = API_BATCH_OPERATION_SIGNAL_INIT;
    api_batch_operation_unpause_activities unpause = API_BATCH_OPERATION_UNPAUSE_ACTIVITIES_INIT;
    api_batch_operation_reset_activities reset_them = API_BATCH_OPERATION_RESET_ACTIVITIES_INIT;
    api_batch_operation_update_activity_options update =
        API_BATCH_OPERATION_UPDATE_ACTIVITY_OPTIONS_INIT;
    api_batch_operation_update_workflow_execution_options workflow =
        API_BATCH_OPERATION_UPDATE_WORKFLOW_EXECUTION_OPTIONS_INIT;
    const struct {
        int operation;
        void *message;
        enum mesh_method method;
        int type;
    } cases[] = {
        {BATCH_OPERATION(TERMINATION_OPERATION), &termination, METHOD_HISTORY_TERMINATE, 13},
        {BATCH_OPERATION(CANCELLATION_OPERATION), &cancellation, METHOD_HISTORY_REQUEST_CANCEL, 14},
        {BATCH_OPERATION(SIGNAL_OPERATION), &signal, METHOD_HISTORY_SIGNAL_WORKFLOW, 15},
        {BATCH_OPERATION(DELETION_OPERATION), &deletion, METHOD_HISTORY_DELETE_WORKFLOW, 16},
        {BATCH_OPERATION(UPDATE_WORKFLOW_OPTIONS_OPERATION), &workflow,
         METHOD_HISTORY_UPDATE_OPTIONS, 18},
        {BATCH_OPERATION(UNPAUSE_ACTIVITIES_OPERATION), &unpause, METHOD_HISTORY_UNPAUSE_ACTIVITY,
         7},
        {BATCH_OPERATION(UPDATE_ACTIVITY_OPTIONS_OPERATION), &update,
         METHOD_HISTORY_UPDATE_ACTIVITY_OPTIONS, 8},
        {BATCH_OPERATION(RESET_ACTIVITIES_OPERATION), &reset_them, METHOD_HISTORY_RESET_ACTIVITY,
         9},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        reset_job(TARGET(FIRST_WORKFLOW_TASK));
        request.operation_case = cases[i].operation;
        request.termination_operation = cases[i].message;
        const struct batch_call call = batch_operation_call(
            &arena, &request, SLICE_LIT("key"), &target, &(struct batch_reset_point){0});
        check_i64(call.method, cases[i].method);
        check_i64(batch_operation_type(&request), cases[i].type);
        check_i64(batch_lookup_of(&request), BATCH_LOOKUP_NONE);
        check_str(batch_operation_identity(&request), "");
        arena_release(&arena);
    }
}
