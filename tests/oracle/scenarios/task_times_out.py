"""task_times_out.py - a workflow task that times out, and an answer that comes too late."""
from temporalio.api.enums.v1 import EventType

from kit.basic import end
from lab import seconds


def play(x):
    x.start(workflow_task_timeout=seconds(1))
    task = x.poll(show=True)
    x.signal()
    x.await_events(1, event_type=EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT)
    x.history("history after the time-out")
    x.describe()
    x.complete(task, label="too late")
    task = x.poll(show=True, label="second attempt")
    end(x, task)
