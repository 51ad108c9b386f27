"""batch_reset.py - jobs reset a workflow to its first, its last and a named workflow task."""
from google.protobuf.empty_pb2 import Empty
from temporalio.api.batch.v1 import message_pb2 as batch
from temporalio.api.common.v1 import ResetOptions, WorkflowExecution
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit import batches

SETTINGS = batches.SETTINGS


def play(x):
    x.start()
    x.complete(x.poll())
    x.signal("one")
    x.complete(x.poll())
    for label, options in (("first", ResetOptions(first_workflow_task=Empty())),
                           ("last", ResetOptions(last_workflow_task=Empty())),
                           ("named", ResetOptions(workflow_task_id=4))):
        current = WorkflowExecution(workflow_id=x.workflow_id)
        operation = batch.BatchOperationReset(identity="me", options=options)
        batches.run(x, label, targets=[current], reset_operation=operation)
        x.run_id = x.call("DescribeWorkflowExecution", api.DescribeWorkflowExecutionRequest(
            namespace="default", execution=current)).workflow_execution_info.execution.run_id
        x.history(f"{label}: the new run")
    x.terminate()
