"""reset_then_options.py - options of the workflow are changed by the reset itself."""
from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.common.v1 import Priority
from temporalio.api.workflow.v1 import PostResetOperation, WorkflowExecutionOptions

from kit.basic import end
from kit.reset import both_runs, reset


def change(paths, **options):
    return PostResetOperation(update_workflow_options=PostResetOperation.UpdateWorkflowOptions(
        workflow_execution_options=WorkflowExecutionOptions(**options), update_mask=FieldMask(paths=paths)))


def play(x):
    x.start()
    base = x.run_id
    x.complete(x.poll())
    x.signal("one")
    reset(x, 4, post_reset_operations=[change(["priority"], priority=Priority(priority_key=1))])
    both_runs(x, base)
    reset(x, 4, label="nothing changes", post_reset_operations=[change([])])
    x.outline()
    reset(x, 4, label="two operations", post_reset_operations=[
        change(["priority.fairness_key"], priority=Priority(fairness_key="k")),
        change(["priority.priority_key"], priority=Priority(priority_key=4))])
    x.history("history with two operations")
    x.describe("describe after two operations")
    end(x)
