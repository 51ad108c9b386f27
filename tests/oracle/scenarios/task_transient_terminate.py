"""task_transient_terminate.py - termination while a second attempt runs."""
from kit.task import OOPS


def play(x):
    x.start()
    x.fail_task(x.poll(), failure=OOPS)
    x.poll()
    x.terminate(reason="because")
    x.history()
    x.describe()
