"""speculative_nobody_polls.py - nobody polls for the task of an update: it times out, a normal one follows."""
from kit.basic import end
from kit.updates import accept, answer, ask, done, idle


def play(x):
    idle(x)
    asked = ask(x)
    x.describe("describe scheduled")
    x.await_events(7)
    x.history("history timed out")
    x.describe("describe normal")
    task = x.poll(show=True)
    answer(x, task, accept(task), done())
    asked.tell()
    x.signal()
    end(x)
