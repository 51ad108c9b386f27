"""operations_pause_in_backoff.py - paused between two attempts; unpaused it is tried at once."""
from temporalio.api.common.v1 import RetryPolicy

from kit.activity import application
from kit.basic import end
from kit.operations import activities, pause, unpause
from lab import seconds


def play(x):
    activities(x, retry_policy=RetryPolicy(initial_interval=seconds(9)))
    x.fail_activity(x.poll_activity(), application())
    x.pending_activity(lambda a: a.attempt == 2)
    pause(x, id="a")
    x.describe("paused")
    unpause(x, id="a")
    x.describe("unpaused")
    x.complete_activity(x.poll_activity(show=True))
    end(x)
