"""task_heartbeat_then_silence.py - a task prolonged by a heartbeat times out like any other."""
from temporalio.api.enums.v1 import EventType

from kit.query import answer
from lab import seconds


def play(x):
    x.start(workflow_task_timeout=seconds(1))
    answer = x.complete(x.poll(), force_create_new_workflow_task=True, return_new_workflow_task=True)
    x.await_events(1, event_type=EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT)
    x.complete(answer.workflow_task, label="late")
    x.history()
    x.describe()
    x.poll(show=True)
