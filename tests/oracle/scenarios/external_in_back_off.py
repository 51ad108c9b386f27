"""external_in_back_off.py - a workflow signals and cancels one whose first task is delayed."""
from kit.children import CANCEL, SIGNAL, await_type, execution, looking_at
from lab import command, seconds
from temporalio.api.taskqueue.v1 import TaskQueue


def play(x):
    name = "other-than-" + x.workflow_id
    with looking_at(x, name):
        x.start(workflow_id=name, task_queue=TaskQueue(name=x.queue + "-o"), workflow_start_delay=seconds(2.5))
        run_id = x.run_id
    x.start()
    x.complete(x.poll(), command(SIGNAL, execution=execution(name), signal_name="s"))
    await_type(x, "EXTERNAL_WORKFLOW_EXECUTION_SIGNALED")
    x.complete(x.poll(), command(CANCEL, workflow_id=name))
    await_type(x, "EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED")
    with looking_at(x, name, run_id):
        x.history("history of the other in its back-off")
        x.describe("describe the other in its back-off")
        x.poll(queue=x.queue + "-o", show=True)
