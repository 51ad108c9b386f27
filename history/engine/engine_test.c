/* engine_test.c - scenarios: what a run's history looks like after a script of steps. The rig
 * also checks, after every step, that the state equals its rows and its rebuild. */
#include "history/engine/engine_rig.h"

#define BEGIN "Started WFTScheduled "
#define FIRST BEGIN "WFTStarted WFTCompleted "

struct scenario {
    const char *name, *script, *want;
};

static void play(const struct scenario *scenarios, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct rig rig;
        rig_init(&rig, scenarios[i].name);
        rig_run(&rig, scenarios[i].script);
        const char *got = rig_history(&rig);
        if (strcmp(got, scenarios[i].want) != 0)
            test_failed(__FILE__, __LINE__, "%s:\n  got  %s\n  want %s", scenarios[i].name, got,
                        scenarios[i].want);
        rig_release(&rig);
    }
}

TEST(test_engine_runs_to_its_end)
{
    static const struct scenario scenarios[] = {
        {"hello world", "start poll done:complete", FIRST "Completed"},
        {"fails", "start poll done:fail", FIRST "Failed"},
        {"is canceled", "start stop poll done:cancel",
         BEGIN "CancelRequested WFTStarted WFTCompleted Canceled"},
        {"canceled twice is once", "start stop stop", BEGIN "CancelRequested"},
        {"one activity", "start poll sdone:act=a apoll adone spoll done:complete",
         FIRST "ActivityScheduled ActivityStarted ActivityCompleted WFTScheduled WFTStarted "
               "WFTCompleted Completed"},
        {"a timer", "start poll sdone:timer=t/5 wait=4 wait=1 spoll done:complete",
         FIRST "TimerStarted TimerFired WFTScheduled WFTStarted WFTCompleted Completed"},
        {"a timer is canceled", "start poll done:timer=t/5 signal=s poll done:untimer=t,complete",
         FIRST "TimerStarted Signaled WFTScheduled WFTStarted WFTCompleted TimerCanceled "
               "Completed"},
        {"markers", "start poll done:mark=m,mark=n", FIRST "MarkerRecorded MarkerRecorded"},
        {"after the end", "start poll done:complete signal=s!NOT_FOUND term!NOT_FOUND stop",
         FIRST "Completed"},
        {"ends with things pending", "start poll done:act=a,timer=t/9,complete",
         FIRST "ActivityScheduled TimerStarted Completed"},
    };

    play(scenarios, COUNT_OF(scenarios));
}

TEST(test_engine_buffers_while_a_task_is_started)
{
    static const struct scenario scenarios[] = {
        {"a signal before the start is written", "start signal=s poll",
         BEGIN "Signaled WFTStarted"},
        {"a signal meanwhile waits", "start poll signal=s", BEGIN "WFTStarted"},
        {"and follows the completion", "start poll signal=s done:mark=m",
         FIRST "MarkerRecorded Signaled WFTScheduled"},
        {"a run can't close over it", "start poll signal=s done:complete!INVALID",
         BEGIN "WFTStarted WFTFailed Signaled WFTScheduled"},
        {"nor over a cancel request", "start poll stop done:complete!INVALID",
         BEGIN "WFTStarted WFTFailed CancelRequested WFTScheduled"},
        {"while closing, signals are refused",
         "start poll signal=s done:complete!INVALID poll signal=s!BUSY done:complete",
         BEGIN "WFTStarted WFTFailed Signaled WFTScheduled WFTStarted WFTCompleted Completed"},
        {"one request id signals once", "start signal=s/1 signal=s/1 signal=t/2 signal=u signal=u",
         BEGIN "Signaled Signaled Signaled Signaled"},
        {"ends of activities come last",
         "start poll done:act=a signal=x poll apoll adone signal=y done",
         FIRST "ActivityScheduled Signaled WFTScheduled WFTStarted WFTCompleted ActivityStarted "
               "Signaled ActivityCompleted WFTScheduled"},
        {"a fired timer is unfired",
         "start poll done:timer=t/5 signal=x poll wait=6 done:untimer=t,complete",
         FIRST "TimerStarted Signaled WFTScheduled WFTStarted WFTCompleted TimerCanceled "
               "Completed"},
        {"the next task comes inline", "start poll signal=s ndone ndone:complete",
         FIRST "Signaled WFTScheduled WFTStarted WFTCompleted Completed"},
    };

    play(scenarios, COUNT_OF(scenarios));
}

