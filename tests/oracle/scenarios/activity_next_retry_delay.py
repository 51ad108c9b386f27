"""activity_next_retry_delay.py - a failure that says when to retry."""
from temporalio.api.common.v1 import RetryPolicy

from kit.activity import activity, application
from kit.basic import end
from lab import payloads, seconds


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, retry_policy=RetryPolicy(initial_interval=seconds(60))))
    x.fail_activity(x.poll_activity(), application(next_retry_delay=seconds(0.3)))
    x.describe()
    x.complete_activity(x.poll_activity(show=True), result=payloads("r"))
    end(x)
