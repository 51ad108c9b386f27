"""external_cancel_own_child.py - a workflow cancels its child."""
from kit.children import CANCEL, await_type, both, child_of, parent_and_child
from lab import command


def play(x):
    parent_and_child(x)
    x.signal()
    x.complete(x.poll(), command(CANCEL, workflow_id=child_of(x), child_workflow_only=True))
    await_type(x, "EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED")
    x.complete(x.poll(queue=x.queue + "-c", show=True), command("cancel_workflow_execution"))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_CANCELED")
    both(x)
