"""operations_pause_errors.py - what a pause is refused for."""
from temporalio.api.common.v1 import WorkflowExecution

from kit.operations import activities, pause, unpause


def play(x):
    activities(x)
    pause(x, "no such id", id="nope")
    pause(x, "empty id", id="")
    pause(x, "no activity")
    pause(x, "no workflow", id="a", execution=WorkflowExecution())
    pause(x, "unknown workflow", id="a", execution=WorkflowExecution(workflow_id="operations-nope"))
    pause(x, "first", id="a", request_id="r1")
    pause(x, "the same request", id="a", request_id="r1")
    pause(x, "another request", id="a", request_id="r2")
    pause(x, "no request id", id="a")
    unpause(x, "no such id", id="nope")
    unpause(x, "no activity")
    unpause(x, "no such type", type="nope")
    unpause(x, "first", id="a")
    unpause(x, "not paused", id="a")
    x.terminate()
    pause(x, "closed", id="a")
    pause(x, "closed, by type", type="act-type")
    pause(x, "closed, no such type", type="nope")
    unpause(x, "closed", id="a")
    unpause(x, "closed, all", unpause_all=True)
