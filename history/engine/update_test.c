/* update_test.c - scenarios of updates: the history they leave, and what callers are told. The rig
 * checks after every step that state, rows and rebuild agree, and that no update is lost silently.
 */
#include "history/engine/engine_rig.h"

#define BEGIN "Started WFTScheduled "
#define FIRST BEGIN "WFTStarted WFTCompleted"
#define TASK " WFTScheduled WFTStarted WFTCompleted"

struct scenario {
    const char *name, *script, *want, *told;
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
        if (strcmp(rig.told, scenarios[i].told) != 0)
            test_failed(__FILE__, __LINE__, "%s:\n  told %s\n  want %s", scenarios[i].name,
                        rig.told, scenarios[i].told);
        rig_release(&rig);
    }
}

TEST(test_update_leaves_the_events_of_what_the_worker_said)
{
    static const struct scenario scenarios[] = {
        {"accepted and completed at once", "start poll done upd=u poll done:ok=u,end=u",
         FIRST TASK " UpdateAccepted UpdateCompleted", "u:3ok"},
        {"by commands", "start poll done upd=u poll done:cok=u,cend=u",
         FIRST TASK " UpdateAccepted UpdateCompleted", "u:3ok"},
        {"accepted, completed later",
         "start poll done upd=u poll done:cok=u signal=s poll done:cend=u",
         FIRST TASK " UpdateAccepted Signaled" TASK " UpdateCompleted", "u:2 u:3ok"},
        {"rejected without a trace", "start poll done upd=u poll done:no=u", FIRST,
         "u:3fail/Refused"},
        {"rejected, and the next one is not",
         "start poll done upd=u poll done:no=u upd=u poll done:ok=u", FIRST TASK " UpdateAccepted",
         "u:3fail/Refused u:2"},
        {"order of commands", "start poll done upd=u poll done:mark=a,cok=u,mark=b,cend=u,mark=c",
         FIRST TASK " MarkerRecorded UpdateAccepted MarkerRecorded UpdateCompleted MarkerRecorded",
         "u:3ok"},
        {"two at once", "start poll done upd=u upd=v poll done:cok=u,cok=v,cend=v,cend=u",
         FIRST TASK " UpdateAccepted UpdateAccepted UpdateCompleted UpdateCompleted",
         "u:3ok v:3ok"},
        {"one is accepted, one rejected", "start poll done upd=u upd=v poll done:no=u,ok=v",
         FIRST TASK " UpdateAccepted", "u:3fail/Refused v:2"},
        {"in the first task", "start upd=u poll done:ok=u,end=u,complete", FIRST " Completed",
         "u:NOT_FOUND"},
        {"in the first task, by commands", "start upd=u poll done:cok=u,cend=u,complete",
         FIRST " UpdateAccepted UpdateCompleted Completed", "u:3ok"},
        {"a worker that knows no updates", "start poll done upd=u poll done", FIRST,
         "u:3fail/UnprocessedUpdate"},
        {"nor in a task with commands", "start poll done upd=u poll done:mark=m",
         FIRST TASK " MarkerRecorded", "u:3fail/UnprocessedUpdate"},
        {"a heartbeat may leave it open", "start poll done upd=u poll hdone hdone:ok=u",
         FIRST TASK TASK " UpdateAccepted WFTScheduled WFTStarted", "u:2"},
    };

    play(scenarios, COUNT_OF(scenarios));
}

