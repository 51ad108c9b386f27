"""operations_cancel_paused.py - paused activities are canceled: one that waits at once, one that runs when it says so."""
from kit.activity import activity
from kit.basic import end
from kit.operations import pause
from lab import command, payloads


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, "a"), force_create_new_workflow_task=True)
    task = x.poll()
    running = x.poll_activity()
    x.complete(task, activity(x, "b"), force_create_new_workflow_task=True)
    task = x.poll()
    pause(x, type="act-type")
    pending = {e.activity_task_scheduled_event_attributes.activity_id: e.event_id for e in x.events()}
    x.complete(task, command("request_cancel_activity_task", scheduled_event_id=pending["a"]),
               command("request_cancel_activity_task", scheduled_event_id=pending["b"]))
    x.describe()
    x.heartbeat(running, show=True)
    x.cancel_activity(running, details=payloads("bye"))
    end(x)
