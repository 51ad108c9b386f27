"""activity_cancel_times_out.py - a canceled activity times out."""
from kit.activity import activity
from kit.basic import end
from lab import command, seconds


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, start_to_close_timeout=seconds(1)), force_create_new_workflow_task=True)
    task = x.poll()
    x.poll_activity()
    x.complete(task, command("request_cancel_activity_task", scheduled_event_id=5))
    end(x)