TEST(test_update_that_comes_while_a_task_is_started_waits_for_the_next)
{
    static const struct scenario scenarios[] = {
        {"inline, speculative", "start poll upd=u ndone ndone:no=u", FIRST, "u:3fail/Refused"},
        {"inline, accepted", "start poll upd=u ndone ndone:ok=u", FIRST TASK " UpdateAccepted",
         "u:2"},
        {"not inline: a normal task", "start poll upd=u done", FIRST " WFTScheduled", ""},
        {"with a signal: a normal task", "start poll upd=u signal=s ndone",
         FIRST " Signaled WFTScheduled WFTStarted", ""},
        {"dropped, and another follows", "start poll done upd=u poll upd=v ndone:no=u ndone:no=v",
         FIRST, "u:3fail/Refused v:3fail/Refused"},
        {"dropped, a normal one follows",
         "start poll done upd=u poll upd=v done:no=u poll done:no=v", FIRST TASK,
         "u:3fail/Refused v:3fail/Refused"},
        {"it does not keep the run from closing", "start poll upd=u done:complete",
         FIRST " Completed", "u:NOT_FOUND"},
        {"nor from going on", "start poll upd=u done:can", BEGIN, "u:BUSY+"},
    };

    for (size_t i = 0; i < COUNT_OF(scenarios) - 1; i++)
        play(&scenarios[i], 1);
    struct rig rig;
    rig_init(&rig, "continued");
    rig_run(&rig, scenarios[COUNT_OF(scenarios) - 1].script);
    check_str(rig.told, "u:BUSY+");
    rig_release(&rig);
}

TEST(test_update_speculative_task_becomes_normal_when_something_is_written)
{
    static const struct scenario scenarios[] = {
        {"a signal before its start", "start poll done upd=u signal=s",
         FIRST " WFTScheduled Signaled", ""},
        {"a signal after its start", "start poll done upd=u poll signal=s",
         FIRST " WFTScheduled WFTStarted", ""},
        {"then a rejection leaves the task", "start poll done upd=u poll signal=s done:no=u",
         FIRST TASK " Signaled WFTScheduled", "u:3fail/Refused"},
        {"an activity that starts", "start poll done:act=a upd=u apoll",
         FIRST " ActivityScheduled WFTScheduled", ""},
        {"a timer that fires", "start poll done:timer=t/3 upd=u poll wait=3 done:no=u",
         FIRST " TimerStarted" TASK " TimerFired WFTScheduled", "u:3fail/Refused"},
        {"commands of a rejecting worker", "start poll done upd=u poll done:no=u,mark=m",
         FIRST TASK " MarkerRecorded", "u:3fail/Refused"},
        {"events the worker was shown stay shown",
         "start poll done:timer=t/99 upd=u poll done:no=u", FIRST " TimerStarted" TASK,
         "u:3fail/Refused"},
        {"unless it can go back", "start poll done:timer=t/99 upd=u poll done:no=u,cap",
         FIRST " TimerStarted", "u:3fail/Refused"},
        {"but not over many",
         "start poll done:mark=1,mark=2,mark=3,mark=4,mark=5,mark=6,mark=7,"
         "mark=8,mark=9,mark=a,mark=b upd=u poll done:no=u,cap",
         FIRST " MarkerRecorded MarkerRecorded MarkerRecorded MarkerRecorded MarkerRecorded "
               "MarkerRecorded MarkerRecorded MarkerRecorded MarkerRecorded MarkerRecorded "
               "MarkerRecorded" TASK,
         "u:3fail/Refused"},
        {"a start delay that passes", "start:delay=9 upd=u wait=4 wait=5",
         "Started WFTScheduled WFTTimedOut WFTScheduled", ""},
        {"an update before the start delay is over", "start:delay=9 upd=u poll done:no=u wait=9",
         "Started WFTScheduled", "u:3fail/Refused"},
        {"and one that is accepted", "start:delay=9 upd=u poll done:ok=u wait=9",
         FIRST " UpdateAccepted", "u:2"},
    };

    play(scenarios, COUNT_OF(scenarios));
}

