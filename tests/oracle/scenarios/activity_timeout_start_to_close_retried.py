"""activity_timeout_start_to_close_retried.py - start-to-close of both attempts."""
from temporalio.api.common.v1 import RetryPolicy

from kit.activity import activity
from kit.basic import end
from lab import seconds


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, start_to_close_timeout=seconds(1), retry_policy=RetryPolicy(
        initial_interval=seconds(1), maximum_attempts=2)))
    x.poll_activity()
    x.pending_activity(lambda a: a.attempt == 2)
    x.describe()
    x.poll_activity(show=True)
    end(x)
