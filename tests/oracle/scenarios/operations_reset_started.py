"""operations_reset_started.py - a running activity hears that it was reset; then it fails."""
from temporalio.api.common.v1 import RetryPolicy

from kit.activity import application
from kit.basic import end
from kit.operations import activities, reset
from lab import payloads, seconds


def play(x):
    activities(x, retry_policy=RetryPolicy(initial_interval=seconds(0.1)))
    task = x.poll_activity()
    x.heartbeat(task, details=payloads("one"))
    reset(x, id="a", reset_heartbeat=True)
    x.heartbeat(task, show=True, details=payloads("two"))
    x.describe("reset")
    x.fail_activity(task, application())
    again = x.poll_activity(show=True)
    x.heartbeat(again, show=True)
    reset(x, "reset the second attempt", id="a")
    x.heartbeat(again, "the second attempt is the first again")
    x.describe("reset again")
    x.complete_activity(again)
    x.terminate()
