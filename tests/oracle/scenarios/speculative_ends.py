"""speculative_ends.py - the workflow is canceled or terminated while the task of an update is pending."""
from kit.updates import answer, ask, idle, reject


def play(x):
    idle(x)
    asked = ask(x, "scheduled")
    x.cancel()
    x.history("history with the request")
    task = x.poll(show=True)
    answer(x, task, reject(task, "scheduled"))
    asked.tell()
    asked = ask(x, "started")
    x.poll(show=True)
    x.terminate()
    asked.tell()
    x.history("history terminated")
    x.describe()
