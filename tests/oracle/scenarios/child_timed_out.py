"""child_timed_out.py - a child that times out."""
from kit.children import await_type, both, parent_and_child
from lab import seconds


def play(x):
    parent_and_child(x, workflow_run_timeout=seconds(1))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_TIMED_OUT")
    both(x)
