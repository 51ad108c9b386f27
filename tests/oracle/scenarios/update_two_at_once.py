"""update_two_at_once.py - two updates in one task, one accepted, the other rejected."""
from kit.basic import end
from kit.updates import accept, answer, ask, done, idle, reject


def play(x):
    idle(x)
    first = ask(x, "first")
    second = ask(x, "second")
    task = x.poll(show=True)
    answer(x, task, accept(task, "first"), done("first"), reject(task, "second"))
    first.tell()
    second.tell()
    x.signal()
    end(x)
