"""limits_history_count_activity.py - the answer of an activity comes to a run with too many events."""
from kit import limited
from kit.activity import activity

SETTINGS = limited.HISTORY_COUNT


def play(x):
    x.start()
    x.complete(x.poll(), activity(x))
    x.signal()
    for n in range(3):
        x.signal(label=f"signal {n}")
    x.outline()
    x.complete_activity(x.poll_activity(), label="the answer")
    x.history()
    x.signal(label="a step later")
    x.outline()
    x.describe()
