"""limits_updates_in_flight.py - two updates may be in flight; a completed one leaves room."""
from kit import limited
from kit.basic import end
from kit.updates import accept, answer, ask, done, idle, update

SETTINGS = limited.UPDATES_IN_FLIGHT


def play(x):
    idle(x)
    one = ask(x, "u1")
    two = ask(x, "u2")
    update(x, "u3")
    task = x.poll()
    answer(x, task, accept(task, "u1"), done("u1"), accept(task, "u2"))
    one.tell()
    three = ask(x, "u4")
    update(x, "u5")
    task = x.poll()
    answer(x, task, accept(task, "u4"), done("u4"), done("u2"))
    two.tell()
    three.tell()
    x.signal()
    end(x)
