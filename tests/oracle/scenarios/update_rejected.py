"""update_rejected.py - a rejected update of an idle workflow leaves no trace but what the next task is told."""
from kit.basic import end
from kit.updates import accept, answer, ask, done, idle, poll_update, reject


def play(x):
    idle(x)
    asked = ask(x)
    task = x.poll(show=True)
    answer(x, task, reject(task), show=True)
    asked.tell()
    x.history("history without it")
    x.describe()
    poll_update(x)
    asked = ask(x, "second")
    task = x.poll(show=True, label="task after the rejection")
    answer(x, task, accept(task, "second"), done("second"))
    asked.tell()
    x.signal()
    end(x)
