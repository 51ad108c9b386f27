"""update_with_start_rejected.py - the workflow starts although its update is rejected."""
from kit.basic import end
from kit.updates import Asked, answer, reject, update_with_start


def play(x):
    asked = Asked(x, update_with_start)
    task = x.poll()
    answer(x, task, reject(task))
    asked.tell()
    x.signal()
    end(x)
