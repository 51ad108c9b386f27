"""delete_closed.py - after a deletion nothing knows the run."""
import time

from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.reads import read
from lab import command

SLOW = True


def play(x):
    x.start()
    x.complete(x.poll(), command("complete_workflow_execution"))
    deletion = api.DeleteWorkflowExecutionRequest(namespace="default", workflow_execution=x.execution())
    x.call("DeleteWorkflowExecution", deletion, show=True)
    description = api.DescribeWorkflowExecutionRequest(namespace="default", execution=x.execution())
    deadline = time.monotonic() + 40
    x.quiet = True
    while x.call("DescribeWorkflowExecution", description) and time.monotonic() < deadline:
        time.sleep(0.1)
    x.quiet = False
    read(x, "history")
    x.describe()
    x.query()
    x.signal()
    x.cancel()
    x.terminate()
    x.call("DeleteWorkflowExecution", deletion, label="delete again", show=True)
