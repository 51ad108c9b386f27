"""activity_failure_kinds.py - failures of every kind from an activity: which are tried again, and what is written."""
from temporalio.api.common.v1 import ActivityType, RetryPolicy, WorkflowExecution, WorkflowType
from temporalio.api.enums.v1 import ApplicationErrorCategory, TimeoutType
from temporalio.api.failure.v1 import (ActivityFailureInfo, ApplicationFailureInfo, CanceledFailureInfo,
                                       ChildWorkflowExecutionFailureInfo, Failure, ServerFailureInfo,
                                       TerminatedFailureInfo, TimeoutFailureInfo)

from kit.activity import activity, application
from kit.basic import anew
from lab import payloads, seconds

POLICY = RetryPolicy(initial_interval=seconds(9), non_retryable_error_types=["Listed", "TemporalTimeout:Heartbeat", ""])


def timeout(kind):
    return TimeoutFailureInfo(timeout_type=TimeoutType.Value("TIMEOUT_TYPE_" + kind))


def play(x):
    listed = ApplicationFailureInfo(type="Listed")
    cases = {
        "canceled": Failure(message="c", canceled_failure_info=CanceledFailureInfo(details=payloads("d"))),
        "terminated": Failure(message="t", terminated_failure_info=TerminatedFailureInfo()),
        "start to close": Failure(message="t", timeout_failure_info=timeout("START_TO_CLOSE")),
        "heartbeat": Failure(message="t", timeout_failure_info=timeout("HEARTBEAT")),
        "schedule to start": Failure(message="t", timeout_failure_info=timeout("SCHEDULE_TO_START")),
        "schedule to close": Failure(message="t", timeout_failure_info=timeout("SCHEDULE_TO_CLOSE")),
        "server": Failure(message="s", server_failure_info=ServerFailureInfo()),
        "of an activity": Failure(message="a", activity_failure_info=ActivityFailureInfo(
            activity_id="b", activity_type=ActivityType(name="t")), cause=Failure(application_failure_info=listed)),
        "of a child": Failure(message="w", child_workflow_execution_failure_info=ChildWorkflowExecutionFailureInfo(
            workflow_type=WorkflowType(name="t"), workflow_execution=WorkflowExecution(workflow_id="w"))),
        "listed as a cause": application(), "listed": Failure(message="l", application_failure_info=listed),
        "without a kind": Failure(message="nothing"),
        "without a type": Failure(message="no type", application_failure_info=ApplicationFailureInfo()),
        "benign": application(category=ApplicationErrorCategory.APPLICATION_ERROR_CATEGORY_BENIGN),
    }
    cases["listed as a cause"].cause.CopyFrom(Failure(message="l", application_failure_info=listed))
    for label, failure in cases.items():
        anew(x)
        x.complete(x.poll(), activity(x, retry_policy=POLICY))
        x.fail_activity(x.poll_activity(), failure, label=label, show=True)
        x.outline(label)
        x.describe(label)
    x.events()
