"""child_with_cron.py - a child with a schedule: asked to cancel in its back-off, and terminated with its parent."""
from kit.children import CANCEL, await_type, both, child_of, child_run, looking_at, parent_and_child
from kit.retry import early_in_a_second
from lab import command


def play(x):
    early_in_a_second()
    parent_and_child(x, cron_schedule="@every 20s")
    x.signal()
    x.complete(x.poll(), command(CANCEL, workflow_id=child_of(x), child_workflow_only=True))
    await_type(x, "EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED")
    first = child_run(x)
    both(x)
    x.complete(x.poll(), command("complete_workflow_execution"))
    with looking_at(x, child_of(x), first):
        await_type(x, "WORKFLOW_EXECUTION_TERMINATED")
        x.history("history of the child")
        x.describe("describe the child")
