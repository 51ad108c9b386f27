"""child_of_child_terminated.py - a grandchild goes with its parent, whose parent was terminated."""
from kit.children import REQUEST_CANCEL, TERMINATE, await_type, child_of, looking_at, start_child
from lab import command
from temporalio.api.common.v1 import WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue


def play(x):
    x.start()
    x.complete(x.poll(), start_child(x, parent_close_policy=TERMINATE))
    grand = ["grand" + child_of(x) + name for name in "tc"]
    x.complete(x.poll(queue=x.queue + "-c"), *(command(
        "start_child_workflow_execution", workflow_id=name, workflow_type=WorkflowType(name="t"),
        task_queue=TaskQueue(name=x.queue + "-g"), parent_close_policy=policy)
        for name, policy in zip(grand, (TERMINATE, REQUEST_CANCEL))))
    with looking_at(x, child_of(x)):
        await_type(x, "CHILD_WORKFLOW_EXECUTION_STARTED", 2)
    x.terminate(reason="why")
    with looking_at(x, grand[0]):
        await_type(x, "WORKFLOW_EXECUTION_TERMINATED")
        x.history("the terminated grandchild")
        x.describe("the terminated grandchild")
    with looking_at(x, grand[1]):
        await_type(x, "WORKFLOW_EXECUTION_CANCEL_REQUESTED")
        x.history("the canceled grandchild")
    with looking_at(x, child_of(x)):
        x.describe("the child")
