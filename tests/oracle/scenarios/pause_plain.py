"""pause_plain.py - an idle workflow is paused, looked at, signaled, unpaused."""
from temporalio.api.enums.v1 import WorkflowExecutionStatus

from kit.basic import end
from kit.pause import SETTINGS, pause, unpause  # noqa: F401 the runner reads SETTINGS
from kit.updates import idle

PAUSED = WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_PAUSED


def play(x):
    idle(x)
    pause(x)
    x.describe("describe paused")
    x.listed("listed paused", status=PAUSED)
    x.signal()
    x.history("history paused")
    x.poll(timeout=1.0, label="no task")
    unpause(x)
    x.describe("describe unpaused")
    x.listed("listed unpaused", status=WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING)
    end(x)
