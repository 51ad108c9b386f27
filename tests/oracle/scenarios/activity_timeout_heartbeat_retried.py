"""activity_timeout_heartbeat_retried.py - the heartbeat time-out with retries, and the last details."""
from temporalio.api.common.v1 import RetryPolicy

from kit.activity import activity, application
from kit.basic import end
from lab import payloads, seconds


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, heartbeat_timeout=seconds(1), retry_policy=RetryPolicy(
        initial_interval=seconds(1), maximum_attempts=3)))
    task = x.poll_activity()
    x.heartbeat(task, show=True, details=payloads("beat"))
    x.pending_activity(lambda a: a.attempt == 2)
    x.describe()
    task = x.poll_activity(show=True)
    x.fail_activity(task, application(), last_heartbeat_details=payloads("last"))
    task = x.poll_activity(show=True)
    end(x)
