"""task_unhandled_closings.py - every closing command with events that the worker has not seen; then the run is closing."""
from temporalio.api.common.v1 import WorkflowType

from kit.basic import anew
from kit.task import OOPS
from lab import command


def play(x):
    closings = {"complete_workflow_execution": {}, "fail_workflow_execution": dict(failure=OOPS), "cancel_workflow_execution": {},
                "continue_as_new_workflow_execution": dict(workflow_type=WorkflowType(name="wf-type"))}
    for kind, more in closings.items():
        anew(x)
        task = x.poll(label=kind)
        x.signal()
        x.complete(task, command("record_marker", marker_name="m"), command(kind, **more), label=kind)
        x.signal("second")
        x.outline()
        x.describe()
        task = x.poll()
        x.signal("third: the run is closing")
        x.cancel(label="cancel: the run is closing")
        x.complete(task, command(kind, **more), label=f"{kind} again")
        x.outline()
        x.describe()