TEST(test_engine_fails_workflow_tasks)
{
    static const struct scenario scenarios[] = {
        {"by the worker", "start poll wfail", BEGIN "WFTStarted WFTFailed"},
        {"the next attempt is transient", "start poll wfail poll wfail poll",
         BEGIN "WFTStarted WFTFailed"},
        {"and written when it completes", "start poll wfail poll done:complete",
         BEGIN "WFTStarted WFTFailed WFTScheduled WFTStarted WFTCompleted Completed"},
        {"overtaken, it is a normal one", "start poll wfail signal=s poll",
         BEGIN "WFTStarted WFTFailed Signaled WFTScheduled WFTStarted"},
        {"transient, and something waits", "start poll wfail poll signal=s wfail",
         BEGIN "WFTStarted WFTFailed Signaled WFTScheduled"},
        {"a bad command fails it, nothing is applied",
         "start poll done:act=a,timer=t/5,nomark!INVALID", BEGIN "WFTStarted WFTFailed"},
        {"nothing that was pending is lost",
         "start poll done:act=a,timer=t/50 signal=s poll "
         "done:untimer=t,unact=5,timer=t/7,act=b,nomark!INVALID poll done:untimer=t,unact=5",
         FIRST "ActivityScheduled TimerStarted Signaled WFTScheduled WFTStarted WFTFailed "
               "WFTScheduled WFTStarted WFTCompleted TimerCanceled ActivityCancelRequested "
               "ActivityCanceled WFTScheduled"},
        {"a binary that is marked as bad fails it, nothing is applied",
         "start poll bdone:act=a,complete!INVALID poll bdone!INVALID done:complete",
         BEGIN "WFTStarted WFTFailed WFTScheduled WFTStarted WFTCompleted Completed"},
        {"a second bad one is left to its time-out",
         "start poll done:nomark!INVALID poll done:nomark!INVALID done:complete",
         BEGIN "WFTStarted WFTFailed WFTScheduled WFTStarted WFTCompleted Completed"},
        {"a bad continue-as-new", "start poll done:badcan!INVALID", BEGIN "WFTStarted WFTFailed"},
        {"a closing command must be the last", "start poll done:complete,mark=m!INVALID",
         BEGIN "WFTStarted"},
        {"a stale token", "start poll wfail poll old!NOT_FOUND done:complete",
         BEGIN "WFTStarted WFTFailed WFTScheduled WFTStarted WFTCompleted Completed"},
        {"an answer repeated", "start poll done:mark=m again", FIRST "MarkerRecorded"},
        {"an answer repeated after the end", "start poll done:complete again", FIRST "Completed"},
        {"a poll repeated", "start poll repoll done:complete", FIRST "Completed"},
        {"another poll finds it gone", "start poll poll!STALE", BEGIN "WFTStarted"},
    };

    play(scenarios, COUNT_OF(scenarios));
}