TEST(test_update_speculative_task_times_out_fails_and_is_lost)
{
    static const struct scenario scenarios[] = {
        {"nobody starts it", "start poll done upd=u wait=4 wait=1 wait=100",
         FIRST " WFTScheduled WFTTimedOut WFTScheduled", ""},
        {"then it is delivered", "start poll done upd=u wait=6 poll done:no=u",
         FIRST " WFTScheduled WFTTimedOut" TASK, "u:3fail/Refused"},
        {"a sticky one", "start poll sdone upd=u wait=5",
         FIRST " WFTScheduled WFTTimedOut WFTScheduled", ""},
        {"the worker is silent", "start poll done upd=u poll wait=10",
         FIRST " WFTScheduled WFTStarted WFTTimedOut", ""},
        {"and the next attempt brings it", "start poll done upd=u poll wait=10 poll done:ok=u",
         FIRST " WFTScheduled WFTStarted WFTTimedOut" TASK " UpdateAccepted", "u:2"},
        {"the worker fails", "start poll done upd=u poll wfail poll done:ok=u,end=u",
         FIRST " WFTScheduled WFTStarted WFTFailed" TASK " UpdateAccepted UpdateCompleted",
         "u:3ok"},
        {"its answer is bad", "start poll done upd=u poll done:ok=u,nomark!INVALID",
         FIRST " WFTScheduled WFTStarted WFTFailed", "u:PRECONDITION"},
        {"what came meanwhile waits on",
         "start poll done upd=u poll upd=v done:nomark!INVALID poll done:ok=v",
         FIRST " WFTScheduled WFTStarted WFTFailed" TASK " UpdateAccepted", "u:PRECONDITION v:2"},
        {"it reached nobody", "start poll done upd=u poll unstart poll done:no=u", FIRST,
         "u:3fail/Refused"},
        {"no sticky worker", "start poll sdone upd=u nosticky poll done:no=u", FIRST,
         "u:3fail/Refused"},
        {"the run is terminated before its start", "start poll done upd=u term",
         FIRST " Terminated", "u:NOT_FOUND"},
        {"and after it", "start poll done upd=u poll term",
         FIRST " WFTScheduled WFTStarted WFTFailed Terminated", "u:NOT_FOUND"},
        {"the run times out", "start:run=20 poll done upd=u poll done:ok=u wait=20",
         FIRST TASK " UpdateAccepted TimedOut", "u:2 u:3fail/AcceptedUpdateCompletedWorkflow"},
        {"its answer comes twice", "start poll done upd=u poll done:no=u again", FIRST,
         "u:3fail/Refused"},
        {"the answer to a lost start", "start poll done upd=u poll unstart poll old:no=u!NOT_FOUND",
         FIRST, ""},
    };

    play(scenarios, COUNT_OF(scenarios));
}

