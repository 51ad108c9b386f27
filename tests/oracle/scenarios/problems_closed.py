"""problems_closed.py - a run that is closed with problems keeps them."""
from kit.task import CAUSE, OOPS


def play(x):
    x.start()
    for _ in range(5):
        x.fail_task(x.poll(), cause=CAUSE, failure=OOPS)
    x.terminate()
    x.describe()
    x.listed(status=5)
