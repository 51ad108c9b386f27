"""activity_cancel_twice_and_unasked.py - an activity canceled unasked, twice, unknown, and as nothing."""
from kit.activity import activity
from kit.basic import end
from lab import command


def play(x):
    x.start()
    x.complete(x.poll(), activity(x), force_create_new_workflow_task=True)
    task = x.poll()
    running = x.poll_activity()
    x.cancel_activity(running, label="canceled unasked")
    x.complete(task, command("request_cancel_activity_task", scheduled_event_id=5),
               command("request_cancel_activity_task", scheduled_event_id=5), force_create_new_workflow_task=True)
    x.complete(x.poll(), command("request_cancel_activity_task", scheduled_event_id=5), label="cancel again")
    x.outline()
    x.signal()
    x.complete(x.poll(), command("request_cancel_activity_task", scheduled_event_id=99), label="cancel unknown")
    x.complete(x.poll(), command("request_cancel_activity_task"), label="cancel nothing")
    x.cancel_activity(running)
    end(x)
