"""update_terminated.py - a workflow that is terminated with an admitted and an accepted update."""
from kit.updates import COMPLETED, accept, answer, ask, idle, poll_update


def play(x):
    idle(x)
    accepted = ask(x, "accepted")
    task = x.poll()
    answer(x, task, accept(task, "accepted"))
    ask(x, "admitted")  # which of two errors it gets is a matter of luck on the reference
    x.terminate(reason="enough")
    accepted.tell()
    poll_update(x, "accepted", COMPLETED)
    x.history()
    x.describe()
