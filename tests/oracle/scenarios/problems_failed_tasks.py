"""problems_failed_tasks.py - tasks that fail again and again show in a search attribute, until one succeeds."""
from kit.task import CAUSE, OOPS


def play(x):
    x.start()
    for i in range(6):
        x.fail_task(x.poll(), cause=CAUSE, failure=OOPS)
        if i > 2:
            x.describe(f"after failure {i + 1}")
    x.signal()
    x.describe("after the signal")
    task = x.poll()
    x.describe("started")
    x.complete(task)
    x.describe("after the success")
    x.history()