TEST(test_update_messages_are_checked)
{
    static const struct scenario scenarios[] = {
        {"completed before accepted", "start poll done upd=u poll done:end=u!INVALID",
         FIRST " WFTScheduled WFTStarted WFTFailed", "u:PRECONDITION"},
        {"accepted twice", "start poll done upd=u poll done:ok=u,cok=u!INVALID",
         FIRST " WFTScheduled WFTStarted WFTFailed", "u:PRECONDITION"},
        {"rejected and accepted", "start poll done upd=u poll done:no=u,ok=u!INVALID",
         FIRST " WFTScheduled WFTStarted WFTFailed", "u:PRECONDITION"},
        {"no sequencing id", "start poll done upd=u poll done:badok=u!INVALID",
         FIRST " WFTScheduled WFTStarted WFTFailed", "u:PRECONDITION"},
        {"no outcome", "start poll done upd=u poll done:ok=u,badend=u!INVALID",
         FIRST " WFTScheduled WFTStarted WFTFailed", "u:PRECONDITION"},
        {"a request is no answer", "start poll done upd=u poll done:badtype=u!INVALID",
         FIRST " WFTScheduled WFTStarted WFTFailed", "u:PRECONDITION"},
        {"a message without body is refused", "start poll done upd=u poll done:nobody=u!INVALID",
         FIRST, ""},
        {"a command without message", "start poll done upd=u poll done:lone=x!INVALID",
         FIRST " WFTScheduled WFTStarted WFTFailed", "u:PRECONDITION"},
        {"an update nobody asked for", "start poll done:ok=x!INVALID", BEGIN "WFTStarted WFTFailed",
         ""},
        {"it comes back with its request", "start poll done:rok=x", FIRST " UpdateAccepted", "x:2"},
        {"so does a rejection", "start poll done:rno=x", FIRST, "x:3fail/Refused"},
        {"all of an answer or nothing", "start poll done:rok=x,act=a,nomark!INVALID poll done",
         BEGIN "WFTStarted WFTFailed" TASK, ""},
        {"an accepted one stays accepted",
         "start poll done upd=u poll done:ok=u signal=s poll done:end=u,nomark!INVALID poll "
         "done:end=u",
         FIRST TASK " UpdateAccepted Signaled WFTScheduled WFTStarted WFTFailed" TASK
                    " UpdateCompleted",
         "u:2 u:3ok"},
        {"a completed one can't end again",
         "start poll done upd=u poll done:ok=u,end=u signal=s poll done:end=u!INVALID",
         FIRST TASK " UpdateAccepted UpdateCompleted Signaled WFTScheduled WFTStarted WFTFailed",
         "u:3ok"},
        {"past the end of the run: accepted by a late message",
         "start upd=u poll done:complete,ok=u", FIRST " Completed", "u:NOT_FOUND"},
        {"accepted ones end with the run", "start upd=u poll done:cok=u,complete",
         FIRST " UpdateAccepted Completed", "u:3fail/AcceptedUpdateCompletedWorkflow"},
        {"a late completion, too", "start upd=u poll done:cok=u,complete,end=u",
         FIRST " UpdateAccepted Completed", "u:3fail/AcceptedUpdateCompletedWorkflow"},
        {"a late rejection counts", "start upd=u poll done:complete,no=u", FIRST " Completed",
         "u:3fail/Refused"},
        {"over a signal the run does not close", "start poll upd=u signal=s done:complete!INVALID",
         BEGIN "WFTStarted WFTFailed Signaled WFTScheduled", ""},
    };

    play(scenarios, COUNT_OF(scenarios));
}

TEST(test_update_of_a_reset_survives_in_its_event)
{
    static const struct scenario scenarios[] = {
        {"accepted without a second copy", "start reapply=u poll done:ok=u,end=u",
         BEGIN "UpdateAdmitted WFTStarted WFTCompleted UpdateAccepted UpdateCompleted", "u:3ok"},
        {"twice is once", "start reapply=u reapply=u", BEGIN "UpdateAdmitted", ""},
        {"rejected", "start reapply=u poll done:no=u signal=s",
         BEGIN "UpdateAdmitted WFTStarted WFTCompleted Signaled WFTScheduled", "u:3fail/Refused"},
        {"rejected and asked for again",
         "start reapply=u poll done:no=u upd=u poll done:ok=u,end=u",
         BEGIN "UpdateAdmitted WFTStarted WFTCompleted" TASK " UpdateAccepted UpdateCompleted",
         "u:3fail/Refused u:3ok"},
        {"a failed task brings it again", "start reapply=u poll done:nomark!INVALID poll done:ok=u",
         BEGIN "UpdateAdmitted WFTStarted WFTFailed" TASK " UpdateAccepted", "u:PRECONDITION u:2"},
        {"the process dies", "start reapply=u poll crash done:ok=u crash signal=s poll done:end=u",
         BEGIN "UpdateAdmitted WFTStarted WFTCompleted UpdateAccepted Signaled" TASK
               " UpdateCompleted",
         "u:2 u:3ok"},
        {"and the run ends", "start reapply=u term", BEGIN "UpdateAdmitted Terminated",
         "u:NOT_FOUND"},
    };

    play(scenarios, COUNT_OF(scenarios));
}

/* -- what callers see ------------------------------------------------------------------------ */

static void check_answer_is(struct rig *rig, const char *want)
{
    check_str(rig_stage(rig, &rig->answer), want);
}

