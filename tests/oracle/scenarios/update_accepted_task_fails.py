"""update_accepted_task_fails.py - who waits for an accepted update while a later workflow task fails."""
from kit.basic import end
from kit.updates import accept, answer, ask, done, idle


def play(x):
    idle(x)
    asked = ask(x, "u")
    task = x.poll()
    answer(x, task, accept(task, "u"))
    x.signal()
    x.fail_task(x.poll())
    task = x.poll()
    answer(x, task, done("u"))
    asked.tell()
    x.signal()
    end(x)
