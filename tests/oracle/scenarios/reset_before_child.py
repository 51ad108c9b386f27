"""reset_before_child.py - the child of the base runs on; the new run starts none of its id."""
from kit.basic import end
from kit.children import await_type, child_of, looking_at, parent_and_child, start_child
from kit.reset import both_runs, reset


def play(x):
    parent_and_child(x)
    base = x.run_id
    reset(x, 4)
    both_runs(x, base)
    x.complete(x.poll(), start_child(x))
    await_type(x, "START_CHILD_WORKFLOW_EXECUTION_FAILED")
    with looking_at(x, child_of(x)):
        x.describe("describe the child")
    end(x)
