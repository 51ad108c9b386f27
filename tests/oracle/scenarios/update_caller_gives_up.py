"""update_caller_gives_up.py - the caller's deadline passes; the update goes on without it."""
from kit.basic import end
from kit.updates import accept, answer, done, idle, poll_update, update


def play(x):
    idle(x)
    update(x, timeout=1.0)
    task = x.poll(show=True)
    answer(x, task, accept(task), done())
    poll_update(x)
    x.signal()
    end(x)
