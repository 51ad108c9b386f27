"""child_failed_only_after_completion.py - a child may follow a failed one of its id, not one that completed."""
from temporalio.api.enums.v1 import WorkflowIdReusePolicy
from temporalio.api.failure.v1 import Failure

from kit.children import await_type, parent_and_child, start_child
from lab import command

ONLY = WorkflowIdReusePolicy.Value("WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY")


def play(x):
    parent_and_child(x)
    x.complete(x.poll(queue=x.queue + "-c"), command("fail_workflow_execution", failure=Failure(message="no")))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_FAILED")
    x.complete(x.poll(), start_child(x, workflow_id_reuse_policy=ONLY))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_STARTED", 2)
    x.complete(x.poll(queue=x.queue + "-c"), command("complete_workflow_execution"))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_COMPLETED")
    x.complete(x.poll(), start_child(x, workflow_id_reuse_policy=ONLY))
    await_type(x, "START_CHILD_WORKFLOW_EXECUTION_FAILED")
    x.complete(x.poll(), start_child(x, control="again"))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_STARTED", 3)
    x.history()
