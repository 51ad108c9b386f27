"""activity_cancel_then_failed.py - a canceled activity fails."""
from kit.activity import activity, application
from kit.basic import end
from lab import command


def play(x):
    x.start()
    x.complete(x.poll(), activity(x), force_create_new_workflow_task=True)
    task = x.poll()
    running = x.poll_activity()
    x.complete(task, command("request_cancel_activity_task", scheduled_event_id=5))
    x.fail_activity(running, application())
    end(x)
