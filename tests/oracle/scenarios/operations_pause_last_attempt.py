"""operations_pause_last_attempt.py - the only attempt of a paused activity fails: a further one waits all the same."""
from kit.activity import ONCE, application
from kit.basic import end
from kit.operations import activities, pause, unpause


def play(x):
    activities(x, retry_policy=ONCE)
    task = x.poll_activity()
    pause(x, id="a")
    x.fail_activity(task, application())
    x.describe("paused")
    unpause(x, id="a")
    x.fail_activity(x.poll_activity(show=True), application("again"))
    end(x)
