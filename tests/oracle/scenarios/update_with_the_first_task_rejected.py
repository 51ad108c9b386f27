"""update_with_the_first_task_rejected.py - a normal task that brings a rejected update stays in the history."""
from kit.basic import end
from kit.updates import answer, ask, reject


def play(x):
    x.start()
    asked = ask(x)
    task = x.poll()
    answer(x, task, reject(task))
    asked.tell()
    x.signal()
    end(x)
