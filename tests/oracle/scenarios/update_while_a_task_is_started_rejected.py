"""update_while_a_task_is_started_rejected.py - the task after a task, for an update that is rejected."""
from kit.basic import end
from kit.updates import answer, ask, reject


def play(x):
    x.start()
    first = x.poll()
    asked = ask(x)
    x.complete(first)
    task = x.poll(show=True, label="the second task")
    answer(x, task, reject(task))
    asked.tell()
    x.history("history without the second task")
    x.signal()
    end(x)
