/* pause_test.c - a workflow is paused and unpaused: what waits, what goes on, what is written. The
 * rig compares each state with its stored form and its rebuild. */
#include "history/engine/engine_rig.h"

static void play(const char *name, const char *script, const char *want)
{
    struct rig rig;

    rig_init(&rig, name);
    rig_run(&rig, script);
    check_str(rig_history(&rig), want);
    rig_release(&rig);
}

TEST(test_pause_fails_the_task_that_waits_and_unpause_schedules_another)
{
    play("waits", "start wpause=r wpause=r wpause=q!PRECONDITION wpause!PRECONDITION",
         "Started WFTScheduled WFTFailed Paused");
    play("unpaused", "start wpause signal=s wunpause wunpause!PRECONDITION poll done:complete",
         "Started WFTScheduled WFTFailed Paused Signaled Unpaused WFTScheduled WFTStarted "
         "WFTCompleted Completed");
    play("closed", "start term wpause!NOT_FOUND wunpause!NOT_FOUND",
         "Started WFTScheduled Terminated");
}

TEST(test_pause_lets_a_started_task_end_and_none_follow)
{
    play("completes", "start poll wpause signal=s done:mark=m",
         "Started WFTScheduled WFTStarted WFTCompleted MarkerRecorded Paused Signaled");
    play("fails", "start poll wpause signal=s wfail wunpause poll done:complete",
         "Started WFTScheduled WFTStarted WFTFailed Paused Signaled Unpaused WFTScheduled "
         "WFTStarted WFTCompleted Completed");
    play("both buffered", "start poll wpause wunpause done:mark=m poll done:complete",
         "Started WFTScheduled WFTStarted WFTCompleted MarkerRecorded Paused Unpaused "
         "WFTScheduled WFTStarted WFTCompleted Completed");
    play("no heartbeat", "start poll wpause hdone!PRECONDITION done:mark=m",
         "Started WFTScheduled WFTStarted WFTCompleted MarkerRecorded Paused");
    play("times out", "start poll wpause wait=20",
         "Started WFTScheduled WFTStarted WFTTimedOut Paused");
    play("completes the run", "start poll wpause done:complete!INVALID wunpause poll done:complete",
         "Started WFTScheduled WFTStarted WFTFailed Paused Unpaused WFTScheduled WFTStarted "
         "WFTCompleted Completed");
}

TEST(test_pause_waits_with_a_delayed_start)
{
    play("delayed", "start:delay=5 wpause wait=20", "Started Paused");
    play("unpaused", "start:delay=5 wpause wait=20 wunpause",
         "Started Paused Unpaused WFTScheduled");
    play("still delayed", "start:delay=50 wpause wait=20 wunpause poll",
         "Started Paused Unpaused WFTScheduled WFTStarted");
}

TEST(test_pause_holds_activities_that_wait)
{
    struct rig rig;

    rig_init(&rig, "activities");
    rig_run(&rig, "start poll done:act=a1,act=a2 apoll wpause");
    check_i64((int64_t)rig.task_count, 0); /* a2 waits, a1 is with a worker */
    rig_run(&rig, "signal=s wunpause");
    check_i64((int64_t)rig.task_count, 2); /* and the workflow task */
    rig_run(&rig, "apoll adone poll done:act=a3 wpause afail wunpause apoll adone");
    rig_release(&rig);
}

TEST(test_pause_timers_fire_and_are_seen_later)
{
    play("timer", "start poll done:timer=t/5 wpause wait=10 wunpause poll done:complete",
         "Started WFTScheduled WFTStarted WFTCompleted TimerStarted Paused TimerFired Unpaused "
         "WFTScheduled WFTStarted WFTCompleted Completed");
}

TEST(test_pause_is_shown)
{
    struct rig rig;

    rig_init(&rig, "shown");
    rig_run(&rig, "start wpause");
    const api_describe_workflow_execution_response *d =
        engine_decode(&rig.arena, &api_describe_workflow_execution_response__desc,
                      engine_describe(rig.run, &rig.arena, rig.now_ns));
    check_i64(d->workflow_execution_info->status, WORKFLOW_EXECUTION_STATUS_PAUSED);
    check_str(d->workflow_extended_info->pause_info->reason, "because");
    check_i64((int64_t)d->workflow_execution_info->search_attributes->n_indexed_fields, 1);
    check_str(d->workflow_execution_info->search_attributes->indexed_fields[0]->key,
              "TemporalPauseInfo");
    rig_run(&rig, "wunpause");
    d = engine_decode(&rig.arena, &api_describe_workflow_execution_response__desc,
                      engine_describe(rig.run, &rig.arena, rig.now_ns));
    check_i64(d->workflow_execution_info->status, WORKFLOW_EXECUTION_STATUS_RUNNING);
    check(d->workflow_extended_info->pause_info == NULL);
    rig_release(&rig);
}