TEST(test_update_id_names_one_update)
{
    struct rig rig;

    rig_init(&rig, "deduplication");
    rig_run(&rig, "start poll done upd=u");
    check_answer_is(&rig, "1");
    const uint64_t row_seq = rig.row_seq;
    rig_run(&rig, "upd=u");
    check_answer_is(&rig, "1");
    check_i64((int64_t)rig.row_seq, (int64_t)row_seq); /* no second task */
    rig_run(&rig, "poll");
    check_i64((int64_t)rig.started->response->n_messages, 1);
    rig_run(&rig, "done:ok=u upd=u");
    check_answer_is(&rig, "2");
    check_i64(rig.run->wft.state, WFT_NONE);
    rig_run(&rig, "signal=s poll done:end=u upd=u");
    check_answer_is(&rig, "3ok");
    rig_run(&rig, "term upd=u");
    check_answer_is(&rig, "3ok");
    rig_run(&rig, "upd=v!NOT_FOUND");
    check_str(rig.detail.text, "workflow execution already completed");
    rig_release(&rig);

    rig_init(&rig, "accepted in a run that closed");
    rig_run(&rig, "start upd=u upd=w poll done:cok=u,complete upd=u");
    check_answer_is(&rig, "3fail/AcceptedUpdateCompletedWorkflow");
    rig_run(&rig, "upd=w!NOT_FOUND");
    rig_release(&rig);
}

TEST(test_update_limits_are_kept)
{
    struct rig rig;

    rig_init(&rig, "in flight");
    rig_run(&rig, "start upd=0 upd=1 upd=2 upd=3 upd=4 upd=5 upd=6 upd=7 upd=8 upd=9 upd=a!BUSY");
    check_str(rig.detail.text,
              "limit on number of concurrent in-flight updates has been reached (10)");
    rig_run(&rig, "upd=9 poll done:no=0 upd=a");
    rig_release(&rig);

    rig_init(&rig, "in all");
    rig.limits.updates_max = 4;
    rig.limits.updates_suggest_share = 0.7; /* from 3 on */
    rig_run(&rig, "start upd=a upd=b poll");
    check(!rig.started->response || rig.run->wft.suggest_continue_as_new == false);
    rig_run(&rig, "done:ok=a,end=a,ok=b upd=c poll");
    check(rig.run->wft.suggest_continue_as_new);
    check_i64(rig.run->wft.suggest_reasons, SUGGEST_BY_UPDATES);
    rig_run(&rig,
            "upd=d upd=e!PRECONDITION done:no=c poll done:ok=d,end=d upd=e upd=f!PRECONDITION");
    check(strncmp(rig.detail.text,
                  "The limit on the total number of distinct updates in this workflow has been "
                  "reached (4).",
                  80) == 0);
    rig_release(&rig);

    rig_init(&rig, "in bytes");
    rig.limits.updates_in_flight_bytes_max = 100;
    rig_run(&rig, "start upd=a upd=b!BUSY");
    check_str(rig.detail.text,
              "limit on total payload size of in-flight updates has been reached (100 bytes)");
    rig_release(&rig);

    rig_init(&rig, "a worker that keeps failing");
    rig_run(&rig, "start poll wfail poll wfail upd=a!PRECONDITION");
    check_str(rig.detail.text,
              "Unable to perform workflow execution update due to Workflow Task in failed state.");
    rig_release(&rig);

    rig_init(&rig, "while closing");
    rig_run(&rig, "start poll signal=s done:complete!INVALID poll upd=a!BUSY");
    check_str(rig.detail.text, "workflow operation can not be applied because workflow is closing");
    rig_release(&rig);
}

