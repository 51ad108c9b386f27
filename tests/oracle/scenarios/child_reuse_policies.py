"""child_reuse_policies.py - children of an id that is taken by a closed or a running execution, by each reuse policy."""
from temporalio.api.enums.v1 import WorkflowIdReusePolicy

from kit.children import await_type, child_of, looking_at, parent_and_child, start_child
from lab import command

REUSE = WorkflowIdReusePolicy


def play(x):
    parent_and_child(x)
    with looking_at(x, child_of(x)):
        x.terminate()
    await_type(x, "CHILD_WORKFLOW_EXECUTION_TERMINATED")
    x.complete(x.poll(), start_child(  # it was terminated
        x, workflow_id_reuse_policy=REUSE.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_STARTED", 2)
    x.complete(x.poll(), start_child(
        x, workflow_id_reuse_policy=REUSE.WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_STARTED", 3)
    await_type(x, "CHILD_WORKFLOW_EXECUTION_TERMINATED", 2)
    x.complete(x.poll())
    for event in x.events()[15:]:  # whether the old one's end or the new one's start is told first is open
        name = event.WhichOneof("attributes")
        if name == "child_workflow_execution_terminated_event_attributes":
            x.show(name, event.child_workflow_execution_terminated_event_attributes)
        elif name == "child_workflow_execution_started_event_attributes":
            x.show("the other started", event.child_workflow_execution_started_event_attributes.workflow_type)
    with looking_at(x, child_of(x)):
        x.history("history of the child")
