"""activity_closed_then_answered.py - answers to an activity that ended without the worker."""
from kit.activity import ONCE, activity, application
from lab import command, seconds


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, start_to_close_timeout=seconds(1), retry_policy=ONCE))
    task = x.poll_activity()
    done = x.poll()
    x.complete_activity(task)
    x.fail_activity(task, application())
    x.cancel_activity(task)
    x.heartbeat(task)
    x.complete(done, command("complete_workflow_execution"))
    x.complete_activity(task, label="after the close")
    x.heartbeat(task, label="heartbeat after the close")
