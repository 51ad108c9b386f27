"""external_cancel.py - a workflow cancels another one."""
from kit.children import CANCEL, await_type, looking_at, other
from lab import command


def play(x):
    name, run_id = other(x)
    x.start()
    x.complete(x.poll(), command(CANCEL, workflow_id=name, reason="why", control="c"))
    await_type(x, "EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED")
    x.complete(x.poll(), command(CANCEL, workflow_id=name, run_id=run_id, namespace="default"))
    await_type(x, "EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED", 2)
    x.history()
    with looking_at(x, name, run_id):
        x.history("history of the other")
        x.terminate()
    x.complete(x.poll(), command(CANCEL, workflow_id=name))
    await_type(x, "EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED", 3)
    x.history("also of a closed one")
