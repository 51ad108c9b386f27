"""activity_heartbeats_then_completes.py - heartbeats keep an activity alive."""
import time

from kit.activity import activity
from kit.basic import end
from lab import payloads, seconds


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, heartbeat_timeout=seconds(2)))
    task = x.poll_activity()
    for i in range(4):
        time.sleep(0.7)
        x.heartbeat(task, details=payloads(str(i)))
    x.describe()
    x.complete_activity(task, result=payloads("r"))
    end(x)
