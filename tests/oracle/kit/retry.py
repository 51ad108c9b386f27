"""retry.py - retry policies, and from a run to its successor."""
import time

from temporalio.api.common.v1 import RetryPolicy
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure

from lab import seconds

FAIL = "fail_workflow_execution"


def app(message="oops", kind="Type", **info):
    return Failure(message=message, application_failure_info=ApplicationFailureInfo(type=kind, **info))


def policy(**fields):
    fields.setdefault("initial_interval", seconds(1))
    return RetryPolicy(**fields)


def follow(x):
    """The next run, in place of the one that has ended."""
    x.history("history of the run that ended")
    x.describe("describe the run that ended")
    last = x.events()[-1]
    x.run_id = getattr(last, last.WhichOneof("attributes")).new_execution_run_id


def early_in_a_second():
    """Schedules go by whole seconds: both servers start at the same place in one."""
    while not 0.1 < time.time() % 1 < 0.2:
        time.sleep(0.02)
