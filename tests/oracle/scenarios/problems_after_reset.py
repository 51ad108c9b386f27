"""problems_after_reset.py - failures that the events before the reset tell count in the new run as well."""
from kit.reset import reset
from kit.task import CAUSE, OOPS


def play(x):
    x.start()
    x.complete(x.poll())
    for name in ("one", "two"):  # a signal gives the next attempt events of its own
        x.signal(name)
        x.fail_task(x.poll(), cause=CAUSE, failure=OOPS)
    x.signal("three")
    x.complete(x.poll())
    reset(x, 16)
    for i in range(3):
        x.fail_task(x.poll(), cause=CAUSE, failure=OOPS)
        x.describe(f"after failure {i + 1}")
    x.complete(x.poll())
    x.describe("after the success")
    x.history()
