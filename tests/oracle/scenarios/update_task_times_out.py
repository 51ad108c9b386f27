"""update_task_times_out.py - the task of an update is never answered: a normal one follows."""
from kit.basic import end
from kit.updates import accept, answer, ask, done
from lab import seconds


def play(x):
    x.start(workflow_task_timeout=seconds(1))
    x.complete(x.poll())
    asked = ask(x)
    task = x.poll()
    again = x.poll(show=True, label="again")
    answer(x, task, accept(task), done(), label="too late")
    answer(x, again, accept(again), done())
    asked.tell()
    x.signal()
    end(x)
