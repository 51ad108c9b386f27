"""terminate_scheduled.py - termination while a workflow task is scheduled."""
from temporalio.api.enums.v1 import WorkflowExecutionStatus

from lab import payloads


def play(x):
    x.start()
    x.terminate(reason="because", details=payloads("d"))
    x.history()
    x.describe()
    x.terminate("terminate again")
    x.listed(status=WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TERMINATED)
