"""basic.py - the common endings and beginnings of scenarios."""
import uuid

from temporalio.api.common.v1 import Payload

from lab import command, payloads

TEXT = Payload(metadata={"encoding": b"json/plain"}, data=b'"text"')


def end(x, task=None):
    """Complete the workflow and show what remains."""
    x.complete(task or x.poll(), command("complete_workflow_execution", result=payloads("done")))
    x.history()
    x.describe("describe closed")


def anew(x, **changes):
    """Another workflow in place of the last one."""
    x.workflow_id = f"{x.name}-{uuid.uuid4()}"
    x.queue = f"{x.name}-queue-{uuid.uuid4()}"
    x.start(**changes)


def each(x, cases):
    """Each bad command as the first answer of a workflow of its own; in the end a fresh one stands there."""
    for label, bad in cases.items():
        anew(x)
        if bad.WhichOneof("attributes") == "schedule_activity_task_command_attributes":
            attributes = bad.schedule_activity_task_command_attributes
            if attributes.task_queue.name.startswith(x.name):
                attributes.task_queue.name = x.queue
        x.complete(x.poll(label=label), bad, label=label)
        x.history(f"history: {label}")
    anew(x)
