"""activity_timeouts_chain.py - a heartbeat, a time-out of an attempt, then the last time-out: what is the cause of what."""
from temporalio.api.common.v1 import RetryPolicy

from kit.activity import activity
from kit.basic import end
from lab import payloads, seconds


def play(x):
    x.start()
    x.complete(x.poll(),
               activity(x, start_to_close_timeout=seconds(1.5), schedule_to_close_timeout=seconds(2.8),
                        retry_policy=RetryPolicy(initial_interval=seconds(0.1))))
    x.heartbeat(x.poll_activity(), details=payloads("one"))
    two = x.poll_activity(show=True)
    x.heartbeat(two, details=payloads("two"))
    end(x)
    x.heartbeat(two, "too late")
