"""operations_pause_no_timeouts.py - no time-out of a paused activity runs, they come when it is unpaused."""
import time

from kit.activity import ONCE
from kit.basic import end
from kit.operations import activities, pause, unpause
from lab import payloads, seconds


def play(x):
    activities(x, start_to_close_timeout=seconds(2), retry_policy=ONCE)
    task = x.poll_activity()
    pause(x, id="a")
    x.heartbeat(task, show=True, details=payloads("h"))
    time.sleep(3)  # the time-out of the activity itself
    x.describe("still there")
    unpause(x, id="a")
    end(x)
