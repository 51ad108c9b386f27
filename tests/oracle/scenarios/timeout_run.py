"""timeout_run.py - the run time-out between tasks."""
from temporalio.api.enums.v1 import WorkflowExecutionStatus

from lab import command, seconds


def play(x):
    x.start(workflow_run_timeout=seconds(1))
    x.describe()
    task = x.poll()
    x.complete(task, command("start_timer", timer_id="t", start_to_fire_timeout=seconds(60)))
    x.await_close()
    x.history()
    x.describe("describe closed")
    x.listed(status=WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TIMED_OUT)
