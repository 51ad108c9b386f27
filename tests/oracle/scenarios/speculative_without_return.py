"""speculative_without_return.py - the worker does not want the next task with its answer: a normal one is scheduled."""
from kit.basic import end
from kit.updates import answer, ask, idle, reject


def play(x):
    idle(x)
    first = ask(x, "first")
    task = x.poll()
    second = ask(x, "second")
    answer(x, task, reject(task, "first"), show=True, label="first answer")
    first.tell()
    x.history("history after the first")
    task = x.poll(show=True, label="second")
    answer(x, task, reject(task, "second"), show=True, label="second answer")
    second.tell()
    x.signal()
    end(x)
