"""update_fails_after_acceptance.py - an update whose outcome is a failure."""
from kit.basic import end
from kit.updates import NO, accept, answer, ask, done, idle, poll_update


def play(x):
    idle(x)
    asked = ask(x)
    task = x.poll()
    answer(x, task, accept(task), done(failure=NO))
    asked.tell()
    poll_update(x)
    x.signal()
    end(x)
