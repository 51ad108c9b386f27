"""task_transient_closes.py - a second attempt ends the run."""
from kit.basic import end
from kit.task import OOPS


def play(x):
    x.start()
    x.fail_task(x.poll(), failure=OOPS)
    end(x, x.poll(show=True))
