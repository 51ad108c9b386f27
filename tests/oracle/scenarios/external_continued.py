"""external_continued.py - signals and cancellations of a workflow that went on as another run, or is of another parent."""
from kit.children import CANCEL, SIGNAL, await_type, child_of, execution, looking_at, other, parent_and_child
from lab import command


def play(x):
    name, run_id = other(x)
    x.complete(x.poll(queue=x.queue + "-o"), command("continue_as_new_workflow_execution"))
    x.start()
    x.complete(x.poll(), command(SIGNAL, execution=execution(name, run_id), signal_name="s"))
    await_type(x, "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED")
    x.complete(x.poll(), command(CANCEL, workflow_id=name, run_id=run_id))
    await_type(x, "EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED")
    x.complete(x.poll(), command(SIGNAL, execution=execution(name), signal_name="t"))
    await_type(x, "EXTERNAL_WORKFLOW_EXECUTION_SIGNALED")
    x.history()
    with looking_at(x, name):
        x.history("history of the other's second run")
    x.terminate()
    mine = child_of(x)
    parent_and_child(x)
    with looking_at(x, "stranger-" + x.workflow_id):
        x.start(workflow_id=x.workflow_id)
        x.complete(x.poll(), command(SIGNAL, execution=execution(mine), signal_name="u", child_workflow_only=True))
        await_type(x, "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED")
        x.complete(x.poll(), command(CANCEL, workflow_id=mine, child_workflow_only=True))
        await_type(x, "REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED")
        x.history("history of a stranger")
