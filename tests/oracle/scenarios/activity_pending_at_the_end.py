"""activity_pending_at_the_end.py - a run completes with activities pending, and cancels one in its last task."""
from temporalio.api.taskqueue.v1 import TaskQueue

from kit.activity import activity
from lab import command


def play(x):
    elsewhere = TaskQueue(name=x.queue + "-idle")
    x.start()
    x.complete(x.poll(), activity(x, "started"), activity(x, "waiting", task_queue=elsewhere),
               activity(x, "canceled", task_queue=elsewhere), force_create_new_workflow_task=True)
    x.poll_activity()
    canceled = next(e.event_id for e in x.events() if e.activity_task_scheduled_event_attributes.activity_id == "canceled")
    x.complete(x.poll(), command("request_cancel_activity_task", scheduled_event_id=canceled),
               command("complete_workflow_execution"))
    x.history()
    x.describe()
