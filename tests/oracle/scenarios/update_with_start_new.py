"""update_with_start_new.py - an update starts its workflow; the first task brings it."""
from kit.basic import end
from kit.updates import Asked, accept, answer, done, update_with_start


def play(x):
    asked = Asked(x, update_with_start)
    task = x.poll(show=True)
    answer(x, task, accept(task), done())
    asked.tell()
    x.history("history with the update")
    x.signal()
    end(x)