TEST(test_engine_times_out)
{
    static const struct scenario scenarios[] = {
        {"a workflow task", "start poll wait=9 wait=1", BEGIN "WFTStarted WFTTimedOut"},
        {"its own time-out", "start:task=3 poll wait=3", BEGIN "WFTStarted WFTTimedOut"},
        {"again and again",
         "start poll wait=10 poll wait=10 poll wait=10 poll wait=16 poll "
         "done:complete",
         BEGIN "WFTStarted WFTTimedOut WFTScheduled WFTStarted WFTCompleted Completed"},
        {"what waits comes in", "start poll signal=s wait=10",
         BEGIN "WFTStarted WFTTimedOut Signaled WFTScheduled"},
        {"a late answer", "start poll wait=10 done:complete!NOT_FOUND",
         BEGIN "WFTStarted WFTTimedOut"},
        {"the run", "start:run=20 wait=19 wait=1", BEGIN "TimedOut"},
        {"the execution", "start:exec=20 wait=21", BEGIN "TimedOut"},
        {"the run while a task is started", "start:run=5 poll wait=5",
         BEGIN "WFTStarted WFTFailed TimedOut"},
        {"a delayed start", "start:delay=5 signal=s wait=4 wait=1 poll done:complete",
         "Started Signaled WFTScheduled WFTStarted WFTCompleted Completed"},
        {"a delayed start is canceled", "start:delay=5 stop poll done:cancel wait=9",
         "Started CancelRequested WFTScheduled WFTStarted WFTCompleted Canceled"},
        {"spans without end are capped",
         "start:run=9223372036854775807,exec=9223372036854775807,task=9223372036854775807 poll "
         "wait=119 wait=1",
         BEGIN "WFTStarted WFTTimedOut"},
        {"a delay without end", "start:delay=9223372036854775807 wait=1000 term",
         "Started Terminated"},
        {"negative spans are refused", "start:run=-1!INVALID", ""},
        {"an activity is tried again",
         "start poll done:act=a apoll wait=30 apoll!STALE wait=1 "
         "apoll adone",
         FIRST "ActivityScheduled ActivityStarted ActivityCompleted WFTScheduled"},
    };

    play(scenarios, COUNT_OF(scenarios));
}

TEST(test_engine_is_sticky)
{
    static const struct scenario scenarios[] = {
        {"nobody takes it", "start poll sdone signal=s wait=5 poll done:complete",
         FIRST "Signaled WFTScheduled WFTTimedOut WFTScheduled WFTStarted WFTCompleted "
               "Completed"},
        {"no poller: on the normal queue", "start poll sdone signal=s nosticky poll done:complete",
         FIRST "Signaled WFTScheduled WFTStarted WFTCompleted Completed"},
        {"then the sticky worker is too late",
         "start poll sdone signal=s nosticky poll spoll!STALE",
         FIRST "Signaled WFTScheduled WFTStarted"},
        {"a failed task leaves the queue", "start poll sdone signal=s spoll wfail poll",
         FIRST "Signaled WFTScheduled WFTStarted WFTFailed WFTScheduled WFTStarted"},
        {"is reset", "start poll sdone signal=s resetsticky spoll!STALE poll",
         FIRST "Signaled WFTScheduled WFTStarted"},
        {"a foreign sticky queue", "start spoll!STALE", "Started WFTScheduled"},
    };

    play(scenarios, COUNT_OF(scenarios));
}

TEST(test_engine_is_terminated)
{
    static const struct scenario scenarios[] = {
        {"idle", "start poll done term", FIRST "Terminated"},
        {"with a task scheduled", "start term", BEGIN "Terminated"},
        {"with a task started", "start poll signal=s term",
         BEGIN "WFTStarted WFTFailed Signaled Terminated"},
        {"with a transient task started", "start poll wfail poll term",
         BEGIN "WFTStarted WFTFailed Terminated"},
        {"with everything", "start poll sdone:act=a,act=b,timer=t/5 apoll signal=s spoll term",
         FIRST "ActivityScheduled ActivityScheduled TimerStarted Signaled WFTScheduled WFTStarted "
               "WFTFailed Terminated"},
    };

    play(scenarios, COUNT_OF(scenarios));
}

/* -- what the worker and the caller get ------------------------------------------------------ */

