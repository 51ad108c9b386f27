"""operations_reset_in_backoff.py - reset between two attempts: the first one again, at once."""
from temporalio.api.common.v1 import RetryPolicy

from kit.activity import application
from kit.basic import end
from kit.operations import activities, reset
from lab import payloads, seconds


def play(x):
    activities(x, retry_policy=RetryPolicy(initial_interval=seconds(9)))
    task = x.poll_activity()
    x.heartbeat(task, details=payloads("one"))
    x.fail_activity(task, application())
    x.describe("backs off")
    reset(x, id="a")
    x.describe("reset")
    again = x.poll_activity(show=True)
    x.fail_activity(again, application("again"))
    reset(x, id="a", reset_heartbeat=True)
    x.describe("reset with its heartbeats")
    x.complete_activity(x.poll_activity(show=True))
    end(x)
