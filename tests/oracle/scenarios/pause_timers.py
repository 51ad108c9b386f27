"""pause_timers.py - a timer that fires, and a run that times out, while the workflow is paused."""
from temporalio.api.enums.v1 import EventType, WorkflowExecutionStatus

from kit.basic import anew, end
from kit.pause import SETTINGS, pause, unpause  # noqa: F401 the runner reads SETTINGS
from lab import command, seconds


def play(x):
    x.start()
    x.complete(x.poll(), command("start_timer", timer_id="t", start_to_fire_timeout=seconds(0.3)))
    pause(x)
    x.await_events(1, event_type=EventType.EVENT_TYPE_TIMER_FIRED)
    x.history("history paused")
    unpause(x)
    end(x)
    anew(x, workflow_run_timeout=seconds(1))
    x.complete(x.poll())
    pause(x, "times out")
    x.listed("listed: timed out", status=WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TIMED_OUT)
    x.history("history: timed out")
    x.describe("describe: timed out")