TEST(test_update_goes_to_the_worker_as_a_message)
{
    struct rig rig;

    rig_init(&rig, "messages");
    rig_run(&rig, "start poll sdone upd=u upd=v spoll");
    const api_poll_workflow_task_queue_response *r = rig.started->response;
    check_i64((int64_t)r->n_messages, 2);
    check_str(r->messages[0]->id, "u/request");
    check_str(r->messages[0]->protocol_instance_id, "u");
    check_i64(r->messages[0]->event_id, r->started_event_id - 1);
    check_str(r->messages[1]->id, "v/request");
    check_str(r->messages[0]->body->type_url, "type.googleapis.com/temporal.api.update.v1.Request");
    check_i64(r->started_event_id, 6);
    check_i64(r->previous_started_event_id, 3);
    check_i64(rig.started->history_from, 4);
    check_i64(rig.started->history_to, 5);
    check(rig.started->extra_events.len > 0);
    check(!rig.started_rides || rig.run->wft.speculative);
    check(run_has_volatile(rig.run));
    rig_run(&rig, "repoll");
    check_i64((int64_t)rig.started->response->n_messages, 2);
    rig_run(&rig, "sdone:no=u,no=v");
    check(!run_has_volatile(rig.run));
    const api_respond_workflow_task_completed_response *done =
        engine_decode(&rig.arena, &api_respond_workflow_task_completed_response__desc, rig.reply);
    check_i64(done->reset_history_event_id, 3);
    rig_run(&rig, "again");
    done =
        engine_decode(&rig.arena, &api_respond_workflow_task_completed_response__desc, rig.reply);
    check_i64(done->reset_history_event_id, 3);
    rig_run(&rig, "upd=u spoll sdone:no=u signal spoll sdone old");
    done =
        engine_decode(&rig.arena, &api_respond_workflow_task_completed_response__desc, rig.reply);
    check_i64(done->reset_history_event_id, 3); /* where it was then, not where the run is now */
    rig_run(&rig, "upd=w spoll sdone:ok=w");
    done =
        engine_decode(&rig.arena, &api_respond_workflow_task_completed_response__desc, rig.reply);
    check_i64(done->reset_history_event_id, 0);
    rig_release(&rig);

    rig_init(&rig, "a heartbeat brings what is new");
    rig_run(&rig, "start upd=u poll upd=v hdone");
    check_i64((int64_t)rig.started->response->n_messages, 1);
    check_str(rig.started->response->messages[0]->id, "v/request");
    rig_run(&rig, "again");
    check_i64((int64_t)rig.started->response->n_messages, 1);
    rig_run(&rig, "wfail poll");
    check_i64((int64_t)rig.started->response->n_messages, 2);
    rig_release(&rig);

    rig_init(&rig, "admitted by an event: no message");
    rig_run(&rig, "start reapply=u upd=v poll");
    check_i64((int64_t)rig.started->response->n_messages, 1);
    check_str(rig.started->response->messages[0]->id, "v/request");
    rig_release(&rig);
}

static const api_history_event *event_of(struct rig *rig, int32_t type)
{
    size_t count;
    api_history_event **events =
        engine_decode_events(&rig->arena, buf_slice(&rig->history), &count);

    for (size_t i = 0; i < count; i++)
        if ((int32_t)events[i]->event_type == type)
            return events[i];
    must(false);
    return NULL;
}

