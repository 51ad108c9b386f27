"""update_and_signal_while_started.py - a signal comes while the task of an update is with its worker."""
from kit.basic import end
from kit.updates import answer, ask, idle, reject


def play(x):
    idle(x)
    asked = ask(x)
    task = x.poll()
    x.signal()
    x.history("history with the signal")
    answer(x, task, reject(task))
    asked.tell()
    x.history("history after the rejection")
    end(x, x.poll(show=True))
