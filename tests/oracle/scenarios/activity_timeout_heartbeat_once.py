"""activity_timeout_heartbeat_once.py - the heartbeat time-out without retries."""
from kit.activity import ONCE, activity
from kit.basic import end
from lab import payloads, seconds


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, heartbeat_timeout=seconds(1), retry_policy=ONCE))
    task = x.poll_activity()
    x.heartbeat(task, show=True, details=payloads("beat"))
    x.describe()
    end(x)
