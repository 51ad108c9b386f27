"""external_cancel_fails.py - cancellations of workflows that are unknown or closed."""
from kit.children import CANCEL, await_type, other
from lab import command


def play(x):
    name, _ = other(x)
    for label, at, more in (("nobody", "nobody-" + x.workflow_id, {}), ("not a child", name, {"child_workflow_only": True}),
                            ("itself", x.workflow_id, {"control": "c"})):
        x.start(workflow_id=x.workflow_id)
        x.complete(x.poll(), command(CANCEL, workflow_id=at, **more))
        await_type(x, "REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED")
        x.history(label)
        x.terminate()