TEST(test_update_events_say_all)
{
    struct rig rig;

    rig_init(&rig, "attributes");
    rig_run(&rig, "start poll done upd=u poll done:ok=u,end=u");
    const api_history_event *accepted =
        event_of(&rig, EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED);
    const api_workflow_execution_update_accepted_event_attributes *a =
        accepted->workflow_execution_update_accepted_event_attributes;
    check_str(a->protocol_instance_id, "u");
    check_str(a->accepted_request_message_id, "u/request");
    check_i64(a->accepted_request_sequencing_event_id, 5);
    check_str(a->accepted_request->meta->update_id, "u");
    check_str(a->accepted_request->input->name, "handler");
    const api_workflow_execution_update_completed_event_attributes *c =
        event_of(&rig, EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED)
            ->workflow_execution_update_completed_event_attributes;
    check_i64(c->accepted_event_id, accepted->event_id);
    check_str(c->meta->update_id, "u");
    check(c->outcome != NULL && c->outcome->success != NULL);
    rig_release(&rig);

    rig_init(&rig, "texts");
    rig_run(&rig, "start poll done upd=u poll done:end=u!INVALID");
    check_str(rig.detail.text,
              "BadUpdateWorkflowExecutionMessage: invalid state transition attempted for Update u: "
              "received *update.Response message while in state Sent");
    rig_run(&rig, "poll upd=v wait=20 poll done:badok=v!INVALID");
    check_str(rig.detail.text, "BadUpdateWorkflowExecutionMessage: invalid *update.Acceptance: "
                               "accepted_request_sequencing_event_id is not set");
    rig_release(&rig);
}

TEST(test_update_in_memory_is_lost_with_the_process_and_nothing_else)
{
    static const struct scenario scenarios[] = {
        {"before its task starts", "start poll done upd=u crash wait=100 signal=s poll done",
         FIRST " Signaled" TASK, ""},
        {"after", "start poll done upd=u poll crash done:ok=u!NOT_FOUND", FIRST, ""},
        {"asked again", "start poll done upd=u poll crash upd=u poll done:ok=u,end=u",
         FIRST TASK " UpdateAccepted UpdateCompleted", "u:3ok"},
        {"in a normal task the worker brings it back", "start upd=u poll crash done:rok=u,end=u",
         FIRST " UpdateAccepted UpdateCompleted", "u:3ok"},
        {"and one without request fails", "start upd=u poll crash done:ok=u!INVALID",
         BEGIN "WFTStarted WFTFailed", ""},
        {"accepted ones stay", "start upd=u poll done:ok=u crash signal=s poll done:end=u",
         FIRST " UpdateAccepted Signaled" TASK " UpdateCompleted", "u:2 u:3ok"},
        {"the converted task stays", "start poll done upd=u signal=s crash poll done:no=u!INVALID",
         FIRST " WFTScheduled Signaled WFTStarted WFTFailed", ""},
    };

    play(scenarios, COUNT_OF(scenarios));
}

TEST(test_update_request_ids_are_described_with_their_events)
{
    struct rig rig;

    rig_init(&rig, "request ids");
    rig_run(&rig, "start reapply=r upd=u upd=v poll done:ok=u,no=v upd=w");
    const api_describe_workflow_execution_response *described =
        engine_decode(&rig.arena, &api_describe_workflow_execution_response__desc,
                      engine_describe(rig.run, &rig.arena, rig.now_ns));
    const api_workflow_execution_extended_info *info = described->workflow_extended_info;
    size_t admitted = 0, accepted = 0;
    for (size_t i = 0; i < info->n_request_id_infos; i++) {
        const char *id = info->request_id_infos[i]->key;
        const api_request_id_info *of = info->request_id_infos[i]->value;
        if (of->event_type == EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED) {
            check_str(id, "request of r");
            check_i64(of->event_id, 3);
            admitted++;
        } else if (of->event_type == EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED) {
            check_str(id, "request of u");
            check_i64(of->event_id, 6);
            accepted++;
        }
    }
    check_i64((int64_t)admitted, 1);
    check_i64((int64_t)accepted, 1);
    rig_release(&rig);
}

/* Nothing is stored for what leaves no trace. */
TEST(test_update_rejected_writes_nothing)
{
    struct rig rig;

    rig_init(&rig, "no writes");
    rig_run(&rig, "start poll sdone");
    const int64_t transitions = rig.run->state_transition_count;
    rig_run(&rig, "upd=u spoll sdone:no=u upd=v spoll sdone:no=v");
    check_i64(rig.run->state_transition_count, transitions);
    check_str(rig_history(&rig), FIRST);
    check_i64((int64_t)rig.run->updates.count, 0);
    rig_release(&rig);
}
