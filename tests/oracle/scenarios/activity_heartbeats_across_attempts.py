"""activity_heartbeats_across_attempts.py - what an attempt said is there for the next, and in the time-out at last."""
from temporalio.api.common.v1 import RetryPolicy

from kit.activity import activity, application
from kit.basic import end
from lab import payloads, seconds


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, heartbeat_timeout=seconds(1), retry_policy=RetryPolicy(
        initial_interval=seconds(0.1), maximum_attempts=3)))
    one = x.poll_activity(show=True)
    x.heartbeat(one, details=payloads("one"))
    x.fail_activity(one, application())
    two = x.poll_activity(show=True)
    x.describe("second attempt")
    x.fail_activity(two, application("two"), last_heartbeat_details=payloads("two"))
    x.poll_activity(show=True)
    end(x)
