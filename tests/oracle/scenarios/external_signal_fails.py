"""external_signal_fails.py - signals to workflows that are unknown or closed."""
import uuid

from kit.children import SIGNAL, await_type, execution, looking_at, other
from lab import command


def play(x):
    name, run_id = other(x)
    for label, at, more in (("nobody", execution("nobody-" + x.workflow_id), {}),
                            ("no such run", execution(name, str(uuid.uuid4())), {}),
                            ("not a child", execution(name), {"child_workflow_only": True}),
                            ("itself", execution(x.workflow_id), {"control": "c"})):
        x.start(workflow_id=x.workflow_id)
        x.complete(x.poll(), command(SIGNAL, execution=at, signal_name="s", **more))
        await_type(x, "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED")
        x.history(label)
        x.terminate()
    with looking_at(x, name, run_id):
        x.terminate()
    x.start(workflow_id=x.workflow_id)
    x.complete(x.poll(), command(SIGNAL, execution=execution(name), signal_name="s"))
    await_type(x, "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED")
    x.history("closed")
