"""task_fails_with_buffered.py - a workflow task that fails with a signal in the buffer."""
from kit.basic import end
from kit.task import OOPS


def play(x):
    x.start()
    task = x.poll()
    x.signal()
    x.fail_task(task, failure=OOPS)
    x.history("history after the failure")
    task = x.poll(show=True)
    x.signal("two")
    x.fail_task(task, failure=OOPS)
    x.history("history after the second failure")
    end(x, x.poll(show=True))
