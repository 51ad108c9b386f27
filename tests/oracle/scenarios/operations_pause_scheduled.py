"""operations_pause_scheduled.py - an activity that waits is paused, shown and listed; unpaused it goes on."""
from kit.basic import end
from kit.operations import activities, pause, unpause
from lab import payloads


def play(x):
    activities(x)
    pause(x, id="a", request_id="r")
    x.describe("paused")
    x.listed("listed paused", test=lambda info: "TemporalPauseInfo" in info.search_attributes.indexed_fields)
    unpause(x, id="a")
    x.describe("unpaused")
    task = x.poll_activity(show=True)
    x.complete_activity(task, result=payloads("r"))
    end(x)
