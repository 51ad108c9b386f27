"""speculative_is_shown.py - what Describe and history show of the task of an update before it leaves no trace."""
from kit.basic import end
from kit.updates import answer, ask, idle, reject


def play(x):
    idle(x)
    asked = ask(x)
    x.describe("describe scheduled")
    x.history("history scheduled")
    task = x.poll(show=True)
    x.describe("describe started")
    x.history("history started")
    answer(x, task, reject(task), show=True)
    asked.tell()
    x.describe("describe rejected")
    x.history("history rejected")
    x.signal()
    end(x, x.poll(show=True))
