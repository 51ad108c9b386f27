"""cancel_workflow.py - a cancellation is asked for and granted."""
from temporalio.api.enums.v1 import WorkflowExecutionStatus

from lab import command, payloads


def play(x):
    x.start()
    x.cancel(reason="because")
    x.describe("describe with the request")
    task = x.poll(show=True)
    x.complete(task, command("cancel_workflow_execution", details=payloads("gone")))
    x.history()
    x.describe()
    x.listed(status=WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_CANCELED)
