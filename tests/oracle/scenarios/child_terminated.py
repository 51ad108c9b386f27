"""child_terminated.py - a child that is terminated by a client."""
from kit.children import await_type, both, child_of, looking_at, parent_and_child


def play(x):
    parent_and_child(x)
    with looking_at(x, child_of(x)):
        x.terminate(reason="why")
    await_type(x, "CHILD_WORKFLOW_EXECUTION_TERMINATED")
    both(x)
