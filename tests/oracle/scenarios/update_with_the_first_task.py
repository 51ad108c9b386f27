"""update_with_the_first_task.py - an update that is asked for before the first workflow task starts."""
from kit.basic import end
from kit.updates import accept, answer, ask, done


def play(x):
    x.start()
    asked = ask(x)
    x.describe("describe while it is admitted")
    task = x.poll(show=True)
    answer(x, task, accept(task), done())
    asked.tell()
    x.signal()
    end(x)
