"""operations_pause_non_retryable.py - a failure that is not retried ends a paused activity."""
from kit.activity import application
from kit.basic import end
from kit.operations import activities, pause


def play(x):
    activities(x)
    task = x.poll_activity()
    pause(x, id="a")
    x.fail_activity(task, application(non_retryable=True))
    end(x)
