"""activity_of_a_closed_workflow.py - answers to an activity whose workflow has ended."""
from kit.activity import activity, application


def play(x):
    x.start()
    x.complete(x.poll(), activity(x))
    task = x.poll_activity()
    x.terminate()
    x.heartbeat(task)
    x.complete_activity(task)
    x.fail_activity(task, application())
    x.cancel_activity(task)
    x.outline()
