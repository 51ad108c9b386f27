"""operations_reset_paused.py - a reset unpauses, unless it is to keep the activity paused."""
from kit.activity import application
from kit.basic import end
from kit.operations import activities, pause, reset


def play(x):
    activities(x)
    task = x.poll_activity()
    pause(x, id="a")
    x.fail_activity(task, application())
    reset(x, "reset and keep", id="a", keep_paused=True)
    x.describe("kept paused")
    reset(x, id="a")
    x.describe("reset")
    x.complete_activity(x.poll_activity(show=True))
    end(x)
