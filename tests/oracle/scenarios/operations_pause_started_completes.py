"""operations_pause_started_completes.py - a paused activity that was running may complete."""
from kit.basic import end
from kit.operations import activities, pause
from lab import payloads


def play(x):
    activities(x)
    task = x.poll_activity()
    pause(x, id="a")
    x.complete_activity(task, result=payloads("r"))
    end(x)
