"""activity_timeout_after_failure.py - a time-out after a failed attempt."""
from temporalio.api.common.v1 import RetryPolicy

from kit.activity import activity, application
from kit.basic import end
from lab import seconds


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, start_to_close_timeout=seconds(1), retry_policy=RetryPolicy(
        initial_interval=seconds(0.2), maximum_attempts=2)))
    x.fail_activity(x.poll_activity(), application("one"))
    x.poll_activity(show=True)
    end(x)
