"""operations_pause_by_type.py - all activities of a type are paused, all that are paused unpaused."""
from temporalio.api.common.v1 import ActivityType

from kit.activity import activity
from kit.operations import pause, unpause


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, "a"), activity(x, "b"),
               activity(x, "c", activity_type=ActivityType(name="other")))
    pause(x, type="act-type", request_id="r")
    x.describe("a and b are paused")
    pause(x, type="other", request_id="r")
    pause(x, "pause none", type="no-such", request_id="r")
    unpause(x, type="act-type")
    x.describe("c is paused")
    unpause(x, unpause_all=True)
    x.describe("none is")
    x.terminate()
