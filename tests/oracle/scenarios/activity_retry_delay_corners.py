"""activity_retry_delay_corners.py - a failure's own delay: none, negative, too late, not to be tried, of a cause."""
from google.protobuf import duration_pb2
from temporalio.api.common.v1 import RetryPolicy
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure

from kit.activity import activity, application
from kit.basic import anew
from lab import seconds


def one(x, label, failure, policy=None, **more):
    anew(x)
    x.complete(x.poll(), activity(x, retry_policy=policy or RetryPolicy(
        initial_interval=seconds(6), maximum_interval=seconds(7), maximum_attempts=2), **more))
    x.fail_activity(x.poll_activity(), failure, label=label)
    x.outline(label)
    x.describe(label)


def play(x):
    one(x, "no delay", application(next_retry_delay=duration_pb2.Duration()))
    one(x, "longer than the longest", application(next_retry_delay=seconds(9)))
    one(x, "after the last moment", application(next_retry_delay=seconds(9)), schedule_to_close_timeout=seconds(8))
    one(x, "of one that is not tried again", application(next_retry_delay=seconds(7), non_retryable=True))
    one(x, "without attempts left", application(next_retry_delay=seconds(7)), RetryPolicy(maximum_attempts=1))
    inner = application()
    inner.cause.CopyFrom(Failure(message="inner", application_failure_info=ApplicationFailureInfo(
        next_retry_delay=seconds(7))))
    one(x, "of the cause", inner)
    x.history()
