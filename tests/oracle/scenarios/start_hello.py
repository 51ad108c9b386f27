"""start_hello.py - a workflow of one task: start, poll, complete, with everything there is to see."""
from temporalio.api.enums.v1 import WorkflowExecutionStatus

from lab import command, payloads


def play(x):
    x.start(show=True, input=payloads("in"))
    x.describe("describe scheduled")
    x.history("history at the start")
    task = x.poll(show=True)
    x.describe("describe started")
    x.complete(task, command("complete_workflow_execution", result=payloads("done")), show=True)
    x.history()
    x.describe("describe closed")
    x.listed(status=WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_COMPLETED)
