"""activity_many.py - twenty activities at once."""
from temporalio.api.enums.v1 import EventType

from kit.activity import activity
from kit.basic import end
from lab import payloads


def play(x):
    x.start()
    x.complete(x.poll(), *[activity(x, f"a{i}") for i in range(20)])
    x.describe()
    tasks = sorted((x.poll_activity() for _ in range(20)), key=lambda t: int(t.activity_id[1:]))
    for t in tasks:
        x.complete_activity(t, result=payloads(t.activity_id))
    x.await_events(20, event_type=EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED)
    task = x.poll()
    end(x, task)
