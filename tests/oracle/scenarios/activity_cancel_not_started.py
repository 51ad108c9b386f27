"""activity_cancel_not_started.py - cancellation of an activity that nobody polled."""
from temporalio.api.enums.v1 import EventType

from kit.activity import activity
from kit.basic import end
from lab import command


def play(x):
    x.start()
    x.complete(x.poll(), activity(x), force_create_new_workflow_task=True)
    task = x.poll()
    scheduled = next(e.event_id for e in x.events() if e.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)
    x.complete(task, command("request_cancel_activity_task", scheduled_event_id=scheduled))
    x.history("history after the cancellation")
    end(x)
