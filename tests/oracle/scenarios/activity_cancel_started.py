"""activity_cancel_started.py - cancellation of a running activity, told by its heartbeat."""
from kit.activity import activity
from kit.basic import end
from lab import command, payloads


def play(x):
    x.start()
    x.complete(x.poll(), activity(x), force_create_new_workflow_task=True)
    task = x.poll()
    running = x.poll_activity()
    x.heartbeat(running, show=True)
    x.complete(task, command("request_cancel_activity_task", scheduled_event_id=5))
    x.describe()
    x.heartbeat(running, show=True, details=payloads("h"))
    x.cancel_activity(running, details=payloads("bye"))
    end(x)
