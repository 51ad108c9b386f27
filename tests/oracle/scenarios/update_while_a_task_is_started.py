"""update_while_a_task_is_started.py - an update that comes during a task is brought by the one after it."""
from kit.basic import end
from kit.updates import accept, answer, ask, done


def play(x):
    x.start()
    first = x.poll()
    asked = ask(x)
    x.outline("while the first task is started")
    x.complete(first)
    x.outline("after the first task")
    task = x.poll(show=True, label="the second task")
    answer(x, task, accept(task), done())
    asked.tell()
    x.signal()
    end(x)
