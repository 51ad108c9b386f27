"""activity_after_the_run_closed.py - a worker's words about an activity whose workflow is over."""
from kit.activity import activity, application
from lab import payloads


def play(x):
    x.start()
    x.complete(x.poll(), activity(x))
    task = x.poll_activity()
    x.terminate()
    x.heartbeat(task, details=payloads("h"))
    x.complete_activity(task)
    x.fail_activity(task, application())
    x.cancel_activity(task)
    x.history()
