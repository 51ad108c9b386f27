"""child_canceled.py - a child that cancels itself."""
from kit.children import await_type, both, parent_and_child
from lab import command, payloads


def play(x):
    parent_and_child(x)
    x.complete(x.poll(queue=x.queue + "-c"), command("cancel_workflow_execution", details=payloads("d")))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_CANCELED")
    both(x)
