"""child_of_child.py - parent, child, grandchild."""
from temporalio.api.common.v1 import WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue

from kit.children import CHILD, child_of, looking_at, start_child
from lab import command


def play(x):
    x.start()
    x.complete(x.poll(), start_child(x))
    grandchild = "grand" + child_of(x)
    x.complete(x.poll(queue=x.queue + "-c"), command(
        CHILD, workflow_id=grandchild, workflow_type=WorkflowType(name="t"), task_queue=TaskQueue(name=x.queue + "-g")))
    x.poll(queue=x.queue + "-g")
    with looking_at(x, grandchild):
        x.history("history of the grandchild")
        x.describe("describe the grandchild")
