"""task.py - workflow tasks: failures and sticky queues."""
from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure
from temporalio.api.taskqueue.v1 import StickyExecutionAttributes, TaskQueue

from lab import seconds

CAUSE = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR
OOPS = Failure(message="oops", application_failure_info=ApplicationFailureInfo(type="T"))


def sticky(name, timeout=5):
    return StickyExecutionAttributes(worker_task_queue=TaskQueue(name=name, kind=2), schedule_to_start_timeout=seconds(timeout))
