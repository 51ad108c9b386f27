"""child_reject_duplicate.py - a child whose id is taken by a closed workflow and may not be used again."""
from temporalio.api.enums.v1 import WorkflowIdReusePolicy

from kit.children import await_type, parent_and_child, start_child
from lab import command


def play(x):
    parent_and_child(x)
    x.complete(x.poll(queue=x.queue + "-c"), command("complete_workflow_execution"))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_COMPLETED")
    x.complete(x.poll(), start_child(
        x, workflow_id_reuse_policy=WorkflowIdReusePolicy.Value("WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE")))
    await_type(x, "START_CHILD_WORKFLOW_EXECUTION_FAILED")
    x.history()
