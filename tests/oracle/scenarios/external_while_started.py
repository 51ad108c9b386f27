"""external_while_started.py - what others ask of a run whose workflow task is started waits in its buffer."""
from kit.children import CANCEL, SIGNAL, await_type, execution, looking_at, other
from lab import command


def play(x):
    name, run_id = other(x)
    task = x.poll(queue=x.queue + "-o")
    x.start()
    x.complete(x.poll(), command(SIGNAL, execution=execution(name), signal_name="s"))
    await_type(x, "EXTERNAL_WORKFLOW_EXECUTION_SIGNALED")
    x.complete(x.poll(), command(CANCEL, workflow_id=name, reason="why"))
    await_type(x, "EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED")
    with looking_at(x, name, run_id):
        x.describe("describe the other")
        x.complete(task, command("complete_workflow_execution"), label="complete over the buffer")
        x.complete(x.poll(queue=x.queue + "-o", show=True), command("complete_workflow_execution"))
        x.history("history of the other")
    x.history()
