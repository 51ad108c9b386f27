/* unstart_test.c - workflow tasks whose answer was lost: scenarios of the rig, which compares
 * state, rows and rebuild after every step. */
#include "history/engine/engine_rig.h"

#include "common/proto/wire.h"

#define BEGIN "Started WFTScheduled WFTStarted"

TEST(test_engine_hands_an_undelivered_task_out_anew)
{
    static const struct {
        const char *name, *script, *history;
    } cases[] = {
        {"its Started event stands", "start poll unstart poll done:complete",
         BEGIN " WFTCompleted Completed"},
        {"again and again", "start poll unstart poll unstart poll unstart poll done:complete",
         BEGIN " WFTCompleted Completed"},
        {"a worker that had it after all may answer", "start poll unstart done:complete",
         BEGIN " WFTCompleted Completed"},
        {"but not once another has it", "start poll unstart poll old!NOT_FOUND done:complete",
         BEGIN " WFTCompleted Completed"},
        {"taken back once", "start poll unstart unstart!STALE poll oldunstart!STALE done", NULL},
        {"an answered one is not taken back", "start poll done unstart!STALE", NULL},
        {"a repeated poll has the same start", "start poll unstart poll repoll done", NULL},
        {"what came meanwhile waits on", "start poll signal=s unstart signal=s poll done",
         BEGIN " WFTCompleted Signaled Signaled WFTScheduled"},
        {"nobody takes it in time", "start poll wait=9 unstart wait=9 signal=s wait=2",
         BEGIN " WFTTimedOut Signaled WFTScheduled"},
        {"the next worker has all its time", "start poll wait=9 unstart wait=9 poll wait=9 done",
         BEGIN " WFTCompleted"},
        {"it is failed by its worker", "start poll unstart poll wfail poll done:complete",
         BEGIN " WFTFailed WFTScheduled WFTStarted WFTCompleted Completed"},
        {"even the one that was given up", "start poll unstart wfail", BEGIN " WFTFailed"},
        {"a bad answer of that one", "start poll unstart done:nomark!INVALID poll done:complete",
         BEGIN " WFTFailed WFTScheduled WFTStarted WFTCompleted Completed"},
        {"the run is terminated", "start poll unstart term unstart!STALE",
         BEGIN " WFTFailed Terminated"},
        {"the run times out", "start:run=20 poll unstart wait=9 poll wait=9 unstart wait=5",
         BEGIN " WFTFailed TimedOut"},
        {"a transient one is scheduled again",
         "start poll wfail poll unstart done!NOT_FOUND poll done:complete",
         BEGIN " WFTFailed WFTScheduled WFTStarted WFTCompleted Completed"},
        {"and overtaken by what waited", "start poll wfail poll signal=s unstart poll",
         BEGIN " WFTFailed Signaled WFTScheduled WFTStarted"},
        {"one that was overtaken before",
         "start poll wfail signal=s poll unstart poll done:complete",
         BEGIN " WFTFailed Signaled WFTScheduled WFTStarted WFTCompleted Completed"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig rig;

        rig_init(&rig, cases[i].name);
        rig_run(&rig, cases[i].script);
        if (cases[i].history)
            check_str(rig_history(&rig), cases[i].history);
        rig_release(&rig);
    }
}

#define STICKY "start poll sdone signal=s "

TEST(test_engine_offers_an_undelivered_task_to_its_sticky_worker_first)
{
    static const struct {
        const char *name, *script;
        bool sticky; /* the row that is there at the end */
    } cases[] = {
        {"it may still be there", STICKY "spoll unstart", true},
        {"not for long", STICKY "spoll unstart wait=6", false},
        {"and then any worker has all the time", STICKY "spoll unstart wait=6 wait=8", false},
        {"nobody polls for it", STICKY "spoll unstart nosticky", false},
        {"it was reset", STICKY "spoll unstart resetsticky", false},
        {"another worker had it", STICKY "poll unstart", false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig rig;

        rig_init(&rig, cases[i].name);
        rig_run(&rig, cases[i].script);
        check_i64((int64_t)rig.task_count, 1);
        check_i64(rig.tasks[0].sticky, cases[i].sticky);
        check_i64(rig.tasks[0].attempt, 1);
        check(run_task_is_undelivered(rig.run));
        rig_run(&rig, cases[i].sticky ? "spoll" : "poll");
        check_i64(rig.run->wft.attempt, 1);
        check_i64(rig.started->history_from, cases[i].sticky ? 4 : 1);
        check_i64(rig.started->history_to, rig.run->next_event_id);
        rig_run(&rig, "done:complete");
        rig_release(&rig);
    }
}

TEST(test_engine_gives_a_repeated_answer_its_inline_task_though_that_was_taken_back)
{
    struct rig rig;

    rig_init(&rig, "inline");
    rig_run(&rig, "start poll signal=s ndone unstart");
    check_i64((int64_t)rig.task_count, 1);
    const int64_t started_id = rig.run->wft.started_event_id;
    rig_run(&rig, "again");
    check(rig.started != NULL);
    check_i64((int64_t)rig.task_count, 0);
    check_i64(rig.run->wft.started_event_id, started_id);
    rig_run(&rig, "unstart poll"); /* another worker: the repeat comes too late */
    check_i64(rig.started->history_from, 1);
    rig_run(&rig, "again");
    check(rig.started == NULL);
    rig_run(&rig, "done:complete");
    rig_release(&rig);
}

TEST(test_engine_describes_an_undelivered_task_as_scheduled)
{
    struct rig rig;
    struct err_detail detail = {0};
    api_describe_workflow_execution_response *response;

    rig_init(&rig, "describe");
    rig_run(&rig, "start poll unstart");
    check_ok(proto_decode(&rig.arena, &api_describe_workflow_execution_response__desc,
                          engine_describe(rig.run, &rig.arena, rig.now_ns), &response, &detail));
    check_i64((int64_t)response->pending_workflow_task->state,
              PENDING_WORKFLOW_TASK_STATE_SCHEDULED);
    check_i64(response->pending_workflow_task->attempt, 1);
    rig_release(&rig);
}
