"""child_of_its_parents_id.py - a child of its parent's id is refused; so is one of an id that waits in its delay."""
from kit.children import await_type, looking_at, start_child
from lab import seconds
from temporalio.api.enums.v1 import WorkflowIdReusePolicy


def play(x):
    name = "delayed-" + x.workflow_id
    with looking_at(x, name):
        x.start(workflow_id=name, workflow_start_delay=seconds(60))
    x.start()
    x.complete(x.poll(), start_child(x, workflow_id=x.workflow_id))
    await_type(x, "START_CHILD_WORKFLOW_EXECUTION_FAILED")
    x.complete(x.poll(), start_child(x, workflow_id=name))
    await_type(x, "START_CHILD_WORKFLOW_EXECUTION_FAILED", 2)
    x.complete(x.poll(), start_child(
        x, workflow_id=name,
        workflow_id_reuse_policy=WorkflowIdReusePolicy.Value("WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING")))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_STARTED")
    x.history()
    x.describe()
    with looking_at(x, name):
        x.history("history of the child")
