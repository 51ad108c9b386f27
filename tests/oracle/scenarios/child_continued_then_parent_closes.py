"""child_continued_then_parent_closes.py - the parent's policy, cancellation and signal find the child's later run."""
from kit.children import (CANCEL, SIGNAL, TERMINATE, await_type, child_of, child_run, completes, execution, looking_at,
                          parent_and_child)
from lab import command


def play(x):
    parent_and_child(x, parent_close_policy=TERMINATE)
    first = child_run(x)
    x.complete(x.poll(queue=x.queue + "-c"), command("continue_as_new_workflow_execution"))
    x.describe("describe the parent")
    x.signal()
    x.complete(x.poll(), command(SIGNAL, execution=execution(child_of(x)), signal_name="s", child_workflow_only=True))
    await_type(x, "EXTERNAL_WORKFLOW_EXECUTION_SIGNALED")
    x.complete(x.poll(), command(CANCEL, workflow_id=child_of(x), run_id=first, child_workflow_only=True))
    await_type(x, "EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED")
    x.complete(x.poll(), command(SIGNAL, execution=execution(child_of(x), first), signal_name="to the first run"))
    await_type(x, "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED")
    completes(x)
    x.history("history of the parent")
    with looking_at(x, child_of(x)):
        await_type(x, "WORKFLOW_EXECUTION_TERMINATED")
        x.history("history of the child's last run")
        x.describe("describe the child's last run")
