"""external_cancel_twice.py - a workflow is cancelled twice by the same other one, and by the child of another."""
from kit.children import CANCEL, await_type, looking_at, other
from lab import command


def play(x):
    name, run_id = other(x)
    x.start()
    x.complete(x.poll(), command(CANCEL, workflow_id=name, reason="first"))
    await_type(x, "EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED")
    x.complete(x.poll(), command(CANCEL, workflow_id=name, reason="second"))
    await_type(x, "EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED", 2)
    with looking_at(x, name, run_id):
        x.cancel("by a client")
        x.history("history of the other")
        x.describe("describe the other")
    x.history()
    x.describe()
