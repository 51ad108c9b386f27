"""task_fails_then_signal.py - a signal between failed attempts."""
from kit.basic import end
from kit.task import OOPS


def play(x):
    x.start()
    x.fail_task(x.poll(), failure=OOPS)
    x.fail_task(x.poll(), failure=OOPS)
    x.signal()
    x.history("history with the signal")
    task = x.poll(show=True, label="with the signal")
    end(x, task)
