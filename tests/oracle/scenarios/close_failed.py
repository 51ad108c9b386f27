"""close_failed.py - a workflow fails with a chain of failures."""
from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure

from lab import command, payloads


def play(x):
    x.start()
    task = x.poll()
    x.complete(task, command("fail_workflow_execution", failure=Failure(
        message="no", source="test", stack_trace="here", cause=Failure(message="deep"),
        application_failure_info=ApplicationFailureInfo(type="T", non_retryable=True, details=payloads("d")))))
    x.history()
    x.describe()
    x.listed(status=WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_FAILED)
