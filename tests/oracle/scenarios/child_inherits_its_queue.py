"""child_inherits_its_queue.py - a child without a task queue of its own."""
from temporalio.api.common.v1 import WorkflowType

from kit.children import CHILD, await_type, child_of
from lab import command


def play(x):
    x.start()
    x.complete(x.poll(), command(CHILD, workflow_id=child_of(x), workflow_type=WorkflowType(name="t")))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_STARTED")
    x.history()
