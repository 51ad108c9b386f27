"""activity_timeout_start_to_close_non_retryable.py - a time-out type among the errors that are not retried."""
from temporalio.api.common.v1 import RetryPolicy

from kit.activity import activity
from kit.basic import end
from lab import seconds


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, start_to_close_timeout=seconds(1), retry_policy=RetryPolicy(
        non_retryable_error_types=["TemporalTimeout:StartToClose"])))
    x.poll_activity()
    end(x)
