"""operations_negative_jitter.py - a jitter below zero: a reset that would draw from it fails, otherwise it is not looked at."""
from kit.activity import activity
from kit.basic import anew, end
from kit.operations import activities, pause, reset, seconds, unpause


def play(x):
    less = seconds(-1)
    activities(x, "a", "b")
    task = x.poll_activity()
    reset(x, id=task.activity_id, jitter=less, label="reset of a started one")
    other = "b" if task.activity_id == "a" else "a"
    pause(x, id=other)
    reset(x, id=other, keep_paused=True, jitter=less, label="reset that keeps the pause")
    unpause(x, id=other)
    x.signal()
    end(x)
    for label, asked in {"by id": {"id": "a"}, "all": {"match_all": True}, "by type": {"type": "act-type"}}.items():
        anew(x)
        x.complete(x.poll(), activity(x), activity(x, "b"))
        reset(x, jitter=less, label=f"reset {label}", **asked)
    anew(x)
    x.complete(x.poll(), activity(x))
    pause(x, id="a")
    reset(x, id="a", jitter=less, label="reset of a paused one")
