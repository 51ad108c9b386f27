"""activity_big_result.py - heartbeats and results above the size limit."""
from kit.activity import ONCE, activity
from kit.basic import end
from lab import payloads


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, retry_policy=ONCE))
    task = x.poll_activity()
    x.heartbeat(task, label="big heartbeat", details=payloads("x" * (2 * 1024 * 1024 + 10)), show=True)
    x.outline()
    x.complete(x.poll(), activity(x, "b", retry_policy=ONCE))
    task = x.poll_activity()
    x.complete_activity(task, label="big result", result=payloads("x" * (2 * 1024 * 1024 + 10)))
    end(x)
