"""task_transient_with_signal.py - a signal while a second attempt runs."""
from kit.basic import end
from kit.task import OOPS


def play(x):
    x.start()
    x.fail_task(x.poll(), failure=OOPS)
    task = x.poll()
    x.signal("during")
    x.history("history during the transient attempt")
    x.describe()
    x.complete(task)
    x.history("history after it")
    end(x, x.poll(show=True))
