"""runs.py - starts of many kinds, and chains of runs."""
import uuid

from temporalio.api.common.v1 import WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as api


def signal_with_start(x, label, **changes):
    """x.run_id becomes that of the run that got the signal."""
    fields = dict(namespace="default", workflow_id=x.workflow_id, request_id=str(uuid.uuid4()), identity="client",
                  workflow_type=WorkflowType(name="wf-type"), task_queue=TaskQueue(name=x.queue), signal_name="sig")
    fields.update(changes)
    response = x.call("SignalWithStartWorkflowExecution", api.SignalWithStartWorkflowExecutionRequest(**fields),
                      label=label, show=True)
    if response is not None:
        x.run_id = response.run_id
    return response


def follow(x):
    """x.run_id becomes that of the workflow id's present run."""
    response = x.call("DescribeWorkflowExecution", api.DescribeWorkflowExecutionRequest(
        namespace="default", execution=x.execution(run_id="")), raises=True)
    x.run_id = response.workflow_execution_info.execution.run_id
