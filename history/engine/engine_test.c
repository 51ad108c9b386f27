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
        {"a second bad one is left to its time-out",
         "start poll done:nomark!INVALID poll done:nomark!INVALID done:complete",
         BEGIN "WFTStarted WFTFailed WFTScheduled WFTStarted WFTCompleted Completed"},
        {"not supported yet", "start poll done:can!INVALID", BEGIN "WFTStarted WFTFailed"},
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
