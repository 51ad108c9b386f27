"""sticky_task_times_out.py - a sticky task that its worker keeps: it times out, and goes to the normal queue as a first attempt."""
from temporalio.api.enums.v1 import EventType

from kit.task import sticky
from lab import seconds


def play(x):
    name = x.queue + "-sticky"
    x.start(workflow_task_timeout=seconds(1))
    waiting = x.behind(x.poll, sticky_of=name, label="sticky", timeout=10.0)
    x.complete(x.poll(), sticky_attributes=sticky(name, 5))
    x.signal()
    waiting.join(10)
    x.await_events(1, event_type=EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT)
    x.describe()
    x.poll(show=True)
    x.history()
