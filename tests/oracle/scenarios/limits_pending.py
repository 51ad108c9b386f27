"""limits_pending.py - two of each kind may be pending; a third one fails the task."""
from temporalio.api.common.v1 import WorkflowExecution, WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue

from kit import limited
from kit.activity import activity
from kit.basic import anew
from lab import command

SETTINGS = limited.PENDING


def play(x):
    kinds = {
        "activities": lambda n: activity(x, activity_id=f"a{n}"),
        "children": lambda n: command("start_child_workflow_execution", workflow_id=f"{x.workflow_id}-{n}",
                                      workflow_type=WorkflowType(name="t"), task_queue=TaskQueue(name=x.queue + "-c")),
        "signals": lambda n: command("signal_external_workflow_execution", signal_name="s",
                                     execution=WorkflowExecution(workflow_id="nobody")),
        "cancels": lambda n: command("request_cancel_external_workflow_execution", workflow_id="nobody"),
    }
    for label, make in kinds.items():
        anew(x)
        x.complete(x.poll(label=label), make(1), make(2), make(3), label=f"three {label}")
        x.history(f"history: three {label}")
        x.complete(x.poll(), make(1), make(2), label=f"two {label}")
        if label in ("activities", "children"):
            x.signal(label=f"signal: {label}")
            task = x.poll()
            x.complete(task, make(4), label=f"one more of {label}")
        x.terminate()
