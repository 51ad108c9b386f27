"""operations_pause_counted.py - pausing what is paused and unpausing what is not are state transitions too."""
from kit.operations import activities, options, pause, reset, seconds, unpause
from temporalio.api.activity.v1 import ActivityOptions


def play(x):
    activities(x)
    unpause(x, "unpause, not paused", id="a")
    x.describe("after an unpause of none")
    unpause(x, "unpause all, none paused", unpause_all=True)
    pause(x, id="a", request_id="r")
    x.describe("after a pause")
    pause(x, "the same request", id="a", request_id="r")
    x.describe("after a pause of a paused one")
    pause(x, "another request", id="a", request_id="r2")
    x.describe("after a refused one")
    reset(x, id="a", keep_paused=True)
    reset(x, "reset again", id="a", keep_paused=True)
    for label in ("options", "the same options"):
        options(x, "start_to_close_timeout", label=label, id="a",
                activity_options=ActivityOptions(start_to_close_timeout=seconds(77)))
    x.describe("after options")
    x.terminate()
