"""external_signal_own_child.py - a workflow signals its child."""
from kit.children import SIGNAL, await_type, both, child_of, execution, parent_and_child
from lab import command


def play(x):
    parent_and_child(x)
    x.signal()
    x.complete(x.poll(), command(SIGNAL, execution=execution(child_of(x)), signal_name="s", child_workflow_only=True))
    await_type(x, "EXTERNAL_WORKFLOW_EXECUTION_SIGNALED")
    both(x)
