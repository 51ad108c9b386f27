"""child_closes_while_the_parent_works.py - a child's end in its parent's buffer."""
from kit.children import await_no_child, await_type, start_child
from lab import command


def play(x):
    x.start()
    x.complete(x.poll(), start_child(x))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_STARTED")
    task = x.poll()
    child = x.poll(queue=x.queue + "-c")
    x.complete(child, command("complete_workflow_execution"))
    await_no_child(x)
    x.signal()
    x.complete(task)
    await_type(x, "CHILD_WORKFLOW_EXECUTION_COMPLETED")
    x.history()
