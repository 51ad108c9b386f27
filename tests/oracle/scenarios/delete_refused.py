"""delete_refused.py - deletions that are refused, and one of a run that is open."""
import time
import uuid

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import request_response_pb2 as api


def play(x):
    x.start()

    def delete(label, execution):
        x.call("DeleteWorkflowExecution", api.DeleteWorkflowExecutionRequest(
            namespace="default", workflow_execution=execution), label=label, show=True)

    delete("unknown run", x.execution(run_id=str(uuid.UUID(int=5))))
    delete("unknown", WorkflowExecution(workflow_id="nobody-" + x.workflow_id))
    delete("bad run", x.execution(run_id="bad"))
    delete("nothing", None)
    x.outline("still there")
    delete("an open one", WorkflowExecution(workflow_id=x.workflow_id))
    end = time.monotonic() + 20
    x.quiet = True
    while time.monotonic() < end and x.call("DescribeWorkflowExecution", api.DescribeWorkflowExecutionRequest(
            namespace="default", execution=x.execution())):
        time.sleep(0.05)
    x.quiet = False
    x.describe("gone")
    x.start()
    x.outline("anew")
