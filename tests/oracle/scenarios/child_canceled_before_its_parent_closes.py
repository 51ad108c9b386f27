"""child_canceled_before_its_parent_closes.py - a child that was asked to cancel is asked again when its parent closes."""
from kit.children import (CANCEL, REQUEST_CANCEL, await_type, child_of, child_run, completes, looking_at,
                          parent_and_child)
from lab import command


def play(x):
    parent_and_child(x, parent_close_policy=REQUEST_CANCEL)
    x.signal()
    x.complete(x.poll(), command(CANCEL, workflow_id=child_of(x), run_id=child_run(x), child_workflow_only=True))
    await_type(x, "EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED")
    task = x.poll(queue=x.queue + "-c")
    completes(x)
    x.history()
    with looking_at(x, child_of(x)):
        x.signal("after")
        x.complete(task)
        x.history("history of the child")
        x.complete(x.poll(queue=x.queue + "-c"), command("cancel_workflow_execution"))
        x.describe("describe the child")
