"""retry_not.py - failures of a workflow that are not retried."""
from temporalio.api.failure.v1 import Failure, TimeoutFailureInfo

from kit.retry import FAIL, app, policy
from lab import command


def play(x):
    for label, failure in {
        "non retryable": app(non_retryable=True),
        "listed type": app(kind="Fatal"),
        "schedule to close": Failure(message="m", timeout_failure_info=TimeoutFailureInfo(timeout_type=3)),
    }.items():
        x.start(retry_policy=policy(non_retryable_error_types=["Fatal"]))
        x.complete(x.poll(), command(FAIL, failure=failure))
        x.history(label)
