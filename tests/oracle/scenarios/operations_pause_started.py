"""operations_pause_started.py - a running activity hears that it is paused; its next attempt waits."""
from kit.activity import application
from kit.basic import end
from kit.operations import activities, pause, unpause
from lab import payloads


def play(x):
    activities(x)
    task = x.poll_activity()
    x.heartbeat(task, show=True, details=payloads("one"))
    pause(x, id="a")
    x.heartbeat(task, show=True, details=payloads("two"))
    x.describe("pause requested")
    x.fail_activity(task, application())
    x.describe("paused after it failed")
    unpause(x, id="a")
    again = x.poll_activity(show=True)
    x.heartbeat(again, show=True)
    x.complete_activity(again)
    end(x)
