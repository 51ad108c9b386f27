"""activity_ends_of_runs.py - a run that times out, fails or continues with activities in every state: then their answers."""
from temporalio.api.common.v1 import RetryPolicy
from temporalio.api.failure.v1 import Failure
from temporalio.api.taskqueue.v1 import TaskQueue

from kit.activity import activity, application
from kit.basic import anew
from kit.operations import pause, reset
from lab import command, payloads, seconds


def play(x):
    ends = {"fails": command("fail_workflow_execution", failure=Failure(message="no")),
            "cancels": command("cancel_workflow_execution"), "continues": command("continue_as_new_workflow_execution")}
    for label, closing in ends.items():
        anew(x)
        x.complete(x.poll(), activity(x, "runs", retry_policy=RetryPolicy(initial_interval=seconds(50))),
                   activity(x, "waits", task_queue=TaskQueue(name=x.queue + "-nobody")))
        task = x.poll_activity()
        x.heartbeat(task, details=payloads("h"))
        pause(x, type="act-type", label=f"pause: {label}")
        x.signal()
        x.complete(x.poll(), closing, label=label)
        x.heartbeat(task, f"heartbeat: {label}", show=True)
        x.fail_activity(task, application(), label=f"failed: {label}")
        x.cancel_activity(task, label=f"canceled: {label}")
        reset(x, f"reset: {label}", id="runs")
        x.outline(label)
        x.describe(label)
