"""operations_unpause_started.py - a running activity that is unpaused before it noticed."""
from kit.basic import end
from kit.operations import activities, pause, unpause
from lab import payloads


def play(x):
    activities(x)
    task = x.poll_activity()
    x.heartbeat(task, details=payloads("one"))
    pause(x, id="a")
    unpause(x, id="a", reset_attempts=True, reset_heartbeat=True)
    x.describe()
    x.heartbeat(task, show=True)
    x.complete_activity(task)
    end(x)
