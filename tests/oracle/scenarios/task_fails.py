"""task_fails.py - a workflow task that fails twice, then completes."""
from kit.basic import end
from kit.task import CAUSE, OOPS


def play(x):
    x.start()
    task = x.poll()
    x.fail_task(task, cause=CAUSE, failure=OOPS)
    x.fail_task(task, label="fail again", cause=CAUSE)
    x.complete(task, label="complete a failed one")
    x.history("history after the first failure")
    x.describe("describe after the first failure")
    task = x.poll(show=True, label="second attempt")
    x.describe("describe second attempt")
    x.fail_task(task, cause=CAUSE, failure=OOPS)
    x.history("history after the second failure")
    task = x.poll(show=True, label="third attempt")
    x.complete(task)
    x.history("history after the third")
    x.signal()
    end(x, x.poll(show=True))
