"""child_duplicate_id.py - a child whose id is taken by a running workflow."""
from kit.children import await_type, parent_and_child, start_child


def play(x):
    parent_and_child(x)
    x.signal()
    x.complete(x.poll(), start_child(x, control="c"))
    await_type(x, "START_CHILD_WORKFLOW_EXECUTION_FAILED")
    x.history()
    x.describe()
