"""activity_cancel_in_the_same_task.py - scheduled and canceled by the same workflow task."""
from kit.activity import activity
from kit.basic import end
from lab import command


def play(x):
    x.start()
    x.complete(x.poll(), activity(x), command("request_cancel_activity_task", scheduled_event_id=5), label="same task")
    x.outline()
    end(x)
