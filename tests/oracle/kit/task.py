"""task.py - workflow tasks: failures and sticky queues."""
import time

from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure
from temporalio.api.taskqueue.v1 import StickyExecutionAttributes, TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from lab import seconds

CAUSE = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR
OOPS = Failure(message="oops", application_failure_info=ApplicationFailureInfo(type="T"))


def sticky(name, timeout=5):
    return StickyExecutionAttributes(worker_task_queue=TaskQueue(name=name, kind=2), schedule_to_start_timeout=seconds(timeout))


def polled(x, name, timeout=10.0):
    """Until the server knows that a worker polls this sticky queue."""
    end = time.monotonic() + timeout
    while time.monotonic() < end and not x.call("DescribeTaskQueue", api.DescribeTaskQueueRequest(
            namespace="default", task_queue_type=1, task_queue=TaskQueue(name=name, kind=2, normal_name=x.queue)),
            raises=True).pollers:
        time.sleep(0.02)
