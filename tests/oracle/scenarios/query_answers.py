"""query_answers.py - answers that are too large, failures with details, an answer that comes too late."""
from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure

from kit.query import FAILED, answer
from kit.task import OOPS
from lab import payloads


def play(x):
    x.start()
    x.complete(x.poll())
    asking = x.behind(x.query, label="large")
    answer(x, x.poll(), query_result=payloads("x" * 2200000), label="answer large")
    asking.join(10)
    asking = x.behind(x.query, label="failed")
    answer(x, x.poll(), FAILED, error_message="em", failure=Failure(
        message="f", cause=OOPS, application_failure_info=ApplicationFailureInfo(type="ty", details=payloads("d"))))
    asking.join(10)
    asking = x.behind(x.query, label="too large for the worker")
    answer(x, x.poll(), FAILED, error_message="em",
           cause=WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_GRPC_MESSAGE_TOO_LARGE)
    asking.join(10)
    x.outline()