TEST(test_engine_hands_out_the_history_that_a_worker_lacks)
{
    struct rig rig;

    rig_init(&rig, "history ranges");
    rig_run(&rig, "start poll");
    check_i64(rig.started->history_from, 1);
    check_i64(rig.started->history_to, 4);
    check_i64(rig.started->response->previous_started_event_id, 0);
    check_i64(rig.started->response->started_event_id, 3);
    check_i64(rig.started->response->attempt, 1);
    check_str(rig.started->response->workflow_execution_task_queue->name, "q");
    check(rig.started_rides);
    rig_run(&rig, "sdone:mark=m signal=s spoll");
    check_i64(rig.started->history_from, 4); /* from the event after the last start that it saw */
    check_i64(rig.started->history_to, 9);
    check_i64(rig.started->response->previous_started_event_id, 3);
    rig_run(&rig, "wfail poll");
    check_i64(rig.started->history_from, 1); /* another worker, or this one without its cache */
    check_i64(rig.started->response->attempt, 1);
    rig_run(&rig, "wfail poll");
    check_i64(rig.started->response->attempt, 2);
    check_i64(rig.extra_from, rig.started->history_to);
    check_i64(rig.started->response->started_event_id, rig.extra_from + 1);
    rig_run(&rig, "repoll");
    check(rig.started && rig.started->extra_events.len > 0);
    rig_release(&rig);
}

