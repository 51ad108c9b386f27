"""reset_of_a_child.py - a child is reset: its parent waits for the new run."""
from kit.basic import end
from kit.children import await_type, both, child_of, looking_at, parent_and_child
from kit.reset import reset
from lab import command, payloads


def play(x):
    parent_and_child(x)
    with looking_at(x, child_of(x)):
        kept, x.queue = x.queue, x.queue + "-c"
        x.complete(x.poll())
        reset(x, 4)
        x.describe("describe the child's new run")
        x.complete(x.poll(), command("complete_workflow_execution", result=payloads("child")))
        x.queue = kept
    await_type(x, "CHILD_WORKFLOW_EXECUTION_COMPLETED")
    both(x)
    end(x)
