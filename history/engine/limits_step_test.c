/* limits_step_test.c - a step that would take a run past limit.historyCount.error is not carried
 * out: the run ends instead, whatever kind of step it is. */
#include "history/engine/engine_rig.h"

#define FIRST "Started WFTScheduled WFTStarted WFTCompleted "
#define MARKERS "MarkerRecorded MarkerRecorded MarkerRecorded MarkerRecorded "
#define SIGNALED "Signaled WFTScheduled Signaled Signaled "
#define EIGHT "Signaled Signaled Signaled Signaled Signaled Signaled Signaled Signaled "
#define FILL "start poll done:mark=a,mark=b,mark=c,mark=d"

static const struct {
    const char *name, *script, *want;
} ends[] = {
    {"start of a task", "start poll done signal=a signal=b signal=c signal=d signal=e poll!INVALID",
     FIRST SIGNALED "Signaled Signaled Terminated"},
    {"its failure", "start poll done signal=a signal=b signal=c signal=d poll wfail!INVALID",
     FIRST SIGNALED "Signaled WFTStarted WFTFailed Terminated"},
    {"its time-out", "start poll done signal=a signal=b signal=c signal=d poll wait=10!INVALID",
     FIRST SIGNALED "Signaled WFTStarted WFTFailed Terminated"},
    {"request to cancel", FILL ",mark=e stop!INVALID", FIRST MARKERS "MarkerRecorded Terminated"},
    {"activity completed", FILL ",act=a apoll adone!INVALID",
     FIRST MARKERS "ActivityScheduled Terminated"},
    {"timer fired", FILL ",timer=t/5 wait=5!INVALID", FIRST MARKERS "TimerStarted Terminated"},
    {"two timers fired", "start poll done:mark=a,mark=b,mark=c,timer=t/5,timer=u/5 wait=5!INVALID",
     FIRST "MarkerRecorded MarkerRecorded MarkerRecorded TimerStarted TimerStarted Terminated"},
    {"a sticky task that nobody takes",
     "start poll sdone signal=a signal=b signal=c signal=d wait=5!INVALID",
     FIRST SIGNALED "Signaled Terminated"},
    {"one with room for what that writes", "start poll sdone signal=a signal=b signal=c wait=5",
     FIRST SIGNALED "WFTTimedOut WFTScheduled"},
    {"the end of a delay",
     "start:delay=5 signal=a signal=b signal=c signal=d signal=e signal=f signal=g signal=h "
     "signal=i wait=5!INVALID",
     "Started " EIGHT "Signaled Terminated"},
    {"one with room for its task",
     "start:delay=5 signal=a signal=b signal=c signal=d signal=e signal=f signal=g signal=h wait=5",
     "Started " EIGHT "WFTScheduled"},
    {"a last step within the limit", "start poll done:mark=a,mark=b,mark=c,timer=t/5 wait=5",
     FIRST "MarkerRecorded MarkerRecorded MarkerRecorded TimerStarted TimerFired WFTScheduled"},
};

TEST(test_limits_end_a_run_by_any_step)
{
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        struct rig rig;

        rig_init(&rig, ends[i].name);
        rig.limits.history_events_max = 10;
        rig_run(&rig, ends[i].script);
        check_str(rig_history(&rig), ends[i].want);
        rig_release(&rig);
    }
}

TEST(test_limits_take_back_an_answer_with_messages)
{
    struct rig rig;

    rig_init(&rig, "an update accepted");
    rig.limits.history_events_max = 10;
    rig_run(&rig, "start poll done signal=a signal=b signal=c upd=u poll done:ok=u!INVALID");
    check_str(rig_history(&rig), FIRST SIGNALED "WFTStarted WFTFailed Terminated");
    check_str(rig.told, "u:3fail/AcceptedUpdateCompletedWorkflow");
    rig_release(&rig);
}
