"""activity_retries_exhausted.py - an activity fails as often as its policy allows."""
from temporalio.api.common.v1 import RetryPolicy

from kit.activity import activity, application
from kit.basic import end
from lab import payloads, seconds


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, retry_policy=RetryPolicy(initial_interval=seconds(0.2), maximum_attempts=3)))
    for i in range(3):
        task = x.poll_activity(show=True)
        x.fail_activity(task, application(f"bad {i}", details=payloads("d")), show=True)
        if i == 0:
            x.describe("describe waiting for the retry")
    end(x)