TEST(test_engine_says_what_is_wrong)
{
    static const struct {
        const char *script, *text;
    } cases[] = {
        {"start poll done:nomark!INVALID",
         "BadRecordMarkerAttributes: MarkerName is not set on RecordMarkerCommand."},
        {"start poll signal=s done:complete!INVALID", "UnhandledCommand"},
        {"start poll bdone!INVALID", "BadBinary: binary  is marked as bad deployment"},
        {"start poll done:complete,mark=m!INVALID",
         "invalid command sequence: [CompleteWorkflowExecution, RecordMarker], command "
         "CompleteWorkflowExecution must be the last command."},
        {"start poll done:badcan!INVALID",
         "BadContinueAsNewAttributes: Invalid WorkflowRunTimeout on "
         "ContinueAsNewWorkflowExecutionCommand: negative duration. WorkflowType=Type "
         "TaskQueue=name:\"q\" kind:TASK_QUEUE_KIND_NORMAL"},
        {"start poll signal=s done:can!INVALID", "UnhandledCommand"},
        {"start poll wait=10 done!NOT_FOUND", "Workflow task not found."},
        {"start term signal=s!NOT_FOUND", "workflow execution already completed"},
        {"start poll term wfail!NOT_FOUND", "workflow execution already completed"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig rig;
        rig_init(&rig, cases[i].script);
        rig_run(&rig, cases[i].script);
        check_str(rig.detail.text, cases[i].text);
        rig_release(&rig);
    }
}

TEST(test_engine_heartbeats_until_it_is_too_long)
{
    struct rig rig;

    rig_init(&rig, "heartbeats");
    rig.limits.wft_heartbeat_timeout_ns = 20 * NS_PER_S;
    rig_run(&rig, "start poll wait=8 hdone");
    check(rig.started != NULL);
    check_i64(rig.started->response->attempt, 1);
    rig_run(&rig, "wait=8 hdone");
    rig_run(&rig, "again");
    check(rig.started != NULL); /* the lost reply held the next task */
    rig_run(&rig, "wait=8 hdone!NOT_FOUND");
    check_str(rig.detail.text, "workflow task heartbeat timeout");
    check(rig.started == NULL);
    rig_run(&rig, "poll done:complete");
    check_str(rig_history(&rig), BEGIN "WFTStarted WFTCompleted WFTScheduled WFTStarted "
                                       "WFTCompleted WFTScheduled WFTStarted WFTTimedOut "
                                       "WFTScheduled WFTStarted WFTCompleted Completed");
    rig_release(&rig);
}

TEST(test_engine_keeps_its_limits)
{
    struct rig rig;

    rig_init(&rig, "history count");
    rig.limits.history_events_max = 6;
    rig.limits.suggest_events = 5;
    rig_run(&rig, "start signal=a poll");
    check(!rig.run->wft.suggest_continue_as_new);
    rig_run(&rig, "done");
    rig_run(&rig, "signal=b!INVALID");
    check_i64(rig.run->next_event_id - 1, 6); /* the signal is not among them */
    rig_release(&rig);

    rig_init(&rig, "nothing of an answer past the limit is carried out");
    rig.limits.history_events_max = 6;
    rig_run(&rig, "start signal=a poll done:act=a,act=b!INVALID");
    check_i64(rig.run->status, WORKFLOW_EXECUTION_STATUS_TERMINATED);
    check_i64(rig.run->next_event_id - 1, 4 + 2); /* the task failed, the end */
    check_i64((int64_t)rig.run->activities.count, 0);
    rig_release(&rig);

    rig_init(&rig, "suggest continue-as-new");
    rig.limits.suggest_events = 4;
    rig_run(&rig, "start signal=a poll");
    check(rig.run->wft.suggest_continue_as_new);
    rig_release(&rig);

    rig_init(&rig, "signals");
    rig.limits.signals_max = 2;
    rig_run(&rig, "start signal=a signal=b signal=c!INVALID");
    check_str(rig.detail.text, "exceeded workflow execution limit for signal events");
    rig_release(&rig);

    rig_init(&rig, "buffered events");
    rig_run(&rig, "start poll");
    for (int i = 0; i <= (int64_t)rig.limits.buffered_events_max; i++)
        rig_run(&rig, "signal=s");
    check_i64(rig.run->buffered_count, 0);
    check_i64(rig.run->wft.state, WFT_SCHEDULED);
    /* The next task is a second attempt: it is not written until it starts or completes. */
    check_i64(rig.run->wft.attempt, 2);
    check_i64(rig.run->next_event_id - 1, 3 + 1 + (int64_t)rig.limits.buffered_events_max + 1);
    rig_release(&rig);

    rig_init(&rig, "a large result");
    rig.limits.blob_bytes_max = 8;
    rig.run = NULL;
    rig_run(&rig, "start!INVALID");
    check_str(rig.detail.text, "Blob data size exceeds limit.");
    rig_release(&rig);

    rig_init(&rig, "a large result");
    rig_run(&rig, "start poll");
    rig.limits.blob_bytes_max = 8;
    rig_run(&rig, "done:complete!INVALID");
    check_str(rig_history(&rig), BEGIN "WFTStarted WFTFailed Terminated");
    rig_release(&rig);
}

TEST(test_engine_writes_what_the_start_request_says)
{
    struct rig rig;
    size_t count;

    rig_init(&rig, "event 1");
    rig_run(&rig, "start:exec=100,run=200,task=500,memo=1");
    api_history_event **events = engine_decode_events(&rig.arena, buf_slice(&rig.history), &count);
    must(events != NULL && count == 2);
    const api_workflow_execution_started_event_attributes *a =
        events[0]->workflow_execution_started_event_attributes;
    check_str(a->workflow_id, "wf");
    check_str(a->workflow_type->name, "Type");
    check_str(a->identity, "client");
    check_str(a->first_execution_run_id, rig.run->run_id);
    check_str(a->original_execution_run_id, rig.run->run_id);
    check_i64(a->task_queue->kind, TASK_QUEUE_KIND_NORMAL);
    check_i64(a->attempt, 1);
    check_i64(a->workflow_execution_timeout->seconds, 100);
    check_i64(a->workflow_run_timeout->seconds, 100);
    check_i64(a->workflow_task_timeout->seconds, 100);
    check(a->first_workflow_task_backoff != NULL && a->memo != NULL);
    check(a->workflow_execution_expiration_time != NULL);
    check(events[0]->user_metadata != NULL && events[0]->user_metadata->summary != NULL);
    check_i64(events[1]->workflow_task_scheduled_event_attributes->start_to_close_timeout->seconds,
              100);
    api_start_workflow_execution_response *reply =
        engine_decode(&rig.arena, &api_start_workflow_execution_response__desc, rig.reply);
    must(reply != NULL);
    check_str(reply->run_id, rig.run->run_id);
    check(reply->started);
    check_i64(reply->link->workflow_event->event_ref->event_type,
              EVENT_TYPE_WORKFLOW_EXECUTION_STARTED);
    rig_release(&rig);
}

TEST(test_engine_keeps_fields_that_it_does_not_know)
{
    struct rig rig;
    struct transition t;
    /* SignalWorkflowExecutionRequest{signal_name (3): "s", input (4): Payloads{unknown 99: "xyz"}}
     */
    static const uint8_t bytes[] = {0x1a, 1, 's', 0x22, 6, 0x9a, 0x06, 3, 'x', 'y', 'z'};
    const uint8_t unknown[] = {0x9a, 0x06, 3, 'x', 'y', 'z'};

    rig_init(&rig, "unknown fields");
    rig_run(&rig, "start");
    api_signal_workflow_execution_request *request = engine_decode(
        &rig.arena, &api_signal_workflow_execution_request__desc, slice_of(bytes, sizeof(bytes)));
    must(request != NULL);
    rig_begin(&rig, &t);
    rig_end(&rig, &t, "signal", engine_signal(&t, request));
    check(memmem(rig.history.ptr, rig.history.len, unknown, sizeof(unknown)) != NULL);
    rig_run(&rig, "poll");
    request = engine_decode(&rig.arena, &api_signal_workflow_execution_request__desc,
                            slice_of(bytes, sizeof(bytes)));
    must(request != NULL);
    buf_clear(&rig.history); /* only what comes through the buffer; the rebuild is not checked */
    rig_begin(&rig, &t);
    check_ok(engine_signal(&t, request));
    t.detail = &rig.detail;
    check(memmem(rig.run->buffered.ptr, rig.run->buffered.len, unknown, sizeof(unknown)) != NULL);
    wft_time_out(&t, TIMEOUT_TYPE_START_TO_CLOSE);
    transition_need_workflow_task(&t);
    check(memmem(t.events.ptr, t.events.len, unknown, sizeof(unknown)) != NULL);
    transition_release(&t);
    rig_release(&rig);
}

/* Of a task that was completed in time the deadline's row stays, comes, and moves on. */
TEST(test_engine_counts_no_transition_for_a_deadline_that_is_none)
{
    struct rig rig;

    rig_init(&rig, "idle deadline");
    rig_run(&rig, "start:task=10 poll sdone:timer=t/300");
    const int64_t transitions = rig.run->state_transition_count;
    check(rig.run->deadline_row_ns < engine_deadline_ns(rig.run));
    rig_run(&rig, "wait=20");
    check_i64(rig.run->deadline_row_ns, engine_deadline_ns(rig.run));
    check_i64(rig.run->state_transition_count, transitions);
    rig_release(&rig);
}

TEST(test_engine_describes_a_run)
{
    struct rig rig;
    struct arena arena;

    arena_init(&arena);
    rig_init(&rig, "describe");
    rig_run(&rig, "start poll sdone:act=a signal=s stop");
    api_describe_workflow_execution_response *d =
        engine_decode(&arena, &api_describe_workflow_execution_response__desc,
                      engine_describe(rig.run, &arena, rig.now_ns));
    must(d != NULL);
    check_str(d->workflow_execution_info->execution->workflow_id, "wf");
    check_str(d->workflow_execution_info->type->name, "Type");
    check_i64(d->workflow_execution_info->status, WORKFLOW_EXECUTION_STATUS_RUNNING);
    check_i64(d->workflow_execution_info->history_length, rig.run->next_event_id - 1);
    check_i64(d->workflow_execution_info->state_transition_count, 5);
    check(d->workflow_execution_info->memo && d->workflow_execution_info->search_attributes);
    check_i64(d->pending_workflow_task->state, PENDING_WORKFLOW_TASK_STATE_SCHEDULED);
    check_i64((int64_t)d->n_pending_activities, 1);
    check(d->workflow_extended_info->cancel_requested);
    check_i64((int64_t)d->workflow_extended_info->n_request_id_infos, 1);
    check_i64(d->execution_config->default_workflow_task_timeout->seconds, 10);
    check(d->execution_config->user_metadata != NULL);
    rig_run(&rig, "spoll done:cancel");
    api_workflow_execution_info *info = engine_decode(&arena, &api_workflow_execution_info__desc,
                                                      engine_execution_info(rig.run, &arena));
    must(info != NULL);
    check_i64(info->status, WORKFLOW_EXECUTION_STATUS_CANCELED);
    check(info->close_time != NULL && info->execution_duration != NULL);
    rig_release(&rig);
    arena_release(&arena);
}

TEST(test_engine_start_policy)
{
    static const struct {
        int32_t status, reuse, conflict;
        const char *request_id;
        enum start_decision want;
        const char *text;
    } cases[] = {
        {WORKFLOW_EXECUTION_STATUS_RUNNING, 0, 0, "old", START_SAME_REQUEST, ""},
        {WORKFLOW_EXECUTION_STATUS_COMPLETED, 0, 0, "old", START_SAME_REQUEST, ""},
        {WORKFLOW_EXECUTION_STATUS_RUNNING, 0, WORKFLOW_ID_CONFLICT_POLICY_FAIL, "r", START_REFUSE,
         "Workflow execution is already running. WorkflowId: wf, RunId: "
         "11111111-1111-4111-8111-111111111111."},
        {WORKFLOW_EXECUTION_STATUS_RUNNING, 0, WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING, "r",
         START_USE_EXISTING, ""},
        {WORKFLOW_EXECUTION_STATUS_RUNNING, 0, WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING, "r",
         START_TERMINATE_EXISTING, ""},
        {WORKFLOW_EXECUTION_STATUS_RUNNING, WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING, 0, "r",
         START_TERMINATE_EXISTING, ""},
        {WORKFLOW_EXECUTION_STATUS_COMPLETED, WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE, 0, "r",
         START_NEW, ""},
        {WORKFLOW_EXECUTION_STATUS_COMPLETED, WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE, 0, "r",
         START_REFUSE,
         "Workflow execution already finished. WorkflowId: wf, RunId: "
         "11111111-1111-4111-8111-111111111111. Workflow Id reuse policy: reject duplicate "
         "workflow Id."},
        {WORKFLOW_EXECUTION_STATUS_COMPLETED, WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
         0, "r", START_REFUSE,
         "Workflow execution already finished successfully. WorkflowId: wf, RunId: "
         "11111111-1111-4111-8111-111111111111. Workflow Id reuse policy: allow duplicate "
         "workflow Id if last run failed."},
        {WORKFLOW_EXECUTION_STATUS_FAILED, WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY, 0,
         "r", START_NEW, ""},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena arena;
        struct err_detail detail = {.text = ""};
        api_start_workflow_execution_request request = API_START_WORKFLOW_EXECUTION_REQUEST_INIT;
        struct current_run current = {.run_id = "11111111-1111-4111-8111-111111111111",
                                      .status = cases[i].status,
                                      .start_request_id = "old"};
        arena_init(&arena);
        static char id[] = "wf";
        request.workflow_id = id;
        request.request_id = arena_str(&arena, slice_str(cases[i].request_id));
        request.workflow_id_reuse_policy =
            (Temporal__Api__Enums__V1__WorkflowIdReusePolicy)cases[i].reuse;
        request.workflow_id_conflict_policy =
            (Temporal__Api__Enums__V1__WorkflowIdConflictPolicy)cases[i].conflict;
        check_i64(engine_start_policy(&request, &current, NS_PER_S, &arena, &detail),
                  cases[i].want);
        check_str(detail.text, cases[i].text);
        arena_release(&arena);
    }
}

TEST(test_engine_query_goes_with_what_the_worker_lacks)
{
    struct rig rig;
    struct transition t;
    const struct task_token token = {.kind = TASK_QUERY,
                                     .namespace_id = SLICE_LIT(RIG_NAMESPACE),
                                     .execution_kind = 1,
                                     .workflow_id = SLICE_LIT("wf"),
                                     .run_id = SLICE_LIT(RIG_NAMESPACE),
                                     .start_id = 77};
    struct rpc_poll poll = {.task_queue = SLICE_LIT("q")};
    struct task_token back;

    rig_init(&rig, "query");
    rig_run(&rig, "start poll sdone:mark=m");
    rig_begin(&rig, &t);
    check_ok(engine_query_task(&t, &poll, &token));
    check_i64(t.started->history_from, 1);
    check_i64(t.started->history_to, 6);
    check_i64(t.started->response->previous_started_event_id, 3);
    const ProtobufCBinaryData bytes = t.started->response->task_token;
    check_ok(task_token_decode(&rig.arena, slice_of(bytes.data, bytes.len), &back));
    check(back.kind == TASK_QUERY && back.start_id == 77);
    poll.task_queue = SLICE_LIT(RIG_STICKY);
    poll.sticky = true;
    check_ok(engine_query_task(&t, &poll, &token));
    check_i64(t.started->history_from, t.started->history_to); /* it has seen everything */
    check_i64(t.event_count, 0);
    transition_release(&t);
    rig_release(&rig);
}

TEST(test_engine_terminates_for_a_new_run)
{
    struct rig rig;
    struct transition t;
    size_t count;

    rig_init(&rig, "for a new run");
    rig_run(&rig, "start");
    rig_begin(&rig, &t);
    rig_end(&rig, &t, "term", engine_terminate_for_new_run(&t, "new-run"));
    api_history_event **events = engine_decode_events(&rig.arena, buf_slice(&rig.history), &count);
    must(events != NULL && count == 3);
    const api_workflow_execution_terminated_event_attributes *a =
        events[2]->workflow_execution_terminated_event_attributes;
    check_str(a->reason, "TerminateIfRunning WorkflowIdReusePolicy");
    check_str(a->identity, "history-service");
    check_slice(slice_of(a->details->payloads[0]->data.data, a->details->payloads[0]->data.len),
                SLICE_LIT("\"terminated by new runID: new-run\""));
    rig_release(&rig);
}

TEST(test_engine_refuses_starts_that_it_does_not_support)
{
    static const struct {
        const char *field, *text;
        enum err err;
    } cases[] = {
        {"request", "Missing request ID.", ERR_INVALID},
        {"queue", "Missing Taskqueue.", ERR_INVALID},
        {"type", "Missing WorkflowType.", ERR_INVALID},
        {"id", "WorkflowId exceeds length limit.", ERR_INVALID},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig rig;
        struct transition t;
        rig_init(&rig, cases[i].field);
        static char none[] = "";
        api_start_workflow_execution_request *r = rig_start_request(&rig, NULL);
        if (i == 0)
            r->request_id = none;
        else if (i == 1)
            r->task_queue = NULL;
        else if (i == 2)
            r->workflow_type->name = none;
        else
            rig.limits.id_bytes_max = 1;
        rig.run = run_new();
        rig_begin(&rig, &t);
        const struct engine_start start = {.request = r,
                                           .namespace_id = SLICE_LIT(RIG_NAMESPACE),
                                           .namespace_name = SLICE_LIT("default"),
                                           .run_id = RIG_NAMESPACE};
        check_err(engine_start(&t, &start), cases[i].err);
        check_str(rig.detail.text, cases[i].text);
        check_i64(t.event_count, 0);
        transition_release(&t);
        rig_release(&rig);
    }
}

TEST(test_engine_starts_the_first_task_for_an_eager_client)
{
    struct rig rig;
    struct transition t;

    rig_init(&rig, "eager");
    rig_run(&rig, "start:eager=1");
    check_i64(rig.run->wft.state, WFT_STARTED);
    check_i64((int64_t)rig.task_count, 0); /* nobody else is offered it */
    rig_begin(&rig, &t);
    engine_start_again(&t);
    check(t.started != NULL && t.started->response->started_event_id == 3);
    check_i64(t.started->history_from, 1);
    check_i64(t.started->history_to, 4);
    transition_release(&t);
    rig_run(&rig, "wait=10"); /* the client is gone: the next one is for whoever polls */
    rig_begin(&rig, &t);
    engine_start_again(&t);
    check(t.started == NULL);
    transition_release(&t);
    rig_run(&rig, "poll done:complete");
    check_i64(rig.run->status, WORKFLOW_EXECUTION_STATUS_COMPLETED);
    rig_release(&rig);

    rig_init(&rig, "eager, but delayed");
    rig_run(&rig, "start:eager=1,delay=5");
    check_i64(rig.run->wft.state, WFT_NONE);
    rig_run(&rig, "wait=5 poll done:complete");
    rig_release(&rig);
}
