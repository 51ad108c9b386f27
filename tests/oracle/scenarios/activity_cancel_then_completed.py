"""activity_cancel_then_completed.py - a canceled activity completes all the same."""
from kit.activity import activity
from kit.basic import end
from lab import command, payloads


def play(x):
    x.start()
    x.complete(x.poll(), activity(x), force_create_new_workflow_task=True)
    task = x.poll()
    running = x.poll_activity()
    x.complete(task, command("request_cancel_activity_task", scheduled_event_id=5))
    x.complete_activity(running, result=payloads("r"))
    end(x)
