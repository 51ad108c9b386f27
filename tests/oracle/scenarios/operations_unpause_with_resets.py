"""operations_unpause_with_resets.py - attempts and heartbeats begin anew with the unpause."""
from temporalio.api.common.v1 import RetryPolicy

from kit.activity import application
from kit.basic import end
from kit.operations import activities, pause, unpause
from lab import payloads, seconds


def play(x):
    activities(x, retry_policy=RetryPolicy(initial_interval=seconds(0.1)))
    task = x.poll_activity()
    x.heartbeat(task, details=payloads("one"))
    x.fail_activity(task, application())
    again = x.poll_activity(show=True)
    pause(x, id="a")
    x.fail_activity(again, application("again"), last_heartbeat_details=payloads("two"))
    x.describe("paused")
    unpause(x, id="a", reset_attempts=True, reset_heartbeat=True)
    x.describe("unpaused")
    x.complete_activity(x.poll_activity(show=True))
    end(x)
